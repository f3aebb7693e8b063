/* batch: the pictures and questions of one training step, drawn once: what batch.c shares with the
 * files that look at them, show them to teachers, or move them. */
#ifndef FAB_TRAIN_BATCH_H
#define FAB_TRAIN_BATCH_H

#include "data/mix.h"
#include "train/session.h"

/* One picture of the batch. */
typedef struct {
    int32_t image;
    fab_set set;
    const fab_case *of; /* NULL: none */
    fab_warp warp;
    fab_square part; /* what of the picture is shown */
    float mirror;    /* how likely it was to be mirrored with its words */
    fab_rng rng;     /* as it was before the picture was augmented */
    bool blank;      /* shown as a grey one */
    fab_mix mix;     /* with another picture of the batch: nothing is said or asked of it */
} fab_drawn;

/* Sequences of one length L: ids [n,L] padded, where predictions start, and how many there are. */
typedef struct {
    int n, cap, len;
    int32_t *ids;       /* [cap,FAB_MAX_LENGTH] */
    int32_t *size, *at; /* [cap] length; index of <a> */
    int32_t *picture;   /* [cap] row of the batch's pictures, -1 none */
} fab_rows;

/* The drawn pictures once more, augmented and blanked alike, at another side: [B,side,side,3]. */
fab_tensor *fab_batch_pixels(const fab_session *s, fab_ctx *c, const fab_drawn *d, int B, int side);

/* Tokens that follow <a> in all rows: their count. */
int64_t fab_rows_targets(const fab_rows *r);
int64_t fab_rows_tokens(const fab_rows *r); /* of all rows, without padding */
/* Logits [targets,V] of what follows <a>, with image tokens [B,P,T] in front of the rows that have
 * a picture (NULL: words alone). *want (may be NULL): what does follow, i32 [targets]. */
fab_tensor *fab_rows_logits(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                            float drop, fab_tensor **want);

/* Room for cap rows, in the step's arena. */
bool fab_rows_init(fab_rows *r, fab_ctx *c, int cap);
/* A question and its answer (NULL: a caption), cut to max ids; picture as above. c->err. */
void fab_rows_add(fab_rows *r, fab_ctx *c, const fab_bpe *bpe, const char *question,
                  const char *answer, fab_lang lang, int picture, int max);
/* The rows' ids as a tensor [n,len]; padding is <pad>. */
fab_tensor *fab_rows_ids(fab_ctx *c, const fab_rows *r);
/* Cross-entropy of what follows <a>, with image tokens [B,P,T] in front of the rows that have a
 * picture (NULL: words alone). */
fab_tensor *fab_rows_loss(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                          float smoothing, float drop);

/* adversary.c: moves the chosen share of a batch's pictures by the stage's epsilon to where the
 * answers r become less likely: pixels [B,S,S,3] in place, or image tokens [B,P,T] -> the moved
 * ones (the same tensor when the stage has none). Nothing is learnt from what finds the way. */
bool fab_adversary_pixels(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_rows *r,
                          fab_tensor *pixels);
fab_tensor *fab_adversary_tokens(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_rows *r,
                                 fab_tensor *tokens);

#endif
