/* fabrica eval vqa: how often generated answers are right under a protocol, beside what is left of
 * that without the picture. */
#include <stddef.h>
#include "cli/evaluating.h"

typedef struct {
    const char *data, *images, *model, *predictions, *protocol, *html, *adapter;
    int64_t limit, max_tokens, resamples, seed;
    bool brief;
} opts;

static const char *const views[FAB_VQA_VIEWS] = { "model", "question only", "blank image",
                                                  "shuffled image", "mirrored image" };
static const char *const keys[FAB_VQA_VIEWS] = { NULL, "question_only", "blank_image",
                                                 "shuffled_image", "mirrored_image" };

static void print_score(FILE *out, const char *name, const json_t *s)
{
    fprintf(out, "%-16s n %-6.0f overall %.4f  open %.4f  closed %.4f\n", name,
            fab_number_get(s, "n"), fab_number_get(s, "overall"), fab_number_get(s, "open"),
            fab_number_get(s, "closed"));
}

static void print_scores(FILE *out, const char *name, const json_t *s)
{
    const json_t *by = json_object_get(s, "by_lang");
    print_score(out, name, s);
    if (json_object_get(by, "en")) print_score(out, "  en", json_object_get(by, "en"));
    if (json_object_get(by, "zh")) print_score(out, "  zh", json_object_get(by, "zh"));
}

/* What is left of the score without the picture, and whether the difference is chance. */
static void print_survival(FILE *out, const json_t *v)
{
    const json_t *all = json_object_get(v, "survives");
    for (int i = 1; i < FAB_VQA_VIEWS; i++) {
        const json_t *o = json_object_get(all, keys[i]);
        if (!o) continue;
        fprintf(out,
                "%-16s %5.1f %% of the score survives (%.1f to %.1f), %.1f points are lost "
                "(%.1f to %.1f, p %.2g)\n",
                views[i], 100 * fab_number_get(o, "share"), 100 * fab_number_item(o, "interval", 0),
                100 * fab_number_item(o, "interval", 1), 100 * fab_number_get(o, "gain"),
                100 * fab_number_item(o, "gain_interval", 0),
                100 * fab_number_item(o, "gain_interval", 1), fab_number_get(o, "p"));
    }
}

static void print_table(FILE *out, const json_t *v, const char *key, const char *title)
{
    const char *name;
    json_t *row, *table = json_object_get(v, key);
    if (!table) return;
    fprintf(out, "%s\n", title);
    json_object_foreach(table, name, row)
        fprintf(out, "  %-24s n %-6.0f overall %.4f (%.4f to %.4f)\n", name,
                fab_number_get(row, "n"), fab_number_get(row, "overall"),
                fab_number_item(row, "interval", 0), fab_number_item(row, "interval", 1));
}

static void print(FILE *out, const json_t *v)
{
    const json_t *ci = json_object_get(v, "interval");
    print_scores(out, views[0], v);
    for (int i = 1; i < FAB_VQA_VIEWS; i++)
        if (json_object_get(v, keys[i])) print_scores(out, views[i], json_object_get(v, keys[i]));
    fprintf(out, "%s: %s\n", json_string_value(json_object_get(v, "protocol")),
            json_string_value(json_object_get(v, "counts")));
    fprintf(out, "95 %% interval of overall %.4f to %.4f\n", fab_number_item(ci, "overall", 0),
            fab_number_item(ci, "overall", 1));
    print_survival(out, v);
    print_table(out, v, "by_question_type", "by question type");
    print_table(out, v, "by_organ", "by organ");
    print_table(out, v, "by_modality", "by modality");
    fprintf(out, "%.4f s a question", fab_number_get(v, "seconds_per_question"));
    if (fab_number_get(v, "failed") > 0)
        fprintf(out, ", %.0f records failed", fab_number_get(v, "failed"));
    fputc('\n', out);
}

