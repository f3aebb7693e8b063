/* gate_fit: clusters of the training pictures' features, per domain.
 *
 * k-means++ seeding (Arthur & Vassilvitskii 2007) and Lloyd steps on features divided by the
 * domain's deviation; then
 *
 *   v_cj = (n_c s2_cj + 8 s2_j) / (n_c + 8) + 1e-3 S2_j + 1e-6
 *
 * with s2_c within the cluster, s2 within the domain, S2 over all pictures: a small cluster borrows
 * its domain's spread, and a feature that is constant in one domain (colour of grey pictures) still
 * leaves some room.
 */
#include "engine/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "engine/gate_strange.h"

enum { LLOYD_STEPS = 20, LEAST_MEMBERS = 12, DEFAULT_CLUSTERS = 8, PRIOR = 8, FOLDS = 5 };
static const double DEFAULT_RATE = 0.01;
static const float CLIP = 0; /* 16 lets a cat pass: docs/gate.md */

typedef struct {
    const float *x;    /* [N,dim] */
    const int64_t *id; /* members of the domain, [n] */
    int64_t n;
    int dim, k;
    double *var, *scale; /* [dim] variance in the domain; 1 / deviation */
    double *centre;      /* [k,dim] */
    int *owner;          /* [n] */
    int64_t *count;      /* [k] */
} domain;

static double squared(const domain *d, int64_t i, int c)
{
    const float *x = d->x + d->id[i] * d->dim;
    const double *m = d->centre + (int64_t)c * d->dim;
    double s = 0;
    for (int j = 0; j < d->dim; j++) {
        double t = ((double)x[j] - m[j]) * d->scale[j];
        s += t * t;
    }
    return s;
}

static void set_centre(domain *d, int c, int64_t member)
{
    const float *x = d->x + d->id[member] * d->dim;
    for (int j = 0; j < d->dim; j++) d->centre[(int64_t)c * d->dim + j] = (double)x[j];
}

static void seed_centres(domain *d, double *far, fab_rng *rng)
{
    set_centre(d, 0, fab_rng_below(rng, (uint32_t)d->n));
    for (int64_t i = 0; i < d->n; i++) far[i] = squared(d, i, 0);
    for (int c = 1; c < d->k; c++) {
        double total = 0;
        for (int64_t i = 0; i < d->n; i++) total += far[i];
        double at = (double)fab_rng_uniform(rng) * total;
        int64_t pick = 0;
        while (pick + 1 < d->n && (at -= far[pick]) > 0) pick++;
        set_centre(d, c, pick);
        for (int64_t i = 0; i < d->n; i++) {
            double s = squared(d, i, c);
            far[i] = s < far[i] ? s : far[i];
        }
    }
}

static bool assign(domain *d)
{
    bool moved = false;
    for (int64_t i = 0; i < d->n; i++) {
        int best = 0;
        double least = squared(d, i, 0);
        for (int c = 1; c < d->k; c++) {
            double s = squared(d, i, c);
            if (s < least) least = s, best = c;
        }
        moved = moved || d->owner[i] != best;
        d->owner[i] = best;
    }
    return moved;
}

/* Means of the members; a cluster that lost all keeps its centre. */
static void recentre(domain *d)
{
    int64_t *count = d->count;
    memset(count, 0, (size_t)d->k * sizeof *count);
    for (int64_t i = 0; i < d->n; i++) count[d->owner[i]]++;
    for (int c = 0; c < d->k; c++)
        if (count[c])
            memset(d->centre + (int64_t)c * d->dim, 0, (size_t)d->dim * sizeof *d->centre);
    for (int64_t i = 0; i < d->n; i++) {
        double *m = d->centre + (int64_t)d->owner[i] * d->dim;
        for (int j = 0; j < d->dim; j++)
            m[j] += (double)d->x[d->id[i] * d->dim + j] / (double)count[d->owner[i]];
    }
}

/* Mean and variance of the members of cluster c (-1: of all). */
static void moments(const domain *d, int c, double *mean, double *var)
{
    int64_t n = 0;
    memset(mean, 0, (size_t)d->dim * sizeof *mean);
    memset(var, 0, (size_t)d->dim * sizeof *var);
    for (int64_t i = 0; i < d->n; i++) {
        if (c >= 0 && d->owner[i] != c) continue;
        n++;
        for (int j = 0; j < d->dim; j++) mean[j] += (double)d->x[d->id[i] * d->dim + j];
    }
    if (n == 0) return;
    for (int j = 0; j < d->dim; j++) mean[j] /= (double)n;
    for (int64_t i = 0; i < d->n; i++) {
        if (c >= 0 && d->owner[i] != c) continue;
        for (int j = 0; j < d->dim; j++) {
            double t = (double)d->x[d->id[i] * d->dim + j] - mean[j];
            var[j] += t * t / (double)n;
        }
    }
}

/* ---- one domain ------------------------------------------------------------------------------ */

