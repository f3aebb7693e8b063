/* test_decoder: published decoders against Hugging Face transformers (tools/golden/decoders.py):
 * embedding, every block, logits and greedy text of tiny checkpoints, on every instruction set. */
#include <math.h>
#include <unistd.h>
#include "engine/generate.h"
#include "format/weights_write.h"
#include "poke.h"
#include "test.h"
#include "zoo/convert_decoder.h"

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
        fab_tensor *h =
            fab_llama_hidden(&b->c, m, fab_llama_embed(&b->c, m, ids), NULL, NULL, &kv, 0);
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

/* ---- conversion ------------------------------------------------------------------------------ */

static void convert(const char *in, const char *out, fab_convert_opts o)
{
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(fab_convert(in, out, &o, NULL, &err), "%s", err.text);
}

static void check_file(const char *path, const char *name)
{
    bench b;
    bench_open(&b, path, name, fab_kernels_best());
    check_blocks(&b);
    check_greedy(&b);
    bench_close(&b);
}

/* Every tensor of the folder is in the other one, bit for bit; vectors may have been widened. */
static void check_same_tensors(const char *one, const char *two)
{
    char path[2][256];
    fab_err err = FAB_ERR_INIT;
    snprintf(path[0], sizeof path[0], "%s/model.safetensors", one);
    snprintf(path[1], sizeof path[1], "%s/model.safetensors", two);
    fab_weights *a = fab_weights_open(path[0], &err), *b = fab_weights_open(path[1], &err);
    CHECK_MSG(a && b && fab_weights_count(a) == fab_weights_count(b), "%s", err.text);
    for (int64_t i = 0; i < fab_weights_count(a); i++) {
        const fab_weight *x = fab_weights_at(a, i), *y = fab_weights_find(b, x->name, &err);
        CHECK_MSG(y && x->ndim == y->ndim && x->shape[0] == y->shape[0], "%s", x->name);
        if (x->ndim > 1)
            CHECK_MSG(x->dtype == y->dtype && !memcmp(x->data, y->data, x->bytes), "%s", x->name);
    }
    fab_weights_close(a);
    fab_weights_close(b);
}

TEST(decoders_go_to_gguf_and_back)
{
    char root[] = "/tmp/fab-convert-XXXXXX", folder[64], gguf[96], back[96];
    CHECK(mkdtemp(root));
    for (int i = 0; i < NAMES; i++) {
        snprintf(folder, sizeof folder, FOLDER "%s", names[i]);
        snprintf(gguf, sizeof gguf, "%s/%s.gguf", root, names[i]);
        snprintf(back, sizeof back, "%s/%s", root, names[i]);
        convert(folder, gguf, (fab_convert_opts){ .same = true });
        check_file(gguf, names[i]);
        convert(gguf, back, (fab_convert_opts){ .same = true });
        check_file(back, names[i]);
        check_same_tensors(folder, back);
        convert(folder, gguf, (fab_convert_opts){ .type = FAB_F32 });
        check_file(gguf, names[i]);
    }
    char clean[64];
    snprintf(clean, sizeof clean, "rm -r %s", root);
    CHECK(system(clean) == 0);
}

/* ---- broken models --------------------------------------------------------------------------- */

static char broken[] = "/tmp/fab-decoder-XXXXXX";

static void make_broken(void)
{
    if (!strstr(broken, "XXXXXX")) return;
    CHECK(mkdtemp(broken));
}

/* The llama again, its config changed: the object `with` replaces keys. */
static void write_broken(const char *with)
{
    fab_err err = FAB_ERR_INIT;
    char path[64];
    json_t *o = fab_json_open(FOLDER "llama/config.json", &err);
    json_t *change = fab_json_parse(with, strlen(with), &err);
    CHECK_MSG(o && change && json_object_update(o, change) == 0, "%s", err.text);
    snprintf(path, sizeof path, "%s/config.json", broken);
    CHECK_MSG(fab_json_write(path, o, &err), "%s", err.text);
    json_decref(o);
    json_decref(change);
}

