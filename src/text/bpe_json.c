/* bpe_json: a tokenizer as Hugging Face's tokenizer.json, and as the arrays that GGUF metadata
 * holds.
 *
 *   {"added_tokens": [{"id", "content", "special", ...}], "normalizer": null,
 *    "pre_tokenizer": {"type": "ByteLevel"} or {"type": "Sequence", "pretokenizers":
 *        [{"type": "Split", "pattern": {"Regex": R}}, {"type": "ByteLevel"}]},
 *    "decoder": {"type": "ByteLevel"},
 *    "model": {"type": "BPE", "vocab": {TOKEN: id}, "merges": ["a b" or ["a", "b"]]}}
 *
 * R must be one of the patterns of pretoken.h, letter for letter. What would change a result and is
 * not done here is an error, never ignored: normalizers, add_prefix_space, byte_fallback, dropout,
 * affixes, added tokens that strip. */
#include <string.h>
#include "text/bpe_table.h"

#define UNSUPPORTED(err, ...) fab_fail(err, FAB_EUNSUPPORTED, __VA_ARGS__)

static const char *type_of(const json_t *o)
{
    const char *s = json_string_value(json_object_get(o, "type"));
    return s ? s : json_is_null(o) || !o ? "null" : "?";
}

static bool read_byte_level(const json_t *o, bool use_regex, fab_err *err)
{
    const json_t *regex = json_object_get(o, "use_regex");

    if (strcmp(type_of(o), "ByteLevel"))
        return UNSUPPORTED(err, "pre_tokenizer: %.40s where ByteLevel is supported", type_of(o));
    if (json_is_true(json_object_get(o, "add_prefix_space")))
        return UNSUPPORTED(err, "pre_tokenizer: add_prefix_space true is not supported");
    if ((regex ? json_is_true(regex) : true) != use_regex)
        return UNSUPPORTED(err, "pre_tokenizer: ByteLevel with use_regex %s is not supported here",
                           use_regex ? "false" : "true");
    return true;
}

static bool read_pre(const json_t *o, fab_pretoken *pre, fab_err *err)
{
    if (strcmp(type_of(o), "Sequence")) {
        *pre = FAB_PRE_GPT2;
        return read_byte_level(o, true, err);
    }
    const json_t *list = json_object_get(o, "pretokenizers"), *split = json_array_get(list, 0);
    if (json_array_size(list) != 2 || strcmp(type_of(split), "Split"))
        return UNSUPPORTED(
            err, "pre_tokenizer: a Sequence other than Split, ByteLevel is not supported");
    const char *regex =
        json_string_value(json_object_get(json_object_get(split, "pattern"), "Regex"));
    const char *how = json_string_value(json_object_get(split, "behavior"));
    if (!regex || !how || strcmp(how, "Isolated") || json_is_true(json_object_get(split, "invert")))
        return UNSUPPORTED(err,
                           "pre_tokenizer: a Split other than by Regex, Isolated is not supported");
    for (int p = 0; p < FAB_PRES; p++) {
        const char *known = fab_pretoken_regex((fab_pretoken)p);
        if (!known || strcmp(known, regex)) continue;
        *pre = (fab_pretoken)p;
        return read_byte_level(json_array_get(list, 1), false, err);
    }
    return UNSUPPORTED(err, "pre_tokenizer: the pattern '%.60s...' is not one of those known",
                       regex);
}

static bool check_model(const json_t *model, fab_err *err)
{
    static const char *const absent[] = { "dropout", "continuing_subword_prefix",
                                          "end_of_word_suffix" };

    if (!json_is_object(model)) return fab_fail(err, FAB_EFORMAT, "model: not an object");
    if (strcmp(type_of(model), "BPE"))
        return UNSUPPORTED(err, "model: type %.40s, only BPE", type_of(model));
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        const json_t *v = json_object_get(model, absent[i]);
        if (v && !json_is_null(v) && !(json_is_string(v) && !json_string_length(v)))
            return UNSUPPORTED(err, "model: %s is not supported", absent[i]);
    }
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return UNSUPPORTED(err, "model: byte_fallback is not supported");
    if (!json_is_object(json_object_get(model, "vocab")))
        return fab_fail(err, FAB_EFORMAT, "model: no vocab object");
    if (!json_is_array(json_object_get(model, "merges")))
        return fab_fail(err, FAB_EFORMAT, "model: no merges array");
    return true;
}

static bool put_added(fab_bpe *b, const json_t *t, size_t at, fab_err *err)
{
    static const char *const flags[] = { "single_word", "lstrip", "rstrip" };
    const json_t *content = json_object_get(t, "content"), *id = json_object_get(t, "id");

    if (!json_is_string(content) || !json_is_integer(id))
        return fab_fail(err, FAB_EFORMAT,
                        "added_tokens[%zu]: needs an integer id and a string content", at);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (json_is_true(json_object_get(t, flags[i])))
            return UNSUPPORTED(err, "added_tokens[%zu]: %s is not supported", at, flags[i]);
    int kind = json_is_true(json_object_get(t, "special")) ? FAB_TOKEN_SPECIAL : FAB_TOKEN_ADDED;
    return fab_bpe_put_token(b, json_integer_value(id), json_string_value(content),
                             json_string_length(content), kind, err);
}

