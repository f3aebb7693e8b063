/* bert: bidirectional transformer (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional
 * Transformers"; weights: sentence-transformers/all-MiniLM-L6-v2, BAAI/bge-*, BiomedBERT).
 *
 *   x = norm(word + position + type)
 *   block: h = norm(x + attn(x));  x = norm(h + down(gelu(up(h))))
 *   text vector: mean of its tokens | first token | tanh(pooler first)
 *
 * Traps: norms come AFTER the sums (eps 1e-12); the mean leaves padding out; GELU is the erf form.
 */
#include "zoo/bert.h"
#include <math.h>
#include <string.h>

static void block_params(fab_params *p, fab_bert_block *b, const fab_bert_config *g)
{
    fab_attn_config a = { .dim = g->width,
                          .heads = g->heads,
                          .qkv_bias = true,
                          .out_bias = true,
                          .names = { "self.query", "self.key", "self.value", "output.dense", 0 } };
    size_t mark = fab_params_enter(p, "attention.");
    fab_attn_params(p, &b->attn, &a);
    fab_norm_params(p, &b->attn_norm, "output.LayerNorm", g->width, g->eps);
    fab_params_leave(p, mark);
    fab_dense_params(p, &b->up, "intermediate.dense", g->width, g->ffn, true,
                     FAB_INIT_NORMAL(0.02f));
    fab_dense_params(p, &b->down, "output.dense", g->ffn, g->width, true, FAB_INIT_NORMAL(0.02f));
    fab_norm_params(p, &b->out_norm, "output.LayerNorm", g->width, g->eps);
}

static void embedding_params(fab_params *p, fab_bert *m)
{
    const fab_bert_config *g = &m->cfg;
    const fab_init init = FAB_INIT_NORMAL(0.02f);
    size_t mark = fab_params_enter(p, "embeddings.");
    fab_param_table(p, &m->words, "word_embeddings.weight", FAB_SHAPE(g->vocab, g->width), init);
    fab_param(p, &m->positions, "position_embeddings.weight", FAB_SHAPE(g->positions, g->width),
              init);
    if (g->types > 0)
        fab_param(p, &m->types, "token_type_embeddings.weight", FAB_SHAPE(g->types, g->width),
                  init);
    fab_norm_params(p, &m->norm, "LayerNorm", g->width, g->eps);
    fab_params_leave(p, mark);
}

static bool fits(const fab_bert_config *g)
{
    return g->width > 0 && g->ffn > 0 && g->vocab > 0 && g->positions > 0 && g->layers > 0 &&
           g->heads > 0 && g->width % g->heads == 0;
}

void fab_bert_params(fab_params *p, fab_bert *m, const fab_bert_config *cfg)
{
    fab_bert_block spare;
    *m = (fab_bert){ .cfg = *cfg };
    if (!fits(cfg)) {
        fab_fail(&p->err, FAB_EFORMAT, "no bert has width %lld, %d heads, %d layers",
                 (long long)cfg->width, cfg->heads, cfg->layers);
        return;
    }
    fab_params_ignore(p, "position_ids");
    embedding_params(p, m);
    if (p->visit != FAB_VISIT_COUNT && !p->err.code)
        m->block = fab_arena_zero(p->arena, (size_t)cfg->layers * sizeof *m->block, &p->err);
    for (int i = 0; i < cfg->layers && !p->err.code; i++) {
        size_t mark = fab_params_enter(p, "encoder.layer.%d.", i);
        block_params(p, m->block ? &m->block[i] : &spare, cfg);
        fab_params_leave(p, mark);
    }
    if (cfg->pooler)
        fab_dense_params(p, &m->pooler, "pooler.dense", cfg->width, cfg->width, true,
                         FAB_INIT_NORMAL(0.02f));
}

/* ---- forward --------------------------------------------------------------------------------- */
static fab_tensor *embed(fab_ctx *c, const fab_bert *m, fab_tensor *ids)
{
    int64_t W = m->cfg.width;
    fab_tensor *x = fab_embedding(c, ids, m->words);
    x = fab_add(c, x, fab_slice(c, m->positions, 0, 0, ids->shape[1]));
    if (m->types) x = fab_add(c, x, fab_reshape(c, fab_slice(c, m->types, 0, 0, 1), FAB_SHAPE(W)));
    return fab_norm_forward(c, &m->norm, x);
}

fab_tensor *fab_bert_tokens(fab_ctx *c, const fab_bert *m, fab_tensor *ids, fab_tensor *len,
                            int layers)
{
    fab_attn_state s = { .kv_len = len };
    if (!ids) return NULL;
    if (layers < 0) layers += m->cfg.layers + 1;
    if (ids->ndim != 2 || ids->shape[1] > m->cfg.positions || layers > m->cfg.layers) {
        fab_fail(&c->err, FAB_EINTERNAL, "bert reads texts of at most %lld tokens in %d layers",
                 (long long)m->cfg.positions, m->cfg.layers);
        return NULL;
    }
    fab_tensor *x = embed(c, m, ids);
    for (int i = 0; i < layers; i++) {
        const fab_bert_block *b = &m->block[i];
        fab_tensor *h = fab_attn_layer_forward(c, &b->attn, x, &s);
        x = fab_norm_forward(c, &b->attn_norm, fab_add(c, x, h));
        h = fab_gelu(c, fab_dense_forward(c, &b->up, x), m->cfg.gelu);
        x = fab_norm_forward(c, &b->out_norm, fab_add(c, x, fab_dense_forward(c, &b->down, h)));
    }
    return x;
}

static fab_tensor *mean_of_text(fab_ctx *c, const fab_tensor *x, const fab_tensor *len)
{
    int64_t B = x->shape[0], T = x->shape[1], W = x->shape[2];
    fab_tensor *y = fab_tensor_zeros(c, FAB_SHAPE(B, W));
    for (int64_t b = 0; y && b < B; b++) {
        int64_t n = len ? fab_i32(len)[b] : T;
        float *out = fab_f32(y) + b * W;
        c->k->sum_rows(c->pool, fab_f32(x) + b * T * W, out, n, W);
        c->k->scale(c->pool, 1.0f / (float)(n > 0 ? n : 1), out, out, W);
    }
    return y;
}

fab_tensor *fab_bert_pooled(fab_ctx *c, const fab_bert *m, fab_tensor *x, const fab_tensor *len,
                            fab_bert_pool pool)
{
    if (!x) return NULL;
    if (pool == FAB_POOL_MEAN) return mean_of_text(c, x, len);
    int64_t B = x->shape[0], W = x->shape[2];
    fab_tensor *y = fab_reshape(c, fab_slice(c, x, 1, 0, 1), FAB_SHAPE(B, W));
    if (pool == FAB_POOL_CLS) return y;
    y = fab_dense_forward(c, &m->pooler, y);
    for (int64_t i = 0; y && i < B * W; i++) fab_f32(y)[i] = tanhf(fab_f32(y)[i]);
    return y;
}
