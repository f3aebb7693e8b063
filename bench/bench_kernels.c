/* bench_kernels: each kernel as a fraction of this machine's own peak, one thread, the best table
 * (FABRICA_ISA overrides).
 *
 *   bench_kernels [--json] [--quick]
 *
 * Rounds are interleaved: every round measures the peaks and then every kernel once, so a machine
 * that changes speed changes all of them alike; the fractions are median over median and best over
 * best. Times are CPU time of the thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/rng.h"
#include "kernels/bench.h"
#include "kernels/kernels.h"

enum { MAX_ROWS = 64, MAX_ROUNDS = 32 };
typedef enum { FLOPS_F32, FLOPS_BF16, BYTES } unit;

typedef struct row {
    const char *name;
    unit unit;
    double work; /* FLOPs or bytes of one run */
    void (*run)(const struct row *r);
    int64_t m, n, k;
    int how;
    fab_conv conv;
    fab_attn attn;
    double rate[MAX_ROUNDS];
} row;

static const fab_kernels *kernels;
static fab_arena *arena;
static float *x, *y, *z, *w, *v; /* BIG floats of noise each */
enum { BIG = 1 << 24 };

enum { PLAIN, PACKED, TRANSPOSED }; /* gemm: x W', packed W (bf16), x' dy */

static fab_packed *packed_for(const row *r)
{
    static struct {
        int64_t n, k;
        fab_packed p;
    } cache[16];
    int i = 0;

    while (cache[i].n && (cache[i].n != r->n || cache[i].k != r->k)) i++;
    if (!cache[i].n) {
        cache[i].n = r->n, cache[i].k = r->k;
        if (!kernels->pack(&cache[i].p, arena, w, FAB_F32, r->n, r->k, true, NULL)) exit(1);
    }
    return &cache[i].p;
}

static void run_gemm(const row *r)
{
    fab_gemm g = { .m = r->m,
                   .n = r->n,
                   .k = r->k,
                   .a = x,
                   .a_row = r->k,
                   .a_col = 1,
                   .b = w,
                   .b_row = 1,
                   .b_col = r->k,
                   .c = y,
                   .c_row = r->n,
                   .bf16 = r->unit == FLOPS_BF16 };

    if (r->how == PACKED) g.packed = packed_for(r);
    if (r->how == TRANSPOSED) g.a_row = 1, g.a_col = r->m, g.b_row = r->n, g.b_col = 1;
    if (!kernels->gemm(NULL, &g, NULL)) exit(1);
}

static void run_conv(const row *r)
{
    kernels->conv_forward(NULL, &r->conv, x, w, NULL, y, r->unit == FLOPS_BF16, NULL);
}

static void run_conv_back(const row *r)
{
    kernels->conv_backward(NULL, &r->conv, x, w, NULL, y, z, v, NULL, r->unit == FLOPS_BF16, NULL);
}

static void run_attn(const row *r) { kernels->attn_forward(NULL, &r->attn, x, y, z, w, v); }

static void run_attn_bf16(const row *r)
{
    fab_attn s = r->attn;

    s.bf16 = true;
    kernels->attn_forward(NULL, &s, x, y, z, w, v);
}

static void run_attn_back(const row *r)
{
    kernels->attn_forward(NULL, &r->attn, x, y, z, w, v);
    kernels->attn_backward(NULL, &r->attn, x, y, z, w, v, x, z, z, z, NULL);
}

static void run_layernorm(const row *r)
{
    kernels->layernorm(NULL, x, w, w, 1e-5f, y, v, v + r->m, r->m, r->n);
}
static void run_layernorm_back(const row *r)
{
    kernels->layernorm(NULL, x, w, w, 1e-5f, y, v, v + r->m, r->m, r->n);
    kernels->layernorm_back(NULL, x, w, v, v + r->m, y, z, w, w, r->m, r->n);
}
static void run_rmsnorm(const row *r) { kernels->rmsnorm(NULL, x, w, 1e-5f, y, v, r->m, r->n); }
static void run_softmax(const row *r) { kernels->softmax(NULL, x, y, r->m, r->n); }
static void run_gelu(const row *r) { kernels->gelu(NULL, r->how, x, y, r->m * r->n); }
static void run_gelu_back(const row *r) { kernels->gelu_back(NULL, r->how, x, w, z, r->m * r->n); }
static void run_swiglu(const row *r) { kernels->swiglu(NULL, x, w, y, r->m * r->n); }
static void run_axpy(const row *r) { kernels->axpy(NULL, 1e-9f, x, y, r->m * r->n); }
static void run_adamw(const row *r)
{
    kernels->adamw(NULL, y, x, z, v, r->m * r->n, 1e-9f, 0.9f, 0.99f, 1e-8f, 0.0f, 1.0f, 10);
}

#define GEMM(M, N, K, HOW, UNIT, words)                                                            \
    {                                                                                              \
        words, UNIT, 2.0 * M *N *K, run_gemm, M, N, K, HOW                                         \
    }
