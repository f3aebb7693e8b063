/* whisper_file: see whisper_file.h; names are SYSTEMS.md 12.3, special tokens 12.4. */
#include "zoo/whisper_file.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "zoo/names.h"
#include "zoo/tokenizer_file.h"

/* ---- names ----------------------------------------------------------------------------------- */
/* clang-format off */
#define ENC "model.encoder."
#define DEC "model.decoder."
#define PT_ATTN(side, from, to) \
    { side ".blocks.*." from ".query.", "model." side ".layers.*." to ".q_proj." }, \
    { side ".blocks.*." from ".key.",   "model." side ".layers.*." to ".k_proj." }, \
    { side ".blocks.*." from ".value.", "model." side ".layers.*." to ".v_proj." }, \
    { side ".blocks.*." from ".out.",   "model." side ".layers.*." to ".out_proj." }, \
    { side ".blocks.*." from "_ln.",    "model." side ".layers.*." to "_layer_norm." }
#define PT_BLOCK(side) \
    PT_ATTN(side, "attn", "self_attn"), \
    { side ".blocks.*.mlp.0.",  "model." side ".layers.*.fc1." }, \
    { side ".blocks.*.mlp.2.",  "model." side ".layers.*.fc2." }, \
    { side ".blocks.*.mlp_ln.", "model." side ".layers.*.final_layer_norm." }
static const fab_name_rule openai_names[] = {
    PT_BLOCK("encoder"),
    PT_BLOCK("decoder"),
    PT_ATTN("decoder", "cross_attn", "encoder_attn"),
    { "encoder.positional_embedding", ENC "embed_positions.weight" },
    { "encoder.ln_post.", ENC "layer_norm." },
    { "encoder.", ENC },
    { "decoder.token_embedding.", DEC "embed_tokens." },
    { "decoder.positional_embedding", DEC "embed_positions.weight" },
    { "decoder.ln.", DEC "layer_norm." },
    { "alignment_heads", NULL, FAB_NAME_DROPPED },
    { "dims.", NULL, FAB_NAME_DROPPED },
    { 0 },
};

static const fab_name_rule hf_names[] = {
    { "proj_out.weight", NULL, FAB_NAME_DROPPED }, /* the token embedding again */
    { "encoder.", ENC },
    { "decoder.", DEC },
    { 0 },
};

#define CT(from, to) { from "/weight", to ".weight" }, { from "/bias", to ".bias" }
#define CT_NORM(from, to) { from "/gamma", to ".weight" }, { from "/beta", to ".bias" }
#define CT_SPLIT(from, to, how) \
    { from "/weight", to ".{}_proj.weight", how }, { from "/bias", to ".{}_proj.bias", how }
#define CT_BLOCK(side) \
    CT_SPLIT(side "/layer_*/self_attention/linear_0", "model." side ".layers.*.self_attn", FAB_NAME_THIRDS), \
    CT(side "/layer_*/self_attention/linear_1", "model." side ".layers.*.self_attn.out_proj"), \
    CT_NORM(side "/layer_*/self_attention/layer_norm", "model." side ".layers.*.self_attn_layer_norm"), \
    CT(side "/layer_*/ffn/linear_0", "model." side ".layers.*.fc1"), \
    CT(side "/layer_*/ffn/linear_1", "model." side ".layers.*.fc2"), \
    CT_NORM(side "/layer_*/ffn/layer_norm", "model." side ".layers.*.final_layer_norm"), \
    CT_NORM(side "/layer_norm", "model." side ".layer_norm")
static const fab_name_rule ct2_names[] = {
    CT("encoder/conv1", ENC "conv1"),
    CT("encoder/conv2", ENC "conv2"),
    CT_BLOCK("encoder"),
    CT_BLOCK("decoder"),
    CT("decoder/layer_*/attention/linear_0", DEC "layers.*.encoder_attn.q_proj"),
    CT_SPLIT("decoder/layer_*/attention/linear_1", DEC "layers.*.encoder_attn", FAB_NAME_HALVES),
    CT("decoder/layer_*/attention/linear_2", DEC "layers.*.encoder_attn.out_proj"),
    CT_NORM("decoder/layer_*/attention/layer_norm", DEC "layers.*.encoder_attn_layer_norm"),
    { "decoder/embeddings/weight", DEC "embed_tokens.weight" },
    { "decoder/position_encodings/encodings", DEC "embed_positions.weight" },
    { "encoder/position_encodings/encodings", ENC "embed_positions.weight" },
    { 0 },
};
/* clang-format on */

