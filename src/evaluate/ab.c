/* ab: outcomes of two arms, looked at as they came. See ab.h. */
#include "evaluate/ab.h"

#include <math.h>
#include <string.h>
#include "base/hash.h"
#include "base/json.h"
#include "data/record.h"
#include "evaluate/numbers.h"
#include "metrics/sequential.h"

enum { DAYS = 4000 };

static json_t *pair(double low, double high)
{
    return json_pack("[o,o]", fab_number_json(low), fab_number_json(high));
}

/* ---- assignment -------------------------------------------------------------------------------- */

bool fab_ab_arms_parse(fab_ab_arms *a, const char *text, fab_err *err)
{
    int total = 0;
    *a = (fab_ab_arms){ 0 };
    for (const char *s = text; *s; s += *s == ',') {
        size_t n = strcspn(s, ",:");
        int share = 0;
        const char *d = s + n + 1;
        if (a->n == FAB_AB_ARMS || !n || n >= sizeof a->names[0] || s[n] != ':')
            return fab_fail(err, FAB_EUSAGE,
                            "arms \"%.80s\": NAME:SHARE,NAME:SHARE expected, at most %d", text,
                            FAB_AB_ARMS);
        while (*d >= '0' && *d <= '9' && share <= FAB_BUCKETS) share = 10 * share + *d++ - '0';
        if ((*d && *d != ',') || d == s + n + 1)
            return fab_fail(err, FAB_EUSAGE, "arms \"%.80s\": the share of %.*s is not a number",
                            text, (int)n, s);
        memcpy(a->names[a->n], s, n);
        for (int i = 0; i < a->n; i++)
            if (!strcmp(a->names[i], a->names[a->n]))
                return fab_fail(err, FAB_EUSAGE, "arms \"%.80s\": %s stands there twice", text,
                                a->names[i]);
        a->shares[a->n++] = share;
        total += share;
        s = d;
    }
    if (a->n < 2)
        return fab_fail(err, FAB_EUSAGE, "arms \"%.80s\": %d given, two or more are wanted", text,
                        a->n);
    if (total > FAB_BUCKETS)
        return fab_fail(err, FAB_EUSAGE, "arms \"%.80s\": %d buckets given out, there are %d", text,
                        total, FAB_BUCKETS);
    return true;
}

bool fab_ab_assign(const fab_ab_arms *a, const char *user, const char *experiment,
                   fab_ab_place *out, fab_err *err)
{
    char hex[65], text[1024];
    int n = snprintf(text, sizeof text, "%s\n%s", experiment, user);
    if (n < 0 || (size_t)n >= sizeof text)
        return fab_fail(err, FAB_ELIMIT, "user and experiment together have more than %zu bytes",
                        sizeof text - 2);
    out->bucket = fab_bucket(user, experiment);
    out->arm = fab_arm_of(out->bucket, a->shares, a->n);
    fab_sha256_hex(text, (size_t)n, hex);
    memcpy(out->user_hash, hex, 16);
    out->user_hash[16] = 0;
    return out->arm >= 0 || fab_fail(err, FAB_EREFUSED,
                                     "bucket %d belongs to no arm of this experiment", out->bucket);
}

/* ---- reading outcomes -------------------------------------------------------------------------- */

typedef struct {
    char day[11];
    int64_t n; /* cases up to its end */
    fab_always v;
} look;

typedef struct {
    fab_path_list names, users;
    fab_arm arms[2];
    int64_t hits[2], n, decided_at, planned_at[FAB_LOOKS];
    bool binary;
    double alpha, effect, p;
    look *days; /* [n_days] */
    int n_days, looks, look;
    double bound[FAB_LOOKS], z[FAB_LOOKS];
} trial;

static bool outcome_of(const json_t *o, double *x, fab_err *err)
{
    const json_t *v = json_object_get(o, "outcome");
    *x = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
    if (!json_is_boolean(v) && !json_is_number(v))
        return fab_fail(err, FAB_EFORMAT, "no field \"outcome\" with a number or true or false");
    return (*x >= 0 && *x <= 1) || fab_fail(err, FAB_EFORMAT, "outcome: %g is not in 0..1", *x);
}

/* Each user counts once: a second record would count his luck twice. */
static bool new_user(trial *t, const json_t *o, fab_err *err)
{
    const char *user = fab_json_str(o, "user", NULL);
    if (!user) return true;
    if (fab_paths_find(&t->users, user) >= 0)
        return fab_fail(err, FAB_EFORMAT, "user: a second record of one user");
    return fab_paths_add(&t->users, user, err) >= 0;
}

static double z_of(const trial *t)
{
    const fab_arm *a = &t->arms[0], *b = &t->arms[1];
    double n = (double)(a->n + b->n), mean = n > 0 ? (a->sum + b->sum) / n : 0;
    if (!a->n || !b->n) return 0;
    double var =
        ((a->squares + b->squares) / n - mean * mean) * (1 / (double)a->n + 1 / (double)b->n);
    return var > 0 ? (b->sum / (double)b->n - a->sum / (double)a->n) / sqrt(var) : 0;
}

