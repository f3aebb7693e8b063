/* test_peft: adapters against torch (tools/golden/peft.py), on whole decoders, and AdaLoRA's
 * budget. */
#include <math.h>
#include "kernels/quantise.h"
#include "nn/adalora.h"
#include "test.h"
#include "zoo/llama.h"
#include "zoo/source.h"

/* relative to the largest value compared; both sides are f32 with sums in different orders */
static const double tolerance = 3e-6;

typedef struct {
    fab_arena *model, *work;
    fab_weights *file;
    fab_ctx c;
    fab_sites sites;
    fab_peft peft;
    fab_param_list list;
} bench;

static void bench_open(bench *b)
{
    fab_err err = FAB_ERR_INIT;
    *b = (bench){ .model = fab_arena_new(0, &err),
                  .work = fab_arena_new(0, &err),
                  .file = fab_weights_open("tests/golden/peft.safetensors", &err) };
    CHECK_MSG(b->model && b->work && b->file, "%s", err.text);
    fab_ctx_init(&b->c, b->work, NULL);
    b->c.record = b->c.check = true;
}

static void bench_close(bench *b)
{
    fab_weights_close(b->file);
    fab_arena_free(b->work);
    fab_arena_free(b->model);
}

static const fab_weight *entry(const bench *b, const char *name)
{
    fab_err err = FAB_ERR_INIT;
    const fab_weight *e = fab_weights_find(b->file, name, &err);
    CHECK_MSG(e, "%s", err.text);
    return e;
}

static void put(const bench *b, fab_tensor *t, const char *name)
{
    const fab_weight *e = entry(b, name);
    CHECK_MSG(t && e->bytes == (uint64_t)fab_count(t) * sizeof(float), "%s", name);
    memcpy(t->data, e->data, e->bytes);
}

static fab_tensor *input(bench *b, const char *name)
{
    const fab_weight *e = entry(b, name);
    fab_tensor *t = fab_tensor_new(&b->c, FAB_F32, e->shape);
    put(b, t, name);
    fab_want_grad(t);
    return t;
}

static void same(const bench *b, const float *got, const char *name)
{
    const fab_weight *e = entry(b, name);
    const float *want = e->data;
    int64_t n = (int64_t)(e->bytes / sizeof *want);
    double top = 0;
    for (int64_t i = 0; i < n; i++) top = fmax(top, fabs((double)want[i]));
    for (int64_t i = 0; got && i < n; i++)
        CHECK_MSG(fabs((double)got[i] - (double)want[i]) <= tolerance * top,
                  "%s at %lld: %.9g, not %.9g", name, (long long)i, (double)got[i],
                  (double)want[i]);
    CHECK_MSG(got, "%s", name);
}

/* Runs back from y with the golden's gradient g. */
static void back(bench *b, fab_tensor *y, const char *g)
{
    CHECK_MSG(y, "%s", b->c.err.text);
    y->grad = fab_arena_take(b->work, (size_t)fab_count(y) * sizeof(float), &b->c.err);
    CHECK(y->grad);
    memcpy(y->grad, entry(b, g)->data, entry(b, g)->bytes);
    CHECK_MSG(fab_backward_from(&b->c, y), "%s", b->c.err.text);
}

/* A fresh adapter on everything visited. */
static void adapt(bench *b, const fab_peft_opts *o)
{
    fab_err err = FAB_ERR_INIT;
    fab_params p = fab_params_init(b->model, &b->peft.list, 3);
    p.train = true;
    fab_peft_params(&p, &b->peft, &b->sites, o);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    fab_peft_attach(&b->peft);
}

static const char *const fc[] = { "fc" };

static void dense_visit(bench *b, fab_dense *l)
{
    fab_err err = FAB_ERR_INIT;
    fab_params p = fab_params_init(b->model, &b->list, 1);
    p.sites = &b->sites;
    fab_dense_params(&p, l, "fc", 12, 9, true, FAB_INIT_ZEROS);
    CHECK_MSG(fab_params_end(&p, &err) && b->sites.n == 1, "%s", err.text);
    put(b, l->w, "w");
    put(b, l->b, "b");
}

/* Slots of a part, in the golden's letters. */
typedef struct {
    const char *file, *slot;
    size_t at;
} letter;

