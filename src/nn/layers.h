/* layers: what models are built of. Each is a struct of parameters, a _params (visited, see
 * params.h) and a _forward.
 *
 * Names are those of published checkpoints; where families differ the caller passes them.
 * Everything is [B,T,D] or channels-last [B,H,W,C]. Structs hold borrowed tensors of the model's
 * arena and may be copied.
 */
#ifndef FAB_NN_LAYERS_H
#define FAB_NN_LAYERS_H

#include "nn/params.h"

/* ---- linear: NAME.weight [out,in], NAME.bias [out] ------------------------------------------- */
typedef struct {
    fab_tensor *w, *b;
    fab_site *site; /* where an adapter may sit (nn/peft.h); NULL: nowhere */
} fab_dense;
void fab_dense_params(fab_params *p, fab_dense *l, const char *name, int64_t in, int64_t out,
                      bool bias, fab_init init);
fab_tensor *fab_dense_forward(fab_ctx *c, const fab_dense *l, fab_tensor *x);

/* ---- norm: NAME.weight, NAME.bias; RMS has no bias ------------------------------------------- */
typedef struct {
    fab_tensor *w, *b;
    float eps;
    bool rms;
} fab_norm;
void fab_norm_params(fab_params *p, fab_norm *n, const char *name, int64_t dim, float eps);
void fab_rms_params(fab_params *p, fab_norm *n, const char *name, int64_t dim, float eps);
fab_tensor *fab_norm_forward(fab_ctx *c, const fab_norm *n, fab_tensor *x);

/* ---- feed-forward: fc1, gelu, fc2  |  down(silu(gate) up) ------------------------------------ */
typedef struct {
    fab_dense fc1, fc2;
    fab_gelu_kind gelu;
    float drop; /* on the hidden layer, in training */
} fab_mlp;
void fab_mlp_params(fab_params *p, fab_mlp *m, int64_t dim, int64_t ffn, fab_gelu_kind gelu,
                    float init_std);
fab_tensor *fab_mlp_forward(fab_ctx *c, const fab_mlp *m, fab_tensor *x);

typedef struct {
    fab_dense gate, up, down;
    bool gelu; /* gelu(gate) in its tanh form instead of silu (GeGLU, Gemma) */
} fab_glu;     /* gate_proj, up_proj, down_proj */
void fab_glu_params(fab_params *p, fab_glu *m, int64_t dim, int64_t ffn, float init_std,
                    float out_std);
fab_tensor *fab_glu_forward(fab_ctx *c, const fab_glu *m, fab_tensor *x);

/* ---- key and value cache of a decoder -----------------------------------------------------------
 * Every sample of a batch has its own length, so prompts of different lengths are padded on the
 * right, decoded together, and each grows where its own text ends. */
typedef struct {
    int layers;
    int64_t batch, cap, width; /* width = kv_heads * head width */
    float **k, **v;            /* [layers] of [batch,lead+cap,width] */
    int32_t *len;              /* [batch] tokens held */
    int32_t *lead;             /* [layers] learnt rows before the tokens of every sample */
} fab_kv;
/* What stands before the tokens of a layer: n rows of keys and values, copied. */
typedef struct {
    const float *k, *v;
    int32_t n;
} fab_kv_lead;
/* lead [layers], or NULL: none. */
bool fab_kv_init(fab_kv *kv, fab_arena *a, int layers, int64_t batch, int64_t cap, int64_t width,
                 const fab_kv_lead *lead, fab_err *err);
/* Where sample b of a layer begins in k[layer] and v[layer], its lead included. */
int64_t fab_kv_at(const fab_kv *kv, int layer, int64_t b);
/* Copies sample `from` of src over sample `to` of dst (same layers and width; dst->cap must hold
 * it): one prompt, many continuations. */
bool fab_kv_copy(fab_kv *dst, int64_t to, const fab_kv *src, int64_t from, fab_err *err);
/* After all layers of one forward: n_new[b] tokens (NULL: t) were added to each sample. */
void fab_kv_advance(fab_kv *kv, int64_t t, const int32_t *n_new);

