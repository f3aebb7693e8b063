/* bench_file: a text model's file as a user meets it: how long until its first token, and how much
 * memory it takes. */
#ifndef FAB_CLI_BENCH_FILE_H
#define FAB_CLI_BENCH_FILE_H

#include "cli/verb.h"

/* {"path", "bytes", "load_seconds", "first_token_seconds", "prompt_tokens", "prefill", "generate",
 * "kv_bytes", "peak_bytes", "memory"}: seconds since the process began to run the verb, prefill and
 * generate in tokens/s; memory = (peak - cache) / bytes of the file, each page of the file that was
 * read counted. A new reference; NULL with err set. */
json_t *fab_bench_file(fab_run *r, const char *path, fab_err *err);

#endif
