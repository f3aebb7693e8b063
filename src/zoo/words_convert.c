/* words_convert: a tokenizer from a Hugging Face folder into GGUF's keys, and back, as JSON:
 * nothing is encoded here.
 *
 *   tokenizer.json                                  tokenizer.ggml.*
 *   BPE, ByteLevel: vocab, merges                   model gpt2: tokens, merges, pre
 *   BPE, byte_fallback: vocab, merges               model llama: tokens, scores
 *   added_tokens                                    token_type: 3 control, 4 user's, 2, 6 byte
 *   post_processor begins with the bos token        add_bos_token
 *
 * SentencePiece merges the pair whose whole scores highest; a list of merges says the same
 * with the rank as score. From scores to merges: all cuts of a piece into two pieces, by score,
 * then as transformers orders them.
 */
#include <stdlib.h>
#include <string.h>
#include "zoo/convert_decoder.h"

#define KEY(name) "tokenizer.ggml." name

enum { NORMAL = 1, UNKNOWN, CONTROL, USERS, UNUSED, BYTE };

/* What a byte-level tokenizer does before merging, by GGUF's name for it. */
typedef struct {
    const char *pre, *regex; /* NULL: ByteLevel's own */
    bool digits, nfc, whole; /* digits apart first; whole words of the vocabulary are not merged */
} pre_row;
#define WORDS_BEGIN "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define WORDS_END   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const pre_row pres[] = {
    { .pre = "gpt-2" },
    { .pre = "smollm", .digits = true },
    { .pre = "llama-bpe", .regex = WORDS_BEGIN "\\p{N}{1,3}" WORDS_END, .whole = true },
    { .pre = "qwen2", .regex = WORDS_BEGIN "\\p{N}" WORDS_END, .nfc = true },
};
enum { PRES = sizeof pres / sizeof *pres };

/* ---- to GGUF --------------------------------------------------------------------------------- */

typedef struct {
    const fab_decoder *d;
    json_t *doc, *config; /* tokenizer.json, tokenizer_config.json (NULL: none) */
    const json_t *model;
    const char **tokens;
    int32_t *types;
    float *scores;
    int64_t n;
} folder;

static bool has_type(const json_t *o, const char *type, const json_t **found)
{
    const char *is = json_string_value(json_object_get(o, "type"));
    size_t i;
    json_t *one;
    static const char *const lists[] = { "pretokenizers", "normalizers", "decoders", "processors" };
    if (is && !strcmp(is, type)) return found ? (*found = o) != NULL : true;
    for (int k = 0; k < 4; k++)
        json_array_foreach(json_object_get(o, lists[k]), i,
                           one) if (has_type(one, type, found)) return true;
    return false;
}

static const pre_row *pre_of(const json_t *doc, fab_err *err)
{
    const json_t *pre = json_object_get(doc, "pre_tokenizer"), *split = NULL;
    bool digits = has_type(pre, "Digits", NULL);
    has_type(pre, "Split", &split);
    const char *regex =
        json_string_value(json_object_get(json_object_get(split, "pattern"), "Regex"));
    for (int i = 0; i < PRES && (!split || regex); i++)
        if (pres[i].digits == digits && !pres[i].regex == !regex &&
            (!regex || !strcmp(regex, pres[i].regex)))
            return &pres[i];
    fab_fail(err, FAB_EUNSUPPORTED, "tokenizer.json: GGUF has no name for its pre_tokenizer");
    return NULL;
}

/* Where the vocabulary ends: the highest id of it and of the added tokens. */
static int64_t count_of(const folder *f)
{
    const char *token;
    json_t *id;
    int64_t top = f->d->cfg.vocab - 1; /* the model may have more rows than the tokenizer words */
    size_t i;
    json_object_foreach(json_object_get(f->model, "vocab"), token,
                        id) if (json_integer_value(id) > top) top = json_integer_value(id);
    json_array_foreach(json_object_get(f->doc, "added_tokens"), i, id)
    {
        json_int_t at = json_integer_value(json_object_get(id, "id"));
        if (at > top) top = at;
    }
    return top + 1;
}

