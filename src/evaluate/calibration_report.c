/* calibration_report: "eval calibration": do probabilities mean what they say, and what is gained
 * by keeping silent when unsure. Figures of calibrate.h (top class) and risk.h; per class the same
 * 15 bins over that class's probability; ECE and Brier with bootstrap intervals.
 */
#include <math.h>
#include <string.h>
#include "base/rng.h"
#include "evaluate/calibrate.h"
#include "evaluate/numbers.h"
#include "evaluate/predictions.h"
#include "evaluate/risk.h"
#include "metrics/stats.h"

typedef struct {
    const double *confidence, *correct; /* [n] */
    const double *brier;                /* [n] of the whole row, or NULL: of the two */
    int64_t n;
} pairs;

typedef struct {
    double n[FAB_ECE_BINS], confidence[FAB_ECE_BINS], correct[FAB_ECE_BINS];
} bins;

/* (lower, upper] as in Guo et al.; 0 belongs to the first. */
static int bin_of(double p)
{
    int b = (int)ceil(p * FAB_ECE_BINS) - 1;
    return b < 0 ? 0 : b >= FAB_ECE_BINS ? FAB_ECE_BINS - 1 : b;
}

static void fill(const pairs *q, const int32_t *times, bins *b)
{
    *b = (bins){ 0 };
    for (int64_t i = 0; i < q->n; i++) {
        int k = bin_of(q->confidence[i]);
        double t = times ? times[i] : 1;
        b->n[k] += t;
        b->confidence[k] += t * q->confidence[i];
        b->correct[k] += t * q->correct[i];
    }
}

/* Mean and largest distance of the bins' means; *most over bins of any size. */
static double ece_of(const bins *b, double *most)
{
    double sum = 0, n = 0;
    *most = 0;
    for (int k = 0; k < FAB_ECE_BINS; k++) {
        if (b->n[k] == 0) continue;
        double d = fabs(b->confidence[k] - b->correct[k]);
        sum += d, n += b->n[k];
        *most = fmax(*most, d / b->n[k]);
    }
    return n > 0 ? sum / n : NAN;
}

static void figures(void *arg, const int32_t *times, double *out)
{
    const pairs *q = arg;
    bins b;
    double most, sum = 0, n = 0, confidence = 0, correct = 0;
    fill(q, times, &b);
    out[0] = ece_of(&b, &most);
    for (int64_t i = 0; i < q->n; i++) {
        double d = q->confidence[i] - q->correct[i];
        sum += times[i] * (q->brier ? q->brier[i] : d * d);
        n += times[i];
        confidence += times[i] * q->confidence[i];
        correct += times[i] * q->correct[i];
    }
    out[1] = n > 0 ? sum / n : NAN;
    out[2] = n > 0 ? correct / n : NAN;
    out[3] = n > 0 ? (confidence - correct) / n : NAN;
}

static json_t *bins_json(const bins *b)
{
    json_t *list = json_array();
    for (int k = 0; k < FAB_ECE_BINS; k++) {
        if (b->n[k] == 0) continue;
        fab_interval v =
            fab_wilson((int64_t)llround(b->correct[k]), (int64_t)llround(b->n[k]), 0.95);
        json_array_append_new(list, json_pack("{s:f,s:f,s:I,s:f,s:f,s:o}", "from",
                                              (double)k / FAB_ECE_BINS, "to",
                                              (double)(k + 1) / FAB_ECE_BINS, "n",
                                              (json_int_t)llround(b->n[k]), "confidence",
                                              b->confidence[k] / b->n[k], "accuracy",
                                              b->correct[k] / b->n[k], "interval",
                                              fab_interval_json(&v)));
    }
    return list;
}

double fab_ece(const double *confidence, const double *correct, int64_t n)
{
    const pairs q = { confidence, correct, NULL, n };
    bins b;
    double most;
    fill(&q, NULL, &b);
    return ece_of(&b, &most);
}

/* The error that probabilities which come true would show of so few rows, each right or wrong: a
 * small set has a large one. at_least: the share of draws with an error as large as the measured. */
static json_t *by_chance(const pairs *q, double measured, uint64_t seed, fab_arena *a, fab_err *err)
{
    enum { DRAWS = 500 };
    double *right = fab_arena_take(a, (size_t)q->n * sizeof *right, err), sum = 0;
    int above = 0;
    fab_rng rng;
    fab_rng_init(&rng, seed);
    for (int d = 0; right && d < DRAWS; d++) {
        for (int64_t i = 0; i < q->n; i++)
            right[i] = (double)fab_rng_uniform(&rng) < q->confidence[i];
        double e = fab_ece(q->confidence, right, q->n);
        sum += e;
        above += e >= measured;
    }
    return right ? json_pack("{s:f,s:f}", "ece", sum / DRAWS, "at_least", (double)above / DRAWS)
                 : NULL;
}

