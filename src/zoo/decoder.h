/* decoder: published text decoders, as one thing: LLaMA 1/2/3, Mistral, Qwen2, Qwen3, Gemma-3.
 *
 *   DIR/config.json + model.safetensors (or its index of shards) + tokenizer.json    Hugging Face
 *   FILE.gguf                                                                        llama.cpp
 *
 * Weights stay in the mapped file in their own type. The model's parameters carry Hugging Face's
 * names whatever the file calls them. What a file says and what its tensors are is compared: a
 * tensor that is missing, left over or of another shape is an error that names it and both sizes.
 */
#ifndef FAB_ZOO_DECODER_H
#define FAB_ZOO_DECODER_H

#include "format/weights.h"
#include "nn/peft.h"
#include "text/chat.h"
#include "zoo/llama.h"
#include "zoo/names.h"

/* What one published architecture is, apart from its sizes: a row of decoder_config.c. */
typedef struct {
    const char *type;  /* config.json's model_type */
    const char *class; /* and its architectures[0] */
    const char *gguf;  /* general.architecture */
    bool permuted;     /* GGUF's rows of q and k pair (2i,2i+1) */
    bool gemma;        /* branch norms, (1 + w), GeGLU, embeddings times sqrt(D), local layers */
    bool qkv_bias, qk_norm, tied; /* tied: when config.json does not say */
    bool windowed;                /* every layer has the sliding window */
    int64_t dim, ffn, layers, heads, kv_heads, head_dim, vocab, context, window; /* defaults; 0 */
} fab_decoder_kind;

/* How high rotary frequencies are stretched (Llama-3.1: by parts; else all alike). */
typedef enum { FAB_STRETCH_NONE, FAB_STRETCH_LINEAR, FAB_STRETCH_LLAMA3 } fab_stretch_kind;
typedef struct {
    fab_stretch_kind kind;
    double factor, low, high, original; /* low, high, original context: of LLAMA3 */
} fab_stretch;

typedef struct {
    const fab_decoder_kind *kind;
    int64_t dim, ffn, vocab, layers, heads, kv_heads, head_dim, context;
    int64_t window, pattern; /* pattern n: every n-th layer sees all, the others a window */
    double eps, theta, local_theta;
    double score_dim; /* scores are divided by its root */
    bool tied;
    fab_stretch stretch;
    const float *factors; /* [head_dim/2] that a GGUF brings; NULL: those of stretch */
} fab_decoder_config;

enum { FAB_DECODER_ENDS = 8 };

typedef struct {
    fab_arena *arena;
    fab_weights *weights;
    const char *path, *dir; /* as it was opened; where the files lie */
    bool gguf;
    fab_decoder_config cfg;
    fab_names *names; /* the file's tensors under the model's names */
    fab_llama *model;
    fab_param_list params;
    fab_sites sites;                /* where an adapter may sit */
    fab_tokenizer *words;           /* NULL: the folder has no tokenizer */
    int32_t ends[FAB_DECODER_ENDS]; /* tokens that end an answer */
    int n_ends;
} fab_decoder;

typedef struct {
    fab_pool *pool;
    const fab_kernels *k; /* NULL: the best */
    bool bf16;            /* products may round their operands */
} fab_decoder_opts;

/* path: a folder, its config.json or *.safetensors, or a GGUF. The message begins with the path. */
fab_decoder *fab_decoder_open(const char *path, const fab_decoder_opts *o, fab_err *err);
void fab_decoder_close(fab_decoder *d); /* NULL is fine */

int64_t fab_decoder_values(const fab_decoder *d); /* parameters, counted one by one */

/* One more token that ends an answer; ids outside the vocabulary and repeated ones are dropped. */
void fab_decoder_end(fab_decoder *d, int64_t id);

/* ---- the steps of it, for llava and convert -------------------------------------------------- */

const fab_decoder_kind *fab_decoder_kind_find(const char *type); /* by model_type; NULL */

/* From config.json's object, type as it stands there (the caller unwraps text_config). */
bool fab_decoder_config_json(fab_decoder_config *c, const json_t *o, const char *type,
                             fab_err *err);
/* From a GGUF's metadata; sizes that only tensors tell are taken from them. */
bool fab_decoder_config_gguf(fab_decoder_config *c, const fab_weights *w, fab_arena *a,
                             fab_err *err);
/* The model that it describes; arrays go into a. */
bool fab_decoder_llama(const fab_decoder_config *c, bool gguf, fab_arena *a, fab_llama_config *out,
                       fab_err *err);
/* How the file's names become the model's. */
const fab_name_rule *fab_decoder_rules(const fab_decoder_config *c, bool of_gguf);
/* The model of d->cfg, d->gguf and d->names. */
bool fab_decoder_load(fab_decoder *d, const fab_decoder_opts *o, fab_err *err);
/* head_dim/2 factors of Llama-3.1's stretching, or of any other kind; NULL with err unset: none. */
const float *fab_decoder_factors(const fab_decoder_config *c, fab_arena *a, fab_err *err);

#endif
