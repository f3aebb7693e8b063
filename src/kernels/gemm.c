/* gemm: matrix products for every dtype of the second operand, weights packed once, and the few-row
 * case of decoding.
 *
 * Packed weight, for this file's instruction set: panels of NR columns, those beyond N zero; f32 as
 * [K][NR], bf16 as panel.h. Up to FEW rows the product is bound by reading the weight: it goes over
 * the panels (or the rows) of B once, with independent partial sums over k. Quantised weights go to
 * row.c (one row), dot.c (a few) and int8.c (more, where rounding is allowed). Otherwise B is
 * widened to f32 as core.c packs it.
 */
#include "kernels/convert.h"
#include "kernels/core.h"
#include "kernels/dot.h"
#include "kernels/int8.h"
#include "kernels/panel.h"
#include "kernels/row.h"
#include "kernels/table.h"

enum { FEW = 4, TASK_WEIGHTS = 1 << 17 };

typedef struct {
    strided s; /* first: core's own packing of A reads it */
    const fab_gemm *g;
} source;

/* columns h * FAB_VL .. + FAB_VL of row k of a panel */
INLINE vf panel_load(const bool half, const void *p, int64_t k, int h)
{
    return half ? half_load(p, k, h) : vload((const float *)p + k * NR + h * FAB_VL);
}

static const void *panel_of(const fab_packed *p, int64_t t)
{
    return (const char *)p->data + t * (p->bf16 ? half_count(p->k) * 2 : p->k * NR * 4);
}

/* ---- packing ------------------------------------------------------------------------------------------------ */

/* nr rows of a weight [N,K] in any dtype, k0..k0+kc, to dst [kc][NR] */
static void weight_panel(const void *w, fab_dtype type, int64_t row, int64_t j0, int nr, int64_t k0,
                         int kc, float *dst)
{
    _Alignas(64) float rows[NR * KC];
    core sub = { .k = kc };
    strided s = { .b = rows, .b_row = 1, .b_col = kc };

    for (int j = 0; j < nr; j++) widen_row(type, w, (j0 + j) * row + k0, rows + j * kc, kc);
    FAB_NAME(fab_core_strided)(&sub, &s);
    sub.pack_b(&sub, 0, nr, 0, kc, dst);
}

typedef struct {
    fab_packed *out;
    const void *w;
    fab_dtype type;
} pack_job;

static void pack_panel(void *arg, int task, int worker)
{
    const pack_job *j = arg;
    int64_t n = j->out->n, k = j->out->k, from = (int64_t)task * NR;
    int nr = (int)min64(NR, n - from);
    _Alignas(64) float block[KC * NR];

    (void)worker;
    for (int64_t k0 = 0; k0 < k; k0 += KC) {
        int kc = (int)min64(KC, k - k0);
        float *to = (float *)(uintptr_t)panel_of(j->out, task);
        weight_panel(j->w, j->type, k, from, nr, k0, kc, block);
        if (!j->out->bf16) memcpy(to + k0 * NR, block, (size_t)kc * NR * sizeof(float));
        else
            for (int t = 0; t < kc; t++)
                for (int c = 0; c < NR; c++)
                    ((uint16_t *)to)[half_at(k0 + t, c)] = fab_f32_bf16(block[t * NR + c]);
    }
}

bool FAB_NAME(fab_pack_f32)(fab_packed *out, fab_arena *a, const void *w, fab_dtype type, int64_t n,
                            int64_t k, bool bf16, fab_err *err)
{
    bool half = bf16 || type == FAB_BF16; /* bf16 weights lose nothing */
    pack_job job = { out, w, type };
    size_t bytes = (size_t)(ceil_div(n, NR) * (half ? half_count(k) * 2 : k * NR * 4));

    if (type != FAB_F32 && type != FAB_BF16 && type != FAB_F16 && !fab_dtype_is_quantised(type))
        return fab_fail(err, FAB_EUNSUPPORTED, "weights of type %s cannot be packed",
                        fab_dtype_name(type));
    if (k % fab_dtype_block(type))
        return fab_fail(err, FAB_EFORMAT,
                        "a %s weight needs rows of a multiple of %d, this has %lld",
                        fab_dtype_name(type), fab_dtype_block(type), (long long)k);
    *out = (fab_packed){ .by = &FAB_NAME(fab_table),
                         .n = n,
                         .k = k,
                         .bf16 = half,
                         .data = fab_arena_take(a, bytes, err) };
    if (!out->data) return false;
    memset(out->data, 0, bytes); /* the padding of K */
    fab_pool_run(NULL, (int)ceil_div(n, NR), pack_panel, &job);
    return true;
}

static void b_from_packed(const core *c, int64_t j, int nr, int64_t k0, int kc, float *dst)
{
    const source *s = c->user;
    const uint16_t *from = panel_of(s->g->packed, j / NR);

    (void)nr;
    for (int k = 0; k < kc; k++, dst += NR) {
        vstore(dst, half_load(from, k0 + k, 0));
        vstore(dst + FAB_VL, half_load(from, k0 + k, 1));
    }
}

