/* published: see published.h. */
#include "cli/published.h"

#include <string.h>
#include "clinic/mark.h"

const char *fab_published_model(const char *model)
{
    const char *path = model ? model : fab_getenv("FABRICA_MODEL");
    return path && *path && fab_encoder_at(path) ? path : NULL;
}

fab_embedder *fab_published_open(fab_run *r, const char *model, bool exact, const char *how,
                                 fab_err *err)
{
    static const struct {
        const char *word;
        int pool_by;
    } ways[] = { { "mean", 1 + FAB_POOL_MEAN },
                 { "cls", 1 + FAB_POOL_CLS },
                 { "pooler", 1 + FAB_POOL_POOLER } };
    fab_embedder_opts o = { .pool = r->pool, .exact = exact };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(how, ways[i].word)) o.pool_by = ways[i].pool_by;
    return fab_embedder_open(model, &o, err);
}

/* Last part of a folder's path, without slashes behind it. */
static const char *folder_name(fab_arena *a, const char *folder, fab_err *err)
{
    char *path = fab_path_real(a, folder, err);
    return path ? fab_path_base(path) : NULL;
}

bool fab_published_result(fab_run *r, json_t *o, const fab_embedder *e, const char *sha256,
                          fab_err *err)
{
    const fab_encoder_facts *f = fab_embedder_about(e);
    const char *name = folder_name(r->arena, f->folder, err);
    if (!name) {
        json_decref(o);
        return false;
    }
    json_object_set_new(o, "model", json_string(name));
    json_object_set_new(o, "family", json_string(f->name));
    if (sha256) json_object_set_new(o, "input_sha256", json_string(sha256));
    json_object_set_new(o, "research_use", json_string(FAB_MARK_EN));
    return fab_run_json(r, o, err);
}
