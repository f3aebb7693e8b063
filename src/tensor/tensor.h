/* tensor: shaped f32 arrays (weights also bf16, f16, quantised), eager coarse operations, and the
 * tape that runs them back.
 *
 *   ctx      one request or one training step: arena, kernels, pool, error, randomness, tape
 *   tensor   lives in the ctx's arena and dies with it; parameters live in the model's arena
 *   op       one row of ops.def: name, shape rule, forward, backward, samples: see op_rmsnorm.c
 *
 * Error rule (the only place that latches): an op given NULL returns NULL, the first failure stays
 * in ctx->err; a model checks nothing and its caller looks once at the end.
 *
 * Layout: contiguous, row-major, last dimension fastest. Images and feature maps are channels-last
 * [B,H,W,C].
 */
#ifndef FAB_TENSOR_TENSOR_H
#define FAB_TENSOR_TENSOR_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#define FAB_MAX_IN 6

typedef struct fab_op fab_op;
typedef struct fab_tensor fab_tensor;
typedef struct fab_ctx fab_ctx;

struct fab_tensor {
    fab_dtype dtype; /* activations and gradients are f32; ids are i32 */
    int ndim;
    int64_t shape[FAB_MAX_DIM];
    void *data;
    float *grad;      /* f32, same shape; NULL until somebody needs it */
    bool needs_grad;  /* a parameter in training, or computed from one */
    bool keeps_grad;  /* somebody outside reads grad: an input may not take it over */
    bool blank_grad;  /* grad holds nothing yet: the backward that comes first sets it */
    const char *name; /* parameters: the checkpoint name; else NULL */
    /* how it was made; NULL op for leaves */
    const fab_op *op;
    fab_tensor *in[FAB_MAX_IN];
    int n_in;
    const void *attr;   /* the op's option struct, copied into the arena */
    void *saved;        /* what forward keeps for backward, in the arena; forward allocates it */
    fab_packed *packed; /* weights at inference: packed once, owned by the model's arena */
};

struct fab_ctx {
    fab_arena *arena;
    fab_pool *pool;
    const fab_kernels *k;
    fab_rng rng;       /* dropout and friends */
    bool training;     /* dropout is on */
    bool record;       /* ops are put on the tape */
    bool bf16;         /* matrix products may round their operands to bf16 (f32 sums); false: f32 */
    bool check;        /* debug: an op whose result is not finite fails, naming itself */
    fab_err err;       /* first failure of the step */
    fab_tensor **tape; /* in order of execution */
    int64_t n_tape, cap_tape;
};

/* A sample for the derived tests: input shapes (0-terminated), attr, and what kind of values the
 * inputs hold. */
typedef enum {
    FAB_SAMPLE_NORMAL,
    FAB_SAMPLE_IDS,      /* i32 in 0..ids_below-1 */
    FAB_SAMPLE_POSITIVE, /* in (0,1) */
    FAB_SAMPLE_SPREAD /* in random order, 1/8 apart and none at a whole number: a maximum stays one
                          * when moved a little */
} fab_sample_kind;
typedef struct {
    struct {
        int64_t shape[FAB_MAX_DIM];
        fab_sample_kind kind;
        int ids_below;
        bool no_grad;
    } in[FAB_MAX_IN];
    const void *attr; /* NULL: none */
    double flops;     /* for the benchmark; 0: count bytes instead */
    bool bench;       /* a benchmark-sized sample: not gradient-checked */
} fab_sample;

struct fab_op {
    const char *name;
    int n_in;          /* inputs it takes; trailing ones may be NULL when optional_from <= index */
    int optional_from; /* 0: none is optional */
    size_t attr_size;  /* bytes of the option struct; 0: none */
    /* fills y->ndim, y->shape (and dtype) from y->in and y->attr; fab_fail names the shapes that
     * disagree */
    bool (*shape)(fab_ctx *c, fab_tensor *y);
    bool (*forward)(fab_ctx *c, fab_tensor *y); /* y->data is allocated, not cleared */
    /* adds into y->in[i]->grad where that is not NULL */
    bool (*backward)(fab_ctx *c, const fab_tensor *y);
    /* Bit i: the gradient of input i is y's own, so it may take over y->grad instead of adding it
     * (backward then finds them equal and does nothing for that input). */
    unsigned passes;
    unsigned sets;             /* bit i: backward looks at in[i]->blank_grad, and sets or adds */
    const fab_sample *samples; /* ends with a sample without inputs */
};

/* ---- contexts -------------------------------------------------------------------------------- */
/* An inference context over a borrowed arena and pool (pool may be NULL). kernels:
 * fab_kernels_best() by default. */
void fab_ctx_init(fab_ctx *c, fab_arena *arena, fab_pool *pool);
void fab_ctx_reset(fab_ctx *c); /* releases the arena wholly, empties the tape, clears the error */

