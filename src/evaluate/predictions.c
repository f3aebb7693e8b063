/* predictions: see predictions.h. */
#include "evaluate/predictions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

enum { MAX_CLASSES = 256 };

void fab_predictions_clear(fab_predictions *p)
{
    fab_free(p->scores);
    fab_free(p->truth);
    json_decref(p->records);
    fab_arena_free(p->arena);
    *p = (fab_predictions){ 0 };
}

bool fab_predictions_add(fab_predictions *p, json_t *record, int truth, const float *scores,
                         fab_err *err)
{
    size_t C = (size_t)p->n_classes;
    if (p->n == p->cap) {
        int64_t cap = p->cap ? 2 * p->cap : 256;
        if (!fab_grow((void **)&p->scores, (size_t)cap, C * sizeof *p->scores, err) ||
            !fab_grow((void **)&p->truth, (size_t)cap, sizeof *p->truth, err))
            return false;
        p->cap = cap;
    }
    if (!p->records) p->records = json_array();
    if (json_array_append(p->records, record) != 0)
        return fab_fail(err, FAB_ENOMEM, "out of memory for record %lld", (long long)p->n + 1);
    memcpy(p->scores + p->n * p->n_classes, scores, C * sizeof *scores);
    p->truth[p->n++] = truth;
    return true;
}

int fab_predictions_call(const fab_predictions *p, int64_t i)
{
    const float *row = p->scores + i * p->n_classes;
    int best = 0;
    for (int c = 1; c < p->n_classes; c++)
        if (row[c] > row[best]) best = c;
    return best;
}

bool fab_predictions_are_probabilities(const fab_predictions *p)
{
    for (int64_t i = 0; i < p->n; i++) {
        double sum = 0;
        for (int c = 0; c < p->n_classes; c++) {
            double v = p->scores[i * p->n_classes + c];
            if (!(v >= 0 && v <= 1.0001)) return false;
            sum += v;
        }
        if (fabs(sum - 1) > 1e-3) return false;
    }
    return p->n > 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The classes are those that the first record scores. */
static bool take_classes(fab_predictions *p, const json_t *record, fab_err *err)
{
    json_t *scores = json_object_get(record, "scores");
    size_t n = json_is_object(scores) ? json_object_size(scores) : 2;
    if (n < 2 || n > MAX_CLASSES)
        return fab_fail(err, FAB_EFORMAT, "scores: %zu classes, 2 to %d can be told apart", n,
                        MAX_CLASSES);
    p->names = fab_arena_take(p->arena, n * sizeof *p->names, err);
    if (!p->names) return false;
    p->n_classes = (int)n;
    if (!json_is_object(scores)) {
        p->names[0] = "negative", p->names[1] = "positive";
        return true;
    }
    const char *name;
    json_t *v;
    size_t i = 0;
    json_object_foreach(scores, name, v) if (!(p->names[i++] = fab_arena_strdup(p->arena, name,
                                                                                err))) return false;
    qsort(p->names, n, sizeof *p->names, by_text);
    return true;
}

static bool finite_score(const json_t *v, const char *of, float *out, fab_err *err)
{
    *out = (float)json_number_value(v);
    if (json_is_number(v) && isfinite(*out)) return true;
    return fab_fail(err, FAB_EFORMAT, "%s is not a finite number", of);
}

static bool read_scores(const fab_predictions *p, const json_t *record, float *out, fab_err *err)
{
    const json_t *scores = json_object_get(record, "scores"),
                 *one = json_object_get(record, "score");
    if (!json_is_object(scores)) {
        if (!one) return fab_fail(err, FAB_EFORMAT, "neither \"scores\" nor \"score\"");
        if (p->n_classes != 2 || strcmp(p->names[1], "positive"))
            return fab_fail(err, FAB_EFORMAT,
                            "a single \"score\", the first record has \"scores\"");
        if (!finite_score(one, "\"score\"", &out[1], err)) return false;
        out[0] = 1 - out[1];
        return true;
    }
    if ((int)json_object_size(scores) != p->n_classes)
        return fab_fail(err, FAB_EFORMAT, "scores: %zu classes, the first record has %d",
                        json_object_size(scores), p->n_classes);
    for (int c = 0; c < p->n_classes; c++) {
        char of[96];
        const json_t *v = json_object_get(scores, p->names[c]);
        if (!v)
            return fab_fail(err, FAB_EFORMAT, "scores: no class \"%.60s\", the first record has it",
                            p->names[c]);
        snprintf(of, sizeof of, "scores: \"%.60s\"", p->names[c]);
        if (!finite_score(v, of, &out[c], err)) return false;
    }
    return true;
}

static bool read_truth(const fab_predictions *p, const json_t *record, const char *label, int *out,
                       fab_err *err)
{
    const json_t *v = json_object_get(record, label);
    char text[80] = "";
    bool two = !json_is_object(json_object_get(record, "scores"));
    if (json_is_integer(v)) snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v)) snprintf(text, sizeof text, "%d", json_is_true(v));
    else if (json_is_string(v)) snprintf(text, sizeof text, "%.79s", json_string_value(v));
    else return fab_fail(err, FAB_EFORMAT, "no field \"%.60s\" with a class", label);
    if (two && (!strcmp(text, "0") || !strcmp(text, "1"))) return *out = *text == '1', true;
    for (*out = 0; *out < p->n_classes; ++*out)
        if (!strcmp(p->names[*out], text)) return true;
    return fab_fail(err, FAB_EFORMAT, "%.40s: \"%s\" is none of the %d classes that have scores",
                    label, text, p->n_classes);
}

