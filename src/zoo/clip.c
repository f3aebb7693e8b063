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
 * [embed,width]; OpenAI's raw ones are transposed. Fresh weights follow the paper's code: N(0,
 * w^-1/2 (2L)^-1/2) where a branch joins, N(0, (2w)^-1/2) for fc1.
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
static void block_params(fab_params *p, fab_block *b, const fab_clip_tower_config *t,
                         const fab_clip_config *g, bool causal)
{
    float std = 1.0f / sqrtf((float)t->width), out = std / sqrtf(2.0f * (float)t->layers);
    fab_attn_config a = { .dim = t->width,
                          .heads = t->heads,
                          .qkv_bias = true,
                          .out_bias = true,
                          .causal = causal,
                          .init_std = std,
                          .out_std = out,
                          .names = { .o = "out_proj" } };
    fab_norm_params(p, &b->norm1, "layer_norm1", t->width, g->eps);
    size_t mark = fab_params_enter(p, "self_attn.");
    fab_attn_params(p, &b->attn, &a);
    fab_params_leave(p, mark);
    fab_norm_params(p, &b->norm2, "layer_norm2", t->width, g->eps);
    b->mlp = (fab_mlp){ .gelu = g->gelu };
    mark = fab_params_enter(p, "mlp.");
    fab_dense_params(p, &b->mlp.fc1, "fc1", t->width, t->ffn, true,
                     FAB_INIT_NORMAL(std / sqrtf(2.0f)));
    fab_dense_params(p, &b->mlp.fc2, "fc2", t->ffn, t->width, true, FAB_INIT_NORMAL(out));
    fab_params_leave(p, mark);
}

static void tower_params(fab_params *p, fab_clip_tower *w, const fab_clip_tower_config *t,
                         const fab_clip_config *g, bool causal)
{
    fab_block spare;
    *w = (fab_clip_tower){ .cfg = *t, .causal = causal };
    if (p->visit != FAB_VISIT_COUNT && !p->err.code)
        w->block = fab_arena_zero(p->arena, (size_t)t->layers * sizeof *w->block, &p->err);
    for (int i = 0; i < t->layers && !p->err.code; i++) {
        size_t mark = fab_params_enter(p, "encoder.layers.%d.", i);
        block_params(p, w->block ? &w->block[i] : &spare, t, g, causal);
        fab_params_leave(p, mark);
    }
}

static void vision_params(fab_params *p, fab_clip *m)
{
    const fab_clip_config *g = &m->cfg;
    int64_t W = g->vision.width, side = g->image_size / g->patch;
    float std = 1.0f / sqrtf((float)W);
    size_t mark = fab_params_enter(p, "vision_model.");
    fab_param(p, &m->class_embed, "embeddings.class_embedding", FAB_SHAPE(W), FAB_INIT_NORMAL(std));
    fab_conv_params(p, &m->patch, "embeddings.patch_embedding", 3, W, g->patch,
                    (fab_conv_opts){ g->patch, 0, 1 }, false);
    fab_param(p, &m->image_pos, "embeddings.position_embedding.weight",
              FAB_SHAPE(side * side + 1, W), FAB_INIT_NORMAL(std));
    fab_norm_params(p, &m->pre, "pre_layrnorm", W, g->eps);
    tower_params(p, &m->vision, &g->vision, g, false);
    fab_norm_params(p, &m->post, "post_layernorm", W, g->eps);
    fab_params_leave(p, mark);
    fab_dense_params(p, &m->image_proj, "visual_projection", W, g->embed, false,
                     FAB_INIT_NORMAL(std));
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
    tower_params(p, &m->text, &g->text, g, true);
    fab_norm_params(p, &m->final, "final_layer_norm", W, g->eps);
    fab_params_leave(p, mark);
    fab_dense_params(p, &m->text_proj, "text_projection", W, g->embed, false,
                     FAB_INIT_NORMAL(1.0f / sqrtf((float)W)));
}

static bool tower_fits(const fab_clip_tower_config *t)
{
    return t->width > 0 && t->ffn > 0 && t->layers > 0 && t->heads > 0 && t->width % t->heads == 0;
}

