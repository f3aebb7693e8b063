/* Tests of distillation: who may teach, what several teachers say together, and that a student who
 * says the same has nothing to learn. */
#include <math.h>

#include "media/png_write.h"
#include "place.h"
#include "tiny.h"
#include "train/distil.h"

enum { SIDE = 64, PICTURES = 2 };

static const fab_train_opts here = { .recipe = "r.yaml" };
static fab_err err = FAB_ERR_INIT;

static char *teacher(const char *name, uint64_t seed)
{
    char *path = in_folder(name);
    CHECK_MSG(fab_exists(path) || tiny_save(path, seed, NULL, &err), "%s", err.text);
    return path;
}

/* A session whose student is the model of a file, and a stage with that many teachers. */
static void open_session(fab_session *s, fab_stage *g, const char *student, char *const *teachers,
                         int n)
{
    static fab_mini_file *own;
    fab_mini_close(own);
    own = fab_mini_open(student, NULL, &err);
    CHECK_MSG(own != NULL, "%s", err.text);
    *s = (fab_session){ .arena = arena, .model = own->model, .bpe = own->bpe };
    *g = (fab_stage){ .name = "t",
                      .pictures = true,
                      .batch = PICTURES,
                      .loss = { .qa = 1, .dense = 1, .presence = 1 },
                      .teacher = { .n = n, .weight = 1, .temperature = 2 } };
    for (int i = 0; i < n; i++) g->teacher.models[i] = teachers[i];
    s->recipe.store_side = 64;
    s->recipe.augment = (fab_augment_opts)FAB_AUGMENT_DEFAULTS;
    s->recipe.n_stages = 1;
    s->recipe.stages[0] = *g;
}

/* Two pictures of noise, as store.bin would have them. */
static void open_pictures(fab_session *s)
{
    const char *paths[PICTURES];
    fab_rng rng;
    fab_rng_init(&rng, 3);
    for (int k = 0; k < PICTURES; k++) {
        uint8_t *rgb = fab_arena_take(arena, SIDE * SIDE * 3, &err);
        for (int i = 0; i < SIDE * SIDE * 3; i++) rgb[i] = (uint8_t)fab_rng_below(&rng, 256);
        paths[k] = in_folder(k ? "1.png" : "0.png");
        CHECK_MSG(fab_png_write(paths[k], rgb, SIDE, SIDE, 3, &err), "%s", err.text);
    }
    s->store = fab_store_open(paths, PICTURES, SIDE, NULL, in_folder("store.bin"), &err);
    CHECK_MSG(s->store != NULL, "%s", err.text);
}

static fab_rows ask(const fab_session *s)
{
    fab_rows r = { .n = 2, .cap = 2 };
    r.ids = fab_arena_zero(arena, 2 * FAB_MAX_LENGTH * sizeof *r.ids, &err);
    r.size = fab_arena_zero(arena, 2 * sizeof *r.size, &err);
    r.at = fab_arena_zero(arena, 2 * sizeof *r.at, &err);
    r.picture = fab_arena_zero(arena, 2 * sizeof *r.picture, &err);
    for (int i = 0; i < 2; i++) {
        r.size[i] = fab_sequence(s->bpe, i ? "Is it normal?" : "Which organ?", i ? "no" : "lung",
                                 FAB_EN, r.ids + i * FAB_MAX_LENGTH, 40, &r.at[i], &err);
        r.picture[i] = i;
        if (r.size[i] > r.len) r.len = r.size[i];
    }
    return r;
}

/* What the teachers say to one batch, in the arena. */
static void lesson(fab_session *s, const fab_stage *g, fab_ctx *c, fab_lesson *out)
{
    fab_drawn d[PICTURES] = { { .image = 0 }, { .image = 1 } };
    for (int i = 0; i < PICTURES; i++) fab_rng_init(&d[i].rng, (uint64_t)i + 11);
    fab_rows r = ask(s);
    CHECK_MSG(fab_distil_open(s, &here, &err), "%s", err.text);
    fab_ctx_init(c, arena, NULL);
    CHECK_MSG(fab_distil_ask(s, c, g, d, &r, out), "%s", c->err.text);
}

static double row_sum(const fab_tensor *q, int64_t row)
{
    double sum = 0;
    int64_t V = q->shape[1];
    for (int64_t v = 0; v < V; v++) sum += (double)fab_f32(q)[row * V + v];
    return sum;
}

