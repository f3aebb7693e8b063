/* ask: the protocol's questions put to the model, and their answers as findings.
 *
 * Modality, region and plane first; then the rows that apply to them, in the table's order, so that
 * a row that depends on another (where is it, which kind) finds it decided. A row that was not
 * above chance on held-out pictures is not asked, and the report names it; but modality and region
 * always are, since they choose the other questions.
 */
#include <ctype.h>
#include <string.h>
#include "clinic/report_impl.h"
#include "data/fact.h"
#include "engine/query.h"

static bool same_code(const fab_protocol_row *row, int i, int j)
{
    return i == j || (row->codes[i] && row->codes[j] && !strcmp(row->codes[i], row->codes[j]));
}

/* Two words for one thing (brain, head) share its probability; the surer word is shown. */
static double shared(const fab_protocol_row *row, const double *p, int choice)
{
    double sum = 0;
    for (int i = 0; i < FAB_ASK_CHOICES && row->choices[FAB_EN][i]; i++)
        if (same_code(row, i, choice)) sum += p[i];
    return sum;
}

static bool score_row(fab_report *r, fab_engine *e, const fab_look *look, fab_finding *f,
                      fab_err *err)
{
    fab_reply reply;
    bool presence = f->row->kind == FAB_ASK_PRESENT;
    if (!fab_engine_query(e, look, f->row, &r->patient, &reply, err)) return false;
    memcpy(f->all, reply.p, sizeof f->all);
    double most = 0;
    for (int i = 0; i < reply.n; i++) {
        double p = shared(f->row, f->all, i);
        bool surer = same_code(f->row, i, f->choice) && f->all[i] > f->all[f->choice];
        if (p > most || surer) f->choice = i;
        most = p > most ? p : most;
    }
    int shown = presence ? 0 : f->choice;
    f->p = shared(f->row, f->all, shown);
    f->p_picture = shared(f->row, reply.picture, shown);
    f->by_patient = reply.by_patient;
    for (int i = 0; i < reply.n; i++)
        if (reply.picture[i] > reply.picture[f->picture_choice]) f->picture_choice = i;
    f->p_picture_choice = shared(f->row, reply.picture, f->picture_choice);
    for (int lang = 0; lang < FAB_LANGS; lang++)
        f->part_lang[lang] = shared(f->row, reply.lang[lang], shown);
    f->part_head = reply.has_head ? shared(f->row, reply.head, shown) : -1;
    f->state = !presence                   ? FAB_STATE_CHOSEN
               : f->p >= r->opts.threshold ? FAB_STATE_CLAIMED
                                           : FAB_STATE_UNCLAIMED;
    return true;
}

typedef struct {
    const char *words[FAB_LANGS]; /* NULL, NULL: no answer */
    double sureness;
    bool calibrated;
    bool agree; /* asked in either language, the same answer */
} spoken;

/* The surer of the two languages speaks for both: its words, and their translation (the words
 * themselves where one is unknown), so that the report does not say one thing in English and
 * another in Chinese. */
static bool free_answer(fab_report *r, fab_engine *e, const fab_look *look,
                        const fab_protocol_row *row, spoken *out, fab_err *err)
{
    const fab_ask_opts o = { .max_tokens = 24 };
    fab_answer a[FAB_LANGS];
    *out = (spoken){ .sureness = 0 };
    for (int lang = 0; lang < FAB_LANGS; lang++)
        if (!fab_engine_ask(e, look, row->question[lang], &o, r->arena, &a[lang], err))
            return fab_while(err, "%s", row->code);
    fab_lang own = a[FAB_ZH].sureness > a[FAB_EN].sureness ? FAB_ZH : FAB_EN,
             other = own == FAB_EN ? FAB_ZH : FAB_EN;
    if (!a[own].complete || !a[own].text[0]) return true;
    const char *translated = fab_translate(a[own].text, own, r->arena);
    out->words[own] = a[own].text;
    out->words[other] = translated ? translated : a[own].text;
    out->sureness = a[own].sureness;
    out->calibrated = a[own].calibrated;
    out->agree = !strcmp(out->words[other], a[other].text);
    return true;
}

