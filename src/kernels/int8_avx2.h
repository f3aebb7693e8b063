/* int8_avx2: int8.c's tile in AVX2, whose products of bytes (pmaddubsw) come in pairs, summed to 16
 * bits that saturate.
 *
 * What costs is bringing words to double words (pmaddwd by ones: one of two ports that multiply),
 * so the products of `run` groups of four are added in words first, as many as cannot overflow: a
 * word takes 2 run products of a byte u >= 0 of W and |a| <= 127.
 *
 *   4 bits   u <= 15    run 8: 16 x 15 x 127 = 30,480        5, 6 bits   u <= 31, 63    run 2: 4 x 63 x 127 = 32,004
 *   8 bits   u <= 255   run 2, and A is rounded so that of the four values that meet in a word neither the positive nor
 *                       the negative ones sum to more than 128: 255 x 128 = 32,640. Every second
 *                       group of four is turned, W to 127 - q and A to -a, for values mostly of one
 *                       sign (behind a gelu) to cancel. The step is, for normal values, 1.8 times
 *                       that of 127 up to the largest of 32.
 *
 * Operations for 32 values of K and 8 columns, of which Zen 3 does four a cycle: 19 for 4 bits, of
 * 11 that multiply; 22 and 14 for the others. 4 rows by 16 columns keep sums, the opened W and what
 * is in flight in 16 registers; f32 sums are in L1. 8 rows of W are opened side by side, 32 values
 * turned as 8 x 8 groups of four.
 */
#ifndef FAB_KERNELS_INT8_AVX2_H
#define FAB_KERNELS_INT8_AVX2_H

#include "kernels/int8_tile.h"
#include "kernels/open_avx2.h"

enum {
    RM = 4,
    CN = 16,
    ABREAST = 8,
    KQ = 1024,
    KQ_FEW = 256,
    COLS = CN,
    ROWS = 300,
    WIDE = 128,
    WORD_SUM = 128,
    SPREAD = 2 * RM
};

/* ---- opening weights ------------------------------------------------------------------------------------------- */

/* 32 bytes of each of 8 rows -> [8][CN][4], 8 of the CN columns */
INLINE void put_columns(const __m256i q[8], uint8_t *w)
{
    __m256i t[8], u[8];

#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        u[i] = _mm256_unpacklo_epi32(q[i], q[i + 1]);
        u[i + 1] = _mm256_unpackhi_epi32(q[i], q[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        t[i] = _mm256_unpacklo_epi64(u[i], u[i + 2]);
        t[i + 1] = _mm256_unpackhi_epi64(u[i], u[i + 2]);
        t[i + 2] = _mm256_unpacklo_epi64(u[i + 1], u[i + 3]);
        t[i + 3] = _mm256_unpackhi_epi64(u[i + 1], u[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint8_t *to = w + i * 4 * CN;
        _mm256_store_si256((void *)to, _mm256_permute2x128_si256(t[i], t[i + 4], 0x20));
        _mm256_store_si256((void *)(to + 16 * CN), _mm256_permute2x128_si256(t[i], t[i + 4], 0x31));
    }
}

/* x[r] of 8 rows, 8 blocks each -> y[b step + r] */
INLINE void put_scales(const __m256 x[8], int step, float *y)
{
    __m256i t[8];
    _Alignas(32) uint8_t turned[8 * 4 * CN];

    for (int r = 0; r < 8; r++) t[r] = _mm256_castps_si256(x[r]);
    put_columns(t, turned);
    for (int b = 0; b < 8; b++) memcpy(y + b * step, turned + b * 4 * CN, 32);
}

/* the f16 at the same place of 8 rows */
INLINE __m256 halves(const uint8_t *const *row, int64_t at)
{
    _Alignas(16) uint16_t h[8];

    for (int r = 0; r < 8; r++) h[r] = fab_le16(row[r] + at);
    return _mm256_cvtph_ps(_mm_load_si128((const void *)h));
}

/* bit i of x to bit 4 of byte i */
INLINE __m256i fifth_bits(uint32_t x)
{
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                            0x0303030303030303),
                  bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i y = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32((int)x), byte), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(y, bit), bytes_of(16));
}

