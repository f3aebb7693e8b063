/* stem: Porter's suffix stripping. Every rule is a row: suffix, replacement, and the measure that the stem before it must
 * exceed; the longest suffix that fits decides, whether or not its condition holds.
 */
#include "text/stem.h"
#include <stdbool.h>
#include <string.h>

typedef struct {
    const char *from, *to;
} rule;

static bool vowel(const char *w, size_t i)
{
    char c = w[i];

    if (c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u') return true;
    return c == 'y' && i > 0 && !vowel(w, i - 1);
}

/* How often a vowel is followed by a consonant in w[0, n). */
static int measure(const char *w, size_t n)
{
    int m = 0;
    bool before = false;

    for (size_t i = 0; i < n; i++) {
        bool v = vowel(w, i);
        m += before && !v;
        before = v;
    }
    return m;
}

static bool has_vowel(const char *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (vowel(w, i)) return true;
    return false;
}

static bool doubled(const char *w, size_t n)
{
    return n >= 2 && w[n - 1] == w[n - 2] && !vowel(w, n - 1);
}

/* Consonant, vowel, consonant at the end, the last not w, x or y. */
static bool short_end(const char *w, size_t n)
{
    if (n < 3 || vowel(w, n - 1) || !vowel(w, n - 2) || vowel(w, n - 3)) return false;
    return w[n - 1] != 'w' && w[n - 1] != 'x' && w[n - 1] != 'y';
}

static bool ends(const char *w, size_t n, const char *suffix, size_t *stem)
{
    size_t k = strlen(suffix);

    if (k > n || memcmp(w + n - k, suffix, k) != 0) return false;
    *stem = n - k;
    return true;
}

static size_t put(char *w, size_t stem, const char *to)
{
    size_t k = strlen(to);

    memcpy(w + stem, to, k);
    return stem + k;
}

static size_t apply(char *w, size_t n, const rule *rules, int least)
{
    size_t stem;

    for (; rules->from; rules++)
        if (ends(w, n, rules->from, &stem))
            return measure(w, stem) > least ? put(w, stem, rules->to) : n;
    return n;
}

static size_t plural(char *w, size_t n)
{
    size_t s;

    if (ends(w, n, "sses", &s) || ends(w, n, "ies", &s)) return n - 2;
    if (!ends(w, n, "ss", &s) && ends(w, n, "s", &s)) return n - 1;
    return n;
}

static size_t past(char *w, size_t n)
{
    size_t s;

    if (ends(w, n, "eed", &s)) return measure(w, s) > 0 ? n - 1 : n;
    if (!(ends(w, n, "ed", &s) && has_vowel(w, s)) && !(ends(w, n, "ing", &s) && has_vowel(w, s)))
        return n;
    n = s;
    if (ends(w, n, "at", &s) || ends(w, n, "bl", &s) || ends(w, n, "iz", &s)) return put(w, n, "e");
    if (doubled(w, n) && w[n - 1] != 'l' && w[n - 1] != 's' && w[n - 1] != 'z') return n - 1;
    if (measure(w, n) == 1 && short_end(w, n)) return put(w, n, "e");
    return n;
}

/* Longer suffixes before the shorter ones that end them. */
static const rule step2[] = { { "ational", "ate" }, { "tional", "tion" }, { "enci", "ence" },
                              { "anci", "ance" },   { "izer", "ize" },    { "bli", "ble" },
                              { "alli", "al" },     { "entli", "ent" },   { "eli", "e" },
                              { "ousli", "ous" },   { "ization", "ize" }, { "ation", "ate" },
                              { "ator", "ate" },    { "alism", "al" },    { "iveness", "ive" },
                              { "fulness", "ful" }, { "ousness", "ous" }, { "aliti", "al" },
                              { "iviti", "ive" },   { "biliti", "ble" },  { "logi", "log" },
                              { NULL, NULL } };
static const rule step3[] = { { "icate", "ic" }, { "ative", "" },  { "alize", "al" },
                              { "iciti", "ic" }, { "ical", "ic" }, { "ful", "" },
                              { "ness", "" },    { NULL, NULL } };
static const rule step4[] = { { "al", "" },    { "ance", "" }, { "ence", "" }, { "er", "" },
                              { "ic", "" },    { "able", "" }, { "ible", "" }, { "ant", "" },
                              { "ement", "" }, { "ment", "" }, { "ent", "" },  { "ou", "" },
                              { "ism", "" },   { "ate", "" },  { "iti", "" },  { "ous", "" },
                              { "ive", "" },   { "ize", "" },  { NULL, NULL } };

static size_t strip(char *w, size_t n)
{
    size_t s;

    if (!ends(w, n, "ion", &s)) return apply(w, n, step4, 1);
    bool after_st = s > 0 && (w[s - 1] == 's' || w[s - 1] == 't');
    return after_st && measure(w, s) > 1 ? s : n;
}

static size_t tidy(char *w, size_t n)
{
    if (n && w[n - 1] == 'e') {
        int m = measure(w, n - 1);
        if (m > 1 || (m == 1 && !short_end(w, n - 1))) n--;
    }
    if (doubled(w, n) && w[n - 1] == 'l' && measure(w, n) > 1) n--;
    return n;
}

size_t fab_stem_word(char *w, size_t n)
{
    size_t s;

    if (n < 3) return n;
    n = past(w, plural(w, n));
    if (ends(w, n, "y", &s) && has_vowel(w, s)) w[n - 1] = 'i';
    n = apply(w, n, step2, 0);
    n = apply(w, n, step3, 0);
    return tidy(w, strip(w, n));
}
