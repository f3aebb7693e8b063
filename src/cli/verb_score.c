/* fabrica score: texts against their references, by the metrics of the field; no model. */
#include <stddef.h>
#include <string.h>

#include "cli/verb.h"
#include "metrics/score.h"

typedef struct {
    fab_list texts, metric, ref_lines;
    const char *metrics, *data, *hyp_lines, *mode, *script, *tokenize, *smooth;
    bool stem, per_record, segment, explain;
    int64_t resamples;
} opts;

enum { MOST_METRICS = 64 };

static bool add_metrics(fab_arena *a, const char *list, fab_metric *out, int *n, fab_err *err)
{
    char *s = fab_arena_strdup(a, list, err);
    while (s) {
        char *comma = strchr(s, ',');
        if (comma) *comma = 0;
        while (*s == ' ') s++;
        if (*n == MOST_METRICS)
            return fab_fail(err, FAB_EUSAGE, "more than %d metrics", MOST_METRICS);
        for (int i = 0; i < *n; i++)
            if (strcmp(out[i].name, s) == 0) return fab_fail(err, FAB_EUSAGE, "%s: named twice", s);
        if (!fab_metric_named(s, &out[(*n)++], err)) return false;
        s = comma ? comma + 1 : NULL;
    }
    return !err->code;
}

static bool read_opts(const opts *o, fab_score_opts *s, fab_err *err)
{
    *s = (fab_score_opts){ .bleu.value = -1 };
    s->rouge.stem = o->stem;
    s->cut_chosen = strcmp(o->tokenize, "auto") != 0;
    return fab_rouge_mode_named(o->mode, &s->rouge.mode, err) &&
           fab_script_named(o->script, &s->rouge.script, err) &&
           fab_bleu_smoothing_named(o->smooth, &s->bleu.smoothing, err) &&
           (!s->cut_chosen || fab_mt_named(o->tokenize, &s->cut, err));
}

/* "HYP REF --metric rouge1 bleu": words after the reference that name metrics are metrics. */
static bool take_metrics(fab_list *texts, fab_metric *metrics, int *n, fab_err *err)
{
    int first = texts->n;
    for (; first > 2; first--) {
        fab_err unknown = FAB_ERR_INIT;
        fab_metric m;
        if (!fab_metric_named(texts->items[first - 1], &m, &unknown)) break;
    }
    if (texts->n < 2) return true;
    if (*n + texts->n - first > MOST_METRICS)
        return fab_fail(err, FAB_EUSAGE, "more than %d metrics", MOST_METRICS);
    for (int i = first; i < texts->n; i++)
        if (!fab_metric_named(texts->items[i], &metrics[(*n)++], err)) return false;
    texts->n = first;
    return true;
}

static bool read_texts(fab_run *r, const fab_list *texts, fab_score_set *s, fab_err *err)
{
    if (texts->n < 2)
        return fab_fail(
            err, FAB_EUSAGE,
            "%d text given; a text and its references, --data or --hyp-lines are wanted", texts->n);
    fab_text *t = fab_arena_take(r->arena, (size_t)texts->n * sizeof *t, err);
    if (!t) return false;
    for (int i = 0; i < texts->n; i++)
        t[i] = (fab_text){ texts->items[i], strlen(texts->items[i]) };
    return fab_score_add(s, &(fab_score_record){ "text", t[0], t + 1, texts->n - 1, 1 }, err);
}

static bool read_records(fab_run *r, const opts *o, const fab_list *texts, fab_score_set *s,
                         fab_err *err)
{
    int given = !!o->data + !!o->hyp_lines + (texts->n > 0);
    if (given > 1)
        return fab_fail(err, FAB_EUSAGE, "texts, --data and --hyp-lines exclude each other");
    if (!!o->hyp_lines != (o->ref_lines.n > 0))
        return fab_fail(err, FAB_EUSAGE, "--hyp-lines and --ref-lines belong together");
    if (o->data) return fab_score_read(s, o->data, err);
    if (o->hyp_lines)
        return fab_score_read_lines(s, o->hyp_lines, o->ref_lines.items, o->ref_lines.n, err);
    return read_texts(r, texts, s, err);
}

static bool print_records(fab_run *r, const fab_score_set *s, const fab_score_table *t,
                          fab_err *err)
{
    for (int64_t i = 0; i < t->n; i++) {
        json_t *o = fab_score_record_json(t, &s->items[i], i);
        char *text = o ? json_dumps(o, FAB_JSON_DUMP | JSON_COMPACT) : NULL;
        json_decref(o);
        if (!text) return fab_fail(err, FAB_ENOMEM, "out of memory");
        fprintf(r->out, "%s\n", text);
        fab_free(text);
    }
    return true;
}

