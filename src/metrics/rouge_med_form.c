/* rouge_med_form: grammar flags of a text: an unmatched bracket or quote, a word twice in a row, no
 * full stop at the end, an English sentence without a verb (of a small list, or a word in -ed,
 * -ing, -s after a noun is not guessed), a or an before the wrong letter, "1" before a plural and
 * other numbers before a singular of measured things, two negations in one clause with nothing
 * between.
 */
#include <string.h>
#include "metrics/rouge_med_impl.h"

static const char *const verbs[] = {
    "is",         "are",        "was",        "were",         "be",          "been",     "has",
    "have",       "had",        "shows",      "show",         "showed",      "shown",    "seen",
    "noted",      "appears",    "appear",     "demonstrates", "demonstrate", "remains",  "remain",
    "suggests",   "suggest",    "represents", "represent",    "may",         "can",      "could",
    "identified", "visualized", "reveals",    "indicates",    "there",       "presents", "present",
    "contains",   "projects",   "project",    "lies",         "extends"
};
static const char *const things[] = { "nodule", "lesion",  "mass",  "fracture",
                                      "rib",    "opacity", "stone", "lobe" };

static char low(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool same_word(const char *s, const fab_word *w, const char *word)
{
    size_t n = strlen(word);
    if (w->len != n) return false;
    for (size_t i = 0; i < n; i++)
        if (low(s[w->at + i]) != word[i]) return false;
    return true;
}

static bool among(const char *s, const fab_word *w, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (same_word(s, w, list[i])) return true;
    return false;
}

static int brackets(const char *s, size_t n)
{
    static const char *const open[] = { "(", "[", "（", "【", "“", "《" };
    static const char *const shut[] = { ")", "]", "）", "】", "”", "》" };
    int flags = 0, quotes = 0;

    for (size_t k = 0; k < sizeof open / sizeof *open; k++) {
        int depth = 0;
        size_t len = strlen(open[k]);
        for (size_t i = 0; i + len <= n; i++)
            depth += !memcmp(s + i, open[k], len) ? 1 : !memcmp(s + i, shut[k], len) ? -1 : 0;
        flags += depth != 0;
    }
    for (size_t i = 0; i < n; i++) quotes += s[i] == '"';
    return flags + quotes % 2;
}

static bool plural_of(const char *s, const fab_word *w)
{
    fab_word stem = *w;
    stem.len = w->len ? w->len - 1 : 0;
    return w->len && low(s[w->at + w->len - 1]) == 's' &&
           among(s, &stem, things, sizeof things / sizeof *things);
}

static int pair_flags(const char *s, const fab_word *a, const fab_word *b)
{
    bool blank = b->at > a->at + a->len, latin = b->kind == FAB_WORD_LATIN;
    int flags = 0;

    if (a->kind == b->kind && a->kind != FAB_WORD_OTHER && a->kind != FAB_WORD_NUMBER &&
        a->len == b->len) {
        bool same = a->len > 3 || latin; /* a doubled Chinese character may be a word */
        for (size_t i = 0; i < a->len && same; i++) same = low(s[a->at + i]) == low(s[b->at + i]);
        flags += same;
    }
    if (latin && blank && (same_word(s, a, "a") || same_word(s, a, "an"))) {
        char c = low(s[b->at]);
        bool vowel = c == 'a' || c == 'e' || c == 'i' || c == 'o', capital = s[b->at] != c;
        if (!capital)
            flags += same_word(s, a, "a") ? vowel : !vowel && c != 'u' && c != 'h' && c != 'x';
    }
    if (latin && a->kind == FAB_WORD_NUMBER) {
        bool one = a->len == 1 && s[a->at] == '1';
        flags += one ? plural_of(s, b) : among(s, b, things, sizeof things / sizeof *things);
    }
    return flags;
}

double med_grammar_flags(fab_rouge_med *m, const med_text *t)
{
    const char *s = t->text.s;
    size_t n = t->text.n;
    fab_err err = FAB_ERR_INIT;
    bool verb = false, latin = false;
    int flags = brackets(s, n);
    const fab_word *last = NULL;

    if (!fab_segment_text(m->segmenter, s, n, &m->words, &err)) return 0;
    for (size_t i = 0; i < m->words.n; i++) {
        const fab_word *w = &m->words.items[i];
        bool stop = w->len == 1 && strchr(".!?", s[w->at]);
        if (i) flags += pair_flags(s, w - 1, w);
        verb = verb || among(s, w, verbs, sizeof verbs / sizeof *verbs);
        latin = latin || (w->kind == FAB_WORD_LATIN && w->len > 2);
        if (stop || i + 1 == m->words.n) {
            flags += latin && !verb;
            verb = latin = false;
        }
        last = w;
    }
    for (int64_t i = 1; i < t->n; i++) {
        const med_unit *a = &t->units[i - 1], *b = &t->units[i];
        flags += a->concept >= 0 && b->concept >= 0 &&
                 fab_lexicon_concept(m->lexicon, a->concept)->kind == FAB_TERM_NEGATION &&
                 fab_lexicon_concept(m->lexicon, b->concept)->kind == FAB_TERM_NEGATION &&
                 b->at <= a->end + 1;
    }
    bool ended = last && last->kind == FAB_WORD_OTHER;
    flags += last && !ended;
    return (double)flags / (double)(t->sentences ? t->sentences : 1);
}
