/* llama: decoder of the LLaMA family (Touvron et al. 2023; Mistral, Qwen, Gemma by configuration).
 *
 *   x  = e table[id]                                          e = 1, or sqrt(D) as bf16 (Gemma)
 *   x += p1 o(attention(rope(n q), rope(n k), v)),  q,k,v of rmsnorm(x)    causal, grouped, prefix
 *   x += p2 down(act(gate h) up h),                 h = rmsnorm(x)         act = silu | gelu tanh
 *   logits = head rmsnorm(x)                                  head = the embedding when tied
 *
 * n: norms of each head's query and key (Qwen3, Gemma-3); p1, p2: norms of the branches (Gemma).
 * Local layers see a window of the last tokens and may turn by another theta. Inference keeps one
 * layer's activations at a time.
 *
 * Hugging Face checkpoints pair rotary values (i, i + K/2); GGUF's are permuted to (2i, 2i+1):
 * rope_interleaved must follow the file. Fresh weights: N(0, 0.02), and 0.02 / sqrt(2 layers) where
 * a branch joins the residual (GPT-2).
 */
#include "zoo/llama.h"
#include <math.h>
#include <string.h>

#define INIT_STD 0.02f

static fab_llama_config with_defaults(const fab_llama_config *cfg)
{
    fab_llama_config g = *cfg;
    if (g.kv_heads == 0) g.kv_heads = g.heads;
    if (!(g.eps > 0)) g.eps = 1e-5f;
    if (!(g.theta > 0)) g.theta = 1e4f;
    return g;
}

static int head_dim(const fab_llama_config *g)
{
    return g->head_dim ? g->head_dim : (int)(g->dim / g->heads);
}

static bool is_local(const fab_llama_config *g, int i) { return g->local && g->local[i]; }

/* Gemma's checkpoints hold w of (1 + w). */
static void plus_one(fab_params *p, fab_norm *n)
{
    fab_tensor *w = n->w;
    float *x = w && p->visit == FAB_VISIT_LOAD
                   ? fab_arena_take(p->arena, (size_t)fab_count(w) * sizeof *x, &p->err)
                   : NULL;
    for (int64_t i = 0; x && i < fab_count(w); i++) x[i] = fab_f32(w)[i] + 1.0f;
    if (x) w->data = x;
}

static void rms(fab_params *p, fab_norm *n, const char *name, const fab_llama_config *g)
{
    fab_rms_params(p, n, name, g->dim, g->eps);
    if (g->norm_plus) plus_one(p, n);
}

static void attention_params(fab_params *p, fab_attn_layer *a, const fab_llama_config *g, int i,
                             float out_std)
{
    bool local = is_local(g, i), own = local && g->local_theta > 0;
    fab_attn_config cfg = { .dim = g->dim,
                            .heads = g->heads,
                            .kv_heads = g->kv_heads,
                            .head_dim = head_dim(g),
                            .qkv_bias = g->qkv_bias,
                            .causal = true,
                            .rope_theta = own ? g->local_theta : g->theta,
                            .rope_interleaved = g->rope_interleaved,
                            .rope_factors = own ? NULL : g->rope_factors,
                            .window = local ? g->window : 0,
                            .scale = g->attn_scale,
                            .qk_eps = g->qk_norm ? g->eps : 0,
                            .init_std = INIT_STD,
                            .out_std = out_std };
    size_t mark = fab_params_enter(p, "self_attn.");
    fab_attn_params(p, a, &cfg);
    fab_params_leave(p, mark);
    if (g->norm_plus && g->qk_norm) {
        plus_one(p, &a->q_norm);
        plus_one(p, &a->k_norm);
    }
}

static void layer_params(fab_params *p, fab_llama_layer *l, const fab_llama_config *g, int i)
{
    float out_std = INIT_STD / sqrtf(2.0f * (float)g->layers);
    rms(p, &l->norm1, "input_layernorm", g);
    attention_params(p, &l->attn, g, i, out_std);
    if (g->post_norms) rms(p, &l->post1, "post_attention_layernorm", g);
    rms(p, &l->norm2, g->post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm", g);
    size_t mark = fab_params_enter(p, "mlp.");
    fab_glu_params(p, &l->mlp, g->dim, g->ffn, INIT_STD, out_std);
    l->mlp.gelu = g->gelu;
    fab_params_leave(p, mark);
    if (g->post_norms) rms(p, &l->post2, "post_feedforward_layernorm", g);
}

static bool sensible(fab_params *p, const fab_llama_config *g)
{
    bool sizes = g->dim > 0 && g->ffn > 0 && g->vocab > 0 && g->layers > 0 && g->heads > 0;
    if (sizes && g->kv_heads > 0 && g->heads % g->kv_heads == 0 &&
        (g->head_dim > 0 ? g->head_dim % 2 == 0 : g->head_dim == 0 && g->dim % (2 * g->heads) == 0))
        return true;
    return fab_fail(&p->err, FAB_EFORMAT,
                    "no llama has width %lld, %d layers, %d heads (%d for keys) of %d",
                    (long long)g->dim, g->layers, g->heads, g->kv_heads,
                    g->head_dim || !sizes ? g->head_dim : head_dim(g));
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
        layer_params(p, m->layer ? &m->layer[i] : &spare, g, i);
        fab_params_leave(p, at);
    }
    rms(p, &m->norm, "norm", g);
    fab_params_leave(p, mark);
    m->head = m->embed;
    if (!g->tied)
        fab_param_matrix(p, &m->head, "lm_head.weight", FAB_SHAPE(g->vocab, g->dim),
                         FAB_INIT_NORMAL(INIT_STD));
}

