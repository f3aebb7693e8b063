/* Looking every day, planned looks, arms by hash, ratings: against scipy, hashlib and the published
 * table (tests/golden/stats.json), and by simulation where no formula tells the truth. */
#include <math.h>

#include "base/json.h"
#include "base/rng.h"
#include "metrics/sequential.h"
#include "test.h"

static json_t *golden(const char *part)
{
    static json_t *all;
    fab_err err = FAB_ERR_INIT;
    if (!all) all = fab_json_open("tests/golden/stats.json", &err);
    CHECK_MSG(all, "%s", err.text);
    return json_object_get(all, part);
}

static double at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

TEST(buckets_as_hashlib_has_them)
{
    json_t *row;
    size_t i;
    json_array_foreach(golden("buckets"), i, row)
        CHECK(fab_bucket(json_string_value(json_array_get(row, 0)),
                         json_string_value(json_array_get(row, 1))) == (int)at(row, 2));
    CHECK(i >= 5);
    const int shares[] = { 5000, 3000 };
    CHECK(fab_arm_of(0, shares, 2) == 0 && fab_arm_of(4999, shares, 2) == 0 &&
          fab_arm_of(5000, shares, 2) == 1 && fab_arm_of(7999, shares, 2) == 1 &&
          fab_arm_of(8000, shares, 2) == -1 && fab_arm_of(-1, shares, 2) == -1);
}

/* Arms come out even and two experiments cut the same cases independently. */
TEST(arms_are_even_and_independent)
{
    int first = 0, both = 0, second = 0;
    for (int i = 0; i < 4000; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        bool a = fab_bucket(user, "one") < 5000, b = fab_bucket(user, "two") < 5000;
        first += a, second += b, both += a && b;
    }
    CHECK_NEAR(first, 2000, 130); /* 4 deviations */
    CHECK_NEAR(second, 2000, 130);
    CHECK_NEAR(both, 1000, 110);
}

TEST(obrien_fleming_bounds)
{
    fab_err err = FAB_ERR_INIT;
    json_t *c;
    size_t i;
    double b[FAB_LOOKS], t[FAB_LOOKS];
    json_array_foreach(golden("obrien_fleming"), i, c)
    {
        const json_t *want = json_object_get(c, "bounds");
        int n = (int)json_array_size(want);
        for (int k = 0; k < n; k++) t[k] = at(json_object_get(c, "t"), (size_t)k);
        CHECK_MSG(fab_obrien_fleming(t, n, json_number_value(json_object_get(c, "alpha")), b, &err),
                  "%s", err.text);
        for (int k = 0; k < n; k++) CHECK_NEAR(b[k], at(want, (size_t)k), 2e-3);
    }
    /* five even looks at 5 %, as ldbounds and gsDesign print them */
    static const double published[] = { 4.8769, 3.3569, 2.6803, 2.2898, 2.0310 };
    for (int k = 0; k < 5; k++) t[k] = 0.2 * (k + 1);
    CHECK(fab_obrien_fleming(t, 5, 0.05, b, &err));
    for (int k = 0; k < 5; k++) CHECK_NEAR(b[k], published[k], 2e-4);
    t[0] = 1;
    CHECK(fab_obrien_fleming(t, 1, 0.05, b, &err));
    CHECK_NEAR(b[0], 1.959964, 1e-5);
    t[1] = 0.5;
    CHECK(!fab_obrien_fleming(t, 2, 0.05, b, &err));
    CHECK_SAYS(err.text, "look 2 at 0.5");
}

/* Runs of both arms at the same rate (or b better by lift), looked at after every pair: the share
 * in which the test ever says that they differ. */
static double ever_decided(double rate, double lift, double tau, int runs, int pairs,
                           double *covered)
{
    fab_rng rng;
    int decided = 0, in = 0;
    fab_rng_init(&rng, 11);
    for (int run = 0; run < runs; run++) {
        fab_arm a = { 0 }, b = { 0 };
        bool said = false, inside = true;
        for (int i = 0; i < pairs; i++) {
            fab_arm_add(&a, (double)fab_rng_uniform(&rng) < rate);
            fab_arm_add(&b, (double)fab_rng_uniform(&rng) < rate + lift);
            fab_always v = fab_always_valid(&a, &b, 0.05, tau);
            said = said || v.p <= 0.05;
            inside = inside && v.low <= lift && lift <= v.high;
        }
        decided += said, in += inside;
    }
    *covered = (double)in / runs;
    return (double)decided / runs;
}

