/* bf16_vectors: core_bf16.c's products by AVX512-BF16 (vdpbf16ps: the two products of a pair of k
 * in each of 16 columns), for processors without AMX and FP16. It does twice the multiply-adds of
 * f32 on Zen 4 and half of them on Intel's, which have one of the other two. 14 rows by 32 columns
 * are 28 sums in registers.
 */
#ifndef FAB_KERNELS_BF16_VECTORS_H
#define FAB_KERNELS_BF16_VECTORS_H

#include "kernels/rounded.h"

enum { SIDE = 16, TALL = MR, TILE = 512, STEP = TILE, ZERO_ROWS = 0 };
enum { B_STEP = 2 * TILE };

typedef struct {
    char none;
} tile_unit;
INLINE void tile_begin(tile_unit *u) { (void)u; }
#define TILE_END(u) ((void)(u))

INLINE __m512bh pair_of(const uint16_t *a) /* two values of k, in every lane */
{
    return (__m512bh)_mm512_set1_epi32((int)fab_le32(a));
}

/* mr rows of C, the columns of lo and hi; mr is a constant */
INLINE void sums(const int mr, const uint16_t *a, const uint16_t *b, int steps, float *const *c,
                 __mmask16 lo, __mmask16 hi, bool load, const float *bias)
{
    __m512 acc[MR][2];
    __m512 z0 = bias ? _mm512_maskz_loadu_ps(lo, bias) : _mm512_setzero_ps(),
           z1 = bias ? _mm512_maskz_loadu_ps(hi, bias + 16) : _mm512_setzero_ps();

#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) acc[i][0] = z0, acc[i][1] = z1;
    for (int t = 0; t < steps; t++, a += STEP, b += B_STEP)
        for (int k = 0; k < 32; k += 2) {
            __m512bh b0 = (__m512bh)_mm512_loadu_si512(b + 16 * k),
                     b1 = (__m512bh)_mm512_loadu_si512(b + TILE + 16 * k);
#pragma GCC unroll 14
            for (int i = 0; i < mr; i++) {
                __m512bh ai = pair_of(a + 32 * i + k);
                acc[i][0] = _mm512_dpbf16_ps(acc[i][0], ai, b0);
                acc[i][1] = _mm512_dpbf16_ps(acc[i][1], ai, b1);
            }
        }
#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) {
        if (load) {
            acc[i][0] = _mm512_add_ps(acc[i][0], _mm512_maskz_loadu_ps(lo, c[i]));
            acc[i][1] = _mm512_add_ps(acc[i][1], _mm512_maskz_loadu_ps(hi, c[i] + 16));
        }
        _mm512_mask_storeu_ps(c[i], lo, acc[i][0]);
        _mm512_mask_storeu_ps(c[i] + 16, hi, acc[i][1]);
    }
}

typedef void sums_fn(const uint16_t *a, const uint16_t *b, int steps, float *const *c, __mmask16 lo,
                     __mmask16 hi, bool load, const float *bias);
#define SUMS(n)                                                                                    \
    static void sums##n(const uint16_t *a, const uint16_t *b, int steps, float *const *c,          \
                        __mmask16 lo, __mmask16 hi, bool load, const float *bias)                  \
    {                                                                                              \
        sums(n, a, b, steps, c, lo, hi, load, bias);                                               \
    }
/* clang-format off */
SUMS(1) SUMS(2) SUMS(3) SUMS(4) SUMS(5) SUMS(6) SUMS(7) SUMS(8) SUMS(9) SUMS(10) SUMS(11) SUMS(12) SUMS(13) SUMS(14)
static sums_fn *const sums_of[MR + 1] = { NULL, sums1, sums2, sums3, sums4, sums5, sums6, sums7, sums8, sums9, sums10,
    sums11, sums12, sums13, sums14 };
/* clang-format on */

/* mr rows of C, n <= NR columns at c[i] (+)= A panel x B panel */
INLINE void product(tile_unit *u, int mr, int n, const uint16_t *a, const uint16_t *b, int steps,
                    float *const *c, int64_t row, bool load, const float *bias)
{
    (void)u, (void)row;
    sums_of[mr](a, b, steps, c, first_of(n), first_of(n - 16), load, bias);
}

#endif
