/* bpe: encoding and decoding with a sealed table.
 *
 * A word is its bytes' tokens; the adjacent pair of lowest rank is merged (the leftmost of equals)
 * until no pair has a rule. Short words scan for the minimum, which is fastest below some 50
 * symbols; longer ones (a Chinese clause, a run of dashes, an attack) use a heap, O(n log n). Three
 * short cuts leave the result as it is: a word that is a token whose bytes encode to itself; a word
 * met before in the same call (its ids are copied); ASCII, checked eight bytes at once. */
#include <string.h>
#include "base/hash.h"
#include "text/bpe_table.h"
#include "text/utf8.h"

#define SHORT 48

typedef fab_bpe_run run;
typedef fab_bpe_seen seen;

static void emit(run *r, int32_t id)
{
    if (r->n < r->max) r->ids[r->n] = id;
    r->n++;
}

/* An id from n_tokens on is a character that is no token: its code point, and bytes or unk in the
 * end. */
static void emit_unit(run *r, int32_t id)
{
    const fab_bpe *b = r->b;
    char bytes[4];

    if (id < b->n_tokens) {
        emit(r, id);
        return;
    }
    int n = fab_utf8_put((uint32_t)(id - b->n_tokens), bytes);
    for (int i = 0; b->fallback && i < n; i++)
        if (b->fallback[(uint8_t)bytes[i]] < 0) n = 0;
    for (int i = 0; b->fallback && i < n; i++) emit(r, b->fallback[(uint8_t)bytes[i]]);
    if ((b->fallback && n) || b->unk < 0) return;
    if (b->fuse_unk && r->n > r->word && r->n <= r->max && r->ids[r->n - 1] == b->unk) return;
    emit(r, b->unk);
}

typedef struct {
    int32_t rank, id; /* rank NO_RULE: the two are not merged */
} joined;
#define NO_RULE INT32_MAX

static joined join_by_score(const fab_bpe *b, int32_t left, int32_t right)
{
    const fab_bpe_entry *l = &b->tokens[left], *r = &b->tokens[right];
    char text[2 * FAB_BPE_MAX_TOKEN];

    if (l->len + (size_t)r->len > b->longest) return (joined){ NO_RULE, -1 };
    memcpy(text, l->bytes, l->len);
    memcpy(text + l->len, r->bytes, r->len);
    int32_t id = fab_bpe_find(b, text, l->len + (size_t)r->len);
    return id < 0 ? (joined){ NO_RULE, -1 } : (joined){ b->tokens[id].rank, id };
}

static joined rule(const fab_bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)left << 32 | (uint32_t)right;

    if (b->by_score && left < b->n_tokens && right < b->n_tokens)
        return join_by_score(b, left, right);
    for (uint32_t i = (uint32_t)fab_hash64(&key, 8, 0) & b->pair_mask;;
         i = (i + 1) & b->pair_mask) {
        if (b->pairs[i].key == key) return (joined){ b->pairs[i].rank, b->pairs[i].id };
        if (b->pairs[i].key == UINT64_MAX) return (joined){ NO_RULE, -1 };
    }
}

/* The word before its merges, at most len units; their number. */
static size_t units(const fab_bpe *b, const char *word, size_t len, int32_t *id)
{
    size_t n = 0;
    uint32_t cp = 0;

    if (b->units != FAB_BPE_CHARS) {
        for (; n < len; n++) id[n] = b->byte_id[(uint8_t)word[n]];
        if (b->units == FAB_BPE_SUFFIX && n) id[n - 1] = b->end_id[(uint8_t)word[n - 1]];
        return n;
    }
    for (size_t i = 0, step; i < len; i += step) {
        step = (size_t)fab_utf8_next(word + i, len - i, &cp);
        if (!step) return n; /* cannot be: the text was checked */
        int32_t known = fab_bpe_find(b, word + i, step);
        id[n++] = known >= 0 ? known : b->n_tokens + (int32_t)cp;
    }
    return n;
}

/* --- words of at most SHORT bytes --- */

