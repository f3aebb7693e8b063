/* stats: what a score is worth: intervals, tests between two systems, agreement of readers. Pure
 * numbers in and out; nothing here knows a model. Every random draw comes from a seed, so the same
 * data give the same interval on every machine.
 */
#ifndef FAB_METRICS_STATS_H
#define FAB_METRICS_STATS_H

#include <stdint.h>
#include "base/err.h"

typedef struct {
    double value, low, high; /* NaN where undefined */
} fab_interval;

/* ---- distributions (stats_dist.c) ------------------------------------------------------------ */

double fab_normal_cdf(double x);
double fab_normal_quantile(double p);       /* p in (0, 1); +-infinity at its ends */
double fab_two_sided(double z);             /* P(|Z| >= |z|) */
double fab_chi2_tail(double x, int dof);    /* P(X >= x), dof 1 or more */
double fab_fair_coin(int64_t a, int64_t b); /* two-sided P of a split at least as uneven as a : b */
/* numpy's "linear" quantile of sorted x[0..n), n > 0. */
double fab_quantile_sorted(const double *x, int64_t n, double q);

/* ---- percentile bootstrap (stats_boot.c) ----------------------------------------------------- */

typedef struct {
    int64_t resamples; /* 0: 1000 */
    uint64_t seed;
    double level;           /* 0: 0.95 */
    const int32_t *cluster; /* [n] or NULL: rows with one number (>= 0) are drawn together, for
                               questions about one picture are not independent */
} fab_boot_opts;

/* A statistic of a resample: times[i] says how often row i was drawn. out[k] may be NaN, such a
 * resample is left out of statistic k. */
typedef void (*fab_boot_fn)(void *arg, const int32_t *times, double *out);

/* k statistics of n rows at once. value is the statistic of the data themselves. An interval is
 * NaN when fewer than half of the resamples define it. opts may be NULL. */
bool fab_boot(fab_boot_fn fn, void *arg, int64_t n, int k, const fab_boot_opts *opts,
              fab_interval *out, fab_err *err);
/* The mean of x[n]. n = 0 and values that are not finite are errors. */
bool fab_boot_mean(const double *x, int64_t n, const fab_boot_opts *opts, fab_interval *out,
                   fab_err *err);

/* ---- two systems on the same rows (stats_pair.c) --------------------------------------------- */

typedef struct {
    double difference; /* mean of a - b */
    double p;          /* two-sided */
} fab_paired;

/* Approximate randomisation (Noreen 1989): each row's pair is swapped by a coin;
 * p = (1 + #{|d*| >= |d|}) / (1 + trials). Clusters swap together. */
bool fab_randomisation(const double *a, const double *b, int64_t n, const fab_boot_opts *opts,
                       fab_paired *out, fab_err *err);

typedef struct {
    int64_t only_a, only_b; /* rows that only one of them has right */
    double chi2;            /* (only_a - only_b)^2 / (only_a + only_b), 0 when both are 0 */
    double p_chi2, p_exact;
    double p; /* exact below 25 discordant rows, else by chi-square */
} fab_mcnemar_result;
fab_mcnemar_result fab_mcnemar(int64_t only_a, int64_t only_b);

/* Holm 1979: p[n] -> adjusted[n], each at most 1, order kept. */
bool fab_holm(const double *p, int64_t n, double *adjusted, fab_err *err);

/* ---- proportions (stats_share.c) ------------------------------------------------------------- */

fab_interval fab_wilson(int64_t hits, int64_t n, double level); /* NaN when n is 0 */

typedef struct {
    fab_interval difference; /* p1 - p2, Newcombe's hybrid of two Wilson intervals */
    double z, p;             /* pooled; z 0, p 1 when both are all or none */
} fab_two_shares;
bool fab_two_proportions(int64_t hits1, int64_t n1, int64_t hits2, int64_t n2, double level,
                         fab_two_shares *out, fab_err *err);

/* Cases per arm to tell base from base + difference: (z_a/2 + z_b)^2 2 m (1 - m) / d^2 with m the
 * mean of both shares, rounded up. */
bool fab_sample_size(double base, double difference, double alpha, double power, int64_t *per_arm,
                     fab_err *err);

/* ---- area under the ROC curve (stats_auc.c) -------------------------------------------------- */

typedef struct {
    fab_interval auc; /* normal, cut to 0..1; at an AUC of 1 its width is 0 and says nothing */
    double se;
    int64_t n_pos, n_neg;
} fab_delong;

/* DeLong et al. 1988 by mid-ranks (Sun & Xu 2014). NaN scores are an error; auc is NaN when one
 * side is empty, and se when a side has one row. */
bool fab_delong_auc(const float *scores, const uint8_t *positive, int64_t n, double level,
                    fab_delong *out, fab_err *err);

typedef struct {
    double auc_a, auc_b, se; /* of the difference */
    double z, p;             /* z 0, p 1 when se is 0 and they are equal */
} fab_delong_pair;
bool fab_delong_paired(const float *a, const float *b, const uint8_t *positive, int64_t n,
                       fab_delong_pair *out, fab_err *err);

/* ---- agreement of readers (stats_agree.c) ---------------------------------------------------- */

typedef enum { FAB_KAPPA_PLAIN, FAB_KAPPA_LINEAR, FAB_KAPPA_QUADRATIC } fab_kappa_weight;

/* Cohen's kappa of a[n], b[n] in [0, C); NaN when both only ever say one and the same class. */
bool fab_kappa(const int *a, const int *b, int64_t n, int C, fab_kappa_weight w, double *kappa,
               fab_err *err);
/* Fleiss' kappa; counts [n, C]: readers of row i who said c, every row with the same sum >= 2. */
bool fab_fleiss(const int32_t *counts, int64_t n, int C, double *kappa, fab_err *err);

#endif
