/* answer: prompts, generation with a key/value cache, and likelihoods of given answers.
 *
 *   [P image tokens] <q> question <a>   prefix: sees itself both ways, run once, kept in the cache
 *   answer <eos>                        causal, one token at a time (generated) or all at once
 *   (scored)
 *
 * Prompts of a batch are padded on the right; each sample's cache length is then set back to its
 * own end, so that what follows stands directly after its <a> and the padding is never seen.
 */
#include "engine/engine_impl.h"

#include <math.h>
#include <string.h>
#include "data/record.h"
#include "text/utf8.h"

enum {
    ASK_BATCH = 16,
    SCORE_BATCH = 8,
    PROMPT_ROW = FAB_ENGINE_MAX_QUESTION + 2,
    ANSWER_ROW = FAB_ENGINE_MAX_ANSWER + 1,
    DEFAULT_TOKENS = 64,
};

/* ---- words to ids ---------------------------------------------------------------------------- */

static const char *trim(const char *s, size_t *n)
{
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') s++;
    *n = strlen(s);
    while (*n && strchr(" \t\r\n", s[*n - 1])) (*n)--;
    return s;
}

/* what: "question", "answer". The count, or -1. */
static int encode(fab_engine *e, const char *what, const char *text, int32_t *ids, int max,
                  fab_err *err)
{
    size_t n = 0;
    const char *s = text ? trim(text, &n) : "";
    if (n == 0) return fab_fail(err, FAB_EUSAGE, "the %s is empty", what), -1;
    size_t good = fab_utf8_check(s, n);
    if (good < n)
        return fab_fail(err, FAB_EUSAGE, "the %s is not UTF-8: byte %zu of %zu", what, good, n), -1;
    int64_t count = fab_bpe_encode_plain(e->file->bpe, s, n, ids, max, err);
    if (count > max)
        return fab_fail(err, FAB_ELIMIT, "the %s has %lld tokens, the limit is %d", what,
                        (long long)count, max),
               -1;
    return (int)count;
}

int fab_engine_prompt(fab_engine *e, fab_ask_kind kind, const char *question, int32_t *ids,
                      fab_err *err)
{
    if (kind != FAB_ASK) {
        ids[0] = kind == FAB_CAPTION_ZH ? FAB_MINI_CAP_ZH : FAB_MINI_CAP_EN;
        return 1;
    }
    int n = encode(e, "question", question, ids + 1, FAB_ENGINE_MAX_QUESTION, err);
    if (n < 0) return -1;
    ids[0] = FAB_MINI_Q;
    ids[n + 1] = FAB_MINI_A;
    return n + 2;
}

int fab_engine_answer_ids(fab_engine *e, const char *answer, int32_t *ids, fab_err *err)
{
    int n = encode(e, "answer", answer, ids, FAB_ENGINE_MAX_ANSWER, err);
    if (n < 0) return -1;
    ids[n] = FAB_MINI_EOS;
    return n + 1;
}

/* ---- the prefix ------------------------------------------------------------------------------ */

typedef struct {
    int n;
    int64_t longest;
    int32_t *ids, *lens; /* [n,PROMPT_ROW], padded with <pad> = 0; [n] */
} batch;

static bool batch_init(fab_engine *e, batch *b, fab_ask_kind kind, const char *const *questions,
                       int n, fab_err *err)
{
    fab_arena *a = e->ctx.arena;
    *b = (batch){ .n = n };
    b->ids = fab_arena_zero(a, (size_t)n * PROMPT_ROW * sizeof *b->ids, err);
    b->lens = fab_arena_zero(a, (size_t)n * sizeof *b->lens, err);
    if (!b->ids || !b->lens) return false;
    for (int i = 0; i < n; i++) {
        int len = fab_engine_prompt(e, kind, questions ? questions[i] : NULL,
                                    b->ids + i * PROMPT_ROW, err);
        if (len < 0) return false;
        b->lens[i] = len;
        b->longest = len > b->longest ? len : b->longest;
    }
    return true;
}

/* rows of `from` (each `stride` long) cut to `len` -> i32 [n,len] */
static fab_tensor *id_tensor(fab_ctx *c, const int32_t *from, int n, int64_t stride, int64_t len)
{
    fab_tensor *t = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n, len));
    for (int i = 0; t && i < n; i++)
        memcpy(fab_i32(t) + i * len, from + i * stride, (size_t)len * sizeof *from);
    return t;
}

