/* utf8: strict UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
#ifndef FAB_TEXT_UTF8_H
#define FAB_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Decodes the character at s (n bytes left): its length 1..4 and *cp; 0 when the bytes are no
 * character (or n is 0). */
int fab_utf8_next(const char *s, size_t n, uint32_t *cp);

/* Bytes that a character beginning like this still lacks: > 0 when s[0..n) is a proper start cut
 * short, else 0. */
int fab_utf8_missing(const char *s, size_t n);

int fab_utf8_put(uint32_t cp, char out[4]); /* encodes; the length 1..4, 0 for no character */

/* Offset of the first byte that is not UTF-8; n when all is well. */
size_t fab_utf8_check(const char *s, size_t n);
bool fab_utf8_require(const char *s, size_t n,
                      fab_err *err); /* the same as an error: "not UTF-8 at byte 7 (0xFF)" */
size_t fab_utf8_count(const char *s, size_t n); /* characters; a broken byte counts as one */

typedef enum {
    FAB_CHAR_OTHER,
    FAB_CHAR_LETTER,
    FAB_CHAR_DIGIT,
    FAB_CHAR_SPACE,
    FAB_CHAR_HAN
} fab_char_class;

/* The classes pre-tokenizers cut by: \p{L} (Han apart), \p{N}, \s (White_Space), other. Han = CJK
 * ideographs: U+3400- 4DBF, 4E00-9FFF, F900-FAFF, 20000-3FFFD. */
fab_char_class fab_char_class_of(uint32_t cp);

#endif