#define CONV(B, H, I, O, S, K, words, fn, times)                                                   \
    {                                                                                              \
        words, FLOPS_BF16, times * 2.0 * B *((H - 1) / S + 1) * ((H - 1) / S + 1) * I *O *K *K,    \
            fn, .conv = {                                                                          \
                .batch = B,                                                                        \
                .h = H,                                                                            \
                .w = H,                                                                            \
                .in = I,                                                                           \
                .out = O,                                                                          \
                .kh = K,                                                                           \
                .kw = K,                                                                           \
                .stride = S,                                                                       \
                .pad_y = K / 2,                                                                    \
                .pad_x = K / 2,                                                                    \
                .oh = (H - 1) / S + 1,                                                             \
                .ow = (H - 1) / S + 1,                                                             \
                .groups = 1                                                                        \
            }                                                                                      \
    }
#define DEPTH(B, H, C, K)                                                                          \
    {                                                                                              \
        .batch = B, .h = H, .w = H, .in = C, .out = C, .kh = K, .kw = K, .stride = 1,              \
        .pad_y = K / 2, .pad_x = K / 2, .oh = H, .ow = H, .groups = C                              \
    }
#define ATTN(B, T, H, K, unit, words, fn, times)                                                   \
    {                                                                                              \
        words, unit, times * 4.0 * B *H *T *T *K, fn, .attn = {                                    \
            B,                                                                                     \
            T,                                                                                     \
            T,                                                                                     \
            H,                                                                                     \
            H,                                                                                     \
            K,                                                                                     \
            0,                                                                                     \
            0,                                                                                     \
            0,                                                                                     \
            0,                                                                                     \
            false,                                                                                 \
            0.125f,                                                                                \
            0,                                                                                     \
            0                                                                                      \
        }                                                                                          \
    }
#define ROWS(M, N, PASSES, words, fn)                                                              \
    {                                                                                              \
        words, BYTES, 4.0 * PASSES *M *N, fn, M, N                                                 \
    }

