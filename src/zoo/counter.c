/* counter: see counter.h. */
#include "zoo/counter.h"

#include <math.h>
#include <string.h>
#include "zoo/source.h"

#define KEY(name) "fabrica.counter." name

const char *const fab_counter_codes[FAB_COUNTER_KINDS] = { "wbc", "rbc", "platelet" };

void fab_counter_apply(const fab_counter *c, const float *x, float counts[FAB_COUNTER_KINDS])
{
    for (int k = 0; k < FAB_COUNTER_KINDS; k++) {
        const float *w = c->weight + (int64_t)k * c->dim;
        double n = (double)c->offset[k];
        for (int i = 0; i < c->dim; i++) n += (double)w[i] * (double)x[i];
        counts[k] = n > 0 ? (float)n : 0;
    }
}

static bool check_codes(const fab_weights *w, fab_err *err)
{
    int64_t n = 0;
    const char *const *codes = fab_weights_strs(w, KEY("code"), &n, err);
    if (!codes) return false;
    if (n != FAB_COUNTER_KINDS)
        return fab_fail(err, FAB_EFORMAT, KEY("code") ": %lld kinds, %d are needed", (long long)n,
                        FAB_COUNTER_KINDS);
    for (int k = 0; k < FAB_COUNTER_KINDS; k++)
        if (strcmp(codes[k], fab_counter_codes[k]))
            return fab_fail(err, FAB_EFORMAT, KEY("code") ": kind %d is '%.40s', '%s' is needed", k,
                            codes[k], fab_counter_codes[k]);
    return true;
}

bool fab_counter_read(const fab_weights *w, int dim, fab_arena *a, fab_counter *out, fab_err *err)
{
    static const char *const keys[] = { KEY("offset"), KEY("mae"), KEY("exact") };
    float *const to[] = { out->offset, out->mae, out->exact };
    *out = (fab_counter){ 0 };
    if (!fab_weights_has(w, KEY("code"))) return true;
    if (!check_codes(w, err)) return false;
    if (dim < 1)
        return fab_fail(err, FAB_EFORMAT,
                        KEY("weight") ": the model's tower has no maps to count on");
    out->weight = fab_source_numbers(w, KEY("weight"), (int64_t)FAB_COUNTER_KINDS * dim, a, err);
    for (int i = 0; out->weight && i < 3; i++) {
        const float *v = fab_source_numbers(w, keys[i], FAB_COUNTER_KINDS, a, err);
        if (!v) return false;
        memcpy(to[i], v, FAB_COUNTER_KINDS * sizeof *v);
    }
    out->dim = out->weight ? dim : 0;
    return out->weight != NULL;
}

bool fab_counter_put(fab_gguf *g, const fab_counter *c)
{
    if (!c->dim) return true;
    fab_gguf_strs(g, KEY("code"), fab_counter_codes, FAB_COUNTER_KINDS);
    fab_gguf_f32s(g, KEY("weight"), c->weight, (int64_t)FAB_COUNTER_KINDS * c->dim);
    fab_gguf_f32s(g, KEY("offset"), c->offset, FAB_COUNTER_KINDS);
    fab_gguf_f32s(g, KEY("mae"), c->mae, FAB_COUNTER_KINDS);
    return fab_gguf_f32s(g, KEY("exact"), c->exact, FAB_COUNTER_KINDS);
}

json_t *fab_counter_json(const fab_counter *c)
{
    json_t *all = json_object();
    for (int k = 0; all && k < FAB_COUNTER_KINDS; k++)
        json_object_set_new(all, fab_counter_codes[k],
                            json_pack("{s:f, s:f}", "mae", round((double)c->mae[k] * 1e4) / 1e4,
                                      "exact", round((double)c->exact[k] * 1e4) / 1e4));
    return all;
}
