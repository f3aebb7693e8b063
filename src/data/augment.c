/* augment: one view of a picture. See augment.h.
 *
 * Contrast, brightness and gamma are one table of 256 entries applied to the source bytes, so
 * the loop over pixels only interpolates. Every random number is drawn in a fixed order whatever
 * the options are.
 */
#include "data/augment.h"

#include <math.h>
#include <string.h>

static float spread(fab_rng *r, float by) /* uniform in -by..by */
{
    return (2 * fab_rng_uniform(r) - 1) * by;
}

static void draw_geometry(fab_rng *r, const fab_augment_opts *o, fab_warp *w)
{
    float scale = o->scale_min + (o->scale_max - o->scale_min) * fab_rng_uniform(r);
    float stretch = expf(spread(r, logf(1 + o->aspect)) / 2);
    float angle = spread(r, o->rotate_deg) * 0.01745329252f;
    float free = fabsf(1 - scale) / 2;
    float tx = spread(r, free) + spread(r, o->shift), ty = spread(r, free) + spread(r, o->shift);
    bool flip = fab_rng_uniform(r) < o->flip, flop = fab_rng_uniform(r) < o->flip_vertical;
    uint32_t turns = fab_rng_below(r, 4);

    float c = cosf(angle), s = sinf(angle), sx = scale * stretch, sy = scale / stretch;
    for (uint32_t i = 0; o->quarter_turns && i < turns; i++) {
        float t = c;
        c = -s, s = t;
    }
    float fx = flip ? -1.0f : 1.0f, fy = flop ? -1.0f : 1.0f;
    float m[4] = { sx * c * fx, -sx * s * fy, sy * s * fx, sy * c * fy };
    w->m[0] = m[0], w->m[1] = m[1], w->m[2] = 0.5f + tx - (m[0] + m[1]) / 2;
    w->m[3] = m[2], w->m[4] = m[3], w->m[5] = 0.5f + ty - (m[2] + m[3]) / 2;
    w->mirrored = flip != flop;
}

fab_square fab_square_about(float x0, float y0, float x1, float y1, float margin)
{
    float side = fmaxf(x1 - x0, y1 - y0) * (1 + 2 * margin);
    fab_square s = { .side = fminf(fmaxf(side, FAB_SQUARE_LEAST), 1) };
    float half = s.side / 2;
    s.x = fminf(fmaxf((x0 + x1) / 2, half), 1 - half);
    s.y = fminf(fmaxf((y0 + y1) / 2, half), 1 - half);
    return s;
}

fab_square fab_square_of(const uint8_t *hit, int side, float margin)
{
    int x0 = side, y0 = side, x1 = 0, y1 = 0;
    for (int i = 0; i < side * side; i++) {
        if (!hit[i]) continue;
        int x = i % side, y = i / side;
        x0 = x < x0 ? x : x0, x1 = x >= x1 ? x + 1 : x1;
        y0 = y < y0 ? y : y0, y1 = y >= y1 ? y + 1 : y1;
    }
    const float s = (float)side;
    if (!x1) return (fab_square){ 0 };
    return fab_square_about((float)x0 / s, (float)y0 / s, (float)x1 / s, (float)y1 / s, margin);
}

static void within(const fab_square *s, fab_warp *w)
{
    if (s->side <= 0) return;
    for (int i = 0; i < 6; i++) w->m[i] *= s->side;
    w->m[2] += s->x - s->side / 2;
    w->m[5] += s->y - s->side / 2;
}

static void draw_table(fab_rng *r, const fab_augment_opts *o, float table[256])
{
    float contrast = 1 + spread(r, o->contrast), bright = spread(r, o->brightness);
    float gamma = expf(spread(r, logf(1 + o->gamma)));
    for (int i = 0; i < 256; i++) {
        float v = ((float)i / 255 - 0.5f) * contrast + 0.5f + bright;
        v = v < 0 ? 0 : v > 1 ? 1 : v;
        table[i] =
            gamma == 1.0f ? v : powf(v, gamma); /* gamma 1 exactly: no round trip through powf */
    }
}

