/* fabrica eval classify: how well classes are told apart: accuracy, F1, area under the ROC curve,
 * sensitivity at fixed specificity, subgroups; of a model or of a file of scores. */
#include "cli/evaluating.h"

typedef struct {
    fab_predict_opts in;
    fab_list groups;
    const char *write;
    int64_t resamples, seed;
    const char *html;
} opts;

#define number fab_number_get
#define item   fab_number_item

static void print_classes(FILE *out, const json_t *v)
{
    const char *name;
    json_t *one, *at;
    size_t i;
    json_object_foreach(json_object_get(v, "per_class"), name, one)
    {
        fprintf(out, "  %-24s n %-6.0f AUC %.4f (%.4f to %.4f)", name, number(one, "n"),
                number(one, "auc"), item(one, "auc_interval", 0), item(one, "auc_interval", 1));
        if (json_object_get(one, "f1"))
            fprintf(out, "  precision %.4f  recall %.4f  F1 %.4f", number(one, "precision"),
                    number(one, "recall"), number(one, "f1"));
        fprintf(out, "\n%28ssensitivity", "");
        json_array_foreach(json_object_get(one, "sensitivity_at"), i, at)
            fprintf(out, "%s %.3f (%.3f to %.3f) at specificity %.2f", i ? "," : "",
                    number(at, "sensitivity"), item(at, "interval", 0), item(at, "interval", 1),
                    number(at, "at"));
        fputc('\n', out);
    }
}

static void print_groups(FILE *out, const json_t *v)
{
    const char *field, *name;
    json_t *one, *row;
    json_object_foreach(json_object_get(v, "subgroups"), field, one)
    {
        const json_t *gap = json_object_get(one, "gap");
        fprintf(out, "by %s\n", field);
        json_object_foreach(json_object_get(one, "rows"), name, row)
            fprintf(out, "  %-24s n %-6.0f accuracy %.4f (%.4f to %.4f)  AUC %.4f\n", name,
                    number(row, "n"), number(row, "accuracy"), item(row, "interval", 0),
                    item(row, "interval", 1), number(row, "auc"));
        if (gap)
            fprintf(out, "  gap %.4f (%.4f to %.4f) between %s and %s, p %.2g after Holm\n",
                    number(gap, "accuracy"), item(gap, "interval", 0), item(gap, "interval", 1),
                    json_string_value(json_object_get(gap, "best")),
                    json_string_value(json_object_get(gap, "worst")), number(gap, "p_holm"));
    }
}

static void print(FILE *out, const json_t *v)
{
    static const char *const rows[] = { "accuracy", "balanced_accuracy", "macro_f1", "auc" };
    const json_t *ci = json_object_get(v, "interval"), *c = json_object_get(v, "calibration");
    fprintf(out, "n %.0f  accuracy %.4f  macro F1 %.4f  AUC %.4f  (%s)\n", number(v, "n"),
            number(v, "accuracy"), number(v, "macro_f1"), number(v, "auc"),
            json_string_value(json_object_get(v, "method")));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "  %-24s %.4f (%.4f to %.4f)\n", rows[i], number(v, rows[i]),
                item(ci, rows[i], 0), item(ci, rows[i], 1));
    fprintf(out, "  %-24s %.4f\n", "kappa", number(v, "kappa"));
    print_classes(out, v);
    if (c)
        fprintf(out, "calibration error %.4f  Brier %.4f  NLL %.4f\n", number(c, "ece"),
                number(c, "brier"), number(c, "nll"));
    print_groups(out, v);
    if (number(v, "failed") > 0) fprintf(out, "%.0f records failed\n", number(v, "failed"));
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_predictions p = { 0 };
    const fab_measure_opts how = { .fields = o->groups.items,
                                   .n_fields = o->groups.n,
                                   .curves = o->html != NULL,
                                   .resamples = o->resamples,
                                   .seed = (uint64_t)o->seed };
    bool ok = fab_predicting(r, "eval classify", &o->in, &p, err) &&
              (!o->write || fab_predictions_write(&p, o->write, o->in.label, err));
    json_t *v = ok ? fab_classify_report(&p, &how, err) : NULL;
    fab_predictions_clear(&p);
    const char *about = o->in.data ? o->in.data : o->in.scores;
    return fab_eval_result(r, v, "classify", o->html, about, print, err);
}

/* clang-format off */
const fab_verb fab_verb_eval_classify = {
    .name = "eval classify", .summary = "measure how well classes of images are told apart",
    .about = "The classes are the values of the label field. Those that the report's protocol knows (melanoma, nevus, "
             "seborrheic_keratosis; normal, bacterial pneumonia, viral pneumonia; pneumonia) are asked for; others are "
             "told apart by prompts. Images that cannot be read are left out and counted; the exit code is then 3. "
             "Any classifier is measured from a file of --scores. --subgroup FIELD, again and again, compares the values of "
             "a field (sex, age by 20 years, site). Intervals are of 95 %: bootstrap, DeLong for an AUC, Wilson for a share.",
    .example = "fabrica eval classify --data isic/val.jsonl --label diagnosis --subgroup sex --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        FAB_OPT_PREDICT(opts),
        { "subgroup", FAB_LIST, offsetof(opts, groups), NULL, "compare the values of this field", .meta = "FIELD" },
        { "write-scores", FAB_FILE_OUT, offsetof(opts, write), NULL, "write the records with their scores to this JSONL" },
        FAB_OPT_BOOT(opts),
        { 0 } },
};
/* clang-format on */
