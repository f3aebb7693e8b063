/* int8_vnni: int8.c's tile in AVX-512 VNNI. Of 9 operations per block and output that Zen 4 does
 * where it multiplies, 8 are products: 89 % of the VNNI rate is the bound. For that a row of A has
 * one scale da, and a block of it that scale times a power of two, which the sum of products has
 * without an operation: it starts at the bits of C0 2^up (int8.c), where a unit is 2^up, and
 * subtracting C0 2^up is for the units that add. da comes to the sums of a row once. A step is the
 * block's own, as with a scale per block, or up to twice as coarse.
 *
 * 7 rows by 32 columns are 28 sums in registers; 16 rows of W are opened side by side, in pieces of
 * 16 or 32 bytes turned as 4 x 4 groups of four. Opened W streams from L2, 8 bytes a cycle, without
 * loss; in pieces of L1's size the calls and the passes over C cost 3 to 9 % of 577 rows on Zen 4.
 */
#ifndef FAB_KERNELS_INT8_VNNI_H
#define FAB_KERNELS_INT8_VNNI_H

#include "kernels/int8_tile.h"
#include "kernels/rounded.h"

enum {
    RM = 7,
    CN = 32,
    ABREAST = 16,
    KQ = 2048,
    KQ_FEW = 256,
    COLS = 64,
    ROWS = 1024,
    WIDE = 256,
    SPREAD = RM + 1,
    DOWN = 12 /* halvings of a row's largest step to its least */
};

/* ---- opening weights ------------------------------------------------------------------------------------------- */

/* 16 bytes at `at` of 16 rows -> t[j]: bytes 4j..4j+3 of each row */
INLINE void turn(const uint8_t *const row[16], int64_t at, __m512i t[4])
{
    __m512i z[4], u[4];

#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        z[r] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(row[r] + at)));
        z[r] = _mm512_inserti32x4(z[r], _mm_loadu_si128((const void *)(row[r + 4] + at)), 1);
        z[r] = _mm512_inserti32x4(z[r], _mm_loadu_si128((const void *)(row[r + 8] + at)), 2);
        z[r] = _mm512_inserti32x4(z[r], _mm_loadu_si128((const void *)(row[r + 12] + at)), 3);
    }
    u[0] = _mm512_unpacklo_epi32(z[0], z[1]), u[1] = _mm512_unpackhi_epi32(z[0], z[1]);
    u[2] = _mm512_unpacklo_epi32(z[2], z[3]), u[3] = _mm512_unpackhi_epi32(z[2], z[3]);
    t[0] = _mm512_unpacklo_epi64(u[0], u[2]), t[1] = _mm512_unpackhi_epi64(u[0], u[2]);
    t[2] = _mm512_unpacklo_epi64(u[1], u[3]), t[3] = _mm512_unpackhi_epi64(u[1], u[3]);
}

/* 32 bytes at `at` of 16 rows -> t[j]: bytes 4j..4j+3 of each row */
INLINE void turn32(const uint8_t *const row[16], int64_t at, __m512i t[8])
{
    __m512i z[8], u[8];

#pragma GCC unroll 8
    for (int r = 0; r < 8; r++) {
        const uint8_t *const *p = row + r / 4 * 8 + r % 4;
        z[r] = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(p[0] + at)));
        z[r] = _mm512_inserti64x4(z[r], _mm256_loadu_si256((const void *)(p[4] + at)), 1);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 8; r += 2) {
        u[r] = _mm512_unpacklo_epi32(z[r], z[r + 1]);
        u[r + 1] = _mm512_unpackhi_epi32(z[r], z[r + 1]);
    }
#pragma GCC unroll 2
    for (int r = 0; r < 8; r += 4) {
        z[r] = _mm512_unpacklo_epi64(u[r], u[r + 2]);
        z[r + 1] = _mm512_unpackhi_epi64(u[r], u[r + 2]);
        z[r + 2] = _mm512_unpacklo_epi64(u[r + 1], u[r + 3]);
        z[r + 3] = _mm512_unpackhi_epi64(u[r + 1], u[r + 3]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        t[j] = _mm512_shuffle_i32x4(z[j], z[j + 4], 0x88);
        t[j + 4] = _mm512_shuffle_i32x4(z[j], z[j + 4], 0xdd);
    }
}

