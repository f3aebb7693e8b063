/* fabrica tune: hyper-parameter search over the ranges of a recipe. On a terminal the table is
 * drawn anew after every result, above the bar of the trial that trains; elsewhere a result is a
 * log line. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/verb.h"
#include "train/tune.h"

typedef struct {
    const char *recipe, *data, *out, *metric;
    fab_list set;
    int64_t trials, min, max, eta;
    bool resume;
} opts;

/* A word of a shell's command line. */
static void print_word(FILE *out, const char *s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=/+-";
    if (*s && !s[strspn(s, plain)]) {
        fputs(s, out);
        return;
    }
    fputc('\'', out);
    for (; *s; s++) *s == '\'' ? fputs("'\\''", out) : fputc(*s, out);
    fputc('\'', out);
}

static const json_t *field(const json_t *v, const char *key) { return json_object_get(v, key); }

static void print_head(FILE *out, const json_t *t)
{
    const json_t *rungs = field(t, "rungs");
    fprintf(out, "trial");
    for (size_t r = 0; r < json_array_size(rungs); r++) {
        char head[32];
        snprintf(head, sizeof head, "%lld",
                 (long long)json_integer_value(json_array_get(rungs, r)));
        fprintf(out, "  %8s", head);
    }
    fprintf(out, "  %s\n", "settings");
}

static void print_trial(FILE *out, const json_t *t, size_t i)
{
    const json_t *one = json_array_get(field(t, "trials"), i), *results = field(one, "results"),
                 *set = field(one, "set");
    bool best = (size_t)json_integer_value(field(t, "best")) == i && json_array_size(results);
    fprintf(out, "%4zu%c", i, best ? '*' : ' ');
    for (size_t r = 0; r < json_array_size(field(t, "rungs")); r++) {
        const json_t *score = field(json_array_get(results, r), "score");
        if (score) fprintf(out, "  %8.4f", json_number_value(score));
        else
            fprintf(out, "  %8s",
                    r == json_array_size(results) && field(one, "failed") ? "failed" : "");
    }
    if (!json_array_size(set)) fprintf(out, "  (the recipe)");
    for (size_t k = 0; k < json_array_size(set); k++)
        fprintf(out, "  %s", json_string_value(json_array_get(set, k)));
    fputc('\n', out);
}

static void print_table(FILE *out, const json_t *t)
{
    print_head(out, t);
    for (size_t i = 0; i < json_array_size(field(t, "trials")); i++) print_trial(out, t, i);
}

/* From the screen's top, which the last table may have scrolled away from. */
static void show(void *arg, const json_t *t)
{
    const opts *o = arg;
    fprintf(stderr, "\033[H\033[Jfabrica tune %s: %s after so many steps\n", o->recipe, o->metric);
    print_table(stderr, t);
}

/* The line that trains the best settings from the start. */
static void print_best(FILE *out, const opts *o, const json_t *t)
{
    const json_t *one =
        json_array_get(field(t, "trials"), (size_t)json_integer_value(field(t, "best")));
    const json_t *set = field(one, "set");
    fputs("\nfabrica train ", out);
    print_word(out, o->recipe);
    if (o->data) fputs(" --data ", out), print_word(out, o->data);
    for (int k = 0; k < o->set.n; k++) fputs(" --set ", out), print_word(out, o->set.items[k]);
    for (size_t k = 0; k < json_array_size(set); k++) {
        fputs(" --set ", out);
        print_word(out, json_string_value(json_array_get(set, k)));
    }
    fputc('\n', out);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    const char *term = fab_getenv("TERM");
    bool live = !r->quiet && !r->json && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    fab_tune_opts t = { .recipe = o->recipe,
                        .data = o->data,
                        .out = o->out,
                        .set = o->set.items,
                        .n_set = o->set.n,
                        .trials = o->trials,
                        .min = o->min,
                        .max = o->max,
                        .eta = o->eta,
                        .metric = o->metric,
                        .resume = o->resume,
                        .interrupted = r->interrupted,
                        .pool = r->pool,
                        .show = live ? show : NULL,
                        .arg = (void *)(uintptr_t)o };
    json_t *found = NULL;
    if (!fab_tune_run(&t, &found, err)) return false;
    if (r->json) return fab_run_json(r, found, err);
    print_table(r->out, found);
    if (json_is_true(field(found, "finished"))) print_best(r->out, o, found);
    else fputs("stopped; --resume goes on\n", r->out);
    json_decref(found);
    return true;
}

/* clang-format off */
const fab_verb fab_verb_tune = {
    .name = "tune", .summary = "search a recipe's ranges for the best settings",
    .about = "Successive halving: all trials train to --min steps, the best 1 of --eta go on from there to eta times as many, "
             "and so on to --max. The recipe names ranges: tune: {stages.vqa.lr: [1.0e-4, 2.0e-3, log], stages.vqa.drop: [0, 0.4], "
             "model.layers: [2, 6], model.dim: {choice: [192, 256]}}. Trial 0 is the recipe as it stands. The folder holds tune.json, "
             "tune.png and a run's folder for each trial; a search that was stopped or killed goes on with --resume. The same seed "
             "tries the same settings. The last line trains the best.",
    .example = "fabrica tune recipes/mini-more.yaml --trials 9 --min 60 --eta 3 --metric loss",
    .opts_size = sizeof(opts), .run = run, .stops_itself = true,
    .opts = (const fab_opt[]){
        { "RECIPE", FAB_FILE_IN, offsetof(opts, recipe), NULL, "the recipe, YAML, with ranges under tune" },
        { "trials", FAB_INT, offsetof(opts, trials), "9", "how many settings to try, the recipe's own counted", .min = 2, .max = 1000 },
        { "min", FAB_INT, offsetof(opts, min), "100", "steps of every trial", .min = 20, .max = 1e9 },
        { "max", FAB_INT, offsetof(opts, max), "0", "steps of the last ones; 0: all of the recipe", .min = 0, .max = 1e9 },
        { "eta", FAB_INT, offsetof(opts, eta), "3", "one of so many goes on", .min = 2, .max = 100 },
        { "metric", FAB_CHOICE, offsetof(opts, metric), "all", "what is best: exact match on held-out records (all: the mean), "
          "or the training loss of the later half, which is cheap", .choices = "all|slake_en|slake_zh|slake_unseen|vqa_rad|made|loss" },
        { "resume", FAB_FLAG, offsetof(opts, resume), NULL, "go on from the folder's tune.json" },
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "the folder of data sets; overrides the recipe's", .meta = "DIR" },
        { "out", FAB_FILE_OUT, offsetof(opts, out), NULL, "the search's folder; the recipe's with -tune when left out", .meta = "DIR",
          .letter = 'o' },
        { "set", FAB_LIST, offsetof(opts, set), NULL, "a field of the recipe for all trials, again and again", .meta = "PATH=VALUE" },
        { 0 } },
};
/* clang-format on */
