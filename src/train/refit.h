/* refit: a finished model file measured again: temperature, input gate, counter of cells and the worth of each row of
 * a report, as the end of training fits them. Its weights stay as they are. */
#ifndef FAB_TRAIN_REFIT_H
#define FAB_TRAIN_REFIT_H

#include <jansson.h>
#include "base/threads.h"

/* model: the file (NULL: as the engine finds it); data: the folder of the training sets; out: the
 * file to write. *card: what it says of itself now, a new reference (may be NULL). */
bool fab_refit(const char *model, const char *data, const char *out, fab_pool *pool, json_t **card,
               fab_err *err);

#endif
