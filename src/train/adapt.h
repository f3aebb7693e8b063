/* adapt: a run in which an adapter learns and the model of init.model stays as its file has it
 * (recipe: peft). What is validated is the file and the adapter of the moment, through the engine.
 *
 *   OUT/NAME.safetensors, OUT/NAME.card.json in the place of a model
 *
 * With peft.decoder the model's tower stands before a published decoder of words: engine/pefomed.h.
 */
#ifndef FAB_TRAIN_ADAPT_H
#define FAB_TRAIN_ADAPT_H

#include "engine/pefomed.h"
#include "train/session.h"

typedef struct fab_adapting {
    const char *base_path;
    fab_engine *base;     /* its model is the session's */
    fab_pefomed *pefomed; /* NULL: the mini itself is adapted */
    char base_sha256[65];
    int64_t n_all; /* parameters of the system, the adapter's among them */
    fab_peft peft;
    fab_adalora rank; /* of kind adalora */
    /* pefomed_loss.c */
    const fab_qa **english; /* SLAKE's training records in English */
    int64_t n_english;
    const float **cells; /* [images] what the tower sees; NULL: not looked yet */
} fab_adapting;

/* In the place of the session's own model: base, adapter, what learns, optimiser. */
bool fab_adapt_open(fab_session *s, const fab_train_opts *o, fab_err *err);
void fab_adapt_close(fab_session *s); /* NULL adapting is fine */
/* Around an update; nothing without an adapter of kind adalora. */
bool fab_adapt_before_step(fab_session *s, fab_err *err);
void fab_adapt_after_step(fab_session *s);
/* The model with the adapter of the moment. */
fab_engine *fab_adapt_engine(fab_session *s, fab_err *err);
/* Adapter and card. */
bool fab_adapt_finish(fab_session *s, json_t *summary, fab_err *err);

/* pefomed_loss.c: finds the records; a batch of questions and captions; answers as of
 * fab_pefomed_ask in an exam. */
bool fab_pefomed_records(fab_session *s, fab_err *err);
fab_tensor *fab_pefomed_loss(fab_session *s, fab_ctx *c, const fab_stage *g, fab_loss_parts *parts);
bool fab_pefomed_answers(fab_session *s, const fab_look *look, const char *const *questions, int n,
                         fab_answer *out, fab_err *err);

#endif
