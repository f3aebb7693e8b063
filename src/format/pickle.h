/* pickle: Python's pickles as a tree of values, read as data. Nothing is ever called or imported: a
 * name of a class or function is a FAB_PK_GLOBAL, a call of one is a FAB_PK_CALL that remembers
 * both.
 *
 * Values may be shared and may contain themselves: a walk needs its own limit. */
#ifndef FAB_FORMAT_PICKLE_H
#define FAB_FORMAT_PICKLE_H

#include "base/arena.h"

typedef enum {
    FAB_PK_NONE,
    FAB_PK_BOOL,
    FAB_PK_INT,
    FAB_PK_BIG, /* an integer beyond 64 bits: text has its bytes */
    FAB_PK_REAL,
    FAB_PK_TEXT, /* strings and bytes: in the file, no NUL at the end */
    FAB_PK_TUPLE,
    FAB_PK_LIST,       /* lists and sets */
    FAB_PK_DICT,       /* item: key, value, key, value ...; OrderedDict too */
    FAB_PK_GLOBAL,     /* text = "MODULE NAME", in the arena, NUL-terminated */
    FAB_PK_CALL,       /* what = FAB_PK_GLOBAL or other, args; state from BUILD, or NULL */
    FAB_PK_PERSISTENT, /* args: what a persistent id is made of */
    FAB_PK_MARK,       /* never seen outside */
} fab_pk_kind;

typedef struct fab_pk fab_pk;
struct fab_pk {
    fab_pk_kind kind;
    int64_t i; /* BOOL, INT */
    double d;
    const char *text;
    size_t n; /* of text in bytes, or of item */
    size_t room;
    fab_pk **item;
    fab_pk *what, *args, *state;
};

typedef struct {
    const fab_pk *root;
    fab_pk **persistent; /* every persistent id, in the pickle's order */
    size_t n_persistent;
    size_t used; /* bytes of the pickle */
} fab_pickle;

/* One pickle at the start of data. Values live in the arena and point into data. False with err
 * set, which names the offset. */
bool fab_pickle_read(fab_pickle *p, const uint8_t *data, size_t size, fab_arena *a, fab_err *err);

bool fab_pk_is(const fab_pk *v, const char *text); /* a TEXT, or GLOBAL, of exactly that */
const fab_pk *fab_pk_key(const fab_pk *dict, const char *key); /* NULL: no dict, or no such key */

#endif
