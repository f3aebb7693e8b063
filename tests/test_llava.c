/* test_llava: LLaVA against Hugging Face transformers (tools/golden/llava.py): features after the
 * projector, logits with a picture in the prompt, greedy text; under every naming of the tensors,
 * and as GGUF with its mmproj. Broken pairs say what disagrees. */
#include <math.h>
#include <sys/stat.h>
#include "base/hash.h"
#include "engine/converse.h"
#include "format/weights_write.h"
#include "poke.h"
#include "test.h"
#include "zoo/convert_decoder.h"
#include "zoo/llava.h"

#define FOLDER "tests/golden/llava"
enum { IMAGE = 47, PATCHES = 16, STEPS = 24, MOST = 128 };

static const double tol = 1e-4;

static char root[32];

static const char *at(const char *name)
{
    static char paths[4][128];
    static int turn;
    char *p = paths[turn++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", root, name);
    return p;
}

static void begin(void)
{
    strcpy(root, "/tmp/fab-llava-XXXXXX");
    CHECK(mkdtemp(root));
}

static void end(void)
{
    char clean[64];
    snprintf(clean, sizeof clean, "rm -r %s", root);
    CHECK(system(clean) == 0);
}

static fab_weights *opened(const char *path)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = fab_weights_open(path, &err);
    CHECK_MSG(w, "%s", err.text);
    return w;
}

/* ---- parity ---------------------------------------------------------------------------------- */

static void near(const float *got, const fab_weight *e)
{
    const float *want = e->data;
    int64_t n = (int64_t)(e->bytes / sizeof *want);
    double top = 0;
    for (int64_t i = 0; i < n; i++) top = fmax(top, fabs((double)want[i]));
    for (int64_t i = 0; i < n; i++)
        CHECK_MSG(fabs((double)got[i] - (double)want[i]) <= tol * top, "%s at %lld: %.9g, not %.9g",
                  e->name, (long long)i, (double)got[i], (double)want[i]);
}

static void check_greedy(const char *model, const float *rows, const fab_weights *golden)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_generator *g = fab_generator_open(model, NULL, FAB_EXACT, &err);
    CHECK_MSG(a && g, "%s", err.text);
    const fab_weight *ids = fab_weights_find(golden, "ids", &err);
    const int32_t *want = fab_weights_find(golden, "greedy", &err)->data;
    int32_t own[MOST];
    int64_t n = ids->shape[1];
    memcpy(own, ids->data, (size_t)n * sizeof *own);
    for (int64_t i = 0; i < n; i++)
        if (own[i] == IMAGE) own[i] = -1;
    fab_prompt_part part = { .rows = rows, .n = PATCHES, .key = 1 };
    fab_prompt p = { .ids = own, .n = n, .parts = &part, .n_parts = 1 };
    fab_generated out;
    for (int again = 0; again < 2; again++) { /* the second time out of the cache */
        CHECK_MSG(fab_generate(g, &p, 1, &(fab_generate_opts){ .max_tokens = STEPS }, a, &out,
                               &err),
                  "%s", err.text);
        CHECK(out.n == STEPS && out.n_reused == (again ? n - 1 : 0));
        for (int i = 0; i < STEPS; i++)
            CHECK_MSG(out.ids[i] == want[i], "token %d: %d, not %d", i, (int)out.ids[i],
                      (int)want[i]);
    }
    fab_generator_close(g);
    fab_arena_free(a);
}

static void check_model(const char *model, const char *mmproj, const fab_kernels *k)
{
    fab_err err = FAB_ERR_INIT;
    fab_decoder_opts o = { .k = k };
    fab_weights *golden = opened(FOLDER "/golden.safetensors");
    fab_arena *work = fab_arena_new(0, &err);
    fab_decoder *d = fab_decoder_open(model, &o, &err);
    fab_llava *v = d ? fab_llava_open(d, mmproj, &o, &err) : NULL;
    CHECK_MSG(v && work, "%s", err.text);
    CHECK(v->n == PATCHES && v->dim == 32);
    fab_ctx c;
    fab_ctx_init(&c, work, NULL);
    c.k = k;
    c.check = true;
    const fab_weight *pixels = fab_weights_find(golden, "pixels", &err);
    fab_tensor *x = fab_tensor_from(&c, FAB_F32, FAB_SHAPE(1, 16, 16, 3), pixels->data);
    fab_tensor *rows = fab_llava_rows(&c, v, x);
    CHECK_MSG(rows, "%s", c.err.text);
    near(fab_f32(rows), fab_weights_find(golden, "features", &err));
    check_greedy(model, fab_f32(rows), golden);
    fab_llava_close(v);
    fab_decoder_close(d);
    fab_arena_free(work);
    fab_weights_close(golden);
}

