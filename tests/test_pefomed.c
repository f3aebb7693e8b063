/* test_pefomed: a tiny decoder sees through a tiny mini's tower: rows, prompts, answers, and a run
 * of two stages in which neither of the two changes. */
#include <math.h>
#include "base/hash.h"
#include "engine/pefomed.h"
#include "place.h"
#include "tiny.h"
#include "train/train.h"
#include "zoo/convert_decoder.h"
#include "zoo/tokenizer_file.h"

static char *mini, *decoder;

/* A LLaMA of two layers with a tokenizer, as a GGUF. */
static bool tiny_decoder(const char *path, fab_err *err)
{
    const fab_decoder_config c = { .kind = fab_decoder_kind_find("llama"),
                                   .dim = 32,
                                   .ffn = 48,
                                   .vocab = 600,
                                   .layers = 2,
                                   .heads = 4,
                                   .kv_heads = 2,
                                   .head_dim = 8,
                                   .context = 512,
                                   .eps = 1e-5,
                                   .theta = 1e4,
                                   .score_dim = 8,
                                   .tied = true };
    fab_arena *a = fab_arena_new(0, err);
    fab_llama m;
    fab_llama_config g;
    fab_param_list list = { 0 };
    fab_params p = fab_params_init(a, &list, 4);
    fab_gguf *f = fab_gguf_new(err);
    fab_bpe *bpe = tiny_bpe(NULL, 600, err);
    bool ok = f && bpe && fab_decoder_llama(&c, true, a, &g, err);
    if (ok) fab_llama_params(&p, &m, &g);
    ok = ok && fab_params_end(&p, err) && fab_decoder_put(&c, f, a, err) &&
         fab_bpe_put(f, bpe, a, err) && fab_gguf_u32(f, "tokenizer.ggml.bos_token_id", 1) &&
         fab_gguf_u32(f, "tokenizer.ggml.eos_token_id", 2);
    for (int64_t i = 0; ok && i < list.n; i++) {
        const fab_tensor *t = list.items[i];
        const char *name = fab_names_back(fab_decoder_rules(&c, true), t->name, a, err);
        ok = name && fab_gguf_tensor(f, name, FAB_F32, t->ndim, t->shape, t->data);
    }
    ok = ok && fab_gguf_write(f, path, err);
    fab_bpe_free(bpe);
    fab_gguf_free(f);
    fab_arena_free(a);
    return ok;
}

static void places(void)
{
    fab_err err = FAB_ERR_INIT;
    if (mini) return;
    mini = in_folder("mini.gguf");
    decoder = in_folder("words.gguf");
    CHECK_MSG(tiny_save(mini, 1, NULL, &err) && tiny_decoder(decoder, &err), "%s", err.text);
}

static fab_pefomed *open_both(fab_engine **e)
{
    fab_err err = FAB_ERR_INIT;
    places();
    *e = fab_engine_open(mini, NULL, &err);
    fab_pefomed *p = *e ? fab_pefomed_open(decoder, fab_engine_model(*e), NULL, 3, &err) : NULL;
    CHECK_MSG(p, "%s", err.text);
    return p;
}

TEST(four_neighbours_of_a_row_become_one)
{
    fab_engine *e;
    fab_pefomed *p = open_both(&e);
    fab_arena *a = fab_arena_new(0, NULL);
    fab_ctx c;
    fab_ctx_init(&c, a, NULL);
    CHECK(p->cells == 16 && p->width == 32); /* 64 pixels: a grid of 4 x 4 */
    fab_tensor *x = fab_tensor_new(&c, FAB_F32, FAB_SHAPE(2, 16, 32));
    for (int64_t i = 0; i < fab_count(x); i++) fab_f32(x)[i] = (float)(i * 7919 % 97) / 97;
    const fab_tensor *y = fab_pefomed_rows(&c, p, x);
    CHECK_MSG(y && y->shape[1] == 4 && y->shape[2] == 32, "%s", c.err.text);
    for (int b = 0; b < 2; b++)
        for (int r = 0; r < 4; r++)
            for (int o = 0; o < 32; o++) {
                double want = 0; /* cells 4r .. 4r+3 side by side */
                for (int k = 0; k < 128; k++)
                    want += (double)fab_f32(p->projector.w)[o * 128 + k] *
                            (double)fab_f32(x)[(b * 16 + 4 * r + k / 32) * 32 + k % 32];
                CHECK_NEAR((double)fab_f32(y)[(b * 4 + r) * 32 + o], want, 1e-5);
            }
    fab_pefomed_close(p);
    fab_engine_close(e);
    fab_arena_free(a);
}

