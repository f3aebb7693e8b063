/* vit: the vision transformer of CLIP, timm, SigLIP and CONCH: patches, [class token], positions,
 * [norm], blocks, norm (Dosovitskiy et al. 2021).
 *
 *   embeddings.{class_embedding, patch_embedding.{weight,bias}, position_embedding.weight},
 *   pre_layrnorm (upstream's spelling), encoder.layers.N (tower.h), post_layernorm
 *
 *              class token   norm before the blocks   bias of the patches
 *   CLIP           yes                yes                     no
 *   timm, CONCH    yes                no                      yes
 *   SigLIP         no                 no                      yes
 */
#ifndef FAB_ZOO_VIT_H
#define FAB_ZOO_VIT_H

#include "zoo/tower.h"

typedef struct {
    fab_tower_config tower; /* causal: false */
    int image_size, patch;
    bool class_token, pre_norm, patch_bias;
    bool no_post_norm; /* what is read lies before it (LLaVA) */
} fab_vit_config;

typedef struct {
    fab_vit_config cfg;
    fab_conv_layer patch;
    fab_tensor *class_embed, *pos; /* NULL without a class token; [tokens,W] */
    fab_norm pre, post;
    fab_tower tower;
} fab_vit;

/* An error of the visit when the sizes make no sense. */
void fab_vit_params(fab_params *p, fab_vit *m, const fab_vit_config *cfg);
int64_t fab_vit_count(
    const fab_vit_config *cfg); /* tokens of one image, the class token included */

/* Images [B,S,S,3] as the model's preprocessing leaves them -> all tokens after `layers` blocks
 * (< 0: from the end, -1 = all), before the last norm: [B,T,W], the class token first, then patches
 * row by row. */
fab_tensor *fab_vit_tokens(fab_ctx *c, const fab_vit *m, fab_tensor *images, int layers);
/* The class token after all blocks and the last norm: [B,W]. */
fab_tensor *fab_vit_class(fab_ctx *c, const fab_vit *m, fab_tensor *images);

#endif
