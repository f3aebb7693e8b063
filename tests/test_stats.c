/* Statistics against scipy, statsmodels, scikit-learn and plain definitions
 * (tests/golden/stats.json, made by tools/golden/stats.py), and their refusals. */
#include <math.h>

#include "base/arena.h"
#include "base/json.h"
#include "metrics/stats.h"
#include "test.h"

enum { MOST = 512 };

static json_t *golden(const char *part)
{
    static json_t *all;
    fab_err err = FAB_ERR_INIT;
    if (!all) all = fab_json_open("tests/golden/stats.json", &err);
    CHECK_MSG(all, "%s", err.text);
    json_t *v = json_object_get(all, part);
    CHECK_MSG(v, "no part %s", part);
    return v;
}

static double num(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    CHECK_MSG(json_is_number(v), "%s is not a number", key);
    return json_number_value(v);
}

static double at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static int64_t doubles(const json_t *o, const char *key, double *out)
{
    const json_t *list = json_object_get(o, key);
    size_t n = json_array_size(list);
    CHECK(n > 0 && n <= MOST);
    for (size_t i = 0; i < n; i++) out[i] = at(list, i);
    return (int64_t)n;
}

static int64_t ints(const json_t *o, const char *key, int *out)
{
    double x[MOST];
    int64_t n = doubles(o, key, x);
    for (int64_t i = 0; i < n; i++) out[i] = (int)x[i];
    return n;
}

TEST(distributions)
{
    json_t *row;
    size_t i;
    json_array_foreach(golden("quantile"), i, row)
    {
        double x = fab_normal_quantile(at(row, 0)), want = at(row, 1);
        CHECK_NEAR(x, want, 1e-12 * (1 + fabs(want)));
    }
    CHECK(isinf(fab_normal_quantile(0)) && isinf(fab_normal_quantile(1)));
    CHECK_NEAR(fab_normal_cdf(-1.959963984540054), 0.025, 1e-15);
    json_array_foreach(golden("chi2"), i, row)
    {
        double want = at(row, 2);
        CHECK_NEAR(fab_chi2_tail(at(row, 0), (int)at(row, 1)), want, 1e-12 * want);
    }
    CHECK(fab_chi2_tail(0, 3) == 1);
}

TEST(bootstrap_draws_as_the_golden_one)
{
    fab_err err = FAB_ERR_INIT;
    const json_t *g = golden("bootstrap");
    double x[MOST], want[3];
    int cluster[MOST];
    int64_t n = doubles(g, "x", x);
    ints(g, "cluster", cluster);
    for (int clustered = 0; clustered < 2; clustered++) {
        fab_boot_opts o = { .resamples = (int64_t)num(g, "resamples"),
                            .seed = (uint64_t)num(g, "seed"),
                            .cluster = clustered ? cluster : NULL };
        fab_interval v;
        doubles(g, clustered ? "clustered" : "mean", want);
        CHECK_MSG(fab_boot_mean(x, n, &o, &v, &err), "%s", err.text);
        CHECK_NEAR(v.value, want[0], 1e-12);
        CHECK_NEAR(v.low, want[1], 1e-12);
        CHECK_NEAR(v.high, want[2], 1e-12);
    }
    fab_interval v; /* scipy's own draws: a bound of 20000 resamples is known to about 0.002 */
    doubles(g, "scipy", want);
    CHECK(fab_boot_mean(x, n, &(fab_boot_opts){ .resamples = 20000 }, &v, &err));
    CHECK_NEAR(v.low, want[0], 0.006);
    CHECK_NEAR(v.high, want[1], 0.006);
}

static void only_row_zero(void *arg, const int32_t *times, double *out)
{
    (void)arg;
    out[0] = times[0] ? 1 : NAN;      /* defined in 63 % of resamples */
    out[1] = times[0] >= 3 ? 1 : NAN; /* in 8 % */
}

