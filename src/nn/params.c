/* params: the visitors of a model's parameter list: fresh values, values of a file, counting. */
#include "nn/params.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "kernels/quantise.h"

/* ---- names ----------------------------------------------------------------------------------- */
size_t fab_params_enter(fab_params *p, const char *fmt, ...)
{
    size_t mark = p->prefix_len;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(p->prefix + mark, sizeof p->prefix - mark, fmt, ap);
    va_end(ap);
    if (n < 0 || mark + (size_t)n >= sizeof p->prefix)
        fab_fail(&p->err, FAB_EINTERNAL, "the parameter prefix %s is too long", p->prefix);
    else p->prefix_len += (size_t)n;
    return mark;
}

void fab_params_leave(fab_params *p, size_t mark)
{
    p->prefix_len = mark;
    p->prefix[mark] = 0;
}

void fab_params_ignore(fab_params *p, const char *part)
{
    if (p->n_ignore < (int)(sizeof p->ignore / sizeof *p->ignore)) p->ignore[p->n_ignore++] = part;
    else fab_fail(&p->err, FAB_EINTERNAL, "too many names to ignore at %s", part);
}

static void complain(fab_params *p, const char *fmt, ...) FAB_PRINTF(2, 3);
static void complain(fab_params *p, const char *fmt, ...)
{
    char line[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    size_t left = sizeof p->bad - p->bad_len;
    if (strlen(line) + 3 < left)
        p->bad_len +=
            (size_t)snprintf(p->bad + p->bad_len, left, "%s%s", p->n_bad ? ", " : "", line);
    p->n_bad++;
}

/* ---- beginning and end ----------------------------------------------------------------------- */
fab_params fab_params_init(fab_arena *arena, fab_param_list *list, uint64_t seed)
{
    fab_params p = {
        .visit = FAB_VISIT_INIT, .arena = arena, .list = list, .k = fab_kernels_best()
    };
    fab_rng_init(&p.rng, seed);
    return p;
}

fab_params fab_params_load(fab_arena *arena, fab_param_list *list, const fab_param_source *source)
{
    return (fab_params){ .visit = FAB_VISIT_LOAD,
                         .arena = arena,
                         .list = list,
                         .k = fab_kernels_best(),
                         .source = *source };
}

fab_params fab_params_count(void)
{
    return (fab_params){ .visit = FAB_VISIT_COUNT, .k = fab_kernels_best() };
}

static bool ignored(const fab_params *p, const char *name)
{
    for (int i = 0; i < p->n_ignore; i++)
        if (strstr(name, p->ignore[i])) return true;
    return false;
}

static bool visited(const fab_params *p, const char *name)
{
    return fab_param_named(p->list, name) != NULL;
}

static void find_left_over(fab_params *p)
{
    if (p->visit != FAB_VISIT_LOAD || p->allow_extra || !p->source.name_at || !p->list) return;
    const char *name;
    for (int64_t i = 0; (name = p->source.name_at(p->source.arg, i)); i++)
        if (!visited(p, name) && !ignored(p, name)) complain(p, "%s: not in the model", name);
}

bool fab_params_end(fab_params *p, fab_err *err)
{
    if (p->err.code) return fab_fail(err, p->err.code, "%s", p->err.text);
    if (p->n_bad == 0) find_left_over(p);
    if (p->n_bad == 0) return true;
    if (p->n_bad == 1) return fab_fail(err, FAB_EFORMAT, "%s", p->bad);
    return fab_fail(err, FAB_EFORMAT, "%d parameters do not fit: %s", p->n_bad, p->bad);
}

/* ---- fresh values ---------------------------------------------------------------------------- */
static float uniform(fab_rng *r, float bound) { return (2.0f * fab_rng_uniform(r) - 1.0f) * bound; }

static float draw(fab_rng *r, fab_init init, float fan_in, float fan_out)
{
    switch (init.kind) {
    case FAB_INIT_KIND_CONST: return init.a;
    case FAB_INIT_KIND_NORMAL: return init.a * fab_rng_normal(r);
    case FAB_INIT_KIND_XAVIER: return uniform(r, init.a * sqrtf(6.0f / (fan_in + fan_out)));
    case FAB_INIT_KIND_KAIMING: return init.a * sqrtf(1.0f / fan_in) * fab_rng_normal(r);
    case FAB_INIT_KIND_TRUNC: break;
    }
    float v;
    do v = fab_rng_normal(r);
    while (fabsf(v) > 2.0f);
    return init.a * v;
}

static void fill(fab_params *p, fab_tensor *t, fab_init init)
{
    float *w = t->data;
    int64_t n = fab_count(t);
    float fan_out = t->ndim > 1 ? (float)t->shape[0] : (float)n,
          fan_in = t->ndim > 1 ? (float)n / fan_out : (float)n;
    for (int64_t i = 0; i < n; i++) w[i] = draw(&p->rng, init, fan_in, fan_out);
}

/* ---- values of a file ------------------------------------------------------------------------ */
static void shape_text(char *out, size_t size, int ndim, const int64_t *shape)
{
    size_t n = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < ndim && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld", i ? "," : "", (long long)shape[i]);
    if (n < size) snprintf(out + n, size - n, "]");
}

/* Sizes agree when equal after dropping ones in front: a file's scalar [] fits [1], GGUF may keep
 * or drop them. */
static bool shapes_agree(const fab_tensor *t, int ndim, const int64_t *shape)
{
    int i = 0, j = 0;
    while (i < t->ndim && t->shape[i] == 1) i++;
    while (j < ndim && shape[j] == 1) j++;
    if (t->ndim - i != ndim - j) return false;
    for (; i < t->ndim; i++, j++)
        if (t->shape[i] != shape[j]) return false;
    return true;
}

static bool usable(fab_dtype d)
{
    return d == FAB_F32 || d == FAB_F16 || d == FAB_BF16 || fab_dtype_is_quantised(d);
}

/* Looks for a value that is not finite, a piece at a time. */
static bool finite(const fab_params *p, fab_dtype dtype, const void *data, int64_t n)
{
    if (fab_dtype_is_quantised(dtype)) return fab_quantised_finite(dtype, data, n);
    float piece[1024];
    int bytes = fab_dtype_bytes(dtype);
    for (int64_t i = 0; i < n; i += 1024) {
        int64_t m = n - i < 1024 ? n - i : 1024;
        p->k->to_f32(NULL, dtype, (const char *)data + i * bytes, piece, m);
        float sum = 0; /* 0 times anything finite; NaN or Inf shows */
        for (int64_t j = 0; j < m; j++) sum += 0.0f * piece[j];
        if (!(sum == 0)) return false;
    }
    return true;
}

/* Files promise no alignment; kernels read whole elements. */
static bool aligned(fab_dtype dtype, const void *data)
{
    return (uintptr_t)data % (dtype == FAB_F32 ? 4 : 2) == 0;
}

/* Training needs f32 of its own; inference borrows what the file maps. Only tables and matrices
 * keep a smaller type. */
static bool take_values(fab_params *p, fab_tensor *t, fab_dtype dtype, const void *data, bool small)
{
    int64_t n = fab_count(t);
    uint64_t bytes;
    bool widen = dtype != FAB_F32 && (p->train || !small);
    t->dtype = widen ? FAB_F32 : dtype;
    if (!fab_dtype_size(t->dtype, t->ndim, t->shape, NULL, &bytes)) {
        complain(p, "%s: rows of %lld values do not fill blocks of %s", t->name,
                 (long long)t->shape[t->ndim - 1], fab_dtype_name(dtype));
        return false;
    }
    if (!widen && !p->train && !p->copy) {
        t->data = (void *)data;
        return true;
    }
    t->data = fab_arena_take(p->arena, (size_t)bytes, &p->err);
    if (!t->data) return false;
    if (widen) p->k->to_f32(p->pool, dtype, data, t->data, n);
    else memcpy(t->data, data, (size_t)bytes);
    return true;
}

static const void *copied(fab_params *p, fab_dtype dtype, const fab_tensor *t, const void *data)
{
    uint64_t bytes;
    if (!fab_dtype_size(dtype, t->ndim, t->shape, NULL, &bytes)) {
        complain(p, "%s: its rows do not fill blocks of %s", t->name, fab_dtype_name(dtype));
        return NULL;
    }
    void *copy = fab_arena_take(p->arena, (size_t)bytes, &p->err);
    return copy ? memcpy(copy, data, (size_t)bytes) : NULL;
}

static bool load(fab_params *p, fab_tensor *t, bool small)
{
    fab_dtype dtype = FAB_F32;
    int ndim = 0;
    int64_t shape[FAB_MAX_DIM] = { 0 };
    const void *data = NULL;
    char file[64], model[64];
    if (!p->source.find(p->source.arg, t->name, &dtype, &ndim, shape, &data)) {
        complain(p, "%s: not in the file", t->name);
        return false;
    }
    if (!shapes_agree(t, ndim, shape)) {
        shape_text(file, sizeof file, ndim, shape);
        shape_text(model, sizeof model, t->ndim, t->shape);
        complain(p, "%s: file %s, model %s", t->name, file, model);
        return false;
    }
    if (!usable(dtype)) {
        complain(p, "%s: weights of %s are not supported", t->name, fab_dtype_name(dtype));
        return false;
    }
    if (!aligned(dtype, data) && !(data = copied(p, dtype, t, data))) return false;
    if (!(p->lazy && small) && !finite(p, dtype, data, fab_count(t))) {
        complain(p, "%s: holds values that are not finite", t->name);
        return false;
    }
    return take_values(p, t, dtype, data, small);
}

/* ---- one parameter --------------------------------------------------------------------------- */
static bool keep(fab_params *p, fab_tensor *t)
{
    fab_param_list *l = p->list;
    if (!l) return true;
    if (l->n == l->cap) {
        int64_t cap = l->cap ? 2 * l->cap : 128;
        fab_tensor **items = fab_arena_take(p->arena, (size_t)cap * sizeof *items, &p->err);
        if (!items) return false;
        if (l->n) memcpy(items, l->items, (size_t)l->n * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = t;
    return true;
}

static bool own_gradient(fab_params *p, fab_tensor *t)
{
    t->needs_grad = true;
    t->grad = fab_arena_zero(p->arena, (size_t)fab_count(t) * sizeof(float), &p->err);
    return t->grad != NULL;
}

static fab_tensor *make(fab_params *p, const char *name, const int64_t *shape, fab_init init,
                        bool small)
{
    fab_tensor *t = fab_arena_zero(p->arena, sizeof *t, &p->err);
    if (!t) return NULL;
    while (t->ndim < FAB_MAX_DIM && shape[t->ndim]) {
        t->shape[t->ndim] = shape[t->ndim];
        t->ndim++;
    }
    t->name = fab_arena_printf(p->arena, &p->err, "%s%s", p->prefix, name);
    if (!t->name) return NULL;
    if (p->visit == FAB_VISIT_LOAD) {
        if (!load(p, t, small)) return NULL;
    } else {
        t->data = fab_arena_take(p->arena, (size_t)fab_count(t) * sizeof(float), &p->err);
        if (!t->data) return NULL;
        fill(p, t, init);
    }
    return !p->train || own_gradient(p, t) ? t : NULL;
}

static void visit(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
                  fab_init init, bool small)
{
    *slot = NULL;
    int64_t n = 1;
    for (int i = 0; i < FAB_MAX_DIM && shape[i]; i++) n *= shape[i];
    p->n_params++;
    p->n_values += n;
    if (p->visit == FAB_VISIT_COUNT || p->err.code) return;
    fab_tensor *t = make(p, name, shape, init, small);
    if (t && keep(p, t)) *slot = t;
}

void fab_param(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
               fab_init init)
{
    visit(p, slot, name, shape, init, false);
}

void fab_param_table(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
                     fab_init init)
{
    visit(p, slot, name, shape, init, true);
}

void fab_param_matrix(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
                      fab_init init)
{
    visit(p, slot, name, shape, init, true);
    fab_tensor *t = *slot;
    if (!t || p->train || p->visit != FAB_VISIT_LOAD || t->ndim != 2) return;
    if (fab_dtype_is_quantised(t->dtype)) return; /* stays small; the products read its blocks */
    t->packed = fab_arena_zero(p->arena, sizeof *t->packed, &p->err);
    if (t->packed && !p->k->pack(t->packed, p->arena, t->data, t->dtype, t->shape[0], t->shape[1],
                                 p->bf16, &p->err))
        t->packed = NULL;
    uint64_t bytes;
    if (t->packed && p->source.copied && fab_dtype_size(t->dtype, 2, t->shape, NULL, &bytes))
        p->source.copied(p->source.arg, t->data, bytes);
}

/* ---- lists ----------------------------------------------------------------------------------- */
fab_tensor *fab_param_named(const fab_param_list *l, const char *name)
{
    for (int64_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i]->name, name) == 0) return l->items[i];
    return NULL;
}

bool fab_param_no_decay(const fab_tensor *t)
{
    static const char *const parts[] = { "norm",     "ln_",       "bias",        "scale",
                                         "position", "pos_embed", "class_embed", "gamma" };
    if (t->ndim < 2) return true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(t->name, parts[i])) return true;
    return false;
}

void fab_params_zero_grad(const fab_param_list *l)
{
    for (int64_t i = 0; i < l->n; i++)
        if (l->items[i]->grad)
            memset(l->items[i]->grad, 0, (size_t)fab_count(l->items[i]) * sizeof(float));
}

int64_t fab_params_freeze(const fab_param_list *l, const char *prefix, bool frozen)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->n; i++) {
        fab_tensor *t = l->items[i];
        if (strncmp(t->name, prefix, strlen(prefix)) != 0) continue;
        t->needs_grad = !frozen && t->grad;
        n++;
    }
    return n;
}
