/* kernels: the hot loops. One table of function pointers, filled from plain C upward by the best
 * instruction set.
 *
 *   c       plain C, the reference
 *   avx2    AVX2 + FMA        avx512  AVX-512 F/BW/DQ/VL        avx512vnni  + int8 products of quantised weights
 *   avx512bf16  + products of rounded operands in bf16     avx512fp16  instead in f16
 *   amx     AVX-512 + products of rounded operands in AMX bf16 tiles (amx_emu, by name only: the same, emulated)
 *
 * FABRICA_ISA=NAME, one of these, overrides the choice (downwards); the program refuses another
 * name. This is the only folder with intrinsics and parallel loops. Every loop is cut by shape,
 * never by thread count, and sums have a fixed order: results do not depend on the number of
 * threads. All arrays are contiguous f32 unless said; pool may be NULL.
 */
#ifndef FAB_KERNELS_KERNELS_H
#define FAB_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/dtype.h"
#include "base/threads.h"

typedef struct fab_kernels fab_kernels;

/* A weight [N,K] (PyTorch order) rearranged once for gemm. Layout belongs to the isa that packed
 * it. */
typedef struct {
    const fab_kernels *by;
    int64_t n, k;
    bool bf16;
    void *data;
} fab_packed;

/* C[M,N] = A[M,K] B[K,N] (+ C if add) (+ bias[N]).  A(i,k) = a[i*a_row + k*a_col], B(k,j) = b[k*b_row + j*b_col]:
 * transposes are strides. Either b or packed (then b is ignored). b_dtype f32, bf16, f16 or a
 * quantised type (then b_row = 1 and b_col = K: a weight [N,K] in blocks along K). bf16: operands
 * may be rounded to bf16 or (avx512fp16) to scaled f16, and A to int8, 32 values under one step,
 * where B is quantised; sums are f32, on avx512fp16 of f16 sums of 64 products. */
typedef struct {
    int64_t m, n, k;
    const float *a;
    int64_t a_row, a_col;
    const void *b;
    fab_dtype b_dtype;
    int64_t b_row, b_col;
    const fab_packed *packed;
    float *c;
    int64_t c_row;
    const float *bias;
    bool add, bf16;
} fab_gemm;

typedef struct {
    int64_t batch, tq, tk;
    int heads, kv_heads, width; /* width = K of one head */
    int64_t q_row, kv_row; /* floats from one token to the next; 0: heads*width, kv_heads*width */
    int64_t q_batch, kv_batch; /* floats from one sample to the next; 0: t * row */
    bool causal;
    float scale;                    /* > 0 */
    const int32_t *prefix, *kv_len; /* [batch] or NULL */
    int64_t window; /* > 0: query i sees no key before i + Tk - Tq + 1 - window; 0: all */
    bool bf16;      /* forward: operands of both products may be rounded as fab_gemm's are */
} fab_attn;

typedef struct {
    int64_t batch, h, w, in, out, kh, kw, stride;
    int64_t pad_y,
        pad_x; /* zeros before the first row and column; oh, ow say how many come after */
    int64_t oh, ow, groups;
    bool relu6;  /* y = min(max(y, 0), 6) */
    bool set_dx; /* backward sets dx, else it adds */
} fab_conv;

