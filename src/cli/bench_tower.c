/* bench_tower: see bench_tower.h. */
#include "cli/bench_tower.h"

#include <math.h>
#include <string.h>
#include "kernels/bench.h"
#include "zoo/clip.h"

enum { FEATURES = 512 };

const fab_bench_vit fab_bench_vits[FAB_BENCH_VITS] = {
    { "vit_b16_224", 768, 3072, 12, 12, 224, 16, 35.1e9, FAB_BF16 },
    { "vit_l14_336", 1024, 4096, 24, 16, 336, 14, 382e9, FAB_BF16 },
    { "vit_b16_224_q8_0", 768, 3072, 12, 12, 224, 16, 35.1e9, FAB_Q8_0 },
    { "vit_l14_336_q8_0", 1024, 4096, 24, 16, 336, 14, 382e9, FAB_Q8_0 },
};

struct fab_bench_tower {
    const fab_bench_vit *v;
    const fab_kernels *k;
    fab_pool *pool;
    fab_arena *home, *work;
    fab_param_list list;
    fab_clip model;
    float exact[FEATURES], features[FEATURES];
};

void fab_bench_tower_close(fab_bench_tower *t)
{
    if (!t) return;
    fab_arena_free(t->work);
    fab_arena_free(t->home);
    fab_free(t);
}

static double pass(fab_bench_tower *t, bool exact, float *y, fab_err *err)
{
    const fab_bench_vit *v = t->v;
    fab_ctx c;
    fab_rng rng;

    fab_arena_reset(t->work);
    fab_rng_init(&rng, 1);
    fab_ctx_init(&c, t->work, t->pool);
    c.bf16 = !exact;
    fab_tensor *x = fab_tensor_new(&c, FAB_F32, FAB_SHAPE(1, v->size, v->size, 3));
    for (int i = 0; x && i < v->size * v->size * 3; i++) fab_f32(x)[i] = fab_rng_normal(&rng);
    double start = fab_bench_wall();
    x = fab_clip_image(&c, &t->model, x);
    double s = fab_bench_wall() - start;
    if (x) memcpy(y, x->data, FEATURES * sizeof *y);
    else fab_fail(err, c.err.code, "%s", c.err.text);
    return x ? s : -1;
}

double fab_bench_tower_pass(fab_bench_tower *t, fab_err *err)
{
    return pass(t, false, t->features, err);
}

double fab_bench_tower_cosine(const fab_bench_tower *t)
{
    double xy = 0, xx = 0, yy = 0;

    for (int i = 0; i < FEATURES; i++) {
        double x = t->exact[i], y = t->features[i];
        xy += x * y, xx += x * x, yy += y * y;
    }
    return xy / sqrt(xx * yy);
}

static bool draw(fab_bench_tower *t, fab_err *err)
{
    const fab_bench_vit *v = t->v;
    fab_clip_config cfg = { .vision = { v->width, v->ffn, v->layers, v->heads },
                            .text = { 64, 64, 1, 1 },
                            .image_size = v->size,
                            .patch = v->patch,
                            .context = 8,
                            .vocab = 64,
                            .embed = FEATURES,
                            .eos = -1,
                            .gelu = FAB_GELU_QUICK,
                            .eps = 1e-5f };
    fab_params p = fab_params_init(t->home, &t->list, 1);

    fab_clip_params(&p, &t->model, &cfg);
    return fab_params_end(&p, err);
}

/* Matrices as those of a file are when they are read for inference: packed, or in blocks. */
static bool ready(fab_bench_tower *t, fab_err *err)
{
    fab_dtype type = t->v->type;

    for (int64_t i = 0; i < t->list.n; i++) {
        fab_tensor *w = t->list.items[i];
        uint64_t bytes;
        if (w->ndim != 2 || strstr(w->name, "embed")) continue;
        if (fab_dtype_is_quantised(type)) {
            fab_dtype_size(type, 2, w->shape, NULL, &bytes);
            void *blocks = fab_arena_take(t->home, bytes, err);
            if (!blocks) return false;
            t->k->from_f32(t->pool, type, w->data, blocks, w->shape[0] * w->shape[1]);
            w->data = blocks, w->dtype = type;
            continue;
        }
        w->packed = fab_arena_zero(t->home, sizeof *w->packed, err);
        if (!w->packed ||
            !t->k->pack(w->packed, t->home, w->data, w->dtype, w->shape[0], w->shape[1], true, err))
            return false;
    }
    return true;
}

fab_bench_tower *fab_bench_tower_open(const fab_bench_vit *v, const fab_kernels *k, fab_pool *pool,
                                      fab_err *err)
{
    fab_bench_tower *t = fab_new(sizeof *t, err);

    if (!t) return NULL;
    *t = (fab_bench_tower){ .v = v, .k = k, .pool = pool };
    t->home = fab_arena_new(0, err);
    t->work = fab_arena_new((size_t)16 << 20, err);
    if (t->home && t->work && draw(t, err) &&
        (!fab_dtype_is_quantised(v->type) || pass(t, true, t->exact, err) > 0) && ready(t, err))
        return t;
    fab_bench_tower_close(t);
    return NULL;
}
