/* fabrica adapter merge: an adapter worked into its model's weights, as one file. */
#include <stddef.h>
#include "cli/verb.h"
#include "zoo/adapter.h"

typedef struct {
    const char *model, *adapter, *out;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    return fab_adapter_merge(o->model, o->adapter, o->out, r->pool, err);
}

/* clang-format off */
const fab_verb fab_verb_adapter_merge = {
    .name = "adapter merge", .summary = "work an adapter into its model's weights, as one file",
    .about = "MODEL is a mini, a GGUF of a text model or a Hugging Face folder (then FILE is a model.safetensors). Matrices "
             "that change keep their type, quantised ones become f16. Bottleneck adapters and prefixes are no change of "
             "weights: they stay files of their own.",
    .example = "fabrica adapter merge models/mini.gguf mini-lora.safetensors -o merged.gguf",
    .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "MODEL", FAB_FILE_IN, offsetof(opts, model), NULL, "the model that the adapter was trained on" },
        { "ADAPTER", FAB_FILE_IN, offsetof(opts, adapter), NULL, "the adapter" },
        { "out", FAB_FILE_OUT, offsetof(opts, out), NULL, "the merged model", .letter = 'o', .required = true },
        { 0 } },
};
/* clang-format on */
