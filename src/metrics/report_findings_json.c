/* What reports and references have in common, as JSON. See report_findings.h and docs/metrics.md. */
#include <math.h>
#include <string.h>
#include "metrics/report_findings.h"

static double ratio(int64_t a, int64_t b) { return b ? (double)a / (double)b : NAN; }
static double f1(int64_t hit, int64_t hyp, int64_t ref) { return ratio(2 * hit, hyp + ref); }
static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }
static json_t *interval(const fab_interval *v)
{
    return json_pack("[o,o]", number(v->low), number(v->high));
}

static json_t *counts_json(const fab_report_counts *k)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:I,s:I},s:{s:I,s:I,s:I,s:I,s:I}}",
                     "precision", number(ratio(k->hit, k->hyp)), "recall",
                     number(ratio(k->hit, k->ref)), "f1", number(f1(k->hit, k->hyp, k->ref)),
                     "strict_f1", number(f1(k->strict, k->hyp, k->ref)), "placed_f1",
                     number(f1(k->placed, k->hyp, k->ref)), "omission",
                     number(ratio(k->omission, k->ref)), "hallucination",
                     number(ratio(k->hallucination, k->hyp)), "flips", "status",
                     (json_int_t)k->status_flip, "side", (json_int_t)k->side_flip, "counts", "hit",
                     (json_int_t)k->hit, "hyp", (json_int_t)k->hyp, "ref", (json_int_t)k->ref,
                     "omitted", (json_int_t)k->omission, "made_up", (json_int_t)k->hallucination);
}

/* ---- one record ------------------------------------------------------------------------------ */

static json_t *side_json(const fab_gathered *f, const char *const *texts, int n)
{
    if (!f->said) return json_null();
    json_t *v = json_pack("{s:s,s:s}", "status", fab_status_names[f->said - 1], "side",
                          fab_side_names[f->side]);
    if (texts && f->source < n && f->end > f->at) {
        json_object_set_new(v, "text", json_integer(f->source));
        json_object_set_new(v, "span", json_pack("[I,I]", (json_int_t)f->at, (json_int_t)f->end));
        json_object_set_new(v, "words", json_stringn(texts[f->source] + f->at, f->end - f->at));
    }
    return v;
}

static json_t *explain_json(const fab_report_pair *p)
{
    json_t *list = json_array();
    for (int i = FAB_OBS_NO_FINDING + 1; i < FAB_OBSERVATIONS; i++) {
        const fab_gathered *hyp = &p->hyp_found.of[i], *ref = &p->ref_found.of[i];
        fab_comparison c = fab_compare_finding(hyp, ref);
        if (c.verdict == FAB_VERDICT_NONE) continue;
        json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:o,s:o}", "observation",
                                              fab_observation_names[i], "verdict",
                                              fab_verdict_names[c.verdict], "flip",
                                              c.status_flip ? json_string("status")
                                              : c.side_flip ? json_string("side")
                                                            : json_null(),
                                              "hyp", side_json(hyp, &p->hyp, 1), "ref",
                                              side_json(ref, p->refs, p->n_refs)));
    }
    return list;
}

json_t *fab_report_pair_json(const fab_report_pair *p, bool explain)
{
    fab_report_counts_by k = { 0 };
    fab_report_marks marks = fab_report_compare(&p->hyp_found, &p->ref_found);
    fab_report_add(&k, &marks, 1);
    json_t *v = json_pack("{s:O,s:o}", "id", p->id, "findings", counts_json(&k.all));
    if (explain) json_object_set_new(v, "explain", explain_json(p));
    return v;
}

/* ---- the corpus ------------------------------------------------------------------------------ */

enum {
    PRECISION,
    RECALL,
    F1,
    STRICT,
    PLACED,
    OMISSION,
    HALLUCINATION,
    MACRO,
    MICRO14,
    MACRO14,
    STATISTICS
};

static const char *const statistics[] = { "precision",     "recall",    "f1",
                                          "strict_f1",     "placed_f1", "omission",
                                          "hallucination", "macro_f1",  "micro14",
                                          "macro14" };

