/* rouge: n-grams, and how overlaps become scores (Lin, Text Summarization Branches Out, 2004).
 *
 *   ROUGE-N   hits = sum over n-grams of min(count in text, count in reference), R = hits / n-grams of the reference,
 *             P = hits / n-grams of the text, F = 2PR / (P + R)
 *   ROUGE-L   hits = length of the longest common subsequence, over the words of each
 *
 * Several references: perl155 adds hits and bases up first; the other modes take the reference of
 * the best F (the first of equals), as rouge_score's score_multi. An empty base scores 0.
 *
 * ROUGE-1.5.5 prints %7.5f and makes F from the printed R and P; so does perl155.
 */
#include "metrics/rouge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/rouge_impl.h"
#include "text/utf8.h"

struct fab_rouge {
    fab_rouge_opts opts;
    fab_word_table *table;
    fab_word_row hyp, ref;
    fab_arena *scratch;
};

/* ---- names ---- */

static bool number(const char *s, int most, int *n)
{
    if (!*s || strlen(s) > 2 || strspn(s, "0123456789") != strlen(s)) return false;
    *n = (int)strtol(s, NULL, 10);
    return *n <= most;
}

bool fab_rouge_named(const char *name, fab_rouge_metric *m, fab_err *err)
{
    const char *s = strncmp(name, "rouge", 5) == 0 ? name + 5 : "";
    *m = (fab_rouge_metric){ FAB_ROUGE_N, -1 };
    if (number(s, 9, &m->n) && m->n > 0) return true;
    if (strcmp(s, "L") == 0) m->kind = FAB_ROUGE_L;
    else if (strcmp(s, "Lsum") == 0) m->kind = FAB_ROUGE_LSUM;
    else if (strcmp(s, "W") == 0) m->kind = FAB_ROUGE_W;
    else if (strncmp(s, "SU", 2) == 0) m->kind = FAB_ROUGE_SU, s += 2;
    else if (*s == 'S') m->kind = FAB_ROUGE_S, s++;
    m->n = -1;
    if (m->kind != FAB_ROUGE_N &&
        (m->kind == FAB_ROUGE_S || m->kind == FAB_ROUGE_SU ? !*s || number(s, 99, &m->n) : true))
        return true;
    return fab_fail(err, FAB_EUSAGE,
                    "%s: no such metric; rouge1 to rouge9, rougeL, rougeLsum, rougeW, rougeS, "
                    "rougeSU, rougeS4, rougeSU4",
                    name);
}

/* ---- n-grams ---- */

/* Sum over numbers of the smaller count; rows of numbers below n_ids. */
static int64_t common(const uint32_t *a, int64_t n_a, const uint32_t *b, int64_t n_b,
                      uint32_t *count)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < n_a; i++) count[a[i]]++;
    for (int64_t i = 0; i < n_b; i++)
        if (count[b[i]]) count[b[i]]--, hits++;
    return hits;
}

bool fab_overlap_ngram(const comparison *c, int n, overlap *o)
{
    int64_t n_hyp = c->hyp->n - n + 1, n_ref = c->ref->n - n + 1;
    *o = (overlap){ 0, n_ref > 0 ? (double)n_ref : 0, n_hyp > 0 ? (double)n_hyp : 0 };
    if (n_hyp <= 0 || n_ref <= 0) return true;
    const uint32_t *hyp = c->hyp->ids, *ref = c->ref->ids;
    uint32_t ids = c->n_ids;
    if (n > 1) {
        uint32_t *h = fab_grams_new(c->hyp, c->scratch, c->err),
                 *r = fab_grams_new(c->ref, c->scratch, c->err);
        if (!h || !r) return false;
        for (int k = 1; k < n; k++) {
            fab_pairs t;
            if (!fab_pairs_new(&t, c->hyp->n + c->ref->n, c->scratch, c->err)) return false;
            fab_grams_lengthen(h, c->hyp, k, &t);
            fab_grams_lengthen(r, c->ref, k, &t);
            ids = t.n;
        }
        hyp = h;
        ref = r;
    }
    uint32_t *count = fab_arena_zero(c->scratch, ids * sizeof *count, c->err);
    if (!count) return false;
    o->hits = (double)common(ref, n_ref, hyp, n_hyp, count);
    return true;
}

bool fab_overlap_lcs(const comparison *c, overlap *o)
{
    int64_t hits =
        fab_lcs(c->ref->ids, c->ref->n, c->hyp->ids, c->hyp->n, c->n_ids, NULL, c->scratch, c->err);
    *o = (overlap){ (double)hits, (double)c->ref->n, (double)c->hyp->n };
    return hits >= 0;
}

/* ---- scores ---- */

