/* fabrica eval ab: two versions in service: which one a case goes to, what became of it, and what
 * that says; preferences of readers; two systems on the same records. */
#include <string.h>
#include "cli/evaluating.h"
#include "evaluate/ab.h"

typedef struct {
    const char *action, *data, *against, *field, *experiment, *user, *arms, *html;
    double outcome, alpha, power, effect;
    int64_t planned, looks, resamples, seed;
} opts;

#define number fab_number_get
#define item   fab_number_item

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* ---- printing ---------------------------------------------------------------------------------- */

static void print_outcomes(FILE *out, const json_t *v)
{
    const json_t *a = json_object_get(v, "always_valid"), *one = json_object_get(v, "one_look"),
                 *plan = json_object_get(v, "plan");
    const char *name;
    json_t *x;
    size_t i;
    json_object_foreach(json_object_get(v, "arms"), name, x)
        fprintf(out, "%-24s n %-6.0f mean %.4f (%.4f to %.4f)\n", name, number(x, "n"),
                number(x, "mean"), item(x, "interval", 0), item(x, "interval", 1));
    fprintf(out, "%s less %s: %+.4f (%+.4f to %+.4f at every look together), p %.3g: %s\n",
            text(v, "to"), text(v, "from"), number(v, "difference"), item(a, "interval", 0),
            item(a, "interval", 1), number(a, "p"), text(v, "verdict"));
    if (one)
        fprintf(out, "if this were the only look: %+.4f to %+.4f, z %.3f, p %.3g\n",
                item(one, "interval", 0), item(one, "interval", 1), number(one, "z"),
                number(one, "p"));
    json_array_foreach(json_object_get(v, "planned_looks"), i, x)
        fprintf(out, "planned look at %.0f cases: z %.3f, bound %.3f%s\n", number(x, "n"),
                number(x, "z"), number(x, "bound"),
                json_is_true(json_object_get(x, "crossed")) ? ", crossed" : "");
    if (json_is_object(plan))
        fprintf(out, "to find a difference of %.3f from %.3f: %.0f cases an arm\n",
                number(plan, "difference"), number(plan, "base"), number(plan, "per_arm"));
    if (number(v, "ratio_p") < 0.001)
        fprintf(out, "the arms' numbers do not fit their shares, p %.2g: check the assignment\n",
                number(v, "ratio_p"));
}

static void print_preferences(FILE *out, const json_t *v)
{
    const json_t *g = json_object_get(v, "agreement");
    const char *name;
    json_t *x;
    fprintf(out, "%-24s wins losses ties  Bradley-Terry             Elo\n", "");
    json_object_foreach(json_object_get(v, "versions"), name, x)
    {
        const json_t *bt = json_object_get(x, "bradley_terry"), *elo = json_object_get(x, "elo");
        fprintf(out, "%-24s %4.0f %6.0f %4.0f  %6.0f (%.0f to %.0f)  %6.0f (%.0f to %.0f)\n", name,
                number(x, "wins"), number(x, "losses"), number(x, "ties"), number(bt, "rating"),
                item(bt, "interval", 0), item(bt, "interval", 1), number(elo, "rating"),
                item(elo, "interval", 0), item(elo, "interval", 1));
    }
    if (json_object_get(v, "sign_p")) fprintf(out, "sign test p %.3g\n", number(v, "sign_p"));
    if (g)
        fprintf(out,
                "readers agree: kappa %.3f, unanimous in %.1f %% of %.0f cases by %.0f readers\n",
                number(g, "kappa"), 100 * number(g, "unanimous"), number(g, "cases"),
                number(g, "readers"));
}

static void print(FILE *out, const json_t *v)
{
    const json_t *m = json_object_get(v, "mcnemar");
    if (!strcmp(text(v, "kind"), "outcomes")) print_outcomes(out, v);
    else if (!strcmp(text(v, "kind"), "preferences")) print_preferences(out, v);
    else {
        fprintf(out, "n %.0f  a %.4f (%.4f to %.4f)  b %.4f (%.4f to %.4f)\n", number(v, "n"),
                number(v, "a"), item(v, "a_interval", 0), item(v, "a_interval", 1), number(v, "b"),
                item(v, "b_interval", 0), item(v, "b_interval", 1));
        fprintf(out, "b less a %+.4f (%+.4f to %+.4f), randomisation p %.3g\n",
                number(v, "difference"), item(v, "interval", 0), item(v, "interval", 1),
                number(v, "randomisation_p"));
        if (m)
            fprintf(out, "McNemar: only a right %.0f, only b right %.0f, p %.3g\n",
                    number(m, "only_a"), number(m, "only_b"), number(m, "p"));
    }
}

/* ---- actions ----------------------------------------------------------------------------------- */

static bool place(const opts *o, fab_ab_arms *arms, fab_ab_place *p, fab_err *err)
{
    if (!o->user || !o->experiment)
        return fab_fail(err, FAB_EUSAGE, "%s needs --user and --experiment", o->action);
    if (!*o->user || !*o->experiment)
        return fab_fail(err, FAB_EUSAGE, "--%s is empty", *o->user ? "experiment" : "user");
    return fab_ab_arms_parse(arms, o->arms ? o->arms : "a:5000,b:5000", err) &&
           fab_ab_assign(arms, o->user, o->experiment, p, err);
}

