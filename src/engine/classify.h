/* classify: classes named in words, told apart in one picture.
 *
 *   known classes   every name is a choice of one row of the report's protocol (melanoma, nevus,
 *                   seborrheic keratosis; normal, bacterial, viral pneumonia; ...) or a sum of
 *                   choices (pneumonia): the row is asked (query.h)
 *   known findings  every name but a "normal" is a label with a presence row: each is asked;
 *                   normal is the rest
 *   else            zero-shot: softmax of scale * cosine between the picture and the mean of each
 *                   name's prompts (Radford et al. 2021; data/prompts.h)
 */
#ifndef FAB_ENGINE_CLASSIFY_H
#define FAB_ENGINE_CLASSIFY_H

#include "engine/query.h"

enum { FAB_CLASSES_MAX = 256 };

typedef enum { FAB_BY_ROW, FAB_BY_PRESENCE, FAB_BY_PROMPTS } fab_classify_way;
typedef struct fab_classifier fab_classifier;

/* names [n], 1 to FAB_CLASSES_MAX, copied. zero_shot: prompts even for known classes. NULL with err
 * set. */
fab_classifier *fab_classifier_new(fab_engine *e, const char *const *names, int n, bool zero_shot,
                                   fab_err *err);
void fab_classifier_free(fab_classifier *c); /* NULL is fine */
fab_classify_way fab_classifier_way(const fab_classifier *c);
const char *fab_classifier_row(
    const fab_classifier *c); /* code of the row asked, NULL when none is */

/* Whether the last p was by the patient too. */
bool fab_classifier_by_patient(const fab_classifier *c);
/* p [n], sums to one; cosine [n] or NULL: raw cosines (zero-shot only, else 0). who NULL: nothing is
 * known of the patient; zero-shot has no use for it. */
bool fab_classifier_run(fab_classifier *c, const fab_look *look, const fab_patient *who, float *p,
                        float *cosine, fab_err *err);

#endif
