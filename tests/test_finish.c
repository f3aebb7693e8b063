/* Tests of what a run ends with: the exam equals "eval vqa" question for question, and what each
 * row of the protocol is worth travels in the model file. */
#include <math.h>

#include "engine/input.h"
#include "evaluate/calibrate.h"
#include "evaluate/run.h"
#include "media/png_write.h"
#include "place.h"
#include "tiny.h"
#include "train/session.h"

/* A texture that every way of resampling sees otherwise. */
static void write_picture(const char *name, int width, int height, unsigned seed)
{
    fab_err err = FAB_ERR_INIT;
    size_t n = 3 * (size_t)width * (size_t)height;
    uint8_t *rgb = fab_arena_take(arena, n, &err);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        rgb[i] = (uint8_t)(seed >> 24);
    }
    CHECK_MSG(fab_png_write(in_folder(name), rgb, width, height, 3, &err), "%s", err.text);
}

/* ---- the exam -------------------------------------------------------------------------------- */

enum { PICTURES = 4, EACH = 70 }; /* more questions about a picture than are asked together */

static void add_questions(fab_qa_set *set, int32_t picture)
{
    fab_err err = FAB_ERR_INIT;
    for (int i = 0; i < EACH; i++) {
        const fab_protocol_row *row = &fab_protocol[i % fab_protocol_rows];
        const fab_qa q = { .id = "q",
                           .question = row->question[i % 2],
                           .answer = "",
                           .lang = i % 2 ? FAB_ZH : FAB_EN,
                           .source = "SLAKE",
                           .content_type = "",
                           .image = picture };
        CHECK_MSG(fab_qa_add(set, &q, &err), "%s", err.text);
    }
}

/* A session of nothing but a model and val records, which are about pictures of other sizes than
 * the model's. */
static void open_session(fab_session *s, fab_qa_set *set)
{
    fab_err err = FAB_ERR_INIT;
    memset(s, 0, sizeof *s);
    s->recipe = (fab_recipe){ .name = "tiny", .version = "0", .dtype = FAB_F16 };
    s->arena = arena;
    s->step_arena = fab_arena_new(0, &err);
    CHECK(fab_paths_init(&s->bundle.images, &err) && fab_qa_init(set, &s->bundle.images, &err));
    for (int k = 0; k < PICTURES; k++) {
        char name[16];
        snprintf(name, sizeof name, "%d.png", k);
        write_picture(name, 97 + 40 * k, 151 - 20 * k, (unsigned)k);
        add_questions(set, fab_paths_add(&s->bundle.images, in_folder(name), &err));
    }
    s->val = fab_arena_take(arena, (size_t)set->n * sizeof *s->val, &err);
    s->val_unseen = fab_arena_zero(arena, (size_t)set->n, &err);
    for (int64_t i = 0; i < set->n; i++) s->val[s->n_val++] = &set->items[i];
    s->bpe = tiny_bpe(NULL, 600, &err);
    fab_mini_config cfg = tiny_config();
    cfg.labels = cfg.classes = 0;
    s->model = tiny_mini(arena, &cfg, 5, false, &err);
    CHECK_MSG(s->bpe && s->model, "%s", err.text);
}

/* The look that the exam takes is that of the picture's own file, as any verb sees it. */
static bool looks_matter(fab_session *s, fab_engine *e)
{
    fab_err err = FAB_ERR_INIT;
    fab_input in;
    const fab_look *ours = fab_session_look(s, e, 1, &err),
                   *other = fab_session_look(s, e, 2, &err);
    CHECK_MSG(ours && other && fab_input_open(&in, s->bundle.images.paths[1], NULL, &err), "%s",
              err.text);
    const fab_look *verbs = fab_engine_look(e, in.image, &err);
    CHECK_STR(verbs->key, ours->key);
    bool differ = strcmp(ours->key, other->key) != 0;
    fab_look_unref(ours), fab_look_unref(other), fab_look_unref(verbs);
    fab_input_close(&in);
    return differ;
}

