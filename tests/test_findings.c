/* The labeller: measured on hand-labelled sentences, spans, sections, bad input; reports compared
 * by what they say. */
#include "base/arena.h"
#include "metrics/findings_check.h"
#include "metrics/report_findings.h"
#include "test.h"

static fab_labeller *labeller(void)
{
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = fab_labeller_new(&err);
    CHECK_MSG(l, "%s", err.text);
    return l;
}

static void measure(const char *path, double status, double side)
{
    fab_err err = FAB_ERR_INIT;
    fab_findings_score s;
    fab_labeller *l = labeller();
    bool ok = fab_findings_check(l, path, NULL, NULL, NULL, &s, &err);
    fab_labeller_free(l);
    CHECK_MSG(ok, "%s", err.text);
    CHECK(s.sentences >= 200);
    CHECK_MSG(fab_hits_f1(&s.status) >= status, "F1 with status %.4f", fab_hits_f1(&s.status));
    CHECK_MSG(fab_hits_f1(&s.side) >= side, "F1 with side %.4f", fab_hits_f1(&s.side));
}

TEST(development_sentences) { measure("tests/golden/findings/development.tsv", 0.985, 0.97); }
TEST(held_out_sentences) { measure("tests/golden/findings/held_out.tsv", 0.975, 0.96); }

TEST(a_mention_says_all_of_it)
{
    static const char text[] =
        "INDICATION: Fracture?\nFINDINGS: Small left pleural effusion at the base.";
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = labeller();
    fab_mentions m = { 0 };
    CHECK(fab_labeller_read(l, text, strlen(text), &m, &err) && m.n == 2);
    const fab_mention *x = &m.items[1];
    CHECK(m.items[0].observation == FAB_OBS_FRACTURE &&
          m.items[0].section == FAB_SECTION_BACKGROUND);
    CHECK(x->observation == FAB_OBS_PLEURAL_EFFUSION && x->status == FAB_PRESENT &&
          x->side == FAB_SIDE_LEFT && x->severity == FAB_SEVERITY_MILD &&
          x->section == FAB_SECTION_FINDINGS);
    CHECK_STR(fab_site_name(x->site), "base");
    CHECK(x->end - x->at == 16 && !memcmp(text + x->at, "pleural effusion", 16));
    fab_mentions_clear(&m);
    fab_labeller_free(l);
}

/* Many statements in a sentence, the place before a comma or before 见. */
TEST(a_chinese_report_keeps_its_sides)
{
    static const char text[] =
        "双肺纹理增多，右肺下野见片状模糊影，边界不清。双侧肺门影不大，纵隔未见增宽。"
        "两肺上叶透亮度增高，右肺中叶见一直径约6mm的小结节，左肺下叶见条索影。"
        "肝脏形态正常，表面光滑，肝右叶见低密度影，考虑囊肿；左肾见一小结石，右肾盂轻度积水。";
    static const struct {
        int observation, status, side;
    } want[] = { { FAB_OBS_LUNG_OPACITY, FAB_PRESENT, FAB_SIDE_BOTH },
                 { FAB_OBS_LUNG_OPACITY, FAB_PRESENT, FAB_SIDE_RIGHT },
                 { FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_ABSENT, FAB_SIDE_NONE },
                 { FAB_OBS_EMPHYSEMA, FAB_PRESENT, FAB_SIDE_BOTH },
                 { FAB_OBS_NODULE, FAB_PRESENT, FAB_SIDE_RIGHT },
                 { FAB_OBS_FIBROSIS, FAB_PRESENT, FAB_SIDE_LEFT },
                 { FAB_OBS_HEPATOMEGALY, FAB_ABSENT, FAB_SIDE_NONE },
                 { FAB_OBS_CYST, FAB_UNCERTAIN, FAB_SIDE_RIGHT },
                 { FAB_OBS_STONE, FAB_PRESENT, FAB_SIDE_LEFT },
                 { FAB_OBS_HYDRONEPHROSIS, FAB_PRESENT, FAB_SIDE_RIGHT } };
    enum { WANT = sizeof want / sizeof *want };
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = labeller();
    fab_mentions m = { 0 };
    CHECK(fab_labeller_read(l, text, strlen(text), &m, &err));
    CHECK_MSG(m.n == WANT, "%zu mentions", m.n);
    for (size_t i = 0; i < WANT; i++)
        CHECK_MSG(m.items[i].observation == want[i].observation &&
                      m.items[i].status == want[i].status && m.items[i].side == want[i].side,
                  "mention %zu: %s %s %s", i, fab_status_names[m.items[i].status],
                  fab_side_names[m.items[i].side], fab_observation_names[m.items[i].observation]);
    fab_mentions_clear(&m);
    fab_labeller_free(l);
}

