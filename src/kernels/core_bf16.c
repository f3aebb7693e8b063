/* core_bf16: tiles of core.c with operands rounded to bf16 and multiplied in pairs of k, by AMX or
 * by vectors.
 *
 *   A panel  [steps][SIDE][32]: TALL rows (AMX 32, vectors 14) by 32 of k per step, formed just before use, in L1
 *   B panel  [steps][2][16][16][2]: 32 columns, pairs of k side by side; a packed weight is read in place
 *
 * k is padded with zeros to whole steps of 32.
 */
#include "kernels/panel.h"
#include "kernels/transpose.h"
#if FAB_AMX
#include "kernels/bf16_amx.h"
#else
#include "kernels/bf16_vectors.h"
#endif

enum { NBB = 1024 };
_Static_assert(!FAB_AMX || (int)NR == (int)SIDE, "a packed panel is cut between tiles");
_Static_assert(KC % 32 == 0, "only the last piece of K is padded");

typedef struct {
    uint16_t b[NBB * KC], a[SIDE * KC];
    float rows[SIDE * KSTRIDE], columns[KC * NR];
} buffers;

/* x: mr rows of kc f32 -> A panel; k beyond kc is zero, and where ZERO_ROWS so are rows beyond mr */
static void round_rows(uint16_t *a, const float *x, int64_t row, int mr, int kc)
{
    for (int i = 0; i < (ZERO_ROWS ? SIDE : mr); i++)
        for (int k = 0; k < kc; k += 32) {
            const float *r = x + (i < mr ? i * row : 0) + k;
            __mmask16 lo = i < mr ? first_of(kc - k) : 0, hi = i < mr ? first_of(kc - k - 16) : 0;
            __m512bh h = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(hi, r + 16),
                                             _mm512_maskz_loadu_ps(lo, r));
            _mm512_storeu_si512(a + k / 32 * STEP + i / 16 * TILE + i % 16 * 32, (__m512i)h);
        }
}

/* x[k * step + i] -> rows [SIDE][KSTRIDE] by squares of 16 */
static void turn_rows(float *rows, const float *x, int64_t step, int mr, int kc)
{
    _Alignas(64) float square[256];

    for (int i = 0; i < SIDE; i += 16)
        for (int k = 0; k < kc; k += 16) {
            for (int t = 0; t < 16; t++)
                _mm512_store_ps(square + 16 * t,
                                _mm512_maskz_loadu_ps(k + t < kc ? first_of(mr - i) : 0,
                                                      x + (k + t) * step + i));
            transpose_block(square, 16, rows + i * KSTRIDE + k, KSTRIDE);
        }
}

static void round_a(const core *g, buffers *s, int64_t i, int mr, int64_t k0, int kc)
{
    if (g->a && g->a_col == 1) {
        round_rows(s->a, g->a + i * g->a_row + k0, g->a_row, mr, kc);
        return;
    }
    if (!g->a_by_k) g->pack_a(g, i, mr, k0, kc, s->rows);
    else if (g->a_row == 1) turn_rows(s->rows, g->a + i + k0 * g->a_col, g->a_col, mr, kc);
    else
        for (int r = 0; r < mr; r++)
            for (int k = 0; k < kc; k++)
                s->rows[r * KSTRIDE + k] = g->a[(i + r) * g->a_row + (k0 + k) * g->a_col];
    round_rows(s->a, s->rows, KSTRIDE, mr, kc);
}

INLINE __m512i pairs(__m512 even, __m512 odd) /* bf16(even) | bf16(odd) << 16 */
{
    __m512i e = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even)),
            o = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
    return _mm512_or_si512(e, _mm512_slli_epi32(o, 16));
}

/* n of NR columns of B, each along k and `col` behind the one before: pairs of k lie side by side,
 * so their squares are turned */
static void round_along(const float *x, int64_t col, int64_t n, int kc, uint16_t *dst)
{
    _Alignas(64) float square[256];

    for (int k = 0; k < kc; k += 32)
        for (int h = 0; h < NR; h += 16) {
            for (int i = 0; i < 16; i++) {
                const float *at = x + (h + i < n ? (h + i) * col : 0) + k;
                __mmask16 lo = h + i < n ? first_of(kc - k) : 0,
                          hi = h + i < n ? first_of(kc - k - 16) : 0;
                __m512bh two = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(hi, at + 16),
                                                   _mm512_maskz_loadu_ps(lo, at));
                _mm512_store_si512(square + 16 * i, (__m512i)two);
            }
            transpose_block(square, 16, (float *)(void *)(dst + half_at(k, h)), 16);
        }
}