/* Four source pixels and their weights; those outside the picture are black. */
static void sample(const uint8_t *rgb, int in, float u, float v, const float table[256],
                   float out[3])
{
    float x = u * (float)in - 0.5f, y = v * (float)in - 0.5f;
    out[0] = out[1] = out[2] = table[0];
    if (!(x > -1 && y > -1 && x < (float)in && y < (float)in)) return;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - (float)x0, fy = y - (float)y0;
    float w[4] = { (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy };
    if (x0 >= 0 && y0 >= 0 && x0 + 1 < in && y0 + 1 < in) {
        const uint8_t *p = rgb + ((size_t)y0 * (size_t)in + (size_t)x0) * 3,
                      *q = p + (size_t)in * 3;
        for (int c = 0; c < 3; c++)
            out[c] = w[0] * table[p[c]] + w[1] * table[p[c + 3]] + w[2] * table[q[c]] +
                     w[3] * table[q[c + 3]];
        return;
    }
    for (int c = 0; c < 3; c++) out[c] = 0;
    for (int k = 0; k < 4; k++) {
        int xx = x0 + (k & 1), yy = y0 + (k >> 1);
        bool inside = xx >= 0 && yy >= 0 && xx < in && yy < in;
        const uint8_t *p = rgb + (inside ? ((size_t)yy * (size_t)in + (size_t)xx) * 3 : 0);
        for (int c = 0; c < 3; c++) out[c] += w[k] * table[inside ? p[c] : 0];
    }
}

static void saturate(float *rgb, float factor)
{
    float grey = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    for (int c = 0; c < 3; c++) rgb[c] = grey + factor * (rgb[c] - grey);
}

/* About normal: four 16-bit uniforms summed, variance 1/3 of a unit each. */
static float rough_normal(fab_rng *r)
{
    uint64_t u = fab_rng_u64(r);
    float s = (float)(u & 0xffff) + (float)(u >> 16 & 0xffff) + (float)(u >> 32 & 0xffff) +
              (float)(u >> 48);
    return (s / 65536 - 2) * 1.7320508f;
}

/* [1 2 1] / 4 along one line of n pixels, stride floats apart, ends repeated. */
static void blur_line(float *p, int n, size_t stride)
{
    float before = p[0];
    for (int i = 0; i < n; i++) {
        float here = p[(size_t)i * stride], next = p[(size_t)(i + 1 < n ? i + 1 : i) * stride];
        p[(size_t)i * stride] = (before + 2 * here + next) / 4;
        before = here;
    }
}

static void blur(float *out, int side)
{
    size_t row = (size_t)side * 3;
    for (int y = 0; y < side; y++)
        for (size_t c = 0; c < 3; c++) blur_line(out + (size_t)y * row + c, side, 3);
    for (size_t x = 0; x < row; x++) blur_line(out + x, side, row);
}

static void cut_out(fab_rng *r, float *out, int side)
{
    int n = side / 8 + (int)fab_rng_below(r, (uint32_t)(side / 8 + 1));
    int x0 = (int)fab_rng_below(r, (uint32_t)(side - n + 1)),
        y0 = (int)fab_rng_below(r, (uint32_t)(side - n + 1));
    for (int y = y0; y < y0 + n; y++)
        for (int x = x0 * 3; x < (x0 + n) * 3; x++)
            out[(size_t)y * (size_t)side * 3 + (size_t)x] = 0.5f;
}

static void finish(fab_rng *r, float *out, int side, float noise)
{
    size_t n = (size_t)side * (size_t)side;
    for (size_t i = 0; i < n; i++) {
        float e = noise > 0 ? noise * rough_normal(r) : 0;
        for (size_t c = 0; c < 3; c++) {
            float v = out[i * 3 + c] + e;
            v = v < 0 ? 0 : v > 1 ? 1 : v;
            out[i * 3 + c] = (v - 0.5f) / 0.5f;
        }
    }
}

void fab_augment(fab_rng *rng, const fab_augment_opts *o, const uint8_t *rgb, int in, int side,
                 float *out, fab_warp *warp)
{
    fab_warp w;
    float table[256];
    draw_geometry(rng, o, &w);
    within(&o->part, &w);
    draw_table(rng, o, table);
    float colour = 1 + spread(rng, o->saturation), noise = fab_rng_uniform(rng) * o->noise;
    bool soft = fab_rng_uniform(rng) < o->blur, cut = fab_rng_uniform(rng) < o->cutout;

    float step = 1 / (float)side;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            float px = ((float)x + 0.5f) * step, py = ((float)y + 0.5f) * step;
            float *p = out + ((size_t)y * (size_t)side + (size_t)x) * 3;
            sample(rgb, in, w.m[0] * px + w.m[1] * py + w.m[2], w.m[3] * px + w.m[4] * py + w.m[5],
                   table, p);
            if (colour != 1.0f) saturate(p, colour);
        }
    if (soft) blur(out, side);
    if (cut) cut_out(rng, out, side);
    finish(rng, out, side, noise);
    if (warp) *warp = w;
}

void fab_to_float(const uint8_t *rgb, int side, float *out)
{
    size_t n = (size_t)side * (size_t)side * 3;
    for (size_t i = 0; i < n; i++) out[i] = ((float)rgb[i] / 255 - 0.5f) / 0.5f;
}
