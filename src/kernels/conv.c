/* conv: 2-D convolution on channels-last maps as a matrix product whose operand is never written
 * out.
 *
 *   y[(b,oy,ox), o]     = sum_(ky,kx,i) x[b, oy s - p + ky, ox s - p + kx, i] w[o,i,ky,kx] + bias[o]
 *   dx[(b,y,x), i]     += sum_(ky,kx,o) dy[b, (y + p - ky)/s, (x + p - kx)/s, o] w[o,i,ky,kx]      where s divides
 *   dw[o, (ky,kx,i)]   += sum_(b,oy,ox) dy[b,oy,ox,o] x[b, oy s - p + ky, ox s - p + kx, i]
 *
 * dx is taken for each of the s x s phases of (y,x) apart: inside a phase the same taps (ky,kx)
 * divide, so no product with a known zero is formed. Groups run one after the other; depthwise
 * (groups = in = out) is depthwise.c. A 1x1 kernel at stride 1 without padding is a plain product:
 * nothing is gathered.
 */
#include "kernels/core.h"
#include "kernels/table.h"

enum { MAX_TAPS = 4096, NARROW = 256 };

typedef struct {
    strided s; /* first: core's packing of plain operands reads it */
    const fab_conv *c;
    const float *x;    /* the map that rows are gathered from, at the group's first channel */
    int64_t h, w, row; /* of that map; floats per pixel */
    int64_t chan;      /* channels of it in this group */
    /* the map whose pixels are the product's rows: row r is (b, y, x) of [batch, rows_h, rows_w] */
    int64_t rows_h, rows_w;
    /* pixel (y,x) reads (y * step + dy[tap], x * step + dx[tap]) */
    int64_t step, taps;
    const int32_t *tap_y, *tap_x;
    /* backward: C's row of (b, y, x) is pixel (y0 + y s, x0 + x s) of a map */
    float *out;
    int64_t out_h, out_w, out_row, y0, x0;
} gather;

typedef struct {
    int64_t b, y, x;
} pixel;

static pixel pixel_of(const gather *g, int64_t r)
{
    return (pixel){ r / (g->rows_h * g->rows_w), r / g->rows_w % g->rows_h, r % g->rows_w };
}

/* n channels from channel i of what tap t of pixel p reads; NULL: outside, zeros */
INLINE const float *tap_at(const gather *g, pixel p, int64_t t)
{
    int64_t y = p.y * g->step + g->tap_y[t], x = p.x * g->step + g->tap_x[t];

    if (y < 0 || x < 0 || y >= g->h || x >= g->w) return NULL;
    return g->x + ((p.b * g->h + y) * g->w + x) * g->row;
}

/* How many floats lie side by side in the map from tap t on: neighbours along x, all channels each.
 * Sets *next. */
INLINE int64_t run_from(const gather *g, pixel p, int64_t t, int64_t n, int64_t *next)
{
    int64_t run = g->chan, u = t + 1;

    while (run < n && u < g->taps && g->row == g->chan && g->tap_y[u] == g->tap_y[t] &&
           g->tap_x[u] == g->tap_x[u - 1] + 1 && p.x * g->step + g->tap_x[u] < g->w) {
        run += g->chan;
        u++;
    }
    *next = u;
    return run;
}

/* Columns k0..k0+n of row p: column k is (tap k / chan, channel k % chan). */
static void gather_row(const gather *g, pixel p, int64_t k0, int64_t n, float *dst)
{
    int64_t t = k0 / g->chan, i = k0 % g->chan;

    while (n > 0) {
        const float *src = tap_at(g, p, t);
        int64_t next = t + 1, run = src ? run_from(g, p, t, n + i, &next) : g->chan;
        run = min64(run - i, n);
        if (src && run == 1) *dst = src[i];
        else if (src) memcpy(dst, src + i, (size_t)run * sizeof *dst);
        else memset(dst, 0, (size_t)run * sizeof *dst);
        dst += run;
        n -= run;
        i = 0;
        t = next;
    }
}

