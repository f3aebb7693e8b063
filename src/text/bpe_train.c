/* bpe_train: learns merges from word counts.
 *
 *   words   distinct words with counts, each a run of symbols in one buffer; a merge shortens runs
 *   pairs   adjacent symbols -> count over all words, and the words that may hold the pair (a list
 *           that only grows)
 *   heap    pairs by count, ties by smaller ids; an entry whose count has changed since is put back
 *           when it surfaces
 *
 * A merge visits only the words of its pair, so the cost is about (occurrences merged) x (word
 * length), not vocabulary x corpus. With max_han set, a pair that would hold more Han characters is
 * dropped when it surfaces: Chinese has no spaces, and without a limit the commonest sentence of a
 * corpus becomes a token. */
#include <string.h>
#include "base/hash.h"
#include "text/bpe_table.h"
#include "text/utf8.h"

#define EMPTY       UINT64_MAX
#define LINK        13    /* a link fills one cache line */
#define FIRST_SLOTS 4096u /* tables double from here */

typedef struct link {
    struct link *next;
    uint32_t n, word[LINK];
} link;

typedef struct {
    uint64_t key; /* left << 32 | right */
    int64_t count;
    link *where;
    int32_t step; /* the last merge that raised it, so that it enters the heap once per merge */
} pair;

typedef struct {
    int64_t count;
    uint32_t at, len; /* in bytes, then in symbols: both begin at the same index */
} word;

typedef struct {
    int64_t count;
    uint64_t key;
} top;

typedef struct {
    const char *bytes;
    size_t len;
} piece;

typedef struct {
    void *items;
    size_t n, room;
} list;

struct fab_bpe_trainer {
    fab_bpe_train_opts o;
    fab_arena *arena;
    list words, text, heap, fresh, merges; /* of word, char, top, uint64_t (keys), fab_bpe_merge */
    uint32_t *index, index_mask;           /* words by bytes: number + 1, 0 empty */
    int32_t *symbols;
    pair *pairs;
    uint32_t n_pairs, pair_mask;
    piece *pieces; /* by id */
    int32_t n_pieces;
    uint32_t *piece_index, piece_mask;
};

/* Room for n more; the first of them, or NULL. */
static void *extend(list *l, size_t n, size_t size, fab_err *err)
{
    if (l->room - l->n < n) {
        size_t want = l->room ? l->room : 1024;
        while (want - l->n < n) want *= 2;
        if (!fab_grow(&l->items, want, size, err)) return NULL;
        l->room = want;
    }
    l->n += n;
    return (char *)l->items + (l->n - n) * size;
}

void fab_bpe_trainer_free(fab_bpe_trainer *t)
{
    if (!t) return;
    list *const lists[] = { &t->words, &t->text, &t->heap, &t->fresh, &t->merges };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) fab_free(lists[i]->items);
    fab_free(t->index);
    fab_free(t->symbols);
    fab_free(t->pairs);
    fab_free(t->pieces);
    fab_free(t->piece_index);
    fab_arena_free(t->arena);
    fab_free(t);
}

/* --- pieces: the tokens so far --- */

static uint32_t piece_slot(const fab_bpe_trainer *t, const char *bytes, size_t len)
{
    uint32_t i = (uint32_t)fab_hash64(bytes, len, 0) & t->piece_mask;
    for (; t->piece_index[i]; i = (i + 1) & t->piece_mask) {
        const piece *p = &t->pieces[t->piece_index[i] - 1];
        if (p->len == len && !memcmp(p->bytes, bytes, len)) break;
    }
    return i;
}

static bool add_piece(fab_bpe_trainer *t, const char *bytes, size_t len, fab_err *err)
{
    char *copy = fab_arena_take(t->arena, len, err);
    uint32_t slot = piece_slot(t, bytes, len);

    if (!copy) return false;
    if (t->piece_index[slot])
        return fab_fail(err, FAB_EUSAGE, "special token '%.*s' is given twice or is a single byte",
                        (int)len, bytes);
    memcpy(copy, bytes, len);
    t->pieces[t->n_pieces++] = (piece){ copy, len };
    t->piece_index[slot] = (uint32_t)t->n_pieces;
    return true;
}