static void check_dense(const char *kind, int rank, const letter *letters)
{
    bench b;
    fab_dense l;
    char name[64];
    bench_open(&b);
    dense_visit(&b, &l);
    fab_peft_opts o = { .rank = rank, .alpha = 6, .targets = fc, .n_targets = 1 };
    CHECK(fab_peft_parse(kind, &o.kind, NULL));
    adapt(&b, &o);
    for (const letter *k = letters; k->file; k++) {
        snprintf(name, sizeof name, "%s.%s", kind, k->file);
        fab_tensor *t = *(fab_tensor **)((char *)b.peft.parts + k->at);
        put(&b, t, name);
        snprintf(name, sizeof name, "base_model.model.fc.%s", k->slot);
        CHECK_STR(t->name, name);
    }
    fab_tensor *x = input(&b, "x"), *y = fab_dense_forward(&b.c, &l, x);
    back(&b, y, "g");
    snprintf(name, sizeof name, "%s.y", kind);
    same(&b, fab_f32(y), name);
    snprintf(name, sizeof name, "%s.dx", kind);
    same(&b, x->grad, name);
    for (const letter *k = letters; k->file; k++) {
        snprintf(name, sizeof name, "%s.d%s", kind, k->file);
        same(&b, (*(fab_tensor **)((char *)b.peft.parts + k->at))->grad, name);
    }
    if (o.kind == FAB_PEFT_LORA) {
        CHECK(fab_peft_merge(&b.peft, 0, fab_f32(l.w), NULL, NULL, NULL));
        same(&b, fab_f32(l.w), "lora.merged");
    }
    fab_peft_detach(&b.sites);
    y = fab_dense_forward(&b.c, &l, x);
    if (o.kind != FAB_PEFT_LORA) same(&b, fab_f32(y), "base");
    bench_close(&b);
}

TEST(adapters_of_a_linear_layer_equal_torch_forward_and_backward)
{
    const letter lora[] = { { "A", "lora_A.weight", offsetof(fab_part, a) },
                            { "B", "lora_B.weight", offsetof(fab_part, b) },
                            { 0 } },
                 adalora[] = { { "Q", "lora_A", offsetof(fab_part, a) },
                               { "P", "lora_B", offsetof(fab_part, b) },
                               { "E", "lora_E", offsetof(fab_part, e) },
                               { 0 } },
                 bottle[] = { { "D", "adapter.down_proj.weight", offsetof(fab_part, down.w) },
                              { "d", "adapter.down_proj.bias", offsetof(fab_part, down.b) },
                              { "U", "adapter.up_proj.weight", offsetof(fab_part, up.w) },
                              { "u", "adapter.up_proj.bias", offsetof(fab_part, up.b) },
                              { 0 } };
    check_dense("lora", 3, lora);
    check_dense("adalora", 3, adalora);
    check_dense("bottleneck", 4, bottle);
}

TEST(a_prefix_equals_torch_forward_and_backward)
{
    bench b;
    fab_attn_layer a;
    fab_err err = FAB_ERR_INIT;
    bench_open(&b);
    fab_params p = fab_params_init(b.model, &b.list, 1);
    p.sites = &b.sites;
    size_t mark = fab_params_enter(&p, "self_attn.");
    fab_attn_params(&p, &a, &(fab_attn_config){ .dim = 8, .heads = 2, .causal = true });
    fab_params_leave(&p, mark);
    CHECK_MSG(fab_params_end(&p, &err) && b.sites.n == 5, "%s", err.text);
    put(&b, a.q.w, "attn.q");
    put(&b, a.k.w, "attn.k");
    put(&b, a.v.w, "attn.v");
    put(&b, a.o.w, "attn.o");
    static const char *const targets[] = { "self_attn" };
    adapt(&b, &(fab_peft_opts){
                  .kind = FAB_PEFT_PREFIX, .rank = 3, .targets = targets, .n_targets = 1 });
    CHECK_STR(b.peft.list.items[0]->name, "base_model.model.self_attn.prefix_k");
    put(&b, b.peft.parts[0].k, "attn.pk");
    put(&b, b.peft.parts[0].v, "attn.pv");
    fab_tensor *x = input(&b, "attn.x"), *y = fab_attn_layer_forward(&b.c, &a, x, NULL);
    back(&b, y, "attn.g");
    same(&b, fab_f32(y), "attn.y");
    same(&b, x->grad, "attn.dx");
    same(&b, b.peft.parts[0].k->grad, "attn.dpk");
    same(&b, b.peft.parts[0].v->grad, "attn.dpv");
    bench_close(&b);
}

/* ---- AdaLoRA --------------------------------------------------------------------------------- */

