/* dot: C = A W' + bias for up to DOT_MOST rows of A, W in GGUF's blocks as the file holds them. AVX2.
 *
 * A is rounded to 16 bits under one scale per 32 values (2^-16 of the largest of them: closer than bf16 by 2^7), so that a
 * block's sum is whole numbers: x = d q + m gives d (q . a) + m (sum a). Rows are read 256 values (a group) at a time, a
 * group as 4 or 8 units of two or four registers of sixteen q each, and per row of A
 *
 *   each unit:  sums += float(sum of multiply-add pairs) x (d x A's scale)         once for 64 or 32 values
 *
 * A's values lie in the order in which masks and shifts of whole registers give q, so that opening takes no shuffles:
 *
 *   q8_0              32 as they are                 unit u: block u
 *   q4_0, q4_1        even and odd of the first 16, of the last 16, of block u in the low lane and u + 4 in the high one
 *   q4_K, q5_K, q6_K  the 16 even of 32, then the 16 odd; q6_K's two scales of 32 are those of the two lanes
 *
 * A task walks four stretches of W at once, a row of each in turn, and asks for the next row of the same stretch: one
 * stretch alone is read 1.4 times slower than memory can give. Rows that do not fill 256 values end in a copy padded by
 * zero blocks.
 */
#include "kernels/dot.h"

#if defined(__AVX2__)
#include <immintrin.h>
#include "base/bytes.h"

enum { GROUP = 256, TASK_VALUES = 1 << 17, STREAMS = 4, LANES = 16, UNITS = 8 };

INLINE __m256i words_of(int x) { return _mm256_set1_epi16((short)x); }
INLINE __m256i load(const void *p) { return _mm256_loadu_si256(p); }
INLINE bool by_pairs(fab_dtype t) { return t == FAB_Q4_0 || t == FAB_Q4_1; }
INLINE bool sixteens(fab_dtype t) { return t == FAB_Q6_K; }
INLINE float offset_of(fab_dtype t) { return t == FAB_Q4_0 ? -8 : t == FAB_Q6_K ? -32 : 1; }

INLINE int group_bytes(fab_dtype t)
{
    return t == FAB_Q8_0                    ? 272
           : t == FAB_Q4_0 || t == FAB_Q4_K ? 144
           : t == FAB_Q4_1                  ? 160
           : t == FAB_Q5_K                  ? 176
                                            : 210;
}

/* ---- opening 256 values --------------------------------------------------------------------------------------- */

INLINE uint64_t four_halves(const uint8_t *p, int step)
{
    uint64_t low = fab_le16(p) | (uint64_t)fab_le16(p + step) << 16,
             high = fab_le16(p + 2 * step) | (uint64_t)fab_le16(p + 3 * step) << 16;

    low |= high << 32;
    __asm__("" : "+r"(low)); /* gcc's vectors of two of these cost twice as much */
    return low;
}

INLINE __m256 halves(const uint8_t *p, int step) /* 8 f16 that far apart */
{
    uint64_t low = four_halves(p, step), high = four_halves(p + 4 * step, step);
    return _mm256_cvtph_ps(_mm_set_epi64x((int64_t)high, (int64_t)low));
}

INLINE __m256 eight_bytes(uint32_t low, uint32_t high)
{
    __m128i b = _mm_cvtsi64_si128((int64_t)((uint64_t)high << 32 | low));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b));
}

INLINE __m256 half_of(const uint8_t *p) { return _mm256_set1_ps(_cvtsh_ss(fab_le16(p))); }

