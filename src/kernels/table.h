/* table: what each file gives to the table of its instruction set (table.c lists the fields once).
 * Names are suffixed by the instruction set; contracts are those of fab_kernels's fields. Private
 * to kernels/. */
#ifndef FAB_KERNELS_TABLE_H
#define FAB_KERNELS_TABLE_H

#include "kernels/isa.h"

extern const fab_kernels FAB_NAME(fab_table);

bool FAB_NAME(fab_gemm_f32)(fab_pool *p, const fab_gemm *g, fab_err *err);
bool FAB_NAME(fab_pack_f32)(fab_packed *out, fab_arena *a, const void *w, fab_dtype type, int64_t n,
                            int64_t k, bool bf16, fab_err *err);

void FAB_NAME(fab_attn_forward)(fab_pool *p, const fab_attn *s, const float *q, const float *k,
                                const float *v, float *out, float *lse);
bool FAB_NAME(fab_attn_backward)(fab_pool *p, const fab_attn *s, const float *q, const float *k,
                                 const float *v, const float *out, const float *lse,
                                 const float *dout, float *dq, float *dk, float *dv, fab_err *err);
bool FAB_NAME(fab_conv_forward)(fab_pool *p, const fab_conv *s, const float *x, const float *w,
                                const float *b, float *y, bool bf16, fab_err *err);
bool FAB_NAME(fab_conv_backward)(fab_pool *p, const fab_conv *s, const float *x, const float *w,
                                 const float *y, float *dy, float *dx, float *dw, float *db,
                                 bool bf16, fab_err *err);
/* conv.c's groups = in = out */
bool FAB_BASE(fab_depth_forward)(fab_pool *p, const fab_conv *s, const float *x, const float *w,
                                 const float *b, float *y, fab_err *err);
bool FAB_BASE(fab_depth_backward)(fab_pool *p, const fab_conv *s, const float *x, const float *w,
                                  const float *dy, float *dx, float *dw, fab_err *err);
/* dy is cleared where y is 0 or 6; what stays is added to db [d] (may be NULL) */
bool FAB_BASE(fab_relu6_cut)(fab_pool *p, const float *y, float *dy, float *db, int64_t r,
                             int64_t d, fab_err *err);

void FAB_BASE(fab_layernorm)(fab_pool *p, const float *x, const float *w, const float *b, float eps,
                             float *y, float *mean, float *inv, int64_t r, int64_t d);
void FAB_BASE(fab_layernorm_back)(fab_pool *p, const float *x, const float *w, const float *mean,
                                  const float *inv, const float *dy, float *dx, float *dw,
                                  float *db, int64_t r, int64_t d);
void FAB_BASE(fab_rmsnorm)(fab_pool *p, const float *x, const float *w, float eps, float *y,
                           float *inv, int64_t r, int64_t d);
void FAB_BASE(fab_rmsnorm_back)(fab_pool *p, const float *x, const float *w, const float *inv,
                                const float *dy, float *dx, float *dw, int64_t r, int64_t d);
void FAB_BASE(fab_softmax)(fab_pool *p, const float *x, float *y, int64_t r, int64_t d);
void FAB_BASE(fab_xent)(fab_pool *p, const float *logits, const int32_t *target, float smoothing,
                        float *nll, const float *scale, float *dlogits, int64_t r, int64_t v);

void FAB_BASE(fab_gelu)(fab_pool *p, int kind, const float *x, float *y, int64_t n);
void FAB_BASE(fab_gelu_back)(fab_pool *p, int kind, const float *x, const float *dy, float *dx,
                             int64_t n);
void FAB_BASE(fab_relu6)(fab_pool *p, const float *x, float *y, int64_t n);
void FAB_BASE(fab_relu6_back)(fab_pool *p, const float *x, const float *dy, float *dx, int64_t n);
void FAB_BASE(fab_silu)(fab_pool *p, const float *x, float *y, int64_t n);
void FAB_BASE(fab_silu_back)(fab_pool *p, const float *x, const float *dy, float *dx, int64_t n);
void FAB_BASE(fab_swiglu)(fab_pool *p, const float *gate, const float *up, float *y, int64_t n);
void FAB_BASE(fab_swiglu_back)(fab_pool *p, const float *gate, const float *up, const float *dy,
                               float *dgate, float *dup, int64_t n);
void FAB_BASE(fab_add)(fab_pool *p, const float *a, const float *b, float *y, int64_t rows,
                       int64_t d);
void FAB_BASE(fab_axpy)(fab_pool *p, float s, const float *x, float *y, int64_t n);
void FAB_BASE(fab_mul)(fab_pool *p, const float *a, const float *b, float *y, int64_t n);
void FAB_BASE(fab_mul_add)(fab_pool *p, const float *a, const float *b, float *y, int64_t n);
void FAB_BASE(fab_scale)(fab_pool *p, float s, const float *x, float *y, int64_t n);
void FAB_BASE(fab_sum_rows)(fab_pool *p, const float *x, float *y, int64_t r, int64_t d);
double FAB_BASE(fab_dot)(fab_pool *p, const float *a, const float *b, int64_t n);
void FAB_BASE(fab_rope)(fab_pool *p, const float *x, const float *cs, float sign, bool interleaved,
                        bool add, float *y, int64_t tokens, int heads, int64_t width,
                        int64_t cs_tokens);
void FAB_BASE(fab_adamw)(fab_pool *p, float *w, const float *g, float *m, float *v, int64_t n,
                         float lr, float b1, float b2, float eps, float decay, float gscale,
                         int64_t step);
void FAB_BASE(fab_to_f32)(fab_pool *p, fab_dtype from, const void *x, float *y, int64_t n);
bool FAB_BASE(fab_from_f32)(fab_pool *p, fab_dtype to, const float *x, void *y, int64_t n);

#endif
