/* peak: one run of register-only multiply-adds per instruction set. Private to kernels/. */
#ifndef FAB_KERNELS_PEAK_H
#define FAB_KERNELS_PEAK_H

#include "kernels/isa.h"

/* An array x of CHAINS registers, each the result of `rounds` operations `one` on itself (x[i]);
 * then x[0] is their sum. The empty asm makes each operation happen, whatever the compiler thinks
 * of the series. */
enum { CHAINS = 12 };
#define PEAK_CHAINS(x, first, one, rounds)                                                         \
    do {                                                                                           \
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) x[i] = first;                    \
        for (int r = 0; r < rounds; r++) {                                                         \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)                              \
            {                                                                                      \
                x[i] = one;                                                                        \
                __asm__("" : "+v"(x[i]));                                                          \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 12") for (int i = 1; i < CHAINS; i++) x[0] += x[i];                    \
    } while (0)

double FAB_NAME(fab_peak_run)(float *sink);
double FAB_NAME(fab_peak_int8_run)(float *sink); /* of peak_int8.c */
double FAB_NAME(fab_peak_bf16_run)(float *sink); /* of peak_bf16.c, peak_amx.c */

#endif
