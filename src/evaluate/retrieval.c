/* retrieval: figures from ranks. See retrieval.h. */
#include "evaluate/retrieval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "data/record.h"
#include "evaluate/numbers.h"
#include "metrics/stats.h"

enum { KS = 4, MISSING = 1 << 30 };
static const int ks[KS] = { 1, 5, 10, 50 };

enum { HIT, RECALL, PRECISION, RANDOM, PER_K };
enum { MAP = KS * PER_K, MRR, FIGURES };

/* figures of every query, [n, FIGURES] */
typedef struct {
    double *values, *first; /* first: the best rank of each */
    int64_t n, cap;
} table;

/* Hit of a random order: 1 - prod_{i<k} (N - r - i) / (N - i). */
static double by_chance(double N, double r, int k)
{
    double miss = 1;
    for (int i = 0; i < k && i < N; i++) miss *= fmax(0, N - r - i) / (N - i);
    return 1 - miss;
}

/* One query from the rising ranks of its relevant candidates. */
static bool add_query(table *t, const int64_t *ranks, int64_t relevant, int64_t candidates,
                      fab_err *err)
{
    if (t->n == t->cap) {
        int64_t cap = t->cap ? 2 * t->cap : 256;
        if (!fab_grow((void **)&t->values, (size_t)cap, FIGURES * sizeof *t->values, err) ||
            !fab_grow((void **)&t->first, (size_t)cap, sizeof *t->first, err))
            return false;
        t->cap = cap;
    }
    double *v = t->values + t->n * FIGURES, ap = 0;
    for (int i = 0; i < KS; i++) {
        int64_t in = 0;
        while (in < relevant && ranks[in] <= ks[i]) in++;
        v[i * PER_K + HIT] = in > 0;
        v[i * PER_K + RECALL] = (double)in / (double)relevant;
        v[i * PER_K + PRECISION] = (double)in / ks[i];
        v[i * PER_K + RANDOM] = by_chance((double)candidates, (double)relevant, ks[i]);
    }
    for (int64_t i = 0; i < relevant; i++)
        if (ranks[i] < MISSING) ap += (double)(i + 1) / (double)ranks[i];
    v[MAP] = ap / (double)relevant;
    v[MRR] = ranks[0] < MISSING ? 1 / (double)ranks[0] : 0;
    t->first[t->n++] = (double)ranks[0];
    return true;
}

/* ---- a table's report -------------------------------------------------------------------------- */

static void means(void *arg, const int32_t *times, double *out)
{
    const table *t = arg;
    double n = 0;
    for (int k = 0; k < FIGURES; k++) out[k] = 0;
    for (int64_t i = 0; i < t->n; i++) {
        if (!times[i]) continue;
        n += times[i];
        for (int k = 0; k < FIGURES; k++) out[k] += times[i] * t->values[i * FIGURES + k];
    }
    for (int k = 0; k < FIGURES; k++) out[k] = n > 0 ? out[k] / n : NAN;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static json_t *at_k(const fab_interval *v)
{
    double random = v[RANDOM].value;
    return json_pack("{s:f,s:[o,o],s:f,s:f,s:f,s:o}", "hit", v[HIT].value, "interval",
                     fab_number_json(v[HIT].low), fab_number_json(v[HIT].high), "recall",
                     v[RECALL].value, "precision", v[PRECISION].value, "random", random, "fold",
                     fab_number_json(random > 0 ? v[HIT].value / random : NAN));
}

static json_t *table_report(table *t, int64_t candidates, const fab_measure_opts *o, fab_err *err)
{
    fab_interval v[FIGURES];
    fab_boot_opts boot = { .resamples = o->resamples, .seed = o->seed };
    char name[16];
    if (!fab_boot(means, t, t->n, FIGURES, &boot, v, err)) return NULL;
    json_t *k = json_object();
    for (int i = 0; i < KS; i++) {
        if (ks[i] > candidates) break;
        snprintf(name, sizeof name, "%d", ks[i]);
        json_object_set_new(k, name, at_k(v + i * PER_K));
    }
    qsort(t->first, (size_t)t->n, sizeof *t->first, by_value);
    double median = fab_quantile_sorted(t->first, t->n, 0.5);
    if (median > (double)candidates) median = NAN; /* behind the end of a ranking */
    return json_pack("{s:I,s:I,s:o,s:f,s:[o,o],s:f,s:o}", "n", (json_int_t)t->n, "candidates",
                     (json_int_t)candidates, "at", k, "map", v[MAP].value, "map_interval",
                     fab_number_json(v[MAP].low), fab_number_json(v[MAP].high), "mrr", v[MRR].value,
                     "median_rank", fab_number_json(median));
}

static void table_free(table *t)
{
    fab_free(t->values);
    fab_free(t->first);
}

/* ---- vectors ----------------------------------------------------------------------------------- */

typedef struct {
    float score;
    bool relevant;
} candidate;

/* Falling score; among equals the irrelevant first. */
static int best_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score) return (x->score < y->score) - (x->score > y->score);
    return x->relevant - y->relevant;
}

