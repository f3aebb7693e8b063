/* leaves: pictures that look like photographs of nothing, for teaching the input gate what it does
 * not know.
 *
 * The dead-leaves model (Lee, Mumford & Huang 2001): shapes with sizes from a power law fall on
 * each other, each of one colour, with 1/f texture and uneven light. Its statistics are those of
 * natural photographs (Baradad et al. 2021 train vision from it), and it needs no photographs and
 * no licences.
 */
#ifndef FAB_ENGINE_LEAVES_H
#define FAB_ENGINE_LEAVES_H

#include <stdint.h>
#include "base/rng.h"

/* One picture into rgb [side,side,3]; the same rng state gives the same picture. scratch: side *
 * side floats. */
void fab_leaves(fab_rng *rng, int side, uint8_t *rgb, float *scratch);

#endif