static const fab_name_rule *rules_of(const fab_weights *w)
{
    if (fab_weights_find(w, "encoder/conv1/weight", NULL)) return ct2_names;
    if (fab_weights_find(w, "encoder.blocks.0.attn_ln.weight", NULL)) return openai_names;
    return hf_names;
}

/* ---- sizes ----------------------------------------------------------------------------------- */
typedef struct {
    fab_whisper_file *f;
    const char *dir;
    fab_arena *scratch;
    fab_names *names;
    json_t *config, *generation; /* NULL: none */
    float *sinusoids;            /* the encoder's positions, when the file leaves them out */
    fab_whisper_config cfg;
} folder;

/* Dimension i of a tensor that must have `ndim`. */
static bool size_of(const folder *d, const char *name, int ndim, int i, int64_t *out, fab_err *err)
{
    const fab_weight *e = fab_names_find(d->names, name);
    if (!e) return fab_fail(err, FAB_EFORMAT, "%s: not in the file, which is no Whisper", name);
    if (e->ndim != ndim)
        return fab_fail(err, FAB_EFORMAT, "%s: %d dimensions, Whisper's has %d", name, e->ndim,
                        ndim);
    *out = e->shape[i];
    return true;
}

static bool sizes(folder *d, fab_err *err)
{
    fab_whisper_config *c = &d->cfg;
    int64_t mels = 0;
    const fab_weight *pos = fab_names_find(d->names, ENC "embed_positions.weight");
    if (!size_of(d, ENC "conv1.weight", 3, 0, &c->dim, err) ||
        !size_of(d, ENC "conv1.weight", 3, 1, &mels, err) ||
        !size_of(d, ENC "layers.0.fc1.weight", 2, 0, &c->encoder_ffn, err) ||
        !size_of(d, DEC "layers.0.fc1.weight", 2, 0, &c->decoder_ffn, err) ||
        !size_of(d, DEC "embed_tokens.weight", 2, 0, &c->vocab, err) ||
        !size_of(d, DEC "embed_positions.weight", 2, 0, &c->text_ctx, err))
        return false;
    c->mels = mels < 1000 ? (int)mels : 1000;
    c->audio_ctx = pos && pos->ndim == 2 ? pos->shape[0] : 1500;
    c->encoder_layers = fab_names_count(d->names, ENC "layers.%d.");
    c->decoder_layers = fab_names_count(d->names, DEC "layers.%d.");
    return true;
}

/* A scalar option among CTranslate2's tensors; 0: none. */
static int ct2_option(const fab_weights *w, const char *name)
{
    const fab_weight *e = fab_weights_find(w, name, NULL);
    if (!e || e->ndim || (e->dtype != FAB_I16 && e->dtype != FAB_I8 && e->dtype != FAB_I32))
        return 0;
    if (e->dtype == FAB_I8) return *(const int8_t *)e->data;
    return e->dtype == FAB_I16 ? (int16_t)fab_le16(e->data) : (int32_t)fab_le32(e->data);
}

/* key of config.json, checked against `have` (0: taken as it is). */
static bool agree(const folder *d, const char *key, int64_t have, int64_t *out, fab_err *err)
{
    int64_t v = 0;
    if (!d->config || !json_object_get(d->config, key)) return true;
    if (!fab_json_int(d->config, key, &v, err)) return fab_while(err, "config.json");
    if (have && v != have)
        return fab_fail(err, FAB_EFORMAT, "config.json: %s is %lld, the weights have %lld", key,
                        (long long)v, (long long)have);
    if (out) *out = v;
    return true;
}

static bool heads(folder *d, fab_err *err)
{
    fab_whisper_config *c = &d->cfg;
    const fab_weights *w = d->f->weights;
    int64_t e = ct2_option(w, "encoder/num_heads"), t = ct2_option(w, "decoder/num_heads");
    if (!agree(d, "encoder_attention_heads", e, &e, err) ||
        !agree(d, "decoder_attention_heads", t, &t, err))
        return false;
    if (!e) e = c->dim / 64;
    if (!t) t = c->dim / 64;
    if (e < 1 || t < 1 || e > c->dim || t > c->dim)
        return fab_fail(err, FAB_EFORMAT,
                        "config.json: no number of heads, and a width of %lld is not one of heads "
                        "of 64",
                        (long long)c->dim);
    c->encoder_heads = (int)e;
    c->decoder_heads = (int)t;
    return true;
}

