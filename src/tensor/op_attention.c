/* attention: softmax(s q k' + mask) v per head, without ever writing the score matrix (Rabe &
 * Staats 2021, Dao 2022).
 *
 *   P = softmax over the keys that are seen, s = 1/sqrt(K) unless given;  out = P v
 *   key j of sample b is seen by query i when
 *   j < kv_len[b] and (not causal, or j <= i + Tk - Tq, or j < prefix[b])
 *   and (no window, or j > i + Tk - Tq - window)
 *
 *   dv = P' dout     dP = dout v'     dS = P (dP - rowsum(dP P))     dq = s dS k     dk = s dS' q
 *
 * Kept for backward: the log-sum-exp of each row, from which P is made again block by block.
 * Grouped queries: query head h reads key head h / (H/G). A row that sees no key gives 0, and 0
 * gradients.
 */
#include "tensor/op.h"

static bool lengths_fit(fab_ctx *c, const fab_tensor *y, int i, const char *what)
{
    const fab_tensor *t = y->in[i];
    if (!t) return true;
    if (!fab_need_i32(c, y, i) || !fab_need_vector(c, y, i, y->in[0]->shape[0])) return false;
    int64_t tk = y->in[1]->shape[1];
    for (int64_t b = 0; b < t->shape[0]; b++)
        if (fab_i32(t)[b] < 0 || fab_i32(t)[b] > tk)
            return fab_fail(&c->err, FAB_EINTERNAL,
                            "attention: %s %ld of sample %lld, there are %lld keys", what,
                            (long)fab_i32(t)[b], (long long)b, (long long)tk);
    return true;
}

static bool shape(fab_ctx *c, fab_tensor *y)
{
    const fab_tensor *q = y->in[0], *k = y->in[1], *v = y->in[2];
    const fab_attention_opts *o = y->attr;
    for (int i = 0; i < 3; i++)
        if (!fab_need_f32(c, y, i)) return false;
    if (q->ndim != 3 || k->ndim != 3 || !fab_same_shape(k, v) || q->shape[0] != k->shape[0])
        return fab_fail(&c->err, FAB_EINTERNAL, "attention: q %s, k %s, v %s are not [B,T,width]",
                        fab_shape_str(q).text, fab_shape_str(k).text, fab_shape_str(v).text);
    if (o->heads < 1 || o->kv_heads < 1 || o->heads % o->kv_heads || q->shape[2] % o->heads ||
        k->shape[2] % o->kv_heads || q->shape[2] / o->heads != k->shape[2] / o->kv_heads)
        return fab_fail(&c->err, FAB_EINTERNAL,
                        "attention: q %s of %d heads, k %s of %d heads: head widths disagree",
                        fab_shape_str(q).text, o->heads, fab_shape_str(k).text, o->kv_heads);
    if (o->causal && q->shape[1] > k->shape[1])
        return fab_fail(&c->err, FAB_EINTERNAL, "attention: %lld causal queries, only %lld keys",
                        (long long)q->shape[1], (long long)k->shape[1]);
    if (o->window < 0)
        return fab_fail(&c->err, FAB_EINTERNAL, "attention: a window of %d keys", o->window);
    if (!lengths_fit(c, y, 3, "prefix") || !lengths_fit(c, y, 4, "kv_len")) return false;
    fab_shape_copy(y, q);
    return true;
}

static fab_attn describe(const fab_tensor *y)
{
    const fab_attention_opts *o = y->attr;
    const fab_tensor *q = y->in[0], *k = y->in[1];
    int width = (int)(q->shape[2] / o->heads);
    return (fab_attn){ .batch = q->shape[0],
                       .tq = q->shape[1],
                       .tk = k->shape[1],
                       .heads = o->heads,
                       .kv_heads = o->kv_heads,
                       .width = width,
                       .causal = o->causal,
                       .scale = o->scale > 0 ? o->scale : 1.0f / sqrtf((float)width),
                       .window = o->window,
                       .prefix = y->in[3] ? fab_i32(y->in[3]) : NULL,
                       .kv_len = y->in[4] ? fab_i32(y->in[4]) : NULL };
}

static bool forward(fab_ctx *c, fab_tensor *y)
{
    fab_attn s = describe(y);
    s.bf16 = c->bf16 && !y->needs_grad; /* backward forms the scores again, in f32 */
    if (y->needs_grad) {
        y->saved = fab_take_f32(c, s.batch * s.heads * s.tq); /* log-sum-exp */
        if (!y->saved) return false;
    }
    c->k->attn_forward(c->pool, &s, fab_f32(y->in[0]), fab_f32(y->in[1]), fab_f32(y->in[2]),
                       y->data, y->saved);
    return true;
}

static bool backward(fab_ctx *c, const fab_tensor *y)
{
    fab_attn s = describe(y);
    return c->k->attn_backward(c->pool, &s, fab_f32(y->in[0]), fab_f32(y->in[1]), fab_f32(y->in[2]),
                               y->data, y->saved, y->grad, fab_grad_of(y, 0), fab_grad_of(y, 1),
                               fab_grad_of(y, 2), &c->err);
}

/* clang-format off */
const fab_op fab_op_attention = {
    .name = "attention", .n_in = 5, .optional_from = 3, .attr_size = sizeof(fab_attention_opts),
    .shape = shape,
    .forward = forward, .backward = backward,
    .samples = (const fab_sample[]){
        { .in = { {{2,5,8}}, {{2,5,8}}, {{2,5,8}} },
          .attr = &(const fab_attention_opts){ 2, 2, false, 0 } },
        { .in = { {{1,7,12}}, {{1,7,6}}, {{1,7,6}} },
          .attr = &(const fab_attention_opts){ 4, 2, true, 0 } },
        { .in = { {{2,3,10}}, {{2,6,10}}, {{2,6,10}} },
          .attr = &(const fab_attention_opts){ 2, 2, true, 0.7f } },
        { .in = { {{3,6,8}}, {{3,6,4}}, {{3,6,4}}, {{3}, FAB_SAMPLE_IDS, 6},
                  {{3}, FAB_SAMPLE_IDS, 7} },
          .attr = &(const fab_attention_opts){ 2, 1, true, 0 } },
        { .in = { {{1,37,16}}, {{1,70,16}}, {{1,70,16}} },
          .attr = &(const fab_attention_opts){ 1, 1, false, 0 } },
        { .in = { {{2,9,12}}, {{2,9,6}}, {{2,9,6}} },
          .attr = &(const fab_attention_opts){ 4, 2, true, 0, .window = 3 } },
        { .in = { {{1,130,8}}, {{1,300,8}}, {{1,300,8}}, {{1}, FAB_SAMPLE_IDS, 6},
                  {{1}, FAB_SAMPLE_IDS, 301} },
          .attr = &(const fab_attention_opts){ 1, 1, true, 0, .window = 70 } },
        { .in = { {{1,577,1024}}, {{1,577,1024}}, {{1,577,1024}} },
          .attr = &(const fab_attention_opts){ 16, 16, false, 0 },
          .bench = true, .flops = 4.0 * 577 * 577 * 1024 },
        FAB_SAMPLES_END },
};
/* clang-format on */

fab_tensor *fab_attention(fab_ctx *c, fab_tensor *q, fab_tensor *k, fab_tensor *v,
                          fab_tensor *prefix, fab_tensor *kv_len, fab_attention_opts o)
{
    return fab_apply(c, &fab_op_attention, &o, (fab_tensor *[]){ q, k, v, prefix, kv_len }, 5);
}
