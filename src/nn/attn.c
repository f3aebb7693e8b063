/* attn: self-attention with separate or fused projections, grouped queries, rotary positions and a
 * cache; and the pre-LN block around it.
 *
 * With a cache, the tokens of sample b stand at positions len[b], len[b]+1, ...: rotary angles, the
 * causal mask and the place of their keys follow from that. Nothing is recorded: decoding has no
 * gradients.
 */
#include <math.h>
#include <string.h>
#include "nn/layers.h"

static int groups(const fab_attn_config *g) { return g->kv_heads ? g->kv_heads : g->heads; }
static int64_t kv_width(const fab_attn_config *g) { return g->dim / g->heads * groups(g); }
static const char * or (const char *name, const char *usual) { return name ? name : usual; }

void fab_attn_params(fab_params *p, fab_attn_layer *a, const fab_attn_config *cfg)
{
    *a = (fab_attn_layer){ .cfg = *cfg };
    const fab_attn_names *n = &cfg->names;
    float std = cfg->init_std > 0 ? cfg->init_std : 0.02f;
    int64_t D = cfg->dim, W = kv_width(cfg);
    if (n->qkv)
        fab_dense_params(p, &a->qkv, n->qkv, D, D + 2 * W, cfg->qkv_bias, FAB_INIT_NORMAL(std));
    else {
        fab_dense_params(p, &a->q, or (n->q, "q_proj"), D, D, cfg->qkv_bias, FAB_INIT_NORMAL(std));
        fab_dense_params(p, &a->k, or (n->k, "k_proj"), D, W, cfg->qkv_bias, FAB_INIT_NORMAL(std));
        fab_dense_params(p, &a->v, or (n->v, "v_proj"), D, W, cfg->qkv_bias, FAB_INIT_NORMAL(std));
    }
    fab_dense_params(p, &a->o, or (n->o, "o_proj"), D, D, cfg->out_bias,
                     FAB_INIT_NORMAL(cfg->out_std > 0 ? cfg->out_std : std));
}

/* Positions of the new tokens of a cached step: len[b] + t, i32 [B,T] */
static fab_tensor *positions(fab_ctx *c, const fab_kv *kv, int64_t T)
{
    fab_tensor *pos = fab_tensor_new(c, FAB_I32, FAB_SHAPE(kv->batch, T));
    for (int64_t i = 0; pos && i < kv->batch * T; i++)
        fab_i32(pos)[i] = (int32_t)(kv->len[i / T] + i % T);
    return pos;
}

static bool cache_fits(fab_ctx *c, const fab_attn_layer *a, const fab_tensor *x,
                       const fab_attn_state *s)
{
    const fab_kv *kv = s->kv;
    if (c->record)
        return fab_fail(&c->err, FAB_EINTERNAL, "attention with a cache has no gradient");
    if (kv->batch != x->shape[0] || s->layer >= kv->layers || kv->width != kv_width(&a->cfg))
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "the cache of %lld samples x %lld does not fit %lld samples x %lld",
                        (long long)kv->batch, (long long)kv->width, (long long)x->shape[0],
                        (long long)kv_width(&a->cfg));
    for (int64_t b = 0; b < kv->batch; b++) {
        int64_t n = s->kv_len ? fab_i32(s->kv_len)[b] : x->shape[1];
        if (n > x->shape[1] || kv->len[b] + n > kv->cap)
            return fab_fail(&c->err, FAB_ELIMIT, "the text needs %lld tokens, the cache holds %lld",
                            (long long)(kv->len[b] + n), (long long)kv->cap);
    }
    return true;
}

/* Copies the real new keys and values behind those of the cache. */
static void append(const fab_attn_state *s, const fab_tensor *k, const fab_tensor *v)
{
    const fab_kv *kv = s->kv;
    int64_t T = k->shape[1], W = kv->width;
    for (int64_t b = 0; b < kv->batch; b++) {
        size_t bytes = (size_t)((s->kv_len ? fab_i32(s->kv_len)[b] : T) * W) * sizeof(float);
        int64_t at = (b * kv->cap + kv->len[b]) * W;
        memcpy(kv->k[s->layer] + at, fab_f32(k) + b * T * W, bytes);
        memcpy(kv->v[s->layer] + at, fab_f32(v) + b * T * W, bytes);
    }
}

/* Attention of the new queries over the cache; q [B,T,D] -> [B,T,D]. One new token per sample runs
 * as one batch (it may see all that its sample holds); more run sample by sample, each with its own
 * length. */
