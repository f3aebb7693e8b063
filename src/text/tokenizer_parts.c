/* tokenizer_parts: tokenizers out of GGUF's arrays, and of the older pairs of files, as the steps
 * that tokenizer.json would name (SYSTEMS.md 28.3, 28.6).
 *
 *   gpt2   byte-level BPE; pre says how text is cut
 *   llama  SentencePiece BPE by scores; spaces are U+2581, one goes before the text
 *   t5     Unigram; charsmap, then as llama
 *   bert   WordPiece; GGUF writes a piece that begins a word with U+2581 and takes the ## away;
 *          whether it is lower-cased is not said: when no piece has a capital letter */
#include <string.h>
#include "text/json_steps.h"
#include "text/tokenizer_read.h"

#define KEY(name) "tokenizer.ggml." name

/* clang-format off */
static const struct { const char *name; fab_pretoken pattern; bool digits, nfc, ignore_merges; }
pres[] = {
    { "gpt-2", FAB_PRE_GPT2, false, false, false },  { "gpt2", FAB_PRE_GPT2, false, false, false },
    { "smollm", FAB_PRE_GPT2, true, false, false },  { "starcoder", FAB_PRE_GPT2, true, false, false },
    { "refact", FAB_PRE_GPT2, true, false, false },  { "codeshell", FAB_PRE_GPT2, true, false, false },
    { "llama-bpe", FAB_PRE_LLAMA3, false, false, true },
    { "llama3", FAB_PRE_LLAMA3, false, false, true }, { "llama-v3", FAB_PRE_LLAMA3, false, false, true },
    { "qwen2", FAB_PRE_QWEN2, false, true, false },
    { "deepseek-r1-qwen", FAB_PRE_QWEN2, false, true, false },
    { "fabrica", FAB_PRE_FABRICA, false, false, false },
};
/* clang-format on */

static bool cut_by_name(fab_tokenizer *t, const char *pre, fab_err *err)
{
    fab_cut *c;

    for (size_t i = 0; i < sizeof pres / sizeof *pres; i++) {
        if (strcmp(pre ? pre : "gpt-2", pres[i].name) != 0) continue;
        t->ignore_merges = pres[i].ignore_merges;
        if (pres[i].nfc && !fab_tok_normal(t, FAB_NORMAL_NFC, err)) return false;
        if (pres[i].digits && !fab_tok_cut(t, FAB_CUT_DIGITS, err)) return false;
        if ((c = fab_tok_cut(t, FAB_CUT_PATTERN, err))) c->pattern = pres[i].pattern;
        return c != NULL;
    }
    return fab_fail(err, FAB_EUNSUPPORTED, KEY("pre") ": '%.40s' is not one of those known", pre);
}

/* SentencePiece's normaliser: blanks in a row to one, none at the ends; U+2581 for spaces, and
 * one before. */
bool fab_tok_meta_steps(fab_tokenizer *t, bool prefix, bool remove_extra, fab_err *err)
{
    fab_normal *s;

    if (remove_extra) {
        if (!(s = fab_tok_normal(t, FAB_NORMAL_SQUEEZE, err))) return false;
        s->least = 1;
        s->spaces_only = true;
        s->to = " ";
        if (!(s = fab_tok_normal(t, FAB_NORMAL_STRIP, err))) return false;
        s->flags = FAB_STRIP_LEFT | FAB_STRIP_RIGHT | FAB_STRIP_SPACES;
    }
    if (prefix) {
        if (!(s = fab_tok_normal(t, FAB_NORMAL_PREPEND, err))) return false;
        s->to = FAB_META;
    }
    if (!(s = fab_tok_normal(t, FAB_NORMAL_REPLACE, err))) return false;
    s->from = " ";
    s->to = FAB_META;
    t->decode = FAB_DECODE_SPM;
    t->strip_first = prefix;
    return true;
}

