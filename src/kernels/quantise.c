/* quantise: f32 to GGUF's blocks (blocks.h has the layouts). Plain C, compiled once; speed is no
 * concern here.
 *
 *   q8_0        d = max|x| / 127, q rounds half away from zero
 *   q4_0, q5_0  d = (the x of largest size) / -8 or -16, q = floor(x/d + 8.5 or 16.5)
 *   q4_1, q5_1  d = (max - min) / 15 or 31, m = min
 *
 * K types: every sub-block is fitted first, x ~ s q + m, by trying several steps and solving the
 * weighted least squares for each; then the sub-blocks' s and m are themselves rounded to 6 (q4_K,
 * q5_K) or 8 bits (q6_K) under one scale per 256, and q is chosen again under what is left. The
 * weight of x is |x| + sqrt(mean x^2): large values matter more.
 */
#include "kernels/quantise.h"
#include <math.h>
#include "base/bytes.h"

enum { SUPER = 256, MOST_SUB = 32 };

static void put_half(uint8_t *p, float f)
{
    uint16_t h = fab_f32_f16(f);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
}

static float half_of(const uint8_t *p) { return fab_f16_f32(fab_le16(p)); }

static int clamp(float x, int most) /* of x already shifted for rounding down */
{
    return x < 0 ? 0 : x >= (float)most ? most : (int)x;
}

/* ---- blocks of 32 -------------------------------------------------------------------------------------------- */

