/* The bytes as a tokenizer.json, a tokenizer.model, a vocab.txt and the keys of a GGUF; what is
 * accepted encodes a text and gives valid UTF-8 back. */
#include <string.h>
#include "fuzz.h"
#include "text/chat.h"
#include "text/tokenizer_read.h"
#include "text/utf8.h"
#include "zoo/tokenizer_file.h"

static void use(fab_tokenizer *t, const fab_err *err, const char *text, size_t n)
{
    fab_encode_opts o = { .special = true, .frame = true };
    fab_arena *a = fab_arena_new(0, NULL);
    int64_t k = 0;

    if (!t != (err->code != FAB_OK)) __builtin_trap();
    if (n > 512) n = 512;
    int32_t *ids = t && a ? fab_tokenizer_encode_all(t, text, n, &o, a, &k, NULL) : NULL;
    if (t && !ids != (fab_utf8_check(text, n) < n)) __builtin_trap();
    for (int64_t i = 0; ids && i < k; i++)
        if (ids[i] < 0 || ids[i] >= fab_tokenizer_size(t)) __builtin_trap();
    char *back = ids ? fab_tokenizer_decode(t, a, ids, k, false, NULL) : NULL;
    if (ids && (!back || fab_utf8_check(back, strlen(back)) != strlen(back))) __builtin_trap();
    fab_token_stream s = { 0 };
    char *out = ids ? fab_arena_take(a, fab_tokenizer_stream_room(t), NULL) : NULL;
    for (int64_t i = 0; out && i < k; i++)
        if (fab_tokenizer_stream_push(t, &s, ids[i], out) > fab_tokenizer_stream_room(t))
            __builtin_trap();
    fab_arena_free(a);
    fab_tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    fab_err err[4] = { FAB_ERR_INIT };
    fab_chat c;

    use(fab_tokenizer_from_json(data, size, &err[0]), &err[0], text, size);
    use(fab_tokenizer_from_sentencepiece(data, size, &err[1]), &err[1], text, size);
    use(fab_tokenizer_from_vocab(data, size, size & 1, &err[2]), &err[2], text, size);
    fab_weights *w = fab_weights_parse(data, size, NULL);
    if (w) use(fab_tokenizer_from_weights(w, &err[3]), &err[3], text, size);
    fab_weights_close(w);
    char *jinja = fab_new(size + 1, NULL);
    if (jinja) {
        memcpy(jinja, data, size);
        fab_chat_detect(&c, jinja, NULL);
    }
    fab_free(jinja);
    return 0;
}
