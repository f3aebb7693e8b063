/* bleu: BLEU (Papineni 2002) as sacrebleu computes it, 0 to 100.
 *
 * A corpus is the sum of its records' counts; a sentence is a corpus of one with effective_order.
 * Smoothing: exp (mteval-v13a's, sacrebleu's default), floor, add-k, none. */
#ifndef FAB_METRICS_BLEU_H
#define FAB_METRICS_BLEU_H

#include "metrics/mt_words.h"
#include "metrics/rouge.h"

enum { FAB_BLEU_ORDER = 4 };

typedef struct {
    double hyp_len, ref_len; /* words; the reference nearest in length, the shorter of equals */
    double correct[FAB_BLEU_ORDER], total[FAB_BLEU_ORDER];
} fab_bleu_counts;

typedef enum {
    FAB_BLEU_EXP,
    FAB_BLEU_FLOOR,
    FAB_BLEU_ADD_K,
    FAB_BLEU_UNSMOOTHED
} fab_bleu_smoothing;

typedef struct {
    fab_bleu_smoothing smoothing;
    double value;         /* of floor and add-k; negative: sacrebleu's 0.1 and 1 */
    bool effective_order; /* orders of which the text has no n-gram do not count */
    int order;            /* 0: 4 */
} fab_bleu_opts;

typedef struct {
    double score, precisions[FAB_BLEU_ORDER], brevity;
} fab_bleu;

bool fab_bleu_smoothing_named(const char *name, fab_bleu_smoothing *s, fab_err *err);

/* Counts of one text. hyp and refs are rows of one table since its last begin. */
bool fab_bleu_count(const fab_word_row *hyp, const fab_word_row *refs, int n_refs,
                    fab_arena *scratch, fab_bleu_counts *out, fab_err *err);
void fab_bleu_add(fab_bleu_counts *sum, const fab_bleu_counts *one, double times);
fab_bleu fab_bleu_score(const fab_bleu_counts *c, const fab_bleu_opts *o);

#endif
