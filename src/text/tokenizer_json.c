/* tokenizer_json: a Hugging Face tokenizer.json of any model kind (SYSTEMS.md 28.6).
 *
 *   {"added_tokens": [{"id", "content", "special", "lstrip", "rstrip", "single_word",
 *     "normalized"}], "normalizer", "pre_tokenizer", "post_processor", "decoder",
 *    "model": {"type": "BPE", "vocab": {TOKEN: id}, "merges": ["a b" or ["a", "b"]], "unk_token",
 *              "byte_fallback", "fuse_unk", "end_of_word_suffix", "ignore_merges"}
 *           | {"type": "Unigram", "vocab": [[TOKEN, score]], "unk_id", "byte_fallback"}
 *           | {"type": "WordPiece", "vocab", "unk_token", "continuing_subword_prefix",
 *              "max_input_chars_per_word"}}
 *
 * A model without "type" is told by its fields, as in older files. BPE is byte-level when the
 * pre_tokenizer or the decoder says ByteLevel. truncation and padding are the caller's matter. */
#include <string.h>
#include "text/json_steps.h"
#include "text/tokenizer_read.h"

#define UNSUPPORTED(err, ...) fab_fail(err, FAB_EUNSUPPORTED, __VA_ARGS__)

static bool mentions(const json_t *o, const char *type, int depth)
{
    size_t i;
    const json_t *v;
    const char *key;

    if (!strcmp(fab_json_type(o), type)) return true;
    if (depth > 4 || !json_is_object(o)) return false;
    json_object_foreach((json_t *)o, key, v)
    {
        const json_t *item;
        json_array_foreach(v, i, item) if (mentions(item, type, depth + 1)) return true;
    }
    return false;
}

static bool find_model(const json_t *doc, const json_t *model, fab_model_kind *kind, fab_err *err)
{
    const char *type = json_string_value(json_object_get(model, "type")),
               *suffix = json_string_value(json_object_get(model, "end_of_word_suffix"));

    if (!json_is_object(model)) return fab_fail(err, FAB_EFORMAT, "model: not an object");
    if (!type)
        type = json_object_get(model, "merges")   ? "BPE"
               : json_object_get(model, "unk_id") ? "Unigram"
                                                  : "WordPiece";
    if (!strcmp(type, "WordPiece")) return *kind = FAB_MODEL_WORDPIECE, true;
    if (!strcmp(type, "Unigram")) return *kind = FAB_MODEL_UNIGRAM, true;
    if (strcmp(type, "BPE") != 0)
        return UNSUPPORTED(err, "model: type %.40s; BPE, Unigram and WordPiece are read", type);
    bool bytes = mentions(json_object_get(doc, "pre_tokenizer"), "ByteLevel", 0) ||
                 mentions(json_object_get(doc, "decoder"), "ByteLevel", 0);
    *kind = bytes ? FAB_MODEL_BYTE_BPE : FAB_MODEL_SPM;
    if (suffix && *suffix && (strcmp(suffix, "</w>") != 0 || !bytes))
        return UNSUPPORTED(err, "model: end_of_word_suffix '%.20s' is not supported", suffix);
    if (suffix && *suffix) *kind = FAB_MODEL_CLIP;
    return true;
}

/* --- the vocabulary --- */

static int64_t highest_id(const json_t *vocab, const json_t *added)
{
    int64_t most = -1;
    const char *key;
    const json_t *v;
    size_t i;

    json_object_foreach((json_t *)vocab, key,
                        v) if (json_is_integer(v) && json_integer_value(v) > most) most =
        json_integer_value(v);
    json_array_foreach(added, i, v)
    {
        v = json_object_get(v, "id");
        if (json_is_integer(v) && json_integer_value(v) > most) most = json_integer_value(v);
    }
    return json_is_array(vocab) && (int64_t)json_array_size(vocab) - 1 > most
               ? (int64_t)json_array_size(vocab) - 1
               : most;
}

/* How many ids; more than twice the tokens (and a page) is no vocabulary. */
static bool count_ids(const json_t *vocab, const json_t *added, int64_t *n, fab_err *err)
{
    int64_t given =
        (int64_t)(json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab)) +
        (int64_t)json_array_size(added);

    *n = highest_id(vocab, added);
    if (*n >= 2 * given + 4096)
        return fab_fail(err, FAB_EFORMAT, "ids reach %lld, but there are %lld tokens",
                        (long long)*n, (long long)given);
    *n += 1;
    return true;
}

