/* distil: a stage's teachers, finished minis that answer the same questions about the same
 * augmented pictures; the student learns from their answers beside the records' (Hinton, Vinyals &
 * Dean 2015).
 *
 *   q = mean over teachers of softmax(z_teacher / T)       each token of an answer, V choices
 *                       or of sigmoid(z_teacher / T)       each label of a cell or a picture
 *   L = (1 - weight) L_records + weight T^2 KL(q || p),    p = softmax or sigmoid of z_student / T
 *
 * T^2 keeps the gradients' size whatever T is. Averaged are probabilities, not logits: an ensemble.
 * A teacher may have another size in everything but the tokenizer and the labels; its cells are
 * resampled to the student's grid. Teachers run as in the engine, weights in their file's type,
 * without a tape. For labels the cross-entropy stands in the place of KL: it differs by a constant.
 */
#ifndef FAB_TRAIN_DISTIL_H
#define FAB_TRAIN_DISTIL_H

#include "train/batch.h"

/* What the teachers of a stage say to a batch; NULL where nobody asked them. */
typedef struct {
    float weight, temperature;
    fab_tensor *words;    /* [targets,V] */
    fab_tensor *dense;    /* [B*G*G,labels] */
    fab_tensor *presence; /* [B,classes] */
} fab_lesson;

/* Opens the teachers of all stages and compares tokenizer, heads and sizes with the student's; the
 * session closes them. */
bool fab_distil_open(fab_session *s, const fab_train_opts *o, fab_err *err);
void fab_distil_close(fab_session *s);

/* Asks the stage's teachers; rows and pictures d [batch] may each be NULL. All NULL without
 * teachers. False: c->err. */
bool fab_distil_ask(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                    const fab_rows *r, fab_lesson *out);

/* The records' loss blended with the teachers' by the student's logits; the records' alone when the
 * lesson says nothing of it. words: *kl is T^2 KL. */
fab_tensor *fab_distil_words(fab_ctx *c, const fab_lesson *l, fab_tensor *logits,
                             fab_tensor *records, double *kl);
fab_tensor *fab_distil_labels(fab_ctx *c, const fab_lesson *l, fab_tensor *said, fab_tensor *logits,
                              fab_tensor *records);

#endif
