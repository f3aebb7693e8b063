/* zero_shot: classes named in words, told apart in a picture by a published dual encoder.
 *
 *   centre of a class = unit mean of the unit rows of its prompts (Radford et al. 2021, 3.1.4)
 *   CLIP and its kin   p = softmax over the classes of scale * cosine
 *   SigLIP             p = sigmoid(scale * cosine + bias), every class for itself
 */
#ifndef FAB_ENGINE_ZERO_SHOT_H
#define FAB_ENGINE_ZERO_SHOT_H

#include "engine/embedder.h"

enum { FAB_TEMPLATES_MAX = 64 };

typedef struct fab_zero_shot fab_zero_shot;

/* A template is a sentence with {} where the class name goes. n_templates 0: those the model's
 * family was published with (fab_zero_shot_templates). NULL with err set: a template without {}, an
 * empty name, a model that reads no pictures. The embedder is borrowed. */
fab_zero_shot *fab_zero_shot_new(fab_embedder *e, const char *const *names, int n,
                                 const char *const *templates, int n_templates, fab_err *err);
void fab_zero_shot_free(fab_zero_shot *z); /* NULL is fine */

/* The family's templates, NULL-terminated. */
const char *const *fab_zero_shot_templates(const fab_encoder_facts *f);

/* One picture's row [E] -> p [n], cosine [n] (NULL: not wanted). */
void fab_zero_shot_score(const fab_zero_shot *z, const float *row, float *p, float *cosine);

/* The mean of k rows [k,E] at length one -> out [E]: a class's centre. */
void fab_unit_mean(const float *rows, int k, int64_t E, float *out);

#endif
