/* whisper_file: a published Whisper out of a folder: weights, sizes, tokenizer, what its special
 * tokens are.
 *
 *   DIR/model.safetensors (or its index, or pytorch_model.bin) + config.json + tokenizer.json
 *   DIR/model.bin + config.json + tokenizer.json        CTranslate2 (faster-whisper)
 *   DIR/model.pt + tokenizer.json                       OpenAI's names
 *
 * Sizes are read off the tensors; config.json gives the number of heads (without it a head is 64
 * wide) and must agree with the rest. Suppressed tokens are those that generation_config.json or
 * config.json list, else OpenAI's: symbols that are not spoken. */
#ifndef FAB_ZOO_WHISPER_FILE_H
#define FAB_ZOO_WHISPER_FILE_H

#include "format/weights.h"
#include "text/tokenizer.h"
#include "zoo/whisper.h"

/* Ids of special tokens. Languages are sot + 1 .. sot + languages; timestamps first_time + k mean
 * k * 30 / audio_ctx seconds (20 ms). */
typedef struct {
    int32_t eot, sot, translate, transcribe, sot_prev, no_speech, no_times, first_time;
    int32_t languages;    /* 99 or 100; 0: an English-only model, which takes no such tokens */
    const int32_t *quiet; /* [n_quiet] never said */
    int n_quiet;
    int32_t blank; /* " ": not said first, as eot; -1: none */
} fab_whisper_ids;

typedef struct {
    fab_arena *arena;
    fab_weights *weights;
    fab_tokenizer *words;
    fab_whisper model;
    fab_whisper_ids ids;
    char id[96]; /* folder's name and the first digits of the weights' SHA-256 */
} fab_whisper_file;

typedef struct {
    fab_pool *pool;
    const fab_kernels *k; /* NULL: the best */
    bool bf16;            /* matrices may be rounded to bf16 */
} fab_whisper_opts;

/* path: a folder, or its weights. The message begins with the path. o may be NULL. */
fab_whisper_file *fab_whisper_open(const char *path, const fab_whisper_opts *o, fab_err *err);
void fab_whisper_close(fab_whisper_file *f); /* NULL is fine */

/* The id of a language's token by its code ("zh"); -1: the model has no such language. */
int32_t fab_whisper_language(const fab_whisper_file *f, const char *code);
/* The code of language i of ids.languages into code[8]; "en" for an English-only model. */
void fab_whisper_language_code(const fab_whisper_file *f, int32_t i, char code[8]);

#endif
