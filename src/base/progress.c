/* progress: see progress.h. The line is
 *
 *   NAME  [#######.......]  42 %  1234/2938  56.1/s  ETA 0:30  NOTE
 *
 * drawn at most ten times a second; JSON events once a second. Rate and ETA count from init.
 */
#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"

enum { BAR = 24 };

void fab_progress_init(fab_progress *p, const char *name, int64_t total)
{
    *p = (fab_progress){ .total = total > 0 ? total : 0, .start = fab_now() };
    snprintf(p->name, sizeof p->name, "%s", name);
    const char *mode = fab_getenv("FABRICA_PROGRESS"), *term = fab_getenv("TERM");
    p->json = mode && strcmp(mode, "json") == 0;
    bool off = mode && (strcmp(mode, "none") == 0 || strcmp(mode, "off") == 0);
    p->tty = !p->json && !off && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

static void format_span(char *s, size_t size, double seconds)
{
    long t = seconds > 0 && seconds < 3.6e6 ? (long)(seconds + 0.5) : 0;
    if (t >= 3600) snprintf(s, size, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
    else snprintf(s, size, "%ld:%02ld", t / 60, t % 60);
}

/* The note is the caller's own words: numbers and names, without quotes or backslashes. */
static void draw_json(const fab_progress *p, double rate, double eta, const char *note)
{
    fprintf(stderr, "{\"progress\": \"%s\", \"done\": %lld, \"total\": %lld, \"per_second\": %.3f",
            p->name, (long long)p->done, (long long)p->total, rate);
    if (p->total) fprintf(stderr, ", \"eta_s\": %.0f", eta);
    fputs(", \"note\": \"", stderr);
    for (const char *c = note; *c; c++)
        if ((unsigned char)*c >= ' ' && *c != '"' && *c != '\\') fputc(*c, stderr);
    fputs("\"}\n", stderr);
}

static void draw_bar(const fab_progress *p, double rate, double eta, const char *note)
{
    bool plain = fab_getenv("NO_COLOR") != NULL;
    if (!p->total) {
        fprintf(stderr, "\r\033[K%s  %lld  %.1f/s  %s", p->name, (long long)p->done, rate, note);
        return;
    }
    double part = (double)p->done / (double)p->total;
    char bar[BAR + 1], span[24];
    for (int i = 0; i < BAR; i++) bar[i] = (double)i < part * BAR ? '#' : '.';
    bar[BAR] = 0;
    format_span(span, sizeof span, eta);
    fprintf(stderr, "\r\033[K%s  %s[%s]%s %3.0f %%  %lld/%lld  %.1f/s  ETA %s  %s", p->name,
            plain ? "" : "\033[36m", bar, plain ? "" : "\033[0m", 100 * part, (long long)p->done,
            (long long)p->total, rate, span, note);
}

void fab_progress_set(fab_progress *p, int64_t done, const char *note_fmt, ...)
{
    p->done = p->total && done > p->total ? p->total : done;
    if (!p->tty && !p->json) return;
    double now = fab_now(), wait = p->json ? 1.0 : 0.1;
    bool last = p->total && p->done == p->total;
    if (now - p->shown < wait && !last) return;
    if (now - p->start < 1.0 && !p->json) return; /* short work needs no bar */
    p->shown = now;
    char note[160] = "";
    if (note_fmt) {
        va_list ap;
        va_start(ap, note_fmt);
        vsnprintf(note, sizeof note, note_fmt, ap);
        va_end(ap);
    }
    double spent = now - p->start, rate = spent > 0 ? (double)p->done / spent : 0;
    double eta = rate > 0 ? (double)(p->total - p->done) / rate : 0;
    if (p->json) draw_json(p, rate, eta, note);
    else draw_bar(p, rate, eta, note);
    fflush(stderr);
}

void fab_progress_clear(fab_progress *p)
{
    if (p->tty && p->shown > 0) fputs("\n", stderr);
    p->tty = p->json = false;
}