static void pack_a_pixels(const core *g, int64_t i, int mr, int64_t k0, int kc, float *dst)
{
    const gather *s = g->user;

    for (int r = 0; r < mr; r++) gather_row(s, pixel_of(s, i + r), k0, kc, dst + r * KSTRIDE);
}

static void pack_b_pixels(const core *g, int64_t j, int nr, int64_t k0, int kc, float *dst)
{
    const gather *s = g->user;

    for (int k = 0; k < kc; k++) {
        gather_row(s, pixel_of(s, k0 + k), j, nr, dst + k * NR);
        for (int i = nr; i < NR; i++) dst[k * NR + i] = 0;
    }
}

static float *row_at(const core *c, int64_t i)
{
    const gather *g = c->user;
    pixel p = pixel_of(g, i);

    return g->out +
           ((p.b * g->out_h + g->y0 + p.y * g->c->stride) * g->out_w + g->x0 + p.x * g->c->stride) *
               g->out_row;
}

/* The taps of a forward product: all of them, moved by the padding. */
static void all_taps(const fab_conv *c, int32_t *tap_y, int32_t *tap_x)
{
    for (int64_t t = 0; t < c->kh * c->kw; t++) {
        tap_y[t] = (int32_t)(t / c->kw - c->pad_y);
        tap_x[t] = (int32_t)(t % c->kw - c->pad_x);
    }
}

static gather forward_gather(const fab_conv *c, const float *x, int64_t group, const int32_t *tap_y,
                             const int32_t *tap_x)
{
    int64_t chan = c->in / c->groups;

    return (gather){ .c = c,
                     .x = x + group * chan,
                     .h = c->h,
                     .w = c->w,
                     .row = c->in,
                     .chan = chan,
                     .rows_h = c->oh,
                     .rows_w = c->ow,
                     .step = c->stride,
                     .taps = c->kh * c->kw,
                     .tap_y = tap_y,
                     .tap_x = tap_x };
}

/* w [O,I,taps] of one group to [taps,I,O]: rows of the products' B */
static void weight_forward(const fab_conv *c, const float *w, float *to)
{
    int64_t in = c->in / c->groups, out = c->out / c->groups, taps = c->kh * c->kw;

    for (int64_t t = 0; t < taps; t++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < out; o++)
                to[(t * in + i) * out + o] = w[(o * in + i) * taps + t];
}

static bool check(const fab_conv *c, fab_err *err)
{
    if (c->groups < 1 || c->in % c->groups || c->out % c->groups || c->stride < 1 ||
        c->kh * c->kw > MAX_TAPS)
        return fab_fail(err, FAB_EINTERNAL,
                        "conv: %lld groups of %lld to %lld channels, kernel %lldx%lld, stride %lld",
                        (long long)c->groups, (long long)c->in, (long long)c->out, (long long)c->kh,
                        (long long)c->kw, (long long)c->stride);
    return true;
}

static bool is_depthwise(const fab_conv *c)
{
    return c->groups == c->in && c->in == c->out && c->groups > 1;
}

/* Rounding an operand costs a pass over it, which narrow products do not win back: a training step
 * of EfficientNet-Lite0 took 0.43 s with all products rounded, 0.32 s with none. */
static bool worth_rounding(const fab_conv *c) { return c->in >= NARROW && c->out >= NARROW; }

/* 1x1: y = x w' + b */
static bool is_plain(const fab_conv *c)
{
    return c->kh * c->kw * c->stride == 1 && c->groups == 1 && c->pad_y == 0 && c->pad_x == 0 &&
           c->oh == c->h && c->ow == c->w;
}

static bool plain(fab_pool *p, core *m, const strided *s, fab_err *err)
{
    FAB_NAME(fab_core_strided)(m, s);
    return FAB_NAME(fab_core_run)(p, m, err);
}

static bool plain_forward(fab_pool *p, const fab_conv *c, const float *x, const float *w,
                          const float *b, float *y, bool bf16, fab_err *err)
{
    core m = { .m = c->batch * c->oh * c->ow,
               .n = c->out,
               .k = c->in,
               .c = y,
               .c_row = c->out,
               .bias = b,
               .relu6 = c->relu6,
               .bf16 = bf16 };

    return plain(p, &m,
                 &(strided){
                     .a = x, .b = w, .a_row = c->in, .a_col = 1, .b_row = 1, .b_col = c->in },
                 err);
}

