/* refit: a finished model file measured again: temperature, curve of answers, input gate, counter
 * of cells and the worth of each row of a report, as the end of training fits them. Its weights
 * stay as they are. */
#ifndef FAB_TRAIN_REFIT_H
#define FAB_TRAIN_REFIT_H

#include <jansson.h>
#include "base/threads.h"

/* model: the file (NULL: as the engine finds it); data: the folder of the training sets; out: the
 * file to write. version NULL: that of the old one; else the card's "weights_of" becomes the id of
 * the file that had these weights first, to which adapters belong. *card: what the file says of
 * itself now, a new reference (may be NULL). */
bool fab_refit(const char *model, const char *data, const char *out, const char *version,
               fab_pool *pool, json_t **card, fab_err *err);

#endif
