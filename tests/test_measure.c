/* What "eval classify" and "eval calibration" say of a file of scores, against scikit-learn
 * (tests/golden/stats.json, part "classify"), and what they refuse. */
#include <math.h>
#include <unistd.h>

#include "base/json.h"
#include "evaluate/page.h"
#include "evaluate/predictions.h"
#include "evaluate/retrieval.h"
#include "test.h"

static json_t *part(const char *name)
{
    static json_t *all;
    fab_err err = FAB_ERR_INIT;
    if (!all) all = fab_json_open("tests/golden/stats.json", &err);
    CHECK_MSG(all, "%s", err.text);
    return json_object_get(all, name);
}

static json_t *golden(void) { return part("classify"); }

static double num(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    CHECK_MSG(json_is_number(v), "%s is not a number", key);
    return json_number_value(v);
}

/* The objects of a list as JSONL. */
static const char *lines_of(const json_t *rows, size_t *n)
{
    static char text[64 << 10];
    size_t i;
    json_t *row;
    *n = 0;
    json_array_foreach(rows, i, row)
    {
        char *line = json_dumps(row, JSON_COMPACT);
        CHECK(*n + strlen(line) + 2 < sizeof text);
        *n += (size_t)snprintf(text + *n, sizeof text - *n, "%s\n", line);
        fab_free(line);
    }
    return text;
}

static const char *file_of(const json_t *rows)
{
    static char path[] = "/tmp/fabrica-measure-XXXXXX";
    static int fd = -1;
    fab_err err = FAB_ERR_INIT;
    size_t n;
    if (fd < 0) CHECK((fd = mkstemp(path)) >= 0);
    const char *text = lines_of(rows, &n);
    CHECK_MSG(fab_file_write(path, text, n, &err), "%s", err.text);
    return path;
}

static void read_rows(fab_predictions *p)
{
    fab_err err = FAB_ERR_INIT;
    size_t n, rows = json_array_size(json_object_get(golden(), "rows"));
    const char *text = lines_of(json_object_get(golden(), "rows"), &n);
    CHECK_MSG(fab_predictions_parse(p, text, n, "rows", "label", &err), "%s", err.text);
    CHECK(p->n == (int64_t)rows && p->n_classes == 3);
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

TEST(retrieval_agrees_with_numpy_and_scikit_learn)
{
    static const char *const ways[] = { "text_to_image", "image_to_text" }, *const k[] = { "1", "5",
                                                                                           "10" };
    fab_err err = FAB_ERR_INIT;
    fab_pairs p;
    const char *path = file_of(json_object_get(part("retrieval"), "rows"));
    CHECK_MSG(fab_pairs_read(&p, path, 0, &err), "%s", err.text);
    json_t *o = fab_retrieval_report(&p, &(fab_measure_opts){ .resamples = 100 }, &err);
    CHECK_MSG(o, "%s", err.text);
    for (int w = 0; w < 2; w++) {
        const json_t *got = json_object_get(o, ways[w]),
                     *want = json_object_get(part("retrieval"), ways[w]);
        CHECK_NEAR(num(got, "map"), num(want, "map"), 1e-9);
        CHECK_NEAR(num(got, "median_rank"), num(want, "median"), 1e-12);
        for (size_t i = 0; i < 3; i++) {
            const json_t *at = json_object_get(json_object_get(got, "at"), k[i]);
            CHECK_NEAR(num(at, "hit"),
                       json_number_value(json_array_get(json_object_get(want, "hit"), i)), 1e-12);
            CHECK_NEAR(num(at, "random"), strtod(k[i], NULL) / 30, 1e-12);
        }
    }
    json_decref(o);
    fab_pairs_clear(&p);
    const json_t *many = json_object_get(part("retrieval"), "rankings");
    path = file_of(json_object_get(many, "rows"));
    o = fab_rankings_report(path, &(fab_measure_opts){ .resamples = 100 }, &err);
    CHECK_MSG(o, "%s", err.text);
    const json_t *got = json_object_get(o, "rankings");
    const json_t *at = json_object_get(json_object_get(got, "at"), "5");
    CHECK_NEAR(num(got, "map"), num(many, "map"), 1e-12);
    CHECK_NEAR(num(at, "precision"), num(many, "precision"), 1e-12);
    CHECK_NEAR(num(at, "recall"), num(many, "recall"), 1e-12);
    CHECK_NEAR(num(at, "random"), num(many, "random"), 1e-12);
    json_decref(o);
    remove(path);
}

/* A model that gives every picture the same vector finds nothing by it. */
TEST(equal_scores_count_against_the_model)
{
    fab_err err = FAB_ERR_INIT;
    fab_pairs p;
    json_t *rows = json_array();
    for (int i = 0; i < 20; i++)
        json_array_append_new(rows, json_pack("{s:[i,i],s:[i,i]}", "image", 1, 0, "text", 1, i));
    CHECK_MSG(fab_pairs_read(&p, file_of(rows), 0, &err), "%s", err.text);
    json_t *o = fab_retrieval_report(&p, NULL, &err);
    CHECK_MSG(o, "%s", err.text);
    const json_t *way = json_object_get(o, "text_to_image");
    CHECK_NEAR(num(way, "median_rank"), 20, 0);
    CHECK_NEAR(num(json_object_get(json_object_get(way, "at"), "10"), "hit"), 0, 0);
    json_decref(o);
    fab_pairs_clear(&p);
    json_decref(rows);
}

/* A class can be called anything; the page runs nothing and asks nobody. */
TEST(a_page_is_closed_and_escaped)
{
    static const char lines[] =
        "{\"label\":\"<script>alert(1)</script>\",\"scores\":{\"<script>alert(1)</"
        "script>\":0.7,\"b&\":0.3}}\n"
        "{\"label\":\"b&\",\"scores\":{\"<script>alert(1)</script>\":0.4,\"b&\":0.6}}\n";
    static const char *const kinds[] = { "classify",  "calibration", "vqa", "ab",
                                         "retrieval", "caption",     "none" };
    fab_err err = FAB_ERR_INIT;
    fab_predictions p;
    CHECK(fab_predictions_parse(&p, lines, sizeof lines - 1, "x", "label", &err));
    json_t *o = fab_classify_report(&p, &(fab_measure_opts){ .curves = true }, &err);
    CHECK_MSG(o, "%s", err.text);
    json_t *rows = json_array();
    const char *path = file_of(rows);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds;
         i++) { /* fields that are missing are no harm */
        fab_file f;
        CHECK_MSG(fab_page_write(path, kinds[i], "<i>about</i>", o, &err), "%s", err.text);
        CHECK(fab_file_map(&f, path, 0, &err));
        char *text = fab_new(f.size + 1, &err);
        memcpy(text, f.data, f.size);
        fab_file_unmap(&f);
        static const char *const never[] = { "<script", "<i>", "nan", "http://", "https://" };
        for (size_t k = 0; k < sizeof never / sizeof *never; k++)
            CHECK_MSG(!strstr(text, never[k]), "%s: %.60s", kinds[i], strstr(text, never[k]) - 20);
        CHECK_SAYS(text, "default-src 'none'");
        CHECK_SAYS(text, "</html>");
        if (i == 0) CHECK_SAYS(text, "&lt;script&gt;alert(1)");
        fab_free(text);
    }
    remove(path);
    json_decref(rows);
    json_decref(o);
    fab_predictions_clear(&p);
}

TEST_MAIN
