/* bench_onednn: our matrix products beside oneDNN's matmul, weights packed (theirs: format any,
 * reordered) beforehand, one thread, in one process, round by round in turn.
 *
 *   bench_onednn [--json] [ROUNDS]
 *
 * Each side has what suits it: oneDNN reads activations already rounded to bf16, ours reads f32 and
 * rounds inside; both write f32. Times are CPU time of the thread, so other processes cost neither
 * side. The register-only peaks are measured in every round too, since AMX itself runs at full or
 * half rate for seconds at a time.
 */
#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "base/rng.h"
#include "kernels/bench.h"
#include "kernels/kernels.h"

enum { MAX_ROUNDS = 101 };

typedef struct {
    int64_t m, n, k;
    bool bf16;
    float *a, *w, *c; /* [m,k] [n,k] [m,n] */
    fab_packed packed;
    dnnl_primitive_t product;
    dnnl_exec_arg_t args[3];
    const char *theirs_by;
    double ours[MAX_ROUNDS], theirs[MAX_ROUNDS];
} row;

static row rows[] = {
    { 64, 768, 768, true, 0 },    { 577, 768, 768, true, 0 },  { 577, 1024, 4096, true, 0 },
    { 577, 4096, 4096, true, 0 }, { 577, 768, 768, false, 0 }, { 577, 1024, 4096, false, 0 },
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static fab_arena *arena;
static const fab_kernels *kernels;

static void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "bench_onednn: %s failed\n", what);
    exit(1);
}

static void *bf16_copy(const float *x, int64_t n)
{
    uint16_t *y = fab_aligned_new((size_t)n * 2, NULL);
    must(y != NULL, "memory");
    for (int64_t i = 0; i < n; i++) y[i] = fab_f32_bf16(x[i]);
    return y;
}

static dnnl_memory_desc_t desc(int64_t rows_, int64_t cols, dnnl_data_type_t type,
                               dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    dnnl_dims_t dims = { rows_, cols };
    must(!dnnl_memory_desc_init_by_tag(&d, 2, dims, type, tag), "dnnl_memory_desc_init_by_tag");
    return d;
}

static dnnl_memory_t memory(const dnnl_memory_desc_t *d, void *data)
{
    dnnl_memory_t m;
    must(!dnnl_memory_create(&m, d, engine, data), "dnnl_memory_create");
    return m;
}

/* The weight [N,K] as oneDNN wants it for this product. */
static dnnl_memory_t reordered(const dnnl_memory_desc_t *from, void *data,
                               const dnnl_memory_desc_t *to)
{
    dnnl_memory_t src = memory(from, data), dst = memory(to, DNNL_MEMORY_ALLOCATE);
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, src }, { DNNL_ARG_TO, dst } };

    must(!dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL), "reorder");
    must(!dnnl_primitive_create(&p, pd), "reorder");
    must(!dnnl_primitive_execute(p, stream, 2, args) && !dnnl_stream_wait(stream), "reorder");
    return dst;
}

static void prepare_theirs(row *r)
{
    dnnl_data_type_t type = r->bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_memory_desc_t a = desc(r->m, r->k, type, dnnl_ab),
                       any = desc(r->k, r->n, type, dnnl_format_tag_any);
    dnnl_memory_desc_t c = desc(r->m, r->n, dnnl_f32, dnnl_ab), w = desc(r->k, r->n, type, dnnl_ba);
    dnnl_matmul_desc_t d;
    dnnl_primitive_desc_t pd;
    void *ax = r->bf16 ? bf16_copy(r->a, r->m * r->k) : r->a,
         *wx = r->bf16 ? bf16_copy(r->w, r->n * r->k) : r->w;

    must(!dnnl_matmul_desc_init(&d, &a, &any, NULL, &c), "dnnl_matmul_desc_init");
    must(!dnnl_primitive_desc_create(&pd, &d, NULL, engine, NULL), "matmul");
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &r->theirs_by);
    must(!dnnl_primitive_create(&r->product, pd), "matmul");
    r->args[0] = (dnnl_exec_arg_t){ DNNL_ARG_SRC, memory(&a, ax) };
    r->args[1] =
        (dnnl_exec_arg_t){ DNNL_ARG_WEIGHTS,
                           reordered(&w, wx,
                                     dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0)) };
    r->args[2] = (dnnl_exec_arg_t){ DNNL_ARG_DST,
                                    memory(&c, fab_aligned_new((size_t)(r->m * r->n) * 4, NULL)) };
}

static void prepare(row *r, fab_rng *rng)
{
    float **arrays[] = { &r->a, &r->w, &r->c };
    int64_t counts[] = { r->m * r->k, r->n * r->k, r->m * r->n };

    for (int i = 0; i < 3; i++) {
        *arrays[i] = fab_aligned_new((size_t)counts[i] * 4, NULL);
        must(*arrays[i] != NULL, "memory");
        for (int64_t t = 0; t < counts[i]; t++) (*arrays[i])[t] = fab_rng_uniform(rng) - 0.5f;
    }
    must(kernels->pack(&r->packed, arena, r->w, FAB_F32, r->n, r->k, r->bf16, NULL), "pack");
    prepare_theirs(r);
}

