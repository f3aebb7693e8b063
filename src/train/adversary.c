/* adversary: training on what is hard to answer: a step of fixed length up the gradient of the
 * answers' loss, on a share of the pictures, so that a batch holds plain and moved ones (Goodfellow
 * et al. 2015; Miyato et al. 2017 for the step along the gradient itself).
 *
 *   pixels   x + epsilon sign(g)                      one more pass through tower and decoder
 *   tokens   t + epsilon |t| g / |g|, per picture     one more pass through the decoder
 *
 * epsilon of pixels is in units of 1/255, of tokens a fraction of the length of the picture's own.
 * The pass that finds g has a tape of its own: parameters are still, and so is dropout.
 */
#include <math.h>
#include <string.h>
#include "train/batch.h"

static bool wanted(const fab_stage *g, const fab_rows *r, bool pixels)
{
    return g->adversary.share > 0 && g->adversary.pixels == pixels && r->n > 0;
}

/* The rows about a chosen share of the pictures; chosen [batch]. */
static bool choose(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_rows *r, bool *chosen,
                   fab_rows *out)
{
    if (!fab_rows_init(out, c, r->n)) return false;
    for (int i = 0; i < g->batch; i++) chosen[i] = fab_rng_uniform(&s->rng) < g->adversary.share;
    for (int i = 0; i < r->n; i++) {
        if (!chosen[r->picture[i]]) continue;
        memcpy(out->ids + (int64_t)out->n * FAB_MAX_LENGTH, r->ids + (int64_t)i * FAB_MAX_LENGTH,
               FAB_MAX_LENGTH * sizeof(int32_t));
        out->size[out->n] = r->size[i];
        out->at[out->n] = r->at[i];
        out->picture[out->n] = r->picture[i];
        if (r->size[i] > out->len) out->len = r->size[i];
        out->n++;
    }
    return true;
}

/* Parameters as constants (or as they were: was), so that only the input has a gradient. */
static void still(const fab_param_list *l, bool *was, bool now)
{
    for (int64_t i = 0; i < l->n; i++) {
        if (now) was[i] = l->items[i]->needs_grad;
        l->items[i]->needs_grad = now ? false : was[i];
    }
}

/* g at x [B,..] of the rows' loss, into grad [count of x]; x are pixels or tokens. */
static bool find_gradient(fab_session *s, fab_ctx *c, const fab_rows *r, const fab_tensor *x,
                          bool pixels, float *grad)
{
    const fab_param_list *l = &s->model->list;
    bool *was = fab_arena_take(c->arena, (size_t)l->n * sizeof *was, &c->err);
    if (!was) return false;
    fab_arena_mark mark = fab_arena_save(c->arena);
    fab_ctx own;
    fab_ctx_init(&own, c->arena, c->pool);
    own.record = true;
    own.bf16 = c->bf16;
    fab_tensor *leaf = fab_tensor_from(&own, FAB_F32, x->shape, x->data);
    still(l, was, true);
    if (leaf) fab_want_grad(leaf);
    fab_tensor *tokens = pixels ? fab_mini_look(&own, s->model, leaf, 0).tokens : leaf;
    fab_tensor *loss = tokens ? fab_rows_loss(&own, s->model, r, tokens, 0, 0) : NULL;
    bool ok = loss && fab_backward(&own, loss, 1);
    still(l, was, false);
    if (ok) memcpy(grad, leaf->grad, (size_t)fab_count(x) * sizeof *grad);
    fab_arena_release(c->arena, mark);
    return ok || fab_fail(&c->err, own.err.code, "%s", own.err.text);
}

static float sign(float x) { return (float)((x > 0) - (x < 0)); }

bool fab_adversary_pixels(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_rows *r,
                          fab_tensor *pixels)
{
    if (!wanted(g, r, true)) return true;
    int64_t n = fab_count(pixels);
    float by = (float)(g->adversary.epsilon * 2 / 255); /* values are in -1..1 */
    float *grad = fab_arena_take(c->arena, (size_t)n * sizeof *grad, &c->err), *x = fab_f32(pixels);
    bool *chosen = fab_arena_take(c->arena, (size_t)g->batch, &c->err);
    fab_rows some;
    if (!grad || !chosen || !choose(s, c, g, r, chosen, &some)) return false;
    if (!some.n) return true;
    if (!find_gradient(s, c, &some, pixels, true, grad)) return false;
    for (int64_t i = 0; i < n; i++) /* the gradient of a picture not chosen is 0 */
        x[i] = fminf(fmaxf(x[i] + by * sign(grad[i]), -1), 1);
    return true;
}

/* delta = epsilon |t| g / |g| for one picture's n values. */
static void scale_step(fab_ctx *c, const float *t, float *g, int64_t n, double epsilon)
{
    double size = sqrt((double)c->k->dot(NULL, t, t, n)),
           steep = sqrt((double)c->k->dot(NULL, g, g, n));
    c->k->scale(NULL, steep > 0 ? (float)(epsilon * size / steep) : 0, g, g, n);
}

fab_tensor *fab_adversary_tokens(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_rows *r,
                                 fab_tensor *tokens)
{
    if (!tokens || !wanted(g, r, false)) return tokens;
    int64_t B = tokens->shape[0], n = fab_count(tokens) / B;
    fab_tensor *step = fab_tensor_zeros(c, FAB_SHAPE(B, tokens->shape[1], tokens->shape[2]));
    bool *chosen = fab_arena_take(c->arena, (size_t)g->batch, &c->err);
    fab_rows some;
    if (!step || !chosen || !choose(s, c, g, r, chosen, &some)) return NULL;
    if (!some.n) return tokens;
    if (!find_gradient(s, c, &some, tokens, false, fab_f32(step))) return NULL;
    for (int64_t i = 0; i < B; i++)
        scale_step(c, fab_f32(tokens) + i * n, fab_f32(step) + i * n, n, g->adversary.epsilon);
    return fab_add(c, tokens, step);
}
