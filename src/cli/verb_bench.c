/* fabrica bench: how fast models run here, as fractions of what this machine gives.
 *
 *   prefill   T = 577 tokens through a LLaMA in one pass, weights bf16, q8_0, q4_0          tokens/s, of the products' rate
 *   generate  one token after another, weights q8_0, q4_0, q4_K                            tokens/s, of the read bandwidth
 *   batch     the same of 8 sequences together; "times": of one alone in the same rounds   tokens/s, of the read bandwidth
 *   encode    one picture through CLIP's ViT-B/16-224 and ViT-L/14-336, pixels to features pictures/s, of the products' rate;
 *             weights bf16, and q8_0 with the cosine of the features to those of the same weights
 *             and products in f32
 *
 * Weights are random, drawn in memory, every tensor its own. Rounds are interleaved: each measures
 * the machine's limits on all threads (products from registers, reads in four streams), then the
 * model once; the fraction is median over median. Products of bf16 are held against those of AMX or
 * AVX512-BF16 where that is what multiplies, else against f32 multiply-adds (operands rounded to
 * f16 can pass 1); q8_0 and q4_0 against int8 products where there is VNNI, else against those of
 * bf16. Limits are in CPU time, models in wall time: other work on the machine lowers the
 * fractions.
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/progress.h"
#include "cli/bench_file.h"
#include "cli/bench_tower.h"
#include "cli/random_llama.h"
#include "kernels/bench.h"

typedef struct {
    const char *shape, *only, *model, *write, *type;
    bool quick;
} opts;

enum { PROMPT = 577, BATCH = 8, MOST_ROUNDS = 9, READ_BYTES = 1 << 28 };
typedef enum { PEAK_BF16, PEAK_INT8, PEAK_F32, PEAK_READ, PEAKS } peak;
static const char *const peak_names[PEAKS] = { "bf16_gflops", "int8_gops", "f32_gflops",
                                               "read_gbs" };

typedef struct {
    fab_run *r;
    const fab_kernels *k;
    const char *shape;
    int rounds;
    float *read; /* READ_BYTES, touched */
    double seen[PEAKS][128];
    int n_seen[PEAKS];
    json_t *doc;
    fab_progress progress;
} bench;

/* ---- the machine's limits ------------------------------------------------------------------------------------- */

typedef struct {
    const bench *b;
    peak what;
    double rate[256];
} limit_job;

static void one_limit(void *arg, int task, int worker)
{
    limit_job *j = arg;
    size_t each = READ_BYTES / (size_t)j->b->r->threads / 64 * 64;

    (void)worker;
    switch (j->what) {
    case PEAK_BF16: j->rate[task] = fab_peak_bf16(j->b->k, 0.004); break;
    case PEAK_INT8: j->rate[task] = fab_peak_int8(j->b->k, 0.004); break;
    case PEAK_F32: j->rate[task] = fab_peak_f32(j->b->k, 0.004); break;
    default:
        j->rate[task] =
            fab_peak_read((const char *)j->b->read + (size_t)task * each, each, 4, 0.02);
    }
}

/* All threads at once; remembered. 0: the table has none. */
static double limit(bench *b, peak what)
{
    limit_job j = { .b = b, .what = what };
    double sum = 0;

    fab_pool_run(b->r->pool, b->r->threads, one_limit, &j);
    for (int i = 0; i < b->r->threads; i++) sum += j.rate[i];
    if (sum > 0 && b->n_seen[what] < 128) b->seen[what][b->n_seen[what]++] = sum;
    return sum;
}

static double bf16_limit(bench *b)
{
    double bf16 = limit(b, PEAK_BF16);
    return bf16 > 0 ? bf16 : limit(b, PEAK_F32);
}

static int ascending(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n ? x[n / 2] : 0;
}

/* ---- a LLaMA -------------------------------------------------------------------------------------------------- */

typedef struct {
    fab_random_llama w;
    fab_arena *home, *work;
    fab_llama model;
    fab_ctx c;
    fab_kv kv;
} decoder;

