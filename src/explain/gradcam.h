/* gradcam: where in the picture an answer comes from (Selvaraju et al. 2017; HiResCAM: Draelos &
 * Carin 2020).
 *
 *   A [G*G,D]  the tower's grid after its last norm
 *   y          log p(answer | picture, question), the sum over its tokens
 *   Grad-CAM   a_c = mean over places of dy/dA_c,  M = ReLU(sum_c a_c A_c)
 *   HiResCAM   M = ReLU(sum_c dy/dA_c A_c)    (no averaging: exact where what follows is linear)
 *   heat       (M - min M) / (max M - min M); all zero when max M = 0: nothing speaks for the
 *   answer
 *
 * With `against` the target is contrastive, y = log p(answer) - log p(against): yes against no asks
 * what makes the difference rather than what makes any answer likely. With `head` the logit of the
 * image-level head is added: a finding's probability is made of both (engine/query.h).
 */
#ifndef FAB_EXPLAIN_GRADCAM_H
#define FAB_EXPLAIN_GRADCAM_H

#include "engine/engine.h"

typedef struct {
    bool hires;
    const char *against; /* NULL: log p(answer) alone */
    int head;            /* label + 1 whose logit at the image-level head is added to y; 0: none */
} fab_cam_opts;

typedef struct {
    int grid;                      /* G */
    float *heat;                   /* [G,G], 0..1, in the arena of the call */
    bool empty;                    /* max M was 0 */
    const char *question, *answer; /* what was asked for: lent by the caller, as `target` is */
    fab_cam_opts target;
    double logp, logp_against;
    int hottest_row, hottest_col;
} fab_cam;

/* opts may be NULL. */
bool fab_gradcam(fab_engine *e, const fab_look *look, const char *question, const char *answer,
                 const fab_cam_opts *opts, fab_arena *a, fab_cam *out, fab_err *err);

/* Heat [G,G] spread to width x height, bilinear, places beyond the outer cell centres take the
 * nearest: floats 0..1. */
bool fab_heat_spread(const float *heat, int grid, int width, int height, float *out, fab_err *err);

/* ---- is it true? ----------------------------------------------------------------------------- */

/* Deletion test: the hottest `share` of the SxS picture is painted with the picture's mean colour
 * and y is asked again; then the same mask shifted (cyclically) to `draws` other places. A heat map
 * that tells the truth loses more. */
typedef struct {
    double share; /* 0: 0.2 */
    int draws;    /* 0: 6 */
    uint64_t seed;
} fab_fidelity_opts;
typedef struct {
    double share, drop_heat, drop_random; /* how much y fell; the second: mean over the draws */
    int draws, beaten;                    /* draws whose drop was smaller than drop_heat */
} fab_fidelity;
bool fab_cam_fidelity(fab_engine *e, const fab_look *look, const fab_cam *cam,
                      const fab_fidelity_opts *opts, fab_fidelity *out, fab_err *err);

#endif