static bool prepare(domain *d, const double *all_var, int want, uint64_t seed, fab_arena *a,
                    fab_err *err)
{
    size_t row = (size_t)d->dim * sizeof(double);
    double *mean = fab_arena_take(a, row, err),
           *far = fab_arena_take(a, (size_t)d->n * sizeof *far, err);
    int64_t k = d->n / LEAST_MEMBERS;
    d->k = (int)(k < 1 ? 1 : k > want ? want : k);
    d->var = fab_arena_take(a, row, err);
    d->scale = fab_arena_take(a, row, err);
    d->centre = fab_arena_zero(a, row * (size_t)d->k, err);
    d->owner = fab_arena_zero(a, (size_t)d->n * sizeof *d->owner, err);
    d->count = fab_arena_zero(a, (size_t)d->k * sizeof *d->count, err);
    if (!mean || !far || !d->var || !d->scale || !d->centre || !d->owner || !d->count) return false;
    moments(d, -1, mean, d->var);
    for (int j = 0; j < d->dim; j++) d->scale[j] = 1 / sqrt(d->var[j] + 1e-3 * all_var[j] + 1e-12);
    fab_rng rng;
    fab_rng_init(&rng, seed);
    seed_centres(d, far, &rng);
    return true;
}

/* Appends the domain's clusters to g (whose arrays have room). */
static bool fit_domain(domain *d, const double *all_var, int want, uint64_t seed, fab_gate *g,
                       fab_arena *a, fab_err *err)
{
    double *mean = fab_arena_take(a, (size_t)d->dim * sizeof *mean, err);
    double *own = fab_arena_take(a, (size_t)d->dim * sizeof *own, err);
    if (!mean || !own || !prepare(d, all_var, want, seed, a, err)) return false;
    for (int step = 0; step < LLOYD_STEPS && (assign(d) || step == 0); step++) recentre(d);
    assign(d);
    recentre(d);
    for (int c = 0; c < d->k; c++) {
        if (d->count[c] < 3 && d->k > 1) continue; /* stray pictures */
        moments(d, c, mean, own);
        float *m = (float *)(uintptr_t)g->mean + (int64_t)g->n * d->dim;
        float *iv = (float *)(uintptr_t)g->ivar + (int64_t)g->n++ * d->dim;
        double n = (double)d->count[c];
        for (int j = 0; j < d->dim; j++) {
            m[j] = (float)mean[j];
            iv[j] = (float)(1 / ((n * own[j] + PRIOR * d->var[j]) / (n + PRIOR) +
                                 1e-3 * all_var[j] + 1e-6));
        }
    }
    return true;
}

static bool room(fab_gate *g, int clusters, fab_arena *a, fab_err *err)
{
    size_t size = (size_t)(clusters + FAB_GATE_STRANGE_ROWS) * (size_t)g->dim * sizeof(float);
    g->mean = fab_arena_take(a, size, err);
    g->ivar = fab_arena_take(a, size, err);
    return g->mean && g->ivar;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The value that a share `rate` of the n values exceeds; sorts them. */
static float upper(float *values, int64_t n, double rate)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    int64_t at = (int64_t)ceil((1 - rate) * (double)n) - 1;
    return values[at < 0 ? 0 : at >= n ? n - 1 : at];
}

/* The distance that a share `rate` of the domain's pictures exceeds, each seen by clusters fitted
 * without its fold. */
static bool held_out_limit(const domain *d, const double *all_var, const fab_gate_opts *o,
                           double *limit, fab_arena *a, fab_err *err)
{
    float *distance = fab_arena_take(a, (size_t)d->n * sizeof *distance, err);
    int64_t *id = fab_arena_take(a, (size_t)d->n * sizeof *id, err), at = 0;
    int folds = d->n >= 2 * FOLDS ? FOLDS : 1;
    if (!distance || !id) return false;
    for (int fold = 0; fold < folds; fold++) {
        fab_arena_mark mark = fab_arena_save(a);
        domain part = { .x = d->x, .id = id, .dim = d->dim };
        fab_gate g = { .dim = d->dim, .clip = CLIP };
        for (int64_t i = 0; i < d->n; i++)
            if (folds == 1 || i % folds != fold) id[part.n++] = d->id[i];
        if (!room(&g, o->clusters, a, err) ||
            !fit_domain(&part, all_var, o->clusters, o->seed, &g, a, err))
            return false;
        for (int64_t i = fold; i < d->n; i += folds)
            distance[at++] = fab_gate_distance(&g, d->x + d->id[i] * d->dim, NULL);
        fab_arena_release(a, mark);
    }
    *limit = (double)upper(distance, at, o->rate);
    return true;
}