/* q + offset of the j-th 32 values of the block at p */
INLINE __m256i values32(fab_dtype type, const uint8_t *p, const int j)
{
    const bool shifted = type == FAB_Q4_1 || type == FAB_Q5_1,
               fifth = type == FAB_Q5_0 || type == FAB_Q5_1;
    const uint8_t *rest = p + (shifted ? 4 : 2);

    if (type == FAB_Q8_0)
        return _mm256_xor_si256(_mm256_loadu_si256((const void *)rest), /* q + 128, 127 - q */
                                _mm256_set1_epi64x(0x7f7f7f7f80808080));
    if (type == FAB_Q6_K) {
        __m256i low = _mm256_loadu_si256((const void *)(p + j / 4 * 64 + j % 2 * 32)),
                high = _mm256_loadu_si256((const void *)(p + 128 + j / 4 * 32));
        return _mm256_or_si256(nibbles(low, j % 4 / 2), bits_up(high, 4 - 2 * (j % 4), 0x30));
    }
    if (type == FAB_Q4_K || type == FAB_Q5_K) {
        const uint8_t *low = p + (type == FAB_Q4_K ? 16 : 48) + j / 2 * 32;
        __m256i x = nibbles(_mm256_loadu_si256((const void *)low), j % 2);
        if (type == FAB_Q4_K) return x;
        return _mm256_or_si256(x, bits_up(_mm256_loadu_si256((const void *)(p + 16)), 4 - j, 16));
    }
    __m256i x = _mm256_broadcastsi128_si256(load16(rest + (fifth ? 4 : 0)));
    x = _mm256_srlv_epi32(x, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
    x = _mm256_and_si256(x, bytes_of(15));
    return fifth ? _mm256_or_si256(x, fifth_bits(fab_le32(rest))) : x;
}

INLINE void open_rows(fab_dtype type, const uint8_t *const *row, int64_t k0, int kc, uint8_t *w,
                      float *d, float *m)
{
    const bool super = type == FAB_Q4_K || type == FAB_Q5_K || type == FAB_Q6_K;
    const int size = super ? 256 : 32, bytes = fab_dtype_bytes(type);
    int64_t at = k0 / size * bytes;

    for (int k = 0; k < kc; k += size, at += bytes) {
        __m256i q[8];
#pragma GCC unroll 8
        for (int j = 0; j < size / 32; j++) {
            for (int r = 0; r < 8; r++) q[r] = values32(type, row[r] + at, j);
            put_columns(q, w + (k + 32 * j) * CN);
        }
        if (super) {
            __m256 x[2][8], y[8];
            const int blocks = type == FAB_Q6_K ? 2 : 1;
            for (int r = 0; r < 8; r++) {
                __m256 both[2];
                super_scales(type, row[r] + at, both, y + r);
                for (int b = 0; b < blocks; b++) x[b][r] = both[b];
            }
            for (int b = 0; b < blocks; b++) put_scales(x[b], blocks * CN, d + b * CN);
            if (blocks == 1) put_scales(y, CN, m), m += 8 * CN;
            d += blocks * 8 * CN;
        } else {
            _mm256_store_ps(d, halves(row, at)), d += CN;
            if (type == FAB_Q4_1 || type == FAB_Q5_1)
                _mm256_store_ps(m, halves(row, at + 2)), m += CN;
        }
    }
}

#define OPEN(T)                                                                                    \
    static void open_##T(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d,      \
                         float *m)                                                                 \
    {                                                                                              \
        open_rows(FAB_##T, row, k0, kc, w, d, m);                                                  \
    }
OPEN(Q8_0)
OPEN(Q4_0)
OPEN(Q4_1)
OPEN(Q5_0)
OPEN(Q5_1)
OPEN(Q4_K)
OPEN(Q5_K)
OPEN(Q6_K)

static const kind kinds[] = {
    { FAB_Q8_0, 32, 128, false, open_Q8_0, 2 }, { FAB_Q4_0, 32, 8, false, open_Q4_0, 8 },
    { FAB_Q4_1, 32, 0, true, open_Q4_1, 8 },    { FAB_Q5_0, 32, 16, false, open_Q5_0, 2 },
    { FAB_Q5_1, 32, 0, true, open_Q5_1, 2 },    { FAB_Q4_K, 32, 0, true, open_Q4_K, 8 },
    { FAB_Q5_K, 32, 0, true, open_Q5_K, 2 },    { FAB_Q6_K, 16, 32, false, open_Q6_K, 2 },
};

/* ---- rounding A ------------------------------------------------------------------------------------------------ */

/* The largest sum of the positive, or of the negative, of four values that meet in a word: 0, 1, 4,
 * 5 and 2, 3, 6, 7 of 8. */
INLINE float word_sum(const __m256 v[4])
{
    const __m256 zero = _mm256_setzero_ps();
    __m256 s[4];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256 p = _mm256_max_ps(v[i], zero), n = _mm256_sub_ps(p, v[i]);
        s[i] =
            _mm256_add_ps(_mm256_permute2f128_ps(p, n, 0x20), _mm256_permute2f128_ps(p, n, 0x31));
    }
    return largest(_mm256_max_ps(_mm256_hadd_ps(s[0], s[1]), _mm256_hadd_ps(s[2], s[3])));
}

