/* run_vqa: see run.h. */
#include <string.h>
#include "base/file.h"
#include "base/rng.h"
#include "evaluate/run.h"

enum { DEFAULT_TOKENS = 48 };

typedef struct {
    fab_engine *e;
    const fab_qa_set *set;
    const fab_eval_opts *o;
    fab_arena *arena;
    const char **answers; /* [n] */
    double *sureness;     /* [n] */
    const int32_t *shown; /* [images.n]: which picture is looked at in its place; NULL: itself */
    bool mirrored;
    int64_t n, done, failed;
    fab_ask_opts ask;
} job;

static void tell(const job *j, const char *name, const fab_err *err)
{
    char s[600];
    snprintf(s, sizeof s, "%s: %s", name, err->text);
    if (j->o->on_bad) j->o->on_bad(j->o->arg, s);
}

static void step(job *j, int64_t n)
{
    j->done += n;
    if (j->o->on_step) j->o->on_step(j->o->arg, j->done, j->n);
}

/* Answers to records rows[0..n) about one look, together; one by one when a question cannot be
 * asked. False: the model or memory failed. */
static bool answer(job *j, const fab_look *look, const int64_t *rows, int n, fab_err *err)
{
    const char **questions = fab_arena_take(j->arena, (size_t)n * sizeof *questions, err);
    fab_answer *a = fab_arena_zero(j->arena, (size_t)n * sizeof *a, err);
    fab_err bad = FAB_ERR_INIT;
    if (!questions || !a) return false;
    for (int i = 0; i < n; i++) questions[i] = j->set->items[rows[i]].question;
    bool together = fab_engine_ask_many(j->e, look, questions, n, &j->ask, j->arena, a, &bad);
    for (int i = 0; i < n; i++) {
        fab_err one = FAB_ERR_INIT;
        bool ok =
            together || fab_engine_ask(j->e, look, questions[i], &j->ask, j->arena, &a[i], &one);
        if (ok) j->answers[rows[i]] = a[i].text, j->sureness[rows[i]] = a[i].sureness;
        else if (one.code == FAB_EUSAGE || one.code == FAB_ELIMIT) {
            tell(j, j->set->items[rows[i]].id, &one);
            j->failed++;
        } else return fab_fail(err, one.code, "%s", one.text);
    }
    step(j, n);
    return true;
}

static void mirror(fab_image *im)
{
    for (int64_t y = 0; y < im->height; y++)
        for (int64_t l = 0, r = im->width - 1; l < r; l++, r--) {
            uint8_t *a = im->rgb + 3 * (y * im->width + l), *b = im->rgb + 3 * (y * im->width + r);
            for (int c = 0; c < 3; c++) {
                uint8_t t = a[c];
                a[c] = b[c], b[c] = t;
            }
        }
}

static bool answer_picture(job *j, int32_t image, const int64_t *rows, int n, fab_err *err)
{
    const fab_look *look = NULL;
    if (image >= 0) {
        fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
        fab_err bad = FAB_ERR_INIT;
        how.no_raw = true;
        const char *path = j->set->images->paths[j->shown ? j->shown[image] : image];
        fab_image *im = fab_image_open(path, &how, &bad);
        if (im && j->mirrored && im->rgb) mirror(im);
        look = im ? fab_engine_look(j->e, im, &bad) : NULL;
        fab_image_free(im);
        if (!look) {
            if (bad.code == FAB_ENOMEM) return fab_fail(err, bad.code, "%s", bad.text);
            tell(j, strstr(bad.text, path) ? "record" : path, &bad);
            j->failed += n;
            step(j, n);
            return true;
        }
    }
    bool ok = answer(j, look, rows, n, err);
    fab_look_unref(look);
    return ok;
}

/* Record numbers ordered by picture (text-only first), file order within one. */
static int64_t *by_picture(const fab_qa_set *set, int64_t n, fab_arena *a, fab_err *err)
{
    int32_t pictures = set->images->n + 1;
    int64_t *start = fab_arena_zero(a, ((size_t)pictures + 1) * sizeof *start, err);
    int64_t *order = fab_arena_take(a, (size_t)(n ? n : 1) * sizeof *order, err);
    if (!start || !order) return NULL;
    for (int64_t i = 0; i < n; i++) start[set->items[i].image + 2]++;
    for (int32_t k = 1; k <= pictures; k++) start[k] += start[k - 1];
    for (int64_t i = 0; i < n; i++) order[start[set->items[i].image + 1]++] = i;
    return order;
}

static bool ask_all(job *j, fab_err *err)
{
    int64_t *order = by_picture(j->set, j->n, j->arena, err);
    if (!order) return false;
    for (int64_t i = 0, end; i < j->n; i = end) {
        int32_t image = j->set->items[order[i]].image;
        for (end = i + 1; end < j->n && end - i < 4096 && j->set->items[order[end]].image == image;)
            end++;
        if (!answer_picture(j, image, order + i, (int)(end - i), err)) return false;
    }
    return true;
}

