/* arena: memory that lives as long as a request, a step or a parse, and dies at once.
 *
 * Takes are aligned to 64 bytes and NOT cleared (fab_arena_zero clears). There is no free. Memory
 * is drawn in chunks that a reset keeps, so a training step after the first makes no system call.
 */
#ifndef FAB_BASE_ARENA_H
#define FAB_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

typedef struct fab_arena fab_arena;

typedef struct {
    void *chunk;
    size_t used;
} fab_arena_mark;

/* chunk = smallest piece drawn from the system, bytes; 0 = 1 MiB. NULL with err set when memory is
 * out. */
fab_arena *fab_arena_new(size_t chunk, fab_err *err);
void fab_arena_free(fab_arena *a); /* NULL is fine */

/* size bytes, 64-byte aligned, not cleared; NULL with err set when memory is out. size 0 gives a
 * valid pointer. */
void *fab_arena_take(fab_arena *a, size_t size, fab_err *err);
void *fab_arena_zero(fab_arena *a, size_t size, fab_err *err);
char *fab_arena_strdup(fab_arena *a, const char *s, fab_err *err);
char *fab_arena_printf(fab_arena *a, fab_err *err, const char *fmt, ...) FAB_PRINTF(3, 4);

/* Everything taken after the mark is forgotten by a release to it; chunks are kept. */
fab_arena_mark fab_arena_save(const fab_arena *a);
void fab_arena_release(fab_arena *a, fab_arena_mark m);
void fab_arena_reset(fab_arena *a); /* release everything */

size_t fab_arena_peak(const fab_arena *a); /* most bytes ever in use */

/* Handles ("new/free"). fab_new clears. fab_grow: realloc for n elements of `size` bytes with
 * overflow check; on failure the old block stays valid and false is returned. 64-byte aligned big
 * buffers: fab_aligned_new. */
void *fab_new(size_t size, fab_err *err);
void *fab_new_array(size_t n, size_t size, fab_err *err);
bool fab_grow(void **block, size_t n, size_t size, fab_err *err);
void fab_free(void *p);
void *fab_aligned_new(size_t size, fab_err *err); /* freed by fab_aligned_free, not cleared */
void fab_aligned_free(void *p);
char *fab_strdup(const char *s, fab_err *err);

/* Test hook: the n-th take or new from now (0 = the next) fails once; negative switches it off.
 * Returns whether the previously armed failure has struck. Not thread-safe; tests only. */
bool fab_oom_arm(int64_t n);

#endif
