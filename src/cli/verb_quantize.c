/* fabrica quantize: a GGUF's matrices in another type, and what each of them loses by it.
 *
 *   error of a tensor   rmse = sqrt(mean (x - y)^2),  max = max |x - y|,  cosine = x.y / (|x| |y|)
 *
 * Only matrices change: vectors (norms, biases), convolutions and tables of positions stay as they
 * are. In a file of a 4-bit type, token embeddings and the output matrix are q6_K (they are where
 * most is lost), and a matrix whose rows fill no block of 256 is q8_0, of 32 f16 (or what it was),
 * as in files of llama.cpp. Input that is quantised already is widened first.
 *
 * With --data the model is run on records before and after: a published decoder by
 * evaluate/perplexity.h, perplexity exp(-mean log p) and exact answers; our own mini by the exact
 * match of "eval vqa".
 */
#include <math.h>
#include <stddef.h>
#include <string.h>
#include "cli/evaluating.h"
#include "evaluate/perplexity.h"
#include "format/weights_write.h"
#include "kernels/kernels.h"
#include "kernels/quantise.h"

typedef struct {
    const char *in, *out, *type, *data, *images;
    int64_t limit;
} opts;

/* general.file_type, llama.cpp's numbers */
static const struct {
    const char *name;
    fab_dtype type;
    uint32_t file_type;
} types[] = { { "f16", FAB_F16, 1 },   { "bf16", FAB_BF16, 32 }, { "q8_0", FAB_Q8_0, 7 },
              { "q4_0", FAB_Q4_0, 2 }, { "q4_1", FAB_Q4_1, 3 },  { "q4_K", FAB_Q4_K, 15 },
              { "q6_K", FAB_Q6_K, 18 } };
static const char *const replaced[] = { "general.file_type", "general.quantization_version",
                                        "general.alignment", NULL };

typedef struct {
    double rmse, max, cosine;
} loss;

static bool is_table(const char *name)
{
    return strstr(name, "token_embd") || strstr(name, "embed_tokens") ||
           !strcmp(name, "output.weight") || strstr(name, "lm_head");
}

static fab_dtype type_for(const fab_weight *w, fab_dtype want)
{
    bool matrix = w->ndim == 2 && w->shape[0] > 1 && w->shape[1] > 1;
    bool small = want == FAB_Q4_0 || want == FAB_Q4_1 || want == FAB_Q4_K;

    if (!matrix || strstr(w->name, "pos") || !strstr(w->name, "weight")) return w->dtype;
    if (w->dtype != FAB_F32 && w->dtype != FAB_F16 && w->dtype != FAB_BF16 &&
        !fab_dtype_is_quantised(w->dtype))
        return w->dtype;
    if (small && is_table(w->name)) want = FAB_Q6_K;
    if (w->shape[1] % fab_dtype_block(want)) want = FAB_Q8_0;
    if (w->shape[1] % fab_dtype_block(want)) return w->dtype == FAB_F32 ? FAB_F16 : w->dtype;
    return want;
}

static loss compare(const float *x, const float *y, int64_t n)
{
    double off = 0, most = 0, xx = 0, yy = 0, xy = 0;

    for (int64_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)y[i];
        off += d * d;
        most = fabs(d) > most ? fabs(d) : most;
        xx += (double)x[i] * (double)x[i], yy += (double)y[i] * (double)y[i];
        xy += (double)x[i] * (double)y[i];
    }
    return (loss){ sqrt(off / (double)n), most, xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 1 };
}

