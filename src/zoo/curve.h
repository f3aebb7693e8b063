/* curve: a model's probabilities made to say how often they are right, by a few numbers that its
 * file carries (evaluate/calibrate.h fits them).
 *
 *   p'_k is proportional to p_k^slope exp(offset_k)      k = 0..n-1
 *
 * Vector scaling with one slope for all outcomes (Guo et al. 2017); of two outcomes, and an offset
 * for the first alone, the logistic curve p' = sigmoid(slope logit p + offset) (Platt 1999).
 * Probabilities are kept within FAB_CURVE_LEAST and 1 - FAB_CURVE_LEAST before.
 */
#ifndef FAB_ZOO_CURVE_H
#define FAB_ZOO_CURVE_H

#include "base/err.h"

enum { FAB_CURVE_MOST = 8 };
#define FAB_CURVE_LEAST 1e-4

typedef struct {
    float slope; /* 0: no curve, probabilities stay as they are */
    float offset[FAB_CURVE_MOST];
} fab_curve;

/* A slope below 0 and numbers that are not finite are errors. */
bool fab_curve_check(const fab_curve *c, fab_err *err);
/* p [n]: probabilities that sum to 1, in place. n <= FAB_CURVE_MOST. */
void fab_curve_apply(const fab_curve *c, double *p, int n);
/* The first of two outcomes. */
double fab_curve_at(const fab_curve *c, double p);
double fab_curve_clamp(double p);

#endif
