/* tape: reverse mode. Recorded ops in order of execution; backward walks them from the end and lets
 * each add into the gradients of its inputs. A tensor whose gradient nobody touched (it does not
 * lead to the loss) is skipped.
 */
#include <math.h>
#include <string.h>
#include "tensor/op.h"

void fab_want_grad(fab_tensor *t)
{
    if (t) t->needs_grad = t->keeps_grad = true;
}

static bool wants(const fab_tensor *x) { return x && x->needs_grad && !x->grad; }

static int uses(const fab_tensor *y, const fab_tensor *x)
{
    int n = 0;
    for (int i = 0; i < y->n_in; i++) n += y->in[i] == x;
    return n;
}

/* Lets one input whose gradient is y's own take over the memory: nobody reads y's any more. */
static void hand_on(const fab_tensor *y)
{
    for (int i = 0; i < y->n_in; i++) {
        if (!(y->op->passes >> i & 1) || !wants(y->in[i])) continue;
        if (fab_count(y->in[i]) != fab_count(y)) continue;
        if (uses(y, y->in[i]) > 1) continue; /* add(x, x) */
        y->in[i]->grad = y->grad;
        return;
    }
}

/* Memory for the gradients that the inputs of y still lack, cleared unless backward sets them. */
static bool make_grads(fab_ctx *c, const fab_tensor *y)
{
    for (int i = 0; i < y->n_in; i++) {
        fab_tensor *x = y->in[i];
        if (!wants(x)) continue;
        x->blank_grad = y->op->sets >> i & 1;
        x->grad = x->blank_grad ? fab_take_f32(c, fab_count(x)) : fab_zero_f32(c, fab_count(x));
        if (!x->grad) return false;
    }
    return true;
}

static bool finite_grads(fab_ctx *c, const fab_tensor *y)
{
    for (int i = 0; i < y->n_in; i++) {
        const float *g = fab_grad_of(y, i);
        for (int64_t j = 0, n = g ? fab_count(y->in[i]) : 0; j < n; j++)
            if (!isfinite(g[j]))
                return fab_fail(&c->err, FAB_EINTERNAL,
                                "%s: the gradient of input %d %s%sis not finite", y->op->name, i,
                                y->in[i]->name ? y->in[i]->name : "", y->in[i]->name ? " " : "");
    }
    return true;
}

bool fab_backward_from(fab_ctx *c, fab_tensor *y)
{
    if (c->err.code) return false;
    if (!y || !y->grad)
        return fab_fail(&c->err, FAB_EINTERNAL, "backward: the start has no gradient");
    int64_t i = c->n_tape - 1;
    while (i >= 0 && c->tape[i] != y) i--;
    if (i < 0) return fab_fail(&c->err, FAB_EINTERNAL, "backward: the start is not on the tape");
    for (; i >= 0; i--) {
        const fab_tensor *t = c->tape[i];
        if (!t->grad) continue;
        if (t != y && !t->keeps_grad) hand_on(t);
        if (!make_grads(c, t)) return false;
        bool ok = t->op->backward(c, t);
        if (!ok || c->err.code)
            return fab_fail(&c->err, FAB_EINTERNAL, "%s: backward failed without saying why",
                            t->op->name);
        if (c->check && !finite_grads(c, t)) return false;
    }
    return true;
}

bool fab_backward(fab_ctx *c, fab_tensor *loss, float seed)
{
    if (c->err.code) return false;
    if (!loss || fab_count(loss) != 1)
        return fab_fail(&c->err, FAB_EINTERNAL, "backward: the loss is %s, not one number",
                        loss ? fab_shape_str(loss).text : "missing");
    if (!loss->needs_grad)
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "backward: nothing before the loss wants a gradient");
    if (!loss->grad) loss->grad = fab_zero_f32(c, 1);
    if (!loss->grad) return false;
    loss->grad[0] = seed;
    return fab_backward_from(c, loss);
}
