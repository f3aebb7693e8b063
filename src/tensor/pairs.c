/* pairs: what the two contrastive losses share: the products of all pairs of rows, and the way back
 * from the gradient of the pair scores to that of the rows. */
#include <math.h>
#include "tensor/op.h"

bool fab_pairs_forward(fab_ctx *c, const fab_tensor *y, float *products)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    int64_t B = a->shape[0], D = a->shape[1];
    const fab_gemm g = { .m = B,
                         .n = B,
                         .k = D,
                         .a = fab_f32(a),
                         .a_row = D,
                         .a_col = 1,
                         .b = b->data,
                         .b_dtype = FAB_F32,
                         .b_row = 1,
                         .b_col = D,
                         .c = products,
                         .c_row = B };
    return c->k->gemm(c->pool, &g, &c->err);
}

bool fab_pairs_backward(fab_ctx *c, const fab_tensor *y, const float *kept)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    float *da = fab_grad_of(y, 0), *db = fab_grad_of(y, 1);
    int64_t B = a->shape[0], D = a->shape[1];
    if (fab_grad_of(y, 2)) fab_grad_of(y, 2)[0] += y->grad[0] * kept[B * B];
    fab_arena_mark mark = fab_arena_save(c->arena);
    float *scaled = fab_take_f32(c, B * B);
    if (!scaled) return false;
    c->k->scale(c->pool, y->grad[0] * expf(fab_f32(y->in[2])[0]), kept, scaled, B * B);
    fab_gemm g = { .m = B,
                   .n = D,
                   .k = B,
                   .a = scaled,
                   .a_row = B,
                   .a_col = 1,
                   .b = b->data,
                   .b_dtype = FAB_F32,
                   .b_row = D,
                   .b_col = 1,
                   .c = da,
                   .c_row = D,
                   .add = true };
    if (da && !c->k->gemm(c->pool, &g, &c->err)) return false;
    g.a_row = 1;
    g.a_col = B;
    g.b = a->data;
    g.c = db;
    if (db && !c->k->gemm(c->pool, &g, &c->err)) return false;
    fab_arena_release(c->arena, mark);
    return true;
}
