/* vqa_json: what "eval vqa" reports beside the contract of vqa.h: intervals, the share of the score
 * that survives without the picture, tables by question type, organ and modality, abstention.
 *
 * Questions about one picture are drawn together in the bootstrap: they are not independent.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "evaluate/numbers.h"
#include "evaluate/risk.h"
#include "evaluate/run.h"

enum { PARTS = 3, MAX_ROWS = 64 }; /* overall, open, closed */

static const char *const part_names[PARTS] = { "overall", "open", "closed" };
static const char *const view_names[FAB_VQA_VIEWS] = { "model", "question_only", "blank_image",
                                                       "shuffled_image", "mirrored_image" };

/* ---- passes ---------------------------------------------------------------------------------- */

typedef struct {
    const fab_eval_vqa *v;
    const fab_qa *items;
} passes;

/* out: PARTS means per view; then for each view but the model's the share of the model's score;
 * then the model's score less the view's. */
static void means(void *arg, const int32_t *times, double *out)
{
    const passes *p = arg;
    for (int view = 0; view < FAB_VQA_VIEWS; view++) {
        double sum[PARTS] = { 0 }, n[PARTS] = { 0 };
        const double *points = p->v->pass[view].points;
        for (int64_t i = 0; points && i < p->v->n; i++) {
            int part = p->items[i].closed ? 2 : 1;
            sum[0] += times[i] * points[i], sum[part] += times[i] * points[i];
            n[0] += times[i], n[part] += times[i];
        }
        for (int k = 0; k < PARTS; k++) out[view * PARTS + k] = n[k] > 0 ? sum[k] / n[k] : NAN;
    }
    double *share = out + FAB_VQA_VIEWS * PARTS, *gain = share + FAB_VQA_VIEWS;
    for (int view = 0; view < FAB_VQA_VIEWS; view++) {
        share[view] = *out > 0 ? out[view * PARTS] / *out : NAN;
        gain[view] = *out - out[view * PARTS];
    }
}

/* Cluster numbers: records of one picture share one; a record without a picture stands alone. */
static int32_t *clusters(const fab_qa *items, int64_t n, int32_t pictures, fab_arena *a,
                         fab_err *err)
{
    int32_t *c = fab_arena_take(a, ((size_t)n + 1) * sizeof *c, err), next = 0;
    int32_t *of = fab_arena_take(a, ((size_t)pictures + 1) * sizeof *of, err);
    if (!c || !of) return NULL;
    for (int32_t i = 0; i < pictures; i++) of[i] = -1;
    for (int64_t i = 0; i < n; i++) {
        int32_t image = items[i].image;
        if (image >= 0 && of[image] >= 0) c[i] = of[image];
        else c[i] = next++;
        if (image >= 0) of[image] = c[i];
    }
    return c;
}

static void add_intervals(json_t *to, const fab_interval *v)
{
    json_t *o = json_object();
    for (int k = 0; k < PARTS; k++)
        if (isfinite(v[k].low)) json_object_set_new(o, part_names[k], fab_interval_json(&v[k]));
    json_object_set_new(to, "interval", o);
}

static bool add_passes(json_t *o, const fab_eval_vqa *v, const fab_qa_set *set,
                       const fab_boot_opts *boot, fab_err *err)
{
    enum { K = FAB_VQA_VIEWS * PARTS + 2 * FAB_VQA_VIEWS };
    passes p = { v, set->items };
    fab_interval got[K], *share = got + FAB_VQA_VIEWS * PARTS, *gain = share + FAB_VQA_VIEWS;
    if (!fab_boot(means, &p, v->n, K, boot, got, err)) return false;
    json_t *survives = json_object();
    for (int view = 0; view < FAB_VQA_VIEWS; view++) {
        json_t *at = view ? json_object_get(o, view_names[view]) : o;
        fab_paired test;
        if (!v->pass[view].asked) continue;
        if (!at) json_object_set_new(o, view_names[view], fab_vqa_json(&v->pass[view].scores));
        at = view ? json_object_get(o, view_names[view]) : o;
        add_intervals(at, got + view * PARTS);
        if (!view) continue;
        fab_boot_opts trials = { .seed = boot->seed, .cluster = boot->cluster };
        if (!fab_randomisation(v->pass[0].points, v->pass[view].points, v->n, &trials, &test,
                               err)) {
            json_decref(survives);
            return false;
        }
        json_object_set_new(survives, view_names[view],
                            json_pack("{s:o,s:o,s:o,s:o,s:f}", "share",
                                      fab_number_json(share[view].value), "interval",
                                      fab_interval_json(&share[view]), "gain",
                                      fab_number_json(gain[view].value), "gain_interval",
                                      fab_interval_json(&gain[view]), "p", test.p));
    }
    json_object_set_new(o, "survives", survives);
    return true;
}

