/* count_errors: how near an answer to "how many" comes, of records {image, counts: {WBC: 1, RBC:
 * 14, Platelets: 2}} (BCCD's; a kind that is absent is 0). The question is asked in both languages,
 * as a user asks it; the number is read from the answer.
 */
#ifndef FAB_EVALUATE_COUNT_ERRORS_H
#define FAB_EVALUATE_COUNT_ERRORS_H

#include <jansson.h>
#include "evaluate/run.h"

/* docs/metrics.md, "eval count". images_dir NULL: pictures are relative to the JSONL's folder. NULL
 * with err set; records that cannot be used are counted as failed. */
json_t *fab_eval_count(fab_engine *e, const char *path, const char *images_dir,
                       const fab_eval_opts *o, fab_err *err);

#endif
