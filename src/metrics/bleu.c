/* bleu: see bleu.h.
 *
 *   p[n] = sum over n-grams of min(count in text, most in any one reference) / n-grams of the text
 *   BLEU = 100 min(1, exp(1 - r/c)) (p[1] p[2] p[3] p[4])^(1/4)
 *
 * A precision without hits is smoothed: exp halves it anew each time, 1 / (2^k total); floor puts
 * `value` hits; add-k adds k to hits and total from n = 2 on. An order without any n-gram ends the
 * product: it makes the score 0 unless effective_order divides by the orders there are. No hit at
 * all is 0 whatever the smoothing.
 */
#include "metrics/bleu.h"

#include <math.h>
#include <string.h>

#include "metrics/grams.h"

bool fab_bleu_smoothing_named(const char *name, fab_bleu_smoothing *s, fab_err *err)
{
    static const char *const names[] = { "exp", "floor", "add-k", "none" };
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *s = (fab_bleu_smoothing)i;
        return true;
    }
    return fab_fail(err, FAB_EUSAGE, "%s: no such smoothing; exp, floor, add-k, none", name);
}

static double nearest_length(double hyp, const fab_word_row *refs, int n_refs)
{
    double best = (double)refs[0].n;
    for (int i = 1; i < n_refs; i++) {
        double n = (double)refs[i].n, d = fabs(hyp - n), least = fabs(hyp - best);
        if (d < least || (d == least && n < best)) best = n;
    }
    return best;
}

/* most[g] = the largest count of g in one reference; count is zero before and after. */
static void take_most(const uint32_t *grams, int64_t n, uint32_t *count, uint32_t *most)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t c = ++count[grams[i]];
        if (c > most[grams[i]]) most[grams[i]] = c;
    }
    for (int64_t i = 0; i < n; i++) count[grams[i]] = 0;
}

typedef struct {
    const fab_word_row *hyp, *refs;
    int n_refs;
    uint32_t **grams; /* [1 + n_refs], the text's first */
    uint32_t *count, *most;
    int64_t words;
} counter;

static void count_order(counter *c, int n, fab_bleu_counts *out)
{
    memset(c->most, 0, (size_t)c->words * sizeof *c->most);
    for (int r = 0; r < c->n_refs; r++)
        take_most(c->grams[r + 1], c->refs[r].n - n + 1, c->count, c->most);
    int64_t total = c->hyp->n - n + 1;
    for (int64_t i = 0; i < total; i++) {
        uint32_t g = c->grams[0][i];
        if (!c->most[g]) continue;
        c->most[g]--;
        out->correct[n - 1]++;
    }
    out->total[n - 1] = total > 0 ? (double)total : 0;
}

static bool counter_new(counter *c, fab_arena *a, fab_err *err)
{
    c->words = c->hyp->n;
    for (int r = 0; r < c->n_refs; r++) c->words += c->refs[r].n;
    c->grams = fab_arena_take(a, (size_t)(c->n_refs + 1) * sizeof *c->grams, err);
    c->count = fab_arena_zero(a, (size_t)c->words * sizeof *c->count, err);
    c->most = fab_arena_take(a, (size_t)c->words * sizeof *c->most, err);
    if (!c->grams || !c->count || !c->most) return false;
    for (int r = 0; r <= c->n_refs; r++)
        if (!(c->grams[r] = fab_grams_new(r ? &c->refs[r - 1] : c->hyp, a, err))) return false;
    return true;
}

bool fab_bleu_count(const fab_word_row *hyp, const fab_word_row *refs, int n_refs,
                    fab_arena *scratch, fab_bleu_counts *out, fab_err *err)
{
    if (n_refs < 1) return fab_fail(err, FAB_EUSAGE, "no reference");
    *out = (fab_bleu_counts){ .hyp_len = (double)hyp->n };
    out->ref_len = nearest_length(out->hyp_len, refs, n_refs);
    fab_arena_mark before = fab_arena_save(scratch);
    counter c = { hyp, refs, n_refs, NULL, NULL, NULL, 0 };
    bool ok = counter_new(&c, scratch, err);
    for (int n = 1; ok && n <= FAB_BLEU_ORDER; n++) {
        fab_pairs t;
        if (n > 1 && (ok = fab_pairs_new(&t, c.words, scratch, err)))
            for (int r = 0; r <= n_refs; r++)
                fab_grams_lengthen(c.grams[r], r ? &refs[r - 1] : hyp, n - 1, &t);
        if (ok) count_order(&c, n, out);
    }
    fab_arena_release(scratch, before);
    return ok;
}

void fab_bleu_add(fab_bleu_counts *sum, const fab_bleu_counts *one, double times)
{
    sum->hyp_len += times * one->hyp_len;
    sum->ref_len += times * one->ref_len;
    for (int n = 0; n < FAB_BLEU_ORDER; n++) {
        sum->correct[n] += times * one->correct[n];
        sum->total[n] += times * one->total[n];
    }
}

/* sacrebleu's logarithm: of 0 it is -9999999999. */
static double log_of(double x) { return x == 0 ? -9999999999.0 : log(x); }

static double precision(double correct, double total, int n, const fab_bleu_opts *o, double *halves)
{
    double value = o->value >= 0 ? o->value : o->smoothing == FAB_BLEU_FLOOR ? 0.1 : 1;
    if (o->smoothing == FAB_BLEU_ADD_K && n > 0) correct += value, total += value;
    if (total == 0) return -1;
    if (correct > 0) return 100 * correct / total;
    if (o->smoothing == FAB_BLEU_EXP) return 100 / ((*halves *= 2) * total);
    return o->smoothing == FAB_BLEU_FLOOR ? 100 * value / total : 0;
}

fab_bleu fab_bleu_score(const fab_bleu_counts *c, const fab_bleu_opts *o)
{
    int order = o->order > 0 ? o->order : FAB_BLEU_ORDER, used = order;
    double halves = 1, logs = 0, hits = 0;
    fab_bleu b = { .brevity = 1 };
    if (c->hyp_len < c->ref_len) b.brevity = c->hyp_len > 0 ? exp(1 - c->ref_len / c->hyp_len) : 0;
    for (int n = 0; n < order; n++) hits += c->correct[n];
    if (!(hits > 0)) return b;
    for (int n = 0; n < order; n++) {
        double p = precision(c->correct[n], c->total[n], n, o, &halves);
        if (p < 0) break;
        b.precisions[n] = p;
        if (o->effective_order) used = n + 1;
    }
    for (int n = 0; n < used; n++) logs += log_of(b.precisions[n]);
    b.score = b.brevity * exp(logs / used);
    return b;
}
