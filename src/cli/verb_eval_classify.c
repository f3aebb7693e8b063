/* fabrica eval classify: how well classes are told apart: accuracy, macro F1, area under the ROC
 * curve. */
#include <stddef.h>
#include <string.h>
#include "cli/evaluating.h"

typedef struct {
    const char *data, *images, *label, *model, *how;
    int64_t limit;
} opts;

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void print(FILE *out, const json_t *v)
{
    const char *name;
    json_t *one;
    fprintf(out, "n %.0f  accuracy %.4f  macro F1 %.4f  AUC %.4f  (%s)\n", number(v, "n"),
            number(v, "accuracy"), number(v, "macro_f1"), number(v, "auc"),
            json_string_value(json_object_get(v, "method")));
    json_object_foreach(json_object_get(v, "per_class"), name, one)
    {
        fprintf(out, "  %-24s n %-6.0f AUC %.4f", name, number(one, "n"), number(one, "auc"));
        if (json_object_get(one, "f1"))
            fprintf(out, "  precision %.4f  recall %.4f  F1 %.4f", number(one, "precision"),
                    number(one, "recall"), number(one, "f1"));
        fputc('\n', out);
    }
    if (number(v, "failed") > 0) fprintf(out, "%.0f records failed\n", number(v, "failed"));
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_progress bar;
    json_t *v = NULL;
    fab_eval_opts eo = { .limit = o->limit };
    const fab_eval_classes classes = { .label = o->label,
                                       .images_dir = o->images,
                                       .zero_shot = !strcmp(o->how, "prompts") };
    fab_file there = { 0 }; /* a missing file is told before the model is loaded */
    if (strcmp(o->data, "-") != 0 && !fab_file_map(&there, o->data, 0, err)) return false;
    fab_file_unmap(&there);
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    if (!e) return false;
    fab_evaluating(r, "eval classify", 0, &bar, &eo);
    bool ok = fab_eval_classify_run(e, o->data, &classes, &eo, &v, err);
    fab_progress_clear(&bar);
    fab_engine_close(e);
    if (!ok) return false;
    if (number(v, "failed") > 0) r->exit_code = 3;
    if (r->json) return fab_run_json(r, v, err);
    print(r->out, v);
    json_decref(v);
    return true;
}

/* clang-format off */
const fab_verb fab_verb_eval_classify = {
    .name = "eval classify", .summary = "measure how well classes of images are told apart",
    .about = "The classes are the values of the label field. Those that the report's protocol knows (melanoma, nevus, "
             "seborrheic_keratosis; normal, bacterial pneumonia, viral pneumonia; pneumonia) are asked for; others are "
             "told apart by prompts. Images that cannot be read are left out and counted; the exit code is then 3.",
    .example = "fabrica eval classify --data isic/val.jsonl --label diagnosis --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: image and the label field", .required = true },
        { "label", FAB_STR, offsetof(opts, label), "label", "the field that holds the class", .meta = "FIELD" },
        { "images", FAB_FILE_IN, offsetof(opts, images), NULL, "folder of the images; else the JSONL's", .meta = "DIR" },
        { "by", FAB_CHOICE, offsetof(opts, how), "questions", "by known questions where there are any, or by prompts alone", .choices = "questions|prompts" },
        { "limit", FAB_INT, offsetof(opts, limit), "0", "only the first so many records; 0: all", .min = 0, .max = 1e9 },
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the model file; else $FABRICA_MODEL, else models/mini.gguf" },
        { 0 } },
};
/* clang-format on */