TEST(bootstrap_of_undefined_statistics_and_refusals)
{
    fab_err err = FAB_ERR_INIT;
    fab_interval v[2];
    CHECK(fab_boot(only_row_zero, NULL, 40, 2, NULL, v, &err));
    CHECK(v[0].low == 1 && v[0].high == 1 && isnan(v[1].low));
    const double bad[] = { 1, NAN };
    CHECK(!fab_boot_mean(bad, 2, NULL, v, &err));
    CHECK_SAYS(err.text, "row 1: the score nan");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_boot_mean(bad, 0, NULL, v, &err));
    CHECK_SAYS(err.text, "0 rows");
    err = (fab_err)FAB_ERR_INIT;
    const int32_t far[] = { 0, 2 };
    CHECK(!fab_boot_mean(bad, 1, &(fab_boot_opts){ .level = 1.5 }, v, &err));
    CHECK_SAYS(err.text, "level of 1.5");
    err = (fab_err)FAB_ERR_INIT;
    const double good[] = { 1, 0 };
    CHECK(!fab_boot_mean(good, 2, &(fab_boot_opts){ .cluster = far }, v, &err));
    CHECK_SAYS(err.text, "row 1: cluster 2 is not in 0..1");
}

TEST(randomisation_is_near_the_exact_test)
{
    fab_err err = FAB_ERR_INIT;
    json_t *c;
    size_t i;
    json_array_foreach(golden("randomisation"), i, c)
    {
        double a[MOST], b[MOST], p = num(c, "p");
        int64_t n = doubles(c, "a", a);
        doubles(c, "b", b);
        fab_paired r;
        CHECK(fab_randomisation(a, b, n, &(fab_boot_opts){ .resamples = 40000 }, &r, &err));
        CHECK_NEAR(r.difference, num(c, "difference"), 1e-12);
        CHECK_NEAR(r.p, p, 4 * sqrt(p * (1 - p) / 40000) + 1e-4);
    }
    const double x[] = { 1, 2 }, y[] = { 1, INFINITY };
    fab_paired r;
    CHECK(fab_randomisation(x, x, 2, NULL, &r, &err) && r.p == 1);
    CHECK(!fab_randomisation(x, y, 2, NULL, &r, &err));
    CHECK_SAYS(err.text, "row 1: the scores 2 and inf");
}

TEST(mcnemar_both_ways)
{
    json_t *c;
    size_t i;
    json_array_foreach(golden("mcnemar"), i, c)
    {
        fab_mcnemar_result r = fab_mcnemar((int64_t)num(c, "b"), (int64_t)num(c, "c"));
        CHECK_NEAR(r.p_exact, num(c, "p_exact"), 1e-10);
        CHECK_NEAR(r.chi2, num(c, "chi2"), 1e-12);
        CHECK_NEAR(r.p_chi2, num(c, "p_chi2"), 1e-12);
        CHECK(r.p == (r.only_a + r.only_b < 25 ? r.p_exact : r.p_chi2));
    }
    CHECK(fab_mcnemar(0, 0).p == 1);
}

TEST(holm)
{
    fab_err err = FAB_ERR_INIT;
    double p[MOST], want[MOST], got[MOST];
    int64_t n = doubles(golden("holm"), "p", p);
    doubles(golden("holm"), "adjusted", want);
    CHECK(fab_holm(p, n, got, &err));
    for (int64_t i = 0; i < n; i++) CHECK_NEAR(got[i], want[i], 1e-14);
    p[1] = NAN;
    CHECK(!fab_holm(p, n, got, &err));
    CHECK_SAYS(err.text, "p value 1 is nan");
}

TEST(proportions)
{
    fab_err err = FAB_ERR_INIT;
    json_t *c;
    size_t i;
    json_array_foreach(golden("shares"), i, c)
    {
        double k[4], w[2], d[2];
        doubles(c, "counts", k);
        doubles(c, "wilson", w);
        doubles(c, "newcombe", d);
        fab_interval v = fab_wilson((int64_t)k[0], (int64_t)k[1], 0.95);
        CHECK_NEAR(v.low, w[0], 1e-12);
        CHECK_NEAR(v.high, w[1], 1e-12);
        fab_two_shares t;
        CHECK(fab_two_proportions((int64_t)k[0], (int64_t)k[1], (int64_t)k[2], (int64_t)k[3], 0.95,
                                  &t, &err));
        CHECK_NEAR(t.z, num(c, "z"), 1e-12);
        CHECK_NEAR(t.p, num(c, "p"), 1e-12);
        CHECK_NEAR(t.difference.low, d[0], 1e-12);
        CHECK_NEAR(t.difference.high, d[1], 1e-12);
    }
    fab_two_shares t;
    CHECK(!fab_two_proportions(1, 2, 5, 4, 0.95, &t, &err));
    CHECK_SAYS(err.text, "the second arm has 5 hits in 4 cases");
    CHECK(isnan(fab_wilson(0, 0, 0.95).low));
}

