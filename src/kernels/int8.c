/* int8: C = A W' + bias with W in GGUF's blocks as the file holds them, A rounded to int8 per 32 values. AVX-512 VNNI.
 *
 * A block of 32 is x = d q + m with whole q, so a sum over it is d (q . a) + m (sum a): integer products, and two
 * multiply-adds per block for the scales. Of 10 operations 8 are products: 80 % of the VNNI rate is the bound.
 *
 *   A   once per product: [M/RM][K/4][RM] groups of four int8, and per block and row four numbers (see `meta`)
 *   W   a panel of CN = 32 rows by KQ of K, opened into L1: [KQ/4][CN][4] bytes q + offset >= 0, [KQ/sub][CN] d and m;
 *       16 rows are opened side by side: pieces of 16 bytes, turned as 4 x 4 groups of four
 *   C   RM x CN sums in f32 registers over KQ, then added to memory
 *
 * vpdpbusd multiplies unsigned by signed, so q is offset to be unsigned and -offset (sum a) is where the sum starts. The
 * sum of a block becomes f32 without a conversion: it starts at the bits of C0 = 1.5 2^23, where one unit is one ulp;
 * s - C0, times the scale da of A, is one fused multiply-subtract, exact because da keeps 22 bits of mantissa.
 */
#include "kernels/int8.h"

#if defined(__AVX512VNNI__)
#include "base/bytes.h"
#include "kernels/rounded.h"
#include "kernels/transpose.h"

enum { RM = 7, CN = 32, KQ = 512, ROWS = 1024, WIDE = 256, FEW = 64 };
enum {
    DA,
    C0DA,
    SUM,
    START,
    META
}; /* meta: [K/sub][META][RM]; SUM = da (sum a), START = bits of C0 - offset (sum a) */
#define C0      12582912.0f
#define C0_BITS 0x4b400000

typedef struct {
    fab_dtype type;
    int sub, offset; /* values under one d; what is added to q */
    bool mins;
    void (*open)(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d, float *m);
} kind;

/* ---- opening weights: 16 rows, k0..k0+kc; w, d, m at the first of 16 columns of CN ------------------------------ */

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

/* four bytes at `at` of 16 rows */
INLINE __m512i column(const uint8_t *const row[16], int64_t at)
{
    __m512i lo = _mm512_loadu_si512(row), hi = _mm512_loadu_si512(row + 8);
    __m256i a = _mm512_i64gather_epi32(lo, (const void *)(uintptr_t)at, 1),
            b = _mm512_i64gather_epi32(hi, (const void *)(uintptr_t)at, 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

INLINE __m512 low_half(__m512i x) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x)); }
INLINE __m512 high_half(__m512i x) { return low_half(_mm512_srli_epi32(x, 16)); }
INLINE __m512i bytes_of(int x) { return _mm512_set1_epi8((char)x); }
INLINE void put4(uint8_t *w, int k, __m512i x)
{
    _mm512_store_si512(w + k * CN, x);
} /* k % 4 == 0 */

