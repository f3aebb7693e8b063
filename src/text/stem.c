/* stem: Porter's algorithm for suffix stripping (Program 14(3), 1980) in the two dialects that
 * metrics use.
 *
 * A word is [C](VC)^m[V], y being a vowel after a consonant. Steps 1a to 5b each look for the first
 * suffix of a list that the word ends in and replace it when what is left has a large enough m.
 * PORTER is the author's later version: -bli -> -ble, -logi -> -log. NLTK's default differs:
 * four-letter words in -ies and -ied end in -ie, -y -> -i only after a consonant that is not the
 * first letter, -alli goes round step 2 again, -fulli -> -ful, a vowel and a consonant are a short
 * syllable too, and some words are left as they are. Words above 255 letters are not stemmed.
 */
#include <stdbool.h>
#include <string.h>

#include "text/stem.h"

enum { LONGEST = 255 };

typedef struct {
    char *w;
    size_t n;
    bool nltk;
    bool consonant[LONGEST + 1];
} word;

static void classify(word *x)
{
    for (size_t i = 0; i < x->n; i++)
        x->consonant[i] =
            x->w[i] == 'y' ? i == 0 || !x->consonant[i - 1] : !memchr("aeiou", x->w[i], 5);
}

/* m of the first n letters */
static int measure(const word *x, size_t n)
{
    int m = 0;
    for (size_t i = 1; i < n; i++) m += x->consonant[i] && !x->consonant[i - 1];
    return m;
}

static bool has_vowel(const word *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!x->consonant[i]) return true;
    return false;
}

static bool doubled(const word *x)
{
    return x->n >= 2 && x->w[x->n - 1] == x->w[x->n - 2] && x->consonant[x->n - 1];
}

/* The first n letters end consonant, vowel, consonant, the last not w, x or y. */
static bool short_syllable(const word *x, size_t n)
{
    if (n == 2) return x->nltk && !x->consonant[0] && x->consonant[1];
    return n >= 3 && x->consonant[n - 3] && !x->consonant[n - 2] && x->consonant[n - 1] &&
           !memchr("wxy", x->w[n - 1], 3);
}

static bool ends(const word *x, const char *suffix)
{
    size_t k = strlen(suffix);
    return x->n >= k && memcmp(x->w + x->n - k, suffix, k) == 0;
}

static void set_end(word *x, size_t stem, const char *end)
{
    size_t k = strlen(end);
    memcpy(x->w + stem, end, k);
    x->n = stem + k;
    classify(x);
}

typedef struct {
    const char *from, *to;
} rule;

/* The first rule whose suffix fits decides: it is carried out when what is left has m >= least. */
static void apply(word *x, const rule *rules, int least)
{
    for (const rule *r = rules; r->from; r++) {
        if (!ends(x, r->from)) continue;
        size_t stem = x->n - strlen(r->from);
        if (measure(x, stem) >= least) set_end(x, stem, r->to);
        return;
    }
}

static void step_1a(word *x)
{
    static const rule rules[] = {
        { "sses", "ss" }, { "ies", "i" }, { "ss", "ss" }, { "s", "" }, { 0 }
    };
    if (x->nltk && x->n == 4 && ends(x, "ies")) set_end(x, 3, "");
    else apply(x, rules, 0);
}

static void step_1b(word *x)
{
    if (x->nltk && ends(x, "ied")) {
        set_end(x, x->n - 3, x->n == 4 ? "ie" : "i");
        return;
    }
    if (ends(x, "eed")) {
        if (measure(x, x->n - 3) > 0) set_end(x, x->n - 1, "");
        return;
    }
    size_t cut = ends(x, "ed") ? 2 : ends(x, "ing") ? 3 : 0;
    if (!cut || !has_vowel(x, x->n - cut)) return;
    set_end(x, x->n - cut, "");
    if (ends(x, "at") || ends(x, "bl") || ends(x, "iz")) set_end(x, x->n, "e");
    else if (doubled(x)) {
        if (!memchr("lsz", x->w[x->n - 1], 3)) set_end(x, x->n - 1, "");
    } else if (measure(x, x->n) == 1 && short_syllable(x, x->n)) set_end(x, x->n, "e");
}

static void step_1c(word *x)
{
    if (!ends(x, "y")) return;
    size_t stem = x->n - 1;
    if (x->nltk ? stem > 1 && x->consonant[stem - 1] : has_vowel(x, stem)) set_end(x, stem, "i");
}

