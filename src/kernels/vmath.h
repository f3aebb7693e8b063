/* vmath: exp, log-free sigmoid, tanh and erf that the compiler vectorises: no calls, no branches,
 * NaN in NaN out.
 *
 *   exp(x)   n = round(x / ln 2), r = x - n ln 2 in two pieces (Cody & Waite), degree 6 Taylor/minimax in r, times 2^n
 *   tanh(x)  (1 - e) / (1 + e) with e = exp(-2|x|); below 0.625 an odd polynomial (no cancellation)
 *   erf(x)   |x| < 1: odd Maclaurin series cut at x^19;  else 1 - exp(-x^2) P(1 / (1 + p|x|))
 *            (Abramowitz & Stegun 7.1.26, 1.5e-7 absolute)
 */
#ifndef FAB_KERNELS_VMATH_H
#define FAB_KERNELS_VMATH_H

#include "base/bytes.h"
#include "kernels/isa.h"

INLINE float fast_exp(float x)
{
    const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
    float c = x < -87.0f ? -87.0f : x;
    c = c > 89.0f ? 89.0f : c;
    float t = c * 1.44269504f + round, n = t - round;
    float r = (c - n * 0.693145751953125f) - n * 1.428606765330187e-06f;
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* 2^n in two factors: n reaches 128 */
    uint32_t e = fab_f32_bits(t) - fab_f32_bits(round), h = (uint32_t)((int32_t)e >> 1);
    float y = p * fab_bits_f32((h + 127u) << 23) * fab_bits_f32((e - h + 127u) << 23);
    return x < -87.0f ? 0.0f : y;
}

INLINE float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

INLINE float fast_tanh(float x)
{
    float a = fabsf(x), e = fast_exp(-2.0f * a), big = (1.0f - e) / (1.0f + e);
    float s = x * x, p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    float small = x + x * s * p;
    return a < 0.625f ? small : copysignf(big, x);
}

INLINE float fast_erf(float x)
{
    float a = fabsf(x), s = x * x;
    float p = -1.0f / (362880 * 19.0f); /* sum (-1)^n x^(2n+1) / (n! (2n+1)), n = 9 first */
    p = p * s + 1.0f / (40320 * 17.0f);
    p = p * s - 1.0f / (5040 * 15.0f);
    p = p * s + 1.0f / (720 * 13.0f);
    p = p * s - 1.0f / (120 * 11.0f);
    p = p * s + 1.0f / (24 * 9.0f);
    p = p * s - 1.0f / (6 * 7.0f);
    p = p * s + 1.0f / (2 * 5.0f);
    p = p * s - 1.0f / 3.0f;
    float small = 1.128379167f * (x + x * s * p);
    float t = 1.0f / (1.0f + 0.3275911f * a);
    float q = 1.061405429f;
    q = q * t - 1.453152027f;
    q = q * t + 1.421413741f;
    q = q * t - 0.284496736f;
    q = q * t + 0.254829592f;
    float big = 1.0f - q * t * fast_exp(-s);
    return a < 1.0f ? small : copysignf(big, x);
}

#endif
