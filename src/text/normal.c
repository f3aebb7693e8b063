/* normal: the steps of normal.h. Decomposition, composition, categories and lower case are
 * utf8proc's.
 *
 * The charsmap follows SentencePiece's normalizer.cc over darts-clone's double array: a unit is
 * 32 bits: bit 31 with a value below, or bits 0-7 label, 8 has a leaf, 9 and 10-30 offset.
 *
 *   child of node p with byte c: p ^= offset(unit[p]) ^ c, taken when label(unit[p]) == c;
 *   its leaf: unit[p ^ offset(unit[p])], whose low 31 bits are the value
 *
 * SentencePiece replaces the longest prefix in the trie, wherever it is. Hugging Face's Precompiled
 * takes the shortest prefix of a grapheme cluster of less than 6 bytes, else of each character. */
#include "text/normal.h"

#include <string.h>
#include <utf8proc.h>
#include "base/bytes.h"
#include "text/utf8.h"

typedef struct {
    char *s;
    size_t n, room;
    fab_arena *arena;
    fab_err *err;
    bool failed;
} buffer;

static void put(buffer *b, const char *s, size_t n)
{
    if (b->failed || !n) return;
    if (n > b->room - b->n) {
        size_t room = 2 * (b->room + n) + 16;
        char *wide = fab_arena_take(b->arena, room, b->err);
        if (!wide) {
            b->failed = true;
            return;
        }
        if (b->n) memcpy(wide, b->s, b->n);
        b->s = wide;
        b->room = room;
    }
    memcpy(b->s + b->n, s, n);
    b->n += n;
}

static void put_char(buffer *b, uint32_t cp)
{
    char out[4];
    put(b, out, (size_t)fab_utf8_put(cp, out));
}

/* --- categories --- */

static bool is_blank(uint32_t cp) { return fab_char_class_of(cp) == FAB_CHAR_SPACE; }

static bool is_mark(uint32_t cp)
{
    return cp >= 0x300 && utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_MN;
}

/* Mn, Mc, Me: StripAccents takes them all, BERT the first alone. */
static bool is_any_mark(uint32_t cp)
{
    utf8proc_category_t c =
        cp < 0x300 ? UTF8PROC_CATEGORY_CN : utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME;
}

static bool is_other(uint32_t cp) /* Cc, Cf, Cn, Co, Cs */
{
    if (cp < 0x80) return cp < 0x20 || cp == 0x7f;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS: return true;
    default: return false;
    }
}

/* The ideographs that BERT sets apart. Its ranges miss U+2B820 to 2B91F. */
static bool is_bert_han(uint32_t c)
{
    static const uint32_t ranges[][2] = { { 0x4e00, 0x9fff },   { 0x3400, 0x4dbf },
                                          { 0x20000, 0x2a6df }, { 0x2a700, 0x2b73f },
                                          { 0x2b740, 0x2b81f }, { 0x2b920, 0x2ceaf },
                                          { 0xf900, 0xfaff },   { 0x2f800, 0x2fa1f } };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

/* --- steps over characters --- */

static void lower(buffer *b, const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n && (len = (size_t)fab_utf8_next(s + i, n - i, &cp)); i += len) {
        if (cp == 0x130) put(b, "i\xcc\x87", 3); /* the one letter that becomes two */
        else put_char(b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
    }
}

static void strip_accents(buffer *b, const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n && (len = (size_t)fab_utf8_next(s + i, n - i, &cp)); i += len)
        if (!is_any_mark(cp)) put(b, s + i, len);
}

static void bert_accents(buffer *b, const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n && (len = (size_t)fab_utf8_next(s + i, n - i, &cp)); i += len)
        if (!is_mark(cp)) put(b, s + i, len);
}

static void bert_clean(buffer *b, const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n && (len = (size_t)fab_utf8_next(s + i, n - i, &cp)); i += len) {
        if (cp == '\t' || cp == '\n' || cp == '\r') put(b, " ", 1);
        else if (!cp || cp == 0xfffd || is_other(cp)) continue;
        else if (is_blank(cp)) put(b, " ", 1);
        else put(b, s + i, len);
    }
}

static void bert_han(buffer *b, const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n && (len = (size_t)fab_utf8_next(s + i, n - i, &cp)); i += len) {
        bool han = is_bert_han(cp);
        if (han) put(b, " ", 1);
        put(b, s + i, len);
        if (han) put(b, " ", 1);
    }
}

static void nmt(buffer *b, const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n && (len = (size_t)fab_utf8_next(s + i, n - i, &cp)); i += len) {
        if ((cp >= 1 && cp <= 8) || cp == 0xb || (cp >= 0xe && cp <= 0x1f) || cp == 0x7f ||
            cp == 0x8f || cp == 0x9f)
            continue;
        if (cp == 9 || cp == 0xa || cp == 0xc || cp == 0xd || cp == 0x1680 ||
            (cp >= 0x200b && cp <= 0x200f) || cp == 0x2028 || cp == 0x2029 || cp == 0x2581 ||
            cp == 0xfeff || cp == 0xfffd)
            put(b, " ", 1);
        else put(b, s + i, len);
    }
}

