/* ROUGE-L/W/S-Med: the identities of their definition, and what flips cost. */
#include "base/rng.h"
#include "metrics/rouge_med.h"
#include "test.h"

static fab_err none;

static fab_text text(const char *s) { return (fab_text){ s, strlen(s) }; }

static fab_med_score score(fab_rouge_med *m, fab_med_kind kind, const char *hyp, const char *ref)
{
    fab_med_score out = { 0 };
    fab_text r = text(ref);

    none = (fab_err)FAB_ERR_INIT;
    if (!fab_rouge_med_measure(m, kind, text(hyp), &r, 1, NULL, &out, &none)) out.score.f = -2;
    return out;
}

static double f(fab_rouge_med *m, fab_med_kind kind, const char *hyp, const char *ref)
{
    return score(m, kind, hyp, ref).score.f;
}

static const char *const reports[] = {
    "Findings: Heart size is normal. No pleural effusion or pneumothorax.\nImpression: No acute "
    "disease.",
    "There is a small left pleural effusion with right lower lobe consolidation.",
    "右肺上叶磨玻璃结节，大小约8 mm。未见胸腔积液。心影增大。",
    "双肺纹理增粗，左侧少量胸腔积液",
    "no findings to speak of",
    "the quick brown fox",
    "No verb here",
};

TEST(identical_is_one_and_empty_is_zero)
{
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);

    CHECK_MSG(m, "%s", none.text);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
        for (int k = FAB_MED_L; k <= FAB_MED_S; k++) {
            CHECK_NEAR(f(m, (fab_med_kind)k, reports[i], reports[i]), 1, 1e-12);
            CHECK(f(m, (fab_med_kind)k, "", reports[i]) == 0);
            CHECK(f(m, (fab_med_kind)k, " ，。 ", reports[i]) == 0);
        }
    fab_rouge_med_free(m);
}

/* With an empty dictionary every unit weighs 1: L is ROUGE-L of the same words. */
TEST(without_terms_l_is_rouge_l)
{
    const fab_med_opts empty = { .no_terms = true };
    fab_rouge_med *m = fab_rouge_med_new(&empty, &none);
    const fab_rouge_opts o = {
        .mode = FAB_ROUGE_PAPER, .stem = true, .segment = fab_rouge_med_cut, .segment_arg = m
    };
    fab_rouge *rouge = fab_rouge_new(&o, &none);
    const fab_rouge_metric l = { FAB_ROUGE_L, 0 };

    CHECK(m && rouge);
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++) {
            fab_prf want;
            fab_text ref = text(reports[j]);
            CHECK(fab_rouge_measure(rouge, text(reports[i]), &ref, 1, &l, 1, &want, &none));
            fab_prf got = score(m, FAB_MED_L, reports[i], reports[j]).score;
            CHECK_NEAR(got.r, want.r, 1e-9);
            CHECK_NEAR(got.p, want.p, 1e-9);
        }
    fab_rouge_free(rouge);
    fab_rouge_med_free(m);
}

/* A wrong sign or side costs more than a left-out word; a synonym costs nothing; languages agree by
 * concept. */
TEST(flips_cost_and_synonyms_do_not)
{
    static const struct {
        const char *ref, *good, *bad;
    } cases[] = {
        { "No pleural effusion.", "No effusion.", "Pleural effusion." },
        { "There is a left pleural effusion.", "There is left effusion.",
          "There is a right pleural effusion." },
        { "未见胸腔积液。", "无胸水。", "可见胸腔积液。" },
        { "左侧胸腔积液。", "左侧胸水。", "右侧胸腔积液。" },
        { "胸腔积液阴性。", "胸水阴性。", "胸腔积液阳性。" },
        { "右肺上叶结节", "右上肺结节", "左肺上叶结节" },
        { "No consolidation, effusion, or pneumothorax.", "No pneumothorax.", "Pneumothorax." },
        { "Pneumonia on the left.", "Left pneumonia.", "Pneumonia on the right." },
    };
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = FAB_MED_L; k <= FAB_MED_S; k++) {
            double good = f(m, (fab_med_kind)k, cases[i].good, cases[i].ref);
            double bad = f(m, (fab_med_kind)k, cases[i].bad, cases[i].ref);
            CHECK_MSG(good > bad + 0.1, "%s: kind %d: %.3f, flipped %.3f", cases[i].ref, k, good,
                      bad);
        }
    CHECK_NEAR(f(m, FAB_MED_L, "无胸水。", "未见胸腔积液。"), 1, 1e-12);
    CHECK_NEAR(f(m, FAB_MED_L, "右侧气胸", "Right pneumothorax"), 1, 1e-12);
    fab_rouge_med_free(m);
}

/* 17.7's L by hand: left(3) effusion(3) against right(3) effusion(3): the side differs, so nothing
 * agrees. */
