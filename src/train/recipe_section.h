/* recipe_section: reads the settings of one mapping of a recipe; for the files recipe*.c alone.
 * Each failure is one sentence, and the first stays in the shared error. */
#ifndef FAB_TRAIN_RECIPE_SECTION_H
#define FAB_TRAIN_RECIPE_SECTION_H

#include <stdio.h>
#include <string.h>
#include "base/json.h"

/* A mapping of the recipe. */
typedef struct {
    const json_t *o; /* NULL: not there, everything has its default */
    char where[64];  /* "stage vqa" */
    fab_err *err;
} section;

/* o as a section: absent, or a mapping whose every key is in the list: a mistyped setting is an
 * error, not a default. */
static inline section open_section(const json_t *o, const char *where, const char *const *keys,
                                   fab_err *err)
{
    section s = { .o = o, .err = err };
    const char *key;
    json_t *v;
    snprintf(s.where, sizeof s.where, "%s", where);
    if (o && !json_is_object(o)) {
        fab_fail(err, FAB_EUSAGE, "recipe: %s is no mapping", where);
        s.o = NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)s.o, key, v)
    {
        int i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0) i++;
        if (!keys[i]) fab_fail(err, FAB_EUSAGE, "recipe: %s has no setting '%.60s'", where, key);
    }
    return s;
}

/* A number in least..most. */
static inline double real(const section *s, const char *key, double fallback, double least,
                          double most)
{
    const json_t *v = json_object_get(s->o, key);
    double x = json_number_value(v);
    if (!v) return fallback;
    if (!json_is_number(v))
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is no number", s->where, key);
    else if (!(x >= least && x <= most))
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is %.15g, %.15g to %.15g is wanted", s->where,
                 key, x, least, most);
    else return x;
    return fallback;
}

/* The same for whole numbers; both ends are below 2^53. */
static inline int64_t whole(const section *s, const char *key, int64_t fallback, int64_t least,
                            int64_t most)
{
    double x = real(s, key, (double)fallback, (double)least, (double)most);
    if (x != (double)(int64_t)x)
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is %.15g, a whole number is wanted", s->where,
                 key, x);
    return (int64_t)x;
}

static inline const char *words(const section *s, const char *key, const char *fallback)
{
    const json_t *v = json_object_get(s->o, key);
    if (!v) return fallback;
    if (json_is_string(v)) return json_string_value(v);
    fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is no text; put it in quotes", s->where, key);
    return fallback;
}

static inline bool flag(const section *s, const char *key)
{
    const json_t *v = json_object_get(s->o, key);
    if (v && !json_is_boolean(v))
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is neither true nor false", s->where, key);
    return json_is_true(v);
}

#endif