/* Where left and right matter, a mirrored picture should cost points; elsewhere it should not. */
static void add_sides(json_t *o, const fab_eval_vqa *v, const fab_qa *items)
{
    double seen[2] = { 0 }, mirrored[2] = { 0 };
    int64_t n[2] = { 0, 0 };
    if (!v->pass[FAB_VQA_MIRRORED].asked) return;
    for (int64_t i = 0; i < v->n; i++) {
        int side = !items[i].flip_ok;
        seen[side] += v->pass[0].points[i];
        mirrored[side] += v->pass[FAB_VQA_MIRRORED].points[i];
        n[side]++;
    }
    static const char *const names[] = { "side_not_asked", "side_asked" };
    for (int k = 0; k < 2; k++)
        if (n[k])
            json_object_set_new(o, names[k],
                                json_pack("{s:I,s:f,s:f}", "n", (json_int_t)n[k], "overall",
                                          seen[k] / (double)n[k], "mirrored_image",
                                          mirrored[k] / (double)n[k]));
}

/* ---- tables ---------------------------------------------------------------------------------- */

typedef struct {
    const fab_qa *items;
    const double *points;
    int32_t (*member)[2]; /* record, row */
    int64_t n_members;
    fab_path_list names;
} table;

static void row_means(void *arg, const int32_t *times, double *out)
{
    const table *t = arg;
    double n[MAX_ROWS] = { 0 };
    for (int r = 0; r < t->names.n; r++) out[r] = 0;
    for (int64_t i = 0; i < t->n_members; i++) {
        int32_t at = t->member[i][0], row = t->member[i][1];
        out[row] += times[at] * t->points[at];
        n[row] += times[at];
    }
    for (int r = 0; r < t->names.n; r++) out[r] = n[r] > 0 ? out[r] / n[r] : NAN;
}

/* "PRES, ATTRIB" belongs to both rows. Names beyond the table are left out. */
static bool join(table *t, int64_t record, const char *value, fab_arena *a, fab_err *err)
{
    for (int k = 0; k < 4 && *value; k++) {
        size_t n = strcspn(value, ",");
        char *name = fab_arena_printf(a, err, "%.*s", (int)(n < 60 ? n : 60), value);
        if (!name) return false;
        while (*name == ' ') name++;
        int32_t row = fab_paths_find(&t->names, name);
        if (row < 0 && t->names.n < MAX_ROWS && (row = fab_paths_add(&t->names, name, err)) < 0)
            return false;
        if (row >= 0 && *name) {
            t->member[t->n_members][0] = (int32_t)record;
            t->member[t->n_members++][1] = row;
        }
        value += n + (value[n] == ',');
    }
    return true;
}