static bool put_object(fab_tokenizer *t, json_t *vocab, fab_err *err)
{
    const char *key;
    size_t len;
    json_t *v;

    json_object_keylen_foreach(vocab, key, len, v)
    {
        if (!json_is_integer(v))
            return fab_fail(err, FAB_EFORMAT, "vocab: '%.40s' has no id in 0..%d", key, t->n - 1);
        if (!fab_tok_put(t, json_integer_value(v), key, len, FAB_PIECE_NORMAL, 0, err))
            return false;
    }
    return true;
}

static bool put_scored(fab_tokenizer *t, const json_t *vocab, fab_err *err)
{
    size_t i;
    const json_t *v;

    json_array_foreach(vocab, i, v)
    {
        const json_t *text = json_array_get(v, 0), *score = json_array_get(v, 1);
        if (!json_is_string(text) || !json_is_number(score))
            return fab_fail(err, FAB_EFORMAT, "vocab[%zu]: not [TOKEN, score]", i);
        if (!fab_tok_put(t, (int64_t)i, json_string_value(text), json_string_length(text),
                         FAB_PIECE_NORMAL, (float)json_number_value(score), err))
            return false;
    }
    return true;
}

static bool put_added(fab_tokenizer *t, const json_t *o, size_t at, fab_err *err)
{
    static const struct {
        const char *key;
        int flag;
    } flags[] = { { "lstrip", FAB_ADDED_LSTRIP },
                  { "rstrip", FAB_ADDED_RSTRIP },
                  { "single_word", FAB_ADDED_WORD },
                  { "normalized", FAB_ADDED_NORMALIZED } };
    const json_t *content = json_object_get(o, "content"), *id = json_object_get(o, "id");
    int set = 0;

    if (!json_is_string(content) || !json_is_integer(id))
        return fab_fail(err, FAB_EFORMAT,
                        "added_tokens[%zu]: needs an integer id and a string content", at);
    int64_t k = json_integer_value(id);
    const char *text = json_string_value(content);
    fab_piece_kind kind =
        json_is_true(json_object_get(o, "special")) ? FAB_PIECE_CONTROL : FAB_PIECE_USER;
    if (k >= 0 && k < t->n && t->pieces[k].text) {
        if (strcmp(t->pieces[k].text, text) != 0)
            return fab_fail(err, FAB_EFORMAT,
                            "vocab: id %lld is '%.40s', added_tokens says '%.40s'", (long long)k,
                            t->pieces[k].text, text);
        t->pieces[k].kind = (uint8_t)kind;
    } else if (!fab_tok_put(t, k, text, json_string_length(content), kind, 0, err)) return false;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (json_is_true(json_object_get(o, flags[i].key))) set |= flags[i].flag;
    return fab_tok_add(t, (int32_t)k, set, err);
}

static bool put_vocabulary(fab_tokenizer *t, json_t *vocab, const json_t *added, fab_err *err)
{
    size_t i;
    const json_t *v;

    if (!(json_is_array(vocab) ? put_scored(t, vocab, err) : put_object(t, vocab, err)))
        return false;
    json_array_foreach(added, i, v) if (!put_added(t, v, i, err)) return false;
    return true;
}

/* --- the model --- */

static bool half_of(const void *arg, int64_t i, const char **left, size_t *n_left,
                    const char **right, size_t *n_right, fab_err *err)
{
    const json_t *m = json_array_get(arg, (size_t)i), *l = json_array_get(m, 0),
                 *r = json_array_get(m, 1);

    if (json_is_string(m))
        return fab_tok_halves(json_string_value(m), json_string_length(m), i, left, n_left, right,
                              n_right, err);
    if (json_array_size(m) != 2 || !json_is_string(l) || !json_is_string(r))
        return fab_fail(err, FAB_EFORMAT, "merges[%lld]: not \"a b\" or [\"a\", \"b\"]",
                        (long long)i);
    *left = json_string_value(l);
    *n_left = json_string_length(l);
    *right = json_string_value(r);
    *n_right = json_string_length(r);
    return true;
}

