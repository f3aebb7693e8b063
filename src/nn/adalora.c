/* adalora: see adalora.h. State tensors belong to no optimiser step: they want no gradient. */
#include "nn/adalora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* state.items holds, for the low-rank part number i: I' U' of Q, P, E, then what is kept. */
enum { OF_Q, OF_P, OF_E, KEPT, EACH };

static fab_tensor *state(const fab_adalora *d, int64_t i, int which)
{
    return d->state.items[i * EACH + which];
}

static fab_tensor *state_new(fab_arena *a, const fab_tensor *like, const char *what, int64_t rows,
                             fab_err *err)
{
    fab_tensor *t = fab_arena_zero(a, sizeof *t, err);
    if (!t) return NULL;
    t->ndim = 2;
    t->shape[0] = rows;
    t->shape[1] = fab_count(like);
    t->name = fab_arena_printf(a, err, "%s.%s", like->name, what);
    t->data = fab_arena_zero(a, (size_t)fab_count(t) * sizeof(float), err);
    return t->name && t->data ? t : NULL;
}

/* The next part that has singular values; NULL past the end. */
static const fab_part *next(const fab_peft *t, int64_t *i)
{
    while (*i < t->n && !t->parts[*i].e) ++*i;
    return *i < t->n ? &t->parts[(*i)++] : NULL;
}

static bool part_init(fab_adalora *d, fab_arena *a, const fab_part *p, fab_err *err)
{
    const fab_tensor *of[] = { p->a, p->b, p->e };
    for (int k = 0; k < EACH; k++) {
        fab_tensor *t = state_new(a, of[k < KEPT ? k : OF_E], k < KEPT ? "importance" : "kept",
                                  k < KEPT ? 2 : 1, err);
        if (!t) return false;
        if (k == KEPT)
            for (int64_t j = 0; j < fab_count(t); j++) fab_f32(t)[j] = 1;
        d->state.items[d->state.n++] = t;
    }
    return true;
}

bool fab_adalora_init(fab_adalora *d, fab_arena *a, const fab_peft *peft, const fab_adalora_opts *o,
                      fab_err *err)
{
    *d = (fab_adalora){ .opts = *o, .peft = peft };
    if (!(o->target > 0 && o->target <= peft->opts.rank) || o->warm < 0 || o->settle < 0 ||
        o->every < 1 || o->warm + o->settle > o->total)
        return fab_fail(err, FAB_EUSAGE,
                        "adalora: rank %d to %g over %lld steps, %lld before and %lld after",
                        peft->opts.rank, o->target, (long long)o->total, (long long)o->warm,
                        (long long)o->settle);
    d->state.cap = EACH * peft->n;
    d->state.items = fab_arena_zero(a, (size_t)d->state.cap * sizeof *d->state.items, err);
    d->scores = fab_arena_zero(a, (size_t)(2 * peft->n * peft->opts.rank) * sizeof *d->scores, err);
    bool ok = d->state.items && d->scores;
    int64_t i = 0;
    for (const fab_part *p; ok && (p = next(peft, &i));) ok = part_init(d, a, p, err);
    return ok;
}

int64_t fab_adalora_budget(const fab_adalora *d, int64_t t)
{
    const fab_adalora_opts *o = &d->opts;
    double n = (double)(d->state.n / EACH), most = n * d->peft->opts.rank, least = n * o->target;
    int64_t span = o->total - o->settle - o->warm;
    if (t < o->warm) return (int64_t)most;
    if (t >= o->total - o->settle || span <= 0) return (int64_t)(least + 0.5);
    double left = 1 - (double)(t - o->warm) / (double)span;
    return (int64_t)(least + (most - least) * left * left * left + 0.5);
}

/* ---- orthogonality --------------------------------------------------------------------------- */

/* |M| with M = V V' - I, where row i of V is v[i row + j col], j < n; the gradient of f |M| by V,
 * 2 f M V / |M|, is added. m: [r,r] */
static double push_apart(const float *v, float *dv, int64_t r, int64_t n, int64_t row, int64_t col,
                         double f, float *m)
{
    double norm = 0;
    for (int64_t i = 0; i < r; i++)
        for (int64_t k = 0; k < r; k++) {
            double s = i == k ? -1 : 0;
            for (int64_t j = 0; j < n; j++)
                s += (double)v[i * row + j * col] * v[k * row + j * col];
            m[i * r + k] = (float)s;
            norm += s * s;
        }
    norm = sqrt(norm);
    double scale = norm > 0 ? 2 * f / norm : 0;
    for (int64_t i = 0; i < r; i++)
        for (int64_t k = 0; k < r; k++) {
            float g = (float)(scale * m[i * r + k]);
            for (int64_t j = 0; j < n; j++) dv[i * row + j * col] += g * v[k * row + j * col];
        }
    return norm;
}

