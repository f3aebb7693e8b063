/* rouge_lcs: longest common subsequences, 64 cells of a row at once (Crochemore and others 2001,
 * Hyyro 2004).
 *
 * Row i of the table over the words of b is kept as the bits V[i], bit j clear where c[i][j+1] =
 * c[i][j] + 1. With M the
 * places in b of a's word i:  u = V & M,  V' = (V + u) | (V - u). The length is the number of clear bits.
 *
 * The official tools trace back from the last cell: a match goes diagonally, else up when c[i-1][j]
 * >= c[i][j-1], else left. Up is taken exactly when c[i-1][j] = c[i][j], so that the clear bits
 * below j of two rows decide.
 */
#include <string.h>

#include "metrics/rouge_impl.h"

/* For each word of b: where it is, n_w words of 64 bits; row 0 is for words that b lacks. */
typedef struct {
    const uint32_t *row; /* [n_ids] */
    const uint64_t *places;
} places;

static bool find_places(places *p, const uint32_t *b, int64_t n_b, uint32_t n_ids, int64_t n_w,
                        fab_arena *scratch, fab_err *err)
{
    uint32_t *row = fab_arena_zero(scratch, n_ids * sizeof *row, err), rows = 1;
    if (!row) return false;
    for (int64_t j = 0; j < n_b; j++)
        if (!row[b[j]]) row[b[j]] = rows++;
    uint64_t *bits = fab_arena_zero(scratch, (size_t)(rows * n_w) * sizeof *bits, err);
    if (!bits) return false;
    for (int64_t j = 0; j < n_b; j++) bits[row[b[j]] * n_w + j / 64] |= 1ull << j % 64;
    *p = (places){ row, bits };
    return true;
}

/* Row `to` out of row `from` by a word whose places are m. */
static void next_row(const uint64_t *from, uint64_t *to, const uint64_t *m, int64_t n_w)
{
    uint64_t carry = 0;
    for (int64_t k = 0; k < n_w; k++) {
        uint64_t v = from[k], u = v & m[k], sum = v + u, both = sum + carry;
        carry = (sum < v) | (both < sum);
        to[k] = both | (v - u);
    }
}

/* c of a row at column j: the clear bits among its first j */
static int64_t cell(const uint64_t *v, int64_t j)
{
    int64_t n = 0;
    for (int64_t k = 0; k < j / 64; k++) n += __builtin_popcountll(~v[k]);
    return j % 64 ? n + __builtin_popcountll(~v[j / 64] & ((1ull << j % 64) - 1)) : n;
}

static void trace_back(const uint32_t *a, int64_t i, const uint32_t *b, int64_t j,
                       const uint64_t *rows, int64_t n_w, uint8_t *mask)
{
    while (i > 0 && j > 0) {
        const uint64_t *v = rows + i * n_w;
        if (a[i - 1] == b[j - 1]) mask[--i] = 1, j--;
        else if (cell(v - n_w, j) == cell(v, j)) i--;
        else j--;
    }
}

int64_t fab_lcs(const uint32_t *a, int64_t n_a, const uint32_t *b, int64_t n_b, uint32_t n_ids,
                uint8_t *mask, fab_arena *scratch, fab_err *err)
{
    if (!n_a || !n_b) return 0;
    fab_arena_mark before = fab_arena_save(scratch);
    int64_t n_w = (n_b + 63) / 64, length = -1;
    size_t row_size = (size_t)n_w * sizeof(uint64_t), n_rows = mask ? (size_t)n_a + 1 : 1;
    places p;
    uint64_t *rows = NULL;
    if (n_rows > SIZE_MAX / row_size) fab_fail(err, FAB_ELIMIT, "%lld words", (long long)n_a);
    else rows = fab_arena_take(scratch, n_rows * row_size, err);
    if (rows && find_places(&p, b, n_b, n_ids, n_w, scratch, err)) {
        uint64_t *v = rows;
        memset(v, 0xff, row_size);
        for (int64_t i = 0; i < n_a; i++) {
            uint64_t *to = mask ? v + n_w : v;
            next_row(v, to, p.places + p.row[a[i]] * n_w, n_w);
            v = to;
        }
        length = cell(v, n_b);
        if (mask) trace_back(a, n_a, b, n_b, rows, n_w, mask);
    }
    fab_arena_release(scratch, before);
    return length;
}

uint32_t *fab_count_words(const fab_word_row *w, uint32_t n_ids, fab_arena *a, fab_err *err)
{
    uint32_t *count = fab_arena_zero(a, n_ids * sizeof *count, err);
    for (int64_t i = 0; count && i < w->n; i++) count[w->ids[i]]++;
    return count;
}

/* ---- union over the sentences of a text ----
 *
 * For each sentence of the reference: its words that are on the common subsequence with any sentence of the text. The
 * tools count such a word only while both texts still have one of it to give; paper counts each.
 */

static bool union_mask(const comparison *c, int64_t line, uint8_t *mask)
{
    int64_t from = c->ref->lines[line], n = fab_line_end(c->ref, line) - from;
    memset(mask, 0, (size_t)n);
    for (int64_t k = 0; k < c->hyp->n_lines; k++) {
        int64_t at = c->hyp->lines[k];
        if (fab_lcs(c->ref->ids + from, n, c->hyp->ids + at, fab_line_end(c->hyp, k) - at, c->n_ids,
                    mask, c->scratch, c->err) < 0)
            return false;
    }
    return true;
}

bool fab_overlap_union(const comparison *c, overlap *o)
{
    uint32_t *left = fab_count_words(c->hyp, c->n_ids, c->scratch, c->err);
    uint8_t *mask = fab_arena_take(c->scratch, (size_t)c->ref->n, c->err);
    if (!left || !mask) return false;
    *o = (overlap){ 0, (double)c->ref->n, (double)c->hyp->n };
    for (int64_t i = 0; i < c->ref->n_lines; i++) {
        if (!union_mask(c, i, mask)) return false;
        const uint32_t *ids = c->ref->ids + c->ref->lines[i];
        for (int64_t j = 0, n = fab_line_end(c->ref, i) - c->ref->lines[i]; j < n; j++)
            o->hits += mask[j] && (c->mode == FAB_ROUGE_PAPER || fab_spend(left, ids[j]));
    }
    return true;
}