static bool place(folder *f, const char *token, const json_t *id, int32_t type, fab_err *err)
{
    json_int_t at = json_is_integer(id) ? json_integer_value(id) : -1;
    if (!token || at < 0 || at >= f->n)
        return fab_fail(err, FAB_EFORMAT, "tokenizer.json: token '%.40s' has id %lld of %lld",
                        token ? token : "", (long long)at, (long long)f->n);
    f->tokens[at] = token;
    f->types[at] = type;
    return true;
}

static int32_t type_of(const folder *f, const char *token, bool bytes)
{
    const char *unk = json_string_value(json_object_get(f->model, "unk_token"));
    if (unk && !strcmp(unk, token)) return UNKNOWN;
    return bytes && strlen(token) == 6 && !strncmp(token, "<0x", 3) ? BYTE : NORMAL;
}

static bool read_tokens(folder *f, bool bytes, fab_err *err)
{
    fab_arena *a = f->d->arena;
    const char *token;
    json_t *id;
    size_t i;
    f->n = count_of(f);
    if (f->n > 1 << 24)
        return fab_fail(err, FAB_ELIMIT, "tokenizer.json: %lld tokens", (long long)f->n);
    f->tokens = fab_arena_zero(a, (size_t)f->n * sizeof *f->tokens, err);
    f->types = fab_arena_take(a, (size_t)f->n * sizeof *f->types, err);
    if (!f->tokens || !f->types) return false;
    for (int64_t k = 0; k < f->n; k++) f->types[k] = UNUSED;
    json_object_foreach(json_object_get(f->model, "vocab"), token,
                        id) if (!place(f, token, id, type_of(f, token, bytes), err)) return false;
    json_array_foreach(json_object_get(f->doc, "added_tokens"), i, id)
    {
        token = json_string_value(json_object_get(id, "content"));
        int32_t type = json_is_true(json_object_get(id, "special")) ? CONTROL : USERS;
        if (token && type_of(f, token, bytes) == UNKNOWN) type = UNKNOWN;
        if (!place(f, token, json_object_get(id, "id"), type, err)) return false;
    }
    for (int64_t k = 0; k < f->n; k++)
        if (!f->tokens[k] && !(f->tokens[k] = fab_arena_printf(a, err, "[PAD%lld]", (long long)k)))
            return false;
    return true;
}

/* Merges as "left right", whichever way tokenizer.json writes them. */
static const char **read_merges(const folder *f, int64_t *n, fab_err *err)
{
    const json_t *list = json_object_get(f->model, "merges");
    size_t i, count = json_array_size(list);
    json_t *one;
    if (!json_is_array(list)) {
        fab_fail(err, FAB_EFORMAT, "tokenizer.json: a BPE model without merges");
        return NULL;
    }
    const char **out = fab_arena_take(f->d->arena, (count + 1) * sizeof *out, err);
    if (!out) return NULL;
    json_array_foreach(list, i, one)
    {
        const char *l = json_string_value(json_array_get(one, 0)),
                   *r = json_string_value(json_array_get(one, 1));
        out[i] =
            l && r ? fab_arena_printf(f->d->arena, err, "%s %s", l, r) : json_string_value(one);
        if (!out[i] || !strchr(out[i], ' ')) {
            fab_fail(err, FAB_EFORMAT, "tokenizer.json: merge %zu is no pair", i);
            return NULL;
        }
    }
    *n = (int64_t)count;
    return out;
}

/* A piece's score is minus the rank of the first merge that makes it. */
static bool rank_scores(folder *f, const char *const *merges, int64_t n, fab_err *err)
{
    const json_t *vocab = json_object_get(f->model, "vocab");
    f->scores = fab_arena_take(f->d->arena, (size_t)f->n * sizeof *f->scores, err);
    for (int64_t i = 0; f->scores && i < f->n; i++)
        f->scores[i] = f->types[i] == NORMAL ? -(float)(n + 1) : 0;
    for (int64_t i = n - 1; f->scores && i >= 0; i--) {
        const char *space = strchr(merges[i], ' ');
        char *whole = fab_arena_printf(f->d->arena, err, "%.*s%s", (int)(space - merges[i]),
                                       merges[i], space + 1);
        const json_t *id = whole ? json_object_get(vocab, whole) : NULL;
        if (!id)
            return fab_fail(err, FAB_EFORMAT, "tokenizer.json: merge %lld makes no token",
                            (long long)i);
        f->scores[json_integer_value(id)] = -(float)i;
    }
    return f->scores != NULL;
}

