/* mt_words: see mt_words.h. Each tokenizer is a few replacements over characters, one after the
 * other, then a split at blanks; a replacement looks at one character or at two in a row and puts
 * blanks around:
 *
 *   13a, zh  signs but ' , - .  ->  " x "
 *            no digit, then . or ,  ->  "x . "          . or , then no digit  ->  " . x"
 *            digit, then -  ->  "x - "
 *   intl     no number, then punctuation  ->  "x . "    punctuation, then no number  ->  " . x"      symbol  ->  " x "
 *
 * Two characters that matched are used up: the second is not the first of the next pair.
 */
#include "metrics/mt_words.h"

#include <string.h>
#include <utf8proc.h>

#include "text/utf8.h"

static const char *const names[] = { "13a", "zh", "intl", "char", "none" };

bool fab_mt_named(const char *name, fab_mt_kind *kind, fab_err *err)
{
    for (int i = 0; i <= FAB_MT_NONE; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *kind = (fab_mt_kind)i;
        return true;
    }
    return fab_fail(err, FAB_EUSAGE, "%s: no such tokenizer; 13a, zh, intl, char, none", name);
}

const char *fab_mt_name(fab_mt_kind kind) { return names[kind]; }

bool fab_mt_has_cjk(const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0; i < n;) {
        int len = fab_utf8_next(s + i, n - i, &cp);
        if (len > 1 && fab_is_cjk(cp)) return true;
        i += len ? (size_t)len : 1;
    }
    return false;
}

/* ---- characters ---- */

typedef struct {
    uint32_t *c;
    size_t n;
} chars;

static bool blank(uint32_t c) /* Python's str.isspace */
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool digit(uint32_t c) { return c >= '0' && c <= '9'; }
static bool no_digit(uint32_t c) { return !digit(c); }
static bool dash(uint32_t c) { return c == '-'; }
static bool stop_or_comma(uint32_t c) { return c == '.' || c == ','; }

static bool ascii_sign(uint32_t c)
{
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

static utf8proc_category_t category(uint32_t c) { return utf8proc_category((utf8proc_int32_t)c); }

static bool punctuation(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

static bool symbol(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_SM && k <= UTF8PROC_CATEGORY_SO;
}

static bool no_number(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k != UTF8PROC_CATEGORY_ND && k != UTF8PROC_CATEGORY_NL && k != UTF8PROC_CATEGORY_NO;
}

/* sacrebleu's ranges. The third and fourth are what its "\u20000" to "\u2a6d6" and "\u2f800" to
 * "\u2fa1d" come to: four hexadecimal digits and a character more. */
static bool zh_character(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        { 0x3400, 0x4db5 }, { 0x4e00, 0x9fbb }, { 0x2001, 0x2a6d }, { 0x2f81, 0x2fa1 },
        { 0xf900, 0xfa2d }, { 0xfa30, 0xfa6a }, { 0xfa70, 0xfad9 }, { 0xff00, 0xffef },
        { 0x2e80, 0x2eff }, { 0x3000, 0x303f }, { 0x31c0, 0x31ef }, { 0x2f00, 0x2fdf },
        { 0x2ff0, 0x2fff }, { 0x3100, 0x312f }, { 0x31a0, 0x31bf }, { 0xfe10, 0xfe1f },
        { 0xfe30, 0xfe4f }, { 0x2600, 0x27bf }, { 0x3200, 0x33ff },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

/* ---- replacements ---- */

typedef bool (*class_fn)(uint32_t c);
typedef struct {
    class_fn first, second; /* second NULL: " x " of every first */
    bool after;             /* "x . ", else " . x" */
} spacing;

/* out has room for 3 in.n. */
static chars space(chars in, uint32_t *out, const spacing *s)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        bool one = s->first(in.c[i]),
             two = s->second && one && i + 1 < in.n && s->second(in.c[i + 1]);
        bool before = two ? !s->after : one && !s->second;
        if (before) out[n++] = ' ';
        out[n++] = in.c[i];
        if (two) {
            out[n++] = ' ';
            out[n++] = in.c[++i];
        }
        if (two ? s->after : before) out[n++] = ' ';
    }
    return (chars){ out, n };
}

static bool space_all(chars *text, const spacing *s, int n, fab_arena *a, fab_err *err)
{
    for (int i = 0; i < n; i++) {
        if (text->n > SIZE_MAX / 16) return fab_fail(err, FAB_ELIMIT, "text is too long");
        uint32_t *out = fab_arena_take(a, (text->n * 3 + 1) * sizeof *out, err);
        if (!out) return false;
        *text = space(*text, out, &s[i]);
    }
    return true;
}

static size_t starts(const chars *t, size_t i, const char *what)
{
    size_t k = strlen(what);
    if (t->n - i < k) return 0;
    for (size_t j = 0; j < k; j++)
        if (t->c[i + j] != (uint8_t)what[j]) return 0;
    return k;
}

static void replace(chars *t, const char *from, const char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n;) {
        size_t k = starts(t, i, from);
        for (const char *x = k ? to : ""; *x; x++) t->c[n++] = (uint8_t)*x; /* never longer */
        if (!k) t->c[n++] = t->c[i];
        i += k ? k : 1;
    }
    t->n = n;
}

