/* reshape: the same values under another shape; y borrows x's data.      dx = dy */
#include "tensor/op.h"

typedef struct {
    int64_t shape[FAB_MAX_DIM + 1];
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const int64_t *s = ((const opts *)y->attr)->shape;
    while (y->ndim < FAB_MAX_DIM && s[y->ndim]) {
        y->shape[y->ndim] = s[y->ndim];
        y->ndim++;
    }
    if (fab_count(y) != fab_count(y->in[0]))
        return fab_fail(&c->err, FAB_EINTERNAL, "reshape: %s has %lld values, %s has %lld",
                        fab_shape_str(y->in[0]).text, (long long)fab_count(y->in[0]),
                        fab_shape_str(y).text, (long long)fab_count(y));
    y->dtype = y->in[0]->dtype;
    y->data = y->in[0]->data;
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    (void)c;
    return y->data != NULL;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    if (dx && dx != y->grad) c->k->axpy(c->pool, 1.0f, y->grad, dx, fab_count(y));
    return true;
}

/* clang-format off */
const fab_op fab_op_reshape = {
    .name = "reshape", .n_in = 1, .passes = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,4}} }, .attr = &(const opts){ { 2, 3, 2 } } },
        { .in = { {{512,768}} }, .attr = &(const opts){ { 768, 512 } }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_reshape(fab_ctx *c, fab_tensor *x, const int64_t *to)
{
    opts o = { { 0 } };
    for (int i = 0; i < FAB_MAX_DIM && to[i]; i++) o.shape[i] = to[i];
    return fab_apply(c, &fab_op_reshape, &o, (fab_tensor *[]){ x }, 1);
}
