/* panel: where a weight's bf16 elements lie once packed: NR columns at a time, in the order that
 * the products read them.
 *
 *   widened  [K][NR]                                        one row of a panel is two registers once widened
 *   pairs    [K/32][NR/16][16][16][2], K padded with zeros  each 1 KB [16][16][2] is a B tile of AMX, two of k side by side
 */
#ifndef FAB_KERNELS_PANEL_H
#define FAB_KERNELS_PANEL_H

#include "base/bytes.h"
#include "kernels/isa.h"

typedef uint32_t vu __attribute__((vector_size(FAB_VL * 4)));
typedef uint32_t vu_mem __attribute__((vector_size(FAB_VL * 4), aligned(4), may_alias));
typedef uint16_t vh_mem __attribute__((vector_size(FAB_VL * 2), aligned(2), may_alias));

#if FAB_PAIRS
INLINE int64_t half_count(int64_t k) { return (k + 31) / 32 * 32 * NR; }
INLINE int64_t half_at(int64_t k, int64_t j)
{
    return ((k / 32 * 2 + j / 16) * 16 + k % 32 / 2) * 32 + j % 16 * 2 + k % 2;
}
/* columns h * FAB_VL .. + FAB_VL of row k */
INLINE vf half_load(const uint16_t *p, int64_t k, int h)
{
    vu pair = *(const vu_mem *)(p + half_at(k - k % 2, h * FAB_VL));
    return (vf)(k % 2 ? pair & 0xffff0000u : pair << 16);
}
#else
INLINE int64_t half_count(int64_t k) { return k * NR; }
INLINE int64_t half_at(int64_t k, int64_t j) { return k * NR + j; }
INLINE vf half_load(const uint16_t *p, int64_t k, int h)
{
    return (vf)(__builtin_convertvector(*(const vh_mem *)(p + half_at(k, h * FAB_VL)), vu) << 16);
}
#endif

#endif