TEST(pushing_directions_apart_equals_torch)
{
    bench b;
    fab_dense l;
    fab_adalora d;
    fab_err err = FAB_ERR_INIT;
    bench_open(&b);
    dense_visit(&b, &l);
    adapt(&b, &(fab_peft_opts){ FAB_PEFT_ADALORA, 3, 6, 0, fc, NULL, 1, 0 });
    const fab_part *t = b.peft.parts;
    put(&b, t->a, "orth.Q");
    put(&b, t->b, "orth.P");
    fab_adalora_opts o = FAB_ADALORA_DEFAULTS;
    o.target = 2;
    o.total = 10;
    o.orth = 1;
    CHECK_MSG(fab_adalora_init(&d, b.model, &b.peft, &o, &err), "%s", err.text);
    float value = (float)fab_adalora_sense(&d, b.work, &err);
    same(&b, &value, "orth.value");
    same(&b, t->a->grad, "orth.dQ");
    same(&b, t->b->grad, "orth.dP");
    bench_close(&b);
}

static void step_values(bench *b, fab_tensor *t, const char *name, int64_t step)
{
    char full[64];
    size_t bytes = (size_t)fab_count(t) * sizeof(float);
    snprintf(full, sizeof full, "steps.%s", name);
    memcpy(t->data, (const char *)entry(b, full)->data + (size_t)step * bytes, bytes);
    snprintf(full, sizeof full, "steps.d%s", name);
    memcpy(t->grad, (const char *)entry(b, full)->data + (size_t)step * bytes, bytes);
}

static void two_layers(bench *b, fab_dense *l)
{
    fab_err err = FAB_ERR_INIT;
    static const char *const targets[] = { "fc*" };
    fab_params p = fab_params_init(b->model, &b->list, 1);
    p.sites = &b->sites;
    fab_dense_params(&p, &l[0], "fc1", 12, 9, true, FAB_INIT_ZEROS);
    fab_dense_params(&p, &l[1], "fc2", 12, 9, true, FAB_INIT_ZEROS);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    adapt(b, &(fab_peft_opts){ FAB_PEFT_ADALORA, 3, 6, 0, targets, NULL, 1, 0 });
}

TEST(adalora_keeps_the_directions_that_its_paper_keeps)
{
    bench b;
    fab_dense l[2];
    fab_adalora d;
    fab_err err = FAB_ERR_INIT;
    bench_open(&b);
    two_layers(&b, l);
    fab_adalora_opts o = { 1.5, 2, 3, 2, 12, 0.85f, 0.85f, 0 };
    CHECK_MSG(fab_adalora_init(&d, b.model, &b.peft, &o, &err), "%s", err.text);
    const float *kept = entry(&b, "steps.kept")->data;
    const int32_t *budget = entry(&b, "steps.budget")->data;
    for (int64_t t = 0; t < 12; t++) {
        static const char *const names[2][3] = { { "0.Q", "0.P", "0.E" }, { "1.Q", "1.P", "1.E" } };
        for (int i = 0; i < 2; i++) {
            step_values(&b, b.peft.parts[i].a, names[i][0], t);
            step_values(&b, b.peft.parts[i].b, names[i][1], t);
            step_values(&b, b.peft.parts[i].e, names[i][2], t);
        }
        fab_adalora_sense(&d, b.work, &err);
        CHECK(fab_adalora_budget(&d, t) == budget[t]);
        int64_t n = fab_adalora_allocate(&d, t), want = 0;
        for (int k = 0; k < 6; k++) {
            want += kept[t * 6 + k] != 0;
            bool masks = t == 2 || t == 4 || t == 6 || t == 8 || t >= 9;
            if (masks)
                CHECK_MSG((fab_f32(b.peft.parts[k / 3].e)[k % 3] != 0) == (kept[t * 6 + k] != 0),
                          "step %lld direction %d", (long long)t, k);
        }
        CHECK_MSG(n == want, "step %lld keeps %lld, not %lld", (long long)t, (long long)n,
                  (long long)want);
    }
    CHECK(fab_adalora_allocate(&d, 12) == 3);
    o.target = 4;
    CHECK(!fab_adalora_init(&d, b.model, &b.peft, &o, &err));
    CHECK_SAYS(err.text, "rank 3 to 4");
    bench_close(&b);
}

/* ---- whole decoders -------------------------------------------------------------------------- */

static const fab_llama_config config = {
    .dim = 32, .ffn = 64, .vocab = 40, .layers = 2, .heads = 4, .kv_heads = 2, .tied = true
};
static const int32_t text[2][6] = { { 3, 1, 4, 1, 5, 9 }, { 2, 6, 5, 3, 5, 8 } };