TEST(the_prompt_is_the_papers)
{
    fab_engine *e;
    fab_pefomed *p = open_both(&e);
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    int64_t n, m;
    const int32_t *q = fab_pefomed_tail(p, "Is it?", a, &n, &err),
                  *k = fab_pefomed_tail(p, NULL, a, &m, &err);
    CHECK_MSG(q && k, "%s", err.text);
    CHECK(p->before[0] == 1 && p->end == 2);
    CHECK_STR(fab_tokenizer_decode(p->decoder->words, a, p->before + 1, p->n_before - 1, false,
                                   &err),
              "[INST] <Img>");
    CHECK_STR(
        fab_tokenizer_decode(p->decoder->words, a, q, n, false, &err),
        "</Img> [vqa] Based on the image, respond to this question with a short answer: Is it? "
        "[/INST]");
    CHECK_STR(fab_tokenizer_decode(p->decoder->words, a, k, m, false, &err),
              "</Img> [caption] Describe this image in detail [/INST]");
    fab_pefomed_close(p);
    fab_engine_close(e);
    fab_arena_free(a);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void hash_of(const char *path, char hex[65])
{
    fab_file f;
    CHECK(fab_file_map(&f, path, 0, NULL));
    fab_sha256_hex(f.data, f.size, hex);
    fab_file_unmap(&f);
}

static const char text[] =
    "name: t\nseed: 5\nstore_side: 64\ninit: {model: mini.gguf}\n"
    "peft: {decoder: words.gguf, rank: 2, targets: [q_proj, v_proj], full: [llama_proj], exam: "
    "20}\n"
    "stages:\n"
    "  - {name: align, only: base_model.model.llama_proj, steps: 3, batch: 2, lr: 0.3,\n"
    "     losses: {caption: 1}, sets: {slake: 1}}\n"
    "  - {name: vqa, steps: 4, batch: 2, lr: 0.3, losses: {qa: 1}, sets: {slake: 1}}\n";

static void ask(fab_engine *e, fab_pefomed *p, fab_arena *a, const char *said[3])
{
    static const char *const questions[] = { "Is the lung healthy?", "What is this?", "Where?" };
    fab_err err = FAB_ERR_INIT;
    const char *one;
    const fab_look *look = fab_engine_look_grey(e, &err);
    CHECK_MSG(look && fab_pefomed_ask(p, look, questions, 3, 8, a, said, &err), "%s", err.text);
    for (int i = 0; i < 3; i++) { /* alone as together */
        CHECK_MSG(fab_pefomed_ask(p, look, questions + i, 1, 8, a, &one, &err), "%s", err.text);
        CHECK_STR(one, said[i]);
    }
    fab_look_unref(look);
}

TEST(two_stages_teach_the_adapter_alone)
{
    const char *shared = test_shared();
    if (!shared) SKIP("no shared data");
    fab_err err = FAB_ERR_INIT;
    char data[256], before[2][65], after[2][65], *recipe = in_folder("r.yaml"),
                                                 *path = in_folder("out/t.safetensors");
    fab_engine *e;
    places();
    hash_of(mini, before[0]);
    hash_of(decoder, before[1]);
    snprintf(data, sizeof data, "%s/data/open", shared);
    CHECK(fab_file_write(recipe, text, strlen(text), &err));
    fab_train_opts o = { .recipe = recipe, .data = data, .out = in_folder("out") };
    json_t *told = NULL;
    CHECK_MSG(fab_train_run(&o, &told, &err), "%s", err.text);
    const json_t *card = json_object_get(told, "card");
    CHECK(json_is_true(json_object_get(told, "finished")) &&
          json_integer_value(json_object_get(card, "parameters")) ==
              32 * 128 + 32 + 2 * (2 * 2 * 32 + 2 * (32 + 16)));
    CHECK(json_real_value(json_object_get(card, "trainable_share")) > 0);
    json_decref(told);
    hash_of(mini, after[0]);
    hash_of(decoder, after[1]);
    CHECK(!memcmp(before, after, sizeof before));

    fab_pefomed *p = open_both(&e);
    fab_arena *a = fab_arena_new(0, &err);
    const char *plain[3], *with[3], *off[3];
    ask(e, p, a, plain);
    CHECK_MSG(fab_pefomed_adapt(p, path, &err), "%s", err.text);
    ask(e, p, a, with);
    CHECK(strcmp(plain[0], with[0]));
    CHECK_MSG(fab_pefomed_adapt(p, NULL, &err), "%s", err.text);
    ask(e, p, a, off);
    CHECK_STR(off[0], plain[0]);
    fab_pefomed_close(p);
    CHECK(!fab_engine_adapt(e, path, &err)); /* tower and decoder together are its model */
    CHECK_SAYS(err.text, "t.safetensors: trained on the model tiny-0-");
    fab_engine_close(e);
    fab_arena_free(a);
}

TEST_MAIN
