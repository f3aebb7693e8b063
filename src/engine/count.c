/* count: how many blood cells a picture shows, and which questions ask for it. */
#include "engine/engine_impl.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include "data/label.h"
#include "media/resize.h"

enum {
    WIDTH = 320,
    HEIGHT = 240
}; /* a red cell is 50 across; at 640 x 480 the error is the same */

/* ---- the question ---------------------------------------------------------------------------- */

static const char *const kinds[FAB_COUNTER_KINDS][8] = {
    { "white blood cell", "white cell", "leukocyte", "leucocyte", "wbc", "白细胞", "白血球" },
    { "red blood cell", "red cell", "erythrocyte", "rbc", "红细胞", "红血球" },
    { "platelet", "thrombocyte", "血小板" },
};

static bool has_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words)) return true;
    return false;
}

int fab_engine_counted_kind(const char *question)
{
    static const char *const number[] = { "how many", "number of", "count of", "count the", "多少",
                                          "几个",     "数量",      "数目",     "个数",      NULL };
    static const char *const other[] = {
        "kind", "type", "sort of", "多少种", "几种", "种类", NULL
    };
    char text[400]; /* ASCII in lower case */
    size_t n = question ? strlen(question) : 0;
    int found = -1;
    if (!n || n >= sizeof text) return -1;
    for (size_t i = 0; i <= n; i++)
        text[i] = (char)((unsigned char)question[i] < 0x80 ? tolower((unsigned char)question[i])
                                                           : question[i]);
    if (!has_one_of(text, number) || has_one_of(text, other)) return -1;
    for (int k = 0; k < FAB_COUNTER_KINDS; k++) {
        if (!has_one_of(text, kinds[k])) continue;
        if (found >= 0) return -1;
        found = k;
    }
    return found;
}

/* ---- the count ------------------------------------------------------------------------------- */

bool fab_engine_texture(fab_engine *e, const uint8_t *rgb, int width, int height, float *out,
                        fab_err *err)
{
    fab_ctx *c = &e->ctx;
    fab_size from = { width, height }, to = { WIDTH, HEIGHT };
    fab_ctx_reset(c);
    uint8_t *small = fab_arena_take(c->arena, (size_t)3 * WIDTH * HEIGHT, err);
    if (!small || !fab_resize_u8(rgb, from, 3, small, to, FAB_FILTER_BILINEAR, err)) return false;
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, HEIGHT, WIDTH, 3));
    for (int64_t i = 0; x && i < (int64_t)3 * WIDTH * HEIGHT; i++)
        fab_f32(x)[i] = ((float)small[i] / 255 - 0.5f) / 0.5f;
    fab_mini_texture(c, e->file->model, x, out);
    return fab_engine_settle(e, err);
}

bool fab_engine_counts(const fab_engine *e, const fab_look *look)
{
    int microscopy = fab_label_find("microscopy");
    return e->file->counter.dim && look->classes && e->file->model->cfg.classes == FAB_LABELS &&
           look->classes[microscopy] > 0;
}

bool fab_engine_count(fab_engine *e, const uint8_t *rgb, int width, int height,
                      float counts[FAB_COUNTER_KINDS], fab_err *err)
{
    const fab_counter *c = &e->file->counter;
    float *x = fab_new_array((size_t)c->dim, sizeof *x, err);
    bool ok = x && fab_engine_texture(e, rgb, width, height, x, err);
    if (ok) fab_counter_apply(c, x, counts);
    fab_free(x);
    for (int k = 0; ok && k < FAB_COUNTER_KINDS; k++)
        if (!isfinite(counts[k]))
            return fab_fail(err, FAB_EFORMAT, "%s: the weights give values that are not finite",
                            e->path);
    return ok;
}

bool fab_engine_say_count(const fab_engine *e, const fab_look *look, const char *question,
                          fab_arena *a, fab_answer *out, fab_err *err)
{
    int kind = fab_engine_counted_kind(question);
    if (kind < 0) return false;
    double p = fmax((double)e->file->counter.exact[kind], 1e-4);
    *out = (fab_answer){
        .complete = true, .n_tokens = 1, .logp = log(p), .sureness = p, .calibrated = true
    };
    out->text = fab_arena_printf(a, err, "%.0f", round((double)look->counts[kind]));
    return out->text != NULL;
}
