/* test_ops: derived from ops.def. Every row, at each of its small samples, is
 *
 *   gradient   compared with central differences of a random projection of the output
 *   isa        compared with plain C on every instruction set that runs here, forward and gradients
 *   threads    run on 1 and 3 threads, bit for bit
 *   oom        run with each allocation failing in turn: NULL and a message, never a crash
 *   null       given NULL for each required input
 *
 * followed by golden values where a formula is subtle. Tolerances are the table below, fixed before
 * the results.
 */
#include <math.h>
#include "tensor/tensor.h"
#include "test.h"

/* Relative to 1 + |largest value| of what is compared. The gradient's: f32 passes, differences of
 * step 1e-2, so truncation h^2 f'''/6 and rounding 1e-7/h. The isas': other orders, another exp. */
static const struct {
    double gradient, isa;
} tolerance = { 2e-3, 2e-5 };
#define STEP 1e-2f

/* ---- a sample's inputs ----------------------------------------------------------------------- */
typedef struct {
    fab_arena *arena; /* inputs live here */
    fab_tensor *in[FAB_MAX_IN];
    float *weights; /* the projection, as large as the output */
    int64_t n_out;
    fab_ctx c; /* each run's own arena */
} bench;

static int64_t dims(const int64_t *shape)
{
    int64_t n = 1;
    for (int i = 0; i < FAB_MAX_DIM && shape[i]; i++) n *= shape[i];
    return n;
}

static bool present(const fab_sample *s, int i) { return s->in[i].shape[0] != 0; }

static void spread(fab_tensor *t, fab_rng *rng)
{
    float *x = fab_f32(t);
    int64_t n = fab_count(t);
    for (int64_t j = 0; j < n; j++) x[j] = (float)(j - n / 2) / 8 + 0.0625f;
    for (int64_t j = n - 1; j > 0; j--) {
        int64_t k = fab_rng_below(rng, (uint32_t)j + 1);
        float kept = x[j];
        x[j] = x[k];
        x[k] = kept;
    }
}

static fab_tensor *draw_input(fab_ctx *c, const fab_sample *s, int i, fab_rng *rng)
{
    bool ids = s->in[i].kind == FAB_SAMPLE_IDS;
    fab_tensor *t = fab_tensor_new(c, ids ? FAB_I32 : FAB_F32, s->in[i].shape);
    CHECK(t);
    for (int64_t j = 0, n = dims(s->in[i].shape); j < n; j++) {
        if (ids) fab_i32(t)[j] = (int32_t)fab_rng_below(rng, (uint32_t)s->in[i].ids_below);
        else if (s->in[i].kind == FAB_SAMPLE_POSITIVE)
            fab_f32(t)[j] = 0.05f + 0.9f * fab_rng_uniform(rng);
        else fab_f32(t)[j] = fab_rng_normal(rng);
    }
    if (s->in[i].kind == FAB_SAMPLE_SPREAD) spread(t, rng);
    if (!ids && !s->in[i].no_grad) {
        t->needs_grad = true;
        t->grad = fab_arena_zero(c->arena, (size_t)dims(s->in[i].shape) * sizeof(float), &c->err);
        CHECK(t->grad);
    }
    return t;
}

static void bench_open(bench *b, const fab_op *op, const fab_sample *s, fab_pool *pool)
{
    fab_err err = FAB_ERR_INIT;
    fab_ctx inputs;
    fab_rng rng;
    fab_rng_init(&rng, 7);
    *b = (bench){ .arena = fab_arena_new(0, &err) };
    fab_arena *work = fab_arena_new(0, &err);
    CHECK_MSG(b->arena && work, "%s", err.text);
    fab_ctx_init(&inputs, b->arena, NULL);
    for (int i = 0; i < op->n_in; i++)
        if (present(s, i)) b->in[i] = draw_input(&inputs, s, i, &rng);
    fab_ctx_init(&b->c, work, pool);
    b->c.training = true;
}

static void bench_close(bench *b)
{
    fab_arena_free(b->c.arena);
    fab_arena_free(b->arena);
}

static fab_tensor *run_op(bench *b, const fab_op *op, const fab_sample *s)
{
    fab_ctx_reset(&b->c);
    fab_rng_init(&b->c.rng, 11); /* the same dropout mask every time */
    b->c.check = true;
    return fab_apply(&b->c, op, s->attr, b->in, op->n_in);
}

/* A fixed random projection turns any output into one number. */
static void make_weights(bench *b, const fab_tensor *y)
{
    fab_err err = FAB_ERR_INIT;
    fab_rng rng;
    fab_rng_init(&rng, 23);
    b->n_out = fab_count(y);
    b->weights = fab_arena_take(b->arena, (size_t)b->n_out * sizeof(float), &err);
    CHECK(b->weights);
    for (int64_t i = 0; i < b->n_out; i++) b->weights[i] = fab_rng_normal(&rng);
}

