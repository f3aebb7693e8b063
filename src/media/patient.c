/* patient: see patient.h. */
#include "media/patient.h"

#include <math.h>
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

/* n digits; -1: one is none */
static int digits(const char *s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return -1;
        v = 10 * v + s[i] - '0';
    }
    return v;
}

float fab_patient_age(const char *as)
{
    int n = digits(as, 3);
    if (n < 0 || !as[3] || as[4]) return 0;
    double years = n / (as[3] == 'Y'   ? 1
                        : as[3] == 'M' ? 12
                        : as[3] == 'W' ? 52.18
                        : as[3] == 'D' ? 365.25
                                       : HUGE_VAL);
    return years <= FAB_AGE_MOST ? (float)years : 0;
}

/* Days since the year 0, as if months had the same length: a day of error in an age */
static bool days_of(const char *da, double *days)
{
    int y = digits(da, 4), m = y < 0 ? -1 : digits(da + 4, 2), d = m < 0 ? -1 : digits(da + 6, 2);
    *days = y * 365.25 + (m - 1) * 30.4375 + d;
    return m >= 1 && m <= 12 && d >= 1 && d <= 31 && !da[8];
}

float fab_patient_years(const char *birth, const char *then)
{
    double from, to;
    if (!days_of(birth, &from) || !days_of(then, &to)) return 0;
    double years = (to - from) / 365.25;
    if (!(years > 0 && years <= FAB_AGE_BY_DATES)) return 0;
    return years < 2 ? (float)years : floorf((float)years);
}

char fab_patient_sex(const char *word)
{
    static const char *const words[] = { "M", "male", "F", "female" };
    for (int i = 0; word && i < 4; i++)
        if (!strcasecmp(word, words[i])) return i < 2 ? 'M' : 'F';
    return 0;
}

const char *fab_patient_sex_word(const fab_patient *who)
{
    return who->sex == 'M' ? "male" : who->sex == 'F' ? "female" : NULL;
}
