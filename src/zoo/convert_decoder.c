/* convert_decoder: the tensors of a decoder from one kind of file to the other; decoder_write.c has
 * the sizes, words_convert.c the tokenizer.
 *
 *   rows of q, k [H*K,D] of permuted kinds:   GGUF row (h, 2i + j) = HF row (h, j K/2 + i), j 0..1
 *   norms of Gemma:                           GGUF w + 1 = HF w
 */
#include "zoo/convert_decoder.h"

#include <string.h>

typedef struct {
    fab_convert_opts o;
    fab_decoder *d;
    fab_pool *pool;
    const fab_kernels *k;
    bool to_gguf;
    fab_weight *made;
    int64_t n;
} job;

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

/* Heads whose rows are to be permuted; 0: none. */
static int64_t heads_of(const job *j, const char *name)
{
    if (!j->d->cfg.kind->permuted) return 0;
    if (strstr(name, ".self_attn.q_proj.")) return j->d->cfg.heads;
    return strstr(name, ".self_attn.k_proj.") ? j->d->cfg.kv_heads : 0;
}

/* bytes: of one row (of one element, of a bias) */
static void permute(const job *j, int64_t heads, uint64_t bytes, const char *from, char *to)
{
    int64_t K = j->d->cfg.head_dim;
    for (int64_t r = 0; r < heads * K; r++) {
        int64_t h = r / K, i = r % K / 2, half = r % 2; /* r as GGUF counts */
        int64_t other = h * K + half * (K / 2) + i;
        memcpy(to + (uint64_t)(j->to_gguf ? r : other) * bytes,
               from + (uint64_t)(j->to_gguf ? other : r) * bytes, (size_t)bytes);
    }
}

/* The type that a tensor gets. Rows that do not fill blocks stay in f16. */
static bool type_of(const job *j, const fab_weight *e, fab_dtype *type, fab_err *err)
{
    bool vector = e->ndim < 2;
    *type = j->o.same ? e->dtype : j->o.type;
    if (vector && j->to_gguf) *type = FAB_F32;
    if (vector && !j->to_gguf && fab_dtype_is_quantised(*type)) *type = FAB_F32;
    uint64_t bytes;
    if (!vector && !fab_dtype_size(*type, e->ndim, e->shape, NULL, &bytes)) *type = FAB_F16;
    if (!j->to_gguf && fab_dtype_is_quantised(*type))
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: safetensors has no %s; choose f32, f16 or bf16",
                        e->name, fab_dtype_name(*type));
    return true;
}

static void *widened(const job *j, const fab_weight *e, int64_t n, fab_err *err)
{
    float *x = fab_arena_take(j->d->arena, (size_t)n * sizeof *x, err);
    if (x) j->k->to_f32(j->pool, e->dtype, e->data, x, n);
    return x;
}

/* e's values as `type`: borrowed when it has them so. */
static bool retype(const job *j, fab_weight *e, fab_dtype type, float plus, fab_err *err)
{
    int64_t n;
    uint64_t bytes;
    if (e->dtype == type && plus == 0) return true;
    if (!fab_dtype_size(type, e->ndim, e->shape, &n, &bytes)) return false;
    float *x = widened(j, e, n, err);
    for (int64_t i = 0; x && plus != 0 && i < n; i++) x[i] += plus;
    void *to = x && type != FAB_F32 ? fab_arena_take(j->d->arena, (size_t)bytes, err) : x;
    if (!to) return false;
    if (type != FAB_F32 && !j->k->from_f32(j->pool, type, x, to, n))
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: %s cannot be written", e->name,
                        fab_dtype_name(type));
    e->data = to;
    e->dtype = type;
    e->bytes = bytes;
    return true;
}

static bool is_norm(const char *name) { return ends_with(name, "norm.weight"); }

static bool carry(job *j, const fab_weight *e, fab_err *err)
{
    fab_weight t = *e;
    const char *name = e->name; /* the model's */
    int64_t heads = heads_of(j, name);
    fab_dtype type = FAB_F32;
    float plus = j->d->cfg.kind->gemma && is_norm(name) ? (j->to_gguf ? 1.0f : -1.0f) : 0;
    if (!type_of(j, e, &type, err) || !retype(j, &t, type, plus, err)) return false;
    if (heads) {
        if (t.shape[0] != heads * j->d->cfg.head_dim)
            return fab_fail(err, FAB_EFORMAT, "%s: %lld rows, %lld heads of %lld", name,
                            (long long)t.shape[0], (long long)heads, (long long)j->d->cfg.head_dim);
        void *to = fab_arena_take(j->d->arena, (size_t)t.bytes, err);
        if (!to) return false;
        permute(j, heads, t.bytes / (uint64_t)t.shape[0], t.data, to);
        t.data = to;
    }
    if (j->to_gguf) {
        t.name = fab_names_back(fab_decoder_rules(&j->d->cfg, true), name, j->d->arena, err);
        if (!t.name) return fab_fail(err, FAB_EUNSUPPORTED, "%s: GGUF has no name for it", name);
    }
    j->made[j->n++] = t;
    return true;
}

