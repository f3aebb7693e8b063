/* exam: what the model answers to records it has not learnt from, greedily, scored by exact match.
 *
 * Questions of one picture share one look at it. Answers are decoded together, 32 questions at a
 * time, by running the whole short sequence again for every token: answers have one to four tokens,
 * so a cache would save little here.
 */
#include <string.h>
#include "evaluate/vqa.h"
#include "train/session.h"

enum { GROUP = 32, MAX_Q = 80, MAX_ANSWER = 24 };

typedef struct {
    int32_t ids[MAX_Q + MAX_ANSWER];
    int size, at;
    bool done;
} asked;

/* Image tokens [1,P,T] of a picture, or of a blank one. */
static fab_tensor *look(fab_session *s, fab_ctx *c, int32_t image, bool blank)
{
    int S = s->model->cfg.image_size;
    fab_tensor *x = fab_tensor_zeros(c, FAB_SHAPE(1, S, S, 3)); /* blank: mid grey */
    if (!x) return NULL;
    if (!blank) {
        fab_rng none;
        fab_rng_init(&none, 0);
        fab_augment(&none, &(fab_augment_opts)FAB_AUGMENT_NONE, fab_store_get(s->store, image),
                    fab_store_side(s->store), S, fab_f32(x), NULL);
    }
    return fab_mini_look(c, s->model, x, 0).tokens;
}

/* One more token for every open row. */
static bool decode_step(fab_session *s, fab_ctx *c, fab_tensor *tokens, asked *a, int n)
{
    int len = 0;
    int64_t P = tokens->shape[1], T = tokens->shape[2];
    for (int i = 0; i < n; i++) len = a[i].size > len ? a[i].size : len;
    fab_tensor *ids = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n, len)),
               *prefix = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    fab_tensor *at = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)),
               *pick = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    if (!ids || !prefix || !at || !pick) return false;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < len; j++)
            fab_i32(ids)[i * len + j] = j < a[i].size ? a[i].ids[j] : FAB_MINI_PAD;
        fab_i32(prefix)[i] = (int32_t)P + a[i].at + 1;
        fab_i32(at)[i] = (int32_t)(i * (P + len) + P + a[i].size - 1);
        fab_i32(pick)[i] = 0;
    }
    fab_tensor *t = fab_gather(c, fab_reshape(c, tokens, FAB_SHAPE(1, P * T)), pick);
    t = fab_reshape(c, t, FAB_SHAPE(n, P, T));
    fab_tensor *y =
        fab_mini_logits(c, s->model, fab_mini_read(c, s->model, t, ids, prefix, NULL, 0), at);
    if (!y) return false;
    for (int i = 0; i < n; i++) {
        if (a[i].done) continue;
        int32_t id = fab_sample_token(fab_f32(y) + i * y->shape[1], y->shape[1],
                                      (fab_sample_opts){ 0 }, NULL);
        a[i].done = id == FAB_MINI_EOS || a[i].size - a[i].at > MAX_ANSWER - 2;
        if (!a[i].done) a[i].ids[a[i].size++] = id;
    }
    return true;
}

static bool answer_group(fab_session *s, fab_ctx *c, fab_tensor *tokens, const fab_qa *const *q,
                         int n, fab_arena *keep, const char **answers, fab_err *err)
{
    asked a[GROUP];
    for (int i = 0; i < n; i++) {
        a[i].size =
            fab_sequence(s->bpe, q[i]->question, NULL, q[i]->lang, a[i].ids, MAX_Q, &a[i].at, err);
        a[i].done = false;
        if (a[i].size < 0) return false;
    }
    for (bool open = true; open;) {
        fab_arena_mark mark = fab_arena_save(c->arena);
        if (!decode_step(s, c, tokens, a, n)) return fab_fail(err, c->err.code, "%s", c->err.text);
        fab_arena_release(c->arena, mark);
        open = false;
        for (int i = 0; i < n; i++) open |= !a[i].done;
    }
    for (int i = 0; i < n; i++) {
        answers[i] = fab_bpe_decode(s->bpe, keep, a[i].ids + a[i].at + 1, a[i].size - a[i].at - 1,
                                    true, err);
        if (!answers[i]) return false;
    }
    return true;
}