static void open_q8_0(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d,
                      float *m)
{
    (void)m;
    for (int k = 0; k < kc; k += 32, d += CN) {
        int64_t at = (k0 + k) / 32 * 34;
        __m512i t[4];
        _mm512_store_ps(d, low_half(column(row, at)));
        for (int p = 0; p < 2; p++) {
            turn(row, at + 2 + 16 * p, t);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
                put4(w, k + 16 * p + 4 * j, _mm512_xor_si512(t[j], bytes_of(0x80)));
        }
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

static void open_q4_0(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d,
                      float *m)
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

static void open_q4_1(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d,
                      float *m)
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

static void open_q5_0(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d,
                      float *m)
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
    __m512i both = column(row, at), u0 = column(row, at + 4), u1 = column(row, at + 8),
            u2 = column(row, at + 12), six = _mm512_set1_epi32(63), four = _mm512_set1_epi32(15);
    __m512 big = low_half(both), less = _mm512_sub_ps(_mm512_setzero_ps(), high_half(both));

    for (int j = 0; j < 8; j++) {
        __m128i by = _mm_cvtsi32_si128(8 * (j % 4)), more = _mm_cvtsi32_si128(8 * (j % 4) + 4),
                top = _mm_cvtsi32_si128(8 * (j % 4) + 6);
        __m512i s, l;
        if (j < 4) {
            s = _mm512_and_si512(_mm512_srl_epi32(u0, by), six);
            l = _mm512_and_si512(_mm512_srl_epi32(u1, by), six);
        } else {
            __m512i two = _mm512_set1_epi32(3);
            s = _mm512_and_si512(_mm512_srl_epi32(u2, by), four);
            l = _mm512_and_si512(_mm512_srl_epi32(u2, more), four);
            s = _mm512_or_si512(s,
                                _mm512_slli_epi32(_mm512_and_si512(_mm512_srl_epi32(u0, top), two),
                                                  4));
            l = _mm512_or_si512(l,
                                _mm512_slli_epi32(_mm512_and_si512(_mm512_srl_epi32(u1, top), two),
                                                  4));
        }
        _mm512_store_ps(d + j * CN, _mm512_mul_ps(big, _mm512_cvtepi32_ps(s)));
        _mm512_store_ps(m + j * CN, _mm512_mul_ps(less, _mm512_cvtepi32_ps(l)));
    }
}

static void open_q4_k(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d,
                      float *m)
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

static void open_q6_k(const uint8_t *const row[16], int64_t k0, int kc, uint8_t *w, float *d,
                      float *m)
{
    (void)m;
    for (int k = 0; k < kc; k += 256) {
        int64_t at = (k0 + k) / 256 * 210;
        __m512 big = low_half(column(row, at + 208));
        for (int j = 0; j < 16; j++, d += CN) {
            __m512i s =
                _mm512_srl_epi32(column(row, at + 192 + j / 4 * 4), _mm_cvtsi32_si128(8 * (j % 4)));
            s = _mm512_srai_epi32(_mm512_slli_epi32(s, 24), 24);
            _mm512_store_ps(d, _mm512_mul_ps(big, _mm512_cvtepi32_ps(s)));
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

static const kind *kind_of(fab_dtype type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type == type) return kinds + i;
    return NULL;
}

/* ---- the product ----------------------------------------------------------------------------------------------- */

typedef struct {
    const fab_gemm *g;
    const kind *kind;
    int8_t *a;                       /* [row panels][K/4][RM][4] */
    float *meta;                     /* [row panels][K/sub][META][RM] */
    int64_t panels, row_parts, wide; /* wide: columns of a task */
    int64_t row_bytes;
} job;

INLINE int64_t a_panel(const job *j) { return j->g->k * RM; }
INLINE int64_t meta_panel(const job *j) { return j->g->k / j->kind->sub * META * RM; }

/* The scale of each of 16 blocks (n of them real) of a row, and its inverse; 22 bits of mantissa. */
static void scales_of(const float *x, int n, float *d, float *inv)
{
    _Alignas(64) float tops[256], turned[256];
    __m512 top;

    for (int b = 0; b < 16; b++) {
        int at = b < n ? 32 * b : 0;
        _mm512_store_ps(tops + 16 * b, _mm512_max_ps(_mm512_abs_ps(_mm512_loadu_ps(x + at)),
                                                     _mm512_abs_ps(_mm512_loadu_ps(x + at + 16))));
    }
    transpose_block(tops, 16, turned, 16);
    top = _mm512_load_ps(turned);
    for (int b = 1; b < 16; b++) top = _mm512_max_ps(top, _mm512_load_ps(turned + 16 * b));
    top = _mm512_mul_ps(top, _mm512_set1_ps(1.0f / 127.0f));
    top = _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(top), _mm512_set1_epi32(~3)));
    __mmask16 some = _mm512_cmp_ps_mask(top, _mm512_set1_ps(1e-30f), _CMP_GT_OQ);
    _mm512_storeu_ps(d, top);
    _mm512_storeu_ps(inv, _mm512_maskz_div_ps(some, _mm512_set1_ps(1.0f), top));
}

INLINE void put_meta(const job *j, float *meta, int i, float d, const int32_t *sums)
{
    bool whole = j->kind->sub == 32;
    for (int s = 0; s < (whole ? 1 : 2); s++, meta += META * RM) {
        int32_t sum = whole ? sums[0] + sums[1] : sums[s];
        meta[DA * RM + i] = d, meta[C0DA * RM + i] = C0 * d, meta[SUM * RM + i] = d * (float)sum;
        meta[START * RM + i] = fab_bits_f32((uint32_t)(C0_BITS - j->kind->offset * sum));
    }
}

/* One row to int8; a value that is not finite makes the first scale, and so the whole row of C, NaN. */
static void round_row(const job *j, const float *x, int8_t *a, float *meta, int i)
{
    float d[16] = { 0 }, inv[16] = { 0 }, *first = meta + DA * RM + i;
    __m512 bad = _mm512_setzero_ps();

    for (int64_t k = 0; k < j->g->k; k += 32, x += 32) {
        int b = (int)(k / 32 % 16), groups[8];
        if (b == 0) scales_of(x, (int)min64(16, (j->g->k - k) / 32), d, inv);
        __m512 by = _mm512_set1_ps(inv[b]), x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
        __m128i q0 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x0, by))),
                q1 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x1, by)));
        __m256i q = _mm256_inserti128_si256(_mm256_castsi128_si256(q0), q1, 1);
        uint64_t sum8[4];
        int32_t sums[2];
        bad = _mm512_add_ps(bad, _mm512_add_ps(_mm512_sub_ps(x0, x0), _mm512_sub_ps(x1, x1)));
        _mm256_storeu_si256((void *)groups, q);
        for (int t = 0; t < 8; t++) memcpy(a + ((k / 4 + t) * RM + i) * 4, groups + t, 4);
        q = _mm256_xor_si256(q, _mm256_set1_epi8((char)0x80));
        _mm256_storeu_si256((void *)sum8, _mm256_sad_epu8(q, _mm256_setzero_si256()));
        for (int h = 0; h < 2; h++) sums[h] = (int32_t)(sum8[2 * h] + sum8[2 * h + 1]) - 2048;
        put_meta(j, meta, i, d[b], sums);
        meta += 32 / j->kind->sub * META * RM;
    }
    *first += _mm512_reduce_add_ps(bad);
}

