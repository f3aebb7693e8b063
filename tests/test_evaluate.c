/* Scores with known values: exact match, question-only baseline, classification, calibration. */
#include <math.h>

#include "base/json.h"
#include "data/split.h"
#include "evaluate/calibrate.h"
#include "evaluate/class_scores.h"
#include "evaluate/risk.h"
#include "evaluate/vqa.h"
#include "evaluate/vqa_protocol.h"
#include "test.h"

TEST(exact_match)
{
    CHECK(fab_vqa_match("Yes", "yes") && fab_vqa_match(" yes. ", "Yes") &&
          fab_vqa_match("肝脏。", "肝脏"));
    CHECK(fab_vqa_match("X-Ray", "x-ray.") && fab_vqa_match("", "."));
    CHECK(!fab_vqa_match("yes..", "yes") && !fab_vqa_match("left lung", "leftlung") &&
          !fab_vqa_match("no", "none"));
    CHECK(!fab_vqa_match("3.5", "35") && fab_vqa_match("3.5", "3.5"));
}

static const fab_qa four[] = {
    { .question = "a", .answer = "Yes", .lang = FAB_EN, .closed = true },
    { .question = "b", .answer = "Liver", .lang = FAB_EN },
    { .question = "c", .answer = "包含", .lang = FAB_ZH, .closed = true },
    { .question = "d", .answer = "肺", .lang = FAB_ZH },
};

TEST(vqa_scores_and_json)
{
    const char *answers[] = { "yes.", "spleen", NULL, "肺" };
    fab_vqa_scores s = fab_vqa_measure(four, answers, 4);
    CHECK(s.all.n == 4 && s.all.n_open == 2 && s.all.n_closed == 2);
    CHECK_NEAR(s.all.overall, 0.5, 1e-12);
    CHECK_NEAR(s.all.open, 0.5, 1e-12);
    CHECK_NEAR(s.by_lang[FAB_EN].closed, 1, 1e-12);
    CHECK_NEAR(s.by_lang[FAB_ZH].closed, 0, 1e-12);
    json_t *o = fab_vqa_report(&s, &s, &s, 0.25);
    CHECK(o);
    CHECK(json_integer_value(json_object_get(o, "n")) == 4);
    CHECK_NEAR(json_real_value(json_object_get(o, "overall")), 0.5, 0);
    CHECK_NEAR(json_real_value(
                   json_object_get(json_object_get(json_object_get(o, "by_lang"), "zh"), "open")),
               1, 0);
    static const char *const parts[] = { "question_only", "blank_image" };
    for (int i = 0; i < 2; i++) {
        const json_t *p = json_object_get(o, parts[i]);
        CHECK(json_is_real(json_object_get(p, "closed")) &&
              json_object_get(json_object_get(p, "by_lang"), "en"));
    }
    CHECK_NEAR(json_real_value(json_object_get(o, "seconds_per_question")), 0.25, 0);
    json_decref(o);
    s = fab_vqa_measure(four, answers, 2);
    o = fab_vqa_report(&s, NULL, NULL, -1);
    CHECK(!json_object_get(o, "question_only") &&
          !json_object_get(json_object_get(o, "by_lang"), "zh"));
    json_decref(o);
}

/* tools/golden/vqa_protocol.py */
TEST(vqa_protocols)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    json_t *rows = fab_json_open("tests/golden/vqa_protocol.json", &err), *row;
    CHECK_MSG(rows, "%s", err.text);
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *said = fab_json_str(row, "answer", &err);
        fab_qa q = { .answer = fab_json_str(row, "reference", &err),
                     .closed = json_is_true(json_object_get(row, "closed")),
                     .lang = strcmp(fab_json_str(row, "lang", &err), "zh") ? FAB_EN : FAB_ZH };
        CHECK_STR(fab_vqa_clean(a, said, &err), fab_json_str(row, "clean", &err));
        for (int p = FAB_VQA_LLAVA_MED; p < FAB_VQA_PROTOCOLS; p++) {
            double points, want;
            CHECK(fab_json_num(row, fab_vqa_protocol_names[p], &want, &err));
            CHECK(fab_vqa_points((fab_vqa_protocol)p, &q, said, a, &points, &err));
            CHECK_MSG(points > want - 1e-12 && points < want + 1e-12, "%s: \"%s\" gets %g, not %g",
                      fab_vqa_protocol_names[p], said, points, want);
        }
    }
    fab_vqa_protocol p;
    CHECK(i >= 40 && fab_vqa_protocol_find("slake", &p, &err) && p == FAB_VQA_SLAKE);
    CHECK(!fab_vqa_protocol_find("slack", &p, &err));
    CHECK_SAYS(err.text, "\"slack\"");
    json_decref(rows);
    fab_arena_free(a);
}

