/* fabrica tokenizer decode: the text of token ids. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "cli/verb.h"
#include "zoo/tokenizer_file.h"

typedef struct {
    const char *tokenizer, *ids;
    bool skip_special;
} opts;

/* Decimal ids between spaces, commas or brackets, so that what encode printed, also as a JSON list,
 * can be pasted. */
static bool read_ids(const char *s, int32_t *ids, int64_t *n, fab_err *err)
{
    for (*n = 0; *(s += strspn(s, " ,[]\t\r\n")); (*n)++) {
        char *end;
        errno = 0;
        long v = strtol(s, &end, 10);
        if (end == s || errno || v < 0 || v > INT32_MAX || (*end && !strchr(" ,[]\t\r\n", *end)))
            return fab_fail(err, FAB_EUSAGE, "'%.20s' is no token id", s);
        ids[*n] = (int32_t)v;
        s = end;
    }
    return true;
}

static bool decode(fab_run *r, const opts *o, const char *text, fab_err *err)
{
    int64_t n = 0;
    int32_t *ids = fab_new_array(strlen(text) + 1, sizeof *ids, err);
    fab_tokenizer *t =
        ids && read_ids(text, ids, &n, err) ? fab_tokenizer_open(o->tokenizer, err) : NULL;
    char *out = t ? fab_tokenizer_decode(t, r->arena, ids, n, o->skip_special, err) : NULL;

    fab_tokenizer_free(t);
    fab_free(ids);
    if (!out) return false;
    if (r->json) return fab_run_json(r, json_pack("{s:s}", "text", out), err);
    fprintf(r->out, "%s\n", out);
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    size_t n;
    const char *text = fab_run_text(r, o->ids, NULL, 1 << 28, &n, err);
    return text && decode(r, o, text, err);
}

/* clang-format off */
const fab_verb fab_verb_tokenizer_decode = {
    .name = "tokenizer decode", .summary = "print the text of token ids",
    .about = "The ids come from --ids or from standard input. Bytes that form no character are shown as U+FFFD.",
    .example = "fabrica tokenizer decode tokenizer.json --ids \"291 300 42\"",
    .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "TOKENIZER", FAB_FILE_IN, offsetof(opts, tokenizer), NULL, "a tokenizer.json, tokenizer.model, vocab.txt, a GGUF, or a model's folder" },
        { "ids", FAB_STR, offsetof(opts, ids), NULL, "decimal numbers between spaces or commas" },
        { "skip-special", FAB_FLAG, offsetof(opts, skip_special), NULL, "leave control tokens out" },
        { 0 } },
};
/* clang-format on */
