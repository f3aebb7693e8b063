/* progress: a bar with rate and ETA for work that takes longer than a second; only when stderr is a
 * terminal. Elsewhere: nothing, or one JSON event a second when FABRICA_PROGRESS=json. Honours
 * NO_COLOR. */
#ifndef FAB_BASE_PROGRESS_H
#define FAB_BASE_PROGRESS_H

#include <stdint.h>
#include "base/err.h"

typedef struct {
    char name[40];
    int64_t total, done;
    double start, shown;
    bool tty, json;
} fab_progress;

void fab_progress_init(fab_progress *p, const char *name, int64_t total); /* total 0: unknown */
void fab_progress_set(fab_progress *p, int64_t done, const char *note_fmt, ...)
    FAB_PRINTF(3, 4);                     /* note may be NULL */
void fab_progress_clear(fab_progress *p); /* ends the line */

#endif
