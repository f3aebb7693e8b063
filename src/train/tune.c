/* tune: see tune.h. The state of a search is the document that it writes. */
#include "train/tune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "train/events.h"
#include "train/plot.h"
#include "train/recipe.h"
#include "train/tune_space.h"

enum { MAX_RUNGS = 32, MAX_TRIALS = 1000 };

typedef struct {
    const fab_tune_opts *o;
    fab_arena *arena;
    fab_recipe recipe; /* as it stands */
    char *out, *path;  /* the search's folder, its tune.json */
    fab_range ranges[FAB_MAX_RANGES];
    int n_ranges;
    int64_t max, rungs[MAX_RUNGS];
    int n_rungs;
    json_t *doc;
    bool stopped;
} search;

/* ---- plan ------------------------------------------------------------------------------------ */

bool fab_tune_better(const char *metric, double a, double b)
{
    return strcmp(metric, "loss") == 0 ? a < b : a > b;
}

int fab_halving_rungs(int64_t min, int64_t max, int64_t eta, int64_t *steps, int most)
{
    int n = 0;
    for (int64_t s = min; n < most - 1 && s < max; s *= eta) steps[n++] = s;
    steps[n++] = max;
    return n;
}

int64_t fab_halving_reach(int64_t n, int64_t eta, int rung)
{
    while (rung-- > 0) n /= eta;
    return n > 1 ? n : 1;
}

static json_t *trial_at(const search *t, int64_t i)
{
    return json_array_get(json_object_get(t->doc, "trials"), (size_t)i);
}

static const json_t *result_at(const search *t, int64_t i, int rung)
{
    return json_array_get(json_object_get(trial_at(t, i), "results"), (size_t)rung);
}

static bool has_failed(const search *t, int64_t i)
{
    return json_is_string(json_object_get(trial_at(t, i), "failed"));
}

static double score_of(const search *t, int64_t i, int rung)
{
    return json_number_value(json_object_get(result_at(t, i, rung), "score"));
}

/* Of two trials with a result of the rung, or failed: the better one; of equals the earlier. */
static bool before(const search *t, int rung, int64_t a, int64_t b)
{
    if (has_failed(t, a) || has_failed(t, b)) return !has_failed(t, a);
    double x = score_of(t, a, rung), y = score_of(t, b, rung);
    if (x == y) return a < b;
    return fab_tune_better(t->o->metric, x, y);
}

/* The best first. */
static void rank(const search *t, int rung, int64_t *who, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = i; j > 0 && before(t, rung, who[j], who[j - 1]); j--) {
            int64_t w = who[j];
            who[j] = who[j - 1];
            who[j - 1] = w;
        }
}

/* ---- files ----------------------------------------------------------------------------------- */

static int64_t whole_of(const search *t, const char *key)
{
    return json_integer_value(json_object_get(t->doc, key));
}

static bool save(search *t, fab_err *err)
{
    if (!fab_json_write(t->path, t->doc, err)) return false;
    if (t->o->show) t->o->show(t->o->arg, t->doc);
    return true;
}

/* Every trial's scores over its steps, the best one's line named. */
static bool draw(search *t, fab_err *err)
{
    int64_t n = whole_of(t, "n"), best = whole_of(t, "best");
    fab_series *all = fab_arena_zero(t->arena, (size_t)n * sizeof *all, err);
    char *path = fab_path_join(t->arena, t->out, "tune.png", err);
    if (!all || !path) return false;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = (int64_t)json_array_size(json_object_get(trial_at(t, i), "results"));
        double *x = fab_arena_take(t->arena, (size_t)(2 * k + 1) * sizeof *x, err), *y = x + k;
        if (!x) return false;
        for (int r = 0; r < k; r++) {
            x[r] = (double)t->rungs[r];
            y[r] = score_of(t, i, r);
        }
        const char *label =
            i == best ? fab_arena_printf(t->arena, err, "trial %lld, the best", (long long)i)
            : i == 0  ? "trial 0, the recipe"
                      : NULL;
        all[i] = (fab_series){ .label = label, .x = x, .y = y, .n = k, .marks = true };
    }
    const fab_plot_opts o = { .title = t->recipe.name, .x_label = "step", .y_label = t->o->metric };
    return fab_plot_write(path, all, (int)n, &o, err);
}

