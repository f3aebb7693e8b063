/* op: what the op_NAME.c files share; not for the folders above. */
#ifndef FAB_TENSOR_OP_H
#define FAB_TENSOR_OP_H

#include <math.h>
#include <string.h>
#include "tensor/tensor.h"

#define FAB_SAMPLES_END                                                                            \
    {                                                                                              \
        .in = { { .shape = { 0 } } }                                                               \
    }

typedef struct {
    char text[64];
} fab_shape_text;
fab_shape_text fab_shape_str(const fab_tensor *t); /* "[4,8]" */

int64_t fab_last(const fab_tensor *t); /* size of the last dimension */
int64_t fab_rows(const fab_tensor *t); /* product of the others */
bool fab_same_shape(const fab_tensor *a, const fab_tensor *b);
void fab_shape_copy(fab_tensor *y, const fab_tensor *like);
float *fab_grad_of(const fab_tensor *y,
                   int i); /* where the gradient of input i goes; NULL: nobody asked */
/* Shape rules that several ops need; false with the error "NAME: ...". */
bool fab_need_f32(fab_ctx *c, const fab_tensor *y, int i);
bool fab_need_i32(fab_ctx *c, const fab_tensor *y, int i);
/* Input i is a vector [n] */
bool fab_need_vector(fab_ctx *c, const fab_tensor *y, int i, int64_t n);
/* Input 1 has the shape of input 0 or a suffix of it; y takes the shape of input 0. */
bool fab_need_suffix(fab_ctx *c, fab_tensor *y);
/* Zeroed and plain arena memory of n floats; NULL with c->err set. */
float *fab_take_f32(fab_ctx *c, int64_t n);
float *fab_zero_f32(fab_ctx *c, int64_t n);
/* Axis -1 counts from the end; false when there is no such axis. */
bool fab_axis(const fab_tensor *t, int axis, int *out);
void fab_around(const fab_tensor *t, int axis, int64_t *outer,
                int64_t *inner); /* products of the sizes on both sides */
/* What the contrastive losses share; inputs a, b [B,D] and the log-scale t [1]. */
bool fab_pairs_forward(fab_ctx *c, const fab_tensor *y, float *products); /* [B,B] = a b' */
/* kept: ds [B,B], the gradient of the scaled products e^t a b', then that of t. With g = dy:
 * da += g e^t ds b, db += g e^t ds' a, dt += g kept[B*B] */
bool fab_pairs_backward(fab_ctx *c, const fab_tensor *y, const float *kept);

#endif
