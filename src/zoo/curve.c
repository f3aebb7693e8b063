/* curve: see curve.h. */
#include "zoo/curve.h"

#include <math.h>

bool fab_curve_check(const fab_curve *c, fab_err *err)
{
    if (!(c->slope >= 0 && isfinite(c->slope)))
        return fab_fail(err, FAB_EFORMAT, "slope %g is not 0 or more", (double)c->slope);
    for (int k = 0; k < FAB_CURVE_MOST; k++)
        if (!isfinite(c->offset[k]))
            return fab_fail(err, FAB_EFORMAT, "offset %d is %g", k, (double)c->offset[k]);
    return true;
}

void fab_curve_apply(const fab_curve *c, double *p, int n)
{
    double top = -INFINITY, sum = 0;
    if (c->slope <= 0) return;
    for (int k = 0; k < n; k++) {
        p[k] = (double)c->slope * log(fab_curve_clamp(p[k])) + (double)c->offset[k];
        top = fmax(top, p[k]);
    }
    for (int k = 0; k < n; k++) sum += p[k] = exp(p[k] - top);
    for (int k = 0; k < n; k++) p[k] /= sum;
}

double fab_curve_at(const fab_curve *c, double p)
{
    double both[2] = { p, 1 - p };
    fab_curve_apply(c, both, 2);
    return both[0];
}

double fab_curve_clamp(double p) { return fmin(fmax(p, FAB_CURVE_LEAST), 1 - FAB_CURVE_LEAST); }
