/* mt_words: how machine translation cuts a text for BLEU: sacrebleu's tokenizers, to the letter.
 * METEOR and CIDEr-D take the same words, lower-cased. */
#ifndef FAB_METRICS_MT_WORDS_H
#define FAB_METRICS_MT_WORDS_H

#include "metrics/word_table.h"

typedef enum {
    FAB_MT_13A,  /* mteval-v13a */
    FAB_MT_ZH,   /* characters of Chinese alone, the rest as 13a */
    FAB_MT_INTL, /* mteval-v14: by Unicode categories */
    FAB_MT_CHAR, /* every character but blanks */
    FAB_MT_NONE, /* at blanks: the text is tokenised already */
} fab_mt_kind;

bool fab_mt_named(const char *name, fab_mt_kind *kind, fab_err *err); /* 13a zh intl char none */
const char *fab_mt_name(fab_mt_kind kind);
bool fab_mt_has_cjk(const char *s, size_t n); /* any Han, kana or hangul character */

/* The words of s[0..n) into w (its buffers are used again), numbers by t. flags: FAB_MT_LOWER
 * lower-cases as Python's str.lower does letter by letter; FAB_MT_NO_MARKS drops words of
 * punctuation and symbols alone. */
enum { FAB_MT_LOWER = 1, FAB_MT_NO_MARKS = 2 };
bool fab_mt_words(fab_word_table *t, fab_word_row *w, fab_mt_kind kind, int flags, const char *s,
                  size_t n, fab_arena *scratch, fab_err *err);

#endif