/* Added tokens are found in the text as it comes; those that SentencePiece spells with U+2581,
 * after its spaces were replaced. */
bool fab_tok_add_by_kind(fab_tokenizer *t, fab_err *err)
{
    for (int32_t i = 0; i < t->n; i++) {
        const fab_piece *p = &t->pieces[i];
        bool control = p->kind == FAB_PIECE_CONTROL || p->kind == FAB_PIECE_UNKNOWN;
        if ((!control && p->kind != FAB_PIECE_USER) || !p->len) continue;
        if (!fab_tok_add(t, i, strstr(p->text, FAB_META) ? FAB_ADDED_NORMALIZED : 0, err))
            return false;
    }
    return true;
}

/* --- GGUF --- */

static bool has_capital(const fab_tokenizer *t)
{
    for (int32_t i = 0; i < t->n; i++)
        for (const char *s = t->pieces[i].text; t->pieces[i].kind == FAB_PIECE_NORMAL && *s; s++)
            if (*s >= 'A' && *s <= 'Z') return true;
    return false;
}

static bool bert_steps(fab_tokenizer *t, bool lower, fab_err *err)
{
    fab_normal *s = fab_tok_normal(t, FAB_NORMAL_BERT, err);

    if (!s || !fab_tok_cut(t, FAB_CUT_BERT, err)) return false;
    s->flags = FAB_BERT_CLEAN | FAB_BERT_HAN | (lower ? FAB_BERT_ACCENTS | FAB_BERT_LOWER : 0);
    t->decode = FAB_DECODE_WORDPIECE;
    t->cleanup = true;
    return true;
}

static bool put_bert(fab_tokenizer *t, int64_t i, const char *s, fab_piece_kind kind, fab_err *err)
{
    size_t meta = strlen(FAB_META);
    bool begins = !strncmp(s, FAB_META, meta);

    if (kind != FAB_PIECE_NORMAL || begins)
        return fab_tok_put(t, i, begins ? s + meta : s, strlen(s) - (begins ? meta : 0), kind, 0,
                           err);
    char *joined = fab_arena_printf(t->arena, err, "##%s", s);
    return joined && fab_tok_put(t, i, joined, strlen(joined), kind, 0, err);
}

/* Converters write SentencePiece's own tokens of spaces with spaces. */
static const char *with_meta(fab_tokenizer *t, const char *s, fab_err *err)
{
    size_t n = 0;
    if (!strchr(s, ' ')) return s;
    char *out = fab_arena_take(t->arena, 3 * strlen(s) + 1, err);
    for (; out && *s; s++) {
        memcpy(out + n, *s == ' ' ? FAB_META : s, *s == ' ' ? 3 : 1);
        n += *s == ' ' ? 3 : 1;
    }
    if (out) out[n] = 0;
    return out;
}

static bool put_parts(fab_tokenizer *t, const fab_tokenizer_parts *p, fab_err *err)
{
    bool meta = t->model == FAB_MODEL_SPM || t->model == FAB_MODEL_UNIGRAM;

    for (int64_t i = 0; i < p->n_tokens; i++) {
        int32_t type = p->types ? p->types[i] : FAB_PIECE_NORMAL;
        const char *s = p->tokens[i];
        if (type < FAB_PIECE_NORMAL || type > FAB_PIECE_BYTE)
            return fab_fail(err, FAB_EUNSUPPORTED, KEY("token_type") "[%lld]: %d is not supported",
                            (long long)i, type);
        if (type == FAB_PIECE_BYTE) t->byte_fallback = true;
        if (type == FAB_PIECE_USER && meta && !(s = with_meta(t, s, err))) return false;
        if (t->model == FAB_MODEL_WORDPIECE ? !put_bert(t, i, s, (fab_piece_kind)type, err)
                                            : !fab_tok_put(t, i, s, strlen(s), (fab_piece_kind)type,
                                                           p->scores ? p->scores[i] : 0, err))
            return false;
    }
    return true;
}