static void write_file(const char *name, const void *data, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", broken, name);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

/* Its tensors: all but those whose names hold `without`, cut to `size` bytes (0: whole). */
static void write_tensors(const char *without, bool not_a_number, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = fab_weights_open(FOLDER "llama/model.safetensors", &err);
    fab_weight list[64];
    static float spoilt[40 * 32];
    char path[64];
    int64_t n = 0;
    CHECK(w && fab_weights_count(w) < 64);
    for (int64_t i = 0; i < fab_weights_count(w); i++) {
        fab_weight e = *fab_weights_at(w, i);
        if (without && strstr(e.name, without)) continue;
        if (not_a_number && !strcmp(e.name, "model.layers.1.mlp.down_proj.weight")) {
            memcpy(spoilt, e.data, sizeof spoilt);
            spoilt[77] = NAN;
            e.data = spoilt;
        }
        list[n++] = e;
    }
    snprintf(path, sizeof path, "%s/model.safetensors", broken);
    CHECK_MSG(fab_safetensors_write(path, list, n, NULL, &err), "%s", err.text);
    if (size) CHECK(truncate(path, (off_t)size) == 0);
    fab_weights_close(w);
}

static void refused(const char *path, const char *says)
{
    fab_err err = FAB_ERR_INIT;
    fab_decoder *d = fab_decoder_open(path, NULL, &err);
    CHECK_MSG(!d, "%s: accepted", says);
    CHECK_SAYS(err.text, path);
    CHECK_SAYS(err.text, says);
}

TEST(broken_decoders_say_what_disagrees)
{
    static const struct {
        const char *with, *says;
    } configs[] = {
        { "{\"model_type\":\"phi\"}", "model_type 'phi' is none of llama" },
        { "{\"hidden_size\":40}", "embed_tokens.weight: file [48,32], model [48,40]" },
        { "{\"num_hidden_layers\":1}", "model.layers.1.input_layernorm.weight: not in the model" },
        { "{\"num_hidden_layers\":3}", "not in the file" },
        { "{\"num_key_value_heads\":3}", "4 heads (3 for keys)" },
        { "{\"vocab_size\":50}", "file [48,32], model [50,32]" },
        { "{\"hidden_act\":\"relu\"}", "hidden_act 'relu', a llama has 'silu'" },
        { "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4}}", "rope_type 'yarn'" },
        { "{\"attention_bias\":true}", "attention_bias is set" },
        { "{\"num_hidden_layers\":-2}", "layers: -2 is out of range" },
        { "{\"intermediate_size\":\"wide\"}", "intermediate_size" },
        { "{\"rms_norm_eps\":0}", "epsilon 0" },
    };
    make_broken();
    write_tensors(NULL, false, 0);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        write_broken(configs[i].with);
        refused(broken, configs[i].says);
    }
    write_broken("{}");
    write_tensors("layers.0.self_attn.k_proj", false, 0);
    refused(broken, "model.layers.0.self_attn.k_proj.weight: not in the file");
    write_tensors("lm_head", false, 0);
    refused(broken, "lm_head.weight: not in the file");
    write_tensors(NULL, false, 5000);
    refused(broken, "model.safetensors: tensor ");
    refused(broken, "of the data, which has 2888");
    refused("tests/golden/formats", "no config.json in this folder");
}

TEST(tokenizers_that_do_not_fit_their_decoder)
{
    static const struct {
        const char *name, *text, *says;
    } words[] = {
        { "tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}",
          "tokenizer.json: model: no merges array" },
        { "tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"mer",
          "tokenizer.json: line 1 column" },
        { "vocab.json", "{\"a\":0,\"b\":1}", "vocab.json: no model in it, and no merges.txt" },
    };
    make_broken();
    write_broken("{}");
    write_tensors(NULL, false, 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char path[64];
        write_file(words[i].name, words[i].text, strlen(words[i].text));
        refused(broken, words[i].says);
        snprintf(path, sizeof path, "%s/%s", broken, words[i].name);
        CHECK(remove(path) == 0);
    }
    fab_err err = FAB_ERR_INIT;
    fab_file f;
    CHECK(fab_file_map(&f, "tests/golden/tokenizers/llama.json", 0, &err));
    write_file("tokenizer.json", f.data, f.size);
    fab_file_unmap(&f);
    refused(broken, "the tokenizer has 700 tokens, the embedding 48 rows");
    char path[64];
    snprintf(path, sizeof path, "%s/tokenizer.json", broken);
    CHECK(remove(path) == 0);
}

TEST(broken_ggufs_say_what_disagrees)
{
    static const struct {
        const char *was, *is, *says;
    } changes[] = {
        { "llama", "falco", "general.architecture 'falco' is none of llama, qwen2" },
        { "blk.1.ffn_up.weight", "blk.1.ffn_xp.weight", "model.layers.1.mlp.up_proj.weight" },
    };
    char whole[64], path[64];
    fab_err err = FAB_ERR_INIT;
    make_broken();
    snprintf(whole, sizeof whole, "%s/m.gguf", broken);
    snprintf(path, sizeof path, "%s/x.gguf", broken);
    convert(FOLDER "llama", whole, (fab_convert_opts){ .same = true });
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        poke_text(whole, path, changes[i].was, changes[i].is);
        refused(path, changes[i].says);
    }
    fab_file f;
    CHECK(fab_file_map(&f, whole, 0, &err));
    write_file("x.gguf", f.data, f.size - 1000);
    refused(path, "bytes at offset");
    refused(path, "the data has");
    write_file("x.gguf", f.data, 700);
    refused(path, "the file has 700");
    fab_file_unmap(&f);
}