static bool add_first_pieces(fab_bpe_trainer *t, fab_err *err)
{
    uint32_t size = 1024;
    char bytes[256];

    while (size < 2u * (uint32_t)t->o.vocab_size) size *= 2;
    t->piece_mask = size - 1;
    t->piece_index = fab_new_array(size, sizeof *t->piece_index, err);
    t->pieces = fab_new_array((size_t)t->o.vocab_size, sizeof *t->pieces, err);
    if (!t->piece_index || !t->pieces) return false;
    for (int32_t i = 0; i < t->o.n_specials; i++) {
        const char *s = t->o.specials[i];
        if (!*s) return fab_fail(err, FAB_EUSAGE, "special token %d is empty", i);
        if (fab_utf8_check(s, strlen(s)) != strlen(s))
            return fab_fail(err, FAB_EUSAGE, "special token %d is not UTF-8", i);
        if (!add_piece(t, s, strlen(s), err)) return false;
    }
    for (int c = 0; c < 256; c++) bytes[fab_bpe_byte_order((uint8_t)c)] = (char)(uint8_t)c;
    for (int i = 0; i < 256; i++)
        if (!add_piece(t, bytes + i, 1, err)) return false;
    return true;
}

fab_bpe_trainer *fab_bpe_trainer_new(const fab_bpe_train_opts *o, fab_err *err)
{
    if (o->n_specials < 0 || o->vocab_size > 1 << 20 || o->vocab_size - 256 < o->n_specials)
        return fab_fail(err, FAB_EUSAGE,
                        "vocabulary size %d: at least 256 bytes and %d special tokens, at most %d",
                        o->vocab_size, o->n_specials, 1 << 20),
               NULL;
    fab_bpe_trainer *t = fab_new(sizeof *t, err);
    if (!t) return NULL;
    t->o = *o;
    if (t->o.min_count < 1) t->o.min_count = 2;
    t->index_mask = FIRST_SLOTS - 1;
    t->index = fab_new_array(t->index_mask + (size_t)1, sizeof *t->index, err);
    t->arena = fab_arena_new(0, err);
    if (t->index && t->arena && add_first_pieces(t, err)) return t;
    fab_bpe_trainer_free(t);
    return NULL;
}

/* --- counting words --- */

static uint32_t word_slot(const fab_bpe_trainer *t, const char *s, size_t len)
{
    const word *words = t->words.items;
    const char *text = t->text.items;
    uint32_t i = (uint32_t)fab_hash64(s, len, 0) & t->index_mask;

    for (; t->index[i]; i = (i + 1) & t->index_mask) {
        const word *w = &words[t->index[i] - 1];
        if (w->len == len && !memcmp(text + w->at, s, len)) break;
    }
    return i;
}

static bool grow_index(fab_bpe_trainer *t, fab_err *err)
{
    const word *words = t->words.items;
    const char *text = t->text.items;
    size_t size = 2 * (t->index_mask + (size_t)1);
    uint32_t *wider = fab_new_array(size, sizeof *wider, err);

    if (!wider) return false;
    fab_free(t->index);
    t->index = wider;
    t->index_mask = (uint32_t)(size - 1);
    for (size_t w = 0; w < t->words.n; w++)
        t->index[word_slot(t, text + words[w].at, words[w].len)] = (uint32_t)w + 1;
    return true;
}

static bool count_word(fab_bpe_trainer *t, const char *s, size_t len, fab_err *err)
{
    uint32_t slot = word_slot(t, s, len);

    if (t->index[slot]) {
        ((word *)t->words.items)[t->index[slot] - 1].count++;
        return true;
    }
    if (t->text.n + len > INT32_MAX)
        return fab_fail(err, FAB_ELIMIT, "the distinct words hold more than 2 GiB");
    uint32_t at = (uint32_t)t->text.n;
    char *copy = extend(&t->text, len, 1, err);
    word *w = copy ? extend(&t->words, 1, sizeof *w, err) : NULL;
    if (!w) return false;
    memcpy(copy, s, len);
    *w = (word){ 1, at, (uint32_t)len };
    t->index[slot] = (uint32_t)t->words.n;
    return t->words.n * 2 <= t->index_mask || grow_index(t, err);
}

bool fab_bpe_trainer_add(fab_bpe_trainer *t, const char *text, size_t n, fab_err *err)
{
    if (!fab_utf8_require(text, n, err)) return false;
    for (size_t len; n; text += len, n -= len) {
        len = fab_pretoken_next(t->o.pre, text, n);
        if (!count_word(t, text, len, err)) return false;
    }
    return true;
}

/* --- pairs --- */

static uint32_t pair_slot(const fab_bpe_trainer *t, uint64_t key)
{
    uint32_t i = (uint32_t)fab_hash64(&key, 8, 0) & t->pair_mask;
    while (t->pairs[i].key != key && t->pairs[i].key != EMPTY) i = (i + 1) & t->pair_mask;
    return i;
}