static fab_tensor *image_tokens(fab_ctx *c, const fab_look *look, int n)
{
    size_t one = (size_t)look->n_tokens * (size_t)look->width;
    fab_tensor *t = fab_tensor_new(c, FAB_F32, FAB_SHAPE(n, look->n_tokens, look->width));
    for (int i = 0; t && i < n; i++)
        memcpy(fab_f32(t) + (size_t)i * one, look->tokens, one * sizeof(float));
    return t;
}

/* Runs the prompts into kv, which gets room for `room` more tokens each: logits [n,V] of what comes
 * first. */
static fab_tensor *prefill(fab_engine *e, const fab_look *look, const batch *b, int64_t room,
                           fab_kv *kv)
{
    fab_ctx *c = &e->ctx;
    const fab_mini *m = e->file->model;
    int64_t P = look ? look->n_tokens : 0, T = P + b->longest;
    fab_tensor *tokens = look ? image_tokens(c, look, b->n) : NULL;
    fab_tensor *ids = id_tensor(c, b->ids, b->n, PROMPT_ROW, b->longest);
    fab_tensor *prefix = fab_tensor_new(c, FAB_I32, FAB_SHAPE(b->n)),
               *rows = fab_tensor_new(c, FAB_I32, FAB_SHAPE(b->n));
    if (!ids || !prefix || !rows || !fab_llama_kv(&m->text, kv, c->arena, b->n, T + room, &c->err))
        return NULL;
    for (int i = 0; i < b->n; i++) {
        fab_i32(prefix)[i] = (int32_t)P + b->lens[i];
        fab_i32(rows)[i] = (int32_t)(i * T + P) + b->lens[i] - 1;
    }
    fab_tensor *h = fab_mini_read(c, m, tokens, ids, prefix, kv, 0);
    for (int i = 0; i < b->n; i++) kv->len[i] = (int32_t)P + b->lens[i];
    return fab_mini_logits(c, m, h, rows);
}

/* ---- generation ------------------------------------------------------------------------------ */

typedef struct {
    int32_t *ids; /* [max] */
    int n;
    int32_t start; /* of its answer in the cache */
    double logp;
    bool done, complete;
    bool openly; /* the question asks what, where or how */
} reply;

static double log_softmax_at(const float *z, int64_t V, int32_t at)
{
    float top = z[0];
    for (int64_t v = 1; v < V; v++) top = z[v] > top ? z[v] : top;
    double sum = 0;
    for (int64_t v = 0; v < V; v++) sum += exp((double)(z[v] - top));
    return (double)(z[at] - top) - log(sum);
}

/* The next token of one reply from its logits (changed: control tokens but <eos> are ruled out);
 * words: ids that the tokenizer has, the decoder may have more. */
static void extend(reply *r, float *z, int64_t V, int64_t words, int max, const fab_ask_opts *o,
                   fab_rng *rng)
{
    for (int t = 0; t < FAB_MINI_SPECIALS; t++)
        if (t != FAB_MINI_EOS) z[t] = -1e30f;
    fab_sample_opts s = { .temperature = o->temperature, .top_p = o->top_p > 0 ? o->top_p : 1 };
    int32_t id = fab_sample_token(z, words, s, rng);
    r->logp += log_softmax_at(z, V, id);
    if (id == FAB_MINI_EOS) {
        r->done = r->complete = true;
        return;
    }
    r->ids[r->n++] = id;
    r->done = r->n >= max;
}

/* The tokens that are a yes or a no by themselves. */
typedef struct {
    int32_t ids[8];
    int n;
} bare_words;

static bool find_bare(fab_engine *e, bare_words *w, fab_err *err)
{
    static const char *const words[] = { "Yes", "yes", "No", "no", " Yes", " yes", " No", " no" };
    *w = (bare_words){ 0 };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int32_t id[8];
        int64_t n = fab_bpe_encode_plain(e->file->bpe, words[i], strlen(words[i]), id, 8, err);
        if (n < 0) return false;
        if (n == 1) w->ids[w->n++] = id[0];
    }
    return true;
}

