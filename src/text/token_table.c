/* token_table: filling a fab_tokenizer and looking pieces up. The hash table is open addressing
 * with linear probing at a load of at most one half. */
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "text/token_impl.h"
#include "text/utf8.h"

#define MAX_PIECES (1 << 22)
#define MAX_PIECE  FAB_BPE_MAX_TOKEN

fab_tokenizer *fab_tok_begin(fab_model_kind model, int64_t n, fab_err *err)
{
    if (n < 1 || n > MAX_PIECES)
        return fab_fail(err, FAB_EFORMAT, "%lld tokens: a vocabulary has 1 to %d", (long long)n,
                        MAX_PIECES),
               NULL;
    fab_tokenizer *t = fab_new(sizeof *t, err);
    if (!t || !(t->arena = fab_arena_new(0, err))) goto fail;
    t->model = model;
    t->n = (int32_t)n;
    t->word_mask = 63;
    while (t->word_mask < 2 * (uint32_t)n) t->word_mask = 2 * t->word_mask + 1;
    t->pieces = fab_arena_zero(t->arena, (size_t)n * sizeof *t->pieces, err);
    t->words = fab_arena_zero(t->arena, (t->word_mask + (size_t)1) * sizeof *t->words, err);
    if (!t->pieces || !t->words) goto fail;
    t->marks = (fab_tokenizer_marks){ -1, -1, -1, -1, -1, -1, -1 };
    t->joiner = "##";
    t->max_word = 100;
    for (int i = 0; i < 256; i++) t->byte_id[i] = -1;
    return t;
fail:
    fab_tokenizer_free(t);
    return NULL;
}

void fab_tokenizer_free(fab_tokenizer *t)
{
    if (!t) return;
    fab_bpe_free(t->bpe);
    fab_free(t->raw.list);
    fab_free(t->normal.list);
    fab_arena_free(t->arena);
    fab_free(t);
}

/* Where the text is, or the empty slot where it would be. */
static uint32_t slot(const fab_tokenizer *t, const char *text, size_t len)
{
    uint32_t i = (uint32_t)fab_hash64(text, len, 0) & t->word_mask;
    for (;; i = (i + 1) & t->word_mask) {
        if (!t->words[i]) return i;
        const fab_piece *p = &t->pieces[t->words[i] - 1];
        if (p->len == len && !memcmp(p->text, text, len)) return i;
    }
}

int32_t fab_tok_find(const fab_tokenizer *t, const char *text, size_t len)
{
    return (int32_t)t->words[slot(t, text, len)] - 1;
}

bool fab_tok_put(fab_tokenizer *t, int64_t id, const char *text, size_t len, fab_piece_kind kind,
                 float score, fab_err *err)
{
    if (id < 0 || id >= t->n)
        return fab_fail(err, FAB_EFORMAT, "token id %lld is outside 0..%d", (long long)id,
                        t->n - 1);
    if (len > MAX_PIECE || memchr(text, 0, len))
        return fab_fail(err, FAB_EFORMAT, "token %lld has %zu bytes, at most %d, or a NUL inside",
                        (long long)id, len, MAX_PIECE);
    if (fab_utf8_check(text, len) != len)
        return fab_fail(err, FAB_EFORMAT, "token %lld is not UTF-8", (long long)id);
    fab_piece *p = &t->pieces[id];
    if (p->text) return fab_fail(err, FAB_EFORMAT, "token id %lld is given twice", (long long)id);
    uint32_t at = slot(t, text, len);
    if (t->words[at] && kind != FAB_PIECE_UNUSED && len)
        return fab_fail(err, FAB_EFORMAT, "tokens %u and %lld are the same: '%.40s'",
                        t->words[at] - 1, (long long)id, t->pieces[t->words[at] - 1].text);
    char *copy = fab_arena_take(t->arena, len + 1, err);
    if (!copy) return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    *p = (fab_piece){ copy, (uint32_t)len, score, (uint8_t)kind };
    if (!t->words[at]) t->words[at] = (uint32_t)id + 1;
    if (len > t->longest) t->longest = len;
    return true;
}