static void decoder_close(decoder *d)
{
    fab_arena_free(d->work);
    fab_arena_free(d->home);
    fab_arena_free(d->w.arena);
    fab_free(d);
}

static decoder *decoder_open(bench *b, fab_dtype type, fab_err *err)
{
    decoder *d = fab_new(sizeof *d, err);
    fab_param_list list = { 0 };

    if (!d) return NULL;
    /* side by side in large pages, as a mapped file's lie in the page cache: matrices of 2 MB in
     * pages of 4 KB of their own are read at two thirds of the rate */
    fab_random_llama_init(&d->w, b->shape, type, fab_arena_new((size_t)64 << 20, err));
    d->home = fab_arena_new(0, err);
    d->work = fab_arena_new((size_t)16 << 20, err);
    if (d->w.arena && d->home && d->work) {
        fab_param_source source = fab_random_llama_source(&d->w);
        fab_params p = fab_params_load(d->home, &list, &source);
        p.pool = b->r->pool;
        p.k = b->k;
        fab_llama_params(&p, &d->model, &d->w.cfg);
        if (d->w.err.code) p.err = d->w.err;
        fab_ctx_init(&d->c, d->work, b->r->pool);
        d->c.bf16 = true;
        if (fab_params_end(&p, err) &&
            fab_llama_kv(&d->model, &d->kv, d->home, 1, PROMPT + 64, err))
            return d;
    }
    decoder_close(d);
    return NULL;
}

/* n tokens after those in the cache, of each of B sequences; seconds, or negative with err set. */
static double pass_in(decoder *d, fab_kv *kv, int B, int n, fab_err *err)
{
    fab_ctx_reset(&d->c);
    double start = fab_bench_wall();
    fab_tensor *ids = fab_tensor_new(&d->c, FAB_I32, FAB_SHAPE(B, n)),
               *last = fab_tensor_new(&d->c, FAB_I32, FAB_SHAPE(B));
    for (int i = 0; ids && i < B * n; i++)
        fab_i32(ids)[i] = (int32_t)fab_rng_below(&d->w.rng, (uint32_t)d->w.cfg.vocab);
    for (int i = 0; last && i < B; i++) fab_i32(last)[i] = (i + 1) * n - 1;
    fab_tensor *x = fab_llama_embed(&d->c, &d->model, ids);
    x = fab_llama_hidden(&d->c, &d->model, x, NULL, NULL, kv, 0);
    x = fab_llama_logits(&d->c, &d->model, x, last);
    if (!x) fab_fail(err, d->c.err.code, "%s", d->c.err.text);
    return x ? fab_bench_wall() - start : -1;
}

static double pass(decoder *d, int n, fab_err *err) { return pass_in(d, &d->kv, 1, n, err); }

/* ---- measuring ------------------------------------------------------------------------------------------------- */

static bool record(bench *b, const char *group, const char *name, const char *unit, double rate,
                   double fraction, fab_err *err)
{
    json_t *o = json_object_get(b->doc, group),
           *v = json_pack("{s:f, s:s, s:f}", "rate", rate, "unit", unit, "fraction", fraction);
    if (!o || !v || json_object_set_new(o, name, v))
        return fab_fail(err, FAB_ENOMEM, "out of memory");
    return true;
}

/* What q8_0 and the like are held against. */
static double quantised_limit(bench *b)
{
    double int8 = limit(b, PEAK_INT8);
    return int8 > 0 ? int8 : bf16_limit(b);
}

static void step(bench *b, const char *what)
{
    fab_progress_set(&b->progress, b->progress.done + 1, "%s", what);
}