static bool put_marks(const folder *f, fab_gguf *g)
{
    static const struct {
        const char *token, *key;
    } marks[] = { { "bos_token", KEY("bos_token_id") },
                  { "eos_token", KEY("eos_token_id") },
                  { "unk_token", KEY("unknown_token_id") },
                  { "pad_token", KEY("padding_token_id") } };
    for (int i = 0; i < 4; i++) {
        const json_t *v = json_object_get(f->config, marks[i].token);
        const char *text = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
        for (int64_t k = 0; text && k < f->n; k++)
            if (!strcmp(f->tokens[k], text) && !fab_gguf_u32(g, marks[i].key, (uint32_t)k))
                return false;
    }
    return true;
}

/* Whether the template of a single text begins with a special token. */
static bool adds_bos(const folder *f)
{
    const json_t *t = NULL, *said = json_object_get(f->config, "add_bos_token");
    if (has_type(json_object_get(f->doc, "post_processor"), "TemplateProcessing", &t))
        return json_object_get(json_array_get(json_object_get(t, "single"), 0), "SpecialToken");
    return json_is_true(said);
}

static bool put_bytes(folder *f, fab_gguf *g, fab_err *err)
{
    int64_t n = 0;
    const pre_row *pre = pre_of(f->doc, err);
    const char **merges = pre && read_tokens(f, false, err) ? read_merges(f, &n, err) : NULL;
    return merges && fab_gguf_str(g, KEY("model"), "gpt2") &&
           fab_gguf_str(g, KEY("pre"), pre->pre) &&
           fab_gguf_strs(g, KEY("tokens"), f->tokens, f->n) &&
           fab_gguf_i32s(g, KEY("token_type"), f->types, f->n) &&
           fab_gguf_strs(g, KEY("merges"), merges, n);
}

static bool put_pieces(folder *f, fab_gguf *g, fab_err *err)
{
    int64_t n = 0;
    const json_t *normal = json_object_get(f->doc, "normalizer"), *space = NULL;
    bool prefix = has_type(normal, "Prepend", NULL);
    if (has_type(json_object_get(f->doc, "pre_tokenizer"), "Metaspace", &space)) {
        const char *scheme = json_string_value(json_object_get(space, "prepend_scheme"));
        prefix = !scheme || strcmp(scheme, "never") != 0;
    }
    const char **merges = read_tokens(f, true, err) ? read_merges(f, &n, err) : NULL;
    return merges && rank_scores(f, merges, n, err) && fab_gguf_str(g, KEY("model"), "llama") &&
           fab_gguf_str(g, KEY("pre"), "default") &&
           fab_gguf_strs(g, KEY("tokens"), f->tokens, f->n) &&
           fab_gguf_f32s(g, KEY("scores"), f->scores, f->n) &&
           fab_gguf_i32s(g, KEY("token_type"), f->types, f->n) &&
           fab_gguf_bool(g, KEY("add_space_prefix"), prefix);
}

static bool put_folder(folder *f, fab_gguf *g, fab_err *err)
{
    const char *type = json_string_value(json_object_get(f->model, "type"));
    if (type && strcmp(type, "BPE") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED, "tokenizer.json: a %.40s, a decoder's is BPE", type);
    bool bytes = has_type(json_object_get(f->doc, "decoder"), "ByteLevel", NULL) ||
                 has_type(json_object_get(f->doc, "pre_tokenizer"), "ByteLevel", NULL);
    const char *chat = f->d->words ? fab_tokenizer_chat_template(f->d->words) : NULL;
    return (bytes ? put_bytes(f, g, err) : put_pieces(f, g, err)) && put_marks(f, g) &&
           fab_gguf_bool(g, KEY("add_bos_token"), adds_bos(f)) &&
           (!chat || fab_gguf_str(g, "tokenizer.chat_template", chat));
}

