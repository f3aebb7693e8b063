/* weights_write: writes safetensors and GGUF v3. The same calls give the same bytes, on every
 * machine; a file appears under its name only when it is complete. */
#ifndef FAB_FORMAT_WEIGHTS_WRITE_H
#define FAB_FORMAT_WEIGHTS_WRITE_H

#include "format/weights.h"

/* Tensors are ordered as the reference does, by element size downward and then by name, so that
 * every one is aligned. metadata: an object of strings, or NULL. Quantised types are refused
 * (safetensors has none). */
bool fab_safetensors_write(const char *path, const fab_weight *tensors, int64_t n,
                           const json_t *metadata, fab_err *err);

/* GGUF: keys and tensors are collected, in order, and written at once. Keys and values are copied;
 * tensor data is borrowed until the write. After a failure every further call fails too (the first
 * error stays), so a caller may add many and look at the write's result alone. Names of tensors: at
 * most 63 bytes; ndim at most 4. */
typedef struct fab_gguf fab_gguf;
fab_gguf *fab_gguf_new(fab_err *err);
void fab_gguf_free(fab_gguf *g);

bool fab_gguf_u32(fab_gguf *g, const char *key, uint32_t v);
bool fab_gguf_i32(fab_gguf *g, const char *key, int32_t v);
bool fab_gguf_u64(fab_gguf *g, const char *key, uint64_t v);
bool fab_gguf_f32(fab_gguf *g, const char *key, float v);
bool fab_gguf_bool(fab_gguf *g, const char *key, bool v);
bool fab_gguf_str(fab_gguf *g, const char *key, const char *v);
bool fab_gguf_strs(fab_gguf *g, const char *key, const char *const *v, int64_t n);
bool fab_gguf_i32s(fab_gguf *g, const char *key, const int32_t *v, int64_t n);
bool fab_gguf_f32s(fab_gguf *g, const char *key, const float *v, int64_t n);

/* Every key of w as it is, but for those named in the NULL-terminated list. */
bool fab_gguf_copy(fab_gguf *g, const fab_weights *w, const char *const *but);

/* shape outermost first; data holds the bytes of dtype's layout (base/dtype.h). */
bool fab_gguf_tensor(fab_gguf *g, const char *name, fab_dtype dtype, int ndim, const int64_t *shape,
                     const void *data);

bool fab_gguf_write(fab_gguf *g, const char *path,
                    fab_err *err); /* g may be written again, or freed */

#endif
