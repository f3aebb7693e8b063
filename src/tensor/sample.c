/* sample: one token from a row of logits: repetition penalty, temperature, top-k, top-p, min-p
 * (SYSTEMS.md 1.10).
 *
 * Penalty: a logit of a token seen before is divided when positive, multiplied when negative
 * (Keskar et al. 2019). top-p keeps the smallest set of likeliest tokens whose probabilities reach
 * p, at least one (Holtzman et al. 2020). min-p keeps those at least p times as likely as the
 * likeliest (Nguyen et al. 2024). Each rule looks at what the one before kept.
 *
 * Nothing is allocated: the smallest logit that is kept is found by bisection over the ordered bit
 * patterns of floats (32 passes, exact). Tokens whose logits are equal to that smallest one are
 * kept together, so top-k may keep more.
 */
#include <math.h>
#include <string.h>
#include "tensor/tensor.h"

#define SEEN_BITS 262144 /* tokens beyond are looked up one by one */

typedef struct {
    const float *logits;
    int64_t n;
    const fab_sample_opts *o;
    double top, heat; /* largest value; 1/temperature */
    uint64_t seen[SEEN_BITS / 64];
} row;

static bool seen(const row *r, int64_t token)
{
    if (token < SEEN_BITS) return r->seen[token / 64] >> (token % 64) & 1;
    for (int i = 0; i < r->o->n_seen; i++)
        if (r->o->seen[i] == token) return true;
    return false;
}

/* The logit after the penalty. NaN counts as impossible. */
static float value(const row *r, int64_t i)
{
    float v = r->logits[i], penalty = r->o->repetition;
    if (isnan(v)) return -INFINITY;
    if (penalty > 0 && penalty != 1 && seen(r, i)) v = v > 0 ? v / penalty : v * penalty;
    return v;
}

/* Integers in the order of the floats they stand for. */
static int64_t order(float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

/* Relative to the likeliest; below e^-30 of it a token counts as impossible (262144 of them
 * together hold less than 3e-8). */
static double weight(const row *r, float v)
{
    double x = ((double)v - r->top) * r->heat;
    return x < -30 ? 0 : exp(x);
}

/* How much stands at or above the threshold: tokens, or probability mass times the whole. */
static double above(const row *r, int64_t threshold, bool mass)
{
    double sum = 0;
    for (int64_t i = 0; i < r->n; i++) {
        float v = value(r, i);
        if (order(v) >= threshold) sum += mass ? weight(r, v) : 1.0;
    }
    return sum;
}

/* The highest threshold from low on that still keeps `want`. */
static int64_t cut(const row *r, int64_t low, double want, bool mass)
{
    int64_t high = order((float)r->top);
    while (low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        if (above(r, mid, mass) >= want) low = mid;
        else high = mid - 1;
    }
    return low;
}

static int32_t draw(const row *r, int64_t threshold, fab_rng *rng)
{
    double left = (double)fab_rng_uniform(rng) * above(r, threshold, true);
    int64_t last = 0;
    for (int64_t i = 0; i < r->n; i++) {
        float v = value(r, i);
        if (order(v) < threshold || v == -INFINITY) continue;
        last = i;
        left -= weight(r, v);
        if (left < 0) break;
    }
    return (int32_t)last;
}

int32_t fab_sample_token(const float *logits, int64_t n_vocab, fab_sample_opts o, fab_rng *rng)
{
    row r = { .logits = logits, .n = n_vocab, .o = &o, .top = -INFINITY };
    for (int i = 0; i < o.n_seen; i++)
        if (o.seen[i] >= 0 && o.seen[i] < SEEN_BITS)
            r.seen[o.seen[i] / 64] |= UINT64_C(1) << (o.seen[i] % 64);
    int64_t best = 0;
    for (int64_t i = 0; i < n_vocab; i++) {
        float v = value(&r, i);
        if ((double)v > r.top) {
            r.top = (double)v;
            best = i;
        }
    }
    if (!(o.temperature > 0) || !isfinite(r.top)) return (int32_t)best;
    r.heat = 1.0 / (double)o.temperature;
    int64_t threshold = order(-INFINITY);
    if (o.top_k > 0 && o.top_k < n_vocab) threshold = cut(&r, threshold, o.top_k, false);
    if (o.top_p > 0 && o.top_p < 1)
        threshold = cut(&r, threshold, (double)o.top_p * above(&r, threshold, true), true);
    if (o.min_p > 0 && o.min_p <= 1) {
        int64_t t = order((float)(r.top + log((double)o.min_p) / r.heat));
        if (t > threshold) threshold = t;
    }
    return draw(&r, threshold, rng);
}