/* The tensor in its new type, in the arena; NULL with err set. */
static void *convert(const fab_weight *w, fab_dtype to, fab_pool *pool, fab_arena *keep, loss *l,
                     fab_err *err)
{
    const fab_kernels *k = fab_kernels_best();
    uint64_t bytes;
    int64_t n;

    fab_dtype_size(to, w->ndim, w->shape, &n, &bytes);
    void *out = fab_arena_take(keep, (size_t)bytes, err),
         *in = fab_aligned_new((size_t)w->bytes, err);
    float *x = fab_aligned_new((size_t)n * sizeof *x, err),
          *y = fab_aligned_new((size_t)n * sizeof *y, err);
    bool ok = out && in && x && y;
    if (ok) {
        memcpy(in, w->data, (size_t)w->bytes); /* a file promises no alignment */
        k->to_f32(pool, w->dtype, in, x, n);
        for (int64_t i = 0; i < n && ok; i++)
            if (!isfinite(x[i]))
                ok = fab_fail(err, FAB_EFORMAT, "%s: value %lld is not finite", w->name,
                              (long long)i);
    }
    if (ok && (ok = k->from_f32(pool, to, x, out, n))) {
        k->to_f32(pool, to, out, y, n);
        *l = compare(x, y, n);
    }
    fab_aligned_free(in);
    fab_aligned_free(x);
    fab_aligned_free(y);
    return ok ? out : NULL;
}

static json_t *line(const fab_weight *w, fab_dtype to, const loss *l)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f}", "name", w->name, "from",
                     fab_dtype_name(w->dtype), "to", fab_dtype_name(to), "rmse", l->rmse, "max",
                     l->max, "cosine", l->cosine);
}

static bool put_tensors(fab_run *r, const fab_weights *w, fab_gguf *g, fab_dtype want, json_t *doc,
                        fab_err *err)
{
    json_t *rows = json_array();
    int64_t n = fab_weights_count(w), before = 0, after = 0;
    fab_progress p;
    bool ok = rows != NULL;

    fab_progress_init(&p, "quantize", n);
    for (int64_t i = 0; ok && i < n; i++) {
        const fab_weight *t = fab_weights_at(w, i);
        fab_dtype to = type_for(t, want);
        loss l = { 0 };
        uint64_t bytes = t->bytes;
        const void *data = to == t->dtype ? t->data : convert(t, to, r->pool, r->arena, &l, err);
        fab_dtype_size(to, t->ndim, t->shape, NULL, &bytes);
        before += (int64_t)t->bytes, after += (int64_t)bytes;
        ok = data && fab_gguf_tensor(g, t->name, to, t->ndim, t->shape, data);
        if (ok && to != t->dtype) ok = !json_array_append_new(rows, line(t, to, &l));
        fab_progress_set(&p, i + 1, "%s", t->name);
    }
    fab_progress_clear(&p);
    json_object_set_new(doc, "bytes_before", json_integer(before));
    json_object_set_new(doc, "bytes_after", json_integer(after));
    json_object_set_new(doc, "unchanged", json_integer(n - (int64_t)json_array_size(rows)));
    return !json_object_set_new(doc, "tensors", rows) && ok;
}

static void print_table(fab_run *r, const json_t *doc)
{
    size_t i;
    json_t *t;

    fprintf(r->out, "%-44s %-5s %-5s %10s %10s %10s\n", "tensor", "from", "to", "rmse", "max",
            "cosine");
    json_array_foreach(json_object_get(doc, "tensors"), i, t)
        fprintf(r->out, "%-44s %-5s %-5s %10.3g %10.3g %10.7f\n",
                json_string_value(json_object_get(t, "name")),
                json_string_value(json_object_get(t, "from")),
                json_string_value(json_object_get(t, "to")),
                json_number_value(json_object_get(t, "rmse")),
                json_number_value(json_object_get(t, "max")),
                json_number_value(json_object_get(t, "cosine")));
    fprintf(r->out, "%lld tensors unchanged; %lld bytes became %lld\n",
            (long long)json_integer_value(json_object_get(doc, "unchanged")),
            (long long)json_integer_value(json_object_get(doc, "bytes_before")),
            (long long)json_integer_value(json_object_get(doc, "bytes_after")));
}

