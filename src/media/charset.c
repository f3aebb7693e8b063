/* charset: single-byte sets, GB18030, GBK, UTF-8, and ISO 2022 code extensions.
 *
 *   bytes below 0x80 are read by G0, others by G1; ESC sequences switch one of them; delimiters
 *   switch both back
 *
 *   -> G0   ESC ( B  ASCII      ESC ( J    romaji      ESC $ B    JIS X 0208   ESC $ ( D  JIS X 0212
 *   -> G1   ESC ) I  katakana   ESC $ ) C  KS X 1001   ESC $ ) A  GB 2312      ESC - x    ISO 8859
 *
 * JIS pieces are turned into EUC-JP, KS X 1001 and GB 2312 already are EUC-KR and GBK: iconv(3)
 * does the rest.
 */
#include "media/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <threads.h>

typedef enum { ASCII, LATIN, KATAKANA, JIS_X0208, JIS_X0212, TWO_BYTES } kind;

/* A set that can be in G0 or G1. escape: what follows ESC. term: the number in "ISO_IR 100", "ISO
 * 2022 IR 100". */
typedef struct {
    const char *escape, *term, *encoding;
    kind kind;
} set;

static const set sets[] = {
    { "(B", "6", NULL, ASCII },
    { "(J", "14", NULL, ASCII },
    { ")I", "13", "EUC-JP", KATAKANA },
    { "$B", "87", "EUC-JP", JIS_X0208 },
    { "$(D", "159", "EUC-JP", JIS_X0212 },
    { "$)C", "149", "EUC-KR", TWO_BYTES },
    { "$)A", "58", "GBK", TWO_BYTES },
    { "-A", "100", "ISO-8859-1", LATIN },
    { "-B", "101", "ISO-8859-2", LATIN },
    { "-C", "109", "ISO-8859-3", LATIN },
    { "-D", "110", "ISO-8859-4", LATIN },
    { "-L", "144", "ISO-8859-5", LATIN },
    { "-G", "127", "ISO-8859-6", LATIN },
    { "-F", "126", "ISO-8859-7", LATIN },
    { "-H", "138", "ISO-8859-8", LATIN },
    { "-M", "148", "ISO-8859-9", LATIN },
    { "-b", "203", "ISO-8859-15", LATIN },
    { "-T", "166", "TIS-620", LATIN },
};
enum { N_SETS = sizeof sets / sizeof *sets, ESCAPE = 0x1b };

/* Handles that stay open keep the C library's modules in memory; conversions open their own. */
static iconv_t open_handles[N_SETS + 1];

static void load_all(void)
{
    for (int i = 0; i < N_SETS; i++)
        open_handles[i] = iconv_open("UTF-8", sets[i].encoding ? sets[i].encoding : "ASCII");
    open_handles[N_SETS] = iconv_open("UTF-8", "GB18030");
}

bool fab_charset_load(void)
{
    static once_flag once = ONCE_FLAG_INIT;
    call_once(&once, load_all);
    for (int i = 0; i <= N_SETS; i++)
        if (open_handles[i] == (iconv_t)-1) return false;
    return true;
}

/* --- output: UTF-8 of the wanted value --- */

typedef struct {
    char *out;
    size_t size, used; /* used < size */
    int skip;          /* backslashes still to pass */
} sink;

static size_t utf8_length(const unsigned char *s, size_t left)
{
    unsigned char c = s[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xc2 && c < 0xe0 ? 2
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 0;
    if (!n || n > left) return 0;
    for (size_t k = 1; k < n; k++)
        if ((s[k] & 0xc0) != 0x80) return 0;
    unsigned char d = n > 1 ? s[1] : 0;
    bool overlong = (c == 0xe0 && d < 0xa0) || (c == 0xf0 && d < 0x90);
    return overlong || (c == 0xed && d > 0x9f) || (c == 0xf4 && d > 0x8f) ? 0 : n;
}

static void put(sink *s, const char *bytes, size_t n)
{
    if (s->skip) return;
    if (n >= s->size - s->used)
        s->size = s->used + 1; /* full: shorter characters after it must not slip in */
    if (n >= s->size - s->used) return;
    memcpy(s->out + s->used, bytes, n);
    s->used += n;
}

/* Anything may come in; valid UTF-8 without control characters goes out. */
static void put_utf8(sink *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)bytes[i];
        size_t k = utf8_length((const unsigned char *)bytes + i, n - i);
        if (c == '\\') s->skip--;
        if (s->skip < 0) s->skip = 1 << 30; /* the wanted value has ended */
        if (!k) put(s, "\xef\xbf\xbd", 3);
        else if (c >= 0x20 && c != 0x7f && c != '\\') put(s, bytes + i, k);
        i += k ? k : 1;
    }
}

