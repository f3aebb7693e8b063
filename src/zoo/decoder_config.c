/* decoder_config: the table of architectures, and their sizes out of config.json or GGUF's keys.
 *
 *   config.json                            GGUF, after "ARCH."
 *   hidden_size                            embedding_length
 *   num_attention_heads ...                attention.head_count ...      the table of fields
 *   rope_parameters | rope_scaling         rope.freq_base, rope.scaling.*, rope_freqs.weight
 *   sliding_window, layer_types            attention.sliding_window, .sliding_window_pattern
 *
 * transformers 5 writes rope_parameters (Gemma's by kind of layer), 4 wrote rope_theta and
 * rope_scaling: both are read. What is not computed here (YaRN, soft caps, experts, biases of o)
 * is refused, not ignored.
 *
 * Embeddings of Gemma are scaled by sqrt(D) in f32, as llama.cpp and transformers in f32 have it;
 * transformers in bf16 rounds that number.
 */
#include "zoo/decoder_fields.h"

#include <math.h>
#include <string.h>

/* clang-format off */
static const fab_decoder_kind kinds[] = {
    { .type = "llama", .class = "LlamaForCausalLM", .gguf = "llama", .permuted = true,
      .dim = 4096, .ffn = 11008, .layers = 32, .heads = 32, .vocab = 32000, .context = 2048 },
    { .type = "mistral", .class = "MistralForCausalLM", .gguf = "llama", .permuted = true, .windowed = true,
      .dim = 4096, .ffn = 14336, .layers = 32, .heads = 32, .kv_heads = 8, .vocab = 32000, .context = 131072,
      .window = 4096 },
    { .type = "qwen2", .class = "Qwen2ForCausalLM", .gguf = "qwen2", .qkv_bias = true },
    { .type = "qwen3", .class = "Qwen3ForCausalLM", .gguf = "qwen3", .qk_norm = true, .head_dim = 128 },
    { .type = "gemma3_text", .class = "Gemma3ForCausalLM", .gguf = "gemma3", .qk_norm = true, .gemma = true,
      .tied = true, .head_dim = 256, .window = 4096, .vocab = 262208 },
};

#define AT(f) offsetof(fab_decoder_config, f)
const fab_decoder_field fab_decoder_fields[] = {
    { "hidden_size", "embedding_length", AT(dim), .need = true },
    { "intermediate_size", "feed_forward_length", AT(ffn), .need = true },
    { "num_hidden_layers", "block_count", AT(layers), .need = true },
    { "num_attention_heads", "attention.head_count", AT(heads), .need = true },
    { "num_key_value_heads", "attention.head_count_kv", AT(kv_heads) },
    { "head_dim", "attention.key_length", AT(head_dim) },
    { "max_position_embeddings", "context_length", AT(context) },
    { "rms_norm_eps", "attention.layer_norm_rms_epsilon", AT(eps), .real = true },
    { 0 },
};
/* clang-format on */
enum { KINDS = sizeof kinds / sizeof *kinds };

const fab_decoder_kind *fab_decoder_kind_find(const char *type)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].type, type) == 0) return &kinds[i];
    return NULL;
}

static void defaults(fab_decoder_config *c, const fab_decoder_kind *k)
{
    *c = (fab_decoder_config){ .kind = k,
                               .dim = k->dim,
                               .ffn = k->ffn,
                               .vocab = k->vocab,
                               .layers = k->layers,
                               .heads = k->heads,
                               .kv_heads = k->kv_heads,
                               .head_dim = k->head_dim,
                               .context = k->context,
                               .window = k->window,
                               .eps = 1e-6,
                               .theta = k->gemma ? 1e6 : 1e4,
                               .local_theta = k->gemma ? 1e4 : 0,
                               .tied = k->tied };
}