static void round_panel(void *arg, int task, int worker)
{
    const job *j = arg;
    range r = part(j->g->m, j->panels, task);

    (void)worker;
    for (int64_t i = r.from; i < r.to; i++)
        round_row(j, j->g->a + i * j->g->a_row, j->a + task * a_panel(j),
                  j->meta + task * meta_panel(j), (int)(i - r.from));
}

/* sum[mr][CN] over kc; all but the last six are constants */
INLINE void micro(const int mr, const int sub, const bool mins, int kc, const int8_t *a,
                  const float *meta, const uint8_t *w, const float *d, const float *m, float *sum)
{
    __m512 acc[RM][2];

#pragma GCC unroll 7
    for (int i = 0; i < mr; i++) acc[i][0] = acc[i][1] = _mm512_setzero_ps();
    for (int k = 0; k < kc; k += sub, meta += META * RM, d += CN, m += CN) {
        __m512i s[RM][2];
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
            __m512 da = _mm512_set1_ps(meta[DA * RM + i]), c0 = _mm512_set1_ps(meta[C0DA * RM + i]);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                __m512 x = _mm512_fmsub_ps(_mm512_castsi512_ps(s[i][h]), da, c0);
                acc[i][h] = _mm512_fmadd_ps(x, _mm512_load_ps(d + 16 * h), acc[i][h]);
                if (mins)
                    acc[i][h] = _mm512_fmadd_ps(_mm512_load_ps(m + 16 * h),
                                                _mm512_set1_ps(meta[SUM * RM + i]), acc[i][h]);
            }
        }
    }
#pragma GCC unroll 7
    for (int i = 0; i < mr; i++) {
        _mm512_store_ps(sum + i * CN, acc[i][0]);
        _mm512_store_ps(sum + i * CN + 16, acc[i][1]);
    }
}

typedef void micro_fn(int kc, const int8_t *a, const float *meta, const uint8_t *w, const float *d,
                      const float *m, float *sum);
