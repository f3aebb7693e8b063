/* int16: C = A W' + bias for many rows of A, W in GGUF's blocks, in 16-bit products: AVX2, which has no 8-bit ones that
 * cannot overflow. A is rounded to 16 bits under one scale per 32 values, as in dot.c.
 *
 *   A   once per product: [M/RM][K/2][RM] pairs of int16, and per block and row its scale and scale (sum a)
 *   W   a panel of CN = 16 rows by KQ of K, opened into L1: [KQ/2][CN] pairs of int16, [KQ/sub][CN] d and m
 *   C   RM x CN sums: whole numbers in registers over a block of `sub` values, f32 in L1 over KQ, then added to memory
 *
 * A block's sum stays below 2^31: 2^15 x 2^7 x 32 = 2^27. A multiply-add of pairs and an addition do twice the work of an
 * f32 multiply-add; where they share three ports (Zen 3) and with the scales of each block that comes to 1.0 to 1.2 times
 * the f32 peak, 1.5 times what core.c reaches.
 */
#include "kernels/int16.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#include <immintrin.h>
#include "base/bytes.h"
#include "kernels/blocks.h"

enum { RM = 6, CN = 16, KQ = 512, ROWS = 600, WIDE = 128 };

typedef struct {
    const fab_gemm *g;
    int sub; /* values under one d */
    bool mins;
    int32_t *a;                      /* [panels][K/2][RM] */
    float *scale, *sum;              /* [panels][K/32][RM], [panels][K/sub][RM] */
    int64_t panels, row_parts, wide; /* wide: columns of a task */
    int64_t row_bytes;
} job;

/* ---- A ----------------------------------------------------------------------------------------------------------- */

/* 32 values of a row to pairs RM apart; returns the scale, NaN where a value is not finite; s: sums of each 16 */
static float round_block(const float *x, int32_t *a, int32_t s[2])
{
    int16_t q[32];
    float top = 0, bad = 0;

    SIMD_MAX(top) for (int t = 0; t < 32; t++) top = fabsf(x[t]) > top ? fabsf(x[t]) : top;
    SIMD_SUM(bad) for (int t = 0; t < 32; t++) bad += x[t] - x[t];
    float d = top / 32767.0f, inv = d > 1e-32f && bad == 0 ? 1.0f / d : 0.0f;
    for (int h = 0; h < 2; h++) {
        int32_t total = 0;
        SIMD_SUM(total) for (int t = 16 * h; t < 16 * h + 16; t++)
        {
            float y = bad == 0 ? x[t] * inv : 0.0f;
            int32_t v = (int32_t)(y + (y < 0 ? -0.5f : 0.5f));
            q[t] = (int16_t)v;
            total += v;
        }
        s[h] = total;
    }
    for (int t = 0; t < 16; t++) memcpy(a + t * RM, q + 2 * t, 4);
    return d + bad;
}

static void round_panel(void *arg, int task, int worker)
{
    const job *j = arg;
    range r = part(j->g->m, j->panels, task);
    int64_t k = j->g->k, per = 32 / j->sub;

    (void)worker;
    for (int64_t i = r.from; i < r.to; i++) {
        const float *x = j->g->a + i * j->g->a_row;
        int32_t *a = j->a + task * k / 2 * RM + i - r.from;
        float *scale = j->scale + task * (k / 32) * RM + i - r.from,
              *sum = j->sum + task * (k / j->sub) * RM + i - r.from;
        for (int64_t b = 0; b < k / 32; b++) {
            int32_t s[2];
            float d = round_block(x + 32 * b, a + 16 * b * RM, s);
            scale[b * RM] = d;
            if (per == 1) s[0] += s[1];
            for (int64_t h = 0; h < per; h++) sum[(b * per + h) * RM] = d * (float)s[h];
        }
    }
}

/* ---- W ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    _Alignas(64) int32_t w[KQ / 2 * CN];
    float d[KQ / 16 * CN], m[KQ / 16 * CN], sum[RM * CN];
    int16_t rows[CN / 2][KQ];
} buffers;

/* 8 x 8 pairs: dst[y * CN + x] = src[x * KQ / 2 + y] */
INLINE void turn(const int16_t *src, int32_t *dst)
{
    __m256i t[8], u[8];

#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) t[i] = _mm256_load_si256((const void *)(src + i * KQ));
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        u[i] = _mm256_unpacklo_epi32(t[i], t[i + 1]);
        u[i + 1] = _mm256_unpackhi_epi32(t[i], t[i + 1]);
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
        _mm256_store_si256((void *)(dst + i * CN), _mm256_permute2x128_si256(t[i], t[i + 4], 0x20));
        _mm256_store_si256((void *)(dst + (i + 4) * CN),
                           _mm256_permute2x128_si256(t[i], t[i + 4], 0x31));
    }
}

