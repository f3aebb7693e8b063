/* Tests of the search: its plan, its ranges, and what it draws from them. */
#include "test.h"

#include "base/yaml.h"
#include "train/tune.h"
#include "train/tune_space.h"

TEST(a_third_goes_three_times_as_far)
{
    int64_t steps[8];
    CHECK(fab_halving_rungs(50, 450, 3, steps, 8) == 3 && steps[0] == 50 && steps[1] == 150 &&
          steps[2] == 450);
    CHECK(fab_halving_rungs(50, 400, 3, steps, 8) == 3 && steps[2] == 400);
    CHECK(fab_halving_rungs(50, 50, 3, steps, 8) == 1 && steps[0] == 50);
    CHECK(fab_halving_reach(9, 3, 0) == 9 && fab_halving_reach(9, 3, 1) == 3 &&
          fab_halving_reach(9, 3, 2) == 1 && fab_halving_reach(9, 3, 3) == 1);
    CHECK(fab_halving_reach(17, 4, 1) == 4);
    CHECK(fab_tune_better("loss", 1, 2) && !fab_tune_better("loss", 2, 1));
    CHECK(fab_tune_better("all", 0.7, 0.6) && !fab_tune_better("all", 0.6, 0.6));
}

static int read(const char *yaml, fab_range *out, json_t **doc, fab_err *err)
{
    *doc = fab_yaml_parse(yaml, strlen(yaml), err);
    return *doc ? fab_ranges_read(*doc, out, err) : -1;
}

TEST(what_is_drawn_is_in_range_and_repeats)
{
    fab_err err = FAB_ERR_INIT;
    fab_range r[FAB_MAX_RANGES];
    json_t *doc;
    fab_arena *a = fab_arena_new(0, &err);
    int n =
        read("{optimizer.decay: [0.01, 1.0, log], stages.a.drop: [0.0, 0.4], model.layers: [2, 4], "
             "model.dim: {choice: [64, x, [1, 2]]}}",
             r, &doc, &err);
    CHECK_MSG(n == 4, "%s", err.text);
    int small = 0, seen[5] = { 0 };
    for (int i = 0; i < 400; i++) {
        double decay, drop;
        int layers;
        const char *set[4];
        for (int k = 0; k < 4; k++) set[k] = fab_range_draw(&r[k], 9, i, k, a, &err);
        CHECK(sscanf(set[0], "optimizer.decay=%lf", &decay) == 1 && decay >= 0.01 && decay <= 1);
        CHECK(sscanf(set[1], "stages.a.drop=%lf", &drop) == 1 && drop >= 0 && drop <= 0.4);
        CHECK(sscanf(set[2], "model.layers=%d", &layers) == 1 && layers >= 2 && layers <= 4);
        small += decay < 0.1;
        seen[layers]++;
        CHECK_STR(fab_range_draw(&r[1], 9, i, 1, a, &err), set[1]);
    }
    CHECK(small > 160 && small < 240); /* half of the decades */
    CHECK(seen[2] > 90 && seen[3] > 90 && seen[4] > 90);
    CHECK_STR(fab_range_at(&r[3], 0, a, &err), "model.dim=64");
    CHECK_STR(fab_range_at(&r[3], 0.5, a, &err), "model.dim=\"x\"");
    CHECK_STR(fab_range_at(&r[3], 0.99, a, &err), "model.dim=[1, 2]");
    json_decref(doc);
    fab_arena_free(a);
}

TEST(bad_ranges)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        { "{}", "tune names 0 ranges, 1 to 32 are wanted" },
        { "[1]", "tune names 0 ranges" },
        { "{seed: [1, 2]}", "tune: seed: only model," },
        { "{model.dim: 3}", "model.dim: [low, high], [low, high, log] or {choice: [...]}" },
        { "{model.dim: [1]}", "[low, high, log]" },
        { "{model.dim: [1, 2, lin]}", "[low, high, log]" },
        { "{model.dim: [2, 1]}", "model.dim: 2 is not below 1" },
        { "{model.dim: [0, 1, log]}", "model.dim: log from 0; above 0 is wanted" },
        { "{model.dim: {choice: []}}", "model.dim: {choice: [...]} is wanted" },
        { "{model.dim: {choise: [1]}}", "model.dim: {choice: [...]} is wanted" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err err = FAB_ERR_INIT;
        fab_range r[FAB_MAX_RANGES];
        json_t *doc;
        CHECK_MSG(read(cases[i].yaml, r, &doc, &err) < 0, "%s was taken", cases[i].yaml);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s: '%s' does not say '%s'", cases[i].yaml,
                  err.text, cases[i].says);
        CHECK(err.code == FAB_EUSAGE);
        json_decref(doc);
    }
}

TEST_MAIN
