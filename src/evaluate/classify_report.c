/* classify_report: "eval classify": the figures of class_scores.h, with intervals, operating
 * points, calibration and subgroups.
 *
 *   micro F1 = 2 tp / (2 tp + fp + fn) summed over classes: with one class a record, accuracy
 *   sensitivity at a specificity of s: called when score >= t, t the lowest score for which at
 *   least s of the others stay below it
 *
 * Intervals: percentile bootstrap over records; AUC of one class: DeLong; sensitivity: Wilson at
 * the threshold found.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "evaluate/calibrate.h"
#include "evaluate/class_scores.h"
#include "evaluate/numbers.h"
#include "evaluate/predictions.h"
#include "metrics/stats.h"

enum { CURVE = 200 }; /* points of a drawn curve at most */

/* ---- intervals of the whole ------------------------------------------------------------------ */

enum { ACCURACY, BALANCED, MACRO_F1, AUC, WHOLE };

typedef struct {
    const fab_predictions *p;
    int *called;          /* [n] */
    int32_t *order;       /* [C, n]: rows by rising score of the class */
    double *tp, *fn, *fp; /* [C] */
} whole;

static void count(const whole *w, const int32_t *times)
{
    int C = w->p->n_classes;
    for (int c = 0; c < C; c++) w->tp[c] = w->fn[c] = w->fp[c] = 0;
    for (int64_t i = 0; i < w->p->n; i++) {
        int t = w->p->truth[i], k = w->called[i];
        if (t == k) w->tp[t] += times[i];
        else w->fn[t] += times[i], w->fp[k] += times[i];
    }
}

/* Pairs of a positive above a negative; ties half. */
static double weighted_auc(const fab_predictions *p, int c, const int32_t *order,
                           const int32_t *times)
{
    double below = 0, positives = 0, won = 0;
    for (int64_t i = 0, end; i < p->n; i = end) {
        double pos = 0, neg = 0;
        float s = p->scores[(int64_t)order[i] * p->n_classes + c];
        for (end = i; end < p->n; end++) {
            int64_t row = order[end];
            if (p->scores[row * p->n_classes + c] != s) break;
            if (p->truth[row] == c) pos += times[row];
            else neg += times[row];
        }
        won += pos * (below + neg / 2);
        positives += pos, below += neg;
    }
    return positives > 0 && below > 0 ? won / (positives * below) : NAN;
}

static void figures(void *arg, const int32_t *times, double *out)
{
    whole *w = arg;
    double n = 0, right = 0, recall = 0, f1 = 0, auc = 0;
    int with = 0, defined = 0;
    count(w, times);
    for (int c = 0; c < w->p->n_classes; c++) {
        double have = w->tp[c] + w->fn[c];
        double a = weighted_auc(w->p, c, w->order + c * w->p->n, times);
        right += w->tp[c], n += have;
        if (!isnan(a)) auc += a, defined++;
        if (have == 0) continue;
        with++;
        recall += w->tp[c] / have;
        f1 += 2 * w->tp[c] / (have + w->tp[c] + w->fp[c]);
    }
    out[ACCURACY] = n > 0 ? right / n : NAN;
    out[BALANCED] = with ? recall / with : NAN;
    out[MACRO_F1] = with ? f1 / with : NAN;
    out[AUC] = defined ? auc / defined : NAN;
}

typedef struct {
    float score;
    int32_t row;
} ranked;

static int by_score(const void *a, const void *b)
{
    float x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x > y) - (x < y);
}

static bool whole_init(whole *w, const fab_predictions *p, fab_arena *a, fab_err *err)
{
    size_t C = (size_t)p->n_classes, n = (size_t)p->n;
    ranked *list = fab_arena_take(a, n * sizeof *list, err);
    w->p = p;
    w->called = fab_arena_take(a, n * sizeof *w->called, err);
    w->order = fab_arena_take(a, C * n * sizeof *w->order, err);
    w->tp = fab_arena_take(a, 3 * C * sizeof *w->tp, err);
    if (!list || !w->called || !w->order || !w->tp) return false;
    w->fn = w->tp + C, w->fp = w->fn + C;
    for (int64_t i = 0; i < p->n; i++) w->called[i] = fab_predictions_call(p, i);
    for (size_t c = 0; c < C; c++) {
        for (size_t i = 0; i < n; i++) list[i] = (ranked){ p->scores[i * C + c], (int32_t)i };
        qsort(list, n, sizeof *list, by_score);
        for (size_t i = 0; i < n; i++) w->order[c * n + i] = list[i].row;
    }
    return true;
}