/* The scales d of a group, and what its sums of A are multiplied by; those of q6_K as A's (see order_sums). */
INLINE void open_scales(fab_dtype type, const uint8_t *p, __m256 d[2], __m256 m[2])
{
    if (type == FAB_Q6_K) {
        const __m128i turn = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
        __m128i b = _mm_shuffle_epi8(_mm_loadu_si128((const void *)(p + 192)), turn);
        __m256 big = half_of(p + 208);
        d[0] = _mm256_mul_ps(big, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b)));
        d[1] =
            _mm256_mul_ps(big, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(b, b))));
        m[0] = d[0], m[1] = d[1];
    } else if (type == FAB_Q4_K || type == FAB_Q5_K) {
        uint32_t a = fab_le32(p + 4), b = fab_le32(p + 8), c = fab_le32(p + 12);
        uint32_t top = (a >> 6 & 0x03030303u) << 4 | (c & 0x0f0f0f0fu),
                 low = (b >> 6 & 0x03030303u) << 4 | (c >> 4 & 0x0f0f0f0fu);
        __m256 less = _mm256_sub_ps(_mm256_setzero_ps(), half_of(p + 2));
        d[0] = _mm256_mul_ps(half_of(p), eight_bytes(a & 0x3f3f3f3fu, top));
        m[0] = _mm256_mul_ps(less, eight_bytes(b & 0x3f3f3f3fu, low));
    } else {
        int bytes = type == FAB_Q8_0 ? 34 : type == FAB_Q4_0 ? 18 : 20;
        d[0] = halves(p, bytes);
        m[0] = type == FAB_Q4_1 ? halves(p + 2, bytes) : d[0];
    }
}

/* q of unit u: two or (by_pairs) four registers */
INLINE void open_unit(fab_dtype type, const uint8_t *p, int u, __m256i w[4])
{
    const __m256i four = words_of(15), nibble = words_of(0x0f0f);
    __m256i x, high;

    if (type == FAB_Q8_0) {
        for (int h = 0; h < 2; h++)
            w[h] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(p + u * 34 + 2 + 16 * h)));
    } else if (by_pairs(type)) {
        int bytes = type == FAB_Q4_0 ? 18 : 20;
        p += u * bytes + bytes - 16;
        x = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)p)),
                                    _mm_loadu_si128((const void *)(p + 4 * bytes)), 1);
        w[0] = _mm256_and_si256(x, four);
        w[1] = _mm256_and_si256(_mm256_srli_epi16(x, 8), four);
        w[2] = _mm256_and_si256(_mm256_srli_epi16(x, 4), four);
        w[3] = _mm256_srli_epi16(x, 12);
    } else if (type == FAB_Q4_K) {
        x = load(p + 16 + u / 2 * 32);
        w[0] = _mm256_and_si256(u % 2 ? _mm256_srli_epi16(x, 4) : x, four);
        w[1] = u % 2 ? _mm256_srli_epi16(x, 12) : _mm256_and_si256(_mm256_srli_epi16(x, 8), four);
    } else { /* q5_K and q6_K: 32 bytes of q first */
        bool six = type == FAB_Q6_K, up = six ? u % 4 > 1 : u % 2;
        x = load(six ? p + u / 4 * 64 + u % 2 * 32 : p + 48 + u / 2 * 32);
        high = load(six ? p + 128 + u / 4 * 32 : p + 16);
        int by = six ? u % 4 * 2 - 4 : u - 4; /* bits of `high` go down by this to bit 4 */
        x = _mm256_and_si256(up ? _mm256_srli_epi16(x, 4) : x, nibble);
        high = by > 0 ? _mm256_srli_epi16(high, by) : _mm256_slli_epi16(high, -by);
        x = _mm256_or_si256(x, _mm256_and_si256(high, words_of(six ? 0x3030 : 0x1010)));
        w[0] = _mm256_and_si256(x, words_of(255));
        w[1] = _mm256_srli_epi16(x, 8);
    }
}

/* ---- rounding A ------------------------------------------------------------------------------------------------ */

typedef struct {
    const fab_gemm *g;
    int64_t k, row_bytes, rows; /* k: padded to whole groups; rows of W in a task */
    int16_t *a;                 /* [m][k] */
    float *scale, *sum; /* [m][k/32], [m][k/32 or k/16]; sum = scale (sum a) offset_of(type) */
} job;

INLINE int64_t sums_per(const job *j) { return j->k / (sixteens(j->g->b_dtype) ? 16 : 32); }

INLINE int32_t total(__m256i x)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(s) + _mm_extract_epi32(s, 1);
}