static bool mark(const fab_tokenizer *t, const char *name, int64_t id, int32_t *out, fab_err *err)
{
    if (id >= t->n || id < -1)
        return fab_fail(err, FAB_EFORMAT, KEY("%s_token_id") ": %lld of 0..%d", name, (long long)id,
                        t->n - 1);
    if (id >= 0) *out = (int32_t)id;
    return true;
}

static bool read_marks(fab_tokenizer *t, const fab_tokenizer_parts *p, fab_err *err)
{
    fab_tokenizer_marks *m = &t->marks;

    if (!mark(t, "bos", p->bos, &m->bos, err) || !mark(t, "eos", p->eos, &m->eos, err) ||
        !mark(t, "padding", p->pad, &m->pad, err) || !mark(t, "unknown", p->unk, &m->unk, err) ||
        !mark(t, "seperator", p->sep, &m->sep, err) || !mark(t, "cls", p->cls, &m->cls, err) ||
        !mark(t, "mask", p->mask, &m->mask, err))
        return false;
    if (t->model != FAB_MODEL_WORDPIECE) return true;
    if (m->unk < 0) m->unk = fab_tokenizer_id(t, "[UNK]");
    if (m->sep < 0) m->sep = fab_tokenizer_id(t, "[SEP]");
    if (m->cls < 0) m->cls = m->bos >= 0 ? m->bos : fab_tokenizer_id(t, "[CLS]");
    return m->unk >= 0 || fab_fail(err, FAB_EFORMAT, "a WordPiece vocabulary without [UNK]");
}

void fab_tok_frame(fab_tokenizer *t, bool bos, bool eos)
{
    bool bert = t->model == FAB_MODEL_WORDPIECE;
    int32_t first = bert ? t->marks.cls : t->marks.bos, last = bert ? t->marks.sep : t->marks.eos;

    t->n_before = t->n_after = 0;
    if (bos && first >= 0) t->before[t->n_before++] = first;
    if (eos && last >= 0) t->after[t->n_after++] = last;
}

static bool is_yes(int said, bool otherwise) { return said < 0 ? otherwise : said; }

static bool shape_parts(fab_tokenizer *t, const fab_tokenizer_parts *p, fab_err *err)
{
    bool prefix = is_yes(p->add_space_prefix, true);

    t->fuse_unk = true;
    switch (t->model) {
    case FAB_MODEL_BYTE_BPE: return cut_by_name(t, p->pre, err);
    case FAB_MODEL_WORDPIECE: return bert_steps(t, !has_capital(t), err);
    case FAB_MODEL_UNIGRAM:
        if (p->n_charsmap) {
            fab_normal *s = fab_tok_normal(t, FAB_NORMAL_CHARSMAP, err);
            uint8_t *copy = s ? fab_arena_take(t->arena, p->n_charsmap, err) : NULL;
            if (!copy) return false;
            memcpy(copy, p->charsmap, p->n_charsmap);
            if (!fab_charsmap_parse(&s->map, copy, p->n_charsmap, err)) return false;
            s->map.longest = true;
        }
        return fab_tok_meta_steps(t, prefix, p->remove_extra_blanks, err);
    default: t->by_score = true; return fab_tok_meta_steps(t, prefix, p->remove_extra_blanks, err);
    }
}

static bool half_of(const void *arg, int64_t i, const char **left, size_t *n_left,
                    const char **right, size_t *n_right, fab_err *err)
{
    const char *rule = ((const char *const *)arg)[i];
    return fab_tok_halves(rule, strlen(rule), i, left, n_left, right, n_right, err);
}

