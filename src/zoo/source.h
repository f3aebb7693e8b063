/* source: a weight file as the place where a parameter visit finds its values. */
#ifndef FAB_ZOO_SOURCE_H
#define FAB_ZOO_SOURCE_H

#include "format/weights.h"
#include "nn/params.h"

fab_param_source fab_source_weights(
    const fab_weights *w); /* lends w's tensors: w must outlive the model */

/* A tensor's values as f32, of its own count, in the arena. The pool may be NULL. Errors: memory. */
float *fab_source_f32(const fab_weight *w, fab_pool *pool, fab_arena *a, fab_err *err);
/* The numbers of a metadata array, `need` of them and all finite, in the arena. Errors: absent, no
 * numbers, another count, not finite; each names the key. */
const float *fab_source_numbers(const fab_weights *w, const char *key, int64_t need, fab_arena *a,
                                fab_err *err);

#endif
