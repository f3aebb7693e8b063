/* blocks: GGUF's quantised blocks, opened into whole numbers with a scale and a shift for every 16
 * of them.
 *
 *   x[i] = d[i/16] q[i] + m[i/16]        (h, f16 scales little-endian; nibble j of n bytes: low j, high j + n)
 *
 *   q8_0  32   [ h d | 32 x int8 ]                                   q4_0  32  [ h d | 16 nibbles ]          q - 8
 *   q4_1  32   [ h d | h m | 16 nibbles ]                            q5_0  32  [ h d | 4 fifth bits | 16 ]   q - 16
 *   q5_1  32   [ h d | h m | 4 fifth bits | 16 nibbles ]
 *   q2_K 256   [ 16 x (4 bit scale, 4 bit min) | 64 x 2 bit | h d | h dmin ]
 *   q3_K 256   [ 32 third bits | 64 x 2 bit | 12: 16 x 6 bit scales | h d ]          q - 4 where the third bit is 0
 *   q4_K 256   [ h d | h dmin | 12: 8 x (6 bit scale, 6 bit min) | 128 nibbles ]     groups of 64: 32 low, 32 high
 *   q5_K 256   [ h d | h dmin | 12 | 32 fifth bits | 128 nibbles ]
 *   q6_K 256   [ 128 low 4 bits | 64 high 2 bits | 16 x int8 scale | h d ]           q - 32, two halves of 128
 *
 * Plain C, the reference; SYSTEMS.md 28.4 gives the layouts, tools/golden/quants.py checks them.
 */
#ifndef FAB_KERNELS_BLOCKS_H
#define FAB_KERNELS_BLOCKS_H

#include "base/bytes.h"
#include "base/dtype.h"
#include "kernels/isa.h"

enum { BLOCK_MOST = 256, BLOCK_SUB = 16 };

typedef struct {
    int8_t q[BLOCK_MOST];
    float d[BLOCK_MOST / BLOCK_SUB], m[BLOCK_MOST / BLOCK_SUB];
} qblock;

INLINE float block_half(const uint8_t *p) { return fab_f16_f32(fab_le16(p)); }

INLINE void block_nibbles(const uint8_t *p, int n, int8_t *q) /* n bytes -> 2n */
{
    SIMD for (int i = 0; i < n; i++)
    {
        q[i] = (int8_t)(p[i] & 15);
        q[i + n] = (int8_t)(p[i] >> 4);
    }
}

/* bits[i] >> shift & 1, times worth, added to q */
INLINE void block_bits(const uint8_t *bits, int shift, int worth, int n, int8_t *q)
{
    SIMD for (int i = 0; i < n; i++) q[i] = (int8_t)(q[i] + (bits[i] >> shift & 1) * worth);
}

INLINE void block_less(int8_t *q, int n, int by)
{
    SIMD for (int i = 0; i < n; i++) q[i] = (int8_t)(q[i] - by);
}

INLINE void block_open32(fab_dtype type, const uint8_t *p, qblock *o)
{
    bool shifted = type == FAB_Q4_1 || type == FAB_Q5_1;
    const uint8_t *qs = p + (shifted ? 4 : 2);

    o->d[0] = o->d[1] = block_half(p);
    o->m[0] = o->m[1] = shifted ? block_half(p + 2) : 0.0f;
    if (type == FAB_Q8_0) {
        memcpy(o->q, qs, 32);
        return;
    }
    if (type == FAB_Q4_0 || type == FAB_Q4_1) block_nibbles(qs, 16, o->q);
    else {
        uint32_t high = fab_le32(qs);
        block_nibbles(qs + 4, 16, o->q);
        SIMD for (int i = 0; i < 32; i++) o->q[i] = (int8_t)(o->q[i] | (high >> i & 1) << 4);
    }
    if (!shifted) block_less(o->q, 32, type == FAB_Q4_0 ? 8 : 16);
}

/* 8 six-bit scales and mins of q4_K and q5_K in 12 bytes */
INLINE void block_scales8(const uint8_t *b, float d, float dmin, qblock *o)
{
    for (int j = 0; j < 8; j++) {
        int s = j < 4 ? b[j] & 63 : (b[j + 4] & 15) | (b[j - 4] >> 6) << 4;
        int m = j < 4 ? b[j + 4] & 63 : b[j + 4] >> 4 | (b[j] >> 6) << 4;
        o->d[2 * j] = o->d[2 * j + 1] = d * (float)s;
        o->m[2 * j] = o->m[2 * j + 1] = -(dmin * (float)m);
    }
}

