/* live: what a person watches while a stage trains. On a terminal one moving line (base/progress.h):
 *
 *   vqa  [####....]  42 %  1234/2938  5.6/s  ETA 5:01  loss 1.842  lr 2.9e-04  norm 0.81  358 items/s
 *
 * elsewhere the same words as a log line every `every_s` seconds and at the end of the stage.
 */
#ifndef FAB_TRAIN_LIVE_H
#define FAB_TRAIN_LIVE_H

#include "base/progress.h"

typedef struct {
    fab_progress bar;
    int64_t first, step, total, items;
    double started, logged, every_s;
    double loss, weight; /* exponential average of weight 0.98, corrected for its start */
    double lr, norm;
} fab_live;

/* done: steps of the stage already made (a resumed run), so that rate and ETA count only this
 * sitting's. */
void fab_live_init(fab_live *l, const char *stage, int64_t done, int64_t total, double every_s);
/* After a step: step = steps made now; items = samples in it. A loss that is not finite is not
 * averaged. */
void fab_live_step(fab_live *l, int64_t step, double loss, double lr, double norm, int64_t items);
double fab_live_loss(const fab_live *l);  /* smoothed; 0 before the first step */
double fab_live_eta_s(const fab_live *l); /* 0 when unknown */
/* Ends the line, for a message or the end of the stage; the next step draws again. */
void fab_live_clear(fab_live *l);

#endif
