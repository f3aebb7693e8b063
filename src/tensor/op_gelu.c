/* gelu: Gaussian error linear unit (Hendrycks & Gimpel 2016) in its three published forms; they are
 * not interchangeable (CLIP's weights need quick, GPT-2's and SigLIP's tanh, most others erf).
 *
 *   erf    x Phi(x)                                         dy (Phi(x) + x phi(x))
 *   tanh   x/2 (1 + tanh u)                        dy ((1 + tanh u)/2 + x/2 (1 - tanh^2 u) u')
 *          u = sqrt(2/pi) (x + .044715 x^3)
 *   quick  x s(z), z = 1.702 x, s the logistic function      dy (s(z) + z s(z)(1 - s(z)))
 */
#include "tensor/op.h"

typedef struct {
    fab_gelu_kind kind;
} opts;

static bool shape(fab_ctx *c, fab_tensor *y)
{
    int kind = (int)((const opts *)y->attr)->kind;
    if (kind < FAB_GELU_ERF || kind > FAB_GELU_QUICK)
        return fab_fail(&c->err, FAB_EINTERNAL, "gelu: there is no kind %d", kind);
    if (!fab_need_f32(c, y, 0)) return false;
    fab_shape_copy(y, y->in[0]);
    return true;
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    c->k->gelu(c->pool, (int)((const opts *)y->attr)->kind, fab_f32(y->in[0]), y->data,
               fab_count(y));
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    float *dx = fab_grad_of(y, 0);
    if (dx)
        c->k->gelu_back(c->pool, (int)((const opts *)y->attr)->kind, fab_f32(y->in[0]), y->grad, dx,
                        fab_count(y));
    return true;
}

/* clang-format off */
const fab_op fab_op_gelu = {
    .name = "gelu", .n_in = 1, .attr_size = sizeof(opts), .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{3,7}} }, .attr = &(const opts){ FAB_GELU_ERF } },
        { .in = { {{3,7}} }, .attr = &(const opts){ FAB_GELU_TANH } },
        { .in = { {{33}} }, .attr = &(const opts){ FAB_GELU_QUICK } },
        { .in = { {{577,3072}} }, .attr = &(const opts){ FAB_GELU_ERF }, .bench = true },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_gelu(fab_ctx *c, fab_tensor *x, fab_gelu_kind kind)
{
    return fab_apply(c, &fab_op_gelu, &(opts){ kind }, (fab_tensor *[]){ x }, 1);
}
