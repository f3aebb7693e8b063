/* mini_lite0: the tower on a pretrained trunk.
 *
 *   EfficientNet-Lite0 trunk (lite0.c)       fine [B,G,G,112], coarse [B,G/2,G/2,320]
 *   linear of fine, linear of coarse         [B, G*G + G*G/4, D]
 *
 * Fine cells tell where, coarse ones have seen the most of ImageNet's depth; both are tokens of one
 * sequence, so that mini.c's transformer blocks let each read the other (as a feature pyramid does
 * by addition, Lin et al. 2017).
 *
 * still_trunk: a second trunk keeps the published weights, and the means of its maps go to the
 * class head in the place of the mean of the cells. Training on everything costs the trunk what
 * ImageNet gave it: a logistic regression on these 432 numbers tells melanoma with an AUC of 0.80
 * from the published trunk, of 0.72 from the trained one. A stage that names it (`only`) may train
 * it for that head alone.
 */
#include "zoo/mini_tower.h"

#include <math.h>

typedef struct {
    fab_lite0 trunk, still; /* still: only with cfg.still_trunk */
    fab_dense fine, coarse;
} tower;

static bool check(const fab_mini_config *c, fab_err *err)
{
    if (c->width < 1 || c->width > 4096)
        return fab_fail(err, FAB_EFORMAT, "the tower's width is %d, 1 to 4096 are possible",
                        c->width);
    return fab_lite0_check(&c->trunk, err);
}

static int width(const fab_mini_config *c) { return c->width; }

static int cells(const fab_mini_config *c)
{
    int fine = fab_mini_grid(c), coarse = fine / 2;
    return fine * fine + coarse * coarse;
}

static int pooled_features(const fab_mini_config *c)
{
    return c->trunk.widths[FAB_LITE0_FINE] + c->trunk.widths[FAB_LITE0_GROUPS];
}

static bool make(fab_mini *m, fab_arena *a, fab_err *err)
{
    tower *t = m->tower = fab_arena_zero(a, sizeof *t, err);
    return t && fab_lite0_init(&t->trunk, a, &m->cfg.trunk, err) &&
           (!m->cfg.still_trunk || fab_lite0_init(&t->still, a, &m->cfg.trunk, err));
}

static void params(fab_params *p, fab_mini *m)
{
    tower *t = m->tower;
    const int *widths = m->cfg.trunk.widths;
    size_t trunk = fab_params_enter(p, "trunk.");
    fab_lite0_params(p, &t->trunk);
    fab_params_leave(p, trunk);
    if (m->cfg.still_trunk) {
        size_t still = fab_params_enter(p, "still.");
        fab_lite0_params(p, &t->still);
        fab_params_leave(p, still);
    }
    fab_dense_params(p, &t->fine, "fine", widths[FAB_LITE0_FINE], m->cfg.width, true,
                     FAB_INIT_XAVIER);
    fab_dense_params(p, &t->coarse, "coarse", widths[FAB_LITE0_GROUPS], m->cfg.width, true,
                     FAB_INIT_XAVIER);
}

static fab_tensor *as_cells(fab_ctx *c, const fab_dense *l, fab_tensor *map)
{
    fab_tensor *y = fab_dense_forward(c, l, map);
    return y ? fab_reshape(c, y, FAB_SHAPE(y->shape[0], y->shape[1] * y->shape[2], y->shape[3]))
             : NULL;
}

static fab_tensor *cell_mean(fab_ctx *c, fab_tensor *map) /* [B,h,w,C] -> [B,C] */
{
    if (!map) return NULL;
    const int64_t *n = map->shape;
    return fab_mean(c, fab_reshape(c, map, FAB_SHAPE(n[0], n[1] * n[2], n[3])), 1);
}

static fab_tensor *glance(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop)
{
    fab_lite0_maps maps = fab_lite0_forward(c, &((const tower *)m->tower)->still, pixels, drop);
    return fab_concat(c, cell_mean(c, maps.fine), cell_mean(c, maps.coarse), 1);
}

static fab_tensor *forward(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop,
                           fab_tensor **pooled)
{
    const tower *t = m->tower;
    fab_lite0_maps maps = fab_lite0_forward(c, &t->trunk, pixels, drop);
    if (m->cfg.still_trunk) *pooled = glance(c, m, pixels, 0);
    fab_tensor *fine = as_cells(c, &t->fine, maps.fine);
    return fab_concat(c, fine, as_cells(c, &t->coarse, maps.coarse), 1);
}

static int texture_width(const fab_mini_config *c)
{
    return 2 * (c->trunk.widths[FAB_LITE0_FINEST] + c->trunk.widths[FAB_LITE0_FINE]);
}

/* map [B,h,w,C]: out of picture b, stride apart, is means [C], then deviations [C]. */
static void spread(const fab_tensor *map, int64_t stride, float *out)
{
    int64_t cells = map->shape[1] * map->shape[2], C = map->shape[3];
    for (int64_t b = 0; b < map->shape[0]; b++)
        for (int64_t k = 0; k < C; k++) {
            const float *x = fab_f32(map) + b * cells * C + k;
            double sum = 0, square = 0;
            for (int64_t i = 0; i < cells; i++) sum += (double)x[i * C];
            sum /= (double)cells;
            for (int64_t i = 0; i < cells; i++)
                square += ((double)x[i * C] - sum) * ((double)x[i * C] - sum);
            out[b * stride + k] = (float)sum;
            out[b * stride + C + k] = (float)sqrt(square / (double)cells);
        }
}

static bool texture(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float *out)
{
    const tower *t = m->tower;
    fab_lite0_maps maps =
        fab_lite0_forward(c, m->cfg.still_trunk ? &t->still : &t->trunk, pixels, 0);
    if (!maps.finest || !maps.fine) return false;
    spread(maps.finest, texture_width(&m->cfg), out);
    spread(maps.fine, texture_width(&m->cfg), out + 2 * maps.finest->shape[3]);
    return true;
}

static bool fill(fab_mini *m, const fab_weights *w, fab_start which, fab_err *err)
{
    tower *t = m->tower;
    return (which == FAB_START_STILL || fab_lite0_fill(&t->trunk, w, err)) &&
           (!m->cfg.still_trunk || fab_lite0_fill(&t->still, w, err));
}

const fab_mini_tower fab_mini_lite0 = {
    .name = "lite0",
    .check = check,
    .width = width,
    .cells = cells,
    .pooled = pooled_features,
    .texture_width = texture_width,
    .texture = texture,
    .make = make,
    .params = params,
    .forward = forward,
    .glance = glance,
    .fill = fill,
};