bool fab_words_to_gguf(fab_gguf *g, const fab_decoder *d, fab_err *err)
{
    folder f = { .d = d };
    char *path = fab_path_join(d->arena, d->dir, "tokenizer.json", err);
    char *config = path ? fab_path_join(d->arena, d->dir, "tokenizer_config.json", err) : NULL;
    if (!config) return false;
    if (!fab_exists(path)) return true; /* a model of numbers alone */
    f.doc = fab_json_open(path, err);
    f.config = f.doc && fab_exists(config) ? fab_json_open(config, err) : NULL;
    f.model = json_object_get(f.doc, "model");
    bool ok = f.doc && put_folder(&f, g, err);
    json_decref(f.doc);
    json_decref(f.config);
    return ok;
}

/* ---- to a folder ----------------------------------------------------------------------------- */

typedef struct {
    const char *model, *pre, *chat;
    const char *const *tokens, *const *merges;
    const int32_t *types;
    const float *scores;
    int64_t n, n_merges;
    int64_t marks[4]; /* bos, eos, unk, pad; -1: none */
    bool add_bos, prefix;
} keys;

static bool read_keys(const fab_weights *w, keys *k, fab_arena *a, fab_err *err)
{
    static const char *const marks[] = { KEY("bos_token_id"), KEY("eos_token_id"),
                                         KEY("unknown_token_id"), KEY("padding_token_id") };
    int64_t types = 0, scores = 0;
    *k = (keys){ .model = fab_weights_str(w, KEY("model"), err), .prefix = true };
    if (!k->model) return false;
    bool pieces = !strcmp(k->model, "llama");
    if (!pieces && strcmp(k->model, "gpt2") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        KEY("model") " '%.40s': a decoder's is gpt2 or llama", k->model);
    k->add_bos = pieces;
    k->tokens = fab_weights_strs(w, KEY("tokens"), &k->n, err);
    k->types = fab_weights_i32s(w, KEY("token_type"), a, &types, err);
    if (pieces) k->scores = fab_weights_f32s(w, KEY("scores"), a, &scores, err);
    else k->merges = fab_weights_strs(w, KEY("merges"), &k->n_merges, err);
    if (!k->tokens || !k->types || (pieces ? !k->scores : !k->merges)) return false;
    if (types != k->n || (pieces && scores != k->n))
        return fab_fail(err, FAB_EFORMAT, "%lld tokens but %lld token types and %lld scores",
                        (long long)k->n, (long long)types, (long long)scores);
    k->pre = fab_weights_str(w, KEY("pre"), NULL);
    k->chat = fab_weights_str(w, "tokenizer.chat_template", NULL);
    fab_weights_bool(w, KEY("add_bos_token"), &k->add_bos, NULL);
    fab_weights_bool(w, KEY("add_space_prefix"), &k->prefix, NULL);
    for (int i = 0; i < 4; i++) {
        k->marks[i] = -1;
        fab_weights_int(w, marks[i], &k->marks[i], NULL);
        if (k->marks[i] >= k->n)
            return fab_fail(err, FAB_EFORMAT, "%s: %lld, there are %lld tokens", marks[i],
                            (long long)k->marks[i], (long long)k->n);
    }
    return true;
}

static json_t *replace_json(const char *from, const char *to)
{
    return json_pack("{s:s,s:{s:s},s:s}", "type", "Replace", "pattern", "String", from, "content",
                     to);
}

static json_t *byte_level(bool regex)
{
    return json_pack("{s:s,s:b,s:b,s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                     "trim_offsets", 1, "use_regex", regex);
}

static json_t *sequence(const char *list, json_t *items)
{
    return json_pack("{s:s,s:o}", "type", "Sequence", list, items);
}

static json_t *added_json(const keys *k)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < k->n; i++)
        if (k->types[i] == CONTROL || k->types[i] == USERS || k->types[i] == UNKNOWN)
            json_array_append_new(list,
                                  json_pack("{s:I,s:s,s:b,s:b,s:b,s:b,s:b}", "id", (json_int_t)i,
                                            "content", k->tokens[i], "single_word", 0, "lstrip", 0,
                                            "rstrip", 0, "normalized", 0, "special",
                                            k->types[i] != USERS));
    return list;
}