static bool quantize(fab_run *r, const opts *o, const fab_weights *w, json_t *doc, fab_err *err)
{
    size_t t = 0;
    fab_gguf *g = fab_gguf_new(err);

    while (strcmp(types[t].name, o->type) != 0) t++;
    bool ok = g && put_tensors(r, w, g, types[t].type, doc, err);
    if (g && ok) {
        fab_gguf_copy(g, w, replaced);
        fab_gguf_u32(g, "general.file_type", types[t].file_type);
        fab_gguf_u32(g, "general.quantization_version", 2);
    }
    if (g && !err->code) ok = fab_gguf_write(g, o->out, err) && ok;
    fab_gguf_free(g);
    return ok;
}

/* ---- what the model loses -------------------------------------------------------------------------------------- */

/* Of one file on the records; nan: not measured by these records. */
typedef struct {
    int64_t n, tokens, asked;
    double perplexity, exact;
} standing;

static void on_words(void *arg, int64_t done, int64_t total)
{
    fab_progress *p = arg;
    p->total = total;
    fab_progress_set(p, done, NULL);
}

static bool measure_words(fab_run *r, const opts *o, const char *path, standing *s, fab_err *err)
{
    fab_progress p;
    fab_words_score w;
    fab_words_opts how = { .limit = o->limit, .on_step = on_words, .arg = &p };
    fab_generator *g = fab_generator_open(path, r->pool, FAB_FAST, err);
    if (!g) return false;
    fab_progress_init(&p, "records", o->limit);
    bool ok = fab_words_measure(g, o->data, &how, &w, err);
    fab_progress_clear(&p);
    fab_generator_close(g);
    if (!ok) return false;
    *s = (standing){ w.n, w.tokens, w.asked, fab_words_perplexity(&w),
                     w.asked ? (double)w.right / (double)w.asked : (double)NAN };
    return true;
}

static bool measure_mini(fab_run *r, const opts *o, const char *path, standing *s, fab_err *err)
{
    fab_path_list images = { 0 };
    fab_qa_set set = { 0 };
    fab_eval_vqa v = { 0 };
    fab_progress p;
    fab_eval_opts how = { .limit = o->limit, .views = FAB_VQA_MODEL + 1 };
    bool ok = fab_paths_init(&images, err) && fab_qa_init(&set, &images, err) &&
              fab_qa_read(&set, o->data, o->images, err);
    fab_engine *e = ok ? fab_engine_open(path, r->pool, err) : NULL;
    fab_evaluating(r, "records", set.n, &p, &how);
    ok = e && fab_eval_vqa_run(e, &set, &how, r->arena, &v, err);
    fab_progress_clear(&p);
    fab_engine_close(e);
    fab_qa_clear(&set);
    fab_paths_clear(&images);
    if (v.failed) r->exit_code = 3;
    *s = (standing){ v.n, 0, v.n, (double)NAN, v.pass[FAB_VQA_MODEL].scores.all.overall };
    return ok;
}

static bool measure(fab_run *r, const opts *o, bool mini, const char *path, standing *s,
                    fab_err *err)
{
    return mini ? measure_mini(r, o, path, s, err) : measure_words(r, o, path, s, err);
}

static bool put_change(json_t *o, const char *name, double before, double after)
{
    return isnan(before) ||
           !json_object_set_new(o, name,
                                json_pack("{s:f, s:f, s:f}", "before", before, "after", after,
                                          "change", after - before));
}

static bool put_standings(json_t *doc, const opts *o, const standing *a, const standing *b,
                          fab_err *err)
{
    json_t *d = json_pack("{s:s, s:I, s:I, s:I}", "path", o->data, "records", (json_int_t)a->n,
                          "tokens", (json_int_t)a->tokens, "asked", (json_int_t)a->asked);
    bool ok = d && put_change(d, "perplexity", a->perplexity, b->perplexity) &&
              put_change(d, "exact_match", a->exact, b->exact);
    return (!json_object_set_new(doc, "data", d) && ok) ||
           fab_fail(err, FAB_ENOMEM, "out of memory");
}