/* ---- a trial --------------------------------------------------------------------------------- */

/* Mean of train/loss in the later half of the steps made. */
static bool late_loss(search *t, const char *dir, int64_t steps, double *score, fab_err *err)
{
    double *x, *y, sum = 0;
    int64_t n, counted = 0;
    char *path = fab_path_join(t->arena, dir, "metrics.jsonl", err);
    if (!path || !fab_metrics_read(path, "train/loss", t->arena, &x, &y, &n, err)) return false;
    for (int64_t i = 0; i < n; i++) {
        if (2 * x[i] <= (double)steps || x[i] > (double)steps) continue;
        sum += y[i];
        counted++;
    }
    *score = counted ? sum / (double)counted : NAN;
    return counted > 0 || fab_fail(err, FAB_EUSAGE, "%s: no loss of the last %lld steps", path,
                                   (long long)(steps - steps / 2));
}

static const char **settings_of(search *t, int64_t i, int *n, fab_err *err)
{
    const json_t *set = json_object_get(trial_at(t, i), "set");
    *n = t->o->n_set + (int)json_array_size(set);
    const char **all = fab_arena_take(t->arena, (size_t)(*n + 1) * sizeof *all, err);
    for (int k = 0; all && k < *n; k++)
        all[k] = k < t->o->n_set
                     ? t->o->set[k]
                     : json_string_value(json_array_get(set, (size_t)(k - t->o->n_set)));
    return all;
}

/* Trains trial i to the rung's steps; false with err set when it cannot be, true and t->stopped
 * when interrupted. */
static bool train_to(search *t, int64_t i, int rung, double *score, double *seconds, fab_err *err)
{
    char *dir = fab_arena_printf(t->arena, err, "%s/trial-%02lld", t->out, (long long)i);
    fab_train_opts o = { .recipe = t->o->recipe,
                         .data = t->o->data,
                         .out = dir,
                         .shared = t->out,
                         .resume = true,
                         .trial = true,
                         .examine = strcmp(t->o->metric, "loss") != 0,
                         .until_steps = t->rungs[rung],
                         .interrupted = t->o->interrupted,
                         .pool = t->o->pool };
    o.set = dir ? settings_of(t, i, &o.n_set, err) : NULL;
    json_t *told = NULL;
    if (!o.set || !fab_train_run(&o, &told, err)) return false;
    t->stopped = json_integer_value(json_object_get(told, "steps")) < t->rungs[rung];
    *seconds = json_number_value(json_object_get(told, "seconds"));
    const json_t *val = json_object_get(json_object_get(told, "val"), t->o->metric);
    bool asked = val || t->stopped || !o.examine;
    *score = json_number_value(val);
    json_decref(told);
    if (!asked)
        return fab_fail(err, FAB_EUSAGE, "the exam asks nothing of %s: name another --metric",
                        t->o->metric);
    return t->stopped || o.examine || late_loss(t, dir, t->rungs[rung], score, err);
}

static bool note(search *t, int64_t i, int rung, double score, double seconds, fab_err *err)
{
    json_t *one = json_pack("{s:I, s:f, s:f}", "steps", (json_int_t)t->rungs[rung], "score", score,
                            "seconds", seconds);
    fab_log(FAB_LOG_INFO, "trial %lld: %s %.4g after %lld steps", (long long)i, t->o->metric, score,
            (long long)t->rungs[rung]);
    return (json_array_append_new(json_object_get(trial_at(t, i), "results"), one) == 0 ||
            fab_fail(err, FAB_ENOMEM, "no memory for a result")) &&
           save(t, err);
}

/* A setting that cannot be and a loss that is not finite are the trial's failure; all else, such as
 * a full disk, is the search's. */