static void merge_short(run *r, const char *word, size_t len)
{
    const fab_bpe *b = r->b;
    int32_t id[SHORT];
    joined pair[SHORT]; /* rule of id[i], id[i+1] */
    int n = (int)units(b, word, len, id);

    for (int i = 0; i + 1 < n; i++) pair[i] = rule(b, id[i], id[i + 1]);
    while (n > 1) {
        int best = -1;
        for (int i = 0; i + 1 < n; i++)
            if (pair[i].rank < (best < 0 ? NO_RULE : pair[best].rank)) best = i;
        if (best < 0) break;
        id[best] = pair[best].id;
        n--;
        for (int i = best + 1; i < n; i++) id[i] = id[i + 1], pair[i - 1] = pair[i];
        if (best) pair[best - 1] = rule(b, id[best - 1], id[best]);
        if (best + 1 < n) pair[best] = rule(b, id[best], id[best + 1]);
    }
    for (int i = 0; i < n; i++) emit_unit(r, id[i]);
}

/* --- longer words: symbols in a linked list, candidate pairs in a heap ordered by rank, then
 * position --- */

typedef struct {
    int32_t rank;
    uint32_t at;
} cand;

typedef struct {
    int32_t *id;             /* -1: swallowed by its left neighbour */
    uint32_t *next, *before; /* n and UINT32_MAX at the ends */
    cand *heap;              /* room for 3 n: n - 1 to begin with, at most 2 more per merge */
    size_t n, heaped;
} chain;

static bool sooner(cand a, cand b) { return a.rank != b.rank ? a.rank < b.rank : a.at < b.at; }

static void heap_push(chain *c, cand x)
{
    size_t i = c->heaped++;
    for (; i && sooner(x, c->heap[(i - 1) / 2]); i = (i - 1) / 2) c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = x;
}

static cand heap_pop(chain *c)
{
    cand top = c->heap[0], x = c->heap[--c->heaped];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < c->heaped; i = k) {
        if (k + 1 < c->heaped && sooner(c->heap[k + 1], c->heap[k])) k++;
        if (!sooner(c->heap[k], x)) break;
        c->heap[i] = c->heap[k];
    }
    c->heap[i] = x;
    return top;
}

static joined rule_at(const fab_bpe *b, const chain *c, uint32_t at)
{
    return c->id[at] < 0 || c->next[at] >= c->n ? (joined){ NO_RULE, -1 }
                                                : rule(b, c->id[at], c->id[c->next[at]]);
}

static void offer(const fab_bpe *b, chain *c, uint32_t at)
{
    joined j = rule_at(b, c, at);
    if (j.rank != NO_RULE) heap_push(c, (cand){ j.rank, at });
}

static bool chain_new(chain *c, size_t n, fab_arena *a, fab_err *err)
{
    c->n = n;
    c->heaped = 0;
    c->id = fab_arena_take(a, n * sizeof *c->id, err);
    c->next = fab_arena_take(a, n * sizeof *c->next, err);
    c->before = fab_arena_take(a, n * sizeof *c->before, err);
    c->heap = fab_arena_take(a, 3 * n * sizeof *c->heap, err);
    return c->id && c->next && c->before && c->heap;
}

static bool merge_long(run *r, const char *word, size_t n)
{
    const fab_bpe *b = r->b;
    chain c;

    if (!r->scratch && !(r->scratch = fab_arena_new(0, r->err))) return false;
    fab_arena_reset(r->scratch);
    if (!chain_new(&c, n, r->scratch, r->err)) return false;
    c.n = n = units(b, word, n, c.id);
    for (uint32_t i = 0; i < n; i++) {
        c.next[i] = i + 1;
        c.before[i] = i - 1;
    }
    for (uint32_t i = 0; i + 1 < n; i++) offer(b, &c, i);
    while (c.heaped) {
        cand x = heap_pop(&c);
        joined j = rule_at(b, &c, x.at);
        if (j.rank == NO_RULE || j.rank != x.rank) continue; /* one has been merged since */
        uint32_t gone = c.next[x.at], after = c.next[gone];
        c.id[x.at] = j.id;
        c.id[gone] = -1;
        c.next[x.at] = after;
        if (after < n) c.before[after] = x.at;
        if (c.before[x.at] != UINT32_MAX) offer(b, &c, c.before[x.at]);
        offer(b, &c, x.at);
    }
    for (uint32_t i = 0; i < n; i = c.next[i]) emit_unit(r, c.id[i]);
    return true;
}

/* --- texts --- */