TEST(looking_after_every_pair_keeps_the_error_rate)
{
    static const double rates[] = { 0.03, 0.1, 0.5, 0.8, 0.97 }, taus[] = { 0.05, 0.1, 0.3 };
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 3; k++) {
            double covered, wrong = ever_decided(rates[i], 0, taus[k], 600, 2000, &covered);
            printf(
                "# rate %.2f, tau %.2f: wrong in %.1f %% of 600 runs, interval held in %.1f %%\n",
                rates[i], taus[k], 100 * wrong, 100 * covered);
            CHECK_MSG(wrong <= 0.05, "at a rate of %g the test was wrong in %g of runs", rates[i],
                      wrong);
            CHECK(covered >= 0.95);
        }
    double covered, power = ever_decided(0.6, 0.1, 0.1, 300, 2000, &covered);
    printf("# 0.6 against 0.7: found in %.1f %% of 300 runs\n", 100 * power);
    CHECK(power > 0.95 && covered >= 0.95);
}

/* The plain z test, looked at as often, is wrong far more often: what the above is for. */
TEST(peeking_at_a_plain_test_would_inflate_it)
{
    fab_rng rng;
    int decided = 0;
    fab_rng_init(&rng, 12);
    for (int run = 0; run < 400; run++) {
        int64_t hits[2] = { 0, 0 };
        bool said = false;
        for (int64_t n = 1; n <= 1000; n++) {
            for (int k = 0; k < 2; k++) hits[k] += (double)fab_rng_uniform(&rng) < 0.5;
            fab_two_shares t;
            fab_err err = FAB_ERR_INIT;
            if (n < FAB_ALWAYS_LEAST) continue;
            CHECK(fab_two_proportions(hits[0], n, hits[1], n, 0.95, &t, &err));
            said = said || t.p <= 0.05;
        }
        decided += said;
    }
    CHECK(decided > 100); /* a quarter instead of a twentieth */
}

TEST(planned_looks_keep_the_error_rate)
{
    double t[5], b[5];
    fab_err err = FAB_ERR_INIT;
    fab_rng rng;
    int decided = 0, runs = 20000;
    for (int k = 0; k < 5; k++) t[k] = 0.2 * (k + 1);
    CHECK(fab_obrien_fleming(t, 5, 0.05, b, &err));
    fab_rng_init(&rng, 13);
    for (int run = 0; run < runs; run++) {
        double s = 0;
        bool said = false;
        for (int k = 0; k < 5; k++) {
            s += (double)fab_rng_normal(&rng) * sqrt(0.2);
            said = said || fabs(s / sqrt(t[k])) >= b[k];
        }
        decided += said;
    }
    CHECK_NEAR((double)decided / runs, 0.05, 4 * sqrt(0.05 * 0.95 / runs));
}

static int64_t matches(const json_t *c, fab_match *m)
{
    const json_t *rows = json_object_get(c, "rows");
    size_t n = json_array_size(rows) / 3;
    for (size_t i = 0; i < n; i++)
        m[i] = (fab_match){ (int32_t)at(rows, 3 * i), (int32_t)at(rows, 3 * i + 1),
                            at(rows, 3 * i + 2) };
    return (int64_t)n;
}

TEST(bradley_terry_is_the_likeliest)
{
    fab_err err = FAB_ERR_INIT;
    json_t *c;
    size_t i;
    fab_match m[200];
    json_array_foreach(golden("bradley_terry"), i, c)
    {
        double rating[4], prior = json_number_value(json_object_get(c, "prior"));
        int64_t n = matches(c, m);
        CHECK(fab_bradley_terry(m, n, 4, prior, rating, &err));
        for (size_t k = 0; k < 4; k++)
            CHECK_NEAR(rating[k], at(json_object_get(c, "rating"), k), 0.01);
        fab_interval bt[4], elo[4];
        CHECK(fab_preferences(m, n, 4, prior > 0 ? prior : 0.1, 16, NULL, bt, elo, &err));
        for (int k = 0; k < 4; k++)
            CHECK(bt[k].low < bt[k].value && bt[k].value < bt[k].high &&
                  bt[k].high - bt[k].low < 400);
    }
    m[3].b = m[3].a;
    double r[4];
    CHECK(!fab_bradley_terry(m, 150, 4, 0, r, &err));
    CHECK_SAYS(err.text, "match 3: ");
}

TEST(elo_by_hand)
{
    fab_err err = FAB_ERR_INIT;
    const fab_match m[] = { { 0, 1, 1 }, { 1, 0, 0.5 } };
    double r[2], e = 1 / (1 + pow(10, (1516.0 - 1484.0) / 400)); /* of 1, who stands at 1484 */
    CHECK(fab_elo(m, 2, 2, 32, r, &err));
    CHECK_NEAR(r[1], 1484 + 32 * (0.5 - e), 1e-9);
    CHECK_NEAR(r[0] + r[1], 3000, 1e-9);
}

TEST_MAIN
