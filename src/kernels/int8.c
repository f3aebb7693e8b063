/* int8: C = A W' + bias with W in GGUF's blocks as the file holds them, A rounded to int8, 32
 * values under one step. AVX-512 VNNI and, where there is none, AVX2.
 *
 * A block of 32 is x = d q + m with whole q, so a sum over it is d (q . a) + m (sum a): integer
 * products, and two multiply-adds per block for the scales.
 *
 *   A   once per product: [M/RM][K/4][RM] groups of four int8, and per block and row four numbers (int8_tile.h)
 *   W   panels of CN rows by KQ of K, opened into L1 or L2: [KQ/4][CN][4] bytes q + offset >= 0, [KQ/sub][CN] d and m
 *   C   RM x CN sums in f32 over KQ, then added to memory
 *
 * Products of bytes multiply unsigned by signed, so q is offset to be unsigned and -offset (sum a)
 * is where the sum starts. The sum of a block becomes f32 without a conversion: it starts at the
 * bits of C0 = 1.5 2^23, where one unit is one ulp. AVX2: s - C0, times the scale da of A, is one
 * fused multiply-subtract, exact because da keeps 22 bits of mantissa. VNNI: see int8_vnni.h.
 */
#include "kernels/int8.h"

#if defined(__AVX512VNNI__)
#include "kernels/int8_vnni.h"
#elif defined(__AVX2__) && !defined(__AVX512F__)
#include "kernels/int8_avx2.h"
#else
#define NO_TILE
#endif

#if !defined(NO_TILE)
enum { FEW = 64 };

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
    int kq, cols; /* of K and of columns in a piece of W */
} job;

/* round_rows may write 64 bytes more */
INLINE int64_t a_panel(const job *j) { return j->g->k * RM + 64; }
INLINE int64_t meta_panel(const job *j) { return j->g->k / j->kind->sub * META * RM + 16; }

static void round_panel(void *arg, int task, int worker)
{
    const job *j = arg;
    range r = part(j->g->m, j->panels, task);

    (void)worker;
    round_rows(j->kind, j->g->a + r.from * j->g->a_row, j->g->a_row, (int)(r.to - r.from), j->g->k,
               j->a + task * a_panel(j), j->meta + task * meta_panel(j));
}

typedef struct {
    uint8_t w[KQ * CN];
    float d[KQ / 16 * CN], m[KQ / 32 * CN];
} opened; /* CN columns */

/* A piece of W that is opened at once. */
typedef struct {
    int64_t col, k0;
    int cols, kc;
} place;

/* Rows beyond N repeat the last. */
static void open_panel(const job *j, int64_t col, int64_t k0, int kc, opened *s)
{
    for (int c = 0; c < CN; c += ABREAST) {
        const uint8_t *row[ABREAST];
        for (int r = 0; r < ABREAST; r++)
            row[r] = (const uint8_t *)j->g->b + min64(col + c + r, j->g->n - 1) * j->row_bytes;
        j->kind->open(row, k0, kc, s->w + 4 * c, s->d + c, s->m + c);
    }
}

/* What a piece of W is opened from, the t-th of n parts of its rows, to be asked for while kc of
 * another are multiplied. */
static ahead part_ahead(const job *j, place at, int64_t t, int64_t n, int kc)
{
    int64_t size = fab_dtype_block(j->kind->type), bytes = fab_dtype_bytes(j->kind->type);
    range r = part(at.cols, n, t);
    int rows = (int)(r.to - r.from);

    return (ahead){ .at = (const uint8_t *)j->g->b + (at.col + r.from) * j->row_bytes +
                          at.k0 / size * bytes,
                    .step = j->row_bytes,
                    .bytes = at.kc / size * bytes,
                    .rows = rows,
                    .each = (int)ceil_div((int64_t)rows * j->kind->sub, kc) };
}

static void prefetch_c(const fab_gemm *g, range r, int64_t col)
{
    for (int64_t i = r.from; i < r.to; i++)
        for (int c = 0; c < CN; c += 16) __builtin_prefetch(g->c + i * g->c_row + col + c, 1);
}

