/* test_adapter: adapters as files: on a mini through the engine, on a decoder, merged, and files
 * that do not fit. */
#include <math.h>
#include "engine/engine.h"
#include "engine/generate.h"
#include "format/weights_write.h"
#include "place.h"
#include "tiny.h"
#include "zoo/adapter.h"

static char *model, *other, *file, *merged;

static void places(void)
{
    fab_err err = FAB_ERR_INIT;
    if (model) return;
    model = in_folder("a.gguf");
    other = in_folder("b.gguf");
    file = in_folder("x.safetensors");
    merged = in_folder("m.gguf");
    CHECK_MSG(tiny_save(model, 1, NULL, &err) && tiny_save(other, 2, NULL, &err), "%s", err.text);
}

static void shake(const fab_param_list *l, float by)
{
    fab_rng r;
    fab_rng_init(&r, 5);
    for (int64_t i = 0; i < l->n; i++)
        for (int64_t j = 0; j < fab_count(l->items[i]); j++)
            fab_f32(l->items[i])[j] += by * fab_rng_normal(&r);
}

static void halve(fab_arena *a, const fab_param_list *l)
{
    for (int64_t i = 0; i < l->n; i++) {
        fab_tensor *t = l->items[i];
        void *to = fab_arena_take(a, (size_t)fab_count(t) * 2, NULL);
        CHECK(to && fab_kernels_best()->from_f32(NULL, FAB_F16, fab_f32(t), to, fab_count(t)));
        t->data = to;
        t->dtype = FAB_F16;
    }
}

/* An adapter for sites, moved away from its fresh values by `by`, into `file`, in f32 or f16. */
static void save_as(fab_dtype dtype, const fab_sites *sites, const fab_weights *base,
                    fab_peft_kind kind, const char *target, float by)
{
    static const char *targets[2], *const full[] = { "projector.2" };
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    char hex[65];
    targets[0] = target;
    bool mini = fab_weights_has(base, "fabrica-mini.embed");
    const fab_peft_opts o = { kind, 2, 8, 0, targets, full, 1, mini };
    fab_peft t = { 0 };
    fab_params p = fab_params_init(a, &t.list, 3);
    p.train = true;
    fab_peft_params(&p, &t, sites, &o);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    shake(&t.list, by);
    if (dtype == FAB_F16) halve(a, &t.list);
    CHECK_MSG(fab_adapter_base(base, NULL, hex, &err) &&
                  fab_adapter_save(file, &t, &(fab_adapter_about){ hex, "tiny", NULL }, &err),
              "%s", err.text);
    fab_arena_free(a);
}

static void save(const fab_sites *sites, const fab_weights *base, fab_peft_kind kind,
                 const char *target, float by)
{
    save_as(FAB_F32, sites, base, kind, target, by);
}

/* What the engine's model gives for a picture: everything that an adapter may change. */
static void see(fab_engine *e, float out[2][64])
{
    static uint8_t rgb[64 * 64 * 3];
    fab_err err = FAB_ERR_INIT;
    static const char *const texts[] = { "is there a nodule" };
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 2654435761u >> 13);
    const fab_look *l = fab_engine_look_rgb(e, rgb, 64, 64, &err);
    CHECK_MSG(l, "%s", err.text);
    memcpy(out[0], l->tokens, sizeof out[0]);
    fab_look_unref(l);
    CHECK_MSG(fab_engine_embed_text(e, texts, 1, out[1], &err), "%s", err.text);
}

static void compare(float a[2][64], float b[2][64], double tol, bool same)
{
    double far = 0, top = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < (k ? 16 : 64); i++) {
            far = fmax(far, fabs((double)a[k][i] - (double)b[k][i]));
            top = fmax(top, fabs((double)b[k][i]));
        }
    CHECK_MSG((far <= tol * top) == same, "%g apart, the largest is %g", far, top);
}

