/* Tests of the mini itself: shapes, what sees what, embeddings, gradients end to end, learning
 * by heart, and the model file: what a round trip keeps and the sentence for everything in a
 * file that cannot be. */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "engine/engine.h"
#include "format/weights.h"
#include "tiny.h"
#include "train/optim.h"
#include "zoo/source.h"

enum { S = 32, G = 2, P = 1, D = 16, T = 32, V = 288, LABELS = 3, CLASSES = 4, E = 8 };

static const fab_mini_config config = {
    .image_size = S,
    .widths = { 8, 8, D },
    .depths = { 1, 1, 1 },
    .vit_layers = 1,
    .vit_heads = 2,
    .labels = LABELS,
    .classes = CLASSES,
    .embed = E,
    .text = { .dim = T,
              .ffn = 64,
              .vocab = V,
              .layers = 1,
              .heads = 2,
              .kv_heads = 1,
              .tied = true },
};

/* ---- a model, a context and their memory ----------------------------------------------------- */

static fab_arena *home, *work;
static fab_mini *mini;
static fab_ctx ctx;
static fab_err err;

static fab_tower_kind tower; /* of the models that setup makes */

/* Checks that hold for a mini with any tower. */
#define TEST_TOWERS(name)                                                                          \
    static void name(void);                                                                        \
    TEST(name)                                                                                     \
    {                                                                                              \
        for (int t = 0; t < FAB_TOWERS; t++) {                                                     \
            tower = (fab_tower_kind)t;                                                             \
            name();                                                                                \
        }                                                                                          \
        tower = FAB_TOWER_RESIDUAL;                                                                \
    }                                                                                              \
    static void name(void)

static fab_mini_config config_of(fab_tower_kind kind)
{
    fab_mini_config c = config;
    c.tower = kind;
    if (kind == FAB_TOWER_LITE0) {
        memset(c.widths, 0, sizeof c.widths);
        memset(c.depths, 0, sizeof c.depths);
        c.width = D;
        c.still_trunk = true;
        c.trunk = (fab_lite0_config){ { 8, 4, 4, 6, 8, 10, 8, 12 }, { 1, 2, 1, 1, 1, 1, 1 } };
    }
    return c;
}

/* A fresh model and an empty context, f32 all through. */
static void setup(bool train)
{
    const fab_mini_config cfg = config_of(tower);
    fab_arena_free(home);
    fab_arena_free(work);
    err = (fab_err)FAB_ERR_INIT;
    home = fab_arena_new(0, &err);
    work = fab_arena_new(0, &err);
    mini = tiny_mini(home, &cfg, 11, train, &err);
    CHECK_MSG(mini && work, "%s", err.text);
    fab_ctx_init(&ctx, work, NULL);
    ctx.record = train;
}

#define CHECK_CTX(x) CHECK_MSG((x) && !ctx.err.code, "%s", ctx.err.text)

static fab_tensor *noise(uint64_t seed, int64_t n)
{
    fab_rng r;
    fab_rng_init(&r, seed);
    fab_tensor *x = fab_tensor_new(&ctx, FAB_F32, FAB_SHAPE(n, S, S, 3));
    for (int64_t i = 0; x && i < fab_count(x); i++) fab_f32(x)[i] = 2 * fab_rng_uniform(&r) - 1;
    return x;
}

static fab_tensor *i32s(const int32_t *v, int64_t n, int64_t len)
{
    fab_tensor *t = fab_tensor_new(&ctx, FAB_I32, len ? FAB_SHAPE(n, len) : FAB_SHAPE(n));
    if (t) memcpy(t->data, v, (size_t)fab_count(t) * sizeof *v);
    return t;
}

static bool shaped(const fab_tensor *t, int ndim, int64_t a, int64_t b, int64_t c)
{
    return t && t->ndim == ndim && t->shape[0] == a && (ndim < 2 || t->shape[1] == b) &&
           (ndim < 3 || t->shape[2] == c);
}

/* Largest difference of n numbers. */
static double apart(const float *a, const float *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static double largest(const float *a, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i]));
    return most;
}

/* ---- forward --------------------------------------------------------------------------------- */

