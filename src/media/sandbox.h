/* sandbox: work on hostile bytes in a child process that can only compute and answer.
 *
 * The child inherits the mapped bytes, then gives everything else up: limits on address space,
 * processor seconds, file size, open files and core dumps, and a seccomp filter that leaves memory,
 * time and one pipe. What it makes comes back through that pipe, so a child taken over by its input
 * can lie about a picture and nothing else. A crash, a limit or a forbidden call is an ordinary
 * error here: "decoder died (signal 11)".
 *
 * FABRICA_SANDBOX=0 runs the work in this process (fuzzing, debugging). Where the kernel has no
 * seccomp the limits remain. This file and sandbox.c are the only users of POSIX above base.
 */
#ifndef FAB_MEDIA_SANDBOX_H
#define FAB_MEDIA_SANDBOX_H

#include <stddef.h>
#include "base/err.h"

enum { FAB_SANDBOX_PARTS = 3, FAB_SANDBOX_CPU_SECONDS = 60 };

typedef struct {
    void *data; /* made by fab_new; the receiver frees */
    size_t size;
} fab_part;

/* Fills parts (cleared before) or fails with err set. */
typedef bool (*fab_sandbox_fn)(void *arg, fab_part parts[FAB_SANDBOX_PARTS], fab_err *err);

/* Runs fn(arg) in a child. max_size: most bytes accepted in a part. On success the caller frees the
 * parts' data. */
bool fab_sandbox_run(fab_sandbox_fn fn, void *arg, size_t max_size,
                     fab_part parts[FAB_SANDBOX_PARTS], fab_err *err);

/* False when FABRICA_SANDBOX=0. */
bool fab_sandbox_enabled(void);

#endif
