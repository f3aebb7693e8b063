/* score: see score.h. ROUGE has its own words (rouge.h); BLEU, METEOR and CIDEr-D take those of
 * mt_words.h: BLEU as they stand, METEOR lower-cased, CIDEr-D lower-cased without punctuation, as
 * COCO's evaluation feeds it (as they stand when they are parted at blanks).
 */
#include "metrics/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/cider.h"

static const char *const mode_names[] = { "rouge_score", "perl155", "paper" };

const char *fab_rouge_mode_name(fab_rouge_mode mode) { return mode_names[mode]; }

bool fab_rouge_mode_named(const char *name, fab_rouge_mode *mode, fab_err *err)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, mode_names[i]) != 0) continue;
        *mode = (fab_rouge_mode)i;
        return true;
    }
    return fab_fail(err, FAB_EUSAGE, "%s: no such mode; rouge_score, perl155, paper", name);
}

bool fab_script_named(const char *name, fab_script *script, fab_err *err)
{
    static const char *const names[] = { "cjk", "ascii", "all" };
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *script = (fab_script)i;
        return true;
    }
    return fab_fail(err, FAB_EUSAGE, "%s: no such script; cjk, ascii, all", name);
}

bool fab_metric_named(const char *name, fab_metric *m, fab_err *err)
{
    *m = (fab_metric){ .name = name, .order = FAB_BLEU_ORDER };
    if (strncmp(name, "bleu", 4) == 0 && (!name[4] || (strchr("1234", name[4]) && !name[5]))) {
        m->kind = FAB_METRIC_BLEU;
        if (name[4]) m->order = name[4] - '0';
    } else if (strcmp(name, "meteor") == 0) m->kind = FAB_METRIC_METEOR;
    else if (strcmp(name, "cider") == 0) m->kind = FAB_METRIC_CIDER;
    else if (strlen(name) == 9 && strncmp(name, "rouge", 5) == 0 && strcmp(name + 6, "Med") == 0 &&
             strchr("LWS", name[5])) {
        m->kind = FAB_METRIC_MED;
        m->med = name[5] == 'L' ? FAB_MED_L : name[5] == 'W' ? FAB_MED_W : FAB_MED_S;
    } else if (strncmp(name, "rouge", 5) || !fab_rouge_named(name, &m->rouge, NULL))
        return fab_fail(
            err, FAB_EUSAGE,
            "%s: no such metric; rouge1 to rouge9, rougeL, rougeLsum, rougeW, rougeS, "
            "rougeSU, rougeS4, rougeSU4, rougeLMed, rougeWMed, rougeSMed, bleu, bleu1 to "
            "bleu4, meteor, cider",
            name);
    return true;
}

/* ---- running ---- */

typedef struct {
    fab_score_table *t;
    fab_rouge *rouge;
    fab_rouge_metric *asked; /* [n_rouge] */
    fab_prf *scores;         /* [n_rouge] */
    int n_rouge;
    bool bleu, meteor, cider;
    fab_word_table *table, *cider_table;
    fab_cider *corpus;
    fab_word_row *words; /* [n_words]: the text, then its references */
    int n_words;
    fab_arena *scratch;
} runner;

static void runner_clear(runner *x)
{
    for (int i = 0; x->words && i < x->n_words; i++) fab_word_row_clear(&x->words[i]);
    fab_free(x->words);
    fab_rouge_free(x->rouge);
    fab_word_table_free(x->table);
    fab_word_table_free(x->cider_table);
    fab_cider_free(x->corpus);
    fab_arena_free(x->scratch);
}

static bool runner_new(runner *x, const fab_score_set *s, fab_score_table *t, fab_arena *a,
                       fab_err *err)
{
    const fab_word_rule plain = { 0 };
    *x = (runner){ .t = t, .n_words = 2 };
    for (int64_t i = 0; i < s->n; i++)
        if (s->items[i].n_refs + 1 > x->n_words) x->n_words = s->items[i].n_refs + 1;
    x->asked = fab_arena_take(a, (size_t)t->n_metrics * sizeof *x->asked, err);
    x->scores = fab_arena_take(a, (size_t)t->n_metrics * sizeof *x->scores, err);
    if (!x->asked || !x->scores) return false;
    for (int i = 0; i < t->n_metrics; i++) {
        const fab_metric *m = &t->metrics[i];
        if (m->kind == FAB_METRIC_ROUGE) x->asked[x->n_rouge++] = m->rouge;
        x->bleu |= m->kind == FAB_METRIC_BLEU;
        x->meteor |= m->kind == FAB_METRIC_METEOR;
        x->cider |= m->kind == FAB_METRIC_CIDER;
    }
    if (x->n_rouge && !(x->rouge = fab_rouge_new(&t->opts.rouge, err))) return false;
    if (x->cider &&
        (!(x->corpus = fab_cider_new(err)) || !(x->cider_table = fab_word_table_new(&plain, err))))
        return false;
    x->words = fab_new_array((size_t)x->n_words, sizeof *x->words, err);
    x->table = fab_word_table_new(&plain, err);
    x->scratch = fab_arena_new(1 << 18, err);
    if (x->bleu && !(t->counts = fab_arena_zero(a, (size_t)t->n * sizeof *t->counts, err)))
        return false;
    return x->words && x->table && x->scratch;
}

