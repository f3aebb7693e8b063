/* biomedclip: a timm ViT and a BERT in one space (Zhang et al. 2023, BiomedCLIP).
 *
 *   vision_model.* (vit.h), visual_projection.weight; text_model.* (bert.h),
 *   text_projection.{fc1,fc2}.weight; logit_scale. Files hold open_clip's names: see names.h.
 */
#ifndef FAB_ZOO_BIOMEDCLIP_H
#define FAB_ZOO_BIOMEDCLIP_H

#include "zoo/bert.h"
#include "zoo/vit.h"

typedef struct {
    fab_vit_config vision;
    fab_bert_config text;
    int64_t context, hidden, embed; /* most tokens of a text; width between the text projections */
} fab_biomedclip_config;

typedef struct {
    fab_biomedclip_config cfg;
    fab_vit vision;
    fab_bert text;
    fab_dense image_proj, text_fc1, text_fc2;
    fab_tensor *logit_scale;
} fab_biomedclip;

void fab_biomedclip_params(fab_params *p, fab_biomedclip *m, const fab_biomedclip_config *cfg);

/* Unit rows [B,E]. ids, len as in fab_bert_tokens. */
fab_tensor *fab_biomedclip_image(fab_ctx *c, const fab_biomedclip *m, fab_tensor *images);
fab_tensor *fab_biomedclip_text(fab_ctx *c, const fab_biomedclip *m, fab_tensor *ids,
                                fab_tensor *len);

#endif
