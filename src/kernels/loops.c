/* loops: element-wise kernels, reductions over everything, the optimiser and dtype conversion.
 *
 * Each is a plain loop over [from, to) that the compiler vectorises, run over pieces of fixed size
 * (PIECE elements), so the cut depends on n alone. One argument struct serves them all: op says
 * which loop.
 *
 *   gelu   erf    x F(x), F = (1 + erf(x / sqrt 2)) / 2           f' = F + x phi(x)
 *          tanh   x/2 (1 + tanh u), u = c (x + 0.044715 x^3)      c = sqrt(2 / pi)
 *          quick  x s(1.702 x)                                    s(x) = 1 / (1 + exp(-x))
 *   silu   x s(x)                                                 f' = s (1 + x (1 - s))
 *   adamw  Loshchilov & Hutter 2019 in PyTorch's order: w *= 1 - lr decay, then the Adam step with bias correction
 */
#include "kernels/convert.h"
#include "kernels/quantise.h"
#include "kernels/table.h"
#include "kernels/vmath.h"

enum { PIECE = 16384, COLUMNS = 128, MAX_DOTS = 4096 };

typedef struct job {
    void (*loop)(const struct job *j, int64_t from, int64_t to);
    int64_t n, piece;
    const float *a, *b, *c;
    float *x, *y;
    float s;
    int64_t d;
} job;

static void piece(void *arg, int task, int worker)
{
    const job *j = arg;

    (void)worker;
    j->loop(j, task * j->piece, min64((task + 1) * j->piece, j->n));
}

static void each(fab_pool *p, job *j)
{
    j->piece = j->piece ? j->piece : PIECE;
    fab_pool_run(p, (int)ceil_div(j->n, j->piece), piece, j);
}

/* A loop over i of [from, to) with the job's arrays under their names. */
#define LOOP(name, body)                                                                           \
    static void name(const job *j, int64_t from, int64_t to)                                       \
    {                                                                                              \
        const float *restrict a = j->a, *restrict b = j->b, *restrict c = j->c;                    \
        float *x = j->x, *y = j->y;                                                                \
        const float s = j->s;                                                                      \
        (void)a, (void)b, (void)c, (void)x, (void)y, (void)s;                                      \
        SIMD for (int64_t i = from; i < to; i++) { body; }                                         \
    }

