/* patient: see patient.h. */
#include "media/patient.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool fab_patient_known(const fab_patient *who) { return who && (who->age > 0 || who->sex); }

fab_patient fab_patient_or(fab_patient first, fab_patient then)
{
    return (fab_patient){ .age = first.age > 0 ? first.age : then.age,
                          .sex = first.sex ? first.sex : then.sex };
}

bool fab_patient_plausible(const fab_patient *who)
{
    return who->age >= 0 && who->age <= FAB_AGE_MOST &&
           (!who->sex || who->sex == 'M' || who->sex == 'F');
}

static float plausible(double years)
{
    return years > 0 && years <= FAB_AGE_MOST ? (float)years : 0;
}

float fab_patient_age(const char *as)
{
    int n, used = 0;
    char unit;
    if (sscanf(as, "%3d%c%n", &n, &unit, &used) != 2 || used < 2 || as[used]) return 0;
    return plausible(n / (unit == 'Y'   ? 1
                          : unit == 'M' ? 12
                          : unit == 'W' ? 52.18
                          : unit == 'D' ? 365.25
                                        : HUGE_VAL));
}

/* Days are counted as if months had the same length: a day of error in an age. */
static bool days_of(const char *da, double *days)
{
    int y, m, d, used = 0;
    if (sscanf(da, "%4d%2d%2d%n", &y, &m, &d, &used) != 3 || used != 8) return false;
    *days = y * 365.25 + (m - 1) * 30.4375 + d;
    return m >= 1 && m <= 12 && d >= 1 && d <= 31;
}

float fab_patient_years(const char *birth, const char *then)
{
    double from, to;
    return days_of(birth, &from) && days_of(then, &to) ? plausible((to - from) / 365.25) : 0;
}

char fab_patient_sex(const char *word)
{
    static const char *const words[] = { "M", "male", "F", "female" };
    for (int i = 0; word && i < 4; i++)
        if (!strcasecmp(word, words[i])) return i < 2 ? 'M' : 'F';
    return 0;
}