static bool assign(fab_run *r, const opts *o, fab_err *err)
{
    fab_ab_arms arms;
    fab_ab_place p;
    if (!place(o, &arms, &p, err)) return false;
    if (r->json)
        return fab_run_json(r,
                            json_pack("{s:s,s:i,s:s}", "arm", arms.names[p.arm], "bucket", p.bucket,
                                      "user", p.user_hash),
                            err);
    fprintf(r->out, "%s\n", arms.names[p.arm]);
    return true;
}

/* One line at the end of the file, in one write. */
static bool append(const char *path, json_t *v, fab_err *err)
{
    char *line = json_dumps(v, JSON_COMPACT | FAB_JSON_DUMP);
    FILE *f = line ? fopen(path, "ab") : NULL;
    bool ok = f && fprintf(f, "%s\n", line) > 0;
    ok = f && fclose(f) == 0 && ok;
    fab_free(line);
    json_decref(v);
    return ok || fab_fail(err, FAB_EIO, "%s: cannot be written", path);
}

static bool record(fab_run *r, const opts *o, fab_err *err)
{
    fab_ab_arms arms;
    fab_ab_place p;
    char day[24];
    if (!o->data) return fab_fail(err, FAB_EUSAGE, "record needs --data, the file to append to");
    if (!(o->outcome >= 0 && o->outcome <= 1))
        return fab_fail(err, FAB_EUSAGE, "record needs --outcome, 0 to 1");
    if (!place(o, &arms, &p, err)) return false;
    fab_iso_time(fab_unix_time(), day);
    json_t *v =
        json_pack("{s:s,s:s,s:s,s:i,s:s,s:f}", "time", day, "experiment", o->experiment, "user",
                  p.user_hash, "bucket", p.bucket, "arm", arms.names[p.arm], "outcome", o->outcome);
    (void)r;
    return v ? append(o->data, v, err) : fab_fail(err, FAB_ENOMEM, "out of memory");
}

static bool analyse(fab_run *r, const opts *o, fab_err *err)
{
    fab_ab_arms arms;
    fab_ab_opts how = { .alpha = o->alpha,
                        .power = o->power,
                        .effect = o->effect,
                        .planned = o->planned,
                        .looks = (int)o->looks,
                        .resamples = o->resamples,
                        .seed = (uint64_t)o->seed };
    if (!o->data) return fab_fail(err, FAB_EUSAGE, "%s needs --data", o->action);
    if (o->arms) {
        if (!fab_ab_arms_parse(&arms, o->arms, err)) return false;
        how.arms = &arms;
    }
    bool two = !strcmp(o->action, "compare");
    if (two && !o->against) return fab_fail(err, FAB_EUSAGE, "compare needs --data and --against");
    json_t *v = two ? fab_ab_compare(o->data, o->against, o->field, &how, err)
                    : fab_ab_analyse(o->data, &how, err);
    return fab_eval_result(r, v, "ab", o->html, o->data, print, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    if (!strcmp(o->action, "assign")) return assign(r, o, err);
    if (!strcmp(o->action, "record")) return record(r, o, err);
    return analyse(r, o, err);
}

/* clang-format off */
const fab_verb fab_verb_eval_ab = {
    .name = "eval ab", .summary = "compare two versions in service, or two systems on the same records",
    .about = "assign prints the arm of a case: SHA-256 of user and experiment, mod 10000. record appends its outcome to "
             "--data, the user as a hash. analyse reads outcomes {arm, outcome, user, time} in the order they came and may be "
             "run every day: its p and interval hold at all looks together. It also reads preferences {a, b, preferred, "
             "reader, case} and rates the versions. compare joins two files of eval vqa --predictions by id.",
    .example = "fabrica eval ab analyse --data outcomes.jsonl --effect 0.05", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "ACTION", FAB_CHOICE, offsetof(opts, action), NULL, "what to do", .choices = "assign|record|analyse|compare" },
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "the records as JSONL; record appends to it" },
        { "against", FAB_FILE_IN, offsetof(opts, against), NULL, "compare: the other system's file (b)" },
        { "field", FAB_STR, offsetof(opts, field), "points", "compare: the field with the points", .meta = "FIELD" },
        { "experiment", FAB_STR, offsetof(opts, experiment), NULL, "its name; part of the hash" },
        { "user", FAB_STR, offsetof(opts, user), NULL, "the case, patient or reader that is assigned" },
        { "arms", FAB_STR, offsetof(opts, arms), NULL, "names and buckets of 10000; else a:5000,b:5000" },
        { "outcome", FAB_FLOAT, offsetof(opts, outcome), "-1", "record: 0 to 1" },
        { "alpha", FAB_FLOAT, offsetof(opts, alpha), "0.05", "error rate over all looks", .min = 0.0001, .max = 0.5 },
        { "power", FAB_FLOAT, offsetof(opts, power), "0.8", "of the sample-size plan", .min = 0.5, .max = 0.999 },
        { "effect", FAB_FLOAT, offsetof(opts, effect), "0.05", "the difference that is looked for", .min = 0.001, .max = 0.9 },
        { "planned", FAB_INT, offsetof(opts, planned), "0", "cases in all: adds planned looks with O'Brien-Fleming bounds", .min = 0, .max = 1e9 },
        { "looks", FAB_INT, offsetof(opts, looks), "5", "so many planned looks", .min = 1, .max = 50 },
        FAB_OPT_BOOT(opts),
        { 0 } },
};
/* clang-format on */
