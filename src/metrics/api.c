/* api: <fabrica/metrics.h>, the part of metrics/ that other programs link with. */
#include <fabrica/metrics.h>
#include <stdio.h>
#include <string.h>

#include "metrics/score.h"

enum { MOST_REFS = 1000 };

struct fab_scorer {
    fab_score_opts opts;
    fab_rouge *rouge;
    fab_arena *arena;
    fab_err err;
};

static bool read_options(fab_scorer *s, const fab_scorer_options *o)
{
    s->opts = (fab_score_opts){ .bleu.value = -1 };
    if (!o) return true;
    s->opts.rouge.stem = o->stem != 0;
    s->opts.cut_chosen = o->tokenize && strcmp(o->tokenize, "auto") != 0;
    return (!o->mode || fab_rouge_mode_named(o->mode, &s->opts.rouge.mode, &s->err)) &&
           (!o->script || fab_script_named(o->script, &s->opts.rouge.script, &s->err)) &&
           (!s->opts.cut_chosen || fab_mt_named(o->tokenize, &s->opts.cut, &s->err));
}

fab_scorer *fab_scorer_new(const fab_scorer_options *options, char *error, size_t error_size)
{
    fab_err err = FAB_ERR_INIT;
    fab_scorer *s = fab_new(sizeof *s, &err);
    if (s && read_options(s, options) && (s->arena = fab_arena_new(0, &s->err)) &&
        (s->rouge = fab_rouge_new(&s->opts.rouge, &s->err)))
        return s;
    if (error && error_size) snprintf(error, error_size, "%s", s ? s->err.text : err.text);
    fab_scorer_free(s);
    return NULL;
}

void fab_scorer_free(fab_scorer *s)
{
    if (!s) return;
    fab_rouge_free(s->rouge);
    fab_arena_free(s->arena);
    fab_free(s);
}

const char *fab_scorer_error(const fab_scorer *s) { return s->err.text; }

static bool score_other(fab_scorer *s, const fab_metric *m, fab_text hyp, const fab_text *refs,
                        int n_refs, fab_prf *out)
{
    fab_score_record r = { "text", hyp, refs, n_refs, 1 };
    fab_score_set set = { .items = &r, .n = 1 };
    fab_score_table t;
    if (!fab_score_run(&set, &s->opts, m, 1, s->arena, &t, &s->err)) return false;
    *out = t.values[0];
    return true;
}

static bool score(fab_scorer *s, const char *metric, const char *hyp, const char *const *refs,
                  size_t n_refs, fab_prf *out)
{
    fab_metric m;
    if (!metric || !hyp || (n_refs && !refs))
        return fab_fail(&s->err, FAB_EUSAGE, "metric, hyp or refs is NULL");
    if (n_refs < 1 || n_refs > MOST_REFS)
        return fab_fail(&s->err, FAB_EUSAGE, "%zu references, 1 to %d are wanted", n_refs,
                        MOST_REFS);
    fab_arena_reset(s->arena);
    fab_text *t = fab_arena_take(s->arena, n_refs * sizeof *t, &s->err);
    if (!t || !fab_metric_named(metric, &m, &s->err)) return false;
    for (size_t i = 0; i < n_refs; i++) {
        if (!refs[i]) return fab_fail(&s->err, FAB_EUSAGE, "refs[%zu] is NULL", i);
        t[i] = (fab_text){ refs[i], strlen(refs[i]) };
    }
    fab_text h = { hyp, strlen(hyp) };
    return m.kind == FAB_METRIC_ROUGE
               ? fab_rouge_measure(s->rouge, h, t, (int)n_refs, &m.rouge, 1, out, &s->err)
               : score_other(s, &m, h, t, (int)n_refs, out);
}

int fab_scorer_score(fab_scorer *s, const char *metric, const char *hyp, const char *const *refs,
                     size_t n_refs, fab_metric_score *out)
{
    fab_prf x = { 0 };
    s->err = (fab_err)FAB_ERR_INIT;
    bool ok = score(s, metric, hyp, refs, n_refs, &x);
    *out = (fab_metric_score){ x.r, x.p, x.f };
    return ok;
}
