/* fabrica chat: a conversation on standard input and output, about a picture if one is given. */
#include <string.h>
#include "base/file.h"
#include "cli/generating.h"
#include "engine/converse.h"
#include "engine/input.h"

typedef struct {
    const char *model, *adapter, *mmproj, *image, *system, *format;
    fab_sampling s;
} opts;

enum { LINE = 65536 };

static bool look(fab_talk *t, const char *path, fab_err *err)
{
    fab_input in = { 0 };
    bool ok = fab_input_open(&in, path, NULL, err) &&
              fab_talk_look(t, in.image->rgb, in.image->width, in.image->height, err);
    fab_input_close(&in);
    return ok;
}

static bool answer(fab_run *r, const opts *o, fab_talk *t, const char *line, fab_err *err)
{
    fab_generated out;
    fab_generate_opts how = fab_sampling_opts(r, &o->s);
    if (!fab_talk_ask(t, line, &how, &out, err)) return false;
    if (r->json) {
        json_t *v = json_pack("{s:s,s:s}", "schema", "fabrica.chat/1", "question", line);
        fab_generated_json(v, &out);
        return fab_run_json(r, v, err);
    }
    fputs(out.end == FAB_END_READER || out.end == FAB_END_LENGTH ? " ...\n" : "\n", r->out);
    return fflush(r->out) == 0 || fab_fail(err, FAB_EIO, "standard output cannot be written");
}

/* What is too much for the conversation ends the question, not the program. */
static bool goes_on(const fab_err *err)
{
    return err->code == FAB_ELIMIT || err->code == FAB_EUSAGE;
}

/* What the line has after the word, or NULL. */
static const char *after(const char *line, const char *word)
{
    size_t n = strlen(word);
    return strncmp(line, word, n) ? NULL : line + n;
}

/* One line said; a command is obeyed. */
static bool hear(fab_run *r, const opts *o, fab_talk *t, const char *line, fab_err *err)
{
    const char *path = after(line, "/image ");
    if (!strcmp(line, "/image"))
        return fab_fail(err, FAB_EUSAGE, "/image needs a file: /image FILE");
    if (!path && strcmp(line, "/reset") != 0) return answer(r, o, t, line, err);
    if (path && !look(t, path, err)) {
        err->code = FAB_EUSAGE; /* the picture before stays */
        return false;
    }
    fab_talk_reset(t);
    return true;
}

static bool converse(fab_run *r, const opts *o, fab_talk *t, fab_err *err)
{
    char *line = fab_arena_take(r->arena, LINE, err);
    while (line) {
        if (!r->quiet && !r->json) fputs("> ", stderr);
        if (!fgets(line, LINE, stdin)) {
            if (!r->quiet && !r->json) fputc('\n', stderr);
            return true;
        }
        line[strcspn(line, "\r\n")] = 0;
        if (!*line) continue;
        if (!strcmp(line, "/exit")) return true;
        fab_err why = FAB_ERR_INIT;
        if (!hear(r, o, t, line, &why) && !goes_on(&why))
            return fab_fail(err, why.code, "%s", why.text);
        if (why.code) fprintf(stderr, "fabrica chat: %s\n", why.text);
        *r->interrupted = 0; /* it ended the answer, not the conversation */
    }
    return false;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_talk_opts how = { .model = o->model,
                          .mmproj = o->mmproj,
                          .format = o->format,
                          .system = o->system,
                          .sees = o->mmproj || o->image };
    if (!fab_sampling_exact(&o->s, &how.exact, err)) return false;
    fab_talk *t = fab_talk_open(&how, r->pool, err);
    bool ok = t && (!o->adapter || fab_generator_adapt(fab_talk_generator(t), o->adapter, err)) &&
              (!o->image || look(t, o->image, err)) && converse(r, o, t, err);
    fab_talk_close(t);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_chat = {
    .name = "chat", .summary = "talk with a published model, about a picture if one is given",
    .about = "Reads a message a line from standard input and prints each answer as it comes. /reset forgets what was said, "
             "/image FILE looks at another picture and begins anew, /exit or the end of the input ends. Ctrl-C stops an "
             "answer; where none is coming it ends the program. With --image the model must see: a LLaVA folder, or a GGUF "
             "with its --mmproj. Not for diagnostic use.",
    .example = "fabrica chat --model llava.gguf --mmproj mmproj.gguf --image chest.png",
    .opts_size = sizeof(opts), .run = run, .stops_itself = true,
    .opts = (const fab_opt[]){
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "a folder or a GGUF", .required = true },
        { "adapter", FAB_FILE_IN, offsetof(opts, adapter), NULL, "an adapter trained on the model" },
        { "mmproj", FAB_FILE_IN, offsetof(opts, mmproj), NULL, "the GGUF of the vision tower and its projector" },
        { "image", FAB_FILE_IN, offsetof(opts, image), NULL, "a DICOM, PNG or JPEG file to talk about" },
        { "system", FAB_STR, offsetof(opts, system), NULL, "what the model is told first" },
        { "template", FAB_STR, offsetof(opts, format), NULL, "chatml, llama-2, llama-3, mistral, gemma, zephyr or vicuna; else the model's own" },
        FAB_OPTS_SAMPLING(opts, s),
        { 0 } },
};
/* clang-format on */
