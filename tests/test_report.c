/* Tests of reports: what stands in them, what does not, and what is left when one fails, on a small
 * random model. */
#include "disc.h"

#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "clinic/report_impl.h"
#include "engine/input.h"

static bool has_id(const json_t *list, const char *id)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one)
    {
        if (!strcmp(json_string_value(json_object_get(one, "id")), id)) return true;
    }
    return false;
}

static void check_record(const json_t *o, double threshold)
{
    size_t i, k;
    json_t *one, *ref;
    const json_t *findings = json_object_get(o, "findings"),
                 *evidence = json_object_get(o, "evidence");
    CHECK_STR(json_string_value(json_object_get(o, "schema")), "fabrica.report/1");
    CHECK_STR(json_string_value(json_object_get(o, "status")), "draft");
    CHECK(json_array_size(findings) > 3 && json_array_size(findings) == json_array_size(evidence));
    json_array_foreach((json_t *)findings, i, one)
    {
        double p = json_number_value(json_object_get(one, "probability"));
        const char *state = json_string_value(json_object_get(one, "state"));
        CHECK(p >= 0 && p <= 1);
        CHECK(has_id(evidence, json_string_value(json_object_get(one, "evidence"))));
        if (!strcmp(state, "claimed")) CHECK(p >= threshold);
        if (!strcmp(state, "not_claimed")) CHECK(p < threshold);
    }
    json_array_foreach(json_object_get(o, "sentences"), i, one)
    {
        CHECK(json_string_value(json_object_get(json_object_get(one, "text"), "zh")) != NULL);
        json_array_foreach(json_object_get(one, "findings"), k, ref)
            CHECK(has_id(findings, json_string_value(ref)));
        json_array_foreach(json_object_get(one, "evidence"), k, ref)
            CHECK(has_id(evidence, json_string_value(ref)));
    }
}

static char *slurp(const char *path)
{
    fab_err err = FAB_ERR_INIT;
    fab_file f;
    CHECK_MSG(fab_file_map(&f, path, 0, &err), "%s", err.text);
    char *s = fab_arena_take(arena, f.size + 1, &err);
    memcpy(s, f.data, f.size);
    s[f.size] = 0;
    fab_file_unmap(&f);
    return s;
}

TEST(a_report_is_whole_and_every_sentence_has_its_evidence)
{
    setup();
    fab_err err = FAB_ERR_INIT;
    fab_image *im = disc_image();
    const double thresholds[] = { 0.5, 0.05, 0.95 };
    for (int i = 0; i < 3; i++) {
        fab_report_opts o = FAB_REPORT_DEFAULTS;
        o.history = "咳嗽 <b>\"two\" & weeks</b>";
        o.threshold = thresholds[i];
        o.overlays = 3;
        o.created = 1700000000;
        fab_report *r = fab_report_make(engine, im, "bytes", 5, &o, &err);
        CHECK_MSG(r, "%s", err.text);
        CHECK_MSG(fab_report_write(r, in_folder("out"), &err), "%s", err.text);
        fab_report_free(r);
        json_t *record = fab_json_open(in_folder("out/report.json"), &err);
        CHECK_MSG(record, "%s", err.text);
        check_record(record, thresholds[i]);
        CHECK_STR(json_string_value(json_object_get(record, "created")), "2023-11-14T22:13:20Z");
        CHECK(
            json_is_false(json_object_get(json_object_get(record, "indication"), "used_by_model")));
        json_decref(record);
        const char *html = slurp(in_folder("out/report.html")),
                   *text = slurp(in_folder("out/report.txt"));
        CHECK(!strstr(html, "<script") && !strstr(html, "http:") && !strstr(html, "<b>\"two\""));
        CHECK_SAYS(html, "咳嗽 &lt;b&gt;&quot;two&quot; &amp; weeks&lt;/b&gt;");
        CHECK_SAYS(html, FAB_MARK_ZH);
        CHECK_SAYS(text, FAB_MARK_EN);
        CHECK_SAYS(text, "not used by the model");
        CHECK(fab_exists(in_folder("out/image.png")));
    }
    fab_image_free(im);
}