typedef struct {
    fab_arena *arena, *work;
    fab_llama m;
    fab_param_list list;
    fab_sites sites;
    fab_peft peft;
    fab_ctx c;
} decoder;

/* Frozen weights of the given type. */
static void decoder_open(decoder *d, fab_dtype type)
{
    fab_err err = FAB_ERR_INIT;
    *d = (decoder){ .arena = fab_arena_new(0, &err), .work = fab_arena_new(0, &err) };
    fab_params p = fab_params_init(d->arena, &d->list, 9);
    p.sites = &d->sites;
    fab_llama_params(&p, &d->m, &config);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    for (int64_t i = 0; i < d->list.n; i++) {
        fab_tensor *t = d->list.items[i];
        uint64_t bytes;
        fab_rng r;
        fab_rng_init(&r, (uint64_t)i);
        for (int64_t j = 0; j < fab_count(t); j++) fab_f32(t)[j] += 0.2f * fab_rng_normal(&r);
        if (t->ndim < 2 || type == FAB_F32) continue;
        CHECK(fab_dtype_size(type, t->ndim, t->shape, NULL, &bytes));
        void *small = fab_arena_take(d->arena, bytes, &err);
        CHECK(small && p.k->from_f32(NULL, type, t->data, small, fab_count(t)));
        t->data = small;
        t->dtype = type;
    }
    fab_ctx_init(&d->c, d->work, NULL);
}

static void decoder_close(decoder *d)
{
    fab_arena_free(d->arena);
    fab_arena_free(d->work);
}

static void decoder_adapt(decoder *d, fab_peft_kind kind, const char *target, bool shaken)
{
    const char **targets = fab_arena_take(d->arena, sizeof *targets, NULL);
    fab_err err = FAB_ERR_INIT;
    *targets = target;
    fab_peft_opts o = { kind, 3, 5, 0, targets, NULL, 1, 0 };
    fab_params p = fab_params_init(d->arena, &d->peft.list, 3);
    p.train = true;
    fab_peft_params(&p, &d->peft, &d->sites, &o);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    fab_peft_attach(&d->peft);
    fab_rng r;
    fab_rng_init(&r, 5);
    for (int64_t i = 0; shaken && i < d->peft.list.n; i++)
        for (int64_t j = 0; j < fab_count(d->peft.list.items[i]); j++)
            fab_f32(d->peft.list.items[i])[j] += 0.3f * fab_rng_normal(&r);
}

static fab_tensor *hidden(decoder *d)
{
    fab_ctx_reset(&d->c);
    fab_tensor *ids = fab_tensor_from(&d->c, FAB_I32, FAB_SHAPE(2, 6), text[0]);
    fab_tensor *h =
        fab_llama_hidden(&d->c, &d->m, fab_llama_embed(&d->c, &d->m, ids), NULL, NULL, NULL, 0);
    CHECK_MSG(h, "%s", d->c.err.text);
    return h;
}

static fab_tensor *loss(decoder *d)
{
    fab_tensor *z = fab_llama_logits(&d->c, &d->m, hidden(d), NULL);
    fab_tensor *want = fab_tensor_from(&d->c, FAB_I32, FAB_SHAPE(12), text[0]);
    fab_tensor *y = fab_xent(&d->c, z, want, NULL, (fab_xent_opts){ 0 });
    CHECK_MSG(y, "%s", d->c.err.text);
    return y;
}

static const struct {
    fab_peft_kind kind;
    const char *target;
} kinds[] = { { FAB_PEFT_LORA, "*_proj" },
              { FAB_PEFT_ADALORA, "self_attn.*_proj" },
              { FAB_PEFT_BOTTLENECK, "down_proj" },
              { FAB_PEFT_PREFIX, "self_attn" } };
enum { N_KINDS = sizeof kinds / sizeof *kinds };

TEST(a_fresh_adapter_gives_the_models_own_numbers_to_the_bit)
{
    static const fab_dtype types[] = { FAB_F32, FAB_F16, FAB_BF16, FAB_Q8_0, FAB_Q4_1 };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int i = 0; i < N_KINDS - 1; i++) { /* all but prefix, which takes part at once */
            decoder d;
            float before[2 * 6 * 32];
            decoder_open(&d, types[t]);
            memcpy(before, hidden(&d)->data, sizeof before);
            decoder_adapt(&d, kinds[i].kind, kinds[i].target, false);
            CHECK_MSG(!memcmp(before, hidden(&d)->data, sizeof before), "%s on %s",
                      fab_peft_name(kinds[i].kind), fab_dtype_name(types[t]));
            decoder_adapt(&d, kinds[i].kind, kinds[i].target, true);
            CHECK(memcmp(before, hidden(&d)->data, sizeof before));
            fab_peft_detach(&d.sites);
            CHECK(!memcmp(before, hidden(&d)->data, sizeof before));
            decoder_close(&d);
        }
}

