/* peak_int8: VNNI products from registers; see bench.h. */
#include <immintrin.h>
#include "kernels/peak.h"

enum { ROUNDS = 200000 };

/* Multiplications and additions of one run, both counted. */
double FAB_NAME(fab_peak_int8_run)(float *sink)
{
    __m512i x[CHAINS], a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);

    PEAK_CHAINS(x, _mm512_set1_epi32(i), _mm512_dpbusd_epi32(x[i], a, b), ROUNDS);
    *sink = (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(x[0]));
    return 128.0 * ROUNDS * CHAINS;
}