static bool fit_scaled(fab_gate *g, domain *d, const double *all_var, const fab_gate_opts *o,
                       fab_arena *a, fab_err *err)
{
    int before = g->n;
    double limit = 1;
    if (!held_out_limit(d, all_var, o, &limit, a, err) ||
        !fit_domain(d, all_var, o->clusters, o->seed, g, a, err))
        return false;
    float *iv = (float *)(uintptr_t)g->ivar;
    for (int64_t i = (int64_t)before * g->dim; i < (int64_t)g->n * g->dim; i++)
        iv[i] /= (float)(limit > 1e-6 ? limit : 1e-6);
    return true;
}

/* Pictures of no known domain join the one whose mean is nearest, each feature over its variance. */
static bool place_unknown(const float *x, int32_t *domains, int64_t n, int dim, int n_domains,
                          const double *var, fab_arena *a, fab_err *err)
{
    double *mean = fab_arena_zero(a, (size_t)n_domains * (size_t)dim * sizeof *mean, err),
           *count = fab_arena_zero(a, (size_t)n_domains * sizeof *count, err);
    if (!mean || !count) return false;
    for (int64_t i = 0; i < n; i++) {
        if (domains[i] < 0) continue;
        count[domains[i]]++;
        for (int j = 0; j < dim; j++) mean[(int64_t)domains[i] * dim + j] += (double)x[i * dim + j];
    }
    for (int64_t i = 0; i < n; i++) {
        double least = INFINITY;
        for (int k = 0, unknown = domains[i] < 0; unknown && k < n_domains; k++) {
            double s = count[k] > 0 ? 0 : INFINITY;
            for (int j = 0; j < dim && count[k] > 0; j++) {
                double t = (double)x[i * dim + j] - mean[(int64_t)k * dim + j] / count[k];
                s += t * t / (var[j] + 1e-12);
            }
            if (s < least || k == 0) least = s, domains[i] = k;
        }
    }
    return true;
}

static bool fit_all(fab_gate *g, const float *x, int32_t *domains, int64_t n, int n_domains,
                    const fab_gate_opts *o, fab_arena *scratch, fab_err *err)
{
    size_t row = (size_t)g->dim * sizeof(double);
    int64_t *id = fab_arena_take(scratch, (size_t)n * sizeof *id, err);
    double *mean = fab_arena_take(scratch, row, err), *var = fab_arena_take(scratch, row, err);
    if (!id || !mean || !var) return false;
    for (int64_t i = 0; i < n; i++) id[i] = i;
    moments(&(domain){ .x = x, .id = id, .n = n, .dim = g->dim }, -1, mean, var);
    if (!place_unknown(x, domains, n, g->dim, n_domains, var, scratch, err)) return false;
    for (int k = 0; k < n_domains; k++) {
        domain d = { .x = x, .id = id, .dim = g->dim };
        for (int64_t i = 0; i < n; i++)
            if (domains[i] == k) id[d.n++] = i;
        if (d.n && !fit_scaled(g, &d, var, o, scratch, err)) return false;
    }
    return true;
}

bool fab_gate_fit(fab_gate *g, const float *features, const int32_t *of, int64_t n, int dim,
                  const fab_gate_opts *opts, fab_arena *a, fab_err *err)
{
    fab_gate_opts o = opts ? *opts : (fab_gate_opts){ 0 };
    int n_domains = 1;
    if (o.clusters <= 0) o.clusters = DEFAULT_CLUSTERS;
    if (o.rate <= 0) o.rate = DEFAULT_RATE;
    *g = (fab_gate){ .dim = dim, .limit = 1, .clip = CLIP };
    if (n < 1 || dim < FAB_GATE_PIXEL_DIMS)
        return fab_fail(err, FAB_EFORMAT, "input gate: %lld pictures of %d features", (long long)n,
                        dim);
    for (int64_t i = 0; i < n * dim; i++)
        if (!isfinite(features[i]))
            return fab_fail(err, FAB_EFORMAT,
                            "input gate: picture %lld has a feature that is not finite",
                            (long long)(i / dim));
    for (int64_t i = 0; i < n; i++) n_domains = of[i] >= n_domains ? of[i] + 1 : n_domains;
    fab_arena *scratch = fab_arena_new(0, err);
    int32_t *domains = scratch ? fab_arena_take(scratch, (size_t)n * sizeof *domains, err) : NULL;
    if (domains) memcpy(domains, of, (size_t)n * sizeof *domains);
    bool ok = domains && room(g, n_domains * o.clusters, a, err) &&
              fit_all(g, features, domains, n, n_domains, &o, scratch, err) &&
              (!o.engine || fab_gate_fit_strange(g, features, n, &o, scratch, err));
    fab_arena_free(scratch);
    return ok;
}

float fab_gate_limit_for(const fab_gate *g, const float *features, int64_t n, double rate,
                         fab_arena *a, fab_err *err)
{
    float *d = n > 0 ? fab_arena_take(a, (size_t)n * sizeof *d, err) : NULL;
    if (!d) return 0;
    for (int64_t i = 0; i < n; i++) d[i] = fab_gate_distance(g, features + i * g->dim, NULL);
    return upper(d, n, rate);
}
