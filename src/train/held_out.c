/* held_out: what each row of the report's protocol is worth, on pictures held out of training.
 *
 *   cases with val set -> the row's probability, as a report has it -> area under the ROC curve
 *
 * A row is measured only on pictures that it would be put to in a report: of its modality and
 * region, and for a row that follows another ("which kind of pneumonia") with that one present. A
 * row of several choices is worth what its weakest choice is, one against the rest, of those with
 * enough pictures. With its worth goes the curve by which its probabilities come true: of a yes-no
 * row with both kinds weighing the same, of choices as frequent as they are there; and what the
 * patient's age and sex say of it, learnt from the training pictures (evaluate/patient_fit.h). The
 * worth is that of the picture alone.
 */
#include <math.h>
#include <string.h>
#include "base/log.h"
#include "engine/query.h"
#include "evaluate/calibrate.h"
#include "evaluate/class_scores.h"
#include "evaluate/patient_fit.h"
#include "train/session.h"

_Static_assert((int)FAB_ASK_CHOICES <= (int)FAB_CURVE_MOST, "a curve has an offset a choice");

typedef struct {
    fab_session *s;
    fab_engine *e;
    const fab_case **cases; /* [n] */
    int32_t n;
    float *p; /* [n, rows, FAB_ASK_CHOICES]; NaN: not asked */
} trial;

static float *at(const trial *t, int32_t i, int row)
{
    return t->p + ((int64_t)i * fab_protocol_rows + row) * FAB_ASK_CHOICES;
}

/* 1, 0, -1 unknown or no such label. */
static int known(const fab_case *c, const char *code)
{
    int label = code ? fab_label_find(code) : -1;
    return label < 0 ? -1 : c->presence[label];
}

/* Some bit of the set is not known to be false of the picture. */
static bool may_be(const fab_case *c, uint8_t set, uint8_t (*bit)(const char *))
{
    static const char *const codes[] = { "ct",   "mri",   "xray",  "dermoscopy", "microscopy",
                                         "head", "neck",  "chest", "abdomen",    "pelvis",
                                         "skin", "blood", NULL };
    bool told = false, in = false;
    for (int i = 0; codes[i]; i++) {
        if (!bit(codes[i]) || known(c, codes[i]) != 1) continue;
        told = true;
        in = in || (bit(codes[i]) & set);
    }
    return in || !told || !set;
}

static bool put_to(const fab_protocol_row *row, const fab_case *c)
{
    return (row->kind == FAB_ASK_PRESENT || row->kind == FAB_ASK_CHOICE) &&
           may_be(c, row->modalities, fab_modality_bit) && may_be(c, row->regions, fab_region_bit);
}

/* The finding that the row follows is there: a report would come to it. */
static bool reached(const fab_protocol_row *row, const fab_case *c)
{
    const fab_protocol_row *after = row->after ? fab_protocol_find(row->after) : NULL;
    return !after || known(c, after->label) == 1;
}

/* Whether choice k is true of the case; -1 unknown. A choice without a label ("normal") is the
 * absence of the row's. */
static int truth_of(const fab_protocol_row *row, int k, const fab_case *c)
{
    if (row->kind == FAB_ASK_PRESENT) return known(c, row->label);
    if (fab_label_find(row->codes[k]) >= 0) return known(c, row->codes[k]);
    int about = known(c, row->label);
    return about < 0 ? -1 : !about;
}

static bool ask_case(trial *t, int32_t i, fab_err *err)
{
    const fab_look *look = fab_session_look(t->s, t->e, t->cases[i]->image, err);
    bool ok = look != NULL;
    for (int row = 0; ok && row < fab_protocol_rows; row++) {
        fab_reply reply;
        float *p = at(t, i, row);
        for (int k = 0; k < FAB_ASK_CHOICES; k++) p[k] = NAN;
        if (!put_to(&fab_protocol[row], t->cases[i])) continue;
        ok = fab_engine_query(t->e, look, &fab_protocol[row], NULL, &reply, err);
        for (int k = 0; ok && k < reply.n; k++) p[k] = (float)reply.p[k];
    }
    fab_look_unref(look);
    return ok;
}

/* Scores become logits on the way. */
static void fit_curve(float *score, const uint8_t *truth, fab_skill *out)
{
    int64_t n = out->positives + out->negatives;
    double slope, offset;
    for (int64_t i = 0; i < n; i++) {
        float p = (float)fab_curve_clamp((double)score[i]);
        score[i] = logf(p / (1 - p));
    }
    fab_platt_fit(score, truth, n, &slope, &offset);
    out->curve = (fab_curve){ (float)slope, { (float)offset } };
}