static const fab_qa lessons[] = {
    { .question = "Is the liver healthy?", .answer = "Yes", .lang = FAB_EN, .source = "A" },
    { .question = "Is the liver healthy?", .answer = "No", .lang = FAB_EN, .source = "A" },
    { .question = "is the liver healthy? ", .answer = "no.", .lang = FAB_EN, .source = "A" },
    { .question = "Is the lung healthy?", .answer = "No", .lang = FAB_EN, .source = "A" },
    { .question = "What color is the lung?", .answer = "Black", .lang = FAB_EN, .source = "A" },
    { .question = "What color is the liver?", .answer = "Black", .lang = FAB_EN, .source = "A" },
    { .question = "肝脏是健康的吗?", .answer = "是的", .lang = FAB_ZH, .source = "A" },
    { .question = "图中最大的器官是什么?", .answer = "肺", .lang = FAB_ZH, .source = "A" },
    { .question = "Is the liver healthy?", .answer = "yes", .lang = FAB_EN, .source = "B" },
    { .question = "Is the bone healthy?", .answer = "yes", .lang = FAB_EN, .source = "B" },
};

static const char *reply(const fab_blind *b, const char *question, fab_lang lang,
                         const char *source)
{
    fab_qa q = { .question = question, .lang = lang, .source = source };
    return fab_blind_answer(b, &q);
}

static void check_blind(const fab_blind *b)
{
    CHECK_STR(reply(b, "Is the liver healthy?", FAB_EN, "A"), "No");
    CHECK_STR(reply(b, "Is the spleen healthy?", FAB_EN, "A"), "No");
    CHECK_STR(reply(b, "What color is the spleen?", FAB_EN, "A"), "Black");
    CHECK_STR(reply(b, "How healthy is the liver?", FAB_EN, "A"), "Black"); /* not "No" */
    CHECK_STR(reply(b, "How healthy is the liver?", FAB_EN, "B"), "");      /* knows "yes" alone */
    CHECK_STR(reply(b, "Is the liver healthy?", FAB_EN, "B"), "yes");
    CHECK_STR(reply(b, "Is the spleen healthy?", FAB_EN, "B"), "yes");
    CHECK_STR(reply(b, "Is the bone healthy?", FAB_EN, "never seen"), "yes");
    CHECK_STR(reply(b, "图中最大的是什么?", FAB_ZH, "A"), "肺");
    CHECK_STR(reply(b, "脾脏是健康的吗?", FAB_ZH, "A"), "是的");
}

TEST(question_only_baseline)
{
    fab_err err = FAB_ERR_INIT;
    fab_blind *b = fab_blind_train(lessons, sizeof lessons / sizeof *lessons, &err);
    CHECK_MSG(b, "%s", err.text);
    check_blind(b);
    fab_arena *a = fab_arena_new(0, &err);
    char *text = fab_blind_pack(b, a, &err);
    CHECK_MSG(text, "%s", err.text);
    fab_blind *again = fab_blind_parse(text, strlen(text), &err);
    CHECK_MSG(again, "%s", err.text);
    check_blind(again);
    CHECK_STR(fab_blind_pack(again, a, &err), text);
    fab_blind_free(b);
    fab_blind_free(again);
    b = fab_blind_train(NULL, 0, &err);
    CHECK(b);
    CHECK_STR(reply(b, "x", FAB_EN, "A"), "");
    fab_blind_free(b);
    fab_arena_free(a);
}

#define PACK(answers, rows) "{\"sources\":[\"S\"],\"answers\":[" answers "],\"rows\":[" rows "]}"

TEST(question_only_bad_pack)
{
    static const char *const packs[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"sources\":[1],\"answers\":[],\"rows\":[]}",
        "{\"sources\":[\"S\",\"S\"],\"answers\":[],\"rows\":[]}",
        PACK("1", ""),
        PACK("\"90x\"", ""),
        PACK("\"01x\"", ""),
        PACK("\"0\"", ""),
        PACK("\"00a\",\"00A\"", ""),
        PACK("\"00a\"", "[\"00q\",1,1]"),
        PACK("\"00a\"", "[\"00q\",0]"),
        PACK("\"00a\"", "[\"10q\",0,1]"),
        PACK("\"00a\"", "[\"00q\",0,-5]"),
        PACK("\"00a\"", "7"),
    };
    for (size_t i = 0; i < sizeof packs / sizeof *packs; i++) {
        fab_err err = FAB_ERR_INIT;
        CHECK_MSG(!fab_blind_parse(packs[i], strlen(packs[i]), &err) && err.text[0],
                  "pack %zu was accepted", i);
    }
}

