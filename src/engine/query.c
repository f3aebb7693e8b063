/* query: see query.h. */
#include "engine/query.h"

#include <math.h>
#include <string.h>

static double sigmoid(float z) { return 1 / (1 + exp(-(double)z)); }

/* A choice without a label of its own ("normal") is the absence of the row's label. */
static bool head_view(const fab_mini_file *m, const fab_look *look, const fab_protocol_row *row,
                      int n, double *p)
{
    int about = row->label ? fab_label_find(row->label) : -1;
    double sum = 0;
    if (!look || !look->classes || m->model->cfg.classes != FAB_LABELS) return false;
    if (row->kind == FAB_ASK_PRESENT) {
        if (about < 0 || n != 2) return false;
        p[0] = sigmoid(look->classes[about]);
        p[1] = 1 - p[0];
        return true;
    }
    for (int i = 0; i < n; i++) {
        int label = row->codes[i] ? fab_label_find(row->codes[i]) : -1;
        if (label < 0 && about < 0) return false;
        p[i] = label >= 0 ? sigmoid(look->classes[label]) : 1 - sigmoid(look->classes[about]);
        sum += p[i];
    }
    for (int i = 0; i < n; i++) p[i] = sum > 0 ? p[i] / sum : 1.0 / n;
    return true;
}

static void blend(double *log_p, const double *p, int n, double share)
{
    for (int i = 0; i < n; i++) log_p[i] += share * log(fmax(p[i], FAB_CURVE_LEAST));
}

bool fab_engine_query(fab_engine *e, const fab_look *look, const fab_protocol_row *row,
                      const fab_patient *who, fab_reply *out, fab_err *err)
{
    int n = fab_protocol_choices(row);
    double log_p[FAB_ASK_CHOICES] = { 0 }, sum = 0;
    *out = (fab_reply){ .n = n };
    if (n < 2) return fab_fail(err, FAB_EINTERNAL, "%s: %d choices", row->code, n);
    for (int lang = 0; lang < FAB_LANGS; lang++) {
        fab_score s[FAB_ASK_CHOICES];
        if (!fab_engine_score(e, look, row->question[lang], row->choices[lang], n, 0, s, err))
            return fab_while(err, "%s", row->code);
        for (int i = 0; i < n; i++) out->lang[lang][i] = s[i].p;
    }
    out->has_head = head_view(fab_engine_model(e), look, row, n, out->head);
    const double spoken = out->has_head ? 0.5 : 1; /* decoder and head are two opinions */
    for (int lang = 0; lang < FAB_LANGS; lang++)
        blend(log_p, out->lang[lang], n, spoken / FAB_LANGS);
    if (out->has_head) blend(log_p, out->head, n, 1 - spoken);
    for (int i = 0; i < n; i++) sum += out->p[i] = exp(log_p[i]);
    for (int i = 0; i < n; i++) out->p[i] /= sum;
    const fab_skill *skill = fab_skills_find(&fab_engine_model(e)->skills, row->code);
    fab_skill_calibrate(skill, out->p, n);
    memcpy(out->picture, out->p, sizeof out->picture);
    out->by_patient = fab_skill_consider(skill, who, out->p, n);
    return true;
}
