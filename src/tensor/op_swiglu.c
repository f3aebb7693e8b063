/* swiglu: y = silu(gate) up (Shazeer 2020); the two projections and the one after are linear ops
 * around it.
 *
 *   dgate = dy up silu'(gate)          dup = dy silu(gate)
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    if (!fab_need_f32(c, y, 0) || !fab_need_f32(c, y, 1)) return false;
    if (!fab_same_shape(y->in[0], y->in[1]))
        return fab_fail(&c->err, FAB_EINTERNAL, "swiglu: gate %s and up %s differ",
                        fab_shape_str(y->in[0]).text, fab_shape_str(y->in[1]).text);
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    c->k->swiglu(c->pool, fab_f32(y->in[0]), fab_f32(y->in[1]), y->data, fab_count(y));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    c->k->swiglu_back(c->pool, fab_f32(y->in[0]), fab_f32(y->in[1]), y->grad, fab_grad_of(y, 0),
                      fab_grad_of(y, 1), fab_count(y));
    return true;
}

/* clang-format off */
const fab_op fab_op_swiglu = {
    .name = "swiglu", .n_in = 2, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}}, {{3,7}} } },
        { .in = { {{2,2,17}}, {{2,2,17}} } },
        { .in = { {{512,2048}}, {{512,2048}} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_swiglu(fab_ctx *c, fab_tensor *gate, fab_tensor *up)
{
    return fab_apply(c, &fab_op_swiglu, NULL, (fab_tensor *[]){ gate, up }, 2);
}
