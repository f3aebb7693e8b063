/* run: what verbs share when they print. */
#include "cli/verb.h"

bool fab_run_json(fab_run *r, json_t *v, fab_err *err)
{
    if (!v) return fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
    bool ok =
        json_dumpf(v, r->out, FAB_JSON_DUMP | JSON_INDENT(2)) == 0 && fputc('\n', r->out) != EOF;
    json_decref(v);
    return ok ? true : fab_fail(err, FAB_EIO, "standard output cannot be written");
}
