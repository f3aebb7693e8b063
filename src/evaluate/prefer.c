/* prefer: preferences of readers: ratings of versions, and whether the readers agree. See ab.h.
 *
 * Agreement: Fleiss' kappa over {first better, alike, second better} of the cases that as many
 * readers judged as most cases have been (two at least).
 */
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "data/record.h"
#include "evaluate/ab.h"
#include "evaluate/numbers.h"
#include "metrics/sequential.h"

enum { VERSIONS = 64, PER_CASE = 64 };
static const double prior = 0.1, elo_k = 16;

typedef struct {
    fab_path_list versions, readers, cases; /* cases: case and pair */
    fab_match *m;
    int32_t *of;        /* [n]: cluster: the case, or a number of its own */
    int32_t (*said)[3]; /* [cases.n] */
    int64_t n, cap, cap_cases;
} poll;

static json_t *interval(const fab_interval *v)
{
    return json_pack("{s:o,s:[o,o]}", "rating", fab_number_json(v->value), "interval",
                     fab_number_json(v->low), fab_number_json(v->high));
}

static bool make_room(poll *p, fab_err *err)
{
    if (p->n == p->cap) {
        int64_t cap = p->cap ? 2 * p->cap : 256;
        if (!fab_grow((void **)&p->m, (size_t)cap, sizeof *p->m, err) ||
            !fab_grow((void **)&p->of, (size_t)cap, sizeof *p->of, err))
            return false;
        p->cap = cap;
    }
    if (p->cases.n + 1 >= p->cap_cases) {
        int64_t cap = p->cap_cases ? 2 * p->cap_cases : 256;
        if (!fab_grow((void **)&p->said, (size_t)cap, sizeof *p->said, err)) return false;
        memset(p->said + p->cap_cases, 0, (size_t)(cap - p->cap_cases) * sizeof *p->said);
        p->cap_cases = cap;
    }
    return true;
}

static bool preferred(const char *a, const char *b, const char *said, double *score, fab_err *err)
{
    if (!strcmp(said, "tie")) *score = 0.5;
    else if (!strcmp(said, a)) *score = 1;
    else if (!strcmp(said, b)) *score = 0;
    else
        return fab_fail(err, FAB_EFORMAT,
                        "preferred: \"%.40s\" is neither \"%.40s\", \"%.40s\" nor tie", said, a, b);
    return true;
}

/* The case that this judgement belongs to; the pair in alphabetical order. */
static int32_t case_of(poll *p, const char *name, const char *a, const char *b, double score,
                       fab_err *err)
{
    char key[512];
    bool turned = strcmp(a, b) > 0;
    int n = snprintf(key, sizeof key, "%s\n%s\n%s", name, turned ? b : a, turned ? a : b);
    if (n < 0 || (size_t)n >= sizeof key)
        return fab_fail(err, FAB_ELIMIT, "case and versions together have %d bytes", n), -1;
    int32_t at = fab_paths_add(&p->cases, key, err);
    if (at < 0) return -1;
    double s = turned ? 1 - score : score;
    p->said[at][s > 0.75 ? 0 : s > 0.25 ? 1 : 2]++;
    return at;
}

static bool one_preference(void *arg, const json_t *o, fab_err *err)
{
    poll *p = arg;
    double score = 0;
    char own[40];
    const char *a = fab_json_str(o, "a", err), *b = a ? fab_json_str(o, "b", err) : NULL,
               *said = b ? fab_json_str(o, "preferred", err) : NULL,
               *reader = fab_json_str(o, "reader", NULL), *name = fab_json_str(o, "case", NULL);
    if (!said || !preferred(a, b, said, &score, err)) return false;
    if (!strcmp(a, b)) return fab_fail(err, FAB_EFORMAT, "a and b are both \"%.40s\"", a);
    if (reader && fab_paths_add(&p->readers, reader, err) < 0) return false;
    snprintf(own, sizeof own, "\t%lld", (long long)p->n); /* a case of its own */
    if (!make_room(p, err)) return false;
    int32_t i = fab_paths_add(&p->versions, a, err), j = fab_paths_add(&p->versions, b, err);
    int32_t c = case_of(p, name ? name : own, a, b, score, err);
    if (i < 0 || j < 0 || c < 0) return false;
    p->m[p->n] = (fab_match){ i, j, score };
    p->of[p->n++] = c;
    return true;
}

