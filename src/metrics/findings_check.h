/* findings_check: the labeller measured on sentences that a person has labelled.
 *
 * A line of the file is: language <TAB> sentence <TAB> labels, or "none". A label is a sign (+
 * present, - absent, ? uncertain), an observation's name and, where the sentence says one, a side:
 * /L, /R or /B. A sentence's labels are a set.
 *
 *     en <TAB> Left effusion without pneumothorax. <TAB> +pleural_effusion/L -pneumothorax
 */
#ifndef FAB_METRICS_FINDINGS_CHECK_H
#define FAB_METRICS_FINDINGS_CHECK_H

#include "base/json.h"
#include "metrics/findings.h"

typedef struct {
    int64_t hit, missed, extra;
} fab_hits;
double fab_hits_f1(const fab_hits *h); /* 2 hit / (2 hit + missed + extra); NaN when all are 0 */

typedef struct {
    int64_t sentences, exact;                  /* exact: every label with status and side */
    fab_hits by_observation[FAB_OBSERVATIONS]; /* observation and status */
    fab_hits mention, status,
        side; /* the observation alone; with its status; with status and side */
    int64_t confusion[FAB_STATUSES][FAB_STATUSES]; /* [labelled][found], of mentions found */
} fab_findings_score;

/* A line whose labels differ; text lives until the call returns. */
typedef void (*fab_findings_differ)(void *arg, int64_t line, const char *sentence,
                                    const char *wanted, const char *found);

/* lang NULL: both. differ may be NULL. Errors name FILE line N. */
bool fab_findings_check(const fab_labeller *l, const char *path, const char *lang,
                        fab_findings_differ differ, void *arg, fab_findings_score *out,
                        fab_err *err);
json_t *fab_findings_score_json(const fab_findings_score *s); /* new reference */

#endif
