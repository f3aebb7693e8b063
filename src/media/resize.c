/* resize: separable resampling with the filter stretched by the reduction (antialias), as Pillow's
 * Resample does.
 *
 *   scale = in / out, s = max(scale, 1), support = R s            R = 1 bilinear, 2 bicubic
 *   centre(o) = (o + 0.5) scale
 *   taps i from floor(centre - support + 0.5) to floor(centre + support + 0.5), in range
 *   w(o,i) = f((i - centre + 0.5) / s), divided by their sum
 *   f = 1 - |x|                                                    bilinear
 *   |x| < 1: f = (a+2)|x|^3 - (a+3)|x|^2 + 1                       bicubic, a = -0.5
 *   |x| < 2: f = a|x|^3 - 5a|x|^2 + 8a|x| - 4a
 *
 * 8 bit: weights become integers of 22 fractional bits, rounded half away from zero; a sum starts
 * at 2^21, is shifted and clamped; horizontal first, its result rounded to 8 bits, then vertical.
 * Float: double sums, no rounding but the store. A pass is skipped when its axis keeps its size.
 * The order of operations below is part of the contract: it is what makes the weights equal to the
 * last bit.
 *
 * Pillow 13 runs the vertical pass first where the height shrinks much more than the width (its
 * pull request 9549) and so differs from every release before it, and from this, by a level here
 * and there in such images. Published checkpoints were made with the order above.
 */
#include "media/resize.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"

enum { FRACTION = 22 };

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* Output o is the sum over k of weight[o * most + k] * input[first[o] + k], k < count[o]. */
typedef struct {
    int most, *first, *count;
    double *weight;
    int32_t *fixed; /* the same in 22 fractional bits */
} taps;

static void one_output(taps *t, int o, int in, double scale, double support, double (*f)(double))
{
    double centre = (o + 0.5) * scale, shrink = 1.0 / (scale < 1 ? 1 : scale), sum = 0;
    double *w = t->weight + (size_t)o * (size_t)t->most;
    int lo = (int)(centre - support + 0.5), hi = (int)(centre + support + 0.5);
    if (lo < 0) lo = 0;
    if (hi > in) hi = in;
    for (int i = 0; i < hi - lo; i++) sum += w[i] = f((i + lo - centre + 0.5) * shrink);
    for (int i = 0; i < hi - lo; i++) {
        if (sum != 0) w[i] /= sum;
        t->fixed[(size_t)o * (size_t)t->most + (size_t)i] =
            (int32_t)((w[i] < 0 ? -0.5 : 0.5) + w[i] * (double)(1 << FRACTION));
    }
    t->first[o] = lo, t->count[o] = hi - lo;
}

static bool make_taps(taps *t, fab_arena *a, int in, int out, fab_filter filter, fab_err *err)
{
    double scale = (double)in / out;
    double support = (filter == FAB_FILTER_BICUBIC ? 2.0 : 1.0) * (scale < 1 ? 1 : scale);
    t->most = (int)ceil(support) * 2 + 1;
    size_t n = (size_t)out * (size_t)t->most;
    t->first = fab_arena_take(a, (size_t)out * sizeof *t->first, err);
    t->count = fab_arena_take(a, (size_t)out * sizeof *t->count, err);
    t->weight = fab_arena_take(a, n * sizeof *t->weight, err);
    t->fixed = fab_arena_take(a, n * sizeof *t->fixed, err);
    if (!t->first || !t->count || !t->weight || !t->fixed) return false;
    for (int o = 0; o < out; o++)
        one_output(t, o, in, scale, support, filter == FAB_FILTER_BICUBIC ? bicubic : bilinear);
    return true;
}

