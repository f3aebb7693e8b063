/* quantise: f32 rows to GGUF's blocks. */
#ifndef FAB_KERNELS_QUANTISE_H
#define FAB_KERNELS_QUANTISE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/dtype.h"

/* n values of x to q8_0, q4_0, q4_1, q5_0, q5_1, q4_K, q5_K or q6_K; false: another type, or n
 * fills no whole blocks. The same bytes on every machine. */
bool fab_quantise(fab_dtype to, const float *x, void *y, int64_t n);

/* Whether the f16 scales of n values in blocks of a quantised type are finite: then the values are.
 * Reads no others. */
bool fab_quantised_finite(fab_dtype type, const void *x, int64_t n);

#endif