struct fab_kernels {
    const char *name;
    /* matrix products */
    bool (*gemm)(fab_pool *p, const fab_gemm *g, fab_err *err);
    bool (*pack)(fab_packed *out, fab_arena *a, const void *w, fab_dtype dtype, int64_t n,
                 int64_t k, bool bf16, fab_err *err);
    /* attention: out [B,Tq,H*K]; lse [B,H,Tq] is log-sum-exp of each row for backward (may be NULL
     * in forward) */
    void (*attn_forward)(fab_pool *p, const fab_attn *s, const float *q, const float *k,
                         const float *v, float *out, float *lse);
    /* adds into dq, dk, dv (each may be NULL) */
    bool (*attn_backward)(fab_pool *p, const fab_attn *s, const float *q, const float *k,
                          const float *v, const float *out, const float *lse, const float *dout,
                          float *dq, float *dk, float *dv, fab_err *err);
    /* convolution, channels-last, weight [O,I/groups,kh,kw]; backward adds (dx, dw, db may be
     * NULL). With relu6 it takes forward's y and first clears dy, in place, where y was cut off. */
    bool (*conv_forward)(fab_pool *p, const fab_conv *s, const float *x, const float *w,
                         const float *b, float *y, bool bf16, fab_err *err);
    bool (*conv_backward)(fab_pool *p, const fab_conv *s, const float *x, const float *w,
                          const float *y, float *dy, float *dx, float *dw, float *db, bool bf16,
                          fab_err *err);
    /* rows x [r,d] */
    void (*layernorm)(fab_pool *p, const float *x, const float *w, const float *b, float eps,
                      float *y, float *mean, float *inv, int64_t r, int64_t d);
    void (*layernorm_back)(fab_pool *p, const float *x, const float *w, const float *mean,
                           const float *inv, const float *dy, float *dx, float *dw, float *db,
                           int64_t r, int64_t d);
    void (*rmsnorm)(fab_pool *p, const float *x, const float *w, float eps, float *y, float *inv,
                    int64_t r, int64_t d);
    void (*rmsnorm_back)(fab_pool *p, const float *x, const float *w, const float *inv,
                         const float *dy, float *dx, float *dw, int64_t r, int64_t d);
    void (*softmax)(fab_pool *p, const float *x, float *y, int64_t r, int64_t d);
    /* logits [r,v] -> nll[r] (smoothed, ignored rows 0) and, when dlogits is not NULL, scale[r] * d
     * nll / d logits added */
    void (*xent)(fab_pool *p, const float *logits, const int32_t *target, float smoothing,
                 float *nll, const float *scale, float *dlogits, int64_t r, int64_t v);
    /* element-wise on n values; kind = fab_gelu_kind; *_back adds dy * f'(x) into dx */
    void (*gelu)(fab_pool *p, int kind, const float *x, float *y, int64_t n);
    void (*gelu_back)(fab_pool *p, int kind, const float *x, const float *dy, float *dx, int64_t n);
    void (*relu6)(fab_pool *p, const float *x, float *y, int64_t n);
    void (*relu6_back)(fab_pool *p, const float *x, const float *dy, float *dx, int64_t n);
    void (*silu)(fab_pool *p, const float *x, float *y, int64_t n);
    void (*silu_back)(fab_pool *p, const float *x, const float *dy, float *dx, int64_t n);
    void (*swiglu)(fab_pool *p, const float *gate, const float *up, float *y, int64_t n);
    void (*swiglu_back)(fab_pool *p, const float *gate, const float *up, const float *dy,
                        float *dgate, float *dup, int64_t n);
    void (*add)(fab_pool *p, const float *a, const float *b, float *y, int64_t rows,
                int64_t d); /* y[r,i] = a[r,i] + b[i or r,i]: rows=1 for same shape */
    void (*axpy)(fab_pool *p, float s, const float *x, float *y, int64_t n); /* y += s x */
    void (*mul)(fab_pool *p, const float *a, const float *b, float *y, int64_t n);
    void (*mul_add)(fab_pool *p, const float *a, const float *b, float *y,
                    int64_t n); /* y += a b */
    void (*scale)(fab_pool *p, float s, const float *x, float *y, int64_t n);
    void (*sum_rows)(fab_pool *p, const float *x, float *y, int64_t r,
                     int64_t d); /* y[d] += sum_r x[r,d], fixed order */
    double (*dot)(fab_pool *p, const float *a, const float *b,
                  int64_t n); /* f64 sum, fixed order */
    /* x [b,t,h*k], cs = cos,sin tables [t or b*t, k/2, 2]; sign -1 rotates back; adds when add */
    void (*rope)(fab_pool *p, const float *x, const float *cs, float sign, bool interleaved,
                 bool add, float *y, int64_t tokens, int heads, int64_t width, int64_t cs_tokens);
    /* optimiser: AdamW on one parameter (torch order: decay first). step counts from 1; g is scaled
     * by gscale first. */
    void (*adamw)(fab_pool *p, float *w, const float *g, float *m, float *v, int64_t n, float lr,
                  float b1, float b2, float eps, float decay, float gscale, int64_t step);
    void (*to_f32)(fab_pool *p, fab_dtype from, const void *x, float *y,
                   int64_t n); /* f32, bf16, f16, or whole blocks of a quantised type */
    bool (*from_f32)(
        fab_pool *p, fab_dtype to, const float *x, void *y,
        int64_t
            n); /* f32, bf16, f16, or what fab_quantise writes; false: not these, or a part of a block */
};

const fab_kernels *fab_kernels_best(void); /* chosen once, honours FABRICA_ISA */
const fab_kernels *fab_kernels_named(
    const char *name); /* NULL: this machine lacks it or no such name */
const fab_kernels *const *fab_kernels_all(
    void);                          /* those that run here, plain C first, NULL-terminated */
const char *fab_cpu_features(void); /* "avx2 fma avx512f ... amx_bf16" */

/* NAME_peak measures, in `seconds`: see bench.h of this folder for the machine's own limits. */

#endif
