/* Tests of recipes (base/yaml) and of what training stands on: optimiser, schedules, checkpoints,
 * event files, curves. */
#include "test.h"

#include <math.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/yaml.h"
#include "media/image.h"
#include "tensor/tensor.h"
#include "train/checkpoint.h"
#include "train/events.h"
#include "train/live.h"
#include "train/optim.h"
#include "train/plot.h"

/* ---- recipes ---- */

static const struct {
    const char *yaml, *json, *says;
} yaml_cases[] = {
    { "a: 1\nb: [1.5, 1e-4, .5, -3, 0x1f, 0o17]\n",
      "{\"a\": 1, \"b\": [1.5, 0.0001, 0.5, -3, 31, 15]}", NULL },
    { "[true, False, null, ~, , no, on]", NULL, "did not find expected node content" },
    { "[true, False, null, ~, no, 'on']", "[true, false, null, null, \"no\", \"on\"]", NULL },
    { "['12', \"1.5\", 1.2.3, 1e, -, 0x, 12a]",
      "[\"12\", \"1.5\", \"1.2.3\", \"1e\", \"-\", \"0x\", \"12a\"]", NULL },
    { "- x\n- k: |\n    two\n    lines\n  e:\n",
      "[\"x\", {\"k\": \"two\\nlines\\n\", \"e\": null}]", NULL },
    { "# only a comment\n", "null", NULL },
    { "", "null", NULL },
    { "a: \xe8\x82\xba", "{\"a\": \"\xe8\x82\xba\"}", NULL },
    { "a: &x 1", NULL, "line 1 column 4: anchors are not allowed" },
    { "a: 1\nb: *a", NULL, "line 2 column 4: aliases are not allowed" },
    { "<<: {a: 1}\na: 2", "{\"<<\": {\"a\": 1}, \"a\": 2}", NULL },
    { "a: 1\nb: 2\na: 3", NULL, "line 3 column 1: the key a is there twice" },
    { "a: !!str 3", NULL, "line 1 column 4: tags are not allowed" },
    { "? [a]\n: 1", NULL, "a key must be a plain or quoted word" },
    { "\"a\\0b\": 1", NULL, "a key holds a NUL" },
    { "{a: 1", NULL, "line 2 column 1" },
    { "a:\n\t- b", NULL, "line 2 column 1" },
    { "a: b: c", NULL, "line 1 column 5" },
    { "a: 1\n---\nb: 2", NULL, "line 2 column 1: a second document" },
    { "a: \xff", NULL, "byte 3" },
    { "a: .nan", NULL, "not finite" },
    { "a: -.inf", NULL, "not finite" },
    { "a: 1e999", NULL, "too large" },
    { "a: 9223372036854775808", NULL, "an integer outside 64 bits" },
    { "a: -9223372036854775808", "{\"a\": -9223372036854775808}", NULL },
};

TEST(yaml_reads_recipes_and_refuses_the_rest)
{
    for (size_t i = 0; i < sizeof yaml_cases / sizeof yaml_cases[0]; i++) {
        fab_err err = FAB_ERR_INIT;
        json_t *v = fab_yaml_parse(yaml_cases[i].yaml, strlen(yaml_cases[i].yaml), &err);
        if (yaml_cases[i].says) {
            CHECK_MSG(!v, "accepted: %s", yaml_cases[i].yaml);
            CHECK_SAYS(err.text, yaml_cases[i].says);
            continue;
        }
        CHECK_MSG(v != NULL, "%s: %s", yaml_cases[i].yaml, err.text);
        char *text = json_dumps(v, FAB_JSON_DUMP);
        CHECK_STR(text, yaml_cases[i].json);
        fab_free(text);
        json_decref(v);
    }
}

TEST(yaml_depth_is_bounded)
{
    char deep[4096];
    fab_err err = FAB_ERR_INIT;
    memset(deep, '[', sizeof deep);
    CHECK(!fab_yaml_parse(deep, sizeof deep, &err) && err.code == FAB_ELIMIT);
    CHECK_STR(err.text, "line 1 column 65: nested deeper than 64");
    CHECK(!fab_yaml_open("/nowhere/recipe.yaml", &(fab_err)FAB_ERR_INIT));
}

