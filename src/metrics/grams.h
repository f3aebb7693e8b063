/* grams: n-grams as numbers. An n+1-gram is the pair (number of its first n words, number of its
 * last word). */
#ifndef FAB_METRICS_GRAMS_H
#define FAB_METRICS_GRAMS_H

#include "metrics/word_table.h"

/* Numbers for pairs of numbers, 0, 1, 2 ... in the order of their first appearance. */
typedef struct {
    uint64_t *keys; /* [n_slots] */
    uint32_t *ids;  /* [n_slots] number + 1; 0: empty */
    uint64_t n_slots;
    uint32_t n;
} fab_pairs;

bool fab_pairs_new(fab_pairs *t, int64_t most, fab_arena *a,
                   fab_err *err); /* room for `most` different pairs */
uint32_t fab_pairs_id(fab_pairs *t, uint32_t left, uint32_t right);

/* The words of w as grams of one word, [w->n], to be lengthened; NULL: memory is out. */
uint32_t *fab_grams_new(const fab_word_row *w, fab_arena *a, fab_err *err);

/* grams[i], a number for the words i .. i+k-1, becomes one for i .. i+k; the last k entries are
 * void. */
void fab_grams_lengthen(uint32_t *grams, const fab_word_row *w, int k, fab_pairs *t);

#endif
