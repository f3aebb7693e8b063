/* fuzz_weights: reads all that an accepted weight file offers. What a parse accepted must be
 * readable in full. */
#ifndef FAB_FUZZ_WEIGHTS_H
#define FAB_FUZZ_WEIGHTS_H

#include "format/weights.h"
#include "fuzz.h"

static inline void fuzz_weights(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = fab_weights_parse(data, size, &err);
    volatile uint8_t sink = 0;

    if (!w != (err.code != FAB_OK)) __builtin_trap();
    if (!w) return;
    for (int64_t i = 0; i < fab_weights_count(w); i++) {
        const fab_weight *e = fab_weights_at(w, i);
        uint64_t bytes = 0;
        if (fab_weights_find(w, e->name, NULL) != e) __builtin_trap();
        if (!fab_dtype_size(e->dtype, e->ndim, e->shape, NULL, &bytes) || bytes != e->bytes)
            __builtin_trap();
        for (uint64_t k = 0; k < e->bytes; k++)
            sink = (uint8_t)(sink ^ ((const uint8_t *)e->data)[k]);
    }
    fab_weights_check_finite(w, &err);
    json_decref(fab_weights_describe(w, true, NULL));
    fab_weights_close(w);
}

#endif