TEST_TOWERS(shapes)
{
    setup(false);
    const int32_t ids[] = { FAB_MINI_Q, 20,         FAB_MINI_A, FAB_MINI_Q, 21,
                            FAB_MINI_A, FAB_MINI_Q, 22,         FAB_MINI_A };
    const int32_t rows[] = { 0, 8 };
    CHECK(fab_mini_grid(&config) == G && fab_mini_tokens(&config) == P);
    fab_mini_view v = fab_mini_look(&ctx, mini, noise(1, 3), 0);
    CHECK_CTX(v.tokens);
    CHECK(shaped(v.grid, 3, 3, G * G, D) && shaped(v.tokens, 3, 3, P, T) &&
          shaped(v.mean, 2, 3, D, 0));
    CHECK(shaped(fab_mini_image_embed(&ctx, mini, &v), 2, 3, E, 0));
    CHECK(shaped(fab_mini_dense(&ctx, mini, &v), 2, 3 * G * G, LABELS, 0));
    CHECK(shaped(fab_mini_class(&ctx, mini, &v), 2, 3, CLASSES, 0));
    fab_tensor *h = fab_mini_read(&ctx, mini, v.tokens, i32s(ids, 3, 3), NULL, NULL, 0);
    CHECK_CTX(h);
    CHECK(shaped(h, 3, 3, P + 3, T) &&
          shaped(fab_mini_logits(&ctx, mini, h, NULL), 2, 3 * (P + 3), V, 0));
    h = fab_mini_read(&ctx, mini, NULL, i32s(ids, 3, 3), NULL, NULL, 0);
    CHECK(shaped(h, 3, 3, 3, T) &&
          shaped(fab_mini_logits(&ctx, mini, h, i32s(rows, 2, 0)), 2, 2, V, 0));
    CHECK_CTX(h);
}

TEST_TOWERS(wrong_pictures_are_refused)
{
    setup(false);
    CHECK(!fab_mini_look(&ctx, mini, fab_tensor_zeros(&ctx, FAB_SHAPE(1, 64, 64, 3)), 0).tokens);
    CHECK(ctx.err.code != FAB_OK);
    setup(false);
    CHECK(!fab_mini_look(&ctx, mini, NULL, 0).tokens && ctx.err.code != FAB_OK);
    CHECK(!fab_mini_read(&ctx, mini, NULL, NULL, NULL, NULL, 0) &&
          !fab_mini_text_embed(&ctx, mini, NULL, NULL, 0));
}

/* A picture among others, and alone, looks the same; so does a blank one. */
TEST_TOWERS(batch_of_one_is_a_row_of_a_batch)
{
    setup(false);
    fab_tensor *three = noise(2, 3);
    CHECK_CTX(three);
    int64_t size = S * S * 3;
    memset(fab_f32(three) + size, 0, (size_t)size * sizeof(float));
    fab_mini_view all = fab_mini_look(&ctx, mini, three, 0);
    CHECK_CTX(all.tokens);
    for (int64_t i = 0; i < 3; i++) {
        fab_tensor *one =
            fab_tensor_from(&ctx, FAB_F32, FAB_SHAPE(1, S, S, 3), fab_f32(three) + i * size);
        fab_mini_view v = fab_mini_look(&ctx, mini, one, 0);
        CHECK_CTX(v.tokens);
        CHECK_NEAR(apart(fab_f32(v.grid), fab_f32(all.grid) + i * G * G * D, G * G * D), 0, 1e-5);
        CHECK_NEAR(apart(fab_f32(v.tokens), fab_f32(all.tokens) + i * P * T, P * T), 0, 1e-5);
        CHECK_NEAR(apart(fab_f32(v.mean), fab_f32(all.mean) + i * D, D), 0, 1e-5);
    }
    CHECK(apart(fab_f32(all.tokens), fab_f32(all.tokens) + P * T, P * T) >
          1e-3); /* pictures matter */
}

/* ---- what sees what -------------------------------------------------------------------------- */

enum { LEN = 6, ROWS = P + LEN };

/* Logits [ROWS,V] of <q> w w <a> a a behind the image token; prefix 0: causal. */
static const float *logits_of(int32_t question, int32_t answer, int32_t prefix, float picture)
{
    const int32_t ids[LEN] = { FAB_MINI_Q, 30, question, FAB_MINI_A, answer, 50 };
    fab_tensor *image = fab_tensor_zeros(&ctx, FAB_SHAPE(1, P, T));
    for (int64_t i = 0; image && i < P * T; i++)
        fab_f32(image)[i] = picture * (i % 2 ? 1.0f : -1.0f);
    fab_tensor *h = fab_mini_read(&ctx, mini, image, i32s(ids, 1, LEN),
                                  prefix ? i32s(&prefix, 1, 0) : NULL, NULL, 0);
    fab_tensor *y = fab_mini_logits(&ctx, mini, h, NULL);
    CHECK_CTX(y);
    return fab_f32(y);
}

static bool same_row(const float *a, const float *b, int row)
{
    return !memcmp(a + row * V, b + row * V, V * sizeof *a);
}