TEST(an_adapter_goes_on_and_off_and_merges_into_the_file)
{
    fab_err err = FAB_ERR_INIT;
    float plain[2][64], with[2][64], again[2][64], one[2][64];
    places();
    fab_engine *e = fab_engine_open(model, NULL, &err);
    CHECK_MSG(e, "%s", err.text);
    const fab_mini_file *f = fab_engine_model(e);
    char id[80];
    memcpy(id, f->id, sizeof id);
    see(e, plain);
    save(&f->sites, f->weights, FAB_PEFT_LORA, "*", 0);
    CHECK_MSG(fab_engine_adapt(e, file, &err), "%s", err.text);
    see(e, with);
    compare(with, plain, 4e-3,
            true); /* an open model's weights are packed in bf16, a full part is f32 */
    save(&f->sites, f->weights, FAB_PEFT_LORA, "*", 0.2f);
    CHECK_MSG(fab_engine_adapt(e, file, &err), "%s", err.text);
    CHECK(strlen(f->id) == strlen(id) + 13 && !memcmp(id, f->id, strlen(id)));
    see(e, with);
    compare(with, plain, 0.05, false);
    CHECK(fab_engine_adapt(e, NULL, &err));
    CHECK_STR(f->id, id);
    see(e, again);
    CHECK(!memcmp(plain[0], again[0], sizeof plain[0]) &&
          !memcmp(plain[1], again[1], 16 * sizeof(float)));
    CHECK_MSG(fab_adapter_merge(model, file, merged, NULL, &err), "%s", err.text);
    fab_engine *m = fab_engine_open(merged, NULL, &err);
    CHECK_MSG(m, "%s", err.text);
    see(m, one);
    compare(one, with, 1e-2, true); /* test_peft.c merges in f32 */
    fab_engine_close(m);

    save_as(FAB_F16, &f->sites, f->weights, FAB_PEFT_LORA, "*", 0.2f);
    CHECK_MSG(fab_engine_adapt(e, file, &err), "%s", err.text);
    see(e, again);
    compare(again, with, 1e-2, true);
    CHECK_MSG(fab_adapter_merge(model, file, merged, NULL, &err), "%s", err.text);
    m = fab_engine_open(merged, NULL, &err);
    CHECK_MSG(m, "%s", err.text);
    see(m, one);
    compare(one, with, 1e-2, true);
    fab_engine_close(m);
    fab_engine_close(e);
}

TEST(other_kinds_are_read_back_and_say_why_they_cannot_be_merged)
{
    static const struct {
        fab_peft_kind kind;
        const char *target, *says;
    } rows[] = { { FAB_PEFT_ADALORA, "tower.vit.*", NULL },
                 { FAB_PEFT_BOTTLENECK, "fc2", "a bottleneck is no change of weights" },
                 { FAB_PEFT_PREFIX, "self_attn", "a prefix is no change of weights" } };
    places();
    for (int i = 0; i < 3; i++) {
        fab_err err = FAB_ERR_INIT;
        float plain[2][64], with[2][64];
        fab_engine *e = fab_engine_open(model, NULL, &err);
        CHECK_MSG(e, "%s", err.text);
        see(e, plain);
        save(&fab_engine_model(e)->sites, fab_engine_model(e)->weights, rows[i].kind,
             rows[i].target, 0.3f);
        CHECK_MSG(fab_engine_adapt(e, file, &err), "%s", err.text);
        see(e, with);
        compare(with, plain, 1e-3, false);
        CHECK(fab_adapter_merge(model, file, merged, NULL, &err) == !rows[i].says);
        if (rows[i].says) CHECK_SAYS(err.text, rows[i].says);
        fab_engine_close(e);
    }
}

