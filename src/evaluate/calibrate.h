/* calibrate: do probabilities mean what they say, and one temperature to make them.
 *
 *   ECE = sum_b n_b / n |accuracy(b) - confidence(b)|, 15 equal-width bins (Guo et al. 2017)
 *   Brier = mean over examples of sum_c (p_c - y_c)^2
 *   T* = argmin_T  -mean log softmax(z / T)[y], golden section over log T in [log 0.05, log 20]
 */
#ifndef FAB_EVALUATE_CALIBRATE_H
#define FAB_EVALUATE_CALIBRATE_H

#include "base/arena.h"
#include "zoo/curve.h"

enum { FAB_ECE_BINS = 15 };
#define FAB_SLOPE_LEAST 0.05 /* of a fitted curve: more said never means less */

typedef struct {
    int64_t n;
    double ece, brier, nll;
    int64_t bin_n[FAB_ECE_BINS];
    double bin_confidence[FAB_ECE_BINS], bin_accuracy[FAB_ECE_BINS];
} fab_calibration;

/* p [n, C]: probabilities; truth[n]. Errors: a row that does not sum to 1 +- 1e-3, NaN, a truth
 * out of range. */
bool fab_calibration_measure(const float *p, const int *truth, int64_t n, int C,
                             fab_calibration *out, fab_err *err);

/* The same error of confidences [n] in the answers of which correct [n], 0 to 1, came true. NAN of
 * none. */
double fab_ece(const double *confidence, const double *correct, int64_t n);

/* z [n, C]: logits. *T by NLL; 1 when n is 0. */
bool fab_temperature_fit(const float *z, const int *truth, int64_t n, int C, double *T,
                         fab_err *err);

/* y ~ sigmoid(slope z + offset) for two classes that weigh the same, whatever their numbers (Platt
 * 1999: targets (P+1)/(P+2) and 1/(N+2); Newton steps). Identity when a class is empty; a slope is
 * at least FAB_SLOPE_LEAST. */
void fab_platt_fit(const float *z, const uint8_t *y, int64_t n, double *slope, double *offset);

/* The curve (zoo/curve.h) under which p [n,C] say best which of the outcomes true of a record (bits
 * of truth[i], at least one) came: maximum a posteriori, slope ~ N(1,1), at least FAB_SLOPE_LEAST,
 * and all offsets ~ N(0,1); then all are moved so that the last is 0. None when the data do not ask
 * for it: the likelihood's gain is below C/2 log n (Schwarz 1978). C <= FAB_CURVE_MOST. */
void fab_curve_fit(const float *p, const uint8_t *truth, int64_t n, int C, fab_curve *out);

/* Softmax of z / T, in place allowed. */
void fab_temperature_apply(const float *z, int C, double T, float *p);

#endif