/* four bytes at `at` of 16 rows; gathers are slow on Zen 4 */
INLINE __m512i column(const uint8_t *const row[16], int64_t at)
{
    __m128i q[4];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        q[i] = _mm_cvtsi32_si128((int)fab_le32(row[4 * i] + at));
        q[i] = _mm_insert_epi32(q[i], (int)fab_le32(row[4 * i + 1] + at), 1);
        q[i] = _mm_insert_epi32(q[i], (int)fab_le32(row[4 * i + 2] + at), 2);
        q[i] = _mm_insert_epi32(q[i], (int)fab_le32(row[4 * i + 3] + at), 3);
    }
    __m256i lo = _mm256_inserti128_si256(_mm256_castsi128_si256(q[0]), q[1], 1),
            hi = _mm256_inserti128_si256(_mm256_castsi128_si256(q[2]), q[3], 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(lo), hi, 1);
}

INLINE __m512 low_half(__m512i x) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x)); }
INLINE __m512 high_half(__m512i x) { return low_half(_mm512_srli_epi32(x, 16)); }
INLINE __m512i bytes_of(int x) { return _mm512_set1_epi8((char)x); }
INLINE void put4(uint8_t *w, int k, __m512i x)
{
    _mm512_store_si512(w + k * CN, x);
} /* k % 4 == 0 */

static void open_q8_0(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m)
{
    (void)m;
    for (int k = 0; k < kc; k += 32, d += CN) {
        int64_t at = (k0 + k) / 32 * 34;
        __m512i t[8];
        _mm512_store_ps(d, low_half(column(row, at)));
        turn32(row, at + 2, t);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) put4(w, k + 4 * j, _mm512_xor_si512(t[j], bytes_of(0x80)));
    }
}

/* nibbles of 16 bytes: low ones to k, high ones to k + far */
INLINE void put_nibbles(uint8_t *w, int k, int far, const __m512i t[4])
{
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        put4(w, k + 4 * j, _mm512_and_si512(t[j], bytes_of(15)));
        put4(w, k + 4 * j + far, _mm512_and_si512(_mm512_srli_epi32(t[j], 4), bytes_of(15)));
    }
}

static void open_q4_0(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m)
{
    (void)m;
    for (int k = 0; k < kc; k += 32, d += CN) {
        int64_t at = (k0 + k) / 32 * 18;
        __m512i t[4];
        _mm512_store_ps(d, low_half(column(row, at)));
        turn(row, at + 2, t);
        put_nibbles(w, k, 16, t);
    }
}

static void open_q4_1(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m)
{
    for (int k = 0; k < kc; k += 32, d += CN, m += CN) {
        int64_t at = (k0 + k) / 32 * 20;
        __m512i t[4], both = column(row, at);
        _mm512_store_ps(d, low_half(both));
        _mm512_store_ps(m, high_half(both));
        turn(row, at + 4, t);
        put_nibbles(w, k, 16, t);
    }
}

static void open_q5_0(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m)
{
    (void)m;
    for (int k = 0; k < kc; k += 32, d += CN) {
        int64_t at = (k0 + k) / 32 * 22;
        __m512i t[4], high = column(row, at + 2), ones = _mm512_set1_epi32(15);
        _mm512_store_ps(d, low_half(column(row, at)));
        turn(row, at + 6, t);
        put_nibbles(w, k, 16, t);
        for (int j = 0; j < 8; j++) { /* bits 4j..4j+3 of `high` to bit 4 of four bytes */
            __m512i b = _mm512_and_si512(_mm512_srl_epi32(high, _mm_cvtsi32_si128(4 * j)), ones);
            b = _mm512_and_si512(_mm512_mullo_epi32(b, _mm512_set1_epi32(0x204081)), bytes_of(1));
            put4(w, k + 4 * j,
                 _mm512_or_si512(_mm512_load_si512(w + (k + 4 * j) * CN), _mm512_slli_epi32(b, 4)));
        }
    }
}

