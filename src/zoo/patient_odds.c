/* patient_odds: see patient_odds.h. */
#include "zoo/patient_odds.h"

#include <math.h>

bool fab_patient_odds_check(const fab_patient_odds *o, fab_err *err)
{
    for (int k = 0; k < FAB_CURVE_MOST; k++)
        if (!(fabsf(o->decade[k]) <= 100 && fabsf(o->male[k]) <= 100))
            return fab_fail(err, FAB_EFORMAT, "odds of choice %d: %g a decade, %g of a man", k,
                            (double)o->decade[k], (double)o->male[k]);
    return true;
}

double fab_patient_decades(const fab_patient *who)
{
    return who->age > 0 ? (fmin(fmax((double)who->age, 15), 85) - 50) / 10 : 0;
}

double fab_patient_side(const fab_patient *who)
{
    return who->sex == 'M' ? 1 : who->sex == 'F' ? -1 : 0;
}

double fab_patient_lean(const fab_patient_odds *o, const fab_patient *who, int k)
{
    return who ? (double)o->decade[k] * fab_patient_decades(who) +
                     (double)o->male[k] * fab_patient_side(who)
               : 0;
}

bool fab_patient_apply(const fab_patient_odds *o, const fab_patient *who, double *p, int n)
{
    double lean[FAB_CURVE_MOST], top = -INFINITY, sum = 0;
    bool some = false;
    for (int k = 0; k < n; k++) {
        lean[k] = fab_patient_lean(o, who, k);
        some = some || lean[k] != 0;
        top = fmax(top, lean[k]);
    }
    if (!some) return false;
    for (int k = 0; k < n; k++) sum += p[k] = fab_curve_clamp(p[k]) * exp(lean[k] - top);
    for (int k = 0; k < n; k++) p[k] /= sum;
    return true;
}
