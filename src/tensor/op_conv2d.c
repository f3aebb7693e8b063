/* conv2d: correlation over channels-last maps with PyTorch's weight order [O,I/groups,kh,kw].
 *
 *   y[b,i,j,o] = bias[o] + sum_{c,u,v} x[b, i s + u - p, j s + v - p, c] w[o,c,u,v]
 *                (x is 0 outside)
 *
 *   dx, dw: the same sum read from the other two sides          dbias = sum_{b,i,j} dy
 *
 * groups is 1, or I = O (depthwise). A patch embedding is kh = kw = stride, pad 0. p may differ for
 * rows and columns: TensorFlow's 'SAME' puts floor(t/2) zeros before and the rest after, with
 * t = max(0, (ceil(n/s) - 1) s + k - n).
 *
 * relu6: the sums are cut to [0, 6] as they are made, so that only the cut map is kept; backward
 * then clears dy where y is 0 or 6.
 */
#include "tensor/op.h"

/* Zeros before an axis of n, and the number of outputs along it. */
static int64_t pad_of(int64_t n, int64_t k, int64_t stride, int64_t pad, int64_t *outputs)
{
    *outputs = pad == FAB_PAD_SAME ? (n + stride - 1) / stride : (n + 2 * pad - k) / stride + 1;
    if (pad != FAB_PAD_SAME) return pad;
    int64_t total = (*outputs - 1) * stride + k - n;
    return total > 0 ? total / 2 : 0;
}

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
                   .groups = o->groups,
                   .relu6 = o->relu6 };
    s.pad_y = pad_of(s.h, s.kh, s.stride, o->pad, &s.oh);
    s.pad_x = pad_of(s.w, s.kw, s.stride, o->pad, &s.ow);
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
    if (o->stride < 1 || o->pad < FAB_PAD_SAME || (o->groups != 1 && !depthwise) ||
        w->shape[1] * o->groups != x->shape[3])
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "conv2d: x %s, w %s do not fit with %d groups, stride %d, pad %d",
                        fab_shape_str(x).text, fab_shape_str(w).text, o->groups, o->stride, o->pad);
    if (o->pad >= 0 &&
        (x->shape[1] + 2 * o->pad < w->shape[2] || x->shape[2] + 2 * o->pad < w->shape[3]))
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

/* dy, which backward may change: y's own gradient, unless somebody outside reads it */
static float *own_grad(fab_ctx *c, const fab_tensor *y)
{
    if (!y->keeps_grad) return y->grad;
    float *dy = fab_take_f32(c, fab_count(y));
    return dy ? memcpy(dy, y->grad, (size_t)fab_count(y) * sizeof *dy) : NULL;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    fab_conv s = describe(y);
    float *dx = fab_grad_of(y, 0), *dy = s.relu6 ? own_grad(c, y) : y->grad;
    s.set_dx = y->in[0]->blank_grad;
    y->in[0]->blank_grad = false;
    return dy && c->k->conv_backward(c->pool, &s, fab_f32(y->in[0]), fab_f32(y->in[1]), y->data, dy,
                                     dx, fab_grad_of(y, 1), fab_grad_of(y, 2), c->bf16, &c->err);
}

/* clang-format off */
#define CONV(s, p, g, act) &(const fab_conv_opts){ .stride = s, .pad = p, .groups = g, .relu6 = act }
const fab_op fab_op_conv2d = {
    .name = "conv2d", .n_in = 3, .optional_from = 2, .sets = 1,
    .attr_size = sizeof(fab_conv_opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,5,6,3}}, {{4,3,3,3}}, {{4}} }, .attr = CONV(1, 1, 1, false) },
        { .in = { {{1,7,7,2}}, {{3,2,3,2}} }, .attr = CONV(2, 1, 1, false) },
        { .in = { {{2,6,4,3}}, {{5,3,2,2}}, {{5}} }, .attr = CONV(2, 0, 1, false) },
        { .in = { {{2,5,5,6}}, {{6,1,3,3}}, {{6}} }, .attr = CONV(1, 1, 6, false) },
        { .in = { {{1,9,8,17}}, {{17,1,5,5}} }, .attr = CONV(2, 2, 17, false) },
        { .in = { {{1,1,1,3}}, {{2,3,1,1}} }, .attr = CONV(1, 0, 1, false) },
        { .in = { {{2,6,7,4}}, {{6,4,3,3}}, {{6}} }, .attr = CONV(2, FAB_PAD_SAME, 1, false) },
        { .in = { {{2,7,6,5}}, {{5,1,5,5}}, {{5}} }, .attr = CONV(2, FAB_PAD_SAME, 5, false) },
        { .in = { {{1,5,9,18}}, {{18,1,3,3}}, {{18}} }, .attr = CONV(1, FAB_PAD_SAME, 18, false) },
        { .in = { {{2,3,5,7}}, {{9,7,1,1}}, {{9}} }, .attr = CONV(1, 0, 1, false) },
        /* few values: one near 0 or 6 would spoil the differences */
        { .in = { {{1,3,4,2}}, {{2,2,3,3}}, {{2}} }, .attr = CONV(2, FAB_PAD_SAME, 1, true) },
        { .in = { {{1,2,3,3}}, {{3,1,3,3}}, {{3}} }, .attr = CONV(1, 1, 3, true) },
        { .in = { {{1,2,3,2}}, {{3,2,1,1}}, {{3}} }, .attr = CONV(1, 0, 1, true) },
        { .in = { {{1,5,6,3}}, {{3,1,7,7}} }, .attr = CONV(1, 3, 3, false) },
        { .in = { {{8,56,56,64}}, {{64,64,3,3}}, {{64}} },
          .attr = CONV(1, 1, 1, false), .bench = true,
          .flops = 2.0 * 8 * 56 * 56 * 64 * 64 * 9 },
        { .in = { {{16,20,20,240}}, {{240,1,5,5}}, {{240}} },
          .attr = CONV(1, FAB_PAD_SAME, 240, true), .bench = true,
          .flops = 2.0 * 16 * 20 * 20 * 240 * 25 },
        FAB_SAMPLES_END },
};
#undef CONV
/* clang-format on */

fab_tensor *fab_conv2d(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b, fab_conv_opts o)
{
    if (o.groups == 0) o.groups = 1;
    return fab_apply(c, &fab_op_conv2d, &o, (fab_tensor *[]){ x, w, b }, 3);
}
