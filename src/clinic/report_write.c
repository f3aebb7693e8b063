/* report_write: the folder of a report, whole or not at all. */
#include <stdio.h>
#include <string.h>
#include "clinic/report_impl.h"

typedef struct {
    fab_arena *arena;
    const char *dir;
    fab_out *outs;
    int n, cap;
} folder;

/* Writes a file beside its name; it appears with commit. */
static bool put(folder *f, const char *name, const void *data, size_t size, fab_err *err)
{
    const char *path = fab_path_join(f->arena, f->dir, name, err);
    if (!path || f->n >= f->cap || !fab_out_open(&f->outs[f->n], path, err)) return false;
    f->n++;
    return fab_out_write(&f->outs[f->n - 1], data, size, err);
}

static bool put_all(folder *f, const fab_report *r, fab_err *err)
{
    fab_figures figures;
    fab_words html = { 0 };
    if (!fab_report_figures(r, f->arena, &figures, err)) return false;
    for (int i = 0; i < figures.n; i++)
        if (!put(f, figures.items[i].name, figures.items[i].png, figures.items[i].size, err))
            return false;
    const char *text = fab_report_text(r, f->arena, err);
    bool ok = text && put(f, "report.txt", text, strlen(text), err) &&
              fab_report_html(r, &figures, &html, err) &&
              put(f, "report.html", html.text, html.n, err);
    fab_words_clear(&html);
    if (!ok) return false;
    json_t *record = fab_report_json(r, err);
    char *json = record ? json_dumps(record, FAB_JSON_DUMP | JSON_INDENT(1)) : NULL;
    json_decref(record);
    if (!json) return fab_fail(err, FAB_ENOMEM, "out of memory while writing the report");
    ok = put(f, "report.json", json, strlen(json), err) &&
         fab_out_write(&f->outs[f->n - 1], "\n", 1, err);
    fab_free(json);
    return ok;
}

/* The old record goes first and the new one comes last: in between the folder does not claim to
 * hold a report. */
static bool commit(folder *f, const fab_report *r, fab_err *err)
{
    const char *record = fab_path_join(f->arena, f->dir, "report.json", err);
    if (!record) return false;
    remove(record);
    for (int i = 0; i < f->n; i++)
        if (!fab_out_commit(&f->outs[i], err)) return false;
    for (int id = 1; id <= 200; id++) { /* overlays of an earlier report */
        char name[32];
        snprintf(name, sizeof name, "overlay-F%d.png", id);
        bool ours = id <= r->n_findings && r->findings[id - 1].cam;
        const char *path = ours ? NULL : fab_path_join(f->arena, f->dir, name, err);
        if (path) remove(path);
    }
    return true;
}

bool fab_report_write(const fab_report *r, const char *dir, fab_err *err)
{
    folder f = { .dir = dir, .cap = r->n_findings + 4 };
    f.arena = fab_arena_new(0, err);
    f.outs = f.arena ? fab_arena_zero(f.arena, (size_t)f.cap * sizeof *f.outs, err) : NULL;
    bool ok = f.outs && fab_mkdirs(dir, err) && put_all(&f, r, err) && commit(&f, r, err);
    for (int i = 0; i < f.n; i++) fab_out_abort(&f.outs[i]); /* after a commit: nothing to do */
    fab_arena_free(f.arena);
    return ok ? true : fab_while(err, "%s", dir);
}