static void run_ours(row *r)
{
    fab_gemm g = { .m = r->m,
                   .n = r->n,
                   .k = r->k,
                   .a = r->a,
                   .a_row = r->k,
                   .a_col = 1,
                   .packed = &r->packed,
                   .c = r->c,
                   .c_row = r->n,
                   .bf16 = r->bf16 };
    must(kernels->gemm(NULL, &g, NULL), "gemm");
}

static void run_theirs(row *r)
{
    must(!dnnl_primitive_execute(r->product, stream, 3, r->args) && !dnnl_stream_wait(stream),
         "matmul");
}

/* The two give the same numbers, up to the rounding of operands. */
static double difference(row *r)
{
    void *theirs;
    double top = 0, off = 0;

    run_ours(r);
    run_theirs(r);
    must(!dnnl_memory_get_data_handle(r->args[2].memory, &theirs), "dnnl_memory_get_data_handle");
    for (int64_t i = 0; i < r->m * r->n; i++) {
        double x = r->c[i], d = x - ((float *)theirs)[i];
        if (x * x > top) top = x * x;
        if (d * d > off) off = d * d;
    }
    return off / top;
}

static double rate(row *r, void (*run)(row *))
{
    double start = fab_bench_now();
    run(r);
    return 2.0 * (double)(r->m * r->n * r->k) / (fab_bench_now() - start);
}

static int ascending(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    int rounds = argc > 1 + json ? (int)strtol(argv[1 + json], NULL, 10) : 15;
    double f32[MAX_ROUNDS], bf16[MAX_ROUNDS];
    fab_rng rng;

    if (rounds < 1 || rounds > MAX_ROUNDS)
        return fprintf(stderr, "bench_onednn [--json] [ROUNDS up to %d]\n", MAX_ROUNDS), 2;
    omp_set_num_threads(1);
    fab_rng_init(&rng, 1);
    kernels = fab_kernels_best();
    arena = fab_arena_new(0, NULL);
    must(arena && !dnnl_engine_create(&engine, dnnl_cpu, 0) &&
             !dnnl_stream_create(&stream, engine, dnnl_stream_default_flags),
         "engine");
    for (int t = 0; t < ROW_COUNT; t++) {
        prepare(rows + t, &rng);
        must(difference(rows + t) < 1e-4, "agreement with oneDNN");
    }
    for (int i = 0; i < rounds; i++) {
        f32[i] = fab_peak_f32(kernels, 0.01);
        bf16[i] = fab_peak_bf16(kernels, 0.01);
        for (int t = 0; t < ROW_COUNT; t++) {
            rows[t].ours[i] = rate(rows + t, run_ours);
            rows[t].theirs[i] = rate(rows + t, run_theirs);
        }
    }
    qsort(f32, (size_t)rounds, sizeof *f32, ascending);
    qsort(bf16, (size_t)rounds, sizeof *bf16, ascending);
    printf(json ? "{\"isa\":\"%s\",\"f32_peak\":%.4g,\"bf16_peak\":%.4g,\"products\":["
                : "%s, one thread, GFLOP/s best / median; peaks: f32 %.4g, bf16 %.4g (0: none) "
                  "FLOP/s\n",
           kernels->name, f32[rounds / 2], bf16[rounds / 2]);
    for (int t = 0; t < ROW_COUNT; t++) {
        row *r = rows + t;
        qsort(r->ours, (size_t)rounds, sizeof(double), ascending);
        qsort(r->theirs, (size_t)rounds, sizeof(double), ascending);
        double ours = r->ours[rounds / 2], theirs = r->theirs[rounds / 2];
        printf(json ? "%s{\"m\":%d,\"n\":%d,\"k\":%d,\"type\":\"%s\",\"ours_best\":%.1f,\"ours\":%."
                      "1f,\"onednn_best\":%.1f,\"onednn\":%.1f,"
                      "\"ratio_best\":%.3f,\"ratio\":%.3f,\"onednn_by\":\"%s\"}"
                    : "%s%4dx%4dx%4d %-4s ours %7.1f / %7.1f   oneDNN %7.1f / %7.1f   ratio %.2f / "
                      "%.2f  (%s)\n",
               json && t ? "," : "", (int)r->m, (int)r->n, (int)r->k, r->bf16 ? "bf16" : "f32",
               r->ours[rounds - 1] * 1e-9, ours * 1e-9, r->theirs[rounds - 1] * 1e-9, theirs * 1e-9,
               r->ours[rounds - 1] / r->theirs[rounds - 1], ours / theirs, r->theirs_by);
    }
    if (json) puts("]}");
    return 0;
}