INLINE void block_open45k(fab_dtype type, const uint8_t *p, qblock *o)
{
    const uint8_t *high = p + 16, *qs = p + (type == FAB_Q5_K ? 48 : 16);

    block_scales8(p + 4, block_half(p), block_half(p + 2), o);
    for (int g = 0; g < 4; g++) {
        block_nibbles(qs + 32 * g, 32, o->q + 64 * g);
        for (int h = 0; h < 2 && type == FAB_Q5_K; h++)
            block_bits(high, 2 * g + h, 16, 32, o->q + 64 * g + 32 * h);
    }
}

INLINE void block_open6k(const uint8_t *p, qblock *o)
{
    float d = block_half(p + 208);

    for (int h = 0; h < 2; h++) {
        const uint8_t *low = p + 64 * h, *high = p + 128 + 32 * h;
        int8_t *q = o->q + 128 * h;
        SIMD for (int i = 0; i < 32; i++)
        {
            q[i] = (int8_t)(((low[i] & 15) | (high[i] & 3) << 4) - 32);
            q[i + 32] = (int8_t)(((low[i + 32] & 15) | (high[i] >> 2 & 3) << 4) - 32);
            q[i + 64] = (int8_t)((low[i] >> 4 | (high[i] >> 4 & 3) << 4) - 32);
            q[i + 96] = (int8_t)((low[i + 32] >> 4 | high[i] >> 6 << 4) - 32);
        }
    }
    for (int i = 0; i < 16; i++) o->d[i] = d * (float)(int8_t)p[192 + i], o->m[i] = 0;
}

INLINE void block_twos(const uint8_t *qs, int8_t *q) /* 64 bytes of four 2-bit numbers */
{
    for (int h = 0; h < 2; h++)
        for (int s = 0; s < 4; s++)
            for (int i = 0; i < 32; i++)
                q[128 * h + 32 * s + i] = (int8_t)(qs[32 * h + i] >> 2 * s & 3);
}

INLINE void block_open2k(const uint8_t *p, qblock *o)
{
    float d = block_half(p + 80), dmin = block_half(p + 82);

    block_twos(p + 16, o->q);
    for (int i = 0; i < 16; i++)
        o->d[i] = d * (float)(p[i] & 15), o->m[i] = -(dmin * (float)(p[i] >> 4));
}

INLINE void block_open3k(const uint8_t *p, qblock *o)
{
    const uint8_t *b = p + 96;
    float d = block_half(p + 108);

    block_twos(p + 32, o->q);
    for (int g = 0; g < 8; g++) block_bits(p, g, 4, 32, o->q + 32 * g);
    block_less(o->q, 256, 4);
    for (int i = 0; i < 16; i++) {
        int low = i < 8 ? b[i] & 15 : b[i - 8] >> 4, high = b[8 + i % 4] >> 2 * (i / 4) & 3;
        o->d[i] = d * (float)((low | high << 4) - 32), o->m[i] = 0;
    }
}

INLINE void block_open(fab_dtype type, const uint8_t *p, qblock *o)
{
    switch (type) {
    case FAB_Q4_K:
    case FAB_Q5_K: block_open45k(type, p, o); return;
    case FAB_Q6_K: block_open6k(p, o); return;
    case FAB_Q2_K: block_open2k(p, o); return;
    case FAB_Q3_K: block_open3k(p, o); return;
    default: block_open32(type, p, o);
    }
}

/* Elements [at, at + n) of a quantised row x as f32; neither needs to be at a block's edge. */
static inline void block_widen(fab_dtype type, const uint8_t *x, int64_t at, float *y, int64_t n)
{
    int64_t size = fab_dtype_block(type), bytes = fab_dtype_bytes(type);
    qblock b;

    for (int64_t end = at + n; at < end;) {
        int64_t from = at % size, to = min64(size, from + end - at);
        block_open(type, x + at / size * bytes, &b);
        for (int64_t i = from; i < to; i++)
            *y++ = b.d[i / BLOCK_SUB] * (float)b.q[i] + b.m[i / BLOCK_SUB];
        at += to - from;
    }
}

#endif