/* Of an exam of SLAKE alone nothing is said of the other sets, and the mean is of its two
 * languages. */
static void others_are_not_asked(const fab_exam *e)
{
    fab_scalar parts[FAB_EXAM_PARTS];
    char line[FAB_EXAM_LINE];
    json_t *o = fab_exam_json(e);
    CHECK_NEAR(e->all, (e->slake_en + e->slake_zh) / 2, 1e-12);
    for (int i = fab_exam_parts(e, parts) - 1; i >= 0; i--)
        CHECK(isfinite(parts[i].value) && !strstr(parts[i].tag, "rad") &&
              !strstr(parts[i].tag, "made"));
    fab_exam_line(e, line);
    CHECK(strstr(line, "slake en ") && !strstr(line, "rad") && !strstr(line, "nan"));
    CHECK(json_object_get(o, "slake_zh") && !json_object_get(o, "vqa_rad") &&
          !json_object_get(o, "classification_exam"));
    json_decref(o);
}

/* "eval vqa" answers first; its answers become the references, but for every fifth, which becomes
 * a wrong one. */
TEST(the_exam_is_eval_vqa_question_for_question)
{
    fab_session s;
    fab_qa_set set;
    fab_eval_vqa v;
    fab_exam exam;
    fab_err err = FAB_ERR_INIT;
    int64_t wrong[FAB_LANGS] = { 0 };
    open_session(&s, &set);
    fab_engine *e = fab_session_engine(&s, in_folder("m.gguf"), NULL, &err);
    CHECK_MSG(e, "%s", err.text);
    CHECK_MSG(fab_eval_vqa_run(e, &set, &(fab_eval_opts){ 0 }, arena, &v, &err), "%s", err.text);
    for (int64_t i = 0; i < set.n; i++) {
        set.items[i].answer = i % 5 ? v.pass[FAB_VQA_MODEL].answers[i] : "something else";
        wrong[set.items[i].lang] += i % 5 == 0;
    }
    CHECK(v.failed == 0);
    CHECK_MSG(looks_matter(&s, e), "two pictures look alike to the model");
    CHECK_MSG(fab_session_exam(&s, e, 0, false, &exam, &err), "%s", err.text);
    double each = (double)set.n / 2;
    CHECK(exam.n == set.n);
    CHECK_NEAR(exam.slake_en, 1 - (double)wrong[FAB_EN] / each, 1e-12);
    CHECK_NEAR(exam.slake_zh, 1 - (double)wrong[FAB_ZH] / each, 1e-12);
    others_are_not_asked(&exam);
    fab_engine_close(e);
    fab_bpe_free(s.bpe);
    fab_qa_clear(&set);
    fab_paths_clear(&s.bundle.images);
    fab_arena_free(s.step_arena);
}

/* ---- what rows are worth --------------------------------------------------------------------- */

/* Hanley & McNeil 1982, table: A 0.893, 51 and 58 pictures, SE 0.032. */
TEST(the_error_of_an_area)
{
    const fab_skill s = { "a", "", 0.893f, 51, 58 };
    CHECK_NEAR(fab_skill_error(&s), 0.032, 0.0006);
    CHECK(fab_skill_error(&(fab_skill){ "a", "", 1, 9, 9 }) == 0);
    CHECK(fab_skill_error(&(fab_skill){ "a", "", 0, 0, 9 }) == 0);
}

