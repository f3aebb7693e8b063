/* stem: Porter's suffix stripping (An algorithm for suffix stripping, Program 14(3), 1980) in two
 * dialects. */
#ifndef FAB_TEXT_STEM_H
#define FAB_TEXT_STEM_H

#include <stddef.h>

typedef enum {
    FAB_STEM_NONE,
    FAB_STEM_PORTER, /* Porter's own later version (bli, logi): ROUGE-1.5.5, the lexicon */
    FAB_STEM_NLTK,   /* NLTK's default: rouge_score, METEOR */
} fab_stem;

/* Stems a word of n lower-case bytes in place; the new length, never more than n. */
size_t fab_porter(char *word, size_t n, fab_stem kind);

#endif
