/* Tests of counting cells: which questions ask for a count, what a model file's counter may hold,
 * what is answered, and that a counter fitted to pictures counts. */
#include <math.h>

#include "media/png_write.h"
#include "place.h"
#include "tiny.h"
#include "train/session.h"

TEST(questions_that_ask_for_a_count)
{
    static const struct {
        const char *question;
        int kind;
    } cases[] = {
        { "How many white blood cells are in this image?", 0 },
        { "HOW MANY RBCs are shown?", 1 },
        { "What is the number of platelets in the picture?", 2 },
        { "图中有多少个白细胞?", 0 },
        { "图像中红细胞的数量是多少?", 1 },
        { "图中有几个血小板?", 2 },
        { "How many cells are in this image?", -1 },
        { "How many red blood cells and platelets are there?", -1 },
        { "How many kinds of white blood cells are there?", -1 },
        { "图中有几种白细胞?", -1 },
        { "Are there red blood cells?", -1 },
        { "How many kidneys in this image?", -1 },
        { "", -1 },
        { NULL, -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_MSG(fab_engine_counted_kind(cases[i].question) == cases[i].kind, "%s",
                  cases[i].question ? cases[i].question : "NULL");
}

/* ---- a model with a trunk ---------------------------------------------------------------------- */

enum { DIM = 2 * (8 + 8) };

static fab_counter always(const float *weight)
{
    return (fab_counter){ .dim = DIM,
                          .weight = weight,
                          .offset = { 1.4f, 13.6f, -2 },
                          .mae = { 0, 2, 1 },
                          .exact = { 0.9f, 0.25f, 0.5f } };
}

/* microscopy: the class head's bias for it. */
static bool save(const char *path, float microscopy, const fab_counter *counter, fab_err *err)
{
    const fab_mini_save_opts o = { .name = "small", .dtype = FAB_F32, .counter = *counter };
    fab_mini_config cfg = tiny_config();
    cfg.tower = FAB_TOWER_LITE0;
    cfg.trunk = (fab_lite0_config){ { 8, 8, 8, 8, 8, 8, 8, 8 }, { 1, 1, 1, 1, 1, 1, 1 } };
    cfg.width = 16;
    cfg.still_trunk = true;
    fab_mini *m = tiny_mini(arena, &cfg, 3, false, err);
    fab_bpe *bpe = m ? tiny_bpe(NULL, 600, err) : NULL;
    if (m) fab_f32(m->classes.b)[fab_label_find("microscopy")] = microscopy;
    bool ok = bpe && fab_mini_save(path, m, bpe, &o, err);
    fab_bpe_free(bpe);
    return ok;
}

static const char *const asked[] = { "How many red blood cells are in this image?", "Is this a CT?",
                                     "图中有多少个血小板?" };

TEST(a_smear_is_counted_and_nothing_else_is)
{
    fab_err err = FAB_ERR_INIT;
    char *path = in_folder("small.gguf"), *again = in_folder("again.gguf");
    static float weight[3 * DIM];
    const fab_counter counter = always(weight);
    for (int smear = 0; smear < 2; smear++) {
        CHECK_MSG(save(path, smear ? 50 : -50, &counter, &err), "%s", err.text);
        fab_engine *e = fab_engine_open(path, NULL, &err);
        CHECK_MSG(e, "%s", err.text);
        const fab_look *look = fab_engine_look_grey(e, &err);
        CHECK_MSG(look, "%s", err.text);
        CHECK((look->counts != NULL) == (smear == 1));
        fab_answer a[3], alone;
        CHECK(fab_engine_ask_many(e, look, asked, 3, NULL, arena, a, &err));
        CHECK(fab_engine_ask(e, look, asked[1], NULL, arena, &alone, &err));
        CHECK_STR(a[1].text, alone.text); /* the decoder's, in its place */
        CHECK((strcmp(a[0].text, "14") == 0) == (smear == 1));
        if (smear) {
            CHECK_STR(a[2].text, "0");
            CHECK_NEAR(a[0].sureness, 0.25, 1e-6);
        }
        fab_look_unref(look);
        const fab_mini_save_opts same = { .counter = fab_engine_model(e)->counter };
        CHECK(fab_mini_resave(again, fab_engine_model(e), &same, &err));
        fab_engine_close(e);
        CHECK((e = fab_engine_open(again, NULL, &err)) != NULL);
        CHECK_NEAR(fab_engine_model(e)->counter.offset[1], 13.6, 1e-6);
        fab_engine_close(e);
    }
}

TEST(a_bad_counter_is_named)
{
    fab_err err = FAB_ERR_INIT;
    char *path = in_folder("bad.gguf");
    static float weight[3 * (DIM + 1)];
    fab_counter long_one = always(weight), lost = always(weight);
    long_one.dim = DIM + 1;
    lost.offset[1] = NAN;
    CHECK(save(path, 0, &long_one, &err) && !fab_engine_open(path, NULL, &err));
    CHECK_SAYS(err.text, "fabrica.counter.weight: 99 numbers, 96 are needed");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(save(path, 0, &lost, &err) && !fab_engine_open(path, NULL, &err));
    CHECK_SAYS(err.text, "fabrica.counter.offset: number 1 is not finite");
}

/* ---- a fit ------------------------------------------------------------------------------------- */

enum { PICTURES = 40, WIDE = 96, HIGH = 72 };

/* Dark squares that do not touch, on grey: so many of them. */
static void draw(const char *path, int squares, unsigned seed)
{
    fab_err err = FAB_ERR_INIT;
    static uint8_t rgb[3 * WIDE * HIGH];
    memset(rgb, 200, sizeof rgb);
    for (int drawn = 0; drawn < squares;) {
        seed = seed * 1664525u + 1013904223u;
        int x = (int)(seed >> 8) % (WIDE / 12) * 12 + 2,
            y = (int)(seed >> 20) % (HIGH / 12) * 12 + 2;
        if (rgb[3 * (y * WIDE + x)] < 200) continue;
        for (int r = 0; r < 7; r++) memset(rgb + 3 * ((y + r) * WIDE + x), 90, 3 * 7);
        drawn++;
    }
    CHECK_MSG(fab_png_write(path, rgb, WIDE, HIGH, 3, &err), "%s", err.text);
}

TEST(a_fitted_counter_counts)
{
    fab_err err = FAB_ERR_INIT;
    fab_session s;
    fab_counter none = { 0 }, c;
    char name[32], *path = in_folder("small.gguf");
    memset(&s, 0, sizeof s);
    s.arena = arena;
    CHECK(fab_paths_init(&s.bundle.images, &err) && fab_cases_init(&s.bundle.cases, &err));
    for (int i = 0; i < PICTURES; i++) {
        snprintf(name, sizeof name, "%d.png", i);
        draw(in_folder(name), 1 + i % 20, (unsigned)i + 1);
        fab_case *x = fab_case_new(&s.bundle.cases, FAB_SET_BCCD, name, in_folder(name),
                                   &s.bundle.images, &err);
        CHECK_MSG(x, "%s", err.text);
        x->counts[0] = 1, x->counts[1] = 1 + i % 20, x->counts[2] = i * 7 % 3;
    }
    CHECK_MSG(save(path, 50, &none, &err), "%s", err.text);
    fab_engine *e = fab_engine_open(path, NULL, &err);
    CHECK_MSG(e && fab_session_counter(&s, e, &c, &err), "%s", err.text);
    CHECK(c.dim == DIM);
    CHECK_NEAR(c.mae[0], 0, 1e-9);                                         /* always one */
    CHECK_MSG(c.mae[1] < 1, "%g", (double)c.mae[1]);                       /* 5 for the median */
    CHECK_MSG(c.mae[2] > 0.5f && c.mae[2] < 1.1f, "%g", (double)c.mae[2]); /* nothing to see */
    s.bundle.cases.items[3].val = true; /* a held-out picture is not fitted */
    s.bundle.cases.n = 24;
    CHECK(fab_session_counter(&s, e, &none, &err) && none.dim == 0); /* 23 are too few */
    fab_engine_close(e);
    fab_cases_clear(&s.bundle.cases);
    fab_paths_clear(&s.bundle.images);
}

TEST_MAIN
