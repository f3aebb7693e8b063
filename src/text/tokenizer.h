/* tokenizer: one face for every kind of tokenizer that published models carry.
 *
 *   text --added tokens cut out--> --normalise--> --cut into words--> --model--> ids --template-->
 *   ids
 *
 *   model       | files                                            | models
 *   byte BPE    | tokenizer.json, vocab.json + merges.txt, GGUF gpt2 | GPT-2, Llama-3, Qwen, SmolLM, Whisper
 *   CLIP BPE    | the same files, with </w>                        | CLIP, PLIP
 *   SentencePiece BPE | tokenizer.json, tokenizer.model, GGUF llama | Llama-2, Mistral, Gemma
 *   Unigram     | tokenizer.json, tokenizer.model, GGUF t5         | T5, SigLIP, XLM-R
 *   WordPiece   | tokenizer.json, vocab.txt, GGUF bert             | BERT, MiniLM, PubMedBERT
 *
 * Ids are those of the reference (Hugging Face's tokenizers, SentencePiece), token for token. A
 * fab_tokenizer does not change after it is made: threads may share it. Text that is not UTF-8 is
 * refused with the byte's offset. Reading files: zoo/tokenizer_file.h. */
#ifndef FAB_TEXT_TOKENIZER_H
#define FAB_TEXT_TOKENIZER_H

#include <stdint.h>
#include "base/arena.h"

typedef struct fab_tokenizer fab_tokenizer;

void fab_tokenizer_free(fab_tokenizer *t); /* NULL is fine */

/* "byte-bpe", "clip-bpe", "spm-bpe", "unigram" or "wordpiece" */
const char *fab_tokenizer_kind(const fab_tokenizer *t);
int32_t fab_tokenizer_size(const fab_tokenizer *t); /* ids are 0..size-1, a few may be unused */
int32_t fab_tokenizer_id(const fab_tokenizer *t, const char *token); /* as files write it; -1 */
/* The token as the vocabulary writes it, lent; NULL: no such id. */
const char *fab_tokenizer_token(const fab_tokenizer *t, int32_t id);
/* The bytes it stands for inside a text; out needs fab_tokenizer_stream_room(t). */
size_t fab_tokenizer_bytes(const fab_tokenizer *t, int32_t id, char *out);
bool fab_tokenizer_is_special(const fab_tokenizer *t, int32_t id); /* never shown to a reader */

/* Ids that the file names for these uses; -1: none. */
typedef struct {
    int32_t bos, eos, pad, unk, sep, cls, mask;
} fab_tokenizer_marks;
const fab_tokenizer_marks *fab_tokenizer_marks_get(const fab_tokenizer *t);

/* The chat template that came with the file, as it is written there, lent; NULL: none.
 * text/chat.h renders. */
const char *fab_tokenizer_chat_template(const fab_tokenizer *t);

typedef struct {
    size_t begin, end; /* bytes of a text */
} fab_text_span;

/* How to encode. Cleared: plain text of a user, nothing added. */
typedef struct {
    bool special; /* know control tokens such as <|im_end|> in the text */
    bool frame;   /* add what the model's template puts around a text: <s>, [CLS] ... [SEP] */
    /* Parts of the text, in order and apart, that a user wrote: no control token is seen there. */
    const fab_text_span *plain;
    int64_t n_plain;
} fab_encode_opts;

/* Writes at most max ids and returns how many the text has (more than max: the rest was not
 * written; ids may be NULL with max 0). opts NULL: all cleared. -1 with err set: not UTF-8, or out
 * of memory. */
int64_t fab_tokenizer_encode(const fab_tokenizer *t, const char *text, size_t n,
                             const fab_encode_opts *opts, int32_t *ids, int64_t max, fab_err *err);

/* The same into the arena, whatever the count; n_ids receives it. NULL with err set. */
int32_t *fab_tokenizer_encode_all(const fab_tokenizer *t, const char *text, size_t n,
                                  const fab_encode_opts *opts, fab_arena *a, int64_t *n_ids,
                                  fab_err *err);

/* Decoding gives valid UTF-8: bytes that form no character become U+FFFD. Control tokens are left
 * out when skip_special. NUL-terminated, in the arena; NULL with err set when an id is outside the
 * vocabulary. */
char *fab_tokenizer_decode(const fab_tokenizer *t, fab_arena *a, const int32_t *ids, int64_t n,
                           bool skip_special, fab_err *err);

/* Streaming: clear the struct, push a token, get the characters that are complete; a cut character
 * is held back until its rest arrives. out needs fab_tokenizer_stream_room(t) bytes; the return is
 * how many were written (no NUL). Control tokens give nothing when skip_special is set in the
 * struct. end flushes what is held. */
typedef struct {
    bool skip_special;
    bool begun; /* a token came already */
    uint8_t held[4];
    int n;
} fab_token_stream;
size_t fab_tokenizer_stream_room(const fab_tokenizer *t);
size_t fab_tokenizer_stream_push(const fab_tokenizer *t, fab_token_stream *s, int32_t id,
                                 char *out);
size_t fab_tokenizer_stream_end(fab_token_stream *s, char *out); /* at most 3 bytes */

#endif