static bool read_unk(fab_tokenizer *t, const json_t *model, fab_err *err)
{
    const json_t *token = json_object_get(model, "unk_token"),
                 *id = json_object_get(model, "unk_id");

    if (json_is_integer(id)) {
        if (json_integer_value(id) < 0 || json_integer_value(id) >= t->n)
            return fab_fail(err, FAB_EFORMAT, "model: unk_id %lld of 0..%d",
                            (long long)json_integer_value(id), t->n - 1);
        t->marks.unk = (int32_t)json_integer_value(id);
    } else if (json_is_string(token)) {
        t->marks.unk = fab_tokenizer_id(t, json_string_value(token));
        if (t->marks.unk < 0)
            return fab_fail(err, FAB_EFORMAT, "model: unk_token '%.40s' is not in the vocabulary",
                            json_string_value(token));
    } else if (t->model == FAB_MODEL_WORDPIECE)
        return fab_fail(err, FAB_EFORMAT, "model: a WordPiece without unk_token");
    return true;
}

static bool read_model(fab_tokenizer *t, const json_t *model, fab_err *err)
{
    const char *joiner = json_string_value(json_object_get(model, "continuing_subword_prefix"));
    const json_t *most = json_object_get(model, "max_input_chars_per_word"),
                 *dropout = json_object_get(model, "dropout");
    bool bpe = t->model <= FAB_MODEL_SPM;

    if (json_is_number(dropout) && json_number_value(dropout) > 0)
        return UNSUPPORTED(err, "model: dropout is not supported");
    if (bpe && joiner && *joiner)
        return UNSUPPORTED(err, "model: continuing_subword_prefix is not supported in a BPE");
    if (bpe && !json_is_array(json_object_get(model, "merges")))
        return fab_fail(err, FAB_EFORMAT, "model: no merges array");
    t->byte_fallback = json_is_true(json_object_get(model, "byte_fallback"));
    t->fuse_unk = json_is_true(json_object_get(model, "fuse_unk"));
    t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    if (t->byte_fallback && t->model != FAB_MODEL_SPM && t->model != FAB_MODEL_UNIGRAM)
        return UNSUPPORTED(err, "model: byte_fallback is not supported in a byte-level BPE");
    if (joiner && !bpe && !(t->joiner = fab_arena_strdup(t->arena, joiner, err))) return false;
    if (strlen(t->joiner) > 16)
        return fab_fail(err, FAB_EFORMAT, "model: continuing_subword_prefix of %zu bytes",
                        strlen(t->joiner));
    if (json_is_integer(most)) t->max_word = json_integer_value(most);
    return read_unk(t, model, err);
}

static bool fill(fab_tokenizer *t, const json_t *doc, json_t *model, fab_err *err)
{
    const json_t *list = json_object_get(model, "merges");
    fab_tok_merges merges = { (int64_t)json_array_size(list), half_of, list };

    if (!put_vocabulary(t, json_object_get(model, "vocab"), json_object_get(doc, "added_tokens"),
                        err) ||
        !read_model(t, model, err) ||
        !fab_json_normalizer(t, json_object_get(doc, "normalizer"), err) ||
        !fab_json_pre_tokenizer(t, json_object_get(doc, "pre_tokenizer"), err) ||
        !fab_json_decoder(t, json_object_get(doc, "decoder"), err) ||
        !fab_json_post_processor(t, json_object_get(doc, "post_processor"), err))
        return false;
    fab_tok_guess_marks(t);
    return fab_tok_seal(t, &merges, err);
}

static fab_tokenizer *read_json(const json_t *doc, fab_err *err)
{
    json_t *model = json_object_get(doc, "model"), *vocab = json_object_get(model, "vocab");
    fab_model_kind kind = FAB_MODEL_BYTE_BPE;
    int64_t n;

    if (!find_model(doc, model, &kind, err)) return NULL;
    if (kind == FAB_MODEL_UNIGRAM ? !json_is_array(vocab) : !json_is_object(vocab))
        return fab_fail(err, FAB_EFORMAT, "model: no vocab %s",
                        kind == FAB_MODEL_UNIGRAM ? "array" : "object"),
               NULL;
    if (!count_ids(vocab, json_object_get(doc, "added_tokens"), &n, err)) return NULL;
    fab_tokenizer *t = fab_tok_begin(kind, n, err);
    if (t && fill(t, doc, model, err)) return t;
    fab_tokenizer_free(t);
    return NULL;
}

fab_tokenizer *fab_tokenizer_from_json(const void *data, size_t size, fab_err *err)
{
    json_t *doc = fab_json_parse(data, size, err);
    fab_tokenizer *t = NULL;

    if (doc && !json_is_object(doc))
        fab_fail(err, FAB_EFORMAT, "not a tokenizer.json: not an object");
    else if (doc) t = read_json(doc, err);
    json_decref(doc);
    return t;
}
