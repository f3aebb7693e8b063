/* calibrate: see calibrate.h for the formulas. */
#include "evaluate/calibrate.h"

#include <math.h>

static bool check_truth(const int *truth, int64_t i, int C, fab_err *err)
{
    if (truth[i] >= 0 && truth[i] < C) return true;
    return fab_fail(err, FAB_EFORMAT, "example %lld: class %d is not in 0..%d", (long long)i,
                    truth[i], C - 1);
}

static bool check_row(const float *p, int64_t i, int C, fab_err *err)
{
    double sum = 0;
    for (int c = 0; c < C; c++) {
        if (!(p[c] >= 0 && p[c] <= 1.0001f))
            return fab_fail(err, FAB_EFORMAT, "example %lld: probability %g of class %d",
                            (long long)i, (double)p[c], c);
        sum += p[c];
    }
    if (fabs(sum - 1) > 1e-3)
        return fab_fail(err, FAB_EFORMAT, "example %lld: probabilities sum to %g, not 1",
                        (long long)i, sum);
    return true;
}

bool fab_calibration_measure(const float *p, const int *truth, int64_t n, int C,
                             fab_calibration *out, fab_err *err)
{
    *out = (fab_calibration){ .n = n };
    for (int64_t i = 0; i < n; i++) {
        const float *row = p + i * C;
        if (!check_truth(truth, i, C, err) || !check_row(row, i, C, err)) return false;
        int best = 0;
        for (int c = 0; c < C; c++) {
            double d = row[c] - (c == truth[i] ? 1.0 : 0.0);
            out->brier += d * d;
            if (row[c] > row[best]) best = c;
        }
        out->nll -= log(fmax(row[truth[i]], 1e-12));
        int bin =
            (int)ceil((double)row[best] * FAB_ECE_BINS) - 1; /* (lower, upper] as in the paper */
        bin = bin < 0 ? 0 : bin >= FAB_ECE_BINS ? FAB_ECE_BINS - 1 : bin;
        out->bin_n[bin]++;
        out->bin_confidence[bin] += row[best];
        out->bin_accuracy[bin] += best == truth[i];
    }
    for (int b = 0; b < FAB_ECE_BINS; b++) {
        if (!out->bin_n[b]) continue;
        out->bin_confidence[b] /= (double)out->bin_n[b];
        out->bin_accuracy[b] /= (double)out->bin_n[b];
        out->ece +=
            (double)out->bin_n[b] / (double)n * fabs(out->bin_accuracy[b] - out->bin_confidence[b]);
    }
    if (n) out->brier /= (double)n, out->nll /= (double)n;
    return true;
}

static double nll_at(const float *z, const int *truth, int64_t n, int C, double T)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = z + i * C;
        double top = row[0], e = 0;
        for (int c = 1; c < C; c++) top = fmax(top, row[c]);
        for (int c = 0; c < C; c++) e += exp((row[c] - top) / T);
        sum += log(e) - (row[truth[i]] - top) / T;
    }
    return sum;
}

bool fab_temperature_fit(const float *z, const int *truth, int64_t n, int C, double *T,
                         fab_err *err)
{
    *T = 1;
    for (int64_t i = 0; i < n; i++) {
        if (!check_truth(truth, i, C, err)) return false;
        for (int c = 0; c < C; c++)
            if (!isfinite(z[i * C + c]))
                return fab_fail(err, FAB_EFORMAT, "example %lld: logit of class %d is not finite",
                                (long long)i, c);
    }
    if (!n) return true;
    const double g =
        0.6180339887498949; /* the NLL is convex in 1/T, so it has one valley in log T */
    double lo = log(0.05), hi = log(20), a = hi - g * (hi - lo), b = lo + g * (hi - lo);
    double fa = nll_at(z, truth, n, C, exp(a)), fb = nll_at(z, truth, n, C, exp(b));
    for (int i = 0; i < 60; i++) {
        if (fa < fb) {
            hi = b, b = a, fb = fa;
            a = hi - g * (hi - lo);
            fa = nll_at(z, truth, n, C, exp(a));
        } else {
            lo = a, a = b, fa = fb;
            b = lo + g * (hi - lo);
            fb = nll_at(z, truth, n, C, exp(b));
        }
    }
    *T = exp((lo + hi) / 2);
    return true;
}

void fab_temperature_apply(const float *z, int C, double T, float *p)
{
    double top = z[0], sum = 0;
    for (int c = 1; c < C; c++) top = fmax(top, z[c]);
    for (int c = 0; c < C; c++) sum += exp((z[c] - top) / T);
    for (int c = 0; c < C; c++) p[c] = (float)(exp((z[c] - top) / T) / sum);
}

/* ---- one logistic curve ---------------------------------------------------------------------- */

typedef struct {
    double ga, gb, aa, ab, bb; /* gradient and Hessian in slope, offset */
} newton;

static newton slopes_at(const float *z, const uint8_t *y, int64_t n, const int64_t count[2],
                        double a, double b)
{
    newton s = { .aa = 1e-6, .bb = 1e-6 };
    double target[2] = { 1 / ((double)count[0] + 2),
                         ((double)count[1] + 1) / ((double)count[1] + 2) };
    for (int64_t i = 0; i < n; i++) {
        double x = (double)z[i], p = 1 / (1 + exp(-a * x - b)), w = 0.5 / (double)count[y[i]];
        double d = w * (p - target[y[i]]), h = w * p * (1 - p);
        s.ga += d * x, s.gb += d;
        s.aa += h * x * x, s.ab += h * x, s.bb += h;
    }
    return s;
}

void fab_platt_fit(const float *z, const uint8_t *y, int64_t n, double *slope, double *offset)
{
    int64_t count[2] = { 0, 0 };
    *slope = 1, *offset = 0;
    for (int64_t i = 0; i < n; i++) count[y[i]]++;
    if (!count[0] || !count[1]) return;
    for (int step = 0; step < 50; step++) {
        newton s = slopes_at(z, y, n, count, *slope, *offset);
        double det = s.aa * s.bb - s.ab * s.ab;
        if (!(det > 0)) return;
        double da = (s.bb * s.ga - s.ab * s.gb) / det, db = (s.aa * s.gb - s.ab * s.ga) / det;
        double size = fmax(fabs(da), fabs(db)), shorten = size > 1 ? 1 / size : 1;
        *slope = fmax(*slope - shorten * da, FAB_SLOPE_LEAST);
        *offset -= shorten * db;
        if (size < 1e-9) return;
    }
}
