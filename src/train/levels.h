/* levels: what the grader (grade.h) makes of a folder of training sets: how many questions of each
 * level there are, and which. */
#ifndef FAB_TRAIN_LEVELS_H
#define FAB_TRAIN_LEVELS_H

#include "train/grade.h"

typedef enum {
    FAB_LEVEL_SLAKE,
    FAB_LEVEL_VQA_RAD,
    FAB_LEVEL_MADE,
    FAB_LEVEL_HELD_OUT, /* SLAKE's and VQA-RAD's */
    FAB_LEVEL_KINDS
} fab_level_kind;

typedef struct {
    double to; /* largest sum; of the last level: the rubric's 5 */
    int64_t n[FAB_LEVEL_KINDS];
    int64_t written, closed, guessed; /* training records that people wrote, and of them */
} fab_level_row;

/* out (NULL: none) becomes a JSONL of all of them: {source, lang, image, question, answer, level,
 * sum, held_out}. */
bool fab_levels(const char *data, const char *out, fab_pool *pool, fab_level_row rows[FAB_LEVELS],
                fab_err *err);

#endif