static void b_from_rows(const core *c, int64_t j, int nr, int64_t k0, int kc, float *dst)
{
    const fab_gemm *g = ((const source *)c->user)->g;

    weight_panel(g->b, g->b_dtype, g->b_col, j, nr, k0, kc, dst);
}

static void b_from_any(const core *c, int64_t j0, int nr, int64_t k0, int kc,
                       float *dst) /* bf16, f16 of any stride */
{
    const fab_gemm *g = ((const source *)c->user)->g;

    for (int k = 0; k < kc; k++)
        for (int j = 0; j < NR; j++) {
            dst[k * NR + j] = 0;
            if (j < nr)
                widen_row(g->b_dtype, g->b, (k0 + k) * g->b_row + (j0 + j) * g->b_col,
                          dst + k * NR + j, 1);
        }
}

/* ---- few rows ----------------------------------------------------------------------------------------------- */

/* out[mr][NR] = rows of A x one panel, partial sums over k modulo `ways` */
INLINE void few_panel(const int mr, const int ways, const bool half, int64_t k, const float *a,
                      int64_t a_row, const void *b, float *out)
{
    vf acc[4][FEW][2];
    int64_t t = 0;

#pragma GCC unroll 4
    for (int w = 0; w < ways; w++)
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) acc[w][i][0] = acc[w][i][1] = (vf){ 0 };
    for (; t + ways <= k; t += ways) {
        __builtin_prefetch((const char *)b + (half ? 2 : 4) * (t * NR + 2048));
        __builtin_prefetch((const char *)b + (half ? 2 : 4) * (t * NR + 2048) + 64);
        __builtin_prefetch((const char *)b + (half ? 2 : 4) * (t * NR + 2048) + 128);
        __builtin_prefetch((const char *)b + (half ? 2 : 4) * (t * NR + 2048) + 192);
#pragma GCC unroll 4
        for (int w = 0; w < ways; w++) {
            vf b0 = panel_load(half, b, t + w, 0), b1 = panel_load(half, b, t + w, 1);
#pragma GCC unroll 4
            for (int i = 0; i < mr; i++) {
                vf ai = vset(a[i * a_row + t + w]);
                acc[w][i][0] += ai * b0;
                acc[w][i][1] += ai * b1;
            }
        }
    }
    for (; t < k; t++)
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            vf ai = vset(a[i * a_row + t]);
            acc[0][i][0] += ai * panel_load(half, b, t, 0);
            acc[0][i][1] += ai * panel_load(half, b, t, 1);
        }
#pragma GCC unroll 4
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            vf s = acc[0][i][h];
#pragma GCC unroll 4
            for (int w = 1; w < ways; w++) s += acc[w][i][h];
            vstore(out + i * NR + h * FAB_VL, s);
        }
}

typedef void few_fn(int64_t k, const float *a, int64_t a_row, const void *b, float *out);
#define FEW_ROWS(n, ways)                                                                          \
    static void few_f32_##n(int64_t k, const float *a, int64_t a_row, const void *b, float *out)   \
    {                                                                                              \
        few_panel(n, ways, false, k, a, a_row, b, out);                                            \
    }                                                                                              \
    static void few_bf16_##n(int64_t k, const float *a, int64_t a_row, const void *b, float *out)  \
    {                                                                                              \
        few_panel(n, ways, true, k, a, a_row, b, out);                                             \
    }
FEW_ROWS(1, 4)
FEW_ROWS(2, 4)
FEW_ROWS(3, 2)
FEW_ROWS(4, 2)
static few_fn *const few_f32[] = { NULL, few_f32_1, few_f32_2, few_f32_3, few_f32_4 };
static few_fn *const few_bf16[] = { NULL, few_bf16_1, few_bf16_2, few_bf16_3, few_bf16_4 };

static void put(const fab_gemm *g, int64_t i, int64_t j, float s)
{
    float *c = g->c + i * g->c_row + j;
    *c = s + (g->add ? *c : 0.0f) + (g->bias ? g->bias[j] : 0.0f);
}

static int64_t few_panels(const fab_gemm *g) /* panels in one task */
{
    return max64(1, TASK_WEIGHTS / (g->k * NR + 1));
}

static void few_packed(void *arg, int task, int worker)
{
    const fab_gemm *g = arg;
    const fab_packed *p = g->packed;
    int64_t each = few_panels(g), from = task * each, to = min64(from + each, ceil_div(g->n, NR));
    few_fn *fn = (p->bf16 ? few_bf16 : few_f32)[g->m];
    _Alignas(64) float out[FEW * NR];

    (void)worker;
    for (int64_t t = from; t < to; t++) {
        fn(g->k, g->a, g->a_row, panel_of(p, t), out);
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = t * NR; j < min64(t * NR + NR, g->n); j++)
                put(g, i, j, out[i * NR + j - t * NR]);
    }
}

