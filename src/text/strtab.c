/* strtab: see strtab.h. Linear probing, at most half full. */
#include "text/strtab.h"
#include <string.h>
#include "base/arena.h"
#include "base/hash.h"

static size_t probe(const fab_strtab *t, const char *s, size_t n, uint32_t hash)
{
    size_t at = hash & t->mask;

    for (; t->slots[at]; at = (at + 1) & t->mask) {
        const fab_strtab_item *it = &t->items[t->slots[at] - 1];
        if (it->hash == hash && it->n == n && memcmp(it->s, s, n) == 0) break;
    }
    return at;
}

int32_t fab_strtab_find(const fab_strtab *t, const char *s, size_t n)
{
    return t->n ? t->slots[probe(t, s, n, (uint32_t)fab_hash64(s, n, 0))] - 1 : -1;
}

static bool widen(fab_strtab *t, fab_err *err)
{
    size_t room = t->room ? 2 * t->room : 64;
    void *items = t->items;
    int32_t *slots = fab_new_array(2 * room, sizeof *slots, err);

    if (!slots || !fab_grow(&items, room, sizeof *t->items, err)) {
        fab_free(slots);
        return false;
    }
    fab_free(t->slots);
    t->items = items;
    t->slots = slots;
    t->room = room;
    t->mask = 2 * room - 1;
    for (size_t i = 0; i < t->n; i++)
        slots[probe(t, t->items[i].s, t->items[i].n, t->items[i].hash)] = (int32_t)i + 1;
    return true;
}

int32_t fab_strtab_add(fab_strtab *t, const char *s, size_t n, fab_err *err)
{
    uint32_t hash = (uint32_t)fab_hash64(s, n, 0);

    if (t->n == t->room && !widen(t, err)) return -1;
    size_t at = probe(t, s, n, hash);
    if (!t->slots[at]) {
        t->items[t->n] = (fab_strtab_item){ s, (uint32_t)n, hash };
        t->slots[at] = (int32_t)++t->n;
    }
    return t->slots[at] - 1;
}

void fab_strtab_clear(fab_strtab *t)
{
    fab_free(t->items);
    fab_free(t->slots);
    *t = (fab_strtab){ 0 };
}
