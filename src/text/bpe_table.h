/* bpe_table: what a fab_bpe is, for the files of this folder that build one (bpe_json.c,
 * bpe_parts.c, bpe_train.c) and for the one that uses it (bpe.c).
 *
 * Tokens are kept as raw bytes. The byte-level alphabet, which writes each byte as a printable
 * character, exists only in files: bytes 33-126, 161-172, 174-255 stand for themselves, the other
 * 68 are U+0100, U+0101, ... in order. */
#ifndef FAB_TEXT_BPE_TABLE_H
#define FAB_TEXT_BPE_TABLE_H

#include "text/bpe.h"

#define FAB_BPE_MAX_TOKEN 4096 /* bytes of a token */

/* HIDDEN: an id that no text gives. */
enum { FAB_TOKEN_NONE, FAB_TOKEN_NORMAL, FAB_TOKEN_ADDED, FAB_TOKEN_SPECIAL, FAB_TOKEN_HIDDEN };

/* What a word is before its merges: a token per byte; the same, the last with "</w>" (CLIP); a
 * token per character (SentencePiece). */
typedef enum { FAB_BPE_BYTES, FAB_BPE_SUFFIX, FAB_BPE_CHARS } fab_bpe_units;

typedef struct {
    const char *bytes; /* NUL-terminated in the arena */
    uint32_t len;
    int32_t rank; /* by_score: the smaller, the sooner it is merged */
    uint8_t kind;
    bool whole; /* its bytes encode to this one token: a word that equals it needs no merging */
} fab_bpe_entry;

typedef struct {
    int32_t left, right, id;
} fab_bpe_merge;

typedef struct {
    uint64_t key; /* left << 32 | right; all ones: empty */
    int32_t rank, id;
} fab_bpe_slot;

struct fab_bpe {
    fab_arena *arena;
    fab_pretoken pre;
    fab_bpe_entry *tokens; /* [n_tokens] */
    int32_t n_tokens, n_merges, n_added, room;
    fab_bpe_merge *merges; /* [n_merges], by rank */
    int32_t *added;        /* ids of added tokens, longest first */
    bool added_first[256]; /* an added token begins with this byte */
    int32_t byte_id[256];
    uint32_t *words, word_mask; /* normal tokens by bytes: id + 1, 0 empty */
    fab_bpe_slot *pairs;
    uint32_t pair_mask;
    size_t longest;
    bool
        ignore_merges; /* a word that is a token is that token, whatever the merges say (Llama-3) */

    /* What tokenizer.h needs beside. */
    fab_bpe_units units;
    bool by_score;       /* no list of merges: any two that join to a token, by its rank */
    bool lenient;        /* a byte may have no token: it is unknown */
    bool fuse_unk;       /* unknown characters in a row are one unk */
    int32_t unk;         /* of a character that is no token and has no bytes; -1: it is left out */
    int32_t *fallback;   /* [256] ids of <0x00> ...; NULL: none */
    int32_t end_id[256]; /* FAB_BPE_SUFFIX: the byte that ends a word */
};

/* Building: begin with the number of tokens, put every token, seal_tokens, put every merge, seal.
 * On failure: free. */
fab_bpe *fab_bpe_begin(int64_t n_tokens, int64_t n_merges, fab_pretoken pre, fab_err *err);
fab_bpe *fab_bpe_begin_units(int64_t n_tokens, int64_t n_merges, fab_pretoken pre,
                             fab_bpe_units units, fab_err *err);
bool fab_bpe_put_token(fab_bpe *b, int64_t id, const char *bytes, size_t len, int kind,
                       fab_err *err);
bool fab_bpe_seal_tokens(fab_bpe *b, fab_err *err); /* every id given, all 256 bytes there */
bool fab_bpe_put_merge(fab_bpe *b, int32_t left, int32_t right, fab_err *err);
bool fab_bpe_seal(fab_bpe *b, fab_err *err);

/* Tokens and merges as files write them. put_text: a token in the alphabet; put_rule: "left
 * right". */
bool fab_bpe_put_text(fab_bpe *b, int64_t id, const char *text, fab_err *err);
bool fab_bpe_put_rule(fab_bpe *b, const char *rule, fab_err *err);
bool fab_bpe_put_rule2(fab_bpe *b, const char *left, size_t n_left, const char *right,
                       size_t n_right, fab_err *err);
char *fab_bpe_text(const fab_bpe *b, int32_t id, fab_arena *a,
                   fab_err *err); /* in the alphabet, or as it is */

/* One call's words. The cache makes a word met before quick; it needs text to hold all the words
 * and ids to have room for all of their ids. Cleared: no cache. */
typedef struct {
    uint32_t text, len, id, n; /* where the word and its ids are in this call's input and output */
} fab_bpe_seen;

typedef struct {
    const fab_bpe *b;
    const char *text;
    int32_t *ids;
    int64_t n, max, word; /* word: where the ids of the word being encoded begin */
    fab_bpe_seen *cache;  /* [FAB_BPE_CACHE], or NULL */
    fab_arena *scratch;   /* made when a long word needs it; the caller frees it */
    fab_err *err;
} fab_bpe_run;
#define FAB_BPE_CACHE      4096
#define FAB_BPE_CACHE_FROM 2048 /* bytes of text from which clearing the cache pays */
bool fab_bpe_word(fab_bpe_run *r, const char *word, size_t len); /* valid UTF-8 */

/* One byte more of a text: out gets the character that it completes, U+FFFD for each held part that
 * it breaks, or nothing; how many bytes, at most 6. */
size_t fab_utf8_join(fab_bpe_stream *s, uint8_t byte, char *out);

int fab_bpe_byte_order(
    uint8_t byte); /* its place among the alphabet's characters: the ids of a trained tokenizer */
int32_t fab_bpe_find(const fab_bpe *b, const char *bytes,
                     size_t len); /* normal tokens, then added; -1 */

#endif
