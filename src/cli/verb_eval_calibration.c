/* fabrica eval calibration: do probabilities mean what they say, and what is gained by keeping
 * silent when unsure; of a model's classes, of a file of scores, or of answers with a sureness. */
#include "cli/evaluating.h"

typedef struct {
    fab_predict_opts in;
    const char *answers, *confidence, *correct;
    int64_t resamples, seed;
    const char *html;
} opts;

#define number fab_number_get
#define item   fab_number_item

static void print(FILE *out, const json_t *v)
{
    static const char *const rows[] = { "accuracy", "ece", "brier", "overconfidence" };
    const json_t *ci = json_object_get(v, "interval"), *a = json_object_get(v, "abstention");
    const json_t *at = json_object_get(a, "coverage_at"), *chance = json_object_get(v, "by_chance");
    json_t *b;
    size_t i;
    fprintf(out, "n %.0f\n", number(v, "n"));
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "  %-16s %.4f (%.4f to %.4f)\n", rows[i], number(v, rows[i]),
                item(ci, rows[i], 0), item(ci, rows[i], 1));
    fprintf(out, "  %-16s %.4f, as large or larger in %.1f %% of draws\n", "ece by chance",
            number(chance, "ece"), 100 * number(chance, "at_least"));
    fprintf(out, "  %-16s %.4f\n", "largest bin", number(v, "mce"));
    fprintf(out, "said             n      mean   right\n");
    json_array_foreach(json_object_get(v, "bins"), i, b)
        fprintf(out, "  %.3f to %.3f %6.0f  %.4f  %.4f (%.4f to %.4f)\n", number(b, "from"),
                number(b, "to"), number(b, "n"), number(b, "confidence"), number(b, "accuracy"),
                item(b, "interval", 0), item(b, "interval", 1));
    fprintf(out, "area under risk and coverage %.4f, %.4f above the best order\n",
            number(a, "aurc"), number(a, "excess_aurc"));
    fprintf(out, "answers right in 95 %%: %.1f %% of records, 90 %%: %.1f %%, 80 %%: %.1f %%\n",
            100 * number(at, "0.95"), 100 * number(at, "0.9"), 100 * number(at, "0.8"));
}

static json_t *of_answers(fab_run *r, const opts *o, const fab_measure_opts *how, fab_err *err)
{
    double *confidence, *correct;
    int64_t n;
    if (o->in.data || o->in.scores)
        return fab_fail(err, FAB_EUSAGE, "--answers stands alone, without --data and --scores"),
               NULL;
    if (!fab_confidence_read(o->answers, o->confidence, o->correct, r->arena, &confidence, &correct,
                             &n, err))
        return NULL;
    return fab_confidence_report(confidence, correct, n, how, err);
}

static json_t *of_classes(fab_run *r, const opts *o, const fab_measure_opts *how, fab_err *err)
{
    fab_predictions p = { 0 };
    json_t *v = NULL;
    if (fab_predicting(r, "eval calibration", &o->in, &p, err))
        v = fab_calibration_report(&p, how, err);
    fab_predictions_clear(&p);
    return v;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    const fab_measure_opts how = { .resamples = o->resamples, .seed = (uint64_t)o->seed };
    json_t *v = o->answers ? of_answers(r, o, &how, err) : of_classes(r, o, &how, err);
    const char *about = o->answers ? o->answers : o->in.data ? o->in.data : o->in.scores;
    return fab_eval_result(r, v, "calibration", o->html, about, print, err);
}

/* clang-format off */
const fab_verb fab_verb_eval_calibration = {
    .name = "eval calibration", .summary = "measure whether probabilities mean what they say",
    .about = "Calibration error over 15 bins of the surest class, the error that true probabilities would show of so few records "
             "(by chance), Brier score, the bins themselves, and what abstaining below a confidence would gain. --answers reads records with a confidence and whether they were right, as "
             "eval vqa --predictions writes them.",
    .example = "fabrica eval calibration --answers predictions.jsonl", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        FAB_OPT_PREDICT(opts),
        { "answers", FAB_FILE_IN, offsetof(opts, answers), NULL, "no model: JSONL with a confidence and what it was worth" },
        { "confidence", FAB_STR, offsetof(opts, confidence), "sureness", "the field of --answers with the confidence, 0 to 1", .meta = "FIELD" },
        { "correct", FAB_STR, offsetof(opts, correct), "points", "the field of --answers that says right or wrong, 0 to 1", .meta = "FIELD" },
        FAB_OPT_BOOT(opts),
        { 0 } },
};
/* clang-format on */