INLINE float largest(__m256 x) /* x >= 0 */
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/* 32 values to w: 16 and 16 as they are, or even and odd; returns A's scale and the sums of each 16 */
INLINE float round_block(const float *x, bool split, __m256i w[2], int32_t sums[2], __m256 *bad)
{
    const __m256 no_sign = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256 v[4], top = _mm256_setzero_ps();
    __m256i q[4];

    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_loadu_ps(x + 8 * i);
        top = _mm256_max_ps(top, _mm256_and_ps(v[i], no_sign));
        *bad = _mm256_fmadd_ps(v[i], _mm256_setzero_ps(), *bad);
    }
    float d = largest(top) / 32767.0f, inv = d > 1e-32f && d < 1e34f ? 1.0f / d : 0.0f;
    for (int i = 0; i < 4; i++) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], _mm256_set1_ps(inv)));
    sums[0] = total(_mm256_add_epi32(q[0], q[1])), sums[1] = total(_mm256_add_epi32(q[2], q[3]));
    for (int i = 0; i < 2; i++)
        w[i] = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[2 * i], q[2 * i + 1]), 0xd8);
    if (split) {
        __m256i odd = _mm256_packs_epi32(_mm256_srai_epi32(w[0], 16), _mm256_srai_epi32(w[1], 16));
        for (int i = 0; i < 2; i++) w[i] = _mm256_srai_epi32(_mm256_slli_epi32(w[i], 16), 16);
        w[0] = _mm256_permute4x64_epi64(_mm256_packs_epi32(w[0], w[1]), 0xd8);
        w[1] = _mm256_permute4x64_epi64(odd, 0xd8);
    }
    return d;
}

/* Of a group: where block b's sum of its h-th 16 lies. q6_K's scales and sums: 0 2 4 6 1 3 5 7, 8 10 12 14 9 11 13 15. */
INLINE int sum_at(int b, int h) { return b / 4 * 8 + h * 4 + b % 4; }

static void round_row(const job *j, int64_t i)
{
    fab_dtype type = j->g->b_dtype;
    const float *x = j->g->a + i * j->g->a_row, worth = offset_of(type);
    float *scale = j->scale + i * (j->k / 32), *sum = j->sum + i * sums_per(j);
    __m256 bad = _mm256_setzero_ps();
    int16_t *a = j->a + i * j->k;

    memset(a, 0, (size_t)j->k * sizeof *a);
    for (int64_t k = 0; k < j->g->k; k += 32, x += 32) {
        int b = (int)(k % GROUP / 32);
        int16_t *to = a + k - k % GROUP;
        __m256i w[2];
        int32_t s[2];
        float d = round_block(x, type != FAB_Q8_0, w, s, &bad);
        scale[k / 32] = d;
        for (int h = 0; h < 2; h++) {
            if (sixteens(type)) sum[k / GROUP * 16 + sum_at(b, h)] = worth * d * (float)s[h];
            else sum[k / 32] = worth * d * (float)(s[0] + s[1]);
            if (!by_pairs(type)) _mm256_storeu_si256((void *)(to + 32 * b + 16 * h), w[h]);
            else /* w[h] is the even or odd of the first 16, then of the last */
                for (int half = 0; half < 2; half++)
                    memcpy(to + b % 4 * 64 + half * 32 + h * 16 + b / 4 * 8,
                           (const int16_t *)(w + h) + 8 * half, 8 * sizeof *to);
        }
    }
    for (int64_t b = j->g->k / 32; b < j->k / 32; b++) {
        scale[b] = 0;
        if (!sixteens(type)) sum[b] = 0; /* rows of q6_K are whole groups */
    }
    if (largest(_mm256_and_ps(_mm256_cmp_ps(bad, bad, _CMP_UNORD_Q), _mm256_set1_ps(1))) > 0)
        scale[0] = NAN, memset(a, 0, (size_t)j->k * sizeof *a);
}

/* ---- the product ---------------------------------------------------------------------------------------------- */

/* rows of W that are multiplied side by side, so that A is loaded once for them */
INLINE int abreast(int mr) { return mr == 1 ? 4 : mr <= 4 ? 2 : 1; }

/* The scales of one row of W and mr rows of A, the i-th on, in group t, to x->s; their shifts to acc */
INLINE void scale_group(fab_dtype type, const int mr, const job *j, int64_t i, int64_t t,
                        const uint8_t *p, float s[][16], __m256 *acc)
{
    const bool two = sixteens(type);
    __m256 d[2], m[2];

    open_scales(type, p, d, m);
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
        const float *da = j->scale + (i + r) * (j->k / 32) + t * 8;
        const float *sum = j->sum + ((i + r) * (j->k / 32) + t * 8) * (two ? 2 : 1);
        for (int h = 0; h < (two ? 2 : 1); h++) {
            __m256 a = two ? _mm256_broadcast_ps((const void *)(da + 4 * h)) : _mm256_loadu_ps(da);
            _mm256_store_ps(s[r] + 8 * h, _mm256_mul_ps(d[h], a));
            if (type != FAB_Q8_0)
                acc[r] = _mm256_fmadd_ps(m[h], _mm256_loadu_ps(sum + 8 * h), acc[r]);
        }
    }
}

