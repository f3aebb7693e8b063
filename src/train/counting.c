/* counting: fits the counter of blood cells (zoo/counter.h) to the training pictures that have
 * counts: ridge regression on standardised textures, in its dual form,
 *
 *   K = Z Z'/F,   a = (K + r I)^-1 (y - mean y),   w = Z' a / F            Z [n,F], n < F
 *
 * where r of a ladder has the least error when each picture is left out in turn (Allen 1974,
 * PRESS):
 *
 *   y_i - y^_(-i) = (y_i - y^_i) / (1 - H_ii),   H = 1 1'/n + K (K + r I)^-1
 *
 * The labels are noisy (docs/training.md), so the ladder goes up to where only the mean is said.
 */
#include <float.h>
#include <math.h>
#include <string.h>
#include "base/log.h"
#include "train/session.h"

enum { LEAST = 24 }; /* pictures; fewer fit nothing */

typedef struct {
    int n, dim;
    double *z, *mean,
        *scale;            /* [n,dim] standardised; [dim] of the raw numbers, scale 1 / deviation */
    double *kernel, *work; /* [n,n] */
    double *y, *left, *dual; /* [n] */
} fit;

static bool fit_init(fit *f, int n, int dim, fab_arena *a, fab_err *err)
{
    size_t N = (size_t)n, F = (size_t)dim, one = sizeof(double);
    *f = (fit){ .n = n, .dim = dim };
    return (f->z = fab_arena_take(a, N * F * one, err)) &&
           (f->mean = fab_arena_zero(a, F * one, err)) &&
           (f->scale = fab_arena_zero(a, F * one, err)) &&
           (f->kernel = fab_arena_take(a, N * N * one, err)) &&
           (f->work = fab_arena_take(a, N * N * one, err)) &&
           (f->y = fab_arena_take(a, N * one, err)) &&
           (f->left = fab_arena_take(a, N * one, err)) &&
           (f->dual = fab_arena_take(a, N * one, err));
}

static void standardise(fit *f)
{
    int n = f->n, F = f->dim;
    for (int j = 0; j < F; j++) {
        double m = 0, s = 0;
        for (int i = 0; i < n; i++) m += f->z[(int64_t)i * F + j];
        m /= n;
        for (int i = 0; i < n; i++) s += pow(f->z[(int64_t)i * F + j] - m, 2);
        f->mean[j] = m;
        f->scale[j] = s > 0 ? 1 / sqrt(s / n) : 0;
        for (int i = 0; i < n; i++) {
            double *z = &f->z[(int64_t)i * F + j];
            *z = (*z - m) * f->scale[j];
        }
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k <= i; k++) {
            double dot = 0;
            for (int j = 0; j < F; j++) dot += f->z[(int64_t)i * F + j] * f->z[(int64_t)k * F + j];
            f->kernel[(int64_t)i * n + k] = f->kernel[(int64_t)k * n + i] = dot / F;
        }
}

/* work = (K + r I)^-1 by Gauss-Jordan in place: a symmetric positive matrix needs no pivoting. */
static void invert(fit *f, double r)
{
    int64_t n = f->n;
    double *m = f->work;
    memcpy(m, f->kernel, (size_t)(n * n) * sizeof *m);
    for (int64_t i = 0; i < n; i++) m[i * n + i] += r;
    for (int64_t p = 0; p < n; p++) {
        double d = 1 / m[p * n + p];
        m[p * n + p] = 1;
        for (int64_t j = 0; j < n; j++) m[p * n + j] *= d;
        for (int64_t i = 0; i < n; i++) {
            double t = m[i * n + p];
            if (i == p || t == 0) continue;
            m[i * n + p] = 0;
            for (int64_t j = 0; j < n; j++) m[i * n + j] -= t * m[p * n + j];
        }
    }
}

/* left[i]: what is said of picture i by the others; the mean squared error of it. K (K + rI)^-1 =
 * I - r (K + rI)^-1, so y - y^ = r dual and 1 - H_ii = r work_ii - 1/n. */
