/* Tests of what makes new training data from old: mixed pictures and reworded questions. Intensity
 * and geometry are in test_data.c. */
#include "test.h"

#include "data/mix.h"
#include "data/reword.h"

TEST(a_mix_is_a_part_of_another_picture)
{
    fab_rng rng;
    fab_rng_init(&rng, 5);
    int hits[4] = { 0 }, area = 0;
    for (int i = 0; i < 4000; i++) {
        fab_mix m;
        fab_mix_draw(&rng, 4, 2, 8, &m);
        CHECK(m.mixed && m.other != 2 && m.other >= 0 && m.other < 4);
        CHECK(m.x0 >= 0 && m.y0 >= 0 && m.x0 < m.x1 && m.x1 <= 8 && m.y1 <= 8);
        CHECK(m.x1 - m.x0 == m.y1 - m.y0 && m.x1 - m.x0 < 8);
        hits[m.other]++;
        area += (m.x1 - m.x0) * (m.y1 - m.y0);
    }
    for (int i = 0; i < 4; i++) CHECK(i == 2 || (hits[i] > 1200 && hits[i] < 1470));
    CHECK_NEAR((double)area / (4000.0 * 64), 0.5, 0.03);
    fab_mix none;
    fab_mix_draw(&rng, 1, 0, 8, &none);
    CHECK(!none.mixed);
}

TEST(pasted_pixels_and_cells_agree)
{
    enum { G = 3, S = 6 };
    const fab_mix m = { .mixed = true, .other = 1, .x0 = 1, .y0 = 0, .x1 = 3, .y1 = 2 };
    float from[S * S * 2], to[S * S * 2], cells[G * G] = { 0 };
    const float ones[G * G] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    for (int i = 0; i < S * S * 2; i++) from[i] = 1, to[i] = 0;
    fab_mix_paste(&m, G, from, to, S, 2);
    fab_mix_paste(&m, G, ones, cells, G, 1);
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++) {
            bool inside = x >= 2 && y < 4;
            CHECK(to[(y * S + x) * 2] == inside && to[(y * S + x) * 2 + 1] == inside);
            CHECK(cells[y / 2 * G + x / 2] == inside);
        }
}

TEST(what_a_mixture_is_known_to_hold)
{
    /* Four cells, labels with a place: seen, not seen anywhere, outline only, unknown; without one:
     * agreed, disputed, absent from both, unknown in one. */
    const float dense[4 * 4] = { 0.5f, 0, 0.05f, -1, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, -1 };
    float here[8] = { 1, 1, 1, 1, 1, 1, 0, 0 };
    const float other[8] = { 0, 1, 1, 1, 1, 0, 0, -1 }, want[8] = { 1, 0, -1, -1, 1, -1, 0, -1 };
    fab_mix_presence(dense, 2, 4, 8, other, here);
    for (int i = 0; i < 8; i++) CHECK_MSG(here[i] == want[i], "label %d: %g", i, (double)here[i]);
}

TEST(a_mirror_exchanges_the_sides)
{
    static const char *const rows[][4] = {
        { "What is the rightmost organ in this image?", "Left Lung, Lower Right",
          "What is the leftmost organ in this image?", "Right Lung, Lower Left" },
        { "Is the copyright bright? A cleft, LEFT-sided.", "",
          "Is the copyright bright? A cleft, RIGHT-sided.", "" },
        { "图中左肺显示什么颜色?", "左右对称,右侧", "图中右肺显示什么颜色?", "左右对称,左侧" },
        { "left left left", "right", "right right right", "left" },
    };
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fab_qa q = { .question = rows[i][0], .answer = rows[i][1] };
        CHECK(fab_mirror_words(&q, a, &err));
        CHECK_STR(q.question, rows[i][2]);
        CHECK_STR(q.answer, rows[i][3]);
        CHECK(fab_mirror_words(&q, a, &err) && !strcmp(q.question, rows[i][0]));
    }
    fab_arena_free(a);
}

