/* logmel: see logmel.h. In double: the sums behind a quiet bin beside a loud one lose nothing.
 *
 * A real transform of 400 is a complex one of 200 over (x[2i], x[2i+1]) and one pass:
 *
 *   Z = FFT200(x[2i] + j x[2i+1])
 *   X[k] = (Z[k] + Z*[200-k]) / 2 - j/2 exp(-2 pi j k / 400) (Z[k] - Z*[200-k])
 *
 * The complex one is Cooley and Tukey's, radices 2 2 2 5 5, decimated in time. */
#include "media/logmel.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

enum { N = FAB_LOGMEL_FFT, HALF = N / 2, BINS = FAB_LOGMEL_BINS };
#define PI 3.14159265358979323846

typedef struct {
    double re, im;
} cpx;

struct fab_logmel {
    int mels;
    double window[N];
    cpx turn[N];    /* exp(-2 pi j k / 400) */
    int (*span)[2]; /* [mels] first bin and the one after the last that a filter touches */
    double *filter; /* [mels][BINS] */
};

/* ---- transform ------------------------------------------------------------------------------- */
static cpx times(cpx a, cpx b)
{
    return (cpx){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re };
}

/* out[0..n) = transform of in[0], in[step], ...; n * step = HALF */
static void transform(const cpx *turn, const int *radix, int n, int step, const cpx *in, cpx *out)
{
    if (n == 1) {
        *out = *in;
        return;
    }
    int r = *radix, m = n / r;
    for (int j = 0; j < r; j++) transform(turn, radix + 1, m, step * r, in + j * step, out + j * m);
    for (int k = 0; k < m; k++) {
        cpx t[5];
        for (int j = 0; j < r; j++) t[j] = times(out[j * m + k], turn[2 * j * k * step]);
        for (int q = 0; q < r; q++) {
            cpx s = t[0];
            for (int j = 1; j < r; j++) {
                cpx u = times(t[j], turn[N / r * (q * j % r)]);
                s.re += u.re, s.im += u.im;
            }
            out[q * m + k] = s;
        }
    }
}

static void power_spectrum(const fab_logmel *p, const double x[N], double power[BINS])
{
    static const int radix[] = { 5, 5, 2, 2, 2 };
    cpx z[HALF], f[HALF];
    for (int i = 0; i < HALF; i++) z[i] = (cpx){ x[2 * i], x[2 * i + 1] };
    transform(p->turn, radix, HALF, 1, z, f);
    for (int k = 0; k < BINS; k++) {
        cpx a = f[k % HALF], b = f[(HALF - k) % HALF];
        cpx sum = { (a.re + b.re) / 2, (a.im - b.im) / 2 };
        cpx dif = { (a.im + b.im) / 2, (b.re - a.re) / 2 }; /* -j/2 (Z[k] - Z*[200-k]) */
        cpx t = times(p->turn[k], dif);
        double re = sum.re + t.re, im = sum.im + t.im;
        power[k] = re * re + im * im;
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */
/* Slaney's scale: linear to 1000 Hz (15 mel), then 27 steps per factor 6.4. */
static double mel_to_hz(double mel)
{
    return mel < 15 ? mel * 200.0 / 3.0 : 1000.0 * exp((mel - 15) * log(6.4) / 27.0);
}

static void fill_filters(fab_logmel *p)
{
    double top = 15 + log(8.0) / (log(6.4) / 27.0); /* 8000 Hz */
    for (int m = 0; m < p->mels; m++) {
        double *w = p->filter + m * BINS;
        double a = mel_to_hz(top * m / (p->mels + 1)), b = mel_to_hz(top * (m + 1) / (p->mels + 1)),
               c = mel_to_hz(top * (m + 2) / (p->mels + 1));
        p->span[m][0] = BINS;
        for (int f = 0; f < BINS; f++) {
            double hz = (double)f * FAB_LOGMEL_RATE / N;
            double v = fmin((hz - a) / (b - a), (c - hz) / (c - b));
            w[f] = v > 0 ? v * 2 / (c - a) : 0;
            if (w[f] > 0 && p->span[m][0] == BINS) p->span[m][0] = f;
            if (w[f] > 0) p->span[m][1] = f + 1;
        }
    }
}

fab_logmel *fab_logmel_new(int mels, fab_err *err)
{
    if (mels < 1 || mels > BINS) {
        fab_fail(err, FAB_EUNSUPPORTED, "%d mel bands; 1 to %d are known", mels, BINS);
        return NULL;
    }
    fab_logmel *p = fab_new(sizeof *p, err);
    if (!p) return NULL;
    p->mels = mels;
    p->filter = fab_new_array((size_t)mels * BINS, sizeof *p->filter, err);
    p->span = fab_new_array((size_t)mels, sizeof *p->span, err);
    if (!p->filter || !p->span) {
        fab_logmel_free(p);
        return NULL;
    }
    for (int i = 0; i < N; i++) {
        p->window[i] = 0.5 - 0.5 * cos(2 * PI * i / N);
        p->turn[i] = (cpx){ cos(2 * PI * i / N), -sin(2 * PI * i / N) };
    }
    fill_filters(p);
    return p;
}

void fab_logmel_free(fab_logmel *p)
{
    if (!p) return;
    fab_free(p->filter);
    fab_free(p->span);
    fab_free(p);
}

const double *fab_logmel_filter(const fab_logmel *p, int m) { return p->filter + m * BINS; }

/* ---- frames ---------------------------------------------------------------------------------- */
static double sample(const float *x, int64_t n, int64_t length, int64_t i)
{
    if (i < 0) i = -i;
    if (i >= length) i = 2 * (length - 1) - i;
    return i >= 0 && i < n ? (double)x[i] : 0;
}

void fab_logmel_frames(const fab_logmel *p, const float *x, int64_t n, int64_t length,
                       int64_t first, int64_t frames, float *out)
{
    double framed[N], power[BINS];
    for (int64_t t = 0; t < frames; t++, out += p->mels) {
        int64_t from = (first + t) * FAB_LOGMEL_HOP - N / 2;
        bool inside = from >= 0 && from + N <= n;
        for (int i = 0; i < N; i++)
            framed[i] =
                p->window[i] * (inside ? (double)x[from + i] : sample(x, n, length, from + i));
        power_spectrum(p, framed, power);
        for (int m = 0; m < p->mels; m++) {
            const double *w = p->filter + m * BINS;
            double s = 0;
            for (int f = p->span[m][0]; f < p->span[m][1]; f++) s += w[f] * power[f];
            out[m] = (float)log10(s > 1e-10 ? s : 1e-10);
        }
    }
}

void fab_logmel_scale(float *v, int64_t n, float top)
{
    for (int64_t i = 0; i < n; i++) v[i] = (fmaxf(v[i], top - 8.0f) + 4.0f) / 4.0f;
}