/* So far nothing but a yes or a no, where none is asked for. */
static bool is_bare(const reply *r, const bare_words *w)
{
    bool bare = false;
    for (int k = 0; r->openly && r->n == 1 && k < w->n; k++) bare = bare || r->ids[0] == w->ids[k];
    return bare;
}

/* Another first word in the place of a bare yes or no, from the logits after the prompt. Its
 * probability stays what it was among all words. */
static void begin_again(reply *r, float *first, int64_t V, int64_t words, int max,
                        const bare_words *w, const fab_ask_opts *o, fab_rng *rng)
{
    double left = 1;
    for (int k = 0; k < w->n; k++) left -= exp(log_softmax_at(first, V, w->ids[k]));
    for (int k = 0; k < w->n; k++) first[w->ids[k]] = -1e30f;
    *r = (reply){ .ids = r->ids, .start = r->start, .logp = log(fmax(left, 1e-30)) };
    extend(r, first, V, words, max, o, rng);
}

typedef struct {
    const fab_bpe *bpe;
    fab_bpe_stream held;
    char *text;
    const fab_ask_opts *o;
    int told; /* tokens */
} speaker;

/* Tells the reader about new tokens; false: the reader has enough. */
static bool speak(speaker *s, const reply *r)
{
    bool more = true;
    for (; more && s->o->on_text && s->told < r->n; s->told++) {
        size_t n = fab_bpe_stream_push(s->bpe, &s->held, r->ids[s->told], s->text);
        more = n == 0 || s->o->on_text(s->o->arg, s->text, n);
    }
    return more;
}

static void hush(speaker *s)
{
    if (!s->o->on_text) return;
    size_t n = fab_bpe_stream_end(&s->held, s->text);
    if (n) s->o->on_text(s->o->arg, s->text, n);
}

static bool generate(fab_engine *e, fab_kv *kv, fab_tensor *logits, reply *r, int n, int max,
                     const fab_ask_opts *o)
{
    fab_ctx *c = &e->ctx;
    const fab_mini *m = e->file->model;
    const int64_t V = m->cfg.text.vocab, words = fab_bpe_vocab_size(e->file->bpe);
    const fab_tensor *first = logits; /* below the mark: stays */
    bare_words bare;
    if (!find_bare(e, &bare, &c->err)) return false;
    fab_rng rng;
    fab_rng_init(&rng, o->seed);
    int32_t *next = fab_arena_take(c->arena, (size_t)n * sizeof *next, &c->err);
    speaker s = { .bpe = e->file->bpe, .o = o };
    s.text = fab_arena_take(c->arena, fab_bpe_stream_room(s.bpe), &c->err);
    if (!next || !s.text) return false;
    fab_arena_mark mark = fab_arena_save(c->arena);
    for (bool open = true; open;) {
        if (!logits) return false;
        open = false;
        for (int i = 0; i < n; i++) {
            if (!r[i].done) extend(&r[i], fab_f32(logits) + i * V, V, words, max, o, &rng);
            const bool no_answer = is_bare(&r[i], &bare);
            if (no_answer && r[i].done) {
                begin_again(&r[i], fab_f32(first) + i * V, V, words, max, &bare, o, &rng);
                kv->len[i] = r[i].start;
            }
            if (n == 1 && (!no_answer || r->done) && !speak(&s, r)) r->done = true;
            next[i] = r[i].done ? FAB_MINI_EOS : r[i].ids[r[i].n - 1];
            open = open || !r[i].done;
        }
        if (!open) break;
        fab_arena_release(c->arena, mark);
        fab_tensor *h = fab_mini_read(c, m, NULL, id_tensor(c, next, n, 1, 1), NULL, kv, 0);
        logits = fab_mini_logits(c, m, h, NULL);
    }
    if (n == 1) hush(&s);
    return true;
}

double fab_answer_probability(const fab_answer *a)
{
    int tokens = a->n_tokens + a->complete;
    return tokens ? exp(a->logp / tokens) : 0;
}

