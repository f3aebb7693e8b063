/* average: see average.h. */
#include "train/average.h"

#include <string.h>
#include "base/arena.h"
#include "base/json.h"
#include "format/weights_write.h"
#include "kernels/kernels.h"

enum { MAX_KEYS = 256 };

typedef struct {
    fab_weights *file[FAB_AVERAGE_MOST];
    const char *const *paths;
    int n;
    fab_arena *arena;
    fab_pool *pool;
} soup;

static bool same_words(const soup *s, int i, const char *key, fab_err *err)
{
    int64_t n = 0, m = 0;
    const char *const *a = fab_weights_strs(s->file[0], key, &n, NULL),
                      *const *b = fab_weights_strs(s->file[i], key, &m, NULL);
    bool same = n == m && !a == !b;
    for (int64_t k = 0; same && a && k < n; k++) same = strcmp(a[k], b[k]) == 0;
    return same ||
           fab_fail(err, FAB_EUSAGE, "%s and %s have different %s", s->paths[0], s->paths[i], key);
}

static bool same_tensor(const soup *s, int i, const fab_weight *a, const fab_weight **b,
                        fab_err *err)
{
    if (!(*b = fab_weights_find(s->file[i], a->name, err)))
        return fab_while(err, "%s", s->paths[i]);
    int64_t n = 0, m = 0;
    fab_dtype_size(a->dtype, a->ndim, a->shape, &n, NULL);
    fab_dtype_size((*b)->dtype, (*b)->ndim, (*b)->shape, &m, NULL);
    bool same = a->ndim == (*b)->ndim;
    for (int d = 0; same && d < a->ndim; d++) same = a->shape[d] == (*b)->shape[d];
    if (!same)
        return fab_fail(err, FAB_EUSAGE,
                        "%s: %s has %d dimensions and %lld values, in %s %d and %lld", s->paths[i],
                        a->name, (*b)->ndim, (long long)m, s->paths[0], a->ndim, (long long)n);
    return !fab_dtype_is_quantised((*b)->dtype) ||
           fab_fail(err, FAB_EUNSUPPORTED, "%s: %s is %s: quantised models are not averaged",
                    s->paths[i], a->name, fab_dtype_name((*b)->dtype));
}

static bool open_all(soup *s, fab_err *err)
{
    for (int i = 0; i < s->n; i++) {
        if (!(s->file[i] = fab_weights_open(s->paths[i], err))) return false;
        if (strcmp(fab_weights_format(s->file[i]), "gguf") != 0)
            return fab_fail(err, FAB_EUNSUPPORTED, "%s: is %s, GGUF is wanted", s->paths[i],
                            fab_weights_format(s->file[i]));
        int64_t here = fab_weights_count(s->file[i]), first = fab_weights_count(s->file[0]);
        if (here != first)
            return fab_fail(err, FAB_EUSAGE, "%s has %lld tensors, %s %lld", s->paths[i],
                            (long long)here, s->paths[0], (long long)first);
        if (!same_words(s, i, "tokenizer.ggml.tokens", err)) return false;
    }
    return true;
}

/* Into w: the mean over all files, in w's own type. */
static bool average(soup *s, fab_weight *w, fab_err *err)
{
    const fab_kernels *k = fab_kernels_best();
    int64_t n = 0;
    fab_dtype_size(w->dtype, w->ndim, w->shape, &n, NULL);
    float *sum = fab_arena_zero(s->arena, (size_t)n * sizeof *sum, err),
          *one = fab_arena_take(s->arena, (size_t)n * sizeof *one, err);
    void *raw = fab_arena_take(s->arena, (size_t)n * sizeof *sum, err); /* files align nothing */
    if (!sum || !one || !raw) return false;
    const fab_weight first = *w, *from = NULL;
    for (int i = 0; i < s->n; i++) {
        if (!same_tensor(s, i, &first, &from, err)) return false;
        memcpy(raw, from->data, (size_t)from->bytes);
        k->to_f32(s->pool, from->dtype, raw, one, n);
        for (int64_t j = 0; j < n; j++) sum[j] += one[j] / (float)s->n;
    }
    if (w->dtype == FAB_F32) w->data = sum;
    else if (!k->from_f32(s->pool, w->dtype, sum, raw, n))
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: %s: %s cannot be averaged", s->paths[0],
                        w->name, fab_dtype_name(w->dtype));
    else w->data = raw;
    return true;
}

