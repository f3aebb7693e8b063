/* row: one row of A against quantised weights with AVX-512 VNNI: generation. Private to kernels/. */
#ifndef FAB_KERNELS_ROW_H
#define FAB_KERNELS_ROW_H

#include "kernels/isa.h"

/* Whether this file's instruction set has it, for this type of weights. */
bool FAB_NAME(fab_row_takes)(fab_dtype type);
/* g->b holds a type that it takes, g->m is 1, a_col is 1. A is rounded as dot.h says. */
bool FAB_NAME(fab_row_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err);

#endif
