/* bench_file: see bench_file.h. */
#include "cli/bench_file.h"

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

json_t *fab_bench_file(fab_run *r, const char *path, fab_err *err)
{
    double start = fab_now();
    fab_generator *g = fab_generator_open(path, r->pool, false, err);
    json_t *o = g ? measure(r, g, path, start, err) : NULL;
    if (g && !o) fab_fail(err, FAB_ENOMEM, "out of memory");
    fab_generator_close(g);
    return o;
}
