/* source: format's tensors handed to nn, which knows no formats. */
#include "zoo/source.h"

#include <math.h>
#include <string.h>

static bool find(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                 int64_t shape[FAB_MAX_DIM], const void **data)
{
    const fab_weight *e = fab_weights_find(arg, name, NULL);
    if (!e) return false;
    *dtype = e->dtype;
    *ndim = e->ndim;
    memcpy(shape, e->shape, sizeof e->shape);
    *data = e->data;
    return true;
}

static const char *name_at(void *arg, int64_t i)
{
    return i < fab_weights_count(arg) ? fab_weights_at(arg, i)->name : NULL;
}

static void copied(void *arg, const void *data, uint64_t bytes)
{
    fab_weights_forget(arg, data, bytes);
}

fab_param_source fab_source_weights(const fab_weights *w)
{
    return (fab_param_source){ (void *)w, find, name_at, copied };
}

float *fab_source_f32(const fab_weight *w, fab_pool *pool, fab_arena *a, fab_err *err)
{
    int64_t n = 0;
    fab_dtype_size(w->dtype, w->ndim, w->shape, &n, NULL);
    void *copy = fab_arena_take(a, (size_t)w->bytes, err); /* files align nothing */
    float *x = copy ? fab_arena_take(a, (size_t)n * sizeof *x, err) : NULL;
    if (!x) return NULL;
    memcpy(copy, w->data, (size_t)w->bytes);
    fab_kernels_best()->to_f32(pool, w->dtype, copy, x, n);
    return x;
}

const float *fab_source_numbers(const fab_weights *w, const char *key, int64_t need, fab_arena *a,
                                fab_err *err)
{
    int64_t n = 0;
    const float *v = fab_weights_f32s(w, key, a, &n, err);
    if (!v) return NULL;
    if (n != need)
        return fab_fail(err, FAB_EFORMAT, "%s: %lld numbers, %lld are needed", key, (long long)n,
                        (long long)need),
               NULL;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return fab_fail(err, FAB_EFORMAT, "%s: number %lld is not finite", key, (long long)i),
                   NULL;
    return v;
}