static bool add_intervals(json_t *o, const fab_predictions *p, const fab_boot_opts *boot,
                          fab_arena *a, fab_err *err)
{
    whole w;
    fab_interval v[WHOLE];
    if (!whole_init(&w, p, a, err) || !fab_boot(figures, &w, p->n, WHOLE, boot, v, err))
        return false;
    json_object_set_new(o, "micro_f1", json_real(v[ACCURACY].value));
    json_object_set_new(o, "balanced_accuracy", fab_number_json(v[BALANCED].value));
    json_object_set_new(o, "interval",
                        json_pack("{s:o,s:o,s:o,s:o}", "accuracy", fab_interval_json(&v[ACCURACY]),
                                  "balanced_accuracy", fab_interval_json(&v[BALANCED]), "macro_f1",
                                  fab_interval_json(&v[MACRO_F1]), "auc",
                                  fab_interval_json(&v[AUC])));
    double kappa;
    if (!fab_kappa(p->truth, w.called, p->n, p->n_classes, FAB_KAPPA_PLAIN, &kappa, err))
        return false;
    json_object_set_new(o, "kappa", fab_number_json(kappa));
    return true;
}

/* ---- one class against the rest -------------------------------------------------------------- */

typedef struct {
    float *scores;     /* [n] */
    uint8_t *positive; /* [n] */
    ranked *list;      /* [n]: falling score */
    int64_t n, n_pos, n_neg;
} one_class;

static int falling(const void *a, const void *b) { return by_score(b, a); }

static void rank(one_class *k)
{
    k->n_pos = 0;
    for (int64_t i = 0; i < k->n; i++) {
        k->list[i] = (ranked){ k->scores[i], (int32_t)i };
        k->n_pos += k->positive[i];
    }
    k->n_neg = k->n - k->n_pos;
    qsort(k->list, (size_t)k->n, sizeof *k->list, falling);
}

/* Down the ranking, ties together, while at most 1 - specificity of the others are called. */
static json_t *operating_point(const one_class *k, double specificity)
{
    int64_t tp = 0, fp = 0, best_tp = 0, best_fp = 0;
    double threshold = NAN;
    for (int64_t i = 0, end; i < k->n; i = end) {
        for (end = i; end < k->n && k->list[end].score == k->list[i].score; end++) {
            tp += k->positive[k->list[end].row];
            fp += !k->positive[k->list[end].row];
        }
        if ((double)(k->n_neg - fp) < specificity * (double)k->n_neg - 1e-9) break;
        threshold = (double)k->list[i].score, best_tp = tp, best_fp = fp;
    }
    fab_interval v = fab_wilson(best_tp, k->n_pos, 0.95);
    return json_pack("{s:f,s:o,s:o,s:f,s:o}", "at", specificity, "sensitivity",
                     fab_number_json(v.value), "interval", fab_interval_json(&v), "specificity",
                     (double)(k->n_neg - best_fp) / (double)k->n_neg, "threshold",
                     fab_number_json(threshold));
}

static json_t *roc(const one_class *k)
{
    json_t *curve = json_pack("[[f,f]]", 0.0, 0.0);
    int64_t tp = 0, fp = 0, said = 0;
    for (int64_t i = 0, end; i < k->n; i = end) {
        for (end = i; end < k->n && k->list[end].score == k->list[i].score; end++) {
            tp += k->positive[k->list[end].row];
            fp += !k->positive[k->list[end].row];
        }
        if (end < k->n && (end - said) * CURVE < k->n) continue;
        said = end;
        json_array_append_new(curve, json_pack("[f,f]", (double)fp / (double)k->n_neg,
                                               (double)tp / (double)k->n_pos));
    }
    return curve;
}

/* auc_interval, auc_se, sensitivity_at and, when wanted, the curve. */
static bool add_operating(json_t *to, one_class *k, bool curves, fab_err *err)
{
    static const double at[] = { 0.8, 0.9, 0.95 };
    fab_delong d;
    rank(k);
    if (!fab_delong_auc(k->scores, k->positive, k->n, 0.95, &d, err)) return false;
    json_object_set_new(to, "auc_interval", fab_interval_json(&d.auc));
    json_object_set_new(to, "auc_se", fab_number_json(d.se));
    if (!k->n_pos || !k->n_neg) return true;
    json_t *points = json_array();
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        json_array_append_new(points, operating_point(k, at[i]));
    json_object_set_new(to, "sensitivity_at", points);
    if (curves) json_object_set_new(to, "roc", roc(k));
    return true;
}

static bool one_init(one_class *k, int64_t n, fab_arena *a, fab_err *err)
{
    k->n = n;
    k->scores = fab_arena_take(a, (size_t)n * sizeof *k->scores, err);
    k->positive = fab_arena_take(a, (size_t)n, err);
    k->list = fab_arena_take(a, (size_t)n * sizeof *k->list, err);
    return k->scores && k->positive && k->list;
}

