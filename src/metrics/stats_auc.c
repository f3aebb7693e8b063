/* stats_auc: DeLong's variance of an area under the ROC curve, and of the difference of two.
 *
 *   V10[i] = share of negatives below positive i (ties half),  V01[j] = share of positives above
 *   negative j;  AUC = mean V10;  var = S10 / P + S01 / N,  S the sample (co)variances
 *
 * By mid-ranks (Sun & Xu 2014): V10[i] = (rank among all - rank among the positives) / N.
 */
#include <math.h>
#include <stdlib.h>
#include "base/arena.h"
#include "metrics/stats.h"

typedef struct {
    float score;
    int64_t row;
} ranked;

static int by_score(const void *a, const void *b)
{
    float x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x > y) - (x < y);
}

/* rank[row] += sign * mid-rank among the m entries of list, which is sorted here. */
static void add_ranks(ranked *list, int64_t m, double sign, double *rank)
{
    qsort(list, (size_t)m, sizeof *list, by_score);
    for (int64_t i = 0, end; i < m; i = end) {
        for (end = i; end < m && list[end].score == list[i].score;) end++;
        for (int64_t k = i; k < end; k++) rank[list[k].row] += sign * ((double)(i + 1 + end) / 2);
    }
}

/* v[i]: the placement of row i among the other side. */
static void placements(const float *s, const uint8_t *y, int64_t n, const int64_t side[2],
                       ranked *list, double *v)
{
    for (int64_t i = 0; i < n; i++) v[i] = 0, list[i] = (ranked){ s[i], i };
    add_ranks(list, n, 1, v);
    for (int k = 0; k < 2; k++) {
        int64_t m = 0;
        for (int64_t i = 0; i < n; i++)
            if ((y[i] != 0) == k) list[m++] = (ranked){ s[i], i };
        add_ranks(list, m, -1, v);
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = y[i] ? v[i] / (double)side[0] : 1 - v[i] / (double)side[1];
}

static double auc_of(const double *v, const uint8_t *y, int64_t n, int64_t positives)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (y[i]) sum += v[i];
    return sum / (double)positives;
}

/* S10 / P + S01 / N of two placement vectors with areas A and B. */
static double covariance(const double *v, const double *w, const uint8_t *y, int64_t n,
                         const int64_t side[2], double A, double B)
{
    double s[2] = { 0, 0 };
    if (side[0] < 2 || side[1] < 2) return NAN;
    for (int64_t i = 0; i < n; i++) s[y[i] != 0] += (v[i] - A) * (w[i] - B);
    return s[1] / (double)(side[1] - 1) / (double)side[1] +
           s[0] / (double)(side[0] - 1) / (double)side[0];
}

static bool check(const float *s, const uint8_t *y, int64_t n, int64_t side[2], fab_err *err)
{
    side[0] = side[1] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(s[i]))
            return fab_fail(err, FAB_EFORMAT, "score %lld is not a number", (long long)i);
        side[y[i] != 0]++;
    }
    return true;
}

bool fab_delong_auc(const float *scores, const uint8_t *positive, int64_t n, double level,
                    fab_delong *out, fab_err *err)
{
    int64_t side[2];
    *out = (fab_delong){ .auc = { NAN, NAN, NAN }, .se = NAN };
    if (!check(scores, positive, n, side, err)) return false;
    out->n_pos = side[1], out->n_neg = side[0];
    if (!side[0] || !side[1]) return true;
    ranked *list = fab_new_array((size_t)n, sizeof *list, err);
    double *v = fab_new_array((size_t)n, sizeof *v, err);
    if (list && v) {
        placements(scores, positive, n, side, list, v);
        double A = out->auc.value = auc_of(v, positive, n, side[1]);
        double z = fab_normal_quantile((1 + level) / 2);
        out->se = sqrt(fmax(0, covariance(v, v, positive, n, side, A, A)));
        if (side[0] < 2 || side[1] < 2) out->se = NAN;
        out->auc.low = isnan(out->se) ? NAN : fmax(0, A - z * out->se);
        out->auc.high = isnan(out->se) ? NAN : fmin(1, A + z * out->se);
    }
    bool ok = list && v;
    fab_free(list);
    fab_free(v);
    return ok;
}

bool fab_delong_paired(const float *a, const float *b, const uint8_t *positive, int64_t n,
                       fab_delong_pair *out, fab_err *err)
{
    int64_t side[2];
    if (!check(a, positive, n, side, err) || !check(b, positive, n, side, err)) return false;
    if (side[0] < 2 || side[1] < 2)
        return fab_fail(err, FAB_EFORMAT,
                        "%lld positives and %lld negatives: two of each are needed",
                        (long long)side[1], (long long)side[0]);
    ranked *list = fab_new_array((size_t)n, sizeof *list, err);
    double *v = fab_new_array((size_t)n, sizeof *v, err),
           *w = fab_new_array((size_t)n, sizeof *w, err);
    bool ok = list && v && w;
    if (ok) {
        placements(a, positive, n, side, list, v);
        placements(b, positive, n, side, list, w);
        double A = auc_of(v, positive, n, side[1]), B = auc_of(w, positive, n, side[1]);
        double var = covariance(v, v, positive, n, side, A, A) +
                     covariance(w, w, positive, n, side, B, B) -
                     2 * covariance(v, w, positive, n, side, A, B);
        double se = sqrt(fmax(0, var)), z = se > 1e-12 ? (A - B) / se : A == B ? 0 : INFINITY;
        *out = (fab_delong_pair){ A, B, se, z, fab_two_sided(z) };
    }
    fab_free(list);
    fab_free(v);
    fab_free(w);
    return ok;
}
