#include "cli/evaluating.h"

#include <string.h>
#include "base/log.h"
#include "evaluate/page.h"

static void on_step(void *arg, int64_t done, int64_t total)
{
    fab_progress *bar = arg;
    bar->total = total;
    fab_progress_set(bar, done, NULL);
}

static void on_bad(void *arg, const char *sentence)
{
    fab_progress_clear(arg);
    fab_log(FAB_LOG_ERROR, "%s", sentence);
}

void fab_evaluating(fab_run *r, const char *name, int64_t total, fab_progress *bar,
                    fab_eval_opts *o)
{
    fab_progress_init(bar, name, total);
    o->on_bad = on_bad;
    o->arg = bar;
    if (!r->quiet) o->on_step = on_step;
}

static bool by_model(fab_run *r, const char *verb, const fab_predict_opts *o, fab_predictions *p,
                     fab_err *err)
{
    fab_progress bar;
    fab_eval_opts eo = { .limit = o->limit };
    const fab_eval_classes classes = { .label = o->label,
                                       .images_dir = o->images,
                                       .zero_shot = !strcmp(o->how, "prompts"),
                                       .picture_alone = o->picture_alone };
    fab_file there = { 0 }; /* a missing file is told before the model is loaded */
    if (strcmp(o->data, "-") != 0 && !fab_file_map(&there, o->data, 0, err)) return false;
    fab_file_unmap(&there);
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    if (!e) return false;
    fab_evaluating(r, verb, 0, &bar, &eo);
    bool ok = fab_eval_classify_run(e, o->data, &classes, &eo, p, err);
    fab_progress_clear(&bar);
    fab_engine_close(e);
    if (ok && p->failed) r->exit_code = 3;
    return ok;
}

bool fab_predicting(fab_run *r, const char *verb, const fab_predict_opts *o, fab_predictions *p,
                    fab_err *err)
{
    if (!o->data == !o->scores)
        return fab_fail(err, FAB_EUSAGE, "give either --data, for a model, or --scores");
    if (o->data) return by_model(r, verb, o, p, err);
    if (o->model || o->images)
        return fab_fail(err, FAB_EUSAGE, "--%s has no use beside --scores",
                        o->model ? "model" : "images");
    return fab_predictions_read(p, o->scores, o->label, o->limit, err);
}

bool fab_eval_result(fab_run *r, json_t *v, const char *kind, const char *html, const char *about,
                     void (*print)(FILE *out, const json_t *v), fab_err *err)
{
    if (!v) return false;
    if (html && !fab_page_write(html, kind, about, v, err)) {
        json_decref(v);
        return false;
    }
    if (r->json) return fab_run_json(r, v, err);
    print(r->out, v);
    json_decref(v);
    return true;
}
