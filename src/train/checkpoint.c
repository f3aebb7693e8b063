/* checkpoint: see checkpoint.h. What is in a file is stated once, by tensors(): saving writes that
 * list, loading checks a file against it and copies into it. */
#include "train/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "format/weights.h"
#include "format/weights_write.h"

#define FORMAT "fabrica-checkpoint-1"

typedef struct {
    const char *newest, *older;
} files;

typedef struct {
    fab_weight *items; /* data points into the run's own memory */
    int64_t n;
    int64_t *updates, counters[2]; /* gathered from the slots; put back by a load */
} list;

static bool name_files(files *f, fab_arena *a, const char *dir, fab_err *err)
{
    f->newest = fab_path_join(a, dir, "last.safetensors", err);
    f->older = fab_path_join(a, dir, "previous.safetensors", err);
    return f->newest && f->older;
}

/* ---- the list ---- */

static bool add(list *l, fab_arena *a, const char *kind, const char *name, fab_dtype dtype,
                int ndim, const int64_t *shape, const void *data, fab_err *err)
{
    fab_weight *w = &l->items[l->n++];
    *w = (fab_weight){ .dtype = dtype, .ndim = ndim, .data = data };
    w->name = fab_arena_printf(a, err, "%s/%s", kind, name);
    for (int i = 0; i < ndim; i++) w->shape[i] = shape[i];
    return w->name && (fab_dtype_size(dtype, ndim, w->shape, NULL, &w->bytes) ||
                       fab_fail(err, FAB_EINTERNAL, "%s: has no size", w->name));
}

static bool add_slot(list *l, fab_arena *a, const fab_optim_slot *s, fab_err *err)
{
    const fab_tensor *t = s->param;
    return add(l, a, "param", t->name, FAB_F32, t->ndim, t->shape, t->data, err) &&
           add(l, a, "m", t->name, FAB_F32, t->ndim, t->shape, s->m, err) &&
           add(l, a, "v", t->name, FAB_F32, t->ndim, t->shape, s->v, err) &&
           (!s->ema || add(l, a, "ema", t->name, FAB_F32, t->ndim, t->shape, s->ema, err));
}

static bool tensors(list *l, fab_arena *a, const fab_checkpoint *c, fab_err *err)
{
    const fab_optim *o = c->optim;
    *l = (list){ .counters = { o->step, o->skipped } };
    l->items = fab_arena_zero(a, (size_t)(4 * o->list.n + 4) * sizeof *l->items, err);
    l->updates = fab_arena_zero(a, (size_t)(o->list.n + 1) * sizeof *l->updates, err);
    if (!l->items || !l->updates) return false;
    for (int64_t i = 0; i < o->list.n; i++) {
        l->updates[i] = o->slots[i].updates;
        if (!add_slot(l, a, &o->slots[i], err)) return false;
    }
    const int64_t rngs[] = { c->n_rngs, 4 }, positions[] = { c->n_positions }, two[] = { 2 };
    return add(l, a, "state", "updates", FAB_I64, 1, &o->list.n, l->updates, err) &&
           add(l, a, "state", "counters", FAB_I64, 1, two, l->counters, err) &&
           (!c->n_rngs || add(l, a, "state", "rng", FAB_U64, 2, rngs, c->rngs, err)) &&
           (!c->n_positions ||
            add(l, a, "state", "positions", FAB_U64, 1, positions, c->positions, err));
}

/* Of the bytes in the list's order; found[i], when given, holds them in the place of the list's
 * own. */
static void checksum(const list *l, const fab_weight *const *found, char hex[17])
{
    uint64_t h = 0;
    for (int64_t i = 0; i < l->n; i++)
        h = fab_hash64(found ? found[i]->data : l->items[i].data, (size_t)l->items[i].bytes, h);
    snprintf(hex, 17, "%016llx", (unsigned long long)h);
}

/* ---- saving ---- */

