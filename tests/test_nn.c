/* test_nn: parameter lists, layers, and decoding with a cache. */
#include <math.h>
#include "nn/layers.h"
#include "test.h"
#include "zoo/llama.h"

/* ---- a source of values in memory ------------------------------------------------------------ */
typedef struct {
    const char *name;
    fab_dtype dtype;
    int ndim;
    int64_t shape[FAB_MAX_DIM];
    const void *data;
} entry;
typedef struct {
    entry items[128];
    int n;
} store;

static bool store_find(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                       int64_t shape[FAB_MAX_DIM], const void **data)
{
    const store *s = arg;
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->items[i].name, name) != 0) continue;
        *dtype = s->items[i].dtype;
        *ndim = s->items[i].ndim;
        memcpy(shape, s->items[i].shape, sizeof s->items[i].shape);
        *data = s->items[i].data;
        return true;
    }
    return false;
}

static const char *store_name(void *arg, int64_t i)
{
    return i < ((store *)arg)->n ? ((store *)arg)->items[i].name : NULL;
}
static fab_param_source source(store *s) { return (fab_param_source){ s, store_find, store_name }; }

static void store_list(store *s, const fab_param_list *l)
{
    s->n = 0;
    for (int64_t i = 0; i < l->n; i++) {
        entry *e = &s->items[s->n++];
        *e = (entry){ .name = l->items[i]->name,
                      .ndim = l->items[i]->ndim,
                      .data = l->items[i]->data };
        memcpy(e->shape, l->items[i]->shape, sizeof e->shape);
    }
}

static fab_arena *arena(void)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    CHECK_MSG(a, "%s", err.text);
    return a;
}

typedef struct {
    fab_mlp mlp[2];
} toy;

static void toy_params(fab_params *p, toy *m)
{
    for (int i = 0; i < 2; i++) {
        size_t mark = fab_params_enter(p, "blocks.%d.", i);
        fab_mlp_params(p, &m->mlp[i], 8, 16, FAB_GELU_ERF, 0.02f);
        fab_params_leave(p, mark);
    }
}

TEST(one_list_counts_initialises_and_loads)
{
    fab_arena *a = arena();
    fab_err err = FAB_ERR_INIT;
    toy m, n, again;
    fab_params p = fab_params_count();
    toy_params(&p, &m);
    CHECK(fab_params_end(&p, &err) && p.n_params == 8 &&
          p.n_values == 2 * (8 * 16 + 16 + 16 * 8 + 8));
    fab_param_list fresh = { 0 }, same = { 0 }, loaded = { 0 };
    p = fab_params_init(a, &fresh, 5);
    p.train = true;
    toy_params(&p, &m);
    CHECK_MSG(fab_params_end(&p, &err) && fresh.n == 8, "%s", err.text);
    CHECK_STR(fresh.items[5]->name, "blocks.1.fc1.bias");
    CHECK(fresh.items[0]->needs_grad && fresh.items[0]->grad &&
          m.mlp[1].fc2.w == fab_param_named(&fresh, "blocks.1.fc2.weight"));
    p = fab_params_init(a, &same, 5);
    toy_params(&p, &again);
    CHECK(memcmp(again.mlp[0].fc1.w->data, m.mlp[0].fc1.w->data, 128 * sizeof(float)) == 0 &&
          !again.mlp[0].fc1.w->grad);
    static store s;
    store_list(&s, &fresh);
    fab_param_source src = source(&s);
    p = fab_params_load(a, &loaded, &src);
    toy_params(&p, &n);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    CHECK(n.mlp[1].fc2.w->data == m.mlp[1].fc2.w->data && n.mlp[1].fc2.w->packed &&
          !n.mlp[1].fc2.b->packed); /* borrowed */
    CHECK(fab_param_no_decay(n.mlp[0].fc1.b) && !fab_param_no_decay(n.mlp[0].fc1.w));
    CHECK(fab_params_freeze(&fresh, "blocks.0.", true) == 4 && !m.mlp[0].fc1.w->needs_grad &&
          m.mlp[1].fc1.w->needs_grad);
    CHECK(fab_params_freeze(&fresh, "", false) == 8 && m.mlp[0].fc1.w->needs_grad);
    fab_arena_free(a);
}