static double project(const bench *b, const fab_tensor *y)
{
    double sum = 0;
    for (int64_t i = 0; i < b->n_out; i++) sum += (double)b->weights[i] * (double)fab_f32(y)[i];
    return sum;
}

/* Forward and backward with dy = the projection's weights; gradients are left in the inputs, on top
 * of what stood there before: a backward adds. */
#define BEFORE 0.25f
static fab_tensor *run_both(bench *b, const fab_op *op, const fab_sample *s)
{
    for (int i = 0; i < op->n_in; i++)
        for (int64_t j = 0; b->in[i] && b->in[i]->grad && j < fab_count(b->in[i]); j++)
            b->in[i]->grad[j] = BEFORE;
    b->c.record = true;
    fab_tensor *y = run_op(b, op, s);
    b->c.record = false;
    if (!y) return NULL;
    if (!b->weights) make_weights(b, y);
    y->grad = fab_arena_take(b->c.arena, (size_t)b->n_out * sizeof(float), &b->c.err);
    if (!y->grad) return NULL;
    memcpy(y->grad, b->weights, (size_t)b->n_out * sizeof(float));
    return fab_backward_from(&b->c, y) ? y : NULL;
}

/* ---- the derived checks ---------------------------------------------------------------------- */
typedef void (*check_fn)(const fab_op *op, const fab_sample *s, int number);

static void each_sample(check_fn check, bool benches)
{
    for (int i = 0; fab_ops[i]; i++) {
        const fab_sample *s = fab_ops[i]->samples;
        CHECK_MSG(present(s, 0), "%s has no sample", fab_ops[i]->name);
        for (int n = 0; present(&s[n], 0); n++)
            if (!s[n].bench || benches) check(fab_ops[i], &s[n], n);
    }
}

static void check_gradient(const fab_op *op, const fab_sample *s, int number)
{
    bench b;
    bench_open(&b, op, s, NULL);
    b.c.k = fab_kernels_named("c");
    CHECK_MSG(run_both(&b, op, s), "%s[%d]: %s", op->name, number, b.c.err.text);
    for (int i = 0; i < op->n_in; i++) {
        if (!b.in[i] || !b.in[i]->grad) continue;
        float *x = fab_f32(b.in[i]);
        for (int64_t j = 0, n = fab_count(b.in[i]); j < n; j++) {
            float kept = x[j];
            double f[2];
            for (int side = 0; side < 2; side++) {
                x[j] = side ? kept + STEP : kept - STEP;
                fab_tensor *y = run_op(&b, op, s);
                CHECK_MSG(y, "%s[%d]: %s", op->name, number, b.c.err.text);
                f[side] = project(&b, y);
            }
            double width = (double)(kept + STEP) - (double)(kept - STEP);
            x[j] = kept;
            double want = (f[1] - f[0]) / width, got = (double)(b.in[i]->grad[j] - BEFORE);
            CHECK_MSG(fabs(got - want) <= tolerance.gradient * (1 + fabs(want)),
                      "%s[%d]: input %d, value %lld: gradient %g, differences give %g", op->name,
                      number, i, (long long)j, got, want);
        }
    }
    bench_close(&b);
}

static double largest(const float *x, int64_t n)
{
    double m = 0;
    for (int64_t i = 0; i < n; i++) m = fmax(m, fabs((double)x[i]));
    return m;
}

static void compare(const char *what, const fab_op *op, int number, const float *a, const float *b,
                    int64_t n, double tol)
{
    double allowed = tol * (1 + largest(a, n));
    for (int64_t i = 0; i < n; i++)
        CHECK_MSG(fabs((double)a[i] - (double)b[i]) <= allowed,
                  "%s[%d]: %s at %lld: %.9g, not %.9g", op->name, number, what, (long long)i,
                  (double)b[i], (double)a[i]);
}

/* Runs the sample as `a` is set up and as `b` is, and compares outputs and gradients. */
static void compare_runs(bench *a, bench *b, const fab_op *op, const fab_sample *s, int number,
                         const char *what, double tol)
{
    fab_tensor *ya = run_both(a, op, s), *yb = run_both(b, op, s);
    CHECK_MSG(ya, "%s[%d]: %s", op->name, number, a->c.err.text);
    CHECK_MSG(yb, "%s[%d] (%s): %s", op->name, number, what, b->c.err.text);
    compare(what, op, number, fab_f32(ya), fab_f32(yb), fab_count(ya), tol);
    for (int i = 0; i < op->n_in; i++)
        if (a->in[i] && a->in[i]->grad)
            compare(what, op, number, a->in[i]->grad, b->in[i]->grad, fab_count(a->in[i]), tol);
}

