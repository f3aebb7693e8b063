/* peak: see bench.h. Compiled once per instruction set like the kernels; a run takes milliseconds. */
#include "kernels/peak.h"

enum { ROUNDS = 400000 };

/* FLOPs of one run; *sink keeps the result alive. */
double FAB_NAME(fab_peak_run)(float *sink)
{
    vf x[CHAINS], a = vset(0.999f), b = vset(0.001f);

    PEAK_CHAINS(x, vset((float)i), x[i] * a + b, ROUNDS);
    *sink = x[0][0];
    return 2.0 * ROUNDS * CHAINS * FAB_VL;
}
