/* report_findings: a report's findings against a reference's: what was found again, what was left
 * out, what was made up, what was turned into its opposite.
 *
 * A text is first gathered: of each observation the strongest status (present, then uncertain,
 * then absent), the sides of the mentions with that status, the first such mention as its witness.
 * Indication, history, comparison and technique do not count. nodule and mass also give their
 * organ's lesion. no_finding is CheXpert's: present when nothing but support devices is present or
 * uncertain. Several references are gathered into one.
 *
 * Then, with no_finding apart, "said" meaning present or uncertain:
 *
 *   hit            said in both                      precision = hit / said in hyp, recall = hit / said in ref
 *   omission       said in ref only                  rate = omissions / said in ref
 *   hallucination  said in hyp only                  rate = hallucinations / said in hyp
 *   flip           said in one, absent in the other in words (each is an omission or a hallucination too);
 *                  or hit, but left here and right there
 *   strict         hit with the same status; placed: hit with the same side
 */
#ifndef FAB_METRICS_REPORT_FINDINGS_H
#define FAB_METRICS_REPORT_FINDINGS_H

#include "base/arena.h"
#include "base/json.h"
#include "metrics/findings.h"
#include "metrics/stats.h"

typedef struct {
    uint8_t said; /* 0: not mentioned; else 1 + fab_status */
    uint8_t side;
    uint8_t source; /* of several texts, the one that holds the witness */
    uint32_t at, end;
} fab_gathered;

typedef struct {
    fab_gathered of[FAB_OBSERVATIONS];
} fab_gathering;

void fab_gathering_init(fab_gathering *g);
/* Adds a text's mentions; source counts texts from 0. */
void fab_gathering_add(fab_gathering *g, const fab_mentions *m, int source);
void fab_gathering_end(fab_gathering *g); /* no_finding, after the last text */

typedef enum {
    FAB_VERDICT_NONE, /* nothing to compare */
    FAB_VERDICT_HIT,
    FAB_VERDICT_OMISSION,
    FAB_VERDICT_HALLUCINATION,
    FAB_VERDICT_AGREED_ABSENT,
    FAB_VERDICTS
} fab_verdict;
extern const char *const fab_verdict_names[FAB_VERDICTS];

typedef struct {
    uint8_t verdict;
    bool status_flip, side_flip, same_status, same_side;
} fab_comparison;
fab_comparison fab_compare_finding(const fab_gathered *hyp, const fab_gathered *ref);

/* Counts over records; a record's own, or sums. */
typedef struct {
    int64_t hit, strict, placed, hyp, ref, omission, hallucination, status_flip, side_flip;
} fab_report_counts;

typedef struct {
    fab_report_counts all; /* no_finding apart */
    fab_report_counts by[FAB_OBSERVATIONS];
} fab_report_counts_by;

/* A record's comparison, a set of bits an observation, and its share in sums. */
typedef struct {
    uint16_t of[FAB_OBSERVATIONS];
} fab_report_marks;

fab_report_marks fab_report_compare(const fab_gathering *hyp, const fab_gathering *ref);
void fab_report_add(fab_report_counts_by *sum, const fab_report_marks *one, int64_t times);

/* ---- files of reports (report_read.c) --------------------------------------------------------- */

typedef struct {
    json_t *id;            /* string or integer */
    const char *hyp, *ref; /* ref: the first reference; NULL when the record has findings instead */
    const char *const *refs;
    int n_refs;
    fab_gathering hyp_found, ref_found;
} fab_report_pair;

typedef struct {
    fab_arena *arena; /* owned */
    fab_report_pair *items;
    int64_t n, cap;
    bool all_have_refs;
} fab_report_set;

/* JSONL, a record a line: id, hyp, and refs (strings), ref (one) or findings: [{observation,
 * status, side}] or names of observations that are present. An error names file, line and field.
 * The caller clears, also after a failure. */
bool fab_report_read(fab_report_set *s, const fab_labeller *l, const char *path, fab_err *err);
void fab_report_clear(fab_report_set *s);

/* ---- results (report_findings_json.c) ------------------------------------------------------------------ */

/* {n, findings: {precision, recall, f1, strict_f1, placed_f1, omission, hallucination, flips, ...,
 * macro_f1, chexpert14, per_observation}}, see docs/metrics.md; new reference, NULL with err set. */
json_t *fab_report_scores_json(const fab_report_set *s, const fab_boot_opts *boot, fab_err *err);
/* One record: {id, findings: {...}, explain: [...]}; explain: every finding of either text with
 * both spans. */
json_t *fab_report_pair_json(const fab_report_pair *p, bool explain);

#endif
