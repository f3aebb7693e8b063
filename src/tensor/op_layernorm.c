/* layernorm: each row to zero mean and unit variance (biased), scaled and shifted (Ba et al. 2016).
 *
 *   y = n w + b,    n = (x - mean) inv,    inv = 1 / sqrt(var + eps)
 *
 * With g = dy w:   dx = inv (g - mean(g) - n mean(g n))      dw = sum_r dy n      db = sum_r dy
 */
#include "tensor/op.h"

typedef struct {
    float eps;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    for (int i = 0; i < 3; i++)
        if (!fab_need_f32(c, y, i) || (i && !fab_need_vector(c, y, i, fab_last(x)))) return false;
    fab_shape_copy(y, x);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    int64_t R = fab_rows(x), D = fab_last(x);
    float *stats = fab_take_f32(c, 2 * R); /* mean [R], inv [R] */
    if (!stats) return false;
    y->saved = stats;
    c->k->layernorm(c->pool, fab_f32(x), fab_f32(y->in[1]), fab_f32(y->in[2]),
                    ((const opts *)y->attr)->eps, y->data, stats, stats + R, R, D);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    const fab_tensor *x = y->in[0];
    int64_t R = fab_rows(x), D = fab_last(x);
    const float *stats = y->saved;
    c->k->layernorm_back(c->pool, fab_f32(x), fab_f32(y->in[1]), stats, stats + R, y->grad,
                         fab_grad_of(y, 0), fab_grad_of(y, 1), fab_grad_of(y, 2), R, D);
    return true;
}

/* clang-format off */
const fab_op fab_op_layernorm = {
    .name = "layernorm", .n_in = 3, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,8}}, {{8}}, {{8}} }, .attr = &(const opts){ 1e-5f } },
        { .in = { {{2,3,33}}, {{33}}, {{33}} }, .attr = &(const opts){ 1e-2f } },
        { .in = { {{70,5}}, {{5}}, {{5}} }, .attr = &(const opts){ 1e-6f } },
        { .in = { {{4096,768}}, {{768}}, {{768}} }, .attr = &(const opts){ 1e-5f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_layernorm(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b, float eps)
{
    return fab_apply(c, &fab_op_layernorm, &(opts){ eps }, (fab_tensor *[]){ x, w, b }, 3);
}
