/* risk: see risk.h. */
#include "evaluate/risk.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double confidence, loss;
} row;

static int surest_first(const void *a, const void *b)
{
    double x = ((const row *)a)->confidence, y = ((const row *)b)->confidence;
    return (x < y) - (x > y);
}

static int best_first(const void *a, const void *b)
{
    double x = ((const row *)a)->loss, y = ((const row *)b)->loss;
    return (x > y) - (x < y);
}

/* A run of equal confidence gets its mean loss. */
static void level_ties(row *r, int64_t n)
{
    for (int64_t i = 0, end; i < n; i = end) {
        double sum = 0;
        for (end = i; end < n && r[end].confidence == r[i].confidence; end++) sum += r[end].loss;
        for (int64_t k = i; k < end; k++) r[k].loss = sum / (double)(end - i);
    }
}

static double mean_risk(const row *r, int64_t n)
{
    double losses = 0, sum = 0;
    for (int64_t k = 0; k < n; k++) {
        losses += r[k].loss;
        sum += losses / (double)(k + 1);
    }
    return sum / (double)n;
}

bool fab_risk_measure(const double *confidence, const double *points, int64_t n, fab_arena *a,
                      fab_risk *out, fab_err *err)
{
    if (n < 1) return fab_fail(err, FAB_EFORMAT, "no rows to order by confidence");
    row *r = fab_arena_take(a, (size_t)n * sizeof *r, err);
    *out = (fab_risk){ .n = n };
    out->score = fab_arena_take(a, (size_t)n * sizeof *out->score, err);
    out->threshold = fab_arena_take(a, (size_t)n * sizeof *out->threshold, err);
    if (!r || !out->score || !out->threshold) return false;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(confidence[i]) || !(points[i] >= 0 && points[i] <= 1))
            return fab_fail(err, FAB_EFORMAT,
                            "row %lld: a confidence of %g and %g points, 0 to 1 allowed",
                            (long long)i, confidence[i], points[i]);
        r[i] = (row){ confidence[i], 1 - points[i] };
    }
    qsort(r, (size_t)n, sizeof *r, best_first);
    double best = mean_risk(r, n), losses = 0;
    qsort(r, (size_t)n, sizeof *r, surest_first);
    level_ties(r, n);
    out->aurc = mean_risk(r, n);
    out->excess = out->aurc - best;
    for (int64_t k = 0; k < n; k++) {
        losses += r[k].loss;
        out->score[k] = 1 - losses / (double)(k + 1);
        out->threshold[k] = r[k].confidence;
    }
    return true;
}

static double coverage_at(const fab_risk *r, double score)
{
    for (int64_t k = r->n; k > 0; k--)
        if (r->score[k - 1] >= score - 1e-12) return (double)k / (double)r->n;
    return 0;
}

json_t *fab_risk_json(const double *confidence, const double *points, int64_t n, fab_arena *a,
                      fab_err *err)
{
    fab_risk r;
    if (!fab_risk_measure(confidence, points, n, a, &r, err)) return NULL;
    json_t *curve = json_array();
    int64_t before = 0;
    for (int step = 1; step <= 20; step++) {
        int64_t k = (int64_t)ceil((double)n * step / 20);
        if (k == before) continue;
        before = k;
        json_array_append_new(curve,
                              json_pack("{s:f,s:f,s:f}", "coverage", (double)k / (double)n, "score",
                                        r.score[k - 1], "threshold", r.threshold[k - 1]));
    }
    json_t *o =
        json_pack("{s:I,s:f,s:f,s:o,s:{s:f,s:f,s:f}}", "n", (json_int_t)n, "aurc", r.aurc,
                  "excess_aurc", r.excess, "curve", curve, "coverage_at", "0.95",
                  coverage_at(&r, 0.95), "0.9", coverage_at(&r, 0.9), "0.8", coverage_at(&r, 0.8));
    if (!o) fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
    return o;
}