/* A report by the tiny model whose file says the same of every row; its JSON, and its text. */
static json_t *report_of_skill(float auc, int n, const char **text)
{
    fab_err err = FAB_ERR_INIT;
    fab_skill items[256];
    int k = 0;
    for (int i = 0; i < fab_protocol_rows; i++)
        items[k++] = (fab_skill){ fab_protocol[i].code, "", auc, n, n, { 1, { 0 } } };
    const fab_mini_save_opts o = { .temperature = 1, .skills = { items, k } };
    CHECK_MSG(tiny_save(in_folder("skilled.gguf"), 7, &o, &err), "%s", err.text);
    fab_engine *e = fab_engine_open(in_folder("skilled.gguf"), NULL, &err);
    fab_image *im = disc_image();
    fab_report_opts how = FAB_REPORT_DEFAULTS;
    how.overlays = -1;
    how.threshold = 0.01;
    how.force = true;
    fab_report *r = e ? fab_report_make(e, im, "x", 1, &how, &err) : NULL;
    json_t *j = r ? fab_report_json(r, &err) : NULL;
    *text = r ? fab_report_text(r, arena, &err) : NULL;
    CHECK_MSG(j && *text, "%s", err.text);
    fab_report_free(r);
    fab_image_free(im);
    fab_engine_close(e);
    return j;
}

TEST(rows_not_above_chance_are_not_stated)
{
    const char *text;
    setup();
    json_t *taught = report_of_skill(0.95f, 100, &text);
    size_t n = json_array_size(json_object_get(taught, "findings"));
    CHECK(n > 5 && json_array_size(json_object_get(taught, "not_assessed")) == 0);
    CHECK(!strstr(text, "Not assessed") && !strstr(text, "not validated"));
    json_decref(taught);

    json_t *untaught = report_of_skill(0.52f, 30, &text), *list, *one;
    size_t i;
    list = json_object_get(untaught, "findings");
    json_array_foreach(list, i, one)
    {
        const char *code = json_string_value(json_object_get(one, "code"));
        bool closed = fab_protocol_find(code)->kind <= FAB_ASK_PRESENT;
        CHECK_MSG(!closed || !strcmp(code, "modality") || !strcmp(code, "region"), "%s", code);
    }
    CHECK(json_array_size(json_object_get(untaught, "not_assessed")) > 3);
    CHECK(strstr(text, "Not assessed: ") && strstr(text, "(held-out AUC 0.52)"));
    CHECK(strstr(text, "未评估："));
    json_decref(untaught);

    json_t *unmeasured = report_of_skill(0.95f, 7, &text);
    CHECK(json_array_size(json_object_get(unmeasured, "findings")) == n);
    one = json_object_get(json_array_get(json_object_get(unmeasured, "findings"), 0), "held_out");
    CHECK_STR(json_string_value(json_object_get(one, "verdict")), "unmeasured");
    CHECK(strstr(text, "not validated") && strstr(text, "未经验证"));
    json_decref(unmeasured);
}

/* A dermoscopy's report by the tiny model whose rows all lean by age and sex. */
static fab_report *report_of_patient(fab_engine *e, fab_image *im, fab_patient who, bool alone)
{
    fab_err err = FAB_ERR_INIT;
    fab_report_opts how = FAB_REPORT_DEFAULTS;
    how.overlays = -1;
    how.force = true;
    how.patient = who;
    how.picture_alone = alone;
    fab_report *r = fab_report_make(e, im, "x", 1, &how, &err);
    CHECK_MSG(r, "%s", err.text);
    return r;
}

