/* rouge_skip: ROUGE-W and ROUGE-S (Lin 2004, sections 4 and 5) as the paper and as ROUGE-1.5.5 have
 * them.
 *
 * W. f(k) = k^1.2. c[i][j] over words of reference and text, k[i][j] the run of matches that ends
 * here:
 *
 *   a match:  c = c[i-1][j-1] + f(k+1) - f(k) with k = k[i-1][j-1];  k[i][j] = k + 1
 *   else      c = max(c[i-1][j], c[i][j-1]);                         k[i][j] = 0
 *
 * paper:   the text is one sentence; R = f^-1(c / f(m)), P = f^-1(c / f(n)).
 * perl155: the table only serves to mark words of a reference sentence (traced back as in
 * rouge_lcs.c, marks of all
 *          sentences of the text together). Marked words are spent as in union LCS; each run of
 *          spent ones adds f(its length), a word that cannot be spent neither adds to nor ends a
 *          run. The base of recall is f of the sum of f(words of a sentence): weighted twice, so
 *          that even a text equal to its reference has R < 1.
 *
 * S. Pairs of words in order with at most d others between; hits = sum of the smaller counts, over
 * the pairs of each. SU adds single words: perl155 all but the last of each text, paper all.
 */
#include <math.h>
#include <string.h>

#include "metrics/rouge_impl.h"

double fab_run_weight(double k) { return pow(k, 1.2); }
double fab_run_weight_inverse(double x) { return pow(x, 1 / 1.2); }

/* ---- W ---- */

enum { MOST_CELLS = 1 << 28 };
enum { DIAGONAL, UP, LEFT };

typedef struct {
    const uint32_t *a, *b;
    int64_t n_a, n_b;
    double *c;     /* two rows of n_b + 1 */
    int32_t *k;    /* two rows of n_b + 1 */
    uint8_t *from; /* [n_a][n_b] which neighbour a cell took */
} weighted;

static bool weighted_new(weighted *w, fab_arena *a, fab_err *err)
{
    if (w->n_b && w->n_a > MOST_CELLS / w->n_b)
        return fab_fail(err, FAB_ELIMIT,
                        "ROUGE-W of %lld and %lld words; the product's limit is %d",
                        (long long)w->n_a, (long long)w->n_b, MOST_CELLS);
    size_t row = (size_t)w->n_b + 1;
    w->c = fab_arena_zero(a, 2 * row * sizeof *w->c, err);
    w->k = fab_arena_zero(a, 2 * row * sizeof *w->k, err);
    w->from = fab_arena_take(a, (size_t)(w->n_a * w->n_b), err);
    return w->c && w->k && w->from;
}

/* Fills the table; c of the last cell. */
static double weighted_fill(weighted *w)
{
    size_t row = (size_t)w->n_b + 1;
    double *c = w->c, *above = w->c + row;
    int32_t *k = w->k, *k_above = w->k + row;
    for (int64_t i = 0; i < w->n_a; i++) {
        double *dc = c;
        int32_t *dk = k;
        c = above, above = dc;
        k = k_above, k_above = dk;
        uint8_t *from = w->from + i * w->n_b;
        for (int64_t j = 0; j < w->n_b; j++) {
            bool match = w->a[i] == w->b[j];
            from[j] = match ? DIAGONAL : above[j + 1] >= c[j] ? UP : LEFT;
            int32_t run = match ? k_above[j] + 1 : 0;
            c[j + 1] = match ? above[j] + fab_run_weight(run) - fab_run_weight(run - 1)
                             : fmax(above[j + 1], c[j]);
            k[j + 1] = run;
        }
    }
    return c[w->n_b];
}

static void weighted_trace(const weighted *w, uint8_t *mask)
{
    for (int64_t i = w->n_a, j = w->n_b; i > 0 && j > 0;) {
        uint8_t from = w->from[(i - 1) * w->n_b + j - 1];
        if (from == DIAGONAL) mask[i - 1] = 1;
        i -= from != LEFT;
        j -= from != UP;
    }
}

/* Adds the marks of one sentence of the reference against one of the text to mask (NULL: none); its
 * c. */
static bool weighted_pair(const comparison *c, weighted w, uint8_t *mask, double *value)
{
    fab_arena_mark before = fab_arena_save(c->scratch);
    if (!weighted_new(&w, c->scratch, c->err)) return false;
    *value = weighted_fill(&w);
    if (mask) weighted_trace(&w, mask);
    fab_arena_release(c->scratch, before);
    return true;
}

static double spent_runs(const uint8_t *mask, const uint32_t *ids, int64_t n, uint32_t *left)
{
    double hits = 0;
    int64_t run = 0;
    for (int64_t j = 0; j < n; j++) {
        if (!mask[j] || !fab_spend(left, ids[j])) continue;
        run++;
        if (j + 1 < n && mask[j + 1]) continue;
        hits += fab_run_weight((double)run);
        run = 0;
    }
    return hits;
}