TEST(two_teachers_say_the_mean_of_both)
{
    fab_session s;
    fab_stage g;
    fab_ctx c;
    char *both[] = { teacher("a.gguf", 1), teacher("b.gguf", 2) };
    fab_lesson one, other, all;
    open_session(&s, &g, both[0], both, 1);
    open_pictures(&s);
    fab_store *store = s.store;
    lesson(&s, &g, &c, &one);
    fab_distil_close(&s);
    open_session(&s, &g, both[0], both + 1, 1);
    s.store = store;
    lesson(&s, &g, &c, &other);
    fab_distil_close(&s);
    open_session(&s, &g, both[0], both, 2);
    s.store = store;
    lesson(&s, &g, &c, &all);
    fab_distil_close(&s);
    const fab_tensor *q[][3] = { { one.words, other.words, all.words },
                                 { one.dense, other.dense, all.dense },
                                 { one.presence, other.presence, all.presence } };
    double apart = 0;
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < fab_count(q[k][0]); i++) {
            float a = fab_f32(q[k][0])[i], b = fab_f32(q[k][1])[i];
            CHECK_NEAR(fab_f32(q[k][2])[i], 0.5f * (a + b), 1e-6);
            CHECK(a >= 0 && a <= 1);
            apart = fmax(apart, fabs((double)a - (double)b));
        }
    CHECK(apart > 1e-3); /* two models, two opinions */
    for (int64_t r = 0; r < all.words->shape[0]; r++) CHECK_NEAR(row_sum(all.words, r), 1, 1e-5);
    fab_store_close(store);
}

/* KL(q || q) = 0; half of it and half of the records is half of the records; T^2 KL of another is
 * what the sum over choices says. */
TEST(the_divergence)
{
    fab_ctx c;
    fab_ctx_init(&c, arena, NULL);
    const float z[2][3] = { { 2, 0, -2 }, { 1, 1, 0 } }, u[2][3] = { { 0, 0, 0 }, { 3, -1, 1 } };
    float q[2][3];
    double want = 0, kl = -1;
    const double T = 2;
    for (int r = 0; r < 2; r++) {
        double sz = 0, su = 0;
        for (int v = 0; v < 3; v++) sz += exp((double)z[r][v] / T), su += exp((double)u[r][v] / T);
        for (int v = 0; v < 3; v++) {
            double t = exp((double)z[r][v] / T) / sz, p = exp((double)u[r][v] / T) / su;
            q[r][v] = (float)t;
            want += t * log(t / p) / 2 * T * T;
        }
    }
    fab_lesson l = { .weight = 0.25f, .temperature = 2 };
    l.words = fab_tensor_from(&c, FAB_F32, FAB_SHAPE(2, 3), q);
    fab_tensor *records = fab_tensor_new(&c, FAB_F32, FAB_SHAPE(1));
    *fab_f32(records) = 8;
    fab_tensor *same =
        fab_distil_words(&c, &l, fab_tensor_from(&c, FAB_F32, FAB_SHAPE(2, 3), z), records, &kl);
    CHECK_MSG(same != NULL, "%s", c.err.text);
    CHECK_NEAR(kl, 0, 1e-5);
    CHECK_NEAR(*fab_f32(same), 6, 1e-5);
    fab_tensor *other =
        fab_distil_words(&c, &l, fab_tensor_from(&c, FAB_F32, FAB_SHAPE(2, 3), u), records, &kl);
    CHECK(want > 0.1);
    CHECK_NEAR(kl, want, 1e-5);
    CHECK_NEAR(*fab_f32(other), 6 + 0.25 * want, 1e-5);
}

TEST(who_may_not_teach)
{
    fab_session s;
    fab_stage g;
    char *one[] = { teacher("a.gguf", 1) };
    open_session(&s, &g, one[0], one, 1);
    s.recipe.store_side = 32;
    CHECK(!fab_distil_open(&s, &here, &err));
    CHECK_MSG(strstr(err.text, "a.gguf") && strstr(err.text, "image_size 64 is above") &&
                  strstr(err.text, "store_side 32"),
              "%s", err.text);
    fab_distil_close(&s);
    err = (fab_err)FAB_ERR_INIT;
    open_session(&s, &g, one[0], one, 1);
    s.bpe = tiny_bpe(NULL, 590, &err);
    CHECK(!fab_distil_open(&s, &here, &err));
    CHECK_MSG(strstr(err.text, "its tokenizer has 600 tokens, the run's 590"), "%s", err.text);
    fab_bpe_free(s.bpe);
    fab_distil_close(&s);
    err = (fab_err)FAB_ERR_INIT;
    char *none[] = { "none.gguf" };
    open_session(&s, &g, one[0], none, 1);
    CHECK(!fab_distil_open(&s, &here, &err));
    CHECK_MSG(strstr(err.text, "recipe: stage t: teacher is none.gguf, and there is no such file"),
              "%s", err.text);
    err = (fab_err)FAB_ERR_INIT;
}

TEST_MAIN
