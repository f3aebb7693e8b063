/* fabrica embed: an image or a text as a vector of length one, in the space that both share. */
#include <math.h>
#include <string.h>
#include "cli/picture.h"

typedef struct {
    const char *image, *text, *model;
} opts;

static bool embed_image(const opts *o, fab_engine *e, float *out, int E, fab_err *err)
{
    fab_input in = { 0 };
    if (!fab_input_open(&in, o->image, NULL, err)) return false;
    const fab_look *look = fab_engine_look(e, in.image, err);
    for (int i = 0; look && i < E; i++) out[i] = look->embedding[i];
    bool ok = look != NULL;
    fab_look_unref(look);
    fab_input_close(&in);
    return ok;
}

static bool print(fab_run *r, const opts *o, const fab_engine *e, const float *v, int E, fab_err *err)
{
    if (!r->json) {
        for (int i = 0; i < E; i++) fprintf(r->out, "%.7g%c", (double)v[i], i + 1 < E ? ' ' : '\n');
        return true;
    }
    json_t *list = json_array();
    for (int i = 0; i < E; i++) json_array_append_new(list, json_real(round((double)v[i] * 1e8) / 1e8));
    json_t *o_json = json_pack("{s:s,s:s,s:i,s:o}", "schema", "fabrica.embedding/1", "of", o->text ? "text" : "image", "dim", E,
                               "vector", list);
    return fab_run_result(r, o_json, e, NULL, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    bool image = !o->text;
    if (o->text && strcmp(o->image, "-") != 0) return fab_fail(err, FAB_EUSAGE, "give either an image or --text");
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    if (!e) return false;
    int E = fab_engine_model(e)->model->cfg.embed;
    float *v = fab_arena_take(r->arena, (size_t)E * sizeof *v, err);
    bool ok = v && (image ? embed_image(o, e, v, E, err) : fab_engine_embed_text(e, &o->text, 1, v, err)) &&
              print(r, o, e, v, E, err);
    fab_engine_close(e);
    return ok;
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
