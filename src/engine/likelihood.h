/* likelihood: how likely a decoder finds tokens that are there already.
 *
 *   sum over from <= i < n of log p(ids[i] | ids[0..i)),    from >= 1
 */
#ifndef FAB_ENGINE_LIKELIHOOD_H
#define FAB_ENGINE_LIKELIHOOD_H

#include "zoo/decoder.h"

/* One pass over n tokens, n at most the model's context; the ctx is reset. c->bf16 as the model
 * was opened. */
bool fab_likelihood(fab_ctx *c, const fab_decoder *d, const int32_t *ids, int64_t n, int64_t from,
                    double *logp, fab_err *err);

#endif