static json_t *report(const pairs *q, const fab_measure_opts *opts, fab_arena *a, fab_err *err)
{
    fab_interval v[4];
    bins b;
    double most;
    fab_boot_opts boot = { .resamples = opts->resamples, .seed = opts->seed };
    if (!fab_boot(figures, (void *)(uintptr_t)q, q->n, 4, &boot, v, err)) return NULL;
    fill(q, NULL, &b);
    ece_of(&b, &most);
    json_t *chance = by_chance(q, v[0].value, opts->seed, a, err),
           *risk = chance ? fab_risk_json(q->confidence, q->correct, q->n, a, err) : NULL;
    if (!risk) return json_decref(chance), NULL;
    return json_pack("{s:I,s:f,s:f,s:f,s:f,s:f,s:{s:o,s:o,s:o,s:o},s:o,s:o,s:o}", "n",
                     (json_int_t)q->n, "accuracy", v[2].value, "ece", v[0].value, "mce", most,
                     "brier", v[1].value, "overconfidence", v[3].value, "interval", "accuracy",
                     fab_interval_json(&v[2]), "ece", fab_interval_json(&v[0]), "brier",
                     fab_interval_json(&v[1]), "overconfidence", fab_interval_json(&v[3]),
                     "by_chance", chance, "bins", bins_json(&b), "abstention", risk);
}

static json_t *class_json(const fab_predictions *p, int c, double *confidence, double *correct)
{
    pairs q = { confidence, correct, NULL, p->n };
    double most, brier = 0;
    bins b;
    for (int64_t i = 0; i < p->n; i++) {
        confidence[i] = p->scores[i * p->n_classes + c];
        correct[i] = p->truth[i] == c;
        brier += (confidence[i] - correct[i]) * (confidence[i] - correct[i]);
    }
    fill(&q, NULL, &b);
    double ece = ece_of(&b, &most);
    return json_pack("{s:f,s:f,s:f,s:o}", "ece", ece, "mce", most, "brier", brier / (double)p->n,
                     "bins", bins_json(&b));
}

static json_t *of_classes(const fab_predictions *p, const fab_measure_opts *o, fab_arena *a,
                          fab_err *err)
{
    fab_calibration c;
    double *confidence = fab_arena_take(a, (size_t)p->n * sizeof *confidence, err),
           *correct = fab_arena_take(a, (size_t)p->n * sizeof *correct, err),
           *brier = fab_arena_zero(a, (size_t)p->n * sizeof *brier, err);
    if (!confidence || !correct || !brier) return NULL;
    if (!fab_calibration_measure(p->scores, p->truth, p->n, p->n_classes, &c, err)) return NULL;
    for (int64_t i = 0; i < p->n; i++) {
        int called = fab_predictions_call(p, i);
        confidence[i] = p->scores[i * p->n_classes + called];
        correct[i] = called == p->truth[i];
        for (int k = 0; k < p->n_classes; k++) {
            double d = (double)p->scores[i * p->n_classes + k] - (k == p->truth[i]);
            brier[i] += d * d;
        }
    }
    pairs q = { confidence, correct, brier, p->n };
    json_t *v = report(&q, o, a, err), *per = json_object();
    for (int k = 0; v && k < p->n_classes; k++)
        json_object_set_new(per, p->names[k], class_json(p, k, confidence, correct));
    if (v) json_object_set_new(v, "nll", json_real(c.nll));
    if (v) json_object_set_new(v, "failed", json_integer(p->failed));
    if (v) json_object_set(v, "per_class", per);
    json_decref(per);
    return v;
}

json_t *fab_calibration_report(const fab_predictions *p, const fab_measure_opts *o, fab_err *err)
{
    static const fab_measure_opts none;
    fab_arena *a = fab_arena_new(0, err);
    json_t *v = a ? of_classes(p, o ? o : &none, a, err) : NULL;
    fab_arena_free(a);
    return v;
}

json_t *fab_confidence_report(const double *confidence, const double *correct, int64_t n,
                              const fab_measure_opts *o, fab_err *err)
{
    static const fab_measure_opts none;
    pairs q = { confidence, correct, NULL, n };
    for (int64_t i = 0; i < n; i++)
        if (!(confidence[i] >= 0 && confidence[i] <= 1 && correct[i] >= 0 && correct[i] <= 1))
            return fab_fail(err, FAB_EFORMAT,
                            "row %lld: a confidence of %g, correct %g: not in 0..1", (long long)i,
                            confidence[i], correct[i]),
                   NULL;
    fab_arena *a = fab_arena_new(0, err);
    json_t *v = a ? report(&q, o ? o : &none, a, err) : NULL;
    fab_arena_free(a);
    return v;
}
