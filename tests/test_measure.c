/* What "eval classify" and "eval calibration" say of a file of scores, against scikit-learn
 * (tests/golden/statistics.json, part "classify"), and what they refuse. */
#include <math.h>

#include "base/json.h"
#include "evaluate/predictions.h"
#include "test.h"

static json_t *golden(void)
{
    static json_t *all;
    fab_err err = FAB_ERR_INIT;
    if (!all) all = fab_json_open("tests/golden/statistics.json", &err);
    CHECK_MSG(all, "%s", err.text);
    return json_object_get(all, "classify");
}

static double num(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    CHECK_MSG(json_is_number(v), "%s is not a number", key);
    return json_number_value(v);
}

static void read_rows(fab_predictions *p)
{
    static char text[64 << 10];
    size_t n = 0, i;
    json_t *row;
    fab_err err = FAB_ERR_INIT;
    json_array_foreach(json_object_get(golden(), "rows"), i, row)
    {
        char *line = json_dumps(row, JSON_COMPACT);
        CHECK(n + strlen(line) + 2 < sizeof text);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", line);
        fab_free(line);
    }
    CHECK_MSG(fab_predictions_parse(p, text, n, "rows", "label", &err), "%s", err.text);
    CHECK(p->n == (int64_t)i && p->n_classes == 3);
}

TEST(classification_report_agrees_with_scikit_learn)
{
    static const char *const keys[] = { "accuracy", "balanced_accuracy",
                                        "macro_f1", "micro_f1",
                                        "kappa",    "auc" };
    static const char *const fields[] = { "sex", "age" };
    fab_err err = FAB_ERR_INIT;
    fab_predictions p;
    read_rows(&p);
    json_t *o =
        fab_classify_report(&p,
                            &(fab_measure_opts){
                                .fields = fields, .n_fields = 2, .resamples = 200, .curves = true },
                            &err);
    CHECK_MSG(o, "%s", err.text);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK_NEAR(num(o, keys[i]), num(golden(), keys[i]), 1e-9);
    const char *name;
    json_t *want, *groups = json_object_get(o, "subgroups");
    json_object_foreach(json_object_get(golden(), "sensitivity"), name, want)
    {
        const json_t *k = json_object_get(json_object_get(o, "per_class"), name);
        for (size_t i = 0; i < 3; i++)
            CHECK_NEAR(num(json_array_get(json_object_get(k, "sensitivity_at"), i), "sensitivity"),
                       json_number_value(json_array_get(want, i)), 1e-12);
        CHECK(json_array_size(json_object_get(k, "roc")) > 10);
    }
    CHECK_NEAR(num(json_object_get(o, "calibration"), "ece"), num(golden(), "ece"), 1e-6);
    json_object_foreach(json_object_get(golden(), "by_sex"), name, want)
    {
        const json_t *rows = json_object_get(json_object_get(groups, "sex"), "rows");
        CHECK_NEAR(num(json_object_get(rows, name), "accuracy"), json_number_value(want), 1e-12);
    }
    const json_t *ages = json_object_get(json_object_get(groups, "age"), "rows");
    CHECK(num(json_object_get(ages, "40-59"), "n") == num(golden(), "n_40"));
    json_decref(o);
    fab_predictions_clear(&p);
}

TEST(calibration_report)
{
    fab_err err = FAB_ERR_INIT;
    fab_predictions p;
    read_rows(&p);
    json_t *o = fab_calibration_report(&p, NULL, &err);
    CHECK_MSG(o, "%s", err.text);
    CHECK_NEAR(num(o, "ece"), num(golden(), "ece"), 1e-6);
    CHECK_NEAR(num(o, "brier"), num(golden(), "brier"), 1e-6);
    const json_t *a = json_object_get(json_object_get(o, "per_class"), "a");
    CHECK_NEAR(num(a, "brier"), num(golden(), "brier_a"), 1e-6);
    const json_t *ci = json_object_get(json_object_get(o, "interval"), "brier");
    CHECK(json_number_value(json_array_get(ci, 0)) < num(golden(), "brier") &&
          json_number_value(json_array_get(ci, 1)) > num(golden(), "brier"));
    double n = 0;
    size_t i;
    json_t *bin;
    json_array_foreach(json_object_get(o, "bins"), i, bin) n += num(bin, "n");
    CHECK(n == (double)p.n);
    json_decref(o);
    fab_predictions_clear(&p);
    const double sure[] = { 0.9, 1.5 }, right[] = { 1, 1 };
    CHECK(!fab_confidence_report(sure, right, 2, NULL, &err));
    CHECK_SAYS(err.text, "row 1: a confidence of 1.5");
}

