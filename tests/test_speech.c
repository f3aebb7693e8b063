/* Speech: log-mel frames and a tiny Whisper against transformers, its decoder against
 * openai-whisper (tools/golden/whisper.py); sound files, good and broken; the resampler. */
#include <math.h>
#include "base/bytes.h"
#include "cases.h"
#include "engine/speech_search.h"
#include "engine/transcribe.h"
#include "media/audio.h"
#include "media/logmel.h"
#include "media/resample.h"
#include "test.h"
#include "zoo/source.h"
#include "zoo/whisper.h"

#define GOLDEN "tests/golden/whisper.safetensors"
static const double tol_mel = 1e-4, tol_model = 1e-4;

/* ---- log-mel --------------------------------------------------------------------------------- */
enum { SOUND = 48000 };

static float *sound(void) /* as tools/golden/whisper.py makes it */
{
    fab_err err = FAB_ERR_INIT;
    float *x = fab_new_array(SOUND, sizeof *x, &err);
    uint32_t state = 12345;
    CHECK_MSG(x, "%s", err.text);
    for (int i = 0; i < SOUND; i++) {
        double t = i / 16000.0, pi = 3.14159265358979323846;
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(0.3 * sin(2 * pi * (100 + 900 * t) * t) + 0.2 * sin(2 * pi * 440 * t) +
                       0.02 * (state / 4294967296.0 - 0.5));
    }
    return x;
}

static const fab_weight *stored(const fab_weights *w, const char *part)
{
    char name[64];
    fab_err err = FAB_ERR_INIT;
    snprintf(name, sizeof name, "golden.%s", part);
    const fab_weight *e = fab_weights_find(w, name, &err);
    CHECK_MSG(e, "%s", err.text);
    return e;
}

static double peak(const float *v, int64_t n)
{
    double top = 0;
    for (int64_t i = 0; i < n; i++) top = fmax(top, (double)v[i]);
    return top;
}

static void check_logmel(const fab_weights *w, int mels)
{
    enum { FRAMES = 3000, LENGTH = 480000 };
    char name[32];
    fab_err err = FAB_ERR_INIT;
    fab_logmel *p = fab_logmel_new(mels, &err);
    float *x = sound(), *v = fab_new_array((size_t)(FRAMES * mels), sizeof *v, &err);
    CHECK_MSG(p && v, "%s", err.text);
    fab_logmel_frames(p, x, SOUND, LENGTH, 0, FRAMES, v);
    double top = peak(v, FRAMES * mels), mean = 0;
    for (int i = 0; i < FRAMES * mels; i++) top = fmax(top, (double)v[i]);
    fab_logmel_scale(v, FRAMES * mels, (float)top);
    for (int i = 0; i < FRAMES * mels; i++) mean += (double)v[i] / (FRAMES * mels);
    snprintf(name, sizeof name, "logmel%d", mels);
    const float *want = stored(w, name)->data;
    const fab_weight *rows = stored(w, "logmel_rows");
    for (int64_t r = 0; r < rows->shape[0]; r++) {
        int32_t t = ((const int32_t *)rows->data)[r];
        for (int m = 0; m < mels; m++)
            CHECK_MSG(fabs((double)v[t * mels + m] - (double)want[r * mels + m]) <= tol_mel,
                      "frame %d, mel %d of %d: %.7g, not %.7g", t, m, mels, (double)v[t * mels + m],
                      (double)want[r * mels + m]);
    }
    snprintf(name, sizeof name, "logmel%d_mean", mels);
    CHECK_NEAR(mean, (double)*(const float *)stored(w, name)->data, 1e-5);
    fab_free(x);
    fab_free(v);
    fab_logmel_free(p);
}

TEST(logmel_equals_transformers)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = fab_weights_open(GOLDEN, &err);
    CHECK_MSG(w, "%s", err.text);
    check_logmel(w, 80);
    check_logmel(w, 128);
    fab_weights_close(w);
}