static fab_finding *add(fab_report *r, const fab_protocol_row *row)
{
    fab_finding *f = &r->findings[r->n_findings];
    *f = (fab_finding){ .row = row, .id = ++r->n_findings, .part_head = -1 };
    f->skill = fab_report_skill(r, row, &f->verdict);
    return f;
}

static bool is_row(const fab_protocol_row *row, const char *code)
{
    return !strcmp(row->code, code);
}

/* Takes note of a row that is not to be asked. */
static bool left_out(fab_report *r, const fab_protocol_row *row)
{
    fab_skill_verdict v;
    fab_report_skill(r, row, &v);
    if (v != FAB_SKILL_UNTAUGHT || is_row(row, "modality") || is_row(row, "region")) return false;
    r->untaught[r->n_untaught++] = row;
    return true;
}

static bool is_study_row(const fab_protocol_row *row)
{
    return row->kind == FAB_ASK_CHOICE &&
           (is_row(row, "modality") || is_row(row, "region") || is_row(row, "plane"));
}

/* Bits of a study row: its chosen code, and every other choice that is still likely enough to be
 * asked about. */
static uint8_t bits_of(const fab_finding *f, uint8_t (*bit)(const char *), uint8_t any)
{
    uint8_t bits = 0;
    if (!f) return any;
    for (int i = 0; i < FAB_ASK_CHOICES && f->row->choices[FAB_EN][i]; i++)
        if (f->row->codes[i] && (i == f->choice || shared(f->row, f->all, i) >= 0.25))
            bits |= bit(f->row->codes[i]);
    return bits ? bits : any;
}

static bool applies(const fab_protocol_row *row, uint8_t modalities, uint8_t regions)
{
    return (!row->modalities || row->modalities & modalities) &&
           (!row->regions || row->regions & regions);
}

/* What is asked about: what the file's header says, else what the model takes for possible. */
static uint8_t modalities_of(const fab_report *r)
{
    return r->header_modality
               ? fab_modality_bit(r->header_modality)
               : bits_of(fab_report_find(r, "modality"), fab_modality_bit, FAB_MOD_ANY);
}

static uint8_t regions_of(const fab_report *r)
{
    return r->header_region ? fab_region_bit(r->header_region)
                            : bits_of(fab_report_find(r, "region"), fab_region_bit, 0xff);
}

static bool ask_study(fab_report *r, fab_engine *e, const fab_look *look, fab_err *err)
{
    static const char *const order[] = { "modality", "region", "plane" };
    uint8_t modalities = FAB_MOD_ANY, regions = 0xff;
    for (int i = 0; i < 3; i++) {
        const fab_protocol_row *row = fab_protocol_find(order[i]);
        if (!row || !applies(row, modalities, regions) || left_out(r, row)) continue;
        if (!score_row(r, e, look, add(r, row), err)) return false;
        modalities = modalities_of(r);
        regions = regions_of(r);
    }
    return true;
}

