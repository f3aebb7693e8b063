/* average: the mean of finished models' weights as one model, a "soup" (Wortsman et al. 2022):
 * models that started from the same weights and learnt in different sittings or with different
 * settings.
 */
#ifndef FAB_TRAIN_AVERAGE_H
#define FAB_TRAIN_AVERAGE_H

#include "base/threads.h"

enum { FAB_AVERAGE_MOST = 64 };

/* n GGUF files with the same tensors, shapes and tokenizer, else an error that names both files and
 * what differs. The mean is taken in f32 and written in the first file's types, with its metadata
 * but for "fabrica.*": calibration, gate and skills were fitted to one model; `fabrica refit` fits
 * them anew. The card keeps what the models are and what all of them cost. Quantised files are
 * refused: their steps would be averaged away. */
bool fab_average(const char *const *paths, int n, const char *out, fab_pool *pool, fab_err *err);

#endif
