/* linear: y = x w' + b over the last dimension; w is [out,in], PyTorch's order.
 *
 *   y[r,o] = sum_i x[r,i] w[o,i] + b[o]
 *
 *   dx = dy w          dw = dy' x          db = sum_r dy
 *
 * w may be f32, bf16, f16 or a quantised type; only an f32 weight can be trained. A weight packed
 * by the running instruction set is used as packed. With ctx->bf16 the operands of all three
 * products may be rounded to bf16; sums are f32.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *w = y->in[1];
    if (!fab_need_f32(c, y, 0)) return false;
    if (w->ndim != 2 || x->ndim < 1)
        return fab_fail(&c->err, FAB_EINTERNAL, "linear: x %s, w %s: w must be [out,in]",
                        fab_shape_str(x).text, fab_shape_str(w).text);
    if (fab_last(x) != w->shape[1])
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "linear: x %s, w %s: inner sizes %lld and %lld differ",
                        fab_shape_str(x).text, fab_shape_str(w).text, (long long)fab_last(x),
                        (long long)w->shape[1]);
    if (w->dtype != FAB_F32 && w->dtype != FAB_BF16 && w->dtype != FAB_F16 &&
        !fab_dtype_is_quantised(w->dtype))
        return fab_fail(&c->err, FAB_EUNSUPPORTED, "linear: no product with a weight of %s",
                        fab_dtype_name(w->dtype));
    if (w->needs_grad && w->dtype != FAB_F32)
        return fab_fail(&c->err, FAB_EINTERNAL, "linear: a weight of %s cannot be trained",
                        fab_dtype_name(w->dtype));
    if (y->in[2] && (!fab_need_f32(c, y, 2) || !fab_need_vector(c, y, 2, w->shape[0])))
        return false;
    fab_shape_copy(y, x);
    y->shape[y->ndim - 1] = w->shape[0];
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *w = y->in[1];
    int64_t I = w->shape[1], O = w->shape[0];
    return c->k->gemm(c->pool,
                      &(fab_gemm){ .m = fab_rows(x),
                                   .n = O,
                                   .k = I,
                                   .a = fab_f32(x),
                                   .a_row = I,
                                   .a_col = 1,
                                   .b = w->data,
                                   .b_dtype = w->dtype,
                                   .b_row = 1,
                                   .b_col = I,
                                   .packed = w->packed && w->packed->by == c->k ? w->packed : NULL,
                                   .c = y->data,
                                   .c_row = O,
                                   .bias = y->in[2] ? fab_f32(y->in[2]) : NULL,
                                   .bf16 = c->bf16 },
                      &c->err);
}

/* dx += dy w; a quantised weight is widened first, its blocks run the other way */
static bool backward_x(fab_ctx *c, const fab_tensor *y, float *dx)
{
    const fab_tensor *w = y->in[1];
    int64_t I = w->shape[1], O = w->shape[0];
    const void *data = w->data;
    fab_dtype dtype = w->dtype;
    fab_arena_mark mark = fab_arena_save(c->arena);
    if (fab_dtype_is_quantised(dtype)) {
        float *wide = fab_take_f32(c, O * I);
        if (!wide) return false;
        c->k->to_f32(c->pool, dtype, data, wide, O * I);
        data = wide;
        dtype = FAB_F32;
    }
    bool ok = c->k->gemm(c->pool,
                         &(fab_gemm){ .m = fab_rows(y),
                                      .n = I,
                                      .k = O,
                                      .a = y->grad,
                                      .a_row = O,
                                      .a_col = 1,
                                      .b = data,
                                      .b_dtype = dtype,
                                      .b_row = I,
                                      .b_col = 1,
                                      .c = dx,
                                      .c_row = I,
                                      .add = !y->in[0]->blank_grad,
                                      .bf16 = c->bf16 },
                         &c->err);
    y->in[0]->blank_grad = false;
    fab_arena_release(c->arena, mark);
    return ok;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *w = y->in[1];
    float *dx = fab_grad_of(y, 0), *dw = fab_grad_of(y, 1), *db = fab_grad_of(y, 2);
    int64_t R = fab_rows(x), I = w->shape[1], O = w->shape[0];
    if (dx && !backward_x(c, y, dx)) return false;
    if (db) c->k->sum_rows(c->pool, y->grad, db, R, O);
    return !dw || c->k->gemm(c->pool,
                             &(fab_gemm){ .m = O,
                                          .n = I,
                                          .k = R,
                                          .a = y->grad,
                                          .a_row = 1,
                                          .a_col = O,
                                          .b = x->data,
                                          .b_dtype = FAB_F32,
                                          .b_row = I,
                                          .b_col = 1,
                                          .c = dw,
                                          .c_row = I,
                                          .add = true,
                                          .bf16 = c->bf16 },
                             &c->err);
}

/* clang-format off */
const fab_op fab_op_linear = {
    .name = "linear", .n_in = 3, .optional_from = 2, .sets = 1, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,8}}, {{5,8}}, {{5}} } },
        { .in = { {{1,1}}, {{1,1}} } },
        { .in = { {{2,3,17}}, {{33,17}}, {{33}} } },
        { .in = { {{37,40}}, {{19,40}} } },
        { .in = { {{577,768}}, {{768,768}}, {{768}} },
          .bench = true, .flops = 2.0 * 577 * 768 * 768 },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_linear(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b)
{
    return fab_apply(c, &fab_op_linear, NULL, (fab_tensor *[]){ x, w, b }, 3);
}
