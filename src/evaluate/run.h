/* run: a model put to the test on a file of records: "fabrica eval". Pictures are decoded once each
 * and all questions about one are answered together; answers are generated, never picked from a
 * list. The input gate is not asked.
 */
#ifndef FAB_EVALUATE_RUN_H
#define FAB_EVALUATE_RUN_H

#include "engine/classify.h"
#include "evaluate/classify.h"
#include "evaluate/vqa.h"

typedef struct {
    int64_t limit;                                           /* the first so many records; 0: all */
    int max_tokens;                                          /* of an answer; 0: 48 */
    bool model_only;                                         /* vqa: no baselines beside it */
    void (*on_step)(void *arg, int64_t done, int64_t total); /* may be NULL */
    void (*on_bad)(void *arg,
                   const char *sentence); /* an input that failed: counted, told, gone on */
    void *arg;
} fab_eval_opts;

typedef struct {
    fab_vqa_scores model, question_only, blank;
    bool has_question_only; /* the model file carries the baseline that sees no picture */
    const char *const
        *answers; /* [n] in the arena; NULL where the input failed (counted as wrong) */
    int64_t n, failed;
    double seconds_per_question;
} fab_eval_vqa;

/* set: as fab_qa_read gives it. False only when nothing can go on (memory, a broken model). */
bool fab_eval_vqa_run(fab_engine *e, const fab_qa_set *set, const fab_eval_opts *o, fab_arena *a,
                      fab_eval_vqa *out, fab_err *err);
json_t *fab_eval_vqa_json(
    const fab_eval_vqa *v); /* the contract of "eval vqa --json", and "failed"; NULL: memory */

typedef struct {
    const char *label;      /* field of the record that holds the class, a string or an integer */
    const char *images_dir; /* NULL: pictures are relative to the JSONL's folder */
    bool zero_shot;
} fab_eval_classes;

/* Classes are the field's values, sorted. json: {n, accuracy, macro_f1, auc, per_class, confusion,
 * failed, method}; when one class is "normal" and there are others, per_class also has their union
 * ("pneumonia" when all are kinds of it, else "abnormal") with its AUC against normal. */
bool fab_eval_classify_run(fab_engine *e, const char *path, const fab_eval_classes *c,
                           const fab_eval_opts *o, json_t **json, fab_err *err);

#endif
