/* run_caption: a model's captions against references, by the metrics of words (metrics/score.h),
 * beside what is left when the model sees mid-grey, and when every caption goes to another image.
 */
#ifndef FAB_EVALUATE_RUN_CAPTION_H
#define FAB_EVALUATE_RUN_CAPTION_H

#include "evaluate/run.h"
#include "metrics/score.h"

typedef struct {
    const char *images_dir; /* NULL: beside the JSONL */
    const char *field;      /* with the reference, text or a list of texts */
    const char *lang;       /* "en", "zh"; NULL: as the reference is written */
    const char *metrics;    /* "bleu,rougeL,..." */
} fab_caption_opts;

/* Records {id, image, FIELD} into seen, blank and shuffled: the same references with three sorts
 * of text. shuffled is empty with one record. Records whose image fails are left out, told,
 * counted. */
typedef struct {
    fab_score_set seen, blank, shuffled;
    int64_t failed;
} fab_caption_sets;
void fab_caption_clear(fab_caption_sets *s);
bool fab_caption_run(fab_engine *e, const char *path, const fab_caption_opts *c,
                     const fab_eval_opts *o, fab_caption_sets *s, fab_err *err);

/* docs/metrics.md, "eval caption". seen alone is needed. NULL with err set. */
json_t *fab_caption_report(const fab_caption_sets *s, const char *metrics,
                           const fab_boot_opts *boot, fab_arena *a, fab_err *err);

#endif
