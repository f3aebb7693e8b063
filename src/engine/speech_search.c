/* speech_search: see speech_search.h.
 *
 * Lanes are texts in the making, one row of the cache each. All begin as the same prefix, which is
 * run once. A beam step takes the lanes + 1 likeliest continuations of every lane, keeps the best
 * that go on and sets aside those that end, until as many have ended as there are lanes. */
#include "engine/speech_search.h"

#include <math.h>
#include <string.h>

#define MAX_FIRST_TIME 1.0 /* seconds */
#define WINDOW_SECONDS 30.0

typedef struct {
    int32_t *tokens; /* [most] */
    int n;
    double sum; /* of log probabilities, <eot> included once it ended */
    bool ended;
} lane;

typedef struct {
    fab_ctx *c;
    const fab_whisper *m;
    const fab_whisper_ids *ids;
    const fab_whisper_heard *heard;
    const fab_speech_opts *o;
    int lanes, most; /* most tokens of a text */
    bool beams;
    fab_kv kv, spare; /* spare: where reordered lanes go */
    float *logits;    /* [lanes,V] */
    lane *live, *next, *done;
    int n_done;
    fab_rng rng;
} search;

/* ---- rules ----------------------------------------------------------------------------------- */
static void forbid(float *logits, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) logits[i] = -INFINITY;
}

static double log_sum_exp(const float *v, int64_t n)
{
    float top = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) top = v[i] > top ? v[i] : top;
    if (top == -INFINITY) return -INFINITY;
    for (int64_t i = 0; i < n; i++) sum += (double)expf(v[i] - top);
    return (double)top + log(sum);
}

static void time_rules(const fab_whisper_config *g, const fab_whisper_ids *ids, const int32_t *said,
                       int n, float *logits)
{
    int64_t V = g->vocab, T0 = ids->first_time;
    bool last = n >= 1 && said[n - 1] >= T0, before = n < 2 || said[n - 2] >= T0;
    int32_t latest = -1;
    for (int i = 0; i < n; i++)
        if (said[i] >= T0) latest = said[i];
    forbid(logits, ids->no_times, ids->no_times + 1);
    if (last && before) forbid(logits, T0, V);        /* a pair is complete: words now */
    if (last && !before) forbid(logits, 0, ids->eot); /* the pair's other half, or the end */
    if (latest >= 0) forbid(logits, T0, last && !before ? latest : latest + 1);
    if (n == 0) {
        forbid(logits, 0, T0);
        int64_t first = (int64_t)lrint(MAX_FIRST_TIME * (double)g->audio_ctx / WINDOW_SECONDS);
        if (T0 + first + 1 < V) forbid(logits, T0 + first + 1, V);
    }
    float word = -INFINITY;
    for (int64_t i = 0; i < T0; i++) word = logits[i] > word ? logits[i] : word;
    if (log_sum_exp(logits + T0, V - T0) > (double)word) forbid(logits, 0, T0);
}

void fab_speech_rules(const fab_whisper_config *g, const fab_whisper_ids *ids, bool timestamps,
                      const int32_t *said, int n, float *logits)
{
    if (n == 0) {
        if (ids->blank >= 0) logits[ids->blank] = -INFINITY;
        logits[ids->eot] = -INFINITY;
    }
    for (int i = 0; i < ids->n_quiet; i++) logits[ids->quiet[i]] = -INFINITY;
    if (timestamps) time_rules(g, ids, said, n, logits);
}

/* ---- the model ------------------------------------------------------------------------------- */
/* Logits of the given rows of the tokens ids [B,T] into out [n_rows,V]. */
static bool run(search *s, fab_kv *kv, const int32_t *ids, int64_t B, int64_t T,
                const int32_t *rows, int n_rows, float *out)
{
    fab_ctx *c = s->c;
    int64_t V = s->m->cfg.vocab;
    fab_arena_mark mark = fab_arena_save(c->arena);
    fab_tensor *in = fab_tensor_from(c, FAB_I32, FAB_SHAPE(B, T), ids),
               *at = fab_tensor_from(c, FAB_I32, FAB_SHAPE(n_rows), rows);
    fab_tensor *z =
        fab_whisper_logits(c, s->m, fab_whisper_decode(c, s->m, in, s->heard, kv, -1), at);
    if (z && !isfinite(log_sum_exp(fab_f32(z), n_rows * V)))
        fab_fail(&c->err, FAB_EFORMAT, "the decoder's logits are not finite");
    if (z) memcpy(out, fab_f32(z), (size_t)(n_rows * V) * sizeof *out);
    fab_arena_release(c->arena, mark);
    return !c->err.code;
}