/* The numbers of row i for 32 values under the scale d of A; sums: of the first and the last 16;
 * more: what is to be added to the sum of products beside -offset (sum a). */
INLINE void put_meta(const kind *t, float *meta, int i, float d, const int32_t *sums, int32_t more)
{
    bool whole = t->sub == 32;
    for (int s = 0; s < (whole ? 1 : 2); s++, meta += META * RM) {
        int32_t sum = whole ? sums[0] + sums[1] : sums[s];
        meta[DA * RM + i] = d, meta[C0DA * RM + i] = C0 * d, meta[SUM * RM + i] = d * (float)sum;
        meta[START * RM + i] = fab_bits_f32((uint32_t)(C0_BITS - t->offset * sum + more));
    }
}

/* One row to int8; a value that is not finite makes the first scale, and so the whole row of C,
 * NaN. */
static void round_row(const kind *t, const float *x, int64_t n, int8_t *a, float *meta, int i)
{
    const __m256 no_sign = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    const bool turned = t->offset == 128; /* q8_0: every second four */
    const float minus = turned ? -0.0f : 0.0f;
    const __m256 turn = _mm256_setr_ps(0, 0, 0, 0, minus, minus, minus, minus);
    __m256 bad = _mm256_setzero_ps();
    float *first = meta + DA * RM + i;

    for (int64_t k = 0; k < n; k += 32, x += 32, meta += 32 / t->sub * META * RM) {
        __m256 v[4], most = _mm256_setzero_ps();
        __m256i q[4];
        int32_t groups[8], sums[2];
        uint64_t sum8[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) {
            v[g] = _mm256_xor_ps(_mm256_loadu_ps(x + 8 * g), turn);
            most = _mm256_max_ps(most, _mm256_and_ps(v[g], no_sign));
            bad = _mm256_fmadd_ps(v[g], _mm256_setzero_ps(), bad);
        }
        /* each of four rounds up by a half at most */
        float d = turned ? word_sum(v) / (WORD_SUM - 2) : largest(most) / 127;
        d = fab_bits_f32(fab_f32_bits(d) & ~3u);
        /* d infinite: C is NaN whatever q is; from 2.7e31 on C0 d is infinite, and C */
        __m256 by = _mm256_set1_ps(d > 1e-30f && d <= FLT_MAX ? 1 / d : 0);
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) q[g] = _mm256_cvtps_epi32(_mm256_mul_ps(v[g], by));
        __m256i y =
            _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
        y = _mm256_permutevar8x32_epi32(y, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((void *)groups, y);
        for (int g = 0; g < 8; g++) memcpy(a + ((k / 4 + g) * RM + i) * 4, groups + g, 4);
        y = _mm256_xor_si256(y, bytes_of(0x80));
        _mm256_storeu_si256((void *)sum8, _mm256_sad_epu8(y, _mm256_setzero_si256()));
        for (int h = 0; h < 2; h++) sums[h] = (int32_t)(sum8[2 * h] + sum8[2 * h + 1]) - 2048;
        y = _mm256_sad_epu8(_mm256_srli_epi64(y, 32), _mm256_setzero_si256());
        _mm256_storeu_si256((void *)sum8, y);
        int32_t second = (int32_t)(sum8[0] + sum8[1] + sum8[2] + sum8[3]) - 2048;
        put_meta(t, meta, i, d, sums, turned ? second : 0);
    }
    if (_mm256_movemask_ps(_mm256_cmp_ps(bad, bad, _CMP_UNORD_Q))) *first = NAN;
}

