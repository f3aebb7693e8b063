/* patient: what is known of the person in a picture, as far as it says something of a disease. */
#ifndef FAB_MEDIA_PATIENT_H
#define FAB_MEDIA_PATIENT_H

#include <stdbool.h>

enum { FAB_AGE_MOST = 130, FAB_AGE_BY_DATES = 110 };

typedef struct {
    float age; /* years; 0: not known */
    char sex;  /* 'M', 'F'; 0: not known, or neither */
} fab_patient; /* {0}: nothing is known */

/* Whether anything is known. NULL: no. */
bool fab_patient_known(const fab_patient *who);
/* What `first` knows, and of what it does not know what `then` knows. */
fab_patient fab_patient_or(fab_patient first, fab_patient then);
/* Nothing, or an age above 0 to FAB_AGE_MOST and a sex as above. */
bool fab_patient_plausible(const fab_patient *who);
/* An age of DICOM's kind AS, "045Y", "018M", "003W", "010D" (PS3.5 6.2), in years; 0: it is none,
 * or above FAB_AGE_MOST. */
float fab_patient_age(const char *as);
/* Years between two of DICOM's dates DA, "19710115", whole ones from 2 on: more of them would tell
 * the day of birth. 0: one is none, they are not in this order, or more than FAB_AGE_BY_DATES apart
 * (files without names are often born in 1900). */
float fab_patient_years(const char *birth, const char *then);
/* "M", "male", "F", "female", in any case; 0: another word, or NULL. */
char fab_patient_sex(const char *word);
/* And back: "male", "female"; NULL: not known. */
const char *fab_patient_sex_word(const fab_patient *who);

#endif
