/* dot: C = A W' + bias for up to DOT_MOST rows of A, W in GGUF's blocks as the file holds them. AVX2 and AVX-512.
 *
 * A is rounded to 16 bits under one scale per 32 values (2^-16 of the largest of them: closer than bf16 by 2^7), so that a
 * block's sum is whole numbers: x = d q + m gives d (q . a) + m (sum a). Per 256 values of one row of W:
 *
 *   open      q as 16-bit numbers in 8 (AVX-512) or 16 (AVX2) registers, 8 or 16 scales d, 8 shifts m
 *   each row of A, each register:   sum += float(multiply-add pairs) x (d x A's scale)
 *
 * A task walks four stretches of W at once, a row of each in turn, and asks for the next row of the same stretch: one
 * stretch alone is read 1.4 times slower than memory can give. Rows that do not fill 256 values end in a copy padded by
 * zero blocks.
 */
#include "kernels/dot.h"

#if defined(__AVX2__)
#include <immintrin.h>
#include "base/bytes.h"

enum { GROUP = 256, TASK_VALUES = 1 << 19, STREAMS = 4, PASS = 4 };

#if defined(__AVX512BW__)
enum { LANES = 32 };
typedef __m512i words; /* 16-bit numbers */
typedef __m512 sums;
INLINE words widen_i8(const uint8_t *p)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)p));
}
INLINE words widen_u8(const uint8_t *p)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)p));
}
INLINE words w_load(const int16_t *p) { return _mm512_loadu_si512(p); }
INLINE words w_set(int x) { return _mm512_set1_epi16((short)x); }
INLINE words w_and(words a, words b) { return _mm512_and_si512(a, b); }
INLINE words w_or(words a, words b) { return _mm512_or_si512(a, b); }
INLINE words w_less(words a, int x) { return _mm512_sub_epi16(a, w_set(x)); }
INLINE words w_right(words a, int by) { return _mm512_srl_epi16(a, _mm_cvtsi32_si128(by)); }
INLINE words w_left(words a, int by) { return _mm512_sll_epi16(a, _mm_cvtsi32_si128(by)); }
INLINE words nibbles(const uint8_t *p, int v) /* 16 bytes: low ones, then high ones */
{
    words x = _mm512_cvtepu8_epi16(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p)));
    const words by = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
    (void)v;
    return w_and(_mm512_srlv_epi16(x, by), w_set(15));
}
INLINE sums s_zero(void) { return _mm512_setzero_ps(); }
INLINE sums s_step(sums s, words w, words a, sums scale)
{
    __m512i x = _mm512_madd_epi16(w, a);
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(x), scale, s);
}
/* scales t of 32 or of 16 values each, for the v-th register */
INLINE sums s_scale(const float *t, int v, bool sixteen)
{
    if (!sixteen) return _mm512_set1_ps(t[v]);
    return _mm512_mask_broadcastss_ps(_mm512_set1_ps(t[2 * v]), 0xff00, _mm_load_ss(t + 2 * v + 1));
}
INLINE float s_total(sums a, sums b) { return _mm512_reduce_add_ps(_mm512_add_ps(a, b)); }
#else
enum { LANES = 16 };
typedef __m256i words;
typedef __m256 sums;
INLINE words widen_i8(const uint8_t *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)p));
}
INLINE words widen_u8(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)p));
}
INLINE words w_load(const int16_t *p) { return _mm256_loadu_si256((const void *)p); }
INLINE words w_set(int x) { return _mm256_set1_epi16((short)x); }
INLINE words w_and(words a, words b) { return _mm256_and_si256(a, b); }
INLINE words w_or(words a, words b) { return _mm256_or_si256(a, b); }
INLINE words w_less(words a, int x) { return _mm256_sub_epi16(a, w_set(x)); }
INLINE words w_right(words a, int by) { return _mm256_srl_epi16(a, _mm_cvtsi32_si128(by)); }
INLINE words w_left(words a, int by) { return _mm256_sll_epi16(a, _mm_cvtsi32_si128(by)); }
INLINE words nibbles(const uint8_t *p, int v)
{
    return w_and(w_right(widen_u8(p), v % 2 * 4), w_set(15));
}
INLINE sums s_zero(void) { return _mm256_setzero_ps(); }
INLINE sums s_step(sums s, words w, words a, sums scale)
{
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(w, a)), scale, s);
}
INLINE sums s_scale(const float *t, int v, bool sixteen)
{
    return _mm256_set1_ps(t[sixteen ? v : v / 2]);
}
INLINE float s_total(sums a, sums b)
{
    float f[8];
    _mm256_storeu_ps(f, _mm256_add_ps(a, b));
    return ((f[0] + f[1]) + (f[2] + f[3])) + ((f[4] + f[5]) + (f[6] + f[7]));
}
#endif
enum { VECTORS = GROUP / LANES };