static bool prefill(bench *b, const char *name, fab_dtype type, fab_err *err)
{
    double rate[MOST_ROUNDS], work[MOST_ROUNDS], peak_rate[MOST_ROUNDS];
    decoder *d = decoder_open(b, type, err);
    bool ok = d != NULL;

    for (int i = -1; ok && i < b->rounds; i++) { /* one pass to warm up */
        double peak_now = fab_dtype_is_quantised(type) ? quantised_limit(b) : bf16_limit(b);
        d->kv.len[0] = 0;
        double s = pass(d, PROMPT, err);
        ok = s > 0;
        if (i < 0 || !ok) continue;
        const fab_llama_config *cfg = &d->w.cfg;
        /* the head sees one row; scores and their use: half of T x T is seen */
        double flops = 2.0 * PROMPT * (d->w.values - (double)(cfg->vocab * cfg->dim)) +
                       2.0 * PROMPT * PROMPT * (double)cfg->dim * cfg->layers;
        rate[i] = PROMPT / s, work[i] = flops / s, peak_rate[i] = peak_now;
    }
    if (ok) {
        double mid = median(rate, b->rounds),
               fraction = median(work, b->rounds) / median(peak_rate, b->rounds);
        ok = record(b, "prefill", name, "tokens/s", mid, fraction, err);
    }
    if (d) decoder_close(d);
    step(b, name);
    return ok;
}

static bool generate(bench *b, const char *name, fab_dtype type, fab_err *err)
{
    double rate[MOST_ROUNDS], peak_rate[MOST_ROUNDS];
    decoder *d = decoder_open(b, type, err);
    bool ok = d && pass(d, 16, err) > 0;

    for (int i = 0; ok && i < b->rounds; i++) {
        double s[4] = { 0 };
        peak_rate[i] = limit(b, PEAK_READ);
        for (int t = 0; ok && t < 4; t++) ok = (s[t] = pass(d, 1, err)) > 0;
        rate[i] = 1 / median(s, 4);
    }
    if (ok) {
        double mid = median(rate, b->rounds),
               fraction = mid * (double)d->w.read_bytes / median(peak_rate, b->rounds);
        ok = record(b, "generate", name, "tokens/s", mid, fraction, err);
    }
    if (d) decoder_close(d);
    step(b, name);
    return ok;
}

/* BATCH sequences together and one alone, in turn: the ratio is of the same moments. */
static bool batch(bench *b, const char *name, fab_dtype type, fab_err *err)
{
    double rate[MOST_ROUNDS], times[MOST_ROUNDS], peak_rate[MOST_ROUNDS];
    decoder *d = decoder_open(b, type, err);
    fab_kv kv;
    bool ok = d && fab_llama_kv(&d->model, &kv, d->home, BATCH, 64, err) && pass(d, 16, err) > 0 &&
              pass_in(d, &kv, BATCH, 16, err) > 0;

    for (int i = 0; ok && i < b->rounds; i++) {
        double one[4], all[4];
        peak_rate[i] = limit(b, PEAK_READ);
        for (int t = 0; ok && t < 4; t++)
            ok = (one[t] = pass(d, 1, err)) > 0 && (all[t] = pass_in(d, &kv, BATCH, 1, err)) > 0;
        if (!ok) break;
        double s = median(all, 4);
        rate[i] = BATCH / s, times[i] = BATCH * median(one, 4) / s;
    }
    if (ok) {
        double mid = median(rate, b->rounds),
               fraction = mid / BATCH * (double)d->w.read_bytes / median(peak_rate, b->rounds);
        ok = record(b, "batch", name, "tokens/s", mid, fraction, err) &&
             !json_object_set_new(json_object_get(json_object_get(b->doc, "batch"), name), "times",
                                  json_real(median(times, b->rounds)));
    }
    if (d) decoder_close(d);
    step(b, name);
    return ok;
}

/* ---- pictures -------------------------------------------------------------------------------------------------- */

