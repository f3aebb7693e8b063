/* fabrica eval count: how near "how many cells are in this image" comes to the number labelled. */
#include "cli/evaluating.h"
#include "evaluate/count_errors.h"

typedef struct {
    const char *data, *images, *model, *html;
    int64_t limit, resamples, seed;
} opts;

#define number fab_number_get
#define item   fab_number_item

static void print(FILE *out, const json_t *v)
{
    fprintf(out, "n %.0f%s\n", number(v, "n"),
            json_is_true(json_object_get(v, "counted"))
                ? ""
                : "  (no counter in the file: generated answers)");
    fprintf(
        out,
        "            mean  error (95 %%)                 relative  bias     exact   constant\n");
    for (int k = 0; k < FAB_COUNTER_KINDS; k++) {
        const json_t *o = json_object_get(v, fab_counter_codes[k]),
                     *ci = json_object_get(o, "interval");
        fprintf(out, "  %-8s %6.2f  %.4f (%.4f to %.4f)     %.4f  %+.4f  %.4f  %.4f\n",
                fab_counter_codes[k], number(o, "mean"), number(o, "mae"), item(ci, "mae", 0),
                item(ci, "mae", 1), number(o, "relative"), number(o, "bias"), number(o, "exact"),
                number(o, "constant_mae"));
    }
    if (number(v, "failed") > 0) fprintf(out, "%.0f records failed\n", number(v, "failed"));
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_progress bar;
    fab_eval_opts eo = { .limit = o->limit,
                         .boot = { .resamples = o->resamples, .seed = (uint64_t)o->seed } };
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    if (!e) return false;
    fab_evaluating(r, "eval count", o->limit, &bar, &eo);
    json_t *v = fab_eval_count(e, o->data, o->images, &eo, err);
    fab_progress_clear(&bar);
    fab_engine_close(e);
    if (v && number(v, "failed") > 0) r->exit_code = 3;
    return fab_eval_result(r, v, "count", o->html, o->data, print, err);
}

/* clang-format off */
const fab_verb fab_verb_eval_count = {
    .name = "eval count", .summary = "measure answers to how many cells an image shows",
    .about = "Asks for white blood cells, red blood cells and platelets in English and in Chinese and reads the numbers. Per "
             "kind: mean absolute error, the same over the mean number, bias, share of exact answers, and the error of "
             "whoever always says the median. Intervals are of 95 %, bootstrap by image.",
    .example = "fabrica eval count --data bccd/val.jsonl --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: image, counts: {WBC, RBC, Platelets}", .required = true },
        { "images", FAB_FILE_IN, offsetof(opts, images), NULL, "folder of the images; else the JSONL's", .meta = "DIR" },
        { "limit", FAB_INT, offsetof(opts, limit), "0", "only the first so many records; 0: all", .min = 0, .max = 1e9 },
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the model file; else $FABRICA_MODEL, else models/mini.gguf" },
        FAB_OPT_BOOT(opts),
        { 0 } },
};
/* clang-format on */
