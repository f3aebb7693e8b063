/* plot: curves of a run as a PNG (cairo): one x axis, a left and an optional right y axis, legend,
 * smoothing. */
#ifndef FAB_TRAIN_PLOT_H
#define FAB_TRAIN_PLOT_H

#include "base/arena.h"

typedef struct {
    const char *label;   /* NULL: not in the legend */
    const double *x, *y; /* [n]; points that are not finite are left out */
    int64_t n;
    double smooth; /* 0: as it is; else the weight of an exponential average over a pale raw line */
    bool right;    /* belongs to the right axis */
    bool marks;    /* dots at the points */
} fab_series;

typedef struct {
    const char *title, *x_label, *y_label, *right_label; /* NULL: none */
    int width, height;                                   /* pixels; 0: 960 x 560 */
} fab_plot_opts;

bool fab_plot_write(const char *path, const fab_series *series, int n, const fab_plot_opts *opts,
                    fab_err *err);

/* DIR/metrics.jsonl -> DIR/curves.png: "train/loss" smoothed, "val/loss", and up to four tags
 * `right` (NULL-terminated, may be NULL) against the right axis. Writes nothing while there are no
 * two points. */
bool fab_plot_run(const char *dir, const char *title, const char *const *right, fab_err *err);

#endif
