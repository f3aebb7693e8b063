/* perplexity: a published text decoder put to the test on a file of records of words, a JSONL line
 * each.
 *
 *   {"text": "..."}                          foretold, in windows of FAB_EVAL_WINDOW tokens that all
 *                                            begin with <bos>, or with the token before them
 *   {"question": "...", "answer": "..."}     answered greedily in the model's chat template (without
 *                                            one: "Question: ...\nAnswer:", up to the line's end)
 *                                            and compared as fab_vqa_match does; the answer is
 *                                            foretold
 */
#ifndef FAB_EVALUATE_PERPLEXITY_H
#define FAB_EVALUATE_PERPLEXITY_H

#include "engine/generate.h"

enum { FAB_EVAL_WINDOW = 512 };

typedef struct {
    int64_t limit;                                           /* the first so many records; 0: all */
    int max_tokens;                                          /* of an answer; 0: 48 */
    void (*on_step)(void *arg, int64_t done, int64_t total); /* may be NULL; total 0: unknown */
    void *arg;
} fab_words_opts;

typedef struct {
    int64_t n;            /* records */
    int64_t tokens;       /* foretold */
    double logp;          /* sum of the log probabilities of these */
    int64_t asked, right; /* answers, exact ones among them */
} fab_words_score;

/* A record that is neither, has an image, or is too long is an error that names its line. */
bool fab_words_measure(fab_generator *g, const char *path, const fab_words_opts *o,
                       fab_words_score *out, fab_err *err);
double fab_words_perplexity(const fab_words_score *w); /* exp(-logp / tokens); NaN without tokens */

#endif