/* judged: of such answers the file's curve speaks, when they are complete. */
static bool write_answer(fab_engine *e, const reply *r, bool judged, fab_arena *a, fab_answer *out,
                         fab_err *err)
{
    const fab_curve *curve = &e->file->answers;
    *out = (fab_answer){ .n_tokens = r->n, .complete = r->complete, .logp = r->logp };
    out->sureness = fab_answer_probability(out);
    out->calibrated = judged && r->complete && curve->slope > 0;
    if (out->calibrated) out->sureness = fab_curve_at(curve, out->sureness);
    out->text = fab_bpe_decode(e->file->bpe, a, r->ids, r->n, true, err);
    if (!out->text) return false;
    size_t n;
    char *s = (char *)(uintptr_t)trim(out->text, &n);
    s[n] = 0;
    out->text = s;
    return true;
}

static bool ask_batch(fab_engine *e, const fab_look *look, const char *const *questions, int n,
                      const fab_ask_opts *o, fab_arena *a, fab_answer *out, fab_err *err)
{
    fab_ctx *c = &e->ctx;
    int max = o->max_tokens > 0 ? o->max_tokens : DEFAULT_TOKENS;
    if (max > FAB_ENGINE_MAX_ANSWER) max = FAB_ENGINE_MAX_ANSWER;
    fab_ctx_reset(c);
    batch b;
    if (!batch_init(e, &b, o->kind, questions, n, err)) return false;
    reply *r = fab_arena_zero(c->arena, (size_t)n * sizeof *r, err);
    for (int i = 0; r && i < n; i++)
        if (!(r[i].ids = fab_arena_take(c->arena, (size_t)max * sizeof *r[i].ids, err)))
            return false;
    if (!r) return false;
    fab_kv kv = { 0 };
    fab_tensor *logits = prefill(e, look, &b, max, &kv);
    for (int i = 0; logits && i < n; i++) {
        r[i].start = kv.len[i];
        r[i].openly = o->kind == FAB_ASK && fab_asks_openly(questions[i]);
    }
    if (logits && !fab_all_finite(logits))
        return fab_fail(err, FAB_EFORMAT, "%s: the weights give values that are not finite",
                        e->path);
    generate(e, &kv, logits, r, n, max, o);
    if (!fab_engine_settle(e, err)) return false;
    const bool judged = look && o->kind == FAB_ASK && o->temperature <= 0 && !e->adapter;
    for (int i = 0; i < n; i++)
        if (!write_answer(e, &r[i], judged, a, &out[i], err)) return false;
    return true;
}

/* Answers by count what can be, and lists the others: their number, or -1. */
static int count_first(fab_engine *e, const fab_look *look, const char *const *questions, int n,
                       const fab_ask_opts *o, fab_arena *a, fab_answer *out, int *rest,
                       fab_err *err)
{
    int left = 0;
    fab_err bad = FAB_ERR_INIT;
    for (int i = 0; i < n; i++) {
        bool counted = o->kind == FAB_ASK && look && look->counts &&
                       fab_engine_say_count(e, look, questions[i], a, &out[i], &bad);
        if (bad.code) return fab_fail(err, bad.code, "%s", bad.text), -1;
        if (!counted) rest[left++] = i;
        else if (n == 1 && o->on_text) o->on_text(o->arg, out[i].text, strlen(out[i].text));
    }
    return left;
}

bool fab_engine_ask_many(fab_engine *e, const fab_look *look, const char *const *questions, int n,
                         const fab_ask_opts *opts, fab_arena *a, fab_answer *out, fab_err *err)
{
    fab_ask_opts o = FAB_ASK_DEFAULTS;
    if (opts) o = *opts;
    for (int i = 0; i < n; i += ASK_BATCH) {
        const char *asked[ASK_BATCH] = { NULL };
        fab_answer said[ASK_BATCH];
        int some = n - i < ASK_BATCH ? n - i : ASK_BATCH, rest[ASK_BATCH];
        int left =
            count_first(e, look, questions ? questions + i : NULL, some, &o, a, out + i, rest, err);
        for (int k = 0; questions && k < left; k++) asked[k] = questions[i + rest[k]];
        if (left < 0 ||
            (left && !ask_batch(e, look, questions ? asked : NULL, left, &o, a, said, err)))
            return false;
        for (int k = 0; k < left; k++) out[i + rest[k]] = said[k];
    }
    return true;
}

bool fab_engine_ask(fab_engine *e, const fab_look *look, const char *question,
                    const fab_ask_opts *opts, fab_arena *a, fab_answer *out, fab_err *err)
{
    return fab_engine_ask_many(e, look, &question, 1, opts, a, out, err);
}

