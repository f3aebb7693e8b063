/* fabrica refit: what the end of training fits to a model, fitted again to a finished file. */
#include <stddef.h>
#include "cli/verb.h"
#include "train/refit.h"

typedef fab_refit_opts opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    json_t *card = NULL;
    if (!fab_refit(o, r->pool, &card, err)) return false;
    if (r->json) return fab_run_json(r, card, err);
    const json_t *gate = json_object_get(card, "gate"), *fit = json_object_get(card, "calibration"),
                 *sure = json_object_get(card, "sureness");
    fprintf(r->out, "%s: temperature %.3f, gate limit %.3f, %.2f %% of held-out pictures refused\n",
            o->out, json_number_value(json_object_get(fit, "temperature")),
            json_number_value(json_object_get(gate, "limit")),
            100 * json_number_value(json_object_get(gate, "false_refusal_rate")));
    if (sure)
        fprintf(r->out,
                "sureness of %.0f answers: calibration error %.3f, without its curve %.3f\n",
                json_number_value(json_object_get(sure, "n")),
                json_number_value(json_object_get(sure, "ece")),
                json_number_value(json_object_get(sure, "ece_before")));
    json_decref(card);
    return true;
}

/* clang-format off */
const fab_verb fab_verb_refit = {
    .name = "refit", .summary = "fit a model file's calibration, input gate, skills and cell counter again",
    .about = "The weights stay as they are; temperature, the curve of the sureness of answers, input gate, what each question of a report is worth on "
             "held-out pictures, and the counter of blood cells are fitted as at the end of training, and written with the weights to a new file.",
    .example = "fabrica refit models/mini.gguf --data ../shared/data/open -o new.gguf", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "MODEL", FAB_FILE_IN,  offsetof(opts, model), NULL, "the model file" },
        { "data",  FAB_FILE_IN,  offsetof(opts, data), "../shared/data/open", "folder of the training sets" },
        { "out",   FAB_FILE_OUT, offsetof(opts, out),  NULL, "the file to write", .letter = 'o', .required = true },
        { "version", FAB_STR, offsetof(opts, version), NULL, "of the new file, whose card then tells whose weights it has; else the old one's" },
        { 0 } },
};
/* clang-format on */
