/* file: whole files in, whole files out. A file appears under its name only when it is complete. */
#ifndef FAB_BASE_FILE_H
#define FAB_BASE_FILE_H

#include <stdint.h>
#include <stdio.h>
#include "base/arena.h"

/* A file's bytes, read-only: mapped when it is a regular file, read into memory for "-" (stdin) and
 * pipes. */
typedef struct {
    const uint8_t *data;
    size_t size;
    bool mapped;
} fab_file;

/* Maps path. limit = most bytes accepted (0: none). Clear errors: missing, a directory, unreadable,
 * too large. */
bool fab_file_map(fab_file *f, const char *path, uint64_t limit, fab_err *err);
void fab_file_unmap(fab_file *f); /* half-built or cleared is fine */
/* The whole pages of [data, data + size) leave memory until they are read again. Nothing happens to
 * bytes that are not a mapped file's. */
void fab_file_forget(const fab_file *f, const void *data, size_t size);

/* Output written to PATH.tmp.PID and renamed by commit after fsync; abort removes it. abort after
 * commit is a no-op. */
typedef struct {
    FILE *stream;
    char *path, *tmp;
} fab_out;
bool fab_out_open(fab_out *o, const char *path, fab_err *err);
bool fab_out_write(fab_out *o, const void *data, size_t size, fab_err *err);
bool fab_out_commit(fab_out *o, fab_err *err);
void fab_out_abort(fab_out *o);
void fab_out_abandon(
    void); /* removes every unfinished PATH.tmp.PID; for a signal handler that ends the process */

bool fab_file_write(const char *path, const void *data, size_t size,
                    fab_err *err);               /* open, write, commit */
bool fab_mkdirs(const char *path, fab_err *err); /* mkdir -p */
bool fab_exists(const char *path);

/* "dir/of/file" of a path, "." when it has none; joined path; base name. Results live in the arena. */
char *fab_path_dir(fab_arena *a, const char *path, fab_err *err);
char *fab_path_join(fab_arena *a, const char *dir, const char *name,
                    fab_err *err); /* absolute name wins */
const char *fab_path_base(const char *path);
char *fab_path_real(fab_arena *a, const char *path,
                    fab_err *err);             /* absolute, links resolved; it must exist */
char *fab_exe_dir(fab_arena *a, fab_err *err); /* the folder this program was started from */

double fab_now(void);                        /* seconds, monotonic */
uint64_t fab_unix_time(void);                /* seconds since 1970 */
void fab_iso_time(uint64_t t, char out[24]); /* of such seconds: 2026-01-31T12:00:00Z */
size_t fab_rss_peak(void);                   /* bytes */
size_t fab_memory_total(void);               /* bytes of the machine; 0: unknown */
const char *fab_getenv(const char *name);

#endif