static int prefix(const search *s, int32_t *out, int *sot_at)
{
    const fab_whisper_ids *t = s->ids;
    const fab_speech_opts *o = s->o;
    int n = 0, keep = (int)s->m->cfg.text_ctx / 2 - 1;
    if (keep > o->n_prompt) keep = o->n_prompt;
    if (keep > 0) {
        out[n++] = t->sot_prev;
        memcpy(out + n, o->prompt + o->n_prompt - keep, (size_t)keep * sizeof *out);
        n += keep;
    }
    *sot_at = n;
    out[n++] = t->sot;
    if (t->languages) {
        out[n++] = o->language;
        out[n++] = o->translate ? t->translate : t->transcribe;
    }
    if (!o->timestamps) out[n++] = t->no_times;
    return n;
}

/* Runs the prefix and gives every lane its end. */
static bool begin(search *s, fab_speech_text *out)
{
    fab_ctx *c = s->c;
    int64_t V = s->m->cfg.vocab;
    int sot_at, ctx = (int)s->m->cfg.text_ctx;
    int32_t *ids = fab_arena_take(c->arena, (size_t)(ctx + 8) * sizeof *ids, &c->err);
    float *two = fab_arena_take(c->arena, (size_t)(2 * V) * sizeof *two, &c->err);
    fab_kv first;
    if (!ids || !two) return false;
    int n = prefix(s, ids, &sot_at);
    s->most = ctx / 2 < ctx - n + 1 ? ctx / 2 : ctx - n + 1;
    int32_t rows[2] = { sot_at, n - 1 };
    if (n > ctx) return fab_fail(&c->err, FAB_EINTERNAL, "a prefix of %d tokens", n);
    if (!fab_whisper_kv(s->m, &first, c->arena, 1, &c->err) ||
        !run(s, &first, ids, 1, n, rows, 2, two))
        return false;
    out->no_speech = exp((double)two[s->ids->no_speech] - log_sum_exp(two, V));
    for (int i = 0; i < s->lanes; i++) {
        memcpy(s->logits + i * V, two + V, (size_t)V * sizeof *two);
        if (!fab_kv_copy(&s->kv, i, &first, 0, &c->err)) return false;
    }
    return true;
}

/* ---- drawing --------------------------------------------------------------------------------- */
static int32_t likeliest(const float *z, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (z[i] > z[best]) best = i;
    return (int32_t)best;
}

static int32_t draw(const float *z, int64_t n, float temperature, fab_rng *rng)
{
    int32_t top = likeliest(z, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)expf((z[i] - z[top]) / temperature);
    double left = sum * (double)fab_rng_uniform(rng);
    for (int64_t i = 0; i < n; i++) {
        left -= (double)expf((z[i] - z[top]) / temperature);
        if (left < 0) return (int32_t)i;
    }
    return top;
}

/* One token more for every lane that goes on; true: all have ended. */
static bool draw_step(search *s)
{
    int64_t V = s->m->cfg.vocab;
    bool all = true;
    for (int i = 0; i < s->lanes; i++) {
        lane *l = &s->live[i];
        if (l->ended) continue;
        const float *z = s->logits + i * V;
        int32_t id =
            s->o->temperature > 0 ? draw(z, V, s->o->temperature, &s->rng) : likeliest(z, V);
        l->sum += (double)z[id] - log_sum_exp(z, V);
        l->ended = id == s->ids->eot;
        if (!l->ended) l->tokens[l->n++] = id;
        all = all && l->ended;
    }
    return all;
}

/* ---- beams ----------------------------------------------------------------------------------- */
typedef struct {
    int from;
    int32_t id;
    double sum;
} option;

