/* parse: from words to a verb and its filled options struct. */
#ifndef FAB_CLI_PARSE_H
#define FAB_CLI_PARSE_H

#include "cli/verb.h"

/* The options that every verb takes. */
typedef struct {
    bool json, quiet, help;
    int64_t threads;
} fab_globals;
extern const fab_opt fab_global_opts[]; /* ends with { 0 } */

/* The row whose name is the first word, or the first two; *used = how many. NULL: no such verb. */
const fab_verb *fab_verb_find(char *const *words, int n, int *used);

/* Says that there is no such verb, with the nearest names. Returns false. */
bool fab_verb_unknown(char *const *words, int n, fab_err *err);

bool fab_is_positional(const fab_opt *o); /* its name is in capitals */

/* Fills opts (v->opts_size bytes, cleared here) and globals from the words after the verb's name.
 * Strings point into argv or the row, lists live in the arena. When --help is among the words
 * nothing is required. */
bool fab_parse(const fab_verb *v, char *const *words, int n, void *opts, fab_globals *g,
               fab_arena *a, fab_err *err);

/* Differences of two words: inserted, deleted, changed and swapped neighbouring letters. */
int fab_word_distance(const char *a, const char *b);

#endif
