/* checkpoint: everything that a run needs to go on after kill -9 as if nothing had happened.
 *
 *   DIR/last.safetensors, DIR/previous.safetensors
 *     param/NAME, m/NAME, v/NAME, ema/NAME   f32, a parameter and its state
 *     state/updates    i64 [parameters]      optim's t
 *     state/counters   i64 [2]               optim's step, skipped
 *     state/rng        u64 [n,4]
 *     state/positions  u64 [n]
 *     __metadata__                           format, recipe, meta (JSON), sum
 *
 * A file appears whole or not at all; the newest but one is kept. `sum` is a hash of every tensor's
 * bytes: a file that is cut short or damaged is refused, and a load then takes the previous one and
 * warns.
 */
#ifndef FAB_TRAIN_CHECKPOINT_H
#define FAB_TRAIN_CHECKPOINT_H

#include "base/json.h"
#include "train/optim.h"

typedef struct {
    fab_optim *optim; /* parameters and their states; averages must not be swapped in */
    fab_rng *rngs;    /* [n_rngs] */
    int n_rngs;
    uint64_t
        *positions; /* [n_positions] whatever the caller counts: samplers, stage, epochs, bests */
    int n_positions;
    const char *recipe; /* hash of what must not change between runs; a load compares it */
    json_t *meta;       /* save: written (NULL: {}), borrowed. load: a new reference */
} fab_checkpoint;

bool fab_checkpoint_save(const char *dir, const fab_checkpoint *c, fab_err *err);

/* Fills parameters, states, rngs, positions and meta; nothing is changed on failure. The error
 * names what disagrees: a name, two shapes, two counts, two recipe hashes (these are never answered
 * with the previous file). */
bool fab_checkpoint_load(const char *dir, fab_checkpoint *c, fab_err *err);

bool fab_checkpoint_exists(const char *dir);
bool fab_checkpoint_remove(const char *dir, fab_err *err); /* to start anew in an old folder */

#endif
