/* rope: rotary positions (Su et al. 2021). Each head's pairs of values turn by an angle that grows
 * with the position.
 *
 *   pair i < K/2 at position t:  angle = t theta^(-2i/K) / factor[i]
 *   y1 = x1 cos - x2 sin         y2 = x1 sin + x2 cos
 *
 * Pairs are (i, i + K/2), as Hugging Face checkpoints have it, or interleaved (2i, 2i+1), as Meta's
 * and GGUF's do. A rotation's inverse is its transpose: dx is dy turned by the negative angle.
 * Frequencies and angles are f32, as in the reference implementations; sine and cosine are taken in
 * f64. Layers that turn alike share one table of them, given in place of the positions.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *pos = y->in[1];
    const fab_rope_opts *o = y->attr;
    if (!fab_need_f32(c, y, 0)) return false;
    if (x->ndim != 3 || o->heads < 1 || x->shape[2] % (2 * o->heads))
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "rope: x %s is not [B,T,H*K] of %d heads of even width",
                        fab_shape_str(x).text, o->heads);
    fab_shape_copy(y, x);
    if (pos && pos->dtype == FAB_F32) {
        int64_t n = pos->shape[0], T = x->shape[1];
        if (pos->ndim == 3 && (n == T || n == x->shape[0] * T) && pos->shape[2] == 2 &&
            pos->shape[1] == x->shape[2] / o->heads / 2)
            return true;
    } else if (!pos || (fab_need_i32(c, y, 1) && pos->ndim == 2 && pos->shape[0] == x->shape[0] &&
                        pos->shape[1] == x->shape[1])) {
        if (o->theta > 0) return true;
        return fab_fail(&c->err, FAB_EINTERNAL, "rope: theta is %g", (double)o->theta);
    }
    return fab_fail(&c->err, FAB_EINTERNAL, "rope: x %s of %d heads, positions %s",
                    fab_shape_str(x).text, o->heads, fab_shape_str(pos).text);
}

static int64_t table_tokens(const fab_tensor *y)
{
    const fab_tensor *pos = y->in[1];
    if (pos && pos->dtype == FAB_F32) return pos->shape[0];
    return pos ? y->shape[0] * y->shape[1] : y->shape[1];
}

/* cos, sin of n tokens and every pair: cs [n, half, 2] */
static bool angles(fab_ctx *c, const int32_t *pos, int64_t n, int64_t half, const fab_rope_opts *o,
                   float *cs)
{
    float *freq = fab_take_f32(c, half);
    if (!freq) return false;
    for (int64_t i = 0; i < half; i++)
        freq[i] = (float)pow((double)o->theta, -(double)i / (double)half) /
                  (o->factors ? o->factors[i] : 1.0f);
    for (int64_t t = 0; t < n; t++) {
        float at = (float)(pos ? pos[t] : t + o->start);
        for (int64_t i = 0; i < half; i++) {
            double angle = (double)(at * freq[i]);
            cs[(t * half + i) * 2] = (float)cos(angle);
            cs[(t * half + i) * 2 + 1] = (float)sin(angle);
        }
    }
    return true;
}

fab_tensor *fab_rope_table(fab_ctx *c, const fab_tensor *pos, int64_t width, fab_rope_opts o)
{
    int64_t n = pos ? fab_count(pos) : 0;
    fab_tensor *t = pos ? fab_tensor_new(c, FAB_F32, FAB_SHAPE(n, width / 2, 2)) : NULL;
    return t && angles(c, fab_i32(pos), n, width / 2, &o, fab_f32(t)) ? t : NULL;
}

static void turn(fab_ctx *c, const fab_tensor *y, const float *from, float sign, bool add,
                 float *to)
{
    const fab_rope_opts *o = y->attr;
    c->k->rope(c->pool, from, y->saved, sign, o->interleaved, add, to, y->shape[0] * y->shape[1],
               o->heads, y->shape[2] / o->heads, table_tokens(y));
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *pos = y->in[1];
    const fab_rope_opts *o = y->attr;
    if (pos && pos->dtype == FAB_F32) y->saved = pos->data;
    else {
        int64_t n = table_tokens(y), half = y->shape[2] / o->heads / 2;
        y->saved = fab_take_f32(c, n * half * 2);
        if (!y->saved || !angles(c, pos ? fab_i32(pos) : NULL, n, half, o, y->saved)) return false;
    }
    turn(c, y, fab_f32(y->in[0]), 1.0f, false, y->data);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    if (dx) turn(c, y, y->grad, -1.0f, true, dx);
    return true;
}

/* clang-format off */
const fab_op fab_op_rope = {
    .name = "rope", .n_in = 2, .optional_from = 1, .attr_size = sizeof(fab_rope_opts),
    .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,3,12}} }, .attr = &(const fab_rope_opts){ 2, 1e4f, false, 0 } },
        { .in = { {{2,3,12}} }, .attr = &(const fab_rope_opts){ 3, 1e4f, true, 5 } },
        { .in = { {{2,3,32}}, {{2,3}, FAB_SAMPLE_IDS, 50} },
          .attr = &(const fab_rope_opts){ 2, 1e2f, false, 0 } },
        { .in = { {{2,3,36}}, {{2,3}, FAB_SAMPLE_IDS, 50} },
          .attr = &(const fab_rope_opts){ 1, 1e2f, true, 0 } },
        { .in = { {{2,3,16}} },
          .attr = &(const fab_rope_opts){ 2, 1e2f, false, 7, (const float[]){ 1, 1, 3, 8 } } },
        { .in = { {{2,3,16}}, {{3,4,2}, .no_grad = true} },
          .attr = &(const fab_rope_opts){ 2, 0, false, 0 } },
        { .in = { {{4,256,1024}} },
          .attr = &(const fab_rope_opts){ 16, 1e4f, false, 0 }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_rope(fab_ctx *c, fab_tensor *x, fab_tensor *pos, fab_rope_opts o)
{
    return fab_apply(c, &fab_op_rope, &o, (fab_tensor *[]){ x, pos }, 2);
}