/* Loading the toy from a file spoilt in one way says so by name. */
typedef enum { SHAPE, MISSING, EXTRA, NOT_A_NUMBER, TYPE, IGNORED, SCALAR } spoil;

static void check_load(spoil how, const char *says)
{
    fab_arena *a = arena();
    fab_err err = FAB_ERR_INIT;
    toy m;
    fab_param_list fresh = { 0 }, loaded = { 0 };
    fab_params p = fab_params_init(a, &fresh, 5);
    toy_params(&p, &m);
    static store s;
    store_list(&s, &fresh);
    if (how == SHAPE) s.items[4].shape[1] = 4;
    if (how == MISSING) s.items[3] = s.items[7], s.n = 6;
    if (how == EXTRA || how == IGNORED)
        s.items[s.n++] = (entry){ .name = "head.weight", .ndim = 1, .shape = { 1 } };
    if (how == NOT_A_NUMBER) fab_f32(fresh.items[2])[77] = NAN;
    if (how == TYPE) s.items[1].dtype = FAB_I32;
    if (how == SCALAR)
        s.items[1].ndim = 3, s.items[1].shape[2] = 16,
        s.items[1].shape[0] = s.items[1].shape[1] = 1;
    fab_param_source src = source(&s);
    p = fab_params_load(a, &loaded, &src);
    if (how == IGNORED) fab_params_ignore(&p, "head");
    toy_params(&p, &m);
    CHECK(fab_params_end(&p, &err) == !says);
    if (says) CHECK_STR(err.text, says);
    fab_arena_free(a);
}

TEST(a_file_that_does_not_fit_is_told_by_name)
{
    check_load(SHAPE, "blocks.1.fc1.weight: file [16,4], model [16,8]");
    check_load(MISSING, "2 parameters do not fit: blocks.0.fc2.bias: not in the file, "
                        "blocks.1.fc2.weight: not in the file");
    check_load(EXTRA, "head.weight: not in the model");
    check_load(NOT_A_NUMBER, "blocks.0.fc2.weight: holds values that are not finite");
    check_load(TYPE, "blocks.0.fc1.bias: weights of I32 are not supported");
    check_load(IGNORED, NULL);
    check_load(SCALAR, NULL);
}

TEST(every_allocation_of_a_visit_may_fail)
{
    bool struck = true;
    for (int64_t n = 0; struck; n++) {
        fab_arena *a = arena();
        fab_err err = FAB_ERR_INIT;
        fab_llama m;
        fab_param_list list = { 0 };
        fab_params p = fab_params_init(a, &list, 1);
        p.train = true;
        fab_oom_arm(n);
        fab_llama_params(&p, &m,
                         &(fab_llama_config){
                             .dim = 8, .ffn = 12, .vocab = 5, .layers = 1, .heads = 2 });
        bool ok = fab_params_end(&p, &err);
        struck = fab_oom_arm(-1);
        CHECK_MSG(ok == !struck && (ok || err.code == FAB_ENOMEM), "allocation %lld: %s",
                  (long long)n, err.text);
        fab_arena_free(a);
    }
}

/* ---- decoding -------------------------------------------------------------------------------- */
typedef struct {
    fab_arena *model, *work;
    fab_llama m;
    fab_param_list list;
    fab_ctx c;
} decoder;

static void decoder_open(decoder *d, const fab_llama_config *cfg)
{
    fab_err err = FAB_ERR_INIT;
    *d = (decoder){ .model = arena(), .work = arena() };
    fab_params p = fab_params_init(d->model, &d->list, 9);
    fab_llama_params(&p, &d->m, cfg);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    fab_rng r; /* larger weights than training starts from, so that positions and masks matter */
    fab_rng_init(&r, 4);
    for (int64_t i = 0; i < d->list.n; i++)
        for (int64_t j = 0; j < fab_count(d->list.items[i]); j++)
            fab_f32(d->list.items[i])[j] += 0.3f * fab_rng_normal(&r);
    fab_ctx_init(&d->c, d->work, NULL);
}