static const spacing western[] = { { ascii_sign, NULL, false },
                                   { no_digit, stop_or_comma, true },
                                   { stop_or_comma, no_digit, false },
                                   { digit, dash, true } },
                     chinese = { zh_character, NULL, false },
                     international[] = { { no_number, punctuation, true },
                                         { punctuation, no_number, false },
                                         { symbol, NULL, false } };

/* t has room for two blanks more. */
static bool cut_13a(chars *t, fab_arena *a, fab_err *err)
{
    static const char *const swaps[][2] = {
        { "<skipped>", "" }, { "-\n", "" },   { "\n", " " },   { "&quot;", "\"" },
        { "&amp;", "&" },    { "&lt;", "<" }, { "&gt;", ">" },
    };
    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) replace(t, swaps[i][0], swaps[i][1]);
    memmove(t->c + 1, t->c, t->n * sizeof *t->c);
    t->c[0] = t->c[t->n + 1] = ' ';
    t->n += 2;
    return space_all(t, western, 4, a, err);
}

static bool cut(chars *t, fab_mt_kind kind, fab_arena *a, fab_err *err)
{
    while (t->n && blank(t->c[t->n - 1])) t->n--;
    switch (kind) {
    case FAB_MT_13A: return cut_13a(t, a, err);
    case FAB_MT_ZH:
        while (t->n && blank(t->c[0])) t->c++, t->n--;
        return space_all(t, &chinese, 1, a, err) && space_all(t, western, 4, a, err);
    case FAB_MT_INTL: return space_all(t, international, 3, a, err);
    default: return true;
    }
}

/* ---- words ---- */

static bool put_word(fab_word_row *w, chars t, int flags, char *buf, fab_err *err)
{
    size_t n = 0;
    bool marks = true;
    for (size_t i = 0; i < t.n; i++) {
        uint32_t c = t.c[i];
        if (flags & FAB_MT_LOWER) c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
        marks = marks && (punctuation(c) || symbol(c));
        n += (size_t)fab_utf8_put(c, buf + n);
    }
    return (marks && flags & FAB_MT_NO_MARKS) || fab_word_row_put(w, buf, n, err);
}

static bool put_words(fab_word_row *w, chars t, fab_mt_kind kind, int flags, char *buf,
                      fab_err *err)
{
    for (size_t i = 0, from = 0; i <= t.n; i++) {
        bool ends = i == t.n || blank(t.c[i]);
        if (kind == FAB_MT_CHAR && !ends) {
            if (!put_word(w, (chars){ t.c + i, 1 }, flags, buf, err)) return false;
        } else if (ends) {
            if (kind != FAB_MT_CHAR && i > from &&
                !put_word(w, (chars){ t.c + from, i - from }, flags, buf, err))
                return false;
            from = i + 1;
        }
    }
    return true;
}

bool fab_mt_words(fab_word_table *table, fab_word_row *w, fab_mt_kind kind, int flags,
                  const char *s, size_t n, fab_arena *scratch, fab_err *err)
{
    fab_arena_mark before = fab_arena_save(scratch);
    fab_word_row_init(w, table);
    if (!fab_utf8_require(s, n, err)) return false;
    if (n > SIZE_MAX / 16) return fab_fail(err, FAB_ELIMIT, "text of %zu bytes", n);
    chars t = { fab_arena_take(scratch, (n + 2) * sizeof *t.c, err), 0 };
    if (!t.c) return false;
    for (size_t i = 0; i < n;) i += (size_t)fab_utf8_next(s + i, n - i, &t.c[t.n++]);
    bool ok = cut(&t, kind, scratch, err);
    char *buf = ok ? fab_arena_take(scratch, t.n * 4 + 4, err) : NULL;
    ok = buf && put_words(w, t, kind, flags, buf, err);
    fab_arena_release(scratch, before);
    return ok;
}
