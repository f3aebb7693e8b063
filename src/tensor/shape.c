/* shape: sizes, their text, and the checks that shape rules share. */
#include <stdio.h>
#include "tensor/op.h"

fab_shape_text fab_shape_str(const fab_tensor *t)
{
    fab_shape_text s = { "[" };
    size_t n = 1;
    for (int i = 0; i < t->ndim && n < sizeof s.text - 24; i++)
        n += (size_t)snprintf(s.text + n, sizeof s.text - n, "%s%lld", i ? "," : "",
                              (long long)t->shape[i]);
    snprintf(s.text + n, sizeof s.text - n, "]");
    return s;
}

int64_t fab_count(const fab_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
    return n;
}

int64_t fab_last(const fab_tensor *t) { return t->ndim ? t->shape[t->ndim - 1] : 1; }

int64_t fab_rows(const fab_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i + 1 < t->ndim; i++) n *= t->shape[i];
    return n;
}

bool fab_same_shape(const fab_tensor *a, const fab_tensor *b)
{
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

void fab_shape_copy(fab_tensor *y, const fab_tensor *like)
{
    y->ndim = like->ndim;
    for (int i = 0; i < like->ndim; i++) y->shape[i] = like->shape[i];
}

float *fab_grad_of(const fab_tensor *y, int i)
{
    return i < y->n_in && y->in[i] && y->in[i]->needs_grad ? y->in[i]->grad : NULL;
}

static bool need_dtype(fab_ctx *c, const fab_tensor *y, int i, fab_dtype want)
{
    if (y->in[i]->dtype == want) return true;
    return fab_fail(&c->err, FAB_EINTERNAL, "%s: input %d is %s, not %s", y->op->name, i,
                    fab_dtype_name(y->in[i]->dtype), fab_dtype_name(want));
}

bool fab_need_f32(fab_ctx *c, const fab_tensor *y, int i) { return need_dtype(c, y, i, FAB_F32); }
bool fab_need_i32(fab_ctx *c, const fab_tensor *y, int i) { return need_dtype(c, y, i, FAB_I32); }

bool fab_need_vector(fab_ctx *c, const fab_tensor *y, int i, int64_t n)
{
    const fab_tensor *t = y->in[i];
    if (t->ndim == 1 && t->shape[0] == n) return true;
    return fab_fail(&c->err, FAB_EINTERNAL, "%s: input %d is %s, not [%lld]", y->op->name, i,
                    fab_shape_str(t).text, (long long)n);
}

bool fab_need_suffix(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    bool ok = b->ndim <= a->ndim;
    for (int i = 0; ok && i < b->ndim; i++) ok = b->shape[i] == a->shape[a->ndim - b->ndim + i];
    if (!ok)
        return fab_fail(&c->err, FAB_EINTERNAL, "%s: %s is neither the shape %s nor its end",
                        y->op->name, fab_shape_str(b).text, fab_shape_str(a).text);
    fab_shape_copy(y, a);
    return true;
}

float *fab_take_f32(fab_ctx *c, int64_t n)
{
    return fab_arena_take(c->arena, (size_t)n * sizeof(float), &c->err);
}
float *fab_zero_f32(fab_ctx *c, int64_t n)
{
    return fab_arena_zero(c->arena, (size_t)n * sizeof(float), &c->err);
}

bool fab_axis(const fab_tensor *t, int axis, int *out)
{
    *out = axis < 0 ? axis + t->ndim : axis;
    return *out >= 0 && *out < t->ndim;
}

void fab_around(const fab_tensor *t, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int i = 0; i < axis; i++) *outer *= t->shape[i];
    for (int i = axis + 1; i < t->ndim; i++) *inner *= t->shape[i];
}
