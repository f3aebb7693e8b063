/* Tests of the adversary: the step is as long as it is said to be, only the chosen pictures move,
 * the answers become less likely, and the model is left as it was. */
#include "test.h"

#include <math.h>

#include "tiny.h"
#include "train/batch.h"

enum { B = 3, SIDE = 64 };

typedef struct {
    fab_session s;
    fab_ctx c;
    fab_stage g;
    fab_rows r;
    fab_tensor *pixels;
} bench;

static void bench_open(bench *b)
{
    fab_err err = FAB_ERR_INIT;
    fab_mini_config cfg = tiny_config();
    cfg.labels = cfg.classes = 0;
    memset(b, 0, sizeof *b);
    b->s.arena = fab_arena_new(0, &err);
    b->s.step_arena = fab_arena_new(0, &err);
    b->s.bpe = tiny_bpe(NULL, cfg.text.vocab, &err);
    CHECK_MSG(b->s.arena && b->s.step_arena && b->s.bpe, "%s", err.text);
    b->s.model = tiny_mini(b->s.arena, &cfg, 3, true, &err);
    CHECK_MSG(b->s.model, "%s", err.text);
    fab_rng_init(&b->s.rng, 4);
    fab_session_ctx(&b->s, &b->c, true);
    b->g = (fab_stage){ .batch = B, .adversary = { .share = 1, .epsilon = 0.2 } };
    b->pixels = fab_tensor_new(&b->c, FAB_F32, FAB_SHAPE(B, SIDE, SIDE, 3));
    CHECK(b->pixels && fab_rows_init(&b->r, &b->c, 8));
    for (int64_t i = 0; i < fab_count(b->pixels); i++)
        fab_f32(b->pixels)[i] = 0.5f * fab_rng_normal(&b->s.rng);
    for (int i = 0; i < 2 * B; i++)
        fab_rows_add(&b->r, &b->c, b->s.bpe, "Is there a liver?", i % 2 ? "No" : "a left lung",
                     FAB_EN, i / 2, 40);
    CHECK(!b->c.err.code && b->r.n == 2 * B);
}

static void bench_close(bench *b)
{
    fab_bpe_free(b->s.bpe);
    fab_arena_free(b->s.step_arena);
    fab_arena_free(b->s.arena);
}

static float loss_of(bench *b, fab_tensor *pixels, fab_tensor *tokens)
{
    b->c.training = b->c.record = false;
    if (!tokens) tokens = fab_mini_look(&b->c, b->s.model, pixels, 0).tokens;
    fab_tensor *y = tokens ? fab_rows_loss(&b->c, b->s.model, &b->r, tokens, 0, 0) : NULL;
    CHECK_MSG(y, "%s", b->c.err.text);
    return *fab_f32(y);
}

static void model_is_untouched(bench *b)
{
    const fab_param_list *l = &b->s.model->list;
    for (int64_t i = 0; i < l->n; i++) {
        CHECK_MSG(l->items[i]->needs_grad, "%s is frozen", l->items[i]->name);
        for (int64_t j = 0; j < fab_count(l->items[i]); j++)
            CHECK_MSG(l->items[i]->grad[j] == 0, "%s has a gradient", l->items[i]->name);
    }
}

TEST(tokens_move_by_epsilon_to_where_answers_are_hard)
{
    bench b;
    bench_open(&b);
    fab_tensor *t = fab_mini_look(&b.c, b.s.model, b.pixels, 0).tokens;
    CHECK(t);
    fab_tensor *moved = fab_adversary_tokens(&b.s, &b.c, &b.g, &b.r, t);
    CHECK_MSG(moved && moved != t, "%s", b.c.err.text);
    int64_t n = fab_count(t) / B;
    for (int64_t i = 0; i < B; i++) {
        double length = 0, step = 0;
        for (int64_t j = i * n; j < (i + 1) * n; j++) {
            length += pow((double)fab_f32(t)[j], 2);
            step += pow((double)(fab_f32(moved)[j] - fab_f32(t)[j]), 2);
        }
        CHECK_NEAR(sqrt(step / length), 0.2, 1e-4);
    }
    model_is_untouched(&b);
    CHECK(loss_of(&b, NULL, moved) > loss_of(&b, NULL, t));
    bench_close(&b);
}

TEST(only_a_share_of_the_pictures_moves)
{
    bench b;
    bench_open(&b);
    b.g.adversary = (fab_adversary){ .share = 0.5, .epsilon = 3, .pixels = true };
    int64_t n = fab_count(b.pixels) / B;
    float *was = fab_arena_take(b.c.arena, (size_t)(B * n) * sizeof *was, &b.c.err);
    CHECK(was);
    int moved = 0, whole = 0, tried = 0, rose = 0;
    for (int round = 0; round < 10; round++) {
        memcpy(was, fab_f32(b.pixels), (size_t)(B * n) * sizeof *was);
        float before = loss_of(&b, b.pixels, NULL);
        CHECK(fab_adversary_pixels(&b.s, &b.c, &b.g, &b.r, b.pixels));
        int now = 0;
        for (int64_t i = 0; i < B; i++) {
            int64_t changed = 0;
            for (int64_t j = i * n; j < (i + 1) * n; j++) {
                float x = fab_f32(b.pixels)[j], by = fabsf(x - was[j]);
                CHECK(x >= -1 && x <= 1 && (by <= 6.0f / 255 + 1e-6f || fabsf(was[j]) > 1));
                changed += by > 0;
            }
            CHECK(round == 0 || changed == 0 || changed > n / 4);
            now += changed > n / 4;
        }
        whole += now == B;
        moved += now;
        bool up = loss_of(&b, b.pixels, NULL) > before;
        if (round && now) tried++, rose += up; /* a step is no more than first order */
    }
    CHECK_MSG(tried > 4 && rose >= tried - 1, "the loss rose in %d of %d", rose, tried);
    CHECK_MSG(moved > 5 && moved < 25 && whole < 10, "%d of 30 moved", moved);
    model_is_untouched(&b);
    bench_close(&b);
}

TEST(a_stage_without_one_changes_nothing)
{
    bench b;
    bench_open(&b);
    b.g.adversary.share = 0;
    fab_tensor *t = fab_mini_look(&b.c, b.s.model, b.pixels, 0).tokens;
    CHECK(fab_adversary_tokens(&b.s, &b.c, &b.g, &b.r, t) == t);
    b.g.adversary = (fab_adversary){ .share = 1, .epsilon = 1, .pixels = true };
    CHECK(fab_adversary_tokens(&b.s, &b.c, &b.g, &b.r, t) == t);
    bench_close(&b);
}

TEST_MAIN
