/* optim: AdamW over a parameter list, clipping, averages of the weights, learning-rate schedules.
 *
 *   g <- g min(1, clip / (|g| + 1e-6))                    |g| over all parameters in training
 *   m <- b1 m + (1-b1) g,   v <- b2 v + (1-b2) g^2
 *   w <- w (1 - lr decay) - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
 *   ema <- d ema + (1-d) w,   d = min(ema_decay, (1+t) / (10+t))
 *
 * t counts a parameter's own updates. A parameter with needs_grad off (fab_params_freeze) is left
 * alone; so is one whose gradient is zero everywhere: it took no part in the step, as torch's grad
 * None. Source: SYSTEMS.md 1.6.
 */
#ifndef FAB_TRAIN_OPTIM_H
#define FAB_TRAIN_OPTIM_H

#include "nn/params.h"

typedef struct {
    float beta1, beta2, eps, decay;
    float clip;      /* largest global norm; 0: no clipping */
    float ema_decay; /* 0: no averages are kept */
} fab_optim_opts;
#define FAB_OPTIM_DEFAULTS                                                                         \
    {                                                                                              \
        .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .decay = 0.05f, .clip = 1.0f                 \
    }

typedef struct {
    fab_tensor *param;
    int64_t count;
    float *m, *v, *ema; /* ema NULL: not kept */
    float lr_scale;     /* 1 unless set */
    bool no_decay;      /* fab_param_no_decay unless set */
    double sum;         /* of the squared gradient in the last step */
    int64_t updates;    /* t */
} fab_optim_slot;

typedef struct {
    fab_optim_opts opts;
    fab_param_list list;   /* items borrowed from the model's arena */
    fab_optim_slot *slots; /* [list.n], in the list's order */
    int64_t step;          /* steps taken, skipped ones included */
    int64_t skipped;       /* steps dropped because a gradient was not finite */
    double norm;           /* global gradient norm of the last step, before clipping */
    bool swapped;          /* the averages are in the parameters */
} fab_optim;

/* State arrays live in a. Every parameter must be f32; averages start as copies of the weights. */
bool fab_optim_init(fab_optim *o, fab_arena *a, const fab_param_list *list,
                    const fab_optim_opts *opts, fab_err *err);

/* Learning-rate factor of every parameter whose name starts with prefix; returns how many. */
int64_t fab_optim_scale(fab_optim *o, const char *prefix, float lr_scale);

/* A new stage: forgets m, v, the counts t and, when averages are kept, restarts them from the
 * weights. */
void fab_optim_restart(fab_optim *o);

/* One update from the gradients in the parameters, then clears them. False: a gradient was not
 * finite, nothing changed but `skipped` (o->norm tells). The averages must not be swapped in. */
bool fab_optim_step(fab_optim *o, const fab_kernels *k, fab_pool *pool, double lr);
void fab_optim_zero_grad(fab_optim *o);

/* Exchanges weights and averages: once before an evaluation or a save, once after. Without
 * averages: nothing. */
void fab_optim_swap_ema(fab_optim *o);

/* The rate at a step counted from 0; x = (step - warmup) / (total - warmup), at most 1:
 *
 *   step < warmup   lr (step+1) / warmup
 *   cosine          floor + (lr - floor) (1 + cos(pi x)) / 2
 *   linear          floor + (lr - floor) (1 - x)
 *   constant        lr
 */
typedef enum { FAB_SCHEDULE_COSINE, FAB_SCHEDULE_LINEAR, FAB_SCHEDULE_CONSTANT } fab_schedule_kind;
typedef struct {
    fab_schedule_kind kind;
    double lr, floor;
    int64_t warmup, total;
} fab_schedule;
double fab_schedule_at(const fab_schedule *s, int64_t step);
/* "cosine", "linear" or "constant". */
bool fab_schedule_parse(const char *name, fab_schedule_kind *kind, fab_err *err);

#endif
