/* log: see log.h. One write per line, so lines of two threads do not mix.
 *
 *   text   fabrica: warning: WORDS                                (a terminal's progress line is cleared first)
 *   json   {"time": 1700000000, "level": "warning", "message": "WORDS"}
 */
#include "base/log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static atomic_int shown_level = -1; /* -1: not set up yet */
static atomic_bool as_json;

static int level_from_env(int otherwise)
{
    const char *v = fab_getenv("FABRICA_LOG");
    for (int i = 0; v && i < 4; i++)
        if (strcmp(v, level_names[i]) == 0 || (i == FAB_LOG_WARN && strcmp(v, "warn") == 0))
            return i;
    return otherwise;
}

void fab_log_setup(fab_log_level level, bool json)
{
    atomic_store(&shown_level, level_from_env((int)level));
    atomic_store(&as_json, json);
}

static void write_json(fab_log_level level, const char *words)
{
    json_t *o = json_pack("{s:I, s:s, s:s%}", "time", (json_int_t)fab_unix_time(), "level",
                          level_names[level], "message", words, strlen(words));
    char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
    if (line) fprintf(stderr, "%s\n", line);
    fab_free(line);
    json_decref(o);
}

void fab_log(fab_log_level level, const char *fmt, ...)
{
    int shown = atomic_load(&shown_level);
    if (shown < 0) atomic_store(&shown_level, shown = level_from_env(FAB_LOG_INFO));
    if ((int)level > shown) return;
    char words[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    if (atomic_load(&as_json)) {
        write_json(level, words);
        return;
    }
    const char *clear = isatty(STDERR_FILENO) ? "\r\033[K" : "";
    if (level == FAB_LOG_INFO) fprintf(stderr, "%s%s\n", clear, words);
    else fprintf(stderr, "%sfabrica: %s: %s\n", clear, level_names[level], words);
}
