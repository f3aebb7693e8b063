/* bert: post-norm bidirectional encoder of text (Devlin et al. 2019): MiniLM, bge, PubMedBERT.
 *
 *   embeddings.{word,position,token_type}_embeddings.weight, embeddings.LayerNorm,
 *   encoder.layer.N. {attention.self.{query,key,value}, attention.output.{dense,LayerNorm},
 *   intermediate.dense, output.{dense,LayerNorm}}, [pooler.dense]
 */
#ifndef FAB_ZOO_BERT_H
#define FAB_ZOO_BERT_H

#include "nn/layers.h"

/* How a text becomes one vector. */
typedef enum {
    FAB_POOL_MEAN,   /* over its tokens: MiniLM and most of sentence-transformers */
    FAB_POOL_CLS,    /* the first token: bge, BiomedCLIP */
    FAB_POOL_POOLER, /* tanh of a dense layer of the first token: BERT's own head */
} fab_bert_pool;

typedef struct {
    int64_t width, ffn, vocab, positions;
    int64_t types; /* 0: the file has no token types */
    int layers, heads;
    float eps;
    fab_gelu_kind gelu;
    bool pooler; /* the file holds pooler.dense */
} fab_bert_config;

typedef struct {
    fab_attn_layer attn;
    fab_norm attn_norm, out_norm;
    fab_dense up, down;
} fab_bert_block;

typedef struct {
    fab_bert_config cfg;
    fab_tensor *words, *positions, *types;
    fab_norm norm;
    fab_bert_block *block;
    fab_dense pooler;
} fab_bert;

void fab_bert_params(fab_params *p, fab_bert *m, const fab_bert_config *cfg);

/* ids i32 [B,T], T <= positions; len i32 [B]: how many of each row are text, the rest is padding
 * that nobody sees. All token types are 0. layers as in fab_vit_tokens (0: the embeddings). ->
 * [B,T,W]; rows from len on are undefined. For reading. */
fab_tensor *fab_bert_tokens(fab_ctx *c, const fab_bert *m, fab_tensor *ids, fab_tensor *len,
                            int layers);
/* x [B,T,W] of all layers -> [B,W], not normalised. */
fab_tensor *fab_bert_pooled(fab_ctx *c, const fab_bert *m, fab_tensor *x, const fab_tensor *len,
                            fab_bert_pool pool);

#endif
