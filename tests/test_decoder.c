/* test_decoder: published decoders against Hugging Face transformers (tools/golden/decoders.py):
 * embedding, every block, logits and greedy text of tiny checkpoints, on every instruction set. */
#include <math.h>
#include "test.h"
#include "zoo/decoder.h"

#define FOLDER "tests/golden/decoders/"

static const double tol = 1e-4; /* relative to the largest value compared */
static const char *const names[] = { "llama", "llama3", "mistral", "qwen2", "qwen3", "gemma3" };
enum { NAMES = sizeof names / sizeof *names, STEPS = 24, PROMPT = 13 };

typedef struct {
    fab_decoder *d;
    fab_weights *golden;
    fab_arena *work;
    fab_ctx c;
    const char *name;
} bench;

static void bench_open(bench *b, const char *path, const char *name, const fab_kernels *k)
{
    char golden[128];
    fab_err err = FAB_ERR_INIT;
    snprintf(golden, sizeof golden, FOLDER "%s/golden.safetensors", name);
    *b = (bench){ .d = fab_decoder_open(path, &(fab_decoder_opts){ .k = k }, &err),
                  .golden = fab_weights_open(golden, &err),
                  .work = fab_arena_new(0, &err),
                  .name = name };
    CHECK_MSG(b->d && b->golden && b->work, "%s", err.text);
    fab_ctx_init(&b->c, b->work, NULL);
    b->c.k = k;
    b->c.check = true;
}

static void bench_close(bench *b)
{
    fab_decoder_close(b->d);
    fab_weights_close(b->golden);
    fab_arena_free(b->work);
}

static const fab_weight *stored(bench *b, const char *name)
{
    fab_err err = FAB_ERR_INIT;
    const fab_weight *e = fab_weights_find(b->golden, name, &err);
    CHECK_MSG(e, "%s: %s", b->name, err.text);
    return e;
}

static void same(bench *b, const fab_tensor *got, const char *name)
{
    const fab_weight *e = stored(b, name);
    CHECK_MSG(got, "%s", b->c.err.text);
    const float *want = e->data;
    int64_t n = (int64_t)(e->bytes / sizeof *want);
    double top = 0;
    CHECK(n == fab_count(got));
    for (int64_t i = 0; i < n; i++) top = fmax(top, fabs((double)want[i]));
    for (int64_t i = 0; i < n; i++)
        CHECK_MSG(fabs((double)fab_f32(got)[i] - (double)want[i]) <= tol * top,
                  "%s: %s (%s) at %lld: %.9g, not %.9g", b->name, name, b->c.k->name, (long long)i,
                  (double)fab_f32(got)[i], (double)want[i]);
}

static fab_tensor *ids_of(bench *b, int64_t n, const int32_t *ids)
{
    fab_tensor *t = fab_tensor_new(&b->c, FAB_I32, FAB_SHAPE(1, n));
    CHECK(t);
    memcpy(t->data, ids, (size_t)n * sizeof *ids);
    return t;
}

static void check_blocks(bench *b)
{
    const fab_llama *m = b->d->model;
    char name[32];
    fab_tensor *x = fab_llama_embed(&b->c, m, ids_of(b, PROMPT, stored(b, "ids")->data));
    same(b, x, "embed");
    for (int i = 0; i < m->cfg.layers; i++) {
        snprintf(name, sizeof name, "block.%d", i);
        x = fab_llama_block(&b->c, m, i, x, &(fab_attn_state){ .layer = i }, 0);
        same(b, x, name);
    }
    x = fab_llama_logits(&b->c, m, fab_norm_forward(&b->c, &m->norm, x), NULL);
    same(b, x, "logits");
}

static int32_t best(const float *z, int64_t n)
{
    int64_t top = 0;
    for (int64_t i = 1; i < n; i++)
        if (z[i] > z[top]) top = i;
    return (int32_t)top;
}

/* The prompt in one pass, then token by token over the cache. */
static void check_greedy(bench *b)
{
    const fab_llama *m = b->d->model;
    const int32_t *want = stored(b, "greedy")->data;
    fab_kv kv;
    fab_arena *home = fab_arena_new(0, &b->c.err);
    CHECK(home && fab_llama_kv(m, &kv, home, 1, PROMPT + STEPS, &b->c.err));
    fab_tensor *ids = ids_of(b, PROMPT, stored(b, "ids")->data);
    for (int i = 0; i < STEPS; i++) {
        fab_tensor *h = fab_llama_hidden(&b->c, m, fab_llama_embed(&b->c, m, ids), NULL, NULL, &kv, 0);
        fab_tensor *z = fab_llama_logits(&b->c, m, h, NULL);
        CHECK_MSG(z, "%s", b->c.err.text);
        int32_t id = best(fab_f32(z) + (z->shape[0] - 1) * m->cfg.vocab, m->cfg.vocab);
        CHECK_MSG(id == want[i], "%s (%s): token %d is %d, not %d", b->name, b->c.k->name, i, id,
                  want[i]);
        fab_ctx_reset(&b->c);
        ids = ids_of(b, 1, &id);
    }
    fab_arena_free(home);
}

TEST(decoders_equal_transformers)
{
    for (int k = 0; fab_kernels_all()[k]; k++)
        for (int i = 0; i < NAMES; i++) {
            char path[64];
            bench b;
            snprintf(path, sizeof path, FOLDER "%s", names[i]);
            bench_open(&b, path, names[i], fab_kernels_all()[k]);
            check_blocks(&b);
            check_greedy(&b);
            bench_close(&b);
        }
}

TEST_MAIN
