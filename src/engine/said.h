/* said: tokens as the text that may be shown: whole characters, ended by a stop text, and nothing
 * of which a stop text may be the rest. */
#ifndef FAB_ENGINE_SAID_H
#define FAB_ENGINE_SAID_H

#include "text/tokenizer.h"

typedef struct {
    const fab_tokenizer *words; /* NULL: the text stays empty */
    const char *const *stops;
    int n_stops;
    fab_arena *arena;
    fab_token_stream stream;
    char *text; /* all of it, NUL-terminated */
    size_t n, cap, shown;
    bool stopped; /* by a stop text, which is cut off */
} fab_said;

bool fab_said_init(fab_said *s, const fab_tokenizer *words, const char *const *stops, int n_stops,
                   fab_arena *a, fab_err *err);
/* What may be shown since the last call, fresh bytes of it; NULL with err set: memory. */
const char *fab_said_push(fab_said *s, int32_t id, size_t *fresh, fab_err *err);
/* The rest: nothing more comes. */
const char *fab_said_end(fab_said *s, size_t *fresh, fab_err *err);

#endif
