/* counter: how many white cells, red cells and platelets a blood smear shows, as a model file
 * carries it: one line per kind on what the trunk's maps say of the whole picture.
 *
 *   n_k = max(0, offset_k + weight_k . x)
 *   x [F]: over the cells of the 1/8 map, then of the 1/16 map: means, standard deviations
 *
 *   fabrica.counter.code            string[3]     wbc, rbc, platelet: the order of data/case.h's counts
 *   fabrica.counter.weight, .offset f32[3*F], f32[3]
 *   fabrica.counter.mae, .exact     f32[3]        of the rounded count, left-one-out while fitting:
 *                                   mean absolute error, share of pictures counted exactly
 */
#ifndef FAB_ZOO_COUNTER_H
#define FAB_ZOO_COUNTER_H

#include "format/weights_write.h"

enum { FAB_COUNTER_KINDS = 3 };
extern const char *const fab_counter_codes[FAB_COUNTER_KINDS];

typedef struct {
    int dim;             /* F; 0: the file counts nothing */
    const float *weight; /* [3,F] */
    float offset[FAB_COUNTER_KINDS], mae[FAB_COUNTER_KINDS], exact[FAB_COUNTER_KINDS];
} fab_counter;

/* x [c->dim] -> counts, not rounded. */
void fab_counter_apply(const fab_counter *c, const float *x, float counts[FAB_COUNTER_KINDS]);

/* Reads the keys; weight lives in the arena. A file without them gives dim 0. Other codes, lists of
 * other lengths (F is dim) and numbers that are not finite are errors that name the key. */
bool fab_counter_read(const fab_weights *w, int dim, fab_arena *a, fab_counter *out, fab_err *err);
/* Failures of the writer stay in g, as with every key. */
bool fab_counter_put(fab_gguf *g, const fab_counter *c);

/* {wbc: {mae, exact}, ...}; NULL: memory. */
json_t *fab_counter_json(const fab_counter *c);

#endif