/* What follows from other sizes, and the limits of all. */
static bool complete(fab_decoder_config *c, fab_err *err)
{
    if (!c->kv_heads) c->kv_heads = c->heads;
    if (!c->head_dim && c->heads > 0) c->head_dim = c->dim / c->heads;
    if (!(c->score_dim > 0)) c->score_dim = (double)c->head_dim;
    const int64_t all[] = { c->dim,      c->ffn,      c->vocab,   c->layers, c->heads,
                            c->kv_heads, c->head_dim, c->context, c->window, c->pattern };
    static const char *const names[] = {
        "width",     "feed-forward width", "vocabulary", "layers",         "heads",
        "key heads", "width of heads",     "context",    "sliding window", "window pattern"
    };
    for (int i = 0; i < 10; i++)
        if (all[i] < (i < 7) || all[i] > 1 << 28)
            return fab_fail(err, FAB_EFORMAT, "%s: %lld is out of range", names[i],
                            (long long)all[i]);
    if (c->layers > 1024)
        return fab_fail(err, FAB_ELIMIT, "%lld layers, at most 1024", (long long)c->layers);
    if (!(c->eps > 0 && c->eps < 1 && c->theta > 0 && c->theta < 1e12))
        return fab_fail(err, FAB_EFORMAT, "epsilon %g of the norms, theta %g of positions", c->eps,
                        c->theta);
    return true;
}

/* ---- config.json ----------------------------------------------------------------------------- */

static const json_t *given(const json_t *o, const char *key) /* NULL also for null */
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

static bool json_real_at(const json_t *o, const char *key, double *out, fab_err *err)
{
    return !given(o, key) || fab_json_num(o, key, out, err);
}

static bool refuse_if(const json_t *o, const char *key, fab_err *err)
{
    const json_t *v = given(o, key);
    if (!v || json_is_false(v)) return true;
    return fab_fail(err, FAB_EUNSUPPORTED, "config.json: %s is set, which is not supported", key);
}

static bool json_fields(fab_decoder_config *c, const json_t *o, fab_err *err)
{
    for (const fab_decoder_field *f = fab_decoder_fields; f->hf; f++) {
        char *at = (char *)c + f->at;
        if (!given(o, f->hf)) {
            if (f->need && *(int64_t *)at == 0)
                return fab_fail(err, FAB_EFORMAT, "config.json: %s is missing", f->hf);
            continue;
        }
        if (f->real ? !fab_json_num(o, f->hf, (double *)at, err)
                    : !fab_json_int(o, f->hf, (int64_t *)at, err))
            return fab_while(err, "config.json");
    }
    const json_t *tied = given(o, "tie_word_embeddings");
    if (tied) c->tied = json_is_true(tied);
    return !given(o, "vocab_size") || fab_json_int(o, "vocab_size", &c->vocab, err);
}

static bool json_stretch(fab_decoder_config *c, const json_t *r, fab_err *err)
{
    const char *type = fab_json_str(r, "rope_type", NULL);
    if (!type) type = fab_json_str(r, "type", NULL);
    fab_stretch *s = &c->stretch;
    double partial = 1;
    if (!json_real_at(r, "rope_theta", &c->theta, err) ||
        !json_real_at(r, "partial_rotary_factor", &partial, err))
        return false;
    if (partial != 1)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "config.json: partial_rotary_factor %g is not supported", partial);
    if (!type || !strcmp(type, "default")) return true;
    bool llama3 = strcmp(type, "llama3") == 0;
    if (!llama3 && strcmp(type, "linear") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "config.json: rope_type '%.40s'; default, linear and llama3 are supported",
                        type);
    s->kind = llama3 ? FAB_STRETCH_LLAMA3 : FAB_STRETCH_LINEAR;
    return fab_json_num(r, "factor", &s->factor, err) &&
           (!llama3 || (fab_json_num(r, "low_freq_factor", &s->low, err) &&
                        fab_json_num(r, "high_freq_factor", &s->high, err) &&
                        fab_json_num(r, "original_max_position_embeddings", &s->original, err)));
}

static bool json_rope(fab_decoder_config *c, const json_t *o, fab_err *err)
{
    const json_t *r = given(o, "rope_parameters"), *local = given(r, "sliding_attention");
    if (!json_real_at(o, "rope_theta", &c->theta, err) ||
        !json_real_at(o, "rope_local_base_freq", &c->local_theta, err))
        return false;
    if (given(r, "full_attention")) r = given(r, "full_attention");
    if (!r) r = given(o, "rope_scaling");
    return (!r || json_stretch(c, r, err)) &&
           (!local || json_real_at(local, "rope_theta", &c->local_theta, err));
}