TEST(mel_filters_are_the_published_ones) /* SYSTEMS.md D.3 */
{
    fab_err err = FAB_ERR_INIT;
    fab_logmel *p = fab_logmel_new(80, &err), *q = fab_logmel_new(128, &err);
    double sum = 0, sum128 = 0;
    CHECK(p && q);
    for (int m = 0; m < 80; m++)
        for (int f = 0; f < 201; f++) sum += fab_logmel_filter(p, m)[f];
    for (int m = 0; m < 128; m++)
        for (int f = 0; f < 201; f++) sum128 += fab_logmel_filter(q, m)[f];
    CHECK_NEAR(sum, 1.99902409, 1e-6);
    CHECK_NEAR(sum128, 3.19098554, 1e-6);
    CHECK_NEAR(fab_logmel_filter(p, 0)[1], 0.0248625949, 1e-9);
    CHECK_NEAR(fab_logmel_filter(p, 40)[43], 0.0147355665, 1e-9);
    CHECK_NEAR(fab_logmel_filter(p, 79)[192], 0.0031647118, 1e-9);
    CHECK_NEAR(fab_logmel_filter(q, 127)[195], 0.0050416016, 1e-9);
    fab_logmel_free(p);
    fab_logmel_free(q);
}

TEST(silence_has_the_known_logmel)
{
    fab_err err = FAB_ERR_INIT;
    fab_logmel *p = fab_logmel_new(80, &err);
    float zero[160] = { 0 }, v[80 * 4];
    CHECK(p);
    fab_logmel_frames(p, zero, 160, 480000, 0, 4, v);
    fab_logmel_scale(v, 80 * 4, -10.0f);
    for (int i = 0; i < 80 * 4; i++) CHECK(v[i] == -1.5f);
    fab_logmel_free(p);
}

/* ---- model ----------------------------------------------------------------------------------- */
static const fab_whisper_config tiny = { .dim = 16,
                                         .encoder_ffn = 64,
                                         .decoder_ffn = 64,
                                         .vocab = 101,
                                         .audio_ctx = 30,
                                         .text_ctx = 24,
                                         .mels = 80,
                                         .encoder_layers = 2,
                                         .decoder_layers = 2,
                                         .encoder_heads = 2,
                                         .decoder_heads = 2 };

typedef struct {
    fab_arena *model, *work;
    fab_weights *file;
    fab_whisper m;
    fab_ctx c;
} fixture;

static void tiny_open(fixture *f, const fab_kernels *k)
{
    fab_err err = FAB_ERR_INIT;
    fab_param_list list = { 0 };
    *f = (fixture){ .model = fab_arena_new(0, &err),
                    .work = fab_arena_new(0, &err),
                    .file = fab_weights_open(GOLDEN, &err) };
    CHECK_MSG(f->model && f->work && f->file, "%s", err.text);
    fab_ctx_init(&f->c, f->work, NULL);
    f->c.k = k;
    fab_param_source source = fab_source_weights(f->file);
    fab_params p = fab_params_load(f->model, &list, &source);
    p.k = k;
    fab_params_ignore(&p, "golden.");
    fab_whisper_params(&p, &f->m, &tiny);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
}

static void tiny_close(fixture *f)
{
    fab_weights_close(f->file);
    fab_arena_free(f->work);
    fab_arena_free(f->model);
}

/* Sample b of a stored [B,...] as [1,...] */
static fab_tensor *sample_of(fixture *f, const char *part, int64_t b)
{
    const fab_weight *e = stored(f->file, part);
    int64_t shape[FAB_MAX_DIM + 1] = { 1 }, n = 1;
    for (int i = 1; i < e->ndim; i++) n *= shape[i] = e->shape[i];
    fab_tensor *t = fab_tensor_new(&f->c, e->dtype, shape);
    CHECK_MSG(t, "%s", f->c.err.text);
    memcpy(t->data, (const char *)e->data + (size_t)(b * n) * 4, (size_t)n * 4);
    return t;
}

static void same(fixture *f, const fab_tensor *got, const char *part, int64_t b)
{
    CHECK_MSG(got, "%s: %s", part, f->c.err.text);
    const fab_tensor *want = sample_of(f, part, b);
    double top = 0;
    for (int64_t i = 0; i < fab_count(want); i++) top = fmax(top, fabs((double)fab_f32(want)[i]));
    for (int64_t i = 0; i < fab_count(want); i++)
        CHECK_MSG(fabs((double)fab_f32(got)[i] - (double)fab_f32(want)[i]) <= tol_model * top,
                  "%s of sample %lld (%s) at %lld: %.9g, not %.9g", part, (long long)b,
                  f->c.k->name, (long long)i, (double)fab_f32(got)[i], (double)fab_f32(want)[i]);
}

