/* tower: see tower.h. Fresh weights follow CLIP's code: N(0, w^-1/2 (2L)^-1/2) where a branch
 * joins, N(0, (2w)^-1/2) for fc1. */
#include "zoo/tower.h"
#include <math.h>

static void block_params(fab_params *p, fab_block *b, const fab_tower_config *t)
{
    float std = 1.0f / sqrtf((float)t->width), out = std / sqrtf(2.0f * (float)t->layers);
    fab_attn_config a = { .dim = t->width,
                          .heads = t->heads,
                          .qkv_bias = true,
                          .out_bias = true,
                          .causal = t->causal,
                          .init_std = std,
                          .out_std = out,
                          .names = { .o = "out_proj" } };
    fab_norm_params(p, &b->norm1, "layer_norm1", t->width, t->eps);
    size_t mark = fab_params_enter(p, "self_attn.");
    fab_attn_params(p, &b->attn, &a);
    fab_params_leave(p, mark);
    fab_norm_params(p, &b->norm2, "layer_norm2", t->width, t->eps);
    b->mlp = (fab_mlp){ .gelu = t->gelu };
    mark = fab_params_enter(p, "mlp.");
    fab_dense_params(p, &b->mlp.fc1, "fc1", t->width, t->ffn, true,
                     FAB_INIT_NORMAL(std / sqrtf(2.0f)));
    fab_dense_params(p, &b->mlp.fc2, "fc2", t->ffn, t->width, true, FAB_INIT_NORMAL(out));
    fab_params_leave(p, mark);
}

bool fab_tower_fits(const fab_tower_config *t)
{
    return t->width > 0 && t->ffn > 0 && t->layers > 0 && t->heads > 0 && t->width % t->heads == 0;
}

void fab_tower_params(fab_params *p, fab_tower *w, const fab_tower_config *t)
{
    fab_block spare;
    *w = (fab_tower){ .cfg = *t };
    if (p->visit != FAB_VISIT_COUNT && !p->err.code)
        w->block = fab_arena_zero(p->arena, (size_t)t->layers * sizeof *w->block, &p->err);
    for (int i = 0; i < t->layers && !p->err.code; i++) {
        size_t mark = fab_params_enter(p, "encoder.layers.%d.", i);
        block_params(p, w->block ? &w->block[i] : &spare, t);
        fab_params_leave(p, mark);
    }
}

fab_tensor *fab_tower_forward(fab_ctx *c, const fab_tower *w, fab_tensor *x, int layers,
                              fab_tensor *kv_len)
{
    fab_attn_state s = { .kv_len = kv_len };
    for (int i = 0; i < layers; i++) x = fab_block_forward(c, &w->block[i], x, &s, 0, 0);
    return x;
}