static const struct {
    const char *set, *json, *says;
} set_cases[] = {
    { "lr=3e-4",
      "{\"lr\": 0.0003, \"stages\": [{\"name\": \"vqa\", \"steps\": 10}], \"o\": {\"p\": {\"q\": "
      "1}}}",
      NULL },
    { "stages.vqa.steps=5",
      "{\"lr\": 0.0003, \"stages\": [{\"name\": \"vqa\", \"steps\": 5}], \"o\": {\"p\": {\"q\": "
      "1}}}",
      NULL },
    { "stages.0.new='7'",
      "{\"lr\": 0.0003, \"stages\": [{\"name\": \"vqa\", \"steps\": 5, \"new\": \"7\"}], \"o\": "
      "{\"p\": {\"q\": 1}}}",
      NULL },
    { "o.p={}",
      "{\"lr\": 0.0003, \"stages\": [{\"name\": \"vqa\", \"steps\": 5, \"new\": \"7\"}], \"o\": "
      "{\"p\": {}}}",
      NULL },
    { "stages.0.new=null",
      "{\"lr\": 0.0003, \"stages\": [{\"name\": \"vqa\", \"steps\": 5}], \"o\": {\"p\": {}}}",
      NULL },
    { "o.=null", NULL, "\"\" cannot be set there" },
    { "stages=[1, a=b]", "{\"lr\": 0.0003, \"stages\": [1, \"a=b\"], \"o\": {\"p\": {}}}", NULL },
    { "stages.2=1", NULL, "\"2\" cannot be set there" },
    { "x.y=1", NULL, "there is no \"x\" to set a field of" },
    { "lr.y=1", NULL, "\"y\" cannot be set there" },
    { "o.=1", NULL, "\"\" cannot be set there" },
    { "lr", NULL, "PATH=VALUE is wanted" },
    { "=1", NULL, "PATH=VALUE is wanted" },
    { "lr=[1", NULL, "lr=[1: line 2 column 1" },
};

TEST(overrides_set_one_field)
{
    fab_err err = FAB_ERR_INIT;
    const char *yaml = "lr: 1\nstages:\n- name: vqa\n  steps: 10\no: {p: {q: 1}}\n";
    json_t *root = fab_yaml_parse(yaml, strlen(yaml), &err);
    CHECK(root);
    for (size_t i = 0; i < sizeof set_cases / sizeof set_cases[0]; i++) {
        err = (fab_err)FAB_ERR_INIT;
        bool ok = fab_json_set_path(root, set_cases[i].set, &err);
        CHECK_MSG(ok == !set_cases[i].says, "%s: %s", set_cases[i].set, err.text);
        if (!ok) {
            CHECK_SAYS(err.text, set_cases[i].says);
            continue;
        }
        char *text = json_dumps(root, FAB_JSON_DUMP);
        CHECK_STR(text, set_cases[i].json);
        fab_free(text);
    }
    json_decref(root);
}

/* ---- a toy: 8 numbers -> 16 -> one of 4 classes ---- */

enum { BATCH = 32, IN = 8, HIDDEN = 16, CLASSES = 4 };

typedef struct {
    fab_tensor *w1, *b1, *w2, *b2;
    fab_param_list list;
    fab_optim optim;
    fab_arena *arena, *step;
    fab_rng rng;
    uint64_t drawn;
} toy;

static void toy_params(fab_params *p, toy *m, int64_t hidden)
{
    fab_param(p, &m->w1, "fc1.weight", FAB_SHAPE(hidden, IN), FAB_INIT_XAVIER);
    fab_param(p, &m->b1, "fc1.bias", FAB_SHAPE(hidden), FAB_INIT_ZEROS);
    fab_param(p, &m->w2, "fc2.weight", FAB_SHAPE(CLASSES, hidden), FAB_INIT_XAVIER);
    fab_param(p, &m->b2, "fc2.bias", FAB_SHAPE(CLASSES), FAB_INIT_ZEROS);
}

