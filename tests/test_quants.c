/* quants: GGUF's quantised blocks against the reference package (tools/golden/quants.py), and what
 * the K types lose. */
#include <math.h>
#include "base/rng.h"
#include "format/weights.h"
#include "kernels/kernels.h"
#include "kernels/quantise.h"
#include "test.h"

static const fab_dtype types[] = { FAB_Q4_0, FAB_Q4_1, FAB_Q5_0, FAB_Q5_1, FAB_Q8_0,
                                   FAB_Q2_K, FAB_Q3_K, FAB_Q4_K, FAB_Q5_K, FAB_Q6_K };
enum { TYPES = sizeof types / sizeof *types, MOST = 8 * 256 };

static fab_weights *golden(void)
{
    fab_err err = FAB_ERR_INIT;
    fab_weights *w = fab_weights_open("tests/golden/quants.safetensors", &err);
    CHECK_MSG(w, "%s", err.text);
    return w;
}

static const fab_weight *part(fab_weights *w, fab_dtype t, const char *what)
{
    char name[32];
    snprintf(name, sizeof name, "%s.%s", fab_dtype_name(t), what);
    return fab_weights_find(w, name, NULL);
}

TEST(blocks_mean_what_the_reference_says)
{
    fab_weights *w = golden();
    float y[512];
    for (const fab_kernels *const *k = fab_kernels_all(); *k; k++)
        for (int t = 0; t < TYPES; t++) {
            const fab_weight *raw = part(w, types[t], "raw"), *f32 = part(w, types[t], "f32");
            CHECK(raw && f32 && f32->shape[0] == 512);
            (*k)->to_f32(NULL, types[t], raw->data, y, 512);
            for (int i = 0; i < 512; i++) {
                float want = ((const float *)f32->data)[i];
                CHECK_MSG(fabsf(y[i] - want) <= 1e-6f * (1 + fabsf(want)),
                          "%s %s [%d]: %.9g, the reference has %.9g", (*k)->name,
                          fab_dtype_name(types[t]), i, (double)y[i], (double)want);
            }
        }
    fab_weights_close(w);
}

TEST(values_become_the_references_bytes)
{
    fab_weights *w = golden();
    const fab_weight *x = fab_weights_find(w, "x", NULL);
    uint8_t y[MOST / 32 * 34];
    int checked = 0;
    CHECK(x && x->bytes == MOST * sizeof(float));
    for (int t = 0; t < TYPES; t++) {
        const fab_weight *want = part(w, types[t], "x");
        if (!want) continue;
        CHECK(fab_quantise(types[t], x->data, y, MOST));
        for (uint64_t i = 0; i < want->bytes; i++)
            CHECK_MSG(y[i] == ((const uint8_t *)want->data)[i], "%s: byte %d is %d, not %d",
                      fab_dtype_name(types[t]), (int)i, y[i], ((const uint8_t *)want->data)[i]);
        checked++;
    }
    CHECK(checked == 5);
    fab_weights_close(w);
}

/* Root mean square error over the root mean square of normal values, about twice the best possible
 * at most. */
TEST(what_each_type_loses)
{
    static const struct {
        fab_dtype type;
        double most;
    } cases[] = { { FAB_Q8_0, 0.006 }, { FAB_Q6_K, 0.02 }, { FAB_Q5_K, 0.045 },
                  { FAB_Q5_1, 0.045 }, { FAB_Q5_0, 0.05 }, { FAB_Q4_K, 0.075 },
                  { FAB_Q4_1, 0.09 },  { FAB_Q4_0, 0.1 } };
    static float x[MOST], y[MOST];
    static uint8_t raw[MOST * 2];
    fab_rng rng;
    fab_rng_init(&rng, 3);
    for (int i = 0; i < MOST; i++) x[i] = fab_rng_normal(&rng);
    for (size_t t = 0; t < sizeof cases / sizeof *cases; t++) {
        double off = 0, all = 0;
        CHECK(fab_quantise(cases[t].type, x, raw, MOST));
        fab_kernels_named("c")->to_f32(NULL, cases[t].type, raw, y, MOST);
        for (int i = 0; i < MOST; i++) {
            off += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
            all += (double)x[i] * x[i];
        }
        CHECK_MSG(sqrt(off / all) < cases[t].most, "%s loses %.4f", fab_dtype_name(cases[t].type),
                  sqrt(off / all));
    }
}

TEST(odd_values_and_refusals)
{
    static const float values[] = { 0, 1, -1, 1e-30f, 6e4f, -6e4f };
    float x[256], y[256];
    uint8_t raw[512];
    for (int t = 0; t < TYPES; t++) {
        fab_dtype type = types[t];
        if (type == FAB_Q2_K || type == FAB_Q3_K) {
            CHECK(!fab_quantise(type, x, raw, 0));
            continue;
        }
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) { /* all the same value */
            for (int i = 0; i < 256; i++) x[i] = values[v];
            CHECK(fab_quantise(type, x, raw, 256));
            fab_kernels_named("c")->to_f32(NULL, type, raw, y, 256);
            for (int i = 0; i < 256; i++)
                CHECK_MSG(fabsf(y[i] - x[i]) <= 0.04f * fabsf(x[i]) + 1e-7f, "%s: %g became %g",
                          fab_dtype_name(type), (double)x[i], (double)y[i]);
        }
        CHECK(!fab_quantise(type, x, raw, 17));
    }
    CHECK(!fab_quantise(FAB_F16, x, raw, 32));
}

TEST(a_scale_that_is_not_finite_is_seen)
{
    static const int at[TYPES][2] = { { 0, 0 },   { 0, 2 },     { 0, 0 }, { 0, 2 }, { 0, 0 },
                                      { 80, 82 }, { 108, 108 }, { 0, 2 }, { 0, 2 }, { 208, 208 } };
    for (int t = 0; t < TYPES; t++)
        for (int i = 0; i < 2; i++) {
            uint8_t raw[2 * 256] = { 0 };
            int bytes = fab_dtype_bytes(types[t]), n = 2 * fab_dtype_block(types[t]);
            CHECK(fab_quantised_finite(types[t], raw, n));
            raw[bytes + at[t][i] + 1] = 0xfc; /* -Inf in the second block */
            CHECK_MSG(!fab_quantised_finite(types[t], raw, n), "%s", fab_dtype_name(types[t]));
            CHECK(fab_quantised_finite(types[t], raw, n / 2));
        }
}

TEST_MAIN