TEST(two_classes_by_one_score)
{
    static const char lines[] =
        "{\"label\":1,\"score\":0.9}\n{\"label\":false,\"score\":0.2}\n"
        "{\"label\":\"positive\",\"score\":0.4}\n{\"label\":0,\"score\":0.6}\n";
    fab_err err = FAB_ERR_INIT;
    fab_predictions p;
    CHECK_MSG(fab_predictions_parse(&p, lines, sizeof lines - 1, "x", "label", &err), "%s",
              err.text);
    json_t *o = fab_classify_report(&p, NULL, &err);
    CHECK_MSG(o, "%s", err.text);
    CHECK_NEAR(num(o, "accuracy"), 0.5, 0);
    CHECK_NEAR(num(o, "auc"), 0.75, 1e-12);
    json_decref(o);
    fab_predictions_clear(&p);
}

static const struct {
    const char *name, *lines, *says;
} bad[] = {
    { "empty", "", "x: no records" },
    { "no-scores", "{\"label\":1}\n", "x line 1: neither \"scores\" nor \"score\"" },
    { "null-score", "{\"label\":1,\"score\":null}\n",
      "x line 1: \"score\" is not a finite number" },
    { "huge-score", "{\"label\":\"a\",\"scores\":{\"a\":1e39,\"b\":0}}\n",
      "x line 1: scores: \"a\" is not a finite number" },
    { "nan-score", "{\"label\":1,\"score\":NaN}\n", "x line 1: " },
    { "unequal-counts",
      "{\"label\":\"a\",\"scores\":{\"a\":1,\"b\":0}}\n{\"label\":\"a\",\"scores\":{\"a\":1}}\n",
      "x line 2: scores: 1 classes, the first record has 2" },
    { "other-class",
      "{\"label\":\"a\",\"scores\":{\"a\":1,\"b\":0}}\n"
      "{\"label\":\"a\",\"scores\":{\"a\":1,\"c\":0}}\n",
      "x line 2: scores: no class \"b\", the first record has it" },
    { "one-class", "{\"label\":\"a\",\"scores\":{\"a\":1}}\n", "x line 1: scores: 1 classes" },
    { "unknown-label", "{\"label\":\"z\",\"scores\":{\"a\":1,\"b\":0}}\n",
      "x line 1: label: \"z\" is none of the 2 classes" },
    { "no-label", "{\"score\":0.5}\n", "x line 1: no field \"label\" with a class" },
    { "mixed", "{\"label\":\"a\",\"scores\":{\"a\":1,\"b\":0}}\n{\"label\":1,\"score\":1}\n",
      "x line 2: a single \"score\"" },
    { "not-an-object", "[1]\n", "x line 1: " },
};

TEST(bad_scores_are_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fab_err err = FAB_ERR_INIT;
        fab_predictions p;
        CHECK_MSG(!fab_predictions_parse(&p, bad[i].lines, strlen(bad[i].lines), "x", "label",
                                         &err),
                  "%s was accepted", bad[i].name);
        CHECK_SAYS(err.text, bad[i].says);
        fab_predictions_clear(&p);
    }
    fab_err err = FAB_ERR_INIT;
    fab_predictions p;
    read_rows(&p);
    CHECK(!fab_group_report(&p, "sexx", &(fab_measure_opts){ 0 }, &err));
    CHECK_SAYS(err.text, "no record has a field \"sexx\"");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_group_report(&p, "id", &(fab_measure_opts){ 0 }, &err));
    CHECK_SAYS(err.text, "field \"id\" has more than 32 values");
    fab_predictions_clear(&p);
}

TEST_MAIN