static json_t *row_json(const table *t, int row, const fab_interval *v)
{
    double sum[PARTS] = { 0 };
    int64_t n[PARTS] = { 0 };
    for (int64_t i = 0; i < t->n_members; i++) {
        if (t->member[i][1] != row) continue;
        const fab_qa *q = &t->items[t->member[i][0]];
        double points = t->points[t->member[i][0]];
        int part = q->closed ? 2 : 1;
        sum[0] += points, sum[part] += points, n[0]++, n[part]++;
    }
    fab_interval ci = *v; /* all right or all wrong: resamples are so too, and say nothing */
    if (v->low == v->high && (v->value == 0 || v->value == 1))
        ci = fab_wilson((int64_t)v->value * n[0], n[0], 0.95);
    return json_pack("{s:I,s:f,s:o,s:o,s:o}", "n", (json_int_t)n[0], "overall", v->value, "open",
                     fab_number_json(n[1] ? sum[1] / (double)n[1] : NAN), "closed",
                     fab_number_json(n[2] ? sum[2] / (double)n[2] : NAN), "interval",
                     fab_interval_json(&ci));
}

typedef const char *(*field_fn)(const fab_qa *q);
static const char *lang_of(const fab_qa *q) { return q->lang == FAB_ZH ? "zh" : "en"; }
static const char *type_of(const fab_qa *q) { return q->content_type; }
static const char *organ_of(const fab_qa *q) { return q->organ; }
static const char *modality_of(const fab_qa *q) { return q->modality; }

static bool add_table(json_t *o, const char *name, const fab_eval_vqa *v, const fab_qa *items,
                      field_fn field, const fab_boot_opts *boot, fab_arena *a, fab_err *err)
{
    table t = { .items = items, .points = v->pass[0].points };
    fab_interval got[MAX_ROWS];
    t.member = fab_arena_take(a, (size_t)(4 * v->n + 1) * sizeof *t.member, err);
    bool ok = t.member && fab_paths_init(&t.names, err);
    for (int64_t i = 0; ok && i < v->n; i++) ok = join(&t, i, field(&items[i]), a, err);
    if (ok && t.n_members && (ok = fab_boot(row_means, &t, v->n, t.names.n, boot, got, err))) {
        json_t *rows = json_object();
        for (int r = 0; r < t.names.n; r++)
            json_object_set_new(rows, t.names.paths[r], row_json(&t, r, &got[r]));
        json_object_set_new(o, name, rows);
    }
    fab_paths_clear(&t.names);
    return ok;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool add_all(json_t *o, const fab_eval_vqa *v, const fab_qa_set *set,
                    const fab_boot_opts *boot, fab_arena *a, fab_err *err)
{
    json_object_set_new(o, "failed", json_integer(v->failed));
    json_object_set_new(o, "protocol", json_string(fab_vqa_protocol_names[v->protocol]));
    json_object_set_new(o, "counts", json_string(fab_vqa_protocol_says[v->protocol]));
    if (v->n < 1) return true;
    if (!add_passes(o, v, set, boot, err)) return false;
    add_sides(o, v, set->items);
    json_t *risk = fab_risk_json(v->sureness, v->pass[0].points, v->n, a, err);
    if (!risk) return false;
    json_object_set_new(o, "abstention", risk);
    return add_table(o, "by_lang", v, set->items, lang_of, boot, a, err) && /* with intervals now */
           add_table(o, "by_question_type", v, set->items, type_of, boot, a, err) &&
           add_table(o, "by_organ", v, set->items, organ_of, boot, a, err) &&
           add_table(o, "by_modality", v, set->items, modality_of, boot, a, err);
}

json_t *fab_eval_vqa_json(const fab_eval_vqa *v, const fab_qa_set *set, const fab_boot_opts *boot,
                          fab_arena *a, fab_err *err)
{
    const fab_vqa_pass *p = v->pass;
    fab_boot_opts b = boot ? *boot : (fab_boot_opts){ 0 };
    b.cluster = clusters(set->items, v->n, set->images->n, a, err);
    if (!b.cluster) return NULL;
    json_t *o =
        fab_vqa_report(&p[FAB_VQA_MODEL].scores,
                       p[FAB_VQA_QUESTION_ONLY].asked ? &p[FAB_VQA_QUESTION_ONLY].scores : NULL,
                       &p[FAB_VQA_BLANK].scores, v->seconds_per_question);
    if (!o) fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
    if (o && add_all(o, v, set, &b, a, err)) return o;
    json_decref(o);
    return NULL;
}
