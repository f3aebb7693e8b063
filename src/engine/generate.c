/* generate: prompts through the decoder, then token by token. */
#include "engine/generate.h"

#include <math.h>
#include <string.h>
#include "engine/said.h"
#include "zoo/adapter.h"

enum { CACHE_STEP = 256, PIECE = 256 };

struct fab_generator {
    fab_decoder *d;
    fab_arena *work; /* of one pass */
    fab_ctx c;
    /* what the last single prompt and its answer left */
    fab_arena *home;
    fab_kv kv;
    int64_t *signs; /* [kv.cap] what stands at each place: a token, or a part's row */
    fab_adapter *adapter;
};

/* One prompt on its way. */
typedef struct {
    const fab_prompt *p;
    int64_t from; /* places that the cache holds */
    int max, n;
    int32_t *ids; /* prompt's tokens, then those said: what the repeat penalty looks at */
    int64_t n_seen;
    fab_rng rng;
    fab_said said;
    bool done;
    fab_generate_end end;
} answer;

const char *fab_generate_end_name(fab_generate_end e)
{
    static const char *const names[] = { "end", "stop", "length", "reader" };
    return names[e];
}

/* ---- opening --------------------------------------------------------------------------------- */

bool fab_is_exact(fab_exactness how, const fab_decoder *d)
{
    return how == FAB_EXACT || (how == FAB_EXACT_SMALL && fab_decoder_values(d) < 500000000);
}

/* A model that turns out to be small is opened again, which costs little. */
static fab_decoder *open_decoder(const char *path, fab_decoder_opts *o, fab_exactness how,
                                 fab_err *err)
{
    o->bf16 = how != FAB_EXACT;
    fab_decoder *d = fab_decoder_open(path, o, err);
    if (!d || !o->bf16 || !fab_is_exact(how, d)) return d;
    fab_decoder_close(d);
    o->bf16 = false;
    return fab_decoder_open(path, o, err);
}

fab_generator *fab_generator_open(const char *path, fab_pool *pool, fab_exactness how, fab_err *err)
{
    fab_decoder_opts o = { .pool = pool };
    fab_generator *g = fab_new(sizeof *g, err);
    if (!g) return NULL;
    g->work = fab_arena_new((size_t)4 << 20, err);
    if (g->work) g->d = open_decoder(path, &o, how, err);
    if (!g->d) {
        fab_generator_close(g);
        return NULL;
    }
    fab_ctx_init(&g->c, g->work, pool);
    g->c.bf16 = o.bf16;
    g->c.check = fab_getenv("FABRICA_CHECK") != NULL;
    return g;
}

void fab_generator_close(fab_generator *g)
{
    if (!g) return;
    fab_adapter_close(g->adapter);
    fab_decoder_close(g->d);
    fab_arena_free(g->home);
    fab_arena_free(g->work);
    fab_free(g);
}

void fab_generator_forget(fab_generator *g)
{
    fab_arena_free(g->home);
    g->home = NULL;
}

bool fab_generator_adapt(fab_generator *g, const char *path, fab_err *err)
{
    fab_peft_detach(&g->d->sites);
    fab_adapter_close(g->adapter);
    fab_generator_forget(g);
    g->adapter = path ? fab_adapter_open(path, err) : NULL;
    if (!g->adapter) return !path;
    char base[65];
    bool ok = fab_adapter_base(g->d->weights, NULL, base, err) &&
              fab_adapter_fit(g->adapter, &g->d->sites, base, g->c.pool, err);
    if (ok) fab_peft_attach(&g->adapter->peft);
    return ok;
}

const fab_decoder *fab_generator_decoder(const fab_generator *g) { return g->d; }
fab_ctx *fab_generator_ctx(fab_generator *g) { return &g->c; }

/* ---- prompts --------------------------------------------------------------------------------- */

/* Row of its part that place i stands for. */
static int64_t part_row(const fab_prompt *p, int64_t i)
{
    int64_t row = 0;
    while (row < i && p->ids[i - row - 1] == p->ids[i]) row++;
    return row;
}

static int64_t sign_at(const fab_prompt *p, int64_t i)
{
    if (p->ids[i] >= 0) return p->ids[i];
    uint64_t key = p->parts[-1 - p->ids[i]].key;
    return -1 - (int64_t)((key * 0x9e3779b97f4a7c15u + (uint64_t)part_row(p, i)) >> 1);
}