static bool put_vocab(fab_bpe *b, json_t *vocab, fab_err *err)
{
    const char *key;
    json_t *v;

    json_object_foreach(vocab, key, v)
    {
        int64_t id = json_is_integer(v) ? json_integer_value(v) : -1;
        if (id < 0 || id >= b->n_tokens)
            return fab_fail(err, FAB_EFORMAT, "vocab: '%.40s' has no id in 0..%d", key,
                            b->n_tokens - 1);
        const fab_bpe_entry *e = &b->tokens[id];
        if (e->kind == FAB_TOKEN_NORMAL || !e->kind) {
            if (!fab_bpe_put_text(b, id, key, err)) return false;
        } else if (strcmp(e->bytes, key)) {
            return fab_fail(err, FAB_EFORMAT,
                            "vocab: id %lld is '%.40s', added_tokens says '%.40s'", (long long)id,
                            key, e->bytes);
        }
    }
    return true;
}

static bool put_merges(fab_bpe *b, const json_t *merges, fab_err *err)
{
    size_t i;
    const json_t *m;

    json_array_foreach(merges, i, m)
    {
        const json_t *l = json_array_get(m, 0), *r = json_array_get(m, 1);
        bool ok = false;
        if (json_is_string(m)) ok = fab_bpe_put_rule(b, json_string_value(m), err);
        else if (json_array_size(m) == 2 && json_is_string(l) && json_is_string(r))
            ok = fab_bpe_put_rule2(b, json_string_value(l), json_string_length(l),
                                   json_string_value(r), json_string_length(r), err);
        else fab_fail(err, FAB_EFORMAT, "merges[%zu]: not \"a b\" or [\"a\", \"b\"]", i);
        if (!ok) return false;
    }
    return true;
}

/* Ids are 0..n-1 without a gap, so n = what vocab and the added tokens outside it hold. */
static int64_t count_tokens(const json_t *vocab, const json_t *added)
{
    int64_t n = (int64_t)json_object_size(vocab);
    size_t i;
    const json_t *t;

    json_array_foreach(added, i, t)
    {
        const char *content = json_string_value(json_object_get(t, "content"));
        n += content && !json_object_get(vocab, content);
    }
    return n;
}

static fab_bpe *read_json(const json_t *doc, fab_err *err)
{
    const json_t *model = json_object_get(doc, "model"),
                 *added = json_object_get(doc, "added_tokens");
    const json_t *norm = json_object_get(doc, "normalizer"),
                 *merges = json_object_get(model, "merges");
    json_t *vocab = json_object_get(model, "vocab");
    fab_pretoken pre = FAB_PRE_GPT2;
    size_t i;
    const json_t *t;

    if (!check_model(model, err) || !read_pre(json_object_get(doc, "pre_tokenizer"), &pre, err))
        return NULL;
    if (norm && !json_is_null(norm))
        return UNSUPPORTED(err, "normalizer: %.40s is not supported", type_of(norm)), NULL;
    fab_bpe *b =
        fab_bpe_begin(count_tokens(vocab, added), (int64_t)json_array_size(merges), pre, err);
    bool ok = b != NULL;
    if (ok) b->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    if (ok) json_array_foreach(added, i, t) if (!(ok = put_added(b, t, i, err))) break;
    if (ok && put_vocab(b, vocab, err) && fab_bpe_seal_tokens(b, err) &&
        put_merges(b, merges, err) && fab_bpe_seal(b, err))
        return b;
    fab_bpe_free(b);
    return NULL;
}

fab_bpe *fab_bpe_from_json(const void *data, size_t size, fab_err *err)
{
    json_t *doc = fab_json_parse(data, size, err);
    fab_bpe *b = NULL;

    if (doc && !json_is_object(doc))
        fab_fail(err, FAB_EFORMAT, "not a tokenizer.json: not an object");
    else if (doc) b = read_json(doc, err);
    json_decref(doc);
    return b;
}

fab_bpe *fab_bpe_open(const char *path, fab_err *err)
{
    fab_file f;
    if (!fab_file_map(&f, path, 256u << 20, err)) return NULL;
    fab_bpe *b = fab_bpe_from_json(f.data, f.size, err);
    if (!b) fab_while(err, "%s", path);
    fab_file_unmap(&f);
    return b;
}

/* --- GGUF's arrays --- */

enum { GGUF_NORMAL = 1, GGUF_CONTROL = 3, GGUF_USER = 4, GGUF_UNUSED = 5 };

