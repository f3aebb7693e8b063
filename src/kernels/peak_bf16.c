/* peak_bf16: products of pairs of bf16 from registers; see bench.h. */
#include <immintrin.h>
#include "kernels/peak.h"

enum { ROUNDS = 200000 };

double FAB_NAME(fab_peak_bf16_run)(float *sink)
{
    __m512 x[CHAINS];
    __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f7f), b = (__m512bh)_mm512_set1_epi16(0x3a83);

    PEAK_CHAINS(x, _mm512_set1_ps((float)i), _mm512_dpbf16_ps(x[i], a, b), ROUNDS);
    *sink = _mm512_cvtss_f32(x[0]);
    return 64.0 * ROUNDS * CHAINS;
}
