#include "cli/evaluating.h"

#include "base/log.h"

static void on_step(void *arg, int64_t done, int64_t total)
{
    fab_progress *bar = arg;
    bar->total = total;
    fab_progress_set(bar, done, NULL);
}

static void on_bad(void *arg, const char *sentence)
{
    fab_progress_clear(arg);
    fab_log(FAB_LOG_ERROR, "%s", sentence);
}

void fab_evaluating(fab_run *r, const char *name, int64_t total, fab_progress *bar,
                    fab_eval_opts *o)
{
    fab_progress_init(bar, name, total);
    o->on_bad = on_bad;
    o->arg = bar;
    if (!r->quiet) o->on_step = on_step;
}