static void print_line(FILE *out, const fab_metric *m, const fab_interval *v, bool with_interval)
{
    if (m->kind == FAB_METRIC_ROUGE || m->kind == FAB_METRIC_MED)
        fprintf(out, "%-10s r %.5f  p %.5f  f %.5f", m->name, v[0].value, v[1].value, v[2].value);
    else fprintf(out, "%-10s %.5f", m->name, v[2].value);
    if (with_interval) fprintf(out, "  [%.5f, %.5f]", v[2].low, v[2].high);
    fputs("\n", out);
}

static bool print_corpus(fab_run *r, const opts *o, const fab_score_table *t, fab_err *err)
{
    fab_boot_opts boot = { .resamples = o->resamples };
    fab_interval *v = fab_arena_take(r->arena, (size_t)(3 * t->n_metrics) * sizeof *v, err);
    if (!v || !fab_score_corpus(t, &boot, v, err)) return false;
    if (r->json) return fab_run_json(r, fab_score_corpus_json(t, v), err);
    for (int m = 0; m < t->n_metrics; m++) print_line(r->out, &t->metrics[m], v + 3 * m, true);
    fprintf(r->out, "%lld records", (long long)t->n);
    if (t->n_empty) fprintf(r->out, ", %lld of them without any word", (long long)t->n_empty);
    fputs("\n", r->out);
    return true;
}

static bool print_one(fab_run *r, const fab_score_table *t, fab_err *err)
{
    if (r->json) {
        json_t *o = fab_score_record_json(t, &(fab_score_record){ .id = "text" }, 0);
        json_object_del(o, "id");
        return fab_run_json(r, o, err);
    }
    for (int m = 0; m < t->n_metrics; m++) {
        fab_interval v[3] = { { .value = t->values[m].r },
                              { .value = t->values[m].p },
                              { .value = t->values[m].f } };
        print_line(r->out, &t->metrics[m], v, false);
    }
    return true;
}

/* The handle of the medical units, when a metric, --segment or --explain wants it. */
static bool open_med(const opts *o, const fab_metric *metrics, int n, fab_score_opts *so,
                     fab_err *err)
{
    bool wanted = o->segment || o->explain;
    for (int i = 0; i < n; i++) wanted |= metrics[i].kind == FAB_METRIC_MED;
    if (wanted && !(so->med = fab_rouge_med_new(NULL, err))) return false;
    if (o->segment) {
        so->rouge.segment = fab_rouge_med_cut;
        so->rouge.segment_arg = so->med;
    }
    return true;
}

static json_t *entry_json(const fab_med_entry *e)
{
    json_t *o = json_pack("{s:s, s:s, s:b, s:b, s:f, s:I, s:I}", "status", e->status,
                          e->concept ? "concept" : "word", e->unit, "is_concept", e->concept,
                          "negated", e->negated, "weight", e->weight, "at", (json_int_t)e->at,
                          "end", (json_int_t)e->end);
    if (o && e->side) json_object_set_new(o, "side", json_string(e->side));
    if (o && e->why) json_object_set_new(o, "why", json_string(e->why));
    return o;
}

/* The ledger of one record against one reference. */
static bool explain_one(fab_run *r, fab_rouge_med *med, const fab_score_record *rec, int ref,
                        fab_err *err)
{
    int64_t n;
    const fab_med_entry *e = fab_rouge_med_explain(med, rec->hyp, rec->refs[ref], &n, err);
    json_t *list = r->json ? json_array() : NULL;

    if (!e) return false;
    if (!r->json) fprintf(r->out, "%s, reference %d\n", rec->id, ref + 1);
    for (int64_t i = 0; i < n; i++) {
        const char *at = (e[i].status[0] == 'e' ? rec->hyp.s : rec->refs[ref].s) + e[i].at;
        if (list) json_array_append_new(list, entry_json(&e[i]));
        else
            fprintf(r->out, "%-5s %g  %s%s%s%s  \"%.*s\"%s%s\n", e[i].status, e[i].weight,
                    e[i].negated ? "not " : "", e[i].unit, e[i].side ? "@" : "",
                    e[i].side ? e[i].side : "", (int)(e[i].end - e[i].at), at, e[i].why ? "  " : "",
                    e[i].why ? e[i].why : "");
    }
    return !list || fab_run_json(r,
                                 json_pack("{s:s, s:i, s:s, s:o}", "id", rec->id, "reference", ref,
                                           "lexicon", fab_rouge_med_version(med), "ledger", list),
                                 err);
}

