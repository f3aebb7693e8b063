/* conv2d: correlation over channels-last maps with PyTorch's weight order [O,I/groups,kh,kw].
 *
 *   y[b,i,j,o] = bias[o] + sum_{c,u,v} x[b, i s + u - p, j s + v - p, c] w[o,c,u,v]
 *                (x is 0 outside)
 *
 *   dx, dw: the same sum read from the other two sides          dbias = sum_{b,i,j} dy
 *
 * groups is 1, or I = O (depthwise). A patch embedding is kh = kw = stride, pad 0.
 */
#include "tensor/op.h"

static fab_conv describe(const fab_tensor *y)
{
    const fab_conv_opts *o = y->attr;
    const fab_tensor *x = y->in[0], *w = y->in[1];
    fab_conv s = { .batch = x->shape[0],
                   .h = x->shape[1],
                   .w = x->shape[2],
                   .in = x->shape[3],
                   .out = w->shape[0],
                   .kh = w->shape[2],
                   .kw = w->shape[3],
                   .stride = o->stride,
                   .pad = o->pad,
                   .groups = o->groups };
    s.oh = (s.h + 2 * s.pad - s.kh) / s.stride + 1;
    s.ow = (s.w + 2 * s.pad - s.kw) / s.stride + 1;
    return s;
}

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *w = y->in[1];
    const fab_conv_opts *o = y->attr;
    if (!fab_need_f32(c, y, 0) || !fab_need_f32(c, y, 1)) return false;
    if (x->ndim != 4 || w->ndim != 4)
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "conv2d: x %s, w %s: x must be [B,H,W,I], w [O,I/groups,kh,kw]",
                        fab_shape_str(x).text, fab_shape_str(w).text);
    bool depthwise = o->groups == x->shape[3] && o->groups == w->shape[0];
    if (o->stride < 1 || o->pad < 0 || (o->groups != 1 && !depthwise) ||
        w->shape[1] * o->groups != x->shape[3])
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "conv2d: x %s, w %s do not fit with %d groups, stride %d, pad %d",
                        fab_shape_str(x).text, fab_shape_str(w).text, o->groups, o->stride, o->pad);
    if (x->shape[1] + 2 * o->pad < w->shape[2] || x->shape[2] + 2 * o->pad < w->shape[3])
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "conv2d: the map %s with pad %d is smaller than the kernel %s",
                        fab_shape_str(x).text, o->pad, fab_shape_str(w).text);
    if (y->in[2] && (!fab_need_f32(c, y, 2) || !fab_need_vector(c, y, 2, w->shape[0])))
        return false;
    fab_conv s = describe(y);
    y->ndim = 4;
    y->shape[0] = s.batch;
    y->shape[1] = s.oh;
    y->shape[2] = s.ow;
    y->shape[3] = s.out;
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    fab_conv s = describe(y);
    return c->k->conv_forward(c->pool, &s, fab_f32(y->in[0]), fab_f32(y->in[1]),
                              y->in[2] ? fab_f32(y->in[2]) : NULL, y->data, c->bf16, &c->err);
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    fab_conv s = describe(y);
    return c->k->conv_backward(c->pool, &s, fab_f32(y->in[0]), fab_f32(y->in[1]), y->grad,
                               fab_grad_of(y, 0), fab_grad_of(y, 1), fab_grad_of(y, 2), c->bf16,
                               &c->err);
}

/* clang-format off */
const fab_op fab_op_conv2d = {
    .name = "conv2d", .n_in = 3, .optional_from = 2, .attr_size = sizeof(fab_conv_opts),
    .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,5,6,3}}, {{4,3,3,3}}, {{4}} }, .attr = &(const fab_conv_opts){ 1, 1, 1 } },
        { .in = { {{1,7,7,2}}, {{3,2,3,2}} }, .attr = &(const fab_conv_opts){ 2, 1, 1 } },
        { .in = { {{2,6,4,3}}, {{5,3,2,2}}, {{5}} }, .attr = &(const fab_conv_opts){ 2, 0, 1 } },
        { .in = { {{2,5,5,6}}, {{6,1,3,3}}, {{6}} }, .attr = &(const fab_conv_opts){ 1, 1, 6 } },
        { .in = { {{1,9,8,17}}, {{17,1,5,5}} }, .attr = &(const fab_conv_opts){ 2, 2, 17 } },
        { .in = { {{1,1,1,3}}, {{2,3,1,1}} }, .attr = &(const fab_conv_opts){ 1, 0, 1 } },
        { .in = { {{8,56,56,64}}, {{64,64,3,3}}, {{64}} },
          .attr = &(const fab_conv_opts){ 1, 1, 1 }, .bench = true,
          .flops = 2.0 * 8 * 56 * 56 * 64 * 64 * 9 },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_conv2d(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b, fab_conv_opts o)
{
    if (o.groups == 0) o.groups = 1;
    return fab_apply(c, &fab_op_conv2d, &o, (fab_tensor *[]){ x, w, b }, 3);
}
