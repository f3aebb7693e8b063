/* bench_vit: one training step of a 22M-parameter ViT (S/16: width 384, 12 layers, 6 heads, 224 x
 * 224 pixels, 1000 classes; Dosovitskiy et al. 2021, mean pooling): forward, backward, AdamW, bf16
 * products with f32 masters. bench/vit_torch.py runs the same step in PyTorch beside it.
 *
 *   bench_vit [THREADS] [BATCH] [STEPS]      defaults 1 8 5
 *
 * Prints the best and the median time of a step (CPU time for one thread, wall time for more), and
 * the loss of the first and the last (it falls: the batch is always the same).
 */
#include <stdio.h>
#include <stdlib.h>
#include "kernels/bench.h"
#include "nn/layers.h"

enum { SIDE = 224, PATCH = 16, GRID = SIDE / PATCH, WIDTH = 384, LAYERS = 12, HEADS = 6 };
enum { CLASSES = 1000, MAX_STEPS = 64 };

typedef struct {
    fab_conv_layer patch;
    fab_tensor *pos;
    fab_block block[LAYERS];
    fab_norm norm;
    fab_dense head;
} vit;

static void vit_params(fab_params *p, vit *m)
{
    const fab_block_config b = { .attn = { .dim = WIDTH,
                                           .heads = HEADS,
                                           .qkv_bias = true,
                                           .out_bias = true,
                                           .names = { .qkv = "qkv" } },
                                 .ffn = 4 * WIDTH,
                                 .eps = 1e-6f,
                                 .gelu = FAB_GELU_ERF };
    fab_conv_params(p, &m->patch, "patch", 3, WIDTH, PATCH, (fab_conv_opts){ PATCH, 0, 1 }, true);
    fab_param(p, &m->pos, "pos", FAB_SHAPE(GRID * GRID, WIDTH), FAB_INIT_TRUNC(0.02f));
    for (int i = 0; i < LAYERS; i++) {
        size_t mark = fab_params_enter(p, "blocks.%d.", i);
        fab_block_params(p, &m->block[i], &b);
        fab_params_leave(p, mark);
    }
    fab_norm_params(p, &m->norm, "norm", WIDTH, 1e-6f);
    fab_dense_params(p, &m->head, "head", WIDTH, CLASSES, true, FAB_INIT_TRUNC(0.02f));
}

static fab_tensor *vit_forward(fab_ctx *c, const vit *m, fab_tensor *pixels)
{
    fab_tensor *x = fab_conv_layer_forward(c, &m->patch, pixels);
    x = fab_reshape(c, x, FAB_SHAPE(pixels->shape[0], GRID * GRID, WIDTH));
    x = fab_add(c, x, m->pos);
    for (int i = 0; i < LAYERS; i++) x = fab_block_forward(c, &m->block[i], x, NULL, 0, 0);
    x = fab_mean(c, fab_norm_forward(c, &m->norm, x), 1);
    return fab_dense_forward(c, &m->head, x);
}

static void update(fab_ctx *c, const fab_param_list *list, float *moments, int64_t step)
{
    for (int64_t i = 0, at = 0; i < list->n; i++) {
        fab_tensor *t = list->items[i];
        int64_t n = fab_count(t);
        c->k->adamw(c->pool, fab_f32(t), t->grad, moments + at, moments + at + n, n, 1e-4f, 0.9f,
                    0.999f, 1e-8f, 0.05f, 1.0f, step);
        at += 2 * n;
    }
}

/* One step; false with c->err set. */
static bool train_step(fab_ctx *c, const vit *m, const fab_param_list *list, float *moments,
                       const float *pixels, const int32_t *labels, int64_t batch, int64_t step,
                       float *loss)
{
    fab_ctx_reset(c);
    fab_params_zero_grad(list);
    fab_tensor *x = fab_tensor_from(c, FAB_F32, FAB_SHAPE(batch, SIDE, SIDE, 3), pixels);
    fab_tensor *t = fab_tensor_from(c, FAB_I32, FAB_SHAPE(batch), labels);
    fab_tensor *l = fab_xent(c, vit_forward(c, m, x), t, NULL, (fab_xent_opts){ 0 });
    if (!l || !fab_backward(c, l, 1)) return false;
    *loss = fab_f32(l)[0];
    update(c, list, moments, step);
    return true;
}

/* One thread: its CPU time, so that what other processes take is not counted. */
static double now(int threads) { return threads == 1 ? fab_bench_now() : fab_bench_wall(); }

static int by_size(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

static int give_up(const fab_err *err)
{
    fprintf(stderr, "bench_vit: %s\n", err->text);
    return 1;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
    int64_t batch = argc > 2 ? strtol(argv[2], NULL, 10) : 8;
    int steps = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    if (threads < 1 || batch < 1 || steps < 1 || steps > MAX_STEPS) {
        fprintf(stderr, "bench_vit: 1 to %d steps, a batch and threads of 1 or more\n", MAX_STEPS);
        return 2;
    }
    fab_err err = FAB_ERR_INIT;
    fab_arena *model = fab_arena_new(0, &err), *work = fab_arena_new((size_t)64 << 20, &err);
    fab_pool *pool = fab_pool_new(threads, &err);
    if (!model || !work || !pool) return give_up(&err);
    vit m;
    fab_param_list list = { 0 };
    fab_params p = fab_params_init(model, &list, 1);
    p.train = true;
    vit_params(&p, &m);
    if (!fab_params_end(&p, &err)) return give_up(&err);
    int64_t n = batch * SIDE * SIDE * 3;
    float *moments = fab_arena_zero(model, (size_t)p.n_values * 2 * sizeof(float), &err);
    float *pixels = fab_arena_take(model, (size_t)n * sizeof(float), &err);
    int32_t *labels = fab_arena_zero(model, (size_t)batch * sizeof *labels, &err);
    if (!moments || !pixels || !labels) return give_up(&err);
    for (int64_t i = 0; i < n; i++) pixels[i] = fab_rng_normal(&p.rng);
    for (int64_t i = 0; i < batch; i++) labels[i] = (int32_t)fab_rng_below(&p.rng, CLASSES);

    fab_ctx c;
    fab_ctx_init(&c, work, pool);
    c.training = c.record = c.bf16 = true;
    double took[MAX_STEPS];
    float loss[MAX_STEPS + 1];
    for (int s = 0; s <= steps; s++) { /* step 0 draws the memory */
        double start = now(threads);
        if (!train_step(&c, &m, &list, moments, pixels, labels, batch, s + 1, &loss[s]))
            return give_up(&c.err);
        if (s) took[s - 1] = now(threads) - start;
    }
    qsort(took, (size_t)steps, sizeof *took, by_size);
    printf("fabrica %s: %.1f M parameters, batch %lld, %d threads: best %.0f ms, median %.0f ms a "
           "step; loss %.3f to %.3f\n",
           c.k->name, (double)p.n_values / 1e6, (long long)batch, threads, took[0] * 1e3,
           took[steps / 2] * 1e3, (double)loss[0], (double)loss[steps]);
    fab_pool_free(pool);
    fab_arena_free(work);
    fab_arena_free(model);
    return 0;
}
