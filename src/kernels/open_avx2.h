/* open_avx2: pieces of GGUF's blocks (blocks.h) in registers, for dot.c and int8_avx2.h. AVX2. */
#ifndef FAB_KERNELS_OPEN_AVX2_H
#define FAB_KERNELS_OPEN_AVX2_H

#include <immintrin.h>
#include "base/bytes.h"
#include "kernels/isa.h"

INLINE __m256i bytes_of(int x) { return _mm256_set1_epi8((char)x); }
INLINE __m128i load16(const void *p) { return _mm_loadu_si128(p); }
INLINE __m256 half_of(const uint8_t *p) { return _mm256_set1_ps(_cvtsh_ss(fab_le16(p))); }

INLINE __m256 eight_bytes(uint32_t low, uint32_t high)
{
    __m128i b = _mm_cvtsi64_si128((int64_t)((uint64_t)high << 32 | low));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b));
}

INLINE __m256i nibbles(__m256i x, bool high)
{
    return _mm256_and_si256(high ? _mm256_srli_epi16(x, 4) : x, bytes_of(15));
}

INLINE __m256i bits_up(__m256i x, int up, int mask) /* up or, below 0, down */
{
    x = up >= 0 ? _mm256_slli_epi16(x, up) : _mm256_srli_epi16(x, -up);
    return _mm256_and_si256(x, bytes_of(mask));
}

/* The scales d and shifts m of the 8 blocks of 32 of q4_K or q5_K; of q6_K d of their first 16s, of
 * their last 16s. */
INLINE void super_scales(fab_dtype type, const uint8_t *p, __m256 d[2], __m256 *m)
{
    if (type == FAB_Q6_K) {
        const __m128i turn = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        __m128i b = _mm_shuffle_epi8(load16(p + 192), turn);
        __m256 big = half_of(p + 208);
        d[0] = _mm256_mul_ps(big, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b)));
        d[1] =
            _mm256_mul_ps(big, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(b, b))));
        return;
    }
    uint32_t a = fab_le32(p + 4), b = fab_le32(p + 8), c = fab_le32(p + 12);
    uint32_t top = (a >> 6 & 0x03030303u) << 4 | (c & 0x0f0f0f0fu),
             low = (b >> 6 & 0x03030303u) << 4 | (c >> 4 & 0x0f0f0f0fu);
    __m256 less = _mm256_sub_ps(_mm256_setzero_ps(), half_of(p + 2));
    d[0] = _mm256_mul_ps(half_of(p), eight_bytes(a & 0x3f3f3f3fu, top));
    *m = _mm256_mul_ps(less, eight_bytes(b & 0x3f3f3f3fu, low));
}

INLINE float largest(__m256 x) /* x >= 0 */
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