static void toy_open(toy *m, int64_t hidden, float ema)
{
    fab_err err = FAB_ERR_INIT;
    *m = (toy){ .arena = fab_arena_new(0, &err), .step = fab_arena_new(0, &err) };
    fab_params p = fab_params_init(m->arena, &m->list, 7);
    p.train = true;
    toy_params(&p, m, hidden);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    fab_optim_opts o = FAB_OPTIM_DEFAULTS;
    o.ema_decay = ema;
    CHECK_MSG(fab_optim_init(&m->optim, m->arena, &m->list, &o, &err), "%s", err.text);
    fab_rng_init(&m->rng, 11);
}

static void toy_close(toy *m)
{
    fab_arena_free(m->arena);
    fab_arena_free(m->step);
}

/* The class is the quadrant of the first two numbers. Batches and dropout draw from the one
 * generator. */
static float toy_step(toy *m)
{
    fab_ctx c;
    fab_arena_reset(m->step);
    fab_ctx_init(&c, m->step, NULL);
    c.training = c.record = true;
    fab_tensor *x = fab_tensor_new(&c, FAB_F32, FAB_SHAPE(BATCH, IN));
    fab_tensor *y = fab_tensor_new(&c, FAB_I32, FAB_SHAPE(BATCH));
    for (int i = 0; i < BATCH; i++) {
        for (int j = 0; j < IN; j++) fab_f32(x)[i * IN + j] = fab_rng_normal(&m->rng);
        fab_i32(y)[i] = (fab_f32(x)[i * IN] > 0) + 2 * (fab_f32(x)[i * IN + 1] > 0);
    }
    c.rng = m->rng;
    fab_tensor *h =
        fab_dropout(&c, fab_gelu(&c, fab_linear(&c, x, m->w1, m->b1), FAB_GELU_TANH), 0.1f);
    fab_tensor *loss = fab_xent(&c, fab_linear(&c, h, m->w2, m->b2), y, NULL, (fab_xent_opts){ 0 });
    CHECK_MSG(loss && fab_backward(&c, loss, 1), "%s", c.err.text);
    m->rng = c.rng;
    m->drawn += BATCH;
    float value = fab_f32(loss)[0];
    fab_schedule s = { FAB_SCHEDULE_COSINE, 0.02, 0.001, 5, 60 };
    CHECK(fab_optim_step(&m->optim, c.k, NULL, fab_schedule_at(&s, m->optim.step)));
    return value;
}

static fab_checkpoint toy_state(toy *m, const char *recipe)
{
    return (fab_checkpoint){ .optim = &m->optim,
                             .rngs = &m->rng,
                             .n_rngs = 1,
                             .positions = &m->drawn,
                             .n_positions = 1,
                             .recipe = recipe };
}

static bool same_toys(const toy *a, const toy *b)
{
    bool same = memcmp(&a->rng, &b->rng, sizeof a->rng) == 0 && a->drawn == b->drawn &&
                a->optim.step == b->optim.step;
    for (int64_t i = 0; i < a->list.n; i++) {
        const fab_optim_slot *s = &a->optim.slots[i], *t = &b->optim.slots[i];
        size_t bytes = (size_t)s->count * sizeof(float);
        same = same && memcmp(s->param->data, t->param->data, bytes) == 0 &&
               memcmp(s->m, t->m, bytes) == 0 && memcmp(s->v, t->v, bytes) == 0 &&
               memcmp(s->ema, t->ema, bytes) == 0 && s->updates == t->updates;
    }
    return same;
}

static char folder[64];
static const char *new_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/fab_test_train_XXXXXX");
    CHECK(mkdtemp(folder));
    return folder;
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_folder(void)
{
    static const char *const names[] = { "last.safetensors", "previous.safetensors",
                                         "metrics.jsonl", "curves.png" };
    for (int i = 0; i < 4; i++) remove(in_folder(names[i]));
    CHECK(rmdir(folder) == 0);
}

/* ---- the optimiser ---- */