static bool carry_all(job *j, fab_err *err)
{
    fab_param_source s = fab_source_names(j->d->names);
    const char *name;
    int64_t n = 0;
    while (s.name_at(s.arg, n)) n++;
    j->made = fab_arena_take(j->d->arena, (size_t)(n + 1) * sizeof *j->made, err);
    for (int64_t i = 0; j->made && (name = s.name_at(s.arg, i)); i++)
        if (!carry(j, fab_names_find(j->d->names, name), err)) return false;
    return j->made != NULL;
}

/* ---- to GGUF --------------------------------------------------------------------------------- */

static uint32_t file_type(const job *j)
{
    static const struct {
        fab_dtype type;
        uint32_t number;
    } types[] = { { FAB_F16, 1 }, { FAB_Q8_0, 7 }, { FAB_BF16, 32 } };
    for (int64_t i = 0; i < j->n; i++) /* that of the first matrix */
        for (int t = 0; t < 3 && j->made[i].ndim > 1; t++)
            if (j->made[i].dtype == types[t].type) return types[t].number;
    return 0;
}

static bool write_gguf(job *j, const char *in, const char *out, fab_err *err)
{
    fab_decoder *d = j->d;
    fab_gguf *g = fab_gguf_new(err);
    bool ok = g && fab_decoder_put(&d->cfg, g, d->arena, err) &&
              fab_gguf_str(g, "general.name", fab_path_base(in)) &&
              fab_gguf_u32(g, "general.file_type", file_type(j)) && fab_words_to_gguf(g, d, err);
    const float *f = ok ? fab_decoder_factors(&d->cfg, d->arena, err) : NULL;
    int64_t half = d->cfg.head_dim / 2;
    if (ok && f && d->cfg.stretch.kind == FAB_STRETCH_LLAMA3)
        ok = fab_gguf_tensor(g, "rope_freqs.weight", FAB_F32, 1, &half, f);
    for (int64_t i = 0; ok && i < j->n; i++) {
        const fab_weight *t = &j->made[i];
        ok = fab_gguf_tensor(g, t->name, t->dtype, t->ndim, t->shape, t->data);
    }
    /* the keys' failures stay in g, and the write tells them */
    ok = g && (!err || !err->code) && fab_gguf_write(g, out, err);
    fab_gguf_free(g);
    return ok;
}

/* ---- to a folder ----------------------------------------------------------------------------- */

static json_t *with_marks(const job *j, json_t *o)
{
    static const char *const types[] = {
        [FAB_F32] = "float32", [FAB_F16] = "float16", [FAB_BF16] = "bfloat16"
    };
    const fab_decoder *d = j->d;
    for (int64_t i = 0; i < j->n; i++)
        if (j->made[i].ndim > 1 && j->made[i].dtype <= FAB_BF16) {
            json_object_set_new(o, "torch_dtype", json_string(types[j->made[i].dtype]));
            break;
        }
    if (d->n_ends == 1) json_object_set_new(o, "eos_token_id", json_integer(d->ends[0]));
    else if (d->n_ends) {
        json_t *ends = json_array();
        for (int i = 0; i < d->n_ends; i++) json_array_append_new(ends, json_integer(d->ends[i]));
        json_object_set_new(o, "eos_token_id", ends);
    }
    return o;
}

static bool write_folder(job *j, const char *out, fab_err *err)
{
    fab_decoder *d = j->d;
    json_t *meta = json_pack("{s:s}", "format", "pt");
    char *path = fab_path_join(d->arena, out, "model.safetensors", err);
    json_t *config = fab_decoder_json(&d->cfg, d->arena, err);
    bool ok = meta && path && config && fab_mkdirs(out, err) &&
              fab_safetensors_write(path, j->made, j->n, meta, err);
    if (config) config = with_marks(j, config);
    if (ok) ok = fab_write_beside(out, "config.json", json_incref(config), d->arena, err);
    json_decref(config);
    json_decref(meta);
    return ok && fab_words_to_folder(d, out, err);
}

bool fab_convert(const char *in, const char *out, const fab_convert_opts *o, fab_pool *pool,
                 fab_err *err)
{
    job j = { .o = *o, .pool = pool, .k = fab_kernels_best() };
    j.d = fab_decoder_open(in, &(fab_decoder_opts){ .pool = pool }, err);
    if (!j.d) return false;
    j.to_gguf = !j.d->gguf;
    fab_err why = FAB_ERR_INIT;
    bool ok = carry_all(&j, &why);
    if (!ok) fab_while(&why, "%s", in);
    ok = ok && (j.to_gguf ? write_gguf(&j, in, out, &why) : write_folder(&j, out, &why));
    fab_decoder_close(j.d);
    return ok || fab_fail(err, why.code, "%s", why.text);
}