static fab_tensor *attend_cache(fab_ctx *c, const fab_attn_layer *a, const fab_tensor *q,
                                const fab_attn_state *s)
{
    const fab_kv *kv = s->kv;
    int64_t B = q->shape[0], T = q->shape[1], D = q->shape[2], width = D / a->cfg.heads;
    fab_tensor *y = fab_tensor_zeros(c, FAB_SHAPE(B, T, D));
    int32_t *seen = fab_arena_take(c->arena, (size_t)B * sizeof *seen, &c->err);
    if (!y || !seen) return NULL;
    fab_attn spec = { .batch = B,
                      .tq = T,
                      .tk = kv->cap,
                      .heads = a->cfg.heads,
                      .kv_heads = groups(&a->cfg),
                      .width = (int)width,
                      .kv_batch = kv->cap * kv->width,
                      .scale = 1.0f / sqrtf((float)width),
                      .kv_len = seen };
    for (int64_t b = 0; b < B; b++)
        seen[b] = kv->len[b] + (int32_t)(s->kv_len ? fab_i32(s->kv_len)[b] : T);
    if (T == 1) {
        for (int64_t b = 0; b < B; b++) spec.tk = b == 0 || seen[b] > spec.tk ? seen[b] : spec.tk;
        c->k->attn_forward(c->pool, &spec, fab_f32(q), kv->k[s->layer], kv->v[s->layer], fab_f32(y),
                           NULL);
        return y;
    }
    spec.batch = 1;
    spec.kv_len = NULL;
    spec.causal = a->cfg.causal;
    for (int64_t b = 0; b < B; b++) {
        int64_t real = seen[b] - kv->len[b], from = b * kv->cap * kv->width;
        if (real == 0) continue;
        spec.tq = real;
        spec.tk = seen[b];
        spec.prefix = s->prefix ? fab_i32(s->prefix) + b : NULL;
        c->k->attn_forward(c->pool, &spec, fab_f32(q) + b * T * D, kv->k[s->layer] + from,
                           kv->v[s->layer] + from, fab_f32(y) + b * T * D, NULL);
    }
    return y;
}

fab_tensor *fab_attn_layer_forward(fab_ctx *c, const fab_attn_layer *a, fab_tensor *x,
                                   const fab_attn_state *s)
{
    static const fab_attn_state none;
    const fab_attn_config *g = &a->cfg;
    if (!s) s = &none;
    if (!x || (s->kv && !cache_fits(c, a, x, s))) return NULL;
    fab_tensor *q, *k, *v;
    int64_t D = g->dim, W = kv_width(g);
    if (g->names.qkv) {
        fab_tensor *all = fab_dense_forward(c, &a->qkv, x);
        q = fab_slice(c, all, -1, 0, D);
        k = fab_slice(c, all, -1, D, D + W);
        v = fab_slice(c, all, -1, D + W, D + 2 * W);
    } else {
        q = fab_dense_forward(c, &a->q, x);
        k = fab_dense_forward(c, &a->k, x);
        v = fab_dense_forward(c, &a->v, x);
    }
    if (g->rope_theta > 0) {
        fab_tensor *pos = s->kv ? positions(c, s->kv, x->shape[1]) : NULL;
        fab_rope_opts o = { .heads = g->heads,
                            .theta = g->rope_theta,
                            .interleaved = g->rope_interleaved };
        q = fab_rope(c, q, pos, o);
        o.heads = groups(g);
        k = fab_rope(c, k, pos, o);
    }
    if (c->err.code) return NULL;
    fab_tensor *y;
    if (s->kv) {
        append(s, k, v);
        y = attend_cache(c, a, q, s);
    } else {
        y = fab_attention(c, q, k, v, s->prefix, s->kv_len,
                          (fab_attention_opts){
                              .heads = g->heads, .kv_heads = groups(g), .causal = g->causal });
    }
    return fab_dense_forward(c, &a->o, y);
}

void fab_block_params(fab_params *p, fab_block *b, const fab_block_config *cfg)
{
    float std = cfg->attn.init_std > 0 ? cfg->attn.init_std : 0.02f;
    fab_norm_params(p, &b->norm1, or (cfg->norm1, "layer_norm1"), cfg->attn.dim, cfg->eps);
    size_t mark = fab_params_enter(p, "%s.", or (cfg->attn_name, "self_attn"));
    fab_attn_params(p, &b->attn, &cfg->attn);
    fab_params_leave(p, mark);
    fab_norm_params(p, &b->norm2, or (cfg->norm2, "layer_norm2"), cfg->attn.dim, cfg->eps);
    mark = fab_params_enter(p, "%s.", or (cfg->mlp_name, "mlp"));
    fab_mlp_params(p, &b->mlp, cfg->attn.dim, cfg->ffn, cfg->gelu, std);
    fab_params_leave(p, mark);
}

fab_tensor *fab_block_forward(fab_ctx *c, const fab_block *b, fab_tensor *x,
                              const fab_attn_state *s, float drop, float drop_path)
{
    fab_tensor *h = fab_attn_layer_forward(c, &b->attn, fab_norm_forward(c, &b->norm1, x), s);
    x = fab_add(c, x, fab_drop_path(c, fab_dropout(c, h, drop), drop_path));
    h = fab_mlp_forward(c, &b->mlp, fab_norm_forward(c, &b->norm2, x));
    return fab_add(c, x, fab_drop_path(c, fab_dropout(c, h, drop), drop_path));
}