/* The piece at `at`, opened, with all its rows of A; meanwhile asks for the one at `next`. */
static void multiply(const job *j, range panels, place at, place next, const opened *panel)
{
    const fab_gemm *g = j->g;
    const kind *t = j->kind;
    bool spread = g->m <= SPREAD, add = g->add || at.k0 > 0;
    micro_fn *const *fn = micros_of(t, spread);

    for (int64_t p = panels.from; p < panels.to; p++) {
        range r = part(g->m, j->panels, p);
        ahead more = part_ahead(j, next, p - panels.from, panels.to - panels.from, at.kc);
        if (!spread) ask(&more, more.rows);
        for (int c = 0; c < at.cols; c += CN) {
            const opened *w = panel + c / CN;
            int64_t col = at.col + c;
            prefetch_c(g, r, col);
            fn[r.to - r.from](at.kc, j->a + p * a_panel(j) + at.k0 * RM,
                              j->meta + p * meta_panel(j) + at.k0 / t->sub * META * RM, w->w, w->d,
                              w->m,
                              &(target){ g->c + r.from * g->c_row + col, g->c_row,
                                         (int)min64(CN, at.cols - c), add,
                                         g->bias && !at.k0 ? g->bias + col : NULL },
                              &more);
        }
    }
}

/* The t-th piece of a task: few rows of A go along the rows of W, many stay in L2 while W's columns
 * pass. */
static place place_of(const job *j, range cols, int64_t t)
{
    int64_t across = ceil_div(cols.to - cols.from, j->cols), deep = ceil_div(j->g->k, j->kq);
    bool along = j->g->m <= FEW;
    int64_t k0 = (along ? t % deep : t / across) * j->kq,
            col = cols.from + (along ? t / deep : t % across) * j->cols;

    return (place){ col, k0, (int)min64(j->cols, cols.to - col), (int)min64(j->kq, j->g->k - k0) };
}

static range cols_of(const job *j, int64_t task)
{
    int64_t from = task / j->row_parts * j->wide;

    return (range){ from, min64(from + j->wide, j->g->n) };
}

/* A worker goes from task to task, so at the end of one it asks for what the next begins with. */
static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    range cols = cols_of(j, task), after = cols_of(j, task + 1),
          panels = part(j->panels, j->row_parts, task % j->row_parts);
    int64_t n = ceil_div(cols.to - cols.from, j->cols) * ceil_div(j->g->k, j->kq);
    _Alignas(64) opened panel[COLS / CN];

    (void)worker;
    for (int64_t t = 0; t < n; t++) {
        place at = place_of(j, cols, t), next = at;
        if (t + 1 < n) next = place_of(j, cols, t + 1);
        else if (after.from < after.to) next = place_of(j, after, 0);
        for (int c = 0; c < at.cols; c += CN)
            open_panel(j, at.col + c, at.k0, at.kc, panel + c / CN);
        multiply(j, panels, at, next, panel);
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
    j.kq = g->m <= FEW ? KQ_FEW : KQ;
    j.cols = g->m <= FEW ? CN : COLS;
    j.row_parts = ceil_div(g->m, ROWS);
    j.wide = min64(WIDE, max64(CN, g->n / 8 / CN * CN));
    size_t a_bytes = ((size_t)(j.panels * a_panel(&j)) + 63) / 64 * 64;
    j.a = fab_aligned_new(a_bytes + (size_t)(j.panels * meta_panel(&j)) * sizeof(float), err);
    if (!j.a) return false;
    j.meta = (float *)((char *)j.a + a_bytes);
    fab_pool_run(p, (int)j.panels, round_panel, &j);
    fab_pool_run_near(p, (int)(ceil_div(g->n, j.wide) * j.row_parts), one_task, &j);
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
    return fab_fail(err, FAB_EINTERNAL, "no 8-bit products in this table");
}
#endif
