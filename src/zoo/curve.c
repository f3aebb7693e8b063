/* curve: see curve.h. */
#include "zoo/curve.h"

#include <math.h>

static const double LEAST = 1e-4;

bool fab_curve_check(const fab_curve *c, fab_err *err)
{
    bool finite = isfinite(c->slope);
    for (int k = 0; k < FAB_CURVE_MOST; k++) finite = finite && isfinite(c->offset[k]);
    return (finite && c->slope >= 0) ||
           fab_fail(err, FAB_EFORMAT,
                    "slope %g and offset %g; a slope is 0 or more, and both are finite",
                    (double)c->slope, (double)c->offset[0]);
}

void fab_curve_apply(const fab_curve *c, double *p, int n)
{
    double sum = 0;
    if (c->slope <= 0) return;
    for (int k = 0; k < n; k++) {
        double q = fmin(fmax(p[k], LEAST), 1 - LEAST);
        sum += p[k] = exp((double)c->slope * log(q) + (double)c->offset[k]);
    }
    for (int k = 0; k < n; k++) p[k] /= sum;
}

double fab_curve_at(const fab_curve *c, double p)
{
    double both[2] = { p, 1 - p };
    fab_curve_apply(c, both, 2);
    return both[0];
}
