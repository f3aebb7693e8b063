/* core: see core.h. The f32 microkernel, the loops around it, the tiling and the cut of long sums.
 *
 * Layout of the idea: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
 * (2008), and BLIS; here B streams from L2 and the A panel stays in L1.
 */
#include "kernels/core.h"
#include "kernels/transpose.h"

enum { WHOLE_TILES = 8, TILE_FLOPS = 2000000, FEWEST = 16, PARTIALS = 1 << 20 };

/* C block of mr x NR += A panel x B panel, over kc; s1, s2: strides of A over i and k. All but kc,
 * first are constants. */
INLINE void micro(const int mr, const int s1, const int s2, int kc, const float *a, const float *b,
                  float *const *c, bool load, const float *bias)
{
    vf acc[MR][2];
    vf z0 = bias ? vload(bias) : (vf){ 0 }, z1 = bias ? vload(bias + FAB_VL) : (vf){ 0 };

#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) acc[i][0] = z0, acc[i][1] = z1;
    for (int k = 0; k < kc; k++) {
        vf b0 = vload(b), b1 = vload(b + FAB_VL);
        __builtin_prefetch(b + 16 * NR);
        __builtin_prefetch(b + 16 * NR + FAB_VL);
#pragma GCC unroll 14
        for (int i = 0; i < mr; i++) {
            vf ai = vset(a[i * s1]);
            acc[i][0] += ai * b0;
            acc[i][1] += ai * b1;
        }
        a += s2;
        b += NR;
    }
#pragma GCC unroll 14
    for (int i = 0; i < mr; i++) {
        if (load) acc[i][0] += vload(c[i]), acc[i][1] += vload(c[i] + FAB_VL);
        vstore(c[i], acc[i][0]);
        vstore(c[i] + FAB_VL, acc[i][1]);
    }
}

typedef void micro_fn(int kc, const float *a, const float *b, float *const *c, bool load,
                      const float *bias);

#define MICRO(n)                                                                                   \
    static void by_row##n(int kc, const float *a, const float *b, float *const *c, bool load,      \
                          const float *bias)                                                       \
    {                                                                                              \
        micro(n, KSTRIDE, 1, kc, a, b, c, load, bias);                                             \
    }                                                                                              \
    static void by_k##n(int kc, const float *a, const float *b, float *const *c, bool load,        \
                        const float *bias)                                                         \
    {                                                                                              \
        micro(n, 1, MR, kc, a, b, c, load, bias);                                                  \
    }

/* clang-format off */
MICRO(1) MICRO(2) MICRO(3) MICRO(4)
#if FAB_VL_IS >= 8
MICRO(5) MICRO(6)
#endif
#if FAB_VL_IS >= 16
MICRO(7) MICRO(8) MICRO(9) MICRO(10) MICRO(11) MICRO(12) MICRO(13) MICRO(14)
#endif
static micro_fn *const micro_by_row[] = { NULL, by_row1, by_row2, by_row3, by_row4,
#if FAB_VL_IS >= 8
    by_row5, by_row6,
#endif
#if FAB_VL_IS >= 16
    by_row7, by_row8, by_row9, by_row10, by_row11, by_row12, by_row13, by_row14,
#endif
};
static micro_fn *const micro_by_k[] = { NULL, by_k1, by_k2, by_k3, by_k4,
#if FAB_VL_IS >= 8
    by_k5, by_k6,
#endif
#if FAB_VL_IS >= 16
    by_k7, by_k8, by_k9, by_k10, by_k11, by_k12, by_k13, by_k14,
#endif
};
/* clang-format on */

typedef struct {
    float b[NB * KC], a[MR * KSTRIDE];
} buffers;
_Static_assert((int)KSTRIDE *MR >= (int)KC * MR, "both layouts of A fit");

static float *row_of(const core *g, int64_t i)
{
    return g->c_at ? g->c_at(g, i) : g->c + i * g->c_row;
}

/* The last panel of a row of C is narrower than NR: through a full block on the stack. */
static void edge(micro_fn *fn, int mr, int nr, int kc, const float *a, const float *b,
                 float *const *c, bool load, const float *bias)
{
    _Alignas(64) float block[MR * NR], bias_pad[NR] = { 0 };
    float *rows[MR];

    for (int i = 0; i < MR; i++) rows[i] = block + i * NR;
    if (bias) memcpy(bias_pad, bias, (size_t)nr * sizeof *bias);
    fn(kc, a, b, rows, false, bias ? bias_pad : NULL);
    for (int i = 0; i < mr; i++)
        for (int j = 0; j < nr; j++) c[i][j] = (load ? c[i][j] : 0.0f) + block[i * NR + j];
}

