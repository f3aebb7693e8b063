/* tokenizer_file: see tokenizer_file.h; the keys are GGUF's (SYSTEMS.md 28.3). */
#include "zoo/tokenizer_file.h"

#include <string.h>
#include "text/tokenizer_read.h"

#define KEY(name) "tokenizer.ggml." name
#define MAX_FILE  (256u << 20)

/* --- GGUF --- */

static bool read_arrays(const fab_weights *w, fab_bpe_parts *p, fab_arena *a, fab_err *err)
{
    int64_t n_types = 0;

    p->tokens = fab_weights_strs(w, KEY("tokens"), &p->n_tokens, err);
    if (!p->tokens) return false;
    if (!fab_weights_has(w, KEY("token_type"))) return true;
    p->types = fab_weights_i32s(w, KEY("token_type"), a, &n_types, err);
    if (p->types && n_types != p->n_tokens)
        return fab_fail(err, FAB_EFORMAT, "%lld tokens but %lld token types",
                        (long long)p->n_tokens, (long long)n_types);
    return p->types != NULL;
}

static bool read_bpe(const fab_weights *w, fab_bpe_parts *p, fab_arena *a, fab_err *err)
{
    const char *model = fab_weights_str(w, KEY("model"), err);

    if (!model) return false;
    if (strcmp(model, "gpt2") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "key " KEY("model") ": '%.40s' where gpt2, byte-level BPE, is wanted",
                        model);
    p->merges = fab_weights_strs(w, KEY("merges"), &p->n_merges, err);
    p->pre = fab_weights_str(w, KEY("pre"), err);
    return p->merges && p->pre && read_arrays(w, p, a, err);
}

fab_bpe *fab_bpe_from_weights(const fab_weights *w, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    fab_bpe_parts p = { 0 };
    fab_bpe *b = a && read_bpe(w, &p, a, err) ? fab_bpe_from_parts(&p, err) : NULL;
    fab_arena_free(a);
    return b;
}

bool fab_bpe_put(fab_gguf *g, const fab_bpe *b, fab_arena *a, fab_err *err)
{
    fab_bpe_parts p;
    if (!fab_bpe_to_parts(b, a, &p, err)) return false;
    fab_gguf_str(g, KEY("model"), "gpt2");
    fab_gguf_str(g, KEY("pre"), p.pre);
    fab_gguf_strs(g, KEY("tokens"), p.tokens, p.n_tokens);
    fab_gguf_i32s(g, KEY("token_type"), p.types, p.n_tokens);
    return fab_gguf_strs(g, KEY("merges"), p.merges, p.n_merges);
}

static void read_ids(const fab_weights *w, fab_tokenizer_parts *p)
{
    const struct {
        const char *key;
        int64_t *id;
    } ids[] = { { KEY("bos_token_id"), &p->bos },       { KEY("eos_token_id"), &p->eos },
                { KEY("padding_token_id"), &p->pad },   { KEY("unknown_token_id"), &p->unk },
                { KEY("seperator_token_id"), &p->sep }, { KEY("cls_token_id"), &p->cls },
                { KEY("mask_token_id"), &p->mask } };
    const struct {
        const char *key;
        int *flag;
    } flags[] = { { KEY("add_bos_token"), &p->add_bos },
                  { KEY("add_eos_token"), &p->add_eos },
                  { KEY("add_space_prefix"), &p->add_space_prefix } };
    bool yes;

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        fab_weights_int(w, ids[i].key, ids[i].id, NULL);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (fab_weights_bool(w, flags[i].key, &yes, NULL)) *flags[i].flag = yes;
    if (fab_weights_bool(w, KEY("remove_extra_whitespaces"), &yes, NULL))
        p->remove_extra_blanks = yes;
    p->chat_template = fab_weights_str(w, "tokenizer.chat_template", NULL);
}

static bool read_charsmap(const fab_weights *w, fab_tokenizer_parts *p, fab_arena *a, fab_err *err)
{
    int64_t n = 0;

    if (!fab_weights_has(w, KEY("precompiled_charsmap"))) return true;
    const int32_t *v = fab_weights_i32s(w, KEY("precompiled_charsmap"), a, &n, err);
    uint8_t *bytes = v ? fab_arena_take(a, (size_t)n, err) : NULL;
    for (int64_t i = 0; bytes && i < n; i++) bytes[i] = (uint8_t)v[i];
    p->charsmap = bytes;
    p->n_charsmap = (size_t)n;
    return bytes != NULL;
}

static bool read_parts(const fab_weights *w, fab_tokenizer_parts *p, fab_arena *a, fab_err *err)
{
    fab_bpe_parts arrays = { 0 };
    int64_t n_scores = 0;

    p->model = fab_weights_str(w, KEY("model"), err);
    if (!p->model || !read_arrays(w, &arrays, a, err)) return false;
    p->pre = fab_weights_str(w, KEY("pre"), NULL);
    p->tokens = arrays.tokens;
    p->n_tokens = arrays.n_tokens;
    p->types = arrays.types;
    if (fab_weights_has(w, KEY("merges")) &&
        !(p->merges = fab_weights_strs(w, KEY("merges"), &p->n_merges, err)))
        return false;
    if (fab_weights_has(w, KEY("scores"))) {
        if (!(p->scores = fab_weights_f32s(w, KEY("scores"), a, &n_scores, err))) return false;
        if (n_scores != p->n_tokens)
            return fab_fail(err, FAB_EFORMAT, "%lld tokens but %lld scores", (long long)p->n_tokens,
                            (long long)n_scores);
    }
    read_ids(w, p);
    return read_charsmap(w, p, a, err);
}

