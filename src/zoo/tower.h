/* tower: the pre-norm transformer that published dual encoders share, under Hugging Face's names.
 *
 *   encoder.layers.N. {layer_norm1, self_attn.{q,k,v,out}_proj, layer_norm2, mlp.fc1, mlp.fc2}
 *
 * The text towers of CLIP, SigLIP and CONCH and every vision transformer (vit.h) are one of these.
 */
#ifndef FAB_ZOO_TOWER_H
#define FAB_ZOO_TOWER_H

#include "nn/layers.h"

typedef struct {
    int64_t width, ffn;
    int layers, heads;
    bool causal;
    fab_gelu_kind gelu;
    float eps;
} fab_tower_config;

typedef struct {
    fab_tower_config cfg;
    fab_block *block; /* [layers], in the model's arena */
} fab_tower;

bool fab_tower_fits(const fab_tower_config *t); /* sizes are positive, heads divide the width */
void fab_tower_params(fab_params *p, fab_tower *w, const fab_tower_config *t);

/* The first `layers` blocks over x [B,T,W]. kv_len: i32 [B] or NULL, as in fab_attention. */
fab_tensor *fab_tower_forward(fab_ctx *c, const fab_tower *w, fab_tensor *x, int layers,
                              fab_tensor *kv_len);

#endif
