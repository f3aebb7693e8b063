/* infonce: symmetric contrastive loss of unit rows a, b [B,D] with a learnt scale s =
 * exp(log_scale) (CLIP, Radford et al. 2021; shared positives as in UniCL, Yang et al. 2022).
 *
 *   Z = s a b',   t[i,j] = 1/|same as i| where same[i] = same[j], else 0  (identity without `same`)
 *   L = 1/2 (mean_i CE(t[i,:], softmax Z[i,:]) + mean_j CE(t[:,j], softmax Z[:,j]))
 *
 *   dZ = (softmax_rows(Z) + softmax_columns(Z) - 2 t) / 2B
 *   da = s dZ b      db = s dZ' a      dlog_scale = sum dZ Z
 *
 * A negative `same` belongs to nobody else. Kept for backward: dZ for a unit gradient [B,B], and
 * sum dZ Z.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    for (int i = 0; i < 3; i++)
        if (!fab_need_f32(c, y, i)) return false;
    if (a->ndim != 2 || !fab_same_shape(a, b))
        return fab_fail(&c->err, FAB_EINTERNAL, "infonce: a %s, b %s are not both [B,D]",
                        fab_shape_str(a).text, fab_shape_str(b).text);
    if (!fab_need_vector(c, y, 2, 1)) return false;
    if (y->in[3] && (!fab_need_i32(c, y, 3) || !fab_need_vector(c, y, 3, a->shape[0])))
        return false;
    y->ndim = 1;
    y->shape[0] = 1;
    return true;
}

static bool alike(const int32_t *same, int64_t i, int64_t j)
{
    return i == j || (same && same[i] >= 0 && same[i] == same[j]);
}

/* Adds one direction: rows (step 1) or columns (step B) of Z into dz, and returns its summed loss.
 */
static double direction(const float *z, float *dz, const int32_t *same, int64_t B, bool columns)
{
    int64_t row = columns ? 1 : B, col = columns ? B : 1;
    double loss = 0;
    for (int64_t i = 0; i < B; i++) {
        double top = -INFINITY, sum = 0, hit = 0;
        int64_t n = 0;
        for (int64_t j = 0; j < B; j++) top = fmax(top, (double)z[i * row + j * col]);
        for (int64_t j = 0; j < B; j++) {
            sum += exp((double)z[i * row + j * col] - top);
            if (alike(same, i, j)) hit += (double)z[i * row + j * col], n++;
        }
        loss += top + log(sum) - hit / (double)n;
        for (int64_t j = 0; j < B; j++) {
            double p = exp((double)z[i * row + j * col] - top) / sum;
            dz[i * row + j * col] +=
                (float)((p - (alike(same, i, j) ? 1.0 / (double)n : 0.0)) / (2.0 * (double)B));
        }
    }
    return loss;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    int64_t B = y->in[0]->shape[0];
    const int32_t *same = y->in[3] ? fab_i32(y->in[3]) : NULL;
    float *z = fab_take_f32(c, B * B), *kept = fab_zero_f32(c, B * B + 1);
    if (!z || !kept) return false;
    if (!fab_pairs_forward(c, y, z)) return false;
    c->k->scale(c->pool, expf(fab_f32(y->in[2])[0]), z, z, B * B);
    double loss = direction(z, kept, same, B, false) + direction(z, kept, same, B, true);
    kept[B * B] = (float)c->k->dot(c->pool, kept, z, B * B);
    y->saved = kept;
    *(float *)y->data = (float)(loss / (2.0 * (double)B));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y) { return fab_pairs_backward(c, y, y->saved); }

/* clang-format off */
const fab_op fab_op_infonce = {
    .name = "infonce", .n_in = 4, .optional_from = 3, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,4}}, {{3,4}}, {{1}} } },
        { .in = { {{5,9}}, {{5,9}}, {{1}}, {{5}, FAB_SAMPLE_IDS, 3} } },
        { .in = { {{1,3}}, {{1,3}}, {{1}} } },
        { .in = { {{256,512}}, {{256,512}}, {{1}} },
          .bench = true, .flops = 2.0 * 256 * 256 * 512 },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_infonce(fab_ctx *c, fab_tensor *a, fab_tensor *b, fab_tensor *log_scale,
                        fab_tensor *same)
{
    return fab_apply(c, &fab_op_infonce, NULL, (fab_tensor *[]){ a, b, log_scale, same }, 4);
}
