/* augment: one training view of a stored picture: one affine bilinear pass, then intensity.
 *
 *   out pixel p (0..1)  ->  source  A (p - 1/2) + t,   A = scale * rotation * shear-free * mirror
 *   value = ((u8 / 255 - 1/2) / 1/2) after contrast, brightness, gamma, blur, noise, cut-out
 *
 * Places outside the picture are black (-1). The same rng state gives the same view. About 1 ms
 * at 160 x 160.
 */
#ifndef FAB_DATA_AUGMENT_H
#define FAB_DATA_AUGMENT_H

#include <stdint.h>
#include "base/err.h"
#include "base/rng.h"

/* Where an output place lies in the source, both in fractions of the side: x' = m[0] x + m[1] y
 * + m[2], y' = m[3] x + .. */
typedef struct {
    float m[6];
    bool mirrored;
} fab_warp;

/* The square part of a picture, in fractions of its sides, that is shown in the place of all of it. */
typedef struct {
    float x, y, side; /* its middle; side 0: all of the picture */
} fab_square;

/* The one about a box, with margin of the box's longer side to either side of it, pushed and cut so
 * as to lie in the picture, and no smaller than FAB_SQUARE_LEAST. */
#define FAB_SQUARE_LEAST 0.2f
fab_square fab_square_about(float x0, float y0, float x1, float y1, float margin);
/* The one about the cells hit [side, side] that are not 0; side 0: none is. */
fab_square fab_square_of(const uint8_t *hit, int side, float margin);

typedef struct {
    fab_square part;            /* what of the picture is taken for all of it, before all else */
    float scale_min, scale_max; /* side of the crop as a fraction of the picture; 1, 1: none */
    float aspect;               /* log-uniform stretch up to this factor; 0 none */
    float rotate_deg;           /* uniform in +-; 0 none */
    float shift; /* uniform in +-, fraction of the side, besides what the crop leaves free */
    float flip, flip_vertical;  /* probabilities */
    bool quarter_turns;         /* of what has no up */
    float brightness, contrast; /* +- in [0,1] units; factor in 1 +- */
    float saturation;           /* factor in 1 +-; grey pictures are unchanged by it */
    float gamma;                /* exponent in 1/(1+g) .. 1+g */
    float noise;                /* largest standard deviation, [0,1] units */
    float blur;                 /* probability of a 3 x 3 binomial blur */
    float cutout;               /* probability of one grey square of 1/8 to 1/4 of the side */
} fab_augment_opts;

#define FAB_AUGMENT_NONE                                                                           \
    {                                                                                              \
        .scale_min = 1, .scale_max = 1                                                             \
    }
#define FAB_AUGMENT_DEFAULTS                                                                       \
    {                                                                                              \
        .scale_min = 0.7f, .scale_max = 1.05f, .aspect = 0.1f, .rotate_deg = 10, .shift = 0.05f,   \
        .brightness = 0.1f, .contrast = 0.2f, .saturation = 0.1f, .gamma = 0.2f, .noise = 0.03f,   \
        .blur = 0.1f, .cutout = 0.2f                                                               \
    }

/* rgb: [in, in, 3] u8; out: [side, side, 3] f32 in -1..1. in and side at least 8. warp (may be
 * NULL) receives the geometry for cell_labels.h. */
void fab_augment(fab_rng *rng, const fab_augment_opts *o, const uint8_t *rgb, int in, int side,
                 float *out, fab_warp *warp);

/* The plain evaluation transform, in == side: (u8 / 255 - 1/2) / 1/2. */
void fab_to_float(const uint8_t *rgb, int side, float *out);

#endif
