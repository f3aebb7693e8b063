/* encoder_describe: an opened encoder's facts as JSON. */
#include <math.h>
#include "zoo/encoder.h"

static json_t *three(const float v[3])
{
    json_t *list = json_array();
    for (int i = 0; i < 3; i++) /* seven digits: what a float holds */
        json_array_append_new(list, json_real(round((double)v[i] * 1e7) / 1e7));
    return list;
}

static json_t *pictures(const fab_preprocess *p)
{
    return json_pack("{s:i,s:s,s:s,s:o,s:o}", "size", p->size, "fit",
                     p->fit == FAB_FIT_SQUASH ? "squash" : "shortest side and centre", "filter",
                     p->filter == FAB_FILTER_BICUBIC ? "bicubic" : "bilinear", "mean",
                     three(p->mean), "std", three(p->std));
}

json_t *fab_encoder_describe(const fab_encoder *e, fab_err *err)
{
    static const char *const pools[] = { "mean", "cls", "pooler" };
    const fab_encoder_facts *f = fab_encoder_about(e);
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:b}", "family", f->name, "names", f->naming,
                  "weights", fab_path_base(f->weights), "parameters", (json_int_t)f->n_values,
                  "embedding", (json_int_t)f->embed, "context", (json_int_t)f->context,
                  "vocabulary", (json_int_t)f->vocab, "unit_length", f->unit);
    if (o && f->family == FAB_ENCODER_BERT)
        json_object_set_new(o, "pooling", json_string(pools[f->pool]));
    if (o && f->images) {
        json_object_set_new(o, "images", pictures(&f->preprocess));
        json_object_set_new(o, "score",
                            json_pack("{s:s,s:f,s:f}", "kind", f->sigmoid ? "sigmoid" : "softmax",
                                      "scale", (double)f->scale, "bias", (double)f->bias));
    }
    if (!o) fab_fail(err, FAB_ENOMEM, "no memory for the description");
    return o;
}
