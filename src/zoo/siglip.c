/* siglip: sigmoid loss for language-image pretraining (Zhai et al. 2023; weights:
 * google/siglip-*, google/medsiglip-448).
 *
 *   image: patches (no class token) -> blocks -> norm of all -> attention of one learnt probe
 *          -> a + mlp(norm a)
 *   text:  tokens + positions -> blocks that see everything -> norm -> last position -> head
 *   logit = exp(logit_scale) I T' + logit_bias;  probability = sigmoid
 *
 * Traps: GELU is the tanh form, eps 1e-6; the text is padded to its full context and the padding is
 * read; probabilities of labels do not sum to one.
 */
#include "zoo/siglip.h"

static void head_params(fab_params *p, fab_siglip_model *m)
{
    const fab_tower_config *t = &m->cfg.vision.tower;
    int64_t W = t->width;
    size_t mark = fab_params_enter(p, "head.");
    fab_pooler_params(p, &m->head,
                      &(fab_pooler_config){
                          .dim = W, .context = W, .queries = 1, .heads = t->heads });
    fab_norm_params(p, &m->head_norm, "layernorm", W, t->eps);
    size_t inner = fab_params_enter(p, "mlp.");
    fab_mlp_params(p, &m->head_mlp, W, t->ffn, t->gelu, 0.02f);
    fab_params_leave(p, inner);
    fab_params_leave(p, mark);
}

static void text_params(fab_params *p, fab_siglip_model *m)
{
    const fab_siglip_config *g = &m->cfg;
    const fab_init init = FAB_INIT_NORMAL(0.02f);
    size_t mark = fab_params_enter(p, "text_model.");
    fab_param_table(p, &m->token_embed, "embeddings.token_embedding.weight",
                    FAB_SHAPE(g->vocab, g->text.width), init);
    fab_param(p, &m->text_pos, "embeddings.position_embedding.weight",
              FAB_SHAPE(g->context, g->text.width), init);
    fab_tower_params(p, &m->text, &g->text);
    fab_norm_params(p, &m->final, "final_layer_norm", g->text.width, g->text.eps);
    fab_dense_params(p, &m->text_head, "head", g->text.width, g->embed, true, init);
    fab_params_leave(p, mark);
}

void fab_siglip_params(fab_params *p, fab_siglip_model *m, const fab_siglip_config *cfg)
{
    *m = (fab_siglip_model){ .cfg = *cfg };
    if (!fab_tower_fits(&cfg->text) || cfg->context < 1 || cfg->vocab < 1 ||
        cfg->embed != cfg->vision.tower.width) {
        fab_fail(&p->err, FAB_EFORMAT,
                 "no siglip has a text embedding of %lld and an image embedding of %lld",
                 (long long)cfg->embed, (long long)cfg->vision.tower.width);
        return;
    }
    fab_params_ignore(p, "position_ids");
    size_t mark = fab_params_enter(p, "vision_model.");
    fab_vit_params(p, &m->vision, &cfg->vision);
    if (!p->err.code) head_params(p, m);
    fab_params_leave(p, mark);
    if (!p->err.code) text_params(p, m);
    fab_param(p, &m->logit_scale, "logit_scale", FAB_SHAPE(1), FAB_INIT_CONST(2.30258509f));
    fab_param(p, &m->logit_bias, "logit_bias", FAB_SHAPE(1), FAB_INIT_CONST(-10.0f));
}

/* x [B,T,W] -> [B,W] */
static fab_tensor *pooled(fab_ctx *c, const fab_siglip_model *m, fab_tensor *x)
{
    fab_tensor *a = fab_pooler_forward(c, &m->head, x);
    if (!a) return NULL;
    a = fab_reshape(c, a, FAB_SHAPE(a->shape[0], a->shape[2]));
    return fab_add(c, a, fab_mlp_forward(c, &m->head_mlp, fab_norm_forward(c, &m->head_norm, a)));
}

fab_tensor *fab_siglip_image(fab_ctx *c, const fab_siglip_model *m, fab_tensor *images)
{
    fab_tensor *x = fab_vit_tokens(c, &m->vision, images, -1);
    return fab_l2norm(c, pooled(c, m, fab_norm_forward(c, &m->vision.post, x)), 1e-12f);
}

fab_tensor *fab_siglip_text_tokens(fab_ctx *c, const fab_siglip_model *m, fab_tensor *ids,
                                   int layers)
{
    if (!ids) return NULL;
    if (layers < 0) layers += m->cfg.text.layers + 1;
    if (ids->ndim != 2 || ids->shape[1] > m->cfg.context) {
        fab_fail(&c->err, FAB_EINTERNAL, "siglip reads texts of at most %lld tokens",
                 (long long)m->cfg.context);
        return NULL;
    }
    fab_tensor *pos = fab_slice(c, m->text_pos, 0, 0, ids->shape[1]);
    fab_tensor *x = fab_add(c, fab_embedding(c, ids, m->token_embed), pos);
    return fab_tower_forward(c, &m->text, x, layers, NULL);
}

fab_tensor *fab_siglip_text(fab_ctx *c, const fab_siglip_model *m, fab_tensor *ids)
{
    fab_tensor *x = fab_siglip_text_tokens(c, m, ids, -1);
    if (!x) return NULL;
    int64_t B = x->shape[0], T = x->shape[1], W = x->shape[2];
    x = fab_reshape(c, fab_slice(c, x, 1, T - 1, T), FAB_SHAPE(B, W));
    x = fab_dense_forward(c, &m->text_head, fab_norm_forward(c, &m->final, x));
    return fab_l2norm(c, x, 1e-12f);
}
