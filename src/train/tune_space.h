/* tune_space: the ranges that a recipe's `tune` names, and the settings of one trial.
 *
 *   tune:
 *     optimizer.tower_rate: [0.1, 1.0, log]      uniform in the logarithm
 *     stages.vqa.drop: [0.0, 0.4]                uniform
 *     model.layers: [2, 6]                       whole numbers, both ends included
 *     model.dim: {choice: [192, 256, 320]}       one of any values
 *
 * Numbers are rounded to three digits, so that the printed line is the trial exactly.
 */
#ifndef FAB_TRAIN_TUNE_SPACE_H
#define FAB_TRAIN_TUNE_SPACE_H

#include "base/arena.h"
#include "base/json.h"

enum { FAB_MAX_RANGES = 32 };

typedef struct {
    const char *path; /* of the recipe, as --set has it; borrowed */
    double low, high;
    bool log, whole;
    const json_t *choice; /* a list, borrowed; NULL: a number in low..high */
} fab_range;

/* The mapping o into out [FAB_MAX_RANGES]; the count, or -1 with err set. */
int fab_ranges_read(const json_t *o, fab_range *out, fab_err *err);

/* "path=value" at a place in [0,1): 0 is the low end or the first choice. In the arena. */
char *fab_range_at(const fab_range *r, double place, fab_arena *a, fab_err *err);

/* The value of range k in trial i depends on seed, i and k alone. */
char *fab_range_draw(const fab_range *r, uint64_t seed, int trial, int k, fab_arena *a,
                     fab_err *err);

#endif
