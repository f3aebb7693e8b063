/* bench_file: a model's file as a user meets it: of a text model how long until its first token,
 * and how much memory it takes; of our own how long a picture and a question take. */
#ifndef FAB_CLI_BENCH_FILE_H
#define FAB_CLI_BENCH_FILE_H

#include "cli/verb.h"

/* {"path", "bytes", "load_seconds", "first_token_seconds", "prompt_tokens", "prefill", "generate",
 * "kv_bytes", "peak_bytes", "memory"}: seconds since the process began to run the verb, prefill and
 * generate in tokens/s; memory = (peak - cache) / bytes of the file, each page of the file that was
 * read counted. Of a mini: {"path", "threads", "load_seconds", "look_ms", "question_ms",
 * "question_ms_most", "answer_tokens", "count_ms", "peak_bytes"}: medians of 15 pictures of 512 x
 * 512 pixels already decoded, each seen, asked one question of a report (greedy), and counted on
 * (0: it has no trunk). A new reference; NULL with err set. */
json_t *fab_bench_file(fab_run *r, const char *path, fab_err *err);

#endif
