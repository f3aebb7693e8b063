/* source: format's tensors handed to nn, which knows no formats. */
#include "zoo/source.h"
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