TEST(prefix_mask)
{
    setup(false);
    const int32_t prefix = P + 4; /* picture, <q>, two words, <a> */
    const float *base = logits_of(40, 45, prefix, 0.1f);
    const float *answer = logits_of(40, 46, prefix, 0.1f),
                *question = logits_of(41, 45, prefix, 0.1f);
    const float *picture = logits_of(40, 45, prefix, 0.2f);
    for (int i = 0; i < ROWS; i++) {
        CHECK_MSG(same_row(base, answer, i) == (i < P + 4), "an answer's token and position %d", i);
        CHECK_MSG(!same_row(base, question, i), "a question's token does not reach position %d", i);
        CHECK_MSG(!same_row(base, picture, i), "the picture does not reach position %d", i);
    }
    base = logits_of(40, 45, 0, 0.1f);
    question = logits_of(41, 45, 0, 0.1f);
    for (int i = 0; i < ROWS; i++)
        CHECK_MSG(same_row(base, question, i) == (i < P + 2), "causal: position %d", i);
}

/* The prompt into a cache, then the answer token by token: the logits of the whole sequence. */
TEST(cache_is_the_whole_sequence)
{
    setup(false);
    const int32_t prompt[] = { FAB_MINI_Q, 30, 40, FAB_MINI_A }, answer[] = { 45, 50 },
                  prefix = P + 4;
    const float *whole = logits_of(40, 45, prefix, 0.1f);
    fab_kv kv;
    CHECK(fab_llama_kv(&mini->text, &kv, home, 1, ROWS, &err));
    fab_tensor *image = fab_tensor_zeros(&ctx, FAB_SHAPE(1, P, T));
    CHECK_CTX(image);
    for (int64_t i = 0; i < P * T; i++) fab_f32(image)[i] = i % 2 ? 0.1f : -0.1f;
    fab_tensor *h =
        fab_mini_read(&ctx, mini, image, i32s(prompt, 1, 4), i32s(&prefix, 1, 0), &kv, 0);
    fab_tensor *y = fab_mini_logits(&ctx, mini, h, NULL);
    CHECK_CTX(y);
    CHECK_NEAR(apart(fab_f32(y), whole, (P + 4) * V), 0, 1e-5);
    for (int i = 0; i < 2; i++) {
        h = fab_mini_read(&ctx, mini, NULL, i32s(answer + i, 1, 1), NULL, &kv, 0);
        y = fab_mini_logits(&ctx, mini, h, NULL);
        CHECK_CTX(y);
        CHECK_NEAR(apart(fab_f32(y), whole + (P + 4 + i) * V, V), 0, 1e-5);
    }
}

