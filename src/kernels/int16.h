/* int16: products of many rows with quantised weights in 16-bit whole numbers. AVX2; private to kernels/. */
#ifndef FAB_KERNELS_INT16_H
#define FAB_KERNELS_INT16_H

#include "kernels/isa.h"

/* Whether this file's instruction set has it, and for this type of weights. */
bool FAB_BASE(fab_int16_takes)(fab_dtype type);
/* g->b holds a type that it takes, a_col is 1. A is rounded to 16 bits under one scale per 32 values. */
bool FAB_BASE(fab_int16_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err);

#endif