/* Columns col..col+CN, k0..k0+kc of W into the buffers; rows beyond N repeat the last. */
INLINE void open_panel(fab_dtype type, const job *j, int64_t col, int64_t k0, int kc, buffers *s)
{
    const int size = type == FAB_Q8_0 || type == FAB_Q4_0 || type == FAB_Q4_1 || type == FAB_Q5_0 ||
                             type == FAB_Q5_1
                         ? 32
                         : 256;
    const int bytes = fab_dtype_bytes(type), step = j->sub / BLOCK_SUB;

    for (int h = 0; h < 2; h++) {
        for (int r = 0; r < 8; r++) {
            int64_t row = min64(col + 8 * h + r, j->g->n - 1);
            const uint8_t *p = (const uint8_t *)j->g->b + row * j->row_bytes + k0 / size * bytes;
            float *d = s->d + 8 * h + r, *m = s->m + 8 * h + r;
            for (int k = 0; k < kc; k += size, p += bytes) {
                qblock o;
                block_open(type, p, &o);
                for (int t = 0; t < size; t += 16)
                    _mm256_store_si256((void *)(s->rows[r] + k + t),
                                       _mm256_cvtepi8_epi16(
                                           _mm_loadu_si128((const void *)(o.q + t))));
                for (int t = 0; t < size / BLOCK_SUB; t += step, d += CN, m += CN)
                    *d = o.d[t], *m = o.m[t];
            }
        }
        for (int k = 0; k < kc / 2; k += 8) turn(s->rows[0] + 2 * k, s->w + k * CN + 8 * h);
    }
}

typedef void open_fn(const job *j, int64_t col, int64_t k0, int kc, buffers *s);
#define OPEN(T)                                                                                    \
    static void open_##T(const job *j, int64_t col, int64_t k0, int kc, buffers *s)                \
    {                                                                                              \
        open_panel(FAB_##T, j, col, k0, kc, s);                                                    \
    }
OPEN(Q8_0)
OPEN(Q4_0)
OPEN(Q4_1)
OPEN(Q5_0)
OPEN(Q5_1)
OPEN(Q4_K)
OPEN(Q5_K)
OPEN(Q6_K)
static const struct {
    fab_dtype type;
    int sub;
    bool mins;
    open_fn *open;
} kinds[] = { { FAB_Q8_0, 32, false, open_Q8_0 }, { FAB_Q4_0, 32, false, open_Q4_0 },
              { FAB_Q4_1, 32, true, open_Q4_1 },  { FAB_Q5_0, 32, false, open_Q5_0 },
              { FAB_Q5_1, 32, true, open_Q5_1 },  { FAB_Q4_K, 32, true, open_Q4_K },
              { FAB_Q5_K, 32, true, open_Q5_K },  { FAB_Q6_K, 16, false, open_Q6_K } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(fab_dtype type)
{
    int i = 0;
    while (i < KINDS && kinds[i].type != type) i++;
    return i;
}

/* ---- the product -------------------------------------------------------------------------------------------------- */

/* s->sum[mr][CN] over kc; the first three are constants */
INLINE void micro(const int mr, const int sub, const bool mins, int kc, const int32_t *a,
                  const float *scale, const float *sums, buffers *s)
{
    const int32_t *w = s->w;
    const float *d = s->d, *m = s->m;

#pragma GCC unroll 12
    for (int i = 0; i < mr * 2; i++) _mm256_store_ps(s->sum + i * 8, _mm256_setzero_ps());
    for (int k = 0; k < kc; k += sub, d += CN, m += CN, sums += RM) {
        __m256i x[RM][2];
#pragma GCC unroll 6
        for (int i = 0; i < mr; i++) x[i][0] = x[i][1] = _mm256_setzero_si256();
#pragma GCC unroll 2
        for (int t = 0; t < sub / 2; t++, a += RM, w += CN) {
            __m256i w0 = _mm256_load_si256((const void *)w),
                    w1 = _mm256_load_si256((const void *)(w + 8));
#pragma GCC unroll 6
            for (int i = 0; i < mr; i++) {
                __m256i ai = _mm256_set1_epi32(a[i]);
                x[i][0] = _mm256_add_epi32(x[i][0], _mm256_madd_epi16(w0, ai));
                x[i][1] = _mm256_add_epi32(x[i][1], _mm256_madd_epi16(w1, ai));
                /* row by row: gcc otherwise forms all products first, and has no registers left */
                __asm__ volatile("" : "+x"(x[i][0]), "+x"(x[i][1]));
            }
        }
        const float *da = scale + k / 32 * RM;
        __asm__ volatile("" ::: "memory"); /* s->sum stays in memory: these registers are taken */
#pragma GCC unroll 6
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                float *c = s->sum + i * CN + 8 * h;
                __m256 by = _mm256_mul_ps(_mm256_set1_ps(da[i]), _mm256_load_ps(d + 8 * h)),
                       y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(x[i][h]), by, _mm256_load_ps(c));
                if (mins)
                    y = _mm256_fmadd_ps(_mm256_load_ps(m + 8 * h), _mm256_set1_ps(sums[i]), y);
                _mm256_store_ps(c, y);
            }
    }
}

