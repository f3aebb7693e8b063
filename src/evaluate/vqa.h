/* vqa: exact match of answers, by type and language, and what a model reaches that sees only the
 * question.
 *
 * Two answers match when they are equal after trimming the ends, lower-casing ASCII, and
 * stripping the final stop (one '.' or '。'). Scores are fractions of exact matches; a class with
 * no records scores 0 with n 0.
 */
#ifndef FAB_EVALUATE_VQA_H
#define FAB_EVALUATE_VQA_H

#include <jansson.h>
#include "data/record.h"

typedef struct {
    int64_t n, n_open, n_closed;
    double overall, open, closed;
} fab_vqa_score;

typedef struct {
    fab_vqa_score all, by_lang[FAB_LANGS];
} fab_vqa_scores;

char *fab_vqa_normal(fab_arena *a, const char *answer, fab_err *err);
bool fab_vqa_match(const char *answer, const char *reference);

/* points[i], 0 to 1, belongs to items[i]: then the fractions are mean points. */
fab_vqa_scores fab_vqa_sum(const fab_qa *items, const double *points, int64_t n);

/* answers[i] belongs to items[i]; NULL counts as wrong. */
fab_vqa_scores fab_vqa_measure(const fab_qa *items, const char *const *answers, int64_t n);

/* Emitters of the contract: {n, overall, open, closed, by_lang: {en: {...}, zh: {...}}}; a
 * language with no records is left out. question_only, blank and seconds (< 0) may be absent.
 * New references; NULL: memory is out. */
json_t *fab_vqa_json(const fab_vqa_scores *s);
json_t *fab_vqa_report(const fab_vqa_scores *model, const fab_vqa_scores *question_only,
                       const fab_vqa_scores *blank, double seconds_per_question);

/* The question-only baseline. An exact question seen in training answers its most frequent
 * answer; else a naive Bayes classifier over the question's words (characters and pairs of
 * characters in Chinese). Data sets word and answer differently, so a record whose source was
 * trained on is answered from that source alone (on VQA-RAD 0.42 against 0.36 from all sources
 * together); one of another source is answered from the source that fits it best. */
typedef struct fab_blind fab_blind;
fab_blind *fab_blind_train(const fab_qa *items, int64_t n, fab_err *err);
void fab_blind_free(fab_blind *b);
const char *fab_blind_answer(const fab_blind *b,
                             const fab_qa *q); /* question, lang, source; borrowed; "" untrained */
bool fab_blind_measure(const fab_blind *b, const fab_qa *items, int64_t n, fab_vqa_scores *out,
                       fab_err *err);

/* As JSON text, so that it travels inside a model file; parse retrains. */
char *fab_blind_pack(const fab_blind *b, fab_arena *a, fab_err *err);
fab_blind *fab_blind_parse(const void *json, size_t size, fab_err *err);

#endif