INLINE float gelu_erf(float x) { return 0.5f * x * (1.0f + fast_erf(x * 0.70710678118f)); }
INLINE float gelu_erf_slope(float x)
{
    return 0.5f * (1.0f + fast_erf(x * 0.70710678118f)) +
           x * 0.3989422804f * fast_exp(-0.5f * x * x);
}
INLINE float gelu_tanh(float x)
{
    return 0.5f * x * (1.0f + fast_tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
}
INLINE float gelu_tanh_slope(float x)
{
    float t = fast_tanh(0.7978845608f * (x + 0.044715f * x * x * x));
    return 0.5f * (1.0f + t) +
           0.5f * x * (1.0f - t * t) * 0.7978845608f * (1.0f + 3 * 0.044715f * x * x);
}
INLINE float silu_at(float x, float k) { return x * fast_sigmoid(k * x); }
INLINE float silu_slope(float x, float k)
{
    float g = fast_sigmoid(k * x);
    return g * (1.0f + k * x * (1.0f - g));
}

LOOP(gelu_erf_loop, y[i] = gelu_erf(a[i]))
LOOP(gelu_tanh_loop, y[i] = gelu_tanh(a[i]))
LOOP(silu_loop, y[i] = silu_at(a[i], s))
LOOP(gelu_erf_back_loop, y[i] += b[i] * gelu_erf_slope(a[i]))
LOOP(gelu_tanh_back_loop, y[i] += b[i] * gelu_tanh_slope(a[i]))
LOOP(silu_back_loop, y[i] += b[i] * silu_slope(a[i], s))
LOOP(swiglu_loop, y[i] = silu_at(a[i], 1.0f) * b[i])
LOOP(swiglu_gate_loop, y[i] += c[i] * b[i] * silu_slope(a[i], 1.0f))
LOOP(swiglu_up_loop, x[i] += c[i] * silu_at(a[i], 1.0f))
LOOP(sum_loop, y[i] = a[i] + b[i])
LOOP(axpy_loop, y[i] += s * a[i])
LOOP(mul_loop, y[i] = a[i] * b[i])
LOOP(mul_add_loop, y[i] += a[i] * b[i])
LOOP(scale_loop, y[i] = s * a[i])
LOOP(relu6_loop, y[i] = a[i] > 0 ? a[i] < 6 ? a[i] : 6 : 0)
LOOP(relu6_back_loop, y[i] += a[i] > 0 && a[i] < 6 ? b[i] : 0)

void FAB_NAME(fab_gelu)(fab_pool *p, int kind, const float *x, float *y, int64_t n)
{
    each(p, &(job){ kind == 0   ? gelu_erf_loop
                    : kind == 1 ? gelu_tanh_loop
                                : silu_loop,
                    .n = n, .a = x, .y = y, .s = 1.702f });
}

void FAB_NAME(fab_gelu_back)(fab_pool *p, int kind, const float *x, const float *dy, float *dx,
                             int64_t n)
{
    each(p, &(job){ kind == 0   ? gelu_erf_back_loop
                    : kind == 1 ? gelu_tanh_back_loop
                                : silu_back_loop,
                    .n = n, .a = x, .b = dy, .y = dx, .s = 1.702f });
}

void FAB_NAME(fab_relu6)(fab_pool *p, const float *x, float *y, int64_t n)
{
    each(p, &(job){ relu6_loop, .n = n, .a = x, .y = y });
}

void FAB_NAME(fab_relu6_back)(fab_pool *p, const float *x, const float *dy, float *dx, int64_t n)
{
    each(p, &(job){ relu6_back_loop, .n = n, .a = x, .b = dy, .y = dx });
}

void FAB_NAME(fab_silu)(fab_pool *p, const float *x, float *y, int64_t n)
{
    each(p, &(job){ silu_loop, .n = n, .a = x, .y = y, .s = 1.0f });
}

void FAB_NAME(fab_silu_back)(fab_pool *p, const float *x, const float *dy, float *dx, int64_t n)
{
    each(p, &(job){ silu_back_loop, .n = n, .a = x, .b = dy, .y = dx, .s = 1.0f });
}

void FAB_NAME(fab_swiglu)(fab_pool *p, const float *gate, const float *up, float *y, int64_t n)
{
    each(p, &(job){ swiglu_loop, .n = n, .a = gate, .b = up, .y = y });
}

void FAB_NAME(fab_swiglu_back)(fab_pool *p, const float *gate, const float *up, const float *dy,
                               float *dgate, float *dup, int64_t n)
{
    if (dgate) each(p, &(job){ swiglu_gate_loop, .n = n, .a = gate, .b = up, .c = dy, .y = dgate });
    if (dup) each(p, &(job){ swiglu_up_loop, .n = n, .a = gate, .c = dy, .x = dup });
}

static void add_rows_loop(const job *j, int64_t from, int64_t to)
{
    for (int64_t r = from; r < to; r++) {
        const float *a = j->a + r * j->d, *b = j->b;
        float *y = j->y + r * j->d;
        SIMD for (int64_t i = 0; i < j->d; i++) y[i] = a[i] + b[i];
    }
}

void FAB_NAME(fab_add)(fab_pool *p, const float *a, const float *b, float *y, int64_t rows,
                       int64_t d)
{
    if (rows == 1) each(p, &(job){ sum_loop, .n = d, .a = a, .b = b, .y = y });
    else
        each(p, &(job){ add_rows_loop, .n = rows, .piece = max64(1, PIECE / max64(d, 1)), .a = a,
                        .b = b, .y = y, .d = d });
}

void FAB_NAME(fab_axpy)(fab_pool *p, float s, const float *x, float *y, int64_t n)
{
    each(p, &(job){ axpy_loop, .n = n, .a = x, .y = y, .s = s });
}

void FAB_NAME(fab_mul)(fab_pool *p, const float *a, const float *b, float *y, int64_t n)
{
    each(p, &(job){ mul_loop, .n = n, .a = a, .b = b, .y = y });
}

void FAB_NAME(fab_mul_add)(fab_pool *p, const float *a, const float *b, float *y, int64_t n)
{
    each(p, &(job){ mul_add_loop, .n = n, .a = a, .b = b, .y = y });
}

void FAB_NAME(fab_scale)(fab_pool *p, float s, const float *x, float *y, int64_t n)
{
    each(p, &(job){ scale_loop, .n = n, .a = x, .y = y, .s = s });
}

/* Columns [from, to) of d rows of n: blocks of 32 rows are summed first, so that long columns lose
 * little. */
static void sum_rows_loop(const job *j, int64_t from, int64_t to)
{
    float block[COLUMNS];

    for (int64_t r0 = 0; r0 < j->d; r0 += 32) {
        for (int64_t i = 0; i < COLUMNS; i++) block[i] = 0;
        for (int64_t r = r0; r < min64(r0 + 32, j->d); r++) {
            const float *x = j->a + r * j->n + from;
            SIMD for (int64_t i = 0; i < to - from; i++) block[i] += x[i];
        }
        for (int64_t i = from; i < to; i++) j->y[i] += block[i - from];
    }
}

void FAB_NAME(fab_sum_rows)(fab_pool *p, const float *x, float *y, int64_t r, int64_t d)
{
    each(p, &(job){ sum_rows_loop, .n = d, .piece = COLUMNS, .a = x, .y = y, .d = r });
}

/* Rows [from, to) of r rows of d; their sums of columns go to row from / piece of x. */
static void relu6_cut_loop(const job *j, int64_t from, int64_t to)
{
    int64_t d = j->d;
    float *restrict sum = j->x ? j->x + from / j->piece * d : NULL;

    if (sum) memset(sum, 0, (size_t)d * sizeof *sum);
    for (int64_t r = from; r < to; r++) {
        const float *restrict y = j->a + r * d;
        float *restrict dy = j->y + r * d;
        SIMD for (int64_t i = 0; i < d; i++) dy[i] = y[i] > 0 && y[i] < 6 ? dy[i] : 0;
        if (!sum) continue;
        SIMD for (int64_t i = 0; i < d; i++) sum[i] += dy[i];
    }
}

bool FAB_NAME(fab_relu6_cut)(fab_pool *p, const float *y, float *dy, float *db, int64_t r,
                             int64_t d, fab_err *err)
{
    job j = {
        relu6_cut_loop, .n = r, .a = y, .y = dy, .d = d, .piece = max64(32, ceil_div(r, 64))
    };
    int64_t pieces = ceil_div(r, j.piece);

    if (db && !(j.x = fab_aligned_new((size_t)(pieces * d) * sizeof *j.x, err))) return false;
    each(p, &j);
    if (db) FAB_NAME(fab_sum_rows)(p, j.x, db, pieces, d);
    fab_aligned_free(j.x);
    return true;
}

typedef struct {
    const float *a, *b;
    int64_t n, piece;
    double part[MAX_DOTS];
} dot_job;

static void dot_piece(void *arg, int task, int worker)
{
    dot_job *j = arg;
    int64_t from = task * j->piece, to = min64(from + j->piece, j->n);
    const float *a = j->a, *b = j->b;
    double s = 0;

    (void)worker;
    SIMD_SUM(s) for (int64_t i = from; i < to; i++) s += (double)a[i] * (double)b[i];
    j->part[task] = s;
}

double FAB_NAME(fab_dot)(fab_pool *p, const float *a, const float *b, int64_t n)
{
    dot_job j = { .a = a, .b = b, .n = n, .piece = max64(PIECE, ceil_div(n, MAX_DOTS)) };
    int64_t parts = ceil_div(n, j.piece);
    double s = 0;

    fab_pool_run(p, (int)parts, dot_piece, &j);
    for (int64_t i = 0; i < parts; i++) s += j.part[i];
    return s;
}

/* ---- rotary positions --------------------------------------------------------------------------------------- */

typedef struct {
    const float *x, *cs;
    float *y, sign;
    bool interleaved, add;
    int64_t tokens, heads, width, cs_tokens, piece;
} rope_job;

INLINE void rope_head(const rope_job *j, const float *x, const float *cs, float *y)
{
    int64_t half = j->width / 2, one = j->interleaved ? 1 : half, two = j->interleaved ? 2 : 1;

    for (int64_t i = 0; i < half; i++) {
        float c = cs[2 * i], s = j->sign * cs[2 * i + 1], a = x[i * two], b = x[i * two + one];
        float u = a * c - b * s, v = a * s + b * c;
        y[i * two] = j->add ? y[i * two] + u : u;
        y[i * two + one] = j->add ? y[i * two + one] + v : v;
    }
}

static void rope_piece(void *arg, int task, int worker)
{
    const rope_job *j = arg;

    (void)worker;
    for (int64_t t = task * j->piece; t < min64((task + 1) * j->piece, j->tokens); t++)
        for (int64_t h = 0; h < j->heads; h++) {
            int64_t at = (t * j->heads + h) * j->width;
            rope_head(j, j->x + at, j->cs + t % j->cs_tokens * j->width, j->y + at);
        }
}

void FAB_NAME(fab_rope)(fab_pool *p, const float *x, const float *cs, float sign, bool interleaved,
                        bool add, float *y, int64_t tokens, int heads, int64_t width,
                        int64_t cs_tokens)
{
    rope_job j = { x, cs, y, sign, interleaved, add, tokens, heads, width, cs_tokens, 1 };

    j.piece = max64(1, PIECE / max64(heads * width, 1));
    fab_pool_run(p, (int)ceil_div(tokens, j.piece), rope_piece, &j);
}

/* ---- optimiser ---------------------------------------------------------------------------------------------- */

typedef struct {
    float *w, *m, *v;
    const float *g;
    int64_t n;
    float keep, b1, b2, eps, gscale, step,
        root; /* step = lr / (1 - b1^t), root = 1 / sqrt(1 - b2^t) */
} adamw_job;

static void adamw_piece(void *arg, int task, int worker)
{
    const adamw_job *j = arg;
    float *restrict w = j->w, *restrict m = j->m, *restrict v = j->v;
    const float *restrict g = j->g;
    int64_t from = (int64_t)task * PIECE, to = min64(from + PIECE, j->n);
    const float keep = j->keep, b1 = j->b1, b2 = j->b2, eps = j->eps, gscale = j->gscale,
                step = j->step, root = j->root;

    (void)worker;
    SIMD for (int64_t i = from; i < to; i++)
    {
        float d = g[i] * gscale;
        m[i] = b1 * m[i] + (1.0f - b1) * d;
        v[i] = b2 * v[i] + (1.0f - b2) * d * d;
        w[i] = w[i] * keep - step * m[i] / (sqrtf(v[i]) * root + eps);
    }
}

void FAB_NAME(fab_adamw)(fab_pool *p, float *w, const float *g, float *m, float *v, int64_t n,
                         float lr, float b1, float b2, float eps, float decay, float gscale,
                         int64_t step)
{
    double c1 = 1.0 - pow((double)b1, (double)step), c2 = 1.0 - pow((double)b2, (double)step);
    adamw_job j = { w,
                    m,
                    v,
                    g,
                    n,
                    1.0f - lr * decay,
                    b1,
                    b2,
                    eps,
                    gscale,
                    (float)(lr / c1),
                    (float)(1.0 / sqrt(c2)) };

    fab_pool_run(p, (int)ceil_div(n, PIECE), adamw_piece, &j);
}

/* ---- dtypes ------------------------------------------------------------------------------------------------- */

typedef struct {
    fab_dtype type;
    const void *x;
    void *y;
    int64_t n;
} cast_job;

static void widen_piece(void *arg, int task, int worker)
{
    const cast_job *j = arg;
    int64_t from = (int64_t)task * PIECE;

    (void)worker;
    widen_row(j->type, j->x, from, (float *)j->y + from, min64(PIECE, j->n - from));
}

static void narrow_piece(void *arg, int task, int worker)
{
    const cast_job *j = arg;
    int64_t from = (int64_t)task * PIECE, n = min64(PIECE, j->n - from);
    const float *x = (const float *)j->x + from;

    (void)worker;
    if (j->type == FAB_F32) memcpy((float *)j->y + from, x, (size_t)n * sizeof *x);
    else if (j->type == FAB_BF16)
        for (int64_t i = 0; i < n; i++) ((uint16_t *)j->y)[from + i] = fab_f32_bf16(x[i]);
    else if (j->type == FAB_F16)
        for (int64_t i = 0; i < n; i++) ((uint16_t *)j->y)[from + i] = fab_f32_f16(x[i]);
    else
        fab_quantise(j->type, x,
                     (uint8_t *)j->y + from / fab_dtype_block(j->type) * fab_dtype_bytes(j->type),
                     n);
}

void FAB_NAME(fab_to_f32)(fab_pool *p, fab_dtype from, const void *x, float *y, int64_t n)
{
    cast_job j = { from, x, y, n };

    fab_pool_run(p, (int)ceil_div(n, PIECE), widen_piece, &j);
}

bool FAB_NAME(fab_from_f32)(fab_pool *p, fab_dtype to, const float *x, void *y, int64_t n)
{
    cast_job j = { to, x, y, n };

    if (to != FAB_F32 && to != FAB_BF16 && to != FAB_F16 &&
        (!fab_quantise(to, x, y, 0) || n % fab_dtype_block(to)))
        return false;
    fab_pool_run(p, (int)ceil_div(n, PIECE), narrow_piece, &j);
    return true;
}
