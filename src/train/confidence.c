/* confidence: the numbers by which what the model says of its answers comes true, from the
 * validation records: a temperature for the likelihoods of a yes and a no, and a curve for the
 * sureness of an answer in words.
 */
#include "evaluate/calibrate.h"
#include "evaluate/vqa.h"
#include "train/session.h"

/* ---- temperature ----------------------------------------------------------------------------- */

/* The yes and no of a closed question, by the words of its answer; NULL: not a yes-no answer. */
static const char *const *yes_no(const char *answer)
{
    static const char *const pairs[][2] = { { "Yes", "No" },    { "包含", "不包含" },
                                            { "是的", "不是" }, { "有", "没有" },
                                            { "是", "否" },     { "健康", "不健康" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (fab_vqa_match(answer, pairs[i][0]) || fab_vqa_match(answer, pairs[i][1]))
            return pairs[i];
    return NULL;
}

bool fab_session_temperature(fab_session *s, fab_engine *e, double *T, fab_calibration *before,
                             fab_calibration *after, fab_err *err)
{
    fab_arena_reset(s->step_arena);
    float *z = fab_arena_take(s->step_arena, (size_t)s->n_val * 2 * sizeof *z, err);
    int *truth = fab_arena_take(s->step_arena, (size_t)s->n_val * sizeof *truth, err);
    const fab_look *look = NULL;
    int64_t n = 0;
    bool ok = z && truth;
    for (int64_t i = 0; ok && i < s->n_val; i++) {
        const fab_qa *q = s->val[i];
        const char *const *pair = yes_no(q->answer);
        if (!pair) continue;
        fab_score score[2];
        fab_look_unref(look);
        look = fab_session_look(s, e, q->image, err);
        ok = look && fab_engine_score(e, look, q->question, pair, 2, 1, score, err);
        if (!ok) break;
        truth[n] = !fab_vqa_match(q->answer, pair[0]);
        z[2 * n] = (float)score[0].logp;
        z[2 * n++ + 1] = (float)score[1].logp;
    }
    fab_look_unref(look);
    ok = ok && fab_temperature_fit(z, truth, n, 2, T, err);
    float *p = ok ? fab_arena_take(s->step_arena, (size_t)n * 2 * sizeof *p, err) : NULL;
    if (!p) return false;
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < n; i++) fab_temperature_apply(z + 2 * i, 2, k ? *T : 1, p + 2 * i);
        if (!fab_calibration_measure(p, truth, n, 2, k ? after : before, err)) return false;
    }
    return true;
}

/* ---- sureness of answers in words ------------------------------------------------------------ */

typedef struct {
    int64_t n;
    float *p;              /* [n,2]: the answer is right, it is wrong */
    uint8_t *told;         /* [n]: bit 0 right, bit 1 wrong */
    double *sure, *points; /* [n] */
} said;

/* Counts of cells are not the decoder's answers. */
static bool gather(const fab_replies *r, fab_arena *a, said *out, fab_err *err)
{
    size_t N = (size_t)r->n + 1;
    *out = (said){ .p = fab_arena_take(a, N * 2 * sizeof *out->p, err) };
    if (!out->p || !(out->told = fab_arena_take(a, N, err)) ||
        !(out->sure = fab_arena_take(a, N * sizeof *out->sure, err)) ||
        !(out->points = fab_arena_take(a, N * sizeof *out->points, err)))
        return false;
    for (int64_t i = 0; i < r->n; i++) {
        if (fab_engine_counted_kind(r->q[i]->question) >= 0) continue;
        out->p[2 * out->n] = r->p[i];
        out->p[2 * out->n + 1] = 1 - r->p[i];
        out->told[out->n] = r->right[i] ? 1 : 2;
        out->points[out->n++] = r->right[i];
    }
    return true;
}

static double error_under(const fab_curve *c, said *t)
{
    for (int64_t i = 0; i < t->n; i++) t->sure[i] = fab_curve_at(c, (double)t->p[2 * i]);
    return fab_ece(t->sure, t->points, t->n);
}

static bool fit_sureness(said *t, fab_curve *out, json_t *card, fab_err *err)
{
    const fab_curve none = { 0 };
    fab_curve_fit(t->p, t->told, t->n, 2, out);
    if (!t->n) return json_object_del(card, "sureness"), true; /* an earlier fit's */
    json_t *v = json_pack("{s:f, s:f, s:I, s:f, s:f}", "slope", (double)out->slope, "offset",
                          (double)out->offset[0], "n", (json_int_t)t->n, "ece_before",
                          error_under(&none, t), "ece", error_under(out, t));
    return json_object_set_new(card, "sureness", v) == 0 ||
           fab_fail(err, FAB_ENOMEM, "no memory for the model's card");
}

bool fab_sureness_fit(const fab_replies *r, fab_curve *out, json_t *card, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    said t;
    bool ok = a && gather(r, a, &t, err) && fit_sureness(&t, out, card, err);
    fab_arena_free(a);
    return ok;
}