static bool check_config(folder *d, fab_err *err)
{
    const fab_whisper_config *c = &d->cfg;
    const char *type = d->config ? fab_json_str(d->config, "model_type", NULL) : NULL;
    if (type && strcmp(type, "whisper"))
        return fab_fail(err, FAB_EUNSUPPORTED, "config.json: model_type '%.40s', not whisper",
                        type);
    return agree(d, "d_model", c->dim, NULL, err) && agree(d, "num_mel_bins", c->mels, NULL, err) &&
           agree(d, "vocab_size", c->vocab, NULL, err) &&
           agree(d, "encoder_layers", c->encoder_layers, NULL, err) &&
           agree(d, "decoder_layers", c->decoder_layers, NULL, err) &&
           agree(d, "max_source_positions", c->audio_ctx, NULL, err) &&
           agree(d, "max_target_positions", c->text_ctx, NULL, err);
}

/* ---- weights --------------------------------------------------------------------------------- */
static bool find(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                 int64_t shape[FAB_MAX_DIM], const void **data)
{
    const folder *d = arg;
    fab_param_source file = fab_source_names(d->names);
    if (file.find(file.arg, name, dtype, ndim, shape, data)) return true;
    if (!d->sinusoids || strcmp(name, ENC "embed_positions.weight")) return false;
    *dtype = FAB_F32;
    *ndim = 2;
    shape[0] = d->cfg.audio_ctx;
    shape[1] = d->cfg.dim;
    *data = d->sinusoids;
    return true;
}

static const char *name_at(void *arg, int64_t i)
{
    fab_param_source file = fab_source_names(((const folder *)arg)->names);
    return file.name_at(file.arg, i);
}

static bool load(folder *d, const fab_whisper_opts *o, fab_err *err)
{
    fab_arena *a = d->f->arena;
    fab_param_source source = { d, find, name_at };
    fab_param_list list = { 0 };
    const fab_whisper_config *c = &d->cfg;
    if (!fab_names_find(d->names, ENC "embed_positions.weight")) {
        d->sinusoids = fab_arena_take(a, (size_t)(c->audio_ctx * c->dim) * sizeof(float), err);
        if (!d->sinusoids) return false;
        fab_whisper_sinusoids(d->sinusoids, c->audio_ctx, c->dim);
    }
    fab_params p = fab_params_load(a, &list, &source);
    p.pool = o->pool;
    if (o->k) p.k = o->k;
    p.bf16 = o->bf16;
    p.allow_extra = rules_of(d->f->weights) == ct2_names; /* options and zero biases of keys */
    fab_whisper_params(&p, &d->f->model, c);
    return fab_params_end(&p, err);
}

/* ---- tokens ---------------------------------------------------------------------------------- */
static bool special(const folder *d, const char *token, int32_t *out, fab_err *err)
{
    *out = fab_tokenizer_id(d->f->words, token);
    if (*out < 0) return fab_fail(err, FAB_EFORMAT, "tokenizer.json: no token %s", token);
    return *out < d->cfg.vocab ||
           fab_fail(err, FAB_EFORMAT, "tokenizer.json: %s is %d, the weights have %lld tokens",
                    token, (int)*out, (long long)d->cfg.vocab);
}

static bool read_specials(folder *d, fab_err *err)
{
    fab_whisper_ids *s = &d->f->ids;
    if (!special(d, "<|endoftext|>", &s->eot, err) ||
        !special(d, "<|startoftranscript|>", &s->sot, err) ||
        !special(d, "<|translate|>", &s->translate, err) ||
        !special(d, "<|transcribe|>", &s->transcribe, err) ||
        !special(d, "<|startofprev|>", &s->sot_prev, err) ||
        !special(d, "<|notimestamps|>", &s->no_times, err))
        return false;
    s->no_speech = s->no_times - 1; /* <|nospeech|> or <|nocaptions|> */
    s->first_time = s->no_times + 1;
    s->languages = d->cfg.vocab >= 51865 ? s->translate - s->sot - 1 : 0;
    if (s->languages < 0 || s->languages > 1000)
        return fab_fail(err, FAB_EFORMAT, "tokenizer.json: %d languages between %d and %d",
                        (int)s->languages, (int)s->sot, (int)s->translate);
    if (s->first_time + d->cfg.audio_ctx >= d->cfg.vocab)
        return fab_fail(err, FAB_EFORMAT, "timestamps are %d to %lld, the weights have %lld tokens",
                        (int)s->first_time, (long long)(s->first_time + d->cfg.audio_ctx),
                        (long long)d->cfg.vocab);
    return fab_tokenizer_encode(d->f->words, " ", 1, NULL, &s->blank, 1, err) == 1 ||
           fab_fail(err, FAB_EFORMAT, "tokenizer.json: no token for a space");
}