/* the 6-bit scales and mins of q4_K and q5_K (blocks.h), 16 rows at once */
INLINE void scales8(const uint8_t *const row[16], int64_t at, float *d, float *m)
{
    __m512i u[4], six = _mm512_set1_epi32(63), four = _mm512_set1_epi32(15);
    turn(row, at, u);
    __m512 big = low_half(u[0]), less = _mm512_sub_ps(_mm512_setzero_ps(), high_half(u[0]));

    for (int j = 0; j < 8; j++) {
        __m128i by = _mm_cvtsi32_si128(8 * (j % 4)), more = _mm_cvtsi32_si128(8 * (j % 4) + 4),
                top = _mm_cvtsi32_si128(8 * (j % 4) + 6);
        __m512i s, l;
        if (j < 4) {
            s = _mm512_and_si512(_mm512_srl_epi32(u[1], by), six);
            l = _mm512_and_si512(_mm512_srl_epi32(u[2], by), six);
        } else {
            __m512i two = _mm512_set1_epi32(3);
            s = _mm512_and_si512(_mm512_srl_epi32(u[3], by), four);
            l = _mm512_and_si512(_mm512_srl_epi32(u[3], more), four);
            s = _mm512_or_si512(s, _mm512_slli_epi32(_mm512_and_si512(_mm512_srl_epi32(u[1], top),
                                                                      two),
                                                     4));
            l = _mm512_or_si512(l, _mm512_slli_epi32(_mm512_and_si512(_mm512_srl_epi32(u[2], top),
                                                                      two),
                                                     4));
        }
        _mm512_store_ps(d + j * CN, _mm512_mul_ps(big, _mm512_cvtepi32_ps(s)));
        _mm512_store_ps(m + j * CN, _mm512_mul_ps(less, _mm512_cvtepi32_ps(l)));
    }
}

static void open_q4_k(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m)
{
    for (int k = 0; k < kc; k += 256, d += 8 * CN, m += 8 * CN) {
        int64_t at = (k0 + k) / 256 * 144;
        __m512i t[4];
        scales8(row, at, d, m);
        for (int p = 0; p < 8; p++) {
            turn(row, at + 16 + 16 * p, t);
            put_nibbles(w, k + p / 2 * 64 + p % 2 * 16, 32, t);
        }
    }
}

/* (low & 15 or low >> 4) | the two bits of high at `shift` << 4 */
INLINE __m512i six_bits(__m512i low, __m512i high, int up)
{
    __m512i h = up >= 0 ? _mm512_slli_epi32(high, (unsigned)up) : _mm512_srli_epi32(high, 2);
    return _mm512_or_si512(_mm512_and_si512(low, bytes_of(15)),
                           _mm512_and_si512(h, bytes_of(0x30)));
}

static void open_q6_k(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m)
{
    (void)m;
    for (int k = 0; k < kc; k += 256) {
        int64_t at = (k0 + k) / 256 * 210;
        __m512 big = high_half(column(row, at + 206)); /* not 208: nothing beyond the block */
        __m512i u[4];
        turn(row, at + 192, u);
        for (int j = 0; j < 16; j++, d += CN) {
            __m512i s = _mm512_sll_epi32(u[j / 4], _mm_cvtsi32_si128(24 - 8 * (j % 4)));
            _mm512_store_ps(d, _mm512_mul_ps(big, _mm512_cvtepi32_ps(_mm512_srai_epi32(s, 24))));
        }
        for (int p = 0; p < 4; p++) { /* halves of 128, pieces of 16 of their 32 */
            int64_t low = at + p / 2 * 64 + p % 2 * 16, high = at + 128 + p / 2 * 32 + p % 2 * 16;
            int to = k + p / 2 * 128 + p % 2 * 16;
            __m512i a[4], b[4], h[4];
            turn(row, low, a);
            turn(row, low + 32, b);
            turn(row, high, h);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                put4(w, to + 4 * j, six_bits(a[j], h[j], 4));
                put4(w, to + 4 * j + 32, six_bits(b[j], h[j], 2));
                put4(w, to + 4 * j + 64, six_bits(_mm512_srli_epi32(a[j], 4), h[j], 0));
                put4(w, to + 4 * j + 96, six_bits(_mm512_srli_epi32(b[j], 4), h[j], -2));
            }
        }
    }
}

static const kind kinds[] = {
    { FAB_Q8_0, 32, 128, false, open_q8_0 }, { FAB_Q4_0, 32, 8, false, open_q4_0 },
    { FAB_Q4_1, 32, 0, true, open_q4_1 },    { FAB_Q5_0, 32, 16, false, open_q5_0 },
    { FAB_Q4_K, 32, 0, true, open_q4_k },    { FAB_Q6_K, 16, 32, false, open_q6_k },
};

