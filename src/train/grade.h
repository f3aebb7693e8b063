/* grade: how hard a question about a picture is, 1 (easy) to FAB_LEVELS, and in which order a stage
 * asks. The rubric is the sum of five parts, each 0 to 1:
 *
 *   open       1 when it is answered freely, 0 for yes-no questions and choices
 *   rare       log(most / n) / log(most): n training records that people wrote have this answer, the
 *              most frequent one of the language has `most`
 *   long       (elements - 1) / 3, at most 1, of a list
 *   steps      by content type: 0 what can be seen as a whole (modality, plane, organ), 1/2 place,
 *              size, colour, shape, presence, abnormality, 1 counts and what the graph of knowledge
 *              must add
 *   unguessed  1 when one who never saw the picture (the question-only baseline, trained on other
 *              pictures) answers wrong, 0 when right, 1/2 for made records, which it was not asked
 *
 * The levels are the fifths of the sums of the training records that people wrote, least first
 * (SYSTEMS.md 22.2, with what these data tell); made records and held-out ones fall where they
 * fall.
 */
#ifndef FAB_TRAIN_GRADE_H
#define FAB_TRAIN_GRADE_H

#include "train/session.h"

enum { FAB_LEVELS = 5 };

/* What levels depend on; lives in an arena. */
typedef struct {
    uint64_t *answers; /* [n] hashes of language and answer of each training record, sorted */
    int64_t n, most[FAB_LANGS];
    double bound[FAB_LEVELS - 1]; /* a sum above bound[i] is of level i+2 or more */
} fab_grader;

/* guessed: 1 right, 0 wrong, -1 nobody was asked. */
double fab_grade_sum(const fab_grader *g, const fab_qa *q, int guessed);
int fab_grade(const fab_grader *g, const fab_qa *q, int guessed); /* 1..FAB_LEVELS */

/* From a session's training records, whose fab_picture_qa.prior is filled. */
bool fab_grader_init(fab_grader *g, const fab_session *s, fab_arena *a, fab_err *err);
/* 1 or 0 for the i-th real record about a picture; -1 when it has no second answer. */
int fab_grade_guessed(const fab_picture_qa *p, int32_t i);

/* Fills the levels of of_picture when a stage has a curriculum. */
bool fab_session_grade(fab_session *s, fab_err *err);

/* The share of the levels, in the stage's order, that is drawn after a share t of its steps: start
 * at the beginning, all from `full` on; x = t / full:
 *   linear   start + (1 - start) x
 *   root     sqrt(start^2 + (1 - start^2) x)        (Platanios et al. 2019)
 */
double fab_curriculum_share(const fab_curriculum *c, double t);
/* How often each level is drawn then, 0 to 1: out[level]. A level enters gradually. */
void fab_curriculum_weights(const fab_curriculum *c, double t, double out[FAB_LEVELS + 1]);

#endif
