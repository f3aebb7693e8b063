/* decoder: finds the files of a model, reads what they say, loads the decoder. */
#include "zoo/decoder.h"

#include <string.h>
#include "zoo/tokenizer_file.h"

/* ---- files ----------------------------------------------------------------------------------- */

typedef struct {
    const char *dir;             /* NULL: one GGUF */
    const char *weights;         /* the file */
    json_t *config, *generation; /* generation_config.json; NULL: none */
} files;

static const char *first_there(fab_arena *a, const char *dir, const char *const *names,
                               fab_err *err)
{
    for (; *names; names++) {
        const char *path = fab_path_join(a, dir, *names, err);
        if (!path || fab_exists(path)) return path;
    }
    return NULL;
}

static bool find_files(const char *path, fab_arena *a, files *f, fab_err *err)
{
    static const char *const weights[] = { "model.safetensors", "model.safetensors.index.json",
                                           NULL };
    static const char *const generation[] = { "generation_config.json", NULL };
    static const char *const config[] = { "config.json", NULL };
    f->dir = path;
    const char *json = first_there(a, path, config, err);
    const char *inside = fab_path_join(a, path, ".", err);
    if (!json && inside && fab_exists(inside))
        return fab_fail(err, FAB_EFORMAT, "no config.json in this folder");
    if (!json) { /* a file */
        f->dir = fab_path_dir(a, path, err);
        f->weights = path;
        return f->dir != NULL;
    }
    f->weights = first_there(a, path, weights, err);
    if (!f->weights)
        return fab_fail(err, FAB_EIO, "neither model.safetensors nor its index beside config.json");
    f->config = fab_json_open(json, err);
    const char *more = first_there(a, path, generation, err);
    if (f->config && more) f->generation = fab_json_open(more, err);
    return f->config && (!more || f->generation);
}

/* The safetensors file of a folder given in the folder's place. */
static bool beside(fab_arena *a, files *f, fab_err *err)
{
    const char *json = fab_path_join(a, f->dir, "config.json", err);
    if (json && !fab_exists(json))
        return fab_fail(err, FAB_EIO, "safetensors without a config.json beside it");
    f->config = json ? fab_json_open(json, err) : NULL;
    return f->config != NULL;
}

/* ---- what ends an answer --------------------------------------------------------------------- */

void fab_decoder_end(fab_decoder *d, int64_t id)
{
    for (int i = 0; i < d->n_ends; i++)
        if (d->ends[i] == id) return;
    if (id >= 0 && id < d->cfg.vocab && d->n_ends < FAB_DECODER_ENDS)
        d->ends[d->n_ends++] = (int32_t)id;
}

static void ends_json(fab_decoder *d, const json_t *o)
{
    const json_t *e = json_object_get(o, "eos_token_id");
    if (json_is_integer(e)) fab_decoder_end(d, json_integer_value(e));
    for (size_t i = 0; i < json_array_size(e); i++)
        fab_decoder_end(d, json_integer_value(json_array_get(e, i)));
}