static bool fill(fab_tokenizer *t, const fab_tokenizer_parts *p, fab_err *err)
{
    fab_tok_merges merges = { p->n_merges, half_of, p->merges };
    bool spm = t->model == FAB_MODEL_SPM, bert = t->model == FAB_MODEL_WORDPIECE;

    if (p->chat_template && !(t->chat_template = fab_arena_strdup(t->arena, p->chat_template, err)))
        return false;
    if (!put_parts(t, p, err) || !read_marks(t, p, err) || !fab_tok_add_by_kind(t, err) ||
        !shape_parts(t, p, err))
        return false;
    fab_tok_frame(t, is_yes(p->add_bos, spm || bert),
                  is_yes(p->add_eos, bert || t->model == FAB_MODEL_UNIGRAM));
    return fab_tok_seal(t, t->by_score ? NULL : &merges, err);
}

fab_tokenizer *fab_tokenizer_from_parts(const fab_tokenizer_parts *p, fab_err *err)
{
    static const struct {
        const char *name;
        fab_model_kind model;
    } models[] = { { "gpt2", FAB_MODEL_BYTE_BPE },
                   { "llama", FAB_MODEL_SPM },
                   { "t5", FAB_MODEL_UNIGRAM },
                   { "bert", FAB_MODEL_WORDPIECE } };

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (strcmp(p->model, models[i].name) != 0) continue;
        if (models[i].model == FAB_MODEL_BYTE_BPE && !p->merges)
            return fab_fail(err, FAB_EFORMAT, KEY("merges") ": not in the file"), NULL;
        if ((models[i].model == FAB_MODEL_SPM || models[i].model == FAB_MODEL_UNIGRAM) &&
            !p->scores)
            return fab_fail(err, FAB_EFORMAT, KEY("scores") ": not in the file"), NULL;
        fab_tokenizer *t = fab_tok_begin(models[i].model, p->n_tokens, err);
        if (t && fill(t, p, err)) return t;
        fab_tokenizer_free(t);
        return NULL;
    }
    return fab_fail(err, FAB_EUNSUPPORTED,
                    KEY("model") ": '%.40s'; gpt2, llama, t5 and bert are read", p->model),
           NULL;
}

/* --- older files --- */

/* The next line of a text, without its end; false: none is left. */
static bool next_line(const char **s, const char *end, const char **line, size_t *n)
{
    if (*s >= end) return false;
    const char *nl = memchr(*s, '\n', (size_t)(end - *s)), *stop = nl ? nl : end;
    *line = *s;
    *n = (size_t)(stop - *s);
    if (*n && stop[-1] == '\r') --*n;
    *s = nl ? nl + 1 : end;
    return true;
}

static int64_t count_lines(const char *s, const char *end)
{
    const char *line;
    size_t n;
    int64_t count = 0;
    while (next_line(&s, end, &line, &n)) count++;
    return count;
}

