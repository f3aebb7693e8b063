/* soft_xent: cross-entropy of rows of logits x [N,V] against rows of probabilities q [N,V], at a
 * temperature T: swapped prediction (Caron et al. 2020, eq. 2), mixed and taught targets.
 *
 *   p = softmax(x / T)        L = 1/N sum_r -sum_v q[r,v] log p[r,v]
 *   dx[r,v] = (p[r,v] sum_u q[r,u] - q[r,v]) / (N T)
 *
 * The targets are constants. Kept: dx for a unit gradient.
 */
#include "tensor/op.h"

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *q = y->in[1];
    float T = ((const fab_soft_xent_opts *)y->attr)->temperature;
    if (!fab_need_f32(c, y, 0) || !fab_need_f32(c, y, 1)) return false;
    if (x->ndim != 2 || !fab_same_shape(x, q))
        return fab_fail(&c->err, FAB_EINTERNAL, "soft_xent: logits %s, targets %s are not [N,V]",
                        fab_shape_str(x).text, fab_shape_str(q).text);
    if (!(T > 0))
        return fab_fail(&c->err, FAB_EINTERNAL, "soft_xent: temperature is %g", (double)T);
    y->ndim = 1;
    y->shape[0] = 1;
    return true;
}

static double row(const float *x, const float *q, float *dx, int64_t V, double T)
{
    double top = -INFINITY, sum = 0, mass = 0, hit = 0;
    for (int64_t v = 0; v < V; v++) top = fmax(top, (double)x[v] / T);
    for (int64_t v = 0; v < V; v++) {
        sum += exp((double)x[v] / T - top);
        mass += (double)q[v];
        hit += (double)q[v] * (double)x[v] / T;
    }
    for (int64_t v = 0; v < V; v++)
        dx[v] = (float)((exp((double)x[v] / T - top) / sum * mass - (double)q[v]) / T);
    return mass * (top + log(sum)) - hit;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *x = y->in[0], *q = y->in[1];
    int64_t N = x->shape[0], V = x->shape[1];
    double T = (double)((const fab_soft_xent_opts *)y->attr)->temperature, loss = 0;
    float *dx = y->saved = fab_take_f32(c, N * V);
    if (!dx) return false;
    for (int64_t r = 0; r < N; r++)
        loss += row(fab_f32(x) + r * V, fab_f32(q) + r * V, dx + r * V, V, T);
    *(float *)y->data = (float)(loss / (double)N);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    (void)c;
    float *dx = fab_grad_of(y, 0), g = y->grad[0] / (float)y->in[0]->shape[0];
    const float *kept = y->saved;
    for (int64_t i = 0; dx && i < fab_count(y->in[0]); i++) dx[i] += g * kept[i];
    return true;
}

/* clang-format off */
const fab_op fab_op_soft_xent = {
    .name = "soft_xent", .n_in = 2, .attr_size = sizeof(fab_soft_xent_opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{4,7}}, {{4,7}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_soft_xent_opts){ 1 } },
        { .in = { {{3,33}}, {{3,33}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_soft_xent_opts){ 0.6f } },
        { .in = { {{256,512}}, {{256,512}, FAB_SAMPLE_POSITIVE, .no_grad = true} },
          .attr = &(const fab_soft_xent_opts){ 0.2f }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_soft_xent(fab_ctx *c, fab_tensor *logits, fab_tensor *targets, fab_soft_xent_opts o)
{
    return fab_apply(c, &fab_op_soft_xent, &o, (fab_tensor *[]){ logits, targets }, 2);
}