/* One A panel against the B panels of columns [j0, j1). */
static void panel(const core *g, const float *a, int mr, float *const *rows, const float *b,
                  int64_t b_panel, int64_t j0, int64_t j1, int kc, bool first)
{
    micro_fn *fn = (g->a_by_k ? micro_by_k : micro_by_row)[mr];
    bool load = g->add || !first;

    for (int64_t j = j0; j < j1; j += NR, b += b_panel) {
        float *c[MR];
        const float *bias = first && g->bias ? g->bias + j : NULL;
        for (int i = 0; i < mr; i++) c[i] = rows[i] + j;
        if (j1 - j >= NR) fn(kc, a, b, c, load, bias);
        else edge(fn, mr, (int)(j1 - j), kc, a, b, c, load, bias);
    }
}

static void tile(const core *g, range rows, range cols, range ks, buffers *s)
{
    int64_t n_panels = ceil_div(rows.to - rows.from, MR);

    for (int64_t j0 = cols.from; j0 < cols.to; j0 += NB)
        for (int64_t k0 = ks.from; k0 < ks.to; k0 += KC) {
            int64_t j1 = min64(j0 + NB, cols.to);
            int kc = (int)min64(KC, ks.to - k0);
            const float *b = s->b;
            if (g->panels) b = g->panels + j0 * g->k + k0 * NR;
            else
                for (int64_t j = j0; j < j1; j += NR)
                    g->pack_b(g, j, (int)min64(NR, j1 - j), k0, kc, s->b + (j - j0) * kc);
            for (int64_t t = 0; t < n_panels; t++) {
                range r = part(rows.to - rows.from, n_panels, t);
                int mr = (int)(r.to - r.from);
                float *c[MR];
                for (int i = 0; i < mr; i++) c[i] = row_of(g, rows.from + r.from + i);
                g->pack_a(g, rows.from + r.from, mr, k0, kc, s->a);
                panel(g, s->a, mr, c, b, g->panels ? g->k * NR : (int64_t)kc * NR, j0, j1, kc,
                      k0 == ks.from);
            }
        }
}

static void f32_tile(const core *g, range rows, range cols, range ks)
{
    _Alignas(64) buffers s;

    tile(g, rows, cols, ks, &s);
}

static bool rounded(const core *g)
{
    return FAB_ROUNDED && g->bf16 && g->m >= FEWEST && g->n >= FEWEST && g->k >= FEWEST;
}

static void any_tile(const core *g, range rows, range cols, range ks)
{
#if FAB_ROUNDED
    if (rounded(g)) {
        FAB_NAME(fab_tile_rounded)(g, rows, cols, ks);
        return;
    }
#endif
    f32_tile(g, rows, cols, ks);
}

void FAB_NAME(fab_core_serial)(const core *g, int64_t k)
{
    any_tile(g, (range){ 0, g->m }, (range){ 0, g->n }, (range){ 0, k });
}

void FAB_NAME(fab_core_keep_b)(core *g, void *room)
{
#if FAB_PAIRS
    if (rounded(g)) {
        FAB_NAME(fab_pairs_of_b)(g, room);
        g->tiles = room;
        return;
    }
#endif
    for (int64_t j = 0; j < g->n; j += NR)
        g->pack_b(g, j, (int)min64(NR, g->n - j), 0, (int)g->k, (float *)room + j * g->k);
    g->panels = room;
}

/* How C and K are cut: a function of the shape alone. Partial sums stay at 4 MB: larger blocks come
 * fresh from the system each time, and clearing their pages cost half of a training step. */
typedef struct {
    const core *g;
    int64_t row_parts, col_parts, cuts, tall,
        wide;       /* rows are cut at multiples of tall, columns of wide */
    float *partial; /* [cuts][m][n] when cuts > 1 */
} plan;

#if FAB_AMX
/* Tile products are so fast that forming panels counts: a cut of columns rounds A again, a cut of
 * rows reads the weight again, which is dear when the weight does not stay in L2. */