/* The bar as measured on the shared data; a change of features or of the split shows here. */
TEST(question_only_on_shared_data)
{
    const char *shared = test_shared();
    if (!shared) SKIP("no shared data");
    static const char *const files[] = { "slake/train.jsonl", "slake/val.jsonl",
                                         "vqa_rad/train.jsonl" };
    fab_err err = FAB_ERR_INIT;
    fab_path_list images;
    fab_qa_set s[5];
    CHECK(fab_paths_init(&images, &err));
    for (int i = 0; i < 5; i++) CHECK(fab_qa_init(&s[i], &images, &err));
    for (int i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/data/open/%s", shared, files[i]);
        CHECK_MSG(fab_qa_read(&s[i], path, NULL, &err), "%s", err.text);
    }
    CHECK(fab_split_vqa_rad(&s[2], &s[3], &s[4], &err));
    fab_vqa_scores slake, rad;
    fab_blind *b = fab_blind_train(s[0].items, s[0].n, &err),
              *c = fab_blind_train(s[3].items, s[3].n, &err);
    CHECK(fab_blind_measure(b, s[1].items, s[1].n, &slake, &err) &&
          fab_blind_measure(c, s[4].items, s[4].n, &rad, &err));
    CHECK_NEAR(slake.by_lang[FAB_EN].overall, 0.57, 0.03);
    CHECK_NEAR(slake.by_lang[FAB_ZH].overall, 0.55, 0.03);
    CHECK_NEAR(rad.all.overall, 0.366, 0.02);
    fab_blind_free(b);
    fab_blind_free(c);
    for (int64_t i = 0; i < s[3].n; i++) CHECK(fab_qa_add(&s[0], &s[3].items[i], &err));
    fab_vqa_scores joint;
    b = fab_blind_train(s[0].items, s[0].n, &err);
    CHECK(fab_blind_measure(b, s[4].items, s[4].n, &joint, &err) &&
          joint.all.overall == rad.all.overall);
    fab_blind_free(b);
    for (int i = 0; i < 5; i++) fab_qa_clear(&s[i]);
    fab_paths_clear(&images);
}

TEST(auc_with_ties)
{
    fab_err err = FAB_ERR_INIT;
    double auc;
    const float s[] = { 0.1f, 0.4f, 0.35f, 0.8f, 0.4f, 0.4f };
    const uint8_t y[] = { 0, 0, 1, 1, 1, 0 };
    CHECK(fab_auc(s, y, 6, &auc, &err));
    CHECK_NEAR(auc, 6.0 / 9,
               1e-12); /* .35 beats 1; .8 beats 3; .4 beats 1 and ties 2: 1 + 3 + 2 = 6 of 9 */
    const uint8_t one[] = { 1, 1, 1, 1, 1, 1 };
    CHECK(fab_auc(s, one, 6, &auc, &err) && isnan(auc));
    const float bad[] = { 0.1f, NAN };
    CHECK(!fab_auc(bad, y, 2, &auc, &err));
    CHECK_SAYS(err.text, "score 1");
}

TEST(classification)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    /* calls 0 0 1 1 2 0, truth 0 1 1 1 2 2 */
    const float s[] = { .9f, .1f, 0, .8f, .2f, 0, .1f, .9f, 0, 0, 1, 0, 0, 0, 1, .5f, .1f, .4f };
    const int truth[] = { 0, 1, 1, 1, 2, 2 };
    fab_classify_scores r;
    CHECK_MSG(fab_classify_measure(s, truth, 6, 3, a, &r, &err), "%s", err.text);
    CHECK_NEAR(r.accuracy, 4.0 / 6, 1e-12);
    CHECK_NEAR(r.per_class[0].f1, 0.5, 1e-12);     /* tp 1, called 3, n 1 */
    CHECK_NEAR(r.per_class[1].f1, 0.8, 1e-12);     /* tp 2, called 2, n 3 */
    CHECK_NEAR(r.per_class[2].f1, 2.0 / 3, 1e-12); /* tp 1, called 1, n 2 */
    CHECK_NEAR(r.macro_f1, (0.5 + 0.8 + 2.0 / 3) / 3, 1e-12);
    CHECK(r.confusion[1 * 3 + 0] == 1 && r.confusion[2 * 3 + 0] == 1 &&
          r.confusion[1 * 3 + 1] == 2);
    CHECK_NEAR(r.per_class[0].auc, 1, 1e-12);
    CHECK_NEAR(r.per_class[2].auc, 1, 1e-12);
    CHECK_NEAR(r.per_class[1].auc, 1, 1e-12); /* .2, .9, 1 against .1, 0, .1 */
    static const char *const names[] = { "a", "b", "c" };
    json_t *o = fab_classify_json(&r, names);
    CHECK_NEAR(json_real_value(
                   json_object_get(json_object_get(json_object_get(o, "per_class"), "b"),
                                   "recall")),
               2.0 / 3, 1e-12);
    CHECK(json_integer_value(json_object_get(o, "n")) == 6 &&
          json_is_real(json_object_get(o, "macro_f1")));
    json_decref(o);
    const int all_zero[] = { 0, 0 };
    CHECK(fab_classify_measure(s, all_zero, 2, 3, a, &r, &err) && isnan(r.auc));
    CHECK_NEAR(r.macro_f1, 1, 1e-12); /* classes without examples do not count */
    o = fab_classify_json(&r, names);
    CHECK(json_is_null(json_object_get(o, "auc")));
    json_decref(o);
    const int outside[] = { 3 };
    CHECK(!fab_classify_measure(s, outside, 1, 3, a, &r, &err));
    CHECK_SAYS(err.text, "class 3 is not in 0..2");
    fab_arena_free(a);
}

