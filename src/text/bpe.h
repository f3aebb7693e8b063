/* bpe: byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019): reading,
 * training, encoding, decoding.
 *
 *   text --added tokens cut out--> --pre-tokenizer--> words --bytes, then merges by rank--> ids
 *
 * Any UTF-8 text has an encoding and decodes to itself (no unknown token). A fab_bpe does not
 * change after it is made: threads may share it. Text that is not UTF-8 is refused with the byte's
 * offset. */
#ifndef FAB_TEXT_BPE_H
#define FAB_TEXT_BPE_H

#include <stdint.h>
#include "base/json.h"
#include "text/pretoken.h"

typedef struct fab_bpe fab_bpe;

/* From a Hugging Face tokenizer.json (model BPE, byte-level, a pre-tokenizer of text/pretoken.h;
 * SYSTEMS.md 28.6). The post_processor is not applied: a model's own template adds its tokens. */
fab_bpe *fab_bpe_from_json(const void *data, size_t size, fab_err *err);
fab_bpe *fab_bpe_open(const char *path, fab_err *err);

/* From arrays as GGUF metadata holds them: tokens in the byte-level alphabet (special ones as they
 * are), merges "a b", types 1 normal, 3 control, 4 user-defined (NULL: all normal), pre =
 * pre-tokenizer's name ("gpt-2", "fabrica", ...). */
typedef struct {
    const char *const *tokens, *const *merges;
    const int32_t *types;
    int64_t n_tokens, n_merges;
    const char *pre;
} fab_bpe_parts;
fab_bpe *fab_bpe_from_parts(const fab_bpe_parts *p, fab_err *err);

/* The same arrays of b, for writing them to a GGUF; they live in the arena. */
bool fab_bpe_to_parts(const fab_bpe *b, fab_arena *a, fab_bpe_parts *p, fab_err *err);
json_t *fab_bpe_to_json(const fab_bpe *b,
                        fab_err *err); /* tokenizer.json that tokenizers/transformers load */
void fab_bpe_free(fab_bpe *b);         /* NULL is fine */

int32_t fab_bpe_vocab_size(const fab_bpe *b);
int32_t fab_bpe_merge_count(const fab_bpe *b);
int32_t fab_bpe_id(const fab_bpe *b,
                   const char *token); /* by the token's text (special or raw bytes); -1: none */
const char *fab_bpe_token(const fab_bpe *b, int32_t id,
                          size_t *n);                  /* its raw bytes, lent; NULL: no such id */
bool fab_bpe_is_special(const fab_bpe *b, int32_t id); /* control token: never shown to a reader */
size_t fab_bpe_longest(const fab_bpe *b);              /* bytes of the longest token */
fab_pretoken fab_bpe_pre(const fab_bpe *b);

/* Writes at most max ids and returns how many the text has (more than max: the rest was not
 * written; ids may be NULL with max 0). -1 with err set: not UTF-8, or out of memory.
 * fab_bpe_encode knows added tokens in the text ("<|user|>"), as Hugging Face does;
 * fab_bpe_encode_plain takes them as ordinary characters: use it for every text that a user wrote,
 * so that no one can type a control token. */
int64_t fab_bpe_encode(const fab_bpe *b, const char *text, size_t n, int32_t *ids, int64_t max,
                       fab_err *err);
int64_t fab_bpe_encode_plain(const fab_bpe *b, const char *text, size_t n, int32_t *ids,
                             int64_t max, fab_err *err);

/* Decoding gives valid UTF-8: bytes that form no character become U+FFFD. Control tokens are left
 * out when skip_special. The string lives in the arena, NUL-terminated; NULL with err set when an
 * id is outside the vocabulary. */
char *fab_bpe_decode(const fab_bpe *b, fab_arena *a, const int32_t *ids, int64_t n,
                     bool skip_special, fab_err *err);

/* Streaming: push a token, get the characters that are complete; a cut character is held back until
 * its rest arrives. out needs fab_bpe_stream_room(b) bytes; the return is how many were written (no
 * NUL). end flushes what is held. */
typedef struct {
    uint8_t held[4];
    int n;
} fab_bpe_stream;
size_t fab_bpe_stream_room(const fab_bpe *b);
size_t fab_bpe_stream_push(const fab_bpe *b, fab_bpe_stream *s, int32_t id, char *out);
size_t fab_bpe_stream_end(fab_bpe_stream *s, char *out); /* at most 3 bytes */

/* Training. Ids: specials in the order given, the 256 bytes, then one token per merge until
 * vocab_size. The most frequent pair is merged first, ties by the smaller ids, as Hugging Face's
 * trainer does: the same texts, in any order and cut anywhere between them, give the same file. */
typedef struct {
    int32_t vocab_size;
    const char *const *specials; /* read by trainer_new only */
    int32_t n_specials;
    fab_pretoken pre;
    int32_t max_han;   /* a token of more Han characters is never made; 0: no limit */
    int64_t min_count; /* a pair seen less often is never merged; 0: 2 */
} fab_bpe_train_opts;
typedef struct fab_bpe_trainer fab_bpe_trainer;
fab_bpe_trainer *fab_bpe_trainer_new(const fab_bpe_train_opts *o, fab_err *err);
bool fab_bpe_trainer_add(fab_bpe_trainer *t, const char *text, size_t n,
                         fab_err *err); /* one text */
fab_bpe *fab_bpe_trainer_finish(fab_bpe_trainer *t,
                                fab_err *err); /* fewer merges than asked when pairs run out */
void fab_bpe_trainer_free(fab_bpe_trainer *t);

#endif
