/* segment_atoms: where Han characters, words of other letters, numbers and units begin and end.
 *
 *     number   digits, a point or comma and digits, then % or nothing: 5, 3.5, 12,000, 90%
 *     unit     letters right after a number (a blank between them at most) that are in the table, also a/b: mm, mmol/L
 *     word     letters, then letters, digits, and hyphens or apostrophes inside: nodule, x-ray, T1, IL-6
 *     3D, 18F  digits with one or two letters behind that are no unit: one word
 */
#include <string.h>
#include <utf8proc.h>
#include "text/segment_impl.h"
#include "text/utf8.h"

typedef enum { BLANK, HAN, LETTER, DIGIT, MARK } class;

static const char *const units[] = {
    "mm",   "cm",   "km",   "nm",  "um",   "μm",  "µm",    "ml",  "dl",  "ul",   "μl",
    "fl",   "pg",   "kg",   "mg",  "ug",   "μg",  "ng",    "mcg", "mol", "mmol", "umol",
    "μmol", "nmol", "pmol", "hu",  "mmhg", "kpa", "cmh2o", "bpm", "min", "ms",   "hz",
    "khz",  "mhz",  "iu",   "miu", "gy",   "cgy", "msv",   "mgy", "kv",  "kvp",  "ma",
    "mas",  "kcal", "kj",   "meq", "cc",   "mci", "mbq",   "mv",  "db",
};

/* The character at s (n > 0), its length and class; full-width forms as the half-width ones. */
static class look(const char *s, size_t n, size_t *len, uint32_t *c)
{
    uint8_t b = (uint8_t)*s;

    *len = 1;
    *c = b;
    if (b >= 0x80) {
        int k = fab_utf8_next(s, n, c);
        if (!k) return MARK;
        *len = (size_t)k;
        if (*c >= 0x4e00 && *c <= 0x9fff) return HAN;
        if (*c >= 0x3001 && *c <= 0x303f) return *c == 0x3007 ? HAN : MARK;
        if (*c == 0x3000) return BLANK;
        if (*c >= 0xff01 && *c <= 0xff5e) *c -= 0xfee0;
        else {
            static const class by[] = { MARK, LETTER, DIGIT, BLANK, HAN };
            return by[fab_char_class_of(*c)];
        }
    }
    uint32_t low = *c | 0x20;
    if (low >= 'a' && low <= 'z') return LETTER;
    if (*c >= '0' && *c <= '9') return DIGIT;
    return *c == ' ' || (*c >= 9 && *c <= 13) ? BLANK : MARK;
}

int32_t seg_han_code(const fab_segmenter *s, uint32_t c) { return c < 0x10000 ? s->code_of[c] : 0; }

size_t seg_fold(const char *s, size_t n, char *to, size_t room)
{
    size_t out = 0, len;
    uint32_t c;

    for (size_t at = 0; at < n; at += len) {
        if (out + 4 > room) return 0;
        look(s + at, n - at, &len, &c);
        out += (size_t)fab_utf8_put((uint32_t)utf8proc_tolower((int32_t)c), to + out);
    }
    return out;
}

static size_t run_of(const char *s, size_t n, size_t at, class a, class b)
{
    size_t len;
    uint32_t c;

    for (; at < n; at += len) {
        class k = look(s + at, n - at, &len, &c);
        if (k != a && k != b) break;
    }
    return at;
}

static bool is_mark(const char *s, size_t n, size_t at, const char *among, size_t *len)
{
    uint32_t c;

    if (at >= n || look(s + at, n - at, len, &c) != MARK || !c || c >= 0x80) return false;
    return (*len == 1 || c == '%') && strchr(among, (int)c); /* a full-width comma parts numbers */
}

static class class_at(const char *s, size_t n, size_t at)
{
    size_t len;
    uint32_t c;

    return at < n ? look(s + at, n - at, &len, &c) : BLANK;
}

static size_t number_end(const char *s, size_t n, size_t at)
{
    size_t len;

    at = run_of(s, n, at, DIGIT, DIGIT);
    while (is_mark(s, n, at, ".,", &len) && class_at(s, n, at + len) == DIGIT) {
        size_t end = run_of(s, n, at + len, DIGIT, DIGIT);
        if (s[at] == ',' && end - at - len != 3) break;
        at = end;
    }
    return is_mark(s, n, at, "%", &len) ? at + len : at;
}