static bool resize_pairs(fab_bpe_trainer *t, uint32_t size, fab_err *err)
{
    pair *old = t->pairs, *wider = fab_new_array(size, sizeof *wider, err);
    uint32_t n_old = old ? t->pair_mask + 1 : 0;

    if (!wider) return false;
    t->pairs = wider;
    t->pair_mask = size - 1;
    for (uint32_t i = 0; i < size; i++) wider[i].key = EMPTY;
    for (uint32_t i = 0; i < n_old; i++)
        if (old[i].key != EMPTY) wider[pair_slot(t, old[i].key)] = old[i];
    fab_free(old);
    return true;
}

static uint64_t key_of(int32_t left, int32_t right)
{
    return (uint64_t)left << 32 | (uint32_t)right;
}

static bool remember_word(fab_bpe_trainer *t, pair *p, uint32_t w, fab_err *err)
{
    if (p->where && p->where->word[p->where->n - 1] == w) return true;
    if (!p->where || p->where->n == LINK) {
        link *l = fab_arena_take(t->arena, sizeof *l, err);
        if (!l) return false;
        l->next = p->where;
        l->n = 0;
        p->where = l;
    }
    p->where->word[p->where->n++] = w;
    return true;
}

/* One more of left, right in word w. */
static bool gain(fab_bpe_trainer *t, int32_t left, int32_t right, uint32_t w, fab_err *err)
{
    uint64_t key = key_of(left, right);
    int32_t step = (int32_t)t->merges.n + 1;

    if (t->n_pairs * 2 > t->pair_mask && !resize_pairs(t, 2 * (t->pair_mask + 1), err))
        return false;
    pair *p = &t->pairs[pair_slot(t, key)];
    if (p->key == EMPTY) {
        *p = (pair){ .key = key };
        t->n_pairs++;
    }
    p->count += ((word *)t->words.items)[w].count;
    if (p->step != step) {
        uint64_t *fresh = extend(&t->fresh, 1, sizeof *fresh, err);
        if (!fresh) return false;
        *fresh = key;
        p->step = step;
    }
    return remember_word(t, p, w, err);
}

static void lose(fab_bpe_trainer *t, int32_t left, int32_t right, uint32_t w)
{
    pair *p = &t->pairs[pair_slot(t, key_of(left, right))];
    if (p->key != EMPTY) p->count -= ((word *)t->words.items)[w].count;
}

/* --- heap --- */

static bool better(top a, top b) { return a.count != b.count ? a.count > b.count : a.key < b.key; }

