/* refit: a finished model file measured again: temperature, curve of answers, input gate, counter
 * of cells and the worth of each row of a report, as the end of training fits them. Its weights
 * stay as they are. */
#ifndef FAB_TRAIN_REFIT_H
#define FAB_TRAIN_REFIT_H

#include <jansson.h>
#include "base/threads.h"

typedef struct {
    const char *model;   /* NULL: as the engine finds it */
    const char *data;    /* folder of the training sets */
    const char *out;     /* file to write */
    const char *version; /* of that file, whose card's "weights_of" then is the id of the file that
                            had these weights first, to which adapters belong; NULL: the old one's */
} fab_refit_opts;

/* *card: what the file says of itself now, a new reference (may be NULL). */
bool fab_refit(const fab_refit_opts *o, fab_pool *pool, json_t **card, fab_err *err);

#endif