typedef void micro_fn(int kc, const int32_t *a, const float *scale, const float *sums, buffers *s);
#define MICRO(n, sub, mins, suffix)                                                                \
    static void by##n##suffix(int kc, const int32_t *a, const float *scale, const float *sums,     \
                              buffers *s)                                                          \
    {                                                                                              \
        micro(n, sub, mins, kc, a, scale, sums, s);                                                \
    }
#define MICROS(sub, mins, suffix)                                                                  \
    MICRO(1, sub, mins, suffix)                                                                    \
    MICRO(2, sub, mins, suffix)                                                                    \
    MICRO(3, sub, mins, suffix)                                                                    \
    MICRO(4, sub, mins, suffix)                                                                    \
    MICRO(5, sub, mins, suffix)                                                                    \
    MICRO(6, sub, mins, suffix)                                                                    \
    static micro_fn *const micros##suffix[] = {                                                    \
        NULL, by1##suffix, by2##suffix, by3##suffix, by4##suffix, by5##suffix, by6##suffix         \
    };
MICROS(32, false, _plain)
MICROS(32, true, _mins)
MICROS(16, false, _sixteen)

static void add_rows(const fab_gemm *g, range r, int64_t col, bool first, const float *sum)
{
    int n = (int)min64(CN, g->n - col);

    for (int64_t i = r.from; i < r.to; i++, sum += CN) {
        float *c = g->c + i * g->c_row + col;
        const float *bias = first && g->bias ? g->bias + col : NULL;
        bool load = g->add || !first;
        int t = 0;
        for (; t + 8 <= n; t += 8) {
            __m256 x = _mm256_load_ps(sum + t);
            if (load) x = _mm256_add_ps(x, _mm256_loadu_ps(c + t));
            if (bias) x = _mm256_add_ps(x, _mm256_loadu_ps(bias + t));
            _mm256_storeu_ps(c + t, x);
        }
        for (; t < n; t++) c[t] = sum[t] + (load ? c[t] : 0.0f) + (bias ? bias[t] : 0.0f);
    }
}

static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    const fab_gemm *g = j->g;
    int64_t from = task / j->row_parts * j->wide, to = min64(from + j->wide, g->n), k = g->k;
    range panels = part(j->panels, j->row_parts, task % j->row_parts);
    micro_fn *const *fn = j->sub == 16 ? micros_sixteen : j->mins ? micros_mins : micros_plain;
    buffers s;

    (void)worker;
    for (int64_t k0 = 0; k0 < k; k0 += KQ) /* the piece of A stays in L2 while W's columns pass */
        for (int64_t col = from; col < to; col += CN) {
            int kc = (int)min64(KQ, k - k0);
            kinds[kind_of(g->b_dtype)].open(j, col, k0, kc, &s);
            for (int64_t p = panels.from; p < panels.to; p++) {
                range r = part(g->m, j->panels, p);
                for (int64_t i = r.from; i < r.to; i++)
                    __builtin_prefetch(g->c + i * g->c_row + col, 1);
                fn[r.to - r.from](kc, j->a + (p * k + k0) / 2 * RM,
                                  j->scale + (p * k + k0) / 32 * RM,
                                  j->sum + (p * k + k0) / j->sub * RM, &s);
                add_rows(g, r, col, k0 == 0, s.sum);
            }
        }
}

bool FAB_BASE(fab_int16_takes)(fab_dtype type) { return kind_of(type) < KINDS; }

bool FAB_BASE(fab_int16_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    int kind = kind_of(g->b_dtype);
    job j = { .g = g, .sub = kinds[kind].sub, .mins = kinds[kind].mins };
    uint64_t bytes;

    if (g->m <= 0 || g->n <= 0) return true;
    fab_dtype_row_bytes(g->b_dtype, g->b_col, &bytes);
    j.row_bytes = (int64_t)bytes;
    j.panels = ceil_div(g->m, RM);
    j.row_parts = ceil_div(g->m, ROWS);
    j.wide = min64(WIDE, max64(CN, g->n / 8 / CN * CN));
    int64_t cells = j.panels * g->k * RM;
    j.a = fab_aligned_new((size_t)(cells / 2 + cells / 32 + cells / j.sub) * sizeof(float), err);
    if (!j.a) return false;
    j.scale = (float *)(j.a + cells / 2);
    j.sum = j.scale + cells / 32;
    fab_pool_run(p, (int)j.panels, round_panel, &j);
    fab_pool_run(p, (int)(ceil_div(g->n, j.wide) * j.row_parts), one_task, &j);
    fab_aligned_free(j.a);
    return true;
}

#else
bool FAB_BASE(fab_int16_takes)(fab_dtype type)
{
    (void)type;
    return false;
}

bool FAB_BASE(fab_int16_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    (void)p, (void)g;
    return fab_fail(err, FAB_EINTERNAL, "no 16-bit products in this table");
}
#endif
