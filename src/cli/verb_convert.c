/* fabrica convert: a text decoder from a Hugging Face folder into a GGUF, or back. */
#include <stddef.h>
#include <string.h>
#include "base/file.h"
#include "cli/verb.h"
#include "zoo/convert_decoder.h"

typedef struct {
    const char *in, *out, *type;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    static const struct {
        const char *name;
        fab_dtype type;
    } types[] = {
        { "f32", FAB_F32 }, { "f16", FAB_F16 }, { "bf16", FAB_BF16 }, { "q8_0", FAB_Q8_0 }
    };
    const opts *o = vo;
    fab_convert_opts how = { .same = !strcmp(o->type, "same") };
    for (int i = 0; i < 4; i++)
        if (!strcmp(o->type, types[i].name)) how.type = types[i].type;
    double start = fab_now();
    if (!fab_convert(o->in, o->out, &how, r->pool, err)) return false;
    if (r->json)
        return fab_run_json(r,
                            json_pack("{s:s,s:s,s:s,s:f}", "schema", "fabrica.convert/1", "out",
                                      o->out, "type", o->type, "seconds", fab_now() - start),
                            err);
    fprintf(r->out, "%s\n", o->out);
    return true;
}

/* clang-format off */
const fab_verb fab_verb_convert = {
    .name = "convert", .summary = "turn a Hugging Face folder of a text model into a GGUF, or back",
    .about = "IN a folder (config.json, safetensors, tokenizer.json): OUT is a GGUF. IN a GGUF: OUT is a folder. Names, "
             "keys, the tokenizer and the order of rotated rows are mapped; what OUT has no words for is refused. "
             "Architectures: llama, mistral, qwen2, qwen3, gemma3 (text).",
    .example = "fabrica convert SmolLM2-135M-Instruct smollm2.gguf --type q8_0", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "IN", FAB_FILE_IN, offsetof(opts, in), NULL, "a folder or a GGUF" },
        { "OUT", FAB_FILE_OUT, offsetof(opts, out), NULL, "a GGUF or a folder" },
        { "type", FAB_CHOICE, offsetof(opts, type), "same", "of the matrices", .choices = "same|f32|f16|bf16|q8_0" },
        { 0 } },
};
/* clang-format on */