static bool explain(fab_run *r, fab_rouge_med *med, const fab_score_set *s, fab_err *err)
{
    for (int64_t i = 0; i < s->n; i++)
        for (int k = 0; k < s->items[i].n_refs; k++)
            if (!explain_one(r, med, &s->items[i], k, err))
                return fab_while(err, "record %s", s->items[i].id);
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_metric *metrics = fab_arena_take(r->arena, MOST_METRICS * sizeof *metrics, err);
    fab_score_set set = { 0 };
    fab_score_opts so = { 0 };
    fab_score_table t;
    fab_list texts = o->texts;
    int n = 0;
    bool ok = metrics != NULL;
    for (int i = 0; ok && i < o->metric.n; i++)
        ok = add_metrics(r->arena, o->metric.items[i], metrics, &n, err);
    ok = ok && take_metrics(&texts, metrics, &n, err);
    if (ok && (o->metrics || !n))
        ok = add_metrics(r->arena, o->metrics ? o->metrics : "rouge1,rouge2,rougeL,rougeLsum",
                         metrics, &n, err);
    ok = ok && read_opts(o, &so, err) && open_med(o, metrics, n, &so, err) &&
         fab_score_init(&set, err) && read_records(r, o, &texts, &set, err);
    if (ok && o->explain) ok = explain(r, so.med, &set, err);
    else ok = ok && fab_score_run(&set, &so, metrics, n, r->arena, &t, err);
    if (ok && !o->explain)
        ok = o->per_record ? print_records(r, &set, &t, err)
             : o->texts.n  ? print_one(r, &t, err)
                           : print_corpus(r, o, &t, err);
    fab_score_clear(&set);
    fab_rouge_med_free(so.med);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_score = {
    .name = "score", .summary = "score texts against references: ROUGE, ROUGE-Med, BLEU, METEOR, CIDEr-D",
    .about = "Takes a text and its references, or records {id, hyp, refs} as JSONL, or plain files of equally many lines. "
             "ROUGE is that of rouge_score or, to five decimals, of ROUGE-1.5.5 (perl155), but Chinese characters count as "
             "words; BLEU is sacrebleu's (0 to 100), METEOR is NLTK's by words and stems, CIDEr-D pycocoevalcap's. A "
             "corpus gets means with 95 % bootstrap intervals.",
    .example = "fabrica score \"no effusion\" \"no pleural effusion\" --metric rouge1 --metric bleu", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "metric", FAB_LIST, offsetof(opts, metric), NULL, "a metric: rouge1 .. rouge9, rougeL, rougeLsum, rougeW, rougeS4, rougeSU4, rougeLMed, rougeWMed, rougeSMed, bleu, bleu1 .. bleu4, meteor, cider" },
        { "metrics", FAB_STR, offsetof(opts, metrics), NULL, "metrics with commas between; else rouge1,rouge2,rougeL,rougeLsum" },
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: id, hyp, refs" },
        { "hyp-lines", FAB_FILE_IN, offsetof(opts, hyp_lines), NULL, "texts, one a line" },
        { "ref-lines", FAB_LIST, offsetof(opts, ref_lines), NULL, "their references, one a line; may be given again", .meta = "FILE" },
        { "mode", FAB_CHOICE, offsetof(opts, mode), "rouge_score", "which ROUGE", .choices = "rouge_score|perl155|paper" },
        { "stem", FAB_FLAG, offsetof(opts, stem), NULL, "ROUGE compares Porter stems" },
        { "script", FAB_CHOICE, offsetof(opts, script), "cjk", "what is a word to ROUGE: ASCII letters, Chinese characters too, all letters", .choices = "cjk|ascii|all" },
        { "tokenize", FAB_CHOICE, offsetof(opts, tokenize), "auto", "words of BLEU, METEOR and CIDEr-D; auto: zh when there is Chinese, else 13a", .choices = "auto|13a|zh|intl|char|none" },
        { "segment", FAB_FLAG, offsetof(opts, segment), NULL, "ROUGE takes Chinese words, cut by the segmenter, instead of characters" },
        { "explain", FAB_FLAG, offsetof(opts, explain), NULL, "print rougeLMed's ledger instead: every unit won, lost or extra with its weight" },
        { "smooth", FAB_CHOICE, offsetof(opts, smooth), "exp", "BLEU's smoothing", .choices = "exp|floor|add-k|none" },
        { "per-record", FAB_FLAG, offsetof(opts, per_record), NULL, "one JSON object a line: {id, rouge1: {r, p, f}, ...}" },
        { "resamples", FAB_INT, offsetof(opts, resamples), "1000", "of the bootstrap", .min = 100, .max = 100000 },
        { "TEXTS", FAB_LIST, offsetof(opts, texts), "", "the text, then one reference or more", .meta = "HYP REF..." },
        { 0 } },
};
/* clang-format on */
