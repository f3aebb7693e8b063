/* l2norm: each row to unit length; rows shorter than eps are divided by eps (torch's F.normalize).
 *
 *   y = x / max(|x|, eps)
 *
 *   |x| > eps:  dx = (dy - y (y . dy)) / |x|          else dx = dy / eps
 */
#include "tensor/op.h"

typedef struct {
    float eps;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    if (!(((const opts *)y->attr)->eps > 0))
        return fab_fail(&c->err, FAB_EINTERNAL, "l2norm: eps must be positive");
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    float eps = ((const opts *)y->attr)->eps;
    int64_t R = fab_rows(y), D = fab_last(y);
    float *inv = fab_take_f32(c, R);
    if (!inv) return false;
    y->saved = inv;
    for (int64_t r = 0; r < R; r++) {
        const float *x = fab_f32(y->in[0]) + r * D;
        double length = sqrt(c->k->dot(NULL, x, x, D));
        inv[r] = (float)(1.0 / (length > (double)eps ? length : (double)eps));
        c->k->scale(NULL, inv[r], x, (float *)y->data + r * D, D);
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float eps = ((const opts *)y->attr)->eps, *dx = fab_grad_of(y, 0);
    const float *inv = y->saved;
    int64_t R = fab_rows(y), D = fab_last(y);
    for (int64_t r = 0; dx && r < R; r++) {
        const float *v = fab_f32(y) + r * D, *g = y->grad + r * D;
        bool floored = inv[r] >= (float)(1.0 / (double)eps);
        float along = floored ? 0.0f : (float)c->k->dot(NULL, v, g, D);
        for (int64_t i = 0; i < D; i++) dx[r * D + i] += (g[i] - v[i] * along) * inv[r];
    }
    return true;
}

/* clang-format off */
const fab_op fab_op_l2norm = {
    .name = "l2norm", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,8}} }, .attr = &(const opts){ 1e-12f } },
        { .in = { {{3,33}} }, .attr = &(const opts){ 1e-6f } },
        { .in = { {{2,3}} }, .attr = &(const opts){ 4.0f } },
        { .in = { {{4096,512}} }, .attr = &(const opts){ 1e-12f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_l2norm(fab_ctx *c, fab_tensor *x, float eps)
{
    return fab_apply(c, &fab_op_l2norm, &(opts){ eps }, (fab_tensor *[]){ x }, 1);
}
