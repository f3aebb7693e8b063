/* tune: hyper-parameter search by successive halving (Jamieson & Talwalkar 2016) over the ranges of
 * a recipe's `tune` (tune_space.h).
 *
 *   rung 0        all trials         to `min` steps
 *   rung k        the best 1/eta     to min eta^k steps, from where each stopped
 *   ...
 *   last          at least one       to `max` steps
 *
 * Trial 0 is the recipe as it stands. Every trial is a run folder, OUT/trial-NN, with the recipe's
 * own schedule: a trial is stopped on the way, not shortened. OUT/tune.json is written after each
 * result; a search that was killed goes on from it and from the trials' checkpoints, and ends as it
 * would have. A trial that cannot be (sizes that do not fit each other, gradients that are not
 * finite) has failed and is last. OUT/tune.png shows every trial's score over its steps.
 */
#ifndef FAB_TRAIN_TUNE_H
#define FAB_TRAIN_TUNE_H

#include "train/train.h"

typedef struct {
    const char *recipe, *data, *out; /* out NULL: the recipe's, with "-tune" */
    const char *const *set;          /* for all trials */
    int n_set;
    int64_t trials, min, max; /* max 0: all steps of the recipe */
    int64_t eta;
    const char *metric; /* "loss": mean of the later half of a rung, small is good; else an exam's
                           "all", "slake_en", "slake_zh", "slake_unseen", "vqa_rad", "made" */
    bool resume;
    const volatile sig_atomic_t *interrupted; /* may be NULL */
    fab_pool *pool;
    void (*show)(void *arg, const json_t *tune); /* after every result; may be NULL */
    void *arg;
} fab_tune_opts;

/* What tune.json holds, a new reference in *tune: {metric, eta, rungs: [steps], seconds, finished,
 * best: index or null, trials: [{set: ["path=value"], results: [{steps, score, seconds}],
 * failed}]}. */
bool fab_tune_run(const fab_tune_opts *o, json_t **tune, fab_err *err);

/* Whether the score a is better. */
bool fab_tune_better(const char *metric, double a, double b);

/* The plan alone: steps of each rung into steps [most]; the count. How many of n trials
 * reach rung k: max(1, n / eta^k). */
int fab_halving_rungs(int64_t min, int64_t max, int64_t eta, int64_t *steps, int most);
int64_t fab_halving_reach(int64_t n, int64_t eta, int rung);

#endif