TEST(templates_keep_the_fact)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_rng rng;
    CHECK(a);
    fab_rng_init(&rng, 3);
    static const fab_qa qs[] = {
        { .question = "Does the picture contain liver?", .answer = "Yes", .lang = FAB_EN },
        { .question = "图片中包含肝脏吗?", .answer = "不包含", .lang = FAB_ZH },
        { .question = "Does the lung look healthy?", .answer = "No", .lang = FAB_EN },
        { .question = "What modality is used to take this image?", .answer = "CT" },
    };
    for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
        fab_fact before, after;
        int changed = 0;
        CHECK(fab_fact_parse(&qs[i], a, &before));
        for (int k = 0; k < 50; k++) {
            fab_qa q = qs[i];
            CHECK(fab_reword(&q, NULL, &rng, a, &err));
            CHECK_MSG(fab_fact_parse(&q, a, &after), "%s", q.question);
            CHECK(after.kind == before.kind && after.yes == before.yes);
            CHECK_MSG(before.yes >= 0 || !strcmp(q.answer, qs[i].answer), "%s", q.answer);
            changed += strcmp(q.question, qs[i].question) != 0;
        }
        CHECK_MSG(changed == 50, "%s: %d of 50", qs[i].question, changed);
    }
    fab_qa odd = { .question = "Why so?", .answer = "Because", .lang = FAB_EN };
    CHECK(fab_reword(&odd, NULL, &rng, a, &err));
    CHECK_STR(odd.question, "Why so?");
    fab_arena_free(a);
}

/* Every rewording that the lexicon gives to a question, in the order they come up. */
TEST(synonyms_keep_sides_negations_and_answers)
{
    static const struct {
        const char *question, *answer;
        fab_lang lang;
        const char *may; /* what it may become besides itself; NULL: it stays */
    } cases[] = {
        { "Any kidney stone here, left or right?", "Left", FAB_EN,
          "renal calculus|nephrolithiasis" },
        { "Which is no kidney stone?", "The kidney stone", FAB_EN, NULL },
        { "Why is the kidney so bright?", "Blood", FAB_EN, NULL }, /* renal is no noun */
        { "右侧肾结石没有了吗?", "是的", FAB_ZH, NULL },
        { "有肾结石吗?", "没有", FAB_ZH, "肾脏结石" },
        { "Why is there a pleural effusion?", "?", FAB_EN, "a pleural fluid" }, /* no a effusion */
        { "Why is the lung normal?", "?", FAB_EN, NULL }, /* both lungs; no finding */
        { "Why no left side?", "?", FAB_EN, NULL },
    };
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_lexicon *l = fab_lexicon_open(NULL, &err);
    fab_rng rng;
    CHECK(a && l);
    fab_rng_init(&rng, 9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool changed = false;
        for (int k = 0; k < 60; k++) {
            fab_qa q = { .question = cases[i].question,
                         .answer = cases[i].answer,
                         .lang = cases[i].lang };
            CHECK(fab_reword(&q, l, &rng, a, &err));
            CHECK_STR(q.answer, cases[i].answer);
            if (!strcmp(q.question, cases[i].question)) continue;
            changed = true;
            CHECK_MSG(cases[i].may, "%s became %s", cases[i].question, q.question);
            const char *bar = strchr(cases[i].may, '|'), *second = bar ? bar + 1 : cases[i].may;
            int first = (int)(bar ? bar - cases[i].may : (long)strlen(cases[i].may));
            const char *word = fab_arena_printf(a, &err, "%.*s", first, cases[i].may);
            bool found = word && (strstr(q.question, word) || strstr(q.question, second));
            CHECK_MSG(found, "%s became %s", cases[i].question, q.question);
        }
        CHECK_MSG(changed == (cases[i].may != NULL), "%s", cases[i].question);
    }
    fab_lexicon_free(l);
    fab_arena_free(a);
}

TEST_MAIN
