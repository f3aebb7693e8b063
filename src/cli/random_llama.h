/* random_llama: a LLaMA's weights under their names, random, drawn in memory when asked for: speed
 * does not depend on what the values are. */
#ifndef FAB_CLI_RANDOM_LLAMA_H
#define FAB_CLI_RANDOM_LLAMA_H

#include "zoo/llama.h"

typedef struct {
    fab_llama_config cfg;
    fab_dtype type;   /* of the matrices */
    fab_arena *arena; /* the weights lie here */
    fab_rng rng;
    uint64_t read_bytes; /* what one token reads: all but the embedding */
    double values;       /* of the matrices that a token passes through */
    fab_err err;
} fab_random_llama;

/* The shape named "135m" or "1.1b"; rows that fill no block of the type make it q8_0. */
void fab_random_llama_init(fab_random_llama *w, const char *shape, fab_dtype type,
                           fab_arena *arena);
/* For fab_params_load; w must outlive the model. */
fab_param_source fab_random_llama_source(fab_random_llama *w);
/* The whole model as a GGUF without a tokenizer. */
bool fab_random_llama_write(fab_random_llama *w, const char *path, fab_err *err);

#endif
