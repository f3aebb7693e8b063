/* bf16_amx: core_bf16.c's products by AMX, 2 x 2 tiles of 16 x 16 sums: per step of 32 k, 4 loads
 * of 1 KB feed 4 tile products (16 K multiply-adds). Operations are those of amx_ops.h, so the same
 * loops run emulated.
 */
#ifndef FAB_KERNELS_BF16_AMX_H
#define FAB_KERNELS_BF16_AMX_H

#include "kernels/amx_ops.h"
#include "kernels/rounded.h"

enum { SIDE = 32, TALL = SIDE, TILE = 512, STEP = 2 * TILE, ZERO_ROWS = 1 };

/* c[32][32] (+)= A panel x B panel; `half`: only the upper 16 rows */
INLINE void tiles(tile_unit *u, const bool half, const uint16_t *a, const uint16_t *b, int steps,
                  float *c, int64_t row, bool load)
{
    int64_t bytes = row * (int64_t)sizeof(float);

    if (load) {
        TILE_LOAD(u, 0, c, bytes);
        TILE_LOAD(u, 1, c + 16, bytes);
        if (!half) TILE_LOAD(u, 2, c + 16 * row, bytes);
        if (!half) TILE_LOAD(u, 3, c + 16 * row + 16, bytes);
    } else {
        TILE_ZERO(u, 0);
        TILE_ZERO(u, 1);
        TILE_ZERO(u, 2);
        TILE_ZERO(u, 3);
    }
    for (int t = 0; t < steps; t++, a += STEP, b += STEP) {
        TILE_LOAD(u, 4, a, 64);
        TILE_LOAD(u, 6, b, 64);
        TILE_DP(u, 0, 4, 6);
        TILE_LOAD(u, 7, b + TILE, 64);
        TILE_DP(u, 1, 4, 7);
        if (half) continue;
        TILE_LOAD(u, 5, a + TILE, 64);
        TILE_DP(u, 2, 5, 6);
        TILE_DP(u, 3, 5, 7);
    }
    TILE_STORE(u, 0, c, bytes);
    TILE_STORE(u, 1, c + 16, bytes);
    if (half) return;
    TILE_STORE(u, 2, c + 16 * row, bytes);
    TILE_STORE(u, 3, c + 16 * row + 16, bytes);
}

/* mr rows of C, n <= NR columns at c[i] (+)= A panel x B panel; row: floats between rows of C, 0
 * when that is not the same for all */
INLINE void product(tile_unit *u, int mr, int n, const uint16_t *a, const uint16_t *b, int steps,
                    float *const *c, int64_t row, bool load, const float *bias)
{
    _Alignas(64) float sum[SIDE * SIDE];

    if (mr == SIDE && n == SIDE && !bias && row) {
        tiles(u, false, a, b, steps, c[0], row, load);
        return;
    }
    if (mr <= 16) tiles(u, true, a, b, steps, sum, SIDE, false);
    else tiles(u, false, a, b, steps, sum, SIDE, false);
    for (int i = 0; i < mr; i++) add_row(c[i], sum + i * SIDE, 1.0f, n, load, bias);
}

#endif
