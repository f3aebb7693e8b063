/* dropout: each value kept with probability 1-p and scaled by 1/(1-p), else zero (Srivastava et al.
 * 2014).
 *
 *   y = x m / (1-p),  m ~ Bernoulli(1-p)          dx = dy m / (1-p)
 *
 * Outside training it is the identity. p is rounded to 1/65536: a 64-bit draw decides four values.
 * The mask is kept as bytes, not redrawn.
 */
#include "tensor/op.h"

typedef struct {
    float p;
} opts;

static uint32_t threshold(const fab_tensor *y)
{
    return (uint32_t)(((const opts *)y->attr)->p * 65536.0f);
}
static float keep_scale(const fab_tensor *y) { return 65536.0f / (float)(65536u - threshold(y)); }

static bool shape(fab_ctx *c, fab_tensor *y)
{
    float p = ((const opts *)y->attr)->p;
    if (!(p >= 0 && p < 1))
        return fab_fail(&c->err, FAB_EINTERNAL, "dropout: p is %g, not in [0,1)", (double)p);
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    int64_t n = fab_count(y);
    const float *x = fab_f32(y->in[0]);
    float *out = y->data, s = keep_scale(y);
    if (!c->training) {
        memcpy(out, x, (size_t)n * sizeof *out);
        return true;
    }
    uint8_t *mask = fab_arena_take(c->arena, (size_t)n, &c->err);
    if (!mask) return false;
    y->saved = mask;
    uint32_t below = threshold(y);
    uint64_t bits = 0;
    for (int64_t i = 0; i < n; i++) {
        bits = i % 4 ? bits >> 16 : fab_rng_u64(&c->rng);
        mask[i] = (bits & 0xffff) >= below;
        out[i] = mask[i] ? x[i] * s : 0.0f;
    }
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0), s = keep_scale(y);
    const uint8_t *mask = y->saved;
    int64_t n = fab_count(y);
    if (dx && !mask) c->k->axpy(c->pool, 1.0f, y->grad, dx, n);
    if (dx && mask)
        for (int64_t i = 0; i < n; i++) dx[i] += mask[i] ? y->grad[i] * s : 0.0f;
    return true;
}

/* clang-format off */
const fab_op fab_op_dropout = {
    .name = "dropout", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}} }, .attr = &(const opts){ 0.3f } },
        { .in = { {{577,768}} }, .attr = &(const opts){ 0.1f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_dropout(fab_ctx *c, fab_tensor *x, float p)
{
    if (!c->training || p == 0) return x;
    return fab_apply(c, &fab_op_dropout, &(opts){ p }, (fab_tensor *[]){ x }, 1);
}