/* Every different question once, about mid-grey. */
static bool ask_blank(job *j, fab_err *err)
{
    fab_path_list questions;
    int64_t *first = fab_arena_take(j->arena, (size_t)(j->n ? j->n : 1) * sizeof *first, err),
            n = 0;
    int32_t *of = fab_arena_take(j->arena, (size_t)(j->n ? j->n : 1) * sizeof *of, err);
    if (!first || !of || !fab_paths_init(&questions, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < j->n; i++) {
        of[i] = fab_paths_add(&questions, j->set->items[i].question, err);
        ok = of[i] >= 0;
        if (of[i] == n) first[n++] = i;
    }
    fab_paths_clear(&questions);
    const fab_look *grey = ok ? fab_engine_look_grey(j->e, err) : NULL;
    ok = grey != NULL;
    for (int64_t i = 0; ok && i < n; i += 64)
        ok = answer(j, grey, first + i, (int)(n - i < 64 ? n - i : 64), err);
    for (int64_t i = 0; ok && i < j->n; i++) j->answers[i] = j->answers[first[of[i]]];
    fab_look_unref(grey);
    return ok;
}

/* The baseline that knows only the questions, when the model file carries it. */
static bool ask_baseline(job *j, bool *asked, fab_err *err)
{
    const char *json = fab_engine_model(j->e)->question_only;
    *asked = json && *json;
    if (!*asked) return true;
    fab_blind *b = fab_blind_parse(json, strlen(json), err);
    bool ok = b != NULL;
    for (int64_t i = 0; ok && i < j->n; i++)
        ok = (j->answers[i] =
                  fab_arena_strdup(j->arena, fab_blind_answer(b, &j->set->items[i]), err)) != NULL;
    fab_blind_free(b);
    return ok;
}

/* Every picture that is asked about is shown in place of another one: one ring through all of
 * them in a shuffled order. *shown NULL: there are not two. */
static bool shuffle(const job *j, const int32_t **shown, fab_err *err)
{
    int32_t pictures = j->set->images->n;
    uint32_t *ring = fab_arena_take(j->arena, ((size_t)pictures + 1) * sizeof *ring, err), n = 0;
    int32_t *to = fab_arena_take(j->arena, ((size_t)pictures + 1) * sizeof *to, err);
    *shown = NULL;
    if (!ring || !to) return false;
    for (int32_t i = 0; i < pictures; i++) to[i] = -1;
    for (int64_t i = 0; i < j->n; i++) {
        int32_t image = j->set->items[i].image;
        if (image < 0 || to[image] >= 0) continue;
        to[image] = image;
        ring[n++] = (uint32_t)image;
    }
    fab_rng rng;
    fab_rng_init(&rng, 1);
    fab_rng_shuffle(&rng, ring, n);
    for (uint32_t i = 0; i < n; i++) to[ring[i]] = (int32_t)ring[(i + 1) % n];
    if (n > 1) *shown = to;
    return true;
}

static bool start(job *j, fab_engine *e, const fab_qa_set *set, const fab_eval_opts *o,
                  fab_arena *a, fab_err *err)
{
    *j = (job){ .e = e, .set = set, .o = o, .arena = a, .n = set->n };
    if (o->limit > 0 && o->limit < j->n) j->n = o->limit;
    j->ask.max_tokens = o->max_tokens > 0 ? o->max_tokens : DEFAULT_TOKENS;
    j->answers = fab_arena_zero(a, (size_t)(j->n ? j->n : 1) * sizeof *j->answers, err);
    j->sureness = fab_arena_zero(a, (size_t)(j->n ? j->n : 1) * sizeof *j->sureness, err);
    return j->answers && j->sureness;
}

static bool ask(job *j, fab_vqa_view view, bool *asked, fab_err *err)
{
    *asked = true;
    if (view == FAB_VQA_QUESTION_ONLY) return ask_baseline(j, asked, err);
    if (view == FAB_VQA_BLANK) return ask_blank(j, err);
    if (view == FAB_VQA_SHUFFLED && !shuffle(j, &j->shown, err)) return false;
    *asked = view != FAB_VQA_SHUFFLED || j->shown;
    j->mirrored = view == FAB_VQA_MIRRORED;
    return !*asked || ask_all(j, err);
}

static bool score(job *j, fab_vqa_protocol p, fab_vqa_pass *out, fab_err *err)
{
    double *points = fab_arena_take(j->arena, (size_t)(j->n ? j->n : 1) * sizeof *points, err);
    if (!points) return false;
    for (int64_t i = 0; i < j->n; i++)
        if (!fab_vqa_points(p, &j->set->items[i], j->answers[i], j->arena, &points[i], err))
            return false;
    *out = (fab_vqa_pass){ true, j->answers, points, fab_vqa_sum(j->set->items, points, j->n) };
    return true;
}

bool fab_eval_vqa_run(fab_engine *e, const fab_qa_set *set, const fab_eval_opts *opts, fab_arena *a,
                      fab_eval_vqa *out, fab_err *err)
{
    fab_eval_opts o = opts ? *opts : (fab_eval_opts){ 0 };
    *out = (fab_eval_vqa){ .protocol = o.protocol };
    for (int view = 0; view < (o.views ? o.views : FAB_VQA_VIEWS); view++) {
        job j;
        bool asked;
        double begin = fab_now();
        if (!start(&j, e, set, &o, a, err) || !ask(&j, (fab_vqa_view)view, &asked, err))
            return false;
        if (asked && !score(&j, o.protocol, &out->pass[view], err)) return false;
        if (view != FAB_VQA_MODEL) continue;
        out->n = j.n, out->failed = j.failed, out->sureness = j.sureness;
        out->seconds_per_question = j.n ? (fab_now() - begin) / (double)j.n : 0;
        o.on_bad = NULL; /* told once */
    }
    return true;
}