static void replace(buffer *b, const char *s, size_t n, const char *from, const char *to)
{
    size_t k = strlen(from), m = strlen(to), start = 0;
    for (size_t i = 0; k && i + k <= n;) {
        const char *at = memchr(s + i, from[0], n - i - k + 1);
        if (!at) break;
        i = (size_t)(at - s);
        if (memcmp(at, from, k) != 0) {
            i++;
            continue;
        }
        put(b, s + start, i - start);
        put(b, to, m);
        start = i += k;
    }
    put(b, s + start, n - start);
}

static void squeeze(buffer *b, const char *s, size_t n, const fab_normal *o)
{
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        size_t end = i;
        int run = 0;
        while (end < n && (len = (size_t)fab_utf8_next(s + end, n - end, &cp)) &&
               (o->spaces_only ? cp == ' ' : is_blank(cp)))
            end += len, run++;
        len = run ? end - i : (size_t)fab_utf8_next(s + i, n - i, &cp);
        if (!len) return;
        if (run && run >= o->least) put(b, o->to, strlen(o->to));
        else put(b, s + i, len);
    }
}

static bool strips(uint32_t cp, int flags)
{
    return flags & FAB_STRIP_SPACES ? cp == ' ' : is_blank(cp);
}

static void strip(const char **s, size_t *n, int flags)
{
    uint32_t cp;
    int len;

    while (flags & FAB_STRIP_LEFT && (len = fab_utf8_next(*s, *n, &cp)) && strips(cp, flags))
        *s += len, *n -= (size_t)len;
    while (flags & FAB_STRIP_RIGHT && *n) {
        size_t last = *n - 1;
        while (last && ((uint8_t)(*s)[last] & 0xc0) == 0x80) last--;
        if (!fab_utf8_next(*s + last, *n - last, &cp) || !strips(cp, flags)) return;
        *n = last;
    }
}

static void unicode_form(buffer *b, const char *s, size_t n, int options)
{
    utf8proc_ssize_t room = utf8proc_decompose((const uint8_t *)s, (utf8proc_ssize_t)n, NULL, 0,
                                               (utf8proc_option_t)options);
    utf8proc_int32_t *cps = NULL;

    if (room >= 0) cps = fab_arena_take(b->arena, ((size_t)room + 1) * sizeof *cps, b->err);
    else fab_fail(b->err, FAB_EFORMAT, "the text cannot be normalised");
    if (!cps || utf8proc_decompose((const uint8_t *)s, (utf8proc_ssize_t)n, cps, room,
                                   (utf8proc_option_t)options) != room) {
        b->failed = true;
        return;
    }
    utf8proc_ssize_t k = utf8proc_normalize_utf32(cps, room, (utf8proc_option_t)options);
    for (utf8proc_ssize_t i = 0; i < k; i++) put_char(b, (uint32_t)cps[i]);
}

/* --- the charsmap --- */

bool fab_charsmap_parse(fab_charsmap *m, const void *data, size_t size, fab_err *err)
{
    const uint8_t *p = data;
    uint32_t bytes = size >= 4 ? fab_le32(p) : 0;

    if (size < 4 || bytes > size - 4 || bytes % 4 || !bytes)
        return fab_fail(err, FAB_EFORMAT, "precompiled_charsmap: a trie of %u bytes in %zu",
                        (unsigned)bytes, size);
    *m = (fab_charsmap){ p + 4, bytes / 4, (const char *)p + 4 + bytes, size - 4 - bytes };
    if (m->n_text && m->text[m->n_text - 1])
        return fab_fail(err, FAB_EFORMAT, "precompiled_charsmap: its texts have no end");
    return true;
}

static uint32_t unit_offset(uint32_t u) { return (u >> 10) << ((u & 0x200) >> 6); }

static const char *leaf(const fab_charsmap *m, uint32_t at, uint32_t u)
{
    at ^= unit_offset(u);
    if (!(u >> 8 & 1) || at >= m->n_units) return NULL;
    uint32_t value = fab_le32(m->trie + 4 * (size_t)at) & 0x7fffffffu;
    return value < m->n_text ? m->text + value : NULL;
}

/* The replacement of a prefix of s[0..n), whose length is *used; NULL: none. */
static const char *charsmap_find(const fab_charsmap *m, const char *s, size_t n, size_t *used)
{
    uint32_t at = 0, u = fab_le32(m->trie);
    const char *found = NULL;

    at ^= unit_offset(u);
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)s[i];
        at ^= c;
        if (!c || at >= m->n_units) break;
        u = fab_le32(m->trie + 4 * (size_t)at);
        if ((u & 0x800000ffu) != c) break;
        const char *to = leaf(m, at, u);
        if (to) found = to, *used = i + 1;
        if (to && !m->longest) break;
        at ^= unit_offset(u);
    }
    return found;
}

