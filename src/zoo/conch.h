/* conch: CoCa for pathology (Lu et al. 2024): vision tower, two attentional poolers, text tower.
 * The caption decoder's weights were never released, so there is none here; what it would read is
 * (fab_conch_caption_tokens).
 *
 *   vision_model.* (vit.h), pool_contrast.*, pool_caption.* (pooler.h), ln_contrast, ln_caption,
 *   visual_projection.weight; text_model.{embeddings.{token,position}_embedding.weight,
 *   class_embedding, encoder, final_layer_norm}, text_projection.weight; logit_scale. Files hold
 *   open_clip's names: see names.h.
 */
#ifndef FAB_ZOO_CONCH_H
#define FAB_ZOO_CONCH_H

#include "zoo/pooler.h"
#include "zoo/vit.h"

typedef struct {
    fab_vit_config vision;
    fab_pooler_config contrast, caption;
    fab_tower_config text;         /* causal */
    int64_t context, vocab, embed; /* context: tokens of a text and the class token behind them */
    int32_t pad;
} fab_conch_config;

typedef struct {
    fab_conch_config cfg;
    fab_vit vision;
    fab_pooler pool_contrast, pool_caption;
    fab_norm ln_contrast, ln_caption;
    fab_dense image_proj, text_proj;
    fab_tensor *token_embed, *text_pos, *class_embed, *logit_scale;
    fab_tower text;
    fab_norm final;
} fab_conch;

void fab_conch_params(fab_params *p, fab_conch *m, const fab_conch_config *cfg);

/* Unit rows [B,E]. ids i32 [B,context - 1], padded with cfg.pad behind the text, none inside it. */
fab_tensor *fab_conch_image(fab_ctx *c, const fab_conch *m, fab_tensor *images);
fab_tensor *fab_conch_text(fab_ctx *c, const fab_conch *m, fab_tensor *ids);

/* [B,queries,W]: what the decoder's cross-attention would read. */
fab_tensor *fab_conch_caption_tokens(fab_ctx *c, const fab_conch *m, fab_tensor *images);
/* All text tokens, the class token last, after `layers` blocks (-1: all): [B,context,W]. Rows of
 * padding beyond the first are undefined. */
fab_tensor *fab_conch_text_tokens(fab_ctx *c, const fab_conch *m, fab_tensor *ids, int layers);

#endif
