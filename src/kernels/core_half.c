/* core_half: tiles of core.c with operands rounded to f16, for processors with AVX512-FP16 and no
 * AMX.
 *
 * An f16 multiply-add does 32 columns where f32 does 16. f16 has 11 bits of precision (bf16 has 8)
 * but a narrow range, so each row of A (per KC of K) and each column of B (per CHUNK of K) is
 * scaled by a power of two that brings its largest element to [8, 16), and the sums are scaled
 * back. Sums of CHUNK products are kept in f16 (below 64 * 16 * 16 = 16,384; the largest finite f16
 * is 65,504), then added in f32.
 *
 *   A panel  [mr][KSTRIDE] of the half twice in 32 bits: a 32-bit broadcast is one load, a 16-bit one is two operations
 *   B panel  [KC][WIDE] halves
 *
 * Rounding error measured in tests: below that of bf16 operands with f32 sums.
 */
#include "base/bytes.h"
#include "kernels/rounded.h"

enum { WIDE = 64, CHUNK = 64, CHUNKS = (KC + CHUNK - 1) / CHUNK, NBH = 1024, TOP_EXPONENT = 3 };

typedef struct {
    uint16_t b[NBH * KC];
    uint32_t a[MR * KSTRIDE + 16];
    float rows[MR * KSTRIDE],
        columns[2 * CHUNK * NR]; /* f32 panels that have to be formed before rounding */
    float back_b[NBH / WIDE * CHUNKS * WIDE],
        back_a[16]; /* what the scales divided out: [panel][chunk][column], [row] */
    float sum[MR * WIDE];
} buffers;

/* The power of two that brings top to [8, 16), and its inverse. Zero, tiny and infinite tops stay
 * in range. */
INLINE float scale_for(float top, float *back)
{
    int e = (int)(fab_f32_bits(top) >> 23) - 127 - TOP_EXPONENT;

    e = e < -120 ? -120 : e > 120 ? 120 : e;
    *back = fab_bits_f32((uint32_t)(127 + e) << 23);
    return fab_bits_f32((uint32_t)(127 - e) << 23);
}

/* Each of 16 floats, scaled, as the same half twice in 32 bits. */
INLINE __m512i twice(__m512 x, __m512 scale)
{
    const __m512i order =
        _mm512_set_epi32(0xf000f, 0xe000e, 0xd000d, 0xc000c, 0xb000b, 0xa000a, 0x90009, 0x80008,
                         0x70007, 0x60006, 0x50005, 0x40004, 0x30003, 0x20002, 0x10001, 0);
    __m256h h = _mm512_cvtxps_ph(_mm512_mul_ps(x, scale));

    return _mm512_permutexvar_epi16(order, _mm512_castsi256_si512((__m256i)h));
}

INLINE __m512 larger(__m512 top, __m512 x)
{
    return _mm512_max_ps(_mm512_abs_ps(x),
                         top); /* a NaN in x leaves top, and goes through as NaN itself */
}

/* A panel, mr rows of x -> [mr][KSTRIDE] of doubled halves, to whole 16 of k */
static void round_rows(buffers *s, const float *x, int64_t row, int mr, int kc)
{
    int whole = kc - kc % 16;
    __mmask16 rest = first_of(kc - whole);

    for (int i = 0; i < mr; i++, x += row) {
        uint32_t *a = s->a + i * KSTRIDE;
        __m512 top = larger(_mm512_setzero_ps(), _mm512_maskz_loadu_ps(rest, x + whole));
        for (int k = 0; k < whole; k += 16) top = larger(top, _mm512_loadu_ps(x + k));
        __m512 scale = _mm512_set1_ps(scale_for(_mm512_reduce_max_ps(top), s->back_a + i));
        for (int k = 0; k < whole; k += 16)
            _mm512_storeu_si512(a + k, twice(_mm512_loadu_ps(x + k), scale));
        if (rest)
            _mm512_storeu_si512(a + whole, twice(_mm512_maskz_loadu_ps(rest, x + whole), scale));
    }
}

/* A panel, x[k * step + i] -> [kc][MR]; a 16-wide write runs over into the next k, which comes
 * after */
static void round_by_k(buffers *s, const float *x, int64_t step, int mr, int kc)
{
    _Alignas(64) float tops[16], scales[16];
    __m512 top = _mm512_setzero_ps();
    __mmask16 some = first_of(mr);

    for (int k = 0; k < kc; k++) top = larger(top, _mm512_maskz_loadu_ps(some, x + k * step));
    _mm512_store_ps(tops, top);
    for (int i = 0; i < 16; i++) scales[i] = scale_for(tops[i], s->back_a + i);
    __m512 scale = _mm512_load_ps(scales);
    for (int k = 0; k < kc; k++)
        _mm512_storeu_si512(s->a + k * MR, twice(_mm512_maskz_loadu_ps(some, x + k * step), scale));
}

