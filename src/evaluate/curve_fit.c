/* curve_fit: fab_curve_fit of calibrate.h, by Newton's steps on the log of the posterior. Where
 * several outcomes are true of a record their share of the whole is what counts; the Hessian is
 * that of the whole alone, which keeps it positive definite (the M step of EM).
 */
#include <math.h>
#include "evaluate/calibrate.h"

enum { FREE = FAB_CURVE_MOST + 1 }; /* the slope, then the offsets */

typedef struct {
    const float *p;
    const uint8_t *truth;
    int64_t n;
    int C;
} outcomes;

typedef struct {
    double loss;                   /* -log likelihood */
    double g[FREE], h[FREE][FREE]; /* of -log posterior */
} bowl;

/* log p [C], and the outcomes' probabilities under v: of all, and of those that are true alone.
 * Returns -log of the true ones' share. */
static double weigh(const outcomes *o, int64_t i, const double v[FREE], double *lp, double *all,
                    double *told)
{
    double sum = 0, true_sum = 0;
    for (int k = 0; k < o->C; k++) {
        lp[k] = log(fab_curve_clamp((double)o->p[i * o->C + k]));
        sum += all[k] = exp(v[0] * lp[k] + v[1 + k]);
        true_sum += told[k] = o->truth[i] >> k & 1 ? all[k] : 0;
    }
    for (int k = 0; k < o->C; k++) all[k] /= sum, told[k] /= true_sum;
    return log(sum) - log(true_sum);
}

static void add_record(const outcomes *o, int64_t i, const double v[FREE], bowl *b)
{
    double lp[FAB_CURVE_MOST], all[FAB_CURVE_MOST], told[FAB_CURVE_MOST], mean = 0;
    b->loss += weigh(o, i, v, lp, all, told);
    for (int k = 0; k < o->C; k++) mean += all[k] * lp[k];
    for (int k = 0; k < o->C; k++) {
        double d = all[k] - told[k], away = all[k] * (lp[k] - mean);
        b->g[0] += d * lp[k];
        b->g[1 + k] += d;
        b->h[0][0] += away * lp[k];
        b->h[0][1 + k] += away;
        b->h[1 + k][0] += away;
        for (int j = 0; j < o->C; j++) b->h[1 + k][1 + j] += all[k] * ((j == k) - all[j]);
    }
}

static bowl bowl_at(const outcomes *o, const double v[FREE])
{
    bowl b = { 0 };
    for (int k = 0; k <= o->C; k++) b.g[k] = v[k] - (k == 0), b.h[k][k] = 1; /* the prior */
    for (int64_t i = 0; i < o->n; i++) add_record(o, i, v, &b);
    return b;
}

/* Gauss; the matrix is positive definite, so no row is exchanged. */
static void solve(double h[FREE][FREE], double *x, int n)
{
    for (int c = 0; c < n; c++)
        for (int r = c + 1; r < n; r++) {
            double f = h[r][c] / h[c][c];
            for (int k = c; k < n; k++) h[r][k] -= f * h[c][k];
            x[r] -= f * x[c];
        }
    for (int r = n - 1; r >= 0; r--) {
        for (int k = r + 1; k < n; k++) x[r] -= h[r][k] * x[k];
        x[r] /= h[r][r];
    }
}

/* The slope is as low as it may be and would go lower: the offsets alone move. */
static void stay(bowl *b, int C)
{
    for (int k = 1; k <= C; k++) b->h[0][k] = b->h[k][0] = 0;
    b->g[0] = 0;
}

void fab_curve_fit(const float *p, const uint8_t *truth, int64_t n, int C, fab_curve *out)
{
    const outcomes o = { p, truth, n, C };
    double v[FREE] = { 1 }, before = bowl_at(&o, v).loss, size = 1;
    *out = (fab_curve){ 0 };
    for (int step = 0; n > 0 && step < 100 && size > 1e-9; step++) {
        bowl b = bowl_at(&o, v);
        if (v[0] <= FAB_SLOPE_LEAST && b.g[0] > 0) stay(&b, C);
        solve(b.h, b.g, C + 1);
        size = 0;
        for (int k = 0; k <= C; k++) size = fmax(size, fabs(b.g[k]));
        for (int k = 0; k <= C; k++) v[k] -= b.g[k] / fmax(size, 1);
        v[0] = fmax(v[0], FAB_SLOPE_LEAST);
    }
    if (n < 1 || before - bowl_at(&o, v).loss < 0.5 * C * log((double)n)) return;
    out->slope = (float)v[0];
    for (int k = 0; k < C; k++) out->offset[k] = (float)(v[1 + k] - v[C]);
}
