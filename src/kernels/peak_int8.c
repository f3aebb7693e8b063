/* peak_int8: VNNI products from registers, twelve independent sums; see bench.h. */
#include <immintrin.h>
#include "kernels/peak.h"

enum { CHAINS = 12, ROUNDS = 200000 };

/* Multiplications and additions of one run, both counted. */
double FAB_NAME(fab_peak_int8_run)(float *sink)
{
    __m512i x[CHAINS], a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);

#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = _mm512_set1_epi32(i);
    for (int r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm512_dpbusd_epi32(x[i], a, b);
            __asm__("" : "+v"(x[i])); /* each one, whatever the compiler thinks of the series */
        }
    }
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) x[0] = _mm512_add_epi32(x[0], x[i]);
    *sink = (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(x[0]));
    return 128.0 * ROUNDS * CHAINS;
}
