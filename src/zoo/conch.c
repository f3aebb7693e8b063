/* conch: contrastive captioner for histopathology (Lu et al. 2024; CoCa, Yu et al. 2022; weights:
 * MahmoodLab/conch, which are gated).
 *
 *   image -> ViT-B/16 at 448 -> norm of all 785 tokens -> one query -> norm -> project
 *                                                      -> 256 queries -> norm (for captions)
 *   text  -> tokens, class token LAST, + positions -> causal blocks -> norm of the class token
 *         -> project
 *
 * Trap, kept as in the reference: the class token's padding mask is shifted right by one column, so
 * it sees column 0 and every column j whose token j - 1 is no padding: with n tokens, the columns
 * 0..n, one padding token among them, and itself only when n fills the context. Under the causal
 * mask this is the same as hiding columns from n + 1 on from everybody: no row that the class token
 * reads changes.
 */
#include "zoo/conch.h"

static void vision_params(fab_params *p, fab_conch *m)
{
    const fab_conch_config *g = &m->cfg;
    size_t mark = fab_params_enter(p, "vision_model.");
    fab_vit_params(p, &m->vision, &g->vision);
    fab_params_leave(p, mark);
    if (p->err.code) return;
    mark = fab_params_enter(p, "pool_contrast.");
    fab_pooler_params(p, &m->pool_contrast, &g->contrast);
    fab_params_leave(p, mark);
    fab_norm_params(p, &m->ln_contrast, "ln_contrast", g->contrast.dim, g->contrast.eps);
    fab_dense_params(p, &m->image_proj, "visual_projection", g->contrast.dim, g->embed, false,
                     FAB_INIT_NORMAL(0.02f));
    mark = fab_params_enter(p, "pool_caption.");
    fab_pooler_params(p, &m->pool_caption, &g->caption);
    fab_params_leave(p, mark);
    fab_norm_params(p, &m->ln_caption, "ln_caption", g->caption.dim, g->caption.eps);
}

static void text_params(fab_params *p, fab_conch *m)
{
    const fab_conch_config *g = &m->cfg;
    const fab_init init = FAB_INIT_NORMAL(0.02f);
    int64_t W = g->text.width;
    size_t mark = fab_params_enter(p, "text_model.");
    fab_param_table(p, &m->token_embed, "embeddings.token_embedding.weight", FAB_SHAPE(g->vocab, W),
                    init);
    fab_param(p, &m->text_pos, "embeddings.position_embedding.weight", FAB_SHAPE(g->context, W),
              init);
    fab_param(p, &m->class_embed, "class_embedding", FAB_SHAPE(W), init);
    fab_tower_params(p, &m->text, &g->text);
    fab_norm_params(p, &m->final, "final_layer_norm", W, g->text.eps);
    fab_params_leave(p, mark);
    fab_dense_params(p, &m->text_proj, "text_projection", W, g->embed, false, init);
}

void fab_conch_params(fab_params *p, fab_conch *m, const fab_conch_config *cfg)
{
    *m = (fab_conch){ .cfg = *cfg };
    if (!fab_tower_fits(&cfg->text) || cfg->context < 2 || cfg->vocab < 1 || cfg->embed < 1) {
        fab_fail(&p->err, FAB_EFORMAT, "no conch has a text width of %lld and %lld positions",
                 (long long)cfg->text.width, (long long)cfg->context);
        return;
    }
    fab_params_ignore(p, "position_ids");
    vision_params(p, m);
    if (!p->err.code) text_params(p, m);
    fab_param(p, &m->logit_scale, "logit_scale", FAB_SHAPE(1), FAB_INIT_CONST(2.65926004f));
}

/* ---- forward --------------------------------------------------------------------------------- */
static fab_tensor *vision_tokens(fab_ctx *c, const fab_conch *m, fab_tensor *images)
{
    return fab_norm_forward(c, &m->vision.post, fab_vit_tokens(c, &m->vision, images, -1));
}

fab_tensor *fab_conch_image(fab_ctx *c, const fab_conch *m, fab_tensor *images)
{
    fab_tensor *x = fab_pooler_forward(c, &m->pool_contrast, vision_tokens(c, m, images));
    x = fab_slice(c, x, 1, 0, 1);
    if (!x) return NULL;
    x = fab_reshape(c, x, FAB_SHAPE(x->shape[0], x->shape[2]));
    x = fab_dense_forward(c, &m->image_proj, fab_norm_forward(c, &m->ln_contrast, x));
    return fab_l2norm(c, x, 1e-12f);
}

fab_tensor *fab_conch_caption_tokens(fab_ctx *c, const fab_conch *m, fab_tensor *images)
{
    fab_tensor *x = fab_pooler_forward(c, &m->pool_caption, vision_tokens(c, m, images));
    return fab_norm_forward(c, &m->ln_caption, x);
}

/* Columns that may be seen: one more than the tokens of each text. i32 [B] */
static fab_tensor *seen(fab_ctx *c, const fab_tensor *ids, int32_t pad)
{
    int64_t B = ids->shape[0], T = ids->shape[1];
    fab_tensor *n = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B));
    for (int64_t b = 0; n && b < B; b++) {
        int64_t t = 0;
        while (t < T && fab_i32(ids)[b * T + t] != pad) t++;
        fab_i32(n)[b] = (int32_t)t + 1;
    }
    return n;
}

fab_tensor *fab_conch_text_tokens(fab_ctx *c, const fab_conch *m, fab_tensor *ids, int layers)
{
    const fab_conch_config *g = &m->cfg;
    if (!ids) return NULL;
    if (layers < 0) layers += g->text.layers + 1;
    if (ids->ndim != 2 || ids->shape[1] != g->context - 1) {
        fab_fail(&c->err, FAB_EINTERNAL, "conch reads texts of %lld ids, padding included",
                 (long long)g->context - 1);
        return NULL;
    }
    int64_t B = ids->shape[0], W = g->text.width;
    fab_tensor *cls = fab_add(c, fab_tensor_zeros(c, FAB_SHAPE(B, 1, W)), m->class_embed);
    fab_tensor *x = fab_concat(c, fab_embedding(c, ids, m->token_embed), cls, 1);
    x = fab_add(c, x, m->text_pos);
    return fab_tower_forward(c, &m->text, x, layers, seen(c, ids, g->pad));
}

fab_tensor *fab_conch_text(fab_ctx *c, const fab_conch *m, fab_tensor *ids)
{
    fab_tensor *x = fab_conch_text_tokens(c, m, ids, -1);
    if (!x) return NULL;
    int64_t B = x->shape[0], T = x->shape[1], W = x->shape[2];
    x = fab_reshape(c, fab_slice(c, x, 1, T - 1, T), FAB_SHAPE(B, W));
    x = fab_dense_forward(c, &m->text_proj, fab_norm_forward(c, &m->final, x));
    return fab_l2norm(c, x, 1e-12f);
}