static size_t word_end(const char *s, size_t n, size_t at)
{
    size_t len;

    for (;;) {
        at = run_of(s, n, at, LETTER, DIGIT);
        if (!is_mark(s, n, at, "-'", &len)) return at;
        class k = class_at(s, n, at + len);
        if (k != LETTER && k != DIGIT) return at;
        at += len;
    }
}

static bool is_unit(const char *s, size_t n)
{
    char folded[16];

    if (n == 1) return strchr("mlghsdLTUWV", *s); /* 3D is no three days */
    size_t k = n <= sizeof folded ? seg_fold(s, n, folded, sizeof folded) : 0;

    for (size_t i = 0; k && i < sizeof units / sizeof *units; i++)
        if (strlen(units[i]) == k && !memcmp(units[i], folded, k)) return true;
    return false;
}

/* Behind the unit that begins at `at`; `at` when there is none. */
static size_t unit_end(const char *s, size_t n, size_t at)
{
    size_t end = run_of(s, n, at, LETTER, LETTER), len;

    if (class_at(s, n, end) == DIGIT || !is_unit(s + at, end - at)) return at;
    if (is_mark(s, n, end, "/", &len)) {
        size_t below = run_of(s, n, end + len, LETTER, LETTER);
        if (is_unit(s + end + len, below - end - len)) return below;
    }
    return end;
}

static void put_latin(const fab_segmenter *s, const char *text, size_t at, size_t end,
                      fab_word_kind kind, seg_atom *a)
{
    char folded[64];
    size_t n = end - at <= sizeof folded ? seg_fold(text + at, end - at, folded, sizeof folded) : 0;
    int32_t i = n ? fab_strtab_find(&s->latin, folded, n) : -1;

    *a = (seg_atom){ (uint32_t)at, (uint32_t)(end - at), i < 0 ? 0 : s->n_han + 1 + i, kind };
}

/* What begins with a letter or digit at `at`: one atom, or number and unit; how many, *end behind
 * them. */
static size_t read_latin(const fab_segmenter *s, const char *text, size_t n, size_t at,
                         bool after_number, seg_atom a[2], size_t *end)
{
    if (class_at(text, n, at) == LETTER) {
        size_t unit = after_number ? unit_end(text, n, at) : at;
        *end = unit > at ? unit : word_end(text, n, at);
        put_latin(s, text, at, *end, unit > at ? FAB_WORD_UNIT : FAB_WORD_LATIN, a);
        return 1;
    }
    size_t digits = number_end(text, n, at), unit = unit_end(text, n, digits);
    size_t letters = run_of(text, n, digits, LETTER, LETTER);
    *end = digits;
    if (unit == digits && letters > digits && letters - digits <= 2) {
        *end = run_of(text, n, letters, LETTER, DIGIT);
        put_latin(s, text, at, *end, FAB_WORD_LATIN, a);
        return 1;
    }
    put_latin(s, text, at, digits, FAB_WORD_NUMBER, a);
    if (unit == digits) return 1;
    *end = unit;
    put_latin(s, text, digits, unit, FAB_WORD_UNIT, a + 1);
    return 2;
}

size_t seg_atoms(const fab_segmenter *s, const char *text, size_t n, size_t *at, seg_atom *atoms,
                 size_t room, size_t *mark)
{
    size_t m = 0, p = *at, len;
    bool after_number = false;
    uint32_t c;

    *mark = 0;
    while (p < n && m + 2 <= room) {
        class k = look(text + p, n - p, &len, &c);
        if (k == HAN) {
            atoms[m++] = (seg_atom){ (uint32_t)p, (uint32_t)len, seg_han_code(s, c), FAB_WORD_HAN };
            p += len;
            after_number = false;
        } else if (k == LETTER || k == DIGIT) {
            m += read_latin(s, text, n, p, after_number, atoms + m, &p);
            after_number = atoms[m - 1].kind == FAB_WORD_NUMBER;
        } else if (k == MARK) {
            *mark = len;
            break;
        } else {
            p += len;
            if (m && !(after_number && c == ' ')) break;
        }
    }
    *at = p;
    return m;
}
