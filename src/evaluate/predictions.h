/* predictions: what a classifier said about each record, with the truth; from a model
 * (fab_eval_classify_run) or from a file, so that any classifier can be measured. A JSONL line is
 *
 *   {"label": "nevus", "scores": {"nevus": 0.7, "melanoma": 0.3}, ...}   any number of classes
 *   {"label": 1, "score": 0.7, ...}                                      two: negative, positive
 *
 * and whatever else it holds (sex, age, site) can make subgroups.
 */
#ifndef FAB_EVALUATE_PREDICTIONS_H
#define FAB_EVALUATE_PREDICTIONS_H

#include <jansson.h>
#include "base/arena.h"

typedef struct {
    fab_arena *arena;                   /* owned: everything but the records */
    int64_t n, cap, failed, by_patient; /* by_patient: whose age or sex counted */
    int n_classes;
    const char **names; /* [C], sorted */
    float *scores;      /* [n, C]; heap */
    int *truth;         /* [n]; heap */
    json_t *records;    /* [n] objects */
    const char *method; /* "question", "presence", "zero-shot"; "file" */
} fab_predictions;

/* label: the field with the class. An error names file, line and field: no scores, other classes
 * than the first line, a label that is none of them, a score that is not a finite number. */
bool fab_predictions_read(fab_predictions *p, const char *path, const char *label, int64_t limit,
                          fab_err *err);
bool fab_predictions_parse(fab_predictions *p, const void *bytes, size_t size, const char *name,
                           const char *label, fab_err *err);
void fab_predictions_clear(fab_predictions *p); /* cleared or half-built is fine */

/* One row more; the record is kept with a reference of its own. */
bool fab_predictions_add(fab_predictions *p, json_t *record, int truth, const float *scores,
                         fab_err *err);

/* Rows of a field with a confidence and one with 0/1, true/false or points; both in the arena. */
bool fab_confidence_read(const char *path, const char *confidence, const char *correct,
                         fab_arena *a, double **c, double **r, int64_t *n, fab_err *err);

/* In the form above: the record's own fields, then "scores". label: set when the record lacks it. */
bool fab_predictions_write(const fab_predictions *p, const char *path, const char *label,
                           fab_err *err);

/* Largest score, the first of equals. */
int fab_predictions_call(const fab_predictions *p, int64_t i);
/* Whether every row is a probability: in 0..1 and sums to 1 +- 1e-3. */
bool fab_predictions_are_probabilities(const fab_predictions *p);

/* ---- reports, docs/metrics.md ---------------------------------------------------------------- */

typedef struct {
    const char *const *fields; /* subgroups by these fields */
    int n_fields;
    bool curves; /* ROC curves too: for a page */
    int64_t resamples;
    uint64_t seed;
} fab_measure_opts;

/* NULL with err set. */
json_t *fab_classify_report(const fab_predictions *p, const fab_measure_opts *o, fab_err *err);
json_t *fab_calibration_report(const fab_predictions *p, const fab_measure_opts *o, fab_err *err);
/* Rows of {confidence, correct}: of answers, not classes. */
json_t *fab_confidence_report(const double *confidence, const double *correct, int64_t n,
                              const fab_measure_opts *o, fab_err *err);

/* Subgroups of a field; rows in the order of their names, numbers by band. */
json_t *fab_group_report(const fab_predictions *p, const char *field, const fab_measure_opts *o,
                         fab_err *err);

#endif
