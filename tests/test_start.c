/* Tests of what a run starts from: weights of a finished model, and answers of a teacher who never
 * saw the picture. */
#include <math.h>

#include "place.h"
#include "tiny.h"
#include "train/session.h"

#define TRUNK "tests/golden/lite0.safetensors"

/* ---- a finished model ------------------------------------------------------------------------ */

static fab_mini_config small(bool pool)
{
    return (fab_mini_config){
        .image_size = 32,
        .tower = FAB_TOWER_LITE0,
        .trunk = { { 4, 4, 4, 8, 8, 8, 8, 12 }, { 1, 2, 1, 1, 1, 1, 1 } }, /* as TRUNK has it */
        .width = 16,
        .still_trunk = pool,
        .vit_layers = 1,
        .vit_heads = 2,
        .classes = 3,
        .embed = 8,
        .text = { .dim = 16, .ffn = 32, .vocab = 600, .layers = 1, .heads = 2, .tied = true },
    };
}

/* The file of a model of seed 5. */
static const char *old_model(void)
{
    const char *path = in_folder("old.gguf");
    fab_err err = FAB_ERR_INIT;
    if (fab_exists(path)) return path;
    const fab_mini_config cfg = small(false);
    fab_mini *m = tiny_mini(arena, &cfg, 5, false, &err);
    fab_bpe *bpe = m ? tiny_bpe(NULL, 600, &err) : NULL;
    const fab_mini_save_opts o = { .name = "old", .version = "1", .dtype = FAB_F32 };
    CHECK_MSG(bpe && fab_mini_save(path, m, bpe, &o, &err), "%s", err.text);
    fab_bpe_free(bpe);
    return path;
}

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

TEST(a_model_starts_what_fits_and_leaves_the_rest)
{
    fab_err err = FAB_ERR_INIT;
    const fab_init_files from = { .model = old_model() };
    fab_session s = { .arena = arena, .step_arena = fab_arena_new(0, &err) };
    const fab_mini_config old_cfg = small(false), new_cfg = small(true);
    fab_mini *old = tiny_mini(arena, &old_cfg, 5, false, &err),
             *fresh = tiny_mini(arena, &new_cfg, 6, true, &err);
    s.model = tiny_mini(arena, &new_cfg, 6, true, &err);
    CHECK_MSG(old && fresh && s.model && fab_session_init_weights(&s, &from, &err), "%s", err.text);
    int taken = 0, kept = 0, still = 0;
    for (int64_t i = 0; i < s.model->list.n; i++) {
        const fab_tensor *t = s.model->list.items[i];
        const fab_tensor *was = fab_param_named(&old->list, t->name);
        bool fits = was && fab_count(was) == fab_count(t);
        const fab_tensor *want = fits ? was : fresh->list.items[i];
        CHECK_MSG(!memcmp(t->data, want->data, (size_t)fab_count(t) * sizeof(float)), "%s",
                  t->name);
        taken += fits, kept += !fits;
        still += begins(t->name, FAB_MINI_STILL);
    }
    CHECK(still > 20 && kept == still + 3 && taken > 40); /* pool_norm's two, class_head.weight */
    fab_bpe *bpe = fab_session_init_tokenizer(&from, &err);
    CHECK_MSG(bpe && fab_bpe_vocab_size(bpe) == 600, "%s", err.text);
    fab_bpe_free(bpe);
    fab_arena_free(s.step_arena);
}

TEST(what_is_left_starts_afresh)
{
    fab_err err = FAB_ERR_INIT;
    const fab_init_files from = { .model = old_model(), .leave = "tower. projector." };
    fab_session s = { .arena = arena, .step_arena = fab_arena_new(0, &err) };
    const fab_mini_config cfg = small(false);
    fab_mini *old = tiny_mini(arena, &cfg, 5, false, &err),
             *fresh = tiny_mini(arena, &cfg, 6, true, &err);
    s.model = tiny_mini(arena, &cfg, 6, true, &err);
    CHECK_MSG(old && fresh && s.model && fab_session_init_weights(&s, &from, &err), "%s", err.text);
    int left = 0;
    for (int64_t i = 0; i < s.model->list.n; i++) {
        const fab_tensor *t = s.model->list.items[i];
        bool leave = begins(t->name, "tower.") || begins(t->name, "projector.");
        const fab_tensor *want = leave ? fresh->list.items[i] : old->list.items[i];
        CHECK_MSG(!memcmp(t->data, want->data, (size_t)fab_count(t) * sizeof(float)), "%s",
                  t->name);
        left += leave;
    }
    CHECK(left > 20 && left < s.model->list.n);
    const fab_init_files none = { .model = from.model, .leave = "tower. towel. projector." };
    CHECK(!fab_session_init_weights(&s, &none, &err));
    CHECK_SAYS(err.text, "recipe: init: leave: no parameter begins with 'towel.'");
    fab_arena_free(s.step_arena);
}