static bool read_words(runner *x, fab_word_table *table, const fab_score_record *r, int flags,
                       fab_err *err)
{
    for (int i = 0; i <= r->n_refs; i++) {
        fab_text text = i ? r->refs[i - 1] : r->hyp;
        if (!fab_mt_words(table, &x->words[i], x->t->cut, flags, text.s, text.n, x->scratch, err))
            return i ? fab_while(err, "refs[%d]", i - 1) : fab_while(err, "hyp");
    }
    return true;
}

static bool best_meteor(runner *x, const fab_score_record *r, double *best, fab_err *err)
{
    const fab_score_opts *o = &x->t->opts;
    *best = 0;
    for (int i = 1; i <= r->n_refs; i++) {
        double score;
        if (!fab_meteor(x->table, &x->words[0], &x->words[i], o->synonyms, o->synonyms_arg,
                        x->scratch, &score, err))
            return false;
        *best = fmax(*best, score);
    }
    return true;
}

static fab_prf one_number(double x) { return (fab_prf){ x, x, x }; }

static double bleu_of(const fab_score_table *t, const fab_bleu_counts *c, int order, bool sentence)
{
    fab_bleu_opts o = t->opts.bleu;
    o.order = order;
    o.effective_order = o.effective_order || sentence;
    return fab_bleu_score(c, &o).score;
}

static bool run_translation(runner *x, const fab_score_record *r, int64_t i, double *meteor,
                            fab_err *err)
{
    if (x->bleu) {
        fab_word_table_begin(x->table);
        if (!read_words(x, x->table, r, 0, err) ||
            !fab_bleu_count(x->words, x->words + 1, r->n_refs, x->scratch, &x->t->counts[i], err))
            return false;
        x->t->empty[i] = !x->words[0].n;
    }
    if (x->meteor) {
        fab_word_table_begin(x->table);
        if (!read_words(x, x->table, r, FAB_MT_LOWER, err) || !best_meteor(x, r, meteor, err))
            return false;
        x->t->empty[i] = !x->words[0].n;
    }
    if (!x->cider) return true;
    int flags = x->t->cut == FAB_MT_NONE ? 0 : FAB_MT_LOWER | FAB_MT_NO_MARKS;
    bool ok = read_words(x, x->cider_table, r, flags, err) &&
              fab_cider_add(x->corpus, x->words, x->words + 1, r->n_refs, err);
    if (ok) x->t->empty[i] = !x->words[0].n;
    return ok;
}

static bool run_record(runner *x, const fab_score_record *r, int64_t i, fab_err *err)
{
    fab_score_table *t = x->t;
    fab_prf *out = t->values + i * t->n_metrics;
    double meteor = 0;
    int k = 0;
    if (!run_translation(x, r, i, &meteor, err)) return false;
    if (x->n_rouge) {
        if (!fab_rouge_measure(x->rouge, r->hyp, r->refs, r->n_refs, x->asked, x->n_rouge,
                               x->scores, err))
            return false;
        t->empty[i] = !fab_rouge_words(x->rouge);
    }
    for (int m = 0; m < t->n_metrics; m++) {
        const fab_metric *metric = &t->metrics[m];
        if (metric->kind == FAB_METRIC_ROUGE) out[m] = x->scores[k++];
        if (metric->kind == FAB_METRIC_MED) {
            fab_med_score med;
            if (!fab_rouge_med_measure(t->opts.med, metric->med, r->hyp, r->refs, r->n_refs, NULL,
                                       &med, err))
                return false;
            out[m] = med.score;
        }
        if (metric->kind == FAB_METRIC_METEOR) out[m] = one_number(meteor);
        if (metric->kind == FAB_METRIC_BLEU)
            out[m] = one_number(bleu_of(t, &t->counts[i], metric->order, true));
    }
    t->n_empty += t->empty[i];
    return true;
}

static bool finish_cider(runner *x, fab_arena *a, fab_err *err)
{
    fab_score_table *t = x->t;
    if (t->n < 2)
        return fab_fail(err, FAB_EUSAGE,
                        "cider: its weights come from a corpus, one record has none");
    double *scores = fab_arena_take(a, (size_t)t->n * sizeof *scores, err);
    if (!scores || !fab_cider_scores(x->corpus, scores, err)) return false;
    for (int m = 0; m < t->n_metrics; m++)
        for (int64_t i = 0; t->metrics[m].kind == FAB_METRIC_CIDER && i < t->n; i++)
            t->values[i * t->n_metrics + m] = one_number(scores[i]);
    return true;
}

static fab_mt_kind choose_cut(const fab_score_set *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        const fab_score_record *r = &s->items[i];
        if (fab_mt_has_cjk(r->hyp.s, r->hyp.n)) return FAB_MT_ZH;
        for (int k = 0; k < r->n_refs; k++)
            if (fab_mt_has_cjk(r->refs[k].s, r->refs[k].n)) return FAB_MT_ZH;
    }
    return FAB_MT_13A;
}

