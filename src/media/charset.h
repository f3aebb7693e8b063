/* charset: DICOM text to UTF-8 (PS3.3 C.12.1.1.2, PS3.5 6.1). DCMTK's own conversion asks for
 * encodings that the GNU C library does not have (ISO-IR-87: every Japanese name), so escape
 * sequences are followed here. */
#ifndef FAB_MEDIA_CHARSET_H
#define FAB_MEDIA_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

/* Loads the C library's converters, once, before a sandbox is entered: a child cannot open files.
 * False when the C library lacks one; its characters then become U+FFFD. */
bool fab_charset_load(void);

/* terms: the value of Specific Character Set (0008,0005), "" when absent. is_name: code extensions
 * also end at ^ and =. out takes value number `index` (backslash-separated), without control
 * characters and spaces at its ends, cut to fit at a character's end; what the character set does
 * not know becomes U+FFFD. False and out = "" when that is empty. */
bool fab_charset_utf8(const char *terms, const char *bytes, size_t size, bool is_name, int index,
                      char *out, size_t out_size);

#endif
