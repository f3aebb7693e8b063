/* whisper: speech to text (Radford et al. 2022): an audio encoder over log-mel frames and a text
 * decoder with cross-attention.
 *
 * Parameters carry Hugging Face names: model.encoder.{conv1,conv2,embed_positions,layers.N,
 * layer_norm}, model.decoder.{embed_tokens,embed_positions,layers.N,layer_norm}; a layer has
 * self_attn.{q,k,v,out}_proj (k without bias), self_attn_layer_norm, fc1, fc2, final_layer_norm
 * and, in the decoder, encoder_attn and encoder_attn_layer_norm. The head is the token embedding.
 */
#ifndef FAB_ZOO_WHISPER_H
#define FAB_ZOO_WHISPER_H

#include "nn/layers.h"

typedef struct {
    int64_t dim, encoder_ffn, decoder_ffn, vocab;
    int64_t audio_ctx, text_ctx; /* 1500 positions of 20 ms; 448 tokens */
    int mels, encoder_layers, decoder_layers, encoder_heads, decoder_heads;
} fab_whisper_config;

typedef struct {
    fab_norm self_norm, cross_norm, mlp_norm;
    fab_attn_layer self, cross; /* cross: in the decoder */
    fab_mlp mlp;
} fab_whisper_layer;

typedef struct {
    fab_whisper_config cfg;
    fab_tensor *conv1_w, *conv1_b, *conv2_w, *conv2_b; /* [D,mels,3], [D,D,3] */
    fab_tensor *audio_pos;                             /* [audio_ctx,D], sinusoids */
    fab_tensor *embed, *text_pos;                      /* [V,D], [text_ctx,D] */
    fab_whisper_layer *encoder, *decoder;              /* in the model's arena */
    fab_norm encoder_norm, decoder_norm;
} fab_whisper;

/* Visits all parameters; fails on a configuration that no Whisper has. */
void fab_whisper_params(fab_params *p, fab_whisper *m, const fab_whisper_config *cfg);

/* Log-mel frames [1, 2 audio_ctx, mels] -> [1,audio_ctx,D] after `layers` blocks; -1: all of them
 * and the last norm. Nothing is recorded: memory of one block at a time. */
fab_tensor *fab_whisper_encode(fab_ctx *c, const fab_whisper *m, fab_tensor *mel, int layers);

/* What the decoder's cross-attention reads of one encoded sound: keys and values of every layer.
 * Lives in the ctx's arena, as long as `encoded`. */
typedef struct {
    fab_tensor **k, **v; /* [decoder_layers] of [1,audio_ctx,D] */
} fab_whisper_heard;
bool fab_whisper_hear(fab_ctx *c, const fab_whisper *m, fab_tensor *encoded,
                      fab_whisper_heard *out);

/* An empty cache for `batch` texts about one sound. */
bool fab_whisper_kv(const fab_whisper *m, fab_kv *kv, fab_arena *a, int64_t batch, fab_err *err);

/* ids i32 [B,T], the next tokens of the B texts in the cache -> [B,T,D] after `layers` blocks (-1:
 * all and the last norm); the cache is advanced. */
fab_tensor *fab_whisper_decode(fab_ctx *c, const fab_whisper *m, fab_tensor *ids,
                               const fab_whisper_heard *heard, fab_kv *kv, int layers);
/* Logits [n,V] of the given rows of h seen as [B*T,D] (i32 [n]). */
fab_tensor *fab_whisper_logits(fab_ctx *c, const fab_whisper *m, fab_tensor *h, fab_tensor *rows);

/* The encoder's positions [T,D]: sines in the first half of a row, cosines in the second. */
void fab_whisper_sinusoids(float *out, int64_t T, int64_t D);

#endif