static void plan_tiles(plan *p, int64_t want)
{
    const core *g = p->g;
    bool rows_first = g->n * g->k * 2 <= 1 << 20;

    p->tall = 32;
    while (p->row_parts * p->col_parts * p->cuts < want) {
        bool rows = g->m / p->row_parts >= 256, cols = g->n / p->col_parts >= 512,
             deep = g->k / p->cuts >= 8 * KC;
        deep = deep && g->m * g->n * p->cuts * 2 <= PARTIALS;
        if (deep && g->k / p->cuts > 2 * (g->m + g->n)) p->cuts *= 2;
        else if (rows && (rows_first || !cols)) p->row_parts *= 2;
        else if (cols) p->col_parts *= 2;
        else if (deep) p->cuts *= 2;
        else break;
    }
}
#endif

static void plan_cut(plan *p)
{
    const core *g = p->g;
    double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    int64_t twice = rounded(g) ? 2 : 1; /* rounded operands take half the room */
    int64_t want = (int64_t)(flops / TILE_FLOPS);

    p->wide = NR * twice;
    p->cuts = 1;
    p->row_parts = ceil_div(g->m, MB * twice);
    p->col_parts = ceil_div(g->n, NB * twice);
    want = want > WHOLE_TILES ? WHOLE_TILES : want;
    p->tall = 1;
#if FAB_AMX
    if (rounded(g)) {
        plan_tiles(p, want);
        return;
    }
#endif
    while (p->row_parts * p->col_parts * p->cuts <
           want) { /* halve the longest side; a cut of K costs sums of C */
        double tall = (double)g->m / (double)p->row_parts,
               wide = (double)g->n / (double)p->col_parts;
        double deep = (double)g->k / (double)p->cuts / 2;
        bool room = g->m * g->n * p->cuts * 2 <= PARTIALS;
        if (deep > tall && deep > wide && deep > KC && room) p->cuts *= 2;
        else if (tall >= wide && tall > 2 * MR) p->row_parts *= 2;
        else if (wide > 2.0 * (double)p->wide) p->col_parts *= 2;
        else if (deep > KC && room) p->cuts *= 2;
        else break;
    }
}

/* Columns are cut at panel edges, K at multiples of KC: in units. */
static range cut_at(int64_t total, int64_t unit, int64_t n, int64_t t)
{
    range r = part(ceil_div(total, unit), n, t);
    return (range){ r.from * unit, min64(r.to * unit, total) };
}

/* The tile is still in L2. */
static void clamp_tile(const core *g, range rows, range cols)
{
    for (int64_t i = rows.from; i < rows.to; i++) {
        float *c = row_of(g, i);
        SIMD for (int64_t j = cols.from; j < cols.to; j++) c[j] =
            c[j] > 0 ? c[j] < 6 ? c[j] : 6 : 0;
    }
}

static void one_tile(void *arg, int task, int worker)
{
    const plan *p = arg;
    int64_t tiles = p->row_parts * p->col_parts, cut = task / tiles, t = task % tiles;
    core g = *p->g;

    (void)worker;
    if (p->partial) {
        g.c = p->partial + cut * g.m * g.n;
        g.c_row = g.n;
        g.c_at = NULL;
        g.bias = NULL;
        g.add = false;
    }
    range rows = cut_at(g.m, p->tall, p->row_parts, t / p->col_parts),
          cols = cut_at(g.n, p->wide, p->col_parts, t % p->col_parts);
    any_tile(&g, rows, cols, cut_at(g.k, KC, p->cuts, cut));
    if (g.relu6 && !p->partial) clamp_tile(&g, rows, cols);
}

/* C row = its partial sums in order. */
static void join_row(void *arg, int row, int worker)
{
    const plan *p = arg;
    const core *g = p->g;
    float *c = row_of(g, row);

    (void)worker;
    for (int64_t j = 0; j < g->n; j++) {
        float s = (g->add ? c[j] : 0.0f) + (g->bias ? g->bias[j] : 0.0f);
        for (int64_t t = 0; t < p->cuts; t++) s += p->partial[(t * g->m + row) * g->n + j];
        c[j] = s;
    }
    if (g->relu6) clamp_tile(g, (range){ row, row + 1 }, (range){ 0, g->n });
}

/* K = 0: the sum is empty. */
static void no_sum(const core *g)
{
    for (int64_t i = 0; i < g->m; i++) {
        float *c = row_of(g, i);
        for (int64_t j = 0; j < g->n; j++)
            c[j] = (g->add ? c[j] : 0.0f) + (g->bias ? g->bias[j] : 0.0f);
    }
}

