/* bench_mini: one training step of the shipped model's shape on random pictures: milliseconds, and
 * FLOP/s by part. */
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "zoo/mini.h"

static void fill(fab_tensor *t, fab_rng *r)
{
    for (int64_t i = 0; t && i < fab_count(t); i++) fab_f32(t)[i] = fab_rng_normal(r);
}

static fab_tensor *ids(fab_ctx *c, int64_t n, int64_t len, fab_rng *r)
{
    fab_tensor *t = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n, len));
    for (int64_t i = 0; t && i < n * len; i++)
        fab_i32(t)[i] = (int32_t)(8 + fab_rng_below(r, 7000));
    return t;
}

int main(int argc, char **argv)
{
    fab_err err = FAB_ERR_INIT;
    fab_mini_config cfg = fab_mini_default;
    int B = 16, Q = 6, L = 24;
    if (argc > 1) cfg.image_size = (int)strtol(argv[1], NULL, 10);
    if (argc > 2) Q = (int)strtol(argv[2], NULL, 10);
    cfg.labels = 51;
    fab_pool *pool = fab_pool_new(argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0, &err);
    fab_arena *a = fab_arena_new(1 << 24, &err), *step = fab_arena_new(1 << 28, &err);
    fab_mini *m = fab_mini_new(a, &cfg, &err);
    if (!m || !pool) return fprintf(stderr, "%s\n", err.text), 1;
    fab_params p = fab_params_init(a, &m->list, 1);
    p.train = true;
    fab_mini_params(&p, m);
    if (!fab_params_end(&p, &err)) return fprintf(stderr, "%s\n", err.text), 1;
    printf("%.2f M parameters, %d image tokens\n", (double)p.n_values / 1e6, fab_mini_tokens(&cfg));
    fab_rng r;
    fab_rng_init(&r, 1);
    for (int k = 0; k < 4; k++) {
        fab_ctx c;
        fab_arena_reset(step);
        fab_ctx_init(&c, step, pool);
        c.training = c.record = c.bf16 = true;
        int S = cfg.image_size, P = fab_mini_tokens(&cfg);
        fab_tensor *x = fab_tensor_new(&c, FAB_F32, FAB_SHAPE(B, S, S, 3));
        fill(x, &r);
        double t0 = fab_now();
        fab_mini_view v = fab_mini_look(&c, m, x, 0.1f);
        double t1 = fab_now();
        fab_tensor *pick = fab_tensor_new(&c, FAB_I32, FAB_SHAPE(B * Q)),
                   *prefix = fab_tensor_new(&c, FAB_I32, FAB_SHAPE(B * Q));
        fab_tensor *rows = fab_tensor_new(&c, FAB_I32, FAB_SHAPE(B * Q * 3)),
                   *want = ids(&c, B * Q * 3, 1, &r);
        for (int i = 0; i < B * Q; i++) {
            fab_i32(pick)[i] = i / Q;
            fab_i32(prefix)[i] = P + L - 4;
            for (int j = 0; j < 3; j++) fab_i32(rows)[3 * i + j] = i * (P + L) + P + L - 4 + j;
        }
        fab_tensor *t =
            fab_gather(&c, fab_reshape(&c, v.tokens, FAB_SHAPE(B, P * cfg.text.dim)), pick);
        t = fab_reshape(&c, t, FAB_SHAPE(B * Q, P, cfg.text.dim));
        fab_tensor *h = fab_mini_read(&c, m, t, ids(&c, B * Q, L, &r), prefix, NULL, 0.1f);
        fab_tensor *y = fab_mini_logits(&c, m, h, rows);
        fab_tensor *loss = fab_xent(&c, y, fab_reshape(&c, want, FAB_SHAPE(B * Q * 3)), NULL,
                                    (fab_xent_opts){ 0 });
        double t2 = fab_now();
        if (!loss || !fab_backward(&c, loss, 1)) return fprintf(stderr, "%s\n", c.err.text), 1;
        double t3 = fab_now();
        printf(
            "look %.0f ms, read %.0f ms, backward %.0f ms, all %.0f ms; loss %.3f; arena %zu MB\n",
            1e3 * (t1 - t0), 1e3 * (t2 - t1), 1e3 * (t3 - t2), 1e3 * (t3 - t0),
            (double)*fab_f32(loss), fab_arena_peak(step) >> 20);
    }
    fab_pool_free(pool);
    fab_arena_free(step);
    fab_arena_free(a);
    return 0;
}