static void put_q8_0(const float *x, uint8_t *y)
{
    float top = 0;

    for (int i = 0; i < 32; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    float d = top / 127.0f, inv = d > 0 ? 1.0f / d : 0.0f;
    put_half(y, d);
    for (int i = 0; i < 32; i++) y[2 + i] = (uint8_t)(int8_t)(x[i] * inv + copysignf(0.5f, x[i]));
}

static void put_nibbles(const uint8_t *q, int n, uint8_t *y) /* 2n -> n bytes */
{
    for (int i = 0; i < n; i++) y[i] = (uint8_t)((q[i] & 15) | (q[i + n] & 15) << 4);
}

static void put_fifth(const uint8_t *q, uint8_t *y)
{
    uint32_t bits = 0;

    for (int i = 0; i < 32; i++) bits |= (uint32_t)(q[i] >> 4 & 1) << i;
    fab_put_le32(y, bits);
}

static void put_centred(const float *x, int half, uint8_t *y) /* q4_0, q5_0 */
{
    float top = 0;
    uint8_t q[32];

    for (int i = 0; i < 32; i++)
        if (fabsf(x[i]) > fabsf(top)) top = x[i];
    float d = top / (float)-half, inv = d != 0 ? 1.0f / d : 0.0f;
    put_half(y, d);
    for (int i = 0; i < 32; i++)
        q[i] = (uint8_t)clamp(x[i] * inv + (float)half + 0.5f, 2 * half - 1);
    if (half == 16) put_fifth(q, y + 2);
    put_nibbles(q, 16, y + (half == 16 ? 6 : 2));
}

static void put_ranged(const float *x, int most, uint8_t *y) /* q4_1, q5_1 */
{
    float low = x[0], high = x[0];
    uint8_t q[32];

    for (int i = 1; i < 32; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float d = (high - low) / (float)most, inv = d != 0 ? 1.0f / d : 0.0f;
    put_half(y, d);
    put_half(y + 2, low);
    for (int i = 0; i < 32; i++) q[i] = (uint8_t)clamp((x[i] - low) * inv + 0.5f, most);
    if (most == 31) put_fifth(q, y + 4);
    put_nibbles(q, 16, y + (most == 31 ? 8 : 4));
}

/* ---- blocks of 256 ------------------------------------------------------------------------------------------- */

typedef struct {
    float s, m;
} fit; /* x ~ s q + m */

static void weights_of(const float *x, int n, float *w)
{
    float square = 0;

    for (int i = 0; i < n; i++) square += x[i] * x[i];
    float mean = sqrtf(square / (float)n);
    for (int i = 0; i < n; i++) w[i] = fabsf(x[i]) + mean;
}

static float fit_error(const float *x, const float *w, int n, int most, fit f)
{
    float sum = 0, inv = f.s > 0 ? 1.0f / f.s : 0.0f;

    for (int i = 0; i < n; i++) {
        float d = x[i] - f.m - f.s * (float)clamp((x[i] - f.m) * inv + 0.5f, most);
        sum += w[i] * d * d;
    }
    return sum;
}

/* The least squares s and m <= 0 for q as a step of `step` above m gives them. */
static fit solve(const float *x, const float *w, int n, int most, fit from)
{
    double sw = 0, sx = 0, sq = 0, sqq = 0, sqx = 0;
    float inv = from.s > 0 ? 1.0f / from.s : 0.0f;

    for (int i = 0; i < n; i++) {
        double q = clamp((x[i] - from.m) * inv + 0.5f, most), wi = w[i];
        sw += wi, sx += wi * x[i], sq += wi * q, sqq += wi * q * q, sqx += wi * q * x[i];
    }
    double det = sw * sqq - sq * sq;
    if (!(det > 0)) return from;
    fit f = { (float)((sw * sqx - sq * sx) / det), (float)((sqq * sx - sq * sqx) / det) };
    if (f.m > 0) f = (fit){ sqq > 0 ? (float)(sqx / sqq) : 0.0f, 0 };
    return f.s > 0 ? f : from;
}

static fit fit_ranged(const float *x, int n, int most)
{
    float w[MOST_SUB], low = 0, high = x[0];

    for (int i = 0; i < n; i++) low = fminf(low, x[i]), high = fmaxf(high, x[i]);
    weights_of(x, n, w);
    if (!(high > low)) return (fit){ 0, low };
    fit best = { (high - low) / (float)most, low };
    float least = fit_error(x, w, n, most, best);
    for (int t = -10; t <= 10; t++) {
        fit f = solve(x, w, n, most, (fit){ (high - low) / ((float)most + 0.1f * (float)t), low });
        float e = fit_error(x, w, n, most, f);
        if (e < least) least = e, best = f;
    }
    return best;
}

/* A number in 0..63, 6 of its bits where q4_K and q5_K keep the j-th of 8 scales and mins. */
static void put_scales8(uint8_t *b, int j, int s, int m)
{
    if (j < 4) b[j] |= (uint8_t)s, b[j + 4] |= (uint8_t)m;
    else {
        b[j + 4] |= (uint8_t)((s & 15) | (m & 15) << 4);
        b[j - 4] |= (uint8_t)(s >> 4 << 6);
        b[j] |= (uint8_t)(m >> 4 << 6);
    }
}

static void put_45k(const float *x, int most, uint8_t *y)
{
    fit f[8];
    float top_s = 0, top_m = 0;
    uint8_t q[SUPER], *high = y + 16, *qs = y + (most == 31 ? 48 : 16);

    for (int j = 0; j < 8; j++) {
        f[j] = fit_ranged(x + 32 * j, 32, most);
        top_s = fmaxf(top_s, f[j].s), top_m = fmaxf(top_m, -f[j].m);
    }
    put_half(y, top_s / 63.0f);
    put_half(y + 2, top_m / 63.0f);
    memset(y + 4, 0, most == 31 ? 44 : 12);
    float d = half_of(y), dmin = half_of(y + 2);
    for (int j = 0; j < 8; j++) {
        int s = d > 0 ? clamp(f[j].s / d + 0.5f, 63) : 0,
            m = dmin > 0 ? clamp(-f[j].m / dmin + 0.5f, 63) : 0;
        float step = d * (float)s, inv = step > 0 ? 1.0f / step : 0.0f;
        put_scales8(y + 4, j, s, m);
        for (int i = 0; i < 32; i++)
            q[32 * j + i] = (uint8_t)clamp((x[32 * j + i] + dmin * (float)m) * inv + 0.5f, most);
    }
    for (int g = 0; g < 4; g++) put_nibbles(q + 64 * g, 32, qs + 32 * g);
    for (int j = 0; j < 8 && most == 31; j++)
        for (int i = 0; i < 32; i++) high[i] |= (uint8_t)((q[32 * j + i] >> 4) << j);
}

static float nearest(float x, int low, int high)
{
    float r = floorf(x + 0.5f);
    return r < (float)low ? (float)low : r > (float)high ? (float)high : r;
}

/* s of x ~ s q, q in -32..31, signed like the largest value's opposite so that it can reach -32 */
static float fit_centred(const float *x, int n)
{
    float w[MOST_SUB], top = 0, best = 0, most = 0;

    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(top)) top = x[i];
    if (fabsf(top) < 1e-30f) return 0;
    weights_of(x, n, w);
    for (int t = -9; t <= 9; t++) {
        float inv = -(32.0f + 0.1f * (float)t) / top, xq = 0, qq = 0;
        for (int i = 0; i < n; i++) {
            float q = nearest(x[i] * inv, -32, 31);
            xq += w[i] * x[i] * q, qq += w[i] * q * q;
        }
        if (qq > 0 && xq * xq > most * qq) most = xq * xq / qq, best = xq / qq;
    }
    return best;
}

static void put_6k(const float *x, uint8_t *y)
{
    float s[16], top = 0;
    int q[SUPER];

    for (int j = 0; j < 16; j++) {
        s[j] = fit_centred(x + 16 * j, 16);
        if (fabsf(s[j]) > fabsf(top)) top = s[j];
    }
    put_half(y + 208, top / -128.0f);
    float d = half_of(y + 208);
    for (int j = 0; j < 16; j++) {
        int sc = d != 0 ? (int)nearest(s[j] / d, -128, 127) : 0;
        float step = d * (float)sc, inv = step != 0 ? 1.0f / step : 0.0f;
        y[192 + j] = (uint8_t)(int8_t)sc;
        for (int i = 16 * j; i < 16 * j + 16; i++) q[i] = (int)nearest(x[i] * inv, -32, 31) + 32;
    }
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < 32; i++) {
            const int *p = q + 128 * h + i;
            y[64 * h + i] = (uint8_t)((p[0] & 15) | (p[64] & 15) << 4);
            y[64 * h + i + 32] = (uint8_t)((p[32] & 15) | (p[96] & 15) << 4);
            y[128 + 32 * h + i] =
                (uint8_t)(p[0] >> 4 | p[32] >> 4 << 2 | p[64] >> 4 << 4 | p[96] >> 4 << 6);
        }
}

