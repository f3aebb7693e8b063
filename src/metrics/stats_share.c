/* stats_share: proportions: Wilson's interval, two-proportion z, Newcombe's interval, sample size.
 *
 *   z = (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2)),  p = (x1 + x2) / (n1 + n2)
 *   Wilson 1927:  (p + z^2/2n +- z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n)
 *   Newcombe 1998, method 10:  d - sqrt((p1-l1)^2 + (u2-p2)^2),  d + sqrt((u1-p1)^2 + (p2-l2)^2)
 */
#include <math.h>
#include "metrics/stats.h"

fab_interval fab_wilson(int64_t hits, int64_t n, double level)
{
    if (n < 1) return (fab_interval){ NAN, NAN, NAN };
    double N = (double)n, p = (double)hits / N, z = fab_normal_quantile((1 + level) / 2);
    double middle = p + z * z / (2 * N), root = z * sqrt(p * (1 - p) / N + z * z / (4 * N * N));
    double all = 1 + z * z / N;
    return (fab_interval){ p, fmax(0, (middle - root) / all), fmin(1, (middle + root) / all) };
}

static bool check_share(const char *which, int64_t hits, int64_t n, fab_err *err)
{
    if (n >= 1 && hits >= 0 && hits <= n) return true;
    return fab_fail(err, FAB_EFORMAT, "the %s arm has %lld hits in %lld cases", which,
                    (long long)hits, (long long)n);
}

bool fab_two_proportions(int64_t hits1, int64_t n1, int64_t hits2, int64_t n2, double level,
                         fab_two_shares *out, fab_err *err)
{
    if (!check_share("first", hits1, n1, err) || !check_share("second", hits2, n2, err))
        return false;
    fab_interval a = fab_wilson(hits1, n1, level), b = fab_wilson(hits2, n2, level);
    double d = a.value - b.value, p = (double)(hits1 + hits2) / (double)(n1 + n2);
    double se = sqrt(p * (1 - p) * (1 / (double)n1 + 1 / (double)n2));
    out->z = se > 0 ? d / se : 0;
    out->p = fab_two_sided(out->z);
    out->difference = (fab_interval){ d, d - hypot(a.value - a.low, b.high - b.value),
                                      d + hypot(a.high - a.value, b.value - b.low) };
    return true;
}

bool fab_sample_size(double base, double difference, double alpha, double power, int64_t *per_arm,
                     fab_err *err)
{
    double other = base + difference, mean = base + difference / 2;
    if (!(base >= 0 && base <= 1 && other >= 0 && other <= 1 && difference != 0))
        return fab_fail(err, FAB_EUSAGE,
                        "shares of %g and %g: both must lie in 0..1 and must differ", base, other);
    if (!(alpha > 0 && alpha < 1 && power > 0 && power < 1))
        return fab_fail(err, FAB_EUSAGE, "an error rate of %g and a power of %g: not in 0..1",
                        alpha, power);
    double z = fab_normal_quantile(1 - alpha / 2) + fab_normal_quantile(power);
    double n = ceil(z * z * 2 * mean * (1 - mean) / (difference * difference));
    if (!(n < 1e15))
        return fab_fail(err, FAB_ELIMIT, "a difference of %g asks for %g cases an arm", difference,
                        n);
    *per_arm = n < 1 ? 1 : (int64_t)n;
    return true;
}
