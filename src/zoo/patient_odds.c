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

double fab_patient_lean(const fab_patient_odds *o, const fab_patient *who, int k)
{
    double lean = 0;
    if (!who) return 0;
    if (who->age > 0) lean += (double)o->decade[k] * ((double)who->age - 50) / 10;
    if (who->sex) lean += who->sex == 'M' ? (double)o->male[k] : -(double)o->male[k];
    return lean;
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