/* Bits of the choices that are true of the case; 0: unknown. */
static uint8_t truths(const fab_protocol_row *r, const fab_case *c)
{
    uint8_t bits = 0;
    int is = truth_of(r, 0, c);
    if (r->kind == FAB_ASK_PRESENT) return is < 0 ? 0 : is ? 1 : 2;
    for (int k = 0; k < fab_protocol_choices(r); k++)
        bits |= (uint8_t)((truth_of(r, k, c) == 1) << k);
    return bits;
}

/* The held-out pictures whose choice is known, also those where a report would not come to the row
 * (normal lungs, asked for the kind of pneumonia): "classify" asks them. The curve of a yes-no row is
 * for both kinds being as frequent, so they weigh the same. */
static void find_answers(const trial *t, int row, fab_patient_answers *a)
{
    const fab_protocol_row *r = &fab_protocol[row];
    double yes = 0;
    a->n = 0;
    a->C = fab_protocol_choices(r);
    for (int32_t i = 0; i < t->n; i++) {
        const float *said = at(t, i, row);
        a->truth[a->n] = isfinite(said[0]) ? truths(r, t->cases[i]) : 0;
        if (!a->truth[a->n]) continue;
        yes += a->truth[a->n] == 1;
        a->who[a->n] = t->cases[i]->patient;
        memcpy(a->p + a->n++ * a->C, said, (size_t)a->C * sizeof *a->p);
    }
    for (int64_t i = 0; i < a->n; i++)
        a->weight[i] = r->kind == FAB_ASK_PRESENT
                           ? (double)a->n / 2 / (a->truth[i] == 1 ? yes : (double)a->n - yes)
                           : 1;
}

/* Odds by the training pictures of which one choice is true. */
static bool training_odds(const trial *t, int row, fab_patient_odds *out, fab_err *err)
{
    const fab_protocol_row *r = &fab_protocol[row];
    const fab_case_list *all = &t->s->bundle.cases;
    fab_arena *a = t->s->arena;
    const fab_arena_mark m = fab_arena_save(a);
    fab_patient *who = fab_arena_take(a, (size_t)(all->n + 1) * sizeof *who, err);
    int *choice = fab_arena_take(a, (size_t)(all->n + 1) * sizeof *choice, err);
    int64_t n = 0;
    if (!who || !choice) return false;
    for (int32_t i = 0; i < all->n; i++) {
        const fab_case *c = &all->items[i];
        uint8_t bits = !c->val && put_to(r, c) ? truths(r, c) : 0;
        if (!bits || bits & (bits - 1)) continue;
        who[n] = c->patient;
        choice[n++] = __builtin_ctz(bits);
    }
    fab_patient_fit(who, choice, n, fab_protocol_choices(r), out);
    fab_arena_release(a, m);
    return true;
}

/* What a patient says of the row beside a->p, which is put through its curve on the way. */
static bool fit_patient(const trial *t, int row, fab_patient_answers *a, fab_skill *out,
                        fab_err *err)
{
    const int C = a->C;
    if (!training_odds(t, row, &out->patient, err)) return false;
    for (int64_t i = 0; i < a->n; i++) {
        double q[FAB_CURVE_MOST];
        for (int k = 0; k < C; k++) q[k] = (double)a->p[i * C + k];
        fab_curve_apply(&out->curve, q, C);
        for (int k = 0; k < C; k++) a->p[i * C + k] = (float)q[k];
    }
    float share = (float)fab_patient_share(&out->patient, a);
    for (int k = 0; k < C; k++) out->patient.decade[k] *= share, out->patient.male[k] *= share;
    if (share > 0)
        fab_log(FAB_LOG_INFO, "%s: age and sex count by a share of %.2f", out->code, (double)share);
    return true;
}