TEST(llava_equals_transformers)
{
    for (int k = 0; fab_kernels_all()[k]; k++) check_model(FOLDER, NULL, fab_kernels_all()[k]);
}

/* ---- other names ----------------------------------------------------------------------------- */

typedef struct {
    const char *from, *to;
} front;

/* The golden folder again, its names' fronts changed, with this config (NULL: its own). */
static void rename_to(const char *dir, const front *fronts, int n, const char *config)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = opened(FOLDER "/model.safetensors");
    fab_weight list[MOST];
    static char names[MOST][96];
    int64_t count = fab_weights_count(w);
    for (int64_t i = 0; i < count; i++) {
        list[i] = *fab_weights_at(w, i);
        snprintf(names[i], sizeof names[i], "%s", list[i].name);
        for (int k = 0; k < n; k++) {
            size_t len = strlen(fronts[k].from);
            if (strncmp(list[i].name, fronts[k].from, len) != 0) continue;
            snprintf(names[i], sizeof names[i], "%s%s", fronts[k].to, list[i].name + len);
            break;
        }
        list[i].name = names[i];
    }
    char path[160];
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    CHECK(mkdir(dir, 0700) == 0);
    CHECK_MSG(fab_safetensors_write(path, list, count, NULL, &err), "%s", err.text);
    json_t *o = config ? fab_json_parse(config, strlen(config), &err)
                       : fab_json_open(FOLDER "/config.json", &err);
    snprintf(path, sizeof path, "%s/config.json", dir);
    CHECK_MSG(o && fab_json_write(path, o, &err), "%s", err.text);
    json_decref(o);
    fab_weights_close(w);
}

TEST(llava_under_the_names_of_others)
{
    static const front old[] = { { "vision_tower.", "vision_tower.vision_model." } };
    static const front new[] = { { "language_model.model.", "model.language_model." },
                                 { "language_model.lm_head.", "lm_head." },
                                 { "vision_tower.", "model.vision_tower.vision_model." },
                                 { "multi_modal_projector.", "model.multi_modal_projector." } };
    static const front med[] = { { "language_model.", "" },
                                 { "vision_tower.",
                                   "model.vision_tower.vision_tower.vision_model." },
                                 { "multi_modal_projector.linear_1.", "model.mm_projector.0." },
                                 { "multi_modal_projector.linear_2.", "model.mm_projector.2." } };
    static const char config[] =
        "{\"model_type\":\"llava_mistral\",\"hidden_size\":32,\"intermediate_size\":40,"
        "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
        "\"vocab_size\":48,\"rms_norm_eps\":1e-6,\"rope_theta\":10000.0,\"sliding_window\":null,"
        "\"max_position_embeddings\":128,\"mm_hidden_size\":24,\"mm_vision_select_layer\":-2,"
        "\"mm_vision_select_feature\":\"patch\",\"mm_projector_type\":\"mlp2x_gelu\","
        "\"image_aspect_ratio\":\"pad\",\"vision_config\":{\"num_attention_heads\":2}}";
    begin();
    rename_to(at("old"), old, 1, NULL);
    rename_to(at("new"), new, 4, NULL);
    rename_to(at("med"), med, 4, config);
    check_model(at("old"), NULL, fab_kernels_best());
    check_model(at("new"), NULL, fab_kernels_best());
    check_model(at("med"), NULL, fab_kernels_best());
    end();
}

/* ---- GGUF and mmproj ------------------------------------------------------------------------- */

static const front gguf_names[] = {
    { "vision_tower.embeddings.class_embedding", "v.class_embd" },
    { "vision_tower.embeddings.patch_embedding.", "v.patch_embd." },
    { "vision_tower.embeddings.position_embedding.", "v.position_embd." },
    { "vision_tower.pre_layrnorm.", "v.pre_ln." },
    { "vision_tower.post_layernorm.", "v.post_ln." },
    { "multi_modal_projector.linear_1.", "mm.0." },
    { "multi_modal_projector.linear_2.", "mm.2." },
    { "self_attn.q_proj.", "attn_q." },
    { "self_attn.k_proj.", "attn_k." },
    { "self_attn.v_proj.", "attn_v." },
    { "self_attn.out_proj.", "attn_out." },
    { "layer_norm1.", "ln1." },
    { "layer_norm2.", "ln2." },
    { "mlp.fc1.", "ffn_up." },
    { "mlp.fc2.", "ffn_down." },
};