static void round_rows(const kind *t, const float *x, int64_t x_row, int mr, int64_t n, int8_t *a,
                       float *meta)
{
    for (int i = 0; i < mr; i++) round_row(t, x + i * x_row, n, a, meta, i);
}

/* ---- the product ----------------------------------------------------------------------------------------------- */

INLINE __m256i broadcast4(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}

INLINE __m256i load32(const uint8_t *p) { return _mm256_load_si256((const void *)p); }

/* x[mr][2], double words, += the products of 32 or 16 values, two groups of four at a time */
INLINE void by_twos(const int mr, const int sub, const int8_t *a, const uint8_t *w, __m256i x[][2])
{
    const __m256i ones = _mm256_set1_epi16(1);

#pragma GCC unroll 4
    for (int t = 0; t < sub / 8; t++, a += 8 * RM, w += 8 * CN) {
        __m256i w0 = load32(w), w1 = load32(w + 32), v0 = load32(w + 64), v1 = load32(w + 96);
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            __m256i a0 = broadcast4(a + 4 * i), a1 = broadcast4(a + 4 * (RM + i)),
                    s = _mm256_add_epi16(_mm256_maddubs_epi16(w0, a0),
                                         _mm256_maddubs_epi16(v0, a1)),
                    r = _mm256_add_epi16(_mm256_maddubs_epi16(w1, a0),
                                         _mm256_maddubs_epi16(v1, a1));
            x[i][0] = _mm256_add_epi32(x[i][0], _mm256_madd_epi16(s, ones));
            x[i][1] = _mm256_add_epi32(x[i][1], _mm256_madd_epi16(r, ones));
            /* row by row: gcc otherwise forms all products first, and has no registers left */
            __asm__ volatile("" : "+x"(x[i][0]), "+x"(x[i][1]));
        }
    }
}

/* x[mr][2], words, = the products of 32 values */
INLINE void by_eights(const int mr, const int8_t *a, const uint8_t *w, __m256i x[][2])
{
#pragma GCC unroll 8
    for (int t = 0; t < 8; t++, a += 4 * RM, w += 4 * CN) {
        __m256i w0 = load32(w), w1 = load32(w + 32);
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            __m256i ai = broadcast4(a + 4 * i), s = _mm256_maddubs_epi16(w0, ai),
                    r = _mm256_maddubs_epi16(w1, ai);
            x[i][0] = t ? _mm256_add_epi16(x[i][0], s) : s;
            x[i][1] = t ? _mm256_add_epi16(x[i][1], r) : r;
            __asm__ volatile("" : "+x"(x[i][0]), "+x"(x[i][1]));
        }
    }
}

/* a row of `to` = its sums */
INLINE void put_row(const target *to, int i, const float *sum)
{
    float *c = to->c + i * to->row;
    const float *bias = to->bias;
    int t = 0;

    for (; t + 8 <= to->n; t += 8) {
        __m256 x = _mm256_load_ps(sum + t);
        if (to->add) x = _mm256_add_ps(x, _mm256_loadu_ps(c + t));
        if (bias) x = _mm256_add_ps(x, _mm256_loadu_ps(bias + t));
        _mm256_storeu_ps(c + t, x);
    }
    for (; t < to->n; t++) c[t] = sum[t] + (to->add ? c[t] : 0.0f) + (bias ? bias[t] : 0.0f);
}

