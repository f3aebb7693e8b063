/* rounded: what the tiles of rounded operands (core_half.c, core_bf16.c) share. AVX-512. */
#ifndef FAB_KERNELS_ROUNDED_H
#define FAB_KERNELS_ROUNDED_H

#include <immintrin.h>
#include "kernels/core.h"

INLINE __mmask16 first_of(int64_t n) /* mask of the first n of 16 lanes */
{
    return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

/* c[j] = (load ? c[j] : 0) + sum[j] scale + bias[j] in the lanes of m; bias may be NULL */
INLINE void add_lanes(float *c, const float *sum, __m512 scale, __mmask16 m, bool load,
                      const float *bias)
{
    __m512 x = _mm512_mul_ps(_mm512_loadu_ps(sum), scale);

    if (bias) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(m, bias));
    if (load) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(m, c));
    _mm512_mask_storeu_ps(c, m, x);
}

/* The same for n columns of a row; sum is read to whole 16. */
INLINE void add_row(float *c, const float *sum, float scale, int n, bool load, const float *bias)
{
    __m512 s = _mm512_set1_ps(scale);
    int j = 0;

    for (; j + 16 <= n; j += 16) add_lanes(c + j, sum + j, s, 0xffff, load, bias ? bias + j : NULL);
    if (j < n) add_lanes(c + j, sum + j, s, first_of(n - j), load, bias ? bias + j : NULL);
}

#endif
