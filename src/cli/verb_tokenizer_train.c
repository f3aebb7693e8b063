/* fabrica tokenizer train: learns a byte-level BPE from texts and writes a tokenizer.json.
 *
 * A file whose first character is a brace is JSONL: the string fields named by --fields, or all of
 * them, are texts. Any other file is plain text, a text per line. */
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include "base/progress.h"
#include "cli/verb.h"
#include "text/bpe.h"

typedef struct {
    fab_list files, special;
    const char *fields, *pre, *out;
    int64_t vocab_size, max_han, min_count;
} opts;

typedef struct {
    fab_bpe_trainer *trainer; /* the first pass; NULL: */
    const fab_bpe *bpe;       /* the second counts tokens */
    int64_t texts, bytes, tokens;
    fab_err *err;
} pass;

static bool take(pass *p, const char *text, size_t n)
{
    int64_t k = 0;

    if (p->trainer ? !fab_bpe_trainer_add(p->trainer, text, n, p->err)
                   : (k = fab_bpe_encode_plain(p->bpe, text, n, NULL, 0, p->err)) < 0)
        return false;
    p->texts++;
    p->bytes += (int64_t)n;
    p->tokens += k;
    return true;
}

static bool wanted(const char *fields, const char *key)
{
    size_t n = strlen(key);

    for (const char *f = fields; f; f = strchr(f, ',') ? strchr(f, ',') + 1 : NULL)
        if (!strncmp(f, key, n) && (f[n] == ',' || !f[n])) return true;
    return !fields;
}

static bool read_jsonl(pass *p, const fab_file *f, const char *path, const char *fields)
{
    fab_jsonl lines;
    int64_t before = p->texts;
    bool ok = fab_jsonl_parse(&lines, f->data, f->size, path);

    for (json_t *record; ok && (record = fab_jsonl_next(&lines, p->err)); json_decref(record)) {
        const char *key;
        json_t *v;
        json_object_foreach(record, key, v)
        {
            if (!json_is_string(v) || !wanted(fields, key)) continue;
            if (!(ok = take(p, json_string_value(v), json_string_length(v)))) break;
        }
    }
    fab_jsonl_close(&lines);
    if (p->err->code) return false;
    return p->texts > before ||
           fab_fail(p->err, FAB_EFORMAT, "%s: no record has a string field%s%s", path,
                    fields ? " " : "", fields ? fields : "");
}

static bool read_lines(pass *p, const fab_file *f, const char *path)
{
    const char *s = (const char *)f->data, *end = s + f->size;

    for (int64_t line = 1; s < end; line++) {
        const char *nl = memchr(s, '\n', (size_t)(end - s)), *next = nl ? nl + 1 : end;
        if (!take(p, s, (size_t)(next - s)))
            return fab_while(p->err, "%s line %lld", path, (long long)line);
        s = next;
    }
    return true;
}

static bool read_file(pass *p, const char *path, const char *fields)
{
    fab_file f;
    size_t at = 0;

    if (!fab_file_map(&f, path, 0, p->err)) return false;
    while (at < f.size && isspace(f.data[at])) at++;
    bool ok = at < f.size && f.data[at] == '{' ? read_jsonl(p, &f, path, fields)
                                               : read_lines(p, &f, path);
    fab_file_unmap(&f);
    return ok;
}

static bool read_all(pass *p, const opts *o, const char *what, bool quiet)
{
    fab_progress bar;
    bool ok = true;

    fab_progress_init(&bar, what, o->files.n);
    for (int i = 0; ok && i < o->files.n; i++) {
        ok = read_file(p, o->files.items[i], o->fields);
        if (!quiet) fab_progress_set(&bar, i + 1, NULL);
    }
    fab_progress_clear(&bar);
    return ok && (p->bytes ||
                  fab_fail(p->err, FAB_EFORMAT, "%s: there is no text in it", o->files.items[0]));
}

