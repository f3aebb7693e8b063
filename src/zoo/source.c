/* source: format's tensors handed to nn, which knows no formats. */
#include "zoo/source.h"
#include <string.h>

static bool give(const fab_weight *e, fab_dtype *dtype, int *ndim, int64_t shape[FAB_MAX_DIM],
                 const void **data)
{
    if (!e) return false;
    *dtype = e->dtype;
    *ndim = e->ndim;
    memcpy(shape, e->shape, sizeof e->shape);
    *data = e->data;
    return true;
}

static bool find(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                 int64_t shape[FAB_MAX_DIM], const void **data)
{
    return give(fab_weights_find(arg, name, NULL), dtype, ndim, shape, data);
}

static const char *name_at(void *arg, int64_t i)
{
    return i < fab_weights_count(arg) ? fab_weights_at(arg, i)->name : NULL;
}

fab_param_source fab_source_weights(const fab_weights *w)
{
    return (fab_param_source){ (void *)w, find, name_at };
}

static bool find_renamed(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                         int64_t shape[FAB_MAX_DIM], const void **data)
{
    const fab_source_view *v = arg;
    const fab_weight *e = NULL;
    for (int64_t i = 0; i < v->n && !e; i++)
        if (!strcmp(v->items[i].name, name)) e = v->items[i].entry;
    return give(e, dtype, ndim, shape, data);
}

static const char *renamed_at(void *arg, int64_t i)
{
    const fab_source_view *v = arg;
    return i < v->n ? v->items[i].name : NULL;
}

fab_param_source fab_source_renamed(const fab_source_view *v)
{
    return (fab_param_source){ (void *)v, find_renamed, renamed_at };
}
