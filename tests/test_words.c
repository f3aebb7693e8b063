/* test_words: how likely a decoder finds a text, against the reference's logits and against a model
 * whose every token is equally likely; records of words, good and bad. */
#include <math.h>
#include <unistd.h>
#include "engine/likelihood.h"
#include "evaluate/perplexity.h"
#include "format/weights_write.h"
#include "test.h"

#define LLAMA "tests/golden/decoders/llama"

static const void *stored(const fab_weights *w, const char *name, int64_t *n)
{
    fab_err err = FAB_ERR_INIT;
    const fab_weight *e = fab_weights_find(w, name, &err);
    CHECK_MSG(e, "%s", err.text);
    *n = (int64_t)e->bytes / 4;
    return e->data;
}

TEST(likelihood_is_the_sum_over_the_references_logits)
{
    fab_err err = FAB_ERR_INIT;
    int64_t n, all;
    fab_weights *golden = fab_weights_open(LLAMA "/golden.safetensors", &err);
    fab_generator *g = fab_generator_open(LLAMA, NULL, FAB_EXACT, &err);
    CHECK_MSG(golden && g, "%s", err.text);
    const int32_t *ids = stored(golden, "ids", &n);
    const float *z = stored(golden, "logits", &all);
    int64_t V = all / n;
    for (int64_t from = 1; from <= n; from += 4) {
        double want = 0, got;
        for (int64_t i = from; i < n; i++) {
            double sum = 0;
            for (int64_t v = 0; v < V; v++) sum += exp((double)z[(i - 1) * V + v]);
            want += (double)z[(i - 1) * V + ids[i]] - log(sum);
        }
        CHECK_MSG(fab_likelihood(fab_generator_ctx(g), fab_generator_decoder(g), ids, n, from, &got,
                                 &err),
                  "%s", err.text);
        CHECK_NEAR(got, want, 1e-3);
    }
    fab_generator_close(g);
    fab_weights_close(golden);
}

/* ---- a model to which all tokens are alike ----------------------------------------------------- */

enum { DIM = 32, FFN = 64, VOCAB = 700 };
static char root[] = "/tmp/fab-words-XXXXXX";

static void put(fab_gguf *g, const char *name, int64_t rows, int64_t cols, float value)
{
    static float many[2][VOCAB * DIM]; /* lent until the write: all zeros, all ones */
    for (int i = 0; i < VOCAB * DIM; i++) many[1][i] = 1;
    CHECK(fab_gguf_tensor(g, name, FAB_F32, rows > 1 ? 2 : 1,
                          rows > 1 ? FAB_SHAPE(rows, cols) : FAB_SHAPE(cols), many[value > 0]));
}

/* One layer; the output matrix is 0, so every logit is 0. */
static void write_uniform(const char *path)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *words = fab_weights_open("tests/golden/tokenizers/spm-bpe.gguf", &err);
    fab_gguf *g = fab_gguf_new(&err);
    static const char *const but[] = { "general.architecture", NULL };
    CHECK_MSG(words && g, "%s", err.text);
    fab_gguf_str(g, "general.architecture", "llama");
    fab_gguf_copy(g, words, but);
    fab_gguf_u32(g, "llama.context_length", 600);
    fab_gguf_u32(g, "llama.embedding_length", DIM);
    fab_gguf_u32(g, "llama.block_count", 1);
    fab_gguf_u32(g, "llama.feed_forward_length", FFN);
    fab_gguf_u32(g, "llama.attention.head_count", 2);
    fab_gguf_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put(g, "token_embd.weight", VOCAB, DIM, 1);
    put(g, "output_norm.weight", 1, DIM, 1);
    put(g, "output.weight", VOCAB, DIM, 0);
    put(g, "blk.0.attn_norm.weight", 1, DIM, 1);
    put(g, "blk.0.ffn_norm.weight", 1, DIM, 1);
    put(g, "blk.0.attn_q.weight", DIM, DIM, 0);
    put(g, "blk.0.attn_k.weight", DIM, DIM, 0);
    put(g, "blk.0.attn_v.weight", DIM, DIM, 0);
    put(g, "blk.0.attn_output.weight", DIM, DIM, 0);
    put(g, "blk.0.ffn_gate.weight", FFN, DIM, 0);
    put(g, "blk.0.ffn_up.weight", FFN, DIM, 0);
    put(g, "blk.0.ffn_down.weight", DIM, FFN, 0);
    CHECK_MSG(fab_gguf_write(g, path, &err), "%s", err.text);
    fab_gguf_free(g);
    fab_weights_close(words);
}