static json_t *metadata(const fab_checkpoint *c, const list *l, fab_err *err)
{
    char sum[17];
    checksum(l, NULL, sum);
    json_t *meta = c->meta ? json_incref(c->meta) : json_object();
    json_t *o = json_object();
    char *text = json_dumps(meta, FAB_JSON_DUMP);
    bool ok = text && json_object_set_new(o, "format", json_string(FORMAT)) == 0 &&
              json_object_set_new(o, "recipe", json_string(c->recipe ? c->recipe : "")) == 0 &&
              json_object_set_new(o, "meta", json_string(text)) == 0 &&
              json_object_set_new(o, "sum", json_string(sum)) == 0;
    fab_free(text);
    json_decref(meta);
    if (ok) return o;
    json_decref(o);
    fab_fail(err, FAB_ENOMEM, "no memory for a checkpoint's metadata");
    return NULL;
}

static bool write(const char *dir, fab_arena *a, const fab_checkpoint *c, fab_err *err)
{
    list l;
    files f;
    if (!name_files(&f, a, dir, err) || !tensors(&l, a, c, err)) return false;
    json_t *meta = metadata(c, &l, err);
    if (!meta) return false;
    bool ok = !fab_exists(f.newest) || rename(f.newest, f.older) == 0 ||
              fab_fail(err, FAB_EIO, "%s: cannot be renamed to %s", f.newest, f.older);
    ok = ok && fab_safetensors_write(f.newest, l.items, l.n, meta, err);
    json_decref(meta);
    return ok;
}

bool fab_checkpoint_save(const char *dir, const fab_checkpoint *c, fab_err *err)
{
    if (c->optim->swapped)
        return fab_fail(err, FAB_EINTERNAL, "%s: the averages are in the parameters", dir);
    fab_arena *a = fab_mkdirs(dir, err) ? fab_arena_new(0, err) : NULL;
    bool ok = a && write(dir, a, c, err);
    fab_arena_free(a);
    return ok;
}

/* ---- loading ---- */

static void shape_text(char *s, size_t size, int ndim, const int64_t *shape)
{
    size_t n = (size_t)snprintf(s, size, "[");
    for (int i = 0; i < ndim && n < size; i++)
        n += (size_t)snprintf(s + n, size - n, "%s%lld", i ? "," : "", (long long)shape[i]);
    if (n < size) snprintf(s + n, size - n, "]");
}

static bool same_shape(const fab_weight *have, const fab_weight *want, fab_err *err)
{
    bool same = have->dtype == want->dtype && have->ndim == want->ndim;
    for (int i = 0; same && i < want->ndim; i++) same = have->shape[i] == want->shape[i];
    if (same) return true;
    char file[64], run[64];
    shape_text(file, sizeof file, have->ndim, have->shape);
    shape_text(run, sizeof run, want->ndim, want->shape);
    return fab_fail(err, FAB_EFORMAT, "%s: file %s %s, this run %s %s", want->name,
                    fab_dtype_name(have->dtype), file, fab_dtype_name(want->dtype), run);
}

static bool same_recipe(const fab_weights *w, const fab_checkpoint *c, fab_err *err)
{
    const char *format = fab_weights_str(w, "format", NULL),
               *recipe = fab_weights_str(w, "recipe", err);
    if (!format || strcmp(format, FORMAT) != 0)
        return fab_fail(err, FAB_EFORMAT, "format: is %.40s, %s is wanted",
                        format ? format : "not said", FORMAT);
    if (!recipe || !c->recipe || strcmp(recipe, c->recipe) == 0) return recipe != NULL;
    return fab_fail(err, FAB_EUSAGE, "made by the recipe %.16s, this one is %.16s", recipe,
                    c->recipe);
}

/* A tensor of the file that this run has no place for. */
static bool name_extra(const fab_weights *w, const list *l, fab_err *err)
{
    for (int64_t i = 0; i < fab_weights_count(w); i++) {
        const char *name = fab_weights_at(w, i)->name;
        int64_t j = 0;
        while (j < l->n && strcmp(l->items[j].name, name) != 0) j++;
        if (j == l->n) return fab_fail(err, FAB_EFORMAT, "%s: in the file, not in this run", name);
    }
    return fab_fail(err, FAB_EFORMAT, "%lld tensors, this run has %lld",
                    (long long)fab_weights_count(w), (long long)l->n);
}

/* Everything that must agree before a byte is copied; found[i] is the file's tensor for the i-th of
 * the list. */