TEST(schedules)
{
    fab_schedule s = { FAB_SCHEDULE_COSINE, 1.0, 0.1, 4, 104 };
    CHECK_NEAR(fab_schedule_at(&s, 0), 0.25, 1e-12);
    CHECK_NEAR(fab_schedule_at(&s, 3), 1.0, 1e-12);
    CHECK_NEAR(fab_schedule_at(&s, 4), 1.0, 1e-12);
    CHECK_NEAR(fab_schedule_at(&s, 29), 0.1 + 0.9 * 0.5 * (1 + sqrt(0.5)),
               1e-12); /* a quarter: cos 45 degrees */
    CHECK_NEAR(fab_schedule_at(&s, 54), 0.55, 1e-12);
    CHECK_NEAR(fab_schedule_at(&s, 104), 0.1, 1e-12);
    CHECK_NEAR(fab_schedule_at(&s, 1000), 0.1, 1e-12);
    s.kind = FAB_SCHEDULE_LINEAR;
    CHECK_NEAR(fab_schedule_at(&s, 29), 0.775, 1e-12);
    s.kind = FAB_SCHEDULE_CONSTANT;
    CHECK_NEAR(fab_schedule_at(&s, 1), 0.5, 1e-12);
    CHECK_NEAR(fab_schedule_at(&s, 1000), 1.0, 1e-12);
    fab_err err = FAB_ERR_INIT;
    CHECK(fab_schedule_parse("linear", &s.kind, &err) && s.kind == FAB_SCHEDULE_LINEAR);
    CHECK(!fab_schedule_parse("step", &s.kind, &err));
    CHECK_SAYS(err.text, "schedule step: cosine, linear or constant");
}

/* AdamW by its formula, in f64. */
typedef struct {
    double w, m, v;
} scalar_adam;
static void scalar_step(scalar_adam *s, double g, double lr, double decay, int t)
{
    s->m = 0.9 * s->m + 0.1 * g;
    s->v = 0.999 * s->v + 0.001 * g * g;
    s->w -= lr * decay * s->w;
    s->w -= lr * (s->m / (1 - pow(0.9, t))) / (sqrt(s->v / (1 - pow(0.999, t))) + 1e-8);
}

TEST(adamw_clips_decays_and_scales)
{
    toy m;
    toy_open(&m, HIDDEN, 0);
    const fab_kernels *k = fab_kernels_best();
    CHECK(fab_optim_scale(&m.optim, "fc2.", 0.5f) == 2 &&
          fab_optim_scale(&m.optim, "fc3.", 2) == 0);
    scalar_adam weight = { fab_f32(m.w1)[3], 0, 0 }, slow = { fab_f32(m.w2)[5], 0, 0 },
                bias = { 0.25, 0, 0 };
    fab_f32(m.b1)[2] = 0.25f;
    float untouched = fab_f32(m.b2)[1];
    for (int t = 1; t <= 4; t++) {
        double g1 = 3 * t, g2 = -4 * t, g3 = 12, norm = sqrt(g1 * g1 + g2 * g2 + g3 * g3),
               clip = 1 / (norm + 1e-6);
        m.w1->grad[3] = (float)g1;
        m.w2->grad[5] = (float)g2;
        m.b1->grad[2] = (float)g3;
        CHECK(fab_optim_step(&m.optim, k, NULL, 0.01));
        CHECK_NEAR(m.optim.norm, norm, 1e-6 * norm);
        CHECK(m.w1->grad[3] == 0 && m.b1->grad[2] == 0);
        scalar_step(&weight, g1 * clip, 0.01, 0.05, t);
        scalar_step(&slow, g2 * clip, 0.005, 0.05, t);
        scalar_step(&bias, g3 * clip, 0.01, 0, t); /* biases do not decay */
    }
    CHECK_NEAR(fab_f32(m.w1)[3], weight.w, 1e-6);
    CHECK_NEAR(fab_f32(m.w2)[5], slow.w, 1e-6);
    CHECK_NEAR(fab_f32(m.b1)[2], bias.w, 1e-6);
    CHECK(fab_f32(m.b2)[1] == untouched &&
          m.optim.slots[3].updates == 0); /* no gradient: took no part */
    toy_close(&m);
}

