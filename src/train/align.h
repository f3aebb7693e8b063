/* align: pictures and their captions in one space, at three grains (MGCA, Wang et al. 2022;
 * SYSTEMS.md 4.2). E is the width of the contrastive space, every vector of it has unit length.
 *
 *   contrast      picture <-> caption                 InfoNCE (op_infonce.c)
 *   token_region  word <-> what it attends to of the picture's cells, cell <-> what it attends to of
 *                 the words
 *                   A = softmax(W P' / 0.1),  O = unit(A P),  match(W, O) + match(P, O)  (op_match.c)
 *   prototype     picture and caption predict each other's share in K prototypes C
 *                   q = sinkhorn(exp(x C' / 0.05)),  p = softmax(x C' / 0.2)
 *                   1/2 (mean -q_text log p_picture + mean -q_picture log p_text)
 *
 * As published: weights of words and cells are constants, clipped to their own 10 and 90 %
 * quantiles, summing to 1; three rounds of Sinkhorn-Knopp; rows of C to unit length before each use
 * and still in the first steps. Not as published: a word is a piece of the tokenizer (the
 * vocabulary was trained on these captions and holds their words whole); padding takes no part in a
 * softmax; the tower has no [CLS] whose attention could weigh cells and words, so the weight is a
 * softmax of each one's similarity to the whole's embedding at 0.1; cells and words share the
 * projections of the whole.
 */
#ifndef FAB_TRAIN_ALIGN_H
#define FAB_TRAIN_ALIGN_H

#include "train/session.h"

/* Captions of a batch. */
typedef struct {
    fab_tensor *ids;  /* i32 [n,len], the words, then <emb>, then <pad> */
    fab_tensor *size; /* i32 [n] words, which is where <emb> stands */
    fab_tensor *pick; /* i32 [n] the picture it is about, a row of the view */
    fab_tensor *same; /* i32 [n] equal captions have equal numbers */
} fab_said;

/* The weighted sum of the three losses, with each one's value in parts; NULL: none is asked for, or
 * c->err. */
fab_tensor *fab_align_loss(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_mini_view *v,
                           const fab_said *said, fab_loss_parts *parts);

/* words [n,L,E], the first size[i] of each caption, and cells [n,G,E] of their pictures; text and
 * image [n,E] the embeddings of the whole. -> [1] */
fab_tensor *fab_token_region(fab_ctx *c, fab_tensor *words, fab_tensor *cells, fab_tensor *text,
                             fab_tensor *image, fab_tensor *size);
/* image, text [n,E], prototypes [K,E] with unit rows. -> [1] */
fab_tensor *fab_prototype_loss(fab_ctx *c, fab_tensor *image, fab_tensor *text,
                               fab_tensor *prototypes);

/* Codes q [n,K] of scores [n,K]: rows sum to 1, columns to about n/K. */
bool fab_sinkhorn(fab_ctx *c, const float *scores, int64_t n, int64_t K, float *q);
/* Of n > 0 numbers: softmax, clipped to its own 10 and 90 % quantiles (linear between ranks), sum
 * 1; in place. */
bool fab_importance(fab_ctx *c, float *x, int64_t n);

#define FAB_ALIGN "align." /* what the losses learn beside the model begins so */
/* Gives the session its prototypes and the list of all that learns. They are there also when no
 * stage asks for them: a checkpoint then fits when the loss is added between two sittings. */
bool fab_align_open(fab_session *s, fab_err *err);

#endif
