/* rmsnorm: scale each row to unit root-mean-square (Zhang & Sennrich 2019).
 *
 *   y[r,i] = w[i] n[r,i],    n = x inv,    inv[r] = 1 / sqrt(mean_j x[r,j]^2 + eps)
 *
 * With g = dy w:   dx = inv (g - n mean(g n))      dw = sum_r dy n
 */
#include "tensor/op.h"

typedef struct {
    float eps;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    if (!fab_need_f32(c, y, 0) || !fab_need_f32(c, y, 1) || !fab_need_vector(c, y, 1, fab_last(x)))
        return false;
    fab_shape_copy(y, x);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    y->saved = fab_take_f32(c, fab_rows(x)); /* inv */
    if (!y->saved) return false;
    c->k->rmsnorm(c->pool, fab_f32(x), fab_f32(y->in[1]), ((const opts *)y->attr)->eps, y->data,
                  y->saved, fab_rows(x), fab_last(x));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    c->k->rmsnorm_back(c->pool, fab_f32(x), fab_f32(y->in[1]), y->saved, y->grad, fab_grad_of(y, 0),
                       fab_grad_of(y, 1), fab_rows(x), fab_last(x));
    return true;
}

/* clang-format off */
const fab_op fab_op_rmsnorm = {
    .name = "rmsnorm", .n_in = 2, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,8}}, {{8}} }, .attr = &(const opts){ 1e-6f } },
        { .in = { {{3,1,33}}, {{33}} }, .attr = &(const opts){ 1e-2f } },
        { .in = { {{70,5}}, {{5}} }, .attr = &(const opts){ 1e-5f } },
        { .in = { {{4096,768}}, {{768}} }, .attr = &(const opts){ 1e-5f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_rmsnorm(fab_ctx *c, fab_tensor *x, fab_tensor *w, float eps)
{
    return fab_apply(c, &fab_op_rmsnorm, &(opts){ eps }, (fab_tensor *[]){ x, w }, 2);
}
