/* bench: see bench.h. */
#define _POSIX_C_SOURCE 200809L
#include "kernels/bench.h"

#include <string.h>
#include <time.h>

static double seconds_of(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double fab_bench_now(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

double fab_bench_wall(void) { return seconds_of(CLOCK_MONOTONIC); }

double fab_peak_run_c(float *sink);
#if defined(__x86_64__)
double fab_peak_run_avx2(float *sink);
double fab_peak_run_avx512(float *sink);
double fab_peak_int8_run_avx512vnni(float *sink);
double fab_peak_bf16_run_avx512bf16(float *sink);
#endif
#if defined(FAB_HAVE_AMX)
double fab_peak_bf16_run_amx(float *sink);
#endif

typedef double run_fn(float *sink);

static double best(run_fn *run, double seconds)
{
    double start = fab_bench_now(), top = 0;
    volatile float keep;

    while (fab_bench_now() - start < seconds) {
        float sink;
        double t = fab_bench_now(), flops = run(&sink), rate = flops / (fab_bench_now() - t);
        keep = sink;
        if (rate > top) top = rate;
    }
    (void)keep;
    return top;
}

double fab_peak_f32(const fab_kernels *k, double seconds)
{
#if defined(__x86_64__)
    if (!strcmp(k->name, "avx2")) return best(fab_peak_run_avx2, seconds);
    if (strcmp(k->name, "c") != 0) return best(fab_peak_run_avx512, seconds);
#endif
    (void)k;
    return best(fab_peak_run_c, seconds);
}

double fab_peak_int8(const fab_kernels *k, double seconds)
{
#if defined(__x86_64__)
    if (!strcmp(k->name, "avx512vnni") || !strcmp(k->name, "avx512bf16") ||
        !strcmp(k->name, "avx512fp16"))
        return best(fab_peak_int8_run_avx512vnni, seconds);
#endif
    (void)k, (void)seconds;
    return 0;
}

double fab_peak_bf16(const fab_kernels *k, double seconds)
{
#if defined(__x86_64__)
    if (!strcmp(k->name, "avx512bf16")) return best(fab_peak_bf16_run_avx512bf16, seconds);
#endif
#if defined(FAB_HAVE_AMX)
    if (!strcmp(k->name, "amx")) return best(fab_peak_bf16_run_amx, seconds);
#endif
    (void)k, (void)seconds;
    return 0;
}

double fab_peak_read(const void *data, size_t bytes, int streams, double seconds)
{
    double start = fab_bench_now(), top = 0;
    size_t each = bytes / (size_t)streams / 64 * 64;
    volatile uint64_t keep = 0;

    while (fab_bench_now() - start < seconds) {
        uint64_t sum[8] = { 0 };
        double t = fab_bench_now();
        for (size_t i = 0; i < each; i += 64)
            for (int s = 0; s < streams; s++) {
                const char *p = (const char *)data + (size_t)s * each + i;
                uint64_t w[8];
                __builtin_prefetch(p + 2048);
                memcpy(w, p, 64);
                for (int j = 0; j < 8; j++) sum[j] += w[j];
            }
        double rate = (double)(each * (size_t)streams) / (fab_bench_now() - t);
        for (int j = 0; j < 8; j++) keep += sum[j];
        if (rate > top) top = rate;
    }
    return top;
}
