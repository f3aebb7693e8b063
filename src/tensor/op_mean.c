/* mean: over one axis, which disappears.
 *
 *   y[o,i] = 1/n sum_j x[o,j,i]          dx[o,j,i] = dy[o,i] / n
 */
#include "tensor/op.h"

typedef struct {
    int axis;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    int axis, wanted = ((const opts *)y->attr)->axis;
    if (!fab_need_f32(c, y, 0)) return false;
    if (!fab_axis(x, wanted, &axis))
        return fab_fail(&c->err, FAB_EINTERNAL, "mean: %s has no axis %d", fab_shape_str(x).text,
                        wanted);
    for (int i = 0; i < x->ndim; i++)
        if (i != axis) y->shape[y->ndim++] = x->shape[i];
    if (y->ndim == 0) y->shape[y->ndim++] = 1;
    return true;
}

static void sizes(const fab_tensor *y, int64_t *outer, int64_t *n, int64_t *inner)
{
    int axis;
    fab_axis(y->in[0], ((const opts *)y->attr)->axis, &axis);
    fab_around(y->in[0], axis, outer, inner);
    *n = y->in[0]->shape[axis];
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    float *out = y->data;
    int64_t outer, n, inner;
    sizes(y, &outer, &n, &inner);
    memset(out, 0, (size_t)(outer * inner) * sizeof *out);
    for (int64_t o = 0; o < outer; o++)
        c->k->sum_rows(c->pool, fab_f32(y->in[0]) + o * n * inner, out + o * inner, n, inner);
    for (int64_t i = 0; i < outer * inner; i++) out[i] /= (float)n;
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    int64_t outer, n, inner;
    sizes(y, &outer, &n, &inner);
    for (int64_t o = 0; dx && o < outer; o++)
        for (int64_t j = 0; j < n; j++)
            c->k->axpy(NULL, 1.0f / (float)n, y->grad + o * inner, dx + (o * n + j) * inner, inner);
    return true;
}

/* clang-format off */
const fab_op fab_op_mean = {
    .name = "mean", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,5,3}} }, .attr = &(const opts){ 1 } },
        { .in = { {{4,9}} }, .attr = &(const opts){ -1 } },
        { .in = { {{7}} }, .attr = &(const opts){ 0 } },
        { .in = { {{16,49,768}} }, .attr = &(const opts){ 1 }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_mean(fab_ctx *c, fab_tensor *x, int axis)
{
    return fab_apply(c, &fab_op_mean, &(opts){ axis }, (fab_tensor *[]){ x }, 1);
}