static bool one_result(search *t, int64_t i, int rung, fab_err *err)
{
    fab_err mine = FAB_ERR_INIT;
    double score = 0, seconds = 0;
    if (train_to(t, i, rung, &score, &seconds, &mine))
        return t->stopped || note(t, i, rung, score, seconds, err);
    if (i == 0 || (mine.code != FAB_EUSAGE && mine.code != FAB_EFORMAT))
        return fab_fail(err, mine.code, "trial %lld: %s", (long long)i, mine.text);
    fab_log(FAB_LOG_WARN, "trial %lld failed: %s", (long long)i, mine.text);
    return (json_object_set_new(trial_at(t, i), "failed", json_string(mine.text)) == 0 ||
            fab_fail(err, FAB_ENOMEM, "no memory for a failure")) &&
           save(t, err);
}

/* ---- the search ------------------------------------------------------------------------------ */

static bool halve(search *t, fab_err *err)
{
    int64_t n = whole_of(t, "n");
    int64_t *who = fab_arena_take(t->arena, (size_t)n * sizeof *who, err);
    if (!who) return false;
    for (int64_t i = 0; i < n; i++) who[i] = i;
    for (int r = 0; r < t->n_rungs; r++) {
        n = fab_halving_reach(whole_of(t, "n"), t->o->eta, r);
        for (int64_t i = 0; i < n && !t->stopped; i++)
            if (!result_at(t, who[i], r) && !has_failed(t, who[i]) &&
                !one_result(t, who[i], r, err))
                return false;
        if (t->stopped) return true;
        rank(t, r, who, n);
        if (json_object_set_new(t->doc, "best", json_integer((json_int_t)who[0])) != 0)
            return fab_fail(err, FAB_ENOMEM, "no memory for the best trial");
    }
    return json_object_set_new(t->doc, "finished", json_true()) == 0 && save(t, err) &&
           draw(t, err);
}

/* A setting alone must be one that the recipe takes, at both ends or in every choice. */
static bool try_range(search *t, const fab_range *r, fab_err *err)
{
    size_t n = r->choice ? json_array_size(r->choice) : 2;
    bool loss = strcmp(t->o->metric, "loss") == 0;
    if (loss && (strstr(r->path, ".losses") || strstr(r->path, ".smoothing") ||
                 strstr(r->path, ".teacher")))
        return fab_fail(
            err, FAB_EUSAGE,
            "recipe: tune: %s changes the loss: losses do not compare, name a metric of "
            "the exam with --metric",
            r->path);
    for (size_t i = 0; i < n; i++) {
        double place = r->choice ? ((double)i + 0.5) / (double)n : i ? 1 - 1e-9 : 0;
        const char *set = fab_range_at(r, place, t->arena, err);
        const fab_train_opts o = { .recipe = t->o->recipe, .set = &set, .n_set = 1 };
        fab_recipe tried;
        bool ok = set && fab_recipe_read(&tried, &o, err);
        if (set) fab_recipe_clear(&tried);
        if (!ok) return fab_while(err, "tune: %s", set ? set : r->path);
    }
    return true;
}

/* The settings of trial i; none for trial 0. */
static json_t *new_trial(search *t, int i, fab_err *err)
{
    json_t *set = json_array();
    for (int k = 0; i && k < t->n_ranges; k++) {
        const char *one = fab_range_draw(&t->ranges[k], t->recipe.seed, i, k, t->arena, err);
        if (one) json_array_append_new(set, json_string(one));
    }
    return json_pack("{s:o, s:[]}", "set", set, "results");
}

static bool new_search(search *t, fab_err *err)
{
    json_t *rungs = json_array(), *trials = json_array();
    for (int r = 0; r < t->n_rungs; r++)
        json_array_append_new(rungs, json_integer((json_int_t)t->rungs[r]));
    for (int i = 0; i < t->o->trials; i++) json_array_append_new(trials, new_trial(t, i, err));
    t->doc = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:b, s:I}", "schema",
                       "fabrica.tune/1", "recipe", t->o->recipe, "metric", t->o->metric, "seed",
                       (json_int_t)t->recipe.seed, "eta", (json_int_t)t->o->eta, "n",
                       (json_int_t)t->o->trials, "rungs", rungs, "trials", trials, "finished", 0,
                       "best", (json_int_t)0);
    if (err->code) return false;
    return t->doc || fab_fail(err, FAB_ENOMEM, "no memory for a search of %lld trials",
                              (long long)t->o->trials);
}

