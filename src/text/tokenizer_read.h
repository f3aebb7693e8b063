/* tokenizer_read: a fab_tokenizer out of each kind of file. Data are read and copied: the caller
 * may let go of them. NULL with err set. */
#ifndef FAB_TEXT_TOKENIZER_READ_H
#define FAB_TEXT_TOKENIZER_READ_H

#include "text/tokenizer.h"

/* A Hugging Face tokenizer.json of any kind. */
fab_tokenizer *fab_tokenizer_from_json(const void *data, size_t size, fab_err *err);

/* A SentencePiece tokenizer.model (BPE or Unigram). */
fab_tokenizer *fab_tokenizer_from_sentencepiece(const void *data, size_t size, fab_err *err);

/* BERT's vocab.txt, a piece per line. lower: lower-case and without accents. */
fab_tokenizer *fab_tokenizer_from_vocab(const void *data, size_t size, bool lower, fab_err *err);

/* GPT-2's or CLIP's vocab.json and merges.txt (CLIP: its tokens end in "</w>"). */
fab_tokenizer *fab_tokenizer_from_merges(const void *vocab, size_t n_vocab, const void *merges,
                                         size_t n_merges, fab_err *err);

/* Arrays and values as GGUF's tokenizer.ggml.* hold them. */
typedef struct {
    const char *model; /* "gpt2", "llama", "t5", "bert" */
    const char *pre;   /* gpt2: the pre-tokenizer's name */
    const char *const *tokens, *const *merges;
    const float *scores;  /* NULL: none */
    const int32_t *types; /* NULL: all normal */
    int64_t n_tokens, n_merges;
    int64_t bos, eos, pad, unk, sep, cls, mask; /* -1: not said */
    int add_bos, add_eos, add_space_prefix;     /* -1: not said */
    bool remove_extra_blanks;
    const void *charsmap; /* t5: precompiled_charsmap */
    size_t n_charsmap;
    const char *chat_template; /* or NULL */
} fab_tokenizer_parts;
#define FAB_TOKENIZER_PARTS                                                                        \
    (fab_tokenizer_parts)                                                                          \
    {                                                                                              \
        .bos = -1, .eos = -1, .pad = -1, .unk = -1, .sep = -1, .cls = -1, .mask = -1,              \
        .add_bos = -1, .add_eos = -1, .add_space_prefix = -1                                       \
    }
fab_tokenizer *fab_tokenizer_from_parts(const fab_tokenizer_parts *p, fab_err *err);

/* What a tokenizer_config.json beside the file says: bos_token, eos_token ... and chat_template.
 * jinja: the text of a chat_template.jinja, which wins; NULL: none. Either may be NULL. */
bool fab_tokenizer_configure(fab_tokenizer *t, const void *config, size_t n_config,
                             const char *jinja, fab_err *err);

#endif
