/* llama: decoder of the LLaMA family (Touvron et al. 2023; Mistral, Qwen2 by configuration).
 *
 *   x += o(attention(rope(q), rope(k), v)),  q,k,v of rmsnorm(x)     causal, grouped, open prefix
 *   x += down(silu(gate h) up h),            h = rmsnorm(x)
 *   logits = head rmsnorm(x)                                         head = the embedding when tied
 *
 * Hugging Face checkpoints pair rotary values (i, i + K/2); GGUF's are permuted to (2i, 2i+1):
 * rope_interleaved must follow the file. Fresh weights: N(0, 0.02), and 0.02 / sqrt(2 layers) where
 * a branch joins the residual (GPT-2).
 */
#include "zoo/llama.h"
#include <math.h>

#define INIT_STD 0.02f

static fab_llama_config with_defaults(const fab_llama_config *cfg)
{
    fab_llama_config g = *cfg;
    if (g.kv_heads == 0) g.kv_heads = g.heads;
    if (!(g.eps > 0)) g.eps = 1e-5f;
    if (!(g.theta > 0)) g.theta = 1e4f;
    return g;
}

static void layer_params(fab_params *p, fab_llama_layer *l, const fab_llama_config *g)
{
    float out_std = INIT_STD / sqrtf(2.0f * (float)g->layers);
    fab_attn_config a = { .dim = g->dim,
                          .heads = g->heads,
                          .kv_heads = g->kv_heads,
                          .qkv_bias = g->qkv_bias,
                          .causal = true,
                          .rope_theta = g->theta,
                          .rope_interleaved = g->rope_interleaved,
                          .init_std = INIT_STD,
                          .out_std = out_std };
    fab_rms_params(p, &l->norm1, "input_layernorm", g->dim, g->eps);
    size_t mark = fab_params_enter(p, "self_attn.");
    fab_attn_params(p, &l->attn, &a);
    fab_params_leave(p, mark);
    fab_rms_params(p, &l->norm2, "post_attention_layernorm", g->dim, g->eps);
    mark = fab_params_enter(p, "mlp.");
    fab_glu_params(p, &l->mlp, g->dim, g->ffn, INIT_STD, out_std);
    fab_params_leave(p, mark);
}

static bool sensible(fab_params *p, const fab_llama_config *g)
{
    if (g->dim > 0 && g->ffn > 0 && g->vocab > 0 && g->layers > 0 && g->heads > 0 &&
        g->dim % (2 * g->heads) == 0 && g->heads % g->kv_heads == 0)
        return true;
    return fab_fail(&p->err, FAB_EFORMAT,
                    "no llama has width %lld, %d layers, %d heads (%d for keys)", (long long)g->dim,
                    g->layers, g->heads, g->kv_heads);
}

void fab_llama_params(fab_params *p, fab_llama *m, const fab_llama_config *cfg)
{
    fab_llama_layer spare;
    *m = (fab_llama){ .cfg = with_defaults(cfg) };
    const fab_llama_config *g = &m->cfg;
    if (!sensible(p, g)) return;
    if (p->visit != FAB_VISIT_COUNT) {
        m->layer = fab_arena_zero(p->arena, (size_t)g->layers * sizeof *m->layer, &p->err);
        if (!m->layer) return;
    }
    size_t mark = fab_params_enter(p, "model.");
    if (g->tied)
        fab_param_matrix(p, &m->embed, "embed_tokens.weight", FAB_SHAPE(g->vocab, g->dim),
                         FAB_INIT_NORMAL(INIT_STD));
    else
        fab_param_table(p, &m->embed, "embed_tokens.weight", FAB_SHAPE(g->vocab, g->dim),
                        FAB_INIT_NORMAL(INIT_STD));
    for (int i = 0; i < g->layers; i++) {
        size_t at = fab_params_enter(p, "layers.%d.", i);
        layer_params(p, m->layer ? &m->layer[i] : &spare, g);
        fab_params_leave(p, at);
    }
    fab_rms_params(p, &m->norm, "norm", g->dim, g->eps);
    fab_params_leave(p, mark);
    m->head = m->embed;
    if (!g->tied)
        fab_param_matrix(p, &m->head, "lm_head.weight", FAB_SHAPE(g->vocab, g->dim),
                         FAB_INIT_NORMAL(INIT_STD));
}

fab_tensor *fab_llama_embed(fab_ctx *c, const fab_llama *m, fab_tensor *ids)
{
    return fab_embedding(c, ids, m->embed);
}

fab_tensor *fab_llama_hidden(fab_ctx *c, const fab_llama *m, fab_tensor *x, fab_tensor *prefix,
                             fab_tensor *kv_len, fab_kv *kv, float drop)
{
    if (!x) return NULL;
    int64_t T = x->shape[1];
    for (int i = 0; i < m->cfg.layers; i++) {
        const fab_llama_layer *l = &m->layer[i];
        fab_attn_state s = { .prefix = prefix, .kv_len = kv_len, .kv = kv, .layer = i };
        fab_tensor *h = fab_attn_layer_forward(c, &l->attn, fab_norm_forward(c, &l->norm1, x), &s);
        x = fab_add(c, x, fab_dropout(c, h, drop));
        h = fab_glu_forward(c, &l->mlp, fab_norm_forward(c, &l->norm2, x));
        x = fab_add(c, x, fab_dropout(c, h, drop));
    }
    if (kv && x) fab_kv_advance(kv, T, kv_len ? fab_i32(kv_len) : NULL);
    return fab_norm_forward(c, &m->norm, x);
}

fab_tensor *fab_llama_logits(fab_ctx *c, const fab_llama *m, fab_tensor *h, fab_tensor *rows)
{
    if (!h) return NULL;
    if (rows) h = fab_gather(c, h, rows);
    else h = fab_reshape(c, h, FAB_SHAPE(fab_count(h) / m->cfg.dim, m->cfg.dim));
    return fab_linear(c, h, m->head, NULL);
}

bool fab_llama_kv(const fab_llama *m, fab_kv *kv, fab_arena *a, int64_t batch, int64_t cap,
                  fab_err *err)
{
    return fab_kv_init(kv, a, m->cfg.layers, batch, cap,
                       m->cfg.dim / m->cfg.heads * m->cfg.kv_heads, err);
}