static json_t *vocab_json(const keys *k)
{
    json_t *vocab = json_object();
    for (int64_t i = 0; i < k->n; i++) json_object_set_new(vocab, k->tokens[i], json_integer(i));
    return vocab;
}

static json_t *template_json(const keys *k)
{
    const char *bos = k->add_bos && k->marks[0] >= 0 ? k->tokens[k->marks[0]] : NULL;
    if (!bos) return json_null();
    json_t *text = json_pack("{s:{s:s,s:i}}", "Sequence", "id", "A", "type_id", 0);
    json_t *second = json_pack("{s:{s:s,s:i}}", "Sequence", "id", "B", "type_id", 1);
    json_t *mark = json_pack("{s:{s:s,s:i}}", "SpecialToken", "id", bos, "type_id", 0);
    return json_pack("{s:s,s:[O,O],s:[o,o,O,o],s:{s:{s:s,s:[I],s:[s]}}}", "type",
                     "TemplateProcessing", "single", mark, text, "pair", mark, text, mark, second,
                     "special_tokens", bos, "id", bos, "ids", (json_int_t)k->marks[0], "tokens",
                     bos);
}

static json_t *pre_json(const pre_row *p)
{
    json_t *list = json_array();
    if (!p->regex && !p->digits) return json_decref(list), byte_level(true);
    if (p->digits)
        json_array_append_new(list,
                              json_pack("{s:s,s:b}", "type", "Digits", "individual_digits", 1));
    if (p->regex)
        json_array_append_new(list,
                              json_pack("{s:s,s:{s:s},s:s,s:b}", "type", "Split", "pattern",
                                        "Regex", p->regex, "behavior", "Isolated", "invert", 0));
    json_array_append_new(list, byte_level(!p->regex));
    return sequence("pretokenizers", list);
}

static json_t *bytes_json(const keys *k, fab_err *err)
{
    const pre_row *p = NULL;
    for (int i = 0; i < PRES && k->pre; i++)
        if (!strcmp(pres[i].pre, k->pre)) p = &pres[i];
    if (!p) {
        fab_fail(err, FAB_EUNSUPPORTED, KEY("pre") " '%.40s' has no words in tokenizer.json",
                 k->pre ? k->pre : "(none)");
        return NULL;
    }
    json_t *merges = json_array();
    for (int64_t i = 0; i < k->n_merges; i++)
        json_array_append_new(merges, json_string(k->merges[i]));
    return json_pack("{s:o,s:o,s:o,s:o,s:{s:s,s:n,s:n,s:n,s:n,s:b,s:b,s:b,s:o,s:o}}", "normalizer",
                     p->nfc ? json_pack("{s:s}", "type", "NFC") : json_null(), "pre_tokenizer",
                     pre_json(p), "post_processor", template_json(k), "decoder", byte_level(true),
                     "model", "type", "BPE", "dropout", "unk_token", "continuing_subword_prefix",
                     "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges",
                     p->whole, "vocab", vocab_json(k), "merges", merges);
}

/* A cut of a piece into two. */
typedef struct {
    float score;
    int32_t left, right, left_len, right_len;
    int64_t at; /* of the piece, then of the cut */
} cut;

static int by_score(const void *a, const void *b)
{
    const cut *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->left_len != y->left_len) return x->left_len > y->left_len ? -1 : 1;
    if (x->right_len != y->right_len) return x->right_len > y->right_len ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int32_t characters(const char *s, size_t n)
{
    int32_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

static int32_t id_of(const json_t *vocab, const char *s, size_t n)
{
    const json_t *id = json_object_getn(vocab, s, n);
    return id ? (int32_t)json_integer_value(id) : -1;
}

/* All cuts of ordinary pieces into two ordinary ones; the count. Added tokens are cut out before
 * anything is merged. */
static int64_t find_cuts(const keys *k, const json_t *vocab, cut *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < k->n; i++) {
        const char *s = k->tokens[i];
        size_t len = k->types[i] == NORMAL ? strlen(s) : 0;
        for (size_t c = 1; c < len; c++) {
            if (((unsigned char)s[c] & 0xc0) == 0x80) continue;
            int32_t l = id_of(vocab, s, c), r = l < 0 ? -1 : id_of(vocab, s + c, len - c);
            if (r < 0 || k->types[l] != NORMAL || k->types[r] != NORMAL) continue;
            if (out)
                out[n] =
                    (cut){ k->scores[i], l, r, characters(s, c), characters(s + c, len - c), n };
            n++;
        }
    }
    return n;
}