static void check_isa(const fab_op *op, const fab_sample *s, int number)
{
    for (int i = 1; fab_kernels_all()[i]; i++) {
        bench a, b;
        bench_open(&a, op, s, NULL);
        bench_open(&b, op, s, NULL);
        a.c.k = fab_kernels_all()[0];
        b.c.k = fab_kernels_all()[i];
        compare_runs(&a, &b, op, s, number, b.c.k->name, tolerance.isa);
        bench_close(&a);
        bench_close(&b);
    }
}

static void check_threads(const fab_op *op, const fab_sample *s, int number)
{
    fab_err err = FAB_ERR_INIT;
    fab_pool *pool = fab_pool_new(3, &err);
    CHECK(pool);
    for (int i = 0; fab_kernels_all()[i]; i++) {
        if (s->bench && fab_kernels_all()[i] != fab_kernels_best())
            continue; /* large samples once */
        bench a, b;
        bench_open(&a, op, s, NULL);
        bench_open(&b, op, s, pool);
        a.c.k = b.c.k = fab_kernels_all()[i];
        a.c.bf16 = b.c.bf16 = s->bench;
        compare_runs(&a, &b, op, s, number, "3 threads", 0);
        bench_close(&a);
        bench_close(&b);
    }
    fab_pool_free(pool);
}

static void check_oom(const fab_op *op, const fab_sample *s, int number)
{
    bool struck = true;
    for (int64_t n = 0; struck; n++) {
        bench b;
        bench_open(&b, op, s, NULL);
        CHECK_MSG(run_both(&b, op, s), "%s[%d]: %s", op->name, number,
                  b.c.err.text); /* makes the weights */
        fab_oom_arm(n);
        fab_tensor *y = run_both(&b, op, s);
        struck = fab_oom_arm(-1);
        if (struck)
            CHECK_MSG(!y && b.c.err.code == FAB_ENOMEM,
                      "%s[%d]: allocation %lld failed and was not told: %s", op->name, number,
                      (long long)n, b.c.err.text);
        else CHECK_MSG(y, "%s[%d]: %s", op->name, number, b.c.err.text);
        bench_close(&b);
    }
}

static void check_null(const fab_op *op, const fab_sample *s, int number)
{
    int required = op->optional_from ? op->optional_from : op->n_in;
    for (int i = 0; i < required; i++) {
        bench b;
        bench_open(&b, op, s, NULL);
        b.in[i] = NULL;
        CHECK_MSG(!run_op(&b, op, s) && b.c.err.code, "%s[%d]: no error without input %d", op->name,
                  number, i);
        CHECK_SAYS(b.c.err.text, op->name);
        fab_err first = b.c.err; /* latched: the next op returns NULL and keeps the message */
        CHECK(!fab_scale(&b.c, b.in[0], 1));
        CHECK_STR(b.c.err.text, first.text);
        bench_close(&b);
    }
}

TEST(gradient_of_every_row) { each_sample(check_gradient, false); }
TEST(every_isa_agrees_with_c) { each_sample(check_isa, false); }
TEST(threads_change_nothing) { each_sample(check_threads, false); }
TEST(threads_change_nothing_at_size) { each_sample(check_threads, true); }
TEST(every_allocation_may_fail) { each_sample(check_oom, false); }
TEST(missing_inputs_are_errors) { each_sample(check_null, false); }

/* ---- golden values --------------------------------------------------------------------------- */
static fab_ctx *golden(void)
{
    static fab_ctx c;
    static fab_arena *arena;
    fab_err err = FAB_ERR_INIT;
    if (!arena) arena = fab_arena_new(0, &err);
    CHECK(arena);
    fab_ctx_init(&c, arena, NULL);
    fab_ctx_reset(&c);
    c.check = true;
    return &c;
}

static fab_tensor *values(fab_ctx *c, const int64_t *shape, const float *v)
{
    fab_tensor *t = fab_tensor_new(c, FAB_F32, shape);
    CHECK(t);
    memcpy(t->data, v, (size_t)fab_count(t) * sizeof *v);
    return t;
}

static fab_tensor *ids(fab_ctx *c, const int64_t *shape, const int32_t *v)
{
    fab_tensor *t = fab_tensor_new(c, FAB_I32, shape);
    CHECK(t);
    memcpy(t->data, v, (size_t)fab_count(t) * sizeof *v);
    return t;
}
#define V(...)                                                                                     \
    (const float[]) { __VA_ARGS__ }
#define I(...)                                                                                     \
    (const int32_t[]) { __VA_ARGS__ }

