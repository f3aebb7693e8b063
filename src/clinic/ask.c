/* ask: the protocol's questions put to the model, and their answers as probabilities.
 *
 *   p(choice) is proportional to exp(mean over sources of log p_source(choice)),  sources: the question in English, in
 *   Chinese (temperature-calibrated likelihoods of the allowed answers) and the image-level head when the row's labels
 *   are among its outputs. A geometric mean: one source that is sure of the contrary keeps a claim from being made.
 *
 * Order: modality, region, plane first; the rows that apply to them next; then where, of what is claimed.
 */
#include <math.h>
#include <string.h>
#include "clinic/report_impl.h"

static const double LEAST = 1e-4; /* a source's smallest probability: none vetoes alone */

static int count_choices(const fab_protocol_row *row)
{
    int n = 0;
    while (n < FAB_ASK_CHOICES && row->choices[FAB_EN][n]) n++;
    return n;
}

/* The image-level head's view of a row: p [n]; false: it has none. */
static bool head_view(const fab_mini_file *m, const fab_look *look, const fab_protocol_row *row, int n, double *p)
{
    if (!look->classes || m->model->cfg.classes != FAB_LABELS) return false;
    if (row->kind == FAB_ASK_PRESENT) {
        if (row->label < 0) return false;
        p[0] = 1 / (1 + exp(-(double)look->classes[row->label]));
        p[1] = 1 - p[0];
        return true;
    }
    double sum = 0;
    for (int i = 0; i < n; i++) {
        int label = row->codes[i] ? fab_label_find(row->codes[i]) : -1;
        if (label < 0) return false;
        sum += p[i] = 1 / (1 + exp(-(double)look->classes[label]));
    }
    for (int i = 0; i < n; i++) p[i] /= sum;
    return true;
}

static void blend(double *log_p, const double *p, int n)
{
    for (int i = 0; i < n; i++) log_p[i] += log(p[i] > LEAST ? p[i] : LEAST);
}

static bool score_row(fab_report *r, fab_engine *e, const fab_look *look, fab_finding *f, fab_err *err)
{
    const fab_protocol_row *row = f->row;
    int n = count_choices(row), sources = 0;
    double log_p[FAB_ASK_CHOICES] = { 0 }, p[FAB_ASK_CHOICES], sum = 0;
    double of_lang[FAB_LANGS][FAB_ASK_CHOICES], of_head[FAB_ASK_CHOICES];
    bool head = head_view(r->model, look, row, n, of_head);
    for (int lang = 0; lang < FAB_LANGS; lang++, sources++) {
        fab_score s[FAB_ASK_CHOICES];
        if (!fab_engine_score(e, look, row->question[lang], row->choices[lang], n, 0, s, err))
            return fab_while(err, "%s", row->code);
        for (int i = 0; i < n; i++) of_lang[lang][i] = s[i].p;
        blend(log_p, of_lang[lang], n);
    }
    if (head) blend(log_p, of_head, n), sources++;
    for (int i = 0; i < n; i++) sum += p[i] = exp(log_p[i] / sources);
    for (int i = 0; i < n; i++) f->all[i] = p[i] / sum;
    f->choice = 0;
    for (int i = 1; i < n; i++)
        if (f->all[i] > f->all[f->choice]) f->choice = i;
    int shown = row->kind == FAB_ASK_PRESENT ? 0 : f->choice;
    f->p = f->all[shown];
    for (int lang = 0; lang < FAB_LANGS; lang++) f->part_lang[lang] = of_lang[lang][shown];
    f->part_head = head ? of_head[shown] : -1;
    f->state = row->kind != FAB_ASK_PRESENT      ? FAB_STATE_CHOSEN
               : f->p >= r->opts.threshold ? FAB_STATE_CLAIMED
                                           : FAB_STATE_UNCLAIMED;
    return true;
}

static bool free_answer(fab_report *r, fab_engine *e, const fab_look *look, const fab_protocol_row *row,
                        const char *words[FAB_LANGS], double *sureness, fab_err *err)
{
    const fab_ask_opts o = { .max_tokens = 24 };
    double sum = 0;
    for (int lang = 0; lang < FAB_LANGS; lang++) {
        fab_answer a;
        if (!fab_engine_ask(e, look, row->question[lang], &o, r->arena, &a, err)) return fab_while(err, "%s", row->code);
        words[lang] = a.complete && a.text[0] ? a.text : NULL;
        sum += a.sureness;
    }
    *sureness = sum / FAB_LANGS;
    return true;
}

static fab_finding *add(fab_report *r, const fab_protocol_row *row)
{
    fab_finding *f = &r->findings[r->n_findings];
    *f = (fab_finding){ .row = row, .id = ++r->n_findings, .part_head = -1 };
    return f;
}

static bool is_study_row(const fab_protocol_row *row)
{
    return row->kind == FAB_ASK_CHOICE &&
           (!strcmp(row->code, "modality") || !strcmp(row->code, "region") || !strcmp(row->code, "plane"));
}

/* Bits of a study row: its chosen code, and every other choice that is still likely enough to be asked about. */
static uint8_t bits_of(const fab_finding *f, uint8_t (*bit)(const char *), uint8_t any)
{
    uint8_t bits = 0;
    if (!f) return any;
    for (int i = 0; i < FAB_ASK_CHOICES && f->row->choices[FAB_EN][i]; i++)
        if (f->row->codes[i] && (i == f->choice || f->all[i] >= 0.25)) bits |= bit(f->row->codes[i]);
    return bits ? bits : any;
}