static float dot(const float *a, const float *b, int64_t E)
{
    double sum = 0;
    for (int64_t i = 0; i < E; i++) sum += (double)a[i] * b[i];
    return (float)sum;
}

/* Queries of one side against the other. of_image: the query side is the images. */
static json_t *direction(const fab_pairs *p, bool of_image, const fab_measure_opts *o, fab_err *err)
{
    int64_t n = of_image ? p->n_images : p->n_texts, N = of_image ? p->n_texts : p->n_images;
    const float *from = of_image ? p->images : p->texts, *to = of_image ? p->texts : p->images;
    candidate *c = fab_new_array((size_t)N, sizeof *c, err);
    int64_t *ranks = fab_new_array((size_t)N, sizeof *ranks, err);
    table t = { 0 };
    bool ok = c && ranks;
    for (int64_t q = 0; ok && q < n; q++) {
        int64_t relevant = 0;
        for (int64_t i = 0; i < N; i++)
            c[i] = (candidate){ dot(from + q * p->E, to + i * p->E, p->E),
                                of_image ? p->text_of[q] == i : p->text_of[i] == q };
        qsort(c, (size_t)N, sizeof *c, best_first);
        for (int64_t i = 0; i < N; i++)
            if (c[i].relevant) ranks[relevant++] = i + 1;
        ok = add_query(&t, ranks, relevant, N, err);
    }
    json_t *v = ok ? table_report(&t, N, o, err) : NULL;
    fab_free(c);
    fab_free(ranks);
    table_free(&t);
    return v;
}

json_t *fab_retrieval_report(const fab_pairs *p, const fab_measure_opts *opts, fab_err *err)
{
    static const fab_measure_opts none;
    const fab_measure_opts *o = opts ? opts : &none;
    if (p->n_texts < 2)
        return fab_fail(err, FAB_EFORMAT,
                        "%lld images with %lld different texts: nothing to tell apart",
                        (long long)p->n_images, (long long)p->n_texts),
               NULL;
    json_t *a = direction(p, false, o, err), *b = a ? direction(p, true, o, err) : NULL;
    if (!b) {
        json_decref(a);
        return NULL;
    }
    return json_pack("{s:I,s:I,s:I,s:o,s:o}", "images", (json_int_t)p->n_images, "texts",
                     (json_int_t)p->n_texts, "failed", (json_int_t)p->failed, "text_to_image", a,
                     "image_to_text", b);
}

/* ---- rankings of another system ---------------------------------------------------------------- */

typedef struct {
    table t;
    double candidates;
    fab_arena *arena;
} rankings;