TEST(gelu_constants)
{
    static const float want[3][2] = { { 0.84134475f, -0.15865525f },
                                      { 0.84119199f, -0.15880801f },
                                      { 0.84579577f, -0.15420423f } };
    for (int kind = 0; kind < 3; kind++) {
        fab_ctx *c = golden();
        fab_tensor *y = fab_gelu(c, values(c, FAB_SHAPE(2), V(1, -1)), (fab_gelu_kind)kind);
        CHECK_MSG(y, "%s", c->err.text);
        for (int i = 0; i < 2; i++) CHECK_NEAR(fab_f32(y)[i], want[kind][i], 2e-7);
    }
}

TEST(gelu_far_out_is_finite_and_exact)
{
    for (int kind = 0; kind < 3; kind++) {
        fab_ctx *c = golden();
        fab_tensor *y =
            fab_gelu(c, values(c, FAB_SHAPE(4), V(-200, 200, -1e30f, 1e30f)), (fab_gelu_kind)kind);
        CHECK_MSG(y, "%s", c->err.text);
        CHECK(fab_f32(y)[0] == 0 && fab_f32(y)[1] == 200 && fab_f32(y)[2] == 0 &&
              fab_f32(y)[3] == 1e30f);
    }
}

TEST(xent_smoothing_ignored_and_weights)
{
    fab_ctx *c = golden();
    const float z[] = { 1, 2, 3, 0, 0, 0, 5, -5, 1 };
    double lse = log(exp(1) + exp(2) + exp(3)), l0 = lse - 2,
           u0 = lse - 2; /* target 1; mean of logits is 2 */
    double lse2 = log(exp(5) + exp(-5) + exp(1)), l2 = lse2 - 1, u2 = lse2 - 1.0 / 3;
    fab_tensor *x = values(c, FAB_SHAPE(3, 3), z), *t = ids(c, FAB_SHAPE(3), I(1, -1, 2));
    fab_tensor *y = fab_xent(c, x, t, NULL, (fab_xent_opts){ 0.1f });
    CHECK_MSG(y, "%s", c->err.text);
    CHECK_NEAR(fab_f32(y)[0], ((0.9 * l0 + 0.1 * u0) + (0.9 * l2 + 0.1 * u2)) / 2, 1e-6);
    y = fab_xent(c, x, t, values(c, FAB_SHAPE(3), V(1, 7, 3)), (fab_xent_opts){ 0 });
    CHECK_NEAR(fab_f32(y)[0], (l0 + 3 * l2) / 4, 1e-6);
}

TEST(xent_with_every_target_ignored_is_zero)
{
    fab_ctx *c = golden();
    c->record = true;
    fab_tensor *x = values(c, FAB_SHAPE(2, 3), V(1, 2, 3, 4, 5, 6));
    fab_want_grad(x);
    fab_tensor *y = fab_xent(c, x, ids(c, FAB_SHAPE(2), I(-1, -1)), NULL, (fab_xent_opts){ 0.1f });
    CHECK_MSG(y && fab_backward(c, y, 1), "%s", c->err.text);
    CHECK(fab_f32(y)[0] == 0);
    for (int i = 0; i < 6; i++) CHECK(x->grad[i] == 0);
}

TEST(infonce_of_identical_rows_is_log_b)
{
    for (int B = 1; B < 6; B++) {
        fab_ctx *c = golden();
        fab_tensor *a = fab_tensor_zeros(c, FAB_SHAPE(B, 4));
        for (int i = 0; i < B; i++) fab_f32(a)[i * 4 + 2] = 1;
        fab_tensor *y = fab_infonce(c, a, a, values(c, FAB_SHAPE(1), V(2.65926f)), NULL);
        CHECK_MSG(y, "%s", c->err.text);
        CHECK_NEAR(fab_f32(y)[0], log(B), 1e-6);
    }
}

TEST(infonce_shares_positives)
{
    fab_ctx *c = golden(); /* rows 0 and 2 are one class: their targets are 1/2 each */
    const float a[] = { 1, 0, 0, 1, 1, 0 };
    fab_tensor *x = values(c, FAB_SHAPE(3, 2), a), *s = values(c, FAB_SHAPE(1), V(0));
    fab_tensor *y = fab_infonce(c, x, x, s, ids(c, FAB_SHAPE(3), I(4, -1, 4)));
    CHECK_MSG(y, "%s", c->err.text);
    double lse = log(2 * exp(1) + 1), lone = log(exp(1) + 2);
    CHECK_NEAR(fab_f32(y)[0], (2 * (lse - 1) + (lone - 1)) / 3, 1e-6);
}

TEST(siglip_value)
{
    fab_ctx *c = golden();
    fab_tensor *a = values(c, FAB_SHAPE(2, 2), V(1, 0, 0, 1));
    fab_tensor *y = fab_siglip(c, a, a, values(c, FAB_SHAPE(1), V(2.3025851f)),
                               values(c, FAB_SHAPE(1), V(-10)), NULL);
    CHECK_MSG(y, "%s", c->err.text);
    CHECK_NEAR(fab_f32(y)[0], log(2) + log1p(exp(-10)),
               1e-6); /* 10*1-10 = 0 on the diagonal, -10 off it */
}