static bool check_prompt(const fab_generator *g, const fab_prompt *p, fab_err *err)
{
    const fab_decoder_config *c = &g->d->cfg;
    if (p->n < 1) return fab_fail(err, FAB_EUSAGE, "the prompt is empty");
    if (c->context && p->n >= c->context)
        return fab_fail(err, FAB_ELIMIT, "the prompt has %lld tokens, the model's context is %lld",
                        (long long)p->n, (long long)c->context);
    for (int64_t i = 0; i < p->n; i++) {
        int32_t id = p->ids[i];
        bool word = id >= 0 && id < c->vocab, part = id < 0 && -1 - (int64_t)id < p->n_parts;
        if (!word && !(part && part_row(p, i) < p->parts[-1 - id].n))
            return fab_fail(err, FAB_EINTERNAL, "token %ld at place %lld is none of %lld", (long)id,
                            (long long)i, (long long)c->vocab);
    }
    return true;
}

/* Places [from,to) of a prompt, embedded into x [to-from,D]. */
static bool embed(fab_generator *g, const fab_prompt *p, int64_t from, int64_t to, float *x)
{
    fab_ctx *c = &g->c;
    int64_t D = g->d->cfg.dim, n = to - from;
    fab_tensor *ids = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    for (int64_t i = 0; ids && i < n; i++)
        fab_i32(ids)[i] = p->ids[from + i] < 0 ? 0 : p->ids[from + i];
    const fab_tensor *e = fab_llama_embed(c, g->d->model, ids);
    if (!e) return false;
    memcpy(x, fab_f32(e), (size_t)(n * D) * sizeof *x);
    for (int64_t i = from; i < to; i++)
        if (p->ids[i] < 0)
            memcpy(x + (i - from) * D, p->parts[-1 - p->ids[i]].rows + part_row(p, i) * D,
                   (size_t)D * sizeof *x);
    return true;
}

/* ---- the cache ------------------------------------------------------------------------------- */

/* Room for `need` places in the kept cache; what it holds stays. */
static bool grow_kept(fab_generator *g, int64_t need, fab_err *err)
{
    if (g->home && g->kv.cap >= need) return true;
    int64_t cap = (need + CACHE_STEP - 1) / CACHE_STEP * CACHE_STEP;
    fab_kv kv;
    fab_arena *home = fab_arena_new(0, err);
    int64_t *signs = home ? fab_arena_take(home, (size_t)cap * sizeof *signs, err) : NULL;
    bool ok = signs && fab_llama_kv(g->d->model, &kv, home, 1, cap, err);
    if (ok && g->home) {
        ok = fab_kv_copy(&kv, 0, &g->kv, 0, err);
        memcpy(signs, g->signs, (size_t)g->kv.len[0] * sizeof *signs);
    }
    fab_arena_free(ok ? g->home : home);
    if (!ok) return false;
    g->home = home;
    g->kv = kv;
    g->signs = signs;
    return true;
}

/* How far p is what the kept cache holds; the last place is read again, for its logits. */
static int64_t reuse(fab_generator *g, const fab_prompt *p)
{
    int64_t n = 0;
    while (g->home && n < g->kv.len[0] && n < p->n - 1 && g->signs[n] == sign_at(p, n)) n++;
    if (g->home) g->kv.len[0] = (int32_t)n;
    return n;
}

static bool prepare(fab_generator *g, answer *s, int count, fab_kv *kv, fab_arena *a, fab_err *err)
{
    int64_t need = 0;
    for (int i = 0; i < count; i++)
        need = s[i].p->n + s[i].max > need ? s[i].p->n + s[i].max : need;
    if (count > 1) return fab_llama_kv(g->d->model, kv, a, count, need, err);
    s->from = reuse(g, s->p);
    if (!grow_kept(g, need, err)) return false;
    *kv = g->kv;
    for (int64_t i = s->from; i < s->p->n; i++) g->signs[i] = sign_at(s->p, i);
    return true;
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* x [B,T,D] of which len[b] are real, through the decoder: logits [B,V] of the last real ones. */
static fab_tensor *pass(fab_generator *g, fab_tensor *x, fab_tensor *len, fab_kv *kv)
{
    fab_ctx *c = &g->c;
    if (!x || !len) return NULL;
    int64_t B = x->shape[0], T = x->shape[1];
    fab_tensor *rows = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B));
    for (int64_t b = 0; rows && b < B; b++)
        fab_i32(rows)[b] = (int32_t)(b * T) + fab_i32(len)[b] - 1;
    fab_tensor *h = fab_llama_hidden(c, g->d->model, x, NULL, len, kv, 0);
    return fab_llama_logits(c, g->d->model, h, rows);
}

typedef fab_tensor *(*input_fn)(fab_generator *g, const answer *s, int count, fab_tensor *len);

