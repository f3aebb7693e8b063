/* bench_tower: CLIP's picture towers with random weights, for fabrica bench. */
#ifndef FAB_CLI_BENCH_TOWER_H
#define FAB_CLI_BENCH_TOWER_H

#include "base/threads.h"
#include "kernels/kernels.h"

typedef struct {
    const char *name;
    int64_t width, ffn;
    int layers, heads, size, patch;
    double flops;   /* of one picture */
    fab_dtype type; /* of the matrices: bf16 or quantised */
} fab_bench_vit;

enum { FAB_BENCH_VITS = 4 };
extern const fab_bench_vit fab_bench_vits[FAB_BENCH_VITS];

typedef struct fab_bench_tower fab_bench_tower;

/* Of a quantised type it also runs once in f32. v, k and pool are borrowed; NULL with err set:
 * memory. */
fab_bench_tower *fab_bench_tower_open(const fab_bench_vit *v, const fab_kernels *k, fab_pool *pool,
                                      fab_err *err);
void fab_bench_tower_close(fab_bench_tower *t);

/* A picture of noise, pixels to features; wall seconds, negative with err set. */
double fab_bench_tower_pass(fab_bench_tower *t, fab_err *err);

/* Of the last pass's features to those of the weights before they were quantised and products in
 * f32. */
double fab_bench_tower_cosine(const fab_bench_tower *t);

#endif
