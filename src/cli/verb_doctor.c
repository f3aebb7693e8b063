/* fabrica doctor: what this installation has and lacks, one line each. A warning is something that
 * works less well or not at all; the exit code stays 0, a script reads "ok" of the JSON. */
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/hash.h"
#include "cli/verb.h"
#include "engine/engine.h"
#include "kernels/kernels.h"

typedef struct {
    json_t *list;
    int warnings;
} checks;

static void add(checks *c, bool ok, const char *name, const char *detail)
{
    c->warnings += !ok;
    json_array_append_new(c->list,
                          json_pack("{s:s, s:s, s:s}", "name", name, "status", ok ? "ok" : "warn",
                                    "detail", detail ? detail : "out of memory"));
}

static void check_program(checks *c, fab_run *r)
{
    add(c, true, "version", "fabrica " FAB_VERSION ", " FAB_COMPILER);
    add(c, true, "libraries", FAB_LINKED);
    add(c, true, "threads", fab_arena_printf(r->arena, NULL, "%d", r->threads));
    double gib = (double)fab_memory_total() / (1 << 30);
    add(c, gib >= 2, "memory",
        fab_arena_printf(r->arena, NULL, "%.1f GiB%s", gib, gib >= 2 ? "" : ", 2 are needed"));
}

static void check_processor(checks *c, fab_run *r)
{
    const char *isa = fab_kernels_best()->name, *features = fab_cpu_features();
    bool vectors = strcmp(isa, "c") != 0;
    add(c, vectors, "processor", fab_arena_printf(r->arena, NULL, "kernels %s; %s", isa, features));
}

static void check_decoders(checks *c)
{
#define X(name) " " #name
    static const char names[] =
#include "media/codecs.def"
        ;
#undef X
    add(c, true, "decoders", names + 1);
}

/* The model is opened as every command opens it; its file's hash is what a report carries. */
static void check_model(checks *c, fab_run *r)
{
    fab_err err = FAB_ERR_INIT;
    fab_engine *e = fab_engine_open(NULL, r->pool, &err);
    fab_file f = { 0 };
    if (e && fab_file_map(&f, fab_engine_path(e), 0, &err)) {
        char hex[65];
        fab_sha256_hex(f.data, f.size, hex);
        add(c, true, "model",
            fab_arena_printf(r->arena, NULL, "%s, %.1f MB, sha256 %s", fab_engine_path(e),
                             (double)f.size / 1e6, hex));
    } else add(c, false, "model", err.text);
    fab_file_unmap(&f);
    fab_engine_close(e);
}

static void print_lines(fab_run *r, const checks *c)
{
    size_t i;
    json_t *v;
    json_array_foreach(c->list, i, v)
        fprintf(r->out, "%-4s  %-10s %s\n", fab_json_str(v, "status", NULL),
                fab_json_str(v, "name", NULL), fab_json_str(v, "detail", NULL));
    if (c->warnings) fprintf(r->out, "\n%d warning%s\n", c->warnings, c->warnings == 1 ? "" : "s");
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    (void)vo;
    checks c = { .list = json_array() };
    if (!c.list) return fab_fail(err, FAB_ENOMEM, "out of memory");
    check_program(&c, r);
    check_processor(&c, r);
    check_decoders(&c);
    check_model(&c, r);
    if (r->json)
        return fab_run_json(r,
                            json_pack("{s:s, s:b, s:o}", "schema", "fabrica.doctor/1", "ok",
                                      c.warnings == 0, "checks", c.list),
                            err);
    print_lines(r, &c);
    json_decref(c.list);
    return true;
}

const fab_verb fab_verb_doctor = {
    .name = "doctor",
    .summary = "check this installation: processor, memory, libraries, decoders, model",
    .example = "fabrica doctor --json",
    .opts_size = 1,
    .run = run,
};
