/* group: how well subgroups fare, and whether the gap between the best and the worst of them is
 * more than chance.
 *
 * A field of text makes a row per value; numbers with more than 8 values make bands, "age" by 20
 * years, others at their quartiles. Records without the field are a row of their own, "(none)",
 * that takes no part in the gap; neither do rows of fewer than 10 records. The gap's interval is
 * the bootstrap of the difference between the two rows that the data put first and last, and
 * p_holm the smallest two-proportion p of all pairs of rows after Holm.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "data/record.h"
#include "evaluate/class_scores.h"
#include "evaluate/numbers.h"
#include "evaluate/predictions.h"
#include "metrics/stats.h"

enum { MAX_ROWS = 32, FEW_VALUES = 8, SMALL = 10 };

typedef struct {
    const fab_predictions *p;
    const uint8_t *right; /* [n] */
    const int32_t *row;   /* [n] */
    int rows, best, worst;
    int64_t n[MAX_ROWS], hits[MAX_ROWS];
} groups;

static const json_t *value(const fab_predictions *p, int64_t i, const char *field)
{
    const json_t *v = json_object_get(json_array_get(p->records, (size_t)i), field);
    return v && !json_is_null(v) ? v : NULL;
}

/* ---- bands of numbers ------------------------------------------------------------------------ */

typedef struct {
    double edge[3]; /* a number belongs to the band of the first edge it lies below */
    int edges;      /* 0: every value is its own row */
    bool age;
} bands;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool find_bands(const fab_predictions *p, const char *field, bands *b, fab_err *err)
{
    double *x = fab_new_array((size_t)p->n + 1, sizeof *x, err);
    int64_t n = 0, different = 0;
    *b = (bands){ 0 };
    if (!x) return false;
    for (int64_t i = 0; i < p->n; i++) {
        const json_t *v = value(p, i, field);
        if (json_is_number(v)) x[n++] = json_number_value(v);
    }
    qsort(x, (size_t)n, sizeof *x, by_value);
    for (int64_t i = 0; i < n; i++) different += i == 0 || x[i] != x[i - 1];
    if (different > FEW_VALUES) {
        b->age = !strcmp(field, "age");
        b->edges = 3;
        for (int k = 0; k < 3; k++) b->edge[k] = fab_quantile_sorted(x, n, 0.25 * (k + 1));
    }
    fab_free(x);
    return true;
}

static char *band_name(const bands *b, double x, fab_arena *a, fab_err *err)
{
    if (!b->edges) return fab_arena_printf(a, err, "%g", x);
    if (b->age) {
        int low = x < 0 ? 0 : x >= 80 ? 80 : 20 * (int)(x / 20);
        return low == 80 ? fab_arena_strdup(a, "80+", err)
                         : fab_arena_printf(a, err, "%02d-%d", low, low + 19);
    }
    for (int k = 0; k < 3; k++)
        if (x < b->edge[k])
            return k ? fab_arena_printf(a, err, "%d: %g to <%g", k + 1, b->edge[k - 1], b->edge[k])
                     : fab_arena_printf(a, err, "1: <%g", b->edge[0]);
    return fab_arena_printf(a, err, "4: >=%g", b->edge[2]);
}

static const char *name_of(const json_t *v, const bands *b, fab_arena *a, fab_err *err)
{
    if (!v) return "(none)";
    if (json_is_string(v)) return *json_string_value(v) ? json_string_value(v) : "(none)";
    if (json_is_number(v)) return band_name(b, json_number_value(v), a, err);
    if (json_is_boolean(v)) return json_is_true(v) ? "true" : "false";
    return "(other)";
}

/* ---- figures --------------------------------------------------------------------------------- */

static void gap_of(void *arg, const int32_t *times, double *out)
{
    const groups *g = arg;
    double hits[2] = { 0 }, n[2] = { 0 };
    for (int64_t i = 0; i < g->p->n; i++) {
        int k = g->row[i] == g->best ? 0 : g->row[i] == g->worst ? 1 : -1;
        if (k < 0) continue;
        n[k] += times[i];
        hits[k] += times[i] * g->right[i];
    }
    *out = n[0] > 0 && n[1] > 0 ? hits[0] / n[0] - hits[1] / n[1] : NAN;
}

/* AUC of a row: DeLong for two classes, else the mean of the classes', without an interval. */
static bool row_auc(const groups *g, int row, fab_arena *a, json_t *to, fab_err *err)
{
    const fab_predictions *p = g->p;
    float *s = fab_arena_take(a, (size_t)p->n * sizeof *s, err);
    uint8_t *y = fab_arena_take(a, (size_t)p->n, err);
    double sum = 0;
    int defined = 0;
    fab_delong d = { 0 };
    if (!s || !y) return false;
    for (int c = 0; c < p->n_classes; c++) {
        int64_t m = 0;
        for (int64_t i = 0; i < p->n; i++)
            if (g->row[i] == row) s[m] = p->scores[i * p->n_classes + c], y[m++] = p->truth[i] == c;
        if (!fab_delong_auc(s, y, m, 0.95, &d, err)) return false;
        if (!isnan(d.auc.value)) sum += d.auc.value, defined++;
    }
    json_object_set_new(to, "auc", fab_number_json(defined ? sum / defined : NAN));
    if (p->n_classes == 2) json_object_set_new(to, "auc_interval", fab_interval_json(&d.auc));
    return true;
}