/* On a decoder's folder of f32 weights; the merged file says what the adapted decoder says. */
TEST(a_decoder_is_adapted_and_merged)
{
    fab_err err = FAB_ERR_INIT;
    places();
    const char *folder_of = "tests/golden/decoders/llama";
    fab_arena *a = fab_arena_new(0, &err);
    fab_generator *g = fab_generator_open(folder_of, NULL, FAB_EXACT, &err);
    CHECK_MSG(g, "%s", err.text);
    const int32_t ids[] = { 1, 5, 9, 2 };
    const fab_prompt p = { .ids = ids, .n = 4 };
    const fab_generate_opts how = { .max_tokens = 12, .ignore_end = true };
    fab_generated plain, with, off;
    const fab_decoder *d = fab_generator_decoder(g);
    save(&d->sites, d->weights, FAB_PEFT_LORA, "*_proj", 0.2f);
    CHECK_MSG(fab_generate(g, &p, 1, &how, a, &plain, &err), "%s", err.text);
    CHECK_MSG(fab_generator_adapt(g, file, &err), "%s", err.text);
    CHECK_MSG(fab_generate(g, &p, 1, &how, a, &with, &err), "%s", err.text);
    CHECK_MSG(fab_generator_adapt(g, NULL, &err), "%s", err.text);
    CHECK_MSG(fab_generate(g, &p, 1, &how, a, &off, &err), "%s", err.text);
    CHECK(memcmp(plain.ids, with.ids, 12 * sizeof *ids));
    CHECK(!memcmp(plain.ids, off.ids, 12 * sizeof *ids) && off.n_reused == 0);
    CHECK_MSG(fab_adapter_merge(folder_of, file, in_folder("model.safetensors"), NULL, &err), "%s",
              err.text);
    fab_file config;
    CHECK(fab_file_map(&config, "tests/golden/decoders/llama/config.json", 0, &err));
    CHECK(fab_file_write(in_folder("config.json"), config.data, config.size, &err));
    fab_file_unmap(&config);
    fab_generator_close(g);
    g = fab_generator_open(folder, NULL, FAB_EXACT, &err);
    CHECK_MSG(g && fab_generate(g, &p, 1, &how, a, &off, &err), "%s", err.text);
    CHECK(!memcmp(with.ids, off.ids, 12 * sizeof *ids));
    fab_generator_close(g);
    fab_arena_free(a);
}

/* ---- files that do not fit ------------------------------------------------------------------- */

static const char ok_config[] = "{\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"fc\"]}";

/* A file for one layer fc [3,4] with the given metadata (NULL: left out) and shape of A. */
static void make(const char *config, const char *base, int64_t rows, const char *name)
{
    static const float zeros[64];
    fab_err err = FAB_ERR_INIT;
    const fab_weight items[] = {
        { .name = name,
          .ndim = 2,
          .shape = { rows, 4 },
          .data = zeros,
          .bytes = (uint64_t)rows * 16 },
        { .name = "base_model.model.fc.lora_B.weight",
          .ndim = 2,
          .shape = { 3, 2 },
          .data = zeros,
          .bytes = 24 },
    };
    json_t *meta = json_pack("{s:s*, s:s*}", "adapter_config", config, "base_sha256", base);
    CHECK_MSG(fab_safetensors_write(file, items, 2, meta, &err), "%s", err.text);
    json_decref(meta);
}

static bool fit(fab_err *err)
{
    fab_arena *a = fab_arena_new(0, NULL);
    fab_sites sites = { 0 };
    fab_dense l;
    fab_params p = fab_params_init(a, NULL, 1);
    p.sites = &sites;
    fab_dense_params(&p, &l, "fc", 4, 3, false, FAB_INIT_ZEROS);
    CHECK(fab_params_end(&p, err));
    fab_adapter *t = fab_adapter_open(file, err);
    bool ok = t && fab_adapter_fit(t, &sites, NULL, NULL, err);
    fab_adapter_close(t);
    fab_arena_free(a);
    return ok;
}

TEST(a_file_that_does_not_fit_is_one_sentence)
{
    static const char a[] = "base_model.model.fc.lora_A.weight";
    static const struct {
        const char *config, *base;
        int64_t rows;
        const char *name, *says;
    } rows[] = {
        { ok_config, "0", 2, a, NULL },
        { NULL, "0", 2, a, "no adapter: there is no adapter_config in its metadata" },
        { ok_config, NULL, 2, a, "base_sha256" },
        { "{", "0", 2, a, "adapter_config: " },
        { "{\"peft_type\":\"IA3\",\"r\":2}", "0", 2, a, "peft_type 'IA3'" },
        { "{\"peft_type\":\"LORA\",\"r\":0}", "0", 2, a, "r: 0 is not in 1..4096" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[7]}", "0", 2, a,
          "target_modules: item 0 is no text" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"qq\"]}", "0", 2, a,
          "no linear layer of the model is called 'qq'; one is fc" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_dropout\":1,\"target_modules\":[\"fc\"]}", "0", 2,
          a, "lora_dropout 1" },
        { ok_config, "0", 3, a, "fc.lora_A.weight: file [3,4], model [2,4]" },
        { ok_config, "0", 2, "base_model.model.gc.lora_A.weight",
          "base_model.model.fc.lora_A.weight: not in the file" },
        { "{\"peft_type\":\"LORA\",\"r\":2}", "0", 2, a, "not in the model" },
    };
    places();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fab_err err = FAB_ERR_INIT;
        make(rows[i].config, rows[i].base, rows[i].rows, rows[i].name);
        CHECK_MSG(fit(&err) == !rows[i].says, "row %zu: %s", i, err.text);
        if (!rows[i].says) continue;
        CHECK_SAYS(err.text, rows[i].says);
        CHECK_MSG(!strncmp(err.text, file, strlen(file)), "%s", err.text);
    }
}