static bool read_record(fab_predictions *p, json_t *record, const char *label, fab_err *err)
{
    float scores[MAX_CLASSES] = { 0 };
    int truth = 0;
    if (!json_is_object(record)) return fab_fail(err, FAB_EFORMAT, "an object expected");
    if (!p->n_classes && !take_classes(p, record, err)) return false;
    return read_scores(p, record, scores, err) && read_truth(p, record, label, &truth, err) &&
           fab_predictions_add(p, record, truth, scores, err);
}

static bool read_lines(fab_predictions *p, fab_jsonl *j, const char *label, int64_t limit,
                       fab_err *err)
{
    fab_err mine = FAB_ERR_INIT;
    json_t *record;
    p->method = "file";
    while (!mine.code && (limit <= 0 || p->n < limit) && (record = fab_jsonl_next(j, &mine))) {
        if (!read_record(p, record, label, &mine))
            fab_while(&mine, "%s line %lld", j->path, (long long)j->line);
        json_decref(record);
    }
    if (!mine.code && !p->n) fab_fail(&mine, FAB_EFORMAT, "%s: no records", j->path);
    return !mine.code || fab_fail(err, mine.code, "%s", mine.text);
}

bool fab_predictions_read(fab_predictions *p, const char *path, const char *label, int64_t limit,
                          fab_err *err)
{
    fab_jsonl j;
    *p = (fab_predictions){ .arena = fab_arena_new(0, err) };
    if (!p->arena || !fab_jsonl_open(&j, path, err)) return false;
    bool ok = read_lines(p, &j, label, limit, err);
    fab_jsonl_close(&j);
    return ok;
}

bool fab_predictions_parse(fab_predictions *p, const void *bytes, size_t size, const char *name,
                           const char *label, fab_err *err)
{
    fab_jsonl j;
    *p = (fab_predictions){ .arena = fab_arena_new(0, err) };
    if (!p->arena || !fab_jsonl_parse(&j, bytes, size, name)) return false;
    bool ok = read_lines(p, &j, label, 0, err);
    fab_jsonl_close(&j);
    return ok;
}

/* ---- writing --------------------------------------------------------------------------------- */

bool fab_predictions_write(const fab_predictions *p, const char *path, const char *label,
                           fab_err *err)
{
    fab_out out;
    if (!fab_out_open(&out, path, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < p->n; i++) {
        json_t *o = json_copy(json_array_get(p->records, (size_t)i)), *scores = json_object();
        for (int c = 0; c < p->n_classes; c++)
            json_object_set_new(scores, p->names[c],
                                json_real((double)p->scores[i * p->n_classes + c]));
        if (o && !json_object_get(o, label))
            json_object_set_new(o, label, json_string(p->names[p->truth[i]]));
        ok = (o && json_object_set_new(o, "scores", scores) == 0 &&
              json_dumpf(o, out.stream, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 &&
              fab_out_write(&out, "\n", 1, err)) ||
             fab_fail(err, FAB_EIO, "%s: cannot be written", path);
        json_decref(o);
    }
    ok = ok && fab_out_commit(&out, err);
    fab_out_abort(&out);
    return ok;
}

/* ---- answers --------------------------------------------------------------------------------- */

typedef struct {
    const char *names[2]; /* confidence, correct */
    double *values[2];    /* [n], NULL while counting */
    int64_t n;
} columns;

static bool answer_row(void *arg, const json_t *o, fab_err *err)
{
    columns *k = arg;
    for (int i = 0; i < 2; i++) {
        const json_t *v = json_object_get(o, k->names[i]);
        double x = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
        if (!json_is_boolean(v) && !json_is_number(v))
            return fab_fail(err, FAB_EFORMAT, "no field \"%.60s\" with a number", k->names[i]);
        if (!(x >= 0 && x <= 1))
            return fab_fail(err, FAB_EFORMAT, "%.60s: %g is not in 0..1", k->names[i], x);
        if (k->values[i]) k->values[i][k->n] = x;
    }
    k->n++;
    return true;
}

bool fab_confidence_read(const char *path, const char *confidence, const char *correct,
                         fab_arena *a, double **c, double **r, int64_t *n, fab_err *err)
{
    columns k = { { confidence, correct }, { NULL, NULL }, 0 };
    if (!fab_jsonl_each(path, answer_row, &k, err)) return false;
    if (!k.n) return fab_fail(err, FAB_EFORMAT, "%s: no records", path);
    *n = k.n;
    *c = k.values[0] = fab_arena_take(a, (size_t)k.n * sizeof(double), err);
    *r = k.values[1] = fab_arena_take(a, (size_t)k.n * sizeof(double), err);
    k.n = 0;
    return *c && *r && fab_jsonl_each(path, answer_row, &k, err);
}
