/* skills: what the rows of the report's protocol were worth on held-out pictures, as a model file
 * carries it.
 *
 *   fabrica.skills.code       string[n]   row of the protocol (data/protocol.h)
 *   fabrica.skills.choice     string[n]   for a row with choices its weakest one, else ""
 *   fabrica.skills.auc        f32[n]      area under the ROC curve, 0 when one side is empty
 *   fabrica.skills.positives, .negatives  i32[n]   held-out pictures of either kind
 *   fabrica.skills.slope, .offset  f32[n]  the row's curve (zoo/curve.h): of a yes-no row the
 *                             probability where both kinds are as frequent; slope 0, or no keys:
 *                             not fitted
 *   fabrica.skills.choice_offset  f32[8n]  the curve's further offsets; the first of each eight is
 *                             not read (.offset has it). May be absent: all 0
 *   fabrica.skills.choice_decade, .choice_male  f32[8n]  what the patient's age and sex say beside
 *                             the picture (zoo/patient_odds.h), of a yes-no row of yes, of no. May
 *                             be absent: nothing
 *
 * A row that is not above chance was not taught, whatever the model answers to it:
 *
 *   AUC - 1.64 SE <= 0.5,   SE^2 = [A(1-A) + (P-1)(Q1-A^2) + (N-1)(Q2-A^2)] / (P N)
 *   Q1 = A / (2-A),  Q2 = 2A^2 / (1+A)            (Hanley & McNeil 1982)
 *
 * Fewer than 8 pictures of either kind measure nothing.
 */
#ifndef FAB_ZOO_SKILLS_H
#define FAB_ZOO_SKILLS_H

#include "format/weights_write.h"
#include "zoo/patient_odds.h"

enum { FAB_SKILL_LEAST = 8 };

typedef struct {
    const char *code, *choice;
    float auc;
    int32_t positives, negatives;
    fab_curve curve;
    fab_patient_odds patient;
} fab_skill;

typedef struct {
    const fab_skill *items;
    int n; /* 0: the file says nothing of any row */
} fab_skills;

typedef enum {
    FAB_SKILL_UNKNOWN,    /* the file has no such list */
    FAB_SKILL_UNMEASURED, /* too few held-out pictures */
    FAB_SKILL_UNTAUGHT,   /* not above chance */
    FAB_SKILL_TAUGHT,
} fab_skill_verdict;

double fab_skill_error(const fab_skill *s); /* SE; 0 when a side is empty */
fab_skill_verdict fab_skill_judge(const fab_skill *s);
/* p [n], over the row's choices (yes first), put through the row's curve; stays when the row is not
 * above chance or not fitted, or s is NULL. */
void fab_skill_calibrate(const fab_skill *s, double *p, int n);
/* p [n], so calibrated, with what the row has of such a patient; whether it changed. Of a row not
 * above chance, who NULL or s NULL: no. */
bool fab_skill_consider(const fab_skill *s, const fab_patient *who, double *p, int n);
const char *fab_skill_word(fab_skill_verdict v); /* "unknown", "unmeasured", ... */
/* The row's entry; NULL: none. */
const fab_skill *fab_skills_find(const fab_skills *s, const char *code);

/* A list of {code, auc (null: unknown), positives, negatives, verdict, weakest_choice}; NULL:
 * memory.
 */
json_t *fab_skills_json(const fab_skills *s);

/* Reads the keys into the arena; strings are lent by w. A file without them gives n 0. Lists of
 * different lengths, an AUC outside [0,1], counts below 0 and a slope below 0 are errors that name
 * the key. */
bool fab_skills_read(const fab_weights *w, fab_arena *a, fab_skills *out, fab_err *err);
/* Failures of the writer stay in g, as with every key. */
bool fab_skills_put(fab_gguf *g, const fab_skills *s, fab_arena *a, fab_err *err);

#endif