/* The still trunk is always the published one, the other is the finished model's unless that is
 * left or there is none. */
TEST(who_fills_the_trunks)
{
    static const struct {
        bool model;
        const char *leave;
        bool published;
    } cases[] = { { true, NULL, false },
                  { true, "projector.", false },
                  { true, FAB_MINI_TRUNK, true },
                  { true, "projector. tower.", true },
                  { false, NULL, true } };
    fab_err err = FAB_ERR_INIT;
    fab_session s = { .arena = arena, .step_arena = fab_arena_new(0, &err) };
    const fab_mini_config old_cfg = small(false), cfg = small(true);
    fab_mini *old = tiny_mini(arena, &old_cfg, 5, false, &err),
             *both = tiny_mini(arena, &cfg, 7, true, &err);
    fab_weights *w = fab_weights_open(TRUNK, &err);
    CHECK_MSG(w && fab_mini_start_tower(both, w, FAB_START_TRUNKS, &err), "%s", err.text);
    fab_weights_close(w);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const fab_init_files from = { .tower = TRUNK,
                                      .model = cases[k].model ? old_model() : NULL,
                                      .leave = cases[k].leave };
        s.model = tiny_mini(arena, &cfg, 6, true, &err);
        CHECK_MSG(s.model && fab_session_init_weights(&s, &from, &err), "%s", err.text);
        int trunk = 0, still = 0;
        for (int64_t i = 0; i < s.model->list.n; i++) {
            const fab_tensor *t = s.model->list.items[i];
            bool is_still = begins(t->name, FAB_MINI_STILL);
            if (!is_still && !begins(t->name, FAB_MINI_TRUNK)) continue;
            const fab_param_list *want = is_still || cases[k].published ? &both->list : &old->list;
            CHECK_MSG(!memcmp(t->data, fab_param_named(want, t->name)->data,
                              (size_t)fab_count(t) * sizeof(float)),
                      "case %zu: %s", k, t->name);
            still += is_still, trunk += !is_still;
        }
        CHECK(trunk > 20 && still == trunk);
    }
    fab_arena_free(s.step_arena);
}

/* Twice the side: a grid's corners stay, what is between them is between. */
TEST(positions_of_another_image_size)
{
    fab_err err = FAB_ERR_INIT;
    const fab_init_files from = { .model = in_folder("old.gguf") };
    fab_session s = { .arena = arena, .step_arena = fab_arena_new(0, &err) };
    const fab_mini_config old_cfg = small(false);
    fab_mini_config cfg = old_cfg;
    cfg.image_size *= 2;
    fab_mini *old = tiny_mini(arena, &old_cfg, 5, false, &err);
    s.model = tiny_mini(arena, &cfg, 6, true, &err);
    CHECK_MSG(old && s.model && fab_session_init_weights(&s, &from, &err), "%s", err.text);
    const int64_t D = 16; /* fine 2 x 2, coarse 1 x 1 -> 4 x 4, 2 x 2 */
    const float *a = fab_f32(old->pos), *b = fab_f32(s.model->pos);
    CHECK(old->pos->shape[0] == 4 + 1 && s.model->pos->shape[0] == 16 + 4);
    for (int64_t d = 0; d < D; d++) {
        CHECK_NEAR(b[d], a[d], 1e-6);
        CHECK_NEAR(b[3 * D + d], a[D + d], 1e-6);
        CHECK_NEAR(b[15 * D + d], a[3 * D + d], 1e-6);
        CHECK_NEAR(b[D + d], 0.75 * a[d] + 0.25 * a[D + d], 1e-6);
        for (int i = 0; i < 4; i++) CHECK_NEAR(b[(16 + i) * D + d], a[4 * D + d], 1e-6);
    }
    fab_arena_free(s.step_arena);
}

