/* fabrica eval report: reports against references by the findings they state, and by their words. */
#include <stddef.h>
#include <string.h>
#include "cli/evaluating.h"
#include "metrics/report_findings.h"
#include "metrics/score.h"

typedef struct {
    const char *data, *metrics, *html;
    int64_t resamples, seed;
    bool per_record, explain;
} opts;

#define number fab_number_get

enum { MOST_METRICS = 16 };

static const char *bound(const json_t *o, const char *key, size_t i, char text[16])
{
    const json_t *v = json_array_get(json_object_get(json_object_get(o, "interval"), key), i);
    if (!json_is_number(v)) return "-";
    snprintf(text, 16, "%.4f", json_number_value(v));
    return text;
}

static void print_rate(FILE *out, const json_t *found, const char *key)
{
    char low[16], high[16];
    fprintf(out, "%-16s", key);
    if (json_is_number(json_object_get(found, key)))
        fprintf(out, " %.4f  [%s, %s]\n", number(found, key), bound(found, key, 0, low),
                bound(found, key, 1, high));
    else fputs(" -\n", out);
}

static void print_words(FILE *out, const json_t *v)
{
    const char *name;
    json_t *m;
    json_object_foreach((json_t *)(uintptr_t)v, name, m)
    {
        const char *key = json_object_get(m, "score") ? "score" : "f";
        if (json_is_object(m) && json_object_get(m, key))
            fprintf(out, "%-16s %.4f\n", name, number(m, key));
    }
}

static void print(FILE *out, const json_t *v)
{
    static const char *const rates[] = { "precision",     "recall",    "f1",
                                         "strict_f1",     "placed_f1", "omission",
                                         "hallucination", "macro_f1" };
    const json_t *found = json_object_get(v, "findings"), *flips = json_object_get(found, "flips"),
                 *k = json_object_get(found, "counts"), *c14 = json_object_get(found, "chexpert14");
    fprintf(out, "n %.0f, findings %.0f of %.0f found, %.0f made up\n", number(v, "n"),
            number(k, "hit"), number(k, "ref"), number(k, "made_up"));
    if (number(v, "empty") > 0)
        fprintf(out,
                "empty candidates %.0f: each counts as \"no finding\" against a normal reference\n",
                number(v, "empty"));
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) print_rate(out, found, rates[i]);
    fprintf(out, "chexpert14       micro F1 %.4f, macro F1 %.4f\n", number(c14, "micro_f1"),
            number(c14, "macro_f1"));
    fprintf(out, "flips            status %.0f, side %.0f\n", number(flips, "status"),
            number(flips, "side"));
    print_words(out, json_object_get(v, "words"));
    const char *name;
    json_t *o;
    json_object_foreach(json_object_get(found, "per_observation"), name, o)
    {
        const json_t *n = json_object_get(o, "counts");
        fprintf(out, "  %-26s F1 %.4f  found %.0f of %.0f, made up %.0f\n", name, number(o, "f1"),
                number(n, "hit"), number(n, "ref"), number(n, "made_up"));
    }
}

/* ---- explanations ---------------------------------------------------------------------------- */

static void print_side(FILE *out, const char *title, const json_t *v)
{
    const char *words = fab_json_str(v, "words", NULL), *side = fab_json_str(v, "side", NULL);
    fprintf(out, "    %s: ", title);
    if (!json_is_object(v)) fputs("not mentioned\n", out);
    else {
        fprintf(out, "%s%s%s", fab_json_str(v, "status", NULL), side && *side ? ", " : "",
                side ? side : "");
        if (words)
            fprintf(out, ", bytes %.0f-%.0f \"%s\"", fab_number_item(v, "span", 0),
                    fab_number_item(v, "span", 1), words);
        fputc('\n', out);
    }
}

static void print_explained(FILE *out, const json_t *pair)
{
    size_t i;
    json_t *e, *id = json_object_get(pair, "id");
    if (json_is_string(id)) fprintf(out, "%s\n", json_string_value(id));
    else fprintf(out, "%lld\n", (long long)json_integer_value(id));
    json_array_foreach(json_object_get(pair, "explain"), i, e)
    {
        const char *flip = fab_json_str(e, "flip", NULL);
        fprintf(out, "  %s %s%s%s\n", fab_json_str(e, "verdict", NULL),
                fab_json_str(e, "observation", NULL), flip ? ", flipped " : "", flip ? flip : "");
        print_side(out, "hyp", json_object_get(e, "hyp"));
        print_side(out, "ref", json_object_get(e, "ref"));
    }
}

