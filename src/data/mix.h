/* mix: a rectangle of one picture shown inside another (CutMix, Yun et al. 2019), in whole cells of
 * the G x G grid, so that what is where stays known to the cell.
 *
 *   sides = round(G sqrt(1 - u)), u uniform in 0..1, at a uniform place
 *
 * Only targets with a place survive it: a cell's labels are those of the picture it came from. Of
 * the mixture as a whole a label is present when a cell of it shows it, absent when both pictures
 * lack it, else unknown; what has no place (modality, plane, diagnosis) is known where both
 * pictures agree. Questions and captions speak of whole pictures ("which is the largest organ?"):
 * of a mixture there is no answer to learn, and blending two answers, as mixup does with classes,
 * makes a sentence nobody says.
 */
#ifndef FAB_DATA_MIX_H
#define FAB_DATA_MIX_H

#include <stdbool.h>
#include "base/rng.h"

typedef struct {
    bool mixed;
    int other;          /* the picture that the rectangle comes from */
    int x0, y0, x1, y1; /* cells [x0,x1) x [y0,y1), at least one, never all */
} fab_mix;

/* For picture `self` of n; n < 2 or G < 2: not mixed. */
void fab_mix_draw(fab_rng *rng, int n, int self, int G, fab_mix *m);
/* Copies the rectangle between maps of side * side places, `channels` floats each; side is a
 * multiple of G. */
void fab_mix_paste(const fab_mix *m, int G, const float *from, float *to, int side, int channels);
/* dense: [G*G,spatial] of the mixture; other [labels] the presence in the picture pasted from; to
 * [labels]: that of the picture pasted into, and becomes the mixture's. Negative: unknown. */
void fab_mix_presence(const float *dense, int G, int spatial, int labels, const float *other,
                      float *to);

#endif