TEST(text_embedding)
{
    setup(false);
    enum { PAD = FAB_MINI_PAD, EMB = FAB_MINI_EMB };
    const int32_t ids[] = { 30, 31, 32, EMB, 30, EMB, PAD, PAD, 30, EMB, 99, 99 },
                  last[] = { 3, 1, 1 };
    fab_tensor *y = fab_mini_text_embed(&ctx, mini, i32s(ids, 3, 4), i32s(last, 3, 0), 0);
    CHECK_CTX(y);
    CHECK(shaped(y, 2, 3, E, 0));
    for (int n = 0; n < 3; n++) {
        double sum = 0;
        for (int i = 0; i < E; i++)
            sum += (double)fab_f32(y)[n * E + i] * (double)fab_f32(y)[n * E + i];
        CHECK_NEAR(sum, 1, 1e-5);
    }
    CHECK(apart(fab_f32(y), fab_f32(y) + E, E) > 1e-3);
    CHECK_NEAR(apart(fab_f32(y) + E, fab_f32(y) + 2 * E, E), 0,
               0); /* what follows <emb> is not seen */
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* A sum of all losses that training has, on two pictures. */
static fab_tensor *every_loss(void)
{
    enum { Q = FAB_MINI_Q, A = FAB_MINI_A, EOS = FAB_MINI_EOS };
    const int32_t ids[] = { Q, 30, A, 40, EOS, Q, 31, A, 41, EOS }, prefix[] = { P + 3, P + 3 };
    const int32_t at[] = { P + 2, P + 3, P + 5 + P + 2, P + 5 + P + 3 },
                  want[] = { 40, EOS, 41, EOS };
    const int32_t words[] = { 50, FAB_MINI_EMB, 51, FAB_MINI_EMB }, last[] = { 1, 1 };
    fab_mini_view v = fab_mini_look(&ctx, mini, noise(3, 2), 0);
    fab_tensor *h =
        fab_mini_read(&ctx, mini, v.tokens, i32s(ids, 2, 5), i32s(prefix, 2, 0), NULL, 0);
    fab_tensor *y = fab_mini_logits(&ctx, mini, h, i32s(at, 4, 0));
    fab_tensor *loss = fab_xent(&ctx, y, i32s(want, 4, 0), NULL, (fab_xent_opts){ 0 });
    fab_tensor *text = fab_mini_text_embed(&ctx, mini, i32s(words, 2, 2), i32s(last, 2, 0), 0);
    loss = fab_add(&ctx, loss,
                   fab_infonce(&ctx, fab_mini_image_embed(&ctx, mini, &v), text, mini->logit_scale,
                               NULL));
    fab_tensor *dense = fab_tensor_zeros(&ctx, FAB_SHAPE(2 * G * G, LABELS)),
               *classes = fab_tensor_zeros(&ctx, FAB_SHAPE(2, CLASSES));
    loss = fab_add(&ctx, loss, fab_bce(&ctx, fab_mini_dense(&ctx, mini, &v), dense));
    return fab_add(&ctx, loss, fab_bce(&ctx, fab_mini_class(&ctx, mini, &v), classes));
}

static void move_along(const float *g, double by)
{
    for (int64_t i = 0, k = 0; i < mini->list.n; i++)
        for (int64_t j = 0; j < fab_count(mini->list.items[i]); j++)
            fab_f32(mini->list.items[i])[j] += (float)(by * g[k++]);
}

/* Fresh biases are 0, and behind dead channels relu6 then sits exactly in its corner, where the two
 * sides have two slopes: they are moved away. */
static void leave_corners(void)
{
    fab_rng r;
    fab_rng_init(&r, 3);
    for (int64_t i = 0; i < mini->list.n; i++) {
        float *v = fab_f32(mini->list.items[i]);
        int64_t n = fab_count(mini->list.items[i]);
        bool fresh = largest(v, n) == 0;
        for (int64_t j = 0; fresh && j < n; j++) v[j] = 0.2f * fab_rng_uniform(&r) - 0.1f;
    }
}

/* Every parameter learns, and along its gradient the loss falls as fast as the gradient says. */
TEST_TOWERS(gradients)
{
    setup(true);
    leave_corners();
    fab_tensor *loss = every_loss();
    CHECK_CTX(loss);
    CHECK_CTX(fab_backward(&ctx, loss, 1));
    int64_t n = 0;
    double squares = 0;
    for (int64_t i = 0; i < mini->list.n; i++) n += fab_count(mini->list.items[i]);
    float *g = fab_arena_take(home, (size_t)n * sizeof *g, &err);
    CHECK(g);
    for (int64_t i = 0, k = 0; i < mini->list.n; i++) {
        const fab_tensor *t = mini->list.items[i];
        CHECK_MSG(largest(t->grad, fab_count(t)) > 0, "%s gets no gradient", t->name);
        for (int64_t j = 0; j < fab_count(t); j++, k++)
            squares += (double)t->grad[j] * (double)t->grad[j], g[k] = t->grad[j];
    }
    double norm = sqrt(squares), step = 2e-4 / norm, value[2];
    ctx.record = false;
    for (int side = 0; side < 2; side++) {
        move_along(g, side ? -2 * step : step);
        loss = every_loss();
        CHECK_CTX(loss);
        value[side] = (double)*fab_f32(loss);
    }
    CHECK_NEAR((value[0] - value[1]) / (2 * step * norm) / norm, 1, 1e-3);
}

/* ---- learning by heart ----------------------------------------------------------------------- */

/* Four pictures, two questions each: which side is bright, which colour it has. No question and
 * no picture alone tells the answer. */
enum { PAIRS = 8, SEQ = 5 };

static void draw(float *x, bool right, bool red)
{
    for (int i = 0; i < S * S; i++) {
        bool lit = (i % S >= S / 2) == right;
        for (int c = 0; c < 3; c++) x[3 * i + c] = lit && (c == 0) == red ? 0.9f : -0.9f;
    }
}

static int32_t answer_of(int pair)
{
    return pair % 2 ? (pair & 4 ? 60 : 61) : (pair & 2 ? 62 : 63); /* colour or side */
}

/* Logits [PAIRS * n, V] at the n positions from <a> on. */
static fab_tensor *ask_all(int n)
{
    int32_t ids[PAIRS][SEQ], prefix[PAIRS], at[PAIRS * 2];
    fab_tensor *x = fab_tensor_new(&ctx, FAB_F32, FAB_SHAPE(PAIRS, S, S, 3));
    for (int i = 0; x && i < PAIRS; i++) {
        draw(fab_f32(x) + (int64_t)i * S * S * 3, i & 2, i & 4);
        const int32_t row[SEQ] = { FAB_MINI_Q, i % 2 ? 70 : 71, FAB_MINI_A, answer_of(i),
                                   FAB_MINI_EOS };
        memcpy(ids[i], row, sizeof row);
        prefix[i] = P + 3;
        for (int j = 0; j < n; j++) at[i * n + j] = i * (P + SEQ) + P + 2 + j;
    }
    fab_mini_view v = fab_mini_look(&ctx, mini, x, 0);
    fab_tensor *h = fab_mini_read(&ctx, mini, v.tokens, i32s(ids[0], PAIRS, SEQ),
                                  i32s(prefix, PAIRS, 0), NULL, 0);
    return fab_mini_logits(&ctx, mini, h, i32s(at, PAIRS * n, 0));
}

static int right_answers(void)
{
    int right = 0;
    ctx.record = false;
    fab_tensor *y = ask_all(2);
    CHECK_CTX(y);
    for (int i = 0; i < PAIRS; i++) {
        const float *row = fab_f32(y) + (int64_t)i * 2 * V;
        right += fab_sample_token(row, V, (fab_sample_opts){ 0 }, NULL) == answer_of(i) &&
                 fab_sample_token(row + V, V, (fab_sample_opts){ 0 }, NULL) == FAB_MINI_EOS;
    }
    ctx.record = true;
    return right;
}

TEST_TOWERS(learns_by_heart)
{
    setup(true);
    fab_optim o;
    const fab_optim_opts opts = { .beta1 = 0.9f, .beta2 = 0.98f, .eps = 1e-8f, .clip = 1 };
    CHECK(fab_optim_init(&o, home, &mini->list, &opts, &err));
    int32_t want[PAIRS * 2];
    for (int i = 0; i < PAIRS; i++) want[2 * i] = answer_of(i), want[2 * i + 1] = FAB_MINI_EOS;
    CHECK(right_answers() < PAIRS / 2);
    int right = 0;
    for (int step = 0; step < 300 && right < PAIRS; step++) {
        fab_ctx_reset(&ctx);
        fab_tensor *loss =
            fab_xent(&ctx, ask_all(2), i32s(want, PAIRS * 2, 0), NULL, (fab_xent_opts){ 0 });
        CHECK_CTX(loss);
        CHECK_CTX(fab_backward(&ctx, loss, 1));
        CHECK(fab_optim_step(&o, ctx.k, NULL, 5e-3));
        fab_ctx_reset(&ctx);
        if (step % 10 == 9) right = right_answers();
    }
    CHECK_MSG(right == PAIRS, "%d of %d answers are right after 300 steps", right, PAIRS);
}

/* ---- the model file -------------------------------------------------------------------------- */

static char folder[64], path[96];

static void in_folder(void)
{
    setup(false);
    if (*folder) return;
    strcpy(folder, "/tmp/fab-mini-XXXXXX");
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.gguf", folder);
}

__attribute__((destructor)) static void forget(void)
{
    if (!*folder) return;
    unlink(path);
    rmdir(folder);
}

static void save(const fab_mini_save_opts *o)
{
    fab_bpe *bpe = tiny_bpe(NULL, 280, &err);
    bool ok = bpe && fab_mini_save(path, mini, bpe, o, &err);
    fab_bpe_free(bpe);
    CHECK_MSG(ok, "%s", err.text);
}

static const float *answer_logits(const fab_mini *m)
{
    const int32_t ids[] = { FAB_MINI_Q, 30, 31, FAB_MINI_A }, prefix = P + 4;
    fab_mini_view v = fab_mini_look(&ctx, m, noise(5, 1), 0);
    fab_tensor *h = fab_mini_read(&ctx, m, v.tokens, i32s(ids, 1, 4), i32s(&prefix, 1, 0), NULL, 0);
    fab_tensor *y = fab_mini_logits(&ctx, m, h, NULL);
    CHECK_CTX(y);
    return fab_f32(y);
}

/* Tolerances are shares of the largest logit. An opened model multiplies in bf16 whatever its file
 * holds: 8 bits. */
TEST_TOWERS(round_trip)
{
    static const struct {
        fab_dtype dtype;
        double within;
    } rows[] = { { FAB_F32, 0.02 }, { FAB_F16, 0.02 }, { FAB_BF16, 0.02 }, { FAB_Q8_0, 0.04 } };
    in_folder();
    const float *before = answer_logits(mini);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        save(&(fab_mini_save_opts){ .dtype = rows[r].dtype, .name = "t", .version = "2" });
        fab_mini_file *f = fab_mini_open(path, NULL, &err);
        CHECK_MSG(f, "%s", err.text);
        CHECK(!memcmp(&f->model->cfg, &mini->cfg, sizeof mini->cfg) &&
              f->model->list.n == mini->list.n);
        const float *after = answer_logits(f->model);
        double off = apart(before, after, (P + 4) * V) / largest(before, (P + 4) * V);
        fab_mini_close(f);
        CHECK_MSG(off < rows[r].within, "%s: logits are off by %.2f %%",
                  fab_dtype_name(rows[r].dtype), 100 * off);
    }
}

