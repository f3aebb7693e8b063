/* add: y = a + b; b has a's shape, or a suffix of it and is repeated over the leading dimensions.
 *
 *   da = dy          db = dy, summed over the repetitions
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    return fab_need_f32(c, y, 0) && fab_need_f32(c, y, 1) && fab_need_suffix(c, y);
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    int64_t d = fab_count(y->in[1]);
    c->k->add(c->pool, fab_f32(y->in[0]), fab_f32(y->in[1]), y->data, fab_count(y) / d, d);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    int64_t n = fab_count(y), d = fab_count(y->in[1]);
    float *da = fab_grad_of(y, 0), *db = fab_grad_of(y, 1);
    if (da && da != y->grad) c->k->axpy(c->pool, 1.0f, y->grad, da, n);
    if (db && db != y->grad && n == d) c->k->axpy(c->pool, 1.0f, y->grad, db, n);
    if (db && n != d) c->k->sum_rows(c->pool, y->grad, db, n / d, d);
    return true;
}

/* clang-format off */
const fab_op fab_op_add = {
    .name = "add", .n_in = 2, .passes = 3, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}}, {{3,7}} } },
        { .in = { {{2,3,5}}, {{3,5}} } },
        { .in = { {{2,3,17}}, {{17}} } },
        { .in = { {{577,3072}}, {{577,3072}} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_add(fab_ctx *c, fab_tensor *a, fab_tensor *b)
{
    return fab_apply(c, &fab_op_add, NULL, (fab_tensor *[]){ a, b }, 2);
}
