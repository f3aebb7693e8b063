/* silu: y = x s(x) with the logistic s (Elfwing et al. 2017; "swish").      dx = dy (s + x s (1 -
 * s)) */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    c->k->silu(c->pool, fab_f32(y->in[0]), y->data, fab_count(y));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    if (dx) c->k->silu_back(c->pool, fab_f32(y->in[0]), y->grad, dx, fab_count(y));
    return true;
}

/* clang-format off */
const fab_op fab_op_silu = {
    .name = "silu", .n_in = 1, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}} } },
        { .in = { {{65}} } },
        { .in = { {{577,3072}} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_silu(fab_ctx *c, fab_tensor *x)
{
    return fab_apply(c, &fab_op_silu, NULL, (fab_tensor *[]){ x }, 1);
}