fab_tensor *fab_llama_embed(fab_ctx *c, const fab_llama *m, fab_tensor *ids)
{
    fab_tensor *x = fab_embedding(c, ids, m->embed);
    return m->cfg.embed_scale > 0 ? fab_scale(c, x, m->cfg.embed_scale) : x;
}

static fab_tensor *branch(fab_ctx *c, const fab_llama *m, const fab_norm *post, fab_tensor *h)
{
    return m->cfg.post_norms ? fab_norm_forward(c, post, h) : h;
}

fab_tensor *fab_llama_block(fab_ctx *c, const fab_llama *m, int i, fab_tensor *x,
                            const fab_attn_state *s, float drop)
{
    const fab_llama_layer *l = &m->layer[i];
    fab_tensor *h = fab_attn_layer_forward(c, &l->attn, fab_norm_forward(c, &l->norm1, x), s);
    x = fab_add(c, x, fab_dropout(c, branch(c, m, &l->post1, h), drop));
    h = fab_glu_forward(c, &l->mlp, fab_norm_forward(c, &l->norm2, x));
    x = fab_add(c, x, fab_dropout(c, branch(c, m, &l->post2, h), drop));
    if (c->err.code == FAB_EINTERNAL) fab_while(&c->err, "layer %d", i);
    return x;
}

/* The layers with a cache, each over the same memory: x, which is the caller's to lose, becomes
 * what they give. */
static fab_tensor *through_cache(fab_ctx *c, const fab_llama *m, fab_tensor *x, fab_attn_state *s,
                                 fab_tensor *const rope[2])
{
    for (int i = 0; i < m->cfg.layers; i++) {
        fab_arena_mark mark = fab_arena_save(c->arena);
        s->layer = i;
        s->rope = rope[is_local(&m->cfg, i)];
        const fab_tensor *y = fab_llama_block(c, m, i, x, s, 0);
        if (!y) return NULL;
        memcpy(x->data, y->data, (size_t)fab_count(x) * sizeof(float));
        fab_arena_release(c->arena, mark);
    }
    return x;
}

static fab_tensor *through(fab_ctx *c, const fab_llama *m, fab_tensor *x, fab_attn_state *s,
                           fab_tensor *const rope[2], float drop)
{
    for (int i = 0; x && i < m->cfg.layers; i++) {
        s->layer = i;
        s->rope = rope[is_local(&m->cfg, i)];
        x = fab_llama_block(c, m, i, x, s, drop);
    }
    return x;
}

/* The rotary tables of layers that see all and of local ones. */
static bool tables(fab_ctx *c, const fab_llama *m, const fab_tensor *x, const fab_kv *kv,
                   fab_tensor *rope[2])
{
    for (int i = 0; i < m->cfg.layers; i++) {
        fab_tensor **t = &rope[is_local(&m->cfg, i)];
        if (!*t) *t = fab_attn_rope(c, &m->layer[i].attn.cfg, kv, x->shape[0], x->shape[1]);
        if (!*t) return false;
    }
    return true;
}

fab_tensor *fab_llama_hidden(fab_ctx *c, const fab_llama *m, fab_tensor *x, fab_tensor *prefix,
                             fab_tensor *kv_len, fab_kv *kv, float drop)
{
    fab_tensor *rope[2] = { NULL, NULL };
    if (!x || !tables(c, m, x, kv, rope)) return NULL;
    int64_t T = x->shape[1];
    fab_attn_state s = { .prefix = prefix, .kv_len = kv_len, .kv = kv };
    if (kv && !c->record) {
        fab_tensor *own = fab_tensor_new(c, FAB_F32, x->shape);
        if (!own) return NULL;
        memcpy(own->data, x->data, (size_t)fab_count(x) * sizeof(float));
        x = through_cache(c, m, own, &s, rope);
    } else x = through(c, m, x, &s, rope, drop);
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
    fab_kv_lead *lead = fab_arena_take(a, (size_t)m->cfg.layers * sizeof *lead, err);
    for (int i = 0; lead && i < m->cfg.layers; i++) lead[i] = fab_attn_lead(&m->layer[i].attn);
    return lead && fab_kv_init(kv, a, m->cfg.layers, batch, cap,
                               (int64_t)head_dim(&m->cfg) * m->cfg.kv_heads, lead, err);
}
