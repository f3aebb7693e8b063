/* json_steps: the normalizer, pre_tokenizer, decoder and post_processor of a tokenizer.json as the
 * steps of a fab_tokenizer (SYSTEMS.md 28.6).
 *
 * Every one is {"type": NAME, ...}; a Sequence holds a list of them. Patterns are recognised letter
 * for letter: no regular expression is run. What is not recognised is an error that names it, never
 * passed over. */
#include "text/json_steps.h"

#include <string.h>

#define UNSUPPORTED(err, ...) fab_fail(err, FAB_EUNSUPPORTED, __VA_ARGS__)

const char *fab_json_type(const json_t *o)
{
    const char *s = json_string_value(json_object_get(o, "type"));
    return s ? s : json_is_null(o) || !o ? "null" : "?";
}

static bool is(const json_t *o, const char *type) { return !strcmp(fab_json_type(o), type); }

static bool flag(const json_t *o, const char *key, bool otherwise)
{
    const json_t *v = json_object_get(o, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

/* {"String": S} or {"Regex": R}, also a bare string. */
static const char *pattern_of(const json_t *o, bool *regex)
{
    const json_t *p = json_object_get(o, "pattern");
    const char *r = json_string_value(json_object_get(p, "Regex"));

    *regex = r != NULL;
    if (r) return r;
    return json_is_string(p) ? json_string_value(p)
                             : json_string_value(json_object_get(p, "String"));
}

static const char *text_of(fab_tokenizer *t, const json_t *o, const char *key, fab_err *err)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s) return fab_fail(err, FAB_EFORMAT, "%.40s: no %s", fab_json_type(o), key), NULL;
    return fab_arena_strdup(t->arena, s, err);
}

typedef bool (*reader)(fab_tokenizer *t, const json_t *o, fab_err *err);

/* Each of a Sequence's list under key, or the one. */
static bool each(fab_tokenizer *t, const json_t *o, const char *key, reader one, fab_err *err)
{
    size_t i;
    const json_t *v, *list = json_object_get(o, key);

    if (!o || json_is_null(o)) return true;
    if (!is(o, "Sequence")) return one(t, o, err);
    if (!json_is_array(list)) return fab_fail(err, FAB_EFORMAT, "Sequence: no %s", key);
    json_array_foreach(list, i, v) if (!one(t, v, err)) return false;
    return true;
}

/* --- normalizer --- */

fab_normal *fab_tok_normal(fab_tokenizer *t, fab_normal_kind kind, fab_err *err)
{
    if (t->n_norm == FAB_MAX_STEPS)
        return fab_fail(err, FAB_ELIMIT, "normalizer: more than %d steps", FAB_MAX_STEPS), NULL;
    fab_normal *o = &t->norm[t->n_norm++];
    *o = (fab_normal){ .kind = kind };
    return o;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static uint8_t *base64(fab_tokenizer *t, const char *s, size_t *n, fab_err *err)
{
    uint8_t *out = fab_arena_take(t->arena, strlen(s) + 4, err);
    uint32_t bits = 0;
    int have = 0;

    *n = 0;
    for (; out && *s && *s != '='; s++) {
        int v = base64_digit(*s);
        if (v < 0) return fab_fail(err, FAB_EFORMAT, "precompiled_charsmap: not base64"), NULL;
        bits = bits << 6 | (uint32_t)v;
        if ((have += 6) < 8) continue;
        have -= 8;
        out[(*n)++] = (uint8_t)(bits >> have);
    }
    return out;
}

static bool read_replace(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    static const struct {
        const char *regex;
        int least;
        bool spaces_only;
    } known[] = { { " {2,}", 2, true }, { " +", 1, true }, { "\\s+", 1, false } };
    bool regex;
    const char *p = pattern_of(o, &regex);

    if (!p || !*p) return fab_fail(err, FAB_EFORMAT, "normalizer: a Replace without a pattern");
    fab_normal *s = fab_tok_normal(t, regex ? FAB_NORMAL_SQUEEZE : FAB_NORMAL_REPLACE, err);
    if (!s || !(s->to = text_of(t, o, "content", err))) return false;
    if (!regex) return (s->from = fab_arena_strdup(t->arena, p, err)) != NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(p, known[i].regex)) {
            s->least = known[i].least;
            s->spaces_only = known[i].spaces_only;
            return true;
        }
    return UNSUPPORTED(err, "normalizer: Replace of '%.60s' is not one of those known", p);
}