static bool source_is(const fab_qa *q, const char *name) { return !strcmp(q->source, name); }

static bool is_made(const fab_qa *q) { return !source_is(q, "SLAKE") && !source_is(q, "VQA-RAD"); }

static double share(const bool *right, const fab_qa *const *q, int64_t n, const char *source,
                    int lang, int closed, const bool *only)
{
    int64_t hit = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        if (source ? !source_is(q[i], source) : !is_made(q[i])) continue;
        if ((lang >= 0 && (int)q[i]->lang != lang) || (closed >= 0 && q[i]->closed != closed) ||
            (only && !only[i]))
            continue;
        all++;
        hit += right[i];
    }
    return all ? (double)hit / (double)all : 0;
}

static void tell(fab_exam *e, const bool *right, const fab_qa *const *q, const bool *unseen,
                 int64_t n)
{
    *e = (fab_exam){
        .slake_en = share(right, q, n, "SLAKE", FAB_EN, -1, NULL),
        .slake_en_open = share(right, q, n, "SLAKE", FAB_EN, 0, NULL),
        .slake_en_closed = share(right, q, n, "SLAKE", FAB_EN, 1, NULL),
        .slake_zh = share(right, q, n, "SLAKE", FAB_ZH, -1, NULL),
        .slake_unseen = share(right, q, n, "SLAKE", -1, -1, unseen),
        .rad = share(right, q, n, "VQA-RAD", -1, -1, NULL),
        .rad_open = share(right, q, n, "VQA-RAD", -1, 0, NULL),
        .rad_closed = share(right, q, n, "VQA-RAD", -1, 1, NULL),
        .made = share(right, q, n, NULL, -1, -1, NULL),
        .n = n,
    };
    e->all = (e->slake_en + e->slake_zh + e->rad + e->made) / 4;
}

/* All questions that people wrote; of the generated ones every k-th picture's, so that there are
 * about `limit` of them and the sample never changes. */
static int64_t choose(const fab_session *s, int64_t limit, const fab_qa **q, bool *unseen)
{
    int64_t made = 0, n = 0;
    for (int64_t i = 0; i < s->n_val; i++) made += is_made(s->val[i]);
    int64_t stride = limit > 0 && made > limit ? (made + limit - 1) / limit : 1;
    for (int64_t i = 0; i < s->n_val; i++) {
        if (is_made(s->val[i]) && s->val[i]->image % stride) continue;
        unseen[n] = s->val_unseen[i];
        q[n++] = s->val[i];
    }
    return n;
}

bool fab_session_exam(fab_session *s, int64_t limit, bool blank, fab_exam *out, fab_err *err)
{
    fab_arena *keep = fab_arena_new(1 << 20, err);
    size_t N = (size_t)s->n_val;
    const fab_qa **q = keep ? fab_arena_take(keep, N * sizeof *q, err) : NULL;
    bool *unseen = keep ? fab_arena_take(keep, N, err) : NULL,
         *right = keep ? fab_arena_take(keep, N, err) : NULL;
    bool ok = q && unseen && right;
    int64_t n = ok ? choose(s, limit, q, unseen) : 0;
    for (int64_t i = 0, end; ok && i < n; i = end) {
        fab_ctx c;
        const char *answers[GROUP];
        fab_session_ctx(s, &c, false);
        for (end = i; end < n && end - i < GROUP && q[end]->image == q[i]->image;) end++;
        fab_tensor *tokens = look(s, &c, q[i]->image, blank);
        if (!tokens) fab_fail(err, c.err.code, "%s", c.err.text);
        ok = tokens && answer_group(s, &c, tokens, q + i, (int)(end - i), keep, answers, err);
        for (int64_t j = i; ok && j < end; j++)
            right[j] = fab_vqa_match(answers[j - i], q[j]->answer);
    }
    if (ok) tell(out, right, q, unseen, n);
    fab_arena_free(keep);
    return ok;
}