/* ---- rounding A ------------------------------------------------------------------------------------------------ */

/* Of 32 values of 8 rows the largest size of each, as bits: what is not finite has the largest. */
INLINE __m256i tops_of(const float *const row[8], int64_t k)
{
    const __m512i size = _mm512_set1_epi32(0x7fffffff);
    __m512i t[8], u[4], v[2], w;

#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
        t[r] = _mm512_max_epi32(_mm512_and_si512(size, _mm512_loadu_si512(row[r] + k)),
                                _mm512_and_si512(size, _mm512_loadu_si512(row[r] + k + 16)));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        u[i] = _mm512_max_epi32(_mm512_shuffle_i32x4(t[2 * i], t[2 * i + 1], 0x44),
                                _mm512_shuffle_i32x4(t[2 * i], t[2 * i + 1], 0xee));
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
        v[i] = _mm512_max_epi32(_mm512_shuffle_i32x4(u[2 * i], u[2 * i + 1], 0x88),
                                _mm512_shuffle_i32x4(u[2 * i], u[2 * i + 1], 0xdd));
    w = _mm512_max_epi32(_mm512_unpacklo_epi64(v[0], v[1]), _mm512_unpackhi_epi64(v[0], v[1]));
    w = _mm512_max_epi32(w, _mm512_shuffle_epi32(w, _MM_PERM_CDAB));
    return _mm512_castsi512_si256(
        _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0,
                                                   0),
                                 w));
}

/* 32 values of 8 rows times their inv, in int8 -> half[h][r / 4]: the four groups of four of half h
 * of 4 rows, [4][4][4] */
INLINE void round32(const float *const row[8], int64_t k, const float inv[8], __m512i half[2][2])
{
    __m512i z[4];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m512i words[2];
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            const float *x = row[2 * i + h] + k;
            __m512 by = _mm512_set1_ps(inv[2 * i + h]);
            words[h] =
                _mm512_packs_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), by)),
                                   _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), by)));
        }
        z[i] = _mm512_packs_epi16(words[0], words[1]);
    }
#pragma GCC unroll 2
    for (int q = 0; q < 2; q++) {
        __m512 a = _mm512_castsi512_ps(z[2 * q]), b = _mm512_castsi512_ps(z[2 * q + 1]);
        half[0][q] = _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0x88));
        half[1][q] = _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0xdd));
    }
}

/* [4][RM][4] of half[r / 4], and what comes after up to 128 bytes is lost */
INLINE void put_groups(int8_t *a, const __m512i half[2])
{
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 4, 5, 6, 7, 20, 21, 22, 8, 9),
                  rest =
                      _mm512_setr_epi32(10, 11, 24, 25, 26, 12, 13, 14, 15, 28, 29, 30, 0, 0, 0, 0);
    _mm512_storeu_si512(a, _mm512_permutex2var_epi32(half[0], first, half[1]));
    _mm512_storeu_si512(a + 64, _mm512_permutex2var_epi32(half[0], rest, half[1]));
}

/* half[r / 4] -> the sum of each row */
INLINE __m256i sums_of(const __m512i half[2])
{
    const __m512i ones = _mm512_set1_epi8(1), none = _mm512_setzero_si512();
    __m512i l = _mm512_dpbusd_epi32(none, ones, half[0]),
            h = _mm512_dpbusd_epi32(none, ones, half[1]);
    __m512i t =
        _mm512_add_epi32(_mm512_shuffle_i32x4(l, h, 0x44), _mm512_shuffle_i32x4(l, h, 0xee));
    t = _mm512_add_epi32(t, _mm512_shuffle_i32x4(t, t, 0xb1));
    return _mm512_castsi512_si256(_mm512_shuffle_i32x4(t, t, 0x08));
}

/* Of a row whose largest value is `top`, both as bits, the value whose step is the least. */
INLINE __m256i least_of(__m256i top)
{
    const __m256i far = _mm256_set1_epi32(DOWN << 23);
    __m256i least = _mm256_max_epi32(_mm256_sub_epi32(top, far), _mm256_setzero_si256());
    __mmask8 endless = _mm256_cmpge_epi32_mask(top, _mm256_set1_epi32(0x7f800000));

    return _mm256_mask_mov_epi32(least, endless, top);
}

