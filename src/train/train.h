/* train: a recipe in, a run folder and a model file out. See recipes/mini.yaml for every field.
 *
 *   recipe.yaml --> tokenizer --> stages [ batches -> loss -> optimiser -> validation ]
 *               --> calibration, gate --> GGUF
 *
 *   OUT/recipe.json, tokenizer.json, store.bin, last.safetensors, previous.safetensors, best/,
 *   metrics.jsonl, events.*, curves.png; NAME.gguf and NAME.card.json when the last stage has ended
 *
 * A run that is killed goes on with `resume` exactly where its last checkpoint stood.
 */
#ifndef FAB_TRAIN_TRAIN_H
#define FAB_TRAIN_TRAIN_H

#include <signal.h>
#include "base/json.h"
#include "base/threads.h"

typedef struct {
    const char *recipe;     /* YAML file */
    const char *data, *out; /* override the recipe's folders; NULL: the recipe's */
    const char *const *set; /* "stages.vqa.steps=100" ..., may be NULL */
    int n_set;
    const char *shared; /* folder of tokenizer.json and store.bin; NULL: out */
    bool resume;        /* go on from OUT's checkpoint; without: an OUT that holds one is refused */
    bool dry_run;       /* time every stage, tell what a run takes; leaves tokenizer and store */
    double stop_after_min;    /* checkpoint and return after so many minutes; 0: run to the end */
    int64_t stop_after_steps; /* the same in steps of this sitting; 0: run to the end */
    int64_t until_steps;      /* the same in steps of the whole run; 0: run to the end */
    bool trial;               /* ends without a model file */
    bool
        examine; /* of a trial: where it stops, {val: {all, slake_en, ..}} by the averaged weights */
    const volatile sig_atomic_t
        *interrupted; /* not 0: checkpoint after this step and return; NULL is fine */
    fab_pool *pool;
} fab_train_opts;

/* What a run tells at its end, a new reference in *summary (may be NULL): {finished, steps,
 * seconds}, with {model, card} when it is finished; a dry run {stages: {NAME:
 * {steps, batch, learnt_parameters, pictures, seconds_per_step, validations,
 * seconds_per_validation, minutes, memory_mb}}, files: {NAME: bytes}, minutes, memory_mb}
 * (rehearse.h); a trial {val}. */
bool fab_train_run(const fab_train_opts *o, json_t **summary, fab_err *err);

#endif