static bool match(const fab_weights *w, const fab_checkpoint *c, const list *l,
                  const fab_weight **found, fab_err *err)
{
    if (!same_recipe(w, c, err)) return false;
    for (int64_t i = 0; i < l->n; i++) {
        found[i] = fab_weights_find(w, l->items[i].name, err);
        if (!found[i] || !same_shape(found[i], &l->items[i], err)) return false;
    }
    return fab_weights_count(w) == l->n || name_extra(w, l, err);
}

static bool whole(const fab_weights *w, const list *l, const fab_weight *const *found, fab_err *err)
{
    char sum[17];
    const char *want = fab_weights_str(w, "sum", err);
    checksum(l, found, sum);
    if (!want || strcmp(want, sum) == 0) return want != NULL;
    return fab_fail(err, FAB_EINTEGRITY, "the checksum is %s, the file says %.16s", sum, want);
}

static bool copy(const fab_weights *w, fab_checkpoint *c, const list *l,
                 const fab_weight *const *found, fab_err *err)
{
    const char *text = fab_weights_str(w, "meta", err);
    json_t *meta = text ? fab_json_parse(text, strlen(text), err) : NULL;
    if (!meta) return false;
    for (int64_t i = 0; i < l->n; i++)
        memcpy((void *)(uintptr_t)l->items[i].data, found[i]->data, l->items[i].bytes);
    for (int64_t i = 0; i < c->optim->list.n; i++) c->optim->slots[i].updates = l->updates[i];
    c->optim->step = l->counters[0];
    c->optim->skipped = l->counters[1];
    c->meta = meta;
    return true;
}

static bool load_file(const char *path, fab_arena *a, fab_checkpoint *c, fab_err *err)
{
    list l;
    fab_weights *w = fab_weights_open(path, err);
    if (!w) return false;
    const fab_weight **found = NULL;
    bool ok = tensors(&l, a, c, err) &&
              (found = fab_arena_zero(a, (size_t)(l.n + 1) * sizeof *found, err)) != NULL &&
              match(w, c, &l, found, err) && whole(w, &l, found, err) && copy(w, c, &l, found, err);
    if (!ok) fab_while(err, "%s", path);
    fab_weights_close(w);
    return ok;
}

/* Whether the newest file is gone or damaged, rather than made for something else. */
static bool damaged(const char *path, fab_code why)
{
    fab_weights *w = fab_weights_open(path, NULL);
    fab_weights_close(w);
    return !w || why == FAB_EINTEGRITY;
}

static bool load(const char *dir, fab_arena *a, fab_checkpoint *c, fab_err *err)
{
    fab_err first = FAB_ERR_INIT;
    files f;
    if (!name_files(&f, a, dir, err)) return false;
    if (load_file(f.newest, a, c, &first)) return true;
    if (!fab_exists(f.older) || !damaged(f.newest, first.code))
        return fab_fail(err, first.code, "%s", first.text);
    fab_log(FAB_LOG_WARN, "%s; going on from %s", first.text, f.older);
    return load_file(f.older, a, c, err);
}

bool fab_checkpoint_load(const char *dir, fab_checkpoint *c, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    bool ok = a && load(dir, a, c, err);
    if (ok) c->optim->swapped = false;
    fab_arena_free(a);
    return ok;
}

/* ---- the folder ---- */

bool fab_checkpoint_exists(const char *dir)
{
    files f;
    fab_arena *a = fab_arena_new(0, NULL);
    bool there = a && name_files(&f, a, dir, NULL) && (fab_exists(f.newest) || fab_exists(f.older));
    fab_arena_free(a);
    return there;
}

static bool unlink_file(const char *path, fab_err *err)
{
    return !fab_exists(path) || remove(path) == 0 ||
           fab_fail(err, FAB_EIO, "%s: cannot be removed", path);
}

bool fab_checkpoint_remove(const char *dir, fab_err *err)
{
    files f;
    fab_arena *a = fab_arena_new(0, err);
    bool ok =
        a && name_files(&f, a, dir, err) && unlink_file(f.newest, err) && unlink_file(f.older, err);
    fab_arena_free(a);
    return ok;
}