static void round_a(const core *g, buffers *s, int64_t i, int mr, int64_t k0, int kc)
{
    if (g->a && g->a_col == 1) round_rows(s, g->a + i * g->a_row + k0, g->a_row, mr, kc);
    else if (g->a && g->a_row == 1) round_by_k(s, g->a + i + k0 * g->a_col, g->a_col, mr, kc);
    else {
        g->pack_a(g, i, mr, k0, kc, s->rows);
        if (g->a_by_k) round_by_k(s, s->rows, MR, mr, kc);
        else round_rows(s, s->rows, KSTRIDE, mr, kc);
    }
}

/* CHUNK x WIDE of B: vector v of row k is at x[v] + k * step, lanes m[v] -> [n][WIDE] halves and
 * the scales' inverses */
INLINE void round_chunk(const float *const x[4], const __mmask16 m[4], int64_t step, int n,
                        uint16_t *dst, float *back)
{
    _Alignas(64) float tops[WIDE];
    __m512 top[4], scale[4];

#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) top[v] = _mm512_setzero_ps();
    for (int k = 0; k < n; k++)
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++)
            top[v] = larger(top[v], _mm512_maskz_loadu_ps(m[v], x[v] + k * step));
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) _mm512_store_ps(tops + 16 * v, top[v]);
    SIMD for (int i = 0; i < WIDE; i++) tops[i] = scale_for(tops[i], back + i);
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) scale[v] = _mm512_load_ps(tops + 16 * v);
    for (int k = 0; k < n; k++)
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            __m512 y = _mm512_mul_ps(_mm512_maskz_loadu_ps(m[v], x[v] + k * step), scale[v]);
            _mm256_storeu_si256((void *)(dst + k * WIDE + v * 16), (__m256i)_mm512_cvtxps_ph(y));
        }
}

/* WIDE columns of B from column j -> [kc][WIDE] */
static void round_columns(const core *g, buffers *s, int64_t j, int64_t j1, int64_t k0, int kc,
                          uint16_t *dst, float *back)
{
    bool plain = g->b && g->b_col == 1;
    __mmask16 m[4];
    const float *x[4];

    for (int v = 0; v < 4; v++) m[v] = plain ? first_of(j1 - j - 16 * v) : 0xffff;
    for (int c = 0; c < kc; c += CHUNK, dst += CHUNK * WIDE, back += WIDE) {
        int n = kc - c < CHUNK ? kc - c : CHUNK;
        for (int h = 0; h < 2 && !plain; h++) {
            int64_t at = j + h * NR;
            float *raw = s->columns + h * CHUNK * NR;
            if (at >= j1) memset(raw, 0, (size_t)n * NR * sizeof *raw);
            else if (g->panels)
                memcpy(raw, g->panels + at * g->k + (k0 + c) * NR, (size_t)n * NR * sizeof *raw);
            else g->pack_b(g, at, (int)min64(NR, j1 - at), k0 + c, n, raw);
        }
        for (int v = 0; v < 4; v++)
            x[v] = plain ? g->b + (k0 + c) * g->b_row + j + 16 * v
                         : s->columns + v / 2 * CHUNK * NR + v % 2 * 16;
        round_chunk(x, m, plain ? g->b_row : NR, n, dst, back);
    }
}

INLINE void flush(float *sum, __m512h acc, const float *back, bool first)
{
    __m512 lo = _mm512_cvtxph_ps((__m256h)_mm512_castsi512_si256((__m512i)acc));
    __m512 hi = _mm512_cvtxph_ps((__m256h)_mm512_extracti64x4_epi64((__m512i)acc, 1));

    if (first)
        lo = _mm512_mul_ps(lo, _mm512_loadu_ps(back)),
        hi = _mm512_mul_ps(hi, _mm512_loadu_ps(back + 16));
    else {
        lo = _mm512_fmadd_ps(lo, _mm512_loadu_ps(back), _mm512_load_ps(sum));
        hi = _mm512_fmadd_ps(hi, _mm512_loadu_ps(back + 16), _mm512_load_ps(sum + 16));
    }
    _mm512_store_ps(sum, lo);
    _mm512_store_ps(sum + 16, hi);
}

