/* dtype: one table; everything else reads it. Sizes from SYSTEMS.md 28.4. */
#include "base/dtype.h"

#include <string.h>

/* clang-format off */
static const struct { const char *name; short block, bytes; } types[FAB_DTYPES] = {
    [FAB_F32] = { "F32", 1, 4 },              [FAB_F16] = { "F16", 1, 2 },
    [FAB_BF16] = { "BF16", 1, 2 },            [FAB_F64] = { "F64", 1, 8 },
    [FAB_I8] = { "I8", 1, 1 },                [FAB_I16] = { "I16", 1, 2 },
    [FAB_I32] = { "I32", 1, 4 },              [FAB_I64] = { "I64", 1, 8 },
    [FAB_U8] = { "U8", 1, 1 },                [FAB_U16] = { "U16", 1, 2 },
    [FAB_U32] = { "U32", 1, 4 },              [FAB_U64] = { "U64", 1, 8 },
    [FAB_BOOL] = { "BOOL", 1, 1 },            [FAB_F8_E4M3] = { "F8_E4M3", 1, 1 },
    [FAB_F8_E5M2] = { "F8_E5M2", 1, 1 },      [FAB_Q4_0] = { "Q4_0", 32, 18 },
    [FAB_Q4_1] = { "Q4_1", 32, 20 },          [FAB_Q5_0] = { "Q5_0", 32, 22 },
    [FAB_Q5_1] = { "Q5_1", 32, 24 },          [FAB_Q8_0] = { "Q8_0", 32, 34 },
    [FAB_Q2_K] = { "Q2_K", 256, 84 },         [FAB_Q3_K] = { "Q3_K", 256, 110 },
    [FAB_Q4_K] = { "Q4_K", 256, 144 },        [FAB_Q5_K] = { "Q5_K", 256, 176 },
    [FAB_Q6_K] = { "Q6_K", 256, 210 },
};
/* clang-format on */

static bool known(fab_dtype t) { return (unsigned)t < FAB_DTYPES; }

const char *fab_dtype_name(fab_dtype t) { return known(t) ? types[t].name : "?"; }

bool fab_dtype_parse(const char *name, fab_dtype *t)
{
    for (int i = 0; i < FAB_DTYPES; i++)
        if (!strcmp(types[i].name, name)) {
            *t = (fab_dtype)i;
            return true;
        }
    return false;
}

int fab_dtype_block(fab_dtype t) { return known(t) ? types[t].block : 0; }

int fab_dtype_bytes(fab_dtype t) { return known(t) ? types[t].bytes : 0; }

bool fab_dtype_is_quantised(fab_dtype t) { return fab_dtype_block(t) > 1; }

bool fab_dtype_row_bytes(fab_dtype t, int64_t n, uint64_t *bytes)
{
    if (!known(t) || n < 0 || n % types[t].block) return false;
    uint64_t blocks = (uint64_t)n / (uint64_t)types[t].block, each = (uint64_t)types[t].bytes;
    if (blocks > INT64_MAX / each) return false;
    *bytes = blocks * each;
    return true;
}

bool fab_dtype_size(fab_dtype t, int ndim, const int64_t *shape, int64_t *count, uint64_t *bytes)
{
    int64_t n = 1, last = ndim > 0 && ndim <= FAB_MAX_DIM ? shape[ndim - 1] : 1;
    uint64_t size;
    bool empty = false;

    if (!known(t) || ndim < 0 || ndim > FAB_MAX_DIM) return false;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0) return false;
        empty |= shape[i] == 0;
    }
    for (int i = 0; i < ndim && !empty;
         i++) { /* a zero anywhere makes the product zero, whatever the others claim */
        if (n > INT64_MAX / shape[i]) return false;
        n *= shape[i];
    }
    if (empty) n = 0;
    if (last % fab_dtype_block(t) || !fab_dtype_row_bytes(t, n, &size)) return false;
    if (count) *count = n;
    if (bytes) *bytes = size;
    return true;
}