/* ---- self-attention -------------------------------------------------------------------------- */
typedef struct {
    const char *q, *k, *v, *o; /* NULL: q_proj, k_proj, v_proj, o_proj */
    const char *qkv;           /* set: one fused matrix [q;k;v] of this name instead */
} fab_attn_names;
typedef struct {
    int64_t dim;
    int heads, kv_heads; /* kv_heads 0: heads */
    int head_dim;        /* 0: dim / heads */
    bool qkv_bias, out_bias, causal;
    float rope_theta; /* 0: no rotary positions */
    bool rope_interleaved;
    const float *rope_factors; /* [K/2] divide the frequencies, borrowed; NULL: none */
    int window;                /* > 0: each token sees the last `window`, itself among them */
    float scale;               /* of the scores; 0: 1/sqrt(K) */
    float qk_eps;              /* > 0: q_norm, k_norm [K], RMS norms of each head before turning */
    float init_std, out_std;   /* 0: 0.02; 0: init_std */
    fab_attn_names names;
} fab_attn_config;
typedef struct {
    fab_attn_config cfg;
    fab_dense q, k, v, qkv, o;
    fab_norm q_norm, k_norm;
    fab_site *site;
} fab_attn_layer;
void fab_attn_params(fab_params *p, fab_attn_layer *a, const fab_attn_config *cfg);
/* x [B,T,D] -> [B,T,D]. prefix, kv_len: i32 [B] or NULL, as in fab_attention. With kv (inference
 * only; recording with a cache fails) the T tokens are appended to layer `layer` of the cache and
 * see all that it holds; kv_len[b] then counts the real ones among the T. Call fab_kv_advance after
 * the last layer. */
typedef struct {
    fab_tensor *prefix, *kv_len;
    fab_kv *kv;
    int layer;
    fab_tensor *rope; /* fab_attn_rope's table for these tokens; NULL: made here */
} fab_attn_state;
/* The rotary table that B samples of T tokens need, after what kv holds (NULL: from 0): made once
 * for all layers of one theta. */
fab_tensor *fab_attn_rope(fab_ctx *c, const fab_attn_config *g, const fab_kv *kv, int64_t B,
                          int64_t T);
fab_tensor *fab_attn_layer_forward(fab_ctx *c, const fab_attn_layer *a, fab_tensor *x,
                                   const fab_attn_state *s);
/* What a cache of the layer begins with: a prefix that is on it, else nothing. */
fab_kv_lead fab_attn_lead(const fab_attn_layer *a);

/* ---- pre-LN transformer block (ViT, CLIP): x += attn(norm1 x); x += mlp(norm2 x) ------------- */
typedef struct {
    fab_attn_config attn;
    int64_t ffn;
    float eps;
    fab_gelu_kind gelu;
    const char *norm1, *norm2, *attn_name,
        *mlp_name; /* NULL: layer_norm1, layer_norm2, self_attn, mlp (HF CLIP) */
} fab_block_config;
typedef struct {
    fab_norm norm1, norm2;
    fab_attn_layer attn;
    fab_mlp mlp;
} fab_block;
void fab_block_params(fab_params *p, fab_block *b, const fab_block_config *cfg);
/* drop: dropout on each branch; drop_path: stochastic depth of each branch (both in training only).
 */
fab_tensor *fab_block_forward(fab_ctx *c, const fab_block *b, fab_tensor *x,
                              const fab_attn_state *s, float drop, float drop_path);

/* ---- convolutions, channels-last ------------------------------------------------------------- */
typedef struct {
    fab_tensor *w, *b;
    fab_conv_opts o;
} fab_conv_layer; /* NAME.weight [out,in/groups,k,k], NAME.bias */
void fab_conv_params(fab_params *p, fab_conv_layer *l, const char *name, int64_t in, int64_t out,
                     int k, fab_conv_opts o, bool bias);
fab_tensor *fab_conv_layer_forward(fab_ctx *c, const fab_conv_layer *l, fab_tensor *x);

/* ConvNeXt block (Liu et al. 2022): x + gamma * fc2(gelu(fc1(norm(depthwise k x k of x)))). Names
 * dwconv, norm, pwconv1, pwconv2, gamma. layer_scale 0: no gamma. */
typedef struct {
    fab_conv_layer dw;
    fab_norm norm;
    fab_dense up, down;
    fab_tensor *gamma;
} fab_convnext;
void fab_convnext_params(fab_params *p, fab_convnext *b, int64_t dim, int64_t ffn, int k,
                         float layer_scale);
fab_tensor *fab_convnext_forward(fab_ctx *c, const fab_convnext *b, fab_tensor *x, float drop_path);

#endif