/* How often the least is to be doubled to reach a block's largest value, as bits of an exponent. */
INLINE __m256i doublings(__m256i top, __m256i least)
{
    __m256i up = _mm256_add_epi32(_mm256_sub_epi32(top, least), _mm256_set1_epi32(0x7fffff));

    return _mm256_and_si256(_mm256_max_epi32(up, _mm256_setzero_si256()),
                            _mm256_set1_epi32(0x7f800000));
}

INLINE __m256 times_two_to(__m256 x, __m256i up)
{
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), up));
}

/* A panel's numbers of `sub` values; the one after them is lost. */
INLINE void put_metas(const kind *t, float *meta, __m256 d, __m256i up, __m256i sum)
{
    __m256i c0 = _mm256_add_epi32(_mm256_set1_epi32(C0_BITS), up),
            less = _mm256_mullo_epi32(_mm256_set1_epi32(t->offset), sum);

    _mm256_storeu_ps(meta + DA * RM, d);
    _mm256_storeu_si256((void *)(meta + C0UP * RM), c0);
    _mm256_storeu_ps(meta + SUM * RM, times_two_to(_mm256_cvtepi32_ps(sum), up));
    _mm256_storeu_si256((void *)(meta + START * RM), _mm256_sub_epi32(c0, less));
}

/* 32 values of a panel's rows under the steps d 2^up */
INLINE void round_block(const kind *t, const float *const row[8], int64_t k, __m256 d, __m256i up,
                        int8_t *a, float *meta)
{
    __m256 step = times_two_to(d, up);
    __mmask8 some = _mm256_cmp_ps_mask(step, _mm256_set1_ps(1e-30f), _CMP_GT_OQ);
    _Alignas(32) float inv[8];
    __m512i half[2][2];
    __m256i sum[2];

    _mm256_store_ps(inv, _mm256_maskz_div_ps(some, _mm256_set1_ps(1.0f), step));
    round32(row, k, inv, half);
    put_groups(a, half[0]);
    put_groups(a + 16 * RM, half[1]);
    sum[0] = sums_of(half[0]), sum[1] = sums_of(half[1]);
    if (t->sub == 32) {
        put_metas(t, meta, d, up, _mm256_add_epi32(sum[0], sum[1]));
        return;
    }
    put_metas(t, meta, d, up, sum[0]);
    put_metas(t, meta + META * RM, d, up, sum[1]);
}

/* The largest values of blocks wait in their place for START. A value that is not finite makes the
 * scale of its row NaN or infinite, and so nothing of that row of C finite. */
static void round_rows(const kind *t, const float *x, int64_t x_row, int mr, int64_t n, int8_t *a,
                       float *meta)
{
    const int each = 32 / t->sub * META * RM;
    const float *row[8];
    float *at = meta;
    __m256i top = _mm256_setzero_si256();

    for (int r = 0; r < 8; r++) row[r] = x + min64(r, mr - 1) * x_row;
    for (int64_t k = 0; k < n; k += 32, at += each) {
        __m256i own = tops_of(row, k);
        top = _mm256_max_epi32(top, own);
        _mm256_storeu_si256((void *)(at + START * RM), own);
    }
    __m256i least = least_of(top);
    __m256 d = _mm256_mul_ps(_mm256_castsi256_ps(least), _mm256_set1_ps(1.0f / 127.0f));
    for (int64_t k = 0; k < n; k += 32, a += 32 * RM, meta += each) {
        __m256i own = _mm256_loadu_si256((const void *)(meta + START * RM));
        round_block(t, row, k, d, doublings(own, least), a, meta);
    }
}

/* ---- the product ----------------------------------------------------------------------------------------------- */

