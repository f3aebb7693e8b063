/* biomedclip: CLIP over PubMed Central's figures (Zhang et al. 2023; weights:
 * microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224).
 *
 *   image -> ViT-B/16 (class token, no norm before the blocks, eps 1e-6) -> project
 *   text  -> PubMedBERT -> first token -> fc2(gelu(fc1 x)), 768 -> 640 -> 512
 *
 * Neither projection has a bias; the text vector is the last hidden state of [CLS], not the pooler.
 */
#include "zoo/biomedclip.h"

void fab_biomedclip_params(fab_params *p, fab_biomedclip *m, const fab_biomedclip_config *cfg)
{
    const fab_init init = FAB_INIT_NORMAL(0.02f);
    *m = (fab_biomedclip){ .cfg = *cfg };
    if (cfg->hidden < 1 || cfg->embed < 1 || cfg->context < 2 ||
        cfg->context > cfg->text.positions) {
        fab_fail(&p->err, FAB_EFORMAT,
                 "a text of %lld tokens does not fit %lld positions, or an embedding of %lld",
                 (long long)cfg->context, (long long)cfg->text.positions, (long long)cfg->embed);
        return;
    }
    size_t mark = fab_params_enter(p, "vision_model.");
    fab_vit_params(p, &m->vision, &cfg->vision);
    fab_params_leave(p, mark);
    fab_dense_params(p, &m->image_proj, "visual_projection", cfg->vision.tower.width, cfg->embed,
                     false, init);
    mark = fab_params_enter(p, "text_model.");
    fab_bert_params(p, &m->text, &cfg->text);
    fab_params_leave(p, mark);
    mark = fab_params_enter(p, "text_projection.");
    fab_dense_params(p, &m->text_fc1, "fc1", cfg->text.width, cfg->hidden, false, init);
    fab_dense_params(p, &m->text_fc2, "fc2", cfg->hidden, cfg->embed, false, init);
    fab_params_leave(p, mark);
    fab_param(p, &m->logit_scale, "logit_scale", FAB_SHAPE(1), FAB_INIT_CONST(2.65926004f));
}

fab_tensor *fab_biomedclip_image(fab_ctx *c, const fab_biomedclip *m, fab_tensor *images)
{
    fab_tensor *x = fab_vit_class(c, &m->vision, images);
    return fab_l2norm(c, fab_dense_forward(c, &m->image_proj, x), 1e-12f);
}

fab_tensor *fab_biomedclip_text(fab_ctx *c, const fab_biomedclip *m, fab_tensor *ids,
                                fab_tensor *len)
{
    fab_tensor *x = fab_bert_tokens(c, &m->text, ids, len, -1);
    x = fab_bert_pooled(c, &m->text, x, len, FAB_POOL_CLS);
    x = fab_gelu(c, fab_dense_forward(c, &m->text_fc1, x), FAB_GELU_ERF);
    return fab_l2norm(c, fab_dense_forward(c, &m->text_fc2, x), 1e-12f);
}
