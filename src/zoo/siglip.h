/* siglip: dual encoder trained with a sigmoid for every pair (Zhai et al. 2023; MedSigLIP by
 * configuration).
 *
 * Hugging Face names: vision_model.{embeddings, encoder, post_layernorm} (vit.h); text_model.
 * {embeddings.{token,position}_embedding.weight, encoder, final_layer_norm, head}; logit_scale,
 * logit_bias. The head over the patches is vision_model.head.{query, attn (pooler.h), layernorm,
 * mlp.{fc1,fc2}}: a file's probe and packed in_proj come through names.h.
 */
#ifndef FAB_ZOO_SIGLIP_H
#define FAB_ZOO_SIGLIP_H

#include "zoo/pooler.h"
#include "zoo/vit.h"

typedef struct {
    fab_vit_config vision;
    fab_tower_config text;
    int64_t context, vocab, embed; /* embed: width of the text head = vision width */
} fab_siglip_config;

typedef struct {
    fab_siglip_config cfg;
    fab_vit vision;
    fab_pooler head; /* one query */
    fab_norm head_norm;
    fab_mlp head_mlp;
    fab_tower text;
    fab_tensor *token_embed, *text_pos;
    fab_norm final;
    fab_dense text_head;
    fab_tensor *logit_scale, *logit_bias;
} fab_siglip_model; /* fab_siglip is the loss */

void fab_siglip_params(fab_params *p, fab_siglip_model *m, const fab_siglip_config *cfg);

/* Unit rows. images [B,S,S,3]; ids i32 [B,T], padded to `context` as in training: the last position
 * is the text's row and padding is seen. */
fab_tensor *fab_siglip_image(fab_ctx *c, const fab_siglip_model *m,
                             fab_tensor *images);                                    /* -> [B,E] */
fab_tensor *fab_siglip_text(fab_ctx *c, const fab_siglip_model *m, fab_tensor *ids); /* -> [B,E] */
/* All text tokens after `layers` blocks (-1: all), before the last norm. */
fab_tensor *fab_siglip_text_tokens(fab_ctx *c, const fab_siglip_model *m, fab_tensor *ids,
                                   int layers);

#endif