static bool applies(const fab_protocol_row *row, uint8_t modalities, uint8_t regions)
{
    return (!row->modalities || row->modalities & modalities) && (!row->regions || row->regions & regions);
}

static bool ask_study(fab_report *r, fab_engine *e, const fab_look *look, fab_err *err)
{
    static const char *const order[] = { "modality", "region", "plane" };
    uint8_t modalities = FAB_MOD_ANY, regions = 0xff;
    for (int i = 0; i < 3; i++) {
        const fab_protocol_row *row = fab_protocol_find(order[i]);
        if (!row || !applies(row, modalities, regions)) continue;
        if (!score_row(r, e, look, add(r, row), err)) return false;
        modalities = bits_of(fab_report_find(r, "modality"), fab_modality_bit, FAB_MOD_ANY);
        if (r->header_modality) modalities = fab_modality_bit(r->header_modality);
        regions = bits_of(fab_report_find(r, "region"), fab_region_bit, 0xff);
    }
    return true;
}

static bool ask_rest(fab_report *r, fab_engine *e, const fab_look *look, uint8_t modalities, uint8_t regions, fab_err *err)
{
    for (int i = 0; i < fab_protocol_rows; i++) {
        const fab_protocol_row *row = &fab_protocol[i];
        fab_report_step(r, i, fab_protocol_rows, "asking");
        if (is_study_row(row) || row->kind == FAB_ASK_LOCATION || !applies(row, modalities, regions)) continue;
        fab_finding *f = add(r, row);
        if (row->kind != FAB_ASK_COUNT) {
            if (!score_row(r, e, look, f, err)) return false;
            continue;
        }
        f->state = FAB_STATE_ANSWERED;
        if (!free_answer(r, e, look, row, f->answer, &f->sureness, err)) return false;
        f->p = f->sureness;
        if (!f->answer[FAB_EN] || !f->answer[FAB_ZH]) r->n_findings--; /* no words, no finding */
    }
    return true;
}

static bool ask_places(fab_report *r, fab_engine *e, const fab_look *look, uint8_t modalities, uint8_t regions, fab_err *err)
{
    for (int i = 0; i < fab_protocol_rows; i++) {
        const fab_protocol_row *row = &fab_protocol[i];
        if (row->kind != FAB_ASK_LOCATION || !row->after || !applies(row, modalities, regions)) continue;
        for (int j = 0; j < r->n_findings; j++) {
            fab_finding *f = &r->findings[j];
            if (strcmp(f->row->code, row->after) != 0 || f->state != FAB_STATE_CLAIMED) continue;
            if (!free_answer(r, e, look, row, f->place, &f->place_sureness, err)) return false;
        }
    }
    return true;
}

bool fab_report_ask(fab_report *r, fab_engine *e, const fab_look *look, fab_err *err)
{
    r->cap_findings = fab_protocol_rows + 4;
    r->findings = fab_arena_zero(r->arena, (size_t)r->cap_findings * sizeof *r->findings, err);
    if (!r->findings || !ask_study(r, e, look, err)) return false;
    uint8_t modalities = bits_of(fab_report_find(r, "modality"), fab_modality_bit, FAB_MOD_ANY);
    uint8_t regions = bits_of(fab_report_find(r, "region"), fab_region_bit, 0xff);
    if (r->header_modality) modalities = fab_modality_bit(r->header_modality);
    return ask_rest(r, e, look, modalities, regions, err) && ask_places(r, e, look, modalities, regions, err);
}

/* ---- heat maps ----------------------------------------------------------------------------------------------- */

static bool explain_one(fab_report *r, fab_engine *e, const fab_look *look, fab_finding *f, fab_err *err)
{
    bool presence = f->row->kind == FAB_ASK_PRESENT;
    const char *question = f->row->question[FAB_EN], *answer = f->row->choices[FAB_EN][presence ? 0 : f->choice];
    const fab_cam_opts o = { .against = presence ? f->row->choices[FAB_EN][1] : NULL };
    fab_cam *cam = fab_arena_take(r->arena, sizeof *cam, err);
    if (!cam || !fab_gradcam(e, look, question, answer, &o, r->arena, cam, err) ||
        !fab_cam_fidelity(e, look, question, answer, cam, o.against, &(fab_fidelity_opts){ .seed = 1 }, &f->fidelity, err))
        return fab_while(err, "%s", f->row->code);
    f->cam = cam;
    snprintf(f->overlay, sizeof f->overlay, "overlay-F%d.png", f->id);
    return true;
}

/* Abnormalities first, then other claims, then the region when nothing else was claimed. */
static int turn(const fab_finding *f)
{
    if (f->state == FAB_STATE_CLAIMED) return fab_finding_abnormal(f) ? 0 : 1;
    return f->state == FAB_STATE_CHOSEN && !strcmp(f->row->code, "region") ? 2 : 3;
}

bool fab_report_explain(fab_report *r, fab_engine *e, const fab_look *look, fab_err *err)
{
    int most = r->opts.overlays == 0 ? 12 : r->opts.overlays < 0 ? 0 : r->opts.overlays, made = 0, total = 0;
    for (int i = 0; i < r->n_findings; i++) total += turn(&r->findings[i]) < 2;
    if (total > most) total = most;
    for (int t = 0; t < 3; t++) {
        if (t == 2 && made) break;
        for (int i = 0; i < r->n_findings && made < most; i++) {
            if (turn(&r->findings[i]) != t) continue;
            fab_report_step(r, made, total, "heat maps");
            if (!explain_one(r, e, look, &r->findings[i], err)) return false;
            made++;
        }
    }
    return true;
}
