/* rng: reproducible random numbers. xoshiro256** (Blackman & Vigna 2018) seeded by splitmix64; the
 * state is plain data that a checkpoint stores. The same seed gives the same numbers on every
 * machine. */
#ifndef FAB_BASE_RNG_H
#define FAB_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint64_t s[4];
} fab_rng;

void fab_rng_init(fab_rng *r, uint64_t seed);
fab_rng fab_rng_fork(const fab_rng *r,
                     uint64_t stream); /* an independent stream; does not advance r */
uint64_t fab_rng_u64(fab_rng *r);
uint32_t fab_rng_below(fab_rng *r, uint32_t n); /* 0..n-1 without bias; n = 0 gives 0 */
float fab_rng_uniform(fab_rng *r);              /* [0,1), 24 bits */
float fab_rng_normal(fab_rng *r);               /* N(0,1), Box-Muller, no hidden state */
void fab_rng_shuffle(fab_rng *r, uint32_t *items, uint32_t n);

#endif
