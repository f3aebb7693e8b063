/* store: every picture of a run decoded once, squashed to side x side RGB, kept in one mapped
 * file.
 *
 * The cache is keyed by the contents of the files in order, so a changed picture or list is
 * decoded again. Layout: "FABSTOR1", u32 side, u32 n, 64 bytes of SHA-256 in hex over the files'
 * fingerprints, zeros to 4096, then n * side * side * 3 bytes. Resizing is media/resize.h's
 * antialiased bilinear, the same that inference uses.
 */
#ifndef FAB_DATA_STORE_H
#define FAB_DATA_STORE_H

#include "base/file.h"
#include "base/threads.h"

typedef struct fab_store fab_store;

/* cache_path NULL: in memory only. pool may be NULL. Shows progress. An unreadable picture is an
 * error that names it. */
fab_store *fab_store_open(const char *const *paths, int32_t n, int side, fab_pool *pool,
                          const char *cache_path, fab_err *err);
void fab_store_close(fab_store *s);
const uint8_t *fab_store_get(const fab_store *s, int32_t i); /* [side, side, 3]; i in [0, n) */
int fab_store_side(const fab_store *s);
int32_t fab_store_count(const fab_store *s);

/* One picture as the store would hold it: decode (in this process when trusted), squash. rgb:
 * [side * side * 3]. */
bool fab_picture_load(const char *path, int side, bool trusted, uint8_t *rgb, fab_err *err);

#endif