/* ---- likelihoods ----------------------------------------------------------------------------- */

/* logp of n answers (ids [n,ANSWER_ROW], lens with <eos>) after the one prompt in kv1, whose logits
 * are first [V]. */
static bool score_batch(fab_engine *e, const fab_kv *kv1, const float *first, const int32_t *ids,
                        const int *lens, int n, fab_score *out)
{
    fab_ctx *c = &e->ctx;
    const fab_mini *m = e->file->model;
    int64_t V = m->cfg.text.vocab, longest = 0, total = 0;
    for (int i = 0; i < n; i++) {
        longest = lens[i] > longest ? lens[i] : longest;
        total += lens[i] - 1;
    }
    longest -= 1; /* the <eos> is predicted, never fed */
    for (int i = 0; i < n; i++) out[i].logp = log_softmax_at(first, V, ids[i * ANSWER_ROW]);
    fab_kv kv;
    if (!fab_llama_kv(&m->text, &kv, c->arena, n, kv1->len[0] + longest, &c->err)) return false;
    for (int i = 0; i < n; i++)
        if (!fab_kv_copy(&kv, i, kv1, 0, &c->err)) return false;
    fab_tensor *rows = fab_tensor_new(c, FAB_I32, FAB_SHAPE(total));
    if (!rows) return false;
    for (int64_t i = 0, k = 0; i < n; i++)
        for (int64_t j = 0; j < lens[i] - 1; j++) fab_i32(rows)[k++] = (int32_t)(i * longest + j);
    fab_tensor *h =
        fab_mini_read(c, m, NULL, id_tensor(c, ids, n, ANSWER_ROW, longest), NULL, &kv, 0);
    fab_tensor *z = fab_mini_logits(c, m, h, rows);
    if (!z) return false;
    for (int64_t i = 0, k = 0; i < n; i++)
        for (int64_t j = 1; j < lens[i]; j++, k++)
            out[i].logp += log_softmax_at(fab_f32(z) + k * V, V, ids[i * ANSWER_ROW + j]);
    return true;
}

static void probabilities(fab_score *s, int n, double temperature)
{
    double top = s[0].logp, sum = 0;
    for (int i = 1; i < n; i++) top = s[i].logp > top ? s[i].logp : top;
    for (int i = 0; i < n; i++) sum += s[i].p = exp((s[i].logp - top) / temperature);
    for (int i = 0; i < n; i++) s[i].p /= sum;
}

bool fab_engine_score(fab_engine *e, const fab_look *look, const char *question,
                      const char *const *answers, int n, float temperature, fab_score *out,
                      fab_err *err)
{
    fab_ctx *c = &e->ctx;
    int32_t ids[SCORE_BATCH * ANSWER_ROW];
    int lens[SCORE_BATCH];
    batch b;
    fab_kv kv = { 0 };
    if (n < 1 || n > FAB_ENGINE_MAX_BATCH)
        return fab_fail(err, FAB_ELIMIT, "%d answers to score, 1 to %d can be", n,
                        FAB_ENGINE_MAX_BATCH);
    fab_ctx_reset(c);
    if (!batch_init(e, &b, FAB_ASK, &question, 1, err)) return false;
    fab_tensor *first = prefill(e, look, &b, 0, &kv);
    if (!fab_engine_settle(e, err)) return false;
    if (!fab_all_finite(first))
        return fab_fail(err, FAB_EFORMAT, "%s: the weights give values that are not finite",
                        e->path);
    fab_arena_mark mark = fab_arena_save(c->arena);
    for (int i = 0; i < n; i += SCORE_BATCH) {
        int some = n - i < SCORE_BATCH ? n - i : SCORE_BATCH;
        memset(ids, 0, sizeof ids); /* <pad> behind each answer */
        for (int j = 0; j < some; j++)
            if ((lens[j] = fab_engine_answer_ids(e, answers[i + j], ids + j * ANSWER_ROW, err)) < 0)
                return false;
        score_batch(e, &kv, fab_f32(first), ids, lens, some, out + i);
        if (!fab_engine_settle(e, err)) return false;
        fab_arena_release(c->arena, mark);
    }
    if (temperature <= 0) temperature = e->file->temperature > 0 ? e->file->temperature : 1;
    probabilities(out, n, (double)temperature);
    return true;
}
