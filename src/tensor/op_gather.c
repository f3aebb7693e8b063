/* gather: chosen rows of x seen as [R,D]; row -1 gives zeros.
 *
 *   y[i,:] = x[row[i],:] or 0          dx[row[i],:] += dy[i,:]
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *rows = y->in[1];
    if (!fab_need_f32(c, y, 0) || !fab_need_i32(c, y, 1)) return false;
    if (rows->ndim != 1 || y->in[0]->ndim < 2)
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "gather: x %s, rows %s: rows must be [n] and x have rows",
                        fab_shape_str(y->in[0]).text, fab_shape_str(rows).text);
    y->ndim = 2;
    y->shape[0] = rows->shape[0];
    y->shape[1] = fab_last(y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const int32_t *row = fab_i32(y->in[1]);
    const float *x = fab_f32(y->in[0]);
    float *out = y->data;
    int64_t R = fab_rows(y->in[0]), D = y->shape[1];
    for (int64_t i = 0; i < y->shape[0]; i++) {
        if (row[i] < -1 || row[i] >= R)
            return fab_fail(&c->err, FAB_EINTERNAL,
                            "gather: row %ld at position %lld, x has %lld rows", (long)row[i],
                            (long long)i, (long long)R);
        if (row[i] < 0) memset(out + i * D, 0, (size_t)D * sizeof *out);
        else memcpy(out + i * D, x + row[i] * D, (size_t)D * sizeof *out);
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    const int32_t *row = fab_i32(y->in[1]);
    int64_t D = y->shape[1];
    for (int64_t i = 0; dx && i < y->shape[0]; i++)
        if (row[i] >= 0) c->k->axpy(NULL, 1.0f, y->grad + i * D, dx + row[i] * D, D);
    return true;
}

/* clang-format off */
const fab_op fab_op_gather = {
    .name = "gather", .n_in = 2, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,3}}, {{5}, FAB_SAMPLE_IDS, 4} } },
        { .in = { {{2,3,17}}, {{4}, FAB_SAMPLE_IDS, 6} } },
        { .in = { {{2048,512}}, {{512}, FAB_SAMPLE_IDS, 2048} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_gather(fab_ctx *c, fab_tensor *x, fab_tensor *rows)
{
    return fab_apply(c, &fab_op_gather, NULL, (fab_tensor *[]){ x, rows }, 2);
}
