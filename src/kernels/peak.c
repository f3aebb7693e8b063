/* peak: see bench.h. Compiled once per instruction set like the kernels; a run takes milliseconds. */
#include "kernels/peak.h"

enum { CHAINS = 12, ROUNDS = 400000 };

/* FLOPs of one run; *sink keeps the result alive. */
double FAB_NAME(fab_peak_run)(float *sink)
{
    vf x[CHAINS], a = vset(0.999f), b = vset(0.001f);

#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = vset((float)i);
    for (int r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            x[i] = x[i] * a + b;
            __asm__(
                ""
                : "+v"(
                    x[i])); /* one multiply-add each, whatever the compiler thinks of the series */
        }
    }
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) x[0] += x[i];
    *sink = x[0][0];
    return 2.0 * ROUNDS * CHAINS * FAB_VL;
}
