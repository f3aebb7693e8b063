/* resample: see resample.h. The filter is kept as rows, one per phase: a row holds h at the
 * distances of the 2 W source samples around an output sample that stands `phase` after one of
 * them. Rates with a small ratio (44100 to 16000: 160 phases) hit a row exactly; others take two
 * neighbouring rows of 1024 and the line between them, 120 dB below the signal.
 *
 * 48 zero crossings a side and a stop band 80 dB down leave a pass band of 89 % of the lower
 * Nyquist frequency: 7.1 kHz of 8 for Whisper. */
#include "media/resample.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

enum { ZEROS = 48, MAX_PHASES = 1024, LANES = 8 };
#define KAISER_BETA 7.857 /* 0.1102 (A - 8.7) for A = 80 dB */
#define EDGE        0.9475
#define PI          3.14159265358979323846

struct fab_resampler {
    int from, to;
    int64_t half;   /* W: source samples on each side, 2 W a multiple of LANES */
    int64_t phases; /* rows - 1 */
    float *rows;    /* [phases + 1][2 W] */
    float *held;    /* source samples from index first on */
    int64_t first, n_held, cap_held;
    int64_t pushed;
    float *out;
    int64_t n_out, cap_out;
};

static int gcd(int a, int b)
{
    while (b) {
        int t = a % b;
        a = b, b = t;
    }
    return a;
}

static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-17 * sum; k++) sum += term *= (x / (2 * k)) * (x / (2 * k));
    return sum;
}

static double tap(double t, double cut, double half)
{
    double u = t / half, s = PI * cut * t;
    if (u <= -1 || u >= 1) return 0;
    return cut * (fabs(s) < 1e-9 ? 1 : sin(s) / s) * bessel_i0(KAISER_BETA * sqrt(1 - u * u)) /
           bessel_i0(KAISER_BETA);
}

/* Rows sum to 1 each: a constant stays that constant. */
static void fill_rows(fab_resampler *r, double cut, double half)
{
    int64_t n = 2 * r->half;
    for (int64_t p = 0; p <= r->phases; p++) {
        float *row = r->rows + p * n;
        double at = (double)p / (double)r->phases, sum = 0;
        for (int64_t i = 0; i < n; i++) sum += tap(at - (double)(i - r->half + 1), cut, half);
        for (int64_t i = 0; i < n; i++)
            row[i] = (float)(tap(at - (double)(i - r->half + 1), cut, half) / sum);
    }
}

static bool build(fab_resampler *r, fab_err *err)
{
    double low = r->to < r->from ? (double)r->to / r->from : 1, half = ZEROS / low;
    int exact = r->to / gcd(r->from, r->to);
    r->half = ((int64_t)ceil(half) + LANES / 2 - 1) / (LANES / 2) * (LANES / 2);
    r->phases = exact <= MAX_PHASES ? exact : MAX_PHASES;
    r->rows = fab_new_array((size_t)((r->phases + 1) * 2 * r->half), sizeof(float), err);
    r->cap_held = 4 * r->half + 4096;
    r->held = fab_new_array((size_t)r->cap_held, sizeof(float), err);
    if (!r->rows || !r->held) return false;
    fill_rows(r, EDGE * low, half);
    r->first = 1 - r->half; /* silence before the beginning */
    r->n_held = r->half - 1;
    return true;
}

static bool known_rate(int rate, fab_err *err)
{
    return (rate >= FAB_RATE_MIN && rate <= FAB_RATE_MAX) ||
           fab_fail(err, FAB_EUNSUPPORTED, "a rate of %d Hz; %d to %d are known", rate,
                    FAB_RATE_MIN, FAB_RATE_MAX);
}

fab_resampler *fab_resampler_new(int from, int to, fab_err *err)
{
    if (!known_rate(from, err) || !known_rate(to, err)) return NULL;
    fab_resampler *r = fab_new(sizeof *r, err);
    if (!r) return NULL;
    r->from = from, r->to = to;
    if (from == to || build(r, err)) return r;
    fab_resampler_free(r);
    return NULL;
}

void fab_resampler_free(fab_resampler *r)
{
    if (!r) return;
    fab_free(r->rows);
    fab_free(r->held);
    fab_free(r->out);
    fab_free(r);
}

static bool room(fab_resampler *r, int64_t n, fab_err *err)
{
    if (r->n_out + n <= r->cap_out) return true;
    int64_t cap = r->cap_out ? r->cap_out : 1 << 16;
    while (cap < r->n_out + n) cap *= 2;
    void *out = r->out;
    if (!fab_grow(&out, (size_t)cap, sizeof(float), err)) return false;
    r->out = out;
    r->cap_out = cap;
    return true;
}

static float dot(const float *a, const float *b, int64_t n) /* n a multiple of LANES */
{
    float s[LANES] = { 0 };
    for (int64_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) s[k] += a[i + k] * b[i + k];
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

/* Source position of output o: sample *at and the part of a step after it, in phases. */
static double position(const fab_resampler *r, int64_t o, int64_t *at)
{
    int64_t p = o * r->from;
    *at = p / r->to;
    return (double)(p % r->to) * (double)r->phases / r->to;
}

/* Every output whose 2 W samples are held. */
static bool produce(fab_resampler *r, int64_t most, fab_err *err)
{
    int64_t n = 2 * r->half, at;
    while (r->n_out < most) {
        double phase = position(r, r->n_out, &at);
        if (at + r->half >= r->first + r->n_held) break;
        if (!room(r, 1, err)) return false;
        int64_t p = (int64_t)phase;
        const float *x = r->held + (at - r->half + 1 - r->first), *row = r->rows + p * n;
        float y = dot(row, x, n), part = (float)(phase - (double)p);
        if (part > 0) y += part * (dot(row + n, x, n) - y);
        r->out[r->n_out++] = y;
    }
    position(r, r->n_out, &at);
    int64_t drop = at - r->half + 1 - r->first; /* nobody reads these again */
    if (drop > r->n_held) drop = r->n_held;
    if (drop <= 0) return true;
    r->n_held -= drop;
    r->first += drop;
    memmove(r->held, r->held + drop, (size_t)r->n_held * sizeof *r->held);
    return true;
}

static bool feed(fab_resampler *r, const float *x, int64_t n, int64_t most, fab_err *err)
{
    while (n > 0) {
        int64_t m = r->cap_held - r->n_held < n ? r->cap_held - r->n_held : n;
        if (x) memcpy(r->held + r->n_held, x, (size_t)m * sizeof *x);
        else memset(r->held + r->n_held, 0, (size_t)m * sizeof *r->held);
        r->n_held += m;
        n -= m;
        if (x) x += m;
        if (!produce(r, most, err)) return false;
    }
    return true;
}

bool fab_resampler_push(fab_resampler *r, const float *x, int64_t n, fab_err *err)
{
    r->pushed += n;
    if (r->rows) return feed(r, x, n, INT64_MAX, err);
    if (!room(r, n, err)) return false;
    if (n > 0) memcpy(r->out + r->n_out, x, (size_t)n * sizeof *x);
    r->n_out += n;
    return true;
}

bool fab_resampler_end(fab_resampler *r, fab_err *err)
{
    if (!r->rows) return true;
    int64_t most = (r->pushed * r->to + r->from - 1) / r->from;
    return feed(r, NULL, 2 * r->half + 1, most, err);
}

int64_t fab_resampler_count(const fab_resampler *r) { return r->n_out; }

float *fab_resampler_take(fab_resampler *r)
{
    float *out = r->out;
    r->out = NULL;
    r->n_out = r->cap_out = 0;
    return out;
}
