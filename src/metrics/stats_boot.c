/* stats_boot: percentile bootstrap. Rows (or clusters of rows) are drawn with replacement; the
 * statistic sees how often each was drawn. See stats.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/rng.h"
#include "metrics/stats.h"

enum { RESAMPLES = 1000, MOST_ROWS = 1 << 30 };

typedef struct {
    int32_t *times, *drawn; /* [n]; [groups] */
    double *values, *one;   /* [k, resamples]; [k] */
    int64_t groups;
} work;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool check(int64_t n, int k, const fab_boot_opts *o, int64_t *groups, fab_err *err)
{
    if (n < 1 || n > MOST_ROWS || k < 1)
        return fab_fail(err, FAB_EFORMAT, "a bootstrap of %lld rows", (long long)n);
    if (o->resamples < 10 || o->resamples > 1000000)
        return fab_fail(err, FAB_EUSAGE, "%lld resamples, 10 to 1000000 make sense",
                        (long long)o->resamples);
    if (!(o->level > 0 && o->level < 1))
        return fab_fail(err, FAB_EUSAGE, "a confidence level of %g is not between 0 and 1",
                        o->level);
    *groups = o->cluster ? 0 : n;
    for (int64_t i = 0; o->cluster && i < n; i++) {
        if (o->cluster[i] < 0 || o->cluster[i] >= n)
            return fab_fail(err, FAB_EFORMAT, "row %lld: cluster %d is not in 0..%lld",
                            (long long)i, o->cluster[i], (long long)n - 1);
        if (o->cluster[i] >= *groups) *groups = o->cluster[i] + 1;
    }
    return true;
}

static void draw(fab_rng *rng, int64_t n, const int32_t *cluster, work *w)
{
    memset(w->drawn, 0, (size_t)w->groups * sizeof *w->drawn);
    for (int64_t i = 0; i < w->groups; i++) w->drawn[fab_rng_below(rng, (uint32_t)w->groups)]++;
    if (!cluster) memcpy(w->times, w->drawn, (size_t)n * sizeof *w->times);
    else
        for (int64_t i = 0; i < n; i++) w->times[i] = w->drawn[cluster[i]];
}

/* The percentiles of the resamples that define the statistic. */
static void interval_of(double *x, int64_t R, double level, fab_interval *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < R; i++)
        if (!isnan(x[i])) x[n++] = x[i];
    out->low = out->high = NAN;
    if (2 * n < R || isnan(out->value)) return;
    qsort(x, (size_t)n, sizeof *x, by_value);
    out->low = fab_quantile_sorted(x, n, (1 - level) / 2);
    out->high = fab_quantile_sorted(x, n, (1 + level) / 2);
}

static void resample(fab_boot_fn fn, void *arg, int64_t n, int k, const fab_boot_opts *o, work *w,
                     fab_interval *out)
{
    fab_rng rng;
    fab_rng_init(&rng, o->seed);
    for (int64_t i = 0; i < n; i++) w->times[i] = 1;
    fn(arg, w->times, w->one);
    for (int s = 0; s < k; s++) out[s].value = w->one[s];
    for (int64_t r = 0; r < o->resamples; r++) {
        draw(&rng, n, o->cluster, w);
        fn(arg, w->times, w->one);
        for (int s = 0; s < k; s++) w->values[s * o->resamples + r] = w->one[s];
    }
    for (int s = 0; s < k; s++)
        interval_of(w->values + s * o->resamples, o->resamples, o->level, &out[s]);
}

static fab_boot_opts filled(const fab_boot_opts *opts)
{
    fab_boot_opts o = opts ? *opts : (fab_boot_opts){ 0 };
    if (!o.resamples) o.resamples = RESAMPLES;
    if (o.level == 0) o.level = 0.95;
    return o;
}

bool fab_boot(fab_boot_fn fn, void *arg, int64_t n, int k, const fab_boot_opts *opts,
              fab_interval *out, fab_err *err)
{
    fab_boot_opts o = filled(opts);
    work w = { 0 };
    if (!check(n, k, &o, &w.groups, err)) return false;
    w.times = fab_new_array((size_t)n, sizeof *w.times, err);
    w.drawn = fab_new_array((size_t)w.groups, sizeof *w.drawn, err);
    w.values = fab_new_array((size_t)k * (size_t)o.resamples, sizeof *w.values, err);
    w.one = fab_new_array((size_t)k, sizeof *w.one, err);
    bool ok = w.times && w.drawn && w.values && w.one;
    if (ok) resample(fn, arg, n, k, &o, &w, out);
    fab_free(w.times);
    fab_free(w.drawn);
    fab_free(w.values);
    fab_free(w.one);
    return ok;
}

typedef struct {
    const double *x;
    int64_t n;
} column;

static void mean(void *arg, const int32_t *times, double *out)
{
    const column *c = arg;
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < c->n; i++) sum += times[i] * c->x[i], n += times[i];
    *out = n ? sum / (double)n : NAN;
}

bool fab_boot_mean(const double *x, int64_t n, const fab_boot_opts *opts, fab_interval *out,
                   fab_err *err)
{
    column c = { x, n };
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return fab_fail(err, FAB_EFORMAT, "row %lld: the score %g is not finite", (long long)i,
                            x[i]);
    return fab_boot(mean, &c, n, 1, opts, out, err);
}
