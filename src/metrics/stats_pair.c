/* stats_pair: two systems on the same rows: approximate randomisation, McNemar, Holm. See stats.h. */
#include <math.h>
#include <stdlib.h>
#include "base/arena.h"
#include "base/rng.h"
#include "metrics/stats.h"

enum { TRIALS = 10000 };

/* The differences summed by cluster: swapping a cluster's pairs turns the sign of its sum. */
static int64_t sums(const double *a, const double *b, int64_t n, const int32_t *cluster, double *d,
                    fab_err *err)
{
    int64_t groups = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = cluster ? cluster[i] : i;
        if (!isfinite(a[i]) || !isfinite(b[i]))
            return fab_fail(err, FAB_EFORMAT, "row %lld: the scores %g and %g are not both finite",
                            (long long)i, a[i], b[i]),
                   -1;
        if (at < 0 || at >= n)
            return fab_fail(err, FAB_EFORMAT, "row %lld: cluster %lld is not in 0..%lld",
                            (long long)i, (long long)at, (long long)n - 1),
                   -1;
        d[at] += a[i] - b[i];
        if (at >= groups) groups = at + 1;
    }
    return groups;
}

/* Sign-flipped sums at least as far from 0; a hair of slack keeps equal sums equal. */
static int64_t as_far(const double *d, int64_t groups, int64_t trials, uint64_t seed, double limit)
{
    fab_rng rng;
    int64_t far = 0;
    fab_rng_init(&rng, seed);
    for (int64_t t = 0; t < trials; t++) {
        double s = 0;
        uint64_t coins = 0;
        for (int64_t i = 0; i < groups; i++, coins >>= 1) {
            if (i % 64 == 0) coins = fab_rng_u64(&rng);
            s += coins & 1 ? d[i] : -d[i];
        }
        far += fabs(s) >= limit;
    }
    return far;
}

bool fab_randomisation(const double *a, const double *b, int64_t n, const fab_boot_opts *opts,
                       fab_paired *out, fab_err *err)
{
    fab_boot_opts o = opts ? *opts : (fab_boot_opts){ 0 };
    if (!o.resamples) o.resamples = TRIALS;
    if (n < 1 || o.resamples < 1)
        return fab_fail(err, FAB_EFORMAT, "a paired test of %lld rows in %lld trials", (long long)n,
                        (long long)o.resamples);
    double *d = fab_new_array((size_t)n, sizeof *d, err), total = 0, size = 0;
    int64_t groups = d ? sums(a, b, n, o.cluster, d, err) : -1;
    for (int64_t i = 0; i < groups; i++) total += d[i], size += fabs(d[i]);
    if (groups >= 0) {
        int64_t far = as_far(d, groups, o.resamples, o.seed, fabs(total) - 1e-12 * size);
        *out = (fab_paired){ total / (double)n, (1 + (double)far) / (1 + (double)o.resamples) };
    }
    fab_free(d);
    return groups >= 0;
}

fab_mcnemar_result fab_mcnemar(int64_t only_a, int64_t only_b)
{
    fab_mcnemar_result r = { .only_a = only_a, .only_b = only_b };
    double d = (double)(only_a - only_b), n = (double)(only_a + only_b);
    r.chi2 = n > 0 ? d * d / n : 0;
    r.p_chi2 = fab_chi2_tail(r.chi2, 1);
    r.p_exact = fab_fair_coin(only_a, only_b);
    r.p = n < 25 ? r.p_exact : r.p_chi2;
    return r;
}

typedef struct {
    double p;
    int64_t at;
} place;

static int by_p(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->at > y->at) - (x->at < y->at);
}

bool fab_holm(const double *p, int64_t n, double *adjusted, fab_err *err)
{
    place *order = fab_new_array((size_t)n + 1, sizeof *order, err);
    bool ok = order != NULL;
    for (int64_t i = 0; ok && i < n; i++) {
        order[i] = (place){ p[i], i };
        if (!(p[i] >= 0 && p[i] <= 1))
            ok = fab_fail(err, FAB_EFORMAT, "p value %lld is %g, not in 0..1", (long long)i, p[i]);
    }
    if (ok) {
        double most = 0;
        qsort(order, (size_t)n, sizeof *order, by_p);
        for (int64_t i = 0; i < n; i++) {
            most = fmax(most, fmin(1, (double)(n - i) * order[i].p));
            adjusted[order[i].at] = most;
        }
    }
    fab_free(order);
    return ok;
}
