/* likelihood: see likelihood.h. */
#include "engine/likelihood.h"

#include <math.h>

enum { ROWS = 64 }; /* of logits at a time: a vocabulary is wide */

static double log_softmax_at(const float *z, int64_t n, int32_t id)
{
    double sum = 0;
    float top = z[0];
    for (int64_t i = 1; i < n; i++) top = z[i] > top ? z[i] : top;
    for (int64_t i = 0; i < n; i++) sum += exp((double)z[i] - (double)top);
    return (double)z[id] - (double)top - log(sum);
}

/* The sum over targets [from,to), at most ROWS of them; h [1,n,D]. */
static bool add_rows(fab_ctx *c, const fab_decoder *d, fab_tensor *h, const int32_t *ids,
                     int64_t from, int64_t to, double *logp)
{
    fab_arena_mark mark = fab_arena_save(c->arena);
    fab_tensor *rows = fab_tensor_new(c, FAB_I32, FAB_SHAPE(to - from));
    for (int64_t i = from; rows && i < to; i++) fab_i32(rows)[i - from] = (int32_t)i - 1;
    const fab_tensor *z = fab_llama_logits(c, d->model, h, rows);
    for (int64_t i = from; z && i < to; i++)
        *logp += log_softmax_at(fab_f32(z) + (i - from) * d->cfg.vocab, d->cfg.vocab, ids[i]);
    fab_arena_release(c->arena, mark);
    return z != NULL;
}

static bool check(const fab_decoder *d, const int32_t *ids, int64_t n, int64_t from, fab_err *err)
{
    if (d->cfg.context && n > d->cfg.context)
        return fab_fail(err, FAB_ELIMIT, "%lld tokens, the model's context is %lld", (long long)n,
                        (long long)d->cfg.context);
    if (from < 1 || from > n)
        return fab_fail(err, FAB_EINTERNAL, "tokens %lld to %lld cannot be foretold",
                        (long long)from, (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= d->cfg.vocab)
            return fab_fail(err, FAB_EINTERNAL, "token %ld is none of %lld", (long)ids[i],
                            (long long)d->cfg.vocab);
    return true;
}

bool fab_likelihood(fab_ctx *c, const fab_decoder *d, const int32_t *ids, int64_t n, int64_t from,
                    double *logp, fab_err *err)
{
    *logp = 0;
    if (!check(d, ids, n, from, err)) return false;
    fab_ctx_reset(c);
    fab_tensor *in = fab_tensor_from(c, FAB_I32, FAB_SHAPE(1, n), ids);
    fab_tensor *x = fab_llama_embed(c, d->model, in);
    fab_tensor *h = fab_llama_hidden(c, d->model, x, NULL, NULL, NULL, 0);
    bool ok = h != NULL;
    for (int64_t i = from; ok && i < n; i += ROWS)
        ok = add_rows(c, d, h, ids, i, i + ROWS < n ? i + ROWS : n, logp);
    if (!ok) return fab_fail(err, c->err.code, "%s", c->err.text);
    return isfinite(*logp) ||
           fab_fail(err, FAB_EFORMAT,
                    "the logits hold values that are not finite; FABRICA_CHECK=1 names the layer");
}