TEST(rows_above_chance_at_chance_and_unmeasured)
{
    const struct {
        fab_skill s;
        fab_skill_verdict v;
    } cases[] = {
        { { "a", "", 0.93f, 100, 60 }, FAB_SKILL_TAUGHT },
        { { "a", "", 0.52f, 38, 172 }, FAB_SKILL_UNTAUGHT },
        { { "a", "", 0.60f, 10, 10 }, FAB_SKILL_UNTAUGHT }, /* too few to tell from chance */
        { { "a", "", 0.60f, 400, 400 }, FAB_SKILL_TAUGHT },
        { { "a", "", 0.30f, 400, 400 }, FAB_SKILL_UNTAUGHT },
        { { "a", "", 1.00f, 7, 400 }, FAB_SKILL_UNMEASURED },
        { { "a", "", 1.00f, 8, 8 }, FAB_SKILL_TAUGHT },
        { { "a", "", 0.00f, 0, 400 }, FAB_SKILL_UNMEASURED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_MSG(fab_skill_judge(&cases[i].s) == cases[i].v, "case %zu: %s", i,
                  fab_skill_word(fab_skill_judge(&cases[i].s)));
    CHECK(fab_skill_judge(NULL) == FAB_SKILL_UNMEASURED);
}

/* A row whose answers are too sure by 4 and shifted by 1, with three times as many of one kind. */
TEST(a_curve_is_found_again)
{
    enum { N = 40000 };
    static float z[N];
    static uint8_t y[N];
    fab_rng r;
    double slope, offset;
    fab_rng_init(&r, 3);
    for (int i = 0; i < N; i++) {
        double x = 6 * (double)fab_rng_uniform(&r) - 3;
        bool yes;
        do { /* kinds in equal numbers are as the curve says; here every second "no" is repeated */
            yes = (double)fab_rng_uniform(&r) < 1 / (1 + exp(-x));
        } while (yes && fab_rng_uniform(&r) < 0.6667f &&
                 (x = 6 * (double)fab_rng_uniform(&r) - 3, 1));
        y[i] = yes;
        z[i] = (float)(4 * x - 1);
    }
    fab_platt_fit(z, y, N, &slope, &offset);
    CHECK_NEAR(slope, 0.25, 0.02);
    CHECK_NEAR(offset, 0.25, 0.06);
    for (int i = 0; i < N; i++) y[i] = 1;
    fab_platt_fit(z, y, N, &slope, &offset);
    CHECK(slope == 1 && offset == 0);
    for (int i = 0; i < 20; i++) z[i] = (float)(i - 10), y[i] = i >= 10; /* separable */
    fab_platt_fit(z, y, 20, &slope, &offset);
    CHECK(slope > 0.3 && slope < 30);
    for (int i = 0; i < 20; i++) y[i] = i < 10; /* upside down */
    fab_platt_fit(z, y, 20, &slope, &offset);
    CHECK_NEAR(slope, 0.05, 1e-9);
}

/* ---- curves of several outcomes -------------------------------------------------------------- */

enum { DRAWN = 3000, WAYS = 3 };

typedef struct {
    float p[DRAWN * WAYS];
    uint8_t told[DRAWN];
} drawn;

/* What a model says, and what comes of it: under the curve the probabilities are true. pair: of
 * every second record is only known that it is the last or the one before. */
static void draw(drawn *d, const fab_curve *c, bool pair)
{
    fab_rng r;
    fab_rng_init(&r, 5);
    for (int i = 0; i < DRAWN; i++) {
        double p[WAYS], sum = 0, u;
        for (int k = 0; k < WAYS; k++) sum += p[k] = exp(1.5 * (double)fab_rng_normal(&r));
        for (int k = 0; k < WAYS; k++) d->p[i * WAYS + k] = (float)(p[k] /= sum);
        fab_curve_apply(c, p, WAYS);
        u = (double)fab_rng_uniform(&r);
        int k = u < p[0] ? 0 : u < p[0] + p[1] ? 1 : 2;
        d->told[i] = pair && i % 2 && k ? 6 : (uint8_t)(1 << k);
    }
}

/* -log posterior of calibrate.h, written down once more. offset: the last one 0 but for a shift. */
static double cost_of(const drawn *d, double slope, const double offset[WAYS])
{
    double cost = 0.5 * (slope - 1) * (slope - 1);
    for (int k = 0; k < WAYS; k++) cost += 0.5 * offset[k] * offset[k];
    for (int i = 0; i < DRAWN; i++) {
        double all = 0, told = 0;
        for (int k = 0; k < WAYS; k++) {
            double p = fmin(fmax((double)d->p[i * WAYS + k], 1e-4), 1 - 1e-4),
                   q = pow(p, slope) * exp(offset[k]);
            all += q;
            told += d->told[i] >> k & 1 ? q : 0;
        }
        cost -= log(told / all);
    }
    return cost;
}

/* No other slope, where it is free, and no other offsets cost less. */
static void check_best(const drawn *d, const fab_curve *c, bool free_slope)
{
    double at[WAYS], mean = ((double)c->offset[0] + (double)c->offset[1]) / WAYS;
    for (int k = 0; k < WAYS; k++) at[k] = (double)c->offset[k] - mean; /* as the prior has them */
    double slope = (double)c->slope, least = cost_of(d, slope, at);
    for (int way = -1; way <= 1; way += 2) {
        if (free_slope) CHECK(cost_of(d, slope + way * 0.01, at) > least);
        for (int k = 0; k < WAYS; k++) {
            at[k] += way * 0.01;
            CHECK(cost_of(d, slope, at) > least);
            at[k] -= way * 0.01;
        }
    }
}

TEST(a_curve_of_three_outcomes_is_the_best_one)
{
    static drawn d;
    const fab_curve made = { 0.6f, { -1.2f, 0.7f, 0 } };
    for (int pair = 0; pair < 2; pair++) {
        fab_curve c;
        draw(&d, &made, pair);
        fab_curve_fit(d.p, d.told, DRAWN, WAYS, &c);
        CHECK_NEAR(c.slope, 0.6, 0.06);
        CHECK_NEAR(c.offset[0], -1.2, 0.2);
        CHECK_NEAR(c.offset[1], 0.7, 0.2);
        CHECK(c.offset[2] == 0);
        check_best(&d, &c, true);
    }
}

/* Numbers that a file may hold, however large, give probabilities. */
TEST(a_steep_curve_gives_probabilities)
{
    const fab_curve steep[] = { { 1, { 800 } }, { 2000, { 0 } }, { 1, { -3e38f, 3e38f } } };
    for (size_t i = 0; i < sizeof steep / sizeof *steep; i++) {
        double p[3] = { 0.5, 0.3, 0.2 };
        fab_curve_apply(&steep[i], p, 3);
        CHECK_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
    }
    CHECK(fab_curve_at(&steep[0], 0.5) == 1);
}

/* What is said the surer the wronger: the slope stays at its least, and the offset is the best
 * there. */
TEST(an_upside_down_model_keeps_the_least_slope)
{
    static drawn d;
    const fab_curve none = { 0 };
    fab_curve c;
    draw(&d, &none, false);
    for (int i = 0; i < DRAWN; i++) {
        const float *p = d.p + i * WAYS;
        d.told[i] = p[0] < p[1] && i % 4 ? 1 : 2;
    }
    fab_curve_fit(d.p, d.told, DRAWN, WAYS, &c);
    CHECK_NEAR(c.slope, FAB_SLOPE_LEAST, 1e-6);
    check_best(&d, &c, false);
}

TEST(probabilities_that_are_true_get_no_curve)
{
    static drawn d;
    const fab_curve none = { 0 };
    fab_curve c = { 3, { 1 } };
    draw(&d, &none, false);
    fab_curve_fit(d.p, d.told, DRAWN, WAYS, &c);
    CHECK(c.slope == 0);
    fab_curve_fit(d.p, d.told, 0, WAYS, &c);
    CHECK(c.slope == 0);
    for (int i = 0; i < DRAWN; i++) { /* never the third: its offset stays finite */
        float *p = d.p + i * WAYS;
        d.told[i] = p[0] > p[1] ? 1 : 2;
    }
    fab_curve_fit(d.p, d.told, DRAWN, WAYS, &c);
    fab_err err = FAB_ERR_INIT;
    CHECK(c.slope > 1 && fab_curve_check(&c, &err) && c.offset[0] > 1);
}

static fab_mini_file *saved_with(const fab_skill *items, int n, fab_err *err)
{
    const fab_mini_save_opts o = { .temperature = 1, .skills = { items, n } };
    char *path = in_folder("s.gguf");
    CHECK_MSG(tiny_save(path, 7, &o, err), "%s", err->text);
    return fab_mini_open(path, NULL, err);
}

static double calibrated(const fab_skill *s, double p)
{
    double both[2] = { p, 1 - p };
    fab_skill_calibrate(s, both, 2);
    CHECK_NEAR(both[0] + both[1], 1, 1e-12);
    return both[0];
}

TEST(skills_travel_in_the_file)
{
    fab_err err = FAB_ERR_INIT;
    const fab_skill items[] = {
        { "finding.pneumonia", "", 0.93f, 120, 60, { 0.5f, { 2 } } },
        { "skin.diagnosis", "melanoma", 0.5f, 30, 100 },
        { "finding.pneumonia.cause", "viral_pneumonia", 0.8f, 70, 60, { 2, { -1, 0, 0.5f } } }
    };
    fab_mini_file *f = saved_with(items, 3, &err);
    CHECK_MSG(f && f->skills.n == 3, "%s", err.text);
    const fab_skill *s = fab_skills_find(&f->skills, "skin.diagnosis");
    CHECK(s && s->positives == 30 && s->negatives == 100 && s->auc == 0.5f);
    CHECK_STR(s->choice, "melanoma");
    CHECK(!fab_skills_find(&f->skills, "finding.mass"));
    s = fab_skills_find(&f->skills, "finding.pneumonia");
    CHECK_NEAR(calibrated(s, 0.5), 1 / (1 + exp(-2.0)), 1e-6);
    CHECK_NEAR(calibrated(s, 0.1), 1 / (1 + exp(0.5 * log(9.0) - 2)), 1e-6);
    CHECK(calibrated(fab_skills_find(&f->skills, "skin.diagnosis"), 0.3) == 0.3);
    double three[3] = { 0.2, 0.5, 0.3 };
    fab_skill_calibrate(fab_skills_find(&f->skills, "finding.pneumonia.cause"), three, 3);
    double sum = 0.04 * exp(-1.0) + 0.25 + 0.09 * exp(0.5);
    CHECK_NEAR(three[0], 0.04 * exp(-1.0) / sum, 1e-6);
    CHECK_NEAR(three[2], 0.09 * exp(0.5) / sum, 1e-6);
    json_t *j = fab_skills_json(&f->skills);
    CHECK(json_array_size(j) == 3);
    CHECK_STR(json_string_value(json_object_get(json_array_get(j, 1), "verdict")),
              "not above chance");
    json_decref(j);
    fab_mini_close(f);

    const fab_skill bad[] = { { "finding.mass", "", 1.5f, 9, 9 },
                              { "finding.mass", "", NAN, 9, 9 },
                              { "finding.mass", "", 0.5f, -1, 9 },
                              { "finding.mass", "", 0.5f, 9, 9, { -1, { 0 } } },
                              { "finding.mass", "", 0.5f, 9, 9, { 1, { INFINITY } } },
                              { "finding.mass", "mass", 0.5f, 9, 9, { 1, { 0, 0, 0, NAN } } } };
    const char *const says[] = { "1.5 of 'finding.mass' is not in [0,1]",
                                 "is not in [0,1]",
                                 "'finding.mass' counts -1 and 9 pictures",
                                 "'finding.mass': slope -1",
                                 "offset 0 is inf",
                                 "offset 3 is nan" };
    for (int i = 0; i < 6; i++) {
        fab_err no = FAB_ERR_INIT;
        CHECK(!saved_with(&bad[i], 1, &no));
        CHECK_MSG(strstr(no.text, says[i]) && strstr(no.text, "s.gguf"), "%s", no.text);
    }
}

/* A random model, opened. length: of the row of <eos>; 1: its answers never end by themselves, 20:
 * at once. */
static fab_engine *open_of_length(float length, const fab_curve *curve, fab_err *err)
{
    const fab_mini_config cfg = tiny_config();
    const fab_mini_save_opts o = {
        .name = "tiny", .version = "0", .answers = *curve, .dtype = FAB_F32
    };
    char *path = in_folder("sure.gguf");
    fab_arena *a = fab_arena_new(0, err);
    fab_mini *m = tiny_mini(a, &cfg, 7, false, err);
    fab_bpe *bpe = m ? tiny_bpe(NULL, 600, err) : NULL;
    for (int64_t i = 0; bpe && i < m->list.n; i++) {
        fab_tensor *t = m->list.items[i];
        if (t->ndim != 2 || t->shape[0] != cfg.text.vocab) continue;
        float *row = fab_f32(t) + FAB_MINI_EOS * t->shape[1];
        for (int64_t k = 0; k < t->shape[1]; k++) row[k] *= length;
    }
    CHECK_MSG(bpe && fab_mini_save(path, m, bpe, &o, err), "%s", err->text);
    fab_bpe_free(bpe);
    fab_arena_free(a);
    return fab_engine_open(path, NULL, err);
}

static fab_answer answer_to(fab_engine *e, const fab_look *look, const fab_ask_opts *o)
{
    fab_err err = FAB_ERR_INIT;
    fab_answer said;
    fab_arena *a = fab_arena_new(0, &err);
    const char *question = o->kind == FAB_ASK ? "Is it round?" : NULL;
    CHECK_MSG(fab_engine_ask(e, look, question, o, a, &said, &err), "%s", err.text);
    fab_arena_free(a);
    return said;
}

/* The sureness of a complete, greedy answer about a picture goes through the file's curve; that of
 * half an answer, of words alone, of a caption and of drawn words does not. */
TEST(sureness_goes_through_the_curve)
{
    fab_err err = FAB_ERR_INIT;
    const fab_curve curve = { 1.9f, { -1.8f } };
    const fab_ask_opts plain = FAB_ASK_DEFAULTS, caption = { .kind = FAB_CAPTION_EN },
                       loose = { .temperature = 0.01f };
    fab_engine *half = open_of_length(1, &curve, &err), *e = open_of_length(20, &curve, &err),
               *says = open_of_length(-20, &curve, &err); /* the same of captions */
    CHECK_MSG(half && e && says, "%s", err.text);
    const fab_look *look = fab_engine_look_grey(e, &err), *other = fab_engine_look_grey(half, &err),
                   *third = fab_engine_look_grey(says, &err);
    const fab_answer raw[] = { answer_to(half, other, &plain), answer_to(e, NULL, &plain),
                               answer_to(says, third, &caption), answer_to(e, look, &loose) };
    fab_answer whole = answer_to(e, look, &plain);
    CHECK(whole.complete && whole.calibrated && !raw[0].complete && raw[2].complete &&
          raw[3].complete);
    CHECK_NEAR(whole.sureness, fab_curve_at(&curve, fab_answer_probability(&whole)), 1e-12);
    CHECK(fabs(whole.sureness - fab_answer_probability(&whole)) > 1e-6);
    for (int k = 0; k < 4; k++) {
        CHECK_MSG(!raw[k].calibrated, "%d", k);
        CHECK(raw[k].sureness == fab_answer_probability(&raw[k]));
    }
    CHECK_MSG(fab_engine_untrain(e, 3, &err), "%s", err.text);
    CHECK(!answer_to(e, look, &plain).calibrated);
    fab_look_unref(look);
    fab_look_unref(other);
    fab_look_unref(third);
    fab_engine_close(e);
    fab_engine_close(half);
    fab_engine_close(says);

    fab_err no = FAB_ERR_INIT;
    const fab_mini_save_opts bad = { .answers = { 1, { NAN } } };
    CHECK_MSG(tiny_save(in_folder("nan.gguf"), 7, &bad, &no), "%s", no.text);
    CHECK(!fab_mini_open(in_folder("nan.gguf"), NULL, &no));
    CHECK_MSG(strstr(no.text, "nan.gguf") && strstr(no.text, "answer_slope") &&
                  strstr(no.text, "offset 0 is nan"),
              "%s", no.text);
}

TEST_MAIN