static json_t *prediction(const fab_qa *q, const fab_eval_vqa *v, int64_t i)
{
    const fab_vqa_pass *p = v->pass;
    const char *said = p[FAB_VQA_MODEL].answers[i];
    json_t *one =
        json_pack("{s:s,s:s,s:s,s:s?,s:b,s:f,s:f}", "id", q->id, "question", q->question, "answer",
                  q->answer, "prediction", said, "right", said && fab_vqa_match(said, q->answer),
                  "points", p[FAB_VQA_MODEL].points[i], "sureness", v->sureness[i]);
    for (int k = 1; one && k < FAB_VQA_VIEWS; k++)
        if (p[k].asked && p[k].answers[i])
            json_object_set_new(one, keys[k], json_string(p[k].answers[i]));
    return one;
}

static bool write_predictions(const char *path, const fab_qa_set *set, const fab_eval_vqa *v,
                              fab_err *err)
{
    fab_out out;
    if (!fab_out_open(&out, path, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < v->n; i++) {
        json_t *one = prediction(&set->items[i], v, i);
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
    fab_eval_opts eo = { .limit = o->limit,
                         .max_tokens = (int)o->max_tokens,
                         .views = o->brief ? FAB_VQA_BLANK + 1 : 0,
                         .boot = { .resamples = o->resamples, .seed = (uint64_t)o->seed } };
    if (!fab_vqa_protocol_find(o->protocol, &eo.protocol, err)) return false;
    fab_evaluating(r, "eval vqa", set->n, &bar, &eo);
    bool ok = fab_eval_vqa_run(e, set, &eo, r->arena, &v, err);
    fab_progress_clear(&bar);
    if (!ok || (o->predictions && !write_predictions(o->predictions, set, &v, err))) return false;
    if (v.failed) r->exit_code = 3;
    json_t *json = fab_eval_vqa_json(&v, set, &eo.boot, r->arena, err);
    return fab_eval_result(r, json, "vqa", o->html, o->data, print, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_path_list images = { 0 };
    fab_qa_set set = { 0 };
    bool ok = fab_paths_init(&images, err) && fab_qa_init(&set, &images, err) &&
              fab_qa_read(&set, o->data, o->images, err);
    fab_engine *e = ok ? fab_engine_open(o->model, r->pool, err) : NULL;
    ok = e && (!o->adapter || fab_engine_adapt(e, o->adapter, err)) && evaluate(r, o, e, &set, err);
    fab_engine_close(e);
    fab_qa_clear(&set);
    fab_paths_clear(&images);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_eval_vqa = {
    .name = "eval vqa", .summary = "measure answers to questions about images",
    .about = "Answers are generated and compared under a protocol. exact: equal after trimming, lower-casing, stripping "
             "one final stop and taking runs of blanks for one. slake: equal after the VQA v2 cleaning (punctuation, number words, articles). vqa-rad: the "
             "same, commas dropped, x-ray as xray. llava-med, as its own script counts: open questions by recall of words, "
             "counted in the answer; closed ones right when the answer has yes or no anywhere and holds the reference.\n"
             "Beside the model's score stand what a model reaches that knows only the questions (kept in the model file) "
             "and what this model reaches when every image is grey, is another record's, or is mirrored, with the share of "
             "the score that survives. Records whose image cannot be read count as wrong; the exit code is then 3.",
    .example = "fabrica eval vqa --data slake/val.jsonl --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: image, question, answer, lang, answer_type", .required = true },
        { "images", FAB_FILE_IN, offsetof(opts, images), NULL, "folder of the images; else the JSONL's", .meta = "DIR" },
        { "protocol", FAB_CHOICE, offsetof(opts, protocol), "exact", "what counts as right", .choices = "exact|llava-med|slake|vqa-rad" },
        { "limit", FAB_INT, offsetof(opts, limit), "0", "only the first so many records; 0: all", .min = 0, .max = 1e9 },
        { "max-tokens", FAB_INT, offsetof(opts, max_tokens), "48", "tokens of an answer at most", .min = 1, .max = 256 },
        { "brief", FAB_FLAG, offsetof(opts, brief), NULL, "leave the shuffled and the mirrored images out: a third of the time" },
        { "predictions", FAB_FILE_OUT, offsetof(opts, predictions), NULL, "write every answer to this JSONL" },
        FAB_OPT_BOOT(opts),
        { "adapter", FAB_FILE_IN, offsetof(opts, adapter), NULL, "an adapter trained on the model" },
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the model file; else $FABRICA_MODEL, else models/mini.gguf" },
        { 0 } },
};
/* clang-format on */
