/* peak_bf16: products of pairs of bf16 from registers, twelve independent sums; see bench.h. */
#include <immintrin.h>
#include "kernels/peak.h"

enum { CHAINS = 12, ROUNDS = 200000 };

double FAB_NAME(fab_peak_bf16_run)(float *sink)
{
    __m512 x[CHAINS];
    __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f7f), b = (__m512bh)_mm512_set1_epi16(0x3a83);

#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = _mm512_set1_ps((float)i);
    for (int r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm512_dpbf16_ps(x[i], a, b);
            __asm__("" : "+v"(x[i])); /* each one, whatever the compiler thinks of the series */
        }
    }
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) x[0] = _mm512_add_ps(x[0], x[i]);
    *sink = _mm512_cvtss_f32(x[0]);
    return 64.0 * ROUNDS * CHAINS;
}
