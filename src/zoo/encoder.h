/* encoder: a published encoder out of a folder or a file, whatever its family and names.
 *
 *   family      | reads          | found by the tensor
 *   bert        | text           | [bert.]embeddings.word_embeddings.weight; GGUF architecture bert
 *   clip        | text, pictures | visual.conv1.weight; vision_model.embeddings.class_embedding
 *   biomedclip  | text, pictures | visual.trunk.cls_token, text.transformer.embeddings...
 *   siglip      | text, pictures | vision_model.head.probe
 *   conch       | text, pictures | visual.attn_pool_contrast.query
 *
 * Sizes come from the tensors; what shapes cannot say (heads, activation, eps, pooling, pictures'
 * preparation) from config.json, open_clip_config.json, preprocessor_config.json, modules.json and
 * 1_Pooling/config.json beside the weights, else as the family was published. A file that says
 * another size than the tensors have is an error with both numbers.
 */
#ifndef FAB_ZOO_ENCODER_H
#define FAB_ZOO_ENCODER_H

#include "zoo/bert.h"
#include "zoo/biomedclip.h"
#include "zoo/clip.h"
#include "zoo/conch.h"
#include "zoo/preprocess.h"
#include "zoo/siglip.h"

typedef enum {
    FAB_ENCODER_BERT,
    FAB_ENCODER_CLIP,
    FAB_ENCODER_BIOMEDCLIP,
    FAB_ENCODER_SIGLIP,
    FAB_ENCODER_CONCH
} fab_encoder_family;

typedef struct {
    fab_encoder_family family;
    const char *name;    /* "bert", "clip", ... */
    const char *naming;  /* whose tensor names the file has: "Hugging Face", "open_clip", "GGUF" */
    const char *weights; /* path of the weight file; the folder it lies in */
    const char *folder;
    int64_t embed;   /* E */
    int64_t context; /* most tokens of a text, marks included */
    int64_t vocab;
    bool images;      /* reads pictures */
    bool pad_to_full; /* texts are padded to `context` with `pad` */
    int32_t pad;      /* < 0: by repeating the last id */
    bool sigmoid; /* each label for itself: sigmoid(scale cos + bias); else softmax(scale cos) */
    bool unit;    /* rows of length one (bert: only when the folder asks for it) */
    float scale, bias;
    fab_bert_pool pool; /* of bert */
    fab_preprocess preprocess;
    int64_t n_values; /* parameters of the model */
} fab_encoder_facts;

typedef struct fab_encoder fab_encoder;

bool fab_encoder_folder_at(const char *path); /* path is a folder, not a file */
/* Whether path is a folder that holds weights, or a file that fab_encoder_open should be asked
 * about: anything but our own model file. */
bool fab_encoder_at(const char *path);

/* half: matrices are packed in 16 bits where the machine multiplies those faster. pool is borrowed
 * for the loading, NULL is fine. NULL with err set. */
fab_encoder *fab_encoder_open(const char *path, fab_pool *pool, bool half, fab_err *err);
void fab_encoder_close(fab_encoder *e); /* NULL is fine */
const fab_encoder_facts *fab_encoder_about(const fab_encoder *e);

/* The facts for people and scripts, a new reference: family, names, weights, parameters, embedding,
 * context, images {size, fit, filter, mean, std}, score {kind, scale, bias}, pooling, unit. */
json_t *fab_encoder_describe(const fab_encoder *e, fab_err *err);

/* Reads a bert's texts by another pooling than the folder says; an error for other families, or
 * for the pooler when the file has none. */
bool fab_encoder_pool_by(fab_encoder *e, fab_bert_pool pool, fab_err *err);
/* The family's own struct, lent: fab_bert, fab_clip, fab_biomedclip, fab_siglip_model, fab_conch. */
const void *fab_encoder_model(const fab_encoder *e);

/* images [B,S,S,3] prepared -> [B,E]. */
fab_tensor *fab_encoder_images(fab_ctx *c, const fab_encoder *e, fab_tensor *images);
/* ids i32 [B,T] padded behind each text, len i32 [B] how many are text -> [B,E]. */
fab_tensor *fab_encoder_texts(fab_ctx *c, const fab_encoder *e, fab_tensor *ids, fab_tensor *len);

#endif