/* The number of readers that most cases with two or more have; 0: none has. */
static int usual_readers(const poll *p)
{
    int64_t cases[PER_CASE] = { 0 };
    int best = 0;
    for (int32_t c = 0; c < p->cases.n; c++) {
        int k = p->said[c][0] + p->said[c][1] + p->said[c][2];
        if (k >= 2 && k < PER_CASE) cases[k]++;
    }
    for (int k = 2; k < PER_CASE; k++)
        if (cases[k] && (!best || cases[k] > cases[best])) best = k;
    return best;
}

static bool agreement(const poll *p, json_t *to, fab_err *err)
{
    int readers = usual_readers(p);
    int64_t n = 0, whole = 0;
    double kappa = NAN;
    if (!readers) return true;
    int32_t(*rows)[3] = fab_new_array((size_t)p->cases.n, sizeof *rows, err);
    if (!rows) return false;
    for (int32_t c = 0; c < p->cases.n; c++) {
        const int32_t *s = p->said[c];
        if (s[0] + s[1] + s[2] != readers) continue;
        memcpy(rows[n++], s, sizeof *rows);
        whole += s[0] == readers || s[1] == readers || s[2] == readers;
    }
    bool ok = fab_fleiss(&rows[0][0], n, 3, &kappa, err);
    fab_free(rows);
    if (ok)
        json_object_set_new(to, "agreement",
                            json_pack("{s:I,s:i,s:o,s:f}", "cases", (json_int_t)n, "readers",
                                      readers, "kappa", fab_number_json(kappa), "unanimous",
                                      (double)whole / (double)n));
    return ok;
}

static json_t *version_json(const poll *p, int v, const fab_interval *bt, const fab_interval *elo)
{
    int64_t won = 0, lost = 0, tied = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const fab_match *m = &p->m[i];
        if (m->a != v && m->b != v) continue;
        double s = m->a == v ? m->score : 1 - m->score;
        won += s == 1, lost += s == 0, tied += s == 0.5;
    }
    return json_pack("{s:I,s:I,s:I,s:o,s:o}", "wins", (json_int_t)won, "losses", (json_int_t)lost,
                     "ties", (json_int_t)tied, "bradley_terry", interval(bt), "elo", interval(elo));
}

static json_t *report(const poll *p, const fab_ab_opts *o, fab_err *err)
{
    fab_interval bt[VERSIONS], elo[VERSIONS];
    bool used[VERSIONS] = { false };
    fab_boot_opts boot = { .resamples = o->resamples, .seed = o->seed, .cluster = p->of };
    if (!fab_preferences(p->m, p->n, p->versions.n, prior, elo_k, &boot, bt, elo, err)) return NULL;
    json_t *versions = json_object();
    for (int k = 0; k < p->versions.n; k++) { /* best first */
        int best = -1;
        for (int i = 0; i < p->versions.n; i++)
            if (!used[i] && (best < 0 || bt[i].value > bt[best].value)) best = i;
        used[best] = true;
        json_object_set_new(versions, p->versions.paths[best],
                            version_json(p, best, &bt[best], &elo[best]));
    }
    json_t *v = json_pack("{s:s,s:I,s:i,s:o}", "kind", "preferences", "n", (json_int_t)p->n,
                          "readers", p->readers.n, "versions", versions);
    if (v && p->versions.n == 2) {
        int64_t won[2] = { 0, 0 };
        for (int64_t i = 0; i < p->n; i++)
            if (p->m[i].score != 0.5) won[p->m[i].score == 1 ? p->m[i].a : p->m[i].b]++;
        json_object_set_new(v, "sign_p", json_real(fab_fair_coin(won[0], won[1])));
    }
    if (v && agreement(p, v, err)) return v;
    json_decref(v);
    return NULL;
}

json_t *fab_ab_preferences(const char *path, const fab_ab_opts *opts, fab_err *err)
{
    static const fab_ab_opts none;
    poll p = { 0 };
    bool ok = fab_paths_init(&p.versions, err) && fab_paths_init(&p.readers, err) &&
              fab_paths_init(&p.cases, err) && fab_jsonl_each(path, one_preference, &p, err);
    if (ok && !p.n) ok = fab_fail(err, FAB_EFORMAT, "%s: no records", path);
    json_t *v = ok ? report(&p, opts ? opts : &none, err) : NULL;
    fab_paths_clear(&p.versions);
    fab_paths_clear(&p.readers);
    fab_paths_clear(&p.cases);
    fab_free(p.m);
    fab_free(p.of);
    fab_free(p.said);
    return v;
}