/* Puts x among the n best so far (at most cap), best first, earlier ones first when equal. */
static int rank(option *list, int n, int cap, option x)
{
    if (n == cap && x.sum <= list[n - 1].sum) return n;
    int at = n < cap ? n++ : n - 1;
    for (; at > 0 && list[at - 1].sum < x.sum; at--) list[at] = list[at - 1];
    list[at] = x;
    return n;
}

static void copy_lane(lane *to, const lane *from)
{
    memcpy(to->tokens, from->tokens, (size_t)from->n * sizeof *to->tokens);
    to->n = from->n;
    to->sum = from->sum;
    to->ended = from->ended;
}

/* The rows of the cache follow their texts. */
static bool follow(search *s, const int *from)
{
    bool same = true;
    for (int i = 0; i < s->lanes; i++) same = same && from[i] == i;
    if (same) return true;
    for (int i = 0; i < s->lanes; i++)
        if (!fab_kv_copy(&s->spare, i, &s->kv, from[i], &s->c->err)) return false;
    fab_kv t = s->kv;
    s->kv = s->spare;
    s->spare = t;
    return true;
}

static int all_options(const search *s, bool first, option *all)
{
    int64_t V = s->m->cfg.vocab;
    int n = 0, each = s->lanes + 1;
    for (int i = 0; i < (first ? 1 : s->lanes); i++) {
        const float *z = s->logits + i * V;
        double base = s->live[i].sum - log_sum_exp(z, V);
        option best[FAB_SPEECH_MAX_LANES + 1];
        int k = 0;
        for (int64_t v = 0; v < V; v++)
            if (k < each || base + (double)z[v] > best[k - 1].sum)
                k = rank(best, k, each, (option){ i, (int32_t)v, base + (double)z[v] });
        for (int j = 0; j < k; j++)
            n = rank(all, n, FAB_SPEECH_MAX_LANES * (FAB_SPEECH_MAX_LANES + 1), best[j]);
    }
    return n;
}

/* true: enough texts have ended. */
static bool beam_step(search *s, bool first)
{
    option all[FAB_SPEECH_MAX_LANES * (FAB_SPEECH_MAX_LANES + 1)];
    int n = all_options(s, first, all), kept = 0, from[FAB_SPEECH_MAX_LANES] = { 0 };
    for (int i = 0; i < n && kept < s->lanes; i++) {
        const lane *old = &s->live[all[i].from];
        bool ends = all[i].id == s->ids->eot;
        if (ends && s->n_done == s->lanes) continue;
        lane *to = ends ? &s->done[s->n_done++] : &s->next[kept];
        copy_lane(to, old);
        to->sum = all[i].sum;
        to->ended = ends;
        if (ends) continue;
        to->tokens[to->n++] = all[i].id;
        from[kept++] = all[i].from;
    }
    lane *t = s->live;
    s->live = s->next;
    s->next = t;
    return !follow(s, from) || s->n_done == s->lanes;
}

/* ---- the search ------------------------------------------------------------------------------ */
static lane *new_lanes(search *s)
{
    fab_ctx *c = s->c;
    size_t room = (size_t)s->m->cfg.text_ctx;
    lane *l = fab_arena_zero(c->arena, (size_t)s->lanes * sizeof *l, &c->err);
    for (int i = 0; l && i < s->lanes; i++)
        if (!(l[i].tokens = fab_arena_take(c->arena, room * sizeof *l[i].tokens, &c->err)))
            return NULL;
    return l;
}

static bool prepare(search *s)
{
    fab_ctx *c = s->c;
    fab_arena *a = c->arena;
    s->lanes = s->o->lanes < 1 ? 1 : s->o->lanes;
    s->beams = s->lanes > 1 && !(s->o->temperature > 0);
    if (s->lanes > FAB_SPEECH_MAX_LANES)
        return fab_fail(&c->err, FAB_EUSAGE, "%d beams; %d are the limit", s->lanes,
                        FAB_SPEECH_MAX_LANES);
    s->logits = fab_arena_take(a, (size_t)(s->lanes * s->m->cfg.vocab) * sizeof(float), &c->err);
    s->live = new_lanes(s);
    s->next = new_lanes(s);
    s->done = new_lanes(s);
    fab_rng_init(&s->rng, s->o->seed);
    return s->logits && s->live && s->next && s->done &&
           fab_whisper_kv(s->m, &s->kv, a, s->lanes, &c->err) &&
           (!s->beams || fab_whisper_kv(s->m, &s->spare, a, s->lanes, &c->err));
}

