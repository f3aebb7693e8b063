/* tokenizer_file: see tokenizer_file.h; the keys are GGUF's (SYSTEMS.md 28.3). */
#include "zoo/tokenizer_file.h"

#include <string.h>

#define KEY(name) "tokenizer.ggml." name

static bool read_parts(const fab_weights *w, fab_bpe_parts *p, fab_arena *a, fab_err *err)
{
    const char *model = fab_weights_str(w, KEY("model"), err);
    int64_t n_types = 0;

    if (!model) return false;
    if (strcmp(model, "gpt2"))
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "key " KEY("model") ": '%.40s'; only gpt2, byte-level BPE, is read", model);
    p->tokens = fab_weights_strs(w, KEY("tokens"), &p->n_tokens, err);
    p->merges = fab_weights_strs(w, KEY("merges"), &p->n_merges, err);
    p->pre = fab_weights_str(w, KEY("pre"), err);
    if (!p->tokens || !p->merges || !p->pre) return false;
    if (!fab_weights_has(w, KEY("token_type"))) return true;
    p->types = fab_weights_i32s(w, KEY("token_type"), a, &n_types, err);
    if (p->types && n_types != p->n_tokens)
        return fab_fail(err, FAB_EFORMAT, "%lld tokens but %lld token types",
                        (long long)p->n_tokens, (long long)n_types);
    return p->types != NULL;
}

fab_bpe *fab_tokenizer_from_weights(const fab_weights *w, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    fab_bpe_parts p = { 0 };
    fab_bpe *b = a && read_parts(w, &p, a, err) ? fab_bpe_from_parts(&p, err) : NULL;
    fab_arena_free(a);
    return b;
}

fab_bpe *fab_tokenizer_open(const char *path, fab_err *err)
{
    fab_file f;
    if (!fab_file_map(&f, path, 0, err)) return NULL;
    bool gguf = f.size >= 4 && !memcmp(f.data, "GGUF", 4);
    fab_weights *w = gguf ? fab_weights_parse(f.data, f.size, err) : NULL;
    fab_bpe *b = NULL;
    if (w) b = fab_tokenizer_from_weights(w, err);
    else if (!gguf) b = fab_bpe_from_json(f.data, f.size, err);
    if (!b) fab_while(err, "%s", path);
    fab_weights_close(w);
    fab_file_unmap(&f);
    return b;
}

bool fab_tokenizer_put(fab_gguf *g, const fab_bpe *b, fab_arena *a, fab_err *err)
{
    fab_bpe_parts p;
    if (!fab_bpe_to_parts(b, a, &p, err)) return false;
    fab_gguf_str(g, KEY("model"), "gpt2");
    fab_gguf_str(g, KEY("pre"), p.pre);
    fab_gguf_strs(g, KEY("tokens"), p.tokens, p.n_tokens);
    fab_gguf_i32s(g, KEY("token_type"), p.types, p.n_tokens);
    return fab_gguf_strs(g, KEY("merges"), p.merges, p.n_merges);
}