TEST(weights_by_hand)
{
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);

    CHECK_NEAR(f(m, FAB_MED_L, "left effusion", "right effusion"), 0, 1e-12);
    CHECK_NEAR(f(m, FAB_MED_L, "effusion", "left effusion"), 2 * 0.5 / 1.5, 1e-12); /* R 3/6, P 1 */
    CHECK_NEAR(f(m, FAB_MED_L, "large effusion", "tall effusion"), 3.0 / 4, 1e-12);
    fab_rouge_med_free(m);
}

/* Putting the right term where a wrong one of no less weight stood never lowers L. */
TEST(repairing_a_word_never_lowers)
{
    static const char *const pool[] = { "effusion", "pneumothorax", "nodule", "heart",
                                        "large",    "seen",         "edema",  "fever" };
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);
    fab_rng rng;

    fab_rng_init(&rng, 5);
    for (int round = 0; round < 300; round++) {
        char ref[300] = "", bad[300] = "", good[300] = "";
        size_t at = fab_rng_below(&rng, 6);
        for (size_t i = 0; i < 6; i++) {
            const char *r = pool[fab_rng_below(&rng, 8)], *h = pool[fab_rng_below(&rng, 8)];
            snprintf(ref + strlen(ref), 40, "%s ", r);
            snprintf(bad + strlen(bad), 40, "%s ", i == at ? "fracture" : h);
            snprintf(good + strlen(good), 40, "%s ", i == at ? r : h);
        }
        CHECK_MSG(f(m, FAB_MED_L, good, ref) >= f(m, FAB_MED_L, bad, ref) - 1e-12, "%s / %s", bad,
                  ref);
    }
    fab_rouge_med_free(m);
}

TEST(grammar_and_order_lower_w)
{
    static const struct {
        const char *hyp, *ref;
        double g;
    } cases[] = {
        { "The heart is normal", "The heart is normal.", 0.606530659712633 },
        { "The the heart is normal.", "The heart is normal.", 0.606530659712633 },
        { "There is an nodule.", "There is a nodule.", 0.606530659712633 },
        { "There is a nodule (5 mm.", "There is a nodule (5 mm).", 0.606530659712633 },
        { "心影增大", "心影增大。", 0.606530659712633 },
        { "The heart is normal.", "The heart is normal.", 1 },
    };
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_med_score s = score(m, FAB_MED_W, cases[i].hyp, cases[i].ref);
        CHECK_MSG(s.g > cases[i].g - 1e-9 && s.g < cases[i].g + 1e-9, "%s: G %.6f", cases[i].hyp,
                  s.g);
    }
    fab_med_score s =
        score(m, FAB_MED_W, "There is edema. The heart is large. The lungs are clear.",
              "The lungs are clear. The heart is large. There is edema.");
    CHECK_NEAR(s.tau, -1, 1e-12);
    CHECK_NEAR(s.score.f, s.s * 0.5, 1e-12);
    fab_rouge_med_free(m);
}

TEST(pictures_marks_and_contradictions)
{
    static const fab_med_mark marks[] = { { "pleural_effusion", NULL, "left" } };
    fab_med_picture p = { marks, 1, 0.25 };
    const char *ref = "Left pleural effusion.";
    fab_text r = text(ref);
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);
    fab_med_score s;

    CHECK(fab_rouge_med_measure(m, FAB_MED_S, r, &r, 1, &p, &s, &none));
    CHECK_NEAR(s.image, 1, 1e-12);
    CHECK_NEAR(s.clip, 0.5, 1e-12);
    CHECK_NEAR(s.score.f, 0.5 + 0.35 + 0.15 * 0.5, 1e-12);
    CHECK(
        fab_rouge_med_measure(m, FAB_MED_S, text("Right pleural effusion."), &r, 1, &p, &s, &none));
    CHECK(s.image == 0 && !s.contradictions);
    CHECK(fab_rouge_med_measure(m, FAB_MED_S, text("No pleural effusion."), &r, 1, &p, &s, &none));
    CHECK(s.contradictions == 1 && s.score.f < 0.1);
    fab_rouge_med_free(m);
}

TEST(ledger_sums_to_the_score)
{
    const char *hyp = "可见胸腔积液，左侧气胸", *ref = "未见胸腔积液，右侧气胸";
    fab_rouge_med *m = fab_rouge_med_new(NULL, &none);
    int64_t n;
    const fab_med_entry *e = fab_rouge_med_explain(m, text(hyp), text(ref), &n, &none);
    double won = 0, lost = 0;
    bool sign = false, side = false;

    CHECK(e);
    for (int64_t i = 0; i < n; i++) {
        won += !strcmp(e[i].status, "won") ? e[i].weight : 0;
        lost += !strcmp(e[i].status, "lost") ? e[i].weight : 0;
        sign = sign || (e[i].why && !strcmp(e[i].why, "negation differs") &&
                        !strcmp(e[i].unit, "pleural_effusion"));
        side = side || (e[i].why && !strcmp(e[i].why, "side differs") &&
                        !strcmp(e[i].unit, "pneumothorax"));
    }
    CHECK(sign && side);
    CHECK_NEAR(won / (won + lost), score(m, FAB_MED_L, hyp, ref).score.r, 1e-12);
    fab_rouge_med_free(m);
}

TEST_MAIN
