/* gate_strange: known pictures against dead leaves, by logistic regression on [z, z^2, 1].
 *
 *   loss = mean over known of log(1 + e^s) + mean over leaves of log(1 + e^-s) + 1e-5 |w|^2,  Adam,
 *   full batch
 *
 * The edge that scores are measured from is the score that half of the rate of false refusals of
 * the known exceeds.
 */
#include "engine/gate_strange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "engine/leaves.h"

enum { LEAVES = 480, LEAF_SIDE = 256, STEPS = 300, MOST_KNOWN = 2400 };

typedef struct {
    int64_t n, known; /* rows, the first of them known */
    int dim;          /* of z; a row has 2 dim + 1 terms */
    float *rows;      /* [n, 2 dim + 1] */
    float *w, *grad, *m, *v;
} problem;

static bool look_at_leaves(const fab_gate *g, const fab_gate_opts *o, float *out, fab_arena *a,
                           fab_err *err)
{
    uint8_t *rgb = fab_arena_take(a, 3 * LEAF_SIDE * LEAF_SIDE, err);
    float *scratch = fab_arena_take(a, LEAF_SIDE * LEAF_SIDE * sizeof *scratch, err);
    int D = g->dim - FAB_GATE_PIXEL_DIMS;
    fab_rng rng;
    fab_rng_init(&rng, o->seed + 77);
    if (!rgb || !scratch) return false;
    for (int i = 0; i < LEAVES; i++) {
        fab_leaves(&rng, LEAF_SIDE, rgb, scratch);
        const fab_look *l = fab_engine_look_rgb(o->engine, rgb, LEAF_SIDE, LEAF_SIDE, err);
        if (!l) return false;
        bool fits = l->dim == D;
        if (fits) fab_gate_features(l->mean, D, l->rgb, l->side, out + (int64_t)i * g->dim);
        fab_look_unref(l);
        if (!fits)
            return fab_fail(err, FAB_EINTERNAL, "gate features of %d for a model of another width",
                            g->dim);
    }
    return true;
}

/* Mean and 1 / deviation of the known pictures into two rows. */
static void scale_of(const float *x, int64_t n, int dim, float *mean, float *inv)
{
    for (int j = 0; j < dim; j++) {
        double s = 0, q = 0;
        for (int64_t i = 0; i < n; i++) s += (double)x[i * dim + j];
        s /= (double)n;
        for (int64_t i = 0; i < n; i++)
            q += ((double)x[i * dim + j] - s) * ((double)x[i * dim + j] - s);
        mean[j] = (float)s;
        inv[j] = (float)(1 / (sqrt(q / (double)n) + 1e-6));
    }
}

static void put_row(const problem *p, int64_t i, const float *x, const float *mean,
                    const float *inv)
{
    float *row = p->rows + i * (2 * p->dim + 1);
    for (int j = 0; j < p->dim; j++) {
        float z = fminf(fmaxf((x[j] - mean[j]) * inv[j], -FAB_GATE_CLIP), FAB_GATE_CLIP);
        row[j] = z;
        row[p->dim + j] = z * z;
    }
    row[2 * p->dim] = 1;
}

static float score(const problem *p, int64_t i)
{
    const float *row = p->rows + i * (2 * p->dim + 1);
    float part[8] = { 0 };
    int j = 0, terms = 2 * p->dim + 1;
    for (; j + 8 <= terms; j += 8)
        for (int k = 0; k < 8; k++) part[k] += p->w[j + k] * row[j + k];
    for (; j < terms; j++) part[0] += p->w[j] * row[j];
    return ((part[0] + part[1]) + (part[2] + part[3])) +
           ((part[4] + part[5]) + (part[6] + part[7]));
}

static void adam_step(problem *p, int t)
{
    int terms = 2 * p->dim + 1;
    for (int j = 0; j < terms; j++) p->grad[j] = j + 1 < terms ? 2e-5f * p->w[j] : 0;
    for (int64_t i = 0; i < p->n; i++) {
        bool known = i < p->known;
        float q = 1 / (1 + expf(-score(p, i)));
        float pull = known ? q / (float)p->known : (q - 1) / (float)(p->n - p->known);
        const float *row = p->rows + i * terms;
        for (int j = 0; j < terms; j++) p->grad[j] += pull * row[j];
    }
    float fix1 = 1 - powf(0.9f, (float)t), fix2 = 1 - powf(0.999f, (float)t);
    for (int j = 0; j < terms; j++) {
        p->m[j] = 0.9f * p->m[j] + 0.1f * p->grad[j];
        p->v[j] = 0.999f * p->v[j] + 0.001f * p->grad[j] * p->grad[j];
        p->w[j] -= 0.01f * (p->m[j] / fix1) / (sqrtf(p->v[j] / fix2) + 1e-8f);
    }
}

static int falling(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static bool edge_of(const problem *p, double rate, float *edge, fab_arena *a, fab_err *err)
{
    float *s = fab_arena_take(a, (size_t)p->known * sizeof *s, err);
    if (!s) return false;
    for (int64_t i = 0; i < p->known; i++) s[i] = score(p, i);
    qsort(s, (size_t)p->known, sizeof *s, falling);
    *edge = s[(int64_t)(0.5 * rate * (double)p->known)];
    return true;
}

static bool problem_init(problem *p, fab_arena *a, fab_err *err)
{
    size_t terms = 2 * (size_t)p->dim + 1;
    p->rows = fab_arena_take(a, (size_t)p->n * terms * sizeof *p->rows, err);
    p->w = fab_arena_zero(a, 4 * terms * sizeof *p->w, err);
    if (!p->rows || !p->w) return false;
    p->grad = p->w + terms;
    p->m = p->grad + terms;
    p->v = p->m + terms;
    return true;
}

bool fab_gate_fit_strange(fab_gate *g, const float *features, int64_t n, const fab_gate_opts *o,
                          fab_arena *a, fab_err *err)
{
    int dim = g->dim;
    int64_t every = (n + MOST_KNOWN - 1) / MOST_KNOWN, known = (n + every - 1) / every;
    problem p = { .n = known + LEAVES, .known = known, .dim = dim };
    float *leaves = fab_arena_take(a, (size_t)LEAVES * (size_t)dim * sizeof *leaves, err);
    float *mean = (float *)(uintptr_t)g->mean + (int64_t)g->n * dim,
          *ivar = (float *)(uintptr_t)g->ivar + (int64_t)g->n * dim;
    float edge = 0;
    if (!leaves || !problem_init(&p, a, err) || !look_at_leaves(g, o, leaves, a, err)) return false;
    scale_of(features, n, dim, mean + dim, ivar + dim);
    for (int64_t i = 0; i < known; i++)
        put_row(&p, i, features + i * every * dim, mean + dim, ivar + dim);
    for (int64_t i = 0; i < LEAVES; i++)
        put_row(&p, known + i, leaves + i * dim, mean + dim, ivar + dim);
    for (int t = 1; t <= STEPS; t++) adam_step(&p, t);
    if (!edge_of(&p, o->rate, &edge, a, err)) return false;
    memcpy(mean, p.w, (size_t)dim * sizeof *mean);
    memcpy(ivar, p.w + dim, (size_t)dim * sizeof *ivar);
    memset(mean + 2 * dim, 0, (size_t)dim * sizeof *mean);
    for (int j = 0; j < dim; j++) ivar[2 * dim + j] = -1;
    mean[2 * dim] = p.w[2 * dim];
    mean[2 * dim + 1] = edge;
    g->n += FAB_GATE_STRANGE_ROWS;
    return true;
}
