/* patient_fit: what age and sex say of a choice (zoo/patient_odds.h), found in records.
 *
 *   log p(choice k | age, sex) = bias_k + decade_k (age - 50) / 10 + male_k s + const
 *
 * a multinomial logistic regression; the biases, how frequent the choices are, are the picture's
 * part and left out. Since a picture shows some of a person's age too, the odds are then taken by a
 * share w, the best one beside the picture's own probabilities.
 */
#ifndef FAB_EVALUATE_PATIENT_FIT_H
#define FAB_EVALUATE_PATIENT_FIT_H

#include <stdint.h>
#include "zoo/patient_odds.h"

enum { FAB_PATIENTS_LEAST = 30 }; /* of a choice, of known age or sex */

/* choice [n]: 0 to C - 1, of patients who [n]. Maximum a posteriori, decade and male ~ N(0, 1).
 * False, and all 0: fewer than two choices have patients of whom anything is known, or one of them
 * has fewer than FAB_PATIENTS_LEAST. C <= FAB_CURVE_MOST. */
bool fab_patient_fit(const fab_patient *who, const int *choice, int64_t n, int C,
                     fab_patient_odds *out);

/* Answered pictures and whose they are. */
typedef struct {
    int64_t n;
    int C;            /* choices, at most FAB_CURVE_MOST */
    float *p;         /* [n,C] what the picture says */
    uint8_t *truth;   /* [n] bits of the choices that are true, at least one */
    fab_patient *who; /* [n] */
    double *weight;   /* [n] */
} fab_patient_answers;

/* The share w in [0,1] under which odds beside p make the truth likeliest; 0 when that gains no
 * more than log(n) / 2 (Schwarz 1978). */
double fab_patient_share(const fab_patient_odds *o, const fab_patient_answers *a);

#endif