TEST(frozen_parameters_and_broken_gradients_change_nothing)
{
    toy m;
    toy_open(&m, HIDDEN, 0.99f);
    const fab_kernels *k = fab_kernels_best();
    float w1 = fab_f32(m.w1)[0], w2 = fab_f32(m.w2)[0];
    m.w1->grad[0] = 1;
    m.w2->grad[0] = NAN;
    CHECK(!fab_optim_step(&m.optim, k, NULL, 0.1) && m.optim.skipped == 1 &&
          !isfinite(m.optim.norm));
    CHECK(fab_f32(m.w1)[0] == w1 && m.w2->grad[0] == 0 && m.optim.slots[0].updates == 0);
    m.w1->grad[0] = INFINITY;
    CHECK(!fab_optim_step(&m.optim, k, NULL, 0.1) && m.optim.skipped == 2);
    CHECK(fab_params_freeze(&m.list, "fc1.", true) == 2);
    if (m.w1->grad) m.w1->grad[0] = 100;
    m.w2->grad[0] = 1;
    CHECK(fab_optim_step(&m.optim, k, NULL, 0.1));
    CHECK_NEAR(m.optim.norm, 1, 1e-6);
    CHECK(fab_f32(m.w1)[0] == w1 && fab_f32(m.w2)[0] != w2);
    toy_close(&m);
}

TEST(averages_follow_and_swap)
{
    toy m;
    toy_open(&m, HIDDEN, 0.5f);
    double average = fab_f32(m.w1)[0], decays[] = { 2.0 / 11, 3.0 / 12, 4.0 / 13 };
    for (int t = 0; t < 3; t++) {
        m.w1->grad[0] = 1;
        CHECK(fab_optim_step(&m.optim, fab_kernels_best(), NULL, 0.1));
        average = decays[t] * average + (1 - decays[t]) * fab_f32(m.w1)[0];
    }
    float w = fab_f32(m.w1)[0];
    fab_optim_swap_ema(&m.optim);
    CHECK_NEAR(fab_f32(m.w1)[0], average, 1e-6);
    fab_checkpoint state = toy_state(&m, "r");
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_checkpoint_save("/tmp", &state, &err));
    CHECK_SAYS(err.text, "the averages are in the parameters");
    fab_optim_swap_ema(&m.optim);
    CHECK(fab_f32(m.w1)[0] == w);
    toy_close(&m);
}

/* ---- checkpoints ---- */

static void save(toy *m, const char *dir, const char *recipe)
{
    fab_err err = FAB_ERR_INIT;
    fab_checkpoint state = toy_state(m, recipe);
    state.meta = json_pack("{s:i}", "at", (int)m->optim.step);
    CHECK_MSG(fab_checkpoint_save(dir, &state, &err), "%s", err.text);
    json_decref(state.meta);
}

static bool load(toy *m, const char *dir, const char *recipe, fab_err *err)
{
    fab_checkpoint state = toy_state(m, recipe);
    *err = (fab_err)FAB_ERR_INIT;
    bool ok = fab_checkpoint_load(dir, &state, err);
    if (ok) CHECK(json_integer_value(json_object_get(state.meta, "at")) == m->optim.step);
    if (ok) json_decref(state.meta);
    return ok;
}

TEST(a_killed_run_goes_on_bit_for_bit)
{
    const char *dir = new_folder();
    toy straight, resumed;
    float first = 0, last = 0;
    toy_open(&straight, HIDDEN, 0.99f);
    for (int i = 0; i < 40; i++) {
        last = toy_step(&straight);
        if (i == 0) first = last;
    }
    CHECK_MSG(last < 0.7f * first, "nothing was learnt: loss %g -> %g", first, last);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        toy m;
        toy_open(&m, HIDDEN, 0.99f);
        for (int i = 0; i < 40; i++) {
            if (i == 23) raise(SIGKILL);
            toy_step(&m);
            if ((i + 1) % 10 == 0) save(&m, dir, "recipe-a");
        }
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGKILL);
    fab_err err;
    toy_open(&resumed, HIDDEN, 0.99f);
    CHECK(fab_checkpoint_exists(dir));
    CHECK_MSG(load(&resumed, dir, "recipe-a", &err), "%s", err.text);
    CHECK(resumed.optim.step == 20 && resumed.drawn == 20 * BATCH);
    for (int i = 20; i < 40; i++) toy_step(&resumed);
    CHECK(same_toys(&straight, &resumed));
    toy_step(&straight);
    CHECK(!same_toys(&straight, &resumed)); /* the comparison can fail */
    toy_close(&straight);
    toy_close(&resumed);
    remove_folder();
}

