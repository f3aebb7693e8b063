/* patient_odds: what a patient's age and sex say of the choices of a row, beside the picture.
 *
 *   p'_k is proportional to p_k exp(decade_k a + male_k s)
 *   a = (age - 50) / 10, ages taken for 15 to 85, as the records have them; s: 1 male, -1 female
 *
 * Bayes' rule for a picture and a patient that are independent of each other given the choice; an
 * age or a sex that is not known adds nothing. evaluate/patient_fit.h finds the numbers.
 */
#ifndef FAB_ZOO_PATIENT_ODDS_H
#define FAB_ZOO_PATIENT_ODDS_H

#include "media/patient.h"
#include "zoo/curve.h"

typedef struct {
    float decade[FAB_CURVE_MOST], male[FAB_CURVE_MOST]; /* all 0: nothing is said */
} fab_patient_odds;

/* Numbers that are not finite, or above 100 in size, are errors. */
bool fab_patient_odds_check(const fab_patient_odds *o, fab_err *err);
double fab_patient_decades(const fab_patient *who); /* a; 0: not known */
double fab_patient_side(const fab_patient *who);    /* s; 0: not known */
/* log of what p_k is multiplied by. who NULL: 0. */
double fab_patient_lean(const fab_patient_odds *o, const fab_patient *who, int k);
/* p [n]: probabilities that sum to 1, in place; whether they changed. n <= FAB_CURVE_MOST. */
bool fab_patient_apply(const fab_patient_odds *o, const fab_patient *who, double *p, int n);

#endif
