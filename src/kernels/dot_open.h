/* dot_open: what dot.c reads at a time, a group of 256 values of a row of GGUF's blocks: bytes
 * q[u][h] as described there, and scales. AVX2. */
#ifndef FAB_KERNELS_DOT_OPEN_H
#define FAB_KERNELS_DOT_OPEN_H

#include "kernels/open_avx2.h"

enum { GROUP = 256 };

INLINE bool small(fab_dtype t) { return t == FAB_Q8_0 || t == FAB_Q4_0 || t == FAB_Q4_1; }
INLINE int small_bytes(fab_dtype t) { return t == FAB_Q8_0 ? 34 : t == FAB_Q4_0 ? 18 : 20; }
INLINE bool four_bits(fab_dtype t) { return t == FAB_Q4_0 || t == FAB_Q4_1 || t == FAB_Q4_K; }
INLINE bool sixteens(fab_dtype t) { return t == FAB_Q6_K; }
INLINE float offset_of(fab_dtype t) { return t == FAB_Q4_0 ? -8 : t == FAB_Q6_K ? -32 : 1; }

INLINE int group_bytes(fab_dtype t)
{
    return small(t) ? 8 * small_bytes(t) : t == FAB_Q4_K ? 144 : t == FAB_Q5_K ? 176 : 210;
}

INLINE __m256i two_lanes(const uint8_t *low,
                         const uint8_t *high) /* a blend costs less than an insertion */
{
    return _mm256_blend_epi32(_mm256_castsi128_si256(load16(low)),
                              _mm256_broadcastsi128_si256(load16(high)), 0xf0);
}

/* the f16 that 8 blocks begin with: word b of the 16 bytes that lie 2 b before block b */
INLINE __m256 eight_halves(const uint8_t *p, int step)
{
    step -= 2;
    __m128i x = _mm_blend_epi16(load16(p), load16(p + step), 2),
            y = _mm_blend_epi16(load16(p + 4 * step), load16(p + 5 * step), 32);
    x = _mm_blend_epi16(x, load16(p + 2 * step), 4);
    y = _mm_blend_epi16(y, load16(p + 6 * step), 64);
    x = _mm_blend_epi16(x, load16(p + 3 * step), 8);
    y = _mm_blend_epi16(y, load16(p + 7 * step), 128);
    return _mm256_cvtph_ps(_mm_blend_epi16(x, y, 0xf0));
}

/* The same of q4_0: blocks b and b + 1 (b even) are words b of the low, b + 1 of the high lane of
 * the 32 bytes that lie 2 b before block b */
INLINE __m256 eight_of_q4_0(const uint8_t *p)
{
    const __m256i *at = (const void *)p;
    __m256i x = _mm256_blend_epi16(_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1), 0x0c),
            y = _mm256_blend_epi16(_mm256_loadu_si256(at + 2), _mm256_loadu_si256(at + 3), 0xc0);
    x = _mm256_blend_epi16(x, y, 0xf0);
    return _mm256_cvtph_ps(
        _mm_blend_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1), 0xaa));
}

/* The scales d of the 8 blocks, and what the sums of A are multiplied by; of q6_K those of the
 * first, of the last 16s. */
INLINE void open_scales(fab_dtype type, const uint8_t *p, __m256 d[2], __m256 m[2])
{
    if (small(type)) {
        d[0] = type == FAB_Q4_0 ? eight_of_q4_0(p) : eight_halves(p, small_bytes(type));
        m[0] = type == FAB_Q4_1 ? eight_halves(p + 2, small_bytes(type)) : d[0];
        return;
    }
    super_scales(type, p, d, m);
    if (type == FAB_Q6_K) m[0] = d[0], m[1] = d[1];
}

/* q[u][h] */
INLINE __m256i open_unit(fab_dtype type, const uint8_t *p, int u, int h)
{
    if (small(type)) { /* a block's first 16 in the low nibbles */
        const int bytes = small_bytes(type), skip = type == FAB_Q4_1 ? 4 : 2;
        const uint8_t *b = p + u * bytes + skip + (type == FAB_Q8_0 ? 16 * h : 0);
        __m256i x = two_lanes(b, b + 4 * bytes);
        return type == FAB_Q8_0 ? x : nibbles(x, h);
    }
    if (type == FAB_Q6_K) { /* u + 2 in the high nibbles of u's 32 bytes */
        const uint8_t *b = p + u % 2 * 32 + 16 * h, *top = p + 128 + 16 * h;
        return _mm256_or_si256(nibbles(two_lanes(b, b + 64), u / 2),
                               bits_up(two_lanes(top, top + 32), 4 - 2 * u, 0x30));
    }
    const uint8_t *b = p + (type == FAB_Q5_K ? 48 : 16) + u / 2 * 32 + 16 * h;
    __m256i x = nibbles(two_lanes(b, b + 64), u % 2); /* u + 1 in the high nibbles */
    if (type == FAB_Q4_K) return x;
    __m256i bit = _mm256_broadcastsi128_si256(load16(p + 16 + 16 * h)); /* bit u or u + 4 */
    bit = _mm256_blend_epi32(bit, _mm256_srli_epi16(bit, 4), 0xf0);
    return _mm256_or_si256(x, bits_up(bit, 4 - u, 16));
}

#endif
