/* bce: mean binary cross-entropy of logits x against targets t in [0,1]; a negative target is
 * ignored.
 *
 *   l = max(x,0) - x t + log(1 + exp(-|x|))          dx = (sigmoid(x) - t) / counted
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    if (!fab_need_f32(c, y, 0) || !fab_need_f32(c, y, 1)) return false;
    if (!fab_same_shape(y->in[0], y->in[1]))
        return fab_fail(&c->err, FAB_EINTERNAL, "bce: logits %s, targets %s",
                        fab_shape_str(y->in[0]).text, fab_shape_str(y->in[1]).text);
    y->ndim = 1;
    y->shape[0] = 1;
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const float *x = fab_f32(y->in[0]), *t = fab_f32(y->in[1]);
    float *share = fab_take_f32(c, 1); /* 1 / counted */
    double loss = 0;
    int64_t n = fab_count(y->in[0]), counted = 0;
    if (!share) return false;
    for (int64_t i = 0; i < n; i++) {
        if (t[i] < 0) continue;
        double v = (double)x[i];
        loss += (v > 0 ? v : 0) - v * (double)t[i] + log1p(exp(-fabs(v)));
        counted++;
    }
    *share = counted ? 1.0f / (float)counted : 0.0f;
    y->saved = share;
    *(float *)y->data = (float)(loss * (double)*share);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    (void)c;
    const float *x = fab_f32(y->in[0]), *t = fab_f32(y->in[1]);
    float *dx = fab_grad_of(y, 0), g = y->grad[0] * *(const float *)y->saved;
    int64_t n = fab_count(y->in[0]);
    for (int64_t i = 0; dx && i < n; i++)
        if (t[i] >= 0) dx[i] += g * (1.0f / (1.0f + expf(-x[i])) - t[i]);
    return true;
}

/* clang-format off */
const fab_op fab_op_bce = {
    .name = "bce", .n_in = 2, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,3}}, {{4,3}, FAB_SAMPLE_POSITIVE, .no_grad = true} } },
        { .in = { {{7,1}}, {{7,1}, FAB_SAMPLE_NORMAL, .no_grad = true} } },
        { .in = { {{256,64}}, {{256,64}, FAB_SAMPLE_POSITIVE, .no_grad = true} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_bce(fab_ctx *c, fab_tensor *logits, fab_tensor *targets)
{
    return fab_apply(c, &fab_op_bce, NULL, (fab_tensor *[]){ logits, targets }, 2);
}
