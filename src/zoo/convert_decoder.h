/* convert_decoder: a text decoder from a Hugging Face folder into a GGUF, and back.
 *
 *   DIR: config.json, model.safetensors, tokenizer.json  <-->  FILE.gguf
 *
 * What the way changes: names; in GGUF the rows of q and k of LLaMA and Mistral stand in pairs, and
 * Gemma's norms hold 1 + w; vectors are F32 there. What one side cannot say is refused.
 */
#ifndef FAB_ZOO_CONVERT_DECODER_H
#define FAB_ZOO_CONVERT_DECODER_H

#include "base/threads.h"
#include "format/weights_write.h"
#include "zoo/decoder.h"

typedef struct {
    fab_dtype type; /* of the matrices */
    bool same;      /* as they are, instead */
} fab_convert_opts;

/* in a folder: out is a GGUF; in a GGUF: out is a folder, which is made. Errors name the file and
 * the tensor: a type that out cannot have, a tensor that is not the model's, a tokenizer of a kind
 * that out has no words for. */
bool fab_convert(const char *in, const char *out, const fab_convert_opts *o, fab_pool *pool,
                 fab_err *err);

/* The steps of it. */
bool fab_decoder_put(const fab_decoder_config *c, fab_gguf *g, fab_arena *a, fab_err *err);
json_t *fab_decoder_json(const fab_decoder_config *c, fab_arena *a, fab_err *err);
bool fab_words_to_gguf(fab_gguf *g, const fab_decoder *d, fab_err *err); /* tokenizer.ggml.* */
/* tokenizer.json and tokenizer_config.json into the folder out. */
bool fab_words_to_folder(const fab_decoder *d, const char *out, fab_err *err);
/* dir/name, and drops o, which may be NULL (false, with err as it is). */
bool fab_write_beside(const char *dir, const char *name, json_t *o, fab_arena *a, fab_err *err);

#endif