static bool weighted_perl(const comparison *c, overlap *o)
{
    const fab_word_row *ref = c->ref, *hyp = c->hyp;
    uint32_t *left = fab_count_words(hyp, c->n_ids, c->scratch, c->err);
    uint8_t *mask = fab_arena_take(c->scratch, (size_t)ref->n, c->err);
    if (!left || !mask) return false;
    *o = (overlap){ 0, 0, fab_run_weight((double)hyp->n) };
    for (int64_t i = 0; i < ref->n_lines; i++) {
        int64_t from = ref->lines[i], n = fab_line_end(ref, i) - from;
        memset(mask, 0, (size_t)n);
        for (int64_t k = 0; k < hyp->n_lines; k++) {
            double value;
            weighted w = { .a = ref->ids + from,
                           .b = hyp->ids + hyp->lines[k],
                           .n_a = n,
                           .n_b = fab_line_end(hyp, k) - hyp->lines[k] };
            if (!weighted_pair(c, w, mask, &value)) return false;
        }
        o->hits += spent_runs(mask, ref->ids + from, n, left);
        o->ref += fab_run_weight((double)n);
    }
    o->ref = fab_run_weight(o->ref);
    return true;
}

bool fab_overlap_weighted(const comparison *c, overlap *o)
{
    if (c->mode == FAB_ROUGE_PERL155) return weighted_perl(c, o);
    weighted w = { .a = c->ref->ids, .b = c->hyp->ids, .n_a = c->ref->n, .n_b = c->hyp->n };
    *o = (overlap){ 0, fab_run_weight((double)w.n_a), fab_run_weight((double)w.n_b) };
    return !w.n_a || !w.n_b || weighted_pair(c, w, NULL, &o->hits);
}

/* ---- S and SU ---- */

#define MOST_PAIRS ((int64_t)1 << 24)

static int64_t count_pairs(int64_t n, int64_t reach)
{
    if (reach > n - 1) reach = n - 1;
    return n > 1 ? reach * (n - reach) + reach * (reach - 1) / 2 : 0;
}

static int64_t singles(const comparison *c, const fab_word_row *w)
{
    return c->mode == FAB_ROUGE_PERL155 && w->n ? w->n - 1 : w->n;
}

static void count_all(const fab_word_row *w, int64_t reach, fab_pairs *t, uint32_t *count)
{
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t j = i + 1; j < w->n && j - i <= reach; j++)
            count[fab_pairs_id(t, w->ids[i], w->ids[j])]++;
}

static int64_t spend_all(const fab_word_row *w, int64_t reach, fab_pairs *t, uint32_t *count)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t j = i + 1; j < w->n && j - i <= reach; j++)
            hits += fab_spend(count, fab_pairs_id(t, w->ids[i], w->ids[j]));
    return hits;
}

bool fab_overlap_skip(const comparison *c, int skip, bool unigrams, overlap *o)
{
    int64_t longest = c->ref->n > c->hyp->n ? c->ref->n : c->hyp->n;
    int64_t reach = skip < 0 ? longest : skip + 1;
    int64_t n_ref = 0, n_hyp = 0, all;
    if (longest < (int64_t)1 << 24) {
        n_ref = count_pairs(c->ref->n, reach);
        n_hyp = count_pairs(c->hyp->n, reach);
    }
    all = n_ref + n_hyp;
    if (longest >= (int64_t)1 << 24 || all > MOST_PAIRS)
        return fab_fail(c->err, FAB_ELIMIT,
                        "ROUGE-S of %lld and %lld words has more than %lld pairs",
                        (long long)c->ref->n, (long long)c->hyp->n, (long long)MOST_PAIRS);
    fab_pairs t;
    uint32_t *count = fab_arena_zero(c->scratch, (size_t)all * sizeof *count, c->err);
    if (!count || !fab_pairs_new(&t, all, c->scratch, c->err)) return false;
    count_all(c->ref, reach, &t, count);
    *o = (overlap){ (double)spend_all(c->hyp, reach, &t, count), (double)n_ref, (double)n_hyp };
    if (!unigrams) return true;
    int64_t m = singles(c, c->ref), n = singles(c, c->hyp);
    uint32_t *left = fab_arena_zero(c->scratch, c->n_ids * sizeof *left, c->err);
    if (!left) return false;
    for (int64_t i = 0; i < m; i++) left[c->ref->ids[i]]++;
    for (int64_t i = 0; i < n; i++) o->hits += fab_spend(left, c->hyp->ids[i]);
    o->ref += (double)m;
    o->hyp += (double)n;
    return true;
}
