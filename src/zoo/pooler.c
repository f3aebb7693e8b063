/* pooler: see pooler.h. */
#include "zoo/pooler.h"

void fab_pooler_params(fab_params *p, fab_pooler *m, const fab_pooler_config *cfg)
{
    const fab_init init = FAB_INIT_NORMAL(0.02f);
    int64_t D = cfg->dim, C = cfg->context;
    *m = (fab_pooler){ .cfg = *cfg };
    if (D < 1 || C < 1 || cfg->queries < 1 || cfg->heads < 1 || D % cfg->heads) {
        fab_fail(&p->err, FAB_EFORMAT, "no pooler has %d queries of %lld in %d heads", cfg->queries,
                 (long long)D, cfg->heads);
        return;
    }
    fab_param(p, &m->query, "query", FAB_SHAPE(cfg->queries, D), init);
    if (cfg->norms) {
        fab_norm_params(p, &m->ln_q, "ln_q", D, cfg->eps);
        fab_norm_params(p, &m->ln_k, "ln_k", C, cfg->eps);
    }
    size_t mark = fab_params_enter(p, "attn.");
    fab_dense_params(p, &m->q, "q_proj", D, D, true, init);
    fab_dense_params(p, &m->k, "k_proj", C, D, true, init);
    fab_dense_params(p, &m->v, "v_proj", C, D, true, init);
    fab_dense_params(p, &m->out, "out_proj", D, D, true, init);
    fab_params_leave(p, mark);
}

fab_tensor *fab_pooler_forward(fab_ctx *c, const fab_pooler *m, fab_tensor *x)
{
    if (!x) return NULL;
    int64_t B = x->shape[0], N = m->cfg.queries, D = m->cfg.dim;
    int heads = m->cfg.heads;
    fab_tensor *q = m->query;
    if (m->cfg.norms) {
        q = fab_norm_forward(c, &m->ln_q, q);
        x = fab_norm_forward(c, &m->ln_k, x);
    }
    q = fab_dense_forward(c, &m->q, q);
    q = fab_add(c, fab_tensor_zeros(c, FAB_SHAPE(B, N, D)), q); /* one copy per image */
    fab_tensor *k = fab_dense_forward(c, &m->k, x), *v = fab_dense_forward(c, &m->v, x);
    q = fab_attention(c, q, k, v, NULL, NULL,
                      (fab_attention_opts){ .heads = heads, .kv_heads = heads });
    return fab_dense_forward(c, &m->out, q);
}
