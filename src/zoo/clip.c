/* clip: contrastive language-image model (Radford et al. 2021, "Learning Transferable Visual Models
 * From Natural Language Supervision"; weights: openai/clip-vit-*, vinid/plip, laion's ViTs).
 *
 *   image [B,S,S,3] -> patches -> [class; patches] + positions -> pre norm -> blocks
 *                   -> post norm of class -> project
 *   ids [B,T]       -> tokens + positions -> causal blocks -> final norm
 *                   -> row at the end of the text -> project
 *   both to unit length;  logits = exp(logit_scale) I T'
 *
 * Traps: the text's row is the FIRST largest id (the end token has the largest), later equal ids
 * are padding. GELU is the quick form in OpenAI's weights. Hugging Face's projections are
 * [embed,width]; OpenAI's raw ones are transposed.
 */
#include "zoo/clip.h"
#include <math.h>

const fab_clip_config fab_clip_vit_b_32 = {
    .vision = { .width = 768, .ffn = 3072, .layers = 12, .heads = 12 },
    .text = { .width = 512, .ffn = 2048, .layers = 12, .heads = 8 },
    .image_size = 224,
    .patch = 32,
    .context = 77,
    .vocab = 49408,
    .embed = 512,
    .eos = -1,
    .gelu = FAB_GELU_QUICK,
    .eps = 1e-5f,
};

/* ---- parameters ------------------------------------------------------------------------------ */
static fab_tower_config tower_config(const fab_clip_config *g, const fab_clip_tower_config *t)
{
    return (fab_tower_config){ .width = t->width,
                               .ffn = t->ffn,
                               .layers = t->layers,
                               .heads = t->heads,
                               .causal = t == &g->text,
                               .gelu = g->gelu,
                               .eps = g->eps };
}

void fab_clip_vision_params(fab_params *p, fab_vit *m, const fab_clip_config *cfg)
{
    size_t mark = fab_params_enter(p, "vision_model.");
    fab_vit_params(p, m,
                   &(fab_vit_config){ .tower = tower_config(cfg, &cfg->vision),
                                      .image_size = cfg->image_size,
                                      .patch = cfg->patch,
                                      .class_token = true,
                                      .pre_norm = true });
    fab_params_leave(p, mark);
}

static void text_params(fab_params *p, fab_clip *m)
{
    const fab_clip_config *g = &m->cfg;
    int64_t W = g->text.width;
    size_t mark = fab_params_enter(p, "text_model.");
    fab_param_table(p, &m->token_embed, "embeddings.token_embedding.weight", FAB_SHAPE(g->vocab, W),
                    FAB_INIT_NORMAL(0.02f));
    fab_param(p, &m->text_pos, "embeddings.position_embedding.weight", FAB_SHAPE(g->context, W),
              FAB_INIT_NORMAL(0.01f));
    fab_tower_config t = tower_config(g, &g->text);
    fab_tower_params(p, &m->text, &t);
    fab_norm_params(p, &m->final, "final_layer_norm", W, g->eps);
    fab_params_leave(p, mark);
    fab_dense_params(p, &m->text_proj, "text_projection", W, g->embed, false,
                     FAB_INIT_NORMAL(1.0f / sqrtf((float)W)));
}

void fab_clip_params(fab_params *p, fab_clip *m, const fab_clip_config *cfg)
{
    *m = (fab_clip){ .cfg = *cfg };
    fab_tower_config text = tower_config(cfg, &cfg->text);
    if (!fab_tower_fits(&text) || cfg->context < 1 || cfg->vocab < 1 || cfg->embed < 1) {
        fab_fail(&p->err, FAB_EFORMAT,
                 "no clip has a text width of %lld, %d heads, %lld positions, %lld tokens and an "
                 "embedding of %lld",
                 (long long)text.width, text.heads, (long long)cfg->context, (long long)cfg->vocab,
                 (long long)cfg->embed);
        return;
    }
    fab_params_ignore(p, "position_ids");
    fab_clip_vision_params(p, &m->vision, cfg);
    fab_dense_params(p, &m->image_proj, "visual_projection", cfg->vision.width, cfg->embed, false,
                     FAB_INIT_NORMAL(1.0f / sqrtf((float)cfg->vision.width)));
    text_params(p, m);
    fab_param(p, &m->logit_scale, "logit_scale", FAB_SHAPE(1),
              FAB_INIT_CONST(2.65926004f)); /* ln(1/0.07) */
}

/* ---- forward --------------------------------------------------------------------------------- */
fab_tensor *fab_clip_tokens(fab_ctx *c, const fab_clip *m, fab_tensor *images, int layers)
{
    return fab_vit_tokens(c, &m->vision, images, layers);
}

fab_tensor *fab_clip_image(fab_ctx *c, const fab_clip *m, fab_tensor *images)
{
    fab_tensor *x = fab_vit_class(c, &m->vision, images);
    return fab_l2norm(c, fab_dense_forward(c, &m->image_proj, x), 1e-12f);
}

/* The row of each text's end in [B*T]: its first end token, or the first of its largest ids. */
static fab_tensor *end_rows(fab_ctx *c, const fab_clip *m, const fab_tensor *ids)
{
    int64_t B = ids->shape[0], T = ids->shape[1];
    fab_tensor *rows = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B));
    for (int64_t b = 0; rows && b < B; b++) {
        const int32_t *id = fab_i32(ids) + b * T;
        int64_t at = 0;
        if (m->cfg.eos >= 0)
            while (at < T && id[at] != m->cfg.eos) at++;
        else
            for (int64_t t = 1; t < T; t++)
                if (id[t] > id[at]) at = t;
        if (at == T) {
            fab_fail(&c->err, FAB_EINTERNAL, "text %lld has no end token %ld", (long long)b,
                     (long)m->cfg.eos);
            return NULL;
        }
        fab_i32(rows)[b] = (int32_t)(b * T + at);
    }
    return rows;
}

fab_tensor *fab_clip_text_tokens(fab_ctx *c, const fab_clip *m, fab_tensor *ids, int layers)
{
    if (layers < 0) layers += m->text.cfg.layers + 1;
    if (!ids) return NULL;
    if (ids->ndim != 2 || ids->shape[1] > m->cfg.context) {
        fab_fail(&c->err, FAB_EINTERNAL, "clip reads texts of at most %lld tokens",
                 (long long)m->cfg.context);
        return NULL;
    }
    fab_tensor *x = fab_embedding(c, ids, m->token_embed),
               *pos = fab_slice(c, m->text_pos, 0, 0, ids->shape[1]);
    return fab_tower_forward(c, &m->text, fab_add(c, x, pos), layers, NULL);
}

fab_tensor *fab_clip_text(fab_ctx *c, const fab_clip *m, fab_tensor *ids)
{
    fab_tensor *x = fab_norm_forward(c, &m->final, fab_clip_text_tokens(c, m, ids, -1));
    x = fab_gather(c, x, x ? end_rows(c, m, ids) : NULL);
    return fab_l2norm(c, fab_dense_forward(c, &m->text_proj, x), 1e-12f);
}

fab_tensor *fab_clip_scores(fab_ctx *c, const fab_clip *m, fab_tensor *images, fab_tensor *texts)
{
    return fab_scale(c, fab_linear(c, images, texts, NULL), expf(fab_f32(m->logit_scale)[0]));
}