static bool add_classes(json_t *o, const fab_predictions *p, bool curves, fab_arena *a,
                        fab_err *err)
{
    one_class k;
    if (!one_init(&k, p->n, a, err)) return false;
    for (int c = 0; c < p->n_classes; c++) {
        for (int64_t i = 0; i < p->n; i++) {
            k.scores[i] = p->scores[i * p->n_classes + c];
            k.positive[i] = p->truth[i] == c;
        }
        if (!add_operating(json_object_get(json_object_get(o, "per_class"), p->names[c]), &k,
                           curves, err))
            return false;
    }
    return true;
}

/* All classes but normal as one, when that is not one of them already. */
static int normal_class(const fab_predictions *p)
{
    static const char *const words[] = { "normal", "NORMAL", "Normal", "healthy", "正常" };
    for (int i = 0; i < p->n_classes; i++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (!strcmp(p->names[i], words[k])) return i;
    return -1;
}

static bool add_union(json_t *o, const fab_predictions *p, bool curves, fab_arena *a, fab_err *err)
{
    int normal = normal_class(p);
    bool pneumonia = true;
    double auc;
    one_class k;
    if (normal < 0 || p->n_classes < 3) return true;
    for (int i = 0; i < p->n_classes; i++)
        pneumonia = pneumonia && (i == normal || strstr(p->names[i], "pneumonia"));
    if (!one_init(&k, p->n, a, err)) return false;
    for (int64_t i = 0; i < p->n; i++) {
        k.scores[i] = -p->scores[i * p->n_classes + normal];
        k.positive[i] = p->truth[i] != normal;
    }
    if (!fab_auc(k.scores, k.positive, p->n, &auc, err)) return false;
    json_t *one = json_object();
    bool ok = add_operating(one, &k, curves, err);
    json_object_set_new(one, "n", json_integer(k.n_pos));
    json_object_set_new(one, "auc", fab_number_json(auc));
    json_object_set_new(json_object_get(o, "per_class"), pneumonia ? "pneumonia" : "abnormal", one);
    return ok;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool add_groups(json_t *o, const fab_predictions *p, const fab_measure_opts *opts,
                       fab_err *err)
{
    json_t *groups = json_object();
    bool ok = true;
    for (int i = 0; ok && i < opts->n_fields; i++) {
        json_t *one = fab_group_report(p, opts->fields[i], opts, err);
        ok = one && json_object_set_new(groups, opts->fields[i], one) == 0;
    }
    if (opts->n_fields) json_object_set(o, "subgroups", groups);
    json_decref(groups);
    return ok;
}

static bool add_calibration(json_t *o, const fab_predictions *p, fab_err *err)
{
    fab_calibration c;
    if (!fab_predictions_are_probabilities(p)) return true;
    if (!fab_calibration_measure(p->scores, p->truth, p->n, p->n_classes, &c, err)) return false;
    json_object_set_new(o, "calibration",
                        json_pack("{s:f,s:f,s:f}", "ece", c.ece, "brier", c.brier, "nll", c.nll));
    return true;
}

static json_t *report(const fab_predictions *p, const fab_measure_opts *opts, fab_arena *a,
                      fab_err *err)
{
    fab_classify_scores s;
    fab_boot_opts boot = { .resamples = opts->resamples, .seed = opts->seed };
    if (!fab_classify_measure(p->scores, p->truth, p->n, p->n_classes, a, &s, err)) return NULL;
    json_t *o = fab_classify_json(&s, p->names), *classes = json_array();
    for (int c = 0; c < p->n_classes; c++) json_array_append_new(classes, json_string(p->names[c]));
    json_object_set_new(o, "classes", classes);
    json_object_set_new(o, "failed", json_integer(p->failed));
    json_object_set_new(o, "method", json_string(p->method));
    json_object_set_new(o, "by_patient", json_integer(p->by_patient));
    if (o && add_intervals(o, p, &boot, a, err) && add_classes(o, p, opts->curves, a, err) &&
        add_union(o, p, opts->curves, a, err) && add_calibration(o, p, err) &&
        add_groups(o, p, opts, err))
        return o;
    json_decref(o);
    return NULL;
}

json_t *fab_classify_report(const fab_predictions *p, const fab_measure_opts *o, fab_err *err)
{
    static const fab_measure_opts none;
    fab_arena *a = fab_arena_new(0, err);
    json_t *v = a ? report(p, o ? o : &none, a, err) : NULL;
    fab_arena_free(a);
    return v;
}
