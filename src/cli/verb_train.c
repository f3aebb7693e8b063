/* fabrica train: runs a recipe. Everything about the run is in the recipe (recipes/mini.yaml
 * explains every field); the options say where, and how far. */
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "train/train.h"

typedef struct {
    const char *recipe, *data, *out, *stop_after;
    fab_list set;
    bool resume, dry_run;
} opts;

/* "500" steps; "90min", "90m" or "1.5h" of time. */
static bool read_stop(const char *s, fab_train_opts *t, fab_err *err)
{
    if (!s) return true;
    char *end;
    double v = strtod(s, &end);
    bool hours = strcmp(end, "h") == 0, minutes = strcmp(end, "m") == 0 || strcmp(end, "min") == 0;
    bool good = end > s && v > 0 && v < 1e9 && strspn(s, "0123456789.") == (size_t)(end - s);
    if (good && (hours || minutes)) t->stop_after_min = hours ? 60 * v : v;
    else if (good && !*end && v >= 1 && v == (double)(int64_t)v) t->stop_after_steps = (int64_t)v;
    else
        return fab_fail(err, FAB_EUSAGE,
                        "--stop-after %s: steps (500) or a time (90min, 1.5h) are wanted", s);
    return true;
}

static double number(const json_t *v, const char *key)
{
    return json_number_value(json_object_get(v, key));
}

/* A table of the stages, then the files. */
static void print_rehearsal(FILE *out, const json_t *summary)
{
    const char *name;
    json_t *v;
    fprintf(out, "%-12s %7s %6s %9s %9s %8s %12s %9s %9s\n", "stage", "steps", "batch", "pictures",
            "learn, M", "s/step", "validations", "minutes", "MB");
    json_object_foreach(json_object_get(summary, "stages"), name, v)
        fprintf(out, "%-12s %7.0f %6.0f %9.0f %9.2f %8.3f %4.0f x %3.0f s %9.1f %9.0f\n", name,
                number(v, "steps"), number(v, "batch"), number(v, "pictures"),
                number(v, "learnt_parameters") / 1e6, number(v, "seconds_per_step"),
                number(v, "validations"), number(v, "seconds_per_validation"), number(v, "minutes"),
                number(v, "memory_mb"));
    json_object_foreach(json_object_get(summary, "files"), name, v)
        fprintf(out, "%-12s %.1f MB\n", name, json_number_value(v) / 1e6);
}

/* One line a field; lists and objects are left to --json. */
static void print_summary(fab_run *r, const json_t *summary)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)summary, key, v)
    {
        if (json_is_object(v) || json_is_array(v)) continue;
        fprintf(r->out, "%-14s ", key);
        if (json_is_string(v)) fprintf(r->out, "%s\n", json_string_value(v));
        else if (json_is_real(v)) fprintf(r->out, "%.4g\n", json_real_value(v));
        else {
            json_dumpf(v, r->out, FAB_JSON_DUMP);
            fputc('\n', r->out);
        }
    }
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_train_opts t = { .recipe = o->recipe,
                         .data = o->data,
                         .out = o->out,
                         .set = o->set.items,
                         .n_set = o->set.n,
                         .resume = o->resume,
                         .dry_run = o->dry_run,
                         .interrupted = r->interrupted,
                         .pool = r->pool };
    json_t *summary = NULL;
    if (!read_stop(o->stop_after, &t, err) || !fab_train_run(&t, &summary, err)) {
        json_decref(summary);
        return false;
    }
    if (r->json) return fab_run_json(r, summary ? summary : json_object(), err);
    if (o->dry_run) print_rehearsal(r->out, summary);
    if (summary) print_summary(r, summary);
    json_decref(summary);
    return true;
}

/* clang-format off */
const fab_verb fab_verb_train = {
    .name = "train", .summary = "train a model from a recipe, or go on with a run",
    .about = "The run's folder holds its checkpoints, metrics.jsonl, TensorBoard event files, curves.png and, at the end, "
             "the model and its card. An interrupt (Ctrl-C) stops after a checkpoint. A run that was stopped or killed goes on with --resume exactly where its last "
             "checkpoint stood. --set changes one field of the recipe: stages.vqa.steps=100 finds the stage by its name; FIELD=null takes it away.",
    .example = "fabrica train recipes/mini.yaml --data ../shared/data/open --out runs/mini --stop-after 90min",
    .opts_size = sizeof(opts), .run = run, .stops_itself = true,
    .opts = (const fab_opt[]){
        { "RECIPE", FAB_FILE_IN, offsetof(opts, recipe), NULL, "the recipe, YAML" },
        { "resume", FAB_FLAG, offsetof(opts, resume), NULL, "go on from the run folder's checkpoint" },
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "the folder of data sets; overrides the recipe's", .meta = "DIR" },
        { "out", FAB_FILE_OUT, offsetof(opts, out), NULL, "the run's folder; overrides the recipe's", .meta = "DIR",
          .letter = 'o' },
        { "set", FAB_LIST, offsetof(opts, set), NULL, "a field of the recipe, again and again", .meta = "PATH=VALUE" },
        { "stop-after", FAB_STR, offsetof(opts, stop_after), NULL,
          "checkpoint and stop after so many steps (500) or so much time (90min, 1.5h)", .meta = "STEPS|TIME" },
        { "dry-run", FAB_FLAG, offsetof(opts, dry_run), NULL,
          "say what would run: a stage's steps, pictures, parameters, time and memory, and the files; makes five steps of each to measure" },
        { 0 } },
};
/* clang-format on */