/* --- added tokens --- */

bool fab_tok_add(fab_tokenizer *t, int32_t id, int flags, fab_err *err)
{
    fab_added_set *set = flags & FAB_ADDED_NORMALIZED ? &t->normal : &t->raw;

    if (!t->pieces[id].len) return fab_fail(err, FAB_EFORMAT, "added token %d is empty", id);
    if (set->n == set->room) {
        int32_t room = set->room ? 2 * set->room : 64;
        void *list = set->list;
        if (!fab_grow(&list, (size_t)room, sizeof *set->list, err)) return false;
        set->list = list;
        set->room = room;
    }
    set->list[set->n++] = (fab_added){ id, (uint8_t)flags };
    return true;
}

typedef struct {
    const fab_piece *piece;
    fab_added added;
} ordered;

/* By first byte; the longest first; then by id, so that the order is one. */
static int by_first_then_length(const void *a, const void *b)
{
    const ordered *x = a, *y = b;
    uint8_t c = (uint8_t)x->piece->text[0], d = (uint8_t)y->piece->text[0];
    if (c != d) return c < d ? -1 : 1;
    if (x->piece->len != y->piece->len) return x->piece->len > y->piece->len ? -1 : 1;
    return x->added.id < y->added.id ? -1 : 1;
}

static bool seal_added(const fab_tokenizer *t, fab_added_set *set, fab_err *err)
{
    int32_t at = 0;

    if (!set->n) return true;
    ordered *list = fab_new_array((size_t)set->n, sizeof *list, err);
    if (!list) return false;
    for (int32_t i = 0; i < set->n; i++)
        list[i] = (ordered){ &t->pieces[set->list[i].id], set->list[i] };
    qsort(list, (size_t)set->n, sizeof *list, by_first_then_length);
    for (int32_t i = 0; i < set->n; i++) set->list[i] = list[i].added;
    for (int c = 0; c < 256; c++) {
        set->from[c] = at;
        while (at < set->n && (uint8_t)list[at].piece->text[0] == c) at++;
    }
    set->from[256] = at;
    fab_free(list);
    return true;
}

/* --- the merges --- */

/* The ids of <0x00> ... <0xFF>. */
static void find_bytes(fab_tokenizer *t)
{
    static const char digits[] = "0123456789ABCDEF";

    for (int c = 0; c < 256; c++) {
        char name[] = { '<', '0', 'x', digits[c >> 4], digits[c & 15], '>' };
        t->byte_id[c] = fab_tok_find(t, name, sizeof name);
        if (t->byte_id[c] >= 0) t->pieces[t->byte_id[c]].kind = FAB_PIECE_BYTE;
    }
}