/* What the prompts have beyond the cache, padded on the right: [B,T,D]. */
static fab_tensor *prompts_in(fab_generator *g, const answer *s, int count, fab_tensor *len)
{
    int64_t T = 0, D = g->d->cfg.dim;
    for (int i = 0; i < count; i++) {
        fab_i32(len)[i] = (int32_t)(s[i].p->n - s[i].from);
        T = fab_i32(len)[i] > T ? fab_i32(len)[i] : T;
    }
    fab_tensor *x = fab_tensor_zeros(&g->c, FAB_SHAPE(count, T, D));
    for (int i = 0; x && i < count; i++)
        if (!embed(g, s[i].p, s[i].from, s[i].p->n, fab_f32(x) + i * T * D)) return NULL;
    return x;
}

/* A long prompt goes in piece by piece, so that what a pass needs of memory does not grow with it.
 * The places from `from` on but for the last piece; where that begins, or -1. */
static int64_t all_but_last(fab_generator *g, const fab_prompt *p, int64_t from, fab_kv *kv)
{
    fab_ctx *c = &g->c;
    int64_t pieces = (p->n - from + PIECE - 1) / PIECE;
    for (; pieces > 1; pieces--) {
        int64_t to = from + (p->n - from) / pieces;
        fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, to - from, g->d->cfg.dim));
        if (!x || !embed(g, p, from, to, fab_f32(x)) ||
            !fab_llama_hidden(c, g->d->model, x, NULL, NULL, kv, 0))
            return -1;
        from = to;
        fab_ctx_reset(c);
    }
    return from;
}

/* The newest token of each: [B,1,D]. */
static fab_tensor *tokens_in(fab_generator *g, const answer *s, int count, fab_tensor *len)
{
    fab_tensor *ids = fab_tensor_new(&g->c, FAB_I32, FAB_SHAPE(count, 1));
    for (int i = 0; ids && i < count; i++) {
        fab_i32(ids)[i] = s[i].ids[s[i].n_seen - 1];
        fab_i32(len)[i] = 1;
    }
    return fab_llama_embed(&g->c, g->d->model, ids);
}

static const float *try_logits(fab_generator *g, const answer *s, int count, fab_kv *kv,
                               input_fn input)
{
    fab_ctx *c = &g->c;
    answer one = *s;
    fab_ctx_reset(c);
    if (count == 1 && input == prompts_in) {
        one.from = all_but_last(g, s->p, s->from, kv);
        if (one.from < 0) return NULL;
        s = &one;
    }
    fab_tensor *len = fab_tensor_new(c, FAB_I32, FAB_SHAPE(count));
    const fab_tensor *z = len ? pass(g, input(g, s, count, len), len, kv) : NULL;
    return z ? fab_f32(z) : NULL;
}

static bool finite(const float *z, int64_t n)
{
    float sum = 0; /* 0 times anything finite; NaN or Inf shows */
    for (int64_t i = 0; i < n; i++) sum += 0.0f * z[i];
    return sum == 0;
}

