/* match: within each sample, row i of a [B,L,D] and row i of b [B,L,D] find each other among all
 * rows of the sample, both ways: the local loss of MGCA (Wang et al. 2022, eq. 4 to 6).
 *
 *   Z = a b' / T over the first n[b] rows of sample b (all without n)
 *   L = 1/2B sum_b sum_i w[b,i] (CE(i, softmax Z[i,:]) + CE(i, softmax Z[:,i]))
 *
 *   dZ[i,j] = (w[i] (softmax Z[i,:])[j] + w[j] (softmax Z[:,j])[i] - 2 w[i] [i = j]) / 2B
 *   da = dZ b / T        db = dZ' a / T
 *
 * w f32 [B,L] are constants; those from n[b] on are not read. Kept: dZ for a unit gradient [B,L,L].
 */
#include "tensor/op.h"

static int64_t rows_of(const fab_tensor *y, int64_t b)
{
    return y->in[3] ? fab_i32(y->in[3])[b] : y->in[0]->shape[1];
}

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1], *w = y->in[2];
    for (int i = 0; i < 3; i++)
        if (!fab_need_f32(c, y, i)) return false;
    if (a->ndim != 3 || !fab_same_shape(a, b))
        return fab_fail(&c->err, FAB_EINTERNAL, "match: a %s, b %s are not both [B,L,D]",
                        fab_shape_str(a).text, fab_shape_str(b).text);
    if (w->ndim != 2 || w->shape[0] != a->shape[0] || w->shape[1] != a->shape[1])
        return fab_fail(&c->err, FAB_EINTERNAL, "match: a %s, weights %s", fab_shape_str(a).text,
                        fab_shape_str(w).text);
    if (!(((const fab_match_opts *)y->attr)->temperature > 0))
        return fab_fail(&c->err, FAB_EINTERNAL, "match: temperature is %g",
                        (double)((const fab_match_opts *)y->attr)->temperature);
    if (y->in[3] && (!fab_need_i32(c, y, 3) || !fab_need_vector(c, y, 3, a->shape[0])))
        return false;
    for (int64_t i = 0; i < a->shape[0]; i++)
        if (rows_of(y, i) < 0 || rows_of(y, i) > a->shape[1])
            return fab_fail(&c->err, FAB_EINTERNAL, "match: %lld rows of sample %lld, it has %lld",
                            (long long)rows_of(y, i), (long long)i, (long long)a->shape[1]);
    y->ndim = 1;
    y->shape[0] = 1;
    return true;
}

/* One direction over z [n,n]: rows, or columns. Adds to dz, returns the weighted sum of losses. */
static double direction(const float *z, const float *w, float *dz, int64_t n, bool columns)
{
    int64_t row = columns ? 1 : n, col = columns ? n : 1;
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        double top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n; j++) top = fmax(top, (double)z[i * row + j * col]);
        for (int64_t j = 0; j < n; j++) sum += exp((double)z[i * row + j * col] - top);
        loss += (double)w[i] * (top + log(sum) - (double)z[i * n + i]);
        for (int64_t j = 0; j < n; j++)
            dz[i * row + j * col] +=
                w[i] * (float)(exp((double)z[i * row + j * col] - top) / sum - (i == j));
    }
    return loss;
}

/* out [n,D] (+)= the product of z [n,n], or of z', with x [n,D]. */
static bool times(fab_ctx *c, const float *z, bool turned, const float *x, float *out, int64_t n,
                  int64_t D)
{
    const fab_gemm g = { .m = n,
                         .n = D,
                         .k = n,
                         .a = z,
                         .a_row = turned ? 1 : n,
                         .a_col = turned ? n : 1,
                         .b = x,
                         .b_dtype = FAB_F32,
                         .b_row = D,
                         .b_col = 1,
                         .c = out,
                         .c_row = D,
                         .add = true };
    return c->k->gemm(c->pool, &g, &c->err);
}

static bool scores(fab_ctx *c, const float *a, const float *b, float *z, int64_t n, int64_t D)
{
    const fab_gemm g = { .m = n,
                         .n = n,
                         .k = D,
                         .a = a,
                         .a_row = D,
                         .a_col = 1,
                         .b = b,
                         .b_dtype = FAB_F32,
                         .b_row = 1,
                         .b_col = D,
                         .c = z,
                         .c_row = n };
    return c->k->gemm(c->pool, &g, &c->err);
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1], *w = y->in[2];
    int64_t B = a->shape[0], L = a->shape[1], D = a->shape[2];
    float *dz = y->saved = fab_zero_f32(c, B * L * L), *z = fab_take_f32(c, L * L);
    float sharp = 1 / ((const fab_match_opts *)y->attr)->temperature;
    double loss = 0;
    if (!dz || !z) return false;
    for (int64_t i = 0; i < B; i++) {
        int64_t n = rows_of(y, i);
        const float *wi = fab_f32(w) + i * L;
        if (!n) continue;
        if (!scores(c, fab_f32(a) + i * L * D, fab_f32(b) + i * L * D, z, n, D)) return false;
        c->k->scale(c->pool, sharp, z, z, n * n);
        loss += direction(z, wi, dz + i * L * L, n, false);
        loss += direction(z, wi, dz + i * L * L, n, true);
    }
    *(float *)y->data = (float)(loss / (2.0 * (double)B));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    float *da = fab_grad_of(y, 0), *db = fab_grad_of(y, 1);
    int64_t B = a->shape[0], L = a->shape[1], D = a->shape[2];
    float g = y->grad[0] / (2 * (float)B * ((const fab_match_opts *)y->attr)->temperature);
    fab_arena_mark mark = fab_arena_save(c->arena);
    float *dz = fab_take_f32(c, L * L);
    if (!dz) return false;
    for (int64_t i = 0; i < B; i++) {
        int64_t n = rows_of(y, i), at = i * L * D;
        if (!n) continue;
        c->k->scale(c->pool, g, (const float *)y->saved + i * L * L, dz, n * n);
        if (da && !times(c, dz, false, fab_f32(b) + at, da + at, n, D)) return false;
        if (db && !times(c, dz, true, fab_f32(a) + at, db + at, n, D)) return false;
    }
    fab_arena_release(c->arena, mark);
    return true;
}

/* clang-format off */
const fab_op fab_op_match = {
    .name = "match", .n_in = 4, .optional_from = 3, .attr_size = sizeof(fab_match_opts),
    .shape = shape, .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,3,4}}, {{2,3,4}}, {{2,3}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_match_opts){ 1 } },
        { .in = { {{3,5,6}}, {{3,5,6}}, {{3,5}, FAB_SAMPLE_POSITIVE, .no_grad = true},
                  {{3}, FAB_SAMPLE_IDS, 6} }, .attr = &(const fab_match_opts){ 1.5f } },
        { .in = { {{1,1,2}}, {{1,1,2}}, {{1,1}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_match_opts){ 0.1f } },
        { .in = { {{24,100,192}}, {{24,100,192}},
                  {{24,100}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_match_opts){ 0.1f },
          .bench = true, .flops = 2.0 * 24 * 100 * 100 * 192 },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_match(fab_ctx *c, fab_tensor *a, fab_tensor *b, fab_tensor *weight, fab_tensor *n,
                      fab_match_opts o)
{
    return fab_apply(c, &fab_op_match, &o, (fab_tensor *[]){ a, b, weight, n }, 4);
}