static bool see_day(trial *t, const json_t *o, fab_err *err)
{
    const char *time = fab_json_str(o, "time", NULL);
    look *last = t->n_days ? &t->days[t->n_days - 1] : NULL;
    char day[11] = "";
    snprintf(day, sizeof day, "%.10s", time ? time : "");
    if (!last || strcmp(last->day, day) != 0) {
        if (last && strcmp(day, last->day) < 0)
            return fab_fail(err, FAB_EFORMAT,
                            "time: %s comes after %s; records stand in the order they came", day,
                            last->day);
        if (t->n_days == DAYS) return fab_fail(err, FAB_ELIMIT, "more than %d days", DAYS);
        last = &t->days[t->n_days++];
        memcpy(last->day, day, sizeof day);
    }
    last->n = t->n;
    last->v = fab_always_valid(&t->arms[0], &t->arms[1], t->alpha, t->effect);
    t->p = fmin(t->p, last->v.p);
    if (t->p <= t->alpha && !t->decided_at) t->decided_at = t->n;
    last->v.p = t->p;
    return true;
}

static bool one_outcome(void *arg, const json_t *o, fab_err *err)
{
    trial *t = arg;
    double x;
    const char *name = fab_json_str(o, "arm", NULL);
    if (!name || !*name) return fab_fail(err, FAB_EFORMAT, "no field \"arm\" with a name");
    if (!outcome_of(o, &x, err) || !new_user(t, o, err)) return false;
    int32_t at = fab_paths_add(&t->names, name, err);
    if (at < 0) return false;
    if (at > 1)
        return fab_fail(err, FAB_EFORMAT,
                        "arm: \"%.40s\" is a third one, after \"%.40s\" and \"%.40s\"", name,
                        t->names.paths[0], t->names.paths[1]);
    fab_arm_add(&t->arms[at], x);
    t->binary = t->binary && (x == 0 || x == 1);
    t->n++;
    for (; t->look < t->looks && t->planned_at[t->look] <= t->n; t->look++) t->z[t->look] = z_of(t);
    return see_day(t, o, err);
}

/* ---- the report -------------------------------------------------------------------------------- */

static json_t *arms_json(const trial *t)
{
    json_t *o = json_object();
    for (int k = 0; k < 2; k++) {
        const fab_arm *a = &t->arms[k];
        double n = (double)a->n, mean = a->sum / n,
               sd = sqrt(fmax(0, a->squares / n - mean * mean));
        fab_interval v = { mean, mean - 1.959964 * sd / sqrt(n), mean + 1.959964 * sd / sqrt(n) };
        if (t->binary) v = fab_wilson((int64_t)llround(a->sum), a->n, 0.95);
        json_object_set_new(o, t->names.paths[k],
                            json_pack("{s:I,s:f,s:o}", "n", (json_int_t)a->n, "mean", mean,
                                      "interval", pair(v.low, v.high)));
    }
    return o;
}

static json_t *days_json(const trial *t)
{
    json_t *list = json_array();
    for (int i = 0; i < t->n_days; i++)
        json_array_append_new(list, json_pack("{s:s,s:I,s:f,s:o,s:f}", "day", t->days[i].day, "n",
                                              (json_int_t)t->days[i].n, "difference",
                                              t->days[i].v.difference, "interval",
                                              pair(t->days[i].v.low, t->days[i].v.high), "p",
                                              t->days[i].v.p));
    return list;
}

static json_t *plan_json(const trial *t, const fab_ab_opts *o)
{
    int64_t n;
    double base = t->arms[0].sum / (double)t->arms[0].n, other = base + t->effect;
    fab_err none = FAB_ERR_INIT;
    double effect = other <= 1 ? t->effect : -t->effect;
    if (!t->binary || !fab_sample_size(base, effect, t->alpha, o->power, &n, &none))
        return json_null();
    return json_pack("{s:f,s:f,s:f,s:f,s:I}", "base", base, "difference", effect, "alpha", t->alpha,
                     "power", o->power, "per_arm", (json_int_t)n);
}

static json_t *looks_json(const trial *t)
{
    json_t *list = json_array();
    for (int k = 0; k < t->look; k++)
        json_array_append_new(list,
                              json_pack("{s:I,s:f,s:f,s:b}", "n", (json_int_t)t->planned_at[k], "z",
                                        t->z[k], "bound", t->bound[k], "crossed",
                                        fabs(t->z[k]) >= t->bound[k]));
    return list;
}

/* Whether the arms have as many cases as their shares say: a broken assignment spoils everything. */
static double ratio_p(const trial *t, const fab_ab_arms *arms)
{
    double share[2] = { 0.5, 0.5 }, chi2 = 0;
    for (int k = 0; arms && k < 2; k++)
        for (int i = 0; i < arms->n; i++)
            if (!strcmp(arms->names[i], t->names.paths[k])) share[k] = arms->shares[i];
    for (int k = 0; k < 2; k++) {
        double want = (double)t->n * share[k] / (share[0] + share[1]);
        chi2 += ((double)t->arms[k].n - want) * ((double)t->arms[k].n - want) / want;
    }
    return fab_chi2_tail(chi2, 1);
}