static void step_2(word *x)
{
    static const rule rules[] = { { "ational", "ate" }, { "tional", "tion" }, { "enci", "ence" },
                                  { "anci", "ance" },   { "izer", "ize" },    { "bli", "ble" },
                                  { "alli", "al" },     { "entli", "ent" },   { "eli", "e" },
                                  { "ousli", "ous" },   { "ization", "ize" }, { "ation", "ate" },
                                  { "ator", "ate" },    { "alism", "al" },    { "iveness", "ive" },
                                  { "fulness", "ful" }, { "ousness", "ous" }, { "aliti", "al" },
                                  { "iviti", "ive" },   { "biliti", "ble" },  { 0 } };
    static const rule fulli[] = { { "fulli", "ful" }, { 0 } },
                      logi[] = { { "logi", "log" }, { 0 } };
    while (x->nltk && ends(x, "alli") && measure(x, x->n - 4) > 0) set_end(x, x->n - 2, "");
    if (x->nltk && ends(x, "fulli")) apply(x, fulli, 1);
    else if (!ends(x, "logi")) apply(x, rules, 1);
    else if (!x->nltk) apply(x, logi, 1);
    else if (measure(x, x->n - 3) > 0) set_end(x, x->n - 1, ""); /* NLTK counts the l as well */
}

static void step_3(word *x)
{
    static const rule rules[] = { { "icate", "ic" }, { "ative", "" },
                                  { "alize", "al" }, { "iciti", "ic" },
                                  { "ical", "ic" },  { "ful", "" },
                                  { "ness", "" },    { 0 } };
    apply(x, rules, 1);
}

static void step_4(word *x)
{
    static const rule before[] = { { "al", "" },    { "ance", "" }, { "ence", "" }, { "er", "" },
                                   { "ic", "" },    { "able", "" }, { "ible", "" }, { "ant", "" },
                                   { "ement", "" }, { "ment", "" }, { "ent", "" },  { 0 } },
                      ion[] = { { "sion", "s" }, { "tion", "t" }, { 0 } },
                      after[] = { { "ou", "" },  { "ism", "" }, { "ate", "" }, { "iti", "" },
                                  { "ous", "" }, { "ive", "" }, { "ize", "" }, { 0 } };
    size_t n = x->n;
    if (ends(x, "ion")) {
        if (measure(x, n - 3) > 1) apply(x, ion, 0);
        return;
    }
    apply(x, before, 2);
    if (x->n == n) apply(x, after, 2); /* no suffix is in both lists */
}

static void step_5(word *x)
{
    if (ends(x, "e")) {
        int m = measure(x, x->n - 1);
        if (m > 1 || (m == 1 && !short_syllable(x, x->n - 1))) set_end(x, x->n - 1, "");
    }
    if (ends(x, "ll") && measure(x, x->n - 1) > 1) set_end(x, x->n - 1, "");
}

/* Words that NLTK's list maps by hand; from -> to. */
static bool listed(word *x)
{
    static const rule pool[] = { { "sky", "sky" },          { "skies", "sky" },
                                 { "dying", "die" },        { "lying", "lie" },
                                 { "tying", "tie" },        { "news", "news" },
                                 { "innings", "inning" },   { "inning", "inning" },
                                 { "outings", "outing" },   { "outing", "outing" },
                                 { "cannings", "canning" }, { "canning", "canning" },
                                 { "howe", "howe" },        { "proceed", "proceed" },
                                 { "exceed", "exceed" },    { "succeed", "succeed" } };
    for (size_t i = 0; i < sizeof pool / sizeof *pool; i++) {
        if (x->n != strlen(pool[i].from) || memcmp(x->w, pool[i].from, x->n) != 0) continue;
        set_end(x, 0, pool[i].to);
        return true;
    }
    return false;
}

size_t fab_porter(char *w, size_t n, fab_stem kind)
{
    word x = { .w = w, .n = n, .nltk = kind == FAB_STEM_NLTK };
    if (kind == FAB_STEM_NONE || n < 3 || n > LONGEST || (x.nltk && listed(&x))) return x.n;
    classify(&x);
    step_1a(&x);
    step_1b(&x);
    step_1c(&x);
    step_2(&x);
    step_3(&x);
    step_4(&x);
    step_5(&x);
    return x.n;
}