/* sum[mr][WIDE] = A panel x B panel over kc, B scaled back; s1, s2: strides of A over i and k */
INLINE void micro(const int mr, const int s1, const int s2, int kc, const uint32_t *a,
                  const uint16_t *b, const float *back, float *sum)
{
    for (int k0 = 0; k0 < kc; k0 += CHUNK, back += WIDE) {
        int end = kc - k0 < CHUNK ? kc - k0 : CHUNK;
        __m512h acc[MR][2];
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) acc[i][0] = acc[i][1] = _mm512_setzero_ph();
        for (int k = 0; k < end; k++) {
            __m512h b0 = _mm512_loadu_ph(b), b1 = _mm512_loadu_ph(b + 32);
            __builtin_prefetch(b + 16 * WIDE);
            __builtin_prefetch(b + 16 * WIDE + 32);
#pragma GCC unroll 14
            for (int i = 0; i < mr; i++) {
                __m512h ai = (__m512h)_mm512_set1_epi32((int)a[i * s1]);
                acc[i][0] = _mm512_fmadd_ph(ai, b0, acc[i][0]);
                acc[i][1] = _mm512_fmadd_ph(ai, b1, acc[i][1]);
            }
            a += s2;
            b += WIDE;
        }
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) {
            flush(sum + i * WIDE, acc[i][0], back, k0 == 0);
            flush(sum + i * WIDE + 32, acc[i][1], back + 32, k0 == 0);
        }
    }
}

typedef void micro_fn(int kc, const uint32_t *a, const uint16_t *b, const float *back, float *sum);

#define MICRO(n)                                                                                   \
    static void by_row##n(int kc, const uint32_t *a, const uint16_t *b, const float *back,         \
                          float *sum)                                                              \
    {                                                                                              \
        micro(n, KSTRIDE, 1, kc, a, b, back, sum);                                                 \
    }                                                                                              \
    static void by_k##n(int kc, const uint32_t *a, const uint16_t *b, const float *back,           \
                        float *sum)                                                                \
    {                                                                                              \
        micro(n, 1, MR, kc, a, b, back, sum);                                                      \
    }
/* clang-format off */
MICRO(1) MICRO(2) MICRO(3) MICRO(4) MICRO(5) MICRO(6) MICRO(7) MICRO(8) MICRO(9) MICRO(10) MICRO(11) MICRO(12) MICRO(13) MICRO(14)
static micro_fn *const micros[2][MR + 1] = {
    { NULL, by_row1, by_row2, by_row3, by_row4, by_row5, by_row6, by_row7, by_row8, by_row9, by_row10, by_row11, by_row12,
      by_row13, by_row14 },
    { NULL, by_k1, by_k2, by_k3, by_k4, by_k5, by_k6, by_k7, by_k8, by_k9, by_k10, by_k11, by_k12, by_k13, by_k14 },
};
/* clang-format on */

static void panel(const core *g, buffers *s, int64_t row, int mr, int64_t j0, int64_t j1, int kc,
                  bool first)
{
    bool load = g->add || !first;
    float *c[MR];

    for (int i = 0; i < mr; i++) c[i] = g->c_at ? g->c_at(g, row + i) : g->c + (row + i) * g->c_row;
    for (int64_t j = j0; j < j1; j += WIDE) {
        int n = (int)min64(WIDE, j1 - j);
        micros[g->a_by_k][mr](kc, s->a, s->b + (j - j0) * kc, s->back_b + (j - j0) * CHUNKS,
                              s->sum);
        for (int i = 0; i < mr; i++)
            add_row(c[i] + j, s->sum + i * WIDE, s->back_a[i], n, load,
                    first && g->bias ? g->bias + j : NULL);
    }
}

void FAB_NAME(fab_tile_rounded)(const core *g, range rows, range cols, range ks)
{
    _Alignas(64) buffers s;
    int64_t n_panels = ceil_div(rows.to - rows.from, MR);

    for (int64_t j0 = cols.from; j0 < cols.to; j0 += NBH)
        for (int64_t k0 = ks.from; k0 < ks.to; k0 += KC) {
            int64_t j1 = min64(j0 + NBH, cols.to);
            int kc = (int)min64(KC, ks.to - k0);
            for (int64_t j = j0; j < j1; j += WIDE)
                round_columns(g, &s, j, j1, k0, kc, s.b + (j - j0) * kc,
                              s.back_b + (j - j0) * CHUNKS);
            for (int64_t t = 0; t < n_panels; t++) {
                range r = part(rows.to - rows.from, n_panels, t);
                int mr = (int)(r.to - r.from);
                round_a(g, &s, rows.from + r.from, mr, k0, kc);
                panel(g, &s, rows.from + r.from, mr, j0, j1, kc, k0 == ks.from);
            }
        }
}
