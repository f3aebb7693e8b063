/* bpe_table: builds the two hash tables of a fab_bpe, checking what comes from files; the
 * byte-level alphabet.
 *
 * Both tables are open addressing with linear probing at a load of at most one half. */
#include "text/bpe_table.h"

#include <string.h>
#include "base/hash.h"
#include "text/utf8.h"

#define MAX_TOKENS (1 << 22)
#define MAX_ADDED  16384 /* the list is searched one by one */
#define EMPTY      UINT64_MAX

static uint32_t table_size(int64_t n)
{
    uint32_t size = 64;
    while (size < 2 * n) size *= 2;
    return size;
}

fab_bpe *fab_bpe_begin(int64_t n_tokens, int64_t n_merges, fab_pretoken pre, fab_err *err)
{
    if (n_tokens < 256 || n_tokens > MAX_TOKENS)
        return fab_fail(err, FAB_EFORMAT, "%lld tokens: a byte-level vocabulary has 256 to %d",
                        (long long)n_tokens, MAX_TOKENS),
               NULL;
    return fab_bpe_begin_units(n_tokens, n_merges, pre, FAB_BPE_BYTES, err);
}

fab_bpe *fab_bpe_begin_units(int64_t n_tokens, int64_t n_merges, fab_pretoken pre,
                             fab_bpe_units units, fab_err *err)
{
    if (n_merges < 0 || n_merges > n_tokens * 4)
        return fab_fail(err, FAB_EFORMAT, "%lld merges for %lld tokens", (long long)n_merges,
                        (long long)n_tokens),
               NULL;
    fab_bpe *b = fab_new(sizeof *b, err);
    if (!b || !(b->arena = fab_arena_new(0, err))) goto fail;
    b->pre = pre;
    b->units = units;
    b->unk = -1;
    b->n_tokens = (int32_t)n_tokens;
    b->room = (int32_t)n_merges;
    b->word_mask = table_size(n_tokens) - 1;
    b->pair_mask = table_size(n_merges) - 1;
    b->tokens = fab_arena_zero(b->arena, (size_t)n_tokens * sizeof *b->tokens, err);
    b->added = fab_arena_take(b->arena, (size_t)n_tokens * sizeof *b->added, err);
    b->merges = fab_arena_take(b->arena, (size_t)n_merges * sizeof *b->merges, err);
    b->words = fab_arena_zero(b->arena, (b->word_mask + (size_t)1) * sizeof *b->words, err);
    b->pairs = fab_arena_take(b->arena, (b->pair_mask + (size_t)1) * sizeof *b->pairs, err);
    if (!b->tokens || !b->added || !b->merges || !b->words || !b->pairs) goto fail;
    memset(b->pairs, 0xff, (b->pair_mask + (size_t)1) * sizeof *b->pairs);
    return b;
fail:
    fab_bpe_free(b);
    return NULL;
}

void fab_bpe_free(fab_bpe *b)
{
    if (!b) return;
    fab_arena_free(b->arena);
    fab_free(b);
}

/* Where the word is, or the empty slot where it would be. */
static uint32_t word_slot(const fab_bpe *b, const char *bytes, size_t len)
{
    uint32_t i = (uint32_t)fab_hash64(bytes, len, 0) & b->word_mask;
    for (;; i = (i + 1) & b->word_mask) {
        if (!b->words[i]) return i;
        const fab_bpe_entry *e = &b->tokens[b->words[i] - 1];
        if (e->len == len && !memcmp(e->bytes, bytes, len)) return i;
    }
}

int32_t fab_bpe_find(const fab_bpe *b, const char *bytes, size_t len)
{
    uint32_t at = b->words[word_slot(b, bytes, len)];
    if (at) return (int32_t)at - 1;
    for (int32_t i = 0; i < b->n_added; i++) {
        const fab_bpe_entry *e = &b->tokens[b->added[i]];
        if (e->len == len && !memcmp(e->bytes, bytes, len)) return b->added[i];
    }
    return -1;
}

