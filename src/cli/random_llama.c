/* random_llama: see random_llama.h. */
#include "cli/random_llama.h"

#include <string.h>
#include "base/progress.h"
#include "kernels/quantise.h"
#include "zoo/convert_decoder.h"

enum { PATTERN_ROWS = 32, CONTEXT = 2048 };

static const fab_llama_config shapes[] = {
    { .dim = 576, .ffn = 1536, .vocab = 49152, .layers = 30, .heads = 9, .kv_heads = 3 },
    { .dim = 2048, .ffn = 5632, .vocab = 32000, .layers = 22, .heads = 32, .kv_heads = 4 },
};

void fab_random_llama_init(fab_random_llama *w, const char *shape, fab_dtype type, fab_arena *arena)
{
    *w = (fab_random_llama){ .cfg = shapes[!strcmp(shape, "1.1b")], .type = type, .arena = arena };
    /* rows of 576 fill no block of 256: as llama.cpp does, what cannot be q4_K is q8_0 */
    if (w->cfg.dim % fab_dtype_block(type)) w->type = FAB_Q8_0;
    fab_rng_init(&w->rng, 1);
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && !strcmp(name + n - m, with);
}

static void shape_of(const fab_random_llama *w, const char *name, int *ndim, int64_t *shape)
{
    const fab_llama_config *g = &w->cfg;
    int64_t kv = g->dim / g->heads * g->kv_heads;

    *ndim = ends(name, "norm.weight") ? 1 : 2;
    shape[0] = shape[1] = g->dim;
    if (ends(name, "k_proj.weight") || ends(name, "v_proj.weight")) shape[0] = kv;
    if (ends(name, "gate_proj.weight") || ends(name, "up_proj.weight")) shape[0] = g->ffn;
    if (ends(name, "down_proj.weight")) shape[1] = g->ffn;
    if (ends(name, "embed_tokens.weight") || ends(name, "lm_head.weight")) shape[0] = g->vocab;
}

/* PATTERN_ROWS random rows, again and again: drawing all would take longer than what is measured. */
static void *fill(fab_random_llama *w, fab_dtype type, int64_t rows, int64_t cols)
{
    uint64_t row;
    float *x = fab_new_array((size_t)cols, sizeof *x, &w->err);

    fab_dtype_row_bytes(type, cols, &row);
    uint8_t *y = fab_arena_take(w->arena, (size_t)rows * row, &w->err);
    for (int64_t i = 0; x && y && i < rows; i++)
        if (i < PATTERN_ROWS) {
            for (int64_t j = 0; j < cols; j++)
                x[j] = rows == 1 ? 1.0f : 0.04f * (fab_rng_uniform(&w->rng) - 0.5f);
            fab_kernels_best()->from_f32(NULL, type, x, y + (uint64_t)i * row, cols);
        } else memcpy(y + (uint64_t)i * row, y + (uint64_t)(i % PATTERN_ROWS) * row, row);
    fab_free(x);
    return y;
}

static bool find(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                 int64_t shape[FAB_MAX_DIM], const void **data)
{
    fab_random_llama *w = arg;
    uint64_t bytes;

    shape_of(w, name, ndim, shape);
    bool vector = *ndim == 1;
    *dtype = vector ? FAB_F32 : w->type;
    *data = fill(w, *dtype, vector ? 1 : shape[0], vector ? shape[0] : shape[1]);
    if (!vector && !ends(name, "embed_tokens.weight")) {
        fab_dtype_size(*dtype, 2, shape, NULL, &bytes);
        w->read_bytes += bytes;
        w->values += (double)shape[0] * (double)shape[1];
    }
    return *data != NULL;
}

fab_param_source fab_random_llama_source(fab_random_llama *w)
{
    return (fab_param_source){ .arg = w, .find = find };
}

/* ---- a file ------------------------------------------------------------------------------------ */

static bool put(fab_random_llama *w, const fab_decoder_config *c, fab_gguf *g, const char *name,
                fab_err *err)
{
    fab_dtype type;
    int ndim;
    int64_t shape[FAB_MAX_DIM] = { 0 };
    const void *data;
    const char *in_file =
        name ? fab_names_back(fab_decoder_rules(c, true), name, w->arena, err) : NULL;
    if (!in_file) return false;
    if (!find(w, name, &type, &ndim, shape, &data))
        return fab_fail(err, w->err.code, "%s", w->err.text);
    return fab_gguf_tensor(g, in_file, type, ndim, shape, data);
}

static bool put_layers(fab_random_llama *w, const fab_decoder_config *c, fab_gguf *g, fab_err *err)
{
    static const char *const names[] = { "input_layernorm",  "self_attn.q_proj",
                                         "self_attn.k_proj", "self_attn.v_proj",
                                         "self_attn.o_proj", "post_attention_layernorm",
                                         "mlp.gate_proj",    "mlp.up_proj",
                                         "mlp.down_proj" };
    for (int64_t i = 0; i < c->layers; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (!put(w, c, g,
                     fab_arena_printf(w->arena, err, "model.layers.%lld.%s.weight", (long long)i,
                                      names[k]),
                     err))
                return false;
    return true;
}

bool fab_random_llama_write(fab_random_llama *w, const char *path, fab_err *err)
{
    const fab_llama_config *m = &w->cfg;
    fab_decoder_config c = { .kind = fab_decoder_kind_find("llama"),
                             .dim = m->dim,
                             .ffn = m->ffn,
                             .vocab = m->vocab,
                             .layers = m->layers,
                             .heads = m->heads,
                             .kv_heads = m->kv_heads,
                             .head_dim = m->dim / m->heads,
                             .context = CONTEXT,
                             .eps = 1e-5,
                             .theta = 1e4,
                             .score_dim = (double)(m->dim / m->heads) };
    fab_gguf *g = fab_gguf_new(err);
    bool ok = g && fab_decoder_put(&c, g, w->arena, err) &&
              fab_gguf_str(g, "tokenizer.ggml.model", "none") &&
              put(w, &c, g, "model.embed_tokens.weight", err) && put_layers(w, &c, g, err) &&
              put(w, &c, g, "model.norm.weight", err) && put(w, &c, g, "lm_head.weight", err) &&
              fab_gguf_write(g, path, err);
    fab_gguf_free(g);
    return ok;
}