static void charsmap_longest(buffer *b, const char *s, size_t n, const fab_charsmap *m)
{
    uint32_t cp;
    for (size_t i = 0, len = 0; i < n; i += len) {
        const char *to = charsmap_find(m, s + i, n - i, &len);
        if (to) put(b, to, strlen(to));
        else if (!(len = (size_t)fab_utf8_next(s + i, n - i, &cp))) return;
        else put(b, s + i, len);
    }
}

static void charsmap(buffer *b, const char *s, size_t n, const fab_charsmap *m)
{
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t state = 0;
        uint32_t cp = 0, next;
        size_t len = (size_t)fab_utf8_next(s + i, n - i, &cp), end = i + len;
        if (!len) return;
        for (size_t step; end < n; end += step, cp = next) { /* a grapheme cluster */
            step = (size_t)fab_utf8_next(s + end, n - end, &next);
            if (!step || utf8proc_grapheme_break_stateful((utf8proc_int32_t)cp,
                                                          (utf8proc_int32_t)next, &state))
                break;
        }
        const char *to = end - i < 6 ? charsmap_find(m, s + i, end - i, &len) : NULL;
        if (to) put(b, to, strlen(to));
        for (size_t step; !to && i < end; i += step) {
            step = (size_t)fab_utf8_next(s + i, n - i, &cp);
            const char *one = charsmap_find(m, s + i, step, &len);
            put(b, one ? one : s + i, one ? strlen(one) : step);
        }
        i = end;
    }
}

/* --- all of them --- */

static void bert(buffer *b, const char *s, size_t n, int flags)
{
    static const struct {
        int flag;
        void (*step)(buffer *, const char *, size_t);
    } steps[] = { { FAB_BERT_CLEAN, bert_clean },
                  { FAB_BERT_HAN, bert_han },
                  { FAB_BERT_ACCENTS, NULL },
                  { FAB_BERT_ACCENTS, bert_accents },
                  { FAB_BERT_LOWER, lower } };

    b->n = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (!(flags & steps[i].flag)) continue;
        buffer out = { .arena = b->arena, .err = b->err };
        if (steps[i].step) steps[i].step(&out, s, n);
        else unicode_form(&out, s, n, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE);
        if (out.failed) {
            b->failed = true;
            return;
        }
        s = out.s;
        n = out.n;
    }
    put(b, s, n);
}

/* Whether a step leaves text of ASCII as it is. */
static bool ascii_is_fine(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && (uint8_t)s[i] < 0x80) i++;
    return i == n;
}

static void apply(buffer *b, const fab_normal *o, const char *s, size_t n)
{
    static const int form[] = {
        [FAB_NORMAL_NFC] = UTF8PROC_COMPOSE | UTF8PROC_STABLE,
        [FAB_NORMAL_NFD] = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE,
        [FAB_NORMAL_NFKC] = UTF8PROC_COMPOSE | UTF8PROC_STABLE | UTF8PROC_COMPAT,
        [FAB_NORMAL_NFKD] = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_COMPAT,
    };

    switch (o->kind) {
    case FAB_NORMAL_NFC:
    case FAB_NORMAL_NFD:
    case FAB_NORMAL_NFKC:
    case FAB_NORMAL_NFKD: unicode_form(b, s, n, form[o->kind]); return;
    case FAB_NORMAL_LOWER: lower(b, s, n); return;
    case FAB_NORMAL_STRIP_ACCENTS: strip_accents(b, s, n); return;
    case FAB_NORMAL_REPLACE: replace(b, s, n, o->from, o->to); return;
    case FAB_NORMAL_SQUEEZE: squeeze(b, s, n, o); return;
    case FAB_NORMAL_PREPEND:
        put(b, o->to, strlen(o->to));
        put(b, s, n);
        return;
    case FAB_NORMAL_BERT: bert(b, s, n, o->flags); return;
    case FAB_NORMAL_NMT: nmt(b, s, n); return;
    case FAB_NORMAL_CHARSMAP:
        (o->map.longest ? charsmap_longest : charsmap)(b, s, n, &o->map);
        return;
    case FAB_NORMAL_STRIP: break; /* done in place */
    }
    put(b, s, n);
}

bool fab_normal_apply(const fab_normal *steps, int n_steps, fab_arena *a, const char **text,
                      size_t *n, fab_err *err)
{
    for (int i = 0; i < n_steps && *n; i++) {
        const fab_normal *o = &steps[i];
        if (o->kind == FAB_NORMAL_STRIP) {
            strip(text, n, o->flags);
            continue;
        }
        if (o->kind <= FAB_NORMAL_NFKD && ascii_is_fine(*text, *n)) continue;
        buffer b = { .arena = a, .err = err };
        apply(&b, o, *text, *n);
        if (b.failed) return false;
        *text = b.s ? b.s : "";
        *n = b.n;
    }
    return true;
}
