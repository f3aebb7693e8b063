/* evaluating: the progress bar and the list of bad records that the eval verbs show while fab_eval_* runs. */
#ifndef FAB_CLI_EVALUATING_H
#define FAB_CLI_EVALUATING_H

#include "base/progress.h"
#include "cli/verb.h"
#include "evaluate/run.h"

/* Starts the bar (total 0: told by the first step) and hooks it into o; end it by fab_progress_clear. */
void fab_evaluating(fab_run *r, const char *name, int64_t total, fab_progress *bar,
                    fab_eval_opts *o);

#endif