TEST(rope_pairs_both_ways)
{
    fab_ctx *c = golden();
    double t1 = 3, t2 = 3 * 0.01; /* K = 4, theta 1e4: frequencies 1, 0.01; position 3 */
    const float x[] = { 1, 2, 3, 4 };
    fab_tensor *v = values(c, FAB_SHAPE(1, 1, 4), x);
    fab_tensor *y = fab_rope(c, v, NULL, (fab_rope_opts){ 1, 1e4f, false, 3 });
    CHECK_MSG(y, "%s", c->err.text);
    CHECK_NEAR(fab_f32(y)[0], cos(t1) - 3 * sin(t1), 2e-6);
    CHECK_NEAR(fab_f32(y)[2], 3 * cos(t1) + sin(t1), 2e-6);
    CHECK_NEAR(fab_f32(y)[1], 2 * cos(t2) - 4 * sin(t2), 2e-6);
    CHECK_NEAR(fab_f32(y)[3], 4 * cos(t2) + 2 * sin(t2), 2e-6);
    y = fab_rope(c, v, ids(c, FAB_SHAPE(1, 1), I(3)), (fab_rope_opts){ 1, 1e4f, true, 0 });
    CHECK_NEAR(fab_f32(y)[0], cos(t1) - 2 * sin(t1), 2e-6);
    CHECK_NEAR(fab_f32(y)[1], 2 * cos(t1) + sin(t1), 2e-6);
    CHECK_NEAR(fab_f32(y)[2], 3 * cos(t2) - 4 * sin(t2), 2e-6);
    CHECK_NEAR(fab_f32(y)[3], 4 * cos(t2) + 3 * sin(t2), 2e-6);
}

/* Who sees whom is read off by attention over one-hot values with equal scores: out[i,j] = seen /
 * count. */
static void check_seen(const fab_attention_opts *o, int tq, int tk, const int32_t *prefix,
                       const int32_t *len, const char *want)
{
    fab_ctx *c = golden();
    int K = 8;
    fab_tensor *q = fab_tensor_zeros(c, FAB_SHAPE(1, tq, K)),
               *k = fab_tensor_zeros(c, FAB_SHAPE(1, tk, K));
    fab_tensor *v = fab_tensor_zeros(c, FAB_SHAPE(1, tk, K));
    for (int j = 0; j < tk; j++) fab_f32(v)[j * K + j] = 1;
    fab_tensor *y = fab_attention(c, q, k, v, prefix ? ids(c, FAB_SHAPE(1), prefix) : NULL,
                                  len ? ids(c, FAB_SHAPE(1), len) : NULL, *o);
    CHECK_MSG(y, "%s", c->err.text);
    for (int i = 0; i < tq; i++) {
        int count = 0;
        for (int j = 0; j < tk; j++) count += want[i * tk + j] == '1';
        for (int j = 0; j < tk; j++)
            CHECK_NEAR(fab_f32(y)[i * K + j], want[i * tk + j] == '1' ? 1.0 / count : 0, 1e-6);
    }
}

TEST(attention_masks)
{
    fab_attention_opts causal = { 1, 1, true, 0 }, all = { 1, 1, false, 0 };
    check_seen(&all, 2, 3, NULL, NULL, "111111");
    check_seen(&causal, 3, 3, NULL, NULL, "100110111");
    check_seen(&causal, 2, 4, NULL, NULL, "11101111"); /* queries are the last two positions */
    check_seen(&causal, 4, 4, I(3), NULL,
               "1110111011101111");                     /* an image of three tokens, then text */
    check_seen(&causal, 3, 3, I(3), I(2), "110110110"); /* the third key is padding */
    check_seen(&all, 2, 3, NULL, I(0), "000000");       /* nothing to see: zeros, no NaN */
    fab_attention_opts two = { 1, 1, true, 0, .window = 2 };
    check_seen(&two, 4, 4, NULL, NULL, "1000110001100011");
    check_seen(&two, 2, 4, NULL, NULL, "01100011"); /* the last two positions */
    check_seen(&two, 4, 4, I(3), NULL,
               "1110111001100011"); /* a prefix opens what lies ahead only */
}