static json_t *finding_of(const json_t *report, const char *code)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, "findings"), i, one)
    {
        if (!strcmp(json_string_value(json_object_get(one, "code")), code)) return one;
    }
    return NULL;
}

static bool page_says(const fab_report *r, const char *what)
{
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(fab_report_write(r, in_folder("page"), &err), "%s", err.text);
    return strstr(slurp(in_folder("page/report.html")), what) != NULL;
}

TEST(a_report_tells_what_age_and_sex_changed)
{
    fab_err err = FAB_ERR_INIT;
    fab_skill items[256];
    int n = 0;
    setup();
    for (int i = 0; i < fab_protocol_rows; i++)
        items[n++] = (fab_skill){ .code = fab_protocol[i].code,
                                  .choice = "",
                                  .auc = 0.95f,
                                  .positives = 90,
                                  .negatives = 90,
                                  .patient = { { 0, -1, 1 }, { -0.1f, 0, 0.1f } } };
    const fab_mini_save_opts o = { .temperature = 1, .skills = { items, n } };
    CHECK_MSG(tiny_save(in_folder("leans.gguf"), 7, &o, &err), "%s", err.text);
    fab_engine *e = fab_engine_open(in_folder("leans.gguf"), NULL, &err);
    fab_image *im = disc_image();
    CHECK_MSG(e && im, "%s", err.text);
    strcpy(im->modality, "DMS");
    strcpy(im->body_part, "SKIN");
    im->patient = (fab_patient){ 40, 'F' }; /* what is given goes before it */

    fab_report *r = report_of_patient(e, im, (fab_patient){ 80, 'M' }, false),
               *same = report_of_patient(e, im, (fab_patient){ .age = 80 }, false),
               *alone = report_of_patient(e, im, (fab_patient){ 80, 'M' }, true);
    const char *text = fab_report_text(r, arena, &err),
               *other = fab_report_text(alone, arena, &err);
    CHECK(strstr(text, "Patient: 80 years, male\n") && strstr(text, "患者：80 岁，男\n"));
    CHECK(strstr(fab_report_text(same, arena, &err), "Patient: 80 years, female\n"));
    CHECK(strstr(text, "without age and sex") && strstr(text, "不计年龄性别"));
    CHECK(!strstr(other, "Patient: ") && !strstr(other, "without age and sex"));
    CHECK(strcmp(r->id, alone->id) && strcmp(r->id, same->id));
    CHECK(page_says(r, "80 years, male") && page_says(r, "; by the image alone ") &&
          !page_says(alone, "by the image alone"));

    fab_report_opts low = FAB_REPORT_DEFAULTS;
    low.overlays = -1;
    low.force = true;
    low.patient = (fab_patient){ 15, 'F' }; /* e^-3.5 of what the tiny model says, 0.9 */
    fab_report *young = fab_report_make(e, im, "x", 1, &low, &err);
    CHECK_MSG(young, "%s", err.text);
    const char *says = fab_report_text(young, arena, &err);
    CHECK(strstr(says, "Melanoma: claimed by the image alone (p = "));
    fab_report_free(young);

    json_t *j = fab_report_json(r, &err), *k = fab_report_json(alone, &err);
    CHECK_STR(json_string_value(json_object_get(json_object_get(j, "patient"), "sex")), "male");
    CHECK(json_is_null(json_object_get(json_object_get(k, "patient"), "age")));
    json_t *with = finding_of(j, "finding.melanoma"), *without = finding_of(k, "finding.melanoma");
    CHECK(with && without && !json_object_get(without, "probability_by_picture"));
    CHECK_NEAR(json_real_value(json_object_get(with, "probability_by_picture")),
               json_real_value(json_object_get(without, "probability")), 1e-6);
    CHECK(json_real_value(json_object_get(with, "probability")) >
          json_real_value(json_object_get(without, "probability")));
    CHECK_STR(json_string_value(json_object_get(finding_of(j, "skin.diagnosis"), "value_code")),
              "seborrheic_keratosis"); /* by e^6 in its favour against a nevus */
    json_decref(j);
    json_decref(k);
    fab_report_free(r);
    fab_report_free(same);
    fab_report_free(alone);
    fab_image_free(im);
    fab_engine_close(e);
}

