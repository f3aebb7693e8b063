/* Tests of the grader and of the order in which a curriculum asks. */
#include "test.h"

#include "train/grade.h"

/* Three records about one picture: "Yes" twice, a list once. The baseline knows the first. */
static fab_qa items[] = {
    { .question = "Is it a CT?", .answer = "Yes", .closed = true, .content_type = "Modality" },
    { .question = "Is it large?", .answer = "yes ", .closed = true, .content_type = "Size" },
    { .question = "What is it?", .answer = "Lung, Heart,Liver", .content_type = "KG" },
};
static const fab_qa *real[] = { &items[0], &items[1], &items[2] };
static const char *prior[] = { "Yes", "No", "Heart" };

static void session_of(fab_session *s, fab_picture_qa *of)
{
    memset(s, 0, sizeof *s);
    *of = (fab_picture_qa){ .real = real, .prior = prior, .n_real = 3 };
    s->of_picture = of;
    s->bundle.images.n = 1;
}

TEST(the_sum_has_five_parts)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_session s;
    fab_picture_qa of;
    fab_grader g;
    session_of(&s, &of);
    CHECK(a && fab_grader_init(&g, &s, a, &err));
    CHECK(g.n == 3 && g.most[FAB_EN] == 2 && g.most[FAB_ZH] == 0);
    CHECK(fab_grade_guessed(&of, 0) == 1 && fab_grade_guessed(&of, 1) == 0);
    CHECK_NEAR(fab_grade_sum(&g, &items[0], 1), 0, 1e-12);
    CHECK_NEAR(fab_grade_sum(&g, &items[1], 0), 1.5, 1e-12);            /* size, not guessed */
    CHECK_NEAR(fab_grade_sum(&g, &items[2], 0), 4 + 2.0 / 3, 1e-12);    /* three of a list */
    CHECK_NEAR(fab_grade_sum(&g, &items[2], -1), 3.5 + 2.0 / 3, 1e-12); /* made: nobody asked */
    const fab_qa unheard = { .question = "?", .answer = "Bone", .content_type = "Organ" };
    CHECK_NEAR(fab_grade_sum(&g, &unheard, 1), 2, 1e-12); /* open, as rare as once */
    const fab_qa han = { .answer = "是", .lang = FAB_ZH, .closed = true, .content_type = "Plane" };
    CHECK_NEAR(fab_grade_sum(&g, &han, 1), 0, 1e-12); /* no answer of that language is known */
    fab_arena_free(a);
}

TEST(levels_are_fifths)
{
    const fab_grader g = { .bound = { 0.5, 1, 2, 3 }, .answers = (uint64_t[1]){ 0 } };
    static const struct {
        const char *type;
        bool closed;
        int guessed, level;
    } cases[] = {
        { "Plane", true, 1, 1 }, { "Plane", true, -1, 1 }, { "PLANE", true, 0, 2 },
        { "Color", true, 0, 3 }, { "KG", true, 0, 3 },     { "COUNT", false, 0, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fab_qa q = { .answer = "a",
                           .closed = cases[i].closed,
                           .content_type = cases[i].type };
        CHECK_MSG(fab_grade(&g, &q, cases[i].guessed) == cases[i].level, "case %zu: level %d", i,
                  fab_grade(&g, &q, cases[i].guessed));
    }
}

TEST(a_curriculum_opens_level_by_level)
{
    const fab_curriculum root = { .start = 0.2, .full = 0.5 },
                         linear = { .start = 0.2, .full = 0.5, .linear = true },
                         hard = { .start = 0.3, .full = 1, .linear = true, .hard_first = true };
    CHECK_NEAR(fab_curriculum_share(&root, 0), 0.2, 1e-12);
    CHECK_NEAR(fab_curriculum_share(&root, 0.25), 0.7211102550927979, 1e-12); /* sqrt 0.52 */
    CHECK_NEAR(fab_curriculum_share(&linear, 0.25), 0.6, 1e-12);
    CHECK_NEAR(fab_curriculum_share(&linear, 0.5), 1, 0);
    CHECK_NEAR(fab_curriculum_share(&root, 0.9), 1, 0);
    double w[FAB_LEVELS + 1];
    fab_curriculum_weights(&linear, 0.25, w);
    for (int i = 1; i <= FAB_LEVELS; i++) CHECK_NEAR(w[i], i <= 3, 1e-12);
    fab_curriculum_weights(&hard, 0, w); /* one level and a half, from the top */
    CHECK_NEAR(w[5], 1, 1e-12);
    CHECK_NEAR(w[4], 0.5, 1e-12);
    CHECK(w[3] == 0 && w[1] == 0);
}

TEST_MAIN
