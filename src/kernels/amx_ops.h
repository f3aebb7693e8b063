/* amx_ops: the five tile operations that bf16_amx.h needs, real (FAB_AMX 1) or emulated in C
 * (FAB_AMX 2, for tests on machines without AMX). Tile numbers are literals; every tile is 16 rows
 * of 64 bytes.
 *
 *   DP  c[16][16] f32 += sum over 16 pairs of a[i][2p] b[p][2j] + a[i][2p+1] b[p][2j+1], all bf16     (TDPBF16PS)
 *
 * The configuration goes through volatile asm with the whole 64-byte struct as its input, and loads
 * clobber memory: gcc 12's own intrinsics declare 8 bytes and no clobber. The process asks for tile
 * permission in cpu.c.
 */
#ifndef FAB_KERNELS_AMX_OPS_H
#define FAB_KERNELS_AMX_OPS_H

#include "base/bytes.h"
#include "kernels/isa.h"

#if FAB_AMX == 1
typedef struct {
    char none;
} tile_unit;
typedef struct {
    uint8_t palette, start_row, zero[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;
_Static_assert(sizeof(tile_config) == 64, "LDTILECFG reads 64 bytes");

INLINE void tile_begin(tile_unit *u)
{
    tile_config c = { .palette = 1 };

    (void)u;
    for (int i = 0; i < 8; i++) c.row_bytes[i] = 64, c.rows[i] = 16;
    __asm__ volatile("ldtilecfg %0" ::"m"(c) : "memory");
}
#define TILE_END(u)     ((void)(u), ({ __asm__ volatile("tilerelease" ::: "memory"); }))
#define TILE_ZERO(u, t) ((void)(u), ({ __asm__ volatile("tilezero %%tmm" #t ::: "memory"); }))
#define TILE_LOAD(u, t, p, bytes)                                                                  \
    ((void)(u), ({                                                                                 \
         __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(p), "r"((int64_t)(bytes))          \
                          : "memory");                                                             \
     }))
#define TILE_STORE(u, t, p, bytes)                                                                 \
    ((void)(u), ({                                                                                 \
         __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(p), "r"((int64_t)(bytes))      \
                          : "memory");                                                             \
     }))
#define TILE_DP(u, c, a, b)                                                                        \
    ((void)(u), ({                                                                                 \
         __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::: "memory");            \
     }))
#else
typedef struct {
    uint8_t tile[8][16][64];
} tile_unit;

INLINE void tile_begin(tile_unit *u) { memset(u, 0x55, sizeof *u); }
static inline void tile_load(tile_unit *u, int t, const void *p, int64_t bytes)
{
    for (int i = 0; i < 16; i++) memcpy(u->tile[t][i], (const char *)p + i * bytes, 64);
}
static inline void tile_store(const tile_unit *u, int t, void *p, int64_t bytes)
{
    for (int i = 0; i < 16; i++) memcpy((char *)p + i * bytes, u->tile[t][i], 64);
}
static inline void tile_dp(tile_unit *u, int tc, int ta, int tb)
{
    float(*c)[16] = (void *)u->tile[tc];
    const uint16_t(*a)[32] = (void *)u->tile[ta], (*b)[32] = (void *)u->tile[tb];

    for (int i = 0; i < 16; i++)
        for (int p = 0; p < 32; p++)
            for (int j = 0; j < 16; j++)
                c[i][j] += fab_bf16_f32(a[i][p]) * fab_bf16_f32(b[p / 2][2 * j + p % 2]);
}
#define TILE_END(u)                ((void)(u))
#define TILE_ZERO(u, t)            memset((u)->tile[t], 0, 1024)
#define TILE_LOAD(u, t, p, bytes)  tile_load(u, t, p, bytes)
#define TILE_STORE(u, t, p, bytes) tile_store(u, t, p, bytes)
#define TILE_DP(u, c, a, b)        tile_dp(u, c, a, b)
#endif

#endif
