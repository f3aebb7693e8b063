/* preprocess: how a published model wants its pictures: from its preprocessor_config.json or
 * open_clip_config.json, else as its family was trained.
 *
 *   rgb -> resize (Pillow's, bit for bit) -> centre crop -> (v/255 - mean) / std -> [S,S,3]
 */
#ifndef FAB_ZOO_PREPROCESS_H
#define FAB_ZOO_PREPROCESS_H

#include "base/json.h"
#include "media/resize.h"

typedef enum {
    FAB_FIT_SHORTEST, /* the short side becomes resize, then the centre is cut out */
    FAB_FIT_SQUASH    /* straight to S x S */
} fab_fit;

typedef struct {
    int size;   /* S */
    int resize; /* of FIT_SHORTEST: the short side, usually S */
    fab_fit fit;
    fab_filter filter;
    bool crop_down; /* an odd margin is cut as Hugging Face does, rounded down; else as torchvision
                       does, rounded to even */
    float mean[3], std[3];
} fab_preprocess;

/* CLIP's: shortest side, bicubic, CLIP's mean and deviation. */
fab_preprocess fab_preprocess_clip(int size);
/* SigLIP's: squashed, bicubic, mean and deviation 1/2. */
fab_preprocess fab_preprocess_siglip(int size);

/* What a file's object says replaces what *p holds. Errors name the key. Sizes other than p->size
 * disagree with the weights: an error with both numbers. */
bool fab_preprocess_read_hf(fab_preprocess *p, const json_t *o, fab_err *err);
bool fab_preprocess_read_open_clip(fab_preprocess *p, const json_t *o, fab_err *err);

/* out holds size * size * 3. */
bool fab_preprocess_run(const fab_preprocess *p, const uint8_t *rgb, int width, int height,
                        float *out, fab_err *err);

#endif