static int32_t whole_word(const fab_bpe *b, const char *word, size_t len, uint64_t hash)
{
    if (len > b->longest) return -1;
    for (uint32_t i = (uint32_t)hash & b->word_mask; b->words[i]; i = (i + 1) & b->word_mask) {
        const fab_bpe_entry *e = &b->tokens[b->words[i] - 1];
        if (e->len == len && !memcmp(e->bytes, word, len))
            return e->whole ? (int32_t)b->words[i] - 1 : -1;
    }
    return -1;
}

bool fab_bpe_word(run *r, const char *word, size_t len)
{
    uint64_t hash = fab_hash64(word, len, 0);
    int32_t id = whole_word(r->b, word, len, hash);
    seen *s = r->cache && len <= SHORT ? &r->cache[hash >> 32 & (FAB_BPE_CACHE - 1)] : NULL;

    if (id >= 0) return emit(r, id), true;
    if (s && s->len == len && !memcmp(r->text + s->text, word, len)) {
        for (uint32_t i = 0; i < s->n; i++) emit(r, r->ids[s->id + i]);
        return true;
    }
    int64_t from = r->word = r->n;
    if (len > SHORT) return merge_long(r, word, len);
    merge_short(r, word, len);
    if (s && r->n <= r->max && r->n <= UINT32_MAX && word - r->text <= UINT32_MAX)
        *s = (seen){ (uint32_t)(word - r->text), (uint32_t)len, (uint32_t)from,
                     (uint32_t)(r->n - from) };
    return true;
}

static bool encode_words(run *r, const char *s, size_t n)
{
    for (size_t len; n; s += len, n -= len) {
        len = fab_pretoken_next(r->b->pre, s, n);
        if (!fab_bpe_word(r, s, len)) return false;
    }
    return true;
}

/* The longest added token that begins at s; -1: none. */
static int32_t added_at(const fab_bpe *b, const char *s, size_t n)
{
    for (int32_t i = 0; i < b->n_added; i++) {
        const fab_bpe_entry *e = &b->tokens[b->added[i]];
        if (e->len <= n && !memcmp(e->bytes, s, e->len)) return b->added[i];
    }
    return -1;
}

static bool encode_added(run *r, const char *s, size_t n)
{
    size_t from = 0, at = 0;

    while (at < n) {
        int32_t id = r->b->added_first[(uint8_t)s[at]] ? added_at(r->b, s + at, n - at) : -1;
        if (id < 0) {
            at++;
            continue;
        }
        if (!encode_words(r, s + from, at - from)) return false;
        emit(r, id);
        from = at += r->b->tokens[id].len;
    }
    return encode_words(r, s + from, n - from);
}

static int64_t encode(const fab_bpe *b, const char *text, size_t n, int32_t *ids, int64_t max,
                      bool added, fab_err *err)
{
    run r = { .b = b, .text = text, .ids = ids, .max = max, .err = err };

    if (!fab_utf8_require(text, n, err)) return -1;
    if (n > UINT32_MAX / 4) {
        fab_fail(err, FAB_ELIMIT, "text of %zu bytes: at most 1 GiB at once", n);
        return -1;
    }
    if (n >= FAB_BPE_CACHE_FROM && max &&
        !(r.cache = fab_new_array(FAB_BPE_CACHE, sizeof *r.cache, err)))
        return -1;
    bool ok = added && b->n_added ? encode_added(&r, text, n) : encode_words(&r, text, n);
    fab_arena_free(r.scratch);
    fab_free(r.cache);
    return ok ? r.n : -1;
}

int64_t fab_bpe_encode(const fab_bpe *b, const char *text, size_t n, int32_t *ids, int64_t max,
                       fab_err *err)
{
    return encode(b, text, n, ids, max, true, err);
}

int64_t fab_bpe_encode_plain(const fab_bpe *b, const char *text, size_t n, int32_t *ids,
                             int64_t max, fab_err *err)
{
    return encode(b, text, n, ids, max, false, err);
}

/* Marks the tokens that encode to themselves: only such a word may skip the merges. */
bool fab_bpe_seal(fab_bpe *b, fab_err *err)
{
    int32_t id[2];
    run r = { .b = b, .ids = id, .max = 2, .err = err };
    bool ok = true;

    for (int32_t i = 0; ok && i < b->n_tokens; i++) {
        fab_bpe_entry *e = &b->tokens[i];
        if (e->kind != FAB_TOKEN_NORMAL || b->by_score) continue;
        r.n = 0;
        if (e->len <= SHORT) merge_short(&r, e->bytes, e->len);
        else ok = merge_long(&r, e->bytes, e->len);
        e->whole = b->ignore_merges || (r.n == 1 && id[0] == i);
    }
    fab_arena_free(r.scratch);
    return ok;
}