TEST(attention_row_without_keys_has_no_gradient)
{
    fab_ctx *c = golden();
    c->record = true;
    fab_tensor *q = values(c, FAB_SHAPE(1, 1, 4), V(1, 2, 3, 4)),
               *k = values(c, FAB_SHAPE(1, 2, 4), V(1, 1, 1, 1, 2, 2, 2, 2));
    fab_want_grad(q);
    fab_want_grad(k);
    fab_tensor *y = fab_attention(c, q, k, k, NULL, ids(c, FAB_SHAPE(1), I(0)),
                                  (fab_attention_opts){ 2, 2, false, 0 });
    fab_tensor *loss = fab_mean(c, fab_reshape(c, y, FAB_SHAPE(4)), 0);
    CHECK_MSG(loss && fab_backward(c, loss, 1), "%s", c->err.text);
    for (int i = 0; i < 4; i++) CHECK(q->grad[i] == 0);
    for (int i = 0; i < 8; i++) CHECK(k->grad[i] == 0);
}

TEST(patch_embedding_is_a_product)
{
    fab_ctx *c = golden(); /* 1x2x4x1 map, 2x2 patches, weight [1,1,2,2] = 1 10 100 1000 */
    fab_tensor *x = values(c, FAB_SHAPE(1, 2, 4, 1), V(1, 2, 3, 4, 5, 6, 7, 8));
    fab_tensor *w = values(c, FAB_SHAPE(1, 1, 2, 2), V(1, 10, 100, 1000));
    fab_tensor *y = fab_conv2d(c, x, w, NULL, (fab_conv_opts){ 2, 0, 1 });
    CHECK_MSG(y, "%s", c->err.text);
    CHECK(y->shape[1] == 1 && y->shape[2] == 2 && fab_f32(y)[0] == 6521 && fab_f32(y)[1] == 8743);
}

TEST(pooling_values)
{
    fab_ctx *c = golden();
    fab_tensor *x = values(c, FAB_SHAPE(1, 2, 4, 1), V(1, 2, 3, 4, 5, 6, -7, 8));
    fab_tensor *y = fab_pool2d(c, x, (fab_pool_opts){ 2, 2, true }),
               *z = fab_pool2d(c, x, (fab_pool_opts){ 2, 1, false });
    CHECK_MSG(y && z, "%s", c->err.text);
    CHECK(fab_f32(y)[0] == 6 && fab_f32(y)[1] == 8 && z->shape[2] == 3);
    CHECK(fab_f32(z)[0] == 3.5f && fab_f32(z)[1] == 1 && fab_f32(z)[2] == 2);
}

TEST(bce_ignores_negative_targets)
{
    fab_ctx *c = golden();
    fab_tensor *y = fab_bce(c, values(c, FAB_SHAPE(1, 3), V(0, 100, -100)),
                            values(c, FAB_SHAPE(1, 3), V(1, -1, 0)));
    CHECK_MSG(y, "%s", c->err.text);
    CHECK_NEAR(fab_f32(y)[0], log(2) / 2, 1e-6);
}

TEST(gather_row_minus_one_is_zero)
{
    fab_ctx *c = golden();
    fab_tensor *y =
        fab_gather(c, values(c, FAB_SHAPE(2, 2), V(1, 2, 3, 4)), ids(c, FAB_SHAPE(3), I(1, -1, 0)));
    CHECK_MSG(y, "%s", c->err.text);
    const float want[] = { 3, 4, 0, 0, 1, 2 };
    CHECK(memcmp(y->data, want, sizeof want) == 0);
}

TEST(dropout_keeps_the_mean_and_only_in_training)
{
    fab_ctx *c = golden();
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(100000));
    for (int i = 0; i < 100000; i++) fab_f32(x)[i] = 1;
    CHECK(fab_dropout(c, x, 0.3f) == x);
    c->training = true;
    fab_tensor *y = fab_dropout(c, x, 0.3f);
    CHECK(y);
    double sum = 0, kept = 0;
    for (int i = 0; i < 100000; i++) sum += (double)fab_f32(y)[i], kept += fab_f32(y)[i] != 0;
    CHECK_NEAR(sum / 1e5, 1, 0.02);
    CHECK_NEAR(kept / 1e5, 0.7, 0.01);
}

