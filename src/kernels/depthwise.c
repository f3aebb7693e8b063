/* depthwise: convolution of every channel with a kernel of its own, channels-last, vectorised over
 * channels.
 *
 *   y[b,oy,ox,c]  = bias[c] + sum_(ky,kx) x[b, oy s - p + ky, ox s - p + kx, c] w[c,ky,kx]
 *   dx: at stride 1 the same sum over dy with the kernel turned round, else a sum over the taps
 *   that divide
 *   dw[c,ky,kx]  += sum_(b,oy,ox) dy[b,oy,ox,c] x[...]
 *
 * Weights are used as [taps][C]. 3x3 and 5x5 kernels go by strips of STRIP outputs along a row: a
 * pixel is loaded once for all outputs of the strip that it reaches, through a pointer that leads
 * to zeros when the pixel is outside. Other kernels go output by output. A task is one row of a
 * map; dw is summed over PARTS fixed shares of rows, joined in order: no result depends on the
 * number of threads.
 */
#include "kernels/table.h"

enum { STRIP = 4, BIGGEST = 5, PARTS = 16, MOST_TAPS = 64, REACH = (STRIP - 1) * 2 + BIGGEST };

/* A correlation that reads one map and writes another, and what dw needs of both. */
typedef struct {
    const fab_conv *c;
    const float *in, *w, *bias, *zeros; /* w [kh*kw][n] */
    int64_t in_h, in_w, out_h, out_w, stride, pad_y, pad_x, n, parts;
    float *out;
    const float *dy;
    float *dw; /* [parts][kh*kw][n] */
    bool add;  /* to what out holds, else set it */
    bool relu6;
} map;

/* n floats from p: FAB_VL, or fewer where the channels end */
INLINE vf load_some(const float *p, const int64_t n)
{
    vf v = { 0 };
    if (n == FAB_VL) return vload(p);
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}

INLINE void store_some(float *p, vf v, const int64_t n)
{
    if (n == FAB_VL) vstore(p, v);
    else memcpy(p, &v, (size_t)n * sizeof *p);
}

typedef int32_t mask __attribute__((vector_size(FAB_VL * 4)));

INLINE vf clamp6(vf v)
{
    mask above = v > 0, below = v < 6;
    return (vf)((((mask)v & above) & below) | ((mask)vset(6) & ~below));
}

/* The rows ky of the kernel that meet the map at row y of the output. */
static range kernel_rows(const map *m, int64_t y)
{
    int64_t top = m->pad_y - y * m->stride;
    return (range){ max64(0, top), min64(m->c->kh, m->in_h + top) };
}

static const float *pixel(const map *m, const float *in, int64_t h, int64_t w, int64_t b, int64_t y,
                          int64_t x)
{
    return y < 0 || x < 0 || y >= h || x >= w ? m->zeros : in + ((b * h + y) * w + x) * m->n;
}

/* Pointers to what `outputs` outputs from (oy,ox) on read: [rows of ky][(outputs - 1) stride + kw] */
static void strip_pixels(const map *m, int64_t b, int64_t oy, int64_t ox, range ky, int outputs,
                         const float **px)
{
    int64_t wide = (outputs - 1) * m->stride + m->c->kw;

    for (int64_t k = ky.from; k < ky.to; k++)
        for (int64_t j = 0; j < wide; j++)
            *px++ = pixel(m, m->in, m->in_h, m->in_w, b, oy * m->stride - m->pad_y + k,
                          ox * m->stride - m->pad_x + j);
}

/* ---- strips of outputs ------------------------------------------------------------------------- */

