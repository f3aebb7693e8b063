/* risk: what is gained by keeping silent when unsure (selective prediction, Geifman & El-Yaniv
 * 2017).
 *
 *   answer the k surest of n:  coverage k / n,  risk = mean loss of these,  loss = 1 - points
 *   AURC = mean of the risk over k = 1..n;  excess AURC = AURC less that of the best possible order
 *
 * Rows of equal confidence stand in every order at once: inside such a run the losses are its mean.
 */
#ifndef FAB_EVALUATE_RISK_H
#define FAB_EVALUATE_RISK_H

#include <jansson.h>
#include "base/arena.h"

typedef struct {
    int64_t n;
    double aurc, excess;
    double *score;     /* [n]: mean points of the k + 1 surest, in the arena */
    double *threshold; /* [n]: the confidence of the k-th */
} fab_risk;

/* confidence[n] finite, points[n] in 0..1. n = 0 is an error. */
bool fab_risk_measure(const double *confidence, const double *points, int64_t n, fab_arena *a,
                      fab_risk *out, fab_err *err);

/* {n, aurc, excess_aurc, curve: [{coverage, score, threshold}, ...] at 5 %, 10 %, ... 100 %,
 *  coverage_at: {"0.95": the largest coverage at which the score is at least that, 0.9, 0.8}} */
json_t *fab_risk_json(const double *confidence, const double *points, int64_t n, fab_arena *a,
                      fab_err *err);

#endif