/* Integers before texts. */
static int by_id(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    if (json_is_string(x) != json_is_string(y)) return json_is_string(x) ? 1 : -1;
    if (json_is_string(x)) return strcmp(json_string_value(x), json_string_value(y));
    json_int_t m = json_integer_value(x), n = json_integer_value(y);
    return (m > n) - (m < n);
}

/* An id that stands twice would be found twice. */
static bool all_different(const json_t *list, const char *key, fab_arena *a, fab_err *err)
{
    size_t n = json_array_size(list), i;
    json_t *v, **sorted = fab_arena_take(a, n * sizeof *sorted, err);
    if (!sorted) return false;
    json_array_foreach(list, i, v) sorted[i] = v;
    qsort(sorted, n, sizeof *sorted, by_id);
    for (i = 1; i < n; i++) {
        if (by_id(&sorted[i - 1], &sorted[i])) continue;
        if (json_is_string(sorted[i]))
            return fab_fail(err, FAB_EFORMAT, "%s: \"%.80s\" stands there twice", key,
                            json_string_value(sorted[i]));
        return fab_fail(err, FAB_EFORMAT, "%s: %lld stands there twice", key,
                        (long long)json_integer_value(sorted[i]));
    }
    return true;
}

static bool id_list(const json_t *o, const char *key, const json_t **list, fab_arena *a,
                    fab_err *err)
{
    size_t i;
    json_t *v;
    *list = json_object_get(o, key);
    if (!json_array_size(*list))
        return fab_fail(err, FAB_EFORMAT, "no field \"%s\" with a list of ids", key);
    json_array_foreach(*list, i, v) if (!json_is_string(v) && !json_is_integer(v)) return fab_fail(
        err, FAB_EFORMAT, "%s: place %zu is neither a text nor an integer", key, i + 1);
    return all_different(*list, key, a, err);
}

static int by_rank(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool one_ranking(void *arg, const json_t *o, fab_err *err)
{
    rankings *r = arg;
    const json_t *list, *relevant;
    size_t i, k;
    json_t *v, *x;
    fab_arena_reset(r->arena);
    if (!id_list(o, "ranking", &list, r->arena, err) ||
        !id_list(o, "relevant", &relevant, r->arena, err))
        return false;
    double N = (double)json_array_size(list);
    if (json_object_get(o, "candidates") && !fab_json_num(o, "candidates", &N, err)) return false;
    if (!(N >= (double)json_array_size(list)) || N != floor(N) ||
        N < (double)json_array_size(relevant))
        return fab_fail(err, FAB_EFORMAT, "candidates: %g, the ranking has %zu, %zu are relevant",
                        N, json_array_size(list), json_array_size(relevant));
    int64_t *ranks = fab_arena_take(r->arena, json_array_size(relevant) * sizeof *ranks, err);
    if (!ranks) return false;
    json_array_foreach(relevant, i, v)
    {
        ranks[i] = MISSING;
        json_array_foreach(list, k, x) if (json_equal(v, x))
        {
            ranks[i] = (int64_t)k + 1;
            break;
        }
    }
    qsort(ranks, json_array_size(relevant), sizeof *ranks, by_rank);
    r->candidates = fmax(r->candidates, N);
    return add_query(&r->t, ranks, (int64_t)json_array_size(relevant), (int64_t)N, err);
}

json_t *fab_rankings_report(const char *path, const fab_measure_opts *o, fab_err *err)
{
    static const fab_measure_opts none;
    rankings r = { .arena = fab_arena_new(0, err) };
    bool ok = r.arena && fab_jsonl_each(path, one_ranking, &r, err);
    if (ok && !r.t.n) ok = fab_fail(err, FAB_EFORMAT, "%s: no records", path);
    json_t *v = ok ? table_report(&r.t, (int64_t)r.candidates, o ? o : &none, err) : NULL;
    table_free(&r.t);
    fab_arena_free(r.arena);
    return v ? json_pack("{s:o}", "rankings", v) : NULL;
}
