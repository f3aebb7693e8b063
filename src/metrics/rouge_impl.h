/* rouge_impl: what the files of rouge share: one metric on one text and one reference gives three
 * numbers. */
#ifndef FAB_METRICS_ROUGE_IMPL_H
#define FAB_METRICS_ROUGE_IMPL_H

#include "metrics/grams.h"
#include "metrics/rouge.h"

typedef struct {
    double hits, ref, hyp; /* units both have; units of the reference, of the text */
} overlap;

typedef struct {
    const fab_word_row *hyp, *ref;
    uint32_t n_ids;
    fab_rouge_mode mode;
    fab_arena *scratch;
    fab_err *err;
} comparison;

static inline int64_t fab_line_end(const fab_word_row *w, int64_t line)
{
    return line + 1 < w->n_lines ? w->lines[line + 1] : w->n;
}

/* Each false with err set: memory, or a text above a limit. */
bool fab_overlap_ngram(const comparison *c, int n, overlap *o);
bool fab_overlap_lcs(const comparison *c, overlap *o);
bool fab_overlap_union(const comparison *c, overlap *o);
bool fab_overlap_weighted(const comparison *c, overlap *o);
bool fab_overlap_skip(const comparison *c, int skip, bool unigrams, overlap *o);

/* How often each number is in w, [n_ids]; to be spent one by one. A reference never marks a word
 * more often than it has it, so that the reference's own count needs no table. */
uint32_t *fab_count_words(const fab_word_row *w, uint32_t n_ids, fab_arena *a, fab_err *err);
static inline bool fab_spend(uint32_t *left, uint32_t id)
{
    if (!left[id]) return false;
    left[id]--;
    return true;
}

double fab_run_weight(double k);         /* k^1.2, W's weight of a run of k words */
double fab_run_weight_inverse(double x); /* x^(1/1.2) */

#endif
