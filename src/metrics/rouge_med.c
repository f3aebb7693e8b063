/* rouge_med: the scores over units. w_i is the weight of reference unit i, f(k) = k^1.2.
 *
 *     L  c[i][j] = c[i-1][j-1] + w_i when the units agree, but no less than c[i-1][j] and c[i][j-1]
 *     W  c[i][j] = c[i-1][j-1] + w_i (f(k+1) - f(k)) when they agree and a run of k ends there; R = (c / Phi(ref))^(1/1.2),
 *        Phi = sum of w_i (f(i) - f(i-1))
 *     S  pairs (i < j <= i + 5) of concept ids with their signs, and single concepts, counted and clipped
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "metrics/rouge_med_impl.h"

enum { SKIP = 4, MAX_CELLS = 1 << 26 };

fab_rouge_med *fab_rouge_med_new(const fab_med_opts *o, fab_err *err)
{
    fab_rouge_med *m = fab_new(sizeof *m, err);

    if (!m) return NULL;
    m->no_terms = o && o->no_terms;
    m->own = o && o->lexicon ? NULL : fab_lexicon_open(NULL, err);
    m->lexicon = m->own ? m->own : o ? o->lexicon : NULL;
    m->segmenter = m->lexicon ? fab_segmenter_new(m->lexicon, err) : NULL;
    m->arena = m->segmenter ? fab_arena_new(0, err) : NULL;
    if (!m->arena) {
        fab_rouge_med_free(m);
        return NULL;
    }
    m->left = fab_lexicon_concept_find(m->lexicon, "left");
    m->right = fab_lexicon_concept_find(m->lexicon, "right");
    return m;
}

void fab_rouge_med_free(fab_rouge_med *m)
{
    if (!m) return;
    fab_word_list_clear(&m->words);
    fab_strtab_clear(&m->ids);
    fab_segmenter_free(m->segmenter);
    fab_lexicon_free(m->own);
    fab_arena_free(m->arena);
    fab_free(m);
}

const char *fab_rouge_med_version(const fab_rouge_med *m)
{
    return fab_segmenter_version(m->segmenter);
}

static double total(const med_text *t)
{
    double sum = 0;
    for (int64_t i = 0; i < t->n; i++) sum += (double)t->units[i].weight;
    return sum;
}

static fab_prf prf(double r, double p)
{
    return (fab_prf){ r, p, r + p > 0 ? 2 * r * p / (r + p) : 0 };
}

static bool fits(const med_text *h, const med_text *r, fab_err *err)
{
    if (!h->n || !r->n || h->n < MAX_CELLS / r->n) return true;
    return fab_fail(err, FAB_ELIMIT, "texts of %lld and %lld units are too long to compare",
                    (long long)h->n, (long long)r->n);
}

/* The table c [ref + 1, hyp + 1] of the heaviest common subsequence; NULL with err set. */
static double *heaviest(fab_rouge_med *m, const med_text *h, const med_text *r, fab_err *err)
{
    size_t row = (size_t)h->n + 1;
    double *c = fits(h, r, err)
                    ? fab_arena_zero(m->arena, ((size_t)r->n + 1) * row * sizeof *c, err)
                    : NULL;

    for (int64_t i = 1; c && i <= r->n; i++)
        for (int64_t j = 1; j <= h->n; j++) {
            const double *up = c + (size_t)(i - 1) * row + j;
            double best = fmax(up[0], c[(size_t)i * row + j - 1]);
            if (med_agree(m, &r->units[i - 1], &h->units[j - 1]))
                best = fmax(best, up[-1] + (double)r->units[i - 1].weight);
            c[(size_t)i * row + j] = best;
        }
    return c;
}

static bool score_l(fab_rouge_med *m, const med_text *h, const med_text *r, fab_med_score *out,
                    fab_err *err)
{
    const double *c = heaviest(m, h, r, err);
    if (!c) return false;
    double got = c[(size_t)r->n * ((size_t)h->n + 1) + (size_t)h->n];
    out->score = prf(r->n ? got / total(r) : 0, h->n ? got / total(h) : 0);
    return true;
}

/* --- W -------------------------------------------------------------------------------------- */

static double f(double k) { return pow(k, 1.2); }

static double phi(const med_text *t)
{
    double sum = 0;
    for (int64_t i = 0; i < t->n; i++)
        sum += (double)t->units[i].weight * (f((double)i + 1) - f((double)i));
    return sum;
}

