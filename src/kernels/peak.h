/* peak: one run of register-only multiply-adds per instruction set. Private to kernels/. */
#ifndef FAB_KERNELS_PEAK_H
#define FAB_KERNELS_PEAK_H

#include "kernels/isa.h"

double FAB_NAME(fab_peak_run)(float *sink);
double FAB_NAME(fab_peak_int8_run)(float *sink); /* of peak_int8.c */
double FAB_NAME(fab_peak_bf16_run)(float *sink); /* of peak_bf16.c, peak_amx.c */

#endif