TEST_TOWERS(f32_is_kept_bit_for_bit)
{
    in_folder();
    save(&(fab_mini_save_opts){ .dtype = FAB_F32 });
    fab_weights *w = fab_weights_open(path, &err);
    CHECK_MSG(w && fab_weights_count(w) == mini->list.n, "%s", err.text);
    for (int64_t i = 0; i < mini->list.n; i++) {
        const fab_tensor *t = mini->list.items[i];
        const fab_weight *e = fab_weights_find(w, t->name, &err);
        CHECK_MSG(e && e->dtype == FAB_F32 && e->bytes == (uint64_t)fab_count(t) * 4 &&
                      !memcmp(e->data, t->data, e->bytes),
                  "%s is not what was saved", t->name);
    }
    fab_mini *again = fab_mini_new(home, &mini->cfg, &err);
    CHECK(again);
    const fab_param_source source = fab_source_weights(w);
    fab_params p = fab_params_load(home, &again->list, &source);
    p.train = true; /* plain f32, nothing packed */
    fab_mini_params(&p, again);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    CHECK(!memcmp(answer_logits(mini), answer_logits(again), (P + 4) * V * sizeof(float)));
    fab_weights_close(w);
}

/* Everything besides weights. */
TEST(what_a_file_tells)
{
    in_folder();
    float rows[2 * 20];
    for (int i = 0; i < 40; i++) rows[i] = (float)i - 7;
    save(&(fab_mini_save_opts){ .temperature = 1.5f,
                                .gate_n = 2,
                                .gate_dim = 20,
                                .gate_mean = rows,
                                .gate_ivar = rows,
                                .gate_limit = 3,
                                .name = "小模型小模型小模型小模型",
                                .version = "1.2",
                                .card = "{}",
                                .question_only = "[]" });
    fab_mini_file *f = fab_mini_open(path, NULL, &err);
    CHECK_MSG(f, "%s", err.text);
    CHECK(f->temperature == 1.5f && f->gate_n == 2 && f->gate_dim == 20 && f->gate_limit == 3 &&
          f->gate_mean[39] == 32);
    CHECK_STR(f->card, "{}");
    CHECK_STR(f->question_only, "[]");
    CHECK(!strncmp(f->id, "小模型小模型小模型小-1.2-", 35) &&
          strlen(f->id) == 35 + 12); /* cut between characters */
    CHECK(!strncmp(f->id + 35, f->sha256, 12) && strlen(f->sha256) == 64);
    CHECK(fab_bpe_id(f->bpe, "<emb>") == FAB_MINI_EMB);
    fab_mini_close(f);
    save(&(fab_mini_save_opts){ 0 });
    f = fab_mini_open(path, NULL, &err);
    CHECK_MSG(f, "%s", err.text);
    CHECK(f->temperature == 1 && f->gate_n == 0);
    CHECK_STR(f->card, "");
    CHECK(!strncmp(f->id, "mini-0-", 7));
    fab_mini_close(f);
}

