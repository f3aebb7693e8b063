/* fabrica tokenizer encode: a text's token ids. */
#include <stddef.h>
#include <string.h>
#include "cli/verb.h"
#include "text/utf8.h"
#include "zoo/tokenizer_file.h"

typedef struct {
    const char *tokenizer, *text, *file;
    bool special, pieces;
} opts;

/* A token for a reader: its text, or its bytes in hexadecimal when they are no whole characters. */
static char *piece_text(fab_arena *a, const fab_bpe *b, int32_t id, fab_err *err)
{
    size_t n = 0;
    const char *bytes = fab_bpe_token(b, id, &n);
    char *out = NULL;

    if (fab_utf8_check(bytes, n) == n) return fab_arena_strdup(a, bytes, err);
    for (size_t i = 0; i < n; i++)
        if (!(out = fab_arena_printf(a, err, "%s\\x%02X", out ? out : "",
                                     (unsigned)(uint8_t)bytes[i])))
            break;
    return out;
}

static bool print_json(fab_run *r, const fab_bpe *b, const int32_t *ids, int64_t n, fab_err *err)
{
    json_t *list = json_array(), *pieces = json_array();

    for (int64_t i = 0; i < n; i++) {
        char *text = piece_text(r->arena, b, ids[i], err);
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

static bool print_ids(fab_run *r, const fab_bpe *b, const int32_t *ids, int64_t n, bool pieces,
                      fab_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        char *text = pieces ? piece_text(r->arena, b, ids[i], err) : NULL;
        if (pieces && !text) return false;
        if (pieces) fprintf(r->out, "%d\t%s\n", ids[i], text);
        else fprintf(r->out, i ? " %d" : "%d", ids[i]);
    }
    if (!pieces) fputc('\n', r->out);
    return true;
}

static bool encode(fab_run *r, const opts *o, const fab_bpe *b, const char *text, size_t n,
                   fab_err *err)
{
    int64_t (*how)(const fab_bpe *, const char *, size_t, int32_t *, int64_t, fab_err *) =
        o->special ? fab_bpe_encode : fab_bpe_encode_plain;
    int64_t count;
    int32_t *ids = fab_new_array(n + 1, sizeof *ids, err); /* a token has a byte at least */
    bool ok =
        ids && (count = how(b, text, n, ids, (int64_t)n, err)) >= 0 &&
        (r->json ? print_json(r, b, ids, count, err) : print_ids(r, b, ids, count, o->pieces, err));

    fab_free(ids);
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_file f = { 0 };

    if (o->text && o->file) return fab_fail(err, FAB_EUSAGE, "--text and --file: one of them");
    if (!o->text && !fab_file_map(&f, o->file ? o->file : "-", 0, err)) return false;
    const char *text = o->text ? o->text : (const char *)f.data;
    fab_bpe *b = fab_tokenizer_open(o->tokenizer, err);
    bool ok = b && (encode(r, o, b, text, o->text ? strlen(text) : f.size, err) ||
                    fab_while(err, "%s",
                              o->text   ? "--text"
                              : o->file ? o->file
                                        : "standard input"));

    fab_bpe_free(b);
    fab_file_unmap(&f);
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
        { "TOKENIZER", FAB_FILE_IN, offsetof(opts, tokenizer), NULL, "a tokenizer.json or a GGUF model" },
        { "text", FAB_STR, offsetof(opts, text), NULL, "the text" },
        { "file", FAB_FILE_IN, offsetof(opts, file), NULL, "a file that holds the text" },
        { "special", FAB_FLAG, offsetof(opts, special), NULL, "know control tokens such as <|end|> in the text" },
        { "pieces", FAB_FLAG, offsetof(opts, pieces), NULL, "a line per token, with its text" },
        { 0 } },
};
/* clang-format on */