fab_tokenizer *fab_tokenizer_from_weights(const fab_weights *w, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    fab_tokenizer_parts p = FAB_TOKENIZER_PARTS;
    fab_tokenizer *t = a && read_parts(w, &p, a, err) ? fab_tokenizer_from_parts(&p, err) : NULL;
    fab_arena_free(a);
    return t;
}

/* --- files --- */

typedef struct {
    fab_arena *arena;
    const char *dir;
    fab_file config; /* tokenizer_config.json, or empty */
    fab_err *err;
} place;

/* A file beside, when it is there. */
static bool beside(place *p, const char *name, fab_file *f)
{
    char *path = fab_path_join(p->arena, p->dir, name, p->err);
    *f = (fab_file){ 0 };
    return path && (!fab_exists(path) || fab_file_map(f, path, MAX_FILE, p->err));
}

static fab_tokenizer *with_merges(place *p, const fab_file *vocab)
{
    fab_file merges;
    fab_tokenizer *t = NULL;

    if (!beside(p, "merges.txt", &merges)) return NULL;
    if (!merges.size) fab_fail(p->err, FAB_EFORMAT, "no model in it, and no merges.txt beside it");
    else t = fab_tokenizer_from_merges(vocab->data, vocab->size, merges.data, merges.size, p->err);
    fab_file_unmap(&merges);
    return t;
}

/* Whether the JSON has "model": { ... }: a vocab.json is a flat table of numbers. */
static bool has_model(const fab_file *f)
{
    static const char key[] = "\"model\"";
    const char *s = (const char *)f->data, *end = s + f->size;
    size_t n = sizeof key - 1;

    while ((s = memchr(s, '"', (size_t)(end - s))) && (size_t)(end - s) > n) {
        if (memcmp(s++, key, n) != 0) continue;
        const char *at = s + n - 1;
        while (at < end && (*at == ' ' || *at == ':' || *at == '\n' || *at == '\t')) at++;
        if (at < end && *at == '{') return true;
    }
    return false;
}

static bool is_lower(place *p)
{
    json_t *doc = p->config.size ? fab_json_parse(p->config.data, p->config.size, NULL) : NULL;
    bool cased = json_is_false(json_object_get(doc, "do_lower_case"));
    json_decref(doc);
    return !cased;
}

static fab_tokenizer *read_file(place *p, const fab_file *f)
{
    if (f->size >= 4 && !memcmp(f->data, "GGUF", 4)) {
        fab_weights *w = fab_weights_parse(f->data, f->size, p->err);
        fab_tokenizer *t = w ? fab_tokenizer_from_weights(w, p->err) : NULL;
        fab_weights_close(w);
        return t;
    }
    if (f->size && f->data[0] == '{')
        return has_model(f) ? fab_tokenizer_from_json(f->data, f->size, p->err) : with_merges(p, f);
    if (f->size > 2 && f->data[0] == 0x0a && f->data[2] == 0x0a)
        return fab_tokenizer_from_sentencepiece(f->data, f->size, p->err);
    if (f->size && memchr(f->data, '\n', f->size))
        return fab_tokenizer_from_vocab(f->data, f->size, is_lower(p), p->err);
    fab_fail(p->err, FAB_EFORMAT, "no tokenizer: %zu bytes that begin like none", f->size);
    return NULL;
}

static bool configure(place *p, fab_tokenizer *t)
{
    fab_file f;
    if (!beside(p, "chat_template.jinja", &f)) return false;
    char *jinja =
        f.size ? fab_arena_printf(p->arena, p->err, "%.*s", (int)f.size, (const char *)f.data)
               : NULL;
    bool ok = !f.size || jinja;
    fab_file_unmap(&f);
    return ok && fab_tokenizer_configure(t, p->config.size ? p->config.data : NULL, p->config.size,
                                         jinja, p->err);
}

/* The file in a folder; the path itself when it is no folder. */
static const char *in_folder(fab_arena *a, const char *path, fab_err *err)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer.model", "vocab.json",
                                         "vocab.txt" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *at = fab_path_join(a, path, names[i], err);
        if (!at) return NULL;
        if (fab_exists(at)) return at;
    }
    const char *inside = fab_path_join(a, path, ".", err);
    if (!inside || !fab_exists(inside)) return inside ? path : NULL;
    fab_fail(err, FAB_EFORMAT,
             "%s: none of tokenizer.json, tokenizer.model, vocab.json and vocab.txt is there",
             path);
    return NULL;
}

static fab_tokenizer *open_in(fab_arena *a, const char *path, fab_err *err)
{
    place p = { .arena = a, .err = err };
    const char *file = in_folder(a, path, err);
    fab_file f = { 0 };
    fab_tokenizer *t = NULL;

    if (!file || !(p.dir = fab_path_dir(a, file, err)) || !fab_file_map(&f, file, 0, err))
        return NULL;
    bool gguf = f.size >= 4 && !memcmp(f.data, "GGUF", 4);
    if (gguf || beside(&p, "tokenizer_config.json", &p.config)) t = read_file(&p, &f);
    if (t && !gguf && !configure(&p, t)) {
        fab_tokenizer_free(t);
        t = NULL;
    }
    if (!t) fab_while(err, "%s", file);
    fab_file_unmap(&p.config);
    fab_file_unmap(&f);
    return t;
}

fab_tokenizer *fab_tokenizer_open(const char *path, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    fab_tokenizer *t = a ? open_in(a, path, err) : NULL;
    fab_arena_free(a);
    return t;
}
