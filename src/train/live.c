/* live: see live.h. */
#include "train/live.h"

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"

static const double keep = 0.98; /* of the old average, each step */

void fab_live_init(fab_live *l, const char *stage, int64_t done, int64_t total, double every_s)
{
    *l = (fab_live){
        .first = done, .step = done, .total = total, .every_s = every_s, .started = fab_now()
    };
    l->logged = l->started;
    fab_progress_init(&l->bar, stage, total);
}

double fab_live_loss(const fab_live *l) { return l->weight > 0 ? l->loss / l->weight : 0; }

static double spent(const fab_live *l) { return fab_now() - l->started; }

static double steps_per_second(const fab_live *l)
{
    double s = spent(l);
    return s > 0 ? (double)(l->step - l->first) / s : 0;
}

double fab_live_eta_s(const fab_live *l)
{
    double rate = steps_per_second(l);
    return rate > 0 && l->total > l->step ? (double)(l->total - l->step) / rate : 0;
}

/* "loss 1.842  lr 2.9e-04  norm 0.81  358 items/s" */
static void describe(const fab_live *l, char *s, size_t size)
{
    double t = spent(l), rate = t > 0 ? (double)l->items / t : 0;
    snprintf(s, size, "loss %.4g  lr %.2g  norm %.3g  %.*f items/s", fab_live_loss(l), l->lr,
             l->norm, rate < 10 ? 1 : 0, rate);
}

static void log_line(fab_live *l, const char *words)
{
    long eta = lround(fab_live_eta_s(l));
    fab_log(FAB_LOG_INFO, "%s  step %lld/%lld  %s  %.2f steps/s  ETA %ld:%02ld:%02ld", l->bar.name,
            (long long)l->step, (long long)l->total, words, steps_per_second(l), eta / 3600,
            eta / 60 % 60, eta % 60);
    l->logged = fab_now();
}

void fab_live_step(fab_live *l, int64_t step, double loss, double lr, double norm, int64_t items)
{
    char words[120];
    l->step = step;
    l->lr = lr;
    l->norm = norm;
    l->items += items;
    if (isfinite(loss)) {
        l->loss = keep * l->loss + (1 - keep) * loss;
        l->weight = keep * l->weight + (1 - keep);
    }
    describe(l, words, sizeof words);
    /* The bar divides done by the time since its start; a resumed stage did not begin in this
     * sitting. */
    if (l->first && step > l->first) l->bar.start = fab_now() - (double)step / steps_per_second(l);
    fab_progress_set(&l->bar, step, "%s", words);
    if (l->bar.tty || l->bar.json) return;
    if (fab_now() - l->logged >= l->every_s || (step == l->total && l->total > 0))
        log_line(l, words);
}

void fab_live_clear(fab_live *l)
{
    fab_progress bar = l->bar;
    fab_progress_clear(&l->bar);
    l->bar.tty = bar.tty; /* the next step draws again */
    l->bar.json = bar.json;
    l->bar.shown = 0;
}
