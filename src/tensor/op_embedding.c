/* embedding: rows of a table by id.
 *
 *   y[i,:] = table[id[i],:]          dtable[id[i],:] += dy[i,:]
 *
 * The table may be f32, bf16, f16 or a quantised type; only f32 can be trained. An id outside the
 * table is an error, not a clamp.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *ids = y->in[0], *table = y->in[1];
    if (!fab_need_i32(c, y, 0)) return false;
    if (table->ndim != 2 || ids->ndim >= FAB_MAX_DIM)
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "embedding: ids %s, table %s: the table must be [V,D]",
                        fab_shape_str(ids).text, fab_shape_str(table).text);
    if (table->needs_grad && table->dtype != FAB_F32)
        return fab_fail(&c->err, FAB_EINTERNAL, "embedding: a table of %s cannot be trained",
                        fab_dtype_name(table->dtype));
    fab_shape_copy(y, ids);
    y->shape[y->ndim++] = table->shape[1];
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *table = y->in[1];
    const int32_t *id = fab_i32(y->in[0]);
    int64_t n = fab_count(y->in[0]), V = table->shape[0], D = table->shape[1];
    uint64_t row;
    if (!fab_dtype_row_bytes(table->dtype, D, &row))
        return fab_fail(&c->err, FAB_EUNSUPPORTED,
                        "embedding: rows of %lld do not fill blocks of %s", (long long)D,
                        fab_dtype_name(table->dtype));
    for (int64_t i = 0; i < n; i++) {
        if (id[i] < 0 || id[i] >= V)
            return fab_fail(&c->err, FAB_EINTERNAL,
                            "embedding: id %ld at position %lld, the table has %lld rows",
                            (long)id[i], (long long)i, (long long)V);
        c->k->to_f32(NULL, table->dtype, (const char *)table->data + (uint64_t)id[i] * row,
                     (float *)y->data + i * D, D);
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dt = fab_grad_of(y, 1);
    const int32_t *id = fab_i32(y->in[0]);
    int64_t n = fab_count(y->in[0]), D = fab_last(y);
    for (int64_t i = 0; dt && i < n; i++)
        c->k->axpy(NULL, 1.0f, y->grad + i * D, dt + id[i] * D, D);
    return true;
}

/* clang-format off */
const fab_op fab_op_embedding = {
    .name = "embedding", .n_in = 2, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{5}, FAB_SAMPLE_IDS, 4}, {{4,3}} } },
        { .in = { {{2,9}, FAB_SAMPLE_IDS, 3}, {{7,33}} } },
        { .in = { {{16,128}, FAB_SAMPLE_IDS, 8000}, {{8000,512}} }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_embedding(fab_ctx *c, fab_tensor *ids, fab_tensor *table)
{
    return fab_apply(c, &fab_op_embedding, NULL, (fab_tensor *[]){ ids, table }, 2);
}
