/* The bytes as a tokenizer.json; and as a text that a tokenizer is trained on and must give
 * back. */
#include <string.h>
#include "fuzz.h"
#include "text/bpe.h"
#include "text/utf8.h"

#define MOST 4096 /* bytes of text */

static void round_trip(const fab_bpe *b, const char *text, size_t n, fab_arena *a)
{
    int32_t ids[MOST];
    fab_err err = FAB_ERR_INIT;
    int64_t k = fab_bpe_encode(b, text, n, ids, MOST, &err);

    if ((k < 0) != (fab_utf8_check(text, n) < n)) __builtin_trap();
    if (k < 0 || memchr(text, 0, n)) return;
    if (k > (int64_t)n) __builtin_trap();
    char *back = fab_bpe_decode(b, a, ids, k, false, &err);
    if (!back || strlen(back) != n || memcmp(back, text, n) != 0) __builtin_trap();
}

static void train(const char *text, size_t n, fab_pretoken pre, fab_arena *a)
{
    static const char *const specials[] = { "<eos>" };
    fab_bpe_train_opts o = {
        .vocab_size = 320, .specials = specials, .n_specials = 1, .pre = pre, .max_han = 4
    };
    fab_bpe_trainer *t = fab_bpe_trainer_new(&o, NULL);
    fab_bpe *b = NULL;

    if (t && fab_bpe_trainer_add(t, text, n, NULL)) b = fab_bpe_trainer_finish(t, NULL);
    else if (fab_utf8_check(text, n) == n) __builtin_trap();
    if (b) round_trip(b, text, n, a);
    fab_bpe_free(b);
    fab_bpe_trainer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    size_t n = size < MOST ? size : MOST;
    fab_arena *a = fab_arena_new(0, NULL);
    fab_bpe *b = fab_bpe_from_json(data, size, &err);

    if (!b != (err.code != FAB_OK)) __builtin_trap();
    if (b) round_trip(b, (const char *)data, n, a);
    fab_bpe_free(b);
    train((const char *)data, n, size ? (fab_pretoken)(data[0] % FAB_PRES) : FAB_PRE_GPT2, a);
    fab_arena_free(a);
    return 0;
}