static void check_decoder(fixture *f, const fab_whisper_heard *heard, int64_t b)
{
    fab_err err = FAB_ERR_INIT;
    fab_kv kv;
    char part[16];
    fab_tensor *ids = sample_of(f, "ids", b), *rows = fab_tensor_new(&f->c, FAB_I32, FAB_SHAPE(7));
    for (int layers = -1; layers < 2; layers++) {
        snprintf(part, sizeof part, layers < 0 ? "dec" : "dec%d", layers);
        CHECK_MSG(fab_whisper_kv(&f->m, &kv, f->work, 1, &err), "%s", err.text);
        same(f, fab_whisper_decode(&f->c, &f->m, ids, heard, &kv, layers), part, b);
    }
    for (int i = 0; i < 7; i++) fab_i32(rows)[i] = i;
    CHECK(fab_whisper_kv(&f->m, &kv, f->work, 1, &err));
    fab_tensor *h = fab_whisper_decode(&f->c, &f->m, ids, heard, &kv, -1);
    same(f, fab_whisper_logits(&f->c, &f->m, h, rows), "logits", b);
}

static void check_tiny(const fab_kernels *k)
{
    fixture f;
    char part[16];
    tiny_open(&f, k);
    for (int64_t b = 0; b < 2; b++) {
        fab_whisper_heard heard;
        fab_tensor *mel = sample_of(&f, "mel", b), *enc = NULL;
        for (int layers = 0; layers < 2; layers++) {
            snprintf(part, sizeof part, "enc%d", layers);
            same(&f, fab_whisper_encode(&f.c, &f.m, mel, layers), part, b);
        }
        enc = fab_whisper_encode(&f.c, &f.m, mel, -1);
        same(&f, enc, "enc", b);
        CHECK_MSG(fab_whisper_hear(&f.c, &f.m, enc, &heard), "%s", f.c.err.text);
        check_decoder(&f, &heard, b);
    }
    tiny_close(&f);
}

TEST(whisper_equals_transformers)
{
    for (int k = 0; fab_kernels_all()[k]; k++) check_tiny(fab_kernels_all()[k]);
}

TEST(whisper_base_has_the_published_size)
{
    fab_whisper m;
    fab_err err = FAB_ERR_INIT;
    fab_params p = fab_params_count();
    fab_whisper_params(&p, &m,
                       &(fab_whisper_config){ .dim = 512,
                                              .encoder_ffn = 2048,
                                              .decoder_ffn = 2048,
                                              .vocab = 51865,
                                              .audio_ctx = 1500,
                                              .text_ctx = 448,
                                              .mels = 80,
                                              .encoder_layers = 6,
                                              .decoder_layers = 6,
                                              .encoder_heads = 8,
                                              .decoder_heads = 8 });
    CHECK(fab_params_end(&p, &err) && p.n_values == 72593920); /* transformers counts the same */
}

TEST(sinusoids_begin_with_zeros_then_ones)
{
    float v[3 * 8];
    fab_whisper_sinusoids(v, 3, 8);
    for (int i = 0; i < 4; i++) CHECK(v[i] == 0 && v[4 + i] == 1);
    CHECK_NEAR(v[8], sin(1), 1e-7);
    CHECK_NEAR(v[2 * 8 + 7], cos(2 * 1e-4), 1e-7);
}

/* ---- decoding -------------------------------------------------------------------------------- */
static const int32_t unspoken[] = { 3, 17, 61, 64, 65, 66, 67, 68 };
static const fab_whisper_ids tiny_ids = { .eot = 60,
                                          .sot = 61,
                                          .translate = 64,
                                          .transcribe = 65,
                                          .sot_prev = 67,
                                          .no_speech = 68,
                                          .no_times = 69,
                                          .first_time = 70,
                                          .languages = 2,
                                          .quiet = unspoken,
                                          .n_quiet = 8,
                                          .blank = 5 };
static const int32_t before[] = { 7, 8, 9, 70, 11, 12 };

static const struct {
    const char *name;
    fab_speech_opts o;
} ways[] = {
    { "greedy", { .language = 62, .lanes = 1 } },
    { "greedy_ts", { .language = 62, .lanes = 1, .timestamps = true } },
    { "beam", { .language = 62, .lanes = 3 } },
    { "beam_ts", { .language = 62, .lanes = 5, .timestamps = true } },
    { "prompt",
      { .language = 62, .lanes = 1, .timestamps = true, .prompt = before, .n_prompt = 6 } },
    { "zh", { .language = 63, .lanes = 1, .timestamps = true } },
};