/* The first file's metadata but for what was measured of it alone. */
static bool copy_keys(soup *s, fab_gguf *g, fab_err *err)
{
    const char *but[MAX_KEYS + 1], *key;
    json_t *all = fab_weights_describe(s->file[0], false, err), *v;
    int n = 0;
    if (!all) return false;
    json_object_foreach(json_object_get(all, "metadata"), key,
                        v) if (strncmp(key, "fabrica.", 8) == 0 &&
                               strcmp(key, "fabrica.question_only") != 0 && n < MAX_KEYS) but[n++] =
        key;
    but[n] = NULL;
    fab_gguf_copy(g, s->file[0], but); /* the write tells the first failure */
    json_decref(all);
    return true;
}

/* The first file's card without what was measured of it, with what all of them cost; NULL with err. */
static char *card_of(soup *s, fab_err *err)
{
    static const char *const kept[] = { "schema",        "name",         "intended_use",
                                        "training_data", "started_from", "before" };
    json_t *card = json_object();
    int64_t steps = 0;
    double seconds = 0;
    for (int i = 0; i < s->n; i++) {
        const char *text = fab_weights_str(s->file[i], "fabrica.card", NULL);
        json_t *one = text ? fab_json_parse(text, strlen(text), NULL) : NULL,
               *cost = json_object_get(one, "cost");
        for (size_t k = 0; i == 0 && k < sizeof kept / sizeof *kept; k++)
            json_object_set(card, kept[k], json_object_get(one, kept[k]));
        steps += json_integer_value(json_object_get(cost, "steps"));
        seconds += json_number_value(json_object_get(cost, "seconds"));
        json_decref(one);
    }
    json_object_set_new(card, "averaged", json_integer(s->n));
    json_object_set_new(card, "cost",
                        json_pack("{s:I, s:f}", "steps", (json_int_t)steps, "seconds", seconds));
    char *text = json_dumps(card, JSON_COMPACT | JSON_REAL_PRECISION(9)),
         *out = text ? fab_arena_strdup(s->arena, text, err) : NULL;
    if (!text) fab_fail(err, FAB_ENOMEM, "no memory for the card");
    fab_free(text);
    json_decref(card);
    return out;
}

static bool write_mean(soup *s, const char *out, fab_err *err)
{
    fab_gguf *g = fab_gguf_new(err);
    const char *card = g ? card_of(s, err) : NULL;
    bool ok = card && copy_keys(s, g, err);
    if (ok) fab_gguf_str(g, "fabrica.card", card);
    for (int64_t i = 0; ok && i < fab_weights_count(s->file[0]); i++) {
        fab_weight w = *fab_weights_at(s->file[0], i);
        ok = average(s, &w, err);
        if (ok) fab_gguf_tensor(g, w.name, w.dtype, w.ndim, w.shape, w.data);
    }
    ok = ok && fab_gguf_write(g, out, err);
    fab_gguf_free(g);
    return ok;
}

bool fab_average(const char *const *paths, int n, const char *out, fab_pool *pool, fab_err *err)
{
    soup s = { .paths = paths, .n = n, .pool = pool };
    if (n < 2 || n > FAB_AVERAGE_MOST)
        return fab_fail(err, FAB_EUSAGE, "%d models, 2 to %d are averaged", n, FAB_AVERAGE_MOST);
    s.arena = fab_arena_new(0, err);
    bool ok = s.arena && open_all(&s, err) && write_mean(&s, out, err);
    for (int i = 0; i < n; i++) fab_weights_close(s.file[i]);
    fab_arena_free(s.arena);
    return ok;
}
