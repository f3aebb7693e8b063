/* scale: y = s x with a constant s.      dx = s dy */
#include "tensor/op.h"

typedef struct {
    float s;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    c->k->scale(c->pool, ((const opts *)y->attr)->s, fab_f32(y->in[0]), y->data, fab_count(y));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    if (dx) c->k->axpy(c->pool, ((const opts *)y->attr)->s, y->grad, dx, fab_count(y));
    return true;
}

/* clang-format off */
const fab_op fab_op_scale = {
    .name = "scale", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}} }, .attr = &(const opts){ -1.75f } },
        { .in = { {{577,3072}} }, .attr = &(const opts){ 0.5f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_scale(fab_ctx *c, fab_tensor *x, float s)
{
    return fab_apply(c, &fab_op_scale, &(opts){ s }, (fab_tensor *[]){ x }, 1);
}
