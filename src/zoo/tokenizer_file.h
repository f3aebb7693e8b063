/* tokenizer_file: a tokenizer out of a tokenizer.json or a GGUF, whichever the file is, and into a
 * GGUF. */
#ifndef FAB_ZOO_TOKENIZER_FILE_H
#define FAB_ZOO_TOKENIZER_FILE_H

#include "format/weights_write.h"
#include "text/bpe.h"

/* From the keys tokenizer.ggml.{tokens, merges, token_type, pre}; token_type may be absent. */
fab_bpe *fab_tokenizer_from_weights(const fab_weights *w, fab_err *err);
fab_bpe *fab_tokenizer_open(const char *path, fab_err *err); /* the message starts with the path */

/* The same keys and tokenizer.ggml.model; failures stay in g, as with every key. The arrays need
 * the arena until then. */
bool fab_tokenizer_put(fab_gguf *g, const fab_bpe *b, fab_arena *a, fab_err *err);

#endif
