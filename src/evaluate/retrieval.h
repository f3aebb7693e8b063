/* retrieval: is what belongs together found together.
 *
 *   hit@k        share of queries with a relevant candidate among the first k (PLIP calls it P@k)
 *   recall@k     share of the relevant among the first k;  precision@k: of the first k, relevant
 *   AP           mean over the relevant of (its place among the relevant / its rank);  mAP its mean
 *   fold@k       hit@k over that of a random order, 1 - C(N - r, k) / C(N, k): k/N for one of N
 *
 * Equal scores count against the model: a relevant candidate stands behind all others of its score.
 */
#ifndef FAB_EVALUATE_RETRIEVAL_H
#define FAB_EVALUATE_RETRIEVAL_H

#include "engine/embedder.h"
#include "evaluate/predictions.h"
#include "evaluate/run.h"

/* Pairs with their vectors; a text stands once, with every image that has it. */
typedef struct {
    fab_arena *arena; /* owned */
    int64_t n_images, n_texts, E, failed;
    const char **image_ids; /* [n_images] */
    int32_t *text_of;       /* [n_images] */
    float *images, *texts;  /* [n, E], rows of length one */
} fab_pairs;
void fab_pairs_clear(fab_pairs *p);

/* JSONL {id, image: [numbers], text: [numbers]}; rows are brought to length one. A row without
 * length, other sizes than the first line and numbers that are not finite are errors. Texts are
 * never merged here. */
bool fab_pairs_read(fab_pairs *p, const char *path, int64_t limit, fab_err *err);

/* Records {image, caption}; one of e and published, the other NULL. caption: the field. */
bool fab_pairs_embed(fab_pairs *p, const char *path, const char *images_dir, const char *caption,
                     fab_engine *e, fab_embedder *published, const fab_eval_opts *o, fab_err *err);

/* Both directions; docs/metrics.md, "eval retrieval". NULL with err set. */
json_t *fab_retrieval_report(const fab_pairs *p, const fab_measure_opts *o, fab_err *err);

/* JSONL {ranking: [ids], relevant: [ids], candidates: N}: of any other system. Relevant ids that
 * the ranking lacks stand behind its end; an id twice in a list is an error; candidates (else the
 * ranking's length) is for random. */
json_t *fab_rankings_report(const char *path, const fab_measure_opts *o, fab_err *err);

#endif
