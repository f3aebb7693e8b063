/* fabrica tokenizer encode: a text's token ids. */
#include <stddef.h>
#include "cli/verb.h"
#include "text/utf8.h"
#include "zoo/tokenizer_file.h"

typedef struct {
    const char *tokenizer, *text, *file;
    bool special, frame, pieces;
} opts;

/* A token for a reader: its text, or its bytes in hexadecimal when they are no whole characters. */
static char *piece_text(fab_arena *a, const fab_tokenizer *t, int32_t id, fab_err *err)
{
    char *bytes = fab_arena_take(a, fab_tokenizer_stream_room(t), err), *out = NULL;
    size_t n = bytes ? fab_tokenizer_bytes(t, id, bytes) : 0;

    if (!bytes) return NULL;
    bytes[n] = 0;
    if (fab_utf8_check(bytes, n) == n) return bytes;
    for (size_t i = 0; i < n; i++)
        if (!(out = fab_arena_printf(a, err, "%s\\x%02X", out ? out : "",
                                     (unsigned)(uint8_t)bytes[i])))
            break;
    return out;
}

static bool print_json(fab_run *r, const fab_tokenizer *t, const int32_t *ids, int64_t n,
                       fab_err *err)
{
    json_t *list = json_array(), *pieces = json_array();

    for (int64_t i = 0; i < n; i++) {
        char *text = piece_text(r->arena, t, ids[i], err);
        if (!text) break;
        json_array_append_new(list, json_integer(ids[i]));
        json_array_append_new(pieces, json_string(text));
    }
    return fab_run_json(r,
                        json_pack("{s:I, s:o, s:o}", "n", (json_int_t)n, "ids", list, "tokens",
                                  pieces),
                        err) &&
           !err->code;
}

static bool print_ids(fab_run *r, const fab_tokenizer *t, const int32_t *ids, int64_t n,
                      bool pieces, fab_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        char *text = pieces ? piece_text(r->arena, t, ids[i], err) : NULL;
        if (pieces && !text) return false;
        if (pieces) fprintf(r->out, "%d\t%s\n", ids[i], text);
        else fprintf(r->out, i ? " %d" : "%d", ids[i]);
    }
    if (!pieces) fputc('\n', r->out);
    return true;
}

static bool encode(fab_run *r, const opts *o, const fab_tokenizer *t, const char *text, size_t n,
                   fab_err *err)
{
    fab_encode_opts how = { .special = o->special, .frame = o->frame };
    int64_t count;
    int32_t *ids = fab_tokenizer_encode_all(t, text, n, &how, r->arena, &count, err);

    return ids && (r->json ? print_json(r, t, ids, count, err)
                           : print_ids(r, t, ids, count, o->pieces, err));
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    size_t n;

    if (o->text && o->file) return fab_fail(err, FAB_EUSAGE, "--text and --file: one of them");
    const char *text = fab_run_text(r, o->text, o->file, 0, &n, err);
    fab_tokenizer *t = text ? fab_tokenizer_open(o->tokenizer, err) : NULL;
    bool ok = t && encode(r, o, t, text, n, err);

    fab_tokenizer_free(t);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_tokenizer_encode = {
    .name = "tokenizer encode", .summary = "print the token ids of a text",
    .about = "Control tokens in the text are ordinary characters, as in a user's question, unless --special is given. "
             "The text comes from --text, from --file, or from standard input.",
    .example = "fabrica tokenizer encode tokenizer.json --text \"右肺下叶5mm结节\" --pieces",
    .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "TOKENIZER", FAB_FILE_IN, offsetof(opts, tokenizer), NULL, "a tokenizer.json, tokenizer.model, vocab.txt, a GGUF, or a model's folder" },
        { "text", FAB_STR, offsetof(opts, text), NULL, "the text" },
        { "file", FAB_FILE_IN, offsetof(opts, file), NULL, "a file that holds the text" },
        { "special", FAB_FLAG, offsetof(opts, special), NULL, "know control tokens such as <|end|> in the text" },
        { "frame", FAB_FLAG, offsetof(opts, frame), NULL, "add what the model puts around a text: <s>, [CLS] ... [SEP]" },
        { "pieces", FAB_FLAG, offsetof(opts, pieces), NULL, "a line per token, with its text" },
        { 0 } },
};
/* clang-format on */