/* mr rows of C over kc; the first five are constants */
INLINE void micro(const int mr, const int sub, const int run, const bool mins, const bool spread,
                  int kc, const int8_t *a, const float *meta, const uint8_t *w, const float *d,
                  const float *m, const target *to, const ahead *next)
{
    _Alignas(32) float sum[RM * CN];
    ahead more = *next;

#pragma GCC unroll 8
    for (int i = 0; i < mr * 2; i++) _mm256_store_ps(sum + i * 8, _mm256_setzero_ps());
    for (int k = 0; k < kc;
         k += sub, a += sub * RM, w += sub * CN, d += CN, m += CN, meta += META * RM) {
        __m256i x[RM][2];
        if (spread) ask(&more, more.each);
#pragma GCC unroll 4
        for (int i = 0; i < mr && run == 2; i++)
            x[i][0] = x[i][1] = _mm256_castps_si256(_mm256_set1_ps(meta[START * RM + i]));
        if (run == 2) by_twos(mr, sub, a, w, x);
        else by_eights(mr, a, w, x);
        __asm__ volatile("" ::: "memory"); /* sum stays in memory: these registers are taken */
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            __m256 da = _mm256_set1_ps(meta[DA * RM + i]), c0 = _mm256_set1_ps(meta[C0DA * RM + i]);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                float *c = sum + i * CN + 8 * h;
                if (run == 8) {
                    x[i][h] = _mm256_madd_epi16(x[i][h], _mm256_set1_epi16(1));
                    x[i][h] =
                        _mm256_add_epi32(x[i][h],
                                         _mm256_castps_si256(_mm256_set1_ps(meta[START * RM + i])));
                }
                __m256 y = _mm256_fmsub_ps(_mm256_castsi256_ps(x[i][h]), da, c0);
                y = _mm256_fmadd_ps(y, _mm256_load_ps(d + 8 * h), _mm256_load_ps(c));
                if (mins)
                    y = _mm256_fmadd_ps(_mm256_load_ps(m + 8 * h),
                                        _mm256_set1_ps(meta[SUM * RM + i]), y);
                _mm256_store_ps(c, y);
            }
        }
    }
    for (int i = 0; i < mr; i++) put_row(to, i, sum + i * CN);
}

#define MICRO(n, sub, run, mins, spread, suffix)                                                   \
    static void by##n##suffix(int kc, const int8_t *a, const float *meta, const uint8_t *w,        \
                              const float *d, const float *m, const target *to, const ahead *next) \
    {                                                                                              \
        micro(n, sub, run, mins, spread, kc, a, meta, w, d, m, to, next);                          \
    }
#define BY_ROWS(sub, run, mins, spread, suffix)                                                    \
    MICRO(1, sub, run, mins, spread, suffix)                                                       \
    MICRO(2, sub, run, mins, spread, suffix)                                                       \
    MICRO(3, sub, run, mins, spread, suffix)                                                       \
    MICRO(4, sub, run, mins, spread, suffix)
#define MICROS(sub, run, mins, suffix)                                                             \
    BY_ROWS(sub, run, mins, false, suffix)                                                         \
    BY_ROWS(sub, run, mins, true, suffix##_spread)                                                 \
    static micro_fn *const micros##suffix[2][RM + 1] = {                                           \
        { NULL, by1##suffix, by2##suffix, by3##suffix, by4##suffix },                              \
        { NULL, by1##suffix##_spread, by2##suffix##_spread, by3##suffix##_spread,                  \
          by4##suffix##_spread }                                                                   \
    };
MICROS(32, 2, false, _twos)
MICROS(32, 2, true, _twos_mins)
MICROS(16, 2, false, _sixteen)
MICROS(32, 8, false, _eights)
MICROS(32, 8, true, _eights_mins)

INLINE micro_fn *const *micros_of(const kind *t, bool spread)
{
    if (t->sub == 16) return micros_sixteen[spread];
    if (t->run == 8) return t->mins ? micros_eights_mins[spread] : micros_eights[spread];
    return t->mins ? micros_twos_mins[spread] : micros_twos[spread];
}

#endif
