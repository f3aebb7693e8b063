/* sequential: two versions compared while cases come in, and human preferences turned into ratings.
 */
#ifndef FAB_METRICS_SEQUENTIAL_H
#define FAB_METRICS_SEQUENTIAL_H

#include "metrics/stats.h"

/* ---- which arm a case goes to (stats_arm.c) ----------------------------------------------------- */

enum { FAB_BUCKETS = 10000 };

/* SHA-256(user then experiment), read as a big-endian number, mod 10000. The same case always goes
 * to the same arm, and two experiments cut the cases independently. */
int fab_bucket(const char *user, const char *experiment);
/* The arm whose stretch of buckets holds it; shares sum to FAB_BUCKETS or less. -1: none. */
int fab_arm_of(int bucket, const int *shares, int n);

/* ---- looking every day (stats_sequential.c) ----------------------------------------------------- */

/* Outcomes of one arm, each 0 to 1. */
typedef struct {
    int64_t n;
    double sum, squares;
} fab_arm;
void fab_arm_add(fab_arm *a, double outcome);

typedef struct {
    double difference, low, high; /* b - a; the interval holds at all looks together */
    double p;                     /* valid at any look; take the smallest seen so far */
} fab_always;

/* Mixture sequential probability ratio test (Robbins 1970; Johari et al. 2017) of equal means:
 *
 *   L = sqrt(V / (V + t^2)) exp(t^2 d^2 / (2 V (V + t^2))),  p = 1 / L
 *
 * V = va / na + vb / nb. t (tau) is the size of difference that is looked for, 0: 0.1. A 0 and a 1
 * are added to each arm for its variance, and below FAB_ALWAYS_LEAST cases in an arm nothing is
 * said (p 1, interval -1..1). Looked at after every pair of cases up to 2,000, the test was wrong
 * in 0.2 to 3.2 % of runs at 5 % (tests/test_sequential.c). */
enum { FAB_ALWAYS_LEAST = 20 };
fab_always fab_always_valid(const fab_arm *a, const fab_arm *b, double alpha, double tau);

/* O'Brien-Fleming bounds for planned looks by Lan & DeMets' spending, half of alpha for each side:
 * alpha(t) = 4 - 4 Phi(z_(1 - alpha/4) / sqrt t). fractions[looks]: rising, of the planned cases,
 * at most 1. bounds[k]: |z| at look k from which on the difference counts. At most FAB_LOOKS. */
enum { FAB_LOOKS = 50 };
bool fab_obrien_fleming(const double *fractions, int looks, double alpha, double *bounds,
                        fab_err *err);

/* ---- preferences (stats_prefer.c) --------------------------------------------------------------- */

typedef struct {
    int32_t a, b; /* versions */
    double score; /* of a: 1 better, 0.5 alike, 0 worse */
} fab_match;

/* Bradley & Terry 1952 by minorisation (Hunter 2004), on Elo's scale: 1500 + 400 log10 w. Ties are
 * half a win for each. prior: so many wins and as many losses of everyone against a player of
 * 1500, which keeps the ratings of an unbeaten version finite. */
bool fab_bradley_terry(const fab_match *m, int64_t n, int versions, double prior, double *rating,
                       fab_err *err);
/* Elo's own updates in the order of the matches, from 1500. */
bool fab_elo(const fab_match *m, int64_t n, int versions, double k, double *rating, fab_err *err);

/* Both with bootstrap intervals over the matches (clusters: the cases). bt, elo: [versions]. */
bool fab_preferences(const fab_match *m, int64_t n, int versions, double prior, double k,
                     const fab_boot_opts *opts, fab_interval *bt, fab_interval *elo, fab_err *err);

#endif