/* A prompt longer than one pass takes is read piece by piece into the cache: the same next token as
 * of all places seen at once, and the same whole answer after a part of it was there already. */
TEST(long_prompts_are_read_in_pieces)
{
    enum { LONG = 700 };
    static int32_t ids[LONG];
    fab_err err = FAB_ERR_INIT;
    fab_generated out, again;
    fab_arena *a = fab_arena_new(0, &err);
    for (int i = 0; i < LONG; i++) ids[i] = (i * i + 3 * i) % 48;
    make_broken();
    write_broken("{\"max_position_embeddings\":1000}");
    write_tensors(NULL, false, 0);
    bench b;
    bench_open(&b, broken, "llama", fab_kernels_best());
    fab_generator *g = fab_generator_open(broken, NULL, FAB_EXACT, &err);
    CHECK_MSG(g && a, "%s", err.text);
    for (int n = LONG - 5; n <= LONG; n++) {
        const fab_llama *m = b.d->model;
        fab_tensor *h = fab_llama_hidden(&b.c, m, fab_llama_embed(&b.c, m, ids_of(&b, n, ids)),
                                         NULL, NULL, NULL, 0);
        const fab_tensor *z = fab_llama_logits(&b.c, m, h, NULL);
        CHECK_MSG(z, "%s", b.c.err.text);
        int32_t want = best(fab_f32(z) + (n - 1) * m->cfg.vocab, m->cfg.vocab);
        fab_prompt p = { .ids = ids, .n = n }, part = { .ids = ids, .n = 300 };
        fab_generate_opts o = { .max_tokens = 4, .ignore_end = true };
        CHECK(fab_generate(g, &part, 1, &o, a, &out, &err));
        CHECK_MSG(fab_generate(g, &p, 1, &o, a, &out, &err), "%s", err.text);
        CHECK(out.n == 4 && out.ids[0] == want && out.n_reused == 300);
        fab_ctx_reset(&b.c);
    }
    CHECK(fab_generate(g, &(fab_prompt){ .ids = ids, .n = LONG }, 1,
                       &(fab_generate_opts){ .max_tokens = 4, .ignore_end = true }, a, &again,
                       &err));
    CHECK(again.n_reused == LONG - 1 && !memcmp(again.ids, out.ids, 4 * sizeof *out.ids));
    fab_generator_close(g);
    bench_close(&b);
    fab_arena_free(a);
}

TEST(a_value_that_is_not_finite_is_traced_to_its_layer)
{
    fab_err err = FAB_ERR_INIT;
    int32_t ids[] = { 5, 6, 7 };
    fab_prompt p = { .ids = ids, .n = 3 };
    fab_generated out;
    make_broken();
    write_broken("{}");
    write_tensors(NULL, true, 0);
    fab_arena *a = fab_arena_new(0, &err);
    fab_generator *g = fab_generator_open(broken, NULL, FAB_EXACT, &err);
    CHECK_MSG(g && a, "%s", err.text);
    CHECK(!fab_generate(g, &p, 1, NULL, a, &out, &err));
    CHECK_SAYS(err.text, "layer 1: linear with model.layers.1.mlp.down_proj.weight: the result "
                         "[1,3,32] holds a value that is not finite");
    fab_generator_close(g);
    fab_arena_free(a);
    char clean[64];
    snprintf(clean, sizeof clean, "rm -r %s", broken);
    CHECK(system(clean) == 0);
}

TEST(small_models_stay_exact)
{
    static const fab_exactness hows[] = { FAB_FAST, FAB_EXACT, FAB_EXACT_SMALL };
    fab_err err = FAB_ERR_INIT;
    fab_tensor w = { .ndim = 2, .shape = { 499999, 1000 } }, *items[] = { &w };
    const fab_decoder d = { .params = { .items = items, .n = 1 } };
    CHECK(fab_is_exact(FAB_EXACT_SMALL, &d) && !fab_is_exact(FAB_FAST, &d));
    w.shape[0]++;
    CHECK(!fab_is_exact(FAB_EXACT_SMALL, &d) && fab_is_exact(FAB_EXACT, &d));
    for (int i = 0; i < 3; i++) {
        fab_generator *g = fab_generator_open(FOLDER "llama", NULL, hows[i], &err);
        CHECK_MSG(g, "%s", err.text);
        CHECK(fab_generator_ctx(g)->bf16 == (hows[i] == FAB_FAST));
        fab_generator_close(g);
    }
}