typedef struct {
    int32_t *ids;
    int n, cap;
} id_set;

static void put(id_set *s, int64_t id)
{
    for (int i = 0; i < s->n; i++)
        if (s->ids[i] == id) return;
    if (s->n < s->cap && id >= 0) s->ids[s->n++] = (int32_t)id;
}

/* The first token of a text, if it is its only one or `always`. */
static bool put_text(const folder *d, id_set *s, const char *text, bool always, fab_err *err)
{
    int32_t ids[16];
    int64_t n = fab_tokenizer_encode(d->f->words, text, strlen(text), NULL, ids, 16, err);
    if (n == 1 || (n > 1 && always)) put(s, ids[0]);
    return n >= 0;
}

/* OpenAI's rule: symbols that stand in captions but are not spoken, alone and after a space; of
 * notes the first token, which is the first byte of all of them. */
static bool unspoken(const folder *d, id_set *s, fab_err *err)
{
    static const char *const symbols[] = { "\"",  "#",  "(",  ")",  "*",   "+",   "/",   ":",
                                           ";",   "<",  "=",  ">",  "@",   "[",   "\\",  "]",
                                           "^",   "_",  "`",  "{",  "|",   "}",   "~",   "「",
                                           "」",  "『", "』", "<<", ">>",  "<<<", ">>>", "--",
                                           "---", "-(", "-[", "('", "(\"", "((",  "))",  "(((",
                                           ")))", "[[", "]]", "{{", "}}",  "♪♪",  "♪♪♪" };
    static const char *const notes[] = { "♩", "♪", "♫", "♬", "♭", "♮", "♯" };
    char spaced[16];
    bool ok = put_text(d, s, " -", true, err) && put_text(d, s, " '", true, err);
    for (size_t i = 0; ok && i < sizeof symbols / sizeof *symbols; i++) {
        snprintf(spaced, sizeof spaced, " %s", symbols[i]);
        ok = put_text(d, s, symbols[i], false, err) && put_text(d, s, spaced, false, err);
    }
    for (size_t i = 0; ok && i < sizeof notes / sizeof *notes; i++) {
        snprintf(spaced, sizeof spaced, " %s", notes[i]);
        ok = put_text(d, s, notes[i], true, err) && put_text(d, s, spaced, true, err);
    }
    return ok;
}

static const json_t *listed(const folder *d)
{
    const json_t *of[] = { d->generation, d->config, d->config };
    static const char *const keys[] = { "suppress_tokens", "suppress_tokens", "suppress_ids" };
    for (int i = 0; i < 3; i++) {
        const json_t *v = of[i] ? json_object_get(of[i], keys[i]) : NULL;
        if (json_is_array(v)) return v;
    }
    return NULL;
}

static bool read_quiet(folder *d, fab_err *err)
{
    fab_whisper_ids *t = &d->f->ids;
    const json_t *list = listed(d);
    id_set s = { .cap = 512 + (int)json_array_size(list) };
    s.ids = fab_arena_take(d->f->arena, (size_t)s.cap * sizeof *s.ids, err);
    if (!s.ids || (!list && !unspoken(d, &s, err))) return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) >= d->cfg.vocab)
            return fab_fail(err, FAB_EFORMAT, "suppressed token %zu is no id below %lld", i,
                            (long long)d->cfg.vocab);
        put(&s, json_integer_value(v));
    }
    for (int32_t id = t->translate; id < t->no_times; id++) put(&s, id);
    put(&s, t->sot);
    t->quiet = s.ids;
    t->n_quiet = s.n;
    return true;
}