static bool read_bert(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    fab_normal *s = fab_tok_normal(t, FAB_NORMAL_BERT, err);
    bool lower = flag(o, "lowercase", true);

    if (!s) return false;
    s->flags = (flag(o, "clean_text", true) ? FAB_BERT_CLEAN : 0) |
               (flag(o, "handle_chinese_chars", true) ? FAB_BERT_HAN : 0) |
               (flag(o, "strip_accents", lower) ? FAB_BERT_ACCENTS : 0) |
               (lower ? FAB_BERT_LOWER : 0);
    return true;
}

static bool read_charsmap(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    const char *s = json_string_value(json_object_get(o, "precompiled_charsmap"));
    size_t n = 0;

    if (!s) return fab_fail(err, FAB_EFORMAT, "normalizer: Precompiled without its charsmap");
    fab_normal *step = fab_tok_normal(t, FAB_NORMAL_CHARSMAP, err);
    const uint8_t *bytes = step ? base64(t, s, &n, err) : NULL;
    return bytes && fab_charsmap_parse(&step->map, bytes, n, err);
}

static bool read_normal(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    static const struct {
        const char *name;
        fab_normal_kind kind;
    } plain[] = { { "NFC", FAB_NORMAL_NFC },         { "NFD", FAB_NORMAL_NFD },
                  { "NFKC", FAB_NORMAL_NFKC },       { "NFKD", FAB_NORMAL_NFKD },
                  { "Lowercase", FAB_NORMAL_LOWER }, { "StripAccents", FAB_NORMAL_STRIP_ACCENTS },
                  { "Nmt", FAB_NORMAL_NMT } };

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (is(o, plain[i].name)) return fab_tok_normal(t, plain[i].kind, err) != NULL;
    if (is(o, "Sequence")) return fab_json_normalizer(t, o, err);
    if (is(o, "Replace")) return read_replace(t, o, err);
    if (is(o, "BertNormalizer")) return read_bert(t, o, err);
    if (is(o, "Precompiled")) return read_charsmap(t, o, err);
    if (is(o, "Prepend")) {
        fab_normal *s = fab_tok_normal(t, FAB_NORMAL_PREPEND, err);
        return s && (s->to = text_of(t, o, "prepend", err));
    }
    if (is(o, "Strip")) {
        fab_normal *s = fab_tok_normal(t, FAB_NORMAL_STRIP, err);
        if (s)
            s->flags = (flag(o, "strip_left", true) ? FAB_STRIP_LEFT : 0) |
                       (flag(o, "strip_right", true) ? FAB_STRIP_RIGHT : 0);
        return s != NULL;
    }
    return UNSUPPORTED(err, "normalizer: %.40s is not known", fab_json_type(o));
}

bool fab_json_normalizer(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    return each(t, o, "normalizers", read_normal, err);
}

/* --- pre_tokenizer --- */

fab_cut *fab_tok_cut(fab_tokenizer *t, fab_cut_kind kind, fab_err *err)
{
    if (t->n_cut == FAB_MAX_STEPS)
        return fab_fail(err, FAB_ELIMIT, "pre_tokenizer: more than %d steps", FAB_MAX_STEPS), NULL;
    fab_cut *c = &t->cut[t->n_cut++];
    *c = (fab_cut){ .kind = kind };
    return c;
}