static void damage(const char *name, long keep, long flip)
{
    char path[128];
    snprintf(path, sizeof path, "%s", in_folder(name));
    fab_err err = FAB_ERR_INIT;
    fab_file f;
    CHECK(fab_file_map(&f, path, 0, &err));
    size_t n = keep > 0 ? (size_t)keep : f.size;
    uint8_t *copy = fab_new(n, &err);
    memcpy(copy, f.data, n);
    if (flip > 0) copy[n - (size_t)flip] ^= 1;
    fab_file_unmap(&f);
    CHECK(fab_file_write(path, copy, n, &err));
    fab_free(copy);
}

TEST(a_damaged_checkpoint_gives_way_to_the_one_before)
{
    const char *dir = new_folder();
    fab_err err;
    toy m;
    toy_open(&m, HIDDEN, 0.99f);
    CHECK(!load(&m, dir, "r", &err));
    CHECK_SAYS(err.text, "last.safetensors");
    for (int i = 0; i < 3; i++) {
        toy_step(&m);
        save(&m, dir, "r");
    }
    CHECK(load(&m, dir, "r", &err) && m.optim.step == 3);
    damage("last.safetensors", 700, 0);
    CHECK_MSG(load(&m, dir, "r", &err) && m.optim.step == 2, "%s", err.text);
    save(&m, dir, "r"); /* the damaged file is now the older one */
    CHECK(load(&m, dir, "r", &err) && m.optim.step == 2);
    toy_step(&m);
    save(&m, dir, "r");
    damage("last.safetensors", 0, 100); /* one bit of the data */
    CHECK_MSG(load(&m, dir, "r", &err) && m.optim.step == 2, "%s", err.text);
    damage("previous.safetensors", 0, 100);
    float w = fab_f32(m.w1)[0];
    fab_f32(m.w1)[0] = 42;
    CHECK(!load(&m, dir, "r", &err) && err.code == FAB_EINTEGRITY);
    CHECK_SAYS(err.text, "previous.safetensors: the checksum is");
    CHECK(fab_f32(m.w1)[0] == 42.0f && isfinite(w)); /* nothing was copied */
    CHECK(fab_checkpoint_remove(dir, &err) && !fab_checkpoint_exists(dir));
    toy_close(&m);
    remove_folder();
}

TEST(a_checkpoint_of_something_else_is_refused)
{
    const char *dir = new_folder();
    fab_err err;
    toy m, other;
    toy_open(&m, HIDDEN, 0.99f);
    save(&m, dir, "recipe-a");
    save(&m, dir, "recipe-a");
    CHECK(!load(&m, dir, "recipe-b", &err) && err.code == FAB_EUSAGE);
    CHECK_SAYS(err.text, "made by the recipe recipe-a, this one is recipe-b");
    toy_open(&other, 24, 0.99f);
    CHECK(!load(&other, dir, "recipe-a", &err));
    CHECK_SAYS(err.text, "param/fc1.weight: file F32 [16,8], this run F32 [24,8]");
    toy_close(&other);
    toy_open(&other, HIDDEN, 0);
    CHECK(!load(&other, dir, "recipe-a", &err));
    CHECK_SAYS(err.text, "in the file, not in this run");
    toy_close(&other);
    toy_open(&other, HIDDEN, 0.99f);
    other.w1->name = "fc9.weight";
    CHECK(!load(&other, dir, "recipe-a", &err));
    CHECK_SAYS(err.text, "param/fc9.weight: not in the file");
    toy_close(&other);
    toy_close(&m);
    remove_folder();
}

/* ---- event files ---- */

