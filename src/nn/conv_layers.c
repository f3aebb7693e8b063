/* conv_layers: convolution layers and the ConvNeXt block on channels-last maps. */
#include <math.h>
#include "nn/layers.h"

void fab_conv_params(fab_params *p, fab_conv_layer *l, const char *name, int64_t in, int64_t out,
                     int k, fab_conv_opts o, bool bias)
{
    if (o.groups == 0) o.groups = 1;
    *l = (fab_conv_layer){ .o = o };
    size_t mark = fab_params_enter(p, "%s.", name);
    fab_param(p, &l->w, "weight", FAB_SHAPE(out, in / o.groups, k, k),
              FAB_INIT_KAIMING(sqrtf(2.0f)));
    if (bias) fab_param(p, &l->b, "bias", FAB_SHAPE(out), FAB_INIT_ZEROS);
    fab_params_leave(p, mark);
}

fab_tensor *fab_conv_layer_forward(fab_ctx *c, const fab_conv_layer *l, fab_tensor *x)
{
    return fab_conv2d(c, x, l->w, l->b, l->o);
}

void fab_convnext_params(fab_params *p, fab_convnext *b, int64_t dim, int64_t ffn, int k,
                         float layer_scale)
{
    b->gamma = NULL;
    fab_conv_params(p, &b->dw, "dwconv", dim, dim, k, (fab_conv_opts){ 1, k / 2, (int)dim }, true);
    fab_norm_params(p, &b->norm, "norm", dim, 1e-6f);
    fab_dense_params(p, &b->up, "pwconv1", dim, ffn, true, FAB_INIT_TRUNC(0.02f));
    fab_dense_params(p, &b->down, "pwconv2", ffn, dim, true, FAB_INIT_TRUNC(0.02f));
    if (layer_scale > 0)
        fab_param(p, &b->gamma, "gamma", FAB_SHAPE(dim), FAB_INIT_CONST(layer_scale));
}

fab_tensor *fab_convnext_forward(fab_ctx *c, const fab_convnext *b, fab_tensor *x, float drop_path)
{
    fab_tensor *h = fab_norm_forward(c, &b->norm, fab_conv_layer_forward(c, &b->dw, x));
    h = fab_gelu(c, fab_dense_forward(c, &b->up, h), FAB_GELU_ERF);
    h = fab_dense_forward(c, &b->down, h);
    if (b->gamma) h = fab_mul(c, h, b->gamma);
    return fab_add(c, x, fab_drop_path(c, h, drop_path));
}