/* Channels i..i+n of `outputs` outputs at y; w at the first row of the kernel that counts. */
INLINE void strip_at(const int K, const int S, const int outputs, const int64_t n, const map *m,
                     const float *const *px, int64_t rows, const float *w, float *y, int64_t i)
{
    enum { MOST = STRIP };
    vf acc[MOST], x[REACH], bias = m->bias ? load_some(m->bias + i, n) : (vf){ 0 };
    const int wide = (outputs - 1) * S + K;

#pragma GCC unroll 4
    for (int t = 0; t < outputs; t++) acc[t] = bias;
    for (int64_t r = 0; r < rows; r++, px += wide, w += K * m->n) {
#pragma GCC unroll 11
        for (int j = 0; j < wide; j++) x[j] = load_some(px[j] + i, n);
#pragma GCC unroll 5
        for (int k = 0; k < K; k++) {
            vf wk = load_some(w + k * m->n + i, n);
#pragma GCC unroll 4
            for (int t = 0; t < outputs; t++) acc[t] += x[t * S + k] * wk;
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < outputs; t++) {
        float *to = y + t * m->n + i;
        if (m->add) acc[t] += load_some(to, n);
        store_some(to, m->relu6 ? clamp6(acc[t]) : acc[t], n);
    }
}

/* The gradient of the kernel's rows: dw += x dy over the strip. */
INLINE void strip_dw_at(const int K, const int S, const int outputs, const int64_t n, const map *m,
                        const float *const *px, int64_t rows, float *dw, const float *dy, int64_t i)
{
    vf d[STRIP], x[REACH];
    const int wide = (outputs - 1) * S + K;

#pragma GCC unroll 4
    for (int t = 0; t < outputs; t++) d[t] = load_some(dy + t * m->n + i, n);
    for (int64_t r = 0; r < rows; r++, px += wide, dw += K * m->n) {
#pragma GCC unroll 11
        for (int j = 0; j < wide; j++) x[j] = load_some(px[j] + i, n);
#pragma GCC unroll 5
        for (int k = 0; k < K; k++) {
            vf s = load_some(dw + k * m->n + i, n);
#pragma GCC unroll 4
            for (int t = 0; t < outputs; t++) s += x[t * S + k] * d[t];
            store_some(dw + k * m->n + i, s, n);
        }
    }
}

typedef void strip_fn(const map *m, const float *const *px, int64_t rows, const float *w, float *y);
typedef void strip_dw_fn(const map *m, const float *const *px, int64_t rows, float *dw,
                         const float *dy);

#define STRIPS(K, S, T)                                                                            \
    static void strip_##K##S##T(const map *m, const float *const *px, int64_t rows,                \
                                const float *w, float *y)                                          \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (; i + FAB_VL <= m->n; i += FAB_VL) strip_at(K, S, T, FAB_VL, m, px, rows, w, y, i);   \
        if (i < m->n) strip_at(K, S, T, m->n - i, m, px, rows, w, y, i);                           \
    }                                                                                              \
    static void strip_dw_##K##S##T(const map *m, const float *const *px, int64_t rows, float *dw,  \
                                   const float *dy)                                                \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (; i + FAB_VL <= m->n; i += FAB_VL)                                                    \
            strip_dw_at(K, S, T, FAB_VL, m, px, rows, dw, dy, i);                                  \
        if (i < m->n) strip_dw_at(K, S, T, m->n - i, m, px, rows, dw, dy, i);                      \
    }
/* clang-format off */
STRIPS(3, 1, 4) STRIPS(3, 2, 4) STRIPS(5, 1, 4) STRIPS(5, 2, 4)
STRIPS(3, 1, 1) STRIPS(3, 2, 1) STRIPS(5, 1, 1) STRIPS(5, 2, 1)
/* [kernel 5][stride 2][one output] */
static strip_fn *const strips[2][2][2] = {
    { { strip_314, strip_311 }, { strip_324, strip_321 } },
    { { strip_514, strip_511 }, { strip_524, strip_521 } },
};
static strip_dw_fn *const strips_dw[2][2][2] = {
    { { strip_dw_314, strip_dw_311 }, { strip_dw_324, strip_dw_321 } },
    { { strip_dw_514, strip_dw_511 }, { strip_dw_524, strip_dw_521 } },
};
/* clang-format on */

static bool has_strips(const fab_conv *c, int64_t stride)
{
    return c->kh == c->kw && (c->kh == 3 || c->kh == 5) && (stride == 1 || stride == 2);
}

static void strip_row(void *arg, int task, int worker) /* one row of out */
{
    const map *m = arg;
    int64_t b = task / m->out_h, oy = task % m->out_h;
    range ky = kernel_rows(m, oy);
    strip_fn *const *fn = strips[m->c->kh == 5][m->stride == 2];
    const float *px[BIGGEST * REACH], *w = m->w + ky.from * m->c->kw * m->n;

    (void)worker;
    for (int64_t ox = 0, step; ox < m->out_w; ox += step) {
        step = m->out_w - ox >= STRIP ? STRIP : 1;
        strip_pixels(m, b, oy, ox, ky, (int)step, px);
        fn[step == 1](m, px, max64(0, ky.to - ky.from), w,
                      m->out + ((b * m->out_h + oy) * m->out_w + ox) * m->n);
    }
}

