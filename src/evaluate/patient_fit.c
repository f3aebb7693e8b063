/* patient_fit: see patient_fit.h. The regression climbs by the diagonal bound of its Hessian
 * (Boehning 1992: that of a softmax is at most 1/2 of the identity), which never overshoots.
 */
#include "evaluate/patient_fit.h"

#include <math.h>

enum { BIAS, DECADE, MALE, FEATURES, STEPS = 3000 };

static void features(const fab_patient *who, double x[FEATURES])
{
    x[BIAS] = 1;
    x[DECADE] = fab_patient_decades(who);
    x[MALE] = fab_patient_side(who);
}

typedef struct {
    double v[FAB_CURVE_MOST][FEATURES];
} table;

/* The gradient of the log likelihood. */
static void slope_at(const table *t, const fab_patient *who, const int *choice, int64_t n, int C,
                     table *g)
{
    *g = (table){ 0 };
    for (int64_t i = 0; i < n; i++) {
        double x[FEATURES], p[FAB_CURVE_MOST], sum = 0;
        features(&who[i], x);
        for (int k = 0; k < C; k++) {
            double z = 0;
            for (int f = 0; f < FEATURES; f++) z += t->v[k][f] * x[f];
            sum += p[k] = exp(z);
        }
        for (int k = 0; k < C; k++)
            for (int f = 0; f < FEATURES; f++) g->v[k][f] += ((k == choice[i]) - p[k] / sum) * x[f];
    }
}

/* Of each feature the most that the likelihood bends along it, all features moving at once. */
static void bends(const fab_patient *who, int64_t n, double most[FEATURES])
{
    for (int f = 0; f < FEATURES; f++) most[f] = f == BIAS ? 1e-3 : 1; /* the prior's */
    for (int64_t i = 0; i < n; i++) {
        double x[FEATURES], all = 0;
        features(&who[i], x);
        for (int f = 0; f < FEATURES; f++) all += fabs(x[f]);
        for (int f = 0; f < FEATURES; f++) most[f] += 0.5 * fabs(x[f]) * all;
    }
}

bool fab_patient_fit(const fab_patient *who, const int *choice, int64_t n, int C,
                     fab_patient_odds *out)
{
    int64_t known[FAB_CURVE_MOST] = { 0 };
    double most[FEATURES], size = 1;
    int occur = 0;
    table t = { 0 }, g;
    *out = (fab_patient_odds){ 0 };
    for (int64_t i = 0; i < n; i++) known[choice[i]] += fab_patient_known(&who[i]);
    for (int k = 0; k < C; k++) {
        if (known[k] && known[k] < FAB_PATIENTS_LEAST) return false;
        occur += known[k] > 0;
    }
    if (occur < 2) return false;
    bends(who, n, most);
    for (int step = 0; step < STEPS && size > 1e-7; step++) {
        slope_at(&t, who, choice, n, C, &g);
        size = 0;
        for (int k = 0; k < C; k++)
            for (int f = 0; f < FEATURES; f++) {
                double d = (g.v[k][f] - (f == BIAS ? 1e-3 : 1) * t.v[k][f]) / most[f];
                t.v[k][f] += d;
                size = fmax(size, fabs(d));
            }
    }
    for (int k = 0; k < C; k++)
        out->decade[k] = (float)t.v[k][DECADE], out->male[k] = (float)t.v[k][MALE];
    return true;
}

/* log of what the truth has under the share w */
static double likelihood(double w, const fab_patient_odds *o, const fab_patient_answers *a)
{
    double total = 0;
    for (int64_t i = 0; i < a->n; i++) {
        double all = 0, told = 0;
        for (int k = 0; k < a->C; k++) {
            double q = fab_curve_clamp((double)a->p[i * a->C + k]) *
                       exp(w * fab_patient_lean(o, &a->who[i], k));
            all += q;
            told += a->truth[i] >> k & 1 ? q : 0;
        }
        total += a->weight[i] * log(told / all);
    }
    return total;
}

double fab_patient_share(const fab_patient_odds *o, const fab_patient_answers *a)
{
    double best = 0, none = likelihood(0, o, a), top = none;
    for (int i = 1; i <= 20; i++) { /* finer than n records can tell */
        double at = likelihood(i / 20.0, o, a);
        if (at > top) top = at, best = i / 20.0;
    }
    return a->n > 0 && top - none > 0.5 * log((double)a->n) ? best : 0;
}
