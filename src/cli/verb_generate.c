/* fabrica generate: what a published text model says after a prompt, printed as it comes. */
#include <string.h>
#include "base/file.h"
#include "cli/generating.h"
#include "engine/converse.h"

typedef struct {
    const char *model, *adapter, *prompt, *batch, *system, *format;
    bool chat;
    fab_sampling s;
} opts;

enum { MOST_BYTES = 1 << 24 }; /* of a prompt, of a file of them */

static int32_t *ids_of(const opts *o, const fab_decoder *d, const char *text, size_t n,
                       fab_arena *a, int64_t *count, fab_err *err)
{
    return o->chat || o->system || o->format
               ? fab_prompt_chat_ids(d, o->format, o->system, text, a, count, err)
               : fab_prompt_ids(d, text, n, a, count, err);
}

static bool one(fab_run *r, const opts *o, fab_generator *g, const char *text, double loaded,
                fab_err *err)
{
    fab_generated out;
    fab_prompt p = { 0 };
    p.ids = ids_of(o, fab_generator_decoder(g), text, strlen(text), r->arena, &p.n, err);
    fab_generate_opts how = fab_sampling_opts(r, &o->s);
    if (!p.ids || !fab_generate(g, &p, 1, &how, r->arena, &out, err)) return false;
    if (!r->json) {
        fputc('\n', r->out);
        return true;
    }
    json_t *v = json_pack("{s:s}", "schema", "fabrica.generate/1");
    json_t *ids = json_array();
    for (int i = 0; i < out.n; i++) json_array_append_new(ids, json_integer(out.ids[i]));
    fab_generated_json(v, &out);
    json_object_set_new(v, "ids", ids);
    json_object_set_new(v, "load_seconds", json_real(loaded));
    return fab_run_json(r, v, err);
}

/* ---- a file of prompts, a line each, decoded together ---------------------------------------- */

enum { MOST = FAB_GENERATE_MAX_BATCH };

typedef struct {
    char *lines[MOST];
    int n;
} texts;

static int lines_of(char *text, char **lines, int max)
{
    int n = 0;
    for (char *at = text; at && *at; n++) {
        char *end = strchr(at, '\n');
        if (end) *end = 0;
        if (*at && n < max) lines[n] = at;
        if (!*at) n--; /* a blank line is none */
        at = end ? end + 1 : NULL;
    }
    return n;
}

static bool read_lines(fab_run *r, const opts *o, texts *out, fab_err *err)
{
    size_t size;
    char *text = fab_run_file(r, o->batch, MOST_BYTES, &size, err);
    if (!text) return false;
    out->n = lines_of(text, out->lines, MOST);
    return (out->n > 0 && out->n <= MOST) ||
           fab_fail(err, FAB_ELIMIT, "%s: %d prompts, 1 to %d are read together", o->batch, out->n,
                    MOST);
}

static bool print_all(fab_run *r, const fab_generated *out, int n, fab_err *err)
{
    for (int i = 0; i < n; i++) {
        json_t *v = json_pack("{s:i}", "line", i + 1);
        fab_generated_json(v, &out[i]);
        char *text = json_dumps(v, FAB_JSON_DUMP | JSON_COMPACT);
        json_decref(v);
        if (!text) return fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
        fprintf(r->out, "%s\n", text);
        fab_free(text);
    }
    return true;
}

static bool many(fab_run *r, const opts *o, fab_generator *g, const texts *t, fab_err *err)
{
    fab_prompt p[MOST] = { { 0 } };
    fab_generated out[MOST];
    const int n = t->n;
    for (int i = 0; i < n; i++) {
        p[i].ids = ids_of(o, fab_generator_decoder(g), t->lines[i], strlen(t->lines[i]), r->arena,
                          &p[i].n, err);
        if (!p[i].ids) return fab_while(err, "%s line %d", o->batch, i + 1);
    }
    fab_generate_opts how = fab_sampling_opts(r, &o->s);
    how.on_text = NULL;
    return fab_generate(g, p, n, &how, r->arena, out, err) && print_all(r, out, n, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_exactness exact;
    size_t size;
    if (!fab_sampling_exact(&o->s, &exact, err)) return false;
    if (o->prompt && o->batch)
        return fab_fail(err, FAB_EUSAGE, "--prompt and --batch: one of them");
    texts t = { { NULL } };
    const char *text = o->batch ? NULL : fab_run_text(r, o->prompt, NULL, MOST_BYTES, &size, err);
    if (o->batch ? !read_lines(r, o, &t, err) : !text)
        return false; /* before a large file is read */
    double start = fab_now();
    fab_generator *g = fab_generator_open(o->model, r->pool, exact, err);
    if (!g) return false;
    if (o->adapter && !fab_generator_adapt(g, o->adapter, err)) {
        fab_generator_close(g);
        return false;
    }
    double loaded = fab_now() - start;
    bool ok = o->batch ? many(r, o, g, &t, err) : one(r, o, g, text, loaded, err);
    fab_generator_close(g);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_generate = {
    .name = "generate", .summary = "let a published text model go on after a prompt",
    .about = "MODEL is a Hugging Face folder or a GGUF of llama, mistral, qwen2, qwen3 or gemma3 (text). The prompt is read "
             "as it is, control tokens such as <|im_end|> known; with --chat it is a user's message in the model's own "
             "template. Without --prompt and --batch it comes from standard input. --batch FILE decodes up to 64 prompts "
             "together, one a line, and prints a JSON line each. The same prompt, options and seed give the same text.",
    .example = "fabrica generate --model smollm2.gguf --chat --prompt \"What is a pleural effusion?\"",
    .opts_size = sizeof(opts), .run = run, .stops_itself = true,
    .opts = (const fab_opt[]){
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "a folder or a GGUF", .required = true },
        { "adapter", FAB_FILE_IN, offsetof(opts, adapter), NULL, "an adapter trained on the model" },
        { "prompt", FAB_STR, offsetof(opts, prompt), NULL, "the text to go on from" },
        { "batch", FAB_FILE_IN, offsetof(opts, batch), NULL, "a file of prompts, one a line" },
        { "chat", FAB_FLAG, offsetof(opts, chat), NULL, "the prompt is a user's message" },
        { "system", FAB_STR, offsetof(opts, system), NULL, "what the model is told first; implies --chat" },
        { "template", FAB_STR, offsetof(opts, format), NULL, "chatml, llama-2, llama-3, mistral, gemma, zephyr or vicuna; implies --chat" },
        FAB_OPTS_SAMPLING(opts, s),
        { 0 } },
};
/* clang-format on */
