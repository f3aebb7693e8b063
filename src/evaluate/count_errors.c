/* count_errors: see count_errors.h. */
#include "evaluate/count_errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "evaluate/numbers.h"

enum { KINDS = FAB_COUNTER_KINDS, ASKED = FAB_LANGS * KINDS, MOST = 100000 };

static const char *const fields[KINDS] = { "WBC", "RBC", "Platelets" };
static const char *const questions[ASKED] = {
    "How many white blood cells are in this image?",
    "How many red blood cells are in this image?",
    "How many platelets are in this image?",
    "图中有多少个白细胞?",
    "图中有多少个红细胞?",
    "图中有多少个血小板?",
};

typedef struct {
    double truth[KINDS], said[ASKED]; /* said NaN: no number */
} row;

typedef struct {
    fab_engine *e;
    const fab_eval_opts *o;
    const char *dir;
    fab_arena *arena; /* of paths and answers, reset with every record */
    row *rows;
    int64_t n, cap, seen, failed;
} job;

/* The answer's number when it begins with one. */
static double number_in(const char *answer)
{
    char *end;
    double v = strtod(answer, &end);
    return end > answer && isfinite(v) && v >= 0 && v <= MOST ? v : NAN;
}

static bool truth_of(const json_t *record, row *out, fab_err *err)
{
    const json_t *counts = json_object_get(record, "counts");
    if (!json_is_object(counts))
        return fab_fail(err, FAB_EFORMAT, "no field \"counts\" with an object");
    for (int k = 0; k < KINDS; k++) {
        const json_t *v = json_object_get(counts, fields[k]);
        json_int_t n = v ? json_integer_value(v) : 0;
        if ((v && !json_is_integer(v)) || n < 0 || n > MOST)
            return fab_fail(err, FAB_EFORMAT, "counts.%s: not a whole number of 0 to %d", fields[k],
                            MOST);
        out->truth[k] = (double)n;
    }
    return true;
}

static bool ask(job *j, const json_t *record, row *out, fab_err *err)
{
    const fab_ask_opts how = { .max_tokens = 8 };
    fab_image_opts open = FAB_IMAGE_OPTS_DEFAULTS;
    fab_answer a[ASKED];
    const char *image = fab_json_str(record, "image", err);
    const char *path = image ? fab_path_join(j->arena, j->dir, image, err) : NULL;
    if (!path || !truth_of(record, out, err)) return false;
    open.no_raw = true;
    fab_image *im = fab_image_open(path, &open, err);
    const fab_look *look = im ? fab_engine_look(j->e, im, err) : NULL;
    fab_image_free(im);
    bool ok = look && fab_engine_ask_many(j->e, look, questions, ASKED, &how, j->arena, a, err);
    fab_look_unref(look);
    for (int k = 0; ok && k < ASKED; k++) out->said[k] = number_in(a[k].text);
    return ok;
}

static bool one_record(void *arg, const json_t *o, fab_err *err)
{
    job *j = arg;
    fab_err bad = FAB_ERR_INIT;
    if (j->o->limit > 0 && j->seen >= j->o->limit) return true;
    j->seen++;
    fab_arena_reset(j->arena);
    if (j->n == j->cap) {
        int64_t cap = j->cap ? 2 * j->cap : 128;
        if (!fab_grow((void **)&j->rows, (size_t)cap, sizeof *j->rows, err)) return false;
        j->cap = cap;
    }
    if (ask(j, o, &j->rows[j->n], &bad)) j->n++;
    else if (bad.code == FAB_ENOMEM) return fab_fail(err, bad.code, "%s", bad.text);
    else {
        char s[600];
        const char *id = fab_json_str(o, "id", NULL);
        snprintf(s, sizeof s, "record %lld%s%.80s: %s", (long long)j->seen, id ? ", " : "",
                 id ? id : "", bad.text);
        j->failed++;
        if (j->o->on_bad) j->o->on_bad(j->o->arg, s);
    }
    if (j->o->on_step) j->o->on_step(j->o->arg, j->seen, j->o->limit);
    return true;
}

/* ---- figures --------------------------------------------------------------------------------- */

enum { MAE, RELATIVE, BIAS, EXACT, FIGURES };

typedef struct {
    const row *rows;
    int64_t n;
    int kind, asked; /* asked: which of the answers */
} sample;

