/* overlay: heat over a picture that a person can still read.
 *
 * The picture is shown in grey; colour runs from violet through red to pale yellow with lightness
 * rising evenly (made in OKLab, Ottosson 2020), so that it reads in print and with
 * colour-blindness; opacity rises with the heat, and cold places stay clear.
 */
#ifndef FAB_EXPLAIN_OVERLAY_H
#define FAB_EXPLAIN_OVERLAY_H

#include <stdint.h>
#include "base/arena.h"

/* heat [width*height] 0..1 from fab_heat_spread; rgb and out [width*height*3], may be the same. */
void fab_overlay(const uint8_t *rgb, const float *heat, int width, int height, uint8_t *out);

/* The colour of heat t in 0..1, sRGB bytes: for legends. */
void fab_overlay_colour(float t, uint8_t rgb[3]);

#endif