/* Units of the sentence s of r that agree with units of sentence q of h, as a share of both (Dice). */
static double sentence_overlap(const fab_rouge_med *m, const med_text *h, uint32_t q,
                               const med_text *r, uint32_t s)
{
    int64_t both = 0, n = 0;

    for (int64_t i = 0; i < r->n; i++) n += r->units[i].sentence == s;
    for (int64_t j = 0; j < h->n; j++) {
        if (h->units[j].sentence != q) continue;
        n++;
        for (int64_t i = 0; i < r->n; i++)
            if (r->units[i].sentence == s && med_agree(m, &r->units[i], &h->units[j])) {
                both++;
                break;
            }
    }
    return n ? 2.0 * (double)both / (double)n : 0;
}

/* Kendall's tau over the reference's sentences that have a match (overlap of 0.5 at least, the
 * best); 1 below two. */
static double order(fab_rouge_med *m, const med_text *h, const med_text *r, fab_err *err)
{
    int64_t *at = fab_arena_take(m->arena, ((size_t)r->sentences + 1) * sizeof *at, err), n = 0,
            agree = 0, pairs = 0;

    if (!at) return 0;
    for (uint32_t s = 0; s < r->sentences; s++) {
        double best = 0.5;
        int64_t found = -1;
        for (uint32_t q = 0; q < h->sentences; q++) {
            double o = sentence_overlap(m, h, q, r, s);
            if (o > best || (found < 0 && o >= best)) best = o, found = q;
        }
        if (found >= 0) at[n++] = found;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++, pairs++) agree += at[i] <= at[j] ? 1 : -1;
    return pairs ? (double)agree / (double)pairs : 1;
}

/* The weight of the best runs; NAN with err set. */
static double runs(fab_rouge_med *m, const med_text *h, const med_text *r, fab_err *err)
{
    size_t row = (size_t)h->n + 1, cells = ((size_t)r->n + 1) * row;
    double *c = fits(h, r, err) ? fab_arena_zero(m->arena, cells * sizeof *c, err) : NULL;
    int32_t *k = c ? fab_arena_zero(m->arena, cells * sizeof *k, err) : NULL;

    if (!k) return NAN;
    for (int64_t i = 1; i <= r->n; i++)
        for (int64_t j = 1; j <= h->n; j++) {
            size_t at = (size_t)i * row + (size_t)j, up = at - row;
            if (med_agree(m, &r->units[i - 1], &h->units[j - 1])) {
                double run = (double)k[up - 1];
                c[at] = c[up - 1] + (double)r->units[i - 1].weight * (f(run + 1) - f(run));
                k[at] = k[up - 1] + 1;
            } else c[at] = fmax(c[up], c[at - 1]);
        }
    return c[cells - 1];
}

static bool score_w(fab_rouge_med *m, const med_text *h, const med_text *r, fab_med_score *out,
                    fab_err *err)
{
    double got = runs(m, h, r, err);

    if (isnan(got)) return false;
    fab_prf s = prf(r->n ? fmin(1, pow(got / phi(r), 1 / 1.2)) : 0,
                    h->n ? fmin(1, pow(got / phi(h), 1 / 1.2)) : 0);
    double flags = med_grammar_flags(m, h) - med_grammar_flags(m, r);
    out->s = s.f;
    out->g = exp(-0.5 * fmax(0, flags));
    out->tau = order(m, h, r, err);
    double factor = out->g * (0.5 + 0.5 * fmax(0, out->tau));
    out->score = (fab_prf){ s.r * factor, s.p * factor, s.f * factor };
    return true;
}