static double number_in(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static void print_standings(fab_run *r, const json_t *d)
{
    const json_t *p = json_object_get(d, "perplexity"), *e = json_object_get(d, "exact_match");
    if (p)
        fprintf(r->out, "perplexity   %.4f became %.4f (%+.2f %%), %.0f tokens of %.0f records\n",
                number_in(p, "before"), number_in(p, "after"),
                100 * number_in(p, "change") / number_in(p, "before"), number_in(d, "tokens"),
                number_in(d, "records"));
    if (e)
        fprintf(r->out, "exact match  %.4f became %.4f (%+.2f points), %.0f questions\n",
                number_in(e, "before"), number_in(e, "after"), 100 * number_in(e, "change"),
                number_in(d, "asked"));
}

/* Before is measured first: a file of records that does not fit is found before the long work. */
static bool quantize_and_measure(fab_run *r, const opts *o, const fab_weights *w, json_t *doc,
                                 fab_err *err)
{
    standing before = { 0 }, after = { 0 };
    const char *arch = fab_weights_str(w, "general.architecture", NULL);
    bool mini = arch && !strcmp(arch, "fabrica-mini");
    if (o->data && !measure(r, o, mini, o->in, &before, err)) return false;
    if (!quantize(r, o, w, doc, err)) return false;
    return !o->data || (measure(r, o, mini, o->out, &after, err) &&
                        put_standings(doc, o, &before, &after, err));
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    if (!o->data && (o->images || o->limit))
        return fab_fail(err, FAB_EUSAGE, "--images and --limit belong to --data");
    fab_weights *w = fab_weights_open(o->in, err);
    json_t *doc = json_pack("{s:s}", "type", o->type);
    bool ok = w && doc;

    if (ok && strcmp(fab_weights_format(w), "gguf") != 0)
        ok = fab_fail(err, FAB_EUNSUPPORTED, "%s: quantize reads GGUF, this is %s (see convert)",
                      o->in, fab_weights_format(w));
    ok = ok && quantize_and_measure(r, o, w, doc, err);
    fab_weights_close(w);
    if (ok && r->json) return fab_run_json(r, doc, err);
    if (ok) print_table(r, doc);
    if (ok) print_standings(r, json_object_get(doc, "data"));
    json_decref(doc);
    return ok;
}

const fab_verb fab_verb_quantize = {
    .name = "quantize",
    .summary = "write a GGUF's matrices in a smaller type and say what each loses",
    .about = "Norms, biases, convolutions and positions stay as they are. In the 4-bit types, "
             "embeddings and the output "
             "matrix are q6_K. rmse and max are of the values, cosine between the tensor before "
             "and after. With --data the model is run on records before and after: texts give the "
             "perplexity, questions with answers the share of exact answers (for a text model also "
             "the perplexity of the answers).",
    .example = "fabrica quantize model-f16.gguf model-q4_K.gguf --type q4_K --data texts.jsonl",
    .opts_size = sizeof(opts),
    .run = run,
    .opts =
        (const fab_opt[]){
            { "IN", FAB_FILE_IN, offsetof(opts, in), NULL, "the GGUF that is read" },
            { "OUT", FAB_FILE_OUT, offsetof(opts, out), NULL, "the GGUF that is written" },
            { "type", FAB_CHOICE, offsetof(opts, type), NULL,
              "of the matrices: f16, bf16, q8_0, q4_0, q4_1, q4_K or q6_K", .required = true,
              .choices = "f16|bf16|q8_0|q4_0|q4_1|q4_K|q6_K", .meta = "TYPE" },
            { "data", FAB_FILE_IN, offsetof(opts, data), NULL,
              "records as JSONL: text, or question and answer (image: for a mini)" },
            { "images", FAB_FILE_IN, offsetof(opts, images), NULL,
              "folder of the records' images; else the JSONL's", .meta = "DIR" },
            { "limit", FAB_INT, offsetof(opts, limit), "0",
              "only the first so many records; 0: all", .min = 0, .max = 1e9 },
            { 0 } },
};