/* ---- tensors --------------------------------------------------------------------------------- */
#define FAB_SHAPE(...) ((const int64_t[FAB_MAX_DIM + 1]){ __VA_ARGS__, 0 })
/* New tensor in the arena, not cleared. shape ends with 0 (or FAB_MAX_DIM entries). */
fab_tensor *fab_tensor_new(fab_ctx *c, fab_dtype dtype, const int64_t *shape);
fab_tensor *fab_tensor_zeros(fab_ctx *c, const int64_t *shape);
/* Borrows data: valid as long as data is. */
fab_tensor *fab_tensor_from(fab_ctx *c, fab_dtype dtype, const int64_t *shape, const void *data);
int64_t fab_count(const fab_tensor *t);
float *fab_f32(const fab_tensor *t); /* data of an f32 tensor; asserts the dtype */
int32_t *fab_i32(const fab_tensor *t);
bool fab_all_finite(const fab_tensor *t);

/* Runs op on inputs: checks, shape, allocate, forward, record. The body of every function below. */
fab_tensor *fab_apply(fab_ctx *c, const fab_op *op, const void *attr, fab_tensor *const *in,
                      int n_in);

/* Runs the tape backwards from a scalar loss (grad seeded with `seed`, usually 1). Gradients of
 * tensors with needs_grad are allocated in the arena (parameters own theirs) and added to. */
bool fab_backward(fab_ctx *c, fab_tensor *loss, float seed);
/* The same from any tensor whose ->grad the caller has filled (Grad-CAM). */
bool fab_backward_from(fab_ctx *c, fab_tensor *y);
/* Asks for a gradient at an intermediate tensor (Grad-CAM): must be called before ops use it. */
void fab_want_grad(fab_tensor *t);

/* ---- operations (one file each: op_NAME.c) --------------------------------------------------- */
/* [..,I] x [O,I] (+ [O]) -> [..,O] */
fab_tensor *fab_linear(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b);
/* Norms over the last dimension. */
fab_tensor *fab_layernorm(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b, float eps);
fab_tensor *fab_rmsnorm(fab_ctx *c, fab_tensor *x, fab_tensor *w, float eps);

typedef enum { FAB_GELU_ERF, FAB_GELU_TANH, FAB_GELU_QUICK } fab_gelu_kind;
fab_tensor *fab_gelu(fab_ctx *c, fab_tensor *x, fab_gelu_kind kind);
fab_tensor *fab_relu6(fab_ctx *c, fab_tensor *x); /* min(max(x, 0), 6) */
fab_tensor *fab_silu(fab_ctx *c, fab_tensor *x);
fab_tensor *fab_swiglu(fab_ctx *c, fab_tensor *gate, fab_tensor *up); /* silu(gate) * up */

/* b has a's shape, or a suffix of it (broadcast over the leading dimensions). */
fab_tensor *fab_add(fab_ctx *c, fab_tensor *a, fab_tensor *b);
fab_tensor *fab_mul(fab_ctx *c, fab_tensor *a, fab_tensor *b);
fab_tensor *fab_scale(fab_ctx *c, fab_tensor *x, float s);

/* Identity unless c->training; what is kept is scaled by 1/(1-p). drop_path (stochastic depth)
 * keeps or zeroes each sample (first dimension) of x as a whole. */
fab_tensor *fab_dropout(fab_ctx *c, fab_tensor *x, float p);
fab_tensor *fab_drop_path(fab_ctx *c, fab_tensor *x, float p);

/* ids i32 [..], table [V,D] -> [..,D]; an id outside the table fails. */
fab_tensor *fab_embedding(fab_ctx *c, fab_tensor *ids, fab_tensor *table);
/* x seen as [R,D], rows i32 [n] -> [n,D]; row -1 gives zeros. */
fab_tensor *fab_gather(fab_ctx *c, fab_tensor *x, fab_tensor *rows);
fab_tensor *fab_reshape(fab_ctx *c, fab_tensor *x, const int64_t *shape); /* same data */
/* Axis -1 is the last. */
fab_tensor *fab_concat(fab_ctx *c, fab_tensor *a, fab_tensor *b, int axis);
fab_tensor *fab_slice(fab_ctx *c, fab_tensor *x, int axis, int64_t from, int64_t to);
fab_tensor *fab_mean(fab_ctx *c, fab_tensor *x, int axis); /* drops the axis */
/* Last dimension to unit length: x / max(|x|, eps). */
fab_tensor *fab_l2norm(fab_ctx *c, fab_tensor *x, float eps);

/* Rotary positions on x [B,T,H*K] (H heads of K). pos: i32 [B,T] or NULL for 0..T-1 (+start); or a
 * table f32 [T or B*T,K/2,2] of fab_rope_table, which then stands for theta, start and factors. */
typedef struct {
    int heads;
    float theta;
    bool interleaved; /* pairs (2i,2i+1) */
    int start;
    const float *factors; /* [K/2] divide the frequencies, borrowed; NULL: none */
} fab_rope_opts;
/* Cosines and sines of positions i32 [B,T] for heads of width K: several layers use one. */
fab_tensor *fab_rope_table(fab_ctx *c, const fab_tensor *pos, int64_t width, fab_rope_opts o);
fab_tensor *fab_rope(fab_ctx *c, fab_tensor *x, fab_tensor *pos, fab_rope_opts o);

