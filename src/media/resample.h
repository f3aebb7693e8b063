/* resample: sound at one rate from sound at another, a block at a time.
 *
 *   y[o] = sum_i x[i] h(o R - i),   R = from / to,   h(t) = c sinc(c t) kaiser(t / W)
 *
 * c puts the edge below the lower of the two Nyquist frequencies: nothing above it folds back. The
 * delay is zero: sample o stands at the time of source sample o R. */
#ifndef FAB_MEDIA_RESAMPLE_H
#define FAB_MEDIA_RESAMPLE_H

#include <stdint.h>
#include "base/err.h"

enum { FAB_RATE_MIN = 1000, FAB_RATE_MAX = 768000 }; /* Hz, of either side */

typedef struct fab_resampler fab_resampler;

/* NULL with err set: a rate outside the limits, or out of memory. Equal rates copy. */
fab_resampler *fab_resampler_new(int from, int to, fab_err *err);
void fab_resampler_free(fab_resampler *r); /* NULL is fine */

/* Takes n samples; what can be computed from all that came so far is appended to the result. */
bool fab_resampler_push(fab_resampler *r, const float *x, int64_t n, fab_err *err);
/* Takes silence after the end, until the result has ceil(pushed * to / from) samples. */
bool fab_resampler_end(fab_resampler *r, fab_err *err);

int64_t fab_resampler_count(const fab_resampler *r); /* samples of the result so far */
/* The result, made by fab_new: the caller frees it. NULL when it is empty. */
float *fab_resampler_take(fab_resampler *r);

#endif