/* ---- opening 256 values --------------------------------------------------------------------------------------- */

typedef struct {
    words w[VECTORS];
    float d[16], m[8]; /* d: 8 used unless the type has 16 scales */
} group;

INLINE bool has_mins(fab_dtype t) { return t == FAB_Q4_0 || t == FAB_Q4_1 || t == FAB_Q4_K; }

INLINE __m256 halves(const uint8_t *p, int step) /* 8 f16 that far apart */
{
    __m128i h = _mm_setzero_si128();

#define HALF(i) h = _mm_insert_epi16(h, fab_le16(p + i * step), i)
    HALF(0), HALF(1), HALF(2), HALF(3), HALF(4), HALF(5), HALF(6), HALF(7);
#undef HALF
    return _mm256_cvtph_ps(h);
}

INLINE __m256 eight_bytes(uint32_t low, uint32_t high)
{
    __m128i b = _mm_cvtsi64_si128((int64_t)((uint64_t)high << 32 | low));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b));
}

INLINE __m256 half_of(const uint8_t *p) { return _mm256_set1_ps(_cvtsh_ss(fab_le16(p))); }

INLINE void open_scales(fab_dtype type, const uint8_t *p, group *g)
{
    int bytes = type == FAB_Q8_0 ? 34 : type == FAB_Q4_0 ? 18 : 20;

    if (type == FAB_Q6_K)
        for (int h = 0; h < 2; h++) {
            __m128i b = _mm_loadl_epi64((const void *)(p + 192 + 8 * h));
            _mm256_storeu_ps(g->d + 8 * h,
                             _mm256_mul_ps(half_of(p + 208),
                                           _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b))));
        }
    else if (type == FAB_Q4_K) {
        uint32_t a = fab_le32(p + 4), b = fab_le32(p + 8), c = fab_le32(p + 12);
        uint32_t top = (a >> 6 & 0x03030303u) << 4 | (c & 0x0f0f0f0fu),
                 low = (b >> 6 & 0x03030303u) << 4 | (c >> 4 & 0x0f0f0f0fu);
        __m256 less = _mm256_sub_ps(_mm256_setzero_ps(), half_of(p + 2));
        _mm256_storeu_ps(g->d, _mm256_mul_ps(half_of(p), eight_bytes(a & 0x3f3f3f3fu, top)));
        _mm256_storeu_ps(g->m, _mm256_mul_ps(less, eight_bytes(b & 0x3f3f3f3fu, low)));
    } else {
        __m256 d = halves(p, bytes);
        _mm256_storeu_ps(g->d, d);
        if (type == FAB_Q4_0) _mm256_storeu_ps(g->m, _mm256_mul_ps(d, _mm256_set1_ps(-8)));
        if (type == FAB_Q4_1) _mm256_storeu_ps(g->m, halves(p + 2, bytes));
    }
}

INLINE words open_words(fab_dtype type, const uint8_t *p, int v)
{
    int e = v * LANES, in = e % 32, part = e / 32; /* element, place in its 32, which 32 */

    switch (type) {
    case FAB_Q8_0: return widen_i8(p + part * 34 + 2 + in);
    case FAB_Q4_0: return nibbles(p + part * 18 + 2, v);
    case FAB_Q4_1: return nibbles(p + part * 20 + 4, v);
    case FAB_Q4_K: {
        words x = widen_u8(p + 16 + part / 2 * 32 + in);
        return part % 2 ? w_right(x, 4) : w_and(x, w_set(15));
    }
    default: { /* FAB_Q6_K */
        words low = widen_u8(p + part / 4 * 64 + part % 2 * 32 + in),
              high = widen_u8(p + 128 + part / 4 * 32 + in);
        low = part % 4 < 2 ? w_and(low, w_set(15)) : w_right(low, 4);
        high = w_and(w_left(w_right(high, part % 4 * 2), 4), w_set(0x30));
        return w_less(w_or(low, high), 32);
    }
    }
}

