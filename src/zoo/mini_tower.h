/* mini_tower: what a mini's tower is, to mini.c. A tower is one file that ends in one row; mini.c
 * names the rows. Private to zoo/. */
#ifndef FAB_ZOO_MINI_TOWER_H
#define FAB_ZOO_MINI_TOWER_H

#include "zoo/mini.h"

typedef struct {
    const char *name;                                        /* in recipes and files */
    bool (*check)(const fab_mini_config *cfg, fab_err *err); /* its own sizes */
    int (*width)(const fab_mini_config *cfg);                /* D */
    int (*cells)(const fab_mini_config *cfg); /* G*G, or more: a coarser grid behind */
    int (*pooled)(
        const fab_mini_config *cfg); /* F, means of the still trunk's maps; NULL: no such */
    bool (*make)(fab_mini *m, fab_arena *a, fab_err *err); /* sets m->tower */
    void (*params)(fab_params *p, fab_mini *m);
    /* [B,cells,D]; *pooled becomes [B,F] where cfg.still_trunk asks for it */
    fab_tensor *(*forward)(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop,
                           fab_tensor **pooled);
    /* *pooled alone; NULL where pooled is */
    fab_tensor *(*glance)(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop);
    int (*texture_width)(const fab_mini_config *cfg); /* F of mini.h's texture; NULL: no trunk */
    bool (*texture)(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float *out);
    /* NULL: always from nothing */
    bool (*fill)(fab_mini *m, const fab_weights *w, fab_start which, fab_err *err);
} fab_mini_tower;

extern const fab_mini_tower fab_mini_residual, fab_mini_lite0;

#endif
