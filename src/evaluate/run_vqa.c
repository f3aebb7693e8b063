/* run_vqa: see run.h. */
#include <string.h>
#include "base/file.h"
#include "evaluate/run.h"

enum { DEFAULT_TOKENS = 48 };

typedef struct {
    fab_engine *e;
    const fab_qa_set *set;
    const fab_eval_opts *o;
    fab_arena *arena;
    const char **answers; /* [n] */
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
        if (ok) j->answers[rows[i]] = a[i].text;
        else if (one.code == FAB_EUSAGE || one.code == FAB_ELIMIT) {
            tell(j, j->set->items[rows[i]].id, &one);
            j->failed++;
        } else return fab_fail(err, one.code, "%s", one.text);
    }
    step(j, n);
    return true;
}

static bool answer_picture(job *j, int32_t image, const int64_t *rows, int n, fab_err *err)
{
    const fab_look *look = NULL;
    if (image >= 0) {
        fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
        fab_err bad = FAB_ERR_INIT;
        how.no_raw = true;
        const char *path = j->set->images->paths[image];
        fab_image *im = fab_image_open(path, &how, &bad);
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

static bool question_only(job *j, fab_eval_vqa *out, fab_err *err)
{
    const char *json = fab_engine_model(j->e)->question_only;
    out->has_question_only = json && *json;
    if (!out->has_question_only) return true;
    fab_blind *b = fab_blind_parse(json, strlen(json), err);
    bool ok = b && fab_blind_measure(b, j->set->items, j->n, &out->question_only, err);
    fab_blind_free(b);
    return ok;
}

static job start(fab_engine *e, const fab_qa_set *set, const fab_eval_opts *o, fab_arena *a,
                 fab_err *err)
{
    job j = { .e = e, .set = set, .o = o, .arena = a, .n = set->n };
    if (o->limit > 0 && o->limit < j.n) j.n = o->limit;
    j.ask.max_tokens = o->max_tokens > 0 ? o->max_tokens : DEFAULT_TOKENS;
    j.answers = fab_arena_zero(a, (size_t)(j.n ? j.n : 1) * sizeof *j.answers, err);
    return j;
}

bool fab_eval_vqa_run(fab_engine *e, const fab_qa_set *set, const fab_eval_opts *opts, fab_arena *a,
                      fab_eval_vqa *out, fab_err *err)
{
    fab_eval_opts o = opts ? *opts : (fab_eval_opts){ 0 };
    job seen = start(e, set, &o, a, err), blank = start(e, set, &o, a, err);
    double begin = fab_now();
    *out = (fab_eval_vqa){ .n = seen.n, .answers = seen.answers };
    if (!seen.answers || !blank.answers || !ask_all(&seen, err)) return false;
    out->seconds_per_question = seen.n ? (fab_now() - begin) / (double)seen.n : 0;
    out->failed = seen.failed;
    out->model = fab_vqa_measure(set->items, seen.answers, seen.n);
    if (o.model_only) return true;
    o.on_step = NULL;
    o.on_bad = NULL;
    if (!ask_blank(&blank, err) || !question_only(&seen, out, err)) return false;
    out->blank = fab_vqa_measure(set->items, blank.answers, seen.n);
    return true;
}

json_t *fab_eval_vqa_json(const fab_eval_vqa *v)
{
    json_t *o = fab_vqa_report(&v->model, v->has_question_only ? &v->question_only : NULL,
                               &v->blank, v->seconds_per_question);
    if (o) json_object_set_new(o, "failed", json_integer(v->failed));
    return o;
}
