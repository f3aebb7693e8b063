/* fabrica adapter info: what an adapter's file says: method, sizes, the model that it belongs to. */
#include <stddef.h>
#include "cli/verb.h"
#include "zoo/adapter.h"

typedef struct {
    const char *file;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_adapter *a = fab_adapter_open(o->file, err);
    json_t *v = a ? fab_adapter_describe(a, err) : NULL;
    fab_adapter_close(a);
    return v && fab_run_json(r, v, err);
}

/* clang-format off */
const fab_verb fab_verb_adapter_info = {
    .name = "adapter info", .summary = "say what an adapter is and which model it belongs to",
    .about = "An adapter is a small safetensors file that a run with a peft section writes (fabrica train). It is used by "
             "--adapter of ask, generate, chat and eval vqa, or merged into its model.",
    .example = "fabrica adapter info runs/mini-lora/mini-lora.safetensors", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "FILE", FAB_FILE_IN, offsetof(opts, file), NULL, "the adapter" },
        { 0 } },
};
/* clang-format on */
