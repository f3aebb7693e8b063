/* lite0: EfficientNet-Lite0's convolutional trunk, two maps out. See lite0.c for the table. */
#ifndef FAB_ZOO_LITE0_H
#define FAB_ZOO_LITE0_H

#include "format/weights.h"
#include "nn/layers.h"

enum {
    FAB_LITE0_GROUPS = 7,
    FAB_LITE0_FINEST = 3, /* widths[FAB_LITE0_FINEST]: the channels of finest */
    FAB_LITE0_FINE = 5,   /* those of fine */
};

typedef struct {
    int widths[1 + FAB_LITE0_GROUPS]; /* channels of the stem and of each group's blocks */
    int depths[FAB_LITE0_GROUPS];     /* blocks of each group */
} fab_lite0_config;
#define FAB_LITE0_DEFAULTS                                                                         \
    {                                                                                              \
        { 32, 16, 24, 40, 80, 112, 192, 320 }, { 1, 2, 2, 3, 3, 4, 1 }                             \
    }

typedef struct {
    fab_lite0_config cfg;
    fab_conv_layer stem;
    struct fab_lite0_block *blocks;
    int n_blocks;
} fab_lite0;

/* Sizes that make no trunk are an error that names them. */
bool fab_lite0_check(const fab_lite0_config *cfg, fab_err *err);
/* cfg must have passed; blocks live in the arena. */
bool fab_lite0_init(fab_lite0 *t, fab_arena *a, const fab_lite0_config *cfg, fab_err *err);
void fab_lite0_params(fab_params *p, fab_lite0 *t);

/* finest at 1/8 of the side (after group 2), fine at 1/16 (after group 4), coarse at 1/32 (after
 * the last), halves rounded up. */
typedef struct {
    fab_tensor *finest, *fine, *coarse; /* [B,h,w,C] */
} fab_lite0_maps;
/* pixels f32 [B,H,W,3], (u8/255 - 0.5)/0.5. drop: stochastic depth of the last block in training;
 * earlier blocks have less, in proportion. */
fab_lite0_maps fab_lite0_forward(fab_ctx *c, const fab_lite0 *t, fab_tensor *pixels, float drop);

/* Fills parameters already visited (f32) from the published checkpoint's names, batch norms folded
 * in. The classifier that the checkpoint also holds is left. */
bool fab_lite0_fill(fab_lite0 *t, const fab_weights *w, fab_err *err);

#endif