#define MICRO(n, sub, mins, suffix)                                                                \
    static void by##n##suffix(int kc, const int8_t *a, const float *meta, const uint8_t *w,        \
                              const float *d, const float *m, float *sum)                          \
    {                                                                                              \
        micro(n, sub, mins, kc, a, meta, w, d, m, sum);                                            \
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

typedef struct {
    uint8_t w[KQ * CN];
    float d[KQ / 16 * CN], m[KQ / 32 * CN], sum[RM * CN];
} buffers;

/* Columns j..j+CN, k0..k0+kc of W into the buffers; rows beyond N repeat the last. */
static void open_panel(const job *j, int64_t col, int64_t k0, int kc, buffers *s)
{
    for (int h = 0; h < 2; h++) {
        const uint8_t *row[16];
        for (int r = 0; r < 16; r++)
            row[r] = (const uint8_t *)j->g->b + min64(col + 16 * h + r, j->g->n - 1) * j->row_bytes;
        j->kind->open(row, k0, kc, s->w + 64 * h, s->d + 16 * h, s->m + 16 * h);
    }
}

/* Asks for lines that will be needed: what a panel of W is opened from, the t-th of n parts of its rows. */
static void prefetch_panel(const job *j, int64_t col, int64_t k0, int kc, int64_t t, int64_t n)
{
    int64_t size = fab_dtype_block(j->kind->type), bytes = fab_dtype_bytes(j->kind->type);
    range r = part(CN, n, t);

    for (int64_t i = col + r.from; i < min64(col + r.to, j->g->n); i++) {
        const char *at = (const char *)j->g->b + i * j->row_bytes + k0 / size * bytes;
        for (int64_t b = 0; b < kc / size * bytes; b += 64) __builtin_prefetch(at + b);
    }
}

static void prefetch_c(const fab_gemm *g, range r, int64_t col)
{
    for (int64_t i = r.from; i < r.to; i++) {
        __builtin_prefetch(g->c + i * g->c_row + col, 1);
        __builtin_prefetch(g->c + i * g->c_row + col + 16, 1);
    }
}

typedef struct {
    int64_t col, k0;
    int kc;
} place;

/* The panel at `at`, opened in s, with all its rows of A; meanwhile asks for the panel at `next`. */
static void multiply(const job *j, range panels, place at, place next, buffers *s)
{
    const fab_gemm *g = j->g;
    const kind *t = j->kind;
    micro_fn *const *fn = t->sub == 16 ? micros_sixteen : t->mins ? micros_mins : micros_plain;
    int n = (int)min64(CN, g->n - at.col);

    for (int64_t p = panels.from; p < panels.to; p++) {
        range r = part(g->m, j->panels, p);
        prefetch_c(g, r, at.col);
        prefetch_panel(j, next.col, next.k0, next.kc, p - panels.from, panels.to - panels.from);
        fn[r.to - r.from](at.kc, j->a + p * a_panel(j) + at.k0 * RM,
                          j->meta + p * meta_panel(j) + at.k0 / t->sub * META * RM, s->w, s->d,
                          s->m, s->sum);
        for (int64_t i = r.from; i < r.to; i++)
            add_row(g->c + i * g->c_row + at.col, s->sum + (i - r.from) * CN, 1.0f, n,
                    g->add || at.k0 > 0, g->bias && !at.k0 ? g->bias + at.col : NULL);
    }
}

/* The t-th panel of a task: few rows of A go along the rows of W, many stay in L2 while W's columns pass. */
static place place_of(const job *j, range cols, int64_t t)
{
    int64_t across = ceil_div(cols.to - cols.from, CN), deep = ceil_div(j->g->k, KQ);
    bool along = j->g->m <= FEW;
    int64_t k0 = (along ? t % deep : t / across) * KQ, c = along ? t / deep : t % across;

    return (place){ cols.from + c * CN, k0, (int)min64(KQ, j->g->k - k0) };
}

static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    int64_t from = task / j->row_parts * j->wide;
    range cols = { from, min64(from + j->wide, j->g->n) },
          panels = part(j->panels, j->row_parts, task % j->row_parts);
    int64_t n = ceil_div(cols.to - cols.from, CN) * ceil_div(j->g->k, KQ);
    _Alignas(64) buffers s;

    (void)worker;
    for (int64_t t = 0; t < n; t++) {
        place at = place_of(j, cols, t), next = place_of(j, cols, t + 1 < n ? t + 1 : t);
        open_panel(j, at.col, at.k0, at.kc, &s);
        multiply(j, panels, at, next, &s);
    }
}

bool FAB_NAME(fab_int8_takes)(fab_dtype type) { return kind_of(type) != NULL; }

bool FAB_NAME(fab_int8_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    job j = { .g = g, .kind = kind_of(g->b_dtype), .panels = ceil_div(g->m, RM) };
    uint64_t bytes;

    if (g->m <= 0 || g->n <= 0) return true;
    fab_dtype_row_bytes(g->b_dtype, g->b_col, &bytes);
    j.row_bytes = (int64_t)bytes;
    j.row_parts = ceil_div(g->m, ROWS);
    j.wide = min64(WIDE, max64(CN, g->n / 8 / CN * CN));
    size_t a_bytes = ((size_t)(j.panels * a_panel(&j)) + 63) / 64 * 64;
    j.a = fab_aligned_new(a_bytes + (size_t)(j.panels * meta_panel(&j)) * sizeof(float), err);
    if (!j.a) return false;
    j.meta = (float *)((char *)j.a + a_bytes);
    fab_pool_run(p, (int)j.panels, round_panel, &j);
    fab_pool_run(p, (int)(ceil_div(g->n, j.wide) * j.row_parts), one_task, &j);
    fab_aligned_free(j.a);
    return true;
}

#else
bool FAB_NAME(fab_int8_takes)(fab_dtype type)
{
    (void)type;
    return false;
}

bool FAB_NAME(fab_int8_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    (void)p, (void)g;
    return fab_fail(err, FAB_EINTERNAL, "no VNNI in this table");
}
#endif