INLINE __m256 scale_of(fab_dtype type, const float *s, int u)
{
    if (!by_pairs(type) && !sixteens(type)) return _mm256_set1_ps(s[u]);
    __m256 x = _mm256_load_ps(s + u / 4 * 8);
    return u % 4 == 0   ? _mm256_permute_ps(x, 0)
           : u % 4 == 1 ? _mm256_permute_ps(x, 0x55)
           : u % 4 == 2 ? _mm256_permute_ps(x, 0xaa)
                        : _mm256_permute_ps(x, 0xff);
}

/* One group of wr rows of W times mr rows of A from the i-th on, by the scales s */
INLINE void one_group(fab_dtype type, const int wr, const int mr, const job *j, const int16_t *a,
                      const uint8_t *const *p, float s[][16], __m256 *acc)
{
    const int units = by_pairs(type) ? UNITS / 2 : UNITS, n = by_pairs(type) ? 4 : 2;

#pragma GCC unroll 8
    for (int u = 0; u < units; u++, a += n * LANES)
#pragma GCC unroll 4
        for (int w = 0; w < wr; w++) {
            __m256i q[4];
            open_unit(type, p[w], u, q);
#pragma GCC unroll 8
            for (int r = 0; r < mr; r++) {
                __m256i x = _mm256_madd_epi16(q[0], load(a + r * j->k));
#pragma GCC unroll 4
                for (int v = 1; v < n; v++)
                    x = _mm256_add_epi32(x,
                                         _mm256_madd_epi16(q[v], load(a + r * j->k + v * LANES)));
                acc[w * mr + r] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(x), scale_of(type, s[w * mr + r], u),
                                    acc[w * mr + r]);
            }
        }
}

/* y[wr][mr] = rows i.. of A times wr rows of W, row[w] bytes into it; asks for the rows ahead[w] */
INLINE void some_rows(fab_dtype type, const int wr, const int mr, const job *j, int64_t i,
                      const int64_t *row, const int64_t *ahead, float *y)
{
    const int bytes = group_bytes(type);
    const uint8_t *b = j->g->b, *p[STREAMS];
    int64_t n = j->k / GROUP, rest = j->row_bytes - j->g->k / GROUP * bytes;
    uint8_t tail[STREAMS][GROUP / 32 * 34];
    _Alignas(32) float s[DOT_MOST][16];
    __m256 acc[DOT_MOST];

#pragma GCC unroll 8
    for (int r = 0; r < wr * mr; r++) acc[r] = _mm256_setzero_ps();
    for (int w = 0; w < wr && rest; w++) {
        memset(tail[w], 0, sizeof tail[w]);
        memcpy(tail[w], b + row[w] + (n - 1) * bytes, (size_t)rest);
    }
    for (int64_t t = 0; t < n; t++) {
#pragma GCC unroll 4
        for (int w = 0; w < wr; w++) {
            p[w] = t == n - 1 && rest ? tail[w] : b + row[w] + t * bytes;
#pragma GCC unroll 5
            for (int c = 0; c < bytes; c += 64) __builtin_prefetch(b + ahead[w] + t * bytes + c);
            scale_group(type, mr, j, i, t, p[w], s + w * mr, acc + w * mr);
        }
        __asm__ volatile("" ::: "memory"); /* s is read back as broadcasts: shuffles are dearer */
        one_group(type, wr, mr, j, j->a + i * j->k + t * GROUP, p, s, acc);
    }
#pragma GCC unroll 8
    for (int r = 0; r < wr * mr; r++) {
        float f[8];
        _mm256_storeu_ps(f, acc[r]);
        y[r] = ((f[0] + f[1]) + (f[2] + f[3])) + ((f[4] + f[5]) + (f[6] + f[7]));
    }
}

