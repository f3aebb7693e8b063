/* clip: dual encoder of images and text (Radford et al. 2021; PLIP and open_clip's ViTs by
 * configuration).
 *
 * Parameters carry Hugging Face names (SYSTEMS.md 2.6): vision_model.embeddings.{class_embedding,
 * patch_embedding.weight, position_embedding.weight}, vision_model.pre_layrnorm (upstream's
 * spelling), {vision,text}_model.encoder.layers.N. {layer_norm1, self_attn.{q,k,v,out}_proj,
 * layer_norm2, mlp.fc1, mlp.fc2}, vision_model.post_layernorm,
 * text_model.{embeddings.{token,position}_embedding.weight, final_layer_norm},
 * {visual,text}_projection.weight, logit_scale. Buffers named position_ids in a file are ignored.
 */
#ifndef FAB_ZOO_CLIP_H
#define FAB_ZOO_CLIP_H

#include "zoo/vit.h"

typedef struct {
    int64_t width, ffn;
    int layers, heads;
} fab_clip_tower_config;

typedef struct {
    fab_clip_tower_config vision, text;
    int image_size, patch;
    int64_t context, vocab, embed;
    int32_t eos;        /* id that ends a text; < 0: the largest id of the row (OpenAI) */
    fab_gelu_kind gelu; /* quick for OpenAI's weights and PLIP, erf for LAION's */
    float eps;
} fab_clip_config;
extern const fab_clip_config fab_clip_vit_b_32; /* openai/clip-vit-base-patch32 */

typedef struct {
    fab_clip_config cfg;
    fab_vit vision;
    fab_tower text;
    fab_tensor *token_embed, *text_pos, *logit_scale;
    fab_norm final;
    fab_dense image_proj, text_proj;
} fab_clip;

void fab_clip_params(fab_params *p, fab_clip *m, const fab_clip_config *cfg);
/* The vision tower alone, names vision_model.*: what LLaVA-like models hold; read it with
 * fab_vit_tokens. Of cfg, the vision half and gelu, eps are used. */
void fab_clip_vision_params(fab_params *p, fab_vit *m, const fab_clip_config *cfg);

/* Images [B,S,S,3] after CLIP's mean and deviation -> all tokens after `layers` blocks (< 0: from
 * the end, -1 = all), before the last norm: [B,1+g*g,W], the class token first. What LLaVA-like
 * models read (-2). */
fab_tensor *fab_clip_tokens(fab_ctx *c, const fab_clip *m, fab_tensor *images, int layers);
/* Unit rows in the shared space. ids i32 [B,T], T <= context; what follows the end of a text does
 * not matter. */
fab_tensor *fab_clip_image(fab_ctx *c, const fab_clip *m, fab_tensor *images); /* -> [B,E] */
fab_tensor *fab_clip_text(fab_ctx *c, const fab_clip *m, fab_tensor *ids);     /* -> [B,E] */
/* All text tokens after `layers` blocks (-1: all), before the last norm: [B,T,W]. */
fab_tensor *fab_clip_text_tokens(fab_ctx *c, const fab_clip *m, fab_tensor *ids, int layers);
/* Logits per image: exp(logit_scale) images texts', [B,E] x [N,E] -> [B,N]. For reading, not for
 * training (there fab_infonce takes the rows and m->logit_scale). */
fab_tensor *fab_clip_scores(fab_ctx *c, const fab_clip *m, fab_tensor *images, fab_tensor *texts);

#endif
