/* stem: Porter's suffix stripping (M. F. Porter, An algorithm for suffix stripping, Program 14(3), 1980) with the two
 * departures of its author's later C version (bli -> ble, logi -> log). */
#ifndef FAB_TEXT_STEM_H
#define FAB_TEXT_STEM_H

#include <stddef.h>

/* Stems word[0, n), lower-case a-z, in place; the new length. Other bytes count as consonants. */
size_t fab_stem_word(char *word, size_t n);

#endif
