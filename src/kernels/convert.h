/* convert: rows of bf16, f16 and the quantised types to f32, inlined into the loops that widen
 * weights on the fly. */
#ifndef FAB_KERNELS_CONVERT_H
#define FAB_KERNELS_CONVERT_H

#include "base/bytes.h"
#include "kernels/blocks.h"
#if defined(__F16C__)
#include <immintrin.h>
#endif

enum { Q8 = 32, Q8_BYTES = 34 };

INLINE void f16_row(const uint16_t *x, float *y, int64_t n)
{
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(x + i))));
#endif
    for (; i < n; i++) y[i] = fab_f16_f32(x[i]);
}

INLINE void bf16_row(const uint16_t *x, float *y, int64_t n)
{
    SIMD for (int64_t i = 0; i < n; i++) y[i] = fab_bf16_f32(x[i]);
}

INLINE void q8_row(const uint8_t *x, float *y, int64_t n) /* n % 32 == 0 */
{
    for (int64_t b = 0; b < n / Q8; b++, x += Q8_BYTES, y += Q8) {
        float d = fab_f16_f32(fab_le16(x));
        const int8_t *q = (const int8_t *)x + 2;
        SIMD for (int i = 0; i < Q8; i++) y[i] = d * (float)q[i];
    }
}

/* n elements from element `at` of x on. */
INLINE void widen_row(fab_dtype type, const void *x, int64_t at, float *y, int64_t n)
{
    if (type == FAB_BF16) bf16_row((const uint16_t *)x + at, y, n);
    else if (type == FAB_F16) f16_row((const uint16_t *)x + at, y, n);
    else if (type == FAB_Q8_0 && at % Q8 == 0 && n % Q8 == 0)
        q8_row((const uint8_t *)x + at / Q8 * Q8_BYTES, y, n);
    else if (type >= FAB_Q4_0 && type <= FAB_Q6_K) block_widen(type, x, at, y, n);
    else memcpy(y, (const float *)x + at, (size_t)n * sizeof *y);
}

#endif
