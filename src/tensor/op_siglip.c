/* siglip: sigmoid contrastive loss of unit rows a, b [B,D] with learnt s = exp(log_scale) and bias
 * (Zhai et al. 2023).
 *
 *   l[i,j] = s a_i.b_j + bias,   z = +1 on the diagonal and where same[i] = same[j] >= 0, else -1
 *   L = -1/B sum_ij log sigmoid(z l)
 *
 *   dl = -1/B z sigmoid(-z l)      da = s dl b      db = s dl' a
 *   dlog_scale = sum dl s a.b      dbias = sum dl
 *
 * Kept for backward: dl for a unit gradient [B,B], and the last two sums.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *a = y->in[0], *b = y->in[1];
    for (int i = 0; i < 4; i++)
        if (!fab_need_f32(c, y, i)) return false;
    if (a->ndim != 2 || !fab_same_shape(a, b))
        return fab_fail(&c->err, FAB_EINTERNAL, "siglip: a %s, b %s are not both [B,D]",
                        fab_shape_str(a).text, fab_shape_str(b).text);
    if (!fab_need_vector(c, y, 2, 1) || !fab_need_vector(c, y, 3, 1)) return false;
    if (y->in[4] && (!fab_need_i32(c, y, 4) || !fab_need_vector(c, y, 4, a->shape[0])))
        return false;
    y->ndim = 1;
    y->shape[0] = 1;
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    int64_t B = y->in[0]->shape[0];
    const int32_t *same = y->in[4] ? fab_i32(y->in[4]) : NULL;
    float *kept = fab_take_f32(c, B * B + 2); /* a.b, then dl in its place */
    if (!kept) return false;
    if (!fab_pairs_forward(c, y, kept)) return false;
    double s = exp((double)fab_f32(y->in[2])[0]), bias = (double)fab_f32(y->in[3])[0];
    double loss = 0, dscale = 0, dbias = 0;
    for (int64_t i = 0; i < B; i++)
        for (int64_t j = 0; j < B; j++) {
            bool pair = i == j || (same && same[i] >= 0 && same[i] == same[j]);
            double cosine = (double)kept[i * B + j], z = pair ? 1 : -1, m = z * (s * cosine + bias);
            double e = exp(-fabs(m)); /* log sigmoid and sigmoid without overflow */
            loss += (m > 0 ? 0 : -m) + log1p(e);
            double dl = -z * (m > 0 ? e / (1 + e) : 1 / (1 + e)) / (double)B;
            dscale += dl * s * cosine;
            dbias += dl;
            kept[i * B + j] = (float)dl;
        }
    kept[B * B] = (float)dscale;
    kept[B * B + 1] = (float)dbias;
    y->saved = kept;
    *(float *)y->data = (float)(loss / (double)B);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    const float *kept = y->saved;
    int64_t B = y->in[0]->shape[0];
    if (fab_grad_of(y, 3)) fab_grad_of(y, 3)[0] += y->grad[0] * kept[B * B + 1];
    return fab_pairs_backward(c, y, kept);
}

/* clang-format off */
const fab_op fab_op_siglip = {
    .name = "siglip", .n_in = 5, .optional_from = 4, .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,4}}, {{3,4}}, {{1}}, {{1}} } },
        { .in = { {{5,9}}, {{5,9}}, {{1}}, {{1}}, {{5}, FAB_SAMPLE_IDS, 3} } },
        { .in = { {{256,512}}, {{256,512}}, {{1}}, {{1}} },
          .bench = true, .flops = 2.0 * 256 * 256 * 512 },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_siglip(fab_ctx *c, fab_tensor *a, fab_tensor *b, fab_tensor *log_scale,
                       fab_tensor *bias, fab_tensor *same)
{
    return fab_apply(c, &fab_op_siglip, NULL, (fab_tensor *[]){ a, b, log_scale, bias, same }, 5);
}
