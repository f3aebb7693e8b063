/* cut: how normalised text is cut into the words that a model sees: a list of steps, as
 * tokenizer.json's pre_tokenizer names them; each cuts the words of the one before. */
#ifndef FAB_TEXT_CUT_H
#define FAB_TEXT_CUT_H

#include "base/arena.h"
#include "text/pretoken.h"

typedef enum {
    FAB_CUT_PATTERN,     /* a regular expression of pretoken.h, everything kept */
    FAB_CUT_CLIP,        /* CLIP's: letters, single digits, signs, contractions; blanks dropped */
    FAB_CUT_METASPACE,   /* spaces become U+2581, a word begins at each */
    FAB_CUT_BLANKS,      /* at blanks, which are dropped (WhitespaceSplit) */
    FAB_CUT_WORDS,       /* \w+|[^\w\s]+ , blanks dropped (Whitespace) */
    FAB_CUT_BERT,        /* at blanks, dropped, and around punctuation */
    FAB_CUT_PUNCTUATION, /* around punctuation */
    FAB_CUT_DIGITS,      /* around digits: each, or a run (flag runs) */
    FAB_CUT_SPACES, /* at U+0020: dropped, or (flag keep) going with the word after or before */
} fab_cut_kind;

typedef enum { FAB_SPACE_DROPPED, FAB_SPACE_ALONE, FAB_SPACE_AFTER, FAB_SPACE_BEFORE } fab_space_at;
typedef enum { FAB_PREPEND_NEVER, FAB_PREPEND_FIRST, FAB_PREPEND_ALWAYS } fab_prepend;

typedef struct {
    fab_cut_kind kind;
    fab_pretoken pattern;
    fab_prepend prepend; /* METASPACE: a U+2581 goes before; PATTERN: a space (ByteLevel) */
    fab_space_at space;  /* SPACES: AFTER: at the end of the word before it */
    bool runs;           /* DIGITS */
    bool whole;          /* METASPACE: spaces become U+2581 and nothing is cut */
} fab_cut;

/* Length of the first piece of s[0..n), n > 0; *kept is false when it is dropped. Never 0. Not for
 * METASPACE, whose text must be made by fab_cut_text first (then it cuts before each U+2581). */
size_t fab_cut_next(const fab_cut *c, const char *s, size_t n, bool *kept);

/* The text that a step cuts: with what it puts before and in place of spaces; in the arena when it
 * differs. first: the piece begins the whole text. */
bool fab_cut_text(const fab_cut *c, fab_arena *a, bool first, const char **s, size_t *n,
                  fab_err *err);

#endif
