/* attn: self-attention with separate or fused projections, grouped queries, rotary positions and a
 * cache; and the pre-LN block around it.
 *
 * With a cache, the tokens of sample b stand at positions len[b], len[b]+1, ...: rotary angles, the
 * causal mask and the place of their keys follow from that. Nothing is recorded: decoding has no
 * gradients.
 */
#include <math.h>
#include <string.h>
#include "nn/peft.h"

static int groups(const fab_attn_config *g) { return g->kv_heads ? g->kv_heads : g->heads; }
static int64_t head_dim(const fab_attn_config *g)
{
    return g->head_dim ? g->head_dim : g->dim / g->heads;
}
static int64_t q_width(const fab_attn_config *g) { return head_dim(g) * g->heads; }
static int64_t kv_width(const fab_attn_config *g) { return head_dim(g) * groups(g); }
static const char * or (const char *name, const char *usual) { return name ? name : usual; }

void fab_attn_params(fab_params *p, fab_attn_layer *a, const fab_attn_config *cfg)
{
    *a = (fab_attn_layer){ .cfg = *cfg };
    const fab_attn_names *n = &cfg->names;
    float std = cfg->init_std > 0 ? cfg->init_std : 0.02f;
    int64_t D = cfg->dim, Q = q_width(cfg), W = kv_width(cfg);
    if (n->qkv)
        fab_dense_params(p, &a->qkv, n->qkv, D, Q + 2 * W, cfg->qkv_bias, FAB_INIT_NORMAL(std));
    else {
        fab_dense_params(p, &a->q, or (n->q, "q_proj"), D, Q, cfg->qkv_bias, FAB_INIT_NORMAL(std));
        fab_dense_params(p, &a->k, or (n->k, "k_proj"), D, W, cfg->qkv_bias, FAB_INIT_NORMAL(std));
        fab_dense_params(p, &a->v, or (n->v, "v_proj"), D, W, cfg->qkv_bias, FAB_INIT_NORMAL(std));
    }
    fab_dense_params(p, &a->o, or (n->o, "o_proj"), Q, D, cfg->out_bias,
                     FAB_INIT_NORMAL(cfg->out_std > 0 ? cfg->out_std : std));
    a->site =
        fab_site_visit(p, (fab_site){
                              .in = W, .out = W, .attention = true, .window = cfg->window > 0 });
    if (!(cfg->qk_eps > 0)) return;
    fab_rms_params(p, &a->q_norm, "q_norm", head_dim(cfg), cfg->qk_eps);
    fab_rms_params(p, &a->k_norm, "k_norm", head_dim(cfg), cfg->qk_eps);
}

fab_tensor *fab_attn_rope(fab_ctx *c, const fab_attn_config *g, const fab_kv *kv, int64_t B,
                          int64_t T)
{
    int64_t n = kv ? B : 1; /* without a cache all samples begin at 0 */
    fab_tensor *pos = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n, T));
    for (int64_t i = 0; pos && i < n * T; i++)
        fab_i32(pos)[i] = (int32_t)((kv ? kv->len[i / T] : 0) + i % T);
    return fab_rope_table(c, pos, head_dim(g),
                          (fab_rope_opts){ .theta = g->rope_theta, .factors = g->rope_factors });
}

static float score_scale(const fab_attn_config *g)
{
    return g->scale > 0 ? g->scale : 1.0f / sqrtf((float)head_dim(g));
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
        int64_t at = fab_kv_at(kv, s->layer, b) + (kv->lead[s->layer] + kv->len[b]) * W;
        memcpy(kv->k[s->layer] + at, fab_f32(k) + b * T * W, bytes);
        memcpy(kv->v[s->layer] + at, fab_f32(v) + b * T * W, bytes);
    }
}

/* Attention of the new queries over the cache; q [B,T,Q] -> [B,T,Q]. One new token per sample runs
 * as one batch (it may see all that its sample holds, unless a window hides some of it); more run
 * sample by sample, each with its own length. */
static fab_tensor *attend_cache(fab_ctx *c, const fab_attn_layer *a, const fab_tensor *q,
                                const fab_attn_state *s)
{
    const fab_kv *kv = s->kv;
    int32_t lead = kv->lead[s->layer], prefix;
    int64_t B = q->shape[0], T = q->shape[1], Q = q->shape[2], longest = 0;
    fab_tensor *y = fab_tensor_zeros(c, FAB_SHAPE(B, T, Q));
    int32_t *seen = fab_arena_take(c->arena, (size_t)B * sizeof *seen, &c->err);
    if (!y || !seen) return NULL;
    for (int64_t b = 0; b < B; b++) {
        seen[b] = lead + kv->len[b] + (int32_t)(s->kv_len ? fab_i32(s->kv_len)[b] : T);
        longest = seen[b] > longest ? seen[b] : longest;
    }
    fab_attn spec = { .batch = B,
                      .tq = T,
                      .tk = longest,
                      .heads = a->cfg.heads,
                      .kv_heads = groups(&a->cfg),
                      .width = (int)head_dim(&a->cfg),
                      .kv_batch = fab_kv_at(kv, s->layer, 1),
                      .scale = score_scale(&a->cfg),
                      .kv_len = seen,
                      .bf16 = c->bf16 };
    if (T == 1 && (a->cfg.window == 0 || longest <= a->cfg.window)) {
        c->k->attn_forward(c->pool, &spec, fab_f32(q), kv->k[s->layer], kv->v[s->layer], fab_f32(y),
                           NULL);
        return y;
    }
    spec.batch = 1;
    spec.kv_len = NULL;
    spec.causal = a->cfg.causal;
    spec.window = a->cfg.window;
    for (int64_t b = 0; b < B; b++) {
        int64_t real = seen[b] - lead - kv->len[b], from = fab_kv_at(kv, s->layer, b);
        if (real == 0) continue;
        spec.tq = real;
        spec.tk = seen[b];
        prefix = s->prefix ? lead + fab_i32(s->prefix)[b] : 0;
        spec.prefix = s->prefix ? &prefix : NULL;
        c->k->attn_forward(c->pool, &spec, fab_f32(q) + b * T * Q, kv->k[s->layer] + from,
                           kv->v[s->layer] + from, fab_f32(y) + b * T * Q, NULL);
    }
    return y;
}

