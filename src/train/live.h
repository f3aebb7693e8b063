/* live: what a person watches while a stage trains. On a terminal four lines that are drawn over:
 *
 *   vqa  [##########..............]  42 %  924/2200  stage 3 of 5  ETA 31:20  run ~1:12:05
 *   loss 4.21  qa 1.02  caption 2.1  contrast 1.33  dense 0.031  presence 0.12
 *   3.1 pictures/s  1240 tokens/s  0.32 steps/s  lr 7.2e-04  norm 0.81
 *   best validation 0.651  memory 4.4 GB
 *
 * elsewhere the same words as a log line every `every_s` seconds and at the end of the stage, or
 * progress events (base/progress.h). The run's ETA takes the later stages' steps to be as fast as
 * this one's.
 */
#ifndef FAB_TRAIN_LIVE_H
#define FAB_TRAIN_LIVE_H

#include "base/progress.h"
#include "train/events.h"

enum { FAB_LIVE_PARTS = 16 };

/* An exponential average of weight 0.98, corrected for its start; not finite is left out. */
typedef struct {
    double sum, weight;
} fab_live_mean;

/* One step. */
typedef struct {
    double loss, lr, norm;
    int64_t pictures, tokens;
    const fab_scalar *parts; /* [n_parts] losses by kind, "loss/qa", the same at every step */
    int n_parts;             /* at most FAB_LIVE_PARTS are shown */
} fab_live_sample;

typedef struct {
    fab_progress bar;
    int stage, stages; /* this one, counted from 1; stages 0: not told */
    int64_t later;     /* steps of the stages after it */
    double best;       /* validation; below 0: none yet */
    int64_t first, step, total, pictures, tokens, left; /* left: the step last drawn for good */
    double started, logged, drawn, every_s;
    fab_live_mean loss, part[FAB_LIVE_PARTS];
    const char *tag[FAB_LIVE_PARTS]; /* borrowed for as long as the program runs */
    int n_parts;
    double lr, norm;
    int lines; /* of the terminal that the next drawing replaces */
} fab_live;

/* done: steps of the stage already made (a resumed run), so that rate and ETA count only this
 * sitting's. The caller may then set stage, stages, later and best. */
void fab_live_init(fab_live *l, const char *stage, int64_t done, int64_t total, double every_s);
/* After a step: step = steps made now. */
void fab_live_step(fab_live *l, int64_t step, const fab_live_sample *s);
double fab_live_loss(const fab_live *l);  /* smoothed; 0 before the first step */
double fab_live_eta_s(const fab_live *l); /* of the stage; 0 when unknown */
/* Draws the last state and leaves it, for a message or the end of the stage; the next step draws
 * below. */
void fab_live_clear(fab_live *l);

#endif
