/* score: records of a text and its references, scored by metrics named in words. */
#ifndef FAB_METRICS_SCORE_H
#define FAB_METRICS_SCORE_H

#include "base/json.h"
#include "metrics/bleu.h"
#include "metrics/meteor.h"
#include "metrics/rouge_med.h"
#include "metrics/stats.h"

/* ---- records (score_read.c) ---- */

typedef struct {
    const char *id;
    fab_text hyp;
    const fab_text *refs; /* [n_refs], one or more */
    int n_refs;
    int64_t line;
    bool id_is_number; /* in the JSON, and so again in the answer */
} fab_score_record;

typedef struct {
    fab_arena *arena; /* owned: the strings */
    fab_score_record *items;
    int64_t n, cap;
} fab_score_set;

bool fab_score_init(fab_score_set *s, fab_err *err);
void fab_score_clear(fab_score_set *s);
bool fab_score_add(fab_score_set *s, const fab_score_record *r, fab_err *err); /* copies */

/* JSONL, a record a line: id (a string or an integer, each once), hyp, refs (strings) or ref (one).
 * An error names file, line and field; no record at all is an error. "-" is stdin. */
bool fab_score_read(fab_score_set *s, const char *path, fab_err *err);
bool fab_score_parse(fab_score_set *s, const void *bytes, size_t size, const char *name,
                     fab_err *err);

/* Plain texts, a line each, of equally many lines; ids are line numbers. */
bool fab_score_read_lines(fab_score_set *s, const char *hyps, const char *const *refs, int n_refs,
                          fab_err *err);

/* ---- metrics ---- */

typedef enum {
    FAB_METRIC_ROUGE,
    FAB_METRIC_MED, /* ROUGE-L, -W, -S over medical units */
    FAB_METRIC_BLEU,
    FAB_METRIC_METEOR,
    FAB_METRIC_CIDER
} fab_metric_kind;

typedef struct {
    const char *name; /* lent by the caller */
    fab_metric_kind kind;
    fab_rouge_metric rouge;
    fab_med_kind med;
    int order; /* of BLEU */
} fab_metric;

/* ROUGE as rouge.h; rougeLMed, rougeWMed, rougeSMed; bleu (of 4), bleu1 .. bleu4; meteor; cider. */
bool fab_metric_named(const char *name, fab_metric *m, fab_err *err);

typedef struct {
    fab_rouge_opts rouge;
    bool cut_chosen; /* cut holds; else zh when any text has a CJK character, 13a when none has */
    fab_mt_kind cut; /* of BLEU, METEOR and CIDEr-D */
    fab_bleu_opts bleu;
    fab_rouge_med *med;    /* lent; needed when a FAB_METRIC_MED is asked for */
    fab_synonyms synonyms; /* of METEOR; NULL: none */
    void *synonyms_arg;
} fab_score_opts;

/* f holds the score of a metric of one number: BLEU 0..100, METEOR 0..1, CIDEr-D 0..10. */
typedef struct {
    const fab_metric *metrics; /* [n_metrics], lent */
    int n_metrics;
    int64_t n, n_empty; /* records; those whose text has no word */
    fab_mt_kind cut;
    fab_score_opts opts;
    fab_prf *values;         /* [n, n_metrics]; BLEU of the record alone, with effective order */
    fab_bleu_counts *counts; /* [n]; NULL without BLEU */
    uint8_t *empty;          /* [n] */
} fab_score_table;

/* Scores every record; the table lives in the arena. */
bool fab_score_run(const fab_score_set *s, const fab_score_opts *o, const fab_metric *metrics,
                   int n_metrics, fab_arena *arena, fab_score_table *t, fab_err *err);

/* Of the corpus: means (BLEU: of the summed counts) with bootstrap intervals over records; out
 * [n_metrics, 3]: r, p, f; of a metric of one number all three are the same. */
bool fab_score_corpus(const fab_score_table *t, const fab_boot_opts *boot, fab_interval *out,
                      fab_err *err);

/* {id, rouge1: {r, p, f}, bleu: 31.2}; new reference, NULL when memory is out. */
json_t *fab_score_record_json(const fab_score_table *t, const fab_score_record *r, int64_t i);
/* {n, empty, mode, stem, tokenize, rouge1: {r, p, f, interval: {r: [low, high], ...}}, bleu:
 * {score, interval}}. */
json_t *fab_score_corpus_json(const fab_score_table *t, const fab_interval *corpus);

bool fab_script_named(const char *name, fab_script *script, fab_err *err); /* cjk ascii all */
const char *fab_rouge_mode_name(fab_rouge_mode mode);
bool fab_rouge_mode_named(const char *name, fab_rouge_mode *mode, fab_err *err);

#endif
