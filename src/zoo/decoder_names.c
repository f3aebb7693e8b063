/* decoder_names: what the model's parameters are called in files (names.h has the rules' meaning).
 *
 *   model                                     GGUF                     in a larger HF model, before
 *   model.embed_tokens.weight                 token_embd.weight        language_model. (to 4.51) or
 *   model.layers.N.self_attn.q_proj.weight    blk.N.attn_q.weight      model.language_model. for
 *   model.norm.weight, lm_head.weight         output_norm, output      model. (from 4.52)
 *
 * Gemma calls the norm before its feed-forward network what others call nothing.
 */
#include "zoo/decoder.h"

/* clang-format off */
#define LAYER "model.layers.*."
#define GGUF_COMMON \
    { "token_embd.", "model.embed_tokens." }, \
    { "output_norm.", "model.norm." }, \
    { "output.", "lm_head." }, \
    { "blk.*.attn_q.", LAYER "self_attn.q_proj." }, \
    { "blk.*.attn_k.", LAYER "self_attn.k_proj." }, \
    { "blk.*.attn_v.", LAYER "self_attn.v_proj." }, \
    { "blk.*.attn_output.", LAYER "self_attn.o_proj." }, \
    { "blk.*.attn_q_norm.", LAYER "self_attn.q_norm." }, \
    { "blk.*.attn_k_norm.", LAYER "self_attn.k_norm." }, \
    { "blk.*.ffn_gate.", LAYER "mlp.gate_proj." }, \
    { "blk.*.ffn_up.", LAYER "mlp.up_proj." }, \
    { "blk.*.ffn_down.", LAYER "mlp.down_proj." }, \
    { "blk.*.attn_norm.", LAYER "input_layernorm." }, \
    { "rope_freqs.weight", NULL, FAB_NAME_DROPPED }
static const fab_name_rule gguf[] = {
    GGUF_COMMON,
    { "blk.*.ffn_norm.", LAYER "post_attention_layernorm." },
    { 0 },
};
static const fab_name_rule gguf_gemma[] = {
    GGUF_COMMON,
    { "blk.*.post_attention_norm.", LAYER "post_attention_layernorm." },
    { "blk.*.ffn_norm.", LAYER "pre_feedforward_layernorm." },
    { "blk.*.post_ffw_norm.", LAYER "post_feedforward_layernorm." },
    { 0 },
};

/* Angles that old files carry; a head that is the embedding, written again. */
#define HF_COMMON \
    { LAYER "self_attn.rotary_emb.inv_freq", NULL, FAB_NAME_DROPPED }, \
    { "model.language_model.", "model." }, \
    { "language_model.model.", "model." }, \
    { "language_model.lm_head.", "lm_head." }, \
    { "vision_tower.", NULL, FAB_NAME_DROPPED }, /* what sees: llava.c */ \
    { "model.vision_tower.", NULL, FAB_NAME_DROPPED }, \
    { "multi_modal_projector.", NULL, FAB_NAME_DROPPED }, \
    { "model.multi_modal_projector.", NULL, FAB_NAME_DROPPED }, \
    { "model.mm_projector.", NULL, FAB_NAME_DROPPED }
static const fab_name_rule hf[] = { HF_COMMON, { 0 } };
static const fab_name_rule hf_tied[] = {
    { "lm_head.weight", NULL, FAB_NAME_DROPPED },
    { "language_model.lm_head.weight", NULL, FAB_NAME_DROPPED },
    HF_COMMON,
    { 0 },
};
/* clang-format on */

const fab_name_rule *fab_decoder_rules(const fab_decoder_config *c, bool of_gguf)
{
    if (of_gguf) return c->kind->gemma ? gguf_gemma : gguf;
    return c->tied ? hf_tied : hf;
}