static void ends_gguf(fab_decoder *d, const fab_weights *w)
{
    static const char *const names[] = { "tokenizer.ggml.eos_token_id",
                                         "tokenizer.ggml.eot_token_id" };
    for (int i = 0; i < 2; i++) {
        int64_t id;
        if (fab_weights_has(w, names[i]) && fab_weights_int(w, names[i], &id, NULL))
            fab_decoder_end(d, id);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

/* LLaVA's own folders name the larger model where its decoder is meant. */
static const char *text_type(const char *type)
{
    if (!type || strncmp(type, "llava", 5) != 0) return type;
    return strcmp(type, "llava_mistral") ? "llama" : "mistral";
}

static bool read_config(fab_decoder *d, const files *f, fab_err *err)
{
    if (d->gguf) {
        if (!fab_decoder_config_gguf(&d->cfg, d->weights, d->arena, err)) return false;
        ends_gguf(d, d->weights);
        return true;
    }
    const json_t *text = json_object_get(f->config, "text_config");
    if (!json_is_object(text)) text = f->config;
    if (!fab_decoder_config_json(&d->cfg, text, text_type(fab_json_str(text, "model_type", NULL)),
                                 err))
        return false;
    ends_json(d, text);
    ends_json(d, f->config);
    if (f->generation) ends_json(d, f->generation);
    return true;
}

/* llama.cpp names the tokenizer of a GGUF that has none; without the key it does not open the file. */
static bool has_words(const fab_weights *w)
{
    const char *model = fab_weights_str(w, "tokenizer.ggml.model", NULL);
    return fab_weights_has(w, "tokenizer.ggml.model") &&
           !(model && (!strcmp(model, "none") || !strcmp(model, "no_vocab")));
}

/* A folder without any tokenizer is a model of numbers alone; a broken tokenizer is an error. */
static bool read_words(fab_decoder *d, fab_err *err)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer.model", "vocab.json", NULL };
    static const char *const ends[] = { "<|im_end|>", "<|eot_id|>", "<end_of_turn>" };
    if (d->gguf && has_words(d->weights)) d->words = fab_tokenizer_from_weights(d->weights, err);
    else if (d->gguf || !first_there(d->arena, d->dir, names, err)) return !err || !err->code;
    else d->words = fab_tokenizer_open(d->dir, err);
    if (!d->words) return false;
    if (fab_tokenizer_size(d->words) > d->cfg.vocab)
        return fab_fail(err, FAB_EFORMAT, "the tokenizer has %ld tokens, the embedding %lld rows",
                        (long)fab_tokenizer_size(d->words), (long long)d->cfg.vocab);
    fab_decoder_end(d, fab_tokenizer_marks_get(d->words)->eos);
    for (int i = 0; i < 3; i++) {
        int32_t id = fab_tokenizer_id(d->words, ends[i]);
        if (id >= 0 && fab_tokenizer_is_special(d->words, id)) fab_decoder_end(d, id);
    }
    return true;
}

bool fab_decoder_load(fab_decoder *d, const fab_decoder_opts *o, fab_err *err)
{
    fab_llama_config g;
    d->model = fab_arena_zero(d->arena, sizeof *d->model, err);
    if (!d->model || !fab_decoder_llama(&d->cfg, d->gguf, d->arena, &g, err)) return false;
    fab_param_source source = fab_source_names(d->names);
    fab_params p = fab_params_load(d->arena, &d->params, &source);
    if (o->k) p.k = o->k;
    p.pool = o->pool;
    p.bf16 = o->bf16;
    p.lazy = true;
    p.sites = &d->sites;
    fab_llama_params(&p, d->model, &g);
    return fab_params_end(&p, err);
}

static bool open_all(fab_decoder *d, const char *path, const fab_decoder_opts *o, files *f,
                     fab_err *err)
{
    d->path = fab_arena_strdup(d->arena, path, err);
    if (!d->path || !find_files(path, d->arena, f, err)) return false;
    d->weights = fab_weights_open(f->weights, err);
    if (!d->weights) return false;
    d->dir = f->dir;
    d->gguf = !strcmp(fab_weights_format(d->weights), "gguf");
    if ((!d->gguf && !f->config && !beside(d->arena, f, err)) || !read_config(d, f, err))
        return false;
    d->names = fab_names_new(d->arena, d->weights, fab_decoder_rules(&d->cfg, d->gguf), err);
    return d->names && fab_decoder_load(d, o, err) && read_words(d, err);
}

fab_decoder *fab_decoder_open(const char *path, const fab_decoder_opts *o, fab_err *err)
{
    static const fab_decoder_opts none;
    files f = { 0 };
    fab_err why = FAB_ERR_INIT;
    fab_decoder *d = fab_new(sizeof *d, err);
    if (!d) return NULL;
    d->arena = fab_arena_new(0, &why);
    bool ok = d->arena && open_all(d, path, o ? o : &none, &f, &why);
    json_decref(f.config);
    json_decref(f.generation);
    if (ok) return d;
    fab_decoder_close(d);
    if (strncmp(why.text, path, strlen(path)) != 0) fab_while(&why, "%s", path);
    fab_fail(err, why.code, "%s", why.text);
    return NULL;
}

int64_t fab_decoder_values(const fab_decoder *d)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->params.n; i++) n += fab_count(d->params.items[i]);
    return n;
}

void fab_decoder_close(fab_decoder *d)
{
    if (!d) return;
    fab_tokenizer_free(d->words);
    fab_weights_close(d->weights);
    fab_arena_free(d->arena);
    fab_free(d);
}
