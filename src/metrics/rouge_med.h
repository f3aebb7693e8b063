/* rouge_med: ROUGE-L, -W and -S over medical units, in Chinese and English.
 *
 * A text becomes units: a term of the lexicon (longest first, between word edges) is one unit, its
 * concept, so that synonyms and the two languages agree; any other word is a unit of weight 1. A
 * concept weighs 3 when it is a disease, finding, measurement, side, negation or drug, 2 when
 * anatomy, else 1. A term within five units behind a negation in its clause is the opposite
 * concept, so is one before "negative", 阴性, "excluded", 排除. A term takes the side nearest before it
 * (or "on the left" behind it) within three units; two units with opposite sides never agree.
 *
 *     L   longest common subsequence of greatest weight; R and P are its share of each text's weight
 *     W   runs weighted by length^1.2, times exp(-0.5 e), times 0.5 + 0.5 max(0, tau): e grammar flags a sentence that the
 *         text has beyond its reference, tau Kendall's of the order of matched sentences
 *     S   pairs of concepts in order with at most 4 between, and single concepts; with annotations of the picture 0.5 of it,
 *         0.35 F1 of (finding, site, side), 0.15 the picture's cosine from 0.1..0.4 to 0..1, less
 *         0.1 a contradiction; what is missing is left out. A reference without a concept is
 *         compared by all its units.
 *
 * F is the harmonic mean. No word in the text: 0. Without a lexicon L is ROUGE-L.
 */
#ifndef FAB_METRICS_ROUGE_MED_H
#define FAB_METRICS_ROUGE_MED_H

#include "metrics/rouge.h"
#include "text/segment.h"

typedef enum { FAB_MED_L, FAB_MED_W, FAB_MED_S } fab_med_kind;

typedef struct {
    bool no_terms;              /* an empty dictionary */
    const fab_lexicon *lexicon; /* NULL: the one in the program */
} fab_med_opts;

/* What the picture shows, for S: concepts of the lexicon's names; site and side may be NULL. */
typedef struct {
    const char *finding, *site, *side; /* side: "left", "right", "bilateral" */
} fab_med_mark;

typedef struct {
    const fab_med_mark *marks; /* NULL: none given */
    int n_marks;
    double cosine; /* of picture and text; NaN: none given */
} fab_med_picture;

typedef struct {
    fab_prf score;
    double s, g, tau;         /* of W: F before the factors, grammar factor, order */
    double text, image, clip; /* of S: parts; NaN: left out */
    int contradictions;       /* of S */
} fab_med_score;

/* One unit of the reference that the text has (won) or has not (lost), or one that only the text
 * has (extra). */
typedef struct {
    const char *status; /* "won", "lost", "extra" */
    const char *unit;   /* a concept's name, or the word; lent by the handle until the next call */
    bool concept, negated;
    const char *side; /* "left", "right", "bilateral" or NULL */
    const char *why;  /* of a lost unit: "negation differs", "side differs", or NULL */
    double weight;
    size_t at, end; /* bytes of the reference, of the text when extra */
} fab_med_entry;

typedef struct fab_rouge_med fab_rouge_med; /* one thread at a time */

fab_rouge_med *fab_rouge_med_new(const fab_med_opts *o, fab_err *err);
void fab_rouge_med_free(fab_rouge_med *m);
const char *fab_rouge_med_version(
    const fab_rouge_med *m); /* of dictionary and lexicon; print it beside a score */

/* Against the reference with the best F. picture may be NULL; only S looks at it. */
bool fab_rouge_med_measure(fab_rouge_med *m, fab_med_kind kind, fab_text hyp, const fab_text *refs,
                           int n_refs, const fab_med_picture *picture, fab_med_score *out,
                           fab_err *err);

/* L's ledger against one reference: entries in the order of the reference, then the extra ones. */
const fab_med_entry *fab_rouge_med_explain(fab_rouge_med *m, fab_text hyp, fab_text ref, int64_t *n,
                                           fab_err *err);

/* The segmenter as other metrics call it (fab_segment of word_table.h); arg: a fab_rouge_med. */
bool fab_rouge_med_cut(void *arg, const char *s, size_t n, fab_word_row *to, fab_err *err);

#endif