static double leave_out(fit *f, double r, double mean)
{
    double sum = 0;
    invert(f, r);
    for (int i = 0; i < f->n; i++) {
        double a = 0;
        for (int k = 0; k < f->n; k++) a += f->work[(int64_t)i * f->n + k] * (f->y[k] - mean);
        double free = r * f->work[(int64_t)i * f->n + i] - 1.0 / f->n;
        double e = r * a / (free > 1e-6 ? free : 1e-6);
        f->dual[i] = a;
        f->left[i] = f->y[i] - e;
        sum += e * e;
    }
    return sum / f->n;
}

static void fit_kind(fit *f, int kind, float *weight, fab_counter *out)
{
    static const double ladder[] = { 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1000 };
    double mean = 0, least = DBL_MAX, best = 0, offset, off = 0, exact = 0;
    for (int i = 0; i < f->n; i++) mean += f->y[i] / f->n;
    for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++) {
        double e = leave_out(f, ladder[i], mean);
        if (e < least) least = e, best = ladder[i];
    }
    leave_out(f, best, mean);
    offset = mean;
    for (int j = 0; j < f->dim; j++) {
        double w = 0;
        for (int i = 0; i < f->n; i++) w += f->z[(int64_t)i * f->dim + j] * f->dual[i];
        w *= f->scale[j] / f->dim;
        offset -= w * f->mean[j];
        weight[j] = (float)w;
    }
    for (int i = 0; i < f->n; i++) {
        double e = fabs(round(fmax(f->left[i], 0)) - f->y[i]);
        off += e / f->n;
        exact += (e == 0) / (double)f->n;
    }
    out->offset[kind] = (float)offset;
    out->mae[kind] = (float)off;
    out->exact[kind] = (float)exact;
    fab_log(FAB_LOG_INFO, "counting %s: ridge %g, mean absolute error %.2f with each left out",
            fab_counter_codes[kind], best, off);
}

static bool texture_of(fab_session *s, fab_engine *e, int32_t image, float *out, fab_err *err)
{
    fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
    const char *path = s->bundle.images.paths[image];
    how.no_raw = how.trusted = true;
    fab_image *im = fab_image_open(path, &how, err);
    bool ok = im && fab_engine_texture(e, im->rgb, im->width, im->height, out, err);
    if (im && !ok) fab_while(err, "%s", path);
    fab_image_free(im);
    return ok;
}

static bool counted(const fab_case *c) { return !c->val && c->counts[0] >= 0; }

bool fab_session_counter(fab_session *s, fab_engine *e, fab_counter *out, fab_err *err)
{
    const fab_case_list *all = &s->bundle.cases;
    int n = 0, dim = fab_mini_texture_width(&fab_engine_model(e)->model->cfg);
    fit f;
    *out = (fab_counter){ 0 };
    for (int32_t i = 0; i < all->n; i++) n += counted(&all->items[i]);
    if (n < LEAST || !dim) return true;
    const fab_case **cases = fab_arena_take(s->arena, (size_t)n * sizeof *cases, err);
    float *x = fab_arena_take(s->arena, (size_t)dim * sizeof *x, err),
          *weight = fab_arena_take(s->arena,
                                   (size_t)FAB_COUNTER_KINDS * (size_t)dim * sizeof *weight, err);
    if (!cases || !x || !weight || !fit_init(&f, n, dim, s->arena, err)) return false;
    n = 0;
    for (int32_t i = 0; i < all->n; i++)
        if (counted(&all->items[i])) cases[n++] = &all->items[i];
    for (int i = 0; i < n; i++) {
        if (!texture_of(s, e, cases[i]->image, x, err)) return false;
        for (int j = 0; j < dim; j++) f.z[(int64_t)i * dim + j] = (double)x[j];
    }
    standardise(&f);
    for (int k = 0; k < FAB_COUNTER_KINDS; k++) {
        for (int i = 0; i < n; i++) f.y[i] = cases[i]->counts[k];
        fit_kind(&f, k, weight + (int64_t)k * dim, out);
    }
    out->weight = weight;
    out->dim = dim;
    return true;
}
