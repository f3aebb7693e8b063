/* table: the row of one instruction set. Compiled once for each, like everything it lists. */
#include "kernels/table.h"

/* clang-format off */
const fab_kernels FAB_NAME(fab_table) = {
    .name = FAB_STR(FAB_ISA),
    .gemm = FAB_NAME(fab_gemm_f32),                 .pack = FAB_NAME(fab_pack_f32),
    .attn_forward = FAB_NAME(fab_attn_forward),     .attn_backward = FAB_NAME(fab_attn_backward),
    .conv_forward = FAB_NAME(fab_conv_forward),     .conv_backward = FAB_NAME(fab_conv_backward),
    .layernorm = FAB_NAME(fab_layernorm),           .layernorm_back = FAB_NAME(fab_layernorm_back),
    .rmsnorm = FAB_NAME(fab_rmsnorm),               .rmsnorm_back = FAB_NAME(fab_rmsnorm_back),
    .softmax = FAB_NAME(fab_softmax),               .xent = FAB_NAME(fab_xent),
    .gelu = FAB_NAME(fab_gelu),                     .gelu_back = FAB_NAME(fab_gelu_back),
    .silu = FAB_NAME(fab_silu),                     .silu_back = FAB_NAME(fab_silu_back),
    .swiglu = FAB_NAME(fab_swiglu),                 .swiglu_back = FAB_NAME(fab_swiglu_back),
    .add = FAB_NAME(fab_add),                       .axpy = FAB_NAME(fab_axpy),
    .mul = FAB_NAME(fab_mul),                       .mul_add = FAB_NAME(fab_mul_add),
    .scale = FAB_NAME(fab_scale),                   .sum_rows = FAB_NAME(fab_sum_rows),
    .dot = FAB_NAME(fab_dot),                       .rope = FAB_NAME(fab_rope),
    .adamw = FAB_NAME(fab_adamw),
    .to_f32 = FAB_NAME(fab_to_f32),                 .from_f32 = FAB_NAME(fab_from_f32),
};
/* clang-format on */
