/* pool2d: mean or maximum over size x size windows of a channels-last map, without padding.
 *
 *   mean:  dx = dy / size^2 over the window          max:  dx = dy at the first largest value
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    const fab_pool_opts *o = y->attr;
    if (!fab_need_f32(c, y, 0)) return false;
    if (x->ndim != 4 || o->size < 1 || o->stride < 1 || x->shape[1] < o->size ||
        x->shape[2] < o->size)
        return fab_fail(&c->err, FAB_EINTERNAL, "pool2d: windows of %d, stride %d do not fit %s",
                        o->size, o->stride, fab_shape_str(x).text);
    y->ndim = 4;
    y->shape[0] = x->shape[0];
    y->shape[1] = (x->shape[1] - o->size) / o->stride + 1;
    y->shape[2] = (x->shape[2] - o->size) / o->stride + 1;
    y->shape[3] = x->shape[3];
    return true;
}

/* First value of the window of output cell `cell` (counted over b, i, j) within x */
static int64_t corner(const fab_tensor *y, int64_t cell)
{
    const int64_t *s = y->in[0]->shape;
    int stride = ((const fab_pool_opts *)y->attr)->stride;
    int64_t j = cell % y->shape[2], i = cell / y->shape[2] % y->shape[1],
            b = cell / y->shape[2] / y->shape[1];
    return ((b * s[1] + i * stride) * s[2] + j * stride) * s[3];
}

static void mean_cell(const fab_tensor *y, const float *x, float *out, int64_t row)
{
    int size = ((const fab_pool_opts *)y->attr)->size;
    int64_t C = y->shape[3];
    for (int64_t ch = 0; ch < C; ch++) {
        float sum = 0;
        for (int u = 0; u < size; u++)
            for (int v = 0; v < size; v++) sum += x[u * row + v * C + ch];
        out[ch] = sum / (float)(size * size);
    }
}

static void max_cell(const fab_tensor *y, const float *x, float *out, int32_t *at, int64_t row)
{
    int size = ((const fab_pool_opts *)y->attr)->size;
    int64_t C = y->shape[3];
    for (int64_t ch = 0; ch < C; ch++) {
        int64_t best = ch;
        for (int u = 0; u < size; u++)
            for (int v = 0; v < size; v++)
                if (x[u * row + v * C + ch] > x[best]) best = u * row + v * C + ch;
        out[ch] = x[best];
        at[ch] = (int32_t)best;
    }
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_pool_opts *o = y->attr;
    int64_t C = y->shape[3], cells = fab_rows(y), row = y->in[0]->shape[2] * C;
    int32_t *at = NULL; /* max: offset of the chosen value from the window's corner */
    if (o->max && !(at = fab_arena_take(c->arena, (size_t)(cells * C) * sizeof *at, &c->err)))
        return false;
    y->saved = at;
    for (int64_t i = 0; i < cells; i++) {
        const float *x = fab_f32(y->in[0]) + corner(y, i);
        float *out = (float *)y->data + i * C;
        if (o->max) max_cell(y, x, out, at + i * C, row);
        else mean_cell(y, x, out, row);
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    (void)c;
    const fab_pool_opts *o = y->attr;
    const int32_t *at = y->saved;
    float *dx = fab_grad_of(y, 0), share = 1.0f / (float)(o->size * o->size);
    int64_t C = y->shape[3], cells = fab_rows(y), row = y->in[0]->shape[2] * C;
    for (int64_t i = 0; dx && i < cells; i++) {
        float *d = dx + corner(y, i);
        const float *g = y->grad + i * C;
        for (int64_t ch = 0; at && ch < C; ch++) d[at[i * C + ch]] += g[ch];
        for (int u = 0; !at && u < o->size; u++)
            for (int v = 0; v < o->size; v++)
                for (int64_t ch = 0; ch < C; ch++) d[u * row + v * C + ch] += g[ch] * share;
    }
    return true;
}

/* clang-format off */
const fab_op fab_op_pool2d = {
    .name = "pool2d", .n_in = 1, .attr_size = sizeof(fab_pool_opts), .shape = shape,
    .forward = forward,
    .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,5,6,3}} }, .attr = &(const fab_pool_opts){ 2, 2, false } },
        { .in = { {{2,5,6,3}, FAB_SAMPLE_SPREAD} }, .attr = &(const fab_pool_opts){ 3, 1, true } },
        { .in = { {{1,3,3,2}} }, .attr = &(const fab_pool_opts){ 3, 1, false } },
        { .in = { {{16,56,56,64}} }, .attr = &(const fab_pool_opts){ 2, 2, true }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_pool2d(fab_ctx *c, fab_tensor *x, fab_pool_opts o)
{
    return fab_apply(c, &fab_op_pool2d, &o, (fab_tensor *[]){ x }, 1);
}
