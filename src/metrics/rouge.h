/* rouge: overlap of a text with its references (Lin 2004), equal to the tools that publish numbers.
 *
 * perl155      ROUGE-1.5.5 with -a -f A: references are pooled; recall and precision are rounded to five decimals, F is
 *              made from the rounded ones and rounded again. No exception lists (the official data
 *              file must be built by hand, the published vectors were made without).
 * rouge_score  the Python package: the reference with the best F counts. W, S and SU, which it lacks, as in paper.
 * paper        rouge_score's words; W normalised once, SU with every word, union LCS not clipped.
 *
 * The formulas stand at the heads of rouge.c, rouge_lcs.c and rouge_skip.c.
 */
#ifndef FAB_METRICS_ROUGE_H
#define FAB_METRICS_ROUGE_H

#include "metrics/word_table.h"

typedef struct {
    double r, p, f;
} fab_prf;

typedef enum { FAB_ROUGE_SCORE, FAB_ROUGE_PERL155, FAB_ROUGE_PAPER } fab_rouge_mode;

typedef enum {
    FAB_ROUGE_N,
    FAB_ROUGE_L,    /* the whole text as one line */
    FAB_ROUGE_LSUM, /* a line is a sentence: union of the common subsequences */
    FAB_ROUGE_W,  /* runs weighted by length^1.2; a line is a sentence in perl155, else one line */
    FAB_ROUGE_S,  /* pairs of words in order */
    FAB_ROUGE_SU, /* and single words */
} fab_rouge_kind;

typedef struct {
    fab_rouge_kind kind;
    int n; /* N: words in a gram, 1..9; S, SU: most words skipped, -1: any number */
} fab_rouge_metric;

/* rouge1 .. rouge9, rougeL, rougeLsum, rougeW, rougeS, rougeSU, rougeS4, rougeSU4 (any number up to
 * 99). */
bool fab_rouge_named(const char *name, fab_rouge_metric *m, fab_err *err);

typedef struct {
    fab_rouge_mode mode;
    bool stem;
    fab_script script;
    fab_segment segment; /* of word_table.h; NULL: CJK characters one by one */
    void *segment_arg;
} fab_rouge_opts;

typedef struct {
    const char *s;
    size_t n;
} fab_text;

typedef struct fab_rouge fab_rouge; /* tables and scratch; one thread at a time */

fab_rouge *fab_rouge_new(const fab_rouge_opts *o, fab_err *err);
void fab_rouge_free(fab_rouge *s); /* NULL is fine */

/* Scores one text against its references: out[i] by metrics[i]. A text without any word scores 0
 * everywhere. Fails on broken UTF-8 and on no reference. */
bool fab_rouge_measure(fab_rouge *s, fab_text hyp, const fab_text *refs, int n_refs,
                       const fab_rouge_metric *metrics, int n_metrics, fab_prf *out, fab_err *err);
int64_t fab_rouge_words(const fab_rouge *s); /* words of the last hyp */

/* Longest common subsequence of two rows of numbers below n_ids; a's positions on the one that the
 * official tools trace back are set in mask [n_a] (kept bits stay; may be NULL). Scratch from the
 * arena. -1 with err set: memory. */
int64_t fab_lcs(const uint32_t *a, int64_t n_a, const uint32_t *b, int64_t n_b, uint32_t n_ids,
                uint8_t *mask, fab_arena *scratch, fab_err *err);

#endif