fab_bpe *fab_bpe_from_parts(const fab_bpe_parts *p, fab_err *err)
{
    fab_pretoken pre;

    if (!fab_pretoken_parse(p->pre, &pre))
        return UNSUPPORTED(err, "tokenizer.ggml.pre: '%.40s' is not one of those known", p->pre),
               NULL;
    fab_bpe *b = fab_bpe_begin(p->n_tokens, p->n_merges, pre, err);
    bool ok = b != NULL;
    for (int64_t i = 0; ok && i < p->n_tokens; i++) {
        int32_t type = p->types ? p->types[i] : GGUF_NORMAL;
        if (type == GGUF_NORMAL) ok = fab_bpe_put_text(b, i, p->tokens[i], err);
        else if (type == GGUF_CONTROL || type == GGUF_USER || type == GGUF_UNUSED)
            ok = fab_bpe_put_token(b, i, p->tokens[i], strlen(p->tokens[i]),
                                   type == GGUF_USER ? FAB_TOKEN_ADDED : FAB_TOKEN_SPECIAL, err);
        else
            ok = UNSUPPORTED(err, "tokenizer.ggml.token_type[%lld]: %d is not supported",
                             (long long)i, type);
    }
    ok = ok && fab_bpe_seal_tokens(b, err);
    for (int64_t i = 0; ok && i < p->n_merges; i++) ok = fab_bpe_put_rule(b, p->merges[i], err);
    if (ok && fab_bpe_seal(b, err)) return b;
    fab_bpe_free(b);
    return NULL;
}

static char *merge_text(const fab_bpe *b, int32_t rank, fab_arena *a, fab_err *err)
{
    char *l = fab_bpe_text(b, b->merges[rank].left, a, err),
         *r = fab_bpe_text(b, b->merges[rank].right, a, err);
    return l && r ? fab_arena_printf(a, err, "%s %s", l, r) : NULL;
}

bool fab_bpe_to_parts(const fab_bpe *b, fab_arena *a, fab_bpe_parts *p, fab_err *err)
{
    static const int32_t type[] = { [FAB_TOKEN_NORMAL] = GGUF_NORMAL,
                                    [FAB_TOKEN_ADDED] = GGUF_USER,
                                    [FAB_TOKEN_SPECIAL] = GGUF_CONTROL };
    const char **tokens = fab_arena_take(a, (size_t)b->n_tokens * sizeof *tokens, err);
    const char **merges = fab_arena_take(a, (size_t)b->n_merges * sizeof *merges, err);
    int32_t *types = fab_arena_take(a, (size_t)b->n_tokens * sizeof *types, err);

    if (!tokens || !merges || !types) return false;
    for (int32_t i = 0; i < b->n_tokens; i++) {
        types[i] = type[b->tokens[i].kind];
        if (!(tokens[i] = fab_bpe_text(b, i, a, err))) return false;
    }
    for (int32_t i = 0; i < b->n_merges; i++)
        if (!(merges[i] = merge_text(b, i, a, err))) return false;
    *p = (fab_bpe_parts){
        tokens, merges, types, b->n_tokens, b->n_merges, fab_pretoken_name(b->pre)
    };
    return true;
}

/* --- writing tokenizer.json --- */

static json_t *pre_json(fab_pretoken p)
{
    const char *regex = fab_pretoken_regex(p);
    json_t *bytes = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                              "trim_offsets", 1, "use_regex", !regex);
    if (!regex) return bytes;
    return json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, o]}", "type", "Sequence", "pretokenizers",
                     "type", "Split", "pattern", "Regex", regex, "behavior", "Isolated", "invert",
                     0, bytes);
}

static json_t *added_json(const fab_bpe *b)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < b->n_tokens; i++) {
        const fab_bpe_entry *e = &b->tokens[i];
        if (e->kind == FAB_TOKEN_NORMAL) continue;
        json_array_append_new(list, json_pack("{s:i, s:s%, s:b, s:b, s:b, s:b, s:b}", "id", i,
                                              "content", e->bytes, (size_t)e->len, "single_word", 0,
                                              "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                                              e->kind == FAB_TOKEN_SPECIAL));
    }
    return list;
}

json_t *fab_bpe_to_json(const fab_bpe *b, fab_err *err)
{
    json_t *vocab = json_object(), *merges = json_array();
    fab_arena *a = fab_arena_new(0, err);
    bool ok = a && vocab && merges;

    for (int32_t i = 0; ok && i < b->n_tokens; i++) {
        char *text = fab_bpe_text(b, i, a, err);
        ok = text && !json_object_set_new(vocab, text, json_integer(i));
    }
    for (int32_t i = 0; ok && i < b->n_merges; i++) {
        char *text = merge_text(b, i, a, err);
        ok = text && !json_array_append_new(merges, json_string(text));
    }
    fab_arena_free(a);
    json_t *doc =
        json_pack("{s:s, s:n, s:n, s:o, s:n, s:o, s:n, s:{s:s, s:b, s:b, s:b}, s:{s:s, s:n, s:n, "
                  "s:n, s:n, s:b, s:b, s:b, "
                  "s:o, s:o}}",
                  "version", "1.0", "truncation", "padding", "added_tokens", added_json(b),
                  "normalizer", "pre_tokenizer", pre_json(b->pre), "post_processor", "decoder",
                  "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", 1,
                  "model", "type", "BPE", "dropout", "unk_token", "continuing_subword_prefix",
                  "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges",
                  b->ignore_merges, "vocab", vocab, "merges", merges);
    if (ok && doc) return doc;
    json_decref(doc);
    fab_fail(err, FAB_ENOMEM, "out of memory while writing a tokenizer");
    return NULL;
}