TEST(ages_are_told_as_doctors_do)
{
    static const struct {
        float age;
        const char *says[FAB_LANGS];
    } rows[] = { { 10 / 365.25f, { "10 days", "10 天" } }, { 1 / 365.25f, { "1 day", "1 天" } },
                 { 1.5f, { "18 months", "18 个月" } },     { 2.9f, { "2 years", "2 岁" } },
                 { 60.99f, { "60 years", "60 岁" } },      { 0, { "", "" } } };
    char out[FAB_PATIENT_WORDS];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int lang = 0; lang < FAB_LANGS; lang++) {
            fab_report_patient(&(fab_report){ .patient = { rows[i].age, 0 } }, lang, out);
            CHECK_STR(out, rows[i].says[lang]);
        }
}

TEST(a_report_that_cannot_be_written_leaves_nothing)
{
    setup();
    fab_err err = FAB_ERR_INIT;
    fab_image *im = disc_image();
    fab_report_opts o = FAB_REPORT_DEFAULTS;
    o.overlays = -1;
    fab_report *r = fab_report_make(engine, im, "bytes", 5, &o, &err);
    CHECK_MSG(r, "%s", err.text);
    CHECK(!fab_report_write(r, in_folder("disc.png"), &err)); /* a file is in the way */
    CHECK_SAYS(err.text, "disc.png");
    char blocked[200];
    snprintf(blocked, sizeof blocked, "%s/report.txt", in_folder("blocked"));
    CHECK(mkdir(in_folder("blocked"), 0755) == 0 &&
          mkdir(blocked, 0755) == 0); /* a folder where a file must go */
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_report_write(r, in_folder("blocked"), &err));
    CHECK(!fab_exists(in_folder("blocked/report.json")));
    fab_report_free(r);
    fab_image_free(im);
}

TEST(refused_pictures_get_no_report_unless_forced)
{
    setup();
    static uint8_t rgb[3 * SIDE * SIDE];
    fab_err err = FAB_ERR_INIT;
    memset(rgb, 128, sizeof rgb);
    CHECK(fab_png_write(in_folder("blank.png"), rgb, SIDE, SIDE, 3, &err));
    fab_image *im = fab_image_open(in_folder("blank.png"), NULL, &err);
    fab_report_opts o = FAB_REPORT_DEFAULTS;
    o.overlays = -1;
    CHECK(im && !fab_report_make(engine, im, "bytes", 5, &o, &err));
    CHECK(err.code == FAB_EREFUSED);
    CHECK_SAYS(err.text, "refused (blank)");
    err = (fab_err)FAB_ERR_INIT;
    o.force = true;
    fab_report *r = fab_report_make(engine, im, "bytes", 5, &o, &err);
    CHECK_MSG(r, "%s", err.text);
    CHECK_SAYS(fab_report_text(r, arena, &err), "overridden by the user");
    fab_report_free(r);
    err = (fab_err)FAB_ERR_INIT;
    o.history = "\xc3(";
    CHECK(!fab_report_make(engine, im, "bytes", 5, &o, &err));
    CHECK_SAYS(err.text, "the history is not UTF-8: byte 0 of 2");
    fab_image_free(im);
}

TEST(uncertainty_has_three_words)
{
    CHECK_STR(fab_band_of(0.9)->code, "very-likely");
    CHECK_STR(fab_band_of(0.89)->code, "likely");
    CHECK_STR(fab_band_of(0.5)->code, "possible");
    CHECK_STR(fab_band_of(0.4999)->code, "not-claimed");
    CHECK_STR(fab_band_of(NAN)->code, "not-claimed");
}

TEST_MAIN
