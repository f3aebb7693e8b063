/* tokenizer_file: a tokenizer out of whatever file or folder carries one, and into a GGUF. */
#ifndef FAB_ZOO_TOKENIZER_FILE_H
#define FAB_ZOO_TOKENIZER_FILE_H

#include "format/weights_write.h"
#include "text/bpe.h"
#include "text/tokenizer.h"

/* path: a tokenizer.json, a GGUF, a SentencePiece tokenizer.model, a vocab.txt, a vocab.json (with
 * merges.txt beside it), found by their first bytes; or a folder that holds one of these, in this
 * order. tokenizer_config.json and chat_template.jinja beside it are read too. The message starts
 * with the path. */
fab_tokenizer *fab_tokenizer_open(const char *path, fab_err *err);

/* From the keys tokenizer.ggml.* and tokenizer.chat_template. */
fab_tokenizer *fab_tokenizer_from_weights(const fab_weights *w, fab_err *err);

/* The byte-level BPE of our own models: from the keys tokenizer.ggml.{tokens, merges, token_type,
 * pre}; token_type may be absent. */
fab_bpe *fab_bpe_from_weights(const fab_weights *w, fab_err *err);

/* The same keys and tokenizer.ggml.model; failures stay in g, as with every key. The arrays need
 * the arena until then. */
bool fab_bpe_put(fab_gguf *g, const fab_bpe *b, fab_arena *a, fab_err *err);

#endif