/* mr rows of sums times da */
INLINE void put_sums(const int mr, __m512 acc[RM][2], const float *da, const target *to)
{
    __mmask16 lo = first_of(to->n), hi = first_of(to->n - 16);
    __m512 z0 = to->bias ? _mm512_maskz_loadu_ps(lo, to->bias) : _mm512_setzero_ps(),
           z1 = to->bias ? _mm512_maskz_loadu_ps(hi, to->bias + 16) : _mm512_setzero_ps();

#pragma GCC unroll 7
    for (int i = 0; i < mr; i++) {
        float *c = to->c + i * to->row;
        __m512 by = _mm512_set1_ps(da[i]), y0 = _mm512_fmadd_ps(acc[i][0], by, z0),
               y1 = _mm512_fmadd_ps(acc[i][1], by, z1);
        if (to->add) {
            y0 = _mm512_add_ps(y0, _mm512_maskz_loadu_ps(lo, c));
            y1 = _mm512_add_ps(y1, _mm512_maskz_loadu_ps(hi, c + 16));
        }
        _mm512_mask_storeu_ps(c, lo, y0);
        _mm512_mask_storeu_ps(c + 16, hi, y1);
    }
}

/* mr rows of C over kc; the first three are constants */
INLINE void micro(const int mr, const int sub, const bool mins, int kc, const int8_t *a,
                  const float *meta, const uint8_t *w, const float *d, const float *m,
                  const target *to, const ahead *next)
{
    __m512 acc[RM][2];
    const float *da = meta + DA * RM;
    ahead more = *next;

#pragma GCC unroll 7
    for (int i = 0; i < mr; i++) acc[i][0] = acc[i][1] = _mm512_setzero_ps();
    for (int k = 0; k < kc; k += sub, meta += META * RM, d += CN, m += CN) {
        __m512i s[RM][2];
        ask(&more, more.each);
#pragma GCC unroll 7
        for (int i = 0; i < mr; i++)
            s[i][0] = s[i][1] = _mm512_castps_si512(_mm512_set1_ps(meta[START * RM + i]));
#pragma GCC unroll 8
        for (int t = 0; t < sub / 4; t++, a += 4 * RM, w += 4 * CN) {
            __m512i w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 64);
#pragma GCC unroll 7
            for (int i = 0; i < mr; i++) {
                int32_t four;
                memcpy(&four, a + 4 * i, 4);
                __m512i ai = _mm512_set1_epi32(four);
                s[i][0] = _mm512_dpbusd_epi32(s[i][0], w0, ai);
                s[i][1] = _mm512_dpbusd_epi32(s[i][1], w1, ai);
            }
        }
#pragma GCC unroll 7
        for (int i = 0; i < mr; i++) {
            __m512 c0 = _mm512_set1_ps(meta[C0UP * RM + i]);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                __m512 x = _mm512_sub_ps(_mm512_castsi512_ps(s[i][h]), c0);
                acc[i][h] = _mm512_fmadd_ps(x, _mm512_load_ps(d + 16 * h), acc[i][h]);
                if (mins)
                    acc[i][h] = _mm512_fmadd_ps(_mm512_load_ps(m + 16 * h),
                                                _mm512_set1_ps(meta[SUM * RM + i]), acc[i][h]);
            }
        }
    }
    put_sums(mr, acc, da, to);
}

#define MICRO(n, sub, mins, suffix)                                                                \
    static void by##n##suffix(int kc, const int8_t *a, const float *meta, const uint8_t *w,        \
                              const float *d, const float *m, const target *to, const ahead *next) \
    {                                                                                              \
        micro(n, sub, mins, kc, a, meta, w, d, m, to, next);                                       \
    }
#define MICROS(sub, mins, suffix)                                                                  \
    MICRO(1, sub, mins, suffix)                                                                    \
    MICRO(2, sub, mins, suffix)                                                                    \
    MICRO(3, sub, mins, suffix)                                                                    \
    MICRO(4, sub, mins, suffix)                                                                    \
    MICRO(5, sub, mins, suffix)                                                                    \
    MICRO(6, sub, mins, suffix)                                                                    \
    MICRO(7, sub, mins, suffix)                                                                    \
    static micro_fn *const micros##suffix[] = {                                                    \
        NULL,        by1##suffix, by2##suffix, by3##suffix,                                        \
        by4##suffix, by5##suffix, by6##suffix, by7##suffix                                         \
    };
MICROS(32, false, _plain)
MICROS(32, true, _mins)
MICROS(16, false, _sixteen)

INLINE micro_fn *const *micros_of(const kind *t, bool spread)
{
    (void)spread;
    return t->sub == 16 ? micros_sixteen : t->mins ? micros_mins : micros_plain;
}

#endif