static void check_text(fixture *f, const char *name, int64_t b, const fab_speech_text *got)
{
    char part[32];
    snprintf(part, sizeof part, "%s.ids", name);
    const fab_weight *ids = stored(f->file, part);
    const int32_t *want = (const int32_t *)ids->data + b * ids->shape[1];
    int n = 0;
    while (want[n] >= 0) n++;
    CHECK_MSG(got->n == n, "%s %lld: %d tokens, not %d", name, (long long)b, got->n, n);
    for (int i = 0; i < n; i++)
        CHECK_MSG(got->tokens[i] == want[i], "%s %lld: token %d is %d, not %d", name, (long long)b,
                  i, (int)got->tokens[i], (int)want[i]);
    snprintf(part, sizeof part, "%s.stats", name);
    const float *stats = (const float *)stored(f->file, part)->data + 2 * b;
    CHECK_NEAR(got->avg_logp, (double)stats[0], 1e-4 * fmax(1, fabs((double)stats[0])));
    CHECK_NEAR(got->no_speech, (double)stats[1], 1e-4);
}

TEST(texts_equal_openai_whisper_greedy_beams_timestamps_prompt)
{
    fixture f;
    tiny_open(&f, fab_kernels_best());
    for (int64_t b = 0; b < 8; b++) {
        fab_whisper_heard heard;
        float p[2];
        fab_tensor *mel = sample_of(&f, "mels", b);
        CHECK_MSG(fab_whisper_hear(&f.c, &f.m, fab_whisper_encode(&f.c, &f.m, mel, -1), &heard),
                  "%s", f.c.err.text);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            fab_speech_text got;
            CHECK_MSG(fab_speech_search(&f.c, &f.m, &tiny_ids, &heard, &ways[i].o, f.model, &got),
                      "%s", f.c.err.text);
            check_text(&f, ways[i].name, b, &got);
        }
        CHECK_MSG(fab_speech_language(&f.c, &f.m, &tiny_ids, &heard, p), "%s", f.c.err.text);
        for (int i = 0; i < 2; i++)
            CHECK_NEAR((double)p[i],
                       (double)((const float *)stored(f.file, "language")->data)[2 * b + i], 1e-5);
    }
    tiny_close(&f);
}

/* What may follow, on logits that are all alike but for one. */
static const struct {
    const char *name;
    int32_t said[4];
    int n;
    int32_t may, may_not;
} rules[] = {
    { "first is a timestamp of at most a second", { 0 }, 0, 71, 72 },
    { "first is no word", { 0 }, 0, 70, 10 },
    { "after the first timestamp come words", { 70 }, 1, 10, 75 },
    { "after a word a later timestamp", { 70, 10, 11 }, 3, 71, 70 },
    { "after an end its pair or <eot>, no word", { 70, 10, 75 }, 3, 60, 10 },
    { "the pair may be the same moment, not earlier", { 70, 10, 75 }, 3, 75, 74 },
    { "after a pair come words", { 10, 75, 75 }, 3, 10, 80 },
    { "symbols are never said", { 70 }, 1, 10, 17 },
    { "notimestamps is never said", { 70 }, 1, 10, 69 },
};

TEST(rules_of_timestamps)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        float z[101] = { 0 };
        bool may_time = rules[i].may >= 70;
        for (int t = 70; t < 101; t++) z[t] = may_time ? 0 : -20; /* words are likelier */
        z[rules[i].may] = 1;
        z[rules[i].may_not] = rules[i].may_not == 69 ? 30 : z[rules[i].may_not];
        fab_speech_rules(&tiny, &tiny_ids, true, rules[i].said, rules[i].n, z);
        CHECK_MSG(isfinite(z[rules[i].may]), "%s: %d", rules[i].name, (int)rules[i].may);
        CHECK_MSG(isinf(z[rules[i].may_not]), "%s: not %d", rules[i].name, (int)rules[i].may_not);
    }
}

TEST(a_text_drawn_twice_with_one_seed_is_the_same)
{
    fixture f;
    fab_whisper_heard heard;
    fab_speech_text a, b;
    fab_speech_opts o = { .language = 62, .lanes = 5, .temperature = 0.8f, .seed = 3 };
    tiny_open(&f, fab_kernels_best());
    fab_tensor *mel = sample_of(&f, "mels", 2);
    CHECK(fab_whisper_hear(&f.c, &f.m, fab_whisper_encode(&f.c, &f.m, mel, -1), &heard));
    CHECK(fab_speech_search(&f.c, &f.m, &tiny_ids, &heard, &o, f.model, &a));
    CHECK(fab_speech_search(&f.c, &f.m, &tiny_ids, &heard, &o, f.model, &b));
    CHECK(a.n == b.n && !memcmp(a.tokens, b.tokens, (size_t)a.n * sizeof *a.tokens));
    tiny_close(&f);
}