/* Gemma's layers: the first that sees all tells the pattern, which every layer must follow. */
static bool json_pattern(fab_decoder_config *c, const json_t *o, fab_err *err)
{
    const json_t *types = given(o, "layer_types");
    c->pattern = 6;
    if (given(o, "sliding_window_pattern") &&
        !fab_json_int(o, "sliding_window_pattern", &c->pattern, err))
        return false;
    if (!types) return true;
    if ((int64_t)json_array_size(types) != c->layers)
        return fab_fail(err, FAB_EFORMAT, "config.json: %zu layer_types, %lld layers",
                        json_array_size(types), (long long)c->layers);
    int64_t first = c->layers;
    for (int64_t i = c->layers - 1; i >= 0; i--) {
        const char *type = json_string_value(json_array_get(types, (size_t)i));
        if (!type) return fab_fail(err, FAB_EFORMAT, "config.json: layer_types holds no words");
        if (!strcmp(type, "full_attention")) first = i;
    }
    if (first < c->layers || c->pattern <= c->layers) c->pattern = first + 1;
    for (int64_t i = 0; i < c->layers; i++) {
        const char *type = json_string_value(json_array_get(types, (size_t)i));
        bool all = (i + 1) % c->pattern == 0;
        if (strcmp(type, all ? "full_attention" : "sliding_attention") != 0)
            return fab_fail(err, FAB_EUNSUPPORTED,
                            "config.json: layer %lld is '%.40s', but layer %lld is the first of "
                            "full_attention",
                            (long long)i, type, (long long)first);
    }
    return true;
}

static bool json_window(fab_decoder_config *c, const json_t *o, fab_err *err)
{
    const json_t *w = json_object_get(o, "sliding_window");
    if (!c->kind->windowed && !c->kind->gemma) return refuse_if(o, "use_sliding_window", err);
    if (json_is_null(w)) c->window = 0;
    else if (w && !fab_json_int(o, "sliding_window", &c->window, err)) return false;
    return !c->kind->gemma || json_pattern(c, o, err);
}

static bool json_activation(const fab_decoder_config *c, const json_t *o, fab_err *err)
{
    const char *want = c->kind->gemma ? "gelu_pytorch_tanh" : "silu";
    const char *key = c->kind->gemma ? "hidden_activation" : "hidden_act";
    const char *is = fab_json_str(o, key, NULL);
    return !is || !strcmp(is, want) ||
           fab_fail(err, FAB_EUNSUPPORTED, "config.json: %s '%.40s', a %s has '%s'", key, is,
                    c->kind->type, want);
}

bool fab_decoder_config_json(fab_decoder_config *c, const json_t *o, const char *type, fab_err *err)
{
    static const char *const never[] = { "attention_bias",
                                         "mlp_bias",
                                         "attn_logit_softcapping",
                                         "final_logit_softcapping",
                                         "num_local_experts",
                                         "quantization_config",
                                         "use_bidirectional_attention" };
    const fab_decoder_kind *kind = type ? fab_decoder_kind_find(type) : NULL;
    if (!kind)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "config.json: model_type '%.60s' is none of llama, mistral, qwen2, qwen3, "
                        "gemma3_text",
                        type ? type : "(none)");
    defaults(c, kind);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (!refuse_if(o, never[i], err)) return false;
    if (kind->gemma) c->score_dim = 256;
    return json_fields(c, o, err) && json_rope(c, o, err) && json_window(c, o, err) &&
           json_activation(c, o, err) &&
           json_real_at(o, "query_pre_attn_scalar", &c->score_dim, err) && complete(c, err);
}

/* ---- GGUF ------------------------------------------------------------------------------------ */

typedef struct {
    const fab_weights *w;
    const char *arch;
    char text[96];
} keys;

static const char *key_of(keys *k, const char *name)
{
    size_t n = strlen(k->arch), m = strlen(name);
    if (n + m + 2 > sizeof k->text) return "";
    memcpy(k->text, k->arch, n);
    k->text[n] = '.';
    memcpy(k->text + n + 1, name, m + 1);
    return k->text;
}

static bool gguf_int(keys *k, const char *name, bool need, int64_t *out, fab_err *err)
{
    const char *key = key_of(k, name);
    return (!need && !fab_weights_has(k->w, key)) || fab_weights_int(k->w, key, out, err);
}

static bool gguf_real(keys *k, const char *name, double *out, fab_err *err)
{
    const char *key = key_of(k, name);
    return !fab_weights_has(k->w, key) || fab_weights_num(k->w, key, out, err);
}

