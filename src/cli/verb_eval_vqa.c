/* fabrica eval vqa: how often generated answers are exactly right, beside two baselines that do not
 * see the picture. */
#include <stddef.h>
#include "cli/evaluating.h"

typedef struct {
    const char *data, *images, *model, *predictions;
    int64_t limit, max_tokens;
} opts;

static void print_score(FILE *out, const char *name, const fab_vqa_score *s)
{
    fprintf(out, "%-16s n %-6lld overall %.4f  open %.4f  closed %.4f\n", name, (long long)s->n,
            s->overall, s->open, s->closed);
}

static void print_scores(FILE *out, const char *name, const fab_vqa_scores *s)
{
    print_score(out, name, &s->all);
    if (s->by_lang[FAB_EN].n) print_score(out, "  en", &s->by_lang[FAB_EN]);
    if (s->by_lang[FAB_ZH].n) print_score(out, "  zh", &s->by_lang[FAB_ZH]);
}

static bool write_predictions(const char *path, const fab_qa_set *set, const fab_eval_vqa *v,
                              fab_err *err)
{
    fab_out out;
    if (!fab_out_open(&out, path, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < v->n; i++) {
        const fab_qa *q = &set->items[i];
        json_t *one = json_pack("{s:s,s:s,s:s,s:s?,s:b}", "id", q->id, "question", q->question,
                                "answer", q->answer, "prediction", v->answers[i], "right",
                                v->answers[i] && fab_vqa_match(v->answers[i], q->answer));
        ok = (one && json_dumpf(one, out.stream, JSON_COMPACT) == 0 &&
              fab_out_write(&out, "\n", 1, err)) ||
             fab_fail(err, FAB_EIO, "%s: cannot be written", path);
        json_decref(one);
    }
    ok = ok && fab_out_commit(&out, err);
    fab_out_abort(&out);
    return ok;
}

static bool evaluate(fab_run *r, const opts *o, fab_engine *e, const fab_qa_set *set, fab_err *err)
{
    fab_progress bar;
    fab_eval_vqa v;
    fab_eval_opts eo = { .limit = o->limit, .max_tokens = (int)o->max_tokens };
    fab_evaluating(r, "eval vqa", set->n, &bar, &eo);
    bool ok = fab_eval_vqa_run(e, set, &eo, r->arena, &v, err);
    fab_progress_clear(&bar);
    if (!ok || (o->predictions && !write_predictions(o->predictions, set, &v, err))) return false;
    if (v.failed) r->exit_code = 3;
    if (r->json) return fab_run_json(r, fab_eval_vqa_json(&v), err);
    print_scores(r->out, "model", &v.model);
    if (v.has_question_only) print_scores(r->out, "question only", &v.question_only);
    print_scores(r->out, "blank image", &v.blank);
    fprintf(r->out, "%.4f s a question", v.seconds_per_question);
    fprintf(r->out, v.failed ? ", %lld records failed\n" : "\n", (long long)v.failed);
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_path_list images = { 0 };
    fab_qa_set set = { 0 };
    bool ok = fab_paths_init(&images, err) && fab_qa_init(&set, &images, err) &&
              fab_qa_read(&set, o->data, o->images, err);
    fab_engine *e = ok ? fab_engine_open(o->model, r->pool, err) : NULL;
    ok = e && evaluate(r, o, e, &set, err);
    fab_engine_close(e);
    fab_qa_clear(&set);
    fab_paths_clear(&images);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_eval_vqa = {
    .name = "eval vqa", .summary = "measure answers to questions about images by exact match",
    .about = "Answers are generated, lower-cased, stripped of the final stop and compared. Beside the model's score stand "
             "what a model reaches that knows only the questions (kept in the model file) and what this model reaches "
             "when every image is grey. Records whose image cannot be read count as wrong; the exit code is then 3.",
    .example = "fabrica eval vqa --data slake/val.jsonl --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: image, question, answer, lang, answer_type", .required = true },
        { "images", FAB_FILE_IN, offsetof(opts, images), NULL, "folder of the images; else the JSONL's", .meta = "DIR" },
        { "limit", FAB_INT, offsetof(opts, limit), "0", "only the first so many records; 0: all", .min = 0, .max = 1e9 },
        { "max-tokens", FAB_INT, offsetof(opts, max_tokens), "48", "tokens of an answer at most", .min = 1, .max = 256 },
        { "predictions", FAB_FILE_OUT, offsetof(opts, predictions), NULL, "write every answer to this JSONL" },
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the model file; else $FABRICA_MODEL, else models/mini.gguf" },
        { 0 } },
};
/* clang-format on */
