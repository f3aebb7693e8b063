/* generate: text from a published decoder: prompts in, tokens out as they come.
 *
 *   prompt --what the cache does not hold yet, in one pass--> key/value cache
 *   one token of every prompt a step --> logits --> sample --> text, until an end token, a stop
 *   text, max_tokens, or the reader has enough
 *
 * The cache of a single prompt is kept: the next prompt that begins alike (the next turn of a
 * conversation) is read from where it differs. Several prompts run together in a cache of their
 * own. Results depend on the prompt, the options and the seed alone. A generator belongs to one
 * thread at a time.
 *
 * A result that is not finite is an error that names the layer and the weight where it began: the
 * step is run again with every operation looked at. FABRICA_CHECK=1 looks from the start.
 */
#ifndef FAB_ENGINE_GENERATE_H
#define FAB_ENGINE_GENERATE_H

#include "zoo/decoder.h"

enum { FAB_GENERATE_MAX_BATCH = 64 };

typedef struct fab_generator fab_generator;

/* Products in f32, as the reference in f32; else the machine's faster units may round. Small models
 * are quick enough, and rounding changes their words sooner. */
typedef enum {
    FAB_FAST,
    FAB_EXACT,
    FAB_EXACT_SMALL /* exact below 500 million parameters */
} fab_exactness;
bool fab_is_exact(fab_exactness how, const fab_decoder *d);

/* A folder or a GGUF (zoo/decoder.h). The pool is borrowed. */
fab_generator *fab_generator_open(const char *path, fab_pool *pool, fab_exactness how,
                                  fab_err *err);
void fab_generator_close(fab_generator *g); /* NULL is fine */
/* Puts the adapter of a file (zoo/adapter.h) on the decoder, in the place of another; NULL: takes
 * it off. A failure leaves the decoder without any. */
bool fab_generator_adapt(fab_generator *g, const char *path, fab_err *err);
/* What its cache holds was read with weights that have changed since. */
void fab_generator_forget(fab_generator *g);
const fab_decoder *fab_generator_decoder(const fab_generator *g);
fab_ctx *fab_generator_ctx(fab_generator *g); /* of its passes, which reset it; lent */

/* What a prompt holds in the place of words: n rows of the model's width. Equal keys: equal rows. */
typedef struct {
    const float *rows; /* [n,D] */
    int64_t n;
    uint64_t key;
} fab_prompt_part;

/* ids: tokens; -1-i stands for the next row of part i. */
typedef struct {
    const int32_t *ids;
    int64_t n;
    const fab_prompt_part *parts;
    int n_parts;
} fab_prompt;

typedef struct {
    int max_tokens;       /* 0: until the model's context is full */
    float temperature;    /* 0: greedy */
    float top_p, min_p;   /* 0: all */
    int top_k;            /* 0: all */
    float repeat_penalty; /* 0, 1: none; over the prompt and what was said */
    uint64_t seed;
    const char *const *stops; /* texts that end the answer and are not part of it */
    int n_stops;
    bool ignore_end; /* end tokens are words like others: for measuring */
    /* Whole characters as they come, of prompt `which`; false stops that answer. */
    bool (*on_text)(void *arg, int which, const char *text, size_t n);
    void *arg;
} fab_generate_opts;

typedef enum { FAB_END_TOKEN, FAB_END_STOP, FAB_END_LENGTH, FAB_END_READER } fab_generate_end;
const char *fab_generate_end_name(fab_generate_end e); /* "end", "stop", "length", "reader" */

typedef struct {
    char *text;   /* in the arena of the call; "" when the model has no tokenizer */
    int32_t *ids; /* what was said, without the end token */
    int n;
    int64_t n_prompt, n_reused; /* tokens of the prompt; of them, found in the cache */
    fab_generate_end end;
    double prefill_s, generate_s; /* of the whole call */
} fab_generated;

/* count <= FAB_GENERATE_MAX_BATCH; out [count]. Errors: a prompt that is empty or longer than the
 * model's context (FAB_ELIMIT). o may be NULL. */
bool fab_generate(fab_generator *g, const fab_prompt *prompts, int count,
                  const fab_generate_opts *o, fab_arena *a, fab_generated *out, fab_err *err);

#endif
