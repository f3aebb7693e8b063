/* core: the blocked matrix product under gemm, conv and attention.
 *
 *   C[M,N] (+)= A[M,K] B[K,N] + bias
 *
 * Operands are described by functions that write a panel, so that an image convolution is a product
 * whose A is never written out. C is cut into tiles by its shape alone; a tile is one task. Inside
 * a tile, for each KC of K:
 *
 *   B block   [NB/NR][KC][NR]  in the worker's L2, packed once per tile (or read in place when packed beforehand)
 *   A panel   [MR] rows of KC  in L1, packed just before use, streamed over all B panels of the block
 *   C block   MR x NR          in registers, added to memory once per KC
 *
 * Every element of C is a sum over k in order, cut at multiples of KC: the same for every tiling
 * and thread count.
 */
#ifndef FAB_KERNELS_CORE_H
#define FAB_KERNELS_CORE_H

#include "kernels/isa.h"

enum { KC = 384, NB = 512, KSTRIDE = KC + 16, MB = 18 * 14 };

typedef struct core core;
struct core {
    int64_t m, n, k;
    const void *user; /* for the functions below */
    /* rows i..i+mr of A, columns k0..k0+kc. a_by_k: dst[k * MR + i] and mr <= MR, else dst[i *
     * KSTRIDE + k] */
    void (*pack_a)(const core *g, int64_t i, int mr, int64_t k0, int kc, float *dst);
    bool a_by_k;
    /* rows k0..k0+kc of B, columns j..j+nr (nr <= NR), dst[k * NR + j], zero beyond nr */
    void (*pack_b)(const core *g, int64_t j, int nr, int64_t k0, int kc, float *dst);
    const float *panels; /* f32 [N/NR][K][NR], used in place of pack_b when not NULL */
    const uint16_t
        *tiles; /* bf16 panels of pairs (panel.h), used when the product is rounded, or NULL */
    /* what pack_a and pack_b would copy, when that is plain memory; else NULL */
    const float *a, *b;
    int64_t a_row, a_col, b_row, b_col;
    float *c;
    int64_t c_row;
    float *(*c_at)(const core *g, int64_t i); /* row i of C; NULL: c + i * c_row */
    const float *bias;                        /* [N] or NULL */
    bool add;
    bool relu6; /* C = min(max(C, 0), 6) at the end */
    bool bf16;  /* operands may be rounded to bf16 */
};

/* Needs scratch memory only when K is cut (few tiles, long sums); false with err set when that runs
 * out. */
bool FAB_NAME(fab_core_run)(fab_pool *p, const core *g, fab_err *err);
/* The same with the first k of K, whole, on the calling thread, without cutting K: for products
 * inside a task. */
void FAB_NAME(fab_core_serial)(const core *g, int64_t k);

/* Products with g->bf16 go to tiles of rounded operands where the instruction set has them
 * (core_half.c, core_bf16.c): the tile rows x cols of C over ks of K, the first of ks being the
 * first that touches C. */
#if defined(__AVX512FP16__) || FAB_PAIRS
#define FAB_ROUNDED 1
#else
#define FAB_ROUNDED 0
#endif
void FAB_NAME(fab_tile_rounded)(const core *g, range rows, range cols, range ks);
/* B whole as panels of pairs, for core.tiles. */
void FAB_NAME(fab_pairs_of_b)(const core *g, uint16_t *to);

/* Packs B once for several products with rows of A: sets g->panels or g->tiles, in `room` of K by
 * N floats, both rounded up to 32. Not where operands are rounded to f16: those form B anew. */
#define FAB_KEEPS_B (FAB_PAIRS || !FAB_ROUNDED)
void FAB_NAME(fab_core_keep_b)(core *g, void *room);

/* Plain strided f32 operands, the usual case. */
typedef struct {
    const float *a, *b;
    int64_t a_row, a_col, b_row, b_col;
} strided;
void FAB_NAME(fab_core_strided)(core *g,
                                const strided *s); /* sets user, a, pack_a, a_by_k, b, pack_b */

#endif