/* Opening the file at path fails and says so, naming the file. */
static void refused(const char *what, const char *says)
{
    fab_err e = FAB_ERR_INIT;
    fab_mini_file *f = fab_mini_open(path, NULL, &e);
    fab_mini_close(f);
    CHECK_MSG(!f, "%s: the file was taken", what);
    CHECK_MSG(strstr(e.text, says) && !strncmp(e.text, path, strlen(path)),
              "%s: '%s' does not say '%s'", what, e.text, says);
}

TEST(bad_options)
{
    static const float rows[20] = { 1 }, broken[20] = { 1, NAN };
    const fab_mini_save_opts good = {
        .gate_n = 1, .gate_dim = 20, .gate_mean = rows, .gate_ivar = rows, .gate_limit = 1
    };
    fab_mini_save_opts o = good;
    in_folder();
    o.temperature = 2000;
    save(&o);
    refused("temperature", "fabrica.calibration.temperature: 2000 is not in (0,1000)");
    o = good, o.gate_dim = 10;
    save(&o);
    refused("gate width", "fabrica.gate.dim: 10, the tower's width alone is 16");
    o = good, o.gate_limit = -1;
    save(&o);
    refused("gate limit", "fabrica.gate.limit: -1 is not above 0");
    o = good, o.gate_ivar = broken;
    save(&o);
    refused("gate rows", "fabrica.gate.ivar: number 1 is not finite");
    o = good, o.name = "a\xff";
    save(&o);
    refused("name", "general.name: text is not UTF-8 at byte 1");
}

