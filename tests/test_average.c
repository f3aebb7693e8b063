/* Tests of averaging models: the mean is the mean, what was fitted to one is left out, and what
 * does not fit is refused with both names. */
#include "format/weights.h"
#include "place.h"
#include "tiny.h"
#include "train/average.h"

static fab_err err = FAB_ERR_INIT;

static const char card[] = "{\"name\":\"t\",\"gate\":{},\"cost\":{\"steps\":10,\"seconds\":2.5}}";

static char *tiny(const char *name, uint64_t seed)
{
    char *path = in_folder(name);
    const fab_mini_save_opts o = { .temperature = 3, .card = card, .question_only = "" };
    CHECK_MSG(fab_exists(path) || tiny_save(path, seed, &o, &err), "%s", err.text);
    return path;
}

TEST(the_mean_of_three)
{
    const char *paths[] = { tiny("a.gguf", 1), tiny("b.gguf", 2), tiny("c.gguf", 3) },
               *out = in_folder("mean.gguf");
    CHECK_MSG(fab_average(paths, 3, out, NULL, &err), "%s", err.text);
    fab_weights *w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = fab_weights_open(i < 3 ? paths[i] : out, &err);
        CHECK_MSG(w[i] != NULL, "%s", err.text);
    }
    CHECK(fab_weights_count(w[3]) == fab_weights_count(w[0]));
    double apart = 0;
    for (int64_t k = 0; k < fab_weights_count(w[3]); k++) {
        const fab_weight *m = fab_weights_at(w[3], k);
        for (uint64_t i = 0; i < m->bytes / 4; i++) {
            float x[4];
            for (int f = 0; f < 4; f++)
                memcpy(&x[f], (const char *)fab_weights_find(w[f], m->name, &err)->data + 4 * i, 4);
            CHECK_NEAR(x[3], (x[0] + x[1] + x[2]) / 3, 1e-6);
            apart += (double)((x[0] - x[1]) * (x[0] - x[1]));
        }
    }
    CHECK(apart > 1);
    CHECK_STR(fab_weights_str(w[3], "fabrica.card", &err),
              "{\"name\":\"t\",\"averaged\":3,\"cost\":{\"steps\":30,\"seconds\":7.5}}");
    for (int i = 0; i < 4; i++) fab_weights_close(w[i]);
    fab_mini_file *f = fab_mini_open(out, NULL, &err);
    CHECK_MSG(f && f->temperature == 1, "%s", err.text); /* it runs, and is not calibrated */
    fab_mini_close(f);
}

TEST(what_is_not_averaged)
{
    const char *paths[] = { tiny("a.gguf", 1), in_folder("other.gguf") }, *out = in_folder("no");
    fab_mini_config cfg = tiny_config();
    cfg.embed = 24;
    fab_mini *m = tiny_mini(arena, &cfg, 5, false, &err);
    fab_bpe *bpe = tiny_bpe(NULL, 600, &err), *fewer = tiny_bpe(NULL, 590, &err);
    fab_mini_save_opts o = { .name = "o", .version = "0", .dtype = FAB_F32 };
    CHECK(m && bpe && fewer && fab_mini_save(paths[1], m, bpe, &o, &err));
    CHECK(!fab_average(paths, 2, out, NULL, &err) && strstr(err.text, "other.gguf: ") &&
          strstr(err.text, "values, in") && strstr(err.text, "a.gguf"));
    err = (fab_err)FAB_ERR_INIT;
    CHECK(fab_mini_save(paths[1], m, fewer, &o, &err));
    CHECK(!fab_average(paths, 2, out, NULL, &err) &&
          strstr(err.text, "have different tokenizer.ggml.tokens"));
    err = (fab_err)FAB_ERR_INIT;
    o.dtype = FAB_Q8_0;
    CHECK(fab_mini_save(paths[1], m, bpe, &o, &err));
    const char *twice[] = { paths[1], paths[1] };
    CHECK(!fab_average(twice, 2, out, NULL, &err) &&
          strstr(err.text, "quantised models are not averaged"));
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_average(paths, 1, out, NULL, &err) && strstr(err.text, "1 models, 2 to 64"));
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_exists(out));
    fab_bpe_free(bpe);
    fab_bpe_free(fewer);
}

TEST_MAIN
