/* decoder_names: what the model's parameters are called in the files of others.
 *
 *   model                                     GGUF                     in a larger HF model, before
 *   model.embed_tokens.weight                 token_embd.weight        language_model. (to 4.51) or
 *   model.layers.N.self_attn.q_proj.weight    blk.N.attn_q.weight      model.language_model. in place
 *   model.norm.weight, lm_head.weight         output_norm, output      of model. (from 4.52)
 *
 * Gemma calls the norm before its feed-forward network what others call nothing: two names of one
 * row depend on that.
 */
#include <stdio.h>
#include <string.h>
#include "zoo/decoder.h"

typedef struct {
    const char *hf, *gguf;
} pair;
static const pair outer[] = { { "model.embed_tokens", "token_embd" },
                              { "model.norm", "output_norm" },
                              { "lm_head", "output" } };
static const pair inner[] = { { "self_attn.q_proj", "attn_q" },
                              { "self_attn.k_proj", "attn_k" },
                              { "self_attn.v_proj", "attn_v" },
                              { "self_attn.o_proj", "attn_output" },
                              { "self_attn.q_norm", "attn_q_norm" },
                              { "self_attn.k_norm", "attn_k_norm" },
                              { "mlp.gate_proj", "ffn_gate" },
                              { "mlp.up_proj", "ffn_up" },
                              { "mlp.down_proj", "ffn_down" },
                              { "input_layernorm", "attn_norm" } };
static const pair plain_norms[] = { { "post_attention_layernorm", "ffn_norm" } };
static const pair gemma_norms[] = { { "post_attention_layernorm", "post_attention_norm" },
                                    { "pre_feedforward_layernorm", "ffn_norm" },
                                    { "post_feedforward_layernorm", "post_ffw_norm" } };
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The other name of the n bytes at name, in one list; to_hf: they are GGUF's. */
static const char *other(const pair *list, size_t count, const char *name, size_t n, bool to_hf)
{
    for (size_t i = 0; i < count; i++) {
        const char *from = to_hf ? list[i].gguf : list[i].hf;
        if (strlen(from) == n && !memcmp(from, name, n)) return to_hf ? list[i].hf : list[i].gguf;
    }
    return NULL;
}

static const char *translate(const fab_decoder_config *c, const char *name, bool to_hf,
                             fab_arena *a, fab_err *err)
{
    const char *in = to_hf ? "blk." : "model.layers.", *out = to_hf ? "model.layers." : "blk.";
    const char *end = strrchr(name, '.'); /* .weight, .bias */
    size_t skip = strlen(in);
    if (!end) return NULL;
    if (strncmp(name, in, skip) != 0) {
        const char *is = other(outer, COUNT(outer), name, (size_t)(end - name), to_hf);
        return is ? fab_arena_printf(a, err, "%s%s", is, end) : NULL;
    }
    const char *digits = name + skip, *part = strchr(digits, '.');
    if (!part || part >= end || strspn(digits, "0123456789") != (size_t)(part - digits))
        return NULL;
    size_t n = (size_t)(end - part - 1);
    const char *is = other(inner, COUNT(inner), part + 1, n, to_hf);
    if (!is)
        is = c->kind->gemma ? other(gemma_norms, COUNT(gemma_norms), part + 1, n, to_hf)
                            : other(plain_norms, COUNT(plain_norms), part + 1, n, to_hf);
    return is ? fab_arena_printf(a, err, "%s%.*s.%s%s", out, (int)(part - digits), digits, is, end)
              : NULL;
}

const char *fab_decoder_gguf_name(const fab_decoder_config *c, const char *name, fab_arena *a,
                                  fab_err *err)
{
    return translate(c, name, false, a, err);
}

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

const char *fab_decoder_name(const fab_decoder_config *c, bool gguf, const char *name, fab_arena *a,
                             fab_err *err)
{
    static const char old[] = "language_model.", new[] = "model.language_model.";
    static const char *const unused[] = { "rope_freqs.weight", "rotary_emb.inv_freq" };
    for (size_t i = 0; i < COUNT(unused); i++)
        if (strstr(name, unused[i])) return NULL;
    if (gguf) {
        const char *is = translate(c, name, true, a, err);
        return is || (err && err->code) ? is : fab_arena_strdup(a, name, err);
    }
    if (begins(name, new)) return fab_arena_printf(a, err, "model.%s", name + sizeof new - 1);
    if (begins(name, old)) name += sizeof old - 1;
    if (c->tied && !strcmp(name, "lm_head.weight")) return NULL; /* the embedding, written again */
    return fab_arena_strdup(a, name, err);
}

bool fab_decoder_view(const fab_decoder_config *c, const fab_weights *w, bool gguf, fab_arena *a,
                      fab_source_view *out, fab_err *err)
{
    int64_t n = fab_weights_count(w);
    *out = (fab_source_view){ .items = fab_arena_take(a, (size_t)n * sizeof *out->items, err) };
    for (int64_t i = 0; out->items && i < n; i++) {
        const fab_weight *e = fab_weights_at(w, i);
        fab_err none = FAB_ERR_INIT;
        const char *name = fab_decoder_name(c, gguf, e->name, a, &none);
        if (none.code) return fab_fail(err, none.code, "%s", none.text);
        if (name) out->items[out->n++] = (fab_source_item){ name, e };
    }
    return out->items != NULL;
}