static json_t *merges_json(const keys *k, const json_t *vocab, fab_err *err)
{
    int64_t n = find_cuts(k, vocab, NULL);
    cut *cuts = fab_new_array((size_t)n + 1, sizeof *cuts, err);
    if (!cuts) return NULL;
    find_cuts(k, vocab, cuts);
    qsort(cuts, (size_t)n, sizeof *cuts, by_score);
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("[s,s]", k->tokens[cuts[i].left],
                                              k->tokens[cuts[i].right]));
    fab_free(cuts);
    return list;
}

static json_t *pieces_json(const keys *k, fab_err *err)
{
    static const char space[] = "\xe2\x96\x81"; /* U+2581 */
    json_t *vocab = vocab_json(k), *merges = merges_json(k, vocab, err);
    if (!merges) return json_decref(vocab), NULL;
    json_t *decoders = json_pack("[o,{s:s},{s:s}]", replace_json(space, " "), "type",
                                 "ByteFallback", "type", "Fuse");
    json_t *normal = replace_json(" ", space);
    if (k->prefix) {
        json_array_append_new(decoders, json_pack("{s:s,s:s,s:i,s:i}", "type", "Strip", "content",
                                                  " ", "start", 1, "stop", 0));
        normal = sequence("normalizers",
                          json_pack("[{s:s,s:s},o]", "type", "Prepend", "prepend", space, normal));
    }
    const char *unk = k->marks[2] >= 0 ? k->tokens[k->marks[2]] : NULL;
    return json_pack("{s:o,s:n,s:o,s:o,s:{s:s,s:n,s:s?,s:n,s:n,s:b,s:b,s:b,s:o,s:o}}", "normalizer",
                     normal, "pre_tokenizer", "post_processor", template_json(k), "decoder",
                     sequence("decoders", decoders), "model", "type", "BPE", "dropout", "unk_token",
                     unk, "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 1,
                     "byte_fallback", 1, "ignore_merges", 0, "vocab", vocab, "merges", merges);
}

static json_t *settings_json(const keys *k)
{
    static const char *const names[] = { "bos_token", "eos_token", "unk_token", "pad_token" };
    json_t *o = json_pack("{s:s,s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
                          "add_bos_token", k->add_bos);
    for (int i = 0; i < 4; i++)
        if (k->marks[i] >= 0) json_object_set_new(o, names[i], json_string(k->tokens[k->marks[i]]));
    if (k->chat) json_object_set_new(o, "chat_template", json_string(k->chat));
    return o;
}

bool fab_write_beside(const char *dir, const char *name, json_t *o, fab_arena *a, fab_err *err)
{
    char *path = o ? fab_path_join(a, dir, name, err) : NULL;
    bool ok = path && fab_json_write(path, o, err);
    json_decref(o);
    return ok;
}

bool fab_words_to_folder(const fab_decoder *d, const char *out, fab_err *err)
{
    keys k;
    if (!fab_weights_has(d->weights, KEY("model"))) return true;
    if (!read_keys(d->weights, &k, d->arena, err)) return false;
    json_t *o = k.scores ? pieces_json(&k, err) : bytes_json(&k, err);
    if (!o && (!err || !err->code))
        return fab_fail(err, FAB_EFORMAT, "the tokenizer's words are not all UTF-8");
    if (!o) return false;
    json_object_set_new(o, "version", json_string("1.0"));
    json_object_set_new(o, "truncation", json_null());
    json_object_set_new(o, "padding", json_null());
    json_object_set_new(o, "added_tokens", added_json(&k));
    return fab_write_beside(out, "tokenizer.json", o, d->arena, err) &&
           fab_write_beside(out, "tokenizer_config.json", settings_json(&k), d->arena, err);
}
