/* leaves: see leaves.h. */
#include "engine/leaves.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
    float base[3], spread; /* colours: base + common and own deviation */
} palette;

static uint8_t byte_of(float v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5f); }

static float pick(fab_rng *r, const float *from, uint32_t n) { return from[fab_rng_below(r, n)]; }

static void colour(fab_rng *r, const palette *p, uint8_t out[3])
{
    static const float own[] = { 0.1f, 0.3f, 1.0f };
    float common = fab_rng_normal(r) * p->spread, each = p->spread * pick(r, own, 3);
    for (int j = 0; j < 3; j++) out[j] = byte_of(p->base[j] + common + fab_rng_normal(r) * each);
}

typedef struct {
    float x, y, a, b, c, s; /* centre, half axes, cosine and sine of its turn */
    bool round;
    uint8_t rgb[3];
} leaf;

static void drop(const leaf *l, int side, uint8_t *rgb)
{
    float reach = l->a > l->b ? l->a : l->b;
    reach *= l->round ? 1.0f : 1.42f;
    int x0 = (int)fmaxf(0, l->x - reach), x1 = (int)fminf((float)side - 1, l->x + reach);
    int y0 = (int)fmaxf(0, l->y - reach), y1 = (int)fminf((float)side - 1, l->y + reach);
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++) {
            float dx = (float)x - l->x, dy = (float)y - l->y;
            float u = (dx * l->c + dy * l->s) / l->a, v = (dy * l->c - dx * l->s) / l->b;
            bool in = l->round ? u * u + v * v <= 1 : fabsf(u) <= 1 && fabsf(v) <= 1;
            if (in) memcpy(rgb + 3 * ((int64_t)y * side + x), l->rgb, 3);
        }
}

/* Sizes r with density r^-3 between least and side / 2: as many leaves of each size as fill the
 * same area. */
static void fall(fab_rng *r, const palette *p, int side, uint8_t *rgb)
{
    static const float least_of[] = { 0.008f, 0.02f, 0.05f },
                       flat_of[] = { 1, 1, 0.6f, 0.3f, 0.06f };
    static const int count_of[] = { 40, 150, 500, 1500 };
    float least = pick(r, least_of, 3) * (float)side, most = 0.5f * (float)side;
    int n = count_of[fab_rng_below(r, 4)];
    leaf ground = { .a = 4 * most, .b = 4 * most, .c = 1 };
    colour(r, p, ground.rgb);
    drop(&ground, side, rgb);
    for (int i = 0; i < n; i++) {
        float u = fab_rng_uniform(r), turn = 6.2831853f * fab_rng_uniform(r);
        leaf l = { .x = fab_rng_uniform(r) * (float)side,
                   .y = fab_rng_uniform(r) * (float)side,
                   .c = cosf(turn),
                   .s = sinf(turn) };
        l.a = 1 / sqrtf((1 - u) / (least * least) + u / (most * most));
        l.b = fmaxf(1, l.a * pick(r, flat_of, 5));
        l.round = fab_rng_below(r, 2) == 0;
        colour(r, p, l.rgb);
        drop(&l, side, rgb);
    }
}

/* Box means over (2 k + 1) squared, one axis at a time, in place. */
static void soften(uint8_t *rgb, int side, int k, float *line)
{
    for (int pass = 0; k && pass < 2; pass++)
        for (int i = 0; i < side; i++)
            for (int j = 0; j < 3; j++) {
                int64_t step = pass ? 3 * (int64_t)side : 3,
                        at = pass ? 3 * (int64_t)i : 3 * (int64_t)i * side;
                for (int t = 0; t < side; t++) {
                    int from = t - k < 0 ? 0 : t - k, to = t + k >= side ? side - 1 : t + k;
                    float sum = 0;
                    for (int q = from; q <= to; q++) sum += (float)rgb[at + q * step + j];
                    line[t] = sum / (float)(to - from + 1);
                }
                for (int t = 0; t < side; t++) rgb[at + t * step + j] = byte_of(line[t]);
            }
}

/* Octaves of value noise, cells of side/2, side/4 ... pixels, each weaker by 2^-slope: about
 * 1/f^slope. */
static void texture(fab_rng *r, int side, float slope, float strength, float *field)
{
    float grid[65 * 65], weight = 1, total = 0;
    memset(field, 0, (size_t)side * (size_t)side * sizeof *field);
    for (int cells = 64; cells >= 2; cells /= 2, weight *= exp2f(slope)) {
        for (int i = 0; i < (cells + 1) * (cells + 1); i++) grid[i] = fab_rng_normal(r);
        total += weight * weight;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                float gx = (float)x * (float)cells / (float)side,
                      gy = (float)y * (float)cells / (float)side;
                int ix = (int)gx, iy = (int)gy;
                const float *g = grid + iy * (cells + 1) + ix;
                float fx = gx - (float)ix, fy = gy - (float)iy;
                float top = g[0] + fx * (g[1] - g[0]),
                      low = g[cells + 1] + fx * (g[cells + 2] - g[cells + 1]);
                field[(int64_t)y * side + x] += weight * (top + fy * (low - top));
            }
    }
    float scale = 1.5f * strength / sqrtf(total);
    for (int64_t i = 0; i < (int64_t)side * side; i++) field[i] *= scale;
}

void fab_leaves(fab_rng *r, int side, uint8_t *rgb, float *scratch)
{
    static const float spreads[] = { 10, 30, 60, 100 }, strengths[] = { 0, 5, 15, 30 };
    static const int blurs[] = { 0, 1, 2, 5 };
    palette p = { .spread = pick(r, spreads, 4) };
    for (int j = 0; j < 3; j++) p.base[j] = 255 * fab_rng_uniform(r);
    fall(r, &p, side, rgb);
    soften(rgb, side, blurs[fab_rng_below(r, 4)], scratch);
    texture(r, side, 0.2f + 1.3f * fab_rng_uniform(r), pick(r, strengths, 4), scratch);
    float shade = 0.6f * fab_rng_uniform(r);
    bool grey = fab_rng_below(r, 6) == 0, turned = fab_rng_below(r, 2) == 0;
    for (int64_t i = 0; i < (int64_t)side * side; i++) {
        float at = (float)(i / side) / (float)side, light = 1 - shade * (turned ? 1 - at : at);
        uint8_t *q = rgb + 3 * i;
        for (int j = 0; j < 3; j++) q[j] = byte_of(((float)q[j] + scratch[i]) * light);
        if (grey) memset(q, (q[0] + q[1] + q[2]) / 3, 3);
    }
}