static bool encode(bench *b, const fab_bench_vit *v, fab_err *err)
{
    double rate[MOST_ROUNDS], peak_rate[MOST_ROUNDS];
    bool quantised = fab_dtype_is_quantised(v->type);
    fab_bench_tower *t = fab_bench_tower_open(v, b->k, b->r->pool, err);
    bool ok = t != NULL;

    for (int i = -1; ok && i < b->rounds; i++) { /* one pass to warm up */
        double peak_now = quantised ? quantised_limit(b) : bf16_limit(b),
               s = fab_bench_tower_pass(t, err);
        ok = s > 0;
        if (i >= 0) rate[i] = 1 / s, peak_rate[i] = peak_now;
    }
    if (ok) {
        double mid = median(rate, b->rounds),
               fraction = mid * v->flops / median(peak_rate, b->rounds);
        json_t *rows = json_object_get(b->doc, "encode");
        ok = record(b, "encode", v->name, "images/s", mid, fraction, err) &&
             (!quantised || !json_object_set_new(json_object_get(rows, v->name), "cosine",
                                                 json_real(fab_bench_tower_cosine(t))));
    }
    fab_bench_tower_close(t);
    step(b, v->name);
    return ok;
}

/* ---- the verb -------------------------------------------------------------------------------------------------- */

static void print_table(const bench *b)
{
    const char *group, *name;
    json_t *rows, *row;

    json_object_foreach(json_object_get(b->doc, "peak"), name, row)
        fprintf(b->r->out, "%-10s %-16s %10.1f\n", "peak", name, json_number_value(row));
    json_object_foreach(b->doc, group, rows)
    {
        if (!json_is_object(rows) || !strcmp(group, "peak")) continue;
        json_object_foreach(rows, name, row)
        {
            const json_t *times = json_object_get(row, "times"),
                         *cosine = json_object_get(row, "cosine");
            fprintf(b->r->out, "%-10s %-16s %10.2f %-9s %5.1f %%", group, name,
                    json_number_value(json_object_get(row, "rate")),
                    json_string_value(json_object_get(row, "unit")),
                    100 * json_number_value(json_object_get(row, "fraction")));
            if (times) fprintf(b->r->out, ", %.1f times one", json_number_value(times));
            if (cosine) fprintf(b->r->out, ", cosine to f32 %.5f", json_number_value(cosine));
            fputc('\n', b->r->out);
        }
    }
}

static void put_peaks(bench *b)
{
    json_t *o = json_object_get(b->doc, "peak");

    limit(b, PEAK_F32), bf16_limit(b), limit(b, PEAK_INT8), limit(b, PEAK_READ);
    for (int i = 0; i < PEAKS; i++) {
        int from = b->n_seen[i] ? i : i == PEAK_BF16 ? PEAK_F32 : i;
        json_object_set_new(o, peak_names[i],
                            json_real(median(b->seen[from], b->n_seen[from]) * 1e-9));
    }
}

typedef bool (*measure_fn)(bench *b, const char *name, fab_dtype type, fab_err *err);