/* What tensorboard's own RecordWriter and Event message make of the same scalars. */
static const char golden_record[] =
    "\x2c\x00\x00\x00\x00\x00\x00\x00\xf4\xae\xcc\x45\x09\x00\x00\x10\x40\xfc\x54\xd9\x41\x10"
    "\xac\x02\x2a\x1e\x0a\x11\x0a\x0a\x74\x72\x61\x69\x6e\x2f\x6c\x6f\x73\x73\x15\x00\x00\xc0"
    "\x3f\x0a\x09\x0a\x02\x6c\x72\x15\x00\x00\x00\xc0\x0d\xce\xc0\x10";

TEST(event_bytes)
{
    CHECK(fab_crc32c("123456789", 9) == 0xe3069283u); /* RFC 3720 B.4's check value */
    fab_scalar s[] = { { "train/loss", 1.5 }, { "lr", -2 } };
    uint8_t event[128], record[144];
    size_t n = fab_event_scalars(event, sizeof event, 1700000000.25, 300, s, 2);
    CHECK_MSG(n + 16 == sizeof golden_record - 1, "%zu bytes, wanted %zu", n + 16,
              sizeof golden_record - 1);
    fab_tfrecord(record, event, n);
    CHECK(memcmp(record, golden_record, n + 16) == 0);
    for (size_t cap = 0; cap < n; cap++)
        CHECK(fab_event_scalars(event, cap, 1700000000.25, 300, s, 2) == 0);
}

static void write_steps(const char *dir, int64_t from, int64_t to, double value)
{
    fab_err err = FAB_ERR_INIT;
    fab_events *e = fab_events_open(dir, from, &err);
    CHECK_MSG(e, "%s", err.text);
    for (int64_t i = from; i < to; i++) {
        fab_scalar s[] = { { "train/loss", value / (double)(i + 1) },
                           { "val/exact", i % 5 ? NAN : 0.01 * (double)i } };
        CHECK_MSG(fab_events_write(e, i, s, 2, &err), "%s", err.text);
    }
    fab_events_close(e);
}

static void remove_events(const char *dir)
{
    char command[160];
    snprintf(command, sizeof command, "rm -f %s/events.out.tfevents.*.fabrica", dir);
    CHECK(system(command) == 0);
}

TEST(a_resume_drops_what_came_after_the_checkpoint)
{
    const char *dir = new_folder();
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    double *x, *y;
    int64_t n;
    write_steps(dir, 0, 700, 4);
    FILE *f = fopen(in_folder("metrics.jsonl"), "a");
    fputs("{\"step\": 700, \"train/lo", f); /* a kill in the middle of a line */
    fclose(f);
    CHECK(fab_metrics_read(in_folder("metrics.jsonl"), "train/loss", a, &x, &y, &n, &err) &&
          n == 700);
    write_steps(dir, 600, 610, 8);
    CHECK(fab_metrics_read(in_folder("metrics.jsonl"), "train/loss", a, &x, &y, &n, &err) &&
          n == 610);
    for (int64_t i = 0; i < n; i++) {
        CHECK(x[i] == (double)i);
        CHECK_NEAR(y[i], (i < 600 ? 4.0 : 8.0) / (double)(i + 1), 1e-8);
    }
    CHECK(fab_metrics_read(in_folder("metrics.jsonl"), "val/exact", a, &x, &y, &n, &err) &&
          n == 122);
    CHECK(fab_metrics_read(in_folder("metrics.jsonl"), "none", a, &x, &y, &n, &err) && n == 0);
    write_steps(dir, 0, 3, 1);
    CHECK(fab_metrics_read(in_folder("metrics.jsonl"), "train/loss", a, &x, &y, &n, &err) &&
          n == 3);
    fab_arena_free(a);
    remove_events(dir);
    remove_folder();
    CHECK(!fab_events_open("/proc/nowhere", 0, &err));
    CHECK_SAYS(err.text, "/proc/nowhere");
}

/* ---- curves and the live line ---- */

/* Pixels of exactly this colour in columns x0..x1. */
static int64_t count_colour(const fab_image *im, int x0, int x1, int r, int g, int b)
{
    int64_t n = 0;
    for (int y = 0; y < im->height; y++)
        for (int x = x0; x < x1; x++) {
            const uint8_t *p = im->rgb + 3 * ((size_t)y * (size_t)im->width + (size_t)x);
            n += abs(p[0] - r) <= 2 && abs(p[1] - g) <= 2 && abs(p[2] - b) <= 2;
        }
    return n;
}

