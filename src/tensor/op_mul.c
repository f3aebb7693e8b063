/* mul: y = a b element by element; b has a's shape, or a suffix of it and is repeated over the
 * leading dimensions.
 *
 *   da = dy b          db = dy a, summed over the repetitions
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    return fab_need_f32(c, y, 0) && fab_need_f32(c, y, 1) && fab_need_suffix(c, y);
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const float *a = fab_f32(y->in[0]), *b = fab_f32(y->in[1]);
    int64_t n = fab_count(y), d = fab_count(y->in[1]);
    float *out = y->data;
    if (n == d) c->k->mul(c->pool, a, b, out, n);
    else
        for (int64_t r = 0; r < n; r += d)
            for (int64_t i = 0; i < d; i++) out[r + i] = a[r + i] * b[i];
    return true;
}

static bool backward_repeated(fab_ctx *c, const fab_tensor *y, float *da, float *db)
{
    const float *b = fab_f32(y->in[1]), *g = y->grad;
    int64_t n = fab_count(y), d = fab_count(y->in[1]);
    for (int64_t r = 0; da && r < n; r += d)
        for (int64_t i = 0; i < d; i++) da[r + i] += g[r + i] * b[i];
    if (!db) return true;
    fab_arena_mark mark = fab_arena_save(c->arena);
    float *ga = fab_take_f32(c, n);
    if (!ga) return false;
    c->k->mul(c->pool, g, fab_f32(y->in[0]), ga, n);
    c->k->sum_rows(c->pool, ga, db, n / d, d);
    fab_arena_release(c->arena, mark);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *da = fab_grad_of(y, 0), *db = fab_grad_of(y, 1);
    int64_t n = fab_count(y);
    if (n != fab_count(y->in[1])) return backward_repeated(c, y, da, db);
    if (da) c->k->mul_add(c->pool, y->grad, fab_f32(y->in[1]), da, n);
    if (db) c->k->mul_add(c->pool, y->grad, fab_f32(y->in[0]), db, n);
    return true;
}

/* clang-format off */
const fab_op fab_op_mul = {
    .name = "mul", .n_in = 2, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}}, {{3,7}} } },
        { .in = { {{2,3,5}}, {{3,5}} } },
        { .in = { {{2,3,17}}, {{17}} } },
        { .in = { {{577,3072}}, {{577,3072}} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_mul(fab_ctx *c, fab_tensor *a, fab_tensor *b)
{
    return fab_apply(c, &fab_op_mul, NULL, (fab_tensor *[]){ a, b }, 2);
}