static void strip_dw_part(const map *m, range rows, float *dw)
{
    strip_dw_fn *const *fn = strips_dw[m->c->kh == 5][m->stride == 2];
    const float *px[BIGGEST * REACH];

    for (int64_t r = rows.from; r < rows.to; r++) {
        int64_t b = r / m->out_h, oy = r % m->out_h;
        range ky = kernel_rows(m, oy);
        for (int64_t ox = 0, step; ox < m->out_w; ox += step) {
            step = m->out_w - ox >= STRIP ? STRIP : 1;
            strip_pixels(m, b, oy, ox, ky, (int)step, px);
            fn[step == 1](m, px, max64(0, ky.to - ky.from), dw + ky.from * m->c->kw * m->n,
                          m->dy + (r * m->out_w + ox) * m->n);
        }
    }
}

/* ---- output by output -------------------------------------------------------------------------- */

/* y = bias + sum of x[t] w[t] over `taps` pixels */
static void sum_taps(const map *m, int taps, const float *const *x, const float *const *w, float *y)
{
    for (int64_t i = 0; i < m->n; i += FAB_VL) {
        int64_t n = min64(FAB_VL, m->n - i);
        bool whole = n == FAB_VL;
        vf acc = m->bias ? load_some(m->bias + i, n) : (vf){ 0 };
        if (m->add) acc += load_some(y + i, n);
        for (int t = 0; t < taps; t++)
            acc += whole ? vload(x[t] + i) * vload(w[t] + i)
                         : load_some(x[t] + i, n) * load_some(w[t] + i, n);
        store_some(y + i, m->relu6 ? clamp6(acc) : acc, n);
    }
}

static void any_row(void *arg, int task, int worker) /* one row of out, any kernel */
{
    const map *m = arg;
    const fab_conv *c = m->c;
    int64_t b = task / m->out_h, oy = task % m->out_h;
    const float *x[MOST_TAPS], *w[MOST_TAPS];

    (void)worker;
    for (int64_t ox = 0; ox < m->out_w; ox++) {
        int n = 0;
        for (int64_t t = 0; t < c->kh * c->kw; t++) {
            x[n] = pixel(m, m->in, m->in_h, m->in_w, b, oy * m->stride - m->pad_y + t / c->kw,
                         ox * m->stride - m->pad_x + t % c->kw);
            w[n] = m->w + t * m->n;
            n += x[n] != m->zeros;
        }
        sum_taps(m, n, x, w, m->out + ((b * m->out_h + oy) * m->out_w + ox) * m->n);
    }
}

static void dx_row(void *arg, int task, int worker) /* one row of dx at any stride; in is dy */
{
    const map *m = arg;
    const fab_conv *c = m->c;
    int64_t b = task / m->out_h, y = task % m->out_h;
    const float *dy[MOST_TAPS], *w[MOST_TAPS];

    (void)worker;
    for (int64_t x = 0; x < m->out_w; x++) {
        int n = 0;
        for (int64_t ky = (y + c->pad_y) % c->stride; ky < c->kh; ky += c->stride)
            for (int64_t kx = (x + c->pad_x) % c->stride; kx < c->kw; kx += c->stride) {
                if (y + c->pad_y < ky || x + c->pad_x < kx) continue;
                dy[n] = pixel(m, m->in, m->in_h, m->in_w, b, (y + c->pad_y - ky) / c->stride,
                              (x + c->pad_x - kx) / c->stride);
                w[n] = m->w + (ky * c->kw + kx) * m->n;
                n += dy[n] != m->zeros;
            }
        sum_taps(m, n, dy, w, m->out + ((b * m->out_h + y) * m->out_w + x) * m->n);
    }
}

static void any_dw_part(const map *m, range rows, float *dw)
{
    const fab_conv *c = m->c;

    for (int64_t r = rows.from; r < rows.to; r++)
        for (int64_t ox = 0; ox < m->out_w; ox++)
            for (int64_t t = 0; t < c->kh * c->kw; t++) {
                const float *dy = m->dy + (r * m->out_w + ox) * m->n;
                const float *x = pixel(m, m->in, m->in_h, m->in_w, r / m->out_h,
                                       r % m->out_h * m->stride - m->pad_y + t / c->kw,
                                       ox * m->stride - m->pad_x + t % c->kw);
                float *restrict d = dw + t * m->n;
                if (x == m->zeros) continue;
                SIMD for (int64_t i = 0; i < m->n; i++) d[i] += x[i] * dy[i];
            }
}

/* ---- the whole --------------------------------------------------------------------------------- */

