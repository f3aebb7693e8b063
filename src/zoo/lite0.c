/* lite0: the trunk of EfficientNet-Lite0 (Tan & Le 2019, "EfficientNet: Rethinking Model Scaling
 * for Convolutional Neural Networks"; the Lite variants drop squeeze-and-excitation and use ReLU6).
 * Its blocks are MobileNetV2's (Sandler et al. 2018):
 *
 *   x -> 1x1 to e times the channels, relu6 -> depthwise k x k, relu6 -> 1x1 to the group's width
 *   + x where the shape stays; without the first product when e = 1
 *
 *   group  blocks  width  e  stride  k    side
 *   stem        -     32  -       2  3    1/2
 *   0           1     16  1       1  3    1/2
 *   1           2     24  6       2  3    1/4
 *   2           2     40  6       2  5    1/8     -> finest
 *   3           3     80  6       2  3    1/16
 *   4           3    112  6       1  5    1/16    -> fine
 *   5           4    192  6       2  5    1/32
 *   6           1    320  6       1  3    1/32    -> coarse
 *
 * Strides count for a group's first block. Padding is TensorFlow's SAME: at stride 2 an even side
 * has its odd zero behind. Widths and depths are settings, the rest is the architecture.
 *
 * Weights: efficientnet-lite0-57934424.pth (Apache-2.0; `tools/get-weights` fetches it). Each
 * convolution there is followed by a batch norm, whose stored statistics are folded into it here:
 *
 *   w'[o] = w[o] g[o] / sqrt(var[o] + 1e-3),    b'[o] = beta[o] - mean[o] g[o] / sqrt(var[o] + 1e-3)
 *
 * so that training goes on without batch statistics and a batch of one is a batch of many. Against
 * the published network the input is (u8/255 - 0.5)/0.5 where that has mean 0.498, deviation 0.502.
 */
#include "zoo/lite0.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "zoo/source.h"

#define BN_EPS 1e-3f

enum { MOST_WIDTH = 4096, MOST_DEPTH = 64 };

static const struct {
    int expand, stride, kernel;
} groups[FAB_LITE0_GROUPS] = {
    { 1, 1, 3 }, { 6, 2, 3 }, { 6, 2, 5 }, { 6, 2, 3 }, { 6, 1, 5 }, { 6, 2, 5 }, { 6, 1, 3 },
};

typedef struct fab_lite0_block {
    fab_conv_layer expand, depthwise, project; /* no expand where e = 1 */
    int group, in, out, stride;
} block;

static bool expands(const block *b) { return groups[b->group].expand > 1; }

bool fab_lite0_check(const fab_lite0_config *c, fab_err *err)
{
    for (int i = 0; i <= FAB_LITE0_GROUPS; i++)
        if (c->widths[i] < 1 || c->widths[i] > MOST_WIDTH)
            return fab_fail(err, FAB_EFORMAT, "trunk: width %d is %d, 1 to %d are possible", i,
                            c->widths[i], MOST_WIDTH);
    for (int i = 0; i < FAB_LITE0_GROUPS; i++)
        if (c->depths[i] < 1 || c->depths[i] > MOST_DEPTH)
            return fab_fail(err, FAB_EFORMAT, "trunk: depth %d is %d, 1 to %d are possible", i,
                            c->depths[i], MOST_DEPTH);
    return true;
}

