/* json: jansson, made strict: duplicate keys rejected, UTF-8 checked, no NaN, bounded depth and
 * size. Text from json_dumps is freed by fab_free: jansson takes from the same heap. */
#ifndef FAB_BASE_JSON_H
#define FAB_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>
#include "base/file.h"

/* How every number leaves: 15 digits, so that 0.1 reads 0.1; keys in the order they were set. */
#define FAB_JSON_DUMP (JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY)

json_t *fab_json_parse(const void *data, size_t size,
                       fab_err *err); /* new reference; error names line and column */
json_t *fab_json_open(const char *path, fab_err *err);
bool fab_json_write(const char *path, const json_t *v,
                    fab_err *err); /* indented, stable order, atomic */

/* Fields of an object, with an error that names key and the type found. get_* with NULL err are
 * optional lookups. */
const char *fab_json_str(const json_t *o, const char *key, fab_err *err);
bool fab_json_num(const json_t *o, const char *key, double *out, fab_err *err);
bool fab_json_int(const json_t *o, const char *key, int64_t *out, fab_err *err);

/* A JSONL file line by line; blank lines are skipped. An error reads "FILE line 12: ..." */
typedef struct {
    fab_file file;
    size_t at;
    int64_t line;
    const char *path;
    bool borrowed; /* file.data belongs to the caller */
} fab_jsonl;
bool fab_jsonl_open(fab_jsonl *j, const char *path, fab_err *err);
bool fab_jsonl_parse(fab_jsonl *j, const void *data, size_t size,
                     const char *name); /* over borrowed bytes */
json_t *fab_jsonl_next(fab_jsonl *j,
                       fab_err *err); /* new reference; NULL with err unset at the end */
void fab_jsonl_close(fab_jsonl *j);

/* Calls fn with every object of the file at path, in order, until it fails; the error gains "PATH
 * line N: ". */
typedef bool (*fab_jsonl_fn)(void *arg, const json_t *o, fab_err *err);
bool fab_jsonl_each(const char *path, fab_jsonl_fn fn, void *arg, fab_err *err);

#endif
