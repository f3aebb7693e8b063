/* tensor: contexts, tensors, and apply, the one way an op runs. */
#include <assert.h>
#include <math.h>
#include <string.h>
#include "tensor/op.h"

#define OP(name) extern const fab_op fab_op_##name;
#include "tensor/ops.def"
#undef OP

const fab_op *const fab_ops[] = {
#define OP(name) &fab_op_##name,
#include "tensor/ops.def"
#undef OP
    NULL
};

void fab_ctx_init(fab_ctx *c, fab_arena *arena, fab_pool *pool)
{
    *c = (fab_ctx){ .arena = arena, .pool = pool, .k = fab_kernels_best() };
    fab_rng_init(&c->rng, 0);
}

void fab_ctx_reset(fab_ctx *c)
{
    fab_arena_reset(c->arena);
    c->tape = NULL;
    c->n_tape = c->cap_tape = 0;
    c->err = (fab_err)FAB_ERR_INIT;
}

/* A tensor header with this shape and no data. */
static fab_tensor *header(fab_ctx *c, fab_dtype dtype, const int64_t *shape)
{
    fab_tensor *t = fab_arena_zero(c->arena, sizeof *t, &c->err);
    if (!t) return NULL;
    t->dtype = dtype;
    while (t->ndim < FAB_MAX_DIM && shape[t->ndim] != 0) {
        t->shape[t->ndim] = shape[t->ndim];
        t->ndim++;
    }
    return t;
}

static void *take_data(fab_ctx *c, const fab_tensor *t)
{
    uint64_t bytes;
    if (!fab_dtype_size(t->dtype, t->ndim, t->shape, NULL, &bytes) || bytes > SIZE_MAX / 2) {
        fab_fail(&c->err, FAB_ELIMIT, "a tensor %s of %s is no valid size", fab_shape_str(t).text,
                 fab_dtype_name(t->dtype));
        return NULL;
    }
    return fab_arena_take(c->arena, (size_t)bytes, &c->err);
}

fab_tensor *fab_tensor_new(fab_ctx *c, fab_dtype dtype, const int64_t *shape)
{
    if (c->err.code) return NULL;
    fab_tensor *t = header(c, dtype, shape);
    if (t) t->data = take_data(c, t);
    return t && t->data ? t : NULL;
}

fab_tensor *fab_tensor_zeros(fab_ctx *c, const int64_t *shape)
{
    fab_tensor *t = fab_tensor_new(c, FAB_F32, shape);
    if (t) memset(t->data, 0, (size_t)fab_count(t) * sizeof(float));
    return t;
}

fab_tensor *fab_tensor_from(fab_ctx *c, fab_dtype dtype, const int64_t *shape, const void *data)
{
    if (c->err.code) return NULL;
    fab_tensor *t = header(c, dtype, shape);
    if (t) t->data = (void *)data;
    return t;
}

float *fab_f32(const fab_tensor *t)
{
    assert(t->dtype == FAB_F32);
    return t->data;
}

int32_t *fab_i32(const fab_tensor *t)
{
    assert(t->dtype == FAB_I32);
    return t->data;
}

bool fab_all_finite(const fab_tensor *t)
{
    const float *x = fab_f32(t);
    int64_t n = fab_count(t);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Copies inputs and options into y; false when the row's contract on them is broken or an earlier
 * op failed. */
static bool set_inputs(fab_ctx *c, fab_tensor *y, const void *attr, fab_tensor *const *in, int n_in)
{
    const fab_op *op = y->op;
    for (int i = 0; i < n_in; i++) {
        bool optional = op->optional_from && i >= op->optional_from;
        if (!in[i] && !optional)
            return fab_fail(&c->err, FAB_EINTERNAL, "%s: input %d is missing", op->name, i);
        y->in[i] = in[i];
        if (in[i] && in[i]->needs_grad) y->needs_grad = true;
    }
    y->n_in = n_in;
    if (!op->attr_size) return true;
    void *copy = fab_arena_take(c->arena, op->attr_size, &c->err);
    if (copy) memcpy(copy, attr, op->attr_size);
    y->attr = copy;
    return copy != NULL;
}

static bool record(fab_ctx *c, fab_tensor *y)
{
    if (c->n_tape == c->cap_tape) {
        int64_t cap = c->cap_tape ? 2 * c->cap_tape : 256;
        fab_tensor **tape = fab_arena_take(c->arena, (size_t)cap * sizeof *tape, &c->err);
        if (!tape) return false;
        if (c->n_tape) memcpy(tape, c->tape, (size_t)c->n_tape * sizeof *tape);
        c->tape = tape;
        c->cap_tape = cap;
    }
    c->tape[c->n_tape++] = y;
    return true;
}

/* A step that returns false without a message is the row's bug; say so instead of failing silently.
 */
static bool step(fab_ctx *c, const fab_op *op, const char *what, bool ok)
{
    if (ok && !c->err.code) return true;
    return fab_fail(&c->err, FAB_EINTERNAL, "%s: %s failed without saying why", op->name, what);
}

/* The checkpoint's name of the first parameter that y is made with; "": none. */
static const char *parameter_of(const fab_tensor *y)
{
    for (int i = 0; i < y->n_in; i++)
        if (y->in[i] && y->in[i]->name) return y->in[i]->name;
    return "";
}

fab_tensor *fab_apply(fab_ctx *c, const fab_op *op, const void *attr, fab_tensor *const *in,
                      int n_in)
{
    if (c->err.code) return NULL;
    fab_tensor *y = fab_arena_zero(c->arena, sizeof *y, &c->err);
    if (!y) return NULL;
    y->op = op;
    y->dtype = FAB_F32;
    if (!set_inputs(c, y, attr, in, n_in) || !step(c, op, "shape", op->shape(c, y))) return NULL;
    y->needs_grad = y->needs_grad && c->record;
    if (!y->data) y->data = take_data(c, y);
    if (!y->data || !step(c, op, "forward", op->forward(c, y))) return NULL;
    if (c->check && !fab_all_finite(y)) {
        const char *of = parameter_of(y);
        fab_fail(&c->err, FAB_EINTERNAL, "%s%s%s: the result %s holds a value that is not finite",
                 op->name, *of ? " with " : "", of, fab_shape_str(y).text);
        return NULL;
    }
    if (y->needs_grad && !record(c, y)) return NULL;
    return y;
}