TEST(a_cut_file_and_a_wrong_model_are_told)
{
    fab_err err = FAB_ERR_INIT;
    places();
    fab_engine *e = fab_engine_open(model, NULL, &err);
    CHECK_MSG(e, "%s", err.text);
    save(&fab_engine_model(e)->sites, fab_engine_model(e)->weights, FAB_PEFT_LORA, "q_proj", 0.1f);
    fab_engine_close(e);
    e = fab_engine_open(other, NULL, &err);
    CHECK(e && !fab_engine_adapt(e, file, &err));
    CHECK_SAYS(err.text, "x.safetensors: trained on the model tiny whose weights hash to ");
    fab_engine_close(e);
    fab_file whole;
    CHECK(fab_file_map(&whole, file, 0, &err));
    for (size_t n = 0; n < whole.size; n += n < 600 ? 7 : 1009) {
        fab_err why = FAB_ERR_INIT;
        fab_adapter *a = fab_adapter_parse(whole.data, n, &why);
        CHECK_MSG(!a && why.code && *why.text, "%zu bytes of %zu are taken", n, whole.size);
    }
    fab_file_unmap(&whole);
}

TEST(a_file_whose_keys_alone_change_is_the_same_model)
{
    fab_err err = FAB_ERR_INIT;
    char a[65], b[65], c[65];
    places();
    fab_mini_file *f = fab_mini_open(model, NULL, &err);
    CHECK_MSG(f, "%s", err.text);
    CHECK(fab_mini_resave(merged, f, &(fab_mini_save_opts){ .temperature = 3, .name = "z" }, &err));
    fab_weights *w = fab_weights_open(merged, &err), *x = fab_weights_open(other, &err);
    CHECK(w && x && fab_adapter_base(f->weights, NULL, a, &err) &&
          fab_adapter_base(w, NULL, b, &err) && fab_adapter_base(x, NULL, c, &err));
    CHECK_STR(a, b);
    CHECK(strcmp(a, c));
    fab_weights_close(w);
    fab_weights_close(x);
    fab_mini_close(f);
}

static bool of_tower(const char *name) { return !strncmp(name, "tower.", 6); }

/* What an adapter does not use may change. */
TEST(a_part_is_the_same_as_long_as_its_own_tensors_are)
{
    fab_err err = FAB_ERR_INIT;
    const fab_mini_save_opts o = { .name = "tiny", .dtype = FAB_F32 };
    const fab_mini_config cfg = tiny_config();
    char whole[2][65], part[2][65];
    fab_mini *m = tiny_mini(arena, &cfg, 5, false, &err);
    fab_bpe *bpe = m ? tiny_bpe(NULL, (int)cfg.text.vocab, &err) : NULL;
    CHECK_MSG(bpe, "%s", err.text);
    for (int i = 0; i < 2; i++) {
        char *path = in_folder(i ? "one.gguf" : "two.gguf");
        fab_f32(m->classes.b)[0] += 1;
        CHECK(fab_mini_save(path, m, bpe, &o, &err));
        fab_weights *w = fab_weights_open(path, &err);
        CHECK(w && fab_adapter_base(w, NULL, whole[i], &err) &&
              fab_adapter_base(w, of_tower, part[i], &err));
        fab_weights_close(w);
    }
    CHECK(strcmp(whole[0], whole[1]) && strcmp(whole[0], part[0]));
    CHECK_STR(part[0], part[1]);
    fab_bpe_free(bpe);
}

TEST_MAIN