static bool print_records(fab_run *r, const opts *o, const fab_report_set *s, fab_err *err)
{
    for (int64_t i = 0; i < s->n; i++) {
        json_t *v = fab_report_pair_json(&s->items[i], o->explain);
        if (!v) return fab_fail(err, FAB_ENOMEM, "no memory for a record's findings");
        if (o->explain && !o->per_record && !r->json) print_explained(r->out, v);
        else {
            json_dumpf(v, r->out, JSON_COMPACT | FAB_JSON_DUMP);
            fputc('\n', r->out);
        }
        json_decref(v);
    }
    return true;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool name_metrics(fab_run *r, const char *list, fab_metric *m, int *n, fab_err *err)
{
    for (*n = 0; *list; list += *list == ',') {
        size_t len = strcspn(list, ",");
        char *name = fab_arena_printf(r->arena, err, "%.*s", (int)len, list);
        if (*n == MOST_METRICS)
            return fab_fail(err, FAB_EUSAGE, "more than %d metrics", MOST_METRICS);
        if (!name || !fab_metric_named(name, &m[*n], err)) return false;
        if (m[(*n)++].kind == FAB_METRIC_MED)
            return fab_fail(err, FAB_EUSAGE, "%s: use fabrica score", name);
        list += len;
    }
    return true;
}

static bool pass_on(fab_score_set *to, const fab_report_set *s, fab_arena *a, fab_err *err)
{
    for (int64_t i = 0; i < s->n; i++) {
        const fab_report_pair *p = &s->items[i];
        fab_text *refs = fab_arena_take(a, (size_t)p->n_refs * sizeof *refs, err);
        char *id = fab_arena_printf(a, err, "%lld", (long long)i);
        for (int k = 0; refs && k < p->n_refs; k++)
            refs[k] = (fab_text){ p->refs[k], strlen(p->refs[k]) };
        const fab_score_record one = {
            id, { p->hyp, strlen(p->hyp) }, refs, p->n_refs, i + 1, false
        };
        if (!refs || !id || !fab_score_add(to, &one, err)) return false;
    }
    return true;
}

/* ROUGE, BLEU, ... of the same texts, when every record has some; else v stays as it is. */
static bool add_words(fab_run *r, const opts *o, const fab_report_set *s, json_t *v, fab_err *err)
{
    fab_metric m[MOST_METRICS];
    fab_interval corpus[3 * MOST_METRICS];
    fab_score_table t;
    fab_score_set set = { 0 };
    const fab_score_opts how = { 0 };
    const fab_boot_opts boot = { .resamples = o->resamples, .seed = (uint64_t)o->seed };
    int n;
    if (!name_metrics(r, o->metrics, m, &n, err)) return false;
    if (!n || !s->all_have_refs) return true;
    bool ok = fab_score_init(&set, err) && pass_on(&set, s, r->arena, err) &&
              fab_score_run(&set, &how, m, n, r->arena, &t, err) &&
              fab_score_corpus(&t, &boot, corpus, err);
    if (ok) json_object_set_new(v, "words", fab_score_corpus_json(&t, corpus));
    fab_score_clear(&set);
    return ok;
}

static bool evaluate(fab_run *r, const opts *o, const fab_report_set *s, fab_err *err)
{
    const fab_boot_opts boot = { .resamples = o->resamples, .seed = (uint64_t)o->seed };
    if (o->per_record || o->explain) return print_records(r, o, s, err);
    json_t *v = fab_report_scores_json(s, &boot, err);
    if (v && !add_words(r, o, s, v, err)) {
        json_decref(v);
        v = NULL;
    }
    return fab_eval_result(r, v, "report", o->html, o->data, print, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_report_set s = { 0 };
    if ((o->per_record || o->explain) && o->html)
        return fab_fail(err, FAB_EUSAGE, "--html is of the whole file, not of records");
    fab_labeller *l = fab_labeller_new(err);
    bool ok = l && fab_report_read(&s, l, o->data, err) && evaluate(r, o, &s, err);
    fab_report_clear(&s);
    fab_labeller_free(l);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_eval_report = {
    .name = "eval report", .summary = "measure reports against references by the findings they state",
    .about = "Both sides are read by the rules of fabrica findings, English or Chinese. Found again, left out, made up and "
             "turned round (present against absent, left against right) are counted, with CheXpert's 14 apart; the words are "
             "scored by ROUGE and others as in fabrica score. Records are {id, hyp, refs}, or {id, hyp, findings} with names "
             "of observations or {observation, status, side}.",
    .example = "fabrica eval report --data reports.jsonl --explain", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "JSONL of {id, hyp, refs or findings}; - is standard input", .required = true },
        { "metrics", FAB_STR, offsetof(opts, metrics), "bleu,rouge1,rouge2,rougeL", "of words, as of fabrica score; empty: none" },
        { "per-record", FAB_FLAG, offsetof(opts, per_record), NULL, "one JSON object a record in place of the sums" },
        { "explain", FAB_FLAG, offsetof(opts, explain), NULL, "of each record list every finding with the words on both sides" },
        FAB_OPT_BOOT(opts),
        { 0 } },
};
/* clang-format on */
