/* engine_impl: what engine.c, look.c and answer.c share. Not for other folders. */
#ifndef FAB_ENGINE_ENGINE_IMPL_H
#define FAB_ENGINE_ENGINE_IMPL_H

#include "engine/engine.h"
#include "zoo/adapter.h"

enum { FAB_LOOK_CACHE = 32 }; /* looks kept: about 0.5 MB each at S = 160 */

struct fab_engine {
    fab_mini_file *file;
    fab_pool *pool;
    fab_arena *own; /* path and the like: lives as long as the engine */
    fab_ctx ctx;    /* over `work`; reset at the start of every call */
    fab_arena *work;
    const char *path;
    fab_adapter *adapter; /* NULL: none */
    size_t id_len;        /* of the model's id without it */
    fab_skills skills;    /* of the model without it */
    struct {
        const fab_look *look; /* counted; NULL: free */
        uint64_t used;        /* clock of its last use */
    } cache[FAB_LOOK_CACHE];
    uint64_t clock;
};

/* Moves the context's latched failure into err: true when there was none. */
bool fab_engine_settle(fab_engine *e, fab_err *err);

/* closer.c: of a dermoscopy whose lesion the look's cells show, the classes' logits become the mean
 * of those of the picture and those of the lesion alone. Of any other, and by a model that does not
 * look closer, they stay. *closer becomes true where they change. */
bool fab_engine_look_closer(fab_engine *e, fab_look *l, const uint8_t *rgb, int width, int height,
                            bool *closer, fab_err *err);

/* count.c: whether the look is to be counted on; the counts of the picture it came from. */
bool fab_engine_counts(const fab_engine *e, const fab_look *look);
bool fab_engine_count(fab_engine *e, const uint8_t *rgb, int width, int height,
                      float counts[FAB_COUNTER_KINDS], fab_err *err);
/* The look's count as the answer to such a question; false with err unset: not to be answered so. */
bool fab_engine_say_count(const fab_engine *e, const fab_look *look, const char *question,
                          fab_arena *a, fab_answer *out, fab_err *err);

#endif