static void few_by_row(void *arg, int task, int worker) /* B is [N,K] rows */
{
    const fab_gemm *g = arg;
    int64_t each = few_panels(g) * NR, from = task * each, to = min64(from + each, g->n);
    _Alignas(64) float row[KC];

    (void)worker;
    for (int64_t j = from; j < to; j++) {
        float s[FEW] = { 0 };
        for (int64_t k0 = 0; k0 < g->k; k0 += KC) {
            int64_t kc = min64(KC, g->k - k0);
            const float *b = row;
            if (g->b_dtype == FAB_F32) b = (const float *)g->b + j * g->b_col + k0;
            else widen_row(g->b_dtype, g->b, j * g->b_col + k0, row, kc);
            for (int64_t i = 0; i < g->m; i++) {
                const float *a = g->a + i * g->a_row + k0;
                float t = 0;
                SIMD_SUM(t) for (int64_t k = 0; k < kc; k++) t += a[k] * b[k];
                s[i] += t;
            }
        }
        for (int64_t i = 0; i < g->m; i++) put(g, i, j, s[i]);
    }
}

/* ---- the entry ---------------------------------------------------------------------------------------------- */

static bool check(const fab_gemm *g, fab_err *err)
{
    fab_dtype t = g->b_dtype;

    if (g->packed && (g->packed->n != g->n || g->packed->k != g->k))
        return fab_fail(err, FAB_EINTERNAL,
                        "gemm: the packed weight is [%lld,%lld], the product needs [%lld,%lld]",
                        (long long)g->packed->n, (long long)g->packed->k, (long long)g->n,
                        (long long)g->k);
    if (g->packed) return true;
    if (t != FAB_F32 && t != FAB_BF16 && t != FAB_F16 && !fab_dtype_is_quantised(t))
        return fab_fail(err, FAB_EUNSUPPORTED, "gemm: weights of type %s", fab_dtype_name(t));
    if (fab_dtype_is_quantised(t) &&
        (g->b_row != 1 || g->b_col % fab_dtype_block(t) || g->k % fab_dtype_block(t)))
        return fab_fail(err, FAB_EINTERNAL, "gemm: %s needs whole blocks of %d along K, K is %lld",
                        fab_dtype_name(t), fab_dtype_block(t), (long long)g->k);
    return true;
}

/* A core over a gemm's operands; s must outlive it. */
static void gemm_core(core *c, source *s, const fab_gemm *g)
{
    *c = (core){ .m = g->m,
                 .n = g->n,
                 .k = g->k,
                 .c = g->c,
                 .c_row = g->c_row,
                 .bias = g->bias,
                 .add = g->add,
                 .bf16 = g->bf16 };
    *s = (source){ .s = { g->a, g->b, g->a_row, g->a_col, g->b_row, g->b_col }, .g = g };
    FAB_NAME(fab_core_strided)(c, &s->s);
    if (g->packed || g->b_dtype != FAB_F32) c->b = NULL;
    if (g->packed && g->packed->bf16)
        c->pack_b = b_from_packed, c->tiles = FAB_PAIRS ? g->packed->data : NULL;
    else if (g->packed) c->panels = g->packed->data;
    else if (g->b_dtype != FAB_F32) c->pack_b = g->b_row == 1 ? b_from_rows : b_from_any;
}

/* Rows up to which dot.c is as fast as int8.c, which opens 4 to 6 bits before it multiplies. */
INLINE int64_t dot_fast(fab_dtype type) { return FAB_VL == 8 && type == FAB_Q8_0 ? 2 : 4; }

bool FAB_NAME(fab_gemm_f32)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    core c;
    source s;

    if (!check(g, err)) return false;
    if (!g->packed && g->a_col == 1 && g->m > 0 && g->k > 0 && fab_dtype_is_quantised(g->b_dtype)) {
        bool int8 = g->bf16 && FAB_NAME(fab_int8_takes)(g->b_dtype);
        if (g->m == 1 && FAB_NAME(fab_row_takes)(g->b_dtype))
            return FAB_NAME(fab_row_gemm)(p, g, err);
        if (FAB_BASE(fab_dot_takes)(g->b_dtype, g->m) && (g->m <= dot_fast(g->b_dtype) || !int8))
            return FAB_BASE(fab_dot_gemm)(p, g, err);
        if (int8) return FAB_NAME(fab_int8_gemm)(p, g, err);
    }
    if (g->m > 0 && g->m <= FEW && g->k > 0 && g->a_col == 1) {
        fab_gemm copy = *g;
        if (g->packed)
            return fab_pool_run(p, (int)ceil_div(ceil_div(g->n, NR), few_panels(g)), few_packed,
                                &copy),
                   true;
        if (g->b_row == 1)
            return fab_pool_run(p, (int)ceil_div(g->n, few_panels(g) * NR), few_by_row, &copy),
                   true;
    }
    gemm_core(&c, &s, g);
    return FAB_NAME(fab_core_run)(p, &c, err);
}
