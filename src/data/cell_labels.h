/* cell_labels: what is where, as training targets on a grid of G x G cells (G: the vision tower's).
 *
 *   target[(row * G + col) * FAB_LABELS_SPATIAL + label] = fraction of the cell covered, 0..1;
 *                                                          -1: unknown, ignore
 *
 * Masks count pixels (8 x 8 samples a cell at most); boxes count their rectangles. warp carries
 * the augmentation, so the target follows the picture; a mirroring warp exchanges left and right
 * labels.
 */
#ifndef FAB_DATA_CELL_LABELS_H
#define FAB_DATA_CELL_LABELS_H

#include "data/augment.h"
#include "data/case.h"

void fab_dense_target(const fab_case *c, const fab_warp *warp, int G,
                      float *target); /* warp NULL: none */
void fab_presence_target(const fab_case *c, const fab_warp *warp,
                         float out[FAB_LABELS]); /* 1, 0, -1 unknown */

#endif
