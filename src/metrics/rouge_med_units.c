/* rouge_med_units: a text as units: concepts and words, their sign and side. */
#include <string.h>
#include "metrics/rouge_med_impl.h"

enum { NEGATION_REACH = 5, SIDE_REACH = 3, MAX_WORD = 64 };

static const float weights[FAB_TERM_KINDS] = {
    [FAB_TERM_OTHER] = 1,    [FAB_TERM_DISEASE] = 3,     [FAB_TERM_ANATOMY] = 2,
    [FAB_TERM_FINDING] = 3,  [FAB_TERM_MEASUREMENT] = 3, [FAB_TERM_LATERALITY] = 3,
    [FAB_TERM_NEGATION] = 3, [FAB_TERM_UNCERTAINTY] = 1, [FAB_TERM_DRUG] = 3,
};

static int32_t intern(fab_rouge_med *m, const char *s, size_t n, fab_err *err)
{
    int32_t i = fab_strtab_find(&m->ids, s, n);
    if (i >= 0) return i;
    char *keep = fab_arena_take(m->arena, n + 1, err);
    if (!keep) return -1;
    memcpy(keep, s, n);
    keep[n] = 0;
    return fab_strtab_add(&m->ids, keep, n, err);
}

static bool put_term(fab_rouge_med *m, const fab_term *t, med_text *out, fab_err *err)
{
    const fab_concept *c = fab_lexicon_concept(m->lexicon, t->concept);
    char key[MAX_WORD];
    size_t n = strlen(c->name) < sizeof key - 1 ? strlen(c->name) : sizeof key - 2;
    key[0] = '\1'; /* no word begins so */
    memcpy(key + 1, c->name, n);
    int32_t id = intern(m, key, n + 1, err);
    out->units[out->n++] =
        (med_unit){ id, t->concept, -1, false, weights[c->kind], out->sentences, t->at, t->end };
    return id >= 0;
}

static bool alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* A word of letters falls into its runs of letters and digits, lower-cased and stemmed, as in
 * ROUGE. */
static bool put_latin(fab_rouge_med *m, const char *s, size_t at, size_t end, med_text *out,
                      fab_err *err)
{
    while (at < end) {
        char word[MAX_WORD];
        size_t n = 0, from = at;
        for (; at < end; at++) {
            char c = s[at] >= 'A' && s[at] <= 'Z' ? (char)(s[at] + 32) : s[at];
            if (!alnum(c) && !((uint8_t)c & 0x80)) break;
            if (n < sizeof word) word[n++] = c;
        }
        if (n) {
            if (n > 3) n = fab_porter(word, n, FAB_STEM_PORTER);
            int32_t id = intern(m, word, n, err);
            if (id < 0) return false;
            out->units[out->n++] = (med_unit){ id, -1, -1, false, 1, out->sentences, from, at };
        } else at++;
    }
    return true;
}

static bool ends_sentence(const char *s, size_t n, const fab_word *w)
{
    size_t next = w->at + w->len;
    if (w->len == 3)
        return !memcmp(s + w->at, "。", 3) || !memcmp(s + w->at, "！", 3) ||
               !memcmp(s + w->at, "？", 3);
    return w->len == 1 && strchr(".!?", s[w->at]) &&
           (next == n || s[next] == ' ' || s[next] == '\n');
}

static bool newline_between(const char *s, size_t from, size_t to)
{
    return memchr(s + from, '\n', to - from) != NULL;
}

static bool collect(fab_rouge_med *m, fab_text t, const fab_term *terms, size_t n_terms,
                    med_text *out, fab_err *err)
{
    size_t k = 0, last = 0;
    bool open = false; /* the sentence has a unit */

    for (size_t i = 0; i < m->words.n; i++) {
        const fab_word *w = &m->words.items[i];
        if (open && newline_between(t.s, last, w->at)) out->sentences++, open = false;
        last = w->at + w->len;
        while (k < n_terms && terms[k].end <= w->at) k++;
        if (k < n_terms && terms[k].at == w->at && !put_term(m, &terms[k], out, err)) return false;
        if (k < n_terms && terms[k].at <= w->at) {
            open = true;
            continue;
        }
        if (w->kind == FAB_WORD_OTHER) {
            if (open && ends_sentence(t.s, t.n, w)) out->sentences++, open = false;
        } else if (w->kind != FAB_WORD_HAN) {
            if (!put_latin(m, t.s, w->at, last, out, err)) return false;
            open = true;
        } else {
            int32_t id = intern(m, t.s + w->at, w->len, err);
            if (id < 0) return false;
            out->units[out->n++] = (med_unit){ id, -1, -1, false, 1, out->sentences, w->at, last };
            open = true;
        }
    }
    out->sentences += open;
    return true;
}

/* --- sign and side -------------------------------------------------------------------------- */

