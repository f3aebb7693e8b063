/* unigram: the most probable cut of a word (Kudo 2018), by Viterbi over its bytes.
 *
 *   best[e] = max over pieces s..e of best[s] + score(piece)
 *
 * A character that is no piece costs the smallest score less 10; such characters in a row are one
 * unk, or their bytes. Equal sums: the piece that begins first is kept, as the references do.
 * Pieces are found in a trie kept as a hash table of (node, byte). */
#include <math.h>
#include <string.h>
#include "base/hash.h"
#include "text/token_impl.h"
#include "text/utf8.h"

#define UNK_PENALTY 10.0

static uint32_t slot_of(const fab_tokenizer *t, uint64_t key)
{
    uint32_t i = (uint32_t)fab_hash64(&key, 8, 0) & t->trie_mask;
    while (t->trie_key[i] && t->trie_key[i] != key) i = (i + 1) & t->trie_mask;
    return i;
}

/* The child of a node; 0: none (0 is the root). */
static uint32_t child(const fab_tokenizer *t, uint32_t node, uint8_t byte)
{
    uint32_t i = slot_of(t, ((uint64_t)node << 8 | byte) + 1);
    return t->trie_key[i] ? t->trie_node[i] : 0;
}

static bool in_trie(const fab_piece *p)
{
    return p->len && (p->kind == FAB_PIECE_NORMAL || p->kind == FAB_PIECE_USER);
}

bool fab_unigram_seal(fab_tokenizer *t, fab_err *err)
{
    uint64_t bytes = 1;
    uint32_t size = 64, nodes = 1;
    float least = INFINITY;

    for (int32_t i = 0; i < t->n; i++) {
        if (!in_trie(&t->pieces[i])) continue;
        bytes += t->pieces[i].len;
        if (t->pieces[i].score < least) least = t->pieces[i].score;
    }
    if (bytes > 1u << 29)
        return fab_fail(err, FAB_ELIMIT, "%llu bytes of pieces", (unsigned long long)bytes);
    while (size < 2 * bytes) size *= 2;
    t->min_score = isfinite(least) ? least : 0;
    t->trie_mask = size - 1;
    t->trie_key = fab_arena_zero(t->arena, size * sizeof *t->trie_key, err);
    t->trie_node = fab_arena_take(t->arena, size * sizeof *t->trie_node, err);
    t->trie_piece = fab_arena_take(t->arena, bytes * sizeof *t->trie_piece, err);
    if (!t->trie_key || !t->trie_node || !t->trie_piece) return false;
    t->trie_piece[0] = -1;
    for (int32_t i = 0; i < t->n; i++) {
        uint32_t node = 0;
        for (uint32_t k = 0; in_trie(&t->pieces[i]) && k < t->pieces[i].len; k++) {
            uint64_t key = ((uint64_t)node << 8 | (uint8_t)t->pieces[i].text[k]) + 1;
            uint32_t at = slot_of(t, key);
            if (!t->trie_key[at]) {
                t->trie_key[at] = key;
                t->trie_node[at] = nodes;
                t->trie_piece[nodes++] = -1;
            }
            node = t->trie_node[at];
        }
        if (node) t->trie_piece[node] = i;
    }
    return true;
}

typedef struct {
    double score;
    uint32_t from; /* where the last piece begins */
    int32_t id;    /* -1: an unknown character */
} step;

static void offer(step *at, double score, uint32_t from, int32_t id)
{
    if (at->from == UINT32_MAX || score > at->score) *at = (step){ score, from, id };
}

static void forward(const fab_tokenizer *t, const char *s, size_t n, step *best)
{
    uint32_t cp = 0;

    for (size_t i = 0, len; i < n; i += len) {
        bool single = false;
        uint32_t node = 0;
        len = (size_t)fab_utf8_next(s + i, n - i, &cp);
        for (size_t e = i; e < n && (node = child(t, node, (uint8_t)s[e]));) {
            int32_t id = t->trie_piece[node];
            e++;
            if (id < 0) continue;
            offer(&best[e], best[i].score + (double)t->pieces[id].score, (uint32_t)i, id);
            single |= e == i + len;
        }
        if (!single)
            offer(&best[i + len], best[i].score + (double)t->min_score - UNK_PENALTY, (uint32_t)i,
                  -1);
    }
}

static void unknown(const fab_tokenizer *t, fab_bpe_run *r, const char *s, size_t n)
{
    bool bytes = t->byte_fallback;

    for (size_t i = 0; bytes && i < n; i++) bytes = t->byte_id[(uint8_t)s[i]] >= 0;
    for (size_t i = 0; bytes && i < n; i++) fab_run_emit(r, t->byte_id[(uint8_t)s[i]]);
    if (!bytes && t->marks.unk >= 0) fab_run_emit(r, t->marks.unk);
}

bool fab_unigram_word(const fab_tokenizer *t, fab_bpe_run *r, const char *s, size_t n)
{
    if (!r->scratch && !(r->scratch = fab_arena_new(0, r->err))) return false;
    fab_arena_reset(r->scratch);
    step *best = fab_arena_take(r->scratch, (n + 1) * sizeof *best, r->err);
    uint32_t *end = fab_arena_take(r->scratch, (n + 1) * sizeof *end, r->err);
    if (!best || !end) return false;
    for (size_t i = 0; i <= n; i++) best[i].from = UINT32_MAX;
    best[0] = (step){ 0, 0, -1 };
    forward(t, s, n, best);
    for (uint32_t e = (uint32_t)n; e; e = best[e].from) end[best[e].from] = e;
    for (uint32_t i = 0, e; i < n; i = e) {
        e = end[i];
        if (best[e].id >= 0) {
            fab_run_emit(r, best[e].id);
            continue;
        }
        while (e < n && best[end[e]].id < 0) e = end[e];
        unknown(t, r, s + i, e - i);
    }
    return true;
}