typedef struct {
    float score;
    int32_t id;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* Ranks by score, the highest first; equal scores have one rank. */
static bool rank_by_score(const fab_tokenizer *t, fab_bpe *b, fab_err *err)
{
    scored *list = fab_new_array((size_t)t->n, sizeof *list, err);
    if (!list) return false;
    for (int32_t i = 0; i < t->n; i++) list[i] = (scored){ t->pieces[i].score, i };
    qsort(list, (size_t)t->n, sizeof *list, by_score);
    for (int32_t i = 0; i < t->n; i++)
        b->tokens[list[i].id].rank =
            i && list[i].score == list[i - 1].score ? b->tokens[list[i - 1].id].rank : i;
    fab_free(list);
    return true;
}

static bool put_tokens(const fab_tokenizer *t, fab_bpe *b, fab_err *err)
{
    for (int32_t i = 0; i < t->n; i++) {
        const fab_piece *p = &t->pieces[i];
        bool hidden = p->kind != FAB_PIECE_NORMAL || !p->len;
        const char *text = p->len ? p->text : "?";
        if (hidden ? !fab_bpe_put_token(b, i, text, strlen(text), FAB_TOKEN_HIDDEN, err)
                   : !fab_bpe_put_text(b, i, text, err))
            return false;
    }
    return true;
}

static bool put_merges(fab_bpe *b, const fab_tok_merges *m, fab_err *err)
{
    const char *l, *r;
    size_t n_l, n_r;

    for (int64_t i = 0; m && i < m->n; i++)
        if (!m->half(m->arg, i, &l, &n_l, &r, &n_r, err) ||
            !fab_bpe_put_rule2(b, l, n_l, r, n_r, err))
            return false;
    return true;
}

static bool seal_bpe(fab_tokenizer *t, const fab_tok_merges *m, fab_err *err)
{
    fab_bpe_units units = t->model == FAB_MODEL_BYTE_BPE ? FAB_BPE_BYTES
                          : t->model == FAB_MODEL_CLIP   ? FAB_BPE_SUFFIX
                                                         : FAB_BPE_CHARS;
    fab_bpe *b = t->bpe = fab_bpe_begin_units(t->n, m ? m->n : 0, FAB_PRE_GPT2, units, err);

    if (!b) return false;
    b->lenient = true;
    b->ignore_merges = t->ignore_merges;
    b->by_score = t->by_score;
    b->fuse_unk = t->fuse_unk;
    b->unk = t->marks.unk;
    b->fallback = t->byte_fallback ? t->byte_id : NULL;
    return put_tokens(t, b, err) && fab_bpe_seal_tokens(b, err) && put_merges(b, m, err) &&
           (!t->by_score || rank_by_score(t, b, err)) && fab_bpe_seal(b, err);
}

/* Whether U+2581 stands in pieces only at their beginning, or after another. */
static bool meta_begins(const fab_tokenizer *t)
{
    for (int32_t i = 0; i < t->n; i++) {
        const fab_piece *p = &t->pieces[i];
        if (p->kind != FAB_PIECE_NORMAL) continue;
        for (uint32_t k = 1; k + 3 <= p->len; k++)
            if (!memcmp(p->text + k, FAB_META, 3) &&
                (k < 3 || memcmp(p->text + k - 3, FAB_META, 3) != 0))
                return false;
    }
    return true;
}

bool fab_tok_seal(fab_tokenizer *t, const fab_tok_merges *merges, fab_err *err)
{
    for (int32_t i = 0; i < t->n; i++)
        if (!t->pieces[i].text) t->pieces[i] = (fab_piece){ "", 0, 0, FAB_PIECE_UNUSED };
    if (t->byte_fallback || t->decode == FAB_DECODE_SPM) find_bytes(t);
    if (!seal_added(t, &t->raw, err) || !seal_added(t, &t->normal, err)) return false;
    t->cut_meta = (t->model == FAB_MODEL_SPM || t->model == FAB_MODEL_UNIGRAM) && meta_begins(t);
    switch (t->model) {
    case FAB_MODEL_WORDPIECE: return true;
    case FAB_MODEL_UNIGRAM: return fab_unigram_seal(t, err);
    default: return seal_bpe(t, merges, err);
    }
}

/* --- looking at one --- */

const char *fab_tokenizer_kind(const fab_tokenizer *t)
{
    static const char *const names[] = { "byte-bpe", "clip-bpe", "spm-bpe", "unigram",
                                         "wordpiece" };
    return names[t->model];
}

int32_t fab_tokenizer_size(const fab_tokenizer *t) { return t->n; }

int32_t fab_tokenizer_id(const fab_tokenizer *t, const char *token)
{
    return fab_tok_find(t, token, strlen(token));
}

const char *fab_tokenizer_token(const fab_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n ? t->pieces[id].text : NULL;
}

bool fab_tokenizer_is_special(const fab_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n &&
           (t->pieces[id].kind == FAB_PIECE_CONTROL || t->pieces[id].kind == FAB_PIECE_UNKNOWN);
}

const fab_tokenizer_marks *fab_tokenizer_marks_get(const fab_tokenizer *t) { return &t->marks; }

const char *fab_tokenizer_chat_template(const fab_tokenizer *t) { return t->chat_template; }
