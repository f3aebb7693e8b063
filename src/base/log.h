/* log: lines on stderr for people or machines. Never a patient's value, never a prompt. */
#ifndef FAB_BASE_LOG_H
#define FAB_BASE_LOG_H

#include "base/err.h"

typedef enum { FAB_LOG_ERROR, FAB_LOG_WARN, FAB_LOG_INFO, FAB_LOG_DEBUG } fab_log_level;

void fab_log_setup(fab_log_level level,
                   bool json); /* main only; default: info, text; env FABRICA_LOG=debug|... */
void fab_log(fab_log_level level, const char *fmt, ...) FAB_PRINTF(2, 3);

#endif