/* The gradient along itself, against the difference of two losses; the frozen weights have none. */
TEST(gradients_reach_adapters_through_frozen_weights_of_every_type)
{
    static const fab_dtype types[] = { FAB_F32, FAB_F16, FAB_BF16, FAB_Q8_0, FAB_Q4_1 };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int i = 0; i < N_KINDS; i++) {
            decoder d;
            decoder_open(&d, types[t]);
            decoder_adapt(&d, kinds[i].kind, kinds[i].target, true);
            d.c.record = true;
            CHECK_MSG(fab_backward(&d.c, loss(&d), 1), "%s", d.c.err.text);
            d.c.record = false;
            for (int64_t k = 0; k < d.list.n; k++) CHECK(!d.list.items[k]->grad);
            for (int64_t k = 0; k < d.peft.list.n; k++) {
                fab_tensor *w = d.peft.list.items[k];
                double norm = 0, two[2];
                for (int64_t j = 0; j < fab_count(w); j++)
                    norm += (double)w->grad[j] * (double)w->grad[j];
                norm = sqrt(norm);
                CHECK_MSG(norm > 0, "%s has no gradient", w->name);
                float h = 1e-2f;
                for (int s = 0; s < 2; s++) {
                    for (int64_t j = 0; j < fab_count(w); j++)
                        fab_f32(w)[j] += (s ? -2 : 1) * h * w->grad[j] / (float)norm;
                    two[s] = (double)*fab_f32(loss(&d));
                }
                for (int64_t j = 0; j < fab_count(w); j++)
                    fab_f32(w)[j] += h * w->grad[j] / (float)norm;
                double slope = (two[0] - two[1]) / (2 * (double)h);
                /* products with quantised weights round the other side too */
                double tol = fab_dtype_is_quantised(types[t]) ? 5e-2 : 2e-2;
                CHECK_MSG(fabs(slope - norm) <= tol * norm + 2e-4, "%s, %s: slope %g, gradient %g",
                          w->name, fab_dtype_name(types[t]), slope, norm);
            }
            decoder_close(&d);
        }
}

/* Prompts of two lengths, then a token each, equal the whole texts in one pass. */
TEST(a_cache_begins_with_the_prefix_and_every_adapter_decodes)
{
    for (int i = 0; i < N_KINDS; i++) {
        decoder d;
        fab_kv kv;
        fab_err err = FAB_ERR_INIT;
        float whole[2][6][32];
        decoder_open(&d, FAB_F32);
        decoder_adapt(&d, kinds[i].kind, kinds[i].target, true);
        memcpy(whole, hidden(&d)->data, sizeof whole);
        CHECK(fab_llama_kv(&d.m, &kv, d.arena, 2, 6, &err));
        const int32_t n[2] = { 4, 3 };
        for (int t = 0; t < 3; t++) {
            int32_t next[2] = { text[0][3 + t], text[1][2 + t] };
            fab_ctx_reset(&d.c);
            fab_tensor *x =
                fab_llama_embed(&d.c, &d.m,
                                t ? fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(2, 1), next)
                                  : fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(2, 6), text[0]));
            fab_tensor *len = t ? NULL : fab_tensor_from(&d.c, FAB_I32, FAB_SHAPE(2), n);
            fab_tensor *h = fab_llama_hidden(&d.c, &d.m, x, NULL, len, &kv, 0);
            CHECK_MSG(h, "%s", d.c.err.text);
            for (int b = 0; b < 2; b++)
                for (int j = 0; j < 32; j++) {
                    int row = n[b] - 1 + t;
                    float got = fab_f32(h)[(b * (t ? 1 : 6) + (t ? 0 : row)) * 32 + j];
                    CHECK_MSG(fabsf(got - whole[b][row][j]) <= 2e-5f * (1 + fabsf(got)),
                              "%s, step %d, sample %d: %g, not %g", fab_peft_name(kinds[i].kind), t,
                              b, (double)got, (double)whole[b][row][j]);
                }
        }
        decoder_close(&d);
    }
}

