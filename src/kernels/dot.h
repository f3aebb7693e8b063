/* dot: a few rows of A against quantised weights, bound by reading the weights: generation. Private
 * to kernels/. */
#ifndef FAB_KERNELS_DOT_H
#define FAB_KERNELS_DOT_H

#include "kernels/isa.h"

enum { DOT_MOST = 8, STREAMS = 4 };

/* Rows of W in each of the STREAMS stretches that are read side by side. */
INLINE int64_t stretch_of(int64_t n, int64_t row_bytes)
{
    int64_t rows = ceil_div(n, STREAMS);
    return rows >= 64 && rows * row_bytes % 4096 == 0 ? rows + 1 : rows; /* else one set of L1 */
}

/* Whether this file's instruction set has it, for this type of weights and this many rows. */
bool FAB_BASE(fab_dot_takes)(fab_dtype type, int64_t m);
/* g->b holds a type that it takes, g->m <= DOT_MOST, a_col is 1. A is rounded under one scale per
 * 32 values: to 16 bits, or to 8 where g->bf16 and the weights have fewer than 8. */
bool FAB_BASE(fab_dot_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err);

#endif
