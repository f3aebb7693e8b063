/* relu6: y = min(max(x, 0), 6) (Krizhevsky 2010, in MobileNets since 2017), whose range is known
 * when weights are rounded.
 *
 *   dx = dy where 0 < x < 6, else 0
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    c->k->relu6(c->pool, fab_f32(y->in[0]), y->data, fab_count(y));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    if (dx) c->k->relu6_back(c->pool, fab_f32(y->in[0]), y->grad, dx, fab_count(y));
    return true;
}

/* clang-format off */
const fab_op fab_op_relu6 = {
    .name = "relu6", .n_in = 1, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{9,17}, FAB_SAMPLE_SPREAD} } }, /* -9.4 to 9.6: all three pieces, no kink */
        { .in = { {{577,3072}} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_relu6(fab_ctx *c, fab_tensor *x)
{
    return fab_apply(c, &fab_op_relu6, NULL, (fab_tensor *[]){ x }, 1);
}
