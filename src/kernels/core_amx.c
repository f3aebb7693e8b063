/* core_amx: tiles of core.c with operands rounded to bf16 and multiplied by AMX: 2 x 2 tiles of 16 x 16 sums.
 *
 *   A panel  [steps][2][16][32] bf16: 32 rows by 32 of k per step, formed from f32 just before use, 24 KB in L1
 *   B panel  [steps][2][16][16][2]: 32 columns, pairs of k side by side; a packed weight is read in place
 *   per step 4 loads of 1 KB feed 4 tile products (16 K multiply-adds)
 *
 * k is padded with zeros to whole steps of 32. Operations are those of amx_ops.h, so the same loops run emulated.
 */
#include "kernels/amx_ops.h"
#include "kernels/panel.h"
#include "kernels/rounded.h"
#include "kernels/transpose.h"

enum { SIDE = 32, TILE = 512, STEP = 2 * TILE, NBA = 1024 };
_Static_assert(KC % 32 == 0 && (int)NR == (int)SIDE, "a packed panel is cut between tiles");

typedef struct {
    uint16_t b[NBA * KC], a[SIDE * KC];
    float rows[SIDE * KSTRIDE], columns[KC * NR], sum[SIDE * SIDE];
} buffers;

/* x: mr rows of kc f32 -> A panel; rows beyond mr and k beyond kc are zero */
static void round_rows(uint16_t *a, const float *x, int64_t row, int mr, int kc)
{
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < kc; k += 32) {
            const float *r = x + (i < mr ? i * row : 0) + k;
            __mmask16 lo = i < mr ? first_of(kc - k) : 0, hi = i < mr ? first_of(kc - k - 16) : 0;
            __m512bh h = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(hi, r + 16),
                                             _mm512_maskz_loadu_ps(lo, r));
            _mm512_storeu_si512(a + (k / 32 * 2 + i / 16) * TILE + i % 16 * 32, (__m512i)h);
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

/* SIDE columns of B from column j -> B panel */
static void round_b(const core *g, buffers *s, int64_t j, int64_t j1, int64_t k0, int kc,
                    uint16_t *dst)
{
    bool plain = g->b && g->b_col == 1;
    const float *x = plain ? g->b + k0 * g->b_row + j : s->columns;
    int64_t row = plain ? g->b_row : NR;
    int whole = (kc + 31) / 32 * 32;

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

/* c[32][32] (+)= A panel x B panel; `half`: only the upper 16 rows */
INLINE void product(tile_unit *u, const bool half, const uint16_t *a, const uint16_t *b, int steps,
                    float *c, int64_t row, bool load)
{
    int64_t bytes = row * (int64_t)sizeof(float);

    if (load) {
        TILE_LOAD(u, 0, c, bytes);
        TILE_LOAD(u, 1, c + 16, bytes);
        if (!half) TILE_LOAD(u, 2, c + 16 * row, bytes);
        if (!half) TILE_LOAD(u, 3, c + 16 * row + 16, bytes);
    } else {
        TILE_ZERO(u, 0);
        TILE_ZERO(u, 1);
        TILE_ZERO(u, 2);
        TILE_ZERO(u, 3);
    }
    for (int t = 0; t < steps; t++, a += STEP, b += STEP) {
        TILE_LOAD(u, 4, a, 64);
        TILE_LOAD(u, 6, b, 64);
        TILE_DP(u, 0, 4, 6);
        TILE_LOAD(u, 7, b + TILE, 64);
        TILE_DP(u, 1, 4, 7);
        if (half) continue;
        TILE_LOAD(u, 5, a + TILE, 64);
        TILE_DP(u, 2, 5, 6);
        TILE_DP(u, 3, 5, 7);
    }
    TILE_STORE(u, 0, c, bytes);
    TILE_STORE(u, 1, c + 16, bytes);
    if (half) return;
    TILE_STORE(u, 2, c + 16 * row, bytes);
    TILE_STORE(u, 3, c + 16 * row + 16, bytes);
}

static void panel(const core *g, buffers *s, tile_unit *u, int64_t row, int mr, int64_t j0,
                  int64_t j1, int64_t k0, int kc, bool first)
{
    bool load = g->add || !first;
    int steps = (kc + 31) / 32;
    float *c[SIDE];

    for (int i = 0; i < mr; i++) c[i] = g->c_at ? g->c_at(g, row + i) : g->c + (row + i) * g->c_row;
    for (int64_t j = j0; j < j1; j += SIDE) {
        const uint16_t *b = g->tiles ? g->tiles + j / NR * half_count(g->k) + k0 / 32 * STEP
                                     : s->b + (j - j0) / SIDE * steps * STEP;
        const float *bias = first && g->bias ? g->bias + j : NULL;
        if (mr == SIDE && j1 - j >= SIDE && !bias && !g->c_at) {
            product(u, false, s->a, b, steps, c[0] + j, g->c_row, load);
            continue;
        }
        if (mr <= 16) product(u, true, s->a, b, steps, s->sum, SIDE, false);
        else product(u, false, s->a, b, steps, s->sum, SIDE, false);
        for (int i = 0; i < mr; i++)
            add_row(c[i] + j, s->sum + i * SIDE, 1.0f, (int)min64(SIDE, j1 - j), load, bias);
    }
}

void FAB_NAME(fab_tile_rounded)(const core *g, range rows, range cols, range ks)
{
    _Alignas(64) buffers s;
    tile_unit unit;

    tile_begin(&unit);
    for (int64_t j0 = cols.from; j0 < cols.to; j0 += NBA)
        for (int64_t k0 = ks.from; k0 < ks.to; k0 += KC) {
            int64_t j1 = min64(j0 + NBA, cols.to);
            int kc = (int)min64(KC, ks.to - k0);
            for (int64_t j = j0; j < j1 && !g->tiles; j += SIDE)
                round_b(g, &s, j, j1, k0, kc, s.b + (j - j0) * ((kc + 31) / 32 * 32));
            for (int64_t i = rows.from; i < rows.to; i += SIDE) {
                int mr = (int)min64(SIDE, rows.to - i);
                round_a(g, &s, i, mr, k0, kc);
                panel(g, &s, &unit, i, mr, j0, j1, k0, kc, k0 == ks.from);
            }
        }
    TILE_END(&unit);
}
