/* class_scores: see class_scores.h for the formulas. */
#include "evaluate/class_scores.h"
#include "evaluate/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    float score;
    uint8_t positive;
} scored;

static int by_score(const void *a, const void *b)
{
    float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x > y) - (x < y);
}

/* Ranks from 1; a run of equal scores shares its mean rank. list is sorted here. */
static double auc_of(scored *list, int64_t n)
{
    double ranks = 0;
    int64_t positives = 0;
    qsort(list, (size_t)n, sizeof *list, by_score);
    for (int64_t i = 0; i < n;) {
        int64_t end = i, here = 0;
        for (; end < n && list[end].score == list[i].score; end++) here += list[end].positive;
        ranks += (double)here * ((double)(i + 1 + end) / 2);
        positives += here;
        i = end;
    }
    int64_t negatives = n - positives;
    if (!positives || !negatives) return NAN;
    return (ranks - (double)positives * (double)(positives + 1) / 2) /
           ((double)positives * (double)negatives);
}

bool fab_auc(const float *scores, const uint8_t *positive, int64_t n, double *auc, fab_err *err)
{
    scored *list = fab_new_array((size_t)n + 1, sizeof *list, err);
    bool ok = list != NULL;
    for (int64_t i = 0; ok && i < n; i++) {
        list[i] = (scored){ scores[i], positive[i] != 0 };
        if (isnan(scores[i]))
            ok = fab_fail(err, FAB_EFORMAT, "score %lld is not a number", (long long)i);
    }
    if (ok) *auc = auc_of(list, n);
    fab_free(list);
    return ok;
}

static int largest(const float *row, int C)
{
    int best = 0;
    for (int c = 1; c < C; c++)
        if (row[c] > row[best]) best = c;
    return best;
}

static bool check(const float *scores, const int *truth, int64_t n, int C, fab_err *err)
{
    if (C < 1 || n < 0)
        return fab_fail(err, FAB_EFORMAT, "%lld examples of %d classes", (long long)n, C);
    for (int64_t i = 0; i < n; i++) {
        if (truth[i] < 0 || truth[i] >= C)
            return fab_fail(err, FAB_EFORMAT, "example %lld: class %d is not in 0..%d",
                            (long long)i, truth[i], C - 1);
        for (int c = 0; c < C; c++)
            if (isnan(scores[i * C + c]))
                return fab_fail(err, FAB_EFORMAT,
                                "example %lld: the score of class %d is not a number", (long long)i,
                                c);
    }
    return true;
}

static void class_scores(fab_classify_scores *s)
{
    int C = s->n_classes, with_examples = 0;
    int64_t right = 0;
    for (int c = 0; c < C; c++) {
        fab_class_score *k = &s->per_class[c];
        int64_t called = 0, hit = s->confusion[c * C + c];
        for (int i = 0; i < C; i++)
            called += s->confusion[i * C + c], k->n += s->confusion[c * C + i];
        k->precision = called ? (double)hit / (double)called : 0;
        k->recall = k->n ? (double)hit / (double)k->n : 0;
        k->f1 = k->n + called ? 2.0 * (double)hit / (double)(k->n + called) : 0;
        right += hit;
        with_examples += k->n > 0;
        if (k->n) s->macro_f1 += k->f1;
    }
    s->accuracy = s->n ? (double)right / (double)s->n : 0;
    if (with_examples) s->macro_f1 /= with_examples;
}

static void class_aucs(fab_classify_scores *s, const float *scores, const int *truth, scored *list)
{
    int defined = 0;
    double sum = 0;
    for (int c = 0; c < s->n_classes; c++) {
        for (int64_t i = 0; i < s->n; i++)
            list[i] = (scored){ scores[i * s->n_classes + c], truth[i] == c };
        double auc = s->per_class[c].auc = auc_of(list, s->n);
        if (!isnan(auc)) sum += auc, defined++;
    }
    s->auc = defined ? sum / defined : NAN;
}

bool fab_classify_measure(const float *scores, const int *truth, int64_t n, int C, fab_arena *a,
                          fab_classify_scores *out, fab_err *err)
{
    if (!check(scores, truth, n, C, err)) return false;
    *out = (fab_classify_scores){ .n = n, .n_classes = C };
    out->per_class = fab_arena_zero(a, (size_t)C * sizeof *out->per_class, err);
    out->confusion = fab_arena_zero(a, (size_t)C * (size_t)C * sizeof *out->confusion, err);
    scored *list = fab_new_array((size_t)n + 1, sizeof *list, err);
    bool ok = out->per_class && out->confusion && list;
    if (ok) {
        for (int64_t i = 0; i < n; i++) out->confusion[truth[i] * C + largest(scores + i * C, C)]++;
        class_scores(out);
        class_aucs(out, scores, truth, list);
    }
    fab_free(list);
    return ok;
}

/* ---- JSON ---- */

static json_t *class_json(const fab_class_score *k)
{
    return json_pack("{s:I,s:f,s:f,s:f,s:o}", "n", (json_int_t)k->n, "precision", k->precision,
                     "recall", k->recall, "f1", k->f1, "auc", fab_number_json(k->auc));
}

static json_t *confusion_json(const fab_classify_scores *s)
{
    json_t *rows = json_array();
    for (int t = 0; rows && t < s->n_classes; t++) {
        json_t *row = json_array();
        for (int c = 0; row && c < s->n_classes; c++)
            if (json_array_append_new(row, json_integer(s->confusion[t * s->n_classes + c]))) break;
        if (json_array_append_new(rows, row)) break;
    }
    return rows;
}

json_t *fab_classify_json(const fab_classify_scores *s, const char *const *names)
{
    json_t *per = json_object();
    bool ok = per != NULL;
    for (int c = 0; ok && c < s->n_classes; c++)
        ok = json_object_set_new(per, names[c], class_json(&s->per_class[c])) == 0;
    if (!ok) {
        json_decref(per);
        return NULL;
    }
    return json_pack("{s:I,s:f,s:f,s:o,s:o,s:o}", "n", (json_int_t)s->n, "accuracy", s->accuracy,
                     "macro_f1", s->macro_f1, "auc", fab_number_json(s->auc), "per_class", per,
                     "confusion", confusion_json(s));
}
