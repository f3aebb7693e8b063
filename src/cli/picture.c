/* picture: see picture.h. */
#include "cli/picture.h"

#include "clinic/mark.h"

bool fab_run_picture(fab_run *r, const char *image, const fab_image_opts *how, const char *model,
                     fab_picture_fn fn, const void *opts, fab_err *err)
{
    fab_input in = { 0 };
    bool ok = fab_input_open(&in, image, how, err);
    fab_engine *e = ok ? fab_engine_open(model, r->pool, err) : NULL;
    ok = e && fab_input_rewindow(&in, e, how, err) && fn(r, opts, e, &in, err);
    fab_engine_close(e);
    fab_input_close(&in);
    return ok;
}

bool fab_run_result(fab_run *r, json_t *o, const fab_engine *e, const fab_input *in, fab_err *err)
{
    json_object_set_new(o, "model", json_string(fab_engine_model(e)->id));
    if (in) json_object_set_new(o, "input_sha256", json_string(in->sha256));
    json_object_set_new(o, "research_use", json_string(FAB_MARK_EN));
    return fab_run_json(r, o, err);
}