/* softmax(q k' scale + mask) v, never writing the score matrix. q [B,Tq,H*K], k,v [B,Tk,G*K],
 * H % G == 0. Query i sits at position i + (Tk - Tq). causal: key j is seen when j <= position, or
 * j < prefix[b]. kv_len[b] (i32 [B], NULL: Tk) hides keys from there on. scale 0: 1/sqrt(K).
 * window > 0: keys j <= position - window are hidden (sliding window, Mistral). A row that sees no
 * key gives 0. */
typedef struct {
    int heads, kv_heads;
    bool causal;
    float scale;
    int window;
} fab_attention_opts;
fab_tensor *fab_attention(fab_ctx *c, fab_tensor *q, fab_tensor *k, fab_tensor *v,
                          fab_tensor *prefix, fab_tensor *kv_len, fab_attention_opts o);

/* Convolution on channels-last maps: x [B,H,W,I], w [O,I/groups,kh,kw] (PyTorch order), b [O] or
 * NULL -> [B,(H+2p-kh)/s+1,(W+2p-kw)/s+1,O]. Patch embedding is kh = kw = stride. groups: 1, or I
 * (= O, depthwise). pad FAB_PAD_SAME: as few zeros as give ceil(H/s) x ceil(W/s), an odd one after
 * the map (TensorFlow's 'SAME'). relu6: min(max(y, 0), 6). */
enum { FAB_PAD_SAME = -1 };
typedef struct {
    int stride, pad, groups;
    bool relu6;
} fab_conv_opts;
fab_tensor *fab_conv2d(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b, fab_conv_opts o);
typedef struct {
    int size, stride;
    bool max;
} fab_pool_opts;
fab_tensor *fab_pool2d(fab_ctx *c, fab_tensor *x, fab_pool_opts o); /* [B,H,W,C], no padding */

/* Losses: scalars [1], means over what counts. */
/* logits [N,V], targets i32 [N]; target < 0 is ignored; smoothing e:
 * (1-e) nll + e mean_v(-log p_v). weight f32 [N] or NULL: per-row weights, mean over their sum. */
typedef struct {
    float smoothing;
} fab_xent_opts;
fab_tensor *fab_xent(fab_ctx *c, fab_tensor *logits, fab_tensor *targets, fab_tensor *weight,
                     fab_xent_opts o);
/* logits [N,V] against probabilities f32 [N,V], constants: mean_r -sum_v q log softmax(logits / T) */
typedef struct {
    float temperature; /* T */
} fab_soft_xent_opts;
fab_tensor *fab_soft_xent(fab_ctx *c, fab_tensor *logits, fab_tensor *targets,
                          fab_soft_xent_opts o);
/* Symmetric InfoNCE on unit rows a,b [B,D], learnt log-scale [1] (CLIP):
 * 0.5 (CE(s a b') + CE(s b a')). same: i32 [B] or NULL; rows with equal same >= 0 are each other's
 * positives (targets shared equally). */
fab_tensor *fab_infonce(fab_ctx *c, fab_tensor *a, fab_tensor *b, fab_tensor *log_scale,
                        fab_tensor *same);
/* Within each sample row i of a and row i of b, [B,L,D] of unit rows, find each other among the
 * sample's n[b] rows (i32 [B], NULL: L), both ways: MGCA's token loss
 * 1/2B sum w[b,i] (CE(a b'/T, i) + CE(b a'/T, i)). weight f32 [B,L], constants. */
typedef struct {
    float temperature; /* T */
} fab_match_opts;
fab_tensor *fab_match(fab_ctx *c, fab_tensor *a, fab_tensor *b, fab_tensor *weight, fab_tensor *n,
                      fab_match_opts o);
/* SigLIP: -1/B sum_ij log sigmoid(z_ij (s a_i.b_j + bias)), z = 1 on the diagonal (and where same
 * is equal), else -1. */
fab_tensor *fab_siglip(fab_ctx *c, fab_tensor *a, fab_tensor *b, fab_tensor *log_scale,
                       fab_tensor *bias, fab_tensor *same);
/* Mean binary cross-entropy of logits [N,C] against targets f32 [N,C] in [0,1]; target < 0 is
 * ignored. */
fab_tensor *fab_bce(fab_ctx *c, fab_tensor *logits, fab_tensor *targets);

/* Sampling of one row of logits [V] (host side, no gradient; SYSTEMS.md 1.10). temperature 0:
 * argmax. */
typedef struct {
    float temperature, top_p;
    int top_k;
    float repetition;
    const int32_t *seen;
    int n_seen;
    float min_p;
} fab_sample_opts;
int32_t fab_sample_token(const float *logits, int64_t n_vocab, fab_sample_opts o, fab_rng *rng);

extern const fab_op *const fab_ops[]; /* every row of ops.def, NULL-terminated */

#endif
