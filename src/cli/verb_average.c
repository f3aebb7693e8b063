/* fabrica average: the mean of finished models' weights, as one model. */
#include <stddef.h>
#include "cli/verb.h"
#include "train/average.h"

typedef struct {
    fab_list models;
    const char *out;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    return fab_average(o->models.items, o->models.n, o->out, r->pool, err);
}

/* clang-format off */
const fab_verb fab_verb_average = {
    .name = "average", .summary = "average the weights of models that started from the same ones",
    .about = "The models are GGUF files, not quantised, with the same tensors, shapes and tokenizer. Types and metadata are the "
             "first one's; calibration, input gate and skills are left out: fabrica refit fits them to the new file. The card adds up "
             "what the models cost.",
    .example = "fabrica average runs/a/mini.gguf runs/b/mini.gguf -o soup.gguf", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "MODEL", FAB_LIST, offsetof(opts, models), NULL, "the model files, two or more" },
        { "out", FAB_FILE_OUT, offsetof(opts, out), NULL, "the file to write", .letter = 'o', .required = true },
        { 0 } },
};
/* clang-format on */
