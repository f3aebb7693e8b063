/* mini_residual: the tower that starts from nothing.
 *
 *     stem     3x3/2 conv, norm, gelu, 3x3/2 conv                          S/4
 *     stage i  (3x3/2 conv between)                                        S/4, S/8, S/16
 *              depth x [ x + conv(gelu(norm(conv(gelu(norm x))))) ]
 *
 * He et al. 2016 blocks, pre-activated; LayerNorm over channels instead of batch statistics, so
 * that a batch of one is a batch of many.
 */
#include "zoo/mini_tower.h"

enum { STEM = 32 };

typedef struct {
    fab_norm norm1, norm2;
    fab_conv_layer conv1, conv2;
} res_block;

typedef struct {
    fab_conv_layer down; /* stages 1, 2 */
    res_block *blocks;
} stage;

typedef struct {
    fab_conv_layer stem1, stem2;
    fab_norm stem_norm;
    stage stages[3];
} tower;

static bool check(const fab_mini_config *c, fab_err *err)
{
    for (int i = 0; i < 3; i++)
        if (c->widths[i] < 1 || c->widths[i] > 4096 || c->depths[i] < 0 || c->depths[i] > 64)
            return fab_fail(err, FAB_EFORMAT, "stage %d: width %d, depth %d", i, c->widths[i],
                            c->depths[i]);
    return true;
}

static int width(const fab_mini_config *c) { return c->widths[2]; }
static int cells(const fab_mini_config *c) { return fab_mini_grid(c) * fab_mini_grid(c); }

static bool make(fab_mini *m, fab_arena *a, fab_err *err)
{
    tower *t = m->tower = fab_arena_zero(a, sizeof *t, err);
    if (!t) return false;
    for (int i = 0; i < 3; i++) {
        t->stages[i].blocks = fab_arena_zero(a, (size_t)m->cfg.depths[i] * sizeof(res_block), err);
        if (!t->stages[i].blocks) return false;
    }
    return true;
}

static void res_params(fab_params *p, res_block *b, int64_t dim)
{
    const fab_conv_opts o = { .stride = 1, .pad = 1, .groups = 1 };
    fab_norm_params(p, &b->norm1, "norm1", dim, 1e-6f);
    fab_conv_params(p, &b->conv1, "conv1", dim, dim, 3, o, true);
    fab_norm_params(p, &b->norm2, "norm2", dim, 1e-6f);
    fab_conv_params(p, &b->conv2, "conv2", dim, dim, 3, o, true);
}

static void params(fab_params *p, fab_mini *m)
{
    const fab_mini_config *c = &m->cfg;
    const fab_conv_opts half = { .stride = 2, .pad = 1, .groups = 1 };
    tower *t = m->tower;
    fab_conv_params(p, &t->stem1, "stem1", 3, STEM, 3, half, true);
    fab_norm_params(p, &t->stem_norm, "stem_norm", STEM, 1e-6f);
    fab_conv_params(p, &t->stem2, "stem2", STEM, c->widths[0], 3, half, true);
    for (int i = 0; i < 3; i++) {
        size_t mark = fab_params_enter(p, "stages.%d.", i);
        if (i)
            fab_conv_params(p, &t->stages[i].down, "down", c->widths[i - 1], c->widths[i], 3, half,
                            true);
        for (int j = 0; j < c->depths[i]; j++) {
            size_t block = fab_params_enter(p, "blocks.%d.", j);
            res_params(p, &t->stages[i].blocks[j], c->widths[i]);
            fab_params_leave(p, block);
        }
        fab_params_leave(p, mark);
    }
}

static fab_tensor *res_forward(fab_ctx *c, const res_block *b, fab_tensor *x, float drop)
{
    fab_tensor *h = fab_gelu(c, fab_norm_forward(c, &b->norm1, x), FAB_GELU_TANH);
    h = fab_conv_layer_forward(c, &b->conv1, h);
    h = fab_gelu(c, fab_norm_forward(c, &b->norm2, h), FAB_GELU_TANH);
    h = fab_conv_layer_forward(c, &b->conv2, h);
    return fab_add(c, x, fab_drop_path(c, h, drop));
}

static fab_tensor *forward(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop,
                           fab_tensor **pooled)
{
    *pooled = NULL;
    const tower *t = m->tower;
    int64_t B = pixels ? pixels->shape[0] : 0;
    fab_tensor *x = fab_conv_layer_forward(c, &t->stem1, pixels);
    x = fab_gelu(c, fab_norm_forward(c, &t->stem_norm, x), FAB_GELU_TANH);
    x = fab_conv_layer_forward(c, &t->stem2, x);
    for (int i = 0; i < 3; i++) {
        if (i) x = fab_conv_layer_forward(c, &t->stages[i].down, x);
        for (int j = 0; j < m->cfg.depths[i]; j++)
            x = res_forward(c, &t->stages[i].blocks[j], x, i ? drop : 0);
    }
    return fab_reshape(c, x, FAB_SHAPE(B, cells(&m->cfg), width(&m->cfg)));
}

const fab_mini_tower fab_mini_residual = {
    .name = "residual",
    .check = check,
    .width = width,
    .cells = cells,
    .make = make,
    .params = params,
    .forward = forward,
};