/* --- looking at tokens, decoding --- */

int32_t fab_bpe_vocab_size(const fab_bpe *b) { return b->n_tokens; }

int32_t fab_bpe_merge_count(const fab_bpe *b) { return b->n_merges; }

int32_t fab_bpe_id(const fab_bpe *b, const char *token)
{
    size_t len = strlen(token);
    for (int32_t i = 0; i < b->n_added; i++) {
        const fab_bpe_entry *e = &b->tokens[b->added[i]];
        if (e->len == len && !memcmp(e->bytes, token, len)) return b->added[i];
    }
    return fab_bpe_find(b, token, len);
}

const char *fab_bpe_token(const fab_bpe *b, int32_t id, size_t *n)
{
    if (id < 0 || id >= b->n_tokens) return NULL;
    *n = b->tokens[id].len;
    return b->tokens[id].bytes;
}

bool fab_bpe_is_special(const fab_bpe *b, int32_t id)
{
    return id >= 0 && id < b->n_tokens && b->tokens[id].kind == FAB_TOKEN_SPECIAL;
}

size_t fab_bpe_longest(const fab_bpe *b) { return b->longest; }

fab_pretoken fab_bpe_pre(const fab_bpe *b) { return b->pre; }

size_t fab_bpe_stream_room(const fab_bpe *b)
{
    return 3 * (b->longest + sizeof((fab_bpe_stream *)0)->held);
}

static size_t put_replacement(char *out)
{
    memcpy(out, "\xef\xbf\xbd", 3);
    return 3;
}

/* One byte more: out gets the character that it completes, U+FFFD for each held part that it
 * breaks, or nothing. */
size_t fab_utf8_join(fab_bpe_stream *s, uint8_t byte, char *out)
{
    const char *held = (const char *)s->held;
    size_t n = 0;
    uint32_t cp;

    s->held[s->n++] = byte;
    if (fab_utf8_next(held, (size_t)s->n, &cp)) {
        memcpy(out, held, (size_t)s->n);
        n = (size_t)s->n;
        s->n = 0;
    } else if (!fab_utf8_missing(held,
                                 (size_t)s->n)) { /* broken: by this byte alone, or before it */
        bool again = s->n > 1;
        n = put_replacement(out);
        s->n = 0;
        if (again) n += fab_utf8_join(s, byte, out + n);
    }
    return n;
}

size_t fab_bpe_stream_push(const fab_bpe *b, fab_bpe_stream *s, int32_t id, char *out)
{
    size_t len = 0, n = 0;
    const char *bytes = fab_bpe_token(b, id, &len);

    for (size_t i = 0; bytes && i < len; i++) n += fab_utf8_join(s, (uint8_t)bytes[i], out + n);
    return n;
}

size_t fab_bpe_stream_end(fab_bpe_stream *s, char *out)
{
    size_t n = s->n ? put_replacement(out) : 0;
    s->n = 0;
    return n;
}

char *fab_bpe_decode(const fab_bpe *b, fab_arena *a, const int32_t *ids, int64_t n,
                     bool skip_special, fab_err *err)
{
    size_t room = 4, len = 0, used;
    fab_bpe_stream s = { { 0 }, 0 };

    for (int64_t i = 0; i < n; i++) {
        if (!fab_bpe_token(b, ids[i], &used))
            return fab_fail(err, FAB_EFORMAT,
                            "id %d at position %lld is outside the vocabulary of %d", ids[i],
                            (long long)i, b->n_tokens),
                   NULL;
        room += 3 * used;
    }
    char *out = fab_arena_take(a, room, err);
    for (int64_t i = 0; out && i < n; i++)
        if (!skip_special || !fab_bpe_is_special(b, ids[i]))
            len += fab_bpe_stream_push(b, &s, ids[i], out + len);
    if (!out) return NULL;
    len += fab_bpe_stream_end(&s, out + len);
    out[len] = 0;
    return out;
}
