/* batch: what batch.c and distil.c share: the pictures and questions of one training step, drawn once
 * and shown to the model that learns and to its teachers. */
#ifndef FAB_TRAIN_BATCH_H
#define FAB_TRAIN_BATCH_H

#include "train/session.h"

/* One picture of the batch. */
typedef struct {
    int32_t image;
    fab_set set;
    const fab_case *of; /* NULL: none */
    fab_warp warp;
    fab_rng rng; /* as it was before the picture was augmented */
    bool blank;  /* shown as a grey one */
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
/* Logits [targets,V] of what follows <a>, with image tokens [B,P,T] in front of the rows that have a
 * picture (NULL: words alone). *want (may be NULL): what does follow, i32 [targets]. */
fab_tensor *fab_rows_logits(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                            float drop, fab_tensor **want);

#endif
