/* transpose: a FAB_VL x FAB_VL square of floats by log2(FAB_VL) perfect shuffles in registers. */
#ifndef FAB_KERNELS_TRANSPOSE_H
#define FAB_KERNELS_TRANSPOSE_H

#include "kernels/isa.h"

/* a0 b0 a1 b1 .. of the first halves, and of the second */
#if FAB_VL_IS == 16
INLINE vf zip_low(vf a, vf b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE vf zip_high(vf a, vf b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}
#elif FAB_VL_IS == 8
INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#endif

/* dst[y * dst_row + x] = src[x * row + y] */
INLINE void transpose_block(const float *src, int64_t row, float *dst, int dst_row)
{
    vf t[FAB_VL], u[FAB_VL];

#pragma GCC unroll 16
    for (int i = 0; i < FAB_VL; i++) t[i] = vload(src + i * row);
#pragma GCC unroll 4
    for (int stage = 1; stage < FAB_VL; stage *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < FAB_VL / 2; i++) {
            u[2 * i] = zip_low(t[i], t[i + FAB_VL / 2]);
            u[2 * i + 1] = zip_high(t[i], t[i + FAB_VL / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < FAB_VL; i++) t[i] = u[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < FAB_VL; i++) vstore(dst + i * dst_row, t[i]);
}

#endif
