/* int8_tile: what int8.c and its two tiles, int8_vnni.h and int8_avx2.h, have in common. A tile
 * gives
 *
 *   RM, CN      rows and columns of C that its products keep in registers; ABREAST of the columns are opened side by side
 *   KQ, COLS    how much of K and how many columns of W are opened at once (of few rows of A: KQ_FEW, CN)
 *   ROWS, WIDE  most rows of A and columns of W of a task
 *   kinds       a row per type of weights
 *   round_rows  one to RM rows of A to int8
 *   micros_of   the products with 1 to RM rows of A of a kind; up to SPREAD rows in all these ask for W's next lines block by
 *               block: at once they fill the line buffers, and everything waits; with more rows
 *               that would cost 2 %
 */
#ifndef FAB_KERNELS_INT8_TILE_H
#define FAB_KERNELS_INT8_TILE_H

#include "base/bytes.h"
#include "kernels/isa.h"

/* Numbers of A beside its int8, meta: [K/sub][META][RM]. DA: the scale; SUM: of a, scaled; START:
 * of the sum of products, as bits. AVX2: C0DA = C0 da, SUM times da. VNNI: C0UP = C0 2^up, SUM
 * times 2^up, DA the same of all blocks of a row. */
enum { DA, C0DA, C0UP = C0DA, SUM, START, META };
#define C0      12582912.0f
#define C0_BITS 0x4b400000

typedef struct {
    fab_dtype type;
    int sub, offset; /* values under one d; what is added to q */
    bool mins;
    /* ABREAST rows, k0..k0+kc; w, d, m at the first of their columns of CN */
    void (*open)(const uint8_t *const *row, int64_t k0, int kc, uint8_t *w, float *d, float *m);
    int run; /* groups of four whose products int8_avx2.h adds in 16 bits */
} kind;

/* Pieces of rows of W that will be needed: `rows` of them, `bytes` long, `step` apart; `each` of
 * them a block of k. */
typedef struct {
    const uint8_t *at;
    int64_t step, bytes;
    int rows, each;
} ahead;

/* Into L2: into L1 they wait for its few line buffers, and what is being multiplied with them. */
INLINE void ask(ahead *n, int rows)
{
    for (; rows > 0 && n->rows > 0; rows--, n->rows--, n->at += n->step)
        for (int64_t b = 0; b < n->bytes; b += 64) __builtin_prefetch(n->at + b, 0, 2);
}

/* Where sums go: n columns of rows of C, added to what is there and to the bias (NULL: none). */
typedef struct {
    float *c;
    int64_t row;
    int n;
    bool add;
    const float *bias;
} target;

/* Rows of A times an opened panel of W over kc; if they are spread, asks for what is next
 * meanwhile. */
typedef void micro_fn(int kc, const int8_t *a, const float *meta, const uint8_t *w, const float *d,
                      const float *m, const target *to, const ahead *next);

#endif