/* --- S -------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t *keys;
    int64_t n;
} pairs;

static bool add_pairs(fab_rouge_med *m, const med_text *t, bool words, pairs *p, fab_err *err)
{
    uint64_t *ids = fab_arena_take(m->arena, ((size_t)t->n + 1) * sizeof *ids, err);
    int64_t n = 0;

    p->n = 0;
    p->keys = fab_arena_take(m->arena, ((size_t)t->n + 1) * (SKIP + 2) * sizeof *p->keys, err);
    if (!ids || !p->keys) return false;
    for (int64_t i = 0; i < t->n; i++)
        if (words || t->units[i].concept >= 0)
            ids[n++] = ((uint64_t)t->units[i].id << 1 | t->units[i].negated) + 1;
    for (int64_t i = 0; i < n; i++) {
        p->keys[p->n++] = ids[i];
        for (int64_t j = i + 1; j < n && j <= i + SKIP + 1; j++)
            p->keys[p->n++] = ids[i] << 32 | ids[j];
    }
    return true;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t common(const pairs *a, const pairs *b)
{
    int64_t both = 0;

    for (int64_t i = 0, j = 0; i < a->n && j < b->n;)
        if (a->keys[i] == b->keys[j]) both++, i++, j++;
        else if (a->keys[i] < b->keys[j]) i++;
        else j++;
    return both;
}

/* The nearest unit of a kind of concept in the sentence of unit i; -1. */
static int32_t nearest(const fab_rouge_med *m, const med_text *t, int64_t i, fab_term_kind kind)
{
    for (int64_t d = 1; d < t->n; d++)
        for (int64_t j = i - d; j <= i + d; j += 2 * d)
            if (j >= 0 && j < t->n && t->units[j].sentence == t->units[i].sentence &&
                t->units[j].concept >= 0 &&
                fab_lexicon_concept(m->lexicon, t->units[j].concept)->kind == kind)
    return t->units[j].concept;
    return -1;
}

static int32_t concept_of(const fab_rouge_med *m, const char *name)
{
    return name ? fab_lexicon_concept_find(m->lexicon, name) : -1;
}

/* F1 of the findings the text asserts against the marks, and how often it denies one. A site or
 * side that either leaves open agrees with any. */
static bool score_image(fab_rouge_med *m, const med_text *t, const fab_med_picture *p,
                        fab_med_score *out, fab_err *err)
{
    uint8_t *used = fab_arena_zero(m->arena, (size_t)p->n_marks + 1, err);
    int64_t said = 0, right = 0;

    if (!used) return false;
    for (int64_t i = 0; i < t->n; i++) {
        const med_unit *u = &t->units[i];
        fab_term_kind k =
            u->concept < 0 ? FAB_TERM_OTHER : fab_lexicon_concept(m->lexicon, u->concept)->kind;
        bool hit = false, denied = false;
        if (k != FAB_TERM_DISEASE && k != FAB_TERM_FINDING) continue;
        int32_t site = nearest(m, t, i, FAB_TERM_ANATOMY);
        for (int a = 0; a < p->n_marks && !hit && !denied; a++) {
            int32_t at = concept_of(m, p->marks[a].site), side = concept_of(m, p->marks[a].side);
            if (concept_of(m, p->marks[a].finding) != u->concept) continue;
            denied = u->negated;
            hit = !denied && !used[a] && (at < 0 || site < 0 || at == site) &&
                  (side < 0 || u->side < 0 || side == u->side);
            used[a] |= hit;
        }
        said += !u->negated;
        right += hit;
        out->contradictions += denied;
    }
    out->image = said + p->n_marks ? 2.0 * (double)right / (double)(said + p->n_marks) : 1;
    return true;
}

static bool has_concept(const med_text *t)
{
    for (int64_t i = 0; i < t->n; i++)
        if (t->units[i].concept >= 0) return true;
    return false;
}

static bool score_s(fab_rouge_med *m, const med_text *h, const med_text *r,
                    const fab_med_picture *p, fab_med_score *out, fab_err *err)
{
    pairs a, b;
    bool words = !has_concept(r);

    if (!add_pairs(m, h, words, &a, err) || !add_pairs(m, r, words, &b, err)) return false;
    qsort(a.keys, (size_t)a.n, sizeof *a.keys, by_key);
    qsort(b.keys, (size_t)b.n, sizeof *b.keys, by_key);
    double both = (double)common(&a, &b);
    out->score = prf(b.n ? both / (double)b.n : 0, a.n ? both / (double)a.n : 0);
    out->text = out->score.f;
    out->image = out->clip = NAN;
    if (p && p->marks && !score_image(m, h, p, out, err)) return false;
    if (p && !isnan(p->cosine)) out->clip = fmin(1, fmax(0, (p->cosine - 0.1) / 0.3));
    double sum = 0.5 * out->text, weight = 0.5;
    if (!isnan(out->image)) sum += 0.35 * out->image, weight += 0.35;
    if (!isnan(out->clip)) sum += 0.15 * out->clip, weight += 0.15;
    if (weight > 0.5) out->score.f = sum / weight;
    out->score.f = h->n ? fmax(0, out->score.f - 0.1 * out->contradictions) : 0;
    return true;
}