static void convert(sink *s, const char *encoding, const char *bytes, size_t n)
{
    iconv_t cd = iconv_open("UTF-8", encoding);
    if (cd == (iconv_t)-1) {
        put_utf8(s, bytes, n);
        return;
    }
    char *in = (char *)(uintptr_t)bytes; /* iconv's prototype lacks a const */
    while (n) {
        char buffer[256], *out = buffer;
        size_t room = sizeof buffer, got = iconv(cd, &in, &n, &out, &room);
        int why = errno;
        put_utf8(s, buffer, (size_t)(out - buffer));
        if (got != (size_t)-1 || why == E2BIG) continue;
        put(s, "\xef\xbf\xbd", 3);
        in++, n--;
    }
    iconv_close(cd);
}

/* --- code extensions --- */

typedef struct {
    const set *g0, *g1; /* NULL: nothing there */
} state;

/* The set named by one term, "ISO_IR 100" or "ISO 2022 IR 100". */
static const set *term_set(const char *term, size_t n)
{
    while (n && term[n - 1] == ' ') n--;
    size_t digits = 0;
    while (digits < n && term[n - 1 - digits] >= '0' && term[n - 1 - digits] <= '9') digits++;
    for (int i = 0; i < N_SETS; i++)
        if (strlen(sets[i].term) == digits && !memcmp(sets[i].term, term + n - digits, digits))
            return &sets[i];
    return NULL;
}

static state first_state(const char *terms)
{
    const set *t = term_set(terms, strcspn(terms, "\\"));
    state s = { NULL, NULL };
    if (t && t->kind != ASCII && t->kind != JIS_X0208 && t->kind != JIS_X0212) s.g1 = t;
    return s;
}

/* Follows the escape sequence after ESC; returns its length, 0 when it is unknown. */
static size_t escape(state *s, const char *p, size_t left)
{
    for (int i = 0; i < N_SETS; i++) {
        size_t n = strlen(sets[i].escape);
        if (n > left || memcmp(p, sets[i].escape, n)) continue;
        bool to_g1 = sets[i].kind == KATAKANA || sets[i].kind == LATIN || sets[i].kind == TWO_BYTES;
        if (to_g1) s->g1 = &sets[i];
        else s->g0 = sets[i].kind == ASCII ? NULL : &sets[i];
        return n;
    }
    return 0;
}

static bool in_set(unsigned char c, const set *g)
{
    return g && (c & 0x7f) > 0x20 && (c & 0x7f) < 0x7f && c != ESCAPE;
}

/* One character of a set that EUC-JP or EUC-KR or GBK encodes; returns the bytes taken. */
static size_t one_character(sink *s, const set *g, const char *p, size_t left)
{
    char euc[3];
    size_t n = 0, taken = g->kind == KATAKANA ? 1 : 2;
    if (taken > left) taken = left;
    if (g->kind == KATAKANA) euc[n++] = (char)0x8e;
    if (g->kind == JIS_X0212) euc[n++] = (char)0x8f;
    for (size_t i = 0; i < taken; i++) euc[n++] = (char)(p[i] | 0x80);
    convert(s, g->encoding, euc, n);
    return taken;
}

static size_t high_run(const char *p, size_t left)
{
    size_t n = 0;
    while (n < left && (unsigned char)p[n] >= 0x80) n++;
    return n;
}

static void convert_extended(sink *s, const char *terms, const char *p, size_t size, bool is_name)
{
    state now = first_state(terms);
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)p[i];
        size_t left = size - i, taken = 1;
        if (c == ESCAPE) {
            taken += escape(&now, p + i + 1, left - 1);
        } else if (c < 0x80 && in_set(c, now.g0)) {
            taken = one_character(s, now.g0, p + i, left);
        } else if (c < 0x80) {
            if (c == '\\' || c < 0x20 || (is_name && (c == '^' || c == '=')))
                now = first_state(terms);
            put_utf8(s, p + i, 1);
        } else if (now.g1 && now.g1->kind != LATIN && in_set(c, now.g1)) {
            taken = one_character(s, now.g1, p + i, left);
        } else {
            taken = high_run(p + i, left);
            if (now.g1 && now.g1->kind == LATIN) convert(s, now.g1->encoding, p + i, taken);
            else put_utf8(s, p + i, taken);
        }
        i += taken;
    }
}

static bool names_term(const char *terms, const char *term)
{
    return !strncmp(terms, term, strlen(term));
}

bool fab_charset_utf8(const char *terms, const char *bytes, size_t size, bool is_name, int index,
                      char *out, size_t out_size)
{
    sink s = { out, out_size, 0, index };
    if (names_term(terms, "GB18030") || names_term(terms, "GBK"))
        convert(&s, "GB18030", bytes, size); /* a superset */
    else if (names_term(terms, "ISO_IR 192")) put_utf8(&s, bytes, size);
    else convert_extended(&s, terms, bytes, size, is_name);
    while (s.used && (out[s.used - 1] == ' ' || (is_name && out[s.used - 1] == '='))) s.used--;
    out[s.used] = 0;
    size_t spaces = strspn(out, " ");
    memmove(out, out + spaces, s.used - spaces + 1);
    return out[0] != 0;
}
