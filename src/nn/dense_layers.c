/* dense_layers: linear layers, norms, and the two kinds of feed-forward network. */
#include "nn/peft.h"

void fab_dense_params(fab_params *p, fab_dense *l, const char *name, int64_t in, int64_t out,
                      bool bias, fab_init init)
{
    *l = (fab_dense){ 0 };
    size_t mark = fab_params_enter(p, "%s.", name);
    fab_param_matrix(p, &l->w, "weight", FAB_SHAPE(out, in), init);
    if (bias) fab_param(p, &l->b, "bias", FAB_SHAPE(out), FAB_INIT_ZEROS);
    fab_params_leave(p, mark);
    l->site =
        fab_site_visit(p, (fab_site){ .name = name, .in = in, .out = out, .w = l->w, .b = l->b });
}

fab_tensor *fab_dense_forward(fab_ctx *c, const fab_dense *l, fab_tensor *x)
{
    return l->site && l->site->part ? fab_part_forward(c, l, x) : fab_linear(c, x, l->w, l->b);
}

void fab_norm_params(fab_params *p, fab_norm *n, const char *name, int64_t dim, float eps)
{
    *n = (fab_norm){ .eps = eps };
    size_t mark = fab_params_enter(p, "%s.", name);
    fab_param(p, &n->w, "weight", FAB_SHAPE(dim), FAB_INIT_ONES);
    fab_param(p, &n->b, "bias", FAB_SHAPE(dim), FAB_INIT_ZEROS);
    fab_params_leave(p, mark);
}

void fab_rms_params(fab_params *p, fab_norm *n, const char *name, int64_t dim, float eps)
{
    *n = (fab_norm){ .eps = eps, .rms = true };
    size_t mark = fab_params_enter(p, "%s.", name);
    fab_param(p, &n->w, "weight", FAB_SHAPE(dim), FAB_INIT_ONES);
    fab_params_leave(p, mark);
}

fab_tensor *fab_norm_forward(fab_ctx *c, const fab_norm *n, fab_tensor *x)
{
    return n->rms ? fab_rmsnorm(c, x, n->w, n->eps) : fab_layernorm(c, x, n->w, n->b, n->eps);
}

void fab_mlp_params(fab_params *p, fab_mlp *m, int64_t dim, int64_t ffn, fab_gelu_kind gelu,
                    float init_std)
{
    *m = (fab_mlp){ .gelu = gelu };
    fab_dense_params(p, &m->fc1, "fc1", dim, ffn, true, FAB_INIT_TRUNC(init_std));
    fab_dense_params(p, &m->fc2, "fc2", ffn, dim, true, FAB_INIT_TRUNC(init_std));
}

fab_tensor *fab_mlp_forward(fab_ctx *c, const fab_mlp *m, fab_tensor *x)
{
    fab_tensor *h = fab_gelu(c, fab_dense_forward(c, &m->fc1, x), m->gelu);
    return fab_dense_forward(c, &m->fc2, fab_dropout(c, h, m->drop));
}

void fab_glu_params(fab_params *p, fab_glu *m, int64_t dim, int64_t ffn, float init_std,
                    float out_std)
{
    fab_dense_params(p, &m->gate, "gate_proj", dim, ffn, false, FAB_INIT_NORMAL(init_std));
    fab_dense_params(p, &m->up, "up_proj", dim, ffn, false, FAB_INIT_NORMAL(init_std));
    fab_dense_params(p, &m->down, "down_proj", ffn, dim, false, FAB_INIT_NORMAL(out_std));
}

fab_tensor *fab_glu_forward(fab_ctx *c, const fab_glu *m, fab_tensor *x)
{
    fab_tensor *gate = fab_dense_forward(c, &m->gate, x), *up = fab_dense_forward(c, &m->up, x);
    fab_tensor *h =
        m->gelu ? fab_mul(c, fab_gelu(c, gate, FAB_GELU_TANH), up) : fab_swiglu(c, gate, up);
    return fab_dense_forward(c, &m->down, h);
}
