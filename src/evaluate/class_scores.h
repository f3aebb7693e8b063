/* class_scores: accuracy, macro F1, area under the ROC curve, confusion.
 *
 *   F1[c] = 2 tp / (2 tp + fp + fn), 0 when no example and no call
 *   macro F1 = mean over the classes with any example
 *   AUC[c] = (sum of the positives' ranks - P (P + 1) / 2) / (P N), one against the rest;
 *            ties share the mean rank (Mann-Whitney)
 */
#ifndef FAB_EVALUATE_CLASS_SCORES_H
#define FAB_EVALUATE_CLASS_SCORES_H

#include <jansson.h>
#include "base/arena.h"

typedef struct {
    int64_t n; /* examples of the class */
    double precision, recall, f1;
    double auc; /* NaN when one side is empty */
} fab_class_score;

typedef struct {
    int64_t n;
    int n_classes;
    double accuracy, macro_f1, auc; /* auc: mean of the classes' where defined; NaN when nowhere */
    fab_class_score *per_class;     /* [C] in the arena */
    int64_t *confusion;             /* [C, C]: row truth, column call */
} fab_classify_scores;

/* scores [n, C] (any monotone score), truth[n] in [0, C). The call is the largest score, the
 * first of equals. NaN scores and a truth out of range are errors. */
bool fab_classify_measure(const float *scores, const int *truth, int64_t n, int C, fab_arena *a,
                          fab_classify_scores *out, fab_err *err);

/* AUC of scores against 0/1 truth; NaN when one side is empty. false: memory, NaN score. */
bool fab_auc(const float *scores, const uint8_t *positive, int64_t n, double *auc, fab_err *err);

/* {n, accuracy, macro_f1, auc, per_class: {name: {n, precision, recall, f1, auc}}, confusion};
 * NaN becomes null. */
json_t *fab_classify_json(const fab_classify_scores *s, const char *const *names);

#endif
