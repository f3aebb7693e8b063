/* pooler: learnt queries that read the tokens of an image (Lee et al. 2019; SigLIP's head, CoCa's
 * attentional poolers).
 *
 *   a = out(softmax(q(norm_q query) k(norm_k x)') v(norm_k x))      query [N,D], x [B,T,C] -> [B,N,D]
 *
 * Names: query, attn.{q,k,v,out}_proj, and with norms ln_q, ln_k.
 */
#ifndef FAB_ZOO_POOLER_H
#define FAB_ZOO_POOLER_H

#include "nn/layers.h"

typedef struct {
    int64_t dim, context; /* widths of the queries and of what they read */
    int queries, heads;
    bool norms;
    float eps;
} fab_pooler_config;

typedef struct {
    fab_pooler_config cfg;
    fab_tensor *query;
    fab_norm ln_q, ln_k;
    fab_dense q, k, v, out;
} fab_pooler;

void fab_pooler_params(fab_params *p, fab_pooler *m, const fab_pooler_config *cfg);
fab_tensor *fab_pooler_forward(fab_ctx *c, const fab_pooler *m, fab_tensor *x);

#endif
