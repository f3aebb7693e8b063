/* stats_agree: kappa, agreement of readers beyond chance.
 *
 *   Cohen    1 - sum w o / sum w e,  w = [a != b], |a - b| or (a - b)^2, e = the margins' product
 *   Fleiss   (P - Pe) / (1 - Pe),  P = mean_i sum_c k_ic (k_ic - 1) / (K (K - 1)),  Pe = sum_c p_c^2
 */
#include <math.h>
#include "base/arena.h"
#include "metrics/stats.h"

static double weight(int a, int b, fab_kappa_weight w)
{
    double d = a > b ? a - b : b - a;
    return w == FAB_KAPPA_PLAIN ? d != 0 : w == FAB_KAPPA_LINEAR ? d : d * d;
}

bool fab_kappa(const int *a, const int *b, int64_t n, int C, fab_kappa_weight w, double *kappa,
               fab_err *err)
{
    double *margin = fab_new_array(2 * (size_t)(C > 0 ? C : 1), sizeof *margin, err);
    bool ok = margin != NULL;
    double seen = 0, chance = 0;
    for (int64_t i = 0; ok && i < n; i++) {
        if (a[i] < 0 || a[i] >= C || b[i] < 0 || b[i] >= C) {
            ok = fab_fail(err, FAB_EFORMAT, "row %lld: classes %d and %d are not both in 0..%d",
                          (long long)i, a[i], b[i], C - 1);
            break;
        }
        seen += weight(a[i], b[i], w);
        margin[a[i]]++, margin[C + b[i]]++;
    }
    for (int i = 0; ok && i < C; i++)
        for (int j = 0; j < C; j++) chance += weight(i, j, w) * margin[i] * margin[C + j];
    fab_free(margin);
    if (ok) *kappa = chance > 0 ? 1 - seen * (double)n / chance : NAN;
    return ok;
}

static double row_sum(const int32_t *row, int C)
{
    double s = 0;
    for (int c = 0; c < C; c++) s += row[c];
    return s;
}

bool fab_fleiss(const int32_t *counts, int64_t n, int C, double *kappa, fab_err *err)
{
    double K = n > 0 ? row_sum(counts, C) : 0, P = 0, Pe = 0;
    if (n < 1 || K < 2)
        return fab_fail(err, FAB_EFORMAT, "%lld rows of %g readers: two readers are needed",
                        (long long)n, K);
    for (int64_t i = 0; i < n; i++) {
        const int32_t *row = counts + i * C;
        if (row_sum(row, C) != K)
            return fab_fail(err, FAB_EFORMAT, "row %lld has %g readers, row 0 has %g", (long long)i,
                            row_sum(row, C), K);
        for (int c = 0; c < C; c++) P += (double)row[c] * ((double)row[c] - 1);
    }
    P /= (double)n * K * (K - 1);
    for (int c = 0; c < C; c++) {
        double p = 0;
        for (int64_t i = 0; i < n; i++) p += counts[i * C + c];
        p /= (double)n * K;
        Pe += p * p;
    }
    *kappa = Pe < 1 ? (P - Pe) / (1 - Pe) : NAN;
    return true;
}