static uint8_t clamp8(int32_t sum)
{
    int32_t v = sum >> FRACTION;
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

/* --- 8 bit --- */

static inline void across_row(const uint8_t *src, uint8_t *dst, int out, const taps *t, int C)
{
    for (int o = 0; o < out; o++) {
        const int32_t *k = t->fixed + (size_t)o * (size_t)t->most;
        const uint8_t *p = src + (size_t)t->first[o] * (size_t)C;
        int32_t sum[4] = { 1 << (FRACTION - 1), 1 << (FRACTION - 1), 1 << (FRACTION - 1),
                           1 << (FRACTION - 1) };
        for (int i = 0; i < t->count[o]; i++, p += C)
            for (int c = 0; c < C; c++) sum[c] += p[c] * k[i];
        for (int c = 0; c < C; c++) *dst++ = clamp8(sum[c]);
    }
}

static void across(const uint8_t *src, uint8_t *dst, int in, int out, int rows, int C,
                   const taps *t)
{
    for (int y = 0; y < rows; y++, src += (size_t)in * (size_t)C, dst += (size_t)out * (size_t)C)
        switch (C) {
        case 1: across_row(src, dst, out, t, 1); break; /* constant C: the inner loops unroll */
        case 3: across_row(src, dst, out, t, 3); break;
        default: across_row(src, dst, out, t, C); break;
        }
}

/* stride = samples in a row; sum = scratch of that many. */
static void down(const uint8_t *src, uint8_t *dst, size_t stride, int out, const taps *t,
                 int32_t *sum)
{
    for (int o = 0; o < out; o++, dst += stride) {
        const int32_t *k = t->fixed + (size_t)o * (size_t)t->most;
        for (size_t x = 0; x < stride; x++) sum[x] = 1 << (FRACTION - 1);
        for (int i = 0; i < t->count[o]; i++) {
            const uint8_t *p = src + (size_t)(t->first[o] + i) * stride;
            for (size_t x = 0; x < stride; x++) sum[x] += p[x] * k[i];
        }
        for (size_t x = 0; x < stride; x++) dst[x] = clamp8(sum[x]);
    }
}

static bool check(fab_size from, int channels, fab_size to, fab_err *err)
{
    if (from.width < 1 || from.height < 1 || to.width < 1 || to.height < 1 || channels < 1 ||
        channels > 4)
        return fab_fail(err, FAB_EUSAGE,
                        "resize: %d x %d to %d x %d, %d channels: every side must be at least 1",
                        from.width, from.height, to.width, to.height, channels);
    return true;
}

static bool resize_u8(fab_arena *a, const uint8_t *src, fab_size from, int C, uint8_t *dst,
                      fab_size to, fab_filter filter, fab_err *err)
{
    bool wide = from.width != to.width, tall = from.height != to.height;
    size_t stride = (size_t)to.width * (size_t)C;
    taps t;
    if (!wide && !tall) {
        memcpy(dst, src, stride * (size_t)to.height);
        return true;
    }
    if (wide) {
        uint8_t *mid = tall ? fab_arena_take(a, stride * (size_t)from.height, err) : dst;
        if (!mid || !make_taps(&t, a, from.width, to.width, filter, err)) return false;
        across(src, mid, from.width, to.width, from.height, C, &t);
        src = mid;
    }
    if (tall) {
        int32_t *sum = fab_arena_take(a, stride * sizeof *sum, err);
        if (!sum || !make_taps(&t, a, from.height, to.height, filter, err)) return false;
        down(src, dst, stride, to.height, &t, sum);
    }
    return true;
}

bool fab_resize_u8(const uint8_t *src, fab_size from, int channels, uint8_t *dst, fab_size to,
                   fab_filter filter, fab_err *err)
{
    if (!check(from, channels, to, err)) return false;
    fab_arena *a = fab_arena_new(0, err);
    bool ok = a && resize_u8(a, src, from, channels, dst, to, filter, err);
    fab_arena_free(a);
    return ok;
}

/* --- float --- */

/* One pass: n lines; a line's samples are step apart, lines start line apart in src and out_line
 * apart in dst. */
typedef struct {
    size_t step, line, out_line;
    int n, out;
} walk;

static void pass_f32(const float *src, float *dst, walk w, const taps *t)
{
    for (int l = 0; l < w.n; l++, src += w.line, dst += w.out_line)
        for (int o = 0; o < w.out; o++) {
            const double *k = t->weight + (size_t)o * (size_t)t->most;
            const float *p = src + (size_t)t->first[o] * w.step;
            double sum = 0;
            for (int i = 0; i < t->count[o]; i++) sum += (double)p[(size_t)i * w.step] * k[i];
            dst[(size_t)o * w.step] = (float)sum;
        }
}

static bool resize_f32(fab_arena *a, const float *src, fab_size from, int C, float *dst,
                       fab_size to, fab_filter filter, fab_err *err)
{
    bool wide = from.width != to.width, tall = from.height != to.height;
    size_t c = (size_t)C, stride = (size_t)to.width * c;
    taps t;
    if (!wide && !tall) {
        memcpy(dst, src, stride * (size_t)to.height * sizeof *dst);
        return true;
    }
    if (wide) {
        float *mid =
            tall ? fab_arena_take(a, stride * (size_t)from.height * sizeof *mid, err) : dst;
        if (!mid || !make_taps(&t, a, from.width, to.width, filter, err)) return false;
        for (size_t ch = 0; ch < c; ch++)
            pass_f32(src + ch, mid + ch,
                     (walk){ c, (size_t)from.width * c, stride, from.height, to.width }, &t);
        src = mid;
    }
    if (tall) {
        if (!make_taps(&t, a, from.height, to.height, filter, err)) return false;
        pass_f32(src, dst, (walk){ stride, 1, 1, (int)stride, to.height }, &t);
    }
    return true;
}

bool fab_resize_f32(const float *src, fab_size from, int channels, float *dst, fab_size to,
                    fab_filter filter, fab_err *err)
{
    if (!check(from, channels, to, err)) return false;
    fab_arena *a = fab_arena_new(0, err);
    bool ok = a && resize_f32(a, src, from, channels, dst, to, filter, err);
    fab_arena_free(a);
    return ok;
}

/* --- sizes and crops --- */

fab_size fab_size_short_side(fab_size from, int n)
{
    bool landscape = from.width >= from.height;
    int lo = landscape ? from.height : from.width, hi = landscape ? from.width : from.height;
    int other = lo > 0 ? (int)((int64_t)n * hi / lo) : n;
    return landscape ? (fab_size){ other, n } : (fab_size){ n, other };
}

fab_size fab_size_inside(fab_size from, int n)
{
    int64_t longer = from.width > from.height ? from.width : from.height;
    if (longer < 1) longer = 1;
    int w = (int)(((int64_t)n * from.width + longer / 2) / longer);
    int h = (int)(((int64_t)n * from.height + longer / 2) / longer);
    return (fab_size){ w < 1 ? 1 : w, h < 1 ? 1 : h };
}

void fab_crop_u8(const uint8_t *src, fab_size from, int channels, int x, int y, uint8_t *dst,
                 fab_size to, uint8_t fill)
{
    size_t C = (size_t)channels;
    int x0 = x < 0 ? -x : 0,
        x1 = from.width - x < to.width ? from.width - x : to.width; /* inside: x0 <= . < x1 */
    memset(dst, fill, (size_t)to.width * (size_t)to.height * C);
    for (int r = 0; r < to.height && x0 < x1; r++) {
        if (y + r < 0 || y + r >= from.height) continue;
        memcpy(dst + ((size_t)r * (size_t)to.width + (size_t)x0) * C,
               src + ((size_t)(y + r) * (size_t)from.width + (size_t)(x + x0)) * C,
               (size_t)(x1 - x0) * C);
    }
}

/* round(d / 2), halves to even, as Python rounds. */
static int half(int d)
{
    int down_half = d >= 0 ? d / 2 : -((1 - d) / 2);
    return d % 2 ? down_half + (down_half & 1) : down_half;
}

void fab_crop_centre_u8(const uint8_t *src, fab_size from, int channels, uint8_t *dst, int n,
                        uint8_t fill)
{
    fab_crop_u8(src, from, channels, half(from.width - n), half(from.height - n), dst,
                (fab_size){ n, n }, fill);
}

void fab_pad_square_u8(const uint8_t *src, fab_size from, int channels, uint8_t *dst, uint8_t fill)
{
    int side = from.width > from.height ? from.width : from.height;
    fab_crop_u8(src, from, channels, -((side - from.width) / 2), -((side - from.height) / 2), dst,
                (fab_size){ side, side }, fill);
}
