/* weights_table: what a fab_weights is, for the files of this folder that fill one. A format is one
 * file that ends in one row. */
#ifndef FAB_FORMAT_WEIGHTS_TABLE_H
#define FAB_FORMAT_WEIGHTS_TABLE_H

#include "format/weights.h"

/* GGUF's type numbers, used for every format's metadata. */
typedef enum {
    FAB_KV_U8,
    FAB_KV_I8,
    FAB_KV_U16,
    FAB_KV_I16,
    FAB_KV_U32,
    FAB_KV_I32,
    FAB_KV_F32,
    FAB_KV_BOOL,
    FAB_KV_STR,
    FAB_KV_ARRAY,
    FAB_KV_U64,
    FAB_KV_I64,
    FAB_KV_F64,
    FAB_KVS /* how many */
} fab_kv_type;

const char *fab_kv_type_name(fab_kv_type t);
int fab_kv_type_size(fab_kv_type t); /* bytes; 0 for strings and arrays */

typedef struct {
    const char *key;
    fab_kv_type type, item; /* item: of an array */
    const uint8_t *raw;     /* numbers: in the file, little-endian, not aligned */
    const char *str;        /* FAB_KV_STR: in the arena, NUL-terminated */
    const char **strs;      /* arrays of strings */
    int64_t n;              /* length of an array */
} fab_kv;

struct fab_weights {
    fab_arena *arena;
    const struct fab_format *format;
    fab_file file;       /* zero when the bytes are borrowed */
    fab_weights **shard; /* files of an index; entries point into them */
    int n_shards;
    fab_weight *entries; /* in the file's order */
    uint32_t *by_name;   /* [n] numbers of entries, ordered by name */
    int64_t n;
    fab_kv *kv; /* ordered by key once sealed */
    int64_t n_kv;
};

typedef struct fab_format {
    const char *name;
    int (*bid)(const uint8_t *data,
               size_t size); /* how many bits say that this is the format; 0: it is not */
    /* Fills w from the bytes; dir = the file's folder, NULL over borrowed bytes. */
    bool (*parse)(fab_weights *w, const uint8_t *data, size_t size, const char *dir, fab_err *err);
} fab_format;

extern const fab_format fab_format_safetensors, fab_format_gguf, fab_format_index, fab_format_torch,
    fab_format_torch_old, fab_format_ctranslate2;

/* Orders two fab_kv by key, for qsort and bsearch. */
int fab_kv_order(const void *a, const void *b);

/* fab_weights_open, but only this format is accepted. */
fab_weights *fab_weights_open_as(const char *path, const fab_format *only, fab_err *err);

/* Room for n entries or keys, cleared. */
bool fab_weights_room(fab_weights *w, int64_t n, int64_t n_kv, fab_err *err);

/* Offsets of tensors [begin, begin + bytes): sorts, and refuses two that overlap, naming them.
 * holes: also a gap, or an end other than size. */
bool fab_weights_check_layout(const fab_weights *w, const uint8_t *data, uint64_t size, bool holes,
                              fab_err *err);

#endif