int32_t fab_whisper_language(const fab_whisper_file *f, const char *code)
{
    char token[24];
    snprintf(token, sizeof token, "<|%.8s|>", code);
    int32_t id = fab_tokenizer_id(f->words, token);
    return id > f->ids.sot && id <= f->ids.sot + f->ids.languages ? id : -1;
}

void fab_whisper_language_code(const fab_whisper_file *f, int32_t i, char code[8])
{
    const char *token = f->ids.languages ? fab_tokenizer_token(f->words, f->ids.sot + 1 + i) : NULL;
    size_t n = token ? strlen(token) : 0;
    if (token && n > 4 && n < 12) snprintf(code, 8, "%.*s", (int)n - 4, token + 2);
    else snprintf(code, 8, "en");
}

/* ---- opening --------------------------------------------------------------------------------- */
/* JSON of the folder; NULL without err when there is no such file. */
static json_t *side_file(const folder *d, const char *name, fab_err *err)
{
    char *path = fab_path_join(d->scratch, d->dir, name, err);
    return path && fab_exists(path) ? fab_json_open(path, err) : NULL;
}

/* The weights of the folder at path, or path itself. */
static char *find_weights(folder *d, const char *path, fab_err *err)
{
    static const char *const names[] = { "model.safetensors", "model.safetensors.index.json",
                                         "model.bin", "pytorch_model.bin", "model.pt" };
    char *probe = fab_path_join(d->scratch, path, ".", err); /* exists in a folder only */
    if (probe && !fab_exists(probe)) {
        d->dir = fab_path_dir(d->scratch, path, err);
        return fab_arena_strdup(d->scratch, path, err);
    }
    d->dir = path;
    for (size_t i = 0; probe && i < sizeof names / sizeof *names; i++) {
        probe = fab_path_join(d->scratch, path, names[i], err);
        if (probe && fab_exists(probe)) return probe;
    }
    fab_fail(err, FAB_EIO, "no model.safetensors, model.bin or model.pt in this folder");
    return NULL;
}

static bool identify(fab_whisper_file *f, const char *dir, const char *weights, fab_err *err)
{
    char hex[65];
    fab_file bytes;
    if (!fab_file_map(&bytes, weights, 0, err)) return false;
    size_t most = bytes.size < 1 << 20 ? bytes.size : 1 << 20;
    fab_sha256_hex(bytes.data, most, hex); /* of its first MiB: names and sizes are there */
    fab_file_unmap(&bytes);
    snprintf(f->id, sizeof f->id, "%.64s-%.12s", fab_path_base(dir), hex);
    return true;
}

static bool read_folder(folder *d, const char *path, const fab_whisper_opts *o, fab_err *err)
{
    fab_whisper_file *f = d->f;
    char *weights = find_weights(d, path, err);
    char *words = weights ? fab_path_join(d->scratch, d->dir, "tokenizer.json", err) : NULL;
    if (!words || !(f->weights = fab_weights_open(weights, err))) return false;
    d->config = side_file(d, "config.json", err);
    d->generation = side_file(d, "generation_config.json", err);
    if (err->code) return false;
    d->names = fab_names_new(f->arena, f->weights, rules_of(f->weights), err);
    return d->names && sizes(d, err) && check_config(d, err) && heads(d, err) &&
           (f->words = fab_tokenizer_open(words, err)) && read_specials(d, err) &&
           read_quiet(d, err) && load(d, o, err) && identify(f, d->dir, weights, err);
}

fab_whisper_file *fab_whisper_open(const char *path, const fab_whisper_opts *o, fab_err *err)
{
    static const fab_whisper_opts usual;
    fab_arena *a = fab_arena_new(1 << 20, err);
    fab_whisper_file *f = a ? fab_arena_zero(a, sizeof *f, err) : NULL;
    if (!f) {
        fab_arena_free(a);
        return NULL;
    }
    f->arena = a;
    folder d = { .f = f, .scratch = fab_arena_new(0, err) };
    bool ok = d.scratch && read_folder(&d, path, o ? o : &usual, err);
    json_decref(d.config);
    json_decref(d.generation);
    fab_arena_free(d.scratch);
    if (ok) return f;
    if (!strstr(err->text, path)) fab_while(err, "%s", path);
    fab_whisper_close(f);
    return NULL;
}

void fab_whisper_close(fab_whisper_file *f)
{
    if (!f) return;
    fab_tokenizer_free(f->words);
    fab_weights_close(f->weights);
    fab_arena_free(f->arena);
}
