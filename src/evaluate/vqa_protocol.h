/* vqa_protocol: what counts as a right answer, by name. One record is worth 0 to 1 points.
 *
 *   exact     1 when equal after trimming, lower-casing ASCII, stripping one final stop and taking runs
 *             of blanks for one
 *   slake     1 when equal after the VQA v2 cleaning (fab_vqa_clean)
 *   vqa-rad   the same, and commas are dropped and "x ray" is "xray"
 *   llava-med closed: 1 when the answer has "yes" or "no" anywhere in it ("abnormal" has "no") and
 *             the reference is part of it; open: recall t / (t + f), t the number of the answer's
 *             words that stand in the reference (each time they are said), f the number of the
 *             reference's words that the answer lacks. LLaVA-Med's own script; it rewards long
 *             answers. A Chinese character is a word; a closed Chinese reference has to be part of
 *             the answer.
 */
#ifndef FAB_EVALUATE_VQA_PROTOCOL_H
#define FAB_EVALUATE_VQA_PROTOCOL_H

#include "data/record.h"

typedef enum {
    FAB_VQA_EXACT,
    FAB_VQA_LLAVA_MED,
    FAB_VQA_SLAKE,
    FAB_VQA_RAD,
    FAB_VQA_PROTOCOLS
} fab_vqa_protocol;

extern const char *const fab_vqa_protocol_names[FAB_VQA_PROTOCOLS];
extern const char *const fab_vqa_protocol_says[FAB_VQA_PROTOCOLS]; /* a sentence for a reader */
bool fab_vqa_protocol_find(const char *name, fab_vqa_protocol *out, fab_err *err);

/* VQA v2 cleaning (Antol et al. 2015): punctuation becomes a space, or nothing where it touches
 * one or where a comma stands between digits; stops that no digit follows go; lower case; zero to
 * ten and none become digits; a, an, the go; cant becomes can't. Chinese punctuation is taken for
 * its ASCII twin first. In the arena; NULL: memory. */
char *fab_vqa_clean(fab_arena *a, const char *text, fab_err *err);

/* answer NULL: 0 points. scratch is released before return. */
bool fab_vqa_points(fab_vqa_protocol p, const fab_qa *q, const char *answer, fab_arena *scratch,
                    double *points, fab_err *err);

#endif
