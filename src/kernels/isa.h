/* isa: what a hot loop needs to know about the instruction set that its file is being compiled for.
 *
 * Every file of this folder that includes it is compiled once per instruction set (meson.build)
 * with -DFAB_ISA=c, avx2, ...; its external names get that suffix through FAB_NAME. vf is one
 * register of FAB_VL floats (gcc's vector extension), so the same source is SSE2, AVX2 + FMA or
 * AVX-512. Private to kernels/.
 */
#ifndef FAB_KERNELS_ISA_H
#define FAB_KERNELS_ISA_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "kernels/kernels.h"

#define FAB_CAT_(a, b) a##_##b
#define FAB_CAT(a, b)  FAB_CAT_(a, b)
#define FAB_NAME(x)    FAB_CAT(x, FAB_ISA)
#define FAB_STR_(x)    #x
#define FAB_STR(x)     FAB_STR_(x)

#define INLINE        static inline __attribute__((always_inline))
#define SIMD          _Pragma("omp simd")
#define SIMD_SUM(...) _Pragma(FAB_STR_(omp simd reduction(+ : __VA_ARGS__)))
#define SIMD_MAX(s)   _Pragma(FAB_STR_(omp simd reduction(max : s)))

/* MR x NR is the block of C that a microkernel keeps in registers: 28 + 3 of 32, 12 + 3 of 16, 8 +
 * 3 of 16. */
#if defined(__AVX512F__)
#define FAB_VL_IS 16
enum { MR = 14 };
#elif defined(__AVX2__)
#define FAB_VL_IS 8
enum { MR = 6 };
#else
#define FAB_VL_IS 4
enum { MR = 4 };
#endif
enum { FAB_VL = FAB_VL_IS, NR = 2 * FAB_VL };

#if !defined(FAB_AMX)
#define FAB_AMX 0 /* 1: AMX tiles, 2: the same loops over an emulated tile unit */
#endif
/* Are bf16 weights packed as pairs of k (panel.h)? */
#if FAB_AMX || defined(__AVX512BF16__)
#define FAB_PAIRS 1
#else
#define FAB_PAIRS 0
#endif
/* Loops without products are compiled once for AVX-512 and shared by the sets above it. */
#if !defined(FAB_BASE_ISA)
#define FAB_BASE_ISA FAB_ISA
#endif
#define FAB_BASE(x) FAB_CAT(x, FAB_BASE_ISA)

typedef float vf __attribute__((vector_size(FAB_VL * 4)));
typedef float vf_mem __attribute__((vector_size(FAB_VL * 4), aligned(4), may_alias));

INLINE vf vload(const float *p) { return *(const vf_mem *)p; }
INLINE void vstore(float *p, vf v) { *(vf_mem *)p = v; }
INLINE vf vset(float s) { return s - (vf){ 0 }; }

INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* The t-th of n nearly equal parts of [0, total). */
typedef struct {
    int64_t from, to;
} range;
INLINE range part(int64_t total, int64_t n, int64_t t)
{
    return (range){ total * t / n, total * (t + 1) / n };
}

#endif
