/* adalora: which singular directions of an adapter of kind adalora stay (Zhang et al. 2023,
 * AdaLoRA).
 *
 *   R      = mean over P, Q of |P'P - I|, |Q Q' - I|         its gradient, times `orth`, is added
 *   I      = |w dL/dw|           of every entry of P, E, Q, before each update
 *   I'     = b1 I' + (1 - b1) I,     U' = b2 U' + (1 - b2) |I - I'|,     s = I' U'
 *   S_i    = s(E_i) + mean_o s(P_oi) + mean_j s(Q_ij)        importance of direction i
 *
 * and of all directions of all layers the b(t) most important keep their E, the others are set to 0
 * (they may come back while the budget still moves):
 *
 *   b(t) = b0                                        t < warm
 *          b1 + (b0 - b1)(1 - (t - warm) / (T - settle - warm))^3
 *          b1                                        t >= T - settle: what is kept no longer changes
 *
 * b0 = rank times layers, b1 = target times layers. |.| of R is Frobenius' norm, not squared, and
 * the mean is taken, as Hugging Face PEFT does; the paper squares and sums.
 */
#ifndef FAB_NN_ADALORA_H
#define FAB_NN_ADALORA_H

#include "nn/peft.h"

typedef struct {
    double target;                      /* rank of a layer in the end, on average */
    int64_t warm, settle, every, total; /* steps; every: of re-allocation */
    float beta1, beta2, orth;
} fab_adalora_opts;
#define FAB_ADALORA_DEFAULTS                                                                       \
    {                                                                                              \
        .every = 10, .beta1 = 0.85f, .beta2 = 0.85f, .orth = 0.1f                                  \
    }

typedef struct {
    fab_adalora_opts opts;
    const fab_peft *peft;
    fab_param_list
        state;     /* I', U' of each parameter [2,..] and what is kept [r]: for checkpoints */
    float *scores; /* [2, all directions] */
} fab_adalora;

/* Everything is kept. State lives in a; peft must outlive it and be in training. */
bool fab_adalora_init(fab_adalora *d, fab_arena *a, const fab_peft *peft, const fab_adalora_opts *o,
                      fab_err *err);
int64_t fab_adalora_budget(const fab_adalora *d, int64_t t);
/* After a backward pass: adds orth R's gradient, and takes the importances. Returns orth R. work:
 * for the time of the call. */
double fab_adalora_sense(fab_adalora *d, fab_arena *work, fab_err *err);
/* After the t-th update, counted from 0: zeroes what is not kept. Returns how many are. */
int64_t fab_adalora_allocate(fab_adalora *d, int64_t t);
/* E of the parameters without what is not kept: averaged weights are not yet so. */
void fab_adalora_mask(const fab_adalora *d);

#endif