void fab_clip_params(fab_params *p, fab_clip *m, const fab_clip_config *cfg)
{
    *m = (fab_clip){ .cfg = *cfg };
    if (!tower_fits(&cfg->vision) || !tower_fits(&cfg->text) || cfg->patch < 1 ||
        cfg->image_size < cfg->patch || cfg->context < 1 || cfg->vocab < 1 || cfg->embed < 1) {
        fab_fail(&p->err, FAB_EFORMAT,
                 "no clip has widths %lld and %lld, %d and %d heads, patches of %d in %d pixels",
                 (long long)cfg->vision.width, (long long)cfg->text.width, cfg->vision.heads,
                 cfg->text.heads, cfg->patch, cfg->image_size);
        return;
    }
    fab_params_ignore(p, "position_ids");
    vision_params(p, m);
    text_params(p, m);
    fab_param(p, &m->logit_scale, "logit_scale", FAB_SHAPE(1),
              FAB_INIT_CONST(2.65926004f)); /* ln(1/0.07) */
}

/* ---- forward --------------------------------------------------------------------------------- */
static fab_tensor *blocks(fab_ctx *c, const fab_clip_tower *w, fab_tensor *x, int layers)
{
    for (int i = 0; i < layers; i++) x = fab_block_forward(c, &w->block[i], x, NULL, 0, 0);
    return x;
}

fab_tensor *fab_clip_tokens(fab_ctx *c, const fab_clip *m, fab_tensor *images, int layers)
{
    const fab_clip_config *g = &m->cfg;
    if (layers < 0) layers += g->vision.layers + 1;
    if (!images) return NULL;
    if (images->ndim != 4 || images->shape[1] != g->image_size ||
        images->shape[2] != g->image_size || layers < 0 || layers > g->vision.layers) {
        fab_fail(&c->err, FAB_EINTERNAL, "clip reads images of %d x %d and has %d layers",
                 g->image_size, g->image_size, g->vision.layers);
        return NULL;
    }
    int64_t B = images->shape[0], W = g->vision.width, side = g->image_size / g->patch;
    fab_tensor *x = fab_conv_layer_forward(c, &m->patch, images);
    x = fab_reshape(c, x, FAB_SHAPE(B, side * side, W));
    fab_tensor *cls = fab_add(c, fab_tensor_zeros(c, FAB_SHAPE(B, 1, W)), m->class_embed);
    x = fab_add(c, fab_concat(c, cls, x, 1), m->image_pos);
    return blocks(c, &m->vision, fab_norm_forward(c, &m->pre, x), layers);
}

fab_tensor *fab_clip_image(fab_ctx *c, const fab_clip *m, fab_tensor *images)
{
    fab_tensor *x = fab_slice(c, fab_clip_tokens(c, m, images, -1), 1, 0, 1); /* the class token */
    if (!x) return NULL;
    x = fab_norm_forward(c, &m->post, fab_reshape(c, x, FAB_SHAPE(x->shape[0], x->shape[2])));
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

fab_tensor *fab_clip_text(fab_ctx *c, const fab_clip *m, fab_tensor *ids)
{
    if (!ids) return NULL;
    if (ids->ndim != 2 || ids->shape[1] > m->cfg.context) {
        fab_fail(&c->err, FAB_EINTERNAL, "clip reads texts of at most %lld tokens",
                 (long long)m->cfg.context);
        return NULL;
    }
    fab_tensor *x = fab_embedding(c, ids, m->token_embed),
               *pos = fab_slice(c, m->text_pos, 0, 0, ids->shape[1]);
    x = blocks(c, &m->text, fab_add(c, x, pos), m->text.cfg.layers);
    x = fab_gather(c, fab_norm_forward(c, &m->final, x), x ? end_rows(c, m, ids) : NULL);
    return fab_l2norm(c, fab_dense_forward(c, &m->text_proj, x), 1e-12f);
}

fab_tensor *fab_clip_scores(fab_ctx *c, const fab_clip *m, fab_tensor *images, fab_tensor *texts)
{
    return fab_scale(c, fab_linear(c, images, texts, NULL), expf(fab_f32(m->logit_scale)[0]));
}