TEST(sample_size)
{
    json_t *row;
    size_t i;
    fab_err err = FAB_ERR_INIT;
    int64_t n;
    json_array_foreach(golden("size"), i, row)
    {
        CHECK(fab_sample_size(at(row, 0), at(row, 1), at(row, 2), at(row, 3), &n, &err));
        CHECK(n == (int64_t)at(row, 4));
    }
    CHECK(!fab_sample_size(0.9, 0.2, 0.05, 0.8, &n, &err));
    CHECK_SAYS(err.text, "shares of 0.9 and 1.1");
}

TEST(delong)
{
    fab_err err = FAB_ERR_INIT;
    json_t *c;
    size_t i;
    json_array_foreach(golden("auc"), i, c)
    {
        double x[MOST];
        float a[MOST], b[MOST];
        uint8_t y[MOST];
        int64_t n = doubles(c, "a", x);
        for (int64_t k = 0; k < n; k++) a[k] = (float)x[k];
        doubles(c, "b", x);
        for (int64_t k = 0; k < n; k++) b[k] = (float)x[k];
        doubles(c, "y", x);
        for (int64_t k = 0; k < n; k++) y[k] = (uint8_t)x[k];
        fab_delong d;
        CHECK(fab_delong_auc(a, y, n, 0.95, &d, &err));
        CHECK_NEAR(d.auc.value, num(c, "auc_a"), 1e-12);
        CHECK_NEAR(d.se, num(c, "se_a"), 1e-12);
        CHECK_NEAR(d.auc.low, fmax(0, num(c, "auc_a") - 1.959963984540054 * d.se), 1e-12);
        fab_delong_pair p;
        CHECK(fab_delong_paired(a, b, y, n, &p, &err));
        CHECK_NEAR(p.auc_b, num(c, "auc_b"), 1e-12);
        CHECK_NEAR(p.se, num(c, "se"), 1e-12);
        CHECK_NEAR(p.z, num(c, "z"), 1e-8);
        CHECK_NEAR(p.p, num(c, "p"), 1e-9);
        CHECK(fab_delong_paired(a, a, y, n, &p, &err) && p.z == 0 && p.p == 1);
    }
}

TEST(delong_edges)
{
    fab_err err = FAB_ERR_INIT;
    const float s[] = { 1, 2, NAN };
    const uint8_t y[] = { 1, 1, 0 };
    fab_delong d;
    fab_delong_pair p;
    CHECK(fab_delong_auc(s, y, 2, 0.95, &d, &err) && isnan(d.auc.value) && d.n_pos == 2);
    CHECK(!fab_delong_auc(s, y, 3, 0.95, &d, &err));
    CHECK_SAYS(err.text, "score 2 is not a number");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_delong_paired(s, s, y, 2, &p, &err));
    CHECK_SAYS(err.text, "2 positives and 0 negatives");
}

TEST(kappa)
{
    fab_err err = FAB_ERR_INIT;
    json_t *c;
    size_t i;
    json_array_foreach(golden("kappa"), i, c)
    {
        int a[MOST], b[MOST];
        int64_t n = ints(c, "a", a);
        ints(c, "b", b);
        for (int w = 0; w < 3; w++) {
            double k;
            CHECK(fab_kappa(a, b, n, (int)num(c, "C"), (fab_kappa_weight)w, &k, &err));
            CHECK_NEAR(k, at(json_object_get(c, "kappa"), (size_t)w), 1e-12);
        }
    }
    int counts[MOST];
    double k;
    int64_t n = ints(golden("fleiss"), "counts", counts);
    int C = (int)num(golden("fleiss"), "C");
    CHECK(fab_fleiss(counts, n / C, C, &k, &err));
    CHECK_NEAR(k, num(golden("fleiss"), "kappa"), 1e-12);
    counts[C]++;
    CHECK(!fab_fleiss(counts, n / C, C, &k, &err));
    CHECK_SAYS(err.text, "row 1 has 6 readers, row 0 has 5");
    const int one[] = { 0, 0 }, two[] = { 0, 3 };
    CHECK(fab_kappa(one, one, 2, 3, FAB_KAPPA_PLAIN, &k, &err) && isnan(k));
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_kappa(one, two, 2, 3, FAB_KAPPA_PLAIN, &k, &err));
    CHECK_SAYS(err.text, "row 1: classes 0 and 3");
}

TEST_MAIN