static void dw_part(void *arg, int task, int worker) /* a fixed share of the rows of outputs */
{
    const map *m = arg;
    int64_t taps = m->c->kh * m->c->kw;
    float *dw = m->dw + task * taps * m->n;
    range rows = part(m->c->batch * m->out_h, m->parts, task);

    (void)worker;
    memset(dw, 0, (size_t)(taps * m->n) * sizeof *dw);
    if (has_strips(m->c, m->stride)) strip_dw_part(m, rows, dw);
    else any_dw_part(m, rows, dw);
}

/* w [C][taps] to [taps][C], in the kernel's order or turned round */
static void spread(const fab_conv *c, const float *w, bool turned, float *to)
{
    int64_t taps = c->kh * c->kw;

    for (int64_t t = 0; t < taps; t++)
        for (int64_t i = 0; i < c->in; i++)
            to[t * c->in + i] = w[i * taps + (turned ? taps - 1 - t : t)];
}

static map forward_map(const fab_conv *c, const float *x)
{
    return (map){ .c = c,
                  .in = x,
                  .in_h = c->h,
                  .in_w = c->w,
                  .out_h = c->oh,
                  .out_w = c->ow,
                  .stride = c->stride,
                  .pad_y = c->pad_y,
                  .pad_x = c->pad_x,
                  .n = c->in };
}

static bool check(const fab_conv *c, fab_err *err)
{
    return c->kh * c->kw <= MOST_TAPS ||
           fab_fail(err, FAB_EUNSUPPORTED,
                    "conv: a depthwise kernel of %lldx%lld, %d taps are the most", (long long)c->kh,
                    (long long)c->kw, MOST_TAPS);
}

bool FAB_BASE(fab_depth_forward)(fab_pool *p, const fab_conv *c, const float *x, const float *w,
                                 const float *b, float *y, fab_err *err)
{
    int64_t n = c->kh * c->kw * c->in;
    if (!check(c, err)) return false;
    float *room = fab_aligned_new((size_t)(n + c->in) * sizeof *room, err);
    map m = forward_map(c, x);

    if (!room) return false;
    spread(c, w, false, room);
    memset(room + n, 0, (size_t)c->in * sizeof *room);
    m.w = room, m.zeros = room + n, m.bias = b, m.out = y, m.relu6 = c->relu6;
    fab_pool_run(p, (int)(c->batch * c->oh), has_strips(c, c->stride) ? strip_row : any_row, &m);
    fab_aligned_free(room);
    return true;
}

static void backward_x(fab_pool *p, const fab_conv *c, const float *w, const float *dy, float *room,
                       const float *zeros, float *dx)
{
    bool turned = c->stride == 1 && has_strips(c, 1);
    map m = { .c = c,
              .in = dy,
              .in_h = c->oh,
              .in_w = c->ow,
              .out_h = c->h,
              .out_w = c->w,
              .stride = 1,
              .pad_y = c->kh - 1 - c->pad_y,
              .pad_x = c->kw - 1 - c->pad_x,
              .n = c->in,
              .out = dx,
              .w = room,
              .zeros = zeros,
              .add = !c->set_dx };

    spread(c, w, turned, room);
    fab_pool_run(p, (int)(c->batch * c->h), turned ? strip_row : dx_row, &m);
}

bool FAB_BASE(fab_depth_backward)(fab_pool *p, const fab_conv *c, const float *x, const float *w,
                                  const float *dy, float *dx, float *dw, fab_err *err)
{
    int64_t taps = c->kh * c->kw, parts = max64(1, min64(PARTS, c->batch * c->oh)),
            n = taps * c->in;
    if (!check(c, err)) return false;
    float *room = fab_aligned_new((size_t)((parts + 1) * n + c->in) * sizeof *room, err);
    map m = forward_map(c, x);

    if (!room) return false;
    float *zeros = room + (parts + 1) * n;
    memset(zeros, 0, (size_t)c->in * sizeof *zeros);
    m.zeros = zeros, m.dy = dy, m.dw = room + n, m.parts = parts;
    if (dx) backward_x(p, c, w, dy, room, zeros, dx);
    if (dw) {
        fab_pool_run(p, (int)parts, dw_part, &m);
        for (int64_t k = 0; k < parts; k++)
            for (int64_t t = 0; t < taps; t++)
                for (int64_t i = 0; i < c->in; i++) dw[i * taps + t] += m.dw[k * n + t * c->in + i];
    }
    fab_aligned_free(room);
    return true;
}
