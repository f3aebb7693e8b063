/* dtype: element types of tensors in memory and in files, and how many bytes their elements take.
 *
 * Plain types hold one element per block. A quantised type packs `block` consecutive elements of
 * the last dimension into `bytes` bytes (GGUF's layouts, SYSTEMS.md 28.4), so a row's length must
 * be a multiple of the block. */
#ifndef FAB_BASE_DTYPE_H
#define FAB_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAB_MAX_DIM 5

typedef enum {
    FAB_F32,
    FAB_F16,
    FAB_BF16,
    FAB_F64,
    FAB_I8,
    FAB_I16,
    FAB_I32,
    FAB_I64,
    FAB_U8,
    FAB_U16,
    FAB_U32,
    FAB_U64,
    FAB_BOOL,
    FAB_F8_E4M3,
    FAB_F8_E5M2,
    FAB_Q4_0,
    FAB_Q4_1,
    FAB_Q5_0,
    FAB_Q5_1,
    FAB_Q8_0,
    FAB_Q2_K,
    FAB_Q3_K,
    FAB_Q4_K,
    FAB_Q5_K,
    FAB_Q6_K,
    FAB_DTYPES /* how many */
} fab_dtype;

const char *fab_dtype_name(fab_dtype t);              /* "F32", "Q8_0"; "?" outside the enum */
bool fab_dtype_parse(const char *name, fab_dtype *t); /* the same names; false: unknown */
int fab_dtype_block(fab_dtype t); /* elements per block: 1, 32 or 256; 0 outside the enum */
int fab_dtype_bytes(fab_dtype t); /* bytes per block */
bool fab_dtype_is_quantised(fab_dtype t);

/* Bytes of one row of n elements; false when n is no multiple of the block or the product
 * overflows. */
bool fab_dtype_row_bytes(fab_dtype t, int64_t n, uint64_t *bytes);

/* Elements and bytes of a whole tensor, shape outermost first (ndim 0 = a scalar, one element; a
 * zero dimension gives zero). False on a negative dimension, ndim outside 0..FAB_MAX_DIM, a last
 * dimension that does not fill whole blocks, or an overflow of int64. count and bytes may be
 * NULL. */
bool fab_dtype_size(fab_dtype t, int ndim, const int64_t *shape, int64_t *count, uint64_t *bytes);

#endif