TEST(merged_equals_unmerged)
{
    for (int i = 0; i < 2; i++) {
        decoder d;
        float with[2 * 6 * 32];
        double top = 0;
        decoder_open(&d, FAB_F32);
        decoder_adapt(&d, kinds[i].kind, kinds[i].target, true);
        memcpy(with, hidden(&d)->data, sizeof with);
        for (int64_t k = 0; k < d.peft.n; k++)
            CHECK(fab_peft_merge(&d.peft, k, fab_f32(d.peft.sites[k]->w), NULL, NULL, NULL));
        fab_peft_detach(&d.sites);
        const float *merged = fab_f32(hidden(&d));
        for (int k = 0; k < 2 * 6 * 32; k++) top = fmax(top, fabs((double)with[k]));
        for (int k = 0; k < 2 * 6 * 32; k++)
            CHECK_NEAR((double)merged[k], (double)with[k], 1e-5 * top);
        decoder_close(&d);
    }
}

TEST(patterns_find_names_and_a_wrong_one_is_told)
{
    static const struct {
        fab_peft_kind kind;
        const char *pattern;
        int64_t n;
        const char *says;
    } rows[] = {
        { FAB_PEFT_LORA, "q_proj", 2, NULL },
        { FAB_PEFT_LORA, "model.layers.1.self_attn.q_proj", 1, NULL },
        { FAB_PEFT_LORA, "layers.*.mlp.*", 6, NULL },
        { FAB_PEFT_LORA, "*", 14, NULL },
        { FAB_PEFT_PREFIX, "layers.0.self_attn", 1, NULL },
        { FAB_PEFT_LORA, "q_pro", 0,
          "no linear layer of the model is called 'q_pro'; one is model.l" },
        { FAB_PEFT_LORA, "self_attn", 0, "no linear layer of the model is called 'self_attn'" },
        { FAB_PEFT_PREFIX, "q_proj", 0, "no self-attention of the model is called 'q_proj'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        decoder d;
        fab_err err = FAB_ERR_INIT;
        decoder_open(&d, FAB_F32);
        fab_peft_opts o = { rows[i].kind, 2, 4, 0, &rows[i].pattern, NULL, 1, 0 };
        fab_params p = fab_params_count(), q = fab_params_init(d.arena, &d.peft.list, 1);
        fab_peft_params(&p, &d.peft, &d.sites, &o);
        bool ok = fab_params_end(&p, &err);
        CHECK_MSG(ok == !rows[i].says, "%s: %s", rows[i].pattern, err.text);
        if (!ok) CHECK_SAYS(err.text, rows[i].says);
        err = (fab_err)FAB_ERR_INIT;
        fab_peft_params(&q, &d.peft, &d.sites, &o);
        CHECK(fab_params_end(&q, &err) == ok && (!ok || d.peft.n == rows[i].n));
        CHECK(!ok || q.n_values == p.n_values);
        decoder_close(&d);
    }
}

/* A layer trained in full begins as it is, and leaves the model's own weights alone. */
TEST(a_full_part_begins_as_the_layer_and_shadows_it)
{
    decoder d;
    float before[2 * 6 * 32];
    fab_err err = FAB_ERR_INIT;
    static const char *const full[] = { "down_proj" }, *const low[] = { "q_proj" };
    decoder_open(&d, FAB_F16);
    memcpy(before, hidden(&d)->data, sizeof before);
    fab_peft_opts o = { FAB_PEFT_LORA, 2, 4, 0, low, full, 1, 1 };
    fab_params p = fab_params_init(d.arena, &d.peft.list, 1);
    fab_peft_params(&p, &d.peft, &d.sites, &o);
    CHECK_MSG(fab_params_end(&p, &err) && d.peft.n == 4 && d.peft.list.n == 6, "%s", err.text);
    fab_peft_attach(&d.peft);
    const float *after = fab_f32(hidden(&d));
    for (int k = 0; k < 2 * 6 * 32; k++)
        CHECK_NEAR((double)after[k], (double)before[k], 1e-5 * (1 + fabs((double)before[k])));
    fab_tensor *w =
        fab_param_named(&d.peft.list, "base_model.model.model.layers.0.mlp.down_proj.weight");
    CHECK(w && w->dtype == FAB_F32);
    fab_f32(w)[0] += 1;
    CHECK(memcmp(before, hidden(&d)->data, sizeof before));
    fab_peft_detach(&d.sites);
    CHECK(!memcmp(before, hidden(&d)->data, sizeof before));
    decoder_close(&d);
}

TEST_MAIN
