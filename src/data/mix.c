/* mix: see mix.h. */
#include "data/mix.h"

#include <math.h>
#include <string.h>

void fab_mix_draw(fab_rng *rng, int n, int self, int G, fab_mix *m)
{
    *m = (fab_mix){ 0 };
    if (n < 2 || G < 2) return;
    int other = (int)fab_rng_below(rng, (uint32_t)(n - 1));
    int side = (int)lround((double)G * sqrt(1 - (double)fab_rng_uniform(rng)));
    side = side < 1 ? 1 : side > G - 1 ? G - 1 : side;
    m->mixed = true;
    m->other = other + (other >= self);
    m->x0 = (int)fab_rng_below(rng, (uint32_t)(G - side + 1));
    m->y0 = (int)fab_rng_below(rng, (uint32_t)(G - side + 1));
    m->x1 = m->x0 + side;
    m->y1 = m->y0 + side;
}

void fab_mix_paste(const fab_mix *m, int G, const float *from, float *to, int side, int channels)
{
    size_t per = (size_t)(side / G), row = (size_t)side * (size_t)channels;
    size_t first = (size_t)m->x0 * per * (size_t)channels,
           bytes = (size_t)(m->x1 - m->x0) * per * (size_t)channels * sizeof(float);
    for (size_t y = (size_t)m->y0 * per; y < (size_t)m->y1 * per; y++)
        memcpy(to + y * row + first, from + y * row + first, bytes);
}

/* 1 some cell shows the label, 0 all are known not to, -1 unknown. */
static int shown(const float *dense, int cells, int spatial, int label)
{
    enum { ONE_PART_IN = 10 }; /* of a cell: less may be the outline's other side */
    bool all = true;
    for (int i = 0; i < cells; i++) {
        float part = dense[i * spatial + label];
        if (part * ONE_PART_IN >= 1) return 1;
        if (part != 0) all = false;
    }
    return all ? 0 : -1;
}

void fab_mix_presence(const float *dense, int G, int spatial, int labels, const float *other,
                      float *to)
{
    for (int l = 0; l < labels; l++) {
        int seen = l < spatial ? shown(dense, G * G, spatial, l) : -1;
        bool neither = to[l] == 0 && other[l] == 0;
        bool agree = l >= spatial && to[l] == other[l];
        if (seen >= 0) to[l] = (float)seen;
        else if (!neither && !agree) to[l] = -1;
    }
}
