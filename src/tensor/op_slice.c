/* slice: indices from <= i < to of one axis.      dx[from..to) += dy */
#include "tensor/op.h"

typedef struct {
    int axis;
    int64_t from, to;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    const opts *o = y->attr;
    int axis;
    if (!fab_need_f32(c, y, 0)) return false;
    if (!fab_axis(x, o->axis, &axis) || o->from < 0 || o->from >= o->to || o->to > x->shape[axis])
        return fab_fail(&c->err, FAB_EINTERNAL, "slice: no [%lld,%lld) along axis %d of %s",
                        (long long)o->from, (long long)o->to, o->axis, fab_shape_str(x).text);
    fab_shape_copy(y, x);
    y->shape[axis] = o->to - o->from;
    return true;
}

/* x is outer repetitions of `whole` values; the slice is `part` of them starting at `skip` */
static void runs(const fab_tensor *y, int64_t *outer, int64_t *whole, int64_t *skip, int64_t *part)
{
    const opts *o = y->attr;
    int axis;
    int64_t inner;
    fab_axis(y, o->axis, &axis);
    fab_around(y, axis, outer, &inner);
    *whole = y->in[0]->shape[axis] * inner;
    *skip = o->from * inner;
    *part = y->shape[axis] * inner;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    (void)c;
    int64_t outer, whole, skip, part;
    runs(y, &outer, &whole, &skip, &part);
    for (int64_t i = 0; i < outer; i++)
        memcpy((float *)y->data + i * part, fab_f32(y->in[0]) + i * whole + skip,
               (size_t)part * sizeof(float));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    int64_t outer, whole, skip, part;
    runs(y, &outer, &whole, &skip, &part);
    for (int64_t i = 0; dx && i < outer; i++)
        c->k->axpy(NULL, 1.0f, y->grad + i * part, dx + i * whole + skip, part);
    return true;
}

/* clang-format off */
const fab_op fab_op_slice = {
    .name = "slice", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,5,3}} }, .attr = &(const opts){ 1, 1, 4 } },
        { .in = { {{4,9}} }, .attr = &(const opts){ -1, 0, 5 } },
        { .in = { {{4,9}} }, .attr = &(const opts){ 0, 3, 4 } },
        { .in = { {{512,1536}} }, .attr = &(const opts){ 1, 512, 1024 }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_slice(fab_ctx *c, fab_tensor *x, int axis, int64_t from, int64_t to)
{
    return fab_apply(c, &fab_op_slice, &(opts){ axis, from, to }, (fab_tensor *[]){ x }, 1);
}