static bool read_split(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    static const char gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
                               "|\\s+(?!\\S)|\\s+";
    static const char clip[] = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d"
                               "|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
    static const struct {
        const char *behavior;
        fab_space_at space;
    } spaces[] = { { "Removed", FAB_SPACE_DROPPED },
                   { "Isolated", FAB_SPACE_ALONE },
                   { "MergedWithPrevious", FAB_SPACE_AFTER },
                   { "MergedWithNext", FAB_SPACE_BEFORE } };
    const char *how = json_string_value(json_object_get(o, "behavior"));
    bool regex, invert = flag(o, "invert", false);
    const char *p = pattern_of(o, &regex);

    if (!p || !how) return fab_fail(err, FAB_EFORMAT, "pre_tokenizer: a Split without a pattern");
    if (regex && !strcmp(p, clip) && !strcmp(how, "Removed") && invert)
        return fab_tok_cut(t, FAB_CUT_CLIP, err) != NULL;
    for (size_t i = 0; !regex && !strcmp(p, " ") && !invert && i < 4; i++) {
        if (strcmp(how, spaces[i].behavior) != 0) continue;
        fab_cut *c = fab_tok_cut(t, FAB_CUT_SPACES, err);
        if (c) c->space = spaces[i].space;
        return c != NULL;
    }
    bool kept = !strcmp(how, "Isolated") || (invert && !strcmp(how, "Removed"));
    for (int i = 0; regex && kept && i < FAB_PRES; i++) {
        const char *known = i == FAB_PRE_GPT2 ? gpt2 : fab_pretoken_regex((fab_pretoken)i);
        if (!known || strcmp(p, known) != 0) continue;
        fab_cut *c = fab_tok_cut(t, FAB_CUT_PATTERN, err);
        if (c) c->pattern = (fab_pretoken)i;
        return c != NULL;
    }
    return UNSUPPORTED(err,
                       "pre_tokenizer: the pattern '%.60s...', %.20s, is not one of those known", p,
                       how);
}

static bool read_byte_level(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    bool prefix = flag(o, "add_prefix_space", true);

    if (!flag(o, "use_regex", true))
        return !prefix || UNSUPPORTED(err, "pre_tokenizer: add_prefix_space true without use_regex"
                                           " is not supported");
    fab_cut *c = fab_tok_cut(t, FAB_CUT_PATTERN, err);
    if (!c) return false;
    c->pattern = FAB_PRE_GPT2;
    c->prepend = prefix ? FAB_PREPEND_ALWAYS : FAB_PREPEND_NEVER;
    return true;
}

/* "prepend_scheme", or "add_prefix_space" of older files. */
static fab_prepend prepend_of(const json_t *o)
{
    const char *s = json_string_value(json_object_get(o, "prepend_scheme"));
    if (s)
        return !strcmp(s, "first")   ? FAB_PREPEND_FIRST
               : !strcmp(s, "never") ? FAB_PREPEND_NEVER
                                     : FAB_PREPEND_ALWAYS;
    return flag(o, "add_prefix_space", true) ? FAB_PREPEND_ALWAYS : FAB_PREPEND_NEVER;
}

static bool is_meta(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && !strcmp(s, FAB_META);
}

static bool read_cut(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    static const struct {
        const char *name;
        fab_cut_kind kind;
    } plain[] = { { "BertPreTokenizer", FAB_CUT_BERT },
                  { "Whitespace", FAB_CUT_WORDS },
                  { "WhitespaceSplit", FAB_CUT_BLANKS } };

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (is(o, plain[i].name)) return fab_tok_cut(t, plain[i].kind, err) != NULL;
    if (is(o, "Sequence")) return fab_json_pre_tokenizer(t, o, err);
    if (is(o, "ByteLevel")) return read_byte_level(t, o, err);
    if (is(o, "Split")) return read_split(t, o, err);
    if (is(o, "Digits")) {
        fab_cut *c = fab_tok_cut(t, FAB_CUT_DIGITS, err);
        if (c) c->runs = !flag(o, "individual_digits", false);
        return c != NULL;
    }
    const char *how = json_string_value(json_object_get(o, "behavior"));
    if (is(o, "Punctuation") && (!how || !strcmp(how, "Isolated")))
        return fab_tok_cut(t, FAB_CUT_PUNCTUATION, err) != NULL;
    if (is(o, "Metaspace") && is_meta(o, "replacement")) {
        fab_cut *c = fab_tok_cut(t, FAB_CUT_METASPACE, err);
        if (!c) return false;
        c->prepend = prepend_of(o);
        c->whole = !flag(o, "split", true);
        return true;
    }
    return UNSUPPORTED(err, "pre_tokenizer: %.40s is not known", fab_json_type(o));
}

bool fab_json_pre_tokenizer(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    return each(t, o, "pretokenizers", read_cut, err);
}

/* --- decoder --- */