/* ---- the product ---------------------------------------------------------------------------------------------- */

typedef struct {
    const fab_gemm *g;
    int64_t k, row_bytes, rows, group_bytes; /* k: padded to whole groups; rows of W in a task */
    int16_t *a;                              /* [m][k] */
    float *scale, *sum;                      /* [m][k/32]; sum = scale (sum a) */
} job;

static void round_row(const job *j, int64_t i)
{
    const float *x = j->g->a + i * j->g->a_row;
    int16_t *a = j->a + i * j->k;
    float *scale = j->scale + i * (j->k / 32), *sum = j->sum + i * (j->k / 32), bad = 0;

    for (int64_t b = 0; b < j->k / 32; b++, x += 32, a += 32) {
        float top = 0;
        int32_t total = 0;
        if (b * 32 >= j->g->k) {
            memset(a, 0, 32 * sizeof *a);
            scale[b] = sum[b] = 0;
            continue;
        }
        SIMD_MAX(top) for (int t = 0; t < 32; t++) top = fabsf(x[t]) > top ? fabsf(x[t]) : top;
        SIMD_SUM(bad) for (int t = 0; t < 32; t++) bad += x[t] - x[t];
        float d = top / 32767.0f, inv = d > 1e-32f && top < 3e38f ? 1.0f / d : 0.0f;
        SIMD_SUM(total) for (int t = 0; t < 32; t++)
        {
            float y = x[t] * inv;
            int32_t q = (int32_t)(y + (y < 0 ? -0.5f : 0.5f));
            a[t] = (int16_t)q;
            total += q;
        }
        scale[b] = d, sum[b] = d * (float)total;
    }
    scale = j->scale + i * (j->k / 32);
    if (bad != 0) scale[0] = NAN, memset(j->a + i * j->k, 0, (size_t)j->k * 2);
}

/* y[mr] = rows i.. of A times one row of W, whose groups lie at p and whose last one may be in `tail` */
INLINE void one_row(fab_dtype type, const int mr, const job *j, int64_t i, const uint8_t *p,
                    const uint8_t *tail, const uint8_t *ahead, float *y)
{
    sums acc[PASS][2];
    __m256 mins[PASS];
    int64_t n = j->k / GROUP, per = j->k / 32;

#pragma GCC unroll 4
    for (int r = 0; r < mr; r++) acc[r][0] = acc[r][1] = s_zero(), mins[r] = _mm256_setzero_ps();
    for (int64_t t = 0; t < n; t++, p += j->group_bytes, ahead += j->group_bytes) {
        const uint8_t *at = t == n - 1 && tail ? tail : p;
        group g;
        for (int64_t b = 0; b < j->group_bytes; b += 64) __builtin_prefetch(ahead + b);
        open_scales(type, at, &g);
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) g.w[v] = open_words(type, at, v);
#pragma GCC unroll 4
        for (int r = 0; r < mr; r++) {
            const int16_t *a = j->a + (i + r) * j->k + t * GROUP;
            __m256 da = _mm256_loadu_ps(j->scale + (i + r) * per + t * 8);
            float s[16];
            if (type == FAB_Q6_K) {
                const float *d8 = j->scale + (i + r) * per + t * 8;
                for (int x = 0; x < 16; x++) s[x] = g.d[x] * d8[x / 2];
            } else _mm256_storeu_ps(s, _mm256_mul_ps(da, _mm256_loadu_ps(g.d)));
            if (has_mins(type))
                mins[r] = _mm256_fmadd_ps(_mm256_loadu_ps(g.m),
                                          _mm256_loadu_ps(j->sum + (i + r) * per + t * 8), mins[r]);
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                acc[r][v % 2] = s_step(acc[r][v % 2], g.w[v], w_load(a + v * LANES),
                                       s_scale(s, v, type == FAB_Q6_K));
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < mr; r++) {
        float f[8];
        _mm256_storeu_ps(f, mins[r]);
        y[r] = s_total(acc[r][0], acc[r][1]) +
               (((f[0] + f[1]) + (f[2] + f[3])) + ((f[4] + f[5]) + (f[6] + f[7])));
    }
}