static bool holm_of_pairs(const groups *g, const bool *counts, double *p_holm, fab_err *err)
{
    double p[MAX_ROWS * MAX_ROWS / 2];
    int64_t n = 0;
    *p_holm = 1;
    for (int i = 0; i < g->rows; i++)
        for (int j = i + 1; j < g->rows; j++) {
            fab_two_shares t;
            if (!counts[i] || !counts[j]) continue;
            if (!fab_two_proportions(g->hits[i], g->n[i], g->hits[j], g->n[j], 0.95, &t, err))
                return false;
            p[n++] = t.p;
        }
    if (!fab_holm(p, n, p, err)) return false;
    for (int64_t i = 0; i < n; i++) *p_holm = fmin(*p_holm, p[i]);
    return true;
}

static bool add_gap(json_t *o, groups *g, const fab_path_list *names, const fab_measure_opts *opts,
                    fab_err *err)
{
    bool counts[MAX_ROWS];
    double share[MAX_ROWS], p_holm;
    fab_interval gap;
    fab_boot_opts boot = { .resamples = opts->resamples, .seed = opts->seed };
    g->best = g->worst = -1;
    for (int r = 0; r < g->rows; r++) {
        counts[r] = g->n[r] >= SMALL && strcmp(names->paths[r], "(none)") != 0;
        share[r] = g->n[r] ? (double)g->hits[r] / (double)g->n[r] : 0;
        if (!counts[r]) continue;
        if (g->best < 0 || share[r] > share[g->best]) g->best = r;
        if (g->worst < 0 || share[r] < share[g->worst]) g->worst = r;
    }
    if (g->best == g->worst) return true; /* one row, or all alike */
    if (!fab_boot(gap_of, g, g->p->n, 1, &boot, &gap, err) ||
        !holm_of_pairs(g, counts, &p_holm, err))
        return false;
    json_object_set_new(o, "gap",
                        json_pack("{s:s,s:s,s:f,s:o,s:f}", "best", names->paths[g->best], "worst",
                                  names->paths[g->worst], "accuracy", gap.value, "interval",
                                  fab_interval_json(&gap), "p_holm", p_holm));
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_rows(json_t *rows, const groups *g, const fab_path_list *names, fab_arena *a,
                     fab_err *err)
{
    const char *sorted[MAX_ROWS];
    for (int r = 0; r < g->rows; r++) sorted[r] = names->paths[r];
    qsort(sorted, (size_t)g->rows, sizeof *sorted, by_name);
    for (int k = 0; k < g->rows; k++) {
        int r = fab_paths_find(names, sorted[k]);
        fab_interval v = fab_wilson(g->hits[r], g->n[r], 0.95);
        json_t *one = json_pack("{s:I,s:o,s:o}", "n", (json_int_t)g->n[r], "accuracy",
                                fab_number_json(v.value), "interval", fab_interval_json(&v));
        bool ok = row_auc(g, r, a, one, err);
        json_object_set_new(rows, sorted[k], one);
        if (!ok) return false;
    }
    return true;
}

static json_t *report(groups *g, const char *field, const fab_measure_opts *opts,
                      fab_path_list *names, fab_arena *a, fab_err *err)
{
    const fab_predictions *p = g->p;
    uint8_t *right = fab_arena_take(a, (size_t)p->n, err);
    int32_t *row = fab_arena_take(a, (size_t)p->n * sizeof *row, err);
    bands b;
    int64_t have = 0;
    if (!right || !row || !find_bands(p, field, &b, err)) return NULL;
    for (int64_t i = 0; i < p->n; i++) {
        const json_t *v = value(p, i, field);
        const char *name = name_of(v, &b, a, err);
        if (!name || (row[i] = fab_paths_add(names, name, err)) < 0) return NULL;
        if (names->n > MAX_ROWS)
            return fab_fail(err, FAB_ELIMIT, "field \"%.60s\" has more than %d values", field,
                            MAX_ROWS),
                   NULL;
        right[i] = fab_predictions_call(p, i) == p->truth[i];
        have += v != NULL;
        g->n[row[i]]++, g->hits[row[i]] += right[i];
    }
    if (!have) return fab_fail(err, FAB_EFORMAT, "no record has a field \"%.60s\"", field), NULL;
    g->right = right, g->row = row, g->rows = names->n;
    json_t *o = json_object(), *rows = json_object();
    bool ok = add_rows(rows, g, names, a, err);
    json_object_set_new(o, "rows", rows);
    if (ok && add_gap(o, g, names, opts, err)) return o;
    json_decref(o);
    return NULL;
}

json_t *fab_group_report(const fab_predictions *p, const char *field, const fab_measure_opts *o,
                         fab_err *err)
{
    groups g = { .p = p };
    fab_path_list names = { 0 };
    fab_arena *a = fab_arena_new(0, err);
    json_t *v = a && fab_paths_init(&names, err) ? report(&g, field, o, &names, a, err) : NULL;
    fab_paths_clear(&names);
    fab_arena_free(a);
    return v;
}
