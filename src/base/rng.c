/* rng: see rng.h.
 *
 *   splitmix64    z = (state += 0x9e3779b97f4a7c15); two xor-shift-multiplies; xor-shift      (seeding)
 *   xoshiro256**  result = rotl(s1 * 5, 7) * 9; then the linear step on 256 bits
 */
#include "base/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotl(uint64_t x, int k) { return x << k | x >> (64 - k); }

void fab_rng_init(fab_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) r->s[i] = splitmix(&seed);
}

fab_rng fab_rng_fork(const fab_rng *r, uint64_t stream)
{
    uint64_t seed = splitmix(&stream);
    for (int i = 0; i < 4; i++) {
        seed ^= r->s[i];
        seed = splitmix(&seed);
    }
    fab_rng f;
    fab_rng_init(&f, seed);
    return f;
}

uint64_t fab_rng_u64(fab_rng *r)
{
    uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

/* The upper half of a 32 x 32 bit product; the few low halves that would favour small results are
 * drawn again. */
uint32_t fab_rng_below(fab_rng *r, uint32_t n)
{
    if (n == 0) return 0;
    uint32_t unfair = (0u - n) % n;
    uint64_t m;
    do m = (fab_rng_u64(r) >> 32) * n;
    while ((uint32_t)m < unfair);
    return (uint32_t)(m >> 32);
}

float fab_rng_uniform(fab_rng *r) { return (float)(fab_rng_u64(r) >> 40) * 0x1p-24f; }

/* In double and rounded once, so that libm's last bit does not show. */
float fab_rng_normal(fab_rng *r)
{
    double u = (double)((fab_rng_u64(r) >> 11) + 1) * 0x1p-53; /* (0,1] */
    double v = (double)(fab_rng_u64(r) >> 11) * 0x1p-53;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

void fab_rng_shuffle(fab_rng *r, uint32_t *items, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = fab_rng_below(r, i), t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}