/* dx (+)= dy w,   dw += dy' x */
static bool plain_backward(fab_pool *p, const fab_conv *c, const float *x, const float *w,
                           const float *dy, float *dx, float *dw, bool bf16, fab_err *err)
{
    int64_t pixels = c->batch * c->oh * c->ow, in = c->in, out = c->out;
    core mx = { .m = pixels,
                .n = in,
                .k = out,
                .c = dx,
                .c_row = in,
                .add = !c->set_dx,
                .bf16 = bf16 },
         mw = { .m = out, .n = in, .k = pixels, .c = dw, .c_row = in, .add = true, .bf16 = bf16 };

    return (!dx || plain(p, &mx, &(strided){ dy, w, out, 1, in, 1 }, err)) &&
           (!dw || plain(p, &mw, &(strided){ dy, x, 1, out, in, 1 }, err));
}

bool FAB_NAME(fab_conv_forward)(fab_pool *p, const fab_conv *c, const float *x, const float *w,
                                const float *b, float *y, bool bf16, fab_err *err)
{
    if (!check(c, err)) return false;
    if (is_depthwise(c)) return FAB_BASE(fab_depth_forward)(p, c, x, w, b, y, err);
    if (is_plain(c)) return plain_forward(p, c, x, w, b, y, bf16 && worth_rounding(c), err);

    int64_t out = c->out / c->groups, k = c->kh * c->kw * (c->in / c->groups);
    int32_t tap_y[MAX_TAPS], tap_x[MAX_TAPS];
    float *wt = fab_aligned_new((size_t)(k * out) * sizeof *wt, err);
    bool ok = wt != NULL;

    all_taps(c, tap_y, tap_x);
    for (int64_t g = 0; ok && g < c->groups; g++) {
        core m = { .m = c->batch * c->oh * c->ow,
                   .n = out,
                   .k = k,
                   .c = y + g * out,
                   .c_row = c->out,
                   .bias = b ? b + g * out : NULL,
                   .relu6 = c->relu6,
                   .bf16 = bf16 };
        gather s = forward_gather(c, x, g, tap_y, tap_x);
        s.s = (strided){ .b = wt, .b_row = out, .b_col = 1 };
        weight_forward(c, w + g * out * k, wt);
        FAB_NAME(fab_core_strided)(&m, &s.s);
        m.user = &s;
        m.a = NULL;
        m.pack_a = pack_a_pixels;
        m.a_by_k = false;
        ok = FAB_NAME(fab_core_run)(p, &m, err);
    }
    fab_aligned_free(wt);
    return ok;
}

/* dx of the pixels (y,x) with y % s == py, x % s == px; wt: room for [taps,O,I] */
static bool dx_phase(fab_pool *p, const fab_conv *c, int64_t g, int64_t py, int64_t px,
                     const float *w, const float *dy, float *dx, float *wt, bool bf16, fab_err *err)
{
    int64_t in = c->in / c->groups, out = c->out / c->groups, taps = c->kh * c->kw, n = 0;
    int32_t tap_y[MAX_TAPS], tap_x[MAX_TAPS];

    for (int64_t t = 0; t < taps; t++) { /* pixel py + y s reads dy at y + (py + pad - ky) / s */
        int64_t ny = py + c->pad_y - t / c->kw, nx = px + c->pad_x - t % c->kw;
        if (ny % c->stride || nx % c->stride) continue;
        tap_y[n] = (int32_t)(ny / c->stride);
        tap_x[n] = (int32_t)(nx / c->stride);
        for (int64_t o = 0; o < out; o++)
            for (int64_t i = 0; i < in; i++)
                wt[(n * out + o) * in + i] = w[((g * out + o) * in + i) * taps + t];
        n++;
    }
    gather s = { .s = { .b = wt, .b_row = in, .b_col = 1 },
                 .c = c,
                 .x = dy + g * out,
                 .h = c->oh,
                 .w = c->ow,
                 .row = c->out,
                 .chan = out,
                 .rows_h = ceil_div(c->h - py, c->stride),
                 .rows_w = ceil_div(c->w - px, c->stride),
                 .step = 1,
                 .taps = n,
                 .tap_y = tap_y,
                 .tap_x = tap_x,
                 .out = dx + g * in,
                 .out_h = c->h,
                 .out_w = c->w,
                 .out_row = c->in,
                 .y0 = py,
                 .x0 = px };
    core m = { .m = c->batch * s.rows_h * s.rows_w,
               .n = in,
               .k = n * out,
               .c_at = row_at,
               .add = true,
               .bf16 = bf16 };
    FAB_NAME(fab_core_strided)(&m, &s.s);
    m.user = &s;
    m.a = NULL;
    m.pack_a = pack_a_pixels;
    m.a_by_k = false;
    return m.m <= 0 || m.k <= 0 || FAB_NAME(fab_core_run)(p, &m, err);
}

