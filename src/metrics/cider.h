/* cider: CIDEr-D (Vedantam 2015) as pycocoevalcap computes it: n-grams of 1 to 4, sigma 6, times
 * 10.
 *
 * The weight of an n-gram comes from the number of records of the corpus that have it in a
 * reference, so a score belongs to its corpus; one record alone scores 0, for every n-gram of it is
 * in every record. */
#ifndef FAB_METRICS_CIDER_H
#define FAB_METRICS_CIDER_H

#include "metrics/word_table.h"

enum { FAB_CIDER_ORDER = 4 };

typedef struct fab_cider fab_cider;

fab_cider *fab_cider_new(fab_err *err);
void fab_cider_free(fab_cider *c); /* NULL is fine */

/* Adds a record; all rows of one table that has not begun anew since the first record. */
bool fab_cider_add(fab_cider *c, const fab_word_row *hyp, const fab_word_row *refs, int n_refs,
                   fab_err *err);
bool fab_cider_scores(fab_cider *c, double *out, fab_err *err); /* [records], once */

#endif
