/* A GGUF file in memory, and the tokenizer that its keys may hold. */
#include "fuzz_weights.h"
#include "text/bpe.h"

static void tokenizer(const fab_weights *w, fab_arena *a)
{
    fab_bpe_parts p = { .pre = fab_weights_str(w, "tokenizer.ggml.pre", NULL) };
    int64_t n_types = 0;

    p.tokens = fab_weights_strs(w, "tokenizer.ggml.tokens", &p.n_tokens, NULL);
    p.merges = fab_weights_strs(w, "tokenizer.ggml.merges", &p.n_merges, NULL);
    p.types = fab_weights_i32s(w, "tokenizer.ggml.token_type", a, &n_types, NULL);
    if (!p.pre || !p.tokens || !p.merges || (p.types && n_types != p.n_tokens)) return;
    fab_bpe_free(fab_bpe_from_parts(&p, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_weights(data, size);
    fab_weights *w = fab_weights_parse(data, size, NULL);
    fab_arena *a = fab_arena_new(0, NULL);
    if (w && a) tokenizer(w, a);
    fab_arena_free(a);
    fab_weights_close(w);
    return 0;
}