static json_t *verdict(const trial *t)
{
    fab_always v = fab_always_valid(&t->arms[0], &t->arms[1], t->alpha, t->effect);
    char s[200];
    if (t->decided_at)
        snprintf(s, sizeof s, "%.60s is better than %.60s", t->names.paths[v.difference > 0],
                 t->names.paths[v.difference <= 0]);
    else snprintf(s, sizeof s, "no difference shown so far");
    return json_string(s);
}

static json_t *report(const trial *t, const fab_ab_opts *o)
{
    fab_always v = fab_always_valid(&t->arms[0], &t->arms[1], t->alpha, t->effect);
    json_t *r = json_pack("{s:s,s:I,s:o,s:s,s:s}", "kind", "outcomes", "n", (json_int_t)t->n,
                          "arms", arms_json(t), "from", t->names.paths[0], "to", t->names.paths[1]);
    fab_two_shares two;
    fab_err none = FAB_ERR_INIT;
    json_object_set_new(r, "difference", json_real(v.difference));
    json_object_set_new(r, "always_valid",
                        json_pack("{s:o,s:f,s:f,s:f}", "interval", pair(v.low, v.high), "p", t->p,
                                  "alpha", t->alpha, "effect", t->effect));
    if (t->binary &&
        fab_two_proportions((int64_t)llround(t->arms[1].sum), t->arms[1].n,
                            (int64_t)llround(t->arms[0].sum), t->arms[0].n, 0.95, &two, &none))
        json_object_set_new(r, "one_look",
                            json_pack("{s:f,s:f,s:o}", "z", two.z, "p", two.p, "interval",
                                      pair(two.difference.low, two.difference.high)));
    json_object_set_new(r, "verdict", verdict(t));
    json_object_set_new(r, "decided_at", t->decided_at ? json_integer(t->decided_at) : json_null());
    json_object_set_new(r, "ratio_p", json_real(ratio_p(t, o->arms)));
    json_object_set_new(r, "plan", plan_json(t, o));
    if (t->looks) json_object_set_new(r, "planned_looks", looks_json(t));
    json_object_set_new(r, "days", days_json(t));
    return r;
}

static bool plan_looks(trial *t, const fab_ab_opts *o, fab_err *err)
{
    double at[FAB_LOOKS];
    if (!o->planned) return true;
    t->looks = o->looks ? o->looks : 5;
    if (t->looks > FAB_LOOKS || o->planned < t->looks)
        return fab_fail(err, FAB_EUSAGE, "%d looks at %lld planned cases", t->looks,
                        (long long)o->planned);
    for (int k = 0; k < t->looks; k++) {
        t->planned_at[k] = o->planned * (k + 1) / t->looks;
        at[k] = (double)t->planned_at[k] / (double)o->planned;
    }
    return fab_obrien_fleming(at, t->looks, t->alpha, t->bound, err);
}

static fab_ab_opts filled(const fab_ab_opts *opts)
{
    fab_ab_opts o = opts ? *opts : (fab_ab_opts){ 0 };
    if (o.alpha == 0) o.alpha = 0.05;
    if (o.power == 0) o.power = 0.8;
    if (o.effect == 0) o.effect = 0.05;
    return o;
}

json_t *fab_ab_outcomes(const char *path, const fab_ab_opts *opts, fab_err *err)
{
    fab_ab_opts o = filled(opts);
    trial t = { .alpha = o.alpha, .effect = o.effect, .binary = true, .p = 1 };
    t.days = fab_new_array(DAYS, sizeof *t.days, err);
    bool ok = t.days && fab_paths_init(&t.names, err) && fab_paths_init(&t.users, err) &&
              plan_looks(&t, &o, err) && fab_jsonl_each(path, one_outcome, &t, err);
    if (ok && t.names.n < 2)
        ok = fab_fail(err, FAB_EFORMAT, "%s: %lld records of %d arms, two are compared", path,
                      (long long)t.n, t.names.n);
    json_t *v = ok ? report(&t, &o) : NULL;
    fab_paths_clear(&t.names);
    fab_paths_clear(&t.users);
    fab_free(t.days);
    return v;
}

json_t *fab_ab_analyse(const char *path, const fab_ab_opts *o, fab_err *err)
{
    fab_jsonl j;
    if (!fab_jsonl_open(&j, path, err)) return NULL;
    fab_err mine = FAB_ERR_INIT;
    json_t *first = fab_jsonl_next(&j, &mine);
    bool preferences = first && json_object_get(first, "preferred");
    json_decref(first);
    fab_jsonl_close(&j);
    if (!first)
        return mine.code ? fab_fail(err, mine.code, "%s", mine.text)
                         : fab_fail(err, FAB_EFORMAT, "%s: no records", path),
               NULL;
    return preferences ? fab_ab_preferences(path, o, err) : fab_ab_outcomes(path, o, err);
}
