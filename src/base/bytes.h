/* bytes: little-endian reads and writes, and the 16-bit floats. Header only, no allocation. */
#ifndef FAB_BASE_BYTES_H
#define FAB_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t fab_le16(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t fab_le32(const void *p)
{
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline uint64_t fab_le64(const void *p)
{
    return (uint64_t)fab_le32(p) | (uint64_t)fab_le32((const uint8_t *)p + 4) << 32;
}
static inline void fab_put_le32(void *p, uint32_t v)
{
    uint8_t *b = p;
    for (int i = 0; i < 4; i++) b[i] = (uint8_t)(v >> 8 * i);
}
static inline void fab_put_le64(void *p, uint64_t v)
{
    uint8_t *b = p;
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)(v >> 8 * i);
}

static inline uint32_t fab_f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static inline float fab_bits_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* bf16 = the upper half of an f32; round to nearest even, NaN stays NaN. */
static inline float fab_bf16_f32(uint16_t h) { return fab_bits_f32((uint32_t)h << 16); }
static inline uint16_t fab_f32_bf16(float f)
{
    uint32_t u = fab_f32_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

/* IEEE binary16 with subnormals; f32 -> f16 rounds to nearest even. */
static inline float fab_f16_f32(uint16_t h)
{
    uint32_t s = (uint32_t)(h & 0x8000u) << 16, e = h >> 10 & 31, m = h & 0x3ffu;
    if (e == 31) return fab_bits_f32(s | 0x7f800000u | m << 13);
    if (e) return fab_bits_f32(s | (e + 112) << 23 | m << 13);
    float f = (float)m * 0x1p-24f; /* exact */
    return s ? -f : f;
}
static inline uint16_t fab_f32_f16(float f)
{
    uint32_t u = fab_f32_bits(f), s = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(s | 0x7e00u);
    if (a >= 0x477ff000u) return (uint16_t)(s | 0x7c00u); /* rounds to infinity */
    if (a < 0x38800000u) {                                /* subnormal: let the FPU round */
        float m = fab_bits_f32(a) * 0x1p24f;
        uint32_t q = (uint32_t)m;
        float r = m - (float)q;
        q += r > 0.5f || (r == 0.5f && (q & 1));
        return (uint16_t)(s | q);
    }
    return (uint16_t)(s | (a - 0x38000000u + 0xfffu + (a >> 13 & 1)) >> 13);
}

#endif
