/* utf8: a hand-written decoder (the table of RFC 3629 section 4) and character classes by
 * utf8proc's categories. */
#include "text/utf8.h"

#include <string.h>
#include <utf8proc.h>

/* Length announced by a first byte, 0 for none; lo..hi is what the second byte may be. */
static int lead(uint8_t b, uint8_t *lo, uint8_t *hi)
{
    *lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    *hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    return b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
}

int fab_utf8_next(const char *s, size_t n, uint32_t *cp)
{
    const uint8_t *b = (const uint8_t *)s;
    uint8_t lo, hi;

    if (!n) return 0;
    int len = lead(b[0], &lo, &hi);
    if (len == 1) *cp = b[0];
    if (len <= 1) return len;
    if ((size_t)len > n || b[1] < lo || b[1] > hi) return 0;
    uint32_t v = b[0] & (0x7fu >> len);
    for (int i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (b[i] & 0x3fu);
    }
    *cp = v;
    return len;
}

int fab_utf8_missing(const char *s, size_t n)
{
    const uint8_t *b = (const uint8_t *)s;
    uint8_t lo, hi;

    if (!n) return 0;
    int len = lead(b[0], &lo, &hi);
    if (n >= (size_t)len) return 0;
    if (n > 1 && (b[1] < lo || b[1] > hi)) return 0;
    if (n > 2 && (b[2] & 0xc0) != 0x80) return 0;
    return len - (int)n;
}

int fab_utf8_put(uint32_t cp, char out[4])
{
    static const uint8_t first[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    int len = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;

    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) return 0;
    for (int i = len - 1; i > 0; i--, cp >>= 6) out[i] = (char)(uint8_t)(0x80 | (cp & 0x3f));
    out[0] = (char)(uint8_t)(first[len] | cp);
    return len;
}

size_t fab_utf8_check(const char *s, size_t n)
{
    size_t i = 0;
    uint32_t cp;

    while (i < n) {
        uint64_t w;
        while (n - i >= 8 && (memcpy(&w, s + i, 8), !(w & 0x8080808080808080u)))
            i += 8; /* ASCII, eight at once */
        if (i == n) break;
        int len = fab_utf8_next(s + i, n - i, &cp);
        if (!len) return i;
        i += (size_t)len;
    }
    return n;
}

bool fab_utf8_require(const char *s, size_t n, fab_err *err)
{
    size_t bad = fab_utf8_check(s, n);
    return bad == n || fab_fail(err, FAB_EFORMAT, "text is not UTF-8 at byte %zu (0x%02X)", bad,
                                (unsigned)(uint8_t)s[bad]);
}

size_t fab_utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    uint32_t cp;

    for (size_t i = 0; i < n; count++) {
        int len = fab_utf8_next(s + i, n - i, &cp);
        i += len ? (size_t)len : 1;
    }
    return count;
}

static bool is_han(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3fffd);
}

fab_char_class fab_char_class_of(uint32_t cp)
{
    if (cp < 0x80) {
        if ((cp | 32) >= 'a' && (cp | 32) <= 'z') return FAB_CHAR_LETTER;
        if (cp >= '0' && cp <= '9') return FAB_CHAR_DIGIT;
        return cp == ' ' || (cp >= 9 && cp <= 13) ? FAB_CHAR_SPACE : FAB_CHAR_OTHER;
    }
    if (is_han(cp)) return FAB_CHAR_HAN;
    if (cp == 0x85) return FAB_CHAR_SPACE;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return FAB_CHAR_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return FAB_CHAR_DIGIT;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return FAB_CHAR_SPACE;
    default: return FAB_CHAR_OTHER;
    }
}