static row rows[] = {
    GEMM(577, 768, 768, PLAIN, FLOPS_F32, "gemm f32 577x768x768"),
    GEMM(577, 1024, 4096, PLAIN, FLOPS_F32, "gemm f32 577x1024x4096"),
    GEMM(577, 768, 768, PACKED, FLOPS_BF16, "gemm bf16 packed 577x768x768"),
    GEMM(577, 1024, 4096, PACKED, FLOPS_BF16, "gemm bf16 packed 577x1024x4096"),
    GEMM(64, 768, 768, PACKED, FLOPS_BF16, "gemm bf16 packed 64x768x768"),
    GEMM(6400, 384, 384, PLAIN, FLOPS_BF16, "gemm bf16 train 6400x384x384"),
    GEMM(6400, 1536, 384, PLAIN, FLOPS_BF16, "gemm bf16 train 6400x1536x384"),
    GEMM(1536, 384, 6400, TRANSPOSED, FLOPS_BF16, "gemm bf16 dw 1536x384x6400"),
    CONV(8, 56, 64, 64, 1, 3, "conv 3x3 56x56x64", run_conv, 1),
    CONV(8, 56, 64, 128, 2, 3, "conv 3x3/2 56x56x64-128", run_conv, 1),
    CONV(8, 112, 3, 32, 2, 3, "conv 3x3/2 112x112x3-32", run_conv, 1),
    CONV(8, 14, 256, 256, 1, 1, "conv 1x1 14x14x256", run_conv, 1),
    CONV(8, 56, 64, 64, 1, 3, "conv back 3x3 56x56x64", run_conv_back, 2),
    CONV(8, 56, 64, 128, 2, 3, "conv back 3x3/2 56x56x64-128", run_conv_back, 2),
    { "depthwise 3x3 28x28x256", BYTES, 4.0 * 2 * 8 * 28 * 28 * 256, run_conv,
      .conv = DEPTH(8, 28, 256, 3) },
    { "depthwise 5x5 20x20x240", BYTES, 4.0 * 2 * 16 * 20 * 20 * 240, run_conv,
      .conv = DEPTH(16, 20, 240, 5) },
    { "depthwise back 5x5 20x20x240", BYTES, 4.0 * 6 * 16 * 20 * 20 * 240, run_conv_back,
      .conv = DEPTH(16, 20, 240, 5) },
    ATTN(8, 197, 6, 64, FLOPS_F32, "attention 197x6x64", run_attn, 1),
    ATTN(16, 64, 6, 64, FLOPS_F32, "attention 64x6x64", run_attn, 1),
    ATTN(1, 1024, 6, 64, FLOPS_F32, "attention 1024x6x64", run_attn, 1),
    ATTN(8, 197, 6, 64, FLOPS_BF16, "attention bf16 197x6x64", run_attn_bf16, 1),
    ATTN(1, 1024, 6, 64, FLOPS_BF16, "attention bf16 1024x6x64", run_attn_bf16, 1),
    ATTN(8, 197, 6, 64, FLOPS_F32, "attention fwd+back 197x6x64", run_attn_back, 3.5),
    ROWS(4096, 384, 2, "layernorm 4096x384", run_layernorm),
    ROWS(4096, 384, 8, "layernorm fwd+back 4096x384", run_layernorm_back),
    ROWS(4096, 384, 2, "rmsnorm 4096x384", run_rmsnorm),
    ROWS(1024, 1024, 2, "softmax 1024x1024", run_softmax),
    { "gelu erf 4096x1536", BYTES, 8.0 * 4096 * 1536, run_gelu, 4096, 1536, .how = 0 },
    { "gelu tanh 4096x1536", BYTES, 8.0 * 4096 * 1536, run_gelu, 4096, 1536, .how = 1 },
    { "gelu erf back 4096x1536", BYTES, 16.0 * 4096 * 1536, run_gelu_back, 4096, 1536, .how = 0 },
    { "gelu tanh back 4096x1536", BYTES, 16.0 * 4096 * 1536, run_gelu_back, 4096, 1536, .how = 1 },
    ROWS(4096, 1536, 3, "swiglu 4096x1536", run_swiglu),
    ROWS(4096, 4096, 3, "axpy 16M", run_axpy),
    ROWS(4096, 4096, 7, "adamw 16M", run_adamw),
    { "decode gemv 1x4096x1024 bf16", BYTES, 2.0 * 4096 * 1024, run_gemm, 1, 4096, 1024, PACKED },
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static double f32_peak[MAX_ROUNDS], bf16_peak[MAX_ROUNDS], read_peak[MAX_ROUNDS];

static int ascending(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double rate_of(row *r)
{
    int times = 1;
    double t;

    for (;; times *= 2) {
        double start = fab_bench_now();
        for (int i = 0; i < times; i++) r->run(r);
        t = fab_bench_now() - start;
        if (t > 5e-3) break;
    }
    return r->work * times / t;
}

static void measure(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        f32_peak[i] = fab_peak_f32(kernels, 0.02);
        bf16_peak[i] = fab_peak_bf16(kernels, 0.02);
        read_peak[i] = fab_peak_read(x, (size_t)BIG * 4, 4, 0.02);
        if (bf16_peak[i] <= 0) bf16_peak[i] = f32_peak[i];
        for (int t = 0; t < ROW_COUNT; t++) rows[t].rate[i] = rate_of(rows + t);
    }
    qsort(f32_peak, (size_t)rounds, sizeof(double), ascending);
    qsort(bf16_peak, (size_t)rounds, sizeof(double), ascending);
    qsort(read_peak, (size_t)rounds, sizeof(double), ascending);
    for (int t = 0; t < ROW_COUNT; t++)
        qsort(rows[t].rate, (size_t)rounds, sizeof(double), ascending);
}

static void print(int rounds, bool json)
{
    const double *peaks[] = { f32_peak, bf16_peak, read_peak };
    int last = rounds - 1, mid = rounds / 2;

    if (json)
        printf(
            "{\"isa\":\"%s\",\"f32_peak\":%.4g,\"bf16_peak\":%.4g,\"read_peak\":%.4g,\"kernels\":[",
            kernels->name, f32_peak[mid], bf16_peak[mid], read_peak[mid]);
    else
        printf("%s: f32 %.1f GFLOP/s, bf16 %.1f GFLOP/s, reads %.1f GB/s (medians of %d)\n%-34s "
               "%10s %10s  of peak\n",
               kernels->name, f32_peak[mid] * 1e-9, bf16_peak[mid] * 1e-9, read_peak[mid] * 1e-9,
               rounds, "", "best", "median");
    for (int t = 0; t < ROW_COUNT; t++) {
        const row *r = rows + t;
        const double *peak = peaks[r->unit];
        if (json)
            printf("%s{\"name\":\"%s\",\"unit\":\"%s\",\"best\":%.4g,\"median\":%.4g,\"of_peak\":%."
                   "3f}",
                   t ? "," : "", r->name, r->unit == BYTES ? "B/s" : "FLOP/s", r->rate[last],
                   r->rate[mid], r->rate[mid] / peak[mid]);
        else
            printf("%-34s %10.1f %10.1f  %5.1f %% %s\n", r->name, r->rate[last] * 1e-9,
                   r->rate[mid] * 1e-9, 100 * r->rate[mid] / peak[mid],
                   r->unit == BYTES ? "GB/s" : "GFLOP/s");
    }
    if (json) puts("]}");
}

int main(int argc, char **argv)
{
    bool json = false;
    int rounds = 7;
    fab_rng rng;
    float **all[] = { &x, &y, &z, &w, &v };

    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--json")) json = true;
        else if (!strcmp(argv[i], "--quick")) rounds = 3;
        else return fprintf(stderr, "bench_kernels [--json] [--quick]\n"), 2;
    kernels = fab_kernels_best();
    arena = fab_arena_new(0, NULL);
    fab_rng_init(&rng, 1);
    for (int i = 0; i < 5; i++) {
        *all[i] = fab_aligned_new((size_t)BIG * sizeof(float), NULL);
        if (!*all[i]) return fprintf(stderr, "out of memory\n"), 1;
        for (int j = 0; j < BIG; j++) (*all[i])[j] = fab_rng_uniform(&rng) - 0.5f;
    }
    measure(rounds);
    print(rounds, json);
    return 0;
}
