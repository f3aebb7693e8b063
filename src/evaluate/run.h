/* run: a model put to the test on a file of records: "fabrica eval". Pictures are decoded once each
 * and all questions about one are answered together; answers are generated, never picked from a
 * list. The input gate is not asked.
 */
#ifndef FAB_EVALUATE_RUN_H
#define FAB_EVALUATE_RUN_H

#include "engine/classify.h"
#include "evaluate/predictions.h"
#include "evaluate/vqa.h"
#include "evaluate/vqa_protocol.h"
#include "metrics/stats.h"

typedef struct {
    int64_t limit;             /* the first so many records; 0: all */
    int max_tokens;            /* of an answer; 0: 48 */
    fab_vqa_protocol protocol; /* of eval vqa */
    int views;                 /* of eval vqa: the first so many of fab_vqa_view; 0: all */
    fab_boot_opts boot;        /* of the intervals; the clusters are set here */
    void (*on_step)(void *arg, int64_t done, int64_t total); /* may be NULL */
    void (*on_bad)(void *arg,
                   const char *sentence); /* an input that failed: counted, told, gone on */
    void *arg;
} fab_eval_opts;

/* ---- eval vqa -------------------------------------------------------------------------------- */

/* How the pictures were shown. Next to the model's score stands what is left of it when it cannot
 * see (nothing asked of it but the question; mid-grey), sees another record's picture, or sees
 * left and right exchanged. */
typedef enum {
    FAB_VQA_MODEL,
    FAB_VQA_QUESTION_ONLY, /* the baseline kept in the model file, not this model */
    FAB_VQA_BLANK,
    FAB_VQA_SHUFFLED,
    FAB_VQA_MIRRORED,
    FAB_VQA_VIEWS
} fab_vqa_view;

typedef struct {
    bool asked;                 /* else nothing below is set */
    const char *const *answers; /* [n]; NULL where the input failed (0 points) */
    const double *points;       /* [n], 0 to 1 under the protocol */
    fab_vqa_scores scores;
} fab_vqa_pass;

typedef struct {
    fab_vqa_protocol protocol;
    fab_vqa_pass pass[FAB_VQA_VIEWS];
    const double *sureness; /* [n] of the model's answers; 0 where the input failed */
    int64_t n, failed;
    double seconds_per_question;
} fab_eval_vqa;

/* set: as fab_qa_read gives it. False only when nothing can go on (memory, a broken model). */
bool fab_eval_vqa_run(fab_engine *e, const fab_qa_set *set, const fab_eval_opts *o, fab_arena *a,
                      fab_eval_vqa *out, fab_err *err);
/* docs/metrics.md, "eval vqa"; NULL with err set. boot may be NULL. */
json_t *fab_eval_vqa_json(const fab_eval_vqa *v, const fab_qa_set *set, const fab_boot_opts *boot,
                          fab_arena *a, fab_err *err);

/* ---- eval classify --------------------------------------------------------------------------- */

typedef struct {
    const char *label;      /* field of the record that holds the class, a string or an integer */
    const char *images_dir; /* NULL: pictures are relative to the JSONL's folder */
    bool zero_shot;
    bool picture_alone; /* a record's "age" (years) and "sex" (male, female) are not told */
} fab_eval_classes;

/* Classes are the field's values, sorted; out is cleared by the caller, also on failure. Its report
 * is fab_classify_report's. */
bool fab_eval_classify_run(fab_engine *e, const char *path, const fab_eval_classes *c,
                           const fab_eval_opts *o, fab_predictions *out, fab_err *err);

#endif
