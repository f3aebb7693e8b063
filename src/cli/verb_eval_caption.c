/* fabrica eval caption: a model's captions, or those of a file, against references. */
#include <string.h>
#include "cli/evaluating.h"
#include "evaluate/run_caption.h"

typedef struct {
    const char *data, *texts, *images, *field, *lang, *metrics, *model, *html;
    int64_t limit, resamples, seed;
} opts;

#define number fab_number_get

static void print_metrics(FILE *out, const json_t *v, const char *title)
{
    const char *name;
    json_t *m;
    if (!v) return;
    fprintf(out, "%-16s", title);
    json_object_foreach((json_t *)(uintptr_t)v, name, m)
    {
        if (!json_is_object(m)) continue;
        if (json_object_get(m, "score")) fprintf(out, "  %s %.4f", name, number(m, "score"));
        else if (json_object_get(m, "f")) fprintf(out, "  %s %.4f", name, number(m, "f"));
    }
    fputc('\n', out);
}

static void print(FILE *out, const json_t *v)
{
    const char *view, *name;
    json_t *share, *x;
    fprintf(out, "n %.0f\n", number(v, "n"));
    print_metrics(out, v, "captions");
    print_metrics(out, json_object_get(v, "blank_image"), "blank image");
    print_metrics(out, json_object_get(v, "shuffled_image"), "shuffled image");
    json_object_foreach(json_object_get(v, "survives"), view, share)
    {
        fprintf(out, "%s, survives:", view);
        json_object_foreach(share, name, x)
            fprintf(out, "  %s %.1f %%", name, 100 * json_number_value(x));
        fputc('\n', out);
    }
    if (number(v, "failed") > 0) fprintf(out, "%.0f records failed\n", number(v, "failed"));
}

static bool collect(fab_run *r, const opts *o, fab_caption_sets *s, fab_err *err)
{
    fab_progress bar;
    fab_eval_opts eo = { .limit = o->limit };
    const fab_caption_opts c = { .images_dir = o->images,
                                 .field = o->field,
                                 .lang = strcmp(o->lang, "auto") ? o->lang : NULL,
                                 .metrics = o->metrics };
    if (!o->data == !o->texts)
        return fab_fail(err, FAB_EUSAGE, "give either --data, for a model, or --texts");
    if (o->texts) return fab_score_init(&s->seen, err) && fab_score_read(&s->seen, o->texts, err);
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    if (!e) return false;
    fab_evaluating(r, "eval caption", o->limit, &bar, &eo);
    bool ok = fab_caption_run(e, o->data, &c, &eo, s, err);
    fab_progress_clear(&bar);
    fab_engine_close(e);
    if (ok && s->failed) r->exit_code = 3;
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_caption_sets s = { 0 };
    const fab_boot_opts boot = { .resamples = o->resamples, .seed = (uint64_t)o->seed };
    json_t *v =
        collect(r, o, &s, err) ? fab_caption_report(&s, o->metrics, &boot, r->arena, err) : NULL;
    fab_caption_clear(&s);
    return fab_eval_result(r, v, "caption", o->html, o->data ? o->data : o->texts, print, err);
}

/* clang-format off */
const fab_verb fab_verb_eval_caption = {
    .name = "eval caption", .summary = "measure captions against references",
    .about = "BLEU (sacrebleu), ROUGE (rouge_score), METEOR (NLTK) and CIDEr-D of the captions that the model writes, beside "
             "those it writes about mid-grey and those of the next record: what survives tells of the wording, not of the "
             "picture. --texts reads {id, hyp, refs} of any system.",
    .example = "fabrica eval caption --data captions.jsonl --lang en", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: image and the reference field" },
        { "texts", FAB_FILE_IN, offsetof(opts, texts), NULL, "no model: JSONL of {id, hyp, refs}" },
        { "field", FAB_STR, offsetof(opts, field), "caption", "the field with the reference, or a list of them", .meta = "FIELD" },
        { "images", FAB_FILE_IN, offsetof(opts, images), NULL, "folder of the images; else the JSONL's", .meta = "DIR" },
        { "lang", FAB_CHOICE, offsetof(opts, lang), "auto", "language of the captions; auto: as the reference", .choices = "auto|en|zh" },
        { "metrics", FAB_STR, offsetof(opts, metrics), "bleu1,bleu,rouge1,rouge2,rougeL,meteor,cider", "as of fabrica score" },
        { "limit", FAB_INT, offsetof(opts, limit), "0", "only the first so many records; 0: all", .min = 0, .max = 1e9 },
        FAB_OPT_BOOT(opts),
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the model file; else $FABRICA_MODEL, else models/mini.gguf" },
        { 0 } },
};
/* clang-format on */