static void put_block(fab_dtype to, const float *x, uint8_t *y)
{
    switch (to) {
    case FAB_Q8_0: put_q8_0(x, y); return;
    case FAB_Q4_0: put_centred(x, 8, y); return;
    case FAB_Q5_0: put_centred(x, 16, y); return;
    case FAB_Q4_1: put_ranged(x, 15, y); return;
    case FAB_Q5_1: put_ranged(x, 31, y); return;
    case FAB_Q4_K: put_45k(x, 15, y); return;
    case FAB_Q5_K: put_45k(x, 31, y); return;
    default: put_6k(x, y); /* FAB_Q6_K */
    }
}

bool fab_quantise(fab_dtype to, const float *x, void *y, int64_t n)
{
    int64_t size = fab_dtype_block(to), bytes = fab_dtype_bytes(to);

    if (!fab_dtype_is_quantised(to) || to == FAB_Q2_K || to == FAB_Q3_K || n % size) return false;
    for (int64_t b = 0; b < n / size; b++) put_block(to, x + b * size, (uint8_t *)y + b * bytes);
    return true;
}

/* Where a block's one or two f16 lie. */
static int scale_at(fab_dtype t)
{
    return t == FAB_Q2_K ? 80 : t == FAB_Q3_K ? 108 : t == FAB_Q6_K ? 208 : 0;
}

static bool has_two(fab_dtype t)
{
    return t == FAB_Q4_1 || t == FAB_Q5_1 || t == FAB_Q2_K || t == FAB_Q4_K || t == FAB_Q5_K;
}

bool fab_quantised_finite(fab_dtype type, const void *x, int64_t n)
{
    int64_t blocks = n / fab_dtype_block(type), bytes = fab_dtype_bytes(type);
    const uint8_t *p = (const uint8_t *)x + scale_at(type);
    const int two = has_two(type) ? 2 : 0; /* else the same one again */
    unsigned bad = 0;

    for (int64_t b = 0; b < blocks; b++, p += bytes)
        bad |= ((p[1] & 0x7cu) == 0x7cu) | ((p[1 + two] & 0x7cu) == 0x7cu);
    return !bad;
}