/* dw of one group through dt [O, taps*I] */
static bool dw_group(fab_pool *p, const fab_conv *c, int64_t g, const float *x, const float *dy,
                     float *dw, float *dt, bool bf16, fab_err *err)
{
    int64_t in = c->in / c->groups, out = c->out / c->groups, taps = c->kh * c->kw;
    int32_t tap_y[MAX_TAPS], tap_x[MAX_TAPS];

    all_taps(c, tap_y, tap_x);
    gather s = forward_gather(c, x, g, tap_y, tap_x);
    s.s = (strided){ .a = dy + g * out, .a_row = 1, .a_col = c->out };
    core m = { .m = out,
               .n = taps * in,
               .k = c->batch * c->oh * c->ow,
               .c = dt,
               .c_row = taps * in,
               .bf16 = bf16 };
    FAB_NAME(fab_core_strided)(&m, &s.s);
    m.user = &s;
    m.b = NULL;
    m.pack_b = pack_b_pixels;
    if (!FAB_NAME(fab_core_run)(p, &m, err)) return false;
    for (int64_t o = 0; o < out; o++)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t i = 0; i < in; i++)
                dw[((g * out + o) * in + i) * taps + t] += dt[(o * taps + t) * in + i];
    return true;
}

/* Every output's activation and bias; dy is then the gradient of the sums. */
static bool backward_bias(fab_pool *p, const fab_conv *c, const float *y, float *dy, float *db,
                          fab_err *err)
{
    int64_t pixels = c->batch * c->oh * c->ow;

    if (c->relu6) return FAB_BASE(fab_relu6_cut)(p, y, dy, db, pixels, c->out, err);
    if (db) FAB_BASE(fab_sum_rows)(p, dy, db, pixels, c->out);
    return true;
}

bool FAB_NAME(fab_conv_backward)(fab_pool *p, const fab_conv *c, const float *x, const float *w,
                                 const float *y, float *dy, float *dx, float *dw, float *db,
                                 bool bf16, fab_err *err)
{
    if (!check(c, err) || !backward_bias(p, c, y, dy, db, err)) return false;
    if (!dx && !dw) return true;
    if (is_depthwise(c)) return FAB_BASE(fab_depth_backward)(p, c, x, w, dy, dx, dw, err);
    if (is_plain(c)) return plain_backward(p, c, x, w, dy, dx, dw, bf16 && worth_rounding(c), err);

    int64_t weights = c->kh * c->kw * (c->in / c->groups) * (c->out / c->groups);
    float *scratch = fab_aligned_new((size_t)weights * sizeof *scratch, err);
    bool ok = scratch != NULL;

    if (dx && c->set_dx) memset(dx, 0, (size_t)(c->batch * c->h * c->w * c->in) * sizeof *dx);
    for (int64_t g = 0; ok && g < c->groups; g++) {
        for (int64_t phase = 0; ok && dx && phase < c->stride * c->stride; phase++)
            ok = dx_phase(p, c, g, phase / c->stride, phase % c->stride, w, dy, dx, scratch, bf16,
                          err);
        if (ok && dw) ok = dw_group(p, c, g, x, dy, dw, scratch, bf16, err);
    }
    fab_aligned_free(scratch);
    return ok;
}