static bool is_mark(const char *line, size_t n)
{
    static const char *const marks[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (n == strlen(marks[i]) && !memcmp(line, marks[i], n)) return true;
    return false;
}

static bool fill_vocab(fab_tokenizer *t, const char *s, const char *end, bool lower, fab_err *err)
{
    const char *line;
    size_t n;

    for (int64_t i = 0; next_line(&s, end, &line, &n); i++) {
        bool special = is_mark(line, n);
        if (!fab_tok_put(t, i, line, n, special ? FAB_PIECE_CONTROL : FAB_PIECE_NORMAL, 0, err))
            return false;
    }
    fab_tok_guess_marks(t);
    if (t->marks.unk < 0)
        return fab_fail(err, FAB_EFORMAT, "vocab.txt: no [UNK] among its %d lines", t->n);
    fab_tok_frame(t, true, true);
    return bert_steps(t, lower, err) && fab_tok_add_by_kind(t, err) && fab_tok_seal(t, NULL, err);
}

fab_tokenizer *fab_tokenizer_from_vocab(const void *data, size_t size, bool lower, fab_err *err)
{
    const char *s = data, *end = s + size;
    fab_tokenizer *t = fab_tok_begin(FAB_MODEL_WORDPIECE, count_lines(s, end), err);

    if (t && fill_vocab(t, s, end, lower, err)) return t;
    fab_tokenizer_free(t);
    return NULL;
}

typedef struct {
    const char *line;
    size_t n;
} line_of;

static bool half_line(const void *arg, int64_t i, const char **left, size_t *n_left,
                      const char **right, size_t *n_right, fab_err *err)
{
    const line_of *l = (const line_of *)arg + i;
    return fab_tok_halves(l->line, l->n, i, left, n_left, right, n_right, err);
}

static bool merge_steps(fab_tokenizer *t, fab_err *err)
{
    fab_normal *s;
    fab_cut *c;

    t->decode = t->model == FAB_MODEL_CLIP ? FAB_DECODE_CLIP : FAB_DECODE_BYTES;
    if (t->model == FAB_MODEL_CLIP) {
        if (!fab_tok_normal(t, FAB_NORMAL_NFC, err) ||
            !(s = fab_tok_normal(t, FAB_NORMAL_SQUEEZE, err)))
            return false;
        s->least = 1;
        s->to = " ";
        return fab_tok_normal(t, FAB_NORMAL_LOWER, err) && fab_tok_cut(t, FAB_CUT_CLIP, err);
    }
    if ((c = fab_tok_cut(t, FAB_CUT_PATTERN, err))) c->pattern = FAB_PRE_GPT2;
    return c != NULL;
}

static bool fill_merges(fab_tokenizer *t, json_t *vocab, const char *s, const char *end,
                        fab_err *err)
{
    static const char *const marks[] = { "<|endoftext|>", "<|startoftext|>" };
    line_of *lines = fab_arena_take(t->arena, (size_t)count_lines(s, end) * sizeof *lines + 1, err);
    fab_tok_merges merges = { 0, half_line, lines };
    const char *key, *line;
    json_t *id;
    size_t n, len;

    if (!lines) return false;
    json_object_keylen_foreach(vocab, key, len, id)
    {
        bool control = !strcmp(key, marks[0]) || !strcmp(key, marks[1]);
        if (!json_is_integer(id))
            return fab_fail(err, FAB_EFORMAT, "vocab: '%.40s' has no id in 0..%d", key, t->n - 1);
        if (!fab_tok_put(t, json_integer_value(id), key, len,
                         control ? FAB_PIECE_CONTROL : FAB_PIECE_NORMAL, 0, err))
            return false;
    }
    while (next_line(&s, end, &line, &n))
        if (n && !(n > 8 && !memcmp(line, "#version", 8))) lines[merges.n++] = (line_of){ line, n };
    if (!merges.n) return fab_fail(err, FAB_EFORMAT, "merges.txt: no merges in it");
    fab_tok_guess_marks(t);
    if (t->model == FAB_MODEL_CLIP) {
        t->marks.unk = t->marks.eos;
        fab_tok_frame(t, true, true);
    }
    return merge_steps(t, err) && fab_tok_add_by_kind(t, err) && fab_tok_seal(t, &merges, err);
}

fab_tokenizer *fab_tokenizer_from_merges(const void *vocab, size_t n_vocab, const void *merges,
                                         size_t n_merges, fab_err *err)
{
    json_t *doc = fab_json_parse(vocab, n_vocab, err);
    bool clip = json_object_get(doc, "a</w>") != NULL;
    fab_tokenizer *t = NULL;

    if (doc && !json_is_object(doc)) fab_fail(err, FAB_EFORMAT, "vocab.json: not an object");
    else if (doc)
        t = fab_tok_begin(clip ? FAB_MODEL_CLIP : FAB_MODEL_BYTE_BPE,
                          (int64_t)json_object_size(doc), err);
    bool ok = t && fill_merges(t, doc, merges, (const char *)merges + n_merges, err);
    json_decref(doc);
    if (ok) return t;
    fab_tokenizer_free(t);
    return NULL;
}
