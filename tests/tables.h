/* tables: what the tests of the kernels share: the tables under test, noise, and how far off a
 * result is. */
#ifndef FAB_TESTS_TABLES_H
#define FAB_TESTS_TABLES_H

#include <math.h>
#include "base/bytes.h"
#include "base/rng.h"
#include "kernels/kernels.h"
#include "test.h"

static fab_arena *arena;
static fab_rng rng;
static fab_err err;

static inline void begin(void)
{
    if (!arena) arena = fab_arena_new(1 << 20, &err);
    fab_arena_reset(arena);
    fab_rng_init(&rng, 7);
    err = (fab_err)FAB_ERR_INIT;
}

static inline void *take(int64_t bytes)
{
    void *p = fab_arena_zero(arena, (size_t)bytes, &err);
    CHECK(p);
    return p;
}

static inline float *noise(int64_t n)
{
    float *x = take(n * 4 + 4);
    for (int64_t i = 0; i < n; i++) x[i] = fab_rng_normal(&rng);
    return x;
}

static inline float *copy(const float *x, int64_t n)
{
    return memcpy(take(n * 4 + 4), x, (size_t)n * 4);
}

static inline int below(int n) { return (int)fab_rng_below(&rng, (uint32_t)n); }

/* The tables under test: all that run here, then the emulated AMX. */
static inline int tables(const fab_kernels **list)
{
    int n = 0;
    for (const fab_kernels *const *k = fab_kernels_all(); *k; k++) list[n++] = *k;
    const fab_kernels *emu = fab_kernels_named("amx_emu");
    if (emu) list[n++] = emu;
    return n;
}

static fab_pool *pools[4];
static inline fab_pool *pool_of(int threads)
{
    if (!pools[threads]) pools[threads] = fab_pool_new(threads, &err);
    return pools[threads];
}

static inline double worst(const float *x, const double *ref, int64_t n)
{
    double top = 1e-3, off = 0;
    for (int64_t i = 0; i < n; i++) top = fmax(top, fabs(ref[i]));
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)x[i] - ref[i]);
        if (!(d <= off)) off = d;
    }
    return off / top;
}

static inline double f32_tolerance(int64_t length) { return 2e-6 * sqrt((double)length) + 2e-6; }

#endif