typedef void row_fn(const job *j, int64_t i, const int64_t *row, const int64_t *ahead, float *y);
#define ROW(T, n)                                                                                  \
    static void row_##T##_##n(const job *j, int64_t i, const int64_t *row, const int64_t *ahead,   \
                              float *y)                                                            \
    {                                                                                              \
        some_rows(FAB_##T, abreast(n), n, j, i, row, ahead, y);                                    \
    }
#define ROWS(T) ROW(T, 1) ROW(T, 2) ROW(T, 4) ROW(T, 8)
#define FNS(T)                                                                                     \
    {                                                                                              \
        row_##T##_1, row_##T##_2, row_##T##_4, row_##T##_8                                         \
    }
ROWS(Q8_0)
ROWS(Q4_0)
ROWS(Q4_1)
ROWS(Q4_K)
ROWS(Q5_K)
ROWS(Q6_K)
static const struct {
    fab_dtype type;
    row_fn *fn[4]; /* 1, 2, 4 and 8 rows of A */
} kinds[] = { { FAB_Q8_0, FNS(Q8_0) }, { FAB_Q4_0, FNS(Q4_0) }, { FAB_Q4_1, FNS(Q4_1) },
              { FAB_Q4_K, FNS(Q4_K) }, { FAB_Q5_K, FNS(Q5_K) }, { FAB_Q6_K, FNS(Q6_K) } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static row_fn *const *fns_of(fab_dtype type)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].type == type) return kinds[i].fn;
    return NULL;
}

/* Rows i.. (mr of them) of A times all rows of W of a task, which are four stretches of `each` */
static void stretches(const job *j, range rows, int64_t i, int mr)
{
    const fab_gemm *g = j->g;
    row_fn *fn = fns_of(g->b_dtype)[mr == 8 ? 3 : mr / 2];
    int64_t each = ceil_div(rows.to - rows.from, STREAMS);
    int wr = abreast(mr);

    for (int64_t n = 0; n < each; n++)
        for (int s = 0; s < STREAMS; s += wr) {
            int64_t at[STREAMS], ahead[STREAMS];
            float y[DOT_MOST];
            for (int w = 0; w < wr;
                 w++) { /* rows that a stretch lacks are done twice, and left out */
                int64_t row = min64(rows.from + (s + w) * each + n, rows.to - 1);
                at[w] = row * j->row_bytes;
                ahead[w] = min64(row + 1, rows.to - 1) * j->row_bytes;
            }
            fn(j, i, at, ahead, y);
            for (int w = 0; w < wr; w++)
                for (int r = 0; r < mr; r++) {
                    int64_t row = rows.from + (s + w) * each + n;
                    float *c = g->c + (i + r) * g->c_row + row;
                    if (row < rows.to)
                        *c = y[w * mr + r] + (g->add ? *c : 0.0f) + (g->bias ? g->bias[row] : 0.0f);
                }
        }
}

static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    range rows = { task * j->rows, min64((task + 1) * j->rows, j->g->n) };

    (void)worker;
    for (int64_t i = 0, n = DOT_MOST; n > 0; n /= 2)
        for (; i + n <= j->g->m; i += n) stretches(j, rows, i, (int)n);
}

bool FAB_NAME(fab_dot_takes)(fab_dtype type, int64_t m) { return m <= DOT_MOST && fns_of(type); }

bool FAB_NAME(fab_dot_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    job j = { .g = g, .k = ceil_div(g->k, GROUP) * GROUP };
    int64_t size = fab_dtype_block(g->b_dtype), bytes = fab_dtype_bytes(g->b_dtype);

    j.row_bytes = g->b_col / size * bytes;
    j.rows = max64(STREAMS, TASK_VALUES / j.k);
    j.a = fab_aligned_new((size_t)(g->m * j.k) * sizeof(int16_t) +
                              (size_t)(g->m * (j.k / 32 + sums_per(&j))) * sizeof(float),
                          err);
    if (!j.a) return false;
    j.scale = (float *)(j.a + g->m * j.k);
    j.sum = j.scale + g->m * j.k / 32;
    for (int64_t i = 0; i < g->m; i++) round_row(&j, i);
    fab_pool_run(p, (int)ceil_div(g->n, j.rows), one_task, &j);
    fab_aligned_free(j.a);
    return true;
}

#else
bool FAB_NAME(fab_dot_takes)(fab_dtype type, int64_t m)
{
    (void)type, (void)m;
    return false;
}

bool FAB_NAME(fab_dot_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    (void)p, (void)g;
    return fab_fail(err, FAB_EINTERNAL, "no 16-bit products in this table");
}
#endif