/* ---- weights of other types, packed weights -------------------------------------------------- */
TEST(linear_reads_every_weight_type)
{
    static const struct {
        fab_dtype dtype;
        double tol;
    } cases[] = { { FAB_F32, 1e-5 }, { FAB_BF16, 0.05 }, { FAB_F16, 0.01 }, { FAB_Q8_0, 0.08 } };
    for (int k = 0; fab_kernels_all()[k]; k++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (int packed = 0; packed < 3; packed++) {
                fab_ctx *c = golden();
                c->k = fab_kernels_all()[k];
                fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(5, 64)),
                           *w = fab_tensor_new(c, FAB_F32, FAB_SHAPE(7, 64));
                for (int j = 0; j < 5 * 64; j++) fab_f32(x)[j] = fab_rng_normal(&c->rng);
                for (int j = 0; j < 7 * 64; j++) fab_f32(w)[j] = fab_rng_normal(&c->rng);
                fab_tensor *small = fab_tensor_new(c, cases[i].dtype, FAB_SHAPE(7, 64));
                CHECK(small && c->k->from_f32(NULL, cases[i].dtype, w->data, small->data, 7 * 64));
                fab_packed p = { 0 };
                if (packed) {
                    c->bf16 = packed == 2;
                    CHECK_MSG(c->k->pack(&p, c->arena, small->data, small->dtype, 7, 64, c->bf16,
                                         &c->err),
                              "%s", c->err.text);
                    small->packed = &p;
                }
                fab_tensor *y = fab_linear(c, x, small, NULL);
                CHECK_MSG(y, "%s", c->err.text);
                double tol = packed == 2 ? fmax(cases[i].tol, 0.15) : cases[i].tol;
                for (int r = 0; r < 5; r++)
                    for (int o = 0; o < 7; o++) {
                        double want = 0;
                        for (int j = 0; j < 64; j++)
                            want += (double)fab_f32(x)[r * 64 + j] * (double)fab_f32(w)[o * 64 + j];
                        CHECK_MSG(fabs((double)fab_f32(y)[r * 7 + o] - want) <=
                                      tol * (1 + fabs(want)),
                                  "%s, %s, packed %d: %g, not %g", c->k->name,
                                  fab_dtype_name(cases[i].dtype), packed,
                                  (double)fab_f32(y)[r * 7 + o], want);
                    }
            }
}

TEST(linear_passes_gradients_through_a_small_weight)
{
    static const fab_dtype types[] = { FAB_BF16, FAB_F16, FAB_Q8_0 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        fab_ctx *c = golden();
        c->record = true;
        float w[64], back[64];
        for (int j = 0; j < 64; j++) w[j] = fab_rng_normal(&c->rng);
        fab_tensor *x = fab_tensor_zeros(c, FAB_SHAPE(1, 32)),
                   *small = fab_tensor_new(c, types[i], FAB_SHAPE(2, 32));
        CHECK(small && c->k->from_f32(NULL, types[i], w, small->data, 64));
        c->k->to_f32(NULL, types[i], small->data, back, 64);
        fab_want_grad(x);
        fab_tensor *y = fab_mean(c, fab_reshape(c, fab_linear(c, x, small, NULL), FAB_SHAPE(2)), 0);
        CHECK_MSG(y && fab_backward(c, y, 1), "%s", c->err.text);
        for (int j = 0; j < 32; j++) CHECK_NEAR(x->grad[j], (back[j] + back[32 + j]) / 2, 1e-6);
    }
}

/* ---- errors name what disagrees -------------------------------------------------------------- */
TEST(shape_errors_name_both_shapes)
{
    fab_ctx *c = golden();
    fab_tensor *x = fab_tensor_zeros(c, FAB_SHAPE(4, 8)),
               *w = fab_tensor_zeros(c, FAB_SHAPE(16, 9));
    CHECK(!fab_linear(c, x, w, NULL));
    CHECK_STR(c->err.text, "linear: x [4,8], w [16,9]: inner sizes 8 and 9 differ");
    c->err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_add(c, x, w));
    CHECK_STR(c->err.text, "add: [16,9] is neither the shape [4,8] nor its end");
    c->err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_embedding(c, ids(c, FAB_SHAPE(2), I(0, 16)), w));
    CHECK_STR(c->err.text, "embedding: id 16 at position 1, the table has 16 rows");
    c->err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_xent(c, x, ids(c, FAB_SHAPE(4), I(0, 1, 8, 0)), NULL, (fab_xent_opts){ 0 }));
    CHECK_STR(c->err.text, "xent: target 8 in row 2, the logits have 8 classes");
    c->err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_slice(c, x, 1, 3, 9));
    CHECK_STR(c->err.text, "slice: no [3,9) along axis 1 of [4,8]");
}

TEST(check_names_the_op_that_makes_a_nan)
{
    fab_ctx *c = golden();
    fab_tensor *x = values(c, FAB_SHAPE(2), V(1e38f, 1));
    CHECK(!fab_scale(c, fab_scale(c, x, 0.5f), 100));
    CHECK_STR(c->err.text, "scale: the result [2] holds a value that is not finite");
}

TEST(backward_needs_a_scalar_on_the_tape)
{
    fab_ctx *c = golden();
    fab_tensor *x = fab_tensor_zeros(c, FAB_SHAPE(4, 8));
    CHECK(!fab_backward(c, x, 1));
    CHECK_STR(c->err.text, "backward: the loss is [4,8], not one number");
}

