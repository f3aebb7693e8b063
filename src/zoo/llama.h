/* llama: decoders of the LLaMA family (LLaMA 1/2/3, Mistral, Qwen2, Qwen3, Gemma-3, our own mini)
 * over token embeddings. What distinguishes them is configuration (zoo/decoder.h has the table).
 *
 * Parameters carry Hugging Face names: model.embed_tokens.weight, model.layers.N.{input_layernorm,
 * post_attention_layernorm}.weight, model.layers.N.self_attn.{q,k,v,o}_proj.weight (q,k,v .bias for
 * Qwen2; {q,k}_norm.weight for Qwen3 and Gemma), model.layers.N.mlp.{gate,up,down}_proj.weight,
 * model.norm.weight, lm_head.weight (absent when tied).
 */
#ifndef FAB_ZOO_LLAMA_H
#define FAB_ZOO_LLAMA_H

#include "nn/layers.h"

typedef struct {
    int64_t dim, ffn, vocab;
    int layers, heads, kv_heads; /* kv_heads 0: heads */
    int head_dim;                /* 0: dim / heads */
    float eps, theta;            /* 0: 1e-5, 1e4 */
    bool tied, rope_interleaved, qkv_bias;
    bool qk_norm;    /* q_norm, k_norm before turning (Qwen3, Gemma-3) */
    bool post_norms; /* what each branch gives is normed too, under Gemma's names */
    bool norm_plus;  /* the file's norm weights are one too small: (1 + w) (Gemma in HF) */
    bool gelu;       /* GeGLU in place of SwiGLU */
    float embed_scale, attn_scale; /* of embeddings, of scores; 0: 1, 1/sqrt(K) */
    const float *rope_factors;     /* [K/2] divide the frequencies of layers that see all */
    int window;                    /* of local layers: tokens that each sees, itself among them */
    const uint8_t *local;          /* [layers] 1: a sliding window; NULL: none has */
    float local_theta;             /* of local layers; 0: theta and its factors */
} fab_llama_config;                /* the arrays are borrowed and must outlive the model */

typedef struct {
    fab_norm norm1, norm2, post1, post2;
    fab_attn_layer attn;
    fab_glu mlp;
} fab_llama_layer;

typedef struct {
    fab_llama_config cfg;
    fab_tensor *embed;      /* [V,D] */
    fab_llama_layer *layer; /* [layers], in the model's arena */
    fab_norm norm;
    fab_tensor *head; /* [V,D]; the embedding when tied */
} fab_llama;

/* Visits all parameters. When only counting, layer is not kept. */
void fab_llama_params(fab_params *p, fab_llama *m, const fab_llama_config *cfg);

fab_tensor *fab_llama_embed(fab_ctx *c, const fab_llama *m,
                            fab_tensor *ids); /* i32 [B,T] -> [B,T,D] */
/* x [B,T,D] embedded (image tokens may stand among them) -> hidden states after the final norm,
 * [B,T,D]. Causal, but the first prefix[b] positions see each other (i32 [B] or NULL). kv_len i32
 * [B] or NULL: tokens that are real, the rest is padding on the right. kv: NULL, or a cache that
 * the T tokens are appended to (and advanced). drop: dropout on each residual branch in training.
 */
fab_tensor *fab_llama_hidden(fab_ctx *c, const fab_llama *m, fab_tensor *x, fab_tensor *prefix,
                             fab_tensor *kv_len, fab_kv *kv, float drop);
/* One layer of it: s is what its attention needs (layer itself is i). */
fab_tensor *fab_llama_block(fab_ctx *c, const fab_llama *m, int i, fab_tensor *x,
                            const fab_attn_state *s, float drop);
/* Logits [n,V] of the given rows of h seen as [B*T,D] (i32 [n]; NULL: all rows). */
fab_tensor *fab_llama_logits(fab_ctx *c, const fab_llama *m, fab_tensor *h, fab_tensor *rows);
/* An empty cache for this model in arena a. */
bool fab_llama_kv(const fab_llama *m, fab_kv *kv, fab_arena *a, int64_t batch, int64_t cap,
                  fab_err *err);

#endif