static void decoder_close(decoder *d)
{
    fab_arena_free(d->model);
    fab_arena_free(d->work);
}

static fab_tensor *words(fab_ctx *c, int64_t B, int64_t T, const int32_t *v)
{
    return fab_tensor_from(c, FAB_I32, FAB_SHAPE(B, T), v);
}

static void close_to(const float *a, const float *b, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        CHECK_MSG(fabsf(a[i] - b[i]) <= 2e-5f * (1 + fabsf(b[i])), "%s: %g, not %g at %lld", what,
                  (double)a[i], (double)b[i], (long long)i);
}

static const int32_t text[2][7] = { { 3, 1, 4, 1, 5, 9, 2 }, { 6, 5, 3, 5, 8, 9, 7 } };
static const fab_llama_config small = {
    .dim = 24, .ffn = 40, .vocab = 11, .layers = 3, .heads = 6, .kv_heads = 2, .tied = true
};

/* Two prompts of different lengths with an open prefix, then one token at a time, equal one full
 * pass over each. */
TEST(decoding_with_a_cache_equals_recomputing)
{
    decoder d;
    decoder_open(&d, &small);
    fab_err err = FAB_ERR_INIT;
    static const int32_t prefix[2] = { 2, 1 }, prompt[2] = { 4, 2 };
    float full[2][7][24];
    for (int b = 0; b < 2; b++) {
        fab_ctx_reset(&d.c);
        fab_tensor *h =
            fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 1, 7, text[b])),
                             fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(1), &prefix[b]), NULL, NULL,
                             0);
        CHECK_MSG(h, "%s", d.c.err.text);
        memcpy(full[b], h->data, sizeof full[b]);
    }
    fab_kv kv, one;
    CHECK(fab_llama_kv(&d.m, &kv, d.model, 2, 7, &err) &&
          fab_llama_kv(&d.m, &one, d.model, 1, 5, &err));
    fab_ctx_reset(&d.c);
    const int32_t start[2][4] = { { 3, 1, 4, 1 }, { 6, 5, 0, 0 } };
    fab_tensor *h =
        fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 2, 4, start[0])),
                         fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(2), prefix),
                         fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(2), prompt), &kv, 0);
    CHECK_MSG(h, "%s", d.c.err.text);
    close_to(fab_f32(h), full[0][0], 4 * 24, "prompt 0");
    close_to(fab_f32(h) + 4 * 24, full[1][0], 2 * 24, "prompt 1");
    CHECK(kv.len[0] == 4 && kv.len[1] == 2 && fab_kv_copy(&one, 0, &kv, 1, &err));
    for (int t = 0; t < 3; t++) {
        int32_t next[2] = { text[0][4 + t], text[1][2 + t] };
        fab_ctx_reset(&d.c);
        h = fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 2, 1, next)), NULL,
                             NULL, &kv, 0);
        CHECK_MSG(h, "%s", d.c.err.text);
        close_to(fab_f32(h), full[0][4 + t], 24, "step of sample 0");
        close_to(fab_f32(h) + 24, full[1][2 + t], 24, "step of sample 1");
    }
    fab_ctx_reset(&d.c); /* the copy goes on by itself, three tokens at once */
    h = fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 1, 3, text[1] + 2)),
                         NULL, NULL, &one, 0);
    CHECK_MSG(h, "%s", d.c.err.text);
    close_to(fab_f32(h), full[1][2], 3 * 24, "three tokens on a copied cache");
    fab_ctx_reset(&d.c);
    CHECK(!fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 1, 1, text[1])),
                            NULL, NULL, &one, 0));
    CHECK_STR(d.c.err.text, "the text needs 6 tokens, the cache holds 5");
    decoder_close(&d);
}

TEST(padding_on_the_right_changes_nothing)
{
    decoder d;
    decoder_open(&d, &small);
    const int32_t five = 5;
    fab_tensor *a =
        fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 1, 5, text[0])), NULL,
                         NULL, NULL, 0);
    fab_tensor *b =
        fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 1, 7, text[0])), NULL,
                         fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(1), &five), NULL, 0);
    CHECK_MSG(a && b, "%s", d.c.err.text);
    close_to(fab_f32(b), fab_f32(a), 5 * 24, "padded");
    decoder_close(&d);
}

