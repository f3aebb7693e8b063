/* fabrica doctor: what this installation has and lacks, one line each. A warning is something that works less well or
 * not at all; the exit code stays 0, a script reads "ok" of the JSON. */
#include <stdio.h>
#include "base/file.h"
#include "cli/verb.h"

typedef struct {
    json_t *list;
    int warnings;
} checks;

static void add(checks *c, bool ok, const char *name, const char *detail)
{
    c->warnings += !ok;
    json_array_append_new(c->list, json_pack("{s:s, s:s, s:s}", "name", name, "status", ok ? "ok" : "warn", "detail",
                                             detail ? detail : "out of memory"));
}

static void check_program(checks *c, fab_run *r)
{
    add(c, true, "version", "fabrica " FAB_VERSION ", " FAB_COMPILER);
    add(c, true, "libraries", FAB_LINKED);
    add(c, true, "threads", fab_arena_printf(r->arena, NULL, "%d", r->threads));
    double gib = (double)fab_memory_total() / (1 << 30);
    add(c, gib >= 2, "memory", fab_arena_printf(r->arena, NULL, "%.1f GiB%s", gib, gib >= 2 ? "" : ", 2 are needed"));
}

static void print_lines(fab_run *r, const checks *c)
{
    size_t i;
    json_t *v;
    json_array_foreach(c->list, i, v)
        fprintf(r->out, "%-4s  %-10s %s\n", fab_json_str(v, "status", NULL), fab_json_str(v, "name", NULL),
                fab_json_str(v, "detail", NULL));
    if (c->warnings) fprintf(r->out, "\n%d warning%s\n", c->warnings, c->warnings == 1 ? "" : "s");
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    (void)vo;
    checks c = { .list = json_array() };
    if (!c.list) return fab_fail(err, FAB_ENOMEM, "out of memory");
    check_program(&c, r);
    if (r->json)
        return fab_run_json(r, json_pack("{s:s, s:b, s:o}", "schema", "fabrica.doctor/1", "ok", c.warnings == 0,
                                         "checks", c.list), err);
    print_lines(r, &c);
    json_decref(c.list);
    return true;
}

const fab_verb fab_verb_doctor = {
    .name = "doctor", .summary = "check this installation: processor, memory, libraries, decoders, model",
    .example = "fabrica doctor --json", .opts_size = 1, .run = run,
};