bool fab_lite0_init(fab_lite0 *t, fab_arena *a, const fab_lite0_config *cfg, fab_err *err)
{
    *t = (fab_lite0){ .cfg = *cfg };
    for (int g = 0; g < FAB_LITE0_GROUPS; g++) t->n_blocks += cfg->depths[g];
    t->blocks = fab_arena_zero(a, (size_t)t->n_blocks * sizeof *t->blocks, err);
    if (!t->blocks) return false;
    block *b = t->blocks;
    int in = cfg->widths[0];
    for (int g = 0; g < FAB_LITE0_GROUPS; g++)
        for (int i = 0; i < cfg->depths[g]; i++, b++) {
            *b = (block){ .group = g, .in = in, .out = cfg->widths[g + 1] };
            b->stride = i == 0 ? groups[g].stride : 1;
            in = b->out;
        }
    return true;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void block_params(fab_params *p, block *b)
{
    const int wide = b->in * groups[b->group].expand, k = groups[b->group].kernel;
    const fab_conv_opts one = { .stride = 1, .groups = 1 };
    fab_conv_opts up = one, deep = { .stride = b->stride, .pad = FAB_PAD_SAME, .groups = wide };
    up.relu6 = deep.relu6 = true;
    if (expands(b)) fab_conv_params(p, &b->expand, "expand", b->in, wide, 1, up, true);
    fab_conv_params(p, &b->depthwise, "depthwise", wide, wide, k, deep, true);
    fab_conv_params(p, &b->project, "project", wide, b->out, 1, one, true);
}

void fab_lite0_params(fab_params *p, fab_lite0 *t)
{
    const fab_conv_opts half = { .stride = 2, .pad = FAB_PAD_SAME, .groups = 1, .relu6 = true };
    fab_conv_params(p, &t->stem, "stem", 3, t->cfg.widths[0], 3, half, true);
    for (int i = 0; i < t->n_blocks; i++) {
        size_t mark = fab_params_enter(p, "blocks.%d.", i);
        block_params(p, &t->blocks[i]);
        fab_params_leave(p, mark);
    }
}

/* ---- forward --------------------------------------------------------------------------------- */

static fab_tensor *block_forward(fab_ctx *c, const block *b, fab_tensor *x, float drop)
{
    fab_tensor *h = expands(b) ? fab_conv_layer_forward(c, &b->expand, x) : x;
    h = fab_conv_layer_forward(c, &b->depthwise, h);
    h = fab_conv_layer_forward(c, &b->project, h);
    return b->stride == 1 && b->in == b->out ? fab_add(c, x, fab_drop_path(c, h, drop)) : h;
}

fab_lite0_maps fab_lite0_forward(fab_ctx *c, const fab_lite0 *t, fab_tensor *pixels, float drop)
{
    fab_lite0_maps maps = { 0 };
    fab_tensor *x = fab_conv_layer_forward(c, &t->stem, pixels);
    for (int i = 0; i < t->n_blocks; i++) {
        x = block_forward(c, &t->blocks[i], x, drop * (float)i / (float)t->n_blocks);
        if (t->blocks[i].group == FAB_LITE0_FINEST - 1) maps.finest = x;
        if (t->blocks[i].group == FAB_LITE0_FINE - 1) maps.fine = x;
    }
    maps.coarse = x;
    return maps;
}

/* ---- the published weights ------------------------------------------------------------------- */

typedef struct {
    const fab_weights *file;
    fab_arena *arena;
    char prefix[32]; /* "_blocks.3." */
} reader;

/* The values of prefix + name as f32, in the shape of `like` (or of its first axis alone). */
static const float *values(reader *r, const char *name, const fab_tensor *like, bool vector,
                           fab_err *err)
{
    const char *full = fab_arena_printf(r->arena, err, "%s%s", r->prefix, name);
    const fab_weight *w = full ? fab_weights_find(r->file, full, err) : NULL;
    if (!w) return NULL;
    bool same = w->ndim == (vector ? 1 : like->ndim);
    for (int i = 0; same && i < w->ndim; i++) same = w->shape[i] == like->shape[i];
    int64_t n = vector ? like->shape[0] : fab_count(like);
    if (!same)
        return fab_fail(err, FAB_EFORMAT, "%s: not of the shape of %s, %lld values are wanted",
                        full, like->name, (long long)n),
               NULL;
    if (w->dtype != FAB_F32 && w->dtype != FAB_F16 && w->dtype != FAB_BF16)
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: weights of %s", full, fab_dtype_name(w->dtype)),
               NULL;
    return fab_source_f32(w, NULL, r->arena, err);
}

/* A convolution and the batch norm behind it. */
static bool fold(reader *r, fab_conv_layer *l, const char *conv, const char *norm, fab_err *err)
{
    static const char *const parts[] = { "weight", "bias", "running_mean", "running_var" };
    char name[64];
    const float *bn[4];
    snprintf(name, sizeof name, "%s.weight", conv);
    const float *w = values(r, name, l->w, false, err);
    if (!w) return false;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s.%s", norm, parts[i]);
        if (!(bn[i] = values(r, name, l->b, true, err))) return false;
    }
    float *to = fab_f32(l->w), *bias = fab_f32(l->b);
    int64_t each = fab_count(l->w) / l->w->shape[0];
    for (int64_t o = 0; o < l->w->shape[0]; o++) {
        float scale = bn[0][o] / sqrtf(bn[3][o] + BN_EPS);
        bias[o] = bn[1][o] - bn[2][o] * scale;
        for (int64_t i = o * each; i < (o + 1) * each; i++) to[i] = w[i] * scale;
    }
    return (fab_all_finite(l->w) && fab_all_finite(l->b)) ||
           fab_fail(err, FAB_EFORMAT, "%s%s, %s: not finite once joined", r->prefix, conv, norm);
}

static bool fill(reader *r, fab_lite0 *t, fab_err *err)
{
    if (!fold(r, &t->stem, "_conv_stem", "_bn0", err)) return false;
    for (int i = 0; i < t->n_blocks; i++) {
        block *b = &t->blocks[i];
        snprintf(r->prefix, sizeof r->prefix, "_blocks.%d.", i);
        if ((expands(b) && !fold(r, &b->expand, "_expand_conv", "_bn0", err)) ||
            !fold(r, &b->depthwise, "_depthwise_conv", "_bn1", err) ||
            !fold(r, &b->project, "_project_conv", "_bn2", err))
            return false;
    }
    return true;
}

bool fab_lite0_fill(fab_lite0 *t, const fab_weights *w, fab_err *err)
{
    reader r = { .file = w, .arena = fab_arena_new(0, err) };
    bool ok = r.arena && fill(&r, t, err);
    fab_arena_free(r.arena);
    return ok;
}