TEST(names_lead_back)
{
    for (int i = 0; i < FAB_OBSERVATIONS; i++)
        CHECK(fab_observation_find(fab_observation_names[i]) == i);
    CHECK(fab_observation_find("flu") < 0 && !*fab_site_name(-1) && !*fab_site_name(1000));
}

TEST(a_nodule_belongs_to_its_organ)
{
    static const struct {
        const char *text;
        int parent;
    } cases[] = { { "A nodule is present.", FAB_OBS_LUNG_LESION },
                  { "右肺上叶结节。", FAB_OBS_LUNG_LESION },
                  { "Mass in the liver.", FAB_OBS_LIVER_LESION },
                  { "左肾肿块。", FAB_OBS_KIDNEY_LESION },
                  { "Mass in the left temporal lobe.", FAB_OBS_BRAIN_LESION },
                  { "甲状腺结节。", -1 },
                  { "Pneumonia.", -1 } };
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = labeller();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_mentions m = { 0 };
        CHECK(fab_labeller_read(l, cases[i].text, strlen(cases[i].text), &m, &err) && m.n == 1);
        CHECK_MSG(fab_mention_parent(&m.items[0]) == cases[i].parent, "%s", cases[i].text);
        fab_mentions_clear(&m);
    }
    fab_labeller_free(l);
}

TEST(broken_text_is_named_and_leaves_nothing)
{
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = labeller();
    fab_mentions m = { 0 };
    CHECK(fab_labeller_read(l, "", 0, &m, &err) && m.n == 0);
    CHECK(!fab_labeller_read(l, "Effusion. \xff", 11, &m, &err) && m.n == 0);
    CHECK_SAYS(err.text, "not UTF-8 at byte 10");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_labeller_read(l, "", (size_t)FAB_FINDINGS_TEXT + 1, &m, &err));
    CHECK_SAYS(err.text, "67108865 bytes");
    fab_mentions_clear(&m);
    fab_labeller_free(l);
}

/* Longer than any sentence that fits: cut, not lost. */
TEST(an_endless_sentence_is_read)
{
    enum { TIMES = 3000 };
    static const char one[] = "effusion and ";
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = labeller();
    fab_mentions m = { 0 };
    char *text = fab_new(TIMES * (sizeof one - 1), &err);
    CHECK(text);
    for (int i = 0; i < TIMES; i++) memcpy(text + i * (int)(sizeof one - 1), one, sizeof one - 1);
    CHECK(fab_labeller_read(l, text, TIMES * (sizeof one - 1), &m, &err) && m.n == TIMES);
    fab_free(text);
    fab_mentions_clear(&m);
    fab_labeller_free(l);
}

TEST(out_of_memory_leaks_nothing)
{
    static const char text[] = "No effusion. 左肺结节。";
    bool struck = true;
    for (int64_t at = 0; struck; at++) {
        fab_err err = FAB_ERR_INIT;
        fab_mentions m = { 0 };
        fab_oom_arm(at);
        fab_labeller *l = fab_labeller_new(&err);
        bool ok = l && fab_labeller_read(l, text, strlen(text), &m, &err);
        struck = fab_oom_arm(-1);
        CHECK(ok != struck && (ok || err.code == FAB_ENOMEM));
        fab_mentions_clear(&m);
        fab_labeller_free(l);
    }
}

/* A file of the given bytes; the caller removes it. */
static void write_file(char path[], const char *bytes)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs(bytes, f);
    fclose(f);
}

static void refuse(const char *line, const char *says)
{
    fab_err err = FAB_ERR_INIT;
    fab_findings_score s;
    char path[] = "/tmp/fab_findings_XXXXXX";
    write_file(path, line);
    fab_labeller *l = labeller();
    bool ok = fab_findings_check(l, path, NULL, NULL, NULL, &s, &err);
    fab_labeller_free(l);
    remove(path);
    CHECK(!ok);
    CHECK_SAYS(err.text, says);
}

TEST(broken_labels_are_named)
{
    refuse("", "no sentence");
    refuse("en\tEffusion.\t+pleural_effusion\nen\tx\n", "line 2: not three fields");
    refuse("en\tx\t+flu\n", "line 1: no observation is called 'flu'");
    refuse("en\tx\tedema\n", "label 'edema' is not");
    refuse("en\tx\t+edema/X\n", "label '+edema/X' is not");
}

/* ---- reports ---------------------------------------------------------------------------------- */

static fab_report_counts_by compare(const char *hyp, const char *ref)
{
    fab_err err = FAB_ERR_INIT;
    fab_labeller *l = labeller();
    fab_gathering g[2];
    for (int i = 0; i < 2; i++) {
        const char *text = i ? ref : hyp;
        fab_mentions m = { 0 };
        CHECK(fab_labeller_read(l, text, strlen(text), &m, &err));
        fab_gathering_init(&g[i]);
        fab_gathering_add(&g[i], &m, 0);
        fab_gathering_end(&g[i]);
        fab_mentions_clear(&m);
    }
    fab_labeller_free(l);
    fab_report_counts_by sum = { 0 };
    fab_report_marks marks = fab_report_compare(&g[0], &g[1]);
    fab_report_add(&sum, &marks, 1);
    return sum;
}