bool fab_bpe_put_token(fab_bpe *b, int64_t id, const char *bytes, size_t len, int kind,
                       fab_err *err)
{
    if (id < 0 || id >= b->n_tokens)
        return fab_fail(err, FAB_EFORMAT, "token id %lld is outside 0..%d", (long long)id,
                        b->n_tokens - 1);
    if (!len || len > FAB_BPE_MAX_TOKEN)
        return fab_fail(err, FAB_EFORMAT, "token %lld has %zu bytes, not 1 to %d", (long long)id,
                        len, FAB_BPE_MAX_TOKEN);
    if (kind != FAB_TOKEN_NORMAL && fab_utf8_check(bytes, len) != len)
        return fab_fail(err, FAB_EFORMAT, "added token %lld is not UTF-8", (long long)id);
    fab_bpe_entry *e = &b->tokens[id];
    if (e->kind) return fab_fail(err, FAB_EFORMAT, "token id %lld is given twice", (long long)id);
    char *copy = fab_arena_take(b->arena, len + 1, err);
    if (!copy) return false;
    memcpy(copy, bytes, len);
    copy[len] = 0;
    *e = (fab_bpe_entry){ copy, (uint32_t)len, 0, (uint8_t)kind, false };
    if (kind == FAB_TOKEN_HIDDEN) return true;
    if (kind != FAB_TOKEN_NORMAL) {
        b->added[b->n_added++] = (int32_t)id;
        b->added_first[(uint8_t)*bytes] = true;
        return true;
    }
    uint32_t slot = word_slot(b, copy, len);
    if (b->words[slot])
        return fab_fail(err, FAB_EFORMAT, "tokens %u and %lld are the same %zu bytes",
                        b->words[slot] - 1, (long long)id, len);
    b->words[slot] = (uint32_t)id + 1;
    if (len > b->longest) b->longest = len;
    return true;
}

/* Longest first, so that the longest added token wins where two begin; insertion sort keeps equal
 * ones in order and costs nothing on lists that come sorted or short. */
static void sort_added(fab_bpe *b)
{
    for (int32_t i = 1; i < b->n_added; i++) {
        int32_t id = b->added[i], j = i;
        for (; j && b->tokens[b->added[j - 1]].len < b->tokens[id].len; j--)
            b->added[j] = b->added[j - 1];
        b->added[j] = id;
    }
}

/* The tokens of the 256 bytes, inside a word and at its end. */
static bool find_bytes(fab_bpe *b, fab_err *err)
{
    for (int c = 0; c < 256; c++) {
        char unit[] = { (char)(uint8_t)c, '<', '/', 'w', '>' };
        b->byte_id[c] = fab_bpe_find(b, unit, 1);
        b->end_id[c] = b->units == FAB_BPE_SUFFIX ? fab_bpe_find(b, unit, sizeof unit) : 0;
        if (b->lenient && b->byte_id[c] < 0) b->byte_id[c] = b->n_tokens + c;
        if (b->lenient && b->end_id[c] < 0) b->end_id[c] = b->n_tokens + c;
        if (b->byte_id[c] < 0 || b->end_id[c] < 0)
            return fab_fail(err, FAB_EFORMAT,
                            "no token for byte 0x%02X%s: a byte-level vocabulary has all 256", c,
                            b->byte_id[c] < 0 ? "" : " with </w>");
    }
    return true;
}

bool fab_bpe_seal_tokens(fab_bpe *b, fab_err *err)
{
    if (b->n_added > MAX_ADDED)
        return fab_fail(err, FAB_ELIMIT, "%d added tokens, at most %d", b->n_added, MAX_ADDED);
    for (int32_t i = 0; i < b->n_tokens; i++) {
        if (!b->tokens[i].kind)
            return fab_fail(err, FAB_EFORMAT,
                            "token id %d is missing: ids must be 0..%d without a gap", i,
                            b->n_tokens - 1);
        if (b->tokens[i].len > b->longest) b->longest = b->tokens[i].len;
    }
    if (b->units != FAB_BPE_CHARS && !find_bytes(b, err)) return false;
    sort_added(b);
    return true;
}

bool fab_bpe_put_merge(fab_bpe *b, int32_t left, int32_t right, fab_err *err)
{
    const fab_bpe_entry *l = &b->tokens[left], *r = &b->tokens[right];
    char joined[2 * FAB_BPE_MAX_TOKEN];

    if (b->n_merges == b->room) return fab_fail(err, FAB_EINTERNAL, "more merges than announced");
    memcpy(joined, l->bytes, l->len);
    memcpy(joined + l->len, r->bytes, r->len);
    int32_t id = fab_bpe_find(b, joined, l->len + (size_t)r->len);
    if (id < 0)
        return fab_fail(err, FAB_EFORMAT,
                        "merge %d joins tokens %d and %d to something that is no token",
                        b->n_merges, left, right);
    uint64_t key = (uint64_t)left << 32 | (uint32_t)right;
    uint32_t i = (uint32_t)fab_hash64(&key, 8, 0) & b->pair_mask;
    for (; b->pairs[i].key != EMPTY; i = (i + 1) & b->pair_mask)
        if (b->pairs[i].key == key)
            return fab_fail(err, FAB_EFORMAT, "merges %d and %d are the same pair",
                            b->pairs[i].rank, b->n_merges);
    b->pairs[i] = (fab_bpe_slot){ key, b->n_merges, id };
    b->merges[b->n_merges++] = (fab_bpe_merge){ left, right, id };
    return true;
}