/* NR columns of B from column j -> B panel */
static void round_b(const core *g, buffers *s, int64_t j, int64_t j1, int64_t k0, int kc,
                    uint16_t *dst)
{
    bool plain = g->b && g->b_col == 1;
    const float *x = plain ? g->b + k0 * g->b_row + j : s->columns;
    int64_t row = plain ? g->b_row : NR;
    int whole = (kc + 31) / 32 * 32;

    if (g->b && g->b_row == 1) {
        round_along(g->b + k0 + j * g->b_col, g->b_col, j1 - j, kc, dst);
        return;
    }
    if (!plain && g->panels) x = g->panels + j * g->k + k0 * NR;
    else if (!plain) g->pack_b(g, j, (int)min64(NR, j1 - j), k0, kc, s->columns);
    for (int k = 0; k < whole; k += 2)
        for (int h = 0; h < 2; h++) {
            __mmask16 m = plain ? first_of(j1 - j - 16 * h) : 0xffff;
            __m512 even = _mm512_maskz_loadu_ps(k < kc ? m : 0, x + k * row + 16 * h);
            __m512 odd = _mm512_maskz_loadu_ps(k + 1 < kc ? m : 0, x + (k + 1) * row + 16 * h);
            _mm512_storeu_si512(dst + half_at(k, 16 * h), pairs(even, odd));
        }
}

void FAB_NAME(fab_pairs_of_b)(const core *g, uint16_t *to)
{
    _Alignas(64) buffers s;

    for (int64_t j = 0; j < g->n; j += NR, to += half_count(g->k))
        for (int64_t k0 = 0; k0 < g->k; k0 += KC)
            round_b(g, &s, j, g->n, k0, (int)min64(KC, g->k - k0), to + half_at(k0, 0));
}

static void panel(const core *g, buffers *s, tile_unit *u, int64_t row, int mr, int64_t j0,
                  int64_t j1, int64_t k0, int kc, bool first)
{
    bool load = g->add || !first;
    int steps = (kc + 31) / 32;

    for (int64_t j = j0; j < j1; j += NR) {
        const uint16_t *b = g->tiles ? g->tiles + j / NR * half_count(g->k) + half_at(k0, 0)
                                     : s->b + (j - j0) * steps * 32;
        float *c[SIDE];
        for (int i = 0; i < mr; i++)
            c[i] = (g->c_at ? g->c_at(g, row + i) : g->c + (row + i) * g->c_row) + j;
        product(u, mr, (int)min64(NR, j1 - j), s->a, b, steps, c, g->c_at ? 0 : g->c_row, load,
                first && g->bias ? g->bias + j : NULL);
    }
}

/* The t-th panel of rows: tiles are cut at whole panels, vectors take rows as evenly as they go. */
INLINE range rows_of(range rows, int64_t n, int64_t t)
{
    range r = part(rows.to - rows.from, n, t);

    if (ZERO_ROWS) r = (range){ t * TALL, min64(t * TALL + TALL, rows.to - rows.from) };
    return (range){ rows.from + r.from, rows.from + r.to };
}

void FAB_NAME(fab_tile_rounded)(const core *g, range rows, range cols, range ks)
{
    _Alignas(64) buffers s;
    tile_unit unit;
    int64_t n_panels = ceil_div(rows.to - rows.from, TALL);

    tile_begin(&unit);
    for (int64_t j0 = cols.from; j0 < cols.to; j0 += NBB)
        for (int64_t k0 = ks.from; k0 < ks.to; k0 += KC) {
            int64_t j1 = min64(j0 + NBB, cols.to);
            int kc = (int)min64(KC, ks.to - k0);
            for (int64_t j = j0; j < j1 && !g->tiles; j += NR)
                round_b(g, &s, j, j1, k0, kc, s.b + (j - j0) * ((kc + 31) / 32 * 32));
            for (int64_t t = 0; t < n_panels; t++) {
                range r = rows_of(rows, n_panels, t);
                round_a(g, &s, r.from, (int)(r.to - r.from), k0, kc);
                panel(g, &s, &unit, r.from, (int)(r.to - r.from), j0, j1, k0, kc, k0 == ks.from);
            }
        }
    TILE_END(&unit);
}