/* A value used twice gets both gradients; what does not lead to the loss gets none. */
TEST(tape_adds_up_branches)
{
    fab_ctx *c = golden();
    c->record = true;
    fab_tensor *x = values(c, FAB_SHAPE(3), V(1, 2, 3));
    fab_want_grad(x);
    fab_tensor *aside = fab_scale(c, x, 9),
               *y = fab_mean(c, fab_add(c, fab_mul(c, x, x), fab_scale(c, x, 4)), 0);
    CHECK_MSG(y && fab_backward(c, y, 3), "%s", c->err.text);
    for (int i = 0; i < 3; i++) CHECK_NEAR(x->grad[i], 2 * fab_f32(x)[i] + 4, 1e-6);
    CHECK(aside && !aside->grad);
}

/* A residual chain in which gradients change hands: its loss by numbers against its gradient. The
 * gradient that was asked for must still be there at the end. */
static fab_tensor *chain(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor **kept)
{
    fab_tensor *h = fab_scale(c, x, 2);
    fab_tensor *k = *kept = fab_add(c, h, fab_linear(c, h, w, NULL)); /* h: linear sets, add adds */
    fab_want_grad(k);
    k = fab_reshape(c, fab_add(c, k, k), FAB_SHAPE(6));
    k = fab_add(c, fab_add(c, k, fab_reshape(c, h, FAB_SHAPE(6))), k);
    return fab_mean(c, fab_mul(c, k, k), 0);
}

TEST(gradients_change_hands_without_mixing)
{
    fab_ctx *c = golden();
    const float start[] = { 0.3f, -1, 0.5f, 0.7f, 0.2f, -0.4f };
    const float weight[] = { 0.1f, 0.9f, -0.3f, 0.5f, -0.6f, 0.8f, 0.2f, 0.4f, -0.7f };
    fab_tensor *x = values(c, FAB_SHAPE(2, 3), start), *w = values(c, FAB_SHAPE(3, 3), weight), *k;
    fab_want_grad(x);
    fab_want_grad(w);
    c->record = true;
    CHECK_MSG(fab_backward(c, chain(c, x, w, &k), 1), "%s", c->err.text);
    float dk[6];
    memcpy(dk, k->grad, sizeof dk);
    c->record = false;
    for (int i = 0; i < 15; i++) {
        float *v = i < 6 ? fab_f32(x) + i : fab_f32(w) + i - 6, was = *v;
        fab_tensor *other;
        *v = was + 1e-2f;
        double up = (double)fab_f32(chain(c, x, w, &other))[0];
        *v = was - 1e-2f;
        double down = (double)fab_f32(chain(c, x, w, &other))[0];
        *v = was;
        CHECK_NEAR(i < 6 ? x->grad[i] : w->grad[i - 6], (up - down) / 2e-2, 2e-3 * (1 + fabs(up)));
    }
    /* k feeds 4 k + h = z, loss = mean z^2: dk = 4 * 2 z / 6 */
    for (int i = 0; i < 6; i++) CHECK_NEAR(dk[i], 8 * (4 * fab_f32(k)[i] + 2 * start[i]) / 6, 1e-5);
}

/* ---- sampling -------------------------------------------------------------------------------- */
static int drawn(const float *logits, int n, fab_sample_opts o, int times, int *counts)
{
    fab_rng r;
    fab_rng_init(&r, 3);
    int kinds = 0;
    memset(counts, 0, (size_t)n * sizeof *counts);
    for (int i = 0; i < times; i++) kinds += counts[fab_sample_token(logits, n, o, &r)]++ == 0;
    return kinds;
}

TEST(sampling_rules)
{
    const float p[] = {
        -2, 1, 3, 2, -INFINITY, NAN
    }; /* of the four finite: .0045 .0896 .6623 .2436 */
    int n[6];
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 0 }, 10, n) == 1 && n[2] == 10);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1 }, 20000, n) == 4 && n[4] == 0 &&
          n[5] == 0);
    CHECK_NEAR(n[2] / 20000.0, 0.6623, 0.012);
    CHECK_NEAR(n[3] / 20000.0, 0.2436, 0.012);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .top_k = 2 }, 2000, n) == 2 &&
          n[2] + n[3] == 2000);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .top_p = 0.5f }, 500, n) == 1 &&
          n[2] == 500);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .top_p = 0.7f }, 2000, n) == 2);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .top_p = 1e-6f }, 500, n) == 1);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .min_p = 0.3f }, 2000, n) == 2);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .min_p = 0.1f }, 2000, n) == 3);
    CHECK(drawn(p, 6, (fab_sample_opts){ .temperature = 1, .min_p = 1 }, 500, n) == 1);
    const int32_t seen[] = { 2, 0 }; /* 3/4 falls under 2; -2*4 sinks */
    CHECK(drawn(p, 6, (fab_sample_opts){ .repetition = 4, .seen = seen, .n_seen = 2 }, 10, n) ==
              1 &&
          n[3] == 10);
}

TEST_MAIN
