/* published: what verbs share that run somebody else's encoder instead of our own model. */
#ifndef FAB_CLI_PUBLISHED_H
#define FAB_CLI_PUBLISHED_H

#include <stddef.h>
#include "cli/verb.h"
#include "engine/embedder.h"

/* The model that the words or $FABRICA_MODEL name when it is a published one; NULL: our own. */
const char *fab_published_model(const char *model);

/* Opens it with the run's pool. how: "folder", "mean", "cls" or "pooler". */
fab_embedder *fab_published_open(fab_run *r, const char *model, bool exact, const char *how,
                                 fab_err *err);

/* The answer's common last fields: model (the folder's name), family, research_use. Prints o. */
bool fab_published_result(fab_run *r, json_t *o, const fab_embedder *e, const char *sha256,
                          fab_err *err);

#define FAB_OPT_EXACT(type)                                                                        \
    {                                                                                              \
        "exact", FAB_FLAG, offsetof(type, exact), NULL,                                            \
            "a published model: multiply in 32 bits, slower"                                       \
    }

#endif