/* ---- importance ------------------------------------------------------------------------------ */

static void feel(const fab_adalora_opts *o, const fab_tensor *w, fab_tensor *into)
{
    int64_t n = fab_count(w);
    float *mean = fab_f32(into), *spread = mean + n;
    for (int64_t j = 0; j < n; j++) {
        float now = fabsf(fab_f32(w)[j] * w->grad[j]);
        mean[j] = o->beta1 * mean[j] + (1 - o->beta1) * now;
        spread[j] = o->beta2 * spread[j] + (1 - o->beta2) * fabsf(now - mean[j]);
    }
}

double fab_adalora_sense(fab_adalora *d, fab_arena *work, fab_err *err)
{
    int64_t i = 0, at = 0, r = d->peft->opts.rank;
    double sum = 0, f = d->opts.orth / (2.0 * (double)(d->state.n / EACH));
    float *m = fab_arena_take(work, (size_t)(r * r) * sizeof *m, err);
    for (const fab_part *p; m && (p = next(d->peft, &i)); at++) {
        const fab_tensor *of[] = { p->a, p->b, p->e };
        int64_t out = p->b->shape[0], in = p->a->shape[1];
        sum += f * push_apart(fab_f32(p->a), p->a->grad, r, in, in, 1, f, m);
        sum += f * push_apart(fab_f32(p->b), p->b->grad, r, out, 1, r, f, m);
        for (int k = 0; k < KEPT; k++) feel(&d->opts, of[k], state(d, at, k));
    }
    return sum;
}

static float smoothed(const fab_tensor *t, int64_t j)
{
    return fab_f32(t)[j] * fab_f32(t)[t->shape[1] + j];
}

/* S of direction k of a part. */
static float importance(const fab_adalora *d, int64_t at, const fab_part *p, int64_t k)
{
    int64_t r = p->a->shape[0], in = p->a->shape[1], out = p->b->shape[0];
    double q = 0, o = 0;
    for (int64_t j = 0; j < in; j++) q += smoothed(state(d, at, OF_Q), k * in + j);
    for (int64_t j = 0; j < out; j++) o += smoothed(state(d, at, OF_P), j * r + k);
    return smoothed(state(d, at, OF_E), k) + (float)(q / (double)in + o / (double)out);
}

static int downward(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The b most important; of equal ones those that come first. */
static void choose(fab_adalora *d, int64_t b)
{
    int64_t i = 0, at = 0, r = d->peft->opts.rank, n = d->state.n / EACH * r;
    float *s = d->scores, *sorted = s + n;
    for (const fab_part *p; (p = next(d->peft, &i)); at++)
        for (int64_t k = 0; k < r; k++) s[at * r + k] = importance(d, at, p, k);
    memcpy(sorted, s, (size_t)n * sizeof *s);
    qsort(sorted, (size_t)n, sizeof *sorted, downward);
    float limit = b > 0 ? sorted[b - 1] : INFINITY;
    int64_t equal = b;
    for (int64_t j = 0; j < n; j++) equal -= s[j] > limit;
    for (int64_t j = 0; j < n; j++) {
        bool keeps = s[j] > limit || (s[j] == limit && equal-- > 0);
        fab_f32(state(d, j / r, KEPT))[j % r] = keeps;
    }
}

void fab_adalora_mask(const fab_adalora *d)
{
    int64_t i = 0, at = 0;
    for (const fab_part *p; (p = next(d->peft, &i)); at++)
        for (int64_t k = 0; k < fab_count(p->e); k++)
            if (fab_f32(state(d, at, KEPT))[k] == 0) fab_f32(p->e)[k] = 0;
}

int64_t fab_adalora_allocate(fab_adalora *d, int64_t t)
{
    const fab_adalora_opts *o = &d->opts;
    int64_t last = o->total - o->settle, kept = 0;
    bool moves = t >= o->warm && (t == last || (t < last && (t - o->warm) % o->every == 0));
    if (moves) choose(d, fab_adalora_budget(d, t));
    if (moves || t > last) fab_adalora_mask(d);
    for (int64_t at = 0; at < d->state.n / EACH; at++)
        for (int64_t k = 0; k < fab_count(state(d, at, KEPT)); k++)
            kept += fab_f32(state(d, at, KEPT))[k] != 0;
    return kept;
}
