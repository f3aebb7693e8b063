/* meteor: see meteor.h.
 *
 * With m matched words, P = m / words of the text, R = m / words of the reference and c chunks
 * (runs of matches that are adjacent and in order in both):
 *
 *   METEOR = (1 - 0.5 (c/m)^3) P R / (0.9 P + 0.1 R)
 *
 * Matching is greedy from the end: each word of the text, the last first, takes the last free equal
 * word of the reference; what is left is tried again by stems, then by synonyms. A text equal to
 * its reference scores 1 - 0.5 / m^3, not 1.
 */
#include "metrics/meteor.h"

#include <math.h>
#include <string.h>

typedef struct {
    uint32_t *hyp, *ref; /* keys compared in this stage */
    int64_t n_hyp, n_ref;
    int64_t *match; /* [n_hyp] place in the reference; -1: free */
    uint8_t *taken; /* [n_ref] */
} alignment;

/* Free words with equal keys are matched. before[j] = the free word with the same key before j;
 * last by key. */
static bool match_keys(alignment *a, uint32_t n_keys, fab_arena *scratch, fab_err *err)
{
    fab_arena_mark mark = fab_arena_save(scratch);
    int64_t *last = fab_arena_take(scratch, n_keys * sizeof *last, err),
            *before = fab_arena_take(scratch, (size_t)a->n_ref * sizeof *before, err);
    bool ok = last && before;
    for (uint32_t k = 0; ok && k < n_keys; k++) last[k] = -1;
    for (int64_t j = 0; ok && j < a->n_ref; j++) {
        if (a->taken[j]) continue;
        before[j] = last[a->ref[j]];
        last[a->ref[j]] = j;
    }
    for (int64_t i = a->n_hyp - 1; ok && i >= 0; i--) {
        int64_t j = a->match[i] < 0 ? last[a->hyp[i]] : -1;
        if (j < 0) continue;
        a->match[i] = j;
        a->taken[j] = 1;
        last[a->hyp[i]] = before[j];
    }
    fab_arena_release(scratch, mark);
    return ok;
}

/* keys[i] = the number of the stem of word i. */
static bool stem_keys(fab_word_table *t, const fab_word_row *from, uint32_t *keys, fab_err *err)
{
    char word[256];
    fab_word_row to = { 0 };
    bool ok = true;
    for (int64_t i = 0; ok && i < from->n; i++) {
        size_t n;
        const char *s = fab_word_text(t, from->ids[i], &n);
        keys[i] = from->ids[i];
        if (n >= sizeof word) continue;
        memcpy(word, s, n);
        fab_word_row_init(&to, t);
        ok = fab_word_row_put(&to, word, fab_porter(word, n, FAB_STEM_NLTK), err);
        if (ok && to.n) keys[i] = to.ids[0];
    }
    fab_word_row_clear(&to);
    return ok;
}

static void match_synonyms(alignment *a, fab_word_table *t, const fab_word_row *hyp,
                           const fab_word_row *ref, fab_synonyms same, void *arg)
{
    for (int64_t i = a->n_hyp - 1; i >= 0; i--) {
        if (a->match[i] >= 0) continue;
        const char *word = fab_word_text(t, hyp->ids[i], NULL);
        for (int64_t j = a->n_ref - 1; j >= 0 && a->match[i] < 0; j--) {
            if (a->taken[j] || !same(arg, word, fab_word_text(t, ref->ids[j], NULL))) continue;
            a->match[i] = j;
            a->taken[j] = 1;
        }
    }
}

static double score_of(const alignment *a)
{
    int64_t m = 0, chunks = 0, last_i = -2, last_j = -2;
    for (int64_t i = 0; i < a->n_hyp; i++) {
        int64_t j = a->match[i];
        if (j < 0) continue;
        chunks += m == 0 || i != last_i + 1 || j != last_j + 1;
        last_i = i;
        last_j = j;
        m++;
    }
    if (!m) return 0;
    double p = (double)m / (double)a->n_hyp, r = (double)m / (double)a->n_ref;
    double mean = p * r / (0.9 * p + (1 - 0.9) * r);
    return (1 - 0.5 * pow((double)chunks / (double)m, 3)) * mean;
}

static bool alignment_new(alignment *a, const fab_word_row *hyp, const fab_word_row *ref,
                          fab_arena *scratch, fab_err *err)
{
    *a = (alignment){ .n_hyp = hyp->n, .n_ref = ref->n };
    a->hyp = fab_arena_take(scratch, (size_t)hyp->n * sizeof *a->hyp, err);
    a->ref = fab_arena_take(scratch, (size_t)ref->n * sizeof *a->ref, err);
    a->match = fab_arena_take(scratch, (size_t)hyp->n * sizeof *a->match, err);
    a->taken = fab_arena_zero(scratch, (size_t)ref->n, err);
    if (!a->hyp || !a->ref || !a->match || !a->taken) return false;
    for (int64_t i = 0; i < hyp->n; i++) a->hyp[i] = hyp->ids[i], a->match[i] = -1;
    for (int64_t j = 0; j < ref->n; j++) a->ref[j] = ref->ids[j];
    return true;
}

bool fab_meteor(fab_word_table *t, const fab_word_row *hyp, const fab_word_row *ref,
                fab_synonyms synonyms, void *arg, fab_arena *scratch, double *score, fab_err *err)
{
    fab_arena_mark before = fab_arena_save(scratch);
    alignment a;
    bool ok = alignment_new(&a, hyp, ref, scratch, err) &&
              match_keys(&a, fab_word_table_count(t), scratch, err) &&
              stem_keys(t, hyp, a.hyp, err) && stem_keys(t, ref, a.ref, err) &&
              match_keys(&a, fab_word_table_count(t), scratch, err);
    if (ok && synonyms) match_synonyms(&a, t, hyp, ref, synonyms, arg);
    if (ok) *score = score_of(&a);
    fab_arena_release(scratch, before);
    return ok;
}