/* One choice against the rest; choices of one code count as one. */
static bool measure_choice(const trial *t, int row, int k, float *score, uint8_t *truth,
                           fab_skill *out, fab_err *err)
{
    const fab_protocol_row *r = &fab_protocol[row];
    bool presence = r->kind == FAB_ASK_PRESENT;
    double auc;
    *out = (fab_skill){ .code = r->code, .choice = presence ? "" : r->codes[k] };
    for (int32_t i = 0; i < t->n; i++) {
        const float *p = at(t, i, row);
        int is = isfinite(p[0]) && reached(r, t->cases[i]) ? truth_of(r, k, t->cases[i]) : -1;
        if (is < 0) continue;
        float sum = p[k];
        for (int j = 0; !presence && j < FAB_ASK_CHOICES && r->codes[j]; j++)
            if (j != k && !strcmp(r->codes[j], r->codes[k])) sum += p[j];
        score[out->positives + out->negatives] = sum;
        truth[out->positives + out->negatives] = is == 1;
        *(is ? &out->positives : &out->negatives) += 1;
    }
    if (!fab_auc(score, truth, out->positives + out->negatives, &auc, err)) return false;
    out->auc = isfinite(auc) ? (float)auc : 0;
    if (presence) fit_curve(score, truth, out);
    return true;
}

static double bound(const fab_skill *s) { return (double)s->auc - 1.64 * fab_skill_error(s); }

static int32_t fewer(const fab_skill *s)
{
    return s->positives < s->negatives ? s->positives : s->negatives;
}

/* The one that tells less of the row: measured before not measured, then the weaker; of two not
 * measured the one with more pictures. */
static bool tells(const fab_skill *a, const fab_skill *b)
{
    bool ma = fab_skill_judge(a) != FAB_SKILL_UNMEASURED,
         mb = fab_skill_judge(b) != FAB_SKILL_UNMEASURED;
    return ma != mb ? ma : ma ? bound(a) < bound(b) : fewer(a) > fewer(b);
}

static bool measure_row(const trial *t, int row, fab_patient_answers *a, fab_skill *out,
                        fab_err *err)
{
    const fab_protocol_row *r = &fab_protocol[row];
    int n = r->kind == FAB_ASK_PRESENT ? 1 : fab_protocol_choices(r);
    for (int k = 0; k < n; k++) {
        fab_skill one;
        if (!measure_choice(t, row, k, a->p, a->truth, &one, err)) return false;
        if (k == 0 || tells(&one, out)) *out = one;
    }
    find_answers(t, row, a);
    if (r->kind == FAB_ASK_CHOICE) fab_curve_fit(a->p, a->truth, a->n, a->C, &out->curve);
    return fit_patient(t, row, a, out, err);
}

static bool measure_all(trial *t, fab_skills *out, fab_err *err)
{
    fab_arena *a = t->s->arena;
    size_t n = (size_t)t->n + 1;
    fab_skill *items = fab_arena_zero(a, (size_t)fab_protocol_rows * sizeof *items, err);
    fab_patient_answers room = { .p = fab_arena_take(a, n * FAB_ASK_CHOICES * sizeof(float), err),
                                 .truth = fab_arena_take(a, n, err),
                                 .who = fab_arena_take(a, n * sizeof(fab_patient), err),
                                 .weight = fab_arena_take(a, n * sizeof(double), err) };
    bool ok = items && room.p && room.truth && room.who && room.weight;
    for (int32_t i = 0; ok && i < t->n; i++) ok = ask_case(t, i, err);
    for (int row = 0; ok && row < fab_protocol_rows; row++) {
        fab_ask kind = fab_protocol[row].kind;
        if (kind != FAB_ASK_PRESENT && kind != FAB_ASK_CHOICE) continue;
        ok = measure_row(t, row, &room, &items[out->n++], err);
    }
    out->items = items;
    return ok;
}

bool fab_session_skills(fab_session *s, fab_engine *e, fab_skills *out, fab_err *err)
{
    const fab_case_list *all = &s->bundle.cases;
    trial t = { .s = s, .e = e };
    *out = (fab_skills){ 0 };
    t.cases = fab_arena_take(s->arena, (size_t)(all->n + 1) * sizeof *t.cases, err);
    if (!t.cases) return false;
    for (int32_t i = 0; i < all->n; i++)
        if (all->items[i].val && !s->of_picture[all->items[i].image].n_real)
            t.cases[t.n++] = &all->items[i];
    size_t values = (size_t)t.n * (size_t)fab_protocol_rows * FAB_ASK_CHOICES;
    t.p = fab_arena_take(s->arena, (values + 1) * sizeof *t.p, err);
    if (!t.p) return false;
    fab_log(FAB_LOG_INFO, "measuring the report's questions on %d held-out pictures", t.n);
    return measure_all(&t, out, err);
}
