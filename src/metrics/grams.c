/* grams: see grams.h. Open addressing in a table of twice the pairs expected; keys are whole pairs,
 * so that two different n-grams never share a number. */
#include "metrics/grams.h"

#include <string.h>

bool fab_pairs_new(fab_pairs *t, int64_t most, fab_arena *a, fab_err *err)
{
    *t = (fab_pairs){ .n_slots = 16 };
    while (t->n_slots < (uint64_t)most * 2) t->n_slots *= 2;
    t->keys = fab_arena_take(a, t->n_slots * sizeof *t->keys, err);
    t->ids = fab_arena_zero(a, t->n_slots * sizeof *t->ids, err);
    return t->keys && t->ids;
}

uint32_t fab_pairs_id(fab_pairs *t, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 32 | right, h = key * 0x9e3779b97f4a7c15u;
    uint64_t i = (h ^ h >> 32) & (t->n_slots - 1);
    for (; t->ids[i]; i = (i + 1) & (t->n_slots - 1))
        if (t->keys[i] == key) return t->ids[i] - 1;
    t->keys[i] = key;
    t->ids[i] = ++t->n;
    return t->n - 1;
}

uint32_t *fab_grams_new(const fab_word_row *w, fab_arena *a, fab_err *err)
{
    uint32_t *ids = fab_arena_take(a, (size_t)w->n * sizeof *ids, err);
    if (ids && w->n) memcpy(ids, w->ids, (size_t)w->n * sizeof *ids);
    return ids;
}

void fab_grams_lengthen(uint32_t *grams, const fab_word_row *w, int k, fab_pairs *t)
{
    for (int64_t i = 0; i + k < w->n; i++) grams[i] = fab_pairs_id(t, grams[i], w->ids[i + k]);
}