/* --- the byte-level alphabet --- */

static uint32_t byte_char(uint8_t c)
{
    if ((c >= 33 && c <= 126) || (c >= 161 && c <= 172) || c >= 174) return c;
    return 256 + (c <= 32 ? c : c <= 160 ? c - 127u + 33 : 67);
}

int fab_bpe_byte_order(uint8_t byte)
{
    int cp = (int)byte_char(byte);
    return cp < 127   ? cp - 33
           : cp < 173 ? cp - 161 + 94
           : cp < 256 ? cp - 174 + 106
                      : cp - 256 + 188;
}

static int char_byte(uint32_t cp)
{
    if (cp < 256) return byte_char((uint8_t)cp) == cp ? (int)cp : -1;
    uint32_t k = cp - 256;
    return k <= 32 ? (int)k : k <= 66 ? (int)(k - 33 + 127) : k == 67 ? 173 : -1;
}

/* The bytes that alphabet text stands for, in place of at most n bytes; SIZE_MAX: another character
 * came. */
static size_t from_alphabet(const char *text, size_t n, char *out)
{
    size_t len = 0;
    uint32_t cp;

    for (size_t i = 0; i < n;) {
        int step = fab_utf8_next(text + i, n - i, &cp), byte = step ? char_byte(cp) : -1;
        if (byte < 0) return SIZE_MAX;
        out[len++] = (char)(uint8_t)byte;
        i += (size_t)step;
    }
    return len;
}

bool fab_bpe_put_text(fab_bpe *b, int64_t id, const char *text, fab_err *err)
{
    char bytes[2 * FAB_BPE_MAX_TOKEN];
    size_t n = strlen(text),
           len = n <= sizeof bytes ? from_alphabet(text, n, bytes) : FAB_BPE_MAX_TOKEN + 1;

    if (b->units == FAB_BPE_CHARS) return fab_bpe_put_token(b, id, text, n, FAB_TOKEN_NORMAL, err);
    if (len == SIZE_MAX)
        return fab_fail(err, FAB_EFORMAT,
                        "token %lld '%.40s' is not written in the byte-level alphabet",
                        (long long)id, fab_utf8_check(text, n) == n ? text : "?");
    return fab_bpe_put_token(b, id, bytes, len, FAB_TOKEN_NORMAL, err);
}

static int32_t find_text(const fab_bpe *b, const char *text, size_t n)
{
    char bytes[2 * FAB_BPE_MAX_TOKEN];

    if (b->units == FAB_BPE_CHARS) return fab_bpe_find(b, text, n);
    size_t len = n <= sizeof bytes ? from_alphabet(text, n, bytes) : SIZE_MAX;
    return len == SIZE_MAX ? -1 : fab_bpe_find(b, bytes, len);
}

bool fab_bpe_put_rule2(fab_bpe *b, const char *left, size_t n_left, const char *right,
                       size_t n_right, fab_err *err)
{
    int32_t l = find_text(b, left, n_left), r = find_text(b, right, n_right);

    if (l < 0 || r < 0)
        return fab_fail(err, FAB_EFORMAT, "merge %d: its %s half is no token", b->n_merges,
                        l < 0 ? "left" : "right");
    return fab_bpe_put_merge(b, l, r, err);
}

bool fab_bpe_put_rule(fab_bpe *b, const char *rule, fab_err *err)
{
    const char *space = strchr(rule, ' ');

    if (!space || strchr(space + 1, ' '))
        return fab_fail(err, FAB_EFORMAT, "merge %d is not two tokens with one space between",
                        b->n_merges);
    return fab_bpe_put_rule2(b, rule, (size_t)(space - rule), space + 1, strlen(space + 1), err);
}

char *fab_bpe_text(const fab_bpe *b, int32_t id, fab_arena *a, fab_err *err)
{
    const fab_bpe_entry *e = &b->tokens[id];
    if (e->kind != FAB_TOKEN_NORMAL) return fab_arena_strdup(a, e->bytes, err);

    char *text = fab_arena_take(a, 2 * (size_t)e->len + 1, err),
         *p = text; /* alphabet: at most two bytes each */
    for (uint32_t i = 0; text && i < e->len; i++)
        p += fab_utf8_put(byte_char((uint8_t)e->bytes[i]), p);
    if (text) *p = 0;
    return text;
}