/* One pass. A result that is not finite is run again with every operation looked at. */
static const float *logits_of(fab_generator *g, const answer *s, int count, fab_kv *kv,
                              input_fn input, fab_err *err)
{
    fab_ctx *c = &g->c;
    bool checked = c->check;
    int32_t before[FAB_GENERATE_MAX_BATCH];
    memcpy(before, kv->len, (size_t)count * sizeof *before);
    const float *z = try_logits(g, s, count, kv, input);
    if (z && !finite(z, count * g->d->cfg.vocab)) {
        memcpy(kv->len, before, (size_t)count * sizeof *before);
        c->check = true;
        z = try_logits(g, s, count, kv, input);
        c->check = checked;
        if (z) fab_fail(&c->err, FAB_EINTERNAL, "the logits hold values that are not finite");
    }
    if (z && !c->err.code) return z;
    fab_fail(err, c->err.code, "%s", c->err.text);
    return NULL;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool begin(fab_generator *g, answer *s, const fab_prompt *p, int which,
                  const fab_generate_opts *o, fab_arena *a, fab_err *err)
{
    int64_t room = (g->d->cfg.context ? g->d->cfg.context : p->n + 4096) - p->n;
    if (!check_prompt(g, p, err)) return false;
    *s = (answer){ .p = p, .end = FAB_END_LENGTH };
    s->max = (int)(o->max_tokens > 0 && o->max_tokens < room ? o->max_tokens : room);
    s->ids = fab_arena_take(a, (size_t)(p->n + s->max) * sizeof *s->ids, err);
    if (!s->ids) return false;
    for (int64_t i = 0; i < p->n; i++)
        if (p->ids[i] >= 0) s->ids[s->n_seen++] = p->ids[i];
    fab_rng root;
    fab_rng_init(&root, o->seed);
    s->rng = fab_rng_fork(&root, (uint64_t)which);
    return fab_said_init(&s->said, g->d->words, o->stops, o->n_stops, a, err);
}

static void finish(answer *s, fab_generate_end end)
{
    s->done = true;
    s->end = end;
}

static bool is_end(const fab_decoder *d, int32_t id)
{
    for (int i = 0; i < d->n_ends; i++)
        if (d->ends[i] == id) return true;
    return false;
}

/* The next token of one answer from its logits. */
static bool extend(fab_generator *g, answer *s, int which, const float *z,
                   const fab_generate_opts *o, fab_err *err)
{
    const fab_decoder *d = g->d;
    int64_t V = d->cfg.vocab, words = d->words ? fab_tokenizer_size(d->words) : V;
    fab_sample_opts how = { .temperature = o->temperature,
                            .top_p = o->top_p,
                            .min_p = o->min_p,
                            .top_k = o->top_k,
                            .repetition = o->repeat_penalty,
                            .seen = s->ids,
                            .n_seen = (int)s->n_seen };
    int32_t id = fab_sample_token(z, words < V ? words : V, how, &s->rng);
    if (is_end(d, id) && !o->ignore_end) return finish(s, FAB_END_TOKEN), true;
    s->ids[s->n_seen++] = id;
    s->n++;
    size_t fresh = 0;
    const char *text = fab_said_push(&s->said, id, &fresh, err);
    if (!text) return false;
    if (fresh && o->on_text && !o->on_text(o->arg, which, text, fresh)) finish(s, FAB_END_READER);
    else if (s->said.stopped) finish(s, FAB_END_STOP);
    else if (s->n >= s->max) finish(s, FAB_END_LENGTH);
    return true;
}

/* Every answer that goes on gets a token; false with err unset when none goes on. */
static bool extend_all(fab_generator *g, answer *s, int count, const float *z,
                       const fab_generate_opts *o, fab_err *err)
{
    bool more = false;
    for (int i = 0; i < count; i++) {
        if (!s[i].done && !extend(g, &s[i], i, z + i * g->d->cfg.vocab, o, err)) return false;
        more |= !s[i].done;
    }
    return more;
}

static bool close_answer(answer *s, int which, const fab_generate_opts *o, fab_generated *out,
                         fab_err *err)
{
    size_t fresh = 0;
    const char *text = fab_said_end(&s->said, &fresh, err);
    if (!text) return false;
    if (fresh && o->on_text && s->end != FAB_END_READER) o->on_text(o->arg, which, text, fresh);
    *out = (fab_generated){ .text = s->said.text,
                            .ids = s->ids + s->n_seen - s->n,
                            .n = s->n,
                            .n_prompt = s->p->n,
                            .n_reused = s->from,
                            .end = s->end };
    return true;
}

/* What the kept cache now holds beyond the prompt: all that was said but the last. */
static void keep_signs(fab_generator *g, const answer *s)
{
    const int32_t *said = s->ids + s->n_seen - s->n;
    for (int64_t i = s->p->n; i < g->kv.len[0]; i++) g->signs[i] = said[i - s->p->n];
}

bool fab_generate(fab_generator *g, const fab_prompt *prompts, int count,
                  const fab_generate_opts *o, fab_arena *a, fab_generated *out, fab_err *err)
{
    static const fab_generate_opts none;
    if (!o) o = &none;
    fab_kv kv;
    fab_err why = FAB_ERR_INIT;
    if (count < 1 || count > FAB_GENERATE_MAX_BATCH)
        return fab_fail(err, FAB_ELIMIT, "%d prompts together, at most %d", count,
                        FAB_GENERATE_MAX_BATCH);
    answer *s = fab_arena_zero(a, (size_t)count * sizeof *s, err);
    for (int i = 0; s && i < count; i++)
        if (!begin(g, &s[i], &prompts[i], i, o, a, err)) return false;
    if (!s || !prepare(g, s, count, &kv, a, err)) return false;
    double start = fab_now(), read = 0;
    const float *z = logits_of(g, s, count, &kv, prompts_in, &why);
    read = fab_now();
    while (z && extend_all(g, s, count, z, o, &why))
        z = logits_of(g, s, count, &kv, tokens_in, &why);
    if (count == 1 && !why.code) keep_signs(g, s);
    if (count == 1 && why.code) g->kv.len[0] = 0;
    for (int i = 0; !why.code && i < count; i++) {
        close_answer(&s[i], i, o, &out[i], &why);
        out[i].prefill_s = read - start;
        out[i].generate_s = fab_now() - read;
    }
    return !why.code || fab_fail(err, why.code, "%s", why.text);
}