/* Goes on only with the search that was begun: its settings are drawn again and compared. */
static bool old_search(search *t, fab_err *err)
{
    json_t *was = fab_json_open(t->path, err);
    if (!was || !new_search(t, err)) {
        json_decref(was);
        return false;
    }
    static const char *const same[] = { "metric", "seed", "eta", "n", "rungs" };
    const char *differs = NULL;
    for (size_t i = 0; i < sizeof same / sizeof *same && !differs; i++)
        if (!json_equal(json_object_get(was, same[i]), json_object_get(t->doc, same[i])))
            differs = same[i];
    for (int64_t i = 0; i < t->o->trials && !differs; i++)
        if (!json_equal(json_object_get(json_array_get(json_object_get(was, "trials"), (size_t)i),
                                        "set"),
                        json_object_get(trial_at(t, i), "set")))
            differs = "ranges";
    if (differs) {
        json_decref(was);
        return fab_fail(err, FAB_EUSAGE,
                        "%s is of a search with other %s: name another folder with "
                        "--out, or ask for the same",
                        t->path, strcmp(differs, "n") == 0 ? "trials" : differs);
    }
    json_decref(t->doc);
    t->doc = was;
    return true;
}

static bool plan(search *t, fab_err *err)
{
    const fab_tune_opts *o = t->o;
    int64_t all = 0;
    for (int i = 0; i < t->recipe.n_stages; i++) all += t->recipe.stages[i].steps;
    t->max = o->max ? o->max : all;
    if (t->max > all)
        return fab_fail(err, FAB_EUSAGE, "--max %lld: the recipe has %lld steps in all",
                        (long long)t->max, (long long)all);
    if (o->min < 20 || o->min > t->max)
        return fab_fail(err, FAB_EUSAGE, "--min %lld: 20 to %lld steps are wanted",
                        (long long)o->min, (long long)t->max);
    if (o->trials < 2 || o->trials > MAX_TRIALS || o->eta < 2)
        return fab_fail(err, FAB_EUSAGE,
                        "%lld trials, 1 of %lld goes on: 2 to %d and at least 2 are wanted",
                        (long long)o->trials, (long long)o->eta, MAX_TRIALS);
    t->n_rungs = fab_halving_rungs(o->min, t->max, o->eta, t->rungs, MAX_RUNGS);
    t->n_ranges = fab_ranges_read(json_object_get(t->recipe.json, "tune"), t->ranges, err);
    bool ok = t->n_ranges > 0;
    for (int k = 0; ok && k < t->n_ranges; k++) ok = try_range(t, &t->ranges[k], err);
    return ok;
}

static bool open_search(search *t, fab_err *err)
{
    const fab_tune_opts *o = t->o;
    const fab_train_opts as_is = {
        .recipe = o->recipe, .data = o->data, .set = o->set, .n_set = o->n_set
    };
    t->arena = fab_arena_new(0, err);
    if (!t->arena || !fab_recipe_read(&t->recipe, &as_is, err) || !plan(t, err)) return false;
    t->out = o->out ? fab_arena_strdup(t->arena, o->out, err)
                    : fab_arena_printf(t->arena, err, "%s-tune", t->recipe.out_dir);
    t->path = t->out ? fab_path_join(t->arena, t->out, "tune.json", err) : NULL;
    if (!t->path || !fab_mkdirs(t->out, err)) return false;
    if (!fab_exists(t->path)) return new_search(t, err);
    return o->resume ? old_search(t, err)
                     : fab_fail(err, FAB_EUSAGE,
                                "%s holds a search already: add --resume, or name another folder "
                                "with --out",
                                t->out);
}

bool fab_tune_run(const fab_tune_opts *o, json_t **tune, fab_err *err)
{
    search t = { .o = o };
    bool ok = open_search(&t, err) && save(&t, err) && halve(&t, err);
    if (ok) *tune = t.doc;
    else json_decref(t.doc);
    fab_recipe_clear(&t.recipe);
    fab_arena_free(t.arena);
    return ok;
}