static void mmproj_name(const char *name, bool swapped, char *out, size_t size)
{
    static const char layers[] = "vision_tower.encoder.layers.";
    const char *rest = name;
    int block = -1;
    if (!strncmp(name, layers, sizeof layers - 1)) {
        block = atoi(name + sizeof layers - 1);
        rest = strchr(name + sizeof layers - 1, '.') + 1;
    }
    for (size_t i = 0; i < sizeof gguf_names / sizeof *gguf_names; i++) {
        size_t len = strlen(gguf_names[i].from);
        if (strncmp(rest, gguf_names[i].from, len) != 0) continue;
        const char *to = gguf_names[i].to;
        if (swapped && !strcmp(to, "ffn_up.")) to = "ffn_down.";
        else if (swapped && !strcmp(to, "ffn_down.")) to = "ffn_up.";
        if (block >= 0) snprintf(out, size, "v.blk.%d.%s%s", block, to, rest + len);
        else snprintf(out, size, "%s%s", to, rest + len);
        return;
    }
    out[0] = 0; /* the decoder's */
}

typedef struct {
    bool swapped;
    uint32_t width, blocks; /* as the keys say */
    int rows;               /* of mm.2; 0: all */
} mmproj_how;

static void write_mmproj(const char *path, mmproj_how how)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = opened(FOLDER "/model.safetensors");
    fab_gguf *g = fab_gguf_new(&err);
    CHECK(g);
    fab_gguf_str(g, "general.architecture", "clip");
    fab_gguf_bool(g, "clip.has_vision_encoder", true);
    fab_gguf_str(g, "clip.projector_type", "mlp");
    fab_gguf_u32(g, "clip.vision.image_size", 16);
    fab_gguf_u32(g, "clip.vision.patch_size", 4);
    fab_gguf_u32(g, "clip.vision.embedding_length", how.width);
    fab_gguf_u32(g, "clip.vision.feed_forward_length", 36);
    fab_gguf_u32(g, "clip.vision.block_count", how.blocks);
    fab_gguf_u32(g, "clip.vision.attention.head_count", 2);
    fab_gguf_f32(g, "clip.vision.attention.layer_norm_epsilon", 1e-5f);
    for (int64_t i = 0; i < fab_weights_count(w); i++) {
        const fab_weight *e = fab_weights_at(w, i);
        char name[96];
        int64_t shape[FAB_MAX_DIM];
        mmproj_name(e->name, how.swapped, name, sizeof name);
        memcpy(shape, e->shape, sizeof shape);
        if (how.rows && strstr(name, "mm.2.")) shape[0] = how.rows;
        if (*name) fab_gguf_tensor(g, name, e->dtype, e->ndim, shape, e->data);
    }
    CHECK_MSG(fab_gguf_write(g, path, &err), "%s", err.text);
    fab_gguf_free(g);
    fab_weights_close(w);
}

static void refused(const char *model, const char *mmproj, const char *says)
{
    fab_err err = FAB_ERR_INIT;
    fab_decoder *d = fab_decoder_open(model, NULL, &err);
    CHECK_MSG(d, "%s", err.text);
    fab_llava *v = fab_llava_open(d, mmproj, NULL, &err);
    CHECK(!v);
    CHECK_SAYS(err.text, says);
    fab_llava_close(v);
    fab_decoder_close(d);
}

TEST(llava_as_gguf_and_mmproj)
{
    fab_err err = FAB_ERR_INIT;
    begin();
    CHECK_MSG(fab_convert(FOLDER, at("m.gguf"), &(fab_convert_opts){ .same = true }, NULL, &err),
              "%s", err.text);
    write_mmproj(at("p.gguf"), (mmproj_how){ .width = 24, .blocks = 2 });
    check_model(at("m.gguf"), at("p.gguf"), fab_kernels_best());
    write_mmproj(at("old.gguf"), (mmproj_how){ .swapped = true, .width = 24, .blocks = 2 });
    check_model(at("m.gguf"), at("old.gguf"), fab_kernels_best());
    refused(at("m.gguf"), NULL, "the tower is in a mmproj file");
    refused(at("m.gguf"), at("m.gguf"), "architecture 'llama', a mmproj's is 'clip'");
    write_mmproj(at("p.gguf"), (mmproj_how){ .width = 32, .blocks = 2 });
    refused(at("m.gguf"), at("p.gguf"), "clip.vision.embedding_length: 32, the tensors have 24");
    write_mmproj(at("p.gguf"), (mmproj_how){ .width = 24, .blocks = 4 });
    refused(at("m.gguf"), at("p.gguf"), "features of block 4, the tower has 3");
    write_mmproj(at("p.gguf"), (mmproj_how){ .width = 24, .blocks = 2, .rows = 20 });
    refused(at("m.gguf"), at("p.gguf"), "the projector gives a width of 20, the decoder's is 32");
    end();
}

