/* normal: what tokenizers do to a text before they cut it: a list of steps, as tokenizer.json names
 * them. Text in, text out; both valid UTF-8. */
#ifndef FAB_TEXT_NORMAL_H
#define FAB_TEXT_NORMAL_H

#include <stdint.h>
#include "base/arena.h"

typedef enum {
    FAB_NORMAL_NFC,
    FAB_NORMAL_NFD,
    FAB_NORMAL_NFKC,
    FAB_NORMAL_NFKD,
    FAB_NORMAL_LOWER,
    FAB_NORMAL_STRIP_ACCENTS, /* drops marks */
    FAB_NORMAL_STRIP,         /* blanks at the ends; flags: FAB_STRIP_* */
    FAB_NORMAL_REPLACE,       /* `from` by `to` */
    FAB_NORMAL_SQUEEZE,       /* runs of blanks of at least `least` characters by `to` */
    FAB_NORMAL_PREPEND,       /* `to` before a text that is not empty */
    FAB_NORMAL_BERT,          /* flags: FAB_BERT_* */
    FAB_NORMAL_NMT,           /* SentencePiece's control and space characters */
    FAB_NORMAL_CHARSMAP,      /* SentencePiece's compiled map */
} fab_normal_kind;

enum { FAB_STRIP_LEFT = 1, FAB_STRIP_RIGHT = 2, FAB_STRIP_SPACES = 4 }; /* SPACES: U+0020 alone */
enum { FAB_BERT_CLEAN = 1, FAB_BERT_HAN = 2, FAB_BERT_ACCENTS = 4, FAB_BERT_LOWER = 8 };

/* A double-array trie whose leaves are offsets into `text`, NUL-terminated replacements; lent. */
typedef struct {
    const uint8_t *trie; /* n_units little-endian words, not aligned */
    size_t n_units;
    const char *text;
    size_t n_text;
    bool
        longest; /* replace the longest prefix wherever it is (SentencePiece); else Hugging Face's way */
} fab_charsmap;

typedef struct {
    fab_normal_kind kind;
    int flags, least;
    bool spaces_only; /* SQUEEZE: U+0020 alone, not every blank */
    const char *from, *to;
    fab_charsmap map;
} fab_normal;

/* Splits a precompiled charsmap (u32 bytes of the trie, trie, texts) and checks it. */
bool fab_charsmap_parse(fab_charsmap *m, const void *data, size_t size, fab_err *err);

/* *text and *n become the normalised text, in the arena; untouched when nothing changes it. */
bool fab_normal_apply(const fab_normal *steps, int n_steps, fab_arena *a, const char **text,
                      size_t *n, fab_err *err);

#endif
