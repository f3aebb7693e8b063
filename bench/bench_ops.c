/* bench_ops: every row of ops.def at its benchmark sample, forward and backward, one thread, the
 * best table (FABRICA_ISA overrides), as a fraction of this machine's own peak.
 *
 *   bench_ops [NAME...]
 *
 * A row that states its flops is held against the f32 peak (bf16 products may pass 100 %). Any
 * other is held against the read bandwidth of main memory: forward moves its inputs and its output
 * once; backward moves those, and the gradients of all of them. Rows whose data fit the caches, or
 * that touch a part of an input (embedding, gather, slice, reshape), pass 100 %.
 * Times are CPU time of the thread, best of the runs within a tenth of a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/bench.h"
#include "tensor/tensor.h"

enum { READ_BYTES = 1 << 28 };
#define SECONDS 0.1

typedef struct {
    fab_ctx c;
    fab_arena *kept;
    fab_tensor *in[FAB_MAX_IN];
} bench;

static void give_up(const char *name, const char *why)
{
    fprintf(stderr, "bench_ops: %s: %s\n", name, why);
    exit(1);
}

static int64_t size(const fab_sample *s, int i)
{
    int64_t n = 1;
    for (int d = 0; d < FAB_MAX_DIM && s->in[i].shape[d]; d++) n *= s->in[i].shape[d];
    return n;
}

static void make_input(bench *b, const fab_op *op, const fab_sample *s, int i)
{
    fab_ctx c;
    fab_ctx_init(&c, b->kept, NULL);
    bool ids = s->in[i].kind == FAB_SAMPLE_IDS;
    fab_tensor *t = fab_tensor_new(&c, ids ? FAB_I32 : FAB_F32, s->in[i].shape);
    if (!t) give_up(op->name, c.err.text);
    for (int64_t j = 0; j < size(s, i); j++) {
        if (ids) fab_i32(t)[j] = (int32_t)fab_rng_below(&b->c.rng, (uint32_t)s->in[i].ids_below);
        else fab_f32(t)[j] = fab_rng_uniform(&b->c.rng);
    }
    if (!ids && !s->in[i].no_grad) {
        t->needs_grad = true;
        t->grad = fab_arena_zero(b->kept, (size_t)size(s, i) * sizeof(float), &c.err);
        if (!t->grad) give_up(op->name, c.err.text);
    }
    b->in[i] = t;
}

/* Best times of one forward and one backward, seconds. */
static void time_row(bench *b, const fab_op *op, const fab_sample *s, double best[2])
{
    best[0] = best[1] = 1e9;
    double spent = 0;
    for (int run = 0; spent < SECONDS || run < 3; run++) {
        fab_ctx_reset(&b->c);
        double start = fab_bench_now();
        fab_tensor *y = fab_apply(&b->c, op, s->attr, b->in, op->n_in);
        double mid = fab_bench_now();
        if (!y) give_up(op->name, b->c.err.text);
        y->grad = fab_arena_zero(b->c.arena, (size_t)fab_count(y) * sizeof(float), &b->c.err);
        if (!y->grad) give_up(op->name, b->c.err.text);
        y->grad[0] = 1;
        double again = fab_bench_now();
        if (!fab_backward_from(&b->c, y)) give_up(op->name, b->c.err.text);
        double end = fab_bench_now();
        if (run == 0) continue; /* the first draws the arena's memory */
        spent += mid - start + end - again;
        if (mid - start < best[0]) best[0] = mid - start;
        if (end - again < best[1]) best[1] = end - again;
    }
}

static void print_side(const char *side, double seconds, double flops, double bytes, double peak)
{
    double rate = (flops > 0 ? flops : bytes) / seconds;
    printf("  %s %8.3f ms %7.1f %s %5.1f %%", side, seconds * 1e3, rate / 1e9,
           flops > 0 ? "GFLOP/s" : "GB/s   ", 100 * rate / peak);
}

static void run_row(const fab_op *op, const fab_sample *s, double flops_peak, double read_peak)
{
    fab_err err = FAB_ERR_INIT;
    bench b = { .kept = fab_arena_new(0, &err) };
    fab_arena *work = fab_arena_new(0, &err);
    if (!b.kept || !work) give_up(op->name, err.text);
    fab_ctx_init(&b.c, work, NULL);
    b.c.training = b.c.record = b.c.bf16 = true;
    double bytes = 0, best[2];
    for (int i = 0; i < op->n_in; i++)
        if (s->in[i].shape[0]) {
            make_input(&b, op, s, i);
            bytes += 4.0 * (double)size(s, i);
        }
    time_row(&b, op, s, best);
    fab_ctx_reset(&b.c);
    fab_tensor *y = fab_apply(&b.c, op, s->attr, b.in, op->n_in);
    if (!y) give_up(op->name, b.c.err.text);
    bytes += 4.0 * (double)fab_count(y);
    double peak = s->flops > 0 ? flops_peak : read_peak;
    printf("%-10s", op->name);
    print_side("forward", best[0], s->flops, bytes, peak);
    print_side("backward", best[1], 2 * s->flops, 2 * bytes, peak);
    printf("\n");
    fab_arena_free(work);
    fab_arena_free(b.kept);
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(name, argv[i])) return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    fab_err err = FAB_ERR_INIT;
    const fab_kernels *k = fab_kernels_best();
    void *block = fab_aligned_new(READ_BYTES, &err);
    if (!block) give_up("memory", err.text);
    memset(block, 1, READ_BYTES);
    double flops = fab_peak_f32(k, 0.3), read = fab_peak_read(block, READ_BYTES, 4, 0.3);
    printf("%s, one thread: %.0f GFLOP/s f32, %.1f GB/s read\n", k->name, flops / 1e9, read / 1e9);
    for (int i = 0; fab_ops[i]; i++) {
        const fab_sample *s = fab_ops[i]->samples;
        int benches = 0;
        for (int n = 0; s[n].in[0].shape[0]; n++)
            if (s[n].bench && ++benches && wanted(fab_ops[i]->name, argc, argv))
                run_row(fab_ops[i], &s[n], flops, read);
        if (!benches) give_up(fab_ops[i]->name, "the row has no benchmark sample");
    }
    fab_aligned_free(block);
    return 0;
}
