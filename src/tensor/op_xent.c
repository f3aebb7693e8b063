/* xent: softmax cross-entropy of rows of logits [N,V] against target ids [N], with label smoothing
 * e and row weights.
 *
 *   l[r] = (1-e) (-log p[t]) + e mean_v(-log p[v]),    p = softmax(logits[r])
 *   L = sum_r w[r] l[r] / sum_r w[r]   over rows whose target is not negative; 0 when none is
 *
 *   dlogits[r,v] = w[r]/sum w (p[v] - (1-e) [v = t] - e/V)
 *
 * p is made again in backward instead of being kept. The weights are constants.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *t = y->in[1];
    float e = ((const fab_xent_opts *)y->attr)->smoothing;
    if (!fab_need_f32(c, y, 0) || !fab_need_i32(c, y, 1)) return false;
    if (x->ndim < 2 || fab_count(t) != fab_rows(x))
        return fab_fail(&c->err, FAB_EINTERNAL, "xent: logits %s, targets %s",
                        fab_shape_str(x).text, fab_shape_str(t).text);
    if (y->in[2] && (!fab_need_f32(c, y, 2) || fab_count(y->in[2]) != fab_rows(x)))
        return fab_fail(&c->err, FAB_EINTERNAL, "xent: logits %s, weights %s",
                        fab_shape_str(x).text, fab_shape_str(y->in[2]).text);
    if (!(e >= 0 && e < 1))
        return fab_fail(&c->err, FAB_EINTERNAL, "xent: smoothing is %g, not in [0,1)", (double)e);
    y->ndim = 1;
    y->shape[0] = 1;
    return true;
}

static bool targets_fit(fab_ctx *c, const int32_t *t, int64_t n, int64_t V)
{
    for (int64_t r = 0; r < n; r++)
        if (t[r] >= V)
            return fab_fail(&c->err, FAB_EINTERNAL,
                            "xent: target %ld in row %lld, the logits have %lld classes",
                            (long)t[r], (long long)r, (long long)V);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    const int32_t *t = fab_i32(y->in[1]);
    const float *w = y->in[2] ? fab_f32(y->in[2]) : NULL;
    int64_t R = fab_rows(x), V = fab_last(x);
    float *nll = fab_take_f32(c, R),
          *share = fab_take_f32(c, R); /* share[r] = w[r] / sum w, kept */
    if (!nll || !share || !targets_fit(c, t, R, V)) return false;
    c->k->xent(c->pool, fab_f32(x), t, ((const fab_xent_opts *)y->attr)->smoothing, nll, NULL, NULL,
               R, V);
    double total = 0, loss = 0;
    for (int64_t r = 0; r < R; r++) {
        share[r] = t[r] < 0 ? 0.0f : w ? w[r] : 1.0f;
        total += (double)share[r];
    }
    for (int64_t r = 0; r < R; r++) {
        share[r] = total > 0 ? (float)((double)share[r] / total) : 0.0f;
        if (share[r] != 0) loss += (double)share[r] * (double)nll[r];
    }
    y->saved = share;
    *(float *)y->data = (float)loss;
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    float *dx = fab_grad_of(y, 0);
    int64_t R = fab_rows(x), V = fab_last(x);
    if (!dx) return true;
    fab_arena_mark mark = fab_arena_save(c->arena);
    float *nll = fab_take_f32(c, R), *scale = fab_take_f32(c, R);
    if (!nll || !scale) return false;
    c->k->scale(c->pool, y->grad[0], y->saved, scale, R);
    c->k->xent(c->pool, fab_f32(x), fab_i32(y->in[1]), ((const fab_xent_opts *)y->attr)->smoothing,
               nll, scale, dx, R, V);
    fab_arena_release(c->arena, mark);
    return true;
}

/* clang-format off */
const fab_op fab_op_xent = {
    .name = "xent", .n_in = 3, .optional_from = 2, .attr_size = sizeof(fab_xent_opts),
    .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,7}}, {{4}, FAB_SAMPLE_IDS, 7} }, .attr = &(const fab_xent_opts){ 0 } },
        { .in = { {{3,33}}, {{3}, FAB_SAMPLE_IDS, 33} }, .attr = &(const fab_xent_opts){ 0.1f } },
        { .in = { {{2,3,5}}, {{2,3}, FAB_SAMPLE_IDS, 5},
                  {{2,3}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_xent_opts){ 0.2f } },
        { .in = { {{512,8000}}, {{512}, FAB_SAMPLE_IDS, 8000} },
          .attr = &(const fab_xent_opts){ 0 }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_xent(fab_ctx *c, fab_tensor *logits, fab_tensor *targets, fab_tensor *weight,
                     fab_xent_opts o)
{
    return fab_apply(c, &fab_op_xent, &o, (fab_tensor *[]){ logits, targets, weight }, 3);
}
