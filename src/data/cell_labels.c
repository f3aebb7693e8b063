/* cell_labels: targets on a grid. See cell_labels.h. */
#include "data/cell_labels.h"

#include <string.h>

enum { MAX_SAMPLES = 8 }; /* along each side of a cell */

/* Places are counted label by label; a cell with no sample of a label has 0 of it. */
static void add_sample(const fab_case *c, float u, float v, bool mirrored, float share, float *cell)
{
    if (!(u >= 0 && v >= 0 && u < 1 && v < 1)) return;
    if (c->map) {
        int at = c->map[(int)(v * FAB_MAP_SIDE) * FAB_MAP_SIDE + (int)(u * FAB_MAP_SIDE)];
        if (at) cell[mirrored ? fab_labels[at - 1].mirror : at - 1] += share;
        return;
    }
    uint64_t hit = 0; /* boxes of one label overlap: count the place once */
    for (int b = 0; b < c->n_boxes; b++) {
        const fab_box *x = &c->boxes[b];
        if (u < x->x || v < x->y || u >= x->x + x->w || v >= x->y + x->h || hit >> x->label & 1)
            continue;
        hit |= (uint64_t)1 << x->label;
        cell[mirrored ? fab_labels[x->label].mirror : x->label] += share;
    }
}

static void fill_cell(const fab_case *c, const fab_warp *w, int G, int row, int col, float *cell)
{
    int k = (FAB_MAP_SIDE + G - 1) / G;
    k = k < 1 ? 1 : k > MAX_SAMPLES ? MAX_SAMPLES : k;
    float share = 1 / (float)(k * k);
    for (int j = 0; j < k; j++)
        for (int i = 0; i < k; i++) {
            float x = ((float)col + ((float)i + 0.5f) / (float)k) / (float)G;
            float y = ((float)row + ((float)j + 0.5f) / (float)k) / (float)G;
            float u = w ? w->m[0] * x + w->m[1] * y + w->m[2] : x,
                  v = w ? w->m[3] * x + w->m[4] * y + w->m[5] : y;
            add_sample(c, u, v, w && w->mirrored, share, cell);
        }
}

void fab_dense_target(const fab_case *c, const fab_warp *warp, int G, float *target)
{
    bool mirrored = warp && warp->mirrored;
    for (int row = 0; row < G; row++)
        for (int col = 0; col < G; col++) {
            float *cell = target + ((size_t)row * (size_t)G + (size_t)col) * FAB_LABELS_SPATIAL;
            memset(cell, 0, FAB_LABELS_SPATIAL * sizeof *cell);
            if (c->dense_known) fill_cell(c, warp, G, row, col, cell);
            for (int l = 0; l < FAB_LABELS_SPATIAL; l++)
                if (!(c->dense_known >> (mirrored ? fab_labels[l].mirror : l) & 1)) cell[l] = -1;
        }
}

void fab_presence_target(const fab_case *c, const fab_warp *warp, float out[FAB_LABELS])
{
    for (int l = 0; l < FAB_LABELS; l++)
        out[l] = c->presence[warp && warp->mirrored ? fab_labels[l].mirror : l];
}