static fab_finding *parent_of(fab_report *r, const fab_protocol_row *row)
{
    for (int i = 0; row->after && i < r->n_findings; i++)
        if (!strcmp(r->findings[i].row->code, row->after)) return &r->findings[i];
    return NULL;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

/* The words name an organ that the study's region does not hold: a lung in a picture of the head. */
static bool elsewhere(const char *en, uint8_t regions)
{
    char low[160];
    size_t n = 0;
    for (; en[n] && n < sizeof low - 1; n++) low[n] = (char)tolower((unsigned char)en[n]);
    low[n] = 0;
    for (int i = 0; i < FAB_LABELS; i++) {
        const fab_label *l = &fab_labels[i];
        char name[64];
        size_t k = 0;
        if (l->kind != FAB_KIND_ORGAN || l->regions & regions) continue;
        for (; l->en[k] && k < sizeof name - 1; k++)
            name[k] = (char)tolower((unsigned char)l->en[k]);
        name[k] = 0;
        if (strstr(low, name)) return true;
    }
    return false;
}

/* A free answer: the place of its parent, or a finding of its own; without words, or with a place
 * that cannot be, there is none. */
static bool ask_free(fab_report *r, fab_engine *e, const fab_look *look,
                     const fab_protocol_row *row, fab_finding *parent, uint8_t regions,
                     fab_err *err)
{
    spoken s;
    if (!free_answer(r, e, look, row, &s, err)) return false;
    bool place = parent && ends_with(row->code, ".location");
    if (!s.words[FAB_EN] || (place && elsewhere(s.words[FAB_EN], regions))) return true;
    fab_finding *f = place ? parent : add(r, row);
    memcpy(place ? f->place : f->answer, s.words, sizeof s.words);
    *(place ? &f->place_agree : &f->agree) = s.agree;
    if (place) {
        f->place_sureness = s.sureness;
        f->place_calibrated = s.calibrated;
        return true;
    }
    f->state = FAB_STATE_ANSWERED;
    f->p = f->sureness = s.sureness;
    f->calibrated = s.calibrated;
    return true;
}

static bool ask_rest(fab_report *r, fab_engine *e, const fab_look *look, uint8_t modalities,
                     uint8_t regions, fab_err *err)
{
    for (int i = 0; i < fab_protocol_rows; i++) {
        const fab_protocol_row *row = &fab_protocol[i];
        fab_finding *parent = parent_of(r, row);
        fab_report_step(r, i, fab_protocol_rows, "asking");
        if (is_study_row(row) || !applies(row, modalities, regions)) continue;
        if (row->after && !(parent && parent->state == FAB_STATE_CLAIMED)) continue;
        if (left_out(r, row)) continue;
        bool closed = row->kind == FAB_ASK_CHOICE || row->kind == FAB_ASK_PRESENT;
        if (closed ? !score_row(r, e, look, add(r, row), err)
                   : !ask_free(r, e, look, row, parent, regions, err))
            return false;
    }
    return true;
}

bool fab_report_ask(fab_report *r, fab_engine *e, const fab_look *look, fab_err *err)
{
    r->cap_findings = fab_protocol_rows + 4;
    r->findings = fab_arena_zero(r->arena, (size_t)r->cap_findings * sizeof *r->findings, err);
    r->untaught = fab_arena_take(r->arena, (size_t)fab_protocol_rows * sizeof *r->untaught, err);
    if (!r->findings || !r->untaught || !ask_study(r, e, look, err)) return false;
    return ask_rest(r, e, look, modalities_of(r), regions_of(r), err);
}

/* ---- heat maps
 * -----------------------------------------------------------------------------------------------
 * */

static bool explain_one(fab_report *r, fab_engine *e, const fab_look *look, fab_finding *f,
                        fab_err *err)
{
    bool presence = f->row->kind == FAB_ASK_PRESENT;
    const char *question = f->row->question[FAB_EN],
               *answer = f->row->choices[FAB_EN][presence ? 0 : f->choice];
    int label = f->part_head >= 0 && f->row->label ? fab_label_find(f->row->label) : -1;
    fab_cam_opts o = { .against = presence ? f->row->choices[FAB_EN][1] : NULL,
                       .head = presence ? label + 1 : 0 };
    fab_cam *cam = fab_arena_take(r->arena, sizeof *cam, err);
    bool ok = cam && fab_gradcam(e, look, question, answer, &o, r->arena, cam, err);
    if (ok && cam->empty) { /* averaged gradients can point away everywhere; single ones need not */
        o.hires = true;
        ok = fab_gradcam(e, look, question, answer, &o, r->arena, cam, err);
    }
    if (!ok ||
        !fab_cam_fidelity(e, look, cam, &(fab_fidelity_opts){ .seed = 1 }, &f->fidelity, err))
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
    int most = r->opts.overlays == 0  ? 12
               : r->opts.overlays < 0 ? 0
                                      : r->opts.overlays,
        made = 0, total = 0;
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