static void figures(void *arg, const int32_t *times, double out[FIGURES])
{
    const sample *s = arg;
    double n = 0, off = 0, bias = 0, exact = 0, truth = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const row *r = &s->rows[i];
        double t = times ? times[i] : 1, e = r->said[s->asked] - r->truth[s->kind];
        if (!isfinite(e)) continue;
        n += t, off += t * fabs(e), bias += t * e, exact += t * (fabs(e) < 0.5);
        truth += t * r->truth[s->kind];
    }
    out[MAE] = n > 0 ? off / n : NAN;
    out[RELATIVE] = truth > 0 ? off / truth : NAN;
    out[BIAS] = n > 0 ? bias / n : NAN;
    out[EXACT] = n > 0 ? exact / n : NAN;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The least mean absolute error of a number that is always said: the median's. */
static double constant_error(const sample *s, fab_arena *a, fab_err *err)
{
    double *t = fab_arena_take(a, (size_t)s->n * sizeof *t, err), sum = 0;
    if (!t) return NAN;
    for (int64_t i = 0; i < s->n; i++) t[i] = s->rows[i].truth[s->kind];
    qsort(t, (size_t)s->n, sizeof *t, by_size);
    for (int64_t i = 0; i < s->n; i++) sum += fabs(t[i] - t[s->n / 2]);
    return sum / (double)s->n;
}

static json_t *kind_json(const job *j, int kind, fab_err *err)
{
    static const char *const names[FIGURES] = { "mae", "relative", "bias", "exact" };
    sample s = { j->rows, j->n, kind, kind };
    fab_interval v[FIGURES];
    int64_t said = 0, agree = 0;
    double truth = 0;
    for (int64_t i = 0; i < j->n; i++) {
        const double *a = j->rows[i].said;
        said += isfinite(a[kind]);
        agree += isfinite(a[kind]) && a[kind] == a[kind + KINDS];
        truth += j->rows[i].truth[kind] / (double)j->n;
    }
    if (!fab_boot(figures, &s, j->n, FIGURES, &j->o->boot, v, err)) return NULL;
    json_t *o =
        json_pack("{s:I, s:f, s:o, s:f, s:o}", "answered", (json_int_t)said, "mean", truth,
                  "constant_mae", fab_number_json(constant_error(&s, j->arena, err)),
                  "same_in_chinese", (double)agree / (double)j->n, "interval", json_object());
    for (int k = 0; o && k < FIGURES; k++) {
        json_object_set_new(o, names[k], fab_number_json(v[k].value));
        json_object_set_new(json_object_get(o, "interval"), names[k], fab_interval_json(&v[k]));
    }
    return o;
}

static json_t *report(const job *j, fab_err *err)
{
    json_t *v = json_pack("{s:I, s:I, s:b}", "n", (json_int_t)j->n, "failed", (json_int_t)j->failed,
                          "counted", fab_engine_model(j->e)->counter.dim > 0);
    for (int k = 0; v && k < KINDS; k++) {
        json_t *one = kind_json(j, k, err);
        if (!one) json_decref(v), v = NULL;
        else json_object_set_new(v, fab_counter_codes[k], one);
    }
    if (!v && !err->code) fab_fail(err, FAB_ENOMEM, "no memory for the report");
    return v;
}

json_t *fab_eval_count(fab_engine *e, const char *path, const char *images_dir,
                       const fab_eval_opts *opts, fab_err *err)
{
    fab_eval_opts o = opts ? *opts : (fab_eval_opts){ 0 };
    json_t *v = NULL;
    fab_arena *keep = fab_arena_new(0, err);
    job j = { .e = e, .o = &o, .arena = fab_arena_new(0, err) };
    if (keep && j.arena) {
        j.dir = images_dir ? images_dir : fab_path_dir(keep, path, err);
        bool ok = j.dir && fab_jsonl_each(path, one_record, &j, err);
        if (ok && !j.n)
            ok = fab_fail(err, FAB_EFORMAT, "%s: none of %lld records could be used", path,
                          (long long)j.seen);
        if (ok) v = report(&j, err);
    }
    fab_free(j.rows);
    fab_arena_free(j.arena);
    fab_arena_free(keep);
    return v;
}
