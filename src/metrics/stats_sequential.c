/* stats_sequential: a test that may be looked at every day, and one for planned looks. See
 * sequential.h.
 *
 * Planned looks: B(t) is a Brownian motion, z_k = B(t_k) / sqrt(t_k). With g_k the density of
 * B(t_k) on paths that crossed no bound so far,
 *
 *   P(first crossing at k) = integral g_{k-1}(u) P(|B(t_k)| > b_k sqrt(t_k) | u) du
 *
 * and b_k makes it alpha(t_k) - alpha(t_{k-1}) (Armitage, McPherson & Rowe 1969). Simpson's rule on
 * GRID steps.
 */
#include "metrics/sequential.h"

#include <math.h>
#include <string.h>
#include "base/arena.h"

enum { GRID = 400 }; /* even */

void fab_arm_add(fab_arm *a, double outcome)
{
    a->n++;
    a->sum += outcome;
    a->squares += outcome * outcome;
}

/* Of the outcomes with a 0 and a 1 added. */
static double variance(const fab_arm *a)
{
    double n = (double)a->n + 2, mean = (a->sum + 1) / n;
    return fmax(0, (a->squares + 1) / n - mean * mean);
}

fab_always fab_always_valid(const fab_arm *a, const fab_arm *b, double alpha, double tau)
{
    fab_always r = { 0, -1, 1, 1 };
    double t2 = tau > 0 ? tau * tau : 0.01;
    if (a->n && b->n) r.difference = b->sum / (double)b->n - a->sum / (double)a->n;
    if (a->n < FAB_ALWAYS_LEAST || b->n < FAB_ALWAYS_LEAST) return r;
    double V = variance(a) / (double)a->n + variance(b) / (double)b->n, d = r.difference;
    double logl = 0.5 * log(V / (V + t2)) + t2 * d * d / (2 * V * (V + t2));
    double wide = sqrt(2 * V * (V + t2) / t2 * (log(1 / alpha) + 0.5 * log((V + t2) / V)));
    r.p = fmin(1, exp(-logl));
    r.low = fmax(-1, d - wide);
    r.high = fmin(1, d + wide);
    return r;
}

/* ---- planned looks ------------------------------------------------------------------------------ */

typedef struct {
    double u[GRID + 1], g[GRID + 1]; /* places and the density there, times Simpson's weight */
} density;

static double phi(double x) { return exp(-x * x / 2) / 2.50662827463100050242; }

static void place(density *d, double edge)
{
    for (int i = 0; i <= GRID; i++) d->u[i] = edge * (2.0 * i / GRID - 1);
}

static void weigh(density *d, double edge)
{
    double h = 2 * edge / GRID / 3;
    for (int i = 0; i <= GRID; i++) d->g[i] *= i == 0 || i == GRID ? h : i % 2 ? 4 * h : 2 * h;
}

/* Paths inside so far that lie beyond edge a step later. */
static double crossing(const density *d, double edge, double step)
{
    double sum = 0, s = sqrt(step);
    for (int i = 0; i <= GRID; i++)
        sum += d->g[i] *
               (fab_normal_cdf((d->u[i] - edge) / s) + fab_normal_cdf((-edge - d->u[i]) / s));
    return sum;
}

static void advance(density *d, double edge, double step)
{
    density next;
    double s = sqrt(step);
    place(&next, edge);
    for (int k = 0; k <= GRID; k++) {
        next.g[k] = 0;
        for (int i = 0; i <= GRID; i++) next.g[k] += d->g[i] * phi((next.u[k] - d->u[i]) / s) / s;
    }
    weigh(&next, edge);
    *d = next;
}

static double spent(double t, double alpha)
{
    return 2 * fab_two_sided(fab_normal_quantile(1 - alpha / 4) / sqrt(t));
}

/* The edge that paths cross with probability p in a step. */
static double edge_for(const density *d, double p, double step, double t)
{
    double low = 0, high = 40 * sqrt(t);
    for (int i = 0; i < 70; i++) {
        double middle = (low + high) / 2;
        if (crossing(d, middle, step) > p) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}

bool fab_obrien_fleming(const double *fractions, int looks, double alpha, double *bounds,
                        fab_err *err)
{
    if (looks < 1 || looks > FAB_LOOKS)
        return fab_fail(err, FAB_EUSAGE, "%d looks, 1 to %d can be planned", looks, FAB_LOOKS);
    if (!(alpha > 0 && alpha < 1))
        return fab_fail(err, FAB_EUSAGE, "an error rate of %g is not in 0..1", alpha);
    for (int k = 0; k < looks; k++)
        if (!(fractions[k] > (k ? fractions[k - 1] : 0) && fractions[k] <= 1))
            return fab_fail(err, FAB_EUSAGE, "look %d at %g of the cases: looks rise to 1", k + 1,
                            fractions[k]);
    density *d = fab_new(sizeof *d, err);
    if (!d) return false;
    for (int k = 0; k < looks; k++) {
        double t = fractions[k], before = k ? fractions[k - 1] : 0, edge;
        if (k == 0) {
            edge = sqrt(t) * -fab_normal_quantile(spent(t, alpha) / 2);
            edge = fmin(edge, 40 * sqrt(t));
            place(d, edge);
            for (int i = 0; i <= GRID; i++) d->g[i] = phi(d->u[i] / sqrt(t)) / sqrt(t);
            /* a first edge many deviations out would waste the grid on nothing */
            if (edge > 9 * sqrt(t)) {
                place(d, 9 * sqrt(t));
                for (int i = 0; i <= GRID; i++) d->g[i] = phi(d->u[i] / sqrt(t)) / sqrt(t);
                weigh(d, 9 * sqrt(t));
            } else weigh(d, edge);
        } else {
            edge = edge_for(d, spent(t, alpha) - spent(before, alpha), t - before, t);
            advance(d, fmin(edge, 9 * sqrt(t)), t - before);
        }
        bounds[k] = edge / sqrt(t);
    }
    fab_free(d);
    return true;
}
