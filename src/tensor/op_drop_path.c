/* drop_path: stochastic depth (Huang et al. 2016): each sample of a residual branch kept whole with
 * probability 1-p and scaled by 1/(1-p), else zeroed. The identity outside training.
 *
 *   y[b,...] = x[b,...] s[b],  s[b] = 0 or 1/(1-p)          dx = dy s
 */
#include "tensor/op.h"

typedef struct {
    float p;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    float p = ((const opts *)y->attr)->p;
    if (!(p >= 0 && p < 1))
        return fab_fail(&c->err, FAB_EINTERNAL, "drop_path: p is %g, not in [0,1)", (double)p);
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    float p = ((const opts *)y->attr)->p;
    int64_t B = y->shape[0], n = fab_count(y) / B;
    float *s = fab_take_f32(c, B);
    if (!s) return false;
    y->saved = s;
    for (int64_t b = 0; b < B; b++) {
        s[b] = !c->training ? 1.0f : fab_rng_uniform(&c->rng) < p ? 0.0f : 1.0f / (1.0f - p);
        c->k->scale(c->pool, s[b], fab_f32(y->in[0]) + b * n, (float *)y->data + b * n, n);
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    const float *s = y->saved;
    int64_t B = y->shape[0], n = fab_count(y) / B;
    for (int64_t b = 0; dx && b < B; b++)
        if (s[b] != 0) c->k->axpy(c->pool, s[b], y->grad + b * n, dx + b * n, n);
    return true;
}

/* clang-format off */
const fab_op fab_op_drop_path = {
    .name = "drop_path", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{6,7}} }, .attr = &(const opts){ 0.4f } },
        { .in = { {{3,2,5}} }, .attr = &(const opts){ 0.0f } },
        { .in = { {{16,49,768}} }, .attr = &(const opts){ 0.1f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_drop_path(fab_ctx *c, fab_tensor *x, float p)
{
    if (!c->training || p == 0) return x;
    return fab_apply(c, &fab_op_drop_path, &(opts){ p }, (fab_tensor *[]){ x }, 1);
}