bool FAB_NAME(fab_core_run)(fab_pool *pool, const core *g, fab_err *err)
{
    plan p = { .g = g };

    if (g->m <= 0 || g->n <= 0) return true;
    if (g->k <= 0) return no_sum(g), true;
    plan_cut(&p);
    if (p.cuts > 1) {
        p.partial = fab_aligned_new((size_t)(p.cuts * g->m * g->n) * sizeof(float), err);
        if (!p.partial) return false;
    }
    fab_pool_run(pool, (int)(p.row_parts * p.col_parts * p.cuts), one_tile, &p);
    if (p.partial) fab_pool_run(pool, (int)g->m, join_row, &p);
    fab_aligned_free(p.partial);
    return true;
}

/* ---- strided f32 operands ----------------------------------------------------------------------------------- */

static void pack_a_rows(const core *g, int64_t i0, int mr, int64_t k0, int kc,
                        float *dst) /* a_col == 1 */
{
    const strided *s = g->user;

    for (int i = 0; i < mr; i++)
        memcpy(dst + i * KSTRIDE, s->a + (i0 + i) * s->a_row + k0, (size_t)kc * sizeof(float));
}

static void pack_a_cols(const core *g, int64_t i0, int mr, int64_t k0, int kc, float *dst)
{
    const strided *s = g->user;
    const float *a = s->a + i0 * s->a_row + k0 * s->a_col;

    for (int k = 0; k < kc; k++, a += s->a_col, dst += MR)
        for (int i = 0; i < mr; i++) dst[i] = a[i * s->a_row];
}

static void pack_a_whole(const core *g, int64_t i0, int mr, int64_t k0, int kc,
                         float *dst) /* a_row == 1, mr == MR */
{
    const strided *s = g->user;
    const float *a = s->a + i0 + k0 * s->a_col;

    if (mr != MR) {
        pack_a_cols(g, i0, mr, k0, kc, dst);
        return;
    }
    for (int k = 0; k < kc; k++, a += s->a_col, dst += MR) memcpy(dst, a, MR * sizeof(float));
}

static void pack_b_rows(const core *g, int64_t j0, int nr, int64_t k0, int kc,
                        float *dst) /* b_col == 1 */
{
    const strided *s = g->user;
    const float *b = s->b + k0 * s->b_row + j0;

    for (int k = 0; k < kc; k++, b += s->b_row, dst += NR)
        if (nr == NR) memcpy(dst, b, NR * sizeof(float));
        else
            for (int j = 0; j < NR; j++) dst[j] = j < nr ? b[j] : 0.0f;
}

static void pack_b_any(const core *g, int64_t j0, int nr, int64_t k0, int kc, float *dst)
{
    const strided *s = g->user;

    for (int k = 0; k < kc; k++)
        for (int j = 0; j < NR; j++)
            dst[k * NR + j] = j < nr ? s->b[(k0 + k) * s->b_row + (j0 + j) * s->b_col] : 0.0f;
}

static void pack_b_cols(const core *g, int64_t j0, int nr, int64_t k0, int kc,
                        float *dst) /* b_row == 1 */
{
    const strided *s = g->user;
    const float *b = s->b + k0 + j0 * s->b_col;
    int k = 0, whole = kc - kc % FAB_VL;

    if (nr != NR) whole = 0;
    for (; k < whole; k += FAB_VL) {
        transpose_block(b + k, s->b_col, dst + k * NR, NR);
        transpose_block(b + k + FAB_VL * s->b_col, s->b_col, dst + k * NR + FAB_VL, NR);
    }
    if (k < kc) pack_b_any(g, j0, nr, k0 + k, kc - k, dst + k * NR);
}

void FAB_NAME(fab_core_strided)(core *g, const strided *s)
{
    g->user = s;
    g->a = s->a, g->a_row = s->a_row, g->a_col = s->a_col;
    g->b = s->b, g->b_row = s->b_row, g->b_col = s->b_col;
    g->a_by_k = s->a_col != 1;
    g->pack_a = s->a_col == 1 ? pack_a_rows : s->a_row == 1 ? pack_a_whole : pack_a_cols;
    g->pack_b = s->b_col == 1 ? pack_b_rows : s->b_row == 1 ? pack_b_cols : pack_b_any;
}
