/* strtab: strings to numbers 0, 1, 2 ... in the order they came; open addressing. The bytes stay
 * the caller's. */
#ifndef FAB_TEXT_STRTAB_H
#define FAB_TEXT_STRTAB_H

#include <stdint.h>
#include "base/err.h"

typedef struct {
    const char *s;
    uint32_t n, hash;
} fab_strtab_item;

typedef struct {
    fab_strtab_item *items;
    int32_t *slots; /* item + 1, 0 empty */
    size_t n, room, mask;
} fab_strtab;

int32_t fab_strtab_find(const fab_strtab *t, const char *s, size_t n); /* -1: not there */
/* The number of s, added when it is new; s is kept. -1 with err set when memory is out. */
int32_t fab_strtab_add(fab_strtab *t, const char *s, size_t n, fab_err *err);
void fab_strtab_clear(fab_strtab *t);

#endif