/* A gate that this program's features cannot use is no reason to go without one. */
TEST(gate_of_other_features)
{
    static const float rows[20] = { 1 };
    in_folder();
    save(&(fab_mini_save_opts){
        .gate_n = 1, .gate_dim = 20, .gate_mean = rows, .gate_ivar = rows, .gate_limit = 1 });
    fab_engine *e = fab_engine_open(path, NULL, &err);
    fab_engine_close(e);
    CHECK(!e);
    CHECK_SAYS(err.text, "fabrica.gate.dim: 20, 80 features are measured");
}

/* The settings in a file and its tensors must agree. */
TEST(bad_towers)
{
    tower = FAB_TOWER_LITE0;
    in_folder();
    const fab_mini_config good = mini->cfg;
    static const struct {
        int group, width, depth;
        const char *says;
    } rows[] = {
        { 3, 7, 1, "tower.trunk.blocks.3.project.weight: file [6,24,1,1], model [7,24,1,1]" },
        { 3, 0, 1, "trunk: width 3 is 0, 1 to 4096 are possible" },
        { 3, 6, 65, "trunk: depth 2 is 65, 1 to 64 are possible" },
        { 3, 6, 2, "tower.trunk.blocks.4.depthwise.weight: file [36,1,3,3], model [36,1,5,5]" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mini->cfg.trunk.widths[rows[i].group] = rows[i].width;
        mini->cfg.trunk.depths[rows[i].group - 1] = rows[i].depth;
        save(&(fab_mini_save_opts){ 0 });
        refused("trunk", rows[i].says);
        mini->cfg = good;
    }
    mini->cfg.still_trunk = false;
    save(&(fab_mini_save_opts){ 0 });
    refused("still_trunk", "class_head.weight: file [");
    mini->cfg = good;
    mini->cfg.width = 0;
    save(&(fab_mini_save_opts){ 0 });
    refused("width", "the tower's width is 0, 1 to 4096 are possible");
    mini->cfg.width = 4;
    save(&(fab_mini_save_opts){ 0 });
    refused("width", "tower.fine.weight: file [16,10], model [4,10]");
    tower = FAB_TOWER_RESIDUAL;
}

TEST(bad_weights)
{
    in_folder();
    fab_f32(mini->logit_scale)[0] = NAN;
    save(&(fab_mini_save_opts){ 0 });
    refused("NaN", "logit_scale");
    fab_f32(mini->logit_scale)[0] = 1;
    fab_f32(mini->text.embed)[5] = 1e6f; /* above the largest half */
    save(&(fab_mini_save_opts){ .dtype = FAB_F16 });
    refused("infinity", "text.model.embed_tokens.weight");
}

TEST(bad_tokenizers)
{
    static const char *const swapped[FAB_MINI_SPECIALS] = {
        "<pad>", "<bos>", "<eos>", "<a>", "<q>", "<cap_en>", "<cap_zh>", "<emb>"
    };
    static const char *const missing[FAB_MINI_SPECIALS] = {
        "<pad>", "<bos>", "<eos>", "<q>", "<a>", "<cap_en>", "<cap_zh>", "<end>"
    };
    const struct {
        const char *const *specials;
        int vocab;
        const char *says;
    } rows[] = { { NULL, V + 5, "tokenizer has 293 tokens, the decoder 288" },
                 { swapped, 280, "tokenizer: '<q>' is token 4, 3 needed" },
                 { missing, 280, "tokenizer: '<emb>' is token -1, 7 needed" } };
    in_folder();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fab_bpe *b = tiny_bpe(rows[i].specials, rows[i].vocab, &err);
        bool ok = b && fab_mini_save(path, mini, b, &(fab_mini_save_opts){ 0 }, &err);
        fab_bpe_free(b);
        CHECK_MSG(ok, "%s", err.text);
        refused("tokenizer", rows[i].says);
    }
}

/* ---- patched bytes --------------------------------------------------------------------------- */

static uint8_t *bytes;
static size_t size;

static void saved_bytes(void)
{
    fab_file f;
    in_folder();
    save(&(fab_mini_save_opts){ 0 });
    CHECK(fab_file_map(&f, path, 0, &err));
    bytes = fab_arena_take(home, f.size, &err);
    CHECK(bytes);
    memcpy(bytes, f.data, size = f.size);
    fab_file_unmap(&f);
}

static uint8_t *find(const char *words)
{
    size_t n = strlen(words);
    for (size_t i = 0; i + n <= size; i++)
        if (!memcmp(bytes + i, words, n)) return bytes + i;
    CHECK_MSG(false, "%s is not in the file", words);
    return NULL;
}