static const struct {
    const char *group, *name;
    measure_fn of_llama;
    fab_dtype type;
    const fab_bench_vit *picture; /* in of_llama's place */
} rows[] = {
    { "prefill", "bf16", prefill, FAB_BF16 },    { "prefill", "q8_0", prefill, FAB_Q8_0 },
    { "prefill", "q4_0", prefill, FAB_Q4_0 },    { "generate", "q8_0", generate, FAB_Q8_0 },
    { "generate", "q4_0", generate, FAB_Q4_0 },  { "generate", "q4_K", generate, FAB_Q4_K },
    { "batch", "q8_0", batch, FAB_Q8_0 },        { "encode", .picture = fab_bench_vits },
    { "encode", .picture = fab_bench_vits + 1 }, { "encode", .picture = fab_bench_vits + 2 },
    { "encode", .picture = fab_bench_vits + 3 },
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool measure(bench *b, const char *only, fab_err *err)
{
    for (int i = 0; i < ROWS; i++) {
        const char *name = rows[i].picture ? rows[i].picture->name : "";
        if (strcmp(only, "all") && strcmp(only, rows[i].group) && strncmp(only, name, strlen(only)))
            continue; /* a tower in all its types */
        if (rows[i].picture ? !encode(b, rows[i].picture, err)
                            : !rows[i].of_llama(b, rows[i].name, rows[i].type, err))
            return false;
    }
    return true;
}

static bool bench_all(fab_run *r, const opts *o, fab_err *err)
{
    bench b = { .r = r, .shape = o->shape, .k = fab_kernels_best(), .rounds = o->quick ? 1 : 5 };

    if (r->threads > 256) return fab_fail(err, FAB_EUSAGE, "bench runs on 256 threads at most");
    b.read = fab_aligned_new(READ_BYTES, err);
    b.doc =
        json_pack("{s:s, s:i, s:s, s:{}, s:{}, s:{}, s:{}, s:{}}", "isa", b.k->name, "threads",
                  r->threads, "shape", o->shape, "peak", "prefill", "generate", "batch", "encode");
    bool ok = b.read && (b.doc || fab_fail(err, FAB_ENOMEM, "out of memory"));
    if (ok) {
        memset(b.read, 1, READ_BYTES);
        fab_progress_init(&b.progress, "bench", strcmp(o->only, "all") ? 0 : ROWS);
        ok = measure(&b, o->only, err);
        fab_progress_clear(&b.progress);
    }
    if (ok) put_peaks(&b);
    fab_aligned_free(b.read);
    if (ok && r->json) return fab_run_json(r, b.doc, err);
    if (ok) print_table(&b);
    json_decref(b.doc);
    return ok;
}

/* ---- a file ---------------------------------------------------------------------------------------------------- */

static bool bench_model(fab_run *r, const opts *o, fab_err *err)
{
    json_t *v = fab_bench_file(r, o->model, err);
    const char *name;
    json_t *x;
    if (!v) return false;
    if (r->json) return fab_run_json(r, v, err);
    json_object_foreach(v, name, x) if (json_is_number(x))
        fprintf(r->out, "%-20s %.6g\n", name, json_number_value(x));
    json_decref(v);
    return true;
}

static bool write_model(fab_run *r, const opts *o, fab_err *err)
{
    static const fab_dtype types[] = { FAB_BF16, FAB_Q8_0, FAB_Q4_0, FAB_Q4_K };
    fab_random_llama w;
    int i = 0;
    while (strcasecmp(fab_dtype_name(types[i]), o->type) != 0) i++;
    fab_random_llama_init(&w, o->shape, types[i], r->arena);
    return fab_random_llama_write(&w, o->write, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    if (o->model && o->write) return fab_fail(err, FAB_EUSAGE, "--model and --write: one of them");
    if (o->write) return write_model(r, o, err);
    return o->model ? bench_model(r, o, err) : bench_all(r, o, err);
}

const fab_verb fab_verb_bench = {
    .name = "bench",
    .summary = "measure how fast models run on this machine",
    .about = "Random weights of a LLaMA's shape are drawn in memory; prompts of 577 tokens, "
             "generation token by token, alone and of 8 sequences together, "
             "and CLIP's picture towers are timed between measurements of what the machine gives "
             "at most, and stated "
             "as fractions of it. The 1.1b shape takes 3 GB.",
    .example = "fabrica bench --shape 135m --json",
    .opts_size = sizeof(opts),
    .run = run,
    .opts = (const fab_opt[]){ { "shape", FAB_CHOICE, offsetof(opts, shape), "1.1b",
                                 "size of the LLaMA", .choices = "135m|1.1b" },
                               { "only", FAB_CHOICE, offsetof(opts, only), "all",
                                 "one kind of row, or one picture tower",
                                 .choices =
                                     "all|prefill|generate|batch|encode|vit_b16_224|vit_l14_336" },
                               { "model", FAB_FILE_IN, offsetof(opts, model), NULL,
                                 "only this file: load, first token, memory, tokens/s; of a mini "
                                 "ms a picture and a question" },
                               { "write", FAB_FILE_OUT, offsetof(opts, write), NULL,
                                 "only write the shape with random weights as a GGUF" },
                               { "type", FAB_CHOICE, offsetof(opts, type), "q8_0",
                                 "of what --write writes", .choices = "bf16|q8_0|q4_0|q4_K" },
                               { "quick", FAB_FLAG, offsetof(opts, quick), NULL,
                                 "one round of each in place of five" },
                               { 0 } },
};
