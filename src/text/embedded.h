/* embedded: data files that tools/embed.c wrote into the program. */
#ifndef FAB_TEXT_EMBEDDED_H
#define FAB_TEXT_EMBEDDED_H

#include <stddef.h>

extern const char fab_embedded_medical[]; /* lexicon/medical.tsv */
extern const size_t fab_embedded_medical_size;
extern const char fab_embedded_words_zh[]; /* lexicon/words_zh.tsv */
extern const size_t fab_embedded_words_zh_size;

#endif