/* The last token of every lane goes in; their next logits come out. */
static bool advance(search *s)
{
    int32_t ids[FAB_SPEECH_MAX_LANES], rows[FAB_SPEECH_MAX_LANES];
    for (int i = 0; i < s->lanes; i++) {
        const lane *l = &s->live[i];
        ids[i] = l->ended || !l->n ? s->ids->eot : l->tokens[l->n - 1];
        rows[i] = i;
    }
    return run(s, &s->kv, ids, s->lanes, 1, rows, s->lanes, s->logits);
}

static bool search_all(search *s)
{
    const fab_whisper_config *g = &s->m->cfg;
    for (int step = 0; step < s->most; step++) {
        for (int i = 0; i < s->lanes; i++)
            fab_speech_rules(g, s->ids, s->o->timestamps, s->live[i].tokens, s->live[i].n,
                             s->logits + i * g->vocab);
        bool over = s->beams ? beam_step(s, step == 0) : draw_step(s);
        if (s->c->err.code) return false;
        if (over) break;
        if (step + 1 < s->most && !advance(s)) return false;
    }
    return true;
}

/* Beams that had no room to end count as ended, the likeliest first. */
static void finish_beams(search *s)
{
    for (; s->n_done < s->lanes; s->n_done++) {
        lane *best = NULL;
        for (int i = 0; i < s->lanes; i++)
            if (!s->live[i].ended && (!best || s->live[i].sum > best->sum)) best = &s->live[i];
        if (!best) break;
        copy_lane(&s->done[s->n_done], best);
        best->ended = true;
    }
}

static const lane *pick(search *s)
{
    const lane *list = s->beams ? s->done : s->live, *best = list;
    int n = s->beams ? s->n_done : s->lanes;
    for (int i = 1; i < n; i++)
        if (list[i].sum / (list[i].n ? list[i].n : 1) > best->sum / (best->n ? best->n : 1))
            best = &list[i];
    return best;
}

bool fab_speech_search(fab_ctx *c, const fab_whisper *m, const fab_whisper_ids *ids,
                       const fab_whisper_heard *heard, const fab_speech_opts *o,
                       fab_arena *out_arena, fab_speech_text *out)
{
    search s = { .c = c, .m = m, .ids = ids, .heard = heard, .o = o };
    if (c->err.code) return false;
    fab_arena_mark mark = fab_arena_save(c->arena);
    bool ok = prepare(&s) && begin(&s, out) && search_all(&s);
    if (ok) {
        if (s.beams) finish_beams(&s);
        const lane *best = pick(&s);
        out->n = best->n;
        out->avg_logp = best->sum / (best->n + 1);
        out->tokens = fab_arena_take(out_arena, (size_t)best->n * sizeof *out->tokens, &c->err);
        if (out->tokens) memcpy(out->tokens, best->tokens, (size_t)best->n * sizeof *out->tokens);
        ok = out->tokens != NULL;
    }
    fab_arena_release(c->arena, mark);
    return ok;
}

bool fab_speech_language(fab_ctx *c, const fab_whisper *m, const fab_whisper_ids *ids,
                         const fab_whisper_heard *heard, float *probs)
{
    search s = { .c = c, .m = m, .ids = ids, .heard = heard };
    const int32_t zero = 0;
    if (c->err.code) return false;
    fab_arena_mark mark = fab_arena_save(c->arena);
    float *z = fab_arena_take(c->arena, (size_t)m->cfg.vocab * sizeof *z, &c->err);
    bool ok = z && fab_whisper_kv(m, &s.kv, c->arena, 1, &c->err) &&
              run(&s, &s.kv, &ids->sot, 1, 1, &zero, 1, z);
    if (ok) {
        double sum = log_sum_exp(z + ids->sot + 1, ids->languages);
        for (int32_t i = 0; i < ids->languages; i++)
            probs[i] = (float)exp((double)z[ids->sot + 1 + i] - sum);
    }
    fab_arena_release(c->arena, mark);
    return ok;
}