typedef void row_fn(const job *j, int64_t i, const uint8_t *p, const uint8_t *tail,
                    const uint8_t *ahead, float *y);
#define ROW(T, n)                                                                                  \
    static void row_##T##_##n(const job *j, int64_t i, const uint8_t *p, const uint8_t *tail,      \
                              const uint8_t *ahead, float *y)                                      \
    {                                                                                              \
        one_row(FAB_##T, n, j, i, p, tail, ahead, y);                                              \
    }
#define ROWS(T) ROW(T, 1) ROW(T, 2) ROW(T, 3) ROW(T, 4)
#define FNS(T)                                                                                     \
    {                                                                                              \
        NULL, row_##T##_1, row_##T##_2, row_##T##_3, row_##T##_4                                   \
    }
ROWS(Q8_0)
ROWS(Q4_0)
ROWS(Q4_1)
ROWS(Q4_K)
ROWS(Q6_K)
static const struct {
    fab_dtype type;
    row_fn *fn[PASS + 1];
} kinds[] = { { FAB_Q8_0, FNS(Q8_0) },
              { FAB_Q4_0, FNS(Q4_0) },
              { FAB_Q4_1, FNS(Q4_1) },
              { FAB_Q4_K, FNS(Q4_K) },
              { FAB_Q6_K, FNS(Q6_K) } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static row_fn *const *fns_of(fab_dtype type)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].type == type) return kinds[i].fn;
    return NULL;
}

static void weight_row(const job *j, int64_t row, int64_t next)
{
    const fab_gemm *g = j->g;
    row_fn *const *fn = fns_of(g->b_dtype);
    const uint8_t *p = (const uint8_t *)g->b + row * j->row_bytes;
    int64_t whole = g->k / GROUP * j->group_bytes, rest = j->row_bytes - whole;
    uint8_t tail[GROUP / 32 * 34] = { 0 };
    float y[DOT_MOST];

    if (rest) memcpy(tail, p + whole, (size_t)rest);
    for (int64_t i = 0; i < g->m; i += PASS)
        fn[min64(PASS, g->m - i)](j, i, p, rest ? tail : NULL,
                                  (const uint8_t *)g->b + next * j->row_bytes, y + i);
    for (int64_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->c_row + row;
        *c = y[i] + (g->add ? *c : 0.0f) + (g->bias ? g->bias[row] : 0.0f);
    }
}

static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    int64_t from = task * j->rows, to = min64(from + j->rows, j->g->n),
            each = (to - from) / STREAMS;

    (void)worker;
    for (int64_t i = 0; i < each; i++)
        for (int s = 0; s < STREAMS; s++) {
            int64_t row = from + s * each + i;
            weight_row(j, row, min64(row + 1, j->g->n - 1));
        }
    for (int64_t row = from + each * STREAMS; row < to; row++) weight_row(j, row, row);
}

bool FAB_NAME(fab_dot_takes)(fab_dtype type, int64_t m) { return m <= DOT_MOST && fns_of(type); }

bool FAB_NAME(fab_dot_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    job j = { .g = g, .k = ceil_div(g->k, GROUP) * GROUP };
    int64_t size = fab_dtype_block(g->b_dtype), bytes = fab_dtype_bytes(g->b_dtype);

    j.row_bytes = g->b_col / size * bytes;
    j.group_bytes = GROUP / size * bytes;
    j.rows = max64(STREAMS, TASK_VALUES / j.k);
    j.a = fab_aligned_new((size_t)(g->m * j.k) * sizeof(int16_t) +
                              (size_t)(g->m * j.k / 32) * 2 * sizeof(float),
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