/* x [B,T,n*K] with each head normed */
static fab_tensor *norm_heads(fab_ctx *c, const fab_norm *n, fab_tensor *x, int64_t K)
{
    if (!x) return NULL;
    int64_t B = x->shape[0], T = x->shape[1], W = x->shape[2];
    x = fab_norm_forward(c, n, fab_reshape(c, x, FAB_SHAPE(B, T, W / K, K)));
    return fab_reshape(c, x, FAB_SHAPE(B, T, W));
}

fab_kv_lead fab_attn_lead(const fab_attn_layer *a)
{
    const fab_part *t = a->site ? a->site->part : NULL;
    if (!t) return (fab_kv_lead){ 0 };
    return (fab_kv_lead){ fab_f32(t->k), fab_f32(t->v), (int32_t)t->k->shape[0] };
}

/* Counts of places [B], each with n more in front; NULL stays NULL. */
static fab_tensor *moved(fab_ctx *c, const fab_tensor *count, int64_t n)
{
    fab_tensor *t = count ? fab_tensor_new(c, FAB_I32, count->shape) : NULL;
    for (int64_t i = 0; t && i < fab_count(t); i++) fab_i32(t)[i] = fab_i32(count)[i] + (int32_t)n;
    return t;
}

/* Attention without a cache, behind the prefix that may be on the layer. */
static fab_tensor *attend(fab_ctx *c, const fab_attn_layer *a, fab_tensor *q, fab_tensor *k,
                          fab_tensor *v, const fab_attn_state *s)
{
    const fab_attn_config *g = &a->cfg;
    const fab_part *t = a->site ? a->site->part : NULL;
    fab_tensor *prefix = s->prefix, *kv_len = s->kv_len;
    if (t) {
        prefix = moved(c, prefix, t->k->shape[0]);
        kv_len = moved(c, kv_len, t->k->shape[0]);
        k = fab_prefix_before(c, t->k, k);
        v = fab_prefix_before(c, t->v, v);
    }
    return fab_attention(c, q, k, v, prefix, kv_len,
                         (fab_attention_opts){ .heads = g->heads,
                                               .kv_heads = groups(g),
                                               .causal = g->causal,
                                               .scale = score_scale(g),
                                               .window = g->window });
}

fab_tensor *fab_attn_layer_forward(fab_ctx *c, const fab_attn_layer *a, fab_tensor *x,
                                   const fab_attn_state *s)
{
    static const fab_attn_state none;
    const fab_attn_config *g = &a->cfg;
    if (!s) s = &none;
    if (!x || (s->kv && !cache_fits(c, a, x, s))) return NULL;
    fab_tensor *q, *k, *v;
    int64_t Q = q_width(g), W = kv_width(g);
    if (g->names.qkv) {
        fab_tensor *all = fab_dense_forward(c, &a->qkv, x);
        q = fab_slice(c, all, -1, 0, Q);
        k = fab_slice(c, all, -1, Q, Q + W);
        v = fab_slice(c, all, -1, Q + W, Q + 2 * W);
    } else {
        q = fab_dense_forward(c, &a->q, x);
        k = fab_dense_forward(c, &a->k, x);
        v = fab_dense_forward(c, &a->v, x);
    }
    if (g->qk_eps > 0) {
        q = norm_heads(c, &a->q_norm, q, head_dim(g));
        k = norm_heads(c, &a->k_norm, k, head_dim(g));
    }
    if (g->rope_theta > 0) {
        fab_tensor *at = s->rope ? s->rope : fab_attn_rope(c, g, s->kv, x->shape[0], x->shape[1]);
        if (!at) return NULL;
        fab_rope_opts o = { .heads = g->heads, .interleaved = g->rope_interleaved };
        q = fab_rope(c, q, at, o);
        o.heads = groups(g);
        k = fab_rope(c, k, at, o);
    }
    if (c->err.code) return NULL;
    fab_tensor *y;
    if (s->kv) {
        append(s, k, v);
        y = attend_cache(c, a, q, s);
    } else y = attend(c, a, q, k, v, s);
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
