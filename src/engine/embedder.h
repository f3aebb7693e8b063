/* embedder: a published encoder as a user meets it: texts and pictures in, rows out.
 *
 *   text    -> tokenizer, framed, cut to the context -> batches of like lengths -> encoder
 *   picture -> preprocess -> batches -> encoder
 *
 * Nothing of our own model is in it: no gate, no protocol. An embedder belongs to one thread at a
 * time; results do not depend on the number of threads of its pool, nor, beyond rounding, on what
 * else is in a batch.
 */
#ifndef FAB_ENGINE_EMBEDDER_H
#define FAB_ENGINE_EMBEDDER_H

#include "text/tokenizer.h"
#include "zoo/encoder.h"

typedef struct fab_embedder fab_embedder;

typedef struct {
    fab_pool *pool; /* borrowed; NULL is fine */
    bool exact;     /* products in f32; else in 16 or 8 bits where the machine is faster so */
    int pool_by;    /* 0: what the folder says; else 1 + a fab_bert_pool */
} fab_embedder_opts;

typedef struct {
    const uint8_t *rgb;
    int width, height;
} fab_picture;

/* path: a folder or a weight file, as fab_encoder_open. The tokenizer lies beside the weights or in
 * them. NULL with err set; opts may be NULL. */
fab_embedder *fab_embedder_open(const char *path, const fab_embedder_opts *opts, fab_err *err);
void fab_embedder_close(fab_embedder *e); /* NULL is fine */
const fab_encoder_facts *fab_embedder_about(const fab_embedder *e);

/* n texts or pictures -> out [n,E]. Texts longer than the context are cut, their end mark kept. An
 * empty text fails, and so does a picture where the model reads none. Values that are not finite
 * fail, naming the first layer that gave one. */
bool fab_embedder_texts(fab_embedder *e, const char *const *texts, int64_t n, float *out,
                        fab_err *err);
bool fab_embedder_pictures(fab_embedder *e, const fab_picture *pictures, int64_t n, float *out,
                           fab_err *err);

/* The ids of one text as the encoder takes them, without padding, in the arena; NULL with err. */
int32_t *fab_embedder_ids(const fab_embedder *e, const char *text, fab_arena *a, int64_t *n,
                          fab_err *err);

#endif
