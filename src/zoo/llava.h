/* llava: what a decoder of text needs to see pictures (Liu et al. 2023, "Visual Instruction
 * Tuning"; LLaVA-1.5, LLaVA-Med v1.5): CLIP's patches through a small network into its embedding.
 *
 *   picture -> [pad to a square] -> S x S -> CLIP blocks up to layer -2 -> without the class token
 *           -> linear_1 -> gelu -> linear_2 -> rows [P,D] that stand in the place of words
 *
 *   from                                          names
 *   LlavaForConditionalGeneration, a folder       [model.]vision_tower.[vision_model.],
 *                                                 [model.]multi_modal_projector.linear_{1,2}.
 *   LLaVA's and LLaVA-Med's own folder            model.vision_tower.vision_tower.vision_model.,
 *                                                 model.mm_projector.{0,2}.
 *   mmproj, a GGUF                                v.blk.N., mm.{0,2}.
 */
#ifndef FAB_ZOO_LLAVA_H
#define FAB_ZOO_LLAVA_H

#include "zoo/decoder.h"
#include "zoo/preprocess.h"
#include "zoo/vit.h"

typedef struct {
    fab_arena *arena;
    fab_weights *weights; /* of the mmproj; NULL: the decoder's are used */
    fab_vit vision;       /* the blocks that are run, no more */
    fab_dense fc1, fc2;
    fab_preprocess pre;
    bool pad;        /* to a square of the mean colour, before all */
    bool keep_class; /* the class token stands before the patches */
    int64_t n, dim;  /* P, D */
    fab_param_list params;
} fab_llava;

/* mmproj NULL: the decoder's own folder holds the tower. The decoder must outlive it. The message
 * begins with the file's path. */
fab_llava *fab_llava_open(const fab_decoder *d, const char *mmproj, const fab_decoder_opts *o,
                          fab_err *err);
void fab_llava_close(fab_llava *v); /* NULL is fine */

/* images [B,S,S,3] prepared -> [B,P,D]. */
fab_tensor *fab_llava_rows(fab_ctx *c, const fab_llava *v, fab_tensor *images);
/* A picture as the tower takes it: out [S,S,3]. a: for the time of the call. */
bool fab_llava_prepare(const fab_llava *v, const uint8_t *rgb, int width, int height, fab_arena *a,
                       float *out, fab_err *err);

#endif