/* Behind a key stand its type (4 bytes) and its value. */
static uint8_t *value_of(const char *key) { return find(key) + strlen(key) + 4; }

static const char *const numbers[] = {
    "fabrica-mini.image_size",
    "fabrica-mini.vit_layers",
    "fabrica-mini.vit_heads",
    "fabrica-mini.labels",
    "fabrica-mini.classes",
    "fabrica-mini.embed",
    "fabrica-mini.block_count",
    "fabrica-mini.embedding_length",
    "fabrica-mini.feed_forward_length",
    "fabrica-mini.vocab_size",
    "fabrica-mini.attention.head_count",
    "fabrica-mini.attention.head_count_kv",
};

TEST(metadata_that_disagrees)
{
    static const struct {
        const char *key;
        uint32_t v;
        const char *says;
    } rows[] = {
        { "fabrica-mini.image_size", 33, "image size 33 is no multiple of 32" },
        { "fabrica-mini.image_size", 64, "tower.pos: file [4,16], model [16,16]" },
        { "fabrica-mini.vit_layers", 65, "65 transformer blocks" },
        { "fabrica-mini.vit_layers", 0, "16 parameters do not fit: tower.vit.0" },
        { "fabrica-mini.vit_heads", 3, "3 heads do not divide width 16" },
        { "fabrica-mini.classes", 0, "class_head.weight: not in the model" },
        { "fabrica-mini.labels", 5, "dense_head.weight: file [3,16], model [5,16]" },
        { "fabrica-mini.embed", 9, "image_projection.weight: file [8,16], model [9,16]" },
        { "fabrica-mini.embed", 1u << 30, "fabrica-mini.embed: 1073741824 is out of range" },
        { "fabrica-mini.block_count", 2, "text.model.layers.1." },
        { "fabrica-mini.embedding_length", 48, "projector.0.weight: file [32,16], model [48,16]" },
        { "fabrica-mini.feed_forward_length", 0, "ffn 0" },
        { "fabrica-mini.vocab_size", 284,
          "text.model.embed_tokens.weight: file [288,32], model [284,32]" },
        { "fabrica-mini.attention.head_count", 5, "5 heads, 1 key heads, width 32 do not divide" },
        { "fabrica-mini.attention.head_count_kv", 2, "k_proj.weight: file [16,32], model [32,32]" },
    };
    saved_bytes();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t *v = value_of(rows[i].key);
        uint32_t old = fab_le32(v);
        fab_put_le32(v, rows[i].v);
        CHECK(fab_file_write(path, bytes, size, &err));
        fab_put_le32(v, old);
        refused(rows[i].key, rows[i].says);
    }
}

/* Any number anywhere in the decoder's keys is taken or refused in words. */
TEST(metadata_of_any_value)
{
    static const uint32_t values[] = { 0, 1, 2, 3, 31, 1u << 24, 0x7fffffff, 0xffffffff };
    saved_bytes();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            uint8_t *v = value_of(numbers[i]);
            uint32_t old = fab_le32(v);
            fab_err e = FAB_ERR_INIT;
            fab_put_le32(v, values[k]);
            CHECK(fab_file_write(path, bytes, size, &err));
            fab_put_le32(v, old);
            fab_mini_file *f = fab_mini_open(path, NULL, &e);
            bool sound = f ? !e.code : e.code && *e.text;
            fab_mini_close(f);
            CHECK_MSG(sound, "%s = %lu", numbers[i], (unsigned long)values[k]);
        }
}

TEST(names_that_disagree)
{
    saved_bytes();
    find("fabrica-mini")[8] = 'x'; /* the first is the architecture's value */
    CHECK(fab_file_write(path, bytes, size, &err));
    refused("architecture", "architecture 'fabrica-xini', this loader reads 'fabrica-mini'");
    saved_bytes();
    find("logit_scale")[0] = 'L';
    CHECK(fab_file_write(path, bytes, size, &err));
    refused("tensor's name", "logit_scale: not in the file");
    saved_bytes();
    find("fabrica-mini.embed")[17] = 'D';
    CHECK(fab_file_write(path, bytes, size, &err));
    refused("key's name", "key fabrica-mini.embed: not in the file");
}

TEST(truncated_files)
{
    saved_bytes();
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : size / 37) {
        fab_err e = FAB_ERR_INIT;
        CHECK(fab_file_write(path, bytes, cut, &err));
        fab_mini_file *f = fab_mini_open(path, NULL, &e);
        fab_mini_close(f);
        CHECK_MSG(!f && e.code && *e.text, "the first %zu of %zu bytes were taken", cut, size);
    }
    CHECK(fab_file_write(path, bytes, size - 1, &err));
    refused("last byte", "bytes at offset");
}

TEST_MAIN