/* Mean F1 of observations [from, to) that occur on either side. */
static double macro(const fab_report_counts_by *k, int from, int to)
{
    double sum = 0;
    int n = 0;
    for (int i = from; i < to; i++) {
        double f = f1(k->by[i].hit, k->by[i].hyp, k->by[i].ref);
        if (isnan(f)) continue;
        sum += f;
        n++;
    }
    return n ? sum / n : NAN;
}

static double micro14(const fab_report_counts_by *k)
{
    int64_t hit = 0, hyp = 0, ref = 0;
    for (int i = 0; i < FAB_OBS_CHEXPERT; i++)
        hit += k->by[i].hit, hyp += k->by[i].hyp, ref += k->by[i].ref;
    return f1(hit, hyp, ref);
}

static void summarise(const fab_report_counts_by *k, double out[STATISTICS])
{
    const fab_report_counts *a = &k->all;
    out[PRECISION] = ratio(a->hit, a->hyp);
    out[RECALL] = ratio(a->hit, a->ref);
    out[F1] = f1(a->hit, a->hyp, a->ref);
    out[STRICT] = f1(a->strict, a->hyp, a->ref);
    out[PLACED] = f1(a->placed, a->hyp, a->ref);
    out[OMISSION] = ratio(a->omission, a->ref);
    out[HALLUCINATION] = ratio(a->hallucination, a->hyp);
    out[MACRO] = macro(k, FAB_OBS_NO_FINDING + 1, FAB_OBSERVATIONS);
    out[MICRO14] = micro14(k);
    out[MACRO14] = macro(k, 0, FAB_OBS_CHEXPERT);
}

typedef struct {
    const fab_report_marks *each; /* [n] */
    int64_t n;
} resampled;

static void resample(void *arg, const int32_t *times, double *out)
{
    const resampled *r = arg;
    fab_report_counts_by sum = { 0 };
    for (int64_t i = 0; i < r->n; i++)
        if (times[i]) fab_report_add(&sum, &r->each[i], times[i]);
    summarise(&sum, out);
}

static json_t *per_observation(const fab_report_counts_by *k)
{
    json_t *v = json_object();
    for (int i = 0; i < FAB_OBSERVATIONS; i++)
        if (k->by[i].hyp || k->by[i].ref || k->by[i].status_flip)
            json_object_set_new(v, fab_observation_names[i], counts_json(&k->by[i]));
    return v;
}

static int64_t count_empty(const fab_report_set *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const char *text = s->items[i].hyp;
        n += text[strspn(text, " \t\r\n")] == 0;
    }
    return n;
}

static json_t *corpus_json(const fab_report_set *set, const fab_report_counts_by *k,
                           const fab_interval *s)
{
    json_t *found = counts_json(&k->all), *bounds = json_object();
    json_object_set_new(found, "macro_f1", number(s[MACRO].value));
    for (int i = 0; i <= MACRO; i++) json_object_set_new(bounds, statistics[i], interval(&s[i]));
    json_object_set_new(found, "interval", bounds);
    json_object_set_new(found, "chexpert14",
                        json_pack("{s:o,s:o,s:{s:o,s:o}}", "micro_f1", number(s[MICRO14].value),
                                  "macro_f1", number(s[MACRO14].value), "interval", "micro_f1",
                                  interval(&s[MICRO14]), "macro_f1", interval(&s[MACRO14])));
    json_object_set_new(found, "per_observation", per_observation(k));
    return json_pack("{s:I,s:I,s:o}", "n", (json_int_t)set->n, "empty",
                     (json_int_t)count_empty(set), "findings", found);
}

json_t *fab_report_scores_json(const fab_report_set *s, const fab_boot_opts *boot, fab_err *err)
{
    fab_interval out[STATISTICS];
    fab_report_counts_by sum = { 0 };
    fab_report_marks *each = fab_new_array((size_t)s->n, sizeof *each, err);
    resampled r = { each, s->n };
    for (int64_t i = 0; each && i < s->n; i++) {
        each[i] = fab_report_compare(&s->items[i].hyp_found, &s->items[i].ref_found);
        fab_report_add(&sum, &each[i], 1);
    }
    bool ok = each && fab_boot(resample, &r, s->n, STATISTICS, boot, out, err);
    fab_free(each);
    json_t *v = ok ? corpus_json(s, &sum, out) : NULL;
    if (ok && !v) fab_fail(err, FAB_ENOMEM, "no memory for the report");
    return v;
}
