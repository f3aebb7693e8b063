/* weights: one view over every weight file: named tensors in a mapped file, and typed metadata.
 *
 *   path --map--> bytes --bid--> safetensors | gguf | index of shards | torch | ctranslate2
 *        --parse, check--> fab_weights
 *
 * A parse either accepts the whole file or refuses it with a sentence that names the tensor or key
 * and the numbers that disagree; entries that come out are safe to read in full. Shapes are in
 * PyTorch's order, outermost first, for both formats (GGUF stores them reversed). Data pointers lie
 * in the mapped file: they live until close, and are aligned only as the file aligns them (GGUF: 32
 * bytes; others: usually the element size, never guaranteed), so read elements by memcpy or
 * check fab_weight_aligned first. Nothing here holds state between calls; a fab_weights may be
 * shared by threads. */
#ifndef FAB_FORMAT_WEIGHTS_H
#define FAB_FORMAT_WEIGHTS_H

#include "base/dtype.h"
#include "base/json.h"

typedef struct fab_weights fab_weights;

typedef struct {
    const char *name;
    fab_dtype dtype;
    int ndim; /* 0: a scalar */
    int64_t shape[FAB_MAX_DIM];
    const void *data;
    uint64_t bytes;
} fab_weight;

/* Opens a file found by its first bytes, never by its name; the index of a sharded safetensors
 * opens its shards beside it. NULL with err set; the message starts with the path. */
fab_weights *fab_weights_open(const char *path, fab_err *err);

/* The same over bytes that the caller keeps until close (an index is refused: it names files). */
fab_weights *fab_weights_parse(const void *data, size_t size, fab_err *err);
void fab_weights_close(fab_weights *w); /* NULL is fine */

const char *fab_weights_format(const fab_weights *w); /* "safetensors", "gguf", "torch", ... */
int64_t fab_weights_count(const fab_weights *w);
const fab_weight *fab_weights_at(const fab_weights *w, int64_t i); /* in the file's order */

/* NULL with err set "NAME: not in the file" when absent; err may be NULL. */
const fab_weight *fab_weights_find(const fab_weights *w, const char *name, fab_err *err);

/* The caller has its own copy of a tensor's data: what it takes of memory is given back until it is
 * read again. Bytes that are not in w's mapped files are left alone. */
void fab_weights_forget(const fab_weights *w, const void *data, uint64_t bytes);

bool fab_weight_aligned(
    const fab_weight *e); /* data is aligned for its plain element type, or a quantised block's */

/* Whether every float, and every scale of a Q4_0..Q8_0 block, is finite; the error names tensor,
 * element and value. */
bool fab_weights_check_finite(const fab_weights *w, fab_err *err);

/* Metadata. Keys are GGUF's; a safetensors file's __metadata__ appears as strings. With err NULL a
 * lookup is optional; else the error names the key and the type found. Strings are lent. */
bool fab_weights_has(const fab_weights *w, const char *key);
bool fab_weights_int(const fab_weights *w, const char *key, int64_t *out,
                     fab_err *err); /* any integer type */
bool fab_weights_num(const fab_weights *w, const char *key, double *out,
                     fab_err *err); /* any number, not bool */
bool fab_weights_bool(const fab_weights *w, const char *key, bool *out, fab_err *err);
const char *fab_weights_str(const fab_weights *w, const char *key, fab_err *err);

/* Arrays; n receives the length. Strings are lent; numbers are converted into the arena (out of
 * int32: an error). */
const char *const *fab_weights_strs(const fab_weights *w, const char *key, int64_t *n,
                                    fab_err *err);
const int32_t *fab_weights_i32s(const fab_weights *w, const char *key, fab_arena *a, int64_t *n,
                                fab_err *err);
const float *fab_weights_f32s(const fab_weights *w, const char *key, fab_arena *a, int64_t *n,
                              fab_err *err);

/* Summary for people and scripts, a new reference: format, n_tensors, parameters, bytes, dtypes
 * {name: count}, metadata {key: value; long arrays as their length and first items}, tensors
 * [{name, dtype, shape}] when asked. */
json_t *fab_weights_describe(const fab_weights *w, bool tensors, fab_err *err);

#endif