/* Interleaved pairs on weights whose q and k rows are permuted equal half-split pairs on the others
 * (GGUF). */
TEST(rope_pairings_differ_by_a_permutation)
{
    fab_llama_config other = small;
    other.rope_interleaved = true;
    decoder d, e;
    decoder_open(&d, &small);
    decoder_open(&e, &other);
    for (int i = 0; i < small.layers; i++) {
        fab_dense *from[2] = { &d.m.layer[i].attn.q, &d.m.layer[i].attn.k };
        fab_dense *to[2] = { &e.m.layer[i].attn.q, &e.m.layer[i].attn.k };
        for (int m = 0; m < 2; m++)
            for (int64_t row = 0; row < from[m]->w->shape[0]; row++) {
                int64_t head = row / 4, r = row % 4,
                        at = head * 4 + (r < 2 ? 2 * r : 2 * (r - 2) + 1);
                memcpy(fab_f32(to[m]->w) + at * 24, fab_f32(from[m]->w) + row * 24,
                       24 * sizeof(float));
            }
    }
    fab_tensor *a =
        fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 2, 7, text[0])), NULL,
                         NULL, NULL, 0);
    fab_tensor *b =
        fab_llama_hidden(&e.c, &e.m, fab_llama_embed(&e.c, &e.m, words(&e.c, 2, 7, text[0])), NULL,
                         NULL, NULL, 0);
    CHECK_MSG(a && b, "%s %s", d.c.err.text, e.c.err.text);
    close_to(fab_f32(b), fab_f32(a), 2 * 7 * 24, "permuted");
    decoder_close(&d);
    decoder_close(&e);
}

/* Loss falls when every parameter steps along its gradient: the whole chain of backward passes
 * points downhill. */
TEST(a_step_along_the_gradient_lowers_the_loss)
{
    decoder d;
    fab_llama_config cfg = small;
    cfg.tied = false;
    cfg.qkv_bias = true;
    decoder_open(&d, &cfg);
    fab_err err = FAB_ERR_INIT;
    double before = 0, slope = 0, after = 0, step = 1e-3;
    for (int64_t i = 0; i < d.list.n; i++) {
        fab_tensor *t = d.list.items[i];
        t->needs_grad = true;
        t->grad = fab_arena_zero(d.model, (size_t)fab_count(t) * sizeof(float), &err);
        CHECK(t->grad);
    }
    for (int pass = 0; pass < 2; pass++) {
        fab_ctx_reset(&d.c);
        d.c.record = pass == 0;
        fab_tensor *h =
            fab_llama_hidden(&d.c, &d.m, fab_llama_embed(&d.c, &d.m, words(&d.c, 2, 6, text[0])),
                             NULL, NULL, NULL, 0);
        fab_tensor *loss = fab_xent(&d.c, fab_llama_logits(&d.c, &d.m, h, NULL),
                                    fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(12), text[0] + 1),
                                    NULL, (fab_xent_opts){ 0 });
        CHECK_MSG(loss && (pass || fab_backward(&d.c, loss, 1)), "%s", d.c.err.text);
        if (pass) {
            after = (double)fab_f32(loss)[0];
            break;
        }
        before = (double)fab_f32(loss)[0];
        for (int64_t i = 0; i < d.list.n; i++) {
            fab_tensor *t = d.list.items[i];
            double norm = 0;
            for (int64_t j = 0; j < fab_count(t); j++) {
                norm += (double)t->grad[j] * (double)t->grad[j];
                fab_f32(t)[j] -= (float)step * t->grad[j];
            }
            CHECK_MSG(norm > 0, "%s has no gradient", t->name);
            slope += norm;
        }
    }
    CHECK_MSG(fabs((before - after) - step * slope) < 0.2 * step * slope,
              "the loss fell by %g, the gradient promised %g", before - after, step * slope);
    decoder_close(&d);
}

TEST_MAIN
