/* evaluating: what the eval verbs share: the progress bar, the list of bad records, the options of
 * intervals and of where predictions come from. */
#ifndef FAB_CLI_EVALUATING_H
#define FAB_CLI_EVALUATING_H

#include <stddef.h>
#include "base/progress.h"
#include "cli/verb.h"
#include "evaluate/numbers.h"
#include "evaluate/run.h"

/* Starts the bar (total 0: told by the first step) and hooks it into o; end it by
 * fab_progress_clear. */
void fab_evaluating(fab_run *r, const char *name, int64_t total, fab_progress *bar,
                    fab_eval_opts *o);

/* Where predictions of classes come from: a model on records, or a file of scores. */
typedef struct {
    const char *data, *scores, *images, *label, *how, *model;
    int64_t limit;
    bool picture_alone;
} fab_predict_opts;

/* p is cleared by the caller, also on failure. Sets r->exit_code when records failed. */
bool fab_predicting(fab_run *r, const char *verb, const fab_predict_opts *o, fab_predictions *p,
                    fab_err *err);

/* What an eval verb ends with: the page when html is not NULL, then JSON or print's table. Drops v.
 * about: a line for the page's reader. */
bool fab_eval_result(fab_run *r, json_t *v, const char *kind, const char *html, const char *about,
                     void (*print)(FILE *out, const json_t *v), fab_err *err);

/* Options that every eval verb has; the struct has int64_t resamples, seed and const char *html. */
#define FAB_OPT_BOOT(type)                                                                         \
    { "resamples",                                                                                 \
      FAB_INT,                                                                                     \
      offsetof(type, resamples),                                                                   \
      "1000",                                                                                      \
      "bootstrap resamples of the 95 % intervals",                                                 \
      .min = 100,                                                                                  \
      .max = 100000 },                                                                             \
        { "html", FAB_FILE_OUT, offsetof(type, html), NULL, "also write one page for a reader" },  \
    {                                                                                              \
        "seed", FAB_INT, offsetof(type, seed), "0", "of the resamples", .min = 0, .max = 1e15      \
    }

/* Of a struct with a fab_predict_opts in. */
#define FAB_OPT_PREDICT(type)                                                                      \
    { "data", FAB_FILE_IN, offsetof(type, in.data), NULL,                                          \
      "records as JSONL: image and the label field" },                                             \
        { "scores", FAB_FILE_IN, offsetof(type, in.scores), NULL,                                  \
          "no model: JSONL of {label, scores: {class: number}} or {label: 0|1, score}" },          \
        { "label",                                                                                 \
          FAB_STR,                                                                                 \
          offsetof(type, in.label),                                                                \
          "label",                                                                                 \
          "the field that holds the class",                                                        \
          .meta = "FIELD" },                                                                       \
        { "images",                                                                                \
          FAB_FILE_IN,                                                                             \
          offsetof(type, in.images),                                                               \
          NULL,                                                                                    \
          "folder of the images; else the JSONL's",                                                \
          .meta = "DIR" },                                                                         \
        { "by",                                                                                    \
          FAB_CHOICE,                                                                              \
          offsetof(type, in.how),                                                                  \
          "questions",                                                                             \
          "by known questions where there are any, or by prompts alone",                           \
          .choices = "questions|prompts" },                                                        \
        { "limit",                                                                                 \
          FAB_INT,                                                                                 \
          offsetof(type, in.limit),                                                                \
          "0",                                                                                     \
          "only the first so many records; 0: all",                                                \
          .min = 0,                                                                                \
          .max = 1e9 },                                                                            \
        { "picture-alone", FAB_FLAG, offsetof(type, in.picture_alone), NULL,                       \
          "do not tell the model a record's age and sex" },                                        \
    {                                                                                              \
        "model", FAB_FILE_IN, offsetof(type, in.model), NULL,                                      \
            "the model file; else $FABRICA_MODEL, else models/mini.gguf"                           \
    }

#endif
