/* pefomed: a published decoder of words sees through our own tower (after PeFoMed, Liu et al. 2024,
 * and MiniGPT-v2, Chen et al. 2023, in small).
 *
 *   picture -> mini's tower -> G*G cells [D] -> 4 neighbours of a row (not 2x2) side by side [4D]
 *           -> llama_proj, linear -> G*G/4 rows in the decoder's width
 *
 *   <bos>[INST] <Img>ROWS</Img> [vqa] Based on the image, respond to this question with a short
 *   answer: QUESTION [/INST] ANSWER<eos>
 *
 * Tower and decoder stay as they are; what learns is an adapter: llama_proj in full, and low-rank
 * parts of the decoder. The three pieces of the prompt are encoded apart, bos stands once; unlike
 * published code, tags keep their case in training and asking.
 */
#ifndef FAB_ENGINE_PEFOMED_H
#define FAB_ENGINE_PEFOMED_H

#include "engine/engine.h"
#include "zoo/adapter.h"
#include "zoo/decoder.h"

typedef struct {
    fab_arena *arena;
    struct fab_generator *words;
    const fab_decoder *decoder; /* lent by words */
    int64_t cells, width;       /* G*G, D of the tower */
    fab_dense projector;        /* [T,4D]; fresh until an adapter brings it */
    fab_param_list list;        /* of the projector */
    fab_sites sites;            /* llama_proj and all of the decoder */
    char base_sha256[65];       /* of tower and decoder together */
    const int32_t *before;      /* ids up to <Img> */
    int64_t n_before;
    int32_t end; /* of an answer */
    fab_adapter *adapter;
} fab_pefomed;

/* decoder: a folder or a GGUF with a tokenizer; eyes: whose tower is used, not kept. */
fab_pefomed *fab_pefomed_open(const char *decoder, const fab_mini_file *eyes, fab_pool *pool,
                              uint64_t seed, fab_err *err);
void fab_pefomed_close(fab_pefomed *p); /* NULL is fine */
/* As fab_engine_adapt. */
bool fab_pefomed_adapt(fab_pefomed *p, const char *path, fab_err *err);

/* cells [B,G*G,D] -> [B,G*G/4,T] */
fab_tensor *fab_pefomed_rows(fab_ctx *c, const fab_pefomed *p, fab_tensor *cells);
/* What stands between picture and answer: the task's words with the question, or, question NULL,
 * the instruction of a caption. In the arena. */
int32_t *fab_pefomed_tail(const fab_pefomed *p, const char *question, fab_arena *a, int64_t *n,
                          fab_err *err);
/* Greedy answers to n questions about one look; out[i] in the arena. */
bool fab_pefomed_ask(fab_pefomed *p, const fab_look *look, const char *const *questions, int n,
                     int max_tokens, fab_arena *a, const char **out, fab_err *err);

#endif
