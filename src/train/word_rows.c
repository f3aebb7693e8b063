/* word_rows: sequences of ids that one training step predicts: filled from words, then a loss. See
 * batch.h. */
#include "train/batch.h"

#include <string.h>

enum { MAX_LEN = FAB_MAX_LENGTH };

bool fab_rows_init(fab_rows *r, fab_ctx *c, int cap)
{
    memset(r, 0, sizeof *r);
    r->cap = cap;
    r->ids = fab_arena_take(c->arena, (size_t)cap * MAX_LEN * sizeof(int32_t), &c->err);
    r->size = fab_arena_take(c->arena, (size_t)cap * sizeof(int32_t), &c->err);
    r->at = fab_arena_take(c->arena, (size_t)cap * sizeof(int32_t), &c->err);
    r->picture = fab_arena_take(c->arena, (size_t)cap * sizeof(int32_t), &c->err);
    return r->ids && r->size && r->at && r->picture;
}

void fab_rows_add(fab_rows *r, fab_ctx *c, const fab_bpe *bpe, const char *question,
                  const char *answer, fab_lang lang, int picture, int max)
{
    int at, n = fab_sequence(bpe, question, answer, lang, r->ids + (int64_t)r->n * MAX_LEN, max,
                             &at, &c->err);
    if (n < 0) return;
    r->size[r->n] = n;
    r->at[r->n] = at;
    r->picture[r->n] = picture;
    if (n > r->len) r->len = n;
    r->n++;
}

int fab_sequence(const fab_bpe *bpe, const char *question, const char *answer, fab_lang lang,
                 int32_t *ids, int max, int *answer_at, fab_err *err)
{
    int n = 0, room = max - 4;
    if (question) {
        int64_t q = fab_bpe_encode_plain(bpe, question, strlen(question), ids + 1, room, err);
        if (q < 0) return -1;
        if (q > room) q = room;
        ids[n] = FAB_MINI_Q;
        n += 1 + (int)q;
        ids[n++] = FAB_MINI_A;
    } else {
        ids[n++] = lang == FAB_ZH ? FAB_MINI_CAP_ZH : FAB_MINI_CAP_EN;
    }
    *answer_at = n - 1;
    if (!answer) return n;
    int64_t left = max - n - 1,
            a = fab_bpe_encode_plain(bpe, answer, strlen(answer), ids + n, left, err);
    if (a < 0) return -1;
    if (a > left) return n + (int)left; /* cut: no <eos>, it is not the end */
    n += (int)a;
    ids[n++] = FAB_MINI_EOS;
    return n;
}

fab_tensor *fab_rows_ids(fab_ctx *c, const fab_rows *r)
{
    fab_tensor *t = fab_tensor_new(c, FAB_I32, FAB_SHAPE(r->n, r->len));
    for (int i = 0; t && i < r->n; i++)
        for (int j = 0; j < r->len; j++)
            fab_i32(t)[i * r->len + j] =
                j < r->size[i] ? r->ids[(int64_t)i * MAX_LEN + j] : FAB_MINI_PAD;
    return t;
}

int64_t fab_rows_tokens(const fab_rows *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->n; i++) n += r->size[i];
    return n;
}

int64_t fab_rows_targets(const fab_rows *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->n; i++) n += r->size[i] - r->at[i] - 1;
    return n;
}

/* Where each target is predicted, i32 [targets], with P image tokens before each row; and what it
 * is. */
static fab_tensor *rows_targets(fab_ctx *c, const fab_rows *r, int64_t P, fab_tensor **want)
{
    int64_t n = fab_rows_targets(r), k = 0;
    fab_tensor *at = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)),
               *what = want ? fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)) : NULL;
    if (want) *want = what;
    if (!at || (want && !what)) return NULL;
    for (int64_t i = 0; i < r->n; i++)
        for (int j = r->at[i]; j + 1 < r->size[i]; j++, k++) {
            fab_i32(at)[k] = (int32_t)(i * (P + r->len) + P + j);
            if (want) fab_i32(what)[k] = r->ids[i * MAX_LEN + j + 1];
        }
    return at;
}

fab_tensor *fab_rows_logits(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                            float drop, fab_tensor **want)
{
    int64_t P = tokens ? tokens->shape[1] : 0, T = tokens ? tokens->shape[2] : 0, n = r->n;
    fab_tensor *ids = fab_rows_ids(c, r), *prefix = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    fab_tensor *pick = tokens ? fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)) : NULL;
    fab_tensor *at = rows_targets(c, r, P, want);
    if (!ids || !prefix || !at || (tokens && !pick)) return NULL;
    for (int64_t i = 0; i < n; i++) {
        fab_i32(prefix)[i] = (int32_t)P + r->at[i] + 1;
        if (pick) fab_i32(pick)[i] = r->picture[i];
    }
    if (tokens) {
        tokens = fab_gather(c, fab_reshape(c, tokens, FAB_SHAPE(tokens->shape[0], P * T)), pick);
        tokens = fab_reshape(c, tokens, FAB_SHAPE(n, P, T));
    }
    return fab_mini_logits(c, m, fab_mini_read(c, m, tokens, ids, prefix, NULL, drop), at);
}

fab_tensor *fab_rows_loss(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                          float smoothing, float drop)
{
    fab_tensor *want, *logits = fab_rows_logits(c, m, r, tokens, drop, &want);
    return fab_xent(c, logits, want, NULL, (fab_xent_opts){ smoothing });
}
