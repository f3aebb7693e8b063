/* skills: see skills.h. */
#include "zoo/skills.h"

#include <math.h>
#include <string.h>

#define KEY(name) "fabrica.skills." name

double fab_skill_error(const fab_skill *s)
{
    double A = (double)s->auc, P = s->positives, N = s->negatives;
    if (P < 1 || N < 1) return 0;
    double q1 = A / (2 - A), q2 = 2 * A * A / (1 + A);
    double v = (A * (1 - A) + (P - 1) * (q1 - A * A) + (N - 1) * (q2 - A * A)) / (P * N);
    return v > 0 ? sqrt(v) : 0;
}

fab_skill_verdict fab_skill_judge(const fab_skill *s)
{
    if (!s || s->positives < FAB_SKILL_LEAST || s->negatives < FAB_SKILL_LEAST)
        return FAB_SKILL_UNMEASURED;
    return (double)s->auc - 1.64 * fab_skill_error(s) <= 0.5 ? FAB_SKILL_UNTAUGHT
                                                             : FAB_SKILL_TAUGHT;
}

void fab_skill_calibrate(const fab_skill *s, double *p, int n)
{
    if (s && fab_skill_judge(s) == FAB_SKILL_TAUGHT) fab_curve_apply(&s->curve, p, n);
}

bool fab_skill_consider(const fab_skill *s, const fab_patient *who, double *p, int n)
{
    return s && fab_skill_judge(s) == FAB_SKILL_TAUGHT && fab_patient_apply(&s->patient, who, p, n);
}

const char *fab_skill_word(fab_skill_verdict v)
{
    static const char *const words[] = { "unknown", "unmeasured", "not above chance",
                                         "above chance" };
    return words[v];
}

const fab_skill *fab_skills_find(const fab_skills *s, const char *code)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->items[i].code, code)) return &s->items[i];
    return NULL;
}

json_t *fab_skills_json(const fab_skills *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->n; i++) {
        const fab_skill *x = &s->items[i];
        fab_skill_verdict v = fab_skill_judge(x);
        json_t *o =
            json_pack("{s:s, s:o?, s:i, s:i, s:s}", "code", x->code, "auc",
                      x->positives && x->negatives ? json_real(round((double)x->auc * 1e4) / 1e4)
                                                   : NULL,
                      "positives", x->positives, "negatives", x->negatives, "verdict",
                      fab_skill_word(v));
        if (*x->choice) json_object_set_new(o, "weakest_choice", json_string(x->choice));
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- in the file ----------------------------------------------------------------------------- */

static bool same_length(const char *key, int64_t n, int64_t there, fab_err *err)
{
    return n == there || fab_fail(err, FAB_EFORMAT, "%s: %lld entries, " KEY("code") " has %lld",
                                  key, (long long)there, (long long)n);
}

/* n numbers; NULL with err set. A key that may be absent gives zeros. */
static const float *read_numbers(const fab_weights *w, const char *key, bool optional, int64_t n,
                                 fab_arena *a, fab_err *err)
{
    int64_t there = n;
    const float *v = optional && !fab_weights_has(w, key)
                         ? fab_arena_zero(a, (size_t)(n ? n : 1) * sizeof *v, err)
                         : fab_weights_f32s(w, key, a, &there, err);
    return v && same_length(key, n, there, err) ? v : NULL;
}

/* FAB_CURVE_MOST numbers a row, or none. */
static const float *read_choices(const fab_weights *w, const char *key, int64_t n, fab_arena *a,
                                 fab_err *err)
{
    return read_numbers(w, key, true, n * FAB_CURVE_MOST, a, err);
}

static const int32_t *read_counts(const fab_weights *w, const char *key, int64_t n, fab_arena *a,
                                  fab_err *err)
{
    int64_t there = n;
    const int32_t *v = fab_weights_i32s(w, key, a, &there, err);
    return v && same_length(key, n, there, err) ? v : NULL;
}

static bool check(const fab_skill *s, fab_err *err)
{
    if (!(s->auc >= 0 && s->auc <= 1))
        return fab_fail(err, FAB_EFORMAT, KEY("auc") ": %g of '%.60s' is not in [0,1]",
                        (double)s->auc, s->code);
    if (s->positives < 0 || s->negatives < 0)
        return fab_fail(err, FAB_EFORMAT, "fabrica.skills: '%.60s' counts %d and %d pictures",
                        s->code, s->positives, s->negatives);
    return (fab_curve_check(&s->curve, err) && fab_patient_odds_check(&s->patient, err)) ||
           fab_while(err, "fabrica.skills: '%.60s'", s->code);
}

/* choices [FAB_CURVE_MOST]: zeros in a file without them. */
static fab_curve curve_of(float slope, float offset, const float *choices)
{
    fab_curve c = { .slope = slope };
    memcpy(c.offset, choices, sizeof c.offset);
    c.offset[0] = offset;
    return c;
}

static fab_patient_odds odds_of(const float *decade, const float *male)
{
    fab_patient_odds o;
    memcpy(o.decade, decade, sizeof o.decade);
    memcpy(o.male, male, sizeof o.male);
    return o;
}

bool fab_skills_read(const fab_weights *w, fab_arena *a, fab_skills *out, fab_err *err)
{
    int64_t n = 0, n_choices = 0;
    *out = (fab_skills){ 0 };
    if (!fab_weights_has(w, KEY("code"))) return true;
    const char *const *codes = fab_weights_strs(w, KEY("code"), &n, err),
                      *const *choices =
                          codes ? fab_weights_strs(w, KEY("choice"), &n_choices, err) : NULL;
    if (!choices || !same_length(KEY("choice"), n, n_choices, err)) return false;
    if (n > 10000)
        return fab_fail(err, FAB_EFORMAT, KEY("code") ": %lld entries, at most 10000 are read",
                        (long long)n);
    const float *auc = read_numbers(w, KEY("auc"), false, n, a, err),
                *slope = auc ? read_numbers(w, KEY("slope"), true, n, a, err) : NULL,
                *offset = slope ? read_numbers(w, KEY("offset"), true, n, a, err) : NULL,
                *further = offset ? read_choices(w, KEY("choice_offset"), n, a, err) : NULL,
                *decade = further ? read_choices(w, KEY("choice_decade"), n, a, err) : NULL,
                *male = decade ? read_choices(w, KEY("choice_male"), n, a, err) : NULL;
    const int32_t *pos = male ? read_counts(w, KEY("positives"), n, a, err) : NULL,
                  *neg = pos ? read_counts(w, KEY("negatives"), n, a, err) : NULL;
    if (!neg) return false;
    fab_skill *items = fab_arena_take(a, (size_t)(n ? n : 1) * sizeof *items, err);
    if (!items) return false;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i * FAB_CURVE_MOST;
        items[i] = (fab_skill){ .code = codes[i],
                                .choice = choices[i],
                                .auc = auc[i],
                                .positives = pos[i],
                                .negatives = neg[i],
                                .curve = curve_of(slope[i], offset[i], further + at),
                                .patient = odds_of(decade + at, male + at) };
        if (!check(&items[i], err)) return false;
    }
    *out = (fab_skills){ items, (int)n };
    return true;
}