/* ---- resampling ------------------------------------------------------------------------------ */
/* A tone of `hz` at rate `from`, as heard at 16 kHz, against the tone itself away from the ends. */
static double tone_error(int from, double hz, double gain)
{
    fab_err err = FAB_ERR_INIT;
    fab_resampler *r = fab_resampler_new(from, 16000, &err);
    double pi = 3.14159265358979323846, worst = 0;
    CHECK_MSG(r, "%s", err.text);
    for (int i = 0; i < from;) { /* one second in uneven pieces */
        float piece[777];
        int n = 0;
        for (; n < 1 + i % 777 && i < from; n++, i++) piece[n] = (float)sin(2 * pi * hz * i / from);
        CHECK(fab_resampler_push(r, piece, n, &err));
    }
    CHECK(fab_resampler_end(r, &err) && fab_resampler_count(r) == 16000);
    float *y = fab_resampler_take(r);
    for (int i = 2000; i < 14000; i++)
        worst = fmax(worst, fabs((double)y[i] - gain * sin(2 * pi * hz * i / 16000)));
    fab_free(y);
    fab_resampler_free(r);
    return worst;
}

TEST(resampled_tones_stay_and_what_is_above_8_khz_goes)
{
    static const int rates[] = { 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 44101 };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        CHECK_MSG(tone_error(rates[i], 440, 1) < 2e-4, "440 Hz at %d Hz", rates[i]);
        CHECK_MSG(tone_error(rates[i], 3400, 1) < 2e-4, "3400 Hz at %d Hz", rates[i]);
        if (rates[i] > 20000)
            CHECK_MSG(tone_error(rates[i], 9000, 0) < 2e-4, "9000 Hz at %d Hz", rates[i]);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */
static bool open_audio(const char *path, fab_err *err)
{
    fab_audio *a = fab_audio_open(path, NULL, err);
    bool ok = a != NULL;
    fab_audio_free(a);
    return ok;
}

TEST(broken_sounds_are_named) { case_folder("tests/cases/audio", open_audio); }

static const char *const good[] = {
    "ok-8k.wav",     "ok-192k.wav", "ok-stereo.wav", "ok.flac",
    "ok-vorbis.ogg", "ok.mp3",      "ok-float.wav",  "ok-24bit.wav"
};

/* Each holds the same half second: 440 Hz at 0.5 of full scale. */
TEST(sounds_of_every_format_are_heard_alike)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char path[128];
        fab_err err = FAB_ERR_INIT;
        snprintf(path, sizeof path, "tests/cases/audio/%s", good[i]);
        fab_audio *a = fab_audio_open(path, NULL, &err);
        CHECK_MSG(a, "%s", err.text);
        double power = 0, re = 0, im = 0;
        for (int k = 2000; k < 6000; k++) {
            double w = 2 * 3.14159265358979323846 * 440 * k / 16000, x = (double)a->samples[k];
            power += x * x, re += x * cos(w), im += x * sin(w);
        }
        CHECK_MSG(a->rate == 16000 && llabs(a->n - 8000) < 1300, "%s: %lld samples", good[i],
                  (long long)a->n);
        CHECK_MSG(fabs(sqrt(power / 2000) - 0.5) < 0.02, "%s: %g loud", good[i],
                  sqrt(power / 2000));
        CHECK_MSG((re * re + im * im) / 2000 > 0.98 * power, "%s: not a tone", good[i]);
        CHECK(!a->cut);
        fab_audio_free(a);
    }
}

TEST(a_sound_cut_short_is_read_and_marked)
{
    fab_err err = FAB_ERR_INIT;
    fab_audio *a = fab_audio_open("tests/cases/audio/ok-claims-1gb.wav", NULL, &err);
    CHECK_MSG(a, "%s", err.text);
    CHECK(a->cut && a->promised == 500000000 && a->frames == 1000);
    fab_audio_free(a);
}

TEST(a_result_does_not_depend_on_the_cage)
{
    fab_err err = FAB_ERR_INIT;
    fab_audio_opts inside = { .trusted = true };
    fab_audio *a = fab_audio_open("tests/cases/audio/ok.flac", NULL, &err);
    fab_audio *b = fab_audio_open("tests/cases/audio/ok.flac", &inside, &err);
    CHECK_MSG(a && b, "%s", err.text);
    CHECK(a->n == b->n && !memcmp(a->samples, b->samples, (size_t)a->n * sizeof(float)));
    fab_audio_free(a);
    fab_audio_free(b);
}

TEST_MAIN