static bool push(fab_bpe_trainer *t, top x, fab_err *err)
{
    size_t i = t->heap.n;
    if (!extend(&t->heap, 1, sizeof x, err)) return false;
    top *heap = t->heap.items;
    for (; i && better(x, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = x;
    return true;
}

static top pop(fab_bpe_trainer *t)
{
    top *heap = t->heap.items, first = heap[0], x = heap[--t->heap.n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < t->heap.n; i = k) {
        if (k + 1 < t->heap.n && better(heap[k + 1], heap[k])) k++;
        if (!better(heap[k], x)) break;
        heap[i] = heap[k];
    }
    heap[i] = x;
    return first;
}

static bool push_fresh(fab_bpe_trainer *t, fab_err *err)
{
    const uint64_t *key = t->fresh.items;
    for (size_t i = 0; i < t->fresh.n; i++)
        if (!push(t, (top){ t->pairs[pair_slot(t, key[i])].count, key[i] }, err)) return false;
    t->fresh.n = 0;
    return true;
}

/* --- merging --- */

/* Words become symbols; every adjacent pair is counted and offered. */
static bool start(fab_bpe_trainer *t, fab_err *err)
{
    const uint8_t *text = t->text.items;

    if (!resize_pairs(t, FIRST_SLOTS, err)) return false;
    t->symbols = fab_new_array(t->text.n + 1, sizeof *t->symbols, err);
    if (!t->symbols) return false;
    for (size_t i = 0; i < t->text.n; i++)
        t->symbols[i] = t->o.n_specials + fab_bpe_byte_order(text[i]);
    for (uint32_t w = 0; w < t->words.n; w++) {
        const word *x = (const word *)t->words.items + w;
        for (uint32_t i = x->at + 1; i < x->at + x->len; i++)
            if (!gain(t, t->symbols[i - 1], t->symbols[i], w, err)) return false;
    }
    return push_fresh(t, err);
}

static bool merge_in_word(fab_bpe_trainer *t, uint32_t w, fab_bpe_merge m, fab_err *err)
{
    word *x = (word *)t->words.items + w;
    int32_t *s = t->symbols + x->at;
    uint32_t n = 0;

    for (uint32_t i = 0; i < x->len; i++) {
        bool hit = i + 1 < x->len && s[i] == m.left && s[i + 1] == m.right;
        if (!hit) {
            s[n++] = s[i];
            continue;
        }
        if (n) {
            lose(t, s[n - 1], m.left, w);
            if (!gain(t, s[n - 1], m.id, w, err)) return false;
        }
        if (i + 2 < x->len) {
            lose(t, m.right, s[i + 2], w);
            if (!gain(t, m.id, s[i + 2], w, err)) return false;
        }
        s[n++] = m.id;
        i++;
    }
    x->len = n;
    return true;
}

static int32_t count_han(const char *s, size_t n)
{
    int32_t han = 0;
    uint32_t cp;

    for (size_t i = 0; i < n;) {
        int len = fab_utf8_next(s + i, n - i, &cp);
        han += len && fab_char_class_of(cp) == FAB_CHAR_HAN;
        i += len ? (size_t)len : 1;
    }
    return han;
}

/* The token that the pair makes: a new one, one that another pair made before, or -1: the pair is
 * not to be merged. Specials keep their text to themselves. */
static int32_t product(fab_bpe_trainer *t, uint64_t key, bool *ok, fab_err *err)
{
    const piece *l = &t->pieces[key >> 32], *r = &t->pieces[key & UINT32_MAX];
    char joined[FAB_BPE_MAX_TOKEN];
    size_t len = l->len + r->len;

    *ok = true;
    if (len > sizeof joined) return -1;
    memcpy(joined, l->bytes, l->len);
    memcpy(joined + l->len, r->bytes, r->len);
    if (t->o.max_han && count_han(joined, len) > t->o.max_han) return -1;
    uint32_t known = t->piece_index[piece_slot(t, joined, len)];
    if (known) return known > (uint32_t)t->o.n_specials ? (int32_t)known - 1 : -1;
    *ok = add_piece(t, joined, len, err);
    return t->n_pieces - 1;
}

static bool merge_everywhere(fab_bpe_trainer *t, fab_bpe_merge m, const link *where, fab_err *err)
{
    for (; where; where = where->next)
        for (uint32_t i = 0; i < where->n; i++)
            if (!merge_in_word(t, where->word[i], m, err)) return false;
    fab_bpe_merge *out = extend(&t->merges, 1, sizeof m, err);
    if (!out) return false;
    *out = m;
    return push_fresh(t, err);
}

static bool learn(fab_bpe_trainer *t, fab_err *err)
{
    while (t->heap.n && t->n_pieces < t->o.vocab_size) {
        top x = pop(t);
        pair *p = &t->pairs[pair_slot(t, x.key)];
        if (p->count != x.count) {
            if (p->count > 0 && !push(t, (top){ p->count, x.key }, err)) return false;
            continue;
        }
        if (x.count < t->o.min_count) break;
        bool ok;
        fab_bpe_merge m = { (int32_t)(x.key >> 32), (int32_t)(x.key & UINT32_MAX),
                            product(t, x.key, &ok, err) };
        const link *where = p->where;
        p->count = 0;
        p->where = NULL;
        if (!ok || (m.id >= 0 && !merge_everywhere(t, m, where, err))) return false;
    }
    return true;
}

fab_bpe *fab_bpe_trainer_finish(fab_bpe_trainer *t, fab_err *err)
{
    if (!start(t, err) || !learn(t, err)) return NULL;
    const fab_bpe_merge *m = t->merges.items;
    fab_bpe *b = fab_bpe_begin(t->n_pieces, (int64_t)t->merges.n, t->o.pre, err);
    bool ok = b != NULL;
    for (int32_t i = 0; ok && i < t->n_pieces; i++)
        ok = fab_bpe_put_token(b, i, t->pieces[i].bytes, t->pieces[i].len,
                               i < t->o.n_specials ? FAB_TOKEN_SPECIAL : FAB_TOKEN_NORMAL, err);
    ok = ok && fab_bpe_seal_tokens(b, err);
    for (size_t i = 0; ok && i < t->merges.n; i++)
        ok = fab_bpe_put_merge(b, m[i].left, m[i].right, err);
    if (ok && fab_bpe_seal(b, err)) return b;
    fab_bpe_free(b);
    return NULL;
}
