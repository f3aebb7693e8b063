/* err: the one way a function says that it failed.
 *
 * A fallible function returns bool or a pointer and takes `fab_err *err` last. The caller owns the
 * struct, so there is nothing to free, nothing global, nothing shared between threads. Who detects
 * writes the sentence; who passes it on adds context at most; who handles it logs it once.
 */
#ifndef FAB_BASE_ERR_H
#define FAB_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    FAB_OK = 0,
    FAB_EUSAGE,       /* the caller's words are wrong: option, argument            (exit 2) */
    FAB_EIO,          /* a file or pipe could not be read or written               (exit 1) */
    FAB_EFORMAT,      /* bytes from outside are broken: truncated, inconsistent    (exit 4) */
    FAB_EUNSUPPORTED, /* the bytes are fine, this program cannot use them          (exit 4) */
    FAB_ELIMIT,       /* a size above a stated limit                               (exit 4) */
    FAB_ENOMEM,       /* memory ran out                                            (exit 1) */
    FAB_EREFUSED,     /* the input gate or a policy says no                        (exit 5) */
    FAB_EINTEGRITY,   /* a checksum or signature disagrees                         (exit 7) */
    FAB_EINTERNAL,    /* our own invariant, or an op row's contract, is broken     (exit 1) */
} fab_code;

typedef struct {
    fab_code code;
    char text[248];
} fab_err;

#define FAB_ERR_INIT                                                                               \
    {                                                                                              \
        FAB_OK, ""                                                                                 \
    }

#if defined(__GNUC__)
#define FAB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define FAB_PRINTF(fmt, args)
#endif

/* Records the failure and returns false. err may be NULL. Keeps the first failure: a set err is not
 * overwritten. */
bool fab_fail(fab_err *err, fab_code code, const char *fmt, ...) FAB_PRINTF(3, 4);

/* Prefixes context: "CONTEXT: old text". Does nothing when err is NULL or not set. Returns false. */
bool fab_while(fab_err *err, const char *fmt, ...) FAB_PRINTF(2, 3);

/* The process's exit code for an error code, see FAB_E* above. */
int fab_exit_code(fab_code code);

#endif
