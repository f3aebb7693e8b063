/* cider: see cider.h.
 *
 * With N records, tf the count of an n-gram in a text and df the records whose references have it:
 *
 *   v[g] = tf (log N - log max(1, df))
 *   sim_n(hyp, ref) = sum_g min(v_hyp, v_ref) v_ref / (|v_hyp| |v_ref|) exp(-d^2 / (2 6^2))
 *
 * where d is the difference in bigrams. The score is 10 times the mean over references and over n =
 * 1..4.
 */
#include "metrics/cider.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/grams.h"

typedef struct {
    uint32_t *ids;
    int64_t n;
} row;

typedef struct {
    row *texts; /* the text, then its references */
    int n_texts;
} record;

struct fab_cider {
    fab_arena *arena;
    record *records;
    int64_t n, cap, words;
};

fab_cider *fab_cider_new(fab_err *err)
{
    fab_cider *c = fab_new(sizeof *c, err);
    if (c && (c->arena = fab_arena_new(0, err))) return c;
    fab_cider_free(c);
    return NULL;
}

void fab_cider_free(fab_cider *c)
{
    if (!c) return;
    fab_arena_free(c->arena);
    fab_free(c->records);
    fab_free(c);
}

bool fab_cider_add(fab_cider *c, const fab_word_row *hyp, const fab_word_row *refs, int n_refs,
                   fab_err *err)
{
    if (n_refs < 1) return fab_fail(err, FAB_EUSAGE, "no reference");
    if (c->n == c->cap) {
        int64_t cap = c->cap ? c->cap * 2 : 64;
        if (!fab_grow((void **)&c->records, (size_t)cap, sizeof *c->records, err)) return false;
        c->cap = cap;
    }
    record r = { .n_texts = n_refs + 1 };
    r.texts = fab_arena_take(c->arena, (size_t)r.n_texts * sizeof *r.texts, err);
    if (!r.texts) return false;
    for (int i = 0; i < r.n_texts; i++) {
        const fab_word_row *w = i ? &refs[i - 1] : hyp;
        r.texts[i] = (row){ fab_grams_new(w, c->arena, err), w->n };
        if (!r.texts[i].ids) return false;
        c->words += w->n;
    }
    c->records[c->n++] = r;
    return true;
}

/* ---- one order n ---- */

typedef struct {
    uint32_t id, count;
} gram;

typedef struct {
    gram *grams; /* [n], by id */
    int64_t n;
    double norm;
} vector;

typedef struct {
    uint32_t *df; /* [numbers] */
    double log_n;
    int n; /* words of a gram */
} order;

static int by_id(const void *a, const void *b)
{
    uint32_t x = ((const gram *)a)->id, y = ((const gram *)b)->id;
    return (x > y) - (x < y);
}

/* The different grams of a text of which `ids` are numbers of n words each. */
static bool vector_new(vector *v, const row *text, int n, fab_arena *a, fab_err *err)
{
    int64_t all = text->n - n + 1, k = 0;
    *v = (vector){ 0 };
    if (all <= 0) return true;
    v->grams = fab_arena_take(a, (size_t)all * sizeof *v->grams, err);
    if (!v->grams) return false;
    for (int64_t i = 0; i < all; i++) v->grams[i] = (gram){ text->ids[i], 1 };
    qsort(v->grams, (size_t)all, sizeof *v->grams, by_id);
    for (int64_t i = 1; i < all; i++) {
        if (v->grams[i].id == v->grams[k].id) v->grams[k].count++;
        else v->grams[++k] = v->grams[i];
    }
    v->n = k + 1;
    return true;
}

static double weight(const order *o, const gram *g)
{
    return g->count * (o->log_n - log(fmax(1, o->df[g->id])));
}

static double norm_of(const order *o, const vector *v)
{
    double sum = 0;
    for (int64_t i = 0; i < v->n; i++) sum += pow(weight(o, &v->grams[i]), 2);
    return sqrt(sum);
}

static double similarity(const order *o, const vector *hyp, const vector *ref)
{
    double sum = 0;
    for (int64_t i = 0, j = 0; i < hyp->n && j < ref->n;) {
        uint32_t a = hyp->grams[i].id, b = ref->grams[j].id;
        if (a == b) {
            double r = weight(o, &ref->grams[j]);
            sum += fmin(weight(o, &hyp->grams[i]), r) * r;
        }
        i += a <= b;
        j += b <= a;
    }
    return hyp->norm != 0 && ref->norm != 0 ? sum / (hyp->norm * ref->norm) : sum;
}