/* What "%7.5f" prints, as a number: nearest of five decimals, ties of the binary value to even. */
static double five_decimals(double x)
{
    double y = x * 1e5, down = floor(y), part = y - down;
    if (fabs(part - 0.5) > 1e-6) return (part < 0.5 ? down : down + 1) / 1e5;
    char text[64];
    snprintf(text, sizeof text, "%.5f", x);
    return strtod(text, NULL);
}

static double ratio(double hits, double base, fab_rouge_kind kind)
{
    if (!(base > 0)) return 0;
    return kind == FAB_ROUGE_W ? fab_run_weight_inverse(hits / base) : hits / base;
}

static fab_prf score_of(const overlap *o, fab_rouge_kind kind, fab_rouge_mode mode)
{
    fab_prf s = { ratio(o->hits, o->ref, kind), ratio(o->hits, o->hyp, kind), 0 };
    if (mode == FAB_ROUGE_PERL155) {
        s.r = five_decimals(s.r);
        s.p = five_decimals(s.p);
        if (s.r + s.p > 0) s.f = five_decimals(s.p * s.r / (0.5 * s.p + 0.5 * s.r));
    } else if (s.r + s.p > 0) s.f = 2 * s.p * s.r / (s.p + s.r);
    return s;
}

static bool compare(const comparison *c, const fab_rouge_metric *m, overlap *o)
{
    switch (m->kind) {
    case FAB_ROUGE_N: return fab_overlap_ngram(c, m->n, o);
    case FAB_ROUGE_L: return fab_overlap_lcs(c, o);
    case FAB_ROUGE_LSUM: return fab_overlap_union(c, o);
    case FAB_ROUGE_W: return fab_overlap_weighted(c, o);
    default: return fab_overlap_skip(c, m->n, m->kind == FAB_ROUGE_SU, o);
    }
}

static bool add_reference(fab_rouge *s, const comparison *c, bool first,
                          const fab_rouge_metric *metrics, int n_metrics, overlap *sums,
                          fab_prf *out)
{
    for (int i = 0; i < n_metrics; i++) {
        overlap o;
        fab_arena_mark before = fab_arena_save(s->scratch);
        if (!compare(c, &metrics[i], &o)) return false;
        fab_arena_release(s->scratch, before);
        if (s->opts.mode == FAB_ROUGE_PERL155) {
            sums[i].hits += o.hits;
            sums[i].ref += o.ref;
            sums[i].hyp += o.hyp;
            o = sums[i];
        }
        fab_prf p = score_of(&o, metrics[i].kind, s->opts.mode);
        if (first || s->opts.mode == FAB_ROUGE_PERL155 || p.f > out[i].f) out[i] = p;
    }
    return true;
}

bool fab_rouge_measure(fab_rouge *s, fab_text hyp, const fab_text *refs, int n_refs,
                       const fab_rouge_metric *metrics, int n_metrics, fab_prf *out, fab_err *err)
{
    if (n_refs < 1) return fab_fail(err, FAB_EUSAGE, "no reference");
    fab_arena_reset(s->scratch);
    overlap *sums = fab_arena_zero(s->scratch, (size_t)n_metrics * sizeof *sums, err);
    if (!sums) return false;
    fab_word_table_begin(s->table);
    if (!fab_word_row_read(s->table, &s->hyp, hyp.s, hyp.n, err)) return fab_while(err, "hyp");
    for (int i = 0; i < n_refs; i++) {
        if (!fab_word_row_read(s->table, &s->ref, refs[i].s, refs[i].n, err))
            return fab_while(err, "refs[%d]", i);
        comparison c = { &s->hyp,      &s->ref,    fab_word_table_count(s->table),
                         s->opts.mode, s->scratch, err };
        if (!add_reference(s, &c, i == 0, metrics, n_metrics, sums, out)) return false;
    }
    return true;
}

int64_t fab_rouge_words(const fab_rouge *s) { return s->hyp.n; }

fab_rouge *fab_rouge_new(const fab_rouge_opts *o, fab_err *err)
{
    bool perl = o->mode == FAB_ROUGE_PERL155;
    fab_word_rule rule = { .script = o->script,
                           .stem = !o->stem ? FAB_STEM_NONE
                                   : perl   ? FAB_STEM_PORTER
                                            : FAB_STEM_NLTK,
                           .underscore = perl,
                           .python_lower = !perl,
                           .segment = o->segment,
                           .segment_arg = o->segment_arg };
    fab_rouge *s = fab_new(sizeof *s, err);
    if (!s) return NULL;
    s->opts = *o;
    s->table = fab_word_table_new(&rule, err);
    s->scratch = fab_arena_new(1 << 18, err);
    if (s->table && s->scratch) return s;
    fab_rouge_free(s);
    return NULL;
}

void fab_rouge_free(fab_rouge *s)
{
    if (!s) return;
    fab_word_row_clear(&s->hyp);
    fab_word_row_clear(&s->ref);
    fab_word_table_free(s->table);
    fab_arena_free(s->scratch);
    fab_free(s);
}
