/* run: what verbs share when they read a text and when they print. */
#include <string.h>
#include "cli/verb.h"
#include "text/utf8.h"

char *fab_run_file(fab_run *r, const char *path, uint64_t limit, size_t *n, fab_err *err)
{
    fab_file f;
    if (!fab_file_map(&f, path, limit, err)) return NULL;
    char *text = fab_arena_take(r->arena, f.size + 1, err);
    if (text && f.size) memcpy(text, f.data, f.size);
    if (text) text[f.size] = 0;
    *n = f.size;
    fab_file_unmap(&f);
    if (!text || fab_utf8_require(text, *n, err)) return text;
    fab_while(err, "%s", strcmp(path, "-") ? path : "standard input");
    return NULL;
}

const char *fab_run_text(fab_run *r, const char *given, const char *path, uint64_t limit, size_t *n,
                         fab_err *err)
{
    if (!given) return fab_run_file(r, path ? path : "-", limit, n, err);
    *n = strlen(given);
    return fab_utf8_require(given, *n, err) ? given : NULL;
}

bool fab_run_json(fab_run *r, json_t *v, fab_err *err)
{
    if (!v) return fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
    bool ok =
        json_dumpf(v, r->out, FAB_JSON_DUMP | JSON_INDENT(2)) == 0 && fputc('\n', r->out) != EOF;
    json_decref(v);
    return ok ? true : fab_fail(err, FAB_EIO, "standard output cannot be written");
}