/* Eight prompts together say what each says alone. */
TEST(prompts_decoded_together_say_the_same)
{
    enum { N = 8, SAY = 12 };
    fab_err err = FAB_ERR_INIT;
    int32_t ids[N][N + 2];
    fab_prompt p[N];
    fab_generated out[N], alone;
    fab_arena *a = fab_arena_new(0, &err);
    fab_generator *g = fab_generator_open(FOLDER "gemma3", NULL, FAB_EXACT, &err);
    CHECK_MSG(g && a, "%s", err.text);
    for (int i = 0; i < N; i++) {
        p[i] = (fab_prompt){ .ids = ids[i], .n = i + 2 };
        for (int k = 0; k < i + 2; k++) ids[i][k] = (7 * i + 11 * k + 3) % 48;
    }
    for (int hot = 0; hot < 2; hot++) {
        fab_generate_opts o = { .max_tokens = SAY, .ignore_end = true };
        if (hot) o = (fab_generate_opts){ .max_tokens = SAY, .temperature = 1, .seed = 4 };
        CHECK_MSG(fab_generate(g, p, N, &o, a, out, &err), "%s", err.text);
        CHECK(fab_generate(g, p, 1, &o, a, &alone, &err));
        CHECK(alone.n == out[0].n && !memcmp(alone.ids, out[0].ids, sizeof(int32_t) * SAY));
        for (int i = 1; i < N && !hot; i++) {
            CHECK(fab_generate(g, &p[i], 1, &o, a, &alone, &err));
            CHECK(!memcmp(alone.ids, out[i].ids, sizeof(int32_t) * SAY));
        }
    }
    fab_generator_close(g);
    fab_arena_free(a);
}

/* ---- published weights ----------------------------------------------------------------------- */

/* weights/NAME/FILE here or one folder up (tools/get-weights); NULL when it is at neither. */
static const char *published(const char *name, const char *file)
{
    static char path[256];
    snprintf(path, sizeof path, "weights/%s/%s", name, file);
    if (fab_exists(path)) return path;
    snprintf(path, sizeof path, "../weights/%s/%s", name, file);
    return fab_exists(path) ? path : NULL;
}

static int32_t *numbers(const json_t *row, const char *key, fab_arena *a, int64_t *n)
{
    const json_t *list = json_object_get(row, key);
    int32_t *out = fab_arena_take(a, (json_array_size(list) + 1) * sizeof *out, NULL);
    *n = (int64_t)json_array_size(list);
    CHECK(out && *n > 0);
    for (int64_t i = 0; i < *n; i++)
        out[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
    return out;
}

/* Greedy text in f32 is the reference's, token for token; the first tokens of two prompts under a
 * sanitizer, which sees each line of the path in them. */
static void check_texts(const char *name)
{
    char golden[128];
    fab_err err = FAB_ERR_INIT;
    snprintf(golden, sizeof golden, "tests/golden/texts/%s.json", name);
    json_t *doc = fab_json_open(golden, &err);
    CHECK_MSG(doc, "%s", err.text);
    const char *path = published(name, fab_json_str(doc, "model", &err));
    if (!path) {
        json_decref(doc);
        SKIP("weights/%s is not there: tools/get-weights %s", name, name);
    }
    fab_arena *a = fab_arena_new(0, &err);
    fab_generator *g = fab_generator_open(path, NULL, FAB_EXACT, &err);
    CHECK_MSG(g && a, "%s", err.text);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(doc, "prompts"), i, row)
    {
        int64_t n, m;
        if (i == TEST_FEWER(SIZE_MAX, (size_t)2)) break;
        fab_prompt p = { .ids = numbers(row, "ids", a, &n) };
        const int32_t *want = numbers(row, "says", a, &m);
        fab_generated out;
        int64_t say = TEST_FEWER(m, 4);
        p.n = n;
        CHECK_MSG(fab_generate(g, &p, 1,
                               &(fab_generate_opts){ .max_tokens = (int)say, .ignore_end = true },
                               a, &out, &err),
                  "%s", err.text);
        CHECK(say <= m && out.n == say);
        for (int64_t k = 0; k < say; k++)
            CHECK_MSG(out.ids[k] == want[k], "%s, prompt %zu, token %lld: %d, not %d", name, i,
                      (long long)k, (int)out.ids[k], (int)want[k]);
    }
    fab_generator_close(g);
    fab_arena_free(a);
    json_decref(doc);
}

TEST(smollm2_says_what_the_reference_says) { check_texts("smollm2-135m"); }
TEST(gemma3_says_what_the_reference_says) { check_texts("gemma3-270m"); }

TEST_MAIN