TEST(calibration)
{
    fab_err err = FAB_ERR_INIT;
    fab_calibration c;
    /* confidences .9 right, .9 wrong (one bin: accuracy .5), .6 right */
    const float p[] = { .9f, .1f, .9f, .1f, .4f, .6f };
    const int truth[] = { 0, 1, 1 };
    CHECK_MSG(fab_calibration_measure(p, truth, 3, 2, &c, &err), "%s", err.text);
    CHECK_NEAR(c.ece, 2.0 / 3 * 0.4 + 1.0 / 3 * 0.4, 1e-6);
    CHECK_NEAR(c.brier, (0.02 + 1.62 + 0.32) / 3, 1e-6);
    CHECK_NEAR(c.nll, -(log(0.9) + log(0.1) + log(0.6)) / 3, 1e-6);
    const float sum[] = { .9f, .3f };
    CHECK(!fab_calibration_measure(sum, truth, 1, 2, &c, &err));
    CHECK_SAYS(err.text, "sum to 1.2");
}

/* Sure and right, sure and right, less sure and wrong twice with a tie, unsure and right: risks 0,
 * 0, then the tie of one wrong and one right adds halves: 1/6, 1/4, then 2/5. */
TEST(risk_and_coverage)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_risk r;
    const double sure[] = { 0.3, 0.9, 0.5, 0.8, 0.5 }, points[] = { 0, 1, 0, 1, 1 };
    CHECK_MSG(fab_risk_measure(sure, points, 5, a, &r, &err), "%s", err.text);
    CHECK_NEAR(r.score[0], 1, 1e-12);
    CHECK_NEAR(r.score[2], 5.0 / 6, 1e-12);
    CHECK_NEAR(r.score[3], 0.75, 1e-12);
    CHECK_NEAR(r.score[4], 0.6, 1e-12);
    CHECK_NEAR(r.threshold[2], 0.5, 0);
    CHECK_NEAR(r.aurc, (0 + 0 + 1.0 / 6 + 1.0 / 4 + 2.0 / 5) / 5, 1e-12);
    CHECK_NEAR(r.aurc - r.excess, (0 + 0 + 0 + 1.0 / 4 + 2.0 / 5) / 5, 1e-12);
    json_t *o = fab_risk_json(sure, points, 5, a, &err);
    CHECK_NEAR(json_real_value(json_object_get(json_object_get(o, "coverage_at"), "0.8")), 0.6, 0);
    json_decref(o);
    const double nan[] = { NAN };
    CHECK(!fab_risk_measure(nan, points, 1, a, &r, &err));
    CHECK_SAYS(err.text, "row 0: a confidence of nan");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_risk_measure(sure, points, 0, a, &r, &err));
    fab_arena_free(a);
}

/* Two classes, logit gap 4, right in 3 of 4: the best probability is 3/4, so gap / T = log 3. */
TEST(temperature)
{
    fab_err err = FAB_ERR_INIT;
    const float z[] = { 4, 0, 4, 0, 4, 0, 4, 0 };
    const int truth[] = { 0, 0, 0, 1 };
    double T;
    CHECK(fab_temperature_fit(z, truth, 4, 2, &T, &err));
    CHECK_NEAR(T, 4 / log(3), 1e-4);
    float p[2];
    fab_temperature_apply(z, 2, T, p);
    CHECK_NEAR(p[0], 0.75, 1e-4);
    CHECK(fab_temperature_fit(z, truth, 0, 2, &T, &err) && T == 1);
    const float bad[] = { INFINITY, 0 };
    CHECK(!fab_temperature_fit(bad, truth, 1, 2, &T, &err));
}

TEST_MAIN