static int64_t bigrams(const row *r) { return r->n > 1 ? r->n - 1 : 0; }

/* Counts, in df, the records whose references have each gram. seen: the record + 1 that last
 * counted it. */
static bool count_df(const fab_cider *c, order *o, uint32_t numbers, fab_arena *a, fab_err *err)
{
    o->df = fab_arena_zero(a, numbers * sizeof *o->df, err);
    int64_t *seen = fab_arena_zero(a, numbers * sizeof *seen, err);
    if (!o->df || !seen) return false;
    for (int64_t r = 0; r < c->n; r++)
        for (int t = 1; t < c->records[r].n_texts; t++)
            for (int64_t i = 0; i + o->n <= c->records[r].texts[t].n; i++) {
                uint32_t g = c->records[r].texts[t].ids[i];
                o->df[g] += seen[g] != r + 1;
                seen[g] = r + 1;
            }
    return true;
}

static bool score_record(const order *o, const record *r, fab_arena *a, double *score, fab_err *err)
{
    vector hyp, ref;
    if (!vector_new(&hyp, &r->texts[0], o->n, a, err)) return false;
    hyp.norm = norm_of(o, &hyp);
    for (int t = 1; t < r->n_texts; t++) {
        double d = (double)(bigrams(&r->texts[0]) - bigrams(&r->texts[t]));
        if (!vector_new(&ref, &r->texts[t], o->n, a, err)) return false;
        ref.norm = norm_of(o, &ref);
        *score += 10 * similarity(o, &hyp, &ref) * exp(-d * d / 72) /
                  (FAB_CIDER_ORDER * (r->n_texts - 1));
    }
    return true;
}

/* ids: n-grams become n+1-grams. last: the words, kept from the start. */
static bool lengthen_all(fab_cider *c, row **words, int n, fab_arena *a, uint32_t *numbers,
                         fab_err *err)
{
    fab_pairs t;
    if (!fab_pairs_new(&t, c->words, a, err)) return false;
    for (int64_t r = 0; r < c->n; r++)
        for (int k = 0; k < c->records[r].n_texts; k++) {
            const fab_word_row w = { .ids = words[r][k].ids, .n = words[r][k].n };
            fab_grams_lengthen(c->records[r].texts[k].ids, &w, n, &t);
        }
    *numbers = t.n;
    return true;
}

/* A copy of the words: the rows of the records turn into longer grams. */
static row **copy_words(const fab_cider *c, uint32_t *numbers, fab_err *err)
{
    row **all = fab_arena_take(c->arena, (size_t)c->n * sizeof *all, err);
    for (int64_t r = 0; all && r < c->n; r++) {
        all[r] = fab_arena_take(c->arena, (size_t)c->records[r].n_texts * sizeof *all[r], err);
        if (!all[r]) return NULL;
        for (int k = 0; k < c->records[r].n_texts; k++) {
            const row *from = &c->records[r].texts[k];
            const fab_word_row w = { .ids = from->ids, .n = from->n };
            all[r][k] = (row){ fab_grams_new(&w, c->arena, err), from->n };
            if (!all[r][k].ids) return NULL;
            for (int64_t i = 0; i < from->n; i++)
                if (from->ids[i] >= *numbers) *numbers = from->ids[i] + 1;
        }
    }
    return all;
}

bool fab_cider_scores(fab_cider *c, double *out, fab_err *err)
{
    uint32_t numbers = 0;
    row **words = copy_words(c, &numbers, err);
    if (!words) return false;
    memset(out, 0, (size_t)c->n * sizeof *out);
    for (int n = 1; n <= FAB_CIDER_ORDER; n++) {
        fab_arena_mark before = fab_arena_save(c->arena);
        order o = { .log_n = log((double)c->n), .n = n };
        if ((n > 1 && !lengthen_all(c, words, n - 1, c->arena, &numbers, err)) ||
            !count_df(c, &o, numbers, c->arena, err))
            return false;
        for (int64_t r = 0; r < c->n; r++) {
            fab_arena_mark mark = fab_arena_save(c->arena);
            if (!score_record(&o, &c->records[r], c->arena, &out[r], err)) return false;
            fab_arena_release(c->arena, mark);
        }
        fab_arena_release(c->arena, before);
    }
    return true;
}
