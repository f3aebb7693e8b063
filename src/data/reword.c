/* reword: see reword.h. */
#include "data/reword.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- templates ------------------------------------------------------------------------------- */

static bool other_template(fab_qa *q, fab_rng *rng, fab_arena *a, fab_err *err)
{
    enum { MOST = 64 };
    const char *questions[MOST], *answers[MOST];
    uint32_t n = 0;
    fab_fact f;
    if (!fab_fact_parse(q, a, &f)) return true;
    for (int i = 0; i < fab_template_count && n < MOST; i++) {
        const fab_template *t = &fab_templates[i];
        if (t->lang != q->lang || t->kind != f.kind) continue;
        if (!fab_fact_word(&f, t, a, &questions[n], &answers[n], err)) return false;
        if (questions[n] && strcasecmp(questions[n], q->question)) n++;
    }
    if (!n) return true;
    uint32_t pick = fab_rng_below(rng, n);
    q->question = questions[pick];
    q->answer = answers[pick];
    return true;
}

/* ---- synonyms -------------------------------------------------------------------------------- */

static bool checked(const fab_concept *x)
{
    return (x->kind == FAB_TERM_DISEASE || x->kind == FAB_TERM_FINDING ||
            x->kind == FAB_TERM_ANATOMY) &&
           strpbrk(x->sources, "WL");
}

/* An English surface that can stand where a noun stood, or the noun itself. */
static bool is_noun(const char *s, size_t n)
{
    static const char *const ends[] = { "al",  "ic",   "ar",  "ary", "ous", "ed",
                                        "ory", "able", "len", "ces", "ony", "iac" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t e = strlen(ends[i]);
        if (n > e && !strncasecmp(s + n - e, ends[i], e)) return false;
    }
    return true;
}

/* Says more than its concept: a sentence, a negation, a side. */
static bool says_more(const char *s)
{
    static const char *const words[] = { " is ", " to ", "no ", "left", "right", "both",
                                         "bila", "双",   "两",  "左",   "右" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(s, words[i])) return true;
    return false;
}

/* "a effusion", "an mass" */
static bool wrong_article(const char *text, size_t at, const char *word)
{
    bool vowel = strchr("aeiouAEIOU", word[0]) != NULL;
    if (at >= 3 && !strncasecmp(text + at - 3, " a ", 3)) return vowel;
    return at >= 4 && !strncasecmp(text + at - 4, " an ", 4) && !vowel;
}

/* Another surface of the term text[at, end); NULL: there is none. */
static const char *synonym(const fab_concept *x, const char *text, const fab_term *t, fab_lang lang,
                           fab_rng *rng)
{
    enum { FIRST = 3 };
    const char *const *of = lang == FAB_ZH ? x->zh : x->en, *fit[FIRST];
    int n = lang == FAB_ZH ? x->n_zh : x->n_en, first = x->kind == FAB_TERM_ANATOMY ? 2 : FIRST;
    size_t size = t->end - t->at;
    uint32_t found = 0;
    bool known = false;
    if (lang == FAB_EN && !is_noun(text + t->at, size)) return NULL;
    for (int i = 0; i < n && i < first; i++) {
        bool same = strlen(of[i]) == size && !strncasecmp(of[i], text + t->at, size);
        known |= same;
        if (same || says_more(of[i])) continue;
        if (lang == FAB_ZH || (is_noun(of[i], strlen(of[i])) && !wrong_article(text, t->at, of[i])))
            fit[found++] = of[i];
    }
    return known && found ? fit[fab_rng_below(rng, found)] : NULL;
}

static bool repeats(const char *answer, const char *s, size_t n)
{
    for (; *answer; answer++)
        if (!strncasecmp(answer, s, n)) return true;
    return false;
}

static bool other_term(fab_qa *q, const fab_lexicon *l, fab_rng *rng, fab_arena *a, fab_err *err)
{
    size_t n;
    const char *text = q->question;
    fab_term *terms = fab_lexicon_scan(l, text, strlen(text), a, &n, err);
    if (!terms) return false;
    uint32_t from = n ? fab_rng_below(rng, (uint32_t)n) : 0;
    for (size_t i = 0; i < n; i++) {
        const fab_term *t = &terms[(from + i) % n];
        const fab_concept *x = fab_lexicon_concept(l, t->concept);
        if (!checked(x) || repeats(q->answer, text + t->at, t->end - t->at)) continue;
        const char *word = synonym(x, text, t, q->lang, rng);
        if (!word) continue;
        q->question = fab_arena_printf(a, err, "%.*s%s%s", (int)t->at, text, word, text + t->end);
        return q->question != NULL;
    }
    return true;
}

bool fab_reword(fab_qa *q, const fab_lexicon *lexicon, fab_rng *rng, fab_arena *a, fab_err *err)
{
    return other_template(q, rng, a, err) &&
           (!lexicon || fab_rng_below(rng, 2) || other_term(q, lexicon, rng, a, err));
}

/* ---- sides ----------------------------------------------------------------------------------- */

/* The other side of the one that the word at s begins with, and its size; NULL: none. */
static const char *other_side(const char *s, const char *text, size_t *size)
{
    static const char *const both[] = { "左右", "右左" }, *const sides[][2] = {
        { "left", "right" }, { "Left", "Right" }, { "LEFT", "RIGHT" }, { "左", "右" }
    };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        if (!strncmp(s, both[i], *size = strlen(both[i]))) return both[i];
    if (s > text && isalpha((unsigned char)s[-1])) return NULL;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (int k = 0; k < 2; k++)
            if (!strncmp(s, sides[i][k], *size = strlen(sides[i][k]))) return sides[i][!k];
    return NULL;
}

static const char *mirrored(const char *text, fab_arena *a, fab_err *err)
{
    size_t n = strlen(text), size;
    char *out = fab_arena_take(a, n + n / 4 + 1, err), *at = out; /* "left" grows by one in four */
    for (const char *s = text; out && *s;) {
        const char *other = other_side(s, text, &size);
        if (!other) {
            *at++ = *s++;
            continue;
        }
        size_t grown = strlen(other);
        memcpy(at, other, grown);
        at += grown;
        s += size;
    }
    if (out) *at = 0;
    return out;
}

bool fab_mirror_words(fab_qa *q, fab_arena *a, fab_err *err)
{
    const char *question = mirrored(q->question, a, err), *answer = mirrored(q->answer, a, err);
    if (!question || !answer) return false;
    q->question = question;
    q->answer = answer;
    return true;
}
