/* pretoken: the four patterns of pretoken.h as scans. A regular expression's alternatives are tried
 * in order, each greedy; the comments give the alternative that a branch is. `\s+(?!\S)` gives back
 * the last space of a run before a word, so that the space goes with the word.
 *
 * gpt-2 and llama-3 know no Han class: to them Han is a letter, which is what \p{L} says. */
#include "text/pretoken.h"

#include <string.h>
#include "text/utf8.h"

#define HAN "\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}\\x{F900}-\\x{FAFF}\\x{20000}-\\x{3FFFD}"
#define MODERN(digits)                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                           \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct {
    const char *name, *regex;
} patterns[FAB_PRES] = {
    [FAB_PRE_GPT2] = { "gpt-2", NULL },
    [FAB_PRE_LLAMA3] = { "llama-bpe", MODERN("\\p{N}{1,3}") },
    [FAB_PRE_QWEN2] = { "qwen2", MODERN("\\p{N}") },
    [FAB_PRE_FABRICA] = { "fabrica", "'(?:s|t|re|ve|m|ll|d)| ?[\\p{L}&&[^" HAN "]]+|[" HAN
                                     "]+|\\p{N}| ?[^\\s\\p{L}\\p{N}" HAN "]+|\\s+(?!\\S)|\\s+" },
};

typedef struct {
    fab_char_class cls;
    size_t len; /* 0 at the end of the text */
} unit;

static unit look(fab_pretoken p, const char *s, size_t n)
{
    uint32_t cp = 0;
    int len = fab_utf8_next(s, n, &cp);

    if (!len)
        return (unit){ FAB_CHAR_OTHER,
                       n ? 1 : 0 }; /* a broken byte cannot come here; do not loop if it does */
    fab_char_class c = fab_char_class_of(cp);
    if (c == FAB_CHAR_HAN && p != FAB_PRE_FABRICA) c = FAB_CHAR_LETTER;
    return (unit){ c, (size_t)len };
}

/* End of the run of class c that starts at `at`; at most `most` characters. */
static size_t run(fab_pretoken p, const char *s, size_t n, size_t at, fab_char_class c, int most)
{
    for (unit u; most-- && (u = look(p, s + at, n - at)).len && u.cls == c;) at += u.len;
    return at;
}

/* 's 't 'm 'd 're 've 'll; fold: also in capitals (and the long s, which folds to s). 0: none. */
static size_t contraction(const char *s, size_t n, bool fold)
{
    static const char *const two[] = { "re", "ve", "ll" };

    if (n < 2 || s[0] != '\'') return 0;
    char a = (char)(fold ? s[1] | 32 : s[1]), b = n > 2 ? (char)(fold ? s[2] | 32 : s[2]) : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (a == two[i][0] && b == two[i][1]) return 3;
    return fold && n > 2 && !memcmp(s + 1, "\xc5\xbf", 2) ? 3 : 0;
}

/* \s+(?!\S)|\s+ for a run that ends at `end` */
static size_t blanks(fab_pretoken p, const char *s, size_t n, size_t end)
{
    size_t last = 0;

    if (end == n) return end;
    for (size_t i = 0; i < end; i += look(p, s + i, n - i).len) last = i;
    return last ? last : end;
}

static size_t next_gpt2(fab_pretoken p, const char *s, size_t n)
{
    size_t at = contraction(s, n, false);
    if (at) return at;

    bool ours = p == FAB_PRE_FABRICA;
    unit first = look(p, s, n), u = first;
    if (s[0] == ' ' && n > 1) { /* " ?" of a word */
        u = look(p, s + 1, n - 1);
        at = 1;
    }
    switch (u.cls) {
    case FAB_CHAR_LETTER:
    case FAB_CHAR_OTHER: return run(p, s, n, at, u.cls, -1);
    case FAB_CHAR_DIGIT:
        if (!ours) return run(p, s, n, at, u.cls, -1);
        return at ? at : u.len; /* \p{N}: the space before a number stands alone */
    case FAB_CHAR_HAN: return at ? at : run(p, s, n, 0, FAB_CHAR_HAN, -1);
    default: return blanks(p, s, n, run(p, s, n, 0, FAB_CHAR_SPACE, -1));
    }
}

static bool newline(char c) { return c == '\r' || c == '\n'; }

static size_t next_modern(fab_pretoken p, const char *s, size_t n)
{
    size_t at = contraction(s, n, true), nl = 0;
    if (at) return at;

    unit u = look(p, s, n);
    if (u.cls == FAB_CHAR_LETTER) return run(p, s, n, 0, FAB_CHAR_LETTER, -1);
    if (u.cls != FAB_CHAR_DIGIT && !newline(s[0])) { /* [^\r\n\p{L}\p{N}]?\p{L}+ */
        at = run(p, s, n, u.len, FAB_CHAR_LETTER, -1);
        if (at > u.len) return at;
    }
    if (u.cls == FAB_CHAR_DIGIT)
        return run(p, s, n, 0, FAB_CHAR_DIGIT, p == FAB_PRE_LLAMA3 ? 3 : 1);
    at = s[0] == ' ' && n > 1 && look(p, s + 1, n - 1).cls == FAB_CHAR_OTHER;
    if (at || u.cls == FAB_CHAR_OTHER) { /*  ?[^\s\p{L}\p{N}]+[\r\n]* */
        at = run(p, s, n, at, FAB_CHAR_OTHER, -1);
        while (at < n && newline(s[at])) at++;
        return at;
    }
    size_t end = run(p, s, n, 0, FAB_CHAR_SPACE, -1);
    for (size_t i = 0; i < end; i++)
        if (newline(s[i])) nl = i + 1;
    return nl ? nl : blanks(p, s, n, end); /* \s*[\r\n]+ ends with the run's last line end */
}

size_t fab_pretoken_next(fab_pretoken p, const char *s, size_t n)
{
    return p == FAB_PRE_LLAMA3 || p == FAB_PRE_QWEN2 ? next_modern(p, s, n) : next_gpt2(p, s, n);
}

const char *fab_pretoken_name(fab_pretoken p)
{
    return (unsigned)p < FAB_PRES ? patterns[p].name : "?";
}

const char *fab_pretoken_regex(fab_pretoken p)
{
    return (unsigned)p < FAB_PRES ? patterns[p].regex : NULL;
}

bool fab_pretoken_parse(const char *name, fab_pretoken *p)
{
    for (int i = 0; i < FAB_PRES; i++)
        if (!strcmp(patterns[i].name, name)) {
            *p = (fab_pretoken)i;
            return true;
        }
    return false;
}
