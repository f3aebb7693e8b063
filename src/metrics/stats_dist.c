/* stats_dist: the few distributions that the tests need, from erfc and lgamma alone.
 *
 *   Phi(x) = erfc(-x / sqrt 2) / 2;  its inverse by three Halley steps from Abramowitz & Stegun
 *   26.2.23 (4.5e-4 off, cubic convergence: 1e-15)
 *   chi-square tail Q(dof/2, x/2): the finite sums for whole and half degrees (A&S 26.4.4, .5)
 */
#include "metrics/stats.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double fab_normal_cdf(double x) { return erfc(-x / sqrt(2.0)) / 2; }

double fab_two_sided(double z) { return erfc(fabs(z) / sqrt(2.0)); }

double fab_normal_quantile(double p)
{
    if (!(p > 0)) return -INFINITY;
    if (!(p < 1)) return INFINITY;
    double q = p < 0.5 ? p : 1 - p, t = sqrt(-2 * log(q));
    double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 3; i++) { /* root of log of the upper tail: no cancellation */
        double tail = erfc(x / sqrt(2.0)) / 2, density = exp(-x * x / 2) / sqrt(2 * pi);
        double u = (tail - q) / density;
        x += u / (1 + x * u / 2);
    }
    return p < 0.5 ? -x : x;
}

double fab_chi2_tail(double x, int dof)
{
    if (!(x > 0)) return 1;
    double half = x / 2, sum = 0, term;
    if (dof % 2 == 0) {
        term = exp(-half);
        for (int k = 0; k < dof / 2; k++) {
            sum += term;
            term *= half / (k + 1);
        }
        return sum;
    }
    sum = erfc(sqrt(half));
    term = exp(-half) * sqrt(half) * 2 / sqrt(pi);
    for (int k = 1; k < dof; k += 2) {
        sum += term;
        term *= x / (k + 2);
    }
    return sum;
}

double fab_fair_coin(int64_t a, int64_t b)
{
    int64_t n = a + b, low = a < b ? a : b;
    double sum = 0;
    if (2 * low == n) return 1;
    for (int64_t k = 0; k <= low; k++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
                   (double)n * log(2.0));
    return fmin(1, 2 * sum);
}

double fab_quantile_sorted(const double *x, int64_t n, double q)
{
    double at = q * (double)(n - 1);
    int64_t i = (int64_t)floor(at);
    if (i < 0) return x[0];
    if (i >= n - 1) return x[n - 1];
    return x[i] + (at - (double)i) * (x[i + 1] - x[i]);
}
