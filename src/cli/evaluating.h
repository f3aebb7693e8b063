/* evaluating: the progress bar and the list of bad records that the eval verbs show while fab_eval_* runs. */
#ifndef FAB_CLI_EVALUATING_H
#define FAB_CLI_EVALUATING_H

#include <stddef.h>
#include "base/progress.h"
#include "cli/verb.h"
#include "evaluate/run.h"

/* Starts the bar (total 0: told by the first step) and hooks it into o; end it by fab_progress_clear. */
void fab_evaluating(fab_run *r, const char *name, int64_t total, fab_progress *bar,
                    fab_eval_opts *o);

/* Options that every eval verb has; the struct has int64_t resamples, seed. */
#define FAB_OPT_BOOT(type)                                                                         \
    { "resamples",                                                                                 \
      FAB_INT,                                                                                     \
      offsetof(type, resamples),                                                                   \
      "1000",                                                                                      \
      "bootstrap resamples of the 95 % intervals",                                                 \
      .min = 100,                                                                                  \
      .max = 100000 },                                                                             \
    {                                                                                              \
        "seed", FAB_INT, offsetof(type, seed), "0", "of the resamples", .min = 0, .max = 1e15      \
    }

#endif
