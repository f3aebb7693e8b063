/* peak_amx: tile products from registers, four independent sums; see bench.h. */
#include "kernels/amx_ops.h"
#include "kernels/peak.h"

enum { ROUNDS = 40000 };

double FAB_NAME(fab_peak_bf16_run)(float *sink)
{
    _Alignas(64) uint16_t zero[512] = { 0 };
    _Alignas(64) float out[256];
    tile_unit u;

    tile_begin(&u);
    TILE_LOAD(&u, 4, zero, 64);
    TILE_LOAD(&u, 5, zero, 64);
    TILE_LOAD(&u, 6, zero, 64);
    TILE_LOAD(&u, 7, zero, 64);
    TILE_ZERO(&u, 0);
    TILE_ZERO(&u, 1);
    TILE_ZERO(&u, 2);
    TILE_ZERO(&u, 3);
    for (int r = 0; r < ROUNDS; r++) {
        TILE_DP(&u, 0, 4, 6);
        TILE_DP(&u, 1, 4, 7);
        TILE_DP(&u, 2, 5, 6);
        TILE_DP(&u, 3, 5, 7);
    }
    TILE_STORE(&u, 0, out, 64);
    TILE_END(&u);
    *sink = out[0];
    return 4.0 * ROUNDS * 2 * 16 * 16 * 32;
}
