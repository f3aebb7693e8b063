/* bench_file: see bench_file.h. */
#include "cli/bench_file.h"

#include <stdlib.h>
#include <string.h>
#include "data/protocol.h"
#include "engine/engine.h"
#include "engine/generate.h"

enum { SHORT = 16, LONG = 577, SAY = 32 };

/* n tokens spread over the vocabulary. */
static bool answer(fab_run *r, fab_generator *g, int n, fab_generated *out, fab_err *err)
{
    int64_t vocab = fab_generator_decoder(g)->cfg.vocab;
    int32_t *ids = fab_arena_take(r->arena, (size_t)n * sizeof *ids, err);
    for (int i = 0; ids && i < n; i++)
        ids[i] = (int32_t)(((uint64_t)i * 7919 + (uint64_t)n) % (uint64_t)vocab);
    fab_prompt p = { .ids = ids, .n = n };
    fab_generate_opts how = { .max_tokens = SAY, .ignore_end = true };
    return ids && fab_generate(g, &p, 1, &how, r->arena, out, err);
}

static json_t *measure(fab_run *r, fab_generator *g, const char *path, double start, fab_err *err)
{
    const fab_decoder *d = fab_generator_decoder(g);
    double loaded = fab_now() - start, first = 0;
    fab_generated little, much;
    int64_t n = d->cfg.context && d->cfg.context < LONG + SAY ? d->cfg.context - SAY : LONG,
            bytes = 0;
    for (int64_t i = 0; i < fab_weights_count(d->weights); i++)
        bytes += (int64_t)fab_weights_at(d->weights, i)->bytes;
    if (n <= SHORT)
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: a context of %lld tokens is too short to time",
                        path, (long long)d->cfg.context),
               NULL;
    if (!answer(r, g, SHORT, &little, err)) return NULL;
    first = loaded + little.prefill_s;
    if (!answer(r, g, (int)n, &much, err)) return NULL;
    /* what the generator keeps: keys and values in f32 for the places in steps of 256 */
    double cap = (double)((n + SAY + 255) / 256 * 256),
           kv = 8.0 * cap * (double)(d->cfg.layers * d->cfg.kv_heads * d->cfg.head_dim),
           peak = (double)fab_rss_peak();
    return json_pack("{s:s, s:I, s:f, s:f, s:i, s:f, s:f, s:I, s:I, s:f}", "path", path, "bytes",
                     (json_int_t)bytes, "load_seconds", loaded, "first_token_seconds", first,
                     "prompt_tokens", SHORT, "prefill", (double)much.n_prompt / much.prefill_s,
                     "generate", (little.n - 1) / little.generate_s, "kv_bytes", (json_int_t)kv,
                     "peak_bytes", (json_int_t)peak, "memory", (peak - kv) / (double)bytes);
}

/* ---- our own model ------------------------------------------------------------------------------ */

enum { SIDE = 512, BLOCK = 16, ROUNDS = 15 };

typedef struct {
    double see[ROUNDS], ask[ROUNDS], count[ROUNDS]; /* ms */
    int said;                                       /* tokens of all answers */
} times;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A picture never seen: blocks of grey. */
static void draw(uint8_t *rgb, uint64_t seed)
{
    fab_rng g;
    uint8_t grey[SIDE / BLOCK * SIDE / BLOCK];
    fab_rng_init(&g, seed);
    for (size_t i = 0; i < sizeof grey; i++) grey[i] = (uint8_t)fab_rng_below(&g, 256);
    for (int64_t i = 0; i < (int64_t)SIDE * SIDE; i++)
        memset(rgb + 3 * i, grey[i / SIDE / BLOCK * (SIDE / BLOCK) + i % SIDE / BLOCK], 3);
}

/* Round i: a picture, a question of a report about it in either language in turn, its count. */
static bool one_round(fab_run *r, fab_engine *e, int i, uint8_t *rgb, float *texture, times *t,
                      fab_err *err)
{
    const fab_protocol_row *row = &fab_protocol[i * 5 % fab_protocol_rows];
    const fab_ask_opts how = { .max_tokens = 48 };
    fab_answer a;
    double at[4] = { fab_now() };
    const fab_look *look = fab_engine_look_rgb(e, rgb, SIDE, SIDE, err);
    at[1] = fab_now();
    bool ok =
        look && fab_engine_ask(e, look, row->question[i % FAB_LANGS], &how, r->arena, &a, err);
    at[2] = fab_now();
    fab_look_unref(look);
    ok = ok && (!texture || fab_engine_texture(e, rgb, SIDE, SIDE, texture, err));
    at[3] = fab_now();
    t->see[i] = 1e3 * (at[1] - at[0]), t->ask[i] = 1e3 * (at[2] - at[1]);
    t->count[i] = 1e3 * (at[3] - at[2]);
    t->said += ok ? a.n_tokens : 0;
    return ok;
}

static bool all_rounds(fab_run *r, fab_engine *e, times *t, fab_err *err)
{
    uint8_t *rgb = fab_arena_take(r->arena, (size_t)3 * SIDE * SIDE, err);
    int dim = fab_mini_texture_width(&fab_engine_model(e)->model->cfg);
    float *texture = dim ? fab_arena_take(r->arena, (size_t)dim * sizeof *texture, err) : NULL;
    bool ok = rgb && (texture || !dim);
    for (int i = -1; ok && i < ROUNDS; i++) { /* the first warms up */
        if (i <= 0) t->said = 0;
        draw(rgb, (uint64_t)(i + 2));
        ok = one_round(r, e, i < 0 ? 0 : i, rgb, texture, t, err);
    }
    return ok;
}

static json_t *measure_mini(fab_run *r, const char *path, fab_err *err)
{
    double start = fab_now();
    times t = { .said = 0 };
    fab_engine *e = fab_engine_open(path, r->pool, err);
    double loaded = fab_now() - start;
    bool ok = e && all_rounds(r, e, &t, err);
    double *const all[] = { t.see, t.ask, t.count };
    for (int i = 0; i < 3; i++) qsort(all[i], ROUNDS, sizeof(double), by_size);
    fab_engine_close(e);
    return ok ? json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "path", path, "threads",
                          r->threads, "load_seconds", loaded, "look_ms", t.see[ROUNDS / 2],
                          "question_ms", t.ask[ROUNDS / 2], "question_ms_most", t.ask[ROUNDS - 1],
                          "answer_tokens", (double)t.said / ROUNDS, "count_ms", t.count[ROUNDS / 2],
                          "peak_bytes", (json_int_t)fab_rss_peak())
              : NULL;
}

static bool is_mini(const char *path)
{
    fab_err ignored = FAB_ERR_INIT;
    fab_weights *w = fab_weights_open(path, &ignored);
    const char *arch = w && fab_weights_has(w, "general.architecture")
                           ? fab_weights_str(w, "general.architecture", &ignored)
                           : NULL;
    bool mini = arch && !strcmp(arch, "fabrica-mini");
    fab_weights_close(w);
    return mini;
}

json_t *fab_bench_file(fab_run *r, const char *path, fab_err *err)
{
    if (is_mini(path)) return measure_mini(r, path, err);
    double start = fab_now();
    fab_generator *g = fab_generator_open(path, r->pool, FAB_FAST, err);
    json_t *o = g ? measure(r, g, path, start, err) : NULL;
    if (g && !o) fab_fail(err, FAB_ENOMEM, "out of memory");
    fab_generator_close(g);
    return o;
}