static const fab_decoder_kind *gguf_kind(keys *k, fab_err *err)
{
    int64_t window = 0;
    if (!gguf_int(k, "attention.sliding_window", false, &window, err)) return NULL;
    const fab_decoder_kind *found = NULL;
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i].gguf, k->arch) && (!found || (kinds[i].windowed && window > 0)))
            found = &kinds[i];
    if (!found)
        fab_fail(err, FAB_EUNSUPPORTED,
                 "general.architecture '%.40s' is none of llama, qwen2, qwen3, gemma3", k->arch);
    return found;
}

static bool gguf_fields(fab_decoder_config *c, keys *k, fab_err *err)
{
    for (const fab_decoder_field *f = fab_decoder_fields; f->hf; f++) {
        char *at = (char *)c + f->at;
        if (f->real ? !gguf_real(k, f->gguf, (double *)at, err)
                    : !gguf_int(k, f->gguf, f->need, (int64_t *)at, err))
            return false;
    }
    return true;
}

/* Sizes that are said twice, in keys or by a tensor, must agree. */
static bool gguf_agree(fab_decoder_config *c, keys *k, fab_err *err)
{
    int64_t value = c->head_dim, turned = c->head_dim, vocab = c->vocab, experts = 0;
    if (!gguf_int(k, "attention.value_length", false, &value, err) ||
        !gguf_int(k, "rope.dimension_count", false, &turned, err) ||
        !gguf_int(k, "vocab_size", false, &vocab, err) ||
        !gguf_int(k, "expert_count", false, &experts, err))
        return false;
    if (value != c->head_dim || turned != c->head_dim)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "%s: keys of %lld, values of %lld, %lld turned: they must be equal",
                        k->arch, (long long)c->head_dim, (long long)value, (long long)turned);
    if (experts > 0)
        return fab_fail(err, FAB_EUNSUPPORTED, "%s.expert_count: %lld; mixtures are not supported",
                        k->arch, (long long)experts);
    return vocab == c->vocab ||
           fab_fail(err, FAB_EFORMAT, "%s.vocab_size: %lld, token_embd.weight has %lld rows",
                    k->arch, (long long)vocab, (long long)c->vocab);
}

static bool gguf_rope(fab_decoder_config *c, keys *k, fab_arena *a, fab_err *err)
{
    const char *type = fab_weights_str(k->w, key_of(k, "rope.scaling.type"), NULL);
    if (!gguf_real(k, "rope.freq_base", &c->theta, err) ||
        !gguf_real(k, "rope.freq_base_swa", &c->local_theta, err) ||
        !gguf_real(k, "rope.scale_linear", &c->stretch.factor, err) ||
        !gguf_real(k, "rope.scaling.factor", &c->stretch.factor, err))
        return false;
    if (type && strcmp(type, "none") != 0 && strcmp(type, "linear") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "rope.scaling.type '%.40s'; none and linear are supported", type);
    if (c->stretch.factor > 0 && c->stretch.factor != 1 && !(type && !strcmp(type, "none")))
        c->stretch.kind = FAB_STRETCH_LINEAR;
    const fab_weight *f = fab_weights_find(k->w, "rope_freqs.weight", NULL);
    if (!f) return true;
    if (f->dtype != FAB_F32 || f->ndim != 1 || f->shape[0] * 2 != c->head_dim)
        return fab_fail(err, FAB_EFORMAT,
                        "rope_freqs.weight: %lld numbers of %s, heads of %lld need %lld of F32",
                        (long long)f->shape[0], fab_dtype_name(f->dtype), (long long)c->head_dim,
                        (long long)c->head_dim / 2);
    float *own = fab_arena_take(a, (size_t)f->bytes, err);
    if (own) memcpy(own, f->data, (size_t)f->bytes);
    c->factors = own;
    return own != NULL;
}

/* The pattern is one number, or a flag a layer; files without it have llama.cpp's 6. */
static bool gguf_pattern(fab_decoder_config *c, keys *k, fab_err *err)
{
    if (!c->kind->gemma) return true;
    c->pattern = 6;
    const char *key = key_of(k, "attention.sliding_window_pattern");
    return !fab_weights_has(k->w, key) || fab_weights_int(k->w, key, &c->pattern, err);
}

