/* int8: products with quantised weights in whole numbers: AVX-512 VNNI, AVX2. Private to kernels/. */
#ifndef FAB_KERNELS_INT8_H
#define FAB_KERNELS_INT8_H

#include "kernels/isa.h"

/* Whether this file's instruction set has it, and for this type of weights. */
bool FAB_NAME(fab_int8_takes)(fab_dtype type);
/* g->b holds a type that it takes, a_col is 1. A is rounded to int8, 32 values under one step; the
 * tiles say how far. */
bool FAB_NAME(fab_int8_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err);

#endif