TEST(reports_are_compared_by_what_they_say)
{
    static const struct {
        const char *hyp, *ref;
        int hit, strict, placed, omission, hallucination, status_flip, side_flip;
    } cases[] = {
        { "Left effusion.", "Left effusion.", 1, 1, 1, 0, 0, 0, 0 },
        { "左侧胸腔积液。", "Left pleural effusion.", 1, 1, 1, 0, 0, 0, 0 },
        { "Left effusion.", "Right effusion.", 1, 1, 0, 0, 0, 0, 1 },
        { "Bilateral effusions.", "Right effusion.", 1, 1, 0, 0, 0, 0, 0 },
        { "Possible effusion.", "Effusion.", 1, 0, 1, 0, 0, 0, 0 },
        { "No effusion.", "Effusion.", 0, 0, 0, 1, 0, 1, 0 },
        { "Effusion.", "No effusion.", 0, 0, 0, 0, 1, 1, 0 },
        { "", "Effusion.", 0, 0, 0, 1, 0, 0, 0 },
        { "Effusion.", "", 0, 0, 0, 0, 1, 0, 0 },
        { "", "", 0, 0, 0, 0, 0, 0, 0 },
        { "No effusion.", "未见胸腔积液。", 0, 0, 0, 0, 0, 0, 0 },
        { "No effusion. Small effusion on the left.", "Left effusion.", 1, 1, 1, 0, 0, 0, 0 },
        { "Indication: effusion.", "Effusion.", 0, 0, 0, 1, 0, 0, 0 },
        { "Nodule.", "Lung cancer.", 1, 1, 1, 0, 1, 0,
          0 }, /* lung_lesion; nodule is more than said */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_report_counts_by k = compare(cases[i].hyp, cases[i].ref);
        const fab_report_counts *a = &k.all;
        CHECK_MSG(a->hit == cases[i].hit && a->strict == cases[i].strict &&
                      a->placed == cases[i].placed && a->omission == cases[i].omission &&
                      a->hallucination == cases[i].hallucination &&
                      a->status_flip == cases[i].status_flip &&
                      a->side_flip == cases[i].side_flip && a->hyp == a->hit + a->hallucination &&
                      a->ref == a->hit + a->omission,
                  "%s | %s", cases[i].hyp, cases[i].ref);
    }
}

TEST(no_finding_is_derived)
{
    fab_report_counts_by k = compare("Pacemaker in place.", "No acute disease.");
    CHECK(k.by[FAB_OBS_NO_FINDING].hit == 1);
    k = compare("Possible pneumonia.", "Clear lungs.");
    CHECK(k.by[FAB_OBS_NO_FINDING].omission == 1 && k.by[FAB_OBS_NO_FINDING].status_flip == 0);
}

static void refuse_report(const char *lines, const char *says)
{
    fab_err err = FAB_ERR_INIT;
    fab_report_set s = { 0 };
    char path[] = "/tmp/fab_reports_XXXXXX";
    write_file(path, lines);
    fab_labeller *l = labeller();
    bool ok = fab_report_read(&s, l, path, &err);
    fab_report_clear(&s);
    fab_labeller_free(l);
    remove(path);
    CHECK(!ok);
    CHECK_SAYS(err.text, says);
}

TEST(broken_records_are_named)
{
    refuse_report("", "no records");
    refuse_report("{\"id\": 1, \"refs\": [\"x\"]}", "line 1: hyp: missing");
    refuse_report("{\"id\": 1, \"hyp\": \"x\"}", "line 1: no refs of 1 to 64 texts");
    refuse_report("{\"id\": 1.5, \"hyp\": \"x\", \"ref\": \"y\"}", "id is no text");
    refuse_report("{\"id\": 1, \"hyp\": \"x\", \"refs\": []}", "no refs of 1 to 64");
    refuse_report("{\"id\": 1, \"hyp\": \"x\", \"refs\": [7]}", "refs: item 0 is no text");
    refuse_report("{\"id\": 1, \"hyp\": \"x\", \"findings\": [\"flu\"]}",
                  "observation is called 'flu'");
    refuse_report(
        "{\"id\": 1, \"hyp\": \"x\", \"findings\": [{\"observation\": \"edema\", \"status\": "
        "\"maybe\"}]}",
        "status 'maybe'");
    refuse_report(
        "{\"id\": 1, \"hyp\": \"x\", \"findings\": [{\"observation\": \"edema\", \"side\": "
        "\"up\"}]}",
        "side 'up'");
    refuse_report("{\"id\": 1, \"hyp\": \"x\", \"findings\": [3]}", "findings");
}

TEST_MAIN