static const char *records(const char *text)
{
    static char path[64];
    fab_err err = FAB_ERR_INIT;
    snprintf(path, sizeof path, "%s/records.jsonl", root);
    CHECK_MSG(fab_file_write(path, text, strlen(text), &err), "%s", err.text);
    return path;
}

/* 900 letters and more in one record: its tokens are far more than a window's. */
static const char *long_text(void)
{
    static char line[4096];
    size_t at = (size_t)snprintf(line, sizeof line, "{\"text\":\"");
    for (int i = 0; i < 900; i++) line[at++] = "qzxjkv w"[i % 8];
    snprintf(line + at, sizeof line - at, "\"}\n\n{\"text\":\"a cough\"}\n");
    return line;
}

TEST(words_of_a_model_that_knows_nothing)
{
    fab_err err = FAB_ERR_INIT;
    char path[64];
    fab_words_score s;
    int64_t n = 0, more;
    CHECK(mkdtemp(root));
    snprintf(path, sizeof path, "%s/uniform.gguf", root);
    write_uniform(path);
    fab_generator *g = fab_generator_open(path, NULL, FAB_FAST, &err);
    CHECK_MSG(g, "%s", err.text);
    CHECK_MSG(fab_words_measure(g, records(long_text()), NULL, &s, &err), "%s", err.text);
    CHECK(s.n == 2 && !s.asked && s.tokens > FAB_EVAL_WINDOW);
    CHECK_NEAR(fab_words_perplexity(&s), VOCAB, 0.01);
    n = s.tokens;
    CHECK(fab_words_measure(g, records(long_text()), &(fab_words_opts){ .limit = 1 }, &s, &err));
    more = n - s.tokens; /* "<s> a cough" without its first */
    CHECK(s.n == 1 && more > 0 && more < 9);
    CHECK_MSG(fab_words_measure(g,
                                records("{\"question\":\"Is it red?\",\"answer\":\"yes\"}\n"
                                        "{\"question\":\"Is it?\",\"answer\":\"\\u2047\"}\n"),
                                &(fab_words_opts){ .max_tokens = 3 }, &s, &err),
              "%s", err.text);
    CHECK(s.n == 2 && s.asked == 2 && s.right == 0 && s.tokens > 1);
    CHECK_NEAR(fab_words_perplexity(&s), VOCAB, 0.01);

    static const struct {
        const char *line, *says;
    } bad[] = {
        { "", "no records" },
        { "{\"text\":\"a\"}\n{\"question\":\"a\"}", "line 2: neither \"text\" nor \"question\"" },
        { "{\"text\":\"\"}", "line 1: a text of 1 tokens" },
        { "{\"image\":\"x.png\",\"question\":\"a\",\"answer\":\"b\"}", "a record with an image" },
        { "{\"text\":", "line 1" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fab_err why = FAB_ERR_INIT;
        CHECK_MSG(!fab_words_measure(g, records(bad[i].line), NULL, &s, &why), "%s", bad[i].line);
        CHECK_SAYS(why.text, "records.jsonl");
        CHECK_SAYS(why.text, bad[i].says);
    }
    fab_generator_close(g);
    char clean[64];
    snprintf(clean, sizeof clean, "rm -r %s", root);
    CHECK(system(clean) == 0);
}

TEST_MAIN
