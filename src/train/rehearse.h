/* rehearse: what a run would take, measured on its own batches: `fabrica train --dry-run`.
 *
 *   a stage's minutes = steps * (mean of a few steps) + validations * (seconds of an exam)
 *
 * Each step runs forward, backward and the optimiser at a rate of 0, so that all memory is really
 * taken: memory is the highest that the process had, plus a twentieth for batches longer than those
 * drawn. An exam is timed on every so many-th held-out picture. The fits at the end are not in the
 * figure.
 */
#ifndef FAB_TRAIN_REHEARSE_H
#define FAB_TRAIN_REHEARSE_H

#include "train/session.h"

typedef struct {
    int64_t learnt;         /* parameters that learn */
    double seconds, exam_s; /* of a step; of a validation, 0: there is none */
    int64_t exams, looks;   /* validations; pictures looked at in training */
    size_t memory;          /* bytes, the most so far */
} fab_rehearsal;

/* step: one update at a rate of 0. */
typedef bool (*fab_rehearse_step)(fab_session *s, const fab_stage *g, fab_err *err);
bool fab_rehearse(fab_session *s, const fab_stage *g, fab_rehearsal *out, fab_rehearse_step step,
                  fab_err *err);
/* Bytes that the run writes: {store, tokenizer, checkpoints, model}; a new reference. */
json_t *fab_rehearse_files(const fab_session *s, fab_err *err);

#endif