TEST(curves_are_drawn)
{
    const char *dir = new_folder(), *const right[] = { "val/exact", NULL };
    fab_err err = FAB_ERR_INIT;
    write_steps(dir, 0, 1, 4);
    CHECK(fab_plot_run(dir, "none yet", right, &err) && !fab_exists(in_folder("curves.png")));
    write_steps(dir, 0, 200, 4);
    CHECK_MSG(fab_plot_run(dir, "toy", right, &err), "%s", err.text);
    fab_image_opts o = FAB_IMAGE_OPTS_DEFAULTS;
    o.trusted = true;
    fab_image *im = fab_image_open(in_folder("curves.png"), &o, &err);
    CHECK_MSG(im, "%s", err.text);
    CHECK(im->width == 960 && im->height == 560);
    CHECK(count_colour(im, 0, 960, 255, 255, 255) > 400000); /* mostly paper */
    int64_t loss = count_colour(im, 72, 888, 0, 114, 178),
            exact = count_colour(im, 72, 888, 213, 94, 0);
    CHECK_MSG(loss > 300 && exact > 300, "%lld pixels of loss, %lld of exact", (long long)loss,
              (long long)exact);
    CHECK(count_colour(im, 888, 960, 64, 64, 64) > 20); /* the right axis has numbers */
    fab_image_free(im);
    remove_events(dir);
    remove_folder();
}

TEST(a_plot_survives_odd_series)
{
    const char *dir = new_folder();
    (void)dir;
    fab_err err = FAB_ERR_INIT;
    double x[] = { 0, 1, 2 }, flat[] = { 3, 3, 3 }, bad[] = { NAN, INFINITY, 1e300 },
           tiny[] = { 1e-300, 0, -1e-300 };
    fab_series s[] = { { "flat", x, flat, 3, 0.9, false, true },
                       { "bad", x, bad, 3, 0, true, false },
                       { "tiny", x, tiny, 3, 0, false, false },
                       { "none", x, flat, 0, 0, false, false } };
    for (int i = 0; i < 4; i++)
        CHECK_MSG(fab_plot_write(in_folder("curves.png"), s + i, 1, &(fab_plot_opts){ 0 }, &err),
                  "%s", err.text);
    CHECK(fab_plot_write(in_folder("curves.png"), s, 4, &(fab_plot_opts){ .title = "t" }, &err));
    CHECK(
        !fab_plot_write(in_folder("curves.png"), s, 4, &(fab_plot_opts){ .width = 100000 }, &err));
    CHECK_SAYS(err.text, "100000 x 560");
    remove_folder();
}

TEST(the_live_view_averages_the_losses)
{
    fab_live l;
    const fab_scalar part = { "loss/qa", 4 };
    fab_live_sample now = {
        .loss = 2, .lr = 1e-3, .norm = 1, .pictures = 8, .tokens = 80, .parts = &part, .n_parts = 1
    };
    fab_live_init(&l, "toy", 100, 300, 1e9);
    l.later = 200;
    CHECK(fab_live_loss(&l) == 0 && fab_live_eta_s(&l) == 0);
    for (int i = 101; i <= 150; i++) fab_live_step(&l, i, &now);
    CHECK_NEAR(fab_live_loss(&l), 2, 1e-9);
    CHECK_NEAR(l.part[0].sum / l.part[0].weight, 4, 1e-9);
    now.loss = NAN;
    fab_live_step(&l, 151, &now);
    CHECK_NEAR(fab_live_loss(&l), 2, 1e-9);
    now.loss = 3;
    fab_live_step(&l, 152, &now);
    CHECK(fab_live_loss(&l) > 2.01 && fab_live_loss(&l) < 2.05);
    CHECK(l.pictures == 52 * 8 && l.tokens == 52 * 80 && fab_live_eta_s(&l) > 0);
    fab_live_clear(&l);
}

TEST_MAIN