bool fab_decoder_config_gguf(fab_decoder_config *c, const fab_weights *w, fab_arena *a,
                             fab_err *err)
{
    keys k = { .w = w, .arch = fab_weights_str(w, "general.architecture", err) };
    const fab_decoder_kind *kind = k.arch ? gguf_kind(&k, err) : NULL;
    if (!kind) return false;
    defaults(c, kind);
    c->dim = c->ffn = c->layers = c->heads = c->kv_heads = c->head_dim = c->window = 0;
    const fab_weight *e = fab_weights_find(w, "token_embd.weight", err);
    double scale = 0;
    if (!e || !gguf_fields(c, &k, err)) return false;
    c->vocab = e->ndim == 2 ? e->shape[0] : 0;
    c->tied = !fab_weights_find(w, "output.weight", NULL);
    if (kind->gemma && c->layers == 62) /* 27B: query_pre_attn_scalar is D / heads */
        c->score_dim = (double)c->dim / (double)(c->heads > 0 ? c->heads : 1);
    if (!gguf_real(&k, "attention.scale", &scale, err)) return false;
    if (scale > 0) c->score_dim = 1.0 / (scale * scale);
    return gguf_int(&k, "attention.sliding_window", false, &c->window, err) &&
           gguf_pattern(c, &k, err) && complete(c, err) && gguf_agree(c, &k, err) &&
           gguf_rope(c, &k, a, err);
}

/* ---- the model ------------------------------------------------------------------------------- */

const float *fab_decoder_factors(const fab_decoder_config *c, fab_arena *a, fab_err *err)
{
    const fab_stretch *s = &c->stretch;
    int64_t half = c->head_dim / 2;
    if (c->factors || s->kind == FAB_STRETCH_NONE) return c->factors;
    if (!(s->factor > 0) ||
        (s->kind == FAB_STRETCH_LLAMA3 && !(s->original > 0 && s->low > 0 && s->high > s->low))) {
        fab_fail(err, FAB_EFORMAT, "rope scaling by %g, between %g and %g of %g", s->factor, s->low,
                 s->high, s->original);
        return NULL;
    }
    float *f = fab_arena_take(a, (size_t)half * sizeof *f, err);
    for (int64_t i = 0; f && i < half; i++) {
        double turns = s->original * pow(c->theta, -(double)i / (double)half) / (2 * acos(-1.0));
        double keep = (turns - s->low) / (s->high - s->low); /* 1: as it is, 0: stretched */
        if (s->kind == FAB_STRETCH_LINEAR || keep < 0) keep = 0;
        else if (keep > 1) keep = 1;
        f[i] = (float)(1.0 / ((1.0 - keep) / s->factor + keep));
    }
    return f;
}

bool fab_decoder_llama(const fab_decoder_config *c, bool gguf, fab_arena *a, fab_llama_config *out,
                       fab_err *err)
{
    const fab_decoder_kind *k = c->kind;
    *out = (fab_llama_config){ .dim = c->dim,
                               .ffn = c->ffn,
                               .vocab = c->vocab,
                               .layers = (int)c->layers,
                               .heads = (int)c->heads,
                               .kv_heads = (int)c->kv_heads,
                               .head_dim = (int)c->head_dim,
                               .eps = (float)c->eps,
                               .theta = (float)c->theta,
                               .tied = c->tied,
                               .rope_interleaved = gguf && k->permuted,
                               .qkv_bias = k->qkv_bias,
                               .qk_norm = k->qk_norm,
                               .post_norms = k->gemma,
                               .norm_plus = k->gemma && !gguf,
                               .gelu = k->gemma,
                               .embed_scale = k->gemma ? sqrtf((float)c->dim) : 0,
                               .attn_scale = (float)(1.0 / sqrt(c->score_dim)),
                               .rope_factors = fab_decoder_factors(c, a, err),
                               .window = (int)c->window,
                               .local_theta = (float)c->local_theta };
    if (!out->rope_factors && c->stretch.kind) return false;
    if (c->window == 0) return true;
    uint8_t *local = fab_arena_take(a, (size_t)c->layers, err);
    if (!local) return false;
    for (int64_t i = 0; i < c->layers; i++) local[i] = !k->gemma || (i + 1) % c->pattern != 0;
    out->local = local;
    return true;
}
