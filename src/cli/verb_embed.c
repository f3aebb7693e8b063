/* fabrica embed: an image or a text as a vector of length one, in the space that both share. */
#include <math.h>
#include <string.h>
#include "cli/picture.h"

typedef struct {
    const char *image, *text, *model;
} opts;

static bool print(fab_run *r, const opts *o, const fab_engine *e, const float *v, fab_err *err)
{
    int E = fab_engine_model(e)->model->cfg.embed;
    if (!r->json) {
        for (int i = 0; i < E; i++) fprintf(r->out, "%.7g%c", (double)v[i], i + 1 < E ? ' ' : '\n');
        return true;
    }
    json_t *list = json_array();
    for (int i = 0; i < E; i++)
        json_array_append_new(list, json_real(round((double)v[i] * 1e8) / 1e8));
    json_t *result = json_pack("{s:s,s:s,s:i,s:o}", "schema", "fabrica.embedding/1", "of",
                               o->text ? "text" : "image", "dim", E, "vector", list);
    return fab_run_result(r, result, e, NULL, err);
}

static bool embed_image(fab_run *r, const void *o, fab_engine *e, const fab_input *in, fab_err *err)
{
    const fab_look *look = fab_engine_look(e, in->image, err);
    bool ok = look && print(r, o, e, look->embedding, err);
    fab_look_unref(look);
    return ok;
}

static bool embed_text(fab_run *r, const opts *o, fab_err *err)
{
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    float *v =
        e ? fab_arena_take(r->arena, (size_t)fab_engine_model(e)->model->cfg.embed * sizeof *v, err)
          : NULL;
    bool ok = v && fab_engine_embed_text(e, &o->text, 1, v, err) && print(r, o, e, v, err);
    fab_engine_close(e);
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    if (o->text && strcmp(o->image, "-") != 0)
        return fab_fail(err, FAB_EUSAGE, "give either an image or --text");
    return o->text ? embed_text(r, o, err)
                   : fab_run_picture(r, o->image, NULL, o->model, embed_image, o, err);
}

/* clang-format off */
const fab_verb fab_verb_embed = {
    .name = "embed", .summary = "print the embedding of an image or a text",
    .about = "Image and text embeddings live in one space: their dot product is the cosine.",
    .example = "fabrica embed --text \"chest X-ray with pneumonia\" --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "IMAGE", FAB_FILE_IN, offsetof(opts, image), "-", "a DICOM, PNG or JPEG file; - is stdin" },
        { "text", FAB_STR, offsetof(opts, text), NULL, "a text instead of an image" },
        FAB_OPT_MODEL(opts),
        { 0 } },
};
/* clang-format on */
