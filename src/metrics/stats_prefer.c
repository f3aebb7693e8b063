/* stats_prefer: ratings from preferences. See sequential.h.
 *
 *   P(i over j) = w_i / (w_i + w_j);   w_i <- (W_i + prior) / (sum_j n_ij / (w_i + w_j) +
 *                                              2 prior / (w_i + 1))
 *   Elo: R_i += K (s - 1 / (1 + 10^((R_j - R_i) / 400)))
 */
#include <math.h>
#include <string.h>
#include "base/arena.h"
#include "metrics/sequential.h"

enum { VERSIONS = 64, ROUNDS = 20000 };

typedef struct {
    const fab_match *m;
    int64_t n;
    int versions;
    double prior, k;
    double *won, *met; /* [versions]; [versions, versions] */
} league;

static bool check(const fab_match *m, int64_t n, int versions, fab_err *err)
{
    if (versions < 2 || versions > VERSIONS)
        return fab_fail(err, FAB_EFORMAT, "%d versions, 2 to %d can be rated", versions, VERSIONS);
    for (int64_t i = 0; i < n; i++)
        if (m[i].a < 0 || m[i].a >= versions || m[i].b < 0 || m[i].b >= versions ||
            m[i].a == m[i].b || !(m[i].score >= 0 && m[i].score <= 1))
            return fab_fail(err, FAB_EFORMAT, "match %lld: %d against %d, score %g", (long long)i,
                            m[i].a, m[i].b, m[i].score);
    return true;
}

static void tally(league *g, const int32_t *times)
{
    int P = g->versions;
    memset(g->won, 0, (size_t)P * sizeof *g->won);
    memset(g->met, 0, (size_t)P * (size_t)P * sizeof *g->met);
    for (int64_t i = 0; i < g->n; i++) {
        const fab_match *m = &g->m[i];
        double t = times ? times[i] : 1;
        g->won[m->a] += t * m->score, g->won[m->b] += t * (1 - m->score);
        g->met[m->a * P + m->b] += t, g->met[m->b * P + m->a] += t;
    }
}

static void bradley_terry(league *g, const int32_t *times, double *rating)
{
    int P = g->versions;
    double w[VERSIONS];
    tally(g, times);
    for (int i = 0; i < P; i++) w[i] = 1;
    for (int round = 0; round < ROUNDS; round++) {
        double moved = 0;
        for (int i = 0; i < P; i++) {
            double sum = 2 * g->prior / (w[i] + 1);
            for (int j = 0; j < P; j++) sum += g->met[i * P + j] / (w[i] + w[j]);
            double to = sum > 0 ? (g->won[i] + g->prior) / sum : 1;
            to = fmin(1e12, fmax(1e-12, to));
            moved = fmax(moved, fabs(log(to / w[i])));
            w[i] = to;
        }
        if (moved < 1e-10) break;
    }
    double mean = 0; /* without a prior only the differences are known */
    for (int i = 0; i < P; i++) mean += log10(w[i]) / P;
    if (g->prior > 0) mean = 0;
    for (int i = 0; i < P; i++) rating[i] = 1500 + 400 * (log10(w[i]) - mean);
}

static void elo(const league *g, const int32_t *times, double *rating)
{
    for (int i = 0; i < g->versions; i++) rating[i] = 1500;
    for (int64_t i = 0; i < g->n; i++)
        for (int t = times ? times[i] : 1; t > 0; t--) {
            double *a = &rating[g->m[i].a], *b = &rating[g->m[i].b];
            double step = g->k * (g->m[i].score - 1 / (1 + pow(10, (*b - *a) / 400)));
            *a += step, *b -= step;
        }
}

static bool league_new(league *g, fab_err *err)
{
    size_t P = (size_t)g->versions;
    if (!check(g->m, g->n, g->versions, err)) return false;
    g->won = fab_new_array(P, sizeof *g->won, err);
    g->met = fab_new_array(P * P, sizeof *g->met, err);
    return g->won && g->met;
}

static void league_free(league *g)
{
    fab_free(g->won);
    fab_free(g->met);
}

bool fab_bradley_terry(const fab_match *m, int64_t n, int versions, double prior, double *rating,
                       fab_err *err)
{
    league g = { .m = m, .n = n, .versions = versions, .prior = prior };
    bool ok = league_new(&g, err);
    if (ok) bradley_terry(&g, NULL, rating);
    league_free(&g);
    return ok;
}

bool fab_elo(const fab_match *m, int64_t n, int versions, double k, double *rating, fab_err *err)
{
    league g = { .m = m, .n = n, .versions = versions, .k = k };
    if (!check(m, n, versions, err)) return false;
    elo(&g, NULL, rating);
    return true;
}

static void ratings(void *arg, const int32_t *times, double *out)
{
    league *g = arg;
    bradley_terry(g, times, out);
    elo(g, times, out + g->versions);
}

bool fab_preferences(const fab_match *m, int64_t n, int versions, double prior, double k,
                     const fab_boot_opts *opts, fab_interval *bt, fab_interval *elo_out,
                     fab_err *err)
{
    league g = { .m = m, .n = n, .versions = versions, .prior = prior, .k = k };
    fab_interval all[2 * VERSIONS];
    bool ok = league_new(&g, err) && fab_boot(ratings, &g, n, 2 * versions, opts, all, err);
    for (int i = 0; ok && i < versions; i++) bt[i] = all[i], elo_out[i] = all[versions + i];
    league_free(&g);
    return ok;
}