static bool read_decoder(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    if (is(o, "Fuse") || is(o, "ByteFallback")) return true;
    if (is(o, "Sequence")) return fab_json_decoder(t, o, err);
    if (is(o, "ByteLevel"))
        t->decode = t->model == FAB_MODEL_CLIP ? FAB_DECODE_CLIP : FAB_DECODE_BYTES;
    else if (is(o, "BPEDecoder")) t->decode = FAB_DECODE_CLIP;
    else if (is(o, "Metaspace")) {
        t->decode = FAB_DECODE_SPM;
        t->strip_first = prepend_of(o) == FAB_PREPEND_NEVER ? 0 : 2;
    } else if (is(o, "Replace") && is_meta(json_object_get(o, "pattern"), "String"))
        t->decode = FAB_DECODE_SPM;
    else if (is(o, "Strip")) t->strip_first = json_integer_value(json_object_get(o, "start")) > 0;
    else if (is(o, "WordPiece")) {
        t->decode = FAB_DECODE_WORDPIECE;
        t->cleanup = flag(o, "cleanup", true);
    } else return UNSUPPORTED(err, "decoder: %.40s is not known", fab_json_type(o));
    return true;
}

bool fab_json_decoder(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    static const fab_decode_kind usual[] = { FAB_DECODE_BYTES, FAB_DECODE_CLIP, FAB_DECODE_SPM,
                                             FAB_DECODE_SPM, FAB_DECODE_WORDPIECE };
    if (!o || json_is_null(o)) t->decode = usual[t->model];
    return each(t, o, "decoders", read_decoder, err);
}

/* --- post_processor --- */

static bool frame(int32_t *list, int *n, int32_t id, fab_err *err)
{
    if (*n == FAB_MAX_FRAME)
        return fab_fail(err, FAB_ELIMIT, "post_processor: more than %d tokens on a side",
                        FAB_MAX_FRAME);
    list[(*n)++] = id;
    return true;
}

static bool read_template(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    const json_t *v, *special = json_object_get(o, "special_tokens"), *id;
    size_t i, k;
    bool after = false;

    json_array_foreach(json_object_get(o, "single"), i, v)
    {
        if (json_object_get(v, "Sequence")) {
            after = true;
            continue;
        }
        const char *name =
            json_string_value(json_object_get(json_object_get(v, "SpecialToken"), "id"));
        const json_t *ids = json_object_get(json_object_get(special, name ? name : ""), "ids");
        if (!json_array_size(ids))
            return fab_fail(err, FAB_EFORMAT, "post_processor: '%.40s' has no ids",
                            name ? name : "?");
        json_array_foreach(ids, k, id)
        {
            json_int_t at = json_is_integer(id) ? json_integer_value(id) : -1;
            if (at < 0 || at >= t->n)
                return fab_fail(err, FAB_EFORMAT, "post_processor: '%.40s' is id %lld of 0..%d",
                                name, (long long)at, t->n - 1);
            if (!(after ? frame(t->after, &t->n_after, (int32_t)at, err)
                        : frame(t->before, &t->n_before, (int32_t)at, err)))
                return false;
        }
    }
    return true;
}

/* "cls" and "sep": [text, id] */
static bool read_pair(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    const json_t *cls = json_array_get(json_object_get(o, "cls"), 1),
                 *sep = json_array_get(json_object_get(o, "sep"), 1);
    json_int_t c = json_is_integer(cls) ? json_integer_value(cls) : -1,
               s = json_is_integer(sep) ? json_integer_value(sep) : -1;

    if (c < 0 || c >= t->n || s < 0 || s >= t->n)
        return fab_fail(err, FAB_EFORMAT, "post_processor: cls %lld and sep %lld of 0..%d",
                        (long long)c, (long long)s, t->n - 1);
    return frame(t->before, &t->n_before, (int32_t)c, err) &&
           frame(t->after, &t->n_after, (int32_t)s, err);
}

static bool read_post(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    if (is(o, "ByteLevel")) return true;
    if (is(o, "Sequence")) return fab_json_post_processor(t, o, err);
    if (is(o, "TemplateProcessing")) return read_template(t, o, err);
    if (is(o, "BertProcessing") || is(o, "RobertaProcessing")) return read_pair(t, o, err);
    return UNSUPPORTED(err, "post_processor: %.40s is not known", fab_json_type(o));
}

bool fab_json_post_processor(fab_tokenizer *t, const json_t *o, fab_err *err)
{
    return each(t, o, "processors", read_post, err);
}