/* --- calls ---------------------------------------------------------------------------------- */

static void begin(fab_rouge_med *m)
{
    fab_strtab_clear(&m->ids);
    fab_arena_reset(m->arena);
}

bool fab_rouge_med_measure(fab_rouge_med *m, fab_med_kind kind, fab_text hyp, const fab_text *refs,
                           int n_refs, const fab_med_picture *picture, fab_med_score *out,
                           fab_err *err)
{
    med_text h, r;

    *out = (fab_med_score){ .score = { -1, -1, -1 } };
    if (n_refs < 1) return fab_fail(err, FAB_EUSAGE, "a text without a reference");
    for (int i = 0; i < n_refs; i++) {
        fab_med_score s = { 0 };
        begin(m);
        if (!med_read(m, hyp, &h, err) || !med_read(m, refs[i], &r, err)) return false;
        bool ok = kind == FAB_MED_L   ? score_l(m, &h, &r, &s, err)
                  : kind == FAB_MED_W ? score_w(m, &h, &r, &s, err)
                                      : score_s(m, &h, &r, picture, &s, err);
        if (!ok) return false;
        if (s.score.f > out->score.f) *out = s;
    }
    return true;
}

static void entry_of(const fab_rouge_med *m, const med_unit *u, const char *status,
                     fab_med_entry *e)
{
    *e = (fab_med_entry){ .status = status,
                          .concept = u->concept >= 0,
                          .negated = u->negated,
                          .weight = (double)u->weight,
                          .at = u->at,
                          .end = u->end };
    e->unit =
        u->concept >= 0 ? fab_lexicon_concept(m->lexicon, u->concept)->name : m->ids.items[u->id].s;
    if (u->side >= 0) e->side = fab_lexicon_concept(m->lexicon, u->side)->name;
}

/* Why a unit of the reference is lost: the text has it with another sign or side. */
static const char *reason(const med_unit *u, const med_text *h)
{
    for (int64_t j = 0; j < h->n; j++)
        if (h->units[j].id == u->id && h->units[j].negated != u->negated) return "negation differs";
    for (int64_t j = 0; j < h->n; j++)
        if (h->units[j].id == u->id && h->units[j].side != u->side && u->side >= 0)
            return "side differs";
    return NULL;
}

const fab_med_entry *fab_rouge_med_explain(fab_rouge_med *m, fab_text hyp, fab_text ref, int64_t *n,
                                           fab_err *err)
{
    med_text h, r;

    *n = 0;
    begin(m);
    if (!med_read(m, hyp, &h, err) || !med_read(m, ref, &r, err)) return NULL;
    const double *c = heaviest(m, &h, &r, err);
    fab_med_entry *e = fab_arena_take(m->arena, (size_t)(h.n + r.n + 1) * sizeof *e, err);
    uint8_t *won = fab_arena_zero(m->arena, (size_t)(h.n + r.n + 2), err),
            *used = won ? won + r.n + 1 : NULL;
    if (!c || !e || !won) return NULL;
    size_t row = (size_t)h.n + 1;
    for (int64_t i = r.n, j = h.n; i > 0 && j > 0;) {
        double here = c[(size_t)i * row + (size_t)j];
        if (here == c[(size_t)(i - 1) * row + (size_t)j]) i--;
        else if (here == c[(size_t)i * row + (size_t)j - 1]) j--;
        else won[--i] = used[--j] = 1;
    }
    for (int64_t i = 0; i < r.n; i++) {
        entry_of(m, &r.units[i], won[i] ? "won" : "lost", &e[*n]);
        if (!won[i]) e[*n].why = reason(&r.units[i], &h);
        ++*n;
    }
    for (int64_t j = 0; j < h.n; j++)
        if (!used[j]) entry_of(m, &h.units[j], "extra", &e[(*n)++]);
    return e;
}

bool fab_rouge_med_cut(void *arg, const char *s, size_t n, fab_word_row *to, fab_err *err)
{
    fab_rouge_med *m = arg;

    if (!fab_segment_text(m->segmenter, s, n, &m->words, err)) return false;
    for (size_t i = 0; i < m->words.n; i++)
        if (!fab_word_row_put(to, s + m->words.items[i].at, m->words.items[i].len, err))
            return false;
    return true;
}
