/* compare: two systems on the same records: the difference with its interval, approximate
 * randomisation, and McNemar where all points are 0 or 1. See ab.h.
 */
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "data/record.h"
#include "evaluate/ab.h"
#include "metrics/stats.h"

typedef struct {
    const char *field;
    fab_path_list ids;
    double *points; /* [ids.n] */
    int64_t cap;
} column;

static bool one(void *arg, const json_t *o, fab_err *err)
{
    column *c = arg;
    const char *id = fab_json_str(o, "id", err);
    const json_t *v = json_object_get(o, c->field);
    double x = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
    if (!id) return false;
    if (!json_is_boolean(v) && !json_is_number(v))
        return fab_fail(err, FAB_EFORMAT, "no field \"%.60s\" with a number or true or false",
                        c->field);
    if (fab_paths_find(&c->ids, id) >= 0)
        return fab_fail(err, FAB_EFORMAT, "id: \"%.60s\" is there already", id);
    int32_t at = fab_paths_add(&c->ids, id, err);
    if (at < 0) return false;
    if (at >= c->cap) {
        int64_t cap = c->cap ? 2 * c->cap : 256;
        if (!fab_grow((void **)&c->points, (size_t)cap, sizeof *c->points, err)) return false;
        c->cap = cap;
    }
    c->points[at] = x;
    return true;
}

static bool column_read(column *c, const char *path, const char *field, fab_err *err)
{
    c->field = field;
    if (!fab_paths_init(&c->ids, err) || !fab_jsonl_each(path, one, c, err)) return false;
    return c->ids.n || fab_fail(err, FAB_EFORMAT, "%s: no records", path);
}

static void column_clear(column *c)
{
    fab_paths_clear(&c->ids);
    fab_free(c->points);
}

/* b's points in the order of a. */
static double *joined(const column *a, const column *b, const char *path_a, const char *path_b,
                      fab_err *err)
{
    if (a->ids.n != b->ids.n)
        return fab_fail(err, FAB_EFORMAT, "%s has %d records, %s has %d", path_a, a->ids.n, path_b,
                        b->ids.n),
               NULL;
    double *y = fab_new_array((size_t)a->ids.n, sizeof *y, err);
    for (int32_t i = 0; y && i < a->ids.n; i++) {
        int32_t at = fab_paths_find(&b->ids, a->ids.paths[i]);
        if (at < 0) {
            fab_fail(err, FAB_EFORMAT, "%s has no record \"%.60s\", which %s has", path_b,
                     a->ids.paths[i], path_a);
            fab_free(y);
            return NULL;
        }
        y[i] = b->points[at];
    }
    return y;
}

static json_t *report(const double *x, const double *y, int64_t n, const fab_ab_opts *o,
                      fab_err *err)
{
    fab_boot_opts boot = { .resamples = o ? o->resamples : 0, .seed = o ? o->seed : 0 };
    fab_paired test;
    fab_interval d, a, b;
    int64_t only_a = 0, only_b = 0;
    bool binary = true;
    double *z = fab_new_array((size_t)n, sizeof *z, err);
    for (int64_t i = 0; z && i < n; i++) {
        z[i] = y[i] - x[i];
        binary = binary && (x[i] == 0 || x[i] == 1) && (y[i] == 0 || y[i] == 1);
        only_a += x[i] > y[i], only_b += y[i] > x[i];
    }
    bool ok = z && fab_boot_mean(z, n, &boot, &d, err) && fab_boot_mean(x, n, &boot, &a, err) &&
              fab_boot_mean(y, n, &boot, &b, err);
    boot.resamples = 0;
    ok = ok && fab_randomisation(y, x, n, &boot, &test, err);
    fab_free(z);
    if (!ok) return NULL;
    json_t *v = json_pack("{s:s,s:I,s:f,s:[f,f],s:f,s:[f,f],s:f,s:[f,f],s:f}", "kind", "paired",
                          "n", (json_int_t)n, "a", a.value, "a_interval", a.low, a.high, "b",
                          b.value, "b_interval", b.low, b.high, "difference", d.value, "interval",
                          d.low, d.high, "randomisation_p", test.p);
    fab_mcnemar_result m = fab_mcnemar(only_a, only_b);
    if (v && binary)
        json_object_set_new(v, "mcnemar",
                            json_pack("{s:I,s:I,s:f,s:f,s:f,s:f}", "only_a", (json_int_t)only_a,
                                      "only_b", (json_int_t)only_b, "chi2", m.chi2, "p_chi2",
                                      m.p_chi2, "p_exact", m.p_exact, "p", m.p));
    return v;
}

json_t *fab_ab_compare(const char *path_a, const char *path_b, const char *field,
                       const fab_ab_opts *o, fab_err *err)
{
    column a = { 0 }, b = { 0 };
    json_t *v = NULL;
    if (column_read(&a, path_a, field, err) && column_read(&b, path_b, field, err)) {
        double *y = joined(&a, &b, path_a, path_b, err);
        if (y) v = report(a.points, y, a.ids.n, o, err);
        fab_free(y);
    }
    column_clear(&a);
    column_clear(&b);
    return v;
}