bool fab_skills_put(fab_gguf *g, const fab_skills *s, fab_arena *a, fab_err *err)
{
    size_t n = (size_t)s->n;
    if (!n) return true;
    const char **codes = fab_arena_take(a, n * sizeof *codes, err),
               **choices = fab_arena_take(a, n * sizeof *choices, err);
    float *auc = fab_arena_take(a, n * sizeof *auc, err),
          *slope = fab_arena_take(a, n * sizeof *slope, err),
          *offset = fab_arena_take(a, n * sizeof *offset, err),
          *further = fab_arena_take(a, n * FAB_CURVE_MOST * sizeof *further, err),
          *decade = fab_arena_take(a, n * FAB_CURVE_MOST * sizeof *decade, err),
          *male = fab_arena_take(a, n * FAB_CURVE_MOST * sizeof *male, err);
    int32_t *pos = fab_arena_take(a, n * sizeof *pos, err),
            *neg = fab_arena_take(a, n * sizeof *neg, err);
    if (!codes || !choices || !auc || !slope || !offset || !further || !decade || !male || !pos ||
        !neg)
        return false;
    for (size_t i = 0; i < n; i++) {
        const fab_skill *x = &s->items[i];
        codes[i] = x->code, choices[i] = x->choice;
        slope[i] = x->curve.slope, offset[i] = x->curve.offset[0];
        memcpy(further + i * FAB_CURVE_MOST, x->curve.offset, sizeof x->curve.offset);
        memcpy(decade + i * FAB_CURVE_MOST, x->patient.decade, sizeof x->patient.decade);
        memcpy(male + i * FAB_CURVE_MOST, x->patient.male, sizeof x->patient.male);
        auc[i] = x->auc, pos[i] = x->positives, neg[i] = x->negatives;
    }
    fab_gguf_strs(g, KEY("code"), codes, s->n);
    fab_gguf_strs(g, KEY("choice"), choices, s->n);
    fab_gguf_f32s(g, KEY("auc"), auc, s->n);
    fab_gguf_i32s(g, KEY("positives"), pos, s->n);
    fab_gguf_i32s(g, KEY("negatives"), neg, s->n);
    fab_gguf_f32s(g, KEY("slope"), slope, s->n);
    fab_gguf_f32s(g, KEY("choice_offset"), further, s->n * FAB_CURVE_MOST);
    fab_gguf_f32s(g, KEY("choice_decade"), decade, s->n * FAB_CURVE_MOST);
    fab_gguf_f32s(g, KEY("choice_male"), male, s->n * FAB_CURVE_MOST);
    return fab_gguf_f32s(g, KEY("offset"), offset, s->n);
}
