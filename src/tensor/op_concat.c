/* concat: a then b along an axis; the other sizes agree.      da, db = the two parts of dy */
#include "tensor/op.h"

typedef struct {
    int axis;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    int axis, wanted = ((const opts *)y->attr)->axis;
    if (!fab_need_f32(c, y, 0) || !fab_need_f32(c, y, 1)) return false;
    bool ok = fab_axis(a, wanted, &axis) && a->ndim == b->ndim;
    for (int i = 0; ok && i < a->ndim; i++) ok = i == axis || a->shape[i] == b->shape[i];
    if (!ok)
        return fab_fail(&c->err, FAB_EINTERNAL, "concat: %s and %s do not join along axis %d",
                        fab_shape_str(a).text, fab_shape_str(b).text, wanted);
    fab_shape_copy(y, a);
    y->shape[axis] += b->shape[axis];
    return true;
}

/* Outer repetitions, and the run of a and of b in each. */
static void runs(const fab_tensor *y, int64_t *outer, int64_t *na, int64_t *nb)
{
    int axis;
    int64_t inner;
    fab_axis(y, ((const opts *)y->attr)->axis, &axis);
    fab_around(y, axis, outer, &inner);
    *na = y->in[0]->shape[axis] * inner;
    *nb = y->in[1]->shape[axis] * inner;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    (void)c;
    const float *a = fab_f32(y->in[0]), *b = fab_f32(y->in[1]);
    float *out = y->data;
    int64_t outer, na, nb;
    runs(y, &outer, &na, &nb);
    for (int64_t o = 0; o < outer; o++, out += na + nb) {
        memcpy(out, a + o * na, (size_t)na * sizeof *out);
        memcpy(out + na, b + o * nb, (size_t)nb * sizeof *out);
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *da = fab_grad_of(y, 0), *db = fab_grad_of(y, 1);
    const float *g = y->grad;
    int64_t outer, na, nb;
    runs(y, &outer, &na, &nb);
    for (int64_t o = 0; o < outer; o++, g += na + nb) {
        if (da) c->k->axpy(NULL, 1.0f, g, da + o * na, na);
        if (db) c->k->axpy(NULL, 1.0f, g + na, db + o * nb, nb);
    }
    return true;
}

/* clang-format off */
const fab_op fab_op_concat = {
    .name = "concat", .n_in = 2, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,3,5}}, {{2,1,5}} }, .attr = &(const opts){ 1 } },
        { .in = { {{3,4}}, {{2,4}} }, .attr = &(const opts){ 0 } },
        { .in = { {{3,4}}, {{3,7}} }, .attr = &(const opts){ -1 } },
        { .in = { {{16,49,512}}, {{16,64,512}} }, .attr = &(const opts){ 1 }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_concat(fab_ctx *c, fab_tensor *a, fab_tensor *b, int axis)
{
    return fab_apply(c, &fab_op_concat, &(opts){ axis }, (fab_tensor *[]){ a, b }, 2);
}