bool fab_score_run(const fab_score_set *s, const fab_score_opts *o, const fab_metric *metrics,
                   int n_metrics, fab_arena *arena, fab_score_table *t, fab_err *err)
{
    runner x;
    *t = (fab_score_table){ .metrics = metrics, .n_metrics = n_metrics, .n = s->n, .opts = *o };
    t->cut = o->cut_chosen ? o->cut : choose_cut(s);
    t->values = fab_arena_take(arena, (size_t)(s->n * n_metrics) * sizeof *t->values, err);
    t->empty = fab_arena_zero(arena, (size_t)s->n, err);
    if (!t->values || !t->empty) return false;
    bool ok = runner_new(&x, s, t, arena, err);
    for (int64_t i = 0; ok && i < s->n; i++)
        ok = run_record(&x, &s->items[i], i, err) || fab_while(err, "record %s", s->items[i].id);
    ok = ok && (!x.cider || finish_cider(&x, arena, err));
    runner_clear(&x);
    return ok;
}

/* ---- the corpus ---- */

static void corpus_of(void *arg, const int32_t *times, double *out)
{
    const fab_score_table *t = arg;
    double n = 0;
    for (int k = 0; k < 3 * t->n_metrics; k++) out[k] = 0;
    fab_bleu_counts counts = { 0 };
    for (int64_t i = 0; i < t->n; i++) {
        if (!times[i]) continue;
        const fab_prf *v = t->values + i * t->n_metrics;
        n += times[i];
        if (t->counts) fab_bleu_add(&counts, &t->counts[i], times[i]);
        for (int m = 0; m < t->n_metrics; m++) {
            out[3 * m] += times[i] * v[m].r;
            out[3 * m + 1] += times[i] * v[m].p;
            out[3 * m + 2] += times[i] * v[m].f;
        }
    }
    for (int m = 0; m < t->n_metrics; m++)
        for (int k = 0; k < 3; k++)
            out[3 * m + k] = t->metrics[m].kind == FAB_METRIC_BLEU
                                 ? bleu_of(t, &counts, t->metrics[m].order, false)
                                 : out[3 * m + k] / n;
}

bool fab_score_corpus(const fab_score_table *t, const fab_boot_opts *boot, fab_interval *out,
                      fab_err *err)
{
    return fab_boot(corpus_of, (void *)t, t->n, 3 * t->n_metrics, boot, out, err);
}

/* ---- JSON ---- */

static bool has_prf(const fab_metric *m)
{
    return m->kind == FAB_METRIC_ROUGE || m->kind == FAB_METRIC_MED;
}

static json_t *prf_json(const fab_prf *s)
{
    return json_pack("{s:f,s:f,s:f}", "r", s->r, "p", s->p, "f", s->f);
}

json_t *fab_score_record_json(const fab_score_table *t, const fab_score_record *r, int64_t i)
{
    json_t *o = r->id_is_number ? json_pack("{s:I}", "id", (json_int_t)strtoll(r->id, NULL, 10))
                                : json_pack("{s:s}", "id", r->id);
    for (int m = 0; o && m < t->n_metrics; m++) {
        const fab_prf *v = &t->values[i * t->n_metrics + m];
        json_t *one = has_prf(&t->metrics[m]) ? prf_json(v) : json_real(v->f);
        if (json_object_set_new(o, t->metrics[m].name, one) == 0) continue;
        json_decref(o);
        o = NULL;
    }
    return o;
}

static json_t *corpus_metric_json(const fab_metric *m, const fab_interval *v)
{
    const fab_interval *r = v, *p = v + 1, *f = v + 2;
    if (!has_prf(m))
        return json_pack("{s:f,s:[f,f]}", "score", f->value, "interval", f->low, f->high);
    return json_pack("{s:f,s:f,s:f,s:{s:[f,f],s:[f,f],s:[f,f]}}", "r", r->value, "p", p->value, "f",
                     f->value, "interval", "r", r->low, r->high, "p", p->low, p->high, "f", f->low,
                     f->high);
}

json_t *fab_score_corpus_json(const fab_score_table *t, const fab_interval *corpus)
{
    json_t *o = json_pack("{s:I,s:I,s:s,s:b,s:s}", "n", (json_int_t)t->n, "empty",
                          (json_int_t)t->n_empty, "mode", fab_rouge_mode_name(t->opts.rouge.mode),
                          "stem", t->opts.rouge.stem, "tokenize", fab_mt_name(t->cut));
    if (o && t->opts.med)
        json_object_set_new(o, "lexicon", json_string(fab_rouge_med_version(t->opts.med)));
    for (int m = 0; o && m < t->n_metrics; m++) {
        json_t *one = corpus_metric_json(&t->metrics[m], corpus + 3 * m);
        if (json_object_set_new(o, t->metrics[m].name, one) == 0) continue;
        json_decref(o);
        o = NULL;
    }
    return o;
}