/* ---- conversations --------------------------------------------------------------------------- */

/* A word of every letter. */
static void write_words(const char *dir)
{
    char path[160],
        words[512] = "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"unk_token\":\" \",\"vocab\":{";
    for (int i = 0; i < 26; i++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "\"%c\":%d,", 'a' + i, i);
    strcat(words, "\" \":26}}}");
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(words, f) >= 0 && fclose(f) == 0);
}

static fab_talk *talk_open(const char *dir)
{
    fab_err err = FAB_ERR_INIT;
    fab_talk *t = fab_talk_open(&(fab_talk_opts){ .model = dir, .sees = true, .exact = FAB_EXACT },
                                NULL, &err);
    CHECK_MSG(t, "%s", err.text);
    return t;
}

static void shade(uint8_t rgb[16 * 16 * 3], int step)
{
    for (int i = 0; i < 16 * 16 * 3; i++) rgb[i] = (uint8_t)(step * i);
}

/* The first words of an answer as one number. */
static uint64_t says(fab_talk *t)
{
    fab_err err = FAB_ERR_INIT;
    fab_generated out;
    fab_talk_reset(t);
    fab_generate_opts o = { .max_tokens = 12, .ignore_end = true };
    CHECK_MSG(fab_talk_ask(t, "a b", &o, &out, &err), "%s", err.text);
    CHECK(out.n == 12);
    return fab_hash64(out.ids, sizeof *out.ids * 12, 1);
}

TEST(what_is_seen_changes_what_is_said)
{
    uint8_t rgb[16 * 16 * 3];
    fab_err err = FAB_ERR_INIT;
    begin();
    rename_to(at("m"), NULL, 0, NULL);
    write_words(at("m"));
    fab_talk *t = talk_open(at("m"));
    uint64_t blind = says(t);
    shade(rgb, 1);
    CHECK_MSG(fab_talk_look(t, rgb, 16, 16, &err), "%s", err.text);
    uint64_t one = says(t);
    CHECK(says(t) == one && one != blind);
    shade(rgb, 7);
    CHECK_MSG(fab_talk_look(t, rgb, 16, 16, &err), "%s", err.text);
    uint64_t other = says(t);
    CHECK(other != one && other != blind);
    CHECK(!fab_talk_look(t, rgb, 0, 0, &err)); /* the picture before stays */
    CHECK(says(t) == other);
    fab_talk_close(t);
    end();
}

TEST(a_picture_that_is_not_finite_is_traced_to_its_layer)
{
    static const struct {
        const char *name, *says;
    } spoilt[] = {
        { "multi_modal_projector.linear_1.weight",
          "linear with multi_modal_projector.linear_1.weight: the result [1,16,32] holds a value "
          "that is not finite" },
        { "vision_tower.encoder.layers.1.mlp.fc1.weight",
          "linear with vision_model.encoder.layers.1.mlp.fc1.weight: the result [1,17,36] holds" },
    };
    uint8_t rgb[16 * 16 * 3];
    shade(rgb, 1);
    begin();
    rename_to(at("m"), NULL, 0, NULL);
    write_words(at("m"));
    for (int i = 0; i < 2; i++) {
        fab_err err = FAB_ERR_INIT;
        poke_tensor(at("m/model.safetensors"), spoilt[i].name, i ? NAN : INFINITY);
        fab_talk *t = talk_open(at("m"));
        CHECK(!fab_talk_look(t, rgb, 16, 16, &err));
        CHECK_SAYS(err.text, spoilt[i].says);
        fab_talk_close(t);
    }
    end();
}

TEST(towers_and_projectors_of_other_kinds)
{
    static const struct {
        const char *from, *to, *says;
    } kinds[] = {
        { "clip_vision_model", "blip_vision_model",
          "vision_config: model_type 'blip_vision_model', a LLaVA's is 'clip_vision_model'" },
        { "projector_hidden_act\": \"gelu\"", "projector_hidden_act\": \"relu\"",
          "projector_hidden_act 'relu', not 'gelu'" },
    };
    begin();
    rename_to(at("m"), NULL, 0, NULL);
    for (int i = 0; i < 2; i++) {
        poke_text(FOLDER "/config.json", at("m/config.json"), kinds[i].from, kinds[i].to);
        refused(at("m"), NULL, kinds[i].says);
    }
    end();
}

TEST_MAIN
