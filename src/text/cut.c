/* cut: the steps of cut.h, each as "how long is the next piece". */
#include "text/cut.h"

#include <string.h>
#include <utf8proc.h>
#include "text/utf8.h"

#define META "\xe2\x96\x81" /* U+2581 */

typedef enum { BLANK, WORD, SIGN, DIGIT } kind_of; /* what a step tells apart */

static bool is_punctuation(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= 33 && cp <= 47) || (cp >= 58 && cp <= 64) || (cp >= 91 && cp <= 96) ||
               (cp >= 123 && cp <= 126);
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
    }
}

/* \w: letters, marks, digits, connectors, joiners. */
static bool is_word(uint32_t cp)
{
    if (cp == 0x200c || cp == 0x200d) return true;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return cp >= 0x24b6 && cp <= 0x24e9; /* circled letters are alphabetic */
    }
}

static kind_of classify(const fab_cut *c, uint32_t cp)
{
    fab_char_class k = fab_char_class_of(cp);

    if (c->kind == FAB_CUT_DIGITS) return k == FAB_CHAR_DIGIT ? DIGIT : WORD;
    if (c->kind == FAB_CUT_PUNCTUATION) return is_punctuation(cp) ? SIGN : WORD;
    if (k == FAB_CHAR_SPACE) return BLANK;
    if (c->kind == FAB_CUT_BLANKS) return WORD;
    if (c->kind == FAB_CUT_BERT) return is_punctuation(cp) ? SIGN : WORD;
    if (c->kind == FAB_CUT_WORDS) return is_word(cp) ? WORD : SIGN;
    return k == FAB_CHAR_DIGIT ? DIGIT : k == FAB_CHAR_OTHER ? SIGN : WORD; /* CLIP */
}

/* Whether pieces of that kind are one character long. */
static bool single(const fab_cut *c, kind_of k)
{
    if (k == SIGN) return c->kind == FAB_CUT_BERT || c->kind == FAB_CUT_PUNCTUATION;
    return k == DIGIT && !c->runs;
}

/* A run of one kind. */
static size_t run(const fab_cut *c, const char *s, size_t n, bool *kept)
{
    uint32_t cp = 0;
    size_t at = (size_t)fab_utf8_next(s, n, &cp), len;
    kind_of k = classify(c, cp);

    *kept = k != BLANK;
    if (!at) return n;
    while (!single(c, k) && at < n && (len = (size_t)fab_utf8_next(s + at, n - at, &cp)) &&
           classify(c, cp) == k)
        at += len;
    return at;
}

/* 's|'t|'re|'ve|'m|'ll|'d before anything else; text comes in lower case. */
static size_t clip(const fab_cut *c, const char *s, size_t n, bool *kept)
{
    static const char *const ends[] = { "s", "t", "re", "ve", "m", "ll", "d" };
    static const char *const marks[] = { "<|startoftext|>", "<|endoftext|>" };

    *kept = true;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t k = strlen(marks[i]);
        if (n >= k && !memcmp(s, marks[i], k)) return k;
    }
    for (size_t i = 0; s[0] == '\'' && i < sizeof ends / sizeof *ends; i++) {
        size_t k = strlen(ends[i]);
        if (n > k && !memcmp(s + 1, ends[i], k)) return k + 1;
    }
    return run(c, s, n, kept);
}

/* Up to the next mark that begins a word. */
static size_t metaspace(const char *s, size_t n)
{
    for (size_t i = 1; i + 3 <= n; i++)
        if (!memcmp(s + i, META, 3)) return i;
    return n;
}

static size_t spaces(const fab_cut *c, const char *s, size_t n, bool *kept)
{
    const char *at = memchr(s, ' ', n);
    size_t i = at ? (size_t)(at - s) : n;

    *kept = true;
    switch (c->space) {
    case FAB_SPACE_AFTER: return i < n ? i + 1 : n;
    case FAB_SPACE_BEFORE:
        if (i) return i;
        at = n > 1 ? memchr(s + 1, ' ', n - 1) : NULL;
        return at ? (size_t)(at - s) : n;
    default: *kept = i > 0 || c->space == FAB_SPACE_ALONE; return i ? i : 1;
    }
}

size_t fab_cut_next(const fab_cut *c, const char *s, size_t n, bool *kept)
{
    *kept = true;
    switch (c->kind) {
    case FAB_CUT_PATTERN: return fab_pretoken_next(c->pattern, s, n);
    case FAB_CUT_METASPACE: return c->whole ? n : metaspace(s, n);
    case FAB_CUT_CLIP: return clip(c, s, n, kept);
    case FAB_CUT_SPACES: return spaces(c, s, n, kept);
    default: return run(c, s, n, kept);
    }
}

bool fab_cut_text(const fab_cut *c, fab_arena *a, bool first, const char **s, size_t *n,
                  fab_err *err)
{
    bool meta = c->kind == FAB_CUT_METASPACE;
    const char *with = meta ? META : " ";
    size_t k = strlen(with), extra = 0, len = 0;

    if (c->prepend == FAB_PREPEND_ALWAYS || (c->prepend == FAB_PREPEND_FIRST && first))
        extra = *n && (*s)[0] == ' ' ? 0 : *n >= k && !memcmp(*s, with, k) ? 0 : k;
    if (!meta && !extra) return true;
    char *out = fab_arena_take(a, extra + 3 * *n + 1, err);
    if (!out) return false;
    if (extra) memcpy(out, with, len = k);
    for (size_t i = 0; i < *n; i++) {
        bool space = meta && (*s)[i] == ' ';
        if (space) memcpy(out + len, META, 3);
        else out[len] = (*s)[i];
        len += space ? 3 : 1;
    }
    *s = out;
    *n = len;
    return true;
}