TEST(a_file_that_is_not_there_is_named_by_its_field)
{
    fab_err err = FAB_ERR_INIT;
    const char *path;
    const fab_train_opts o = { .recipe = in_folder("r.yaml") };
    fab_session s = { .arena = arena, .recipe = { .init_model = "none.gguf", .out_dir = "none" } };
    fab_init_files from;
    CHECK(!fab_session_init_find(&s, &o, &from, &err));
    CHECK_STR(err.text, "recipe: init: model is none.gguf, and there is no such file");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_session_find(&s, &o, "peft: start", "none", "; make it", &path, &err));
    CHECK_STR(err.text, "recipe: peft: start is none, and there is no such file; make it");
}

TEST(a_model_that_is_none)
{
    fab_err err = FAB_ERR_INIT;
    const fab_init_files from = { .model = in_folder("none.gguf") };
    fab_session s = { .arena = arena, .step_arena = fab_arena_new(0, &err) };
    const fab_mini_config cfg = small(true);
    s.model = tiny_mini(arena, &cfg, 6, true, &err);
    CHECK(!fab_session_init_weights(&s, &from, &err) && strstr(err.text, "none.gguf"));
    err = (fab_err)FAB_ERR_INIT;
    CHECK(fab_file_write(from.model, "no weights at all", 17, &err));
    CHECK(!fab_session_init_weights(&s, &from, &err) && strstr(err.text, "none.gguf"));
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_session_init_tokenizer(&from, &err) && strstr(err.text, "none.gguf"));
    fab_arena_free(s.step_arena);
}

/* ---- the teacher ----------------------------------------------------------------------------- */

enum { PICTURES = 20, ODD = 7 };

static void add(fab_qa_set *set, int32_t image, const char *question, const char *answer)
{
    fab_err err = FAB_ERR_INIT;
    const fab_qa q = { .id = "q",
                       .question = question,
                       .answer = answer,
                       .source = "VQA-RAD",
                       .content_type = "",
                       .image = image,
                       .weight = 1 };
    CHECK_MSG(fab_qa_add(set, &q, &err), "%s", err.text);
}

/* Every picture is asked whether it is normal; all but one are. The one is asked three times, so
 * that a teacher who had seen it would know better. */
static void index_pictures(fab_session *s)
{
    fab_err err = FAB_ERR_INIT;
    fab_qa_set *set = &s->bundle.rad;
    s->of_picture = fab_arena_zero(arena, PICTURES * sizeof *s->of_picture, &err);
    for (int64_t i = 0; i < set->n; i++) {
        fab_picture_qa *p = &s->of_picture[set->items[i].image];
        if (!p->real) p->real = fab_arena_take(arena, 4 * sizeof *p->real, &err);
        p->real[p->n_real++] = &set->items[i];
    }
}

TEST(a_prior_has_not_seen_its_picture)
{
    fab_err err = FAB_ERR_INIT;
    fab_session s = { .arena = arena };
    CHECK(fab_paths_init(&s.bundle.images, &err) &&
          fab_qa_init(&s.bundle.slake, &s.bundle.images, &err) &&
          fab_qa_init(&s.bundle.rad, &s.bundle.images, &err));
    for (int i = 0; i < PICTURES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.png", i);
        CHECK(fab_paths_add(&s.bundle.images, name, &err) == i);
        add(&s.bundle.rad, i, "Is it normal?", i == ODD ? "No" : "Yes");
    }
    add(&s.bundle.rad, ODD, "Is it normal?", "No");
    add(&s.bundle.rad, ODD, "Is this normal?", "No");
    index_pictures(&s);
    CHECK_MSG(fab_session_prior(&s, false, &err) && !s.of_picture[0].prior,
              "asked for by no stage");
    s.recipe.n_stages = 1;
    s.recipe.stages[0].prior[FAB_SET_VQA_RAD] = 0.5;
    CHECK_MSG(fab_session_prior(&s, false, &err), "%s", err.text);
    for (int i = 0; i < PICTURES; i++)
        for (int j = 0; j < s.of_picture[i].n_real; j++) CHECK_STR(s.of_picture[i].prior[j], "Yes");
    fab_qa_clear(&s.bundle.rad);
    fab_qa_clear(&s.bundle.slake);
    fab_paths_clear(&s.bundle.images);
}

TEST_MAIN
