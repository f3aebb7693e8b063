/* table: the row of one instruction set; the sets above AVX-512 take what is no product from it. */
#include "kernels/table.h"

/* clang-format off */
const fab_kernels FAB_NAME(fab_table) = {
    .name = FAB_STR(FAB_ISA),
    .gemm = FAB_NAME(fab_gemm_f32),                 .pack = FAB_NAME(fab_pack_f32),
    .attn_forward = FAB_NAME(fab_attn_forward),     .attn_backward = FAB_NAME(fab_attn_backward),
    .conv_forward = FAB_NAME(fab_conv_forward),     .conv_backward = FAB_NAME(fab_conv_backward),
    .layernorm = FAB_BASE(fab_layernorm),           .layernorm_back = FAB_BASE(fab_layernorm_back),
    .rmsnorm = FAB_BASE(fab_rmsnorm),               .rmsnorm_back = FAB_BASE(fab_rmsnorm_back),
    .softmax = FAB_BASE(fab_softmax),               .xent = FAB_BASE(fab_xent),
    .gelu = FAB_BASE(fab_gelu),                     .gelu_back = FAB_BASE(fab_gelu_back),
    .relu6 = FAB_BASE(fab_relu6),                   .relu6_back = FAB_BASE(fab_relu6_back),
    .silu = FAB_BASE(fab_silu),                     .silu_back = FAB_BASE(fab_silu_back),
    .swiglu = FAB_BASE(fab_swiglu),                 .swiglu_back = FAB_BASE(fab_swiglu_back),
    .add = FAB_BASE(fab_add),                       .axpy = FAB_BASE(fab_axpy),
    .mul = FAB_BASE(fab_mul),                       .mul_add = FAB_BASE(fab_mul_add),
    .scale = FAB_BASE(fab_scale),                   .sum_rows = FAB_BASE(fab_sum_rows),
    .dot = FAB_BASE(fab_dot),                       .rope = FAB_BASE(fab_rope),
    .adamw = FAB_BASE(fab_adamw),
    .to_f32 = FAB_BASE(fab_to_f32),                 .from_f32 = FAB_BASE(fab_from_f32),
};
/* clang-format on */