static fab_bpe *train(fab_run *r, const opts *o, fab_err *err)
{
    fab_bpe_train_opts t = { .vocab_size = (int32_t)o->vocab_size,
                             .specials = o->special.items,
                             .n_specials = o->special.n,
                             .max_han = (int32_t)o->max_han,
                             .min_count = o->min_count };
    pass p = { .err = err };
    fab_bpe *b = NULL;

    fab_pretoken_parse(o->pre, &t.pre); /* one of the row's choices */
    p.trainer = fab_bpe_trainer_new(&t, err);
    if (p.trainer && read_all(&p, o, "reading", r->quiet))
        b = fab_bpe_trainer_finish(p.trainer, err);
    fab_bpe_trainer_free(p.trainer);
    return b;
}

static bool report(fab_run *r, const opts *o, const fab_bpe *b, double seconds, fab_err *err)
{
    pass p = { .bpe = b, .err = err };

    if (!read_all(&p, o, "measuring", r->quiet)) return false;
    double per_token = (double)p.bytes / (double)p.tokens;
    if (r->json)
        return fab_run_json(r,
                            json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:f, s:f}", "file", o->out,
                                      "vocab_size", fab_bpe_vocab_size(b), "merges",
                                      fab_bpe_merge_count(b), "texts", (json_int_t)p.texts, "bytes",
                                      (json_int_t)p.bytes, "tokens", (json_int_t)p.tokens,
                                      "bytes_per_token", per_token, "seconds", seconds),
                            err);
    fprintf(
        r->out,
        "%s: %d tokens, %d merges, from %lld texts of %.1f MB in %.1f s; %.2f bytes per token\n",
        o->out, fab_bpe_vocab_size(b), fab_bpe_merge_count(b), (long long)p.texts,
        (double)p.bytes / 1e6, seconds, per_token);
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    double start = fab_now();
    fab_bpe *b = train(r, o, err);
    json_t *doc = b ? fab_bpe_to_json(b, err) : NULL;
    bool ok = doc && fab_json_write(o->out, doc, err) && report(r, o, b, fab_now() - start, err);

    json_decref(doc);
    fab_bpe_free(b);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_tokenizer_train = {
    .name = "tokenizer train", .summary = "learn a byte-level BPE tokenizer from texts",
    .about = "Reads JSONL records or plain text, a text per line, and writes a tokenizer.json that Hugging Face's "
             "libraries load too. The same texts give the same file. The fabrica pattern keeps Chinese apart from Latin "
             "words and digits apart from each other; --max-han keeps a token from swallowing a whole sentence.",
    .example = "fabrica tokenizer train medquad.jsonl huatuo.jsonl --special \"<|end|>\" -o tokenizer.json",
    .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "FILE", FAB_LIST, offsetof(opts, files), NULL, "JSONL or plain text" },
        { "fields", FAB_STR, offsetof(opts, fields), NULL, "of a JSONL record, \"question,answer\"; default: all strings" },
        { "vocab-size", FAB_INT, offsetof(opts, vocab_size), "8192", "tokens to end with", .min = 257, .max = 1000000 },
        { "special", FAB_LIST, offsetof(opts, special), NULL, "a control token, again and again; they get the first ids",
          .meta = "TEXT" },
        { "pre", FAB_CHOICE, offsetof(opts, pre), "fabrica", "how text is cut into words before merging",
          .choices = "fabrica|gpt-2|llama-bpe|qwen2" },
        { "max-han", FAB_INT, offsetof(opts, max_han), "4", "most Chinese characters in a token; 0: no limit",
          .min = 0, .max = 1000 },
        { "min-count", FAB_INT, offsetof(opts, min_count), "2", "merge no pair seen less often", .min = 1, .max = 1e9 },
        { "output", FAB_FILE_OUT, offsetof(opts, out), NULL, "the tokenizer.json to write", .letter = 'o',
          .required = true },
        { 0 } },
};
/* clang-format on */