static fab_term_kind kind_of(const fab_rouge_med *m, const med_unit *u)
{
    return u->concept < 0 ? FAB_TERM_OTHER : fab_lexicon_concept(m->lexicon, u->concept)->kind;
}

static bool named(const fab_rouge_med *m, const med_unit *u, const char *name)
{
    return u->concept >= 0 && !strcmp(fab_lexicon_concept(m->lexicon, u->concept)->name, name);
}

static bool word_is(const med_text *t, const med_unit *u, const char *word)
{
    return u->end - u->at == strlen(word) && !memcmp(t->text.s + u->at, word, u->end - u->at);
}

/* Whether "or" or "nor" stands in the clause behind unit i: a list of what is not there. */
static bool list_goes_on(const med_text *t, int64_t i)
{
    for (int64_t j = i + 1; j < t->n; j++) {
        for (size_t p = t->units[j - 1].end; p < t->units[j].at; p++)
            if (strchr(".;!?\n", t->text.s[p])) return false;
        if (word_is(t, &t->units[j], "or") || word_is(t, &t->units[j], "nor")) return true;
    }
    return false;
}

/* Whether a clause ends between units i and i + 1. */
static bool clause_ends(const med_text *t, int64_t i)
{
    const char *s = t->text.s;
    size_t from = t->units[i].end, to = t->units[i + 1].at;
    static const char *const ends[] = { "。", "，", "；", "！", "？", "：" };

    if (word_is(t, &t->units[i + 1], "but") || word_is(t, &t->units[i + 1], "except")) return true;
    for (size_t p = from; p < to; p++) {
        if (strchr(".;:!?\n", s[p])) return true;
        if (s[p] == ',') return !list_goes_on(t, i);
        for (size_t e = 0; p + 3 <= to && e < sizeof ends / sizeof *ends; e++)
            if (!memcmp(s + p, ends[e], 3)) return true;
    }
    return false;
}

static bool takes_sign(fab_term_kind k)
{
    return k == FAB_TERM_DISEASE || k == FAB_TERM_FINDING || k == FAB_TERM_DRUG ||
           k == FAB_TERM_OTHER || k == FAB_TERM_MEASUREMENT;
}

static void negate(const fab_rouge_med *m, med_text *t, int64_t i)
{
    bool behind = named(m, &t->units[i], "negative") || named(m, &t->units[i], "excluded");
    bool list = list_goes_on(t, i);

    for (int64_t j = i, n = 0; (behind ? j > 0 : j + 1 < t->n) && (list || n < NEGATION_REACH);
         n++) {
        if (clause_ends(t, behind ? j - 1 : j)) break;
        j += behind ? -1 : 1;
        if (kind_of(m, &t->units[j]) == FAB_TERM_NEGATION) break;
        if (t->units[j].concept >= 0 && takes_sign(kind_of(m, &t->units[j])))
            t->units[j].negated = true;
    }
}

/* The side of a term: the nearest one up to three units before it in its clause; behind it after
 * "on the". */
static void take_side(const fab_rouge_med *m, med_text *t, int64_t i)
{
    med_unit *u = t->units;

    for (int64_t j = i; j > 0 && i - j < SIDE_REACH && !clause_ends(t, j - 1); j--)
        if (kind_of(m, &u[j - 1]) == FAB_TERM_LATERALITY) {
            u[i].side = u[j - 1].concept;
            return;
        }
    for (int64_t j = i; j + 1 < t->n && j - i < SIDE_REACH && !clause_ends(t, j); j++)
        if (kind_of(m, &u[j + 1]) == FAB_TERM_LATERALITY &&
            (word_is(t, &u[j], "the") || word_is(t, &u[j], "on"))) {
            u[i].side = u[j + 1].concept;
            return;
        }
}

bool med_read(fab_rouge_med *m, fab_text text, med_text *out, fab_err *err)
{
    size_t n_terms = 0;
    fab_term *terms = NULL;

    *out = (med_text){ .text = text };
    if (!fab_segment_text(m->segmenter, text.s, text.n, &m->words, err)) return false;
    if (!m->no_terms && !(terms = fab_segment_terms(m->lexicon, text.s, text.n, &m->words, m->arena,
                                                    &n_terms, err)))
        return false;
    out->units = fab_arena_take(m->arena, (text.n + 1) * sizeof *out->units, err);
    if (!out->units || !collect(m, text, terms, n_terms, out, err)) return false;
    for (int64_t i = 0; i < out->n; i++) {
        fab_term_kind k = kind_of(m, &out->units[i]);
        if (k == FAB_TERM_NEGATION) negate(m, out, i);
        if (k == FAB_TERM_DISEASE || k == FAB_TERM_FINDING || k == FAB_TERM_ANATOMY)
            take_side(m, out, i);
    }
    return true;
}
