/* report: the main job in order, and small questions about its parts. */
#include "clinic/report_impl.h"

#include <math.h>
#include <string.h>
#include "base/hash.h"
#include "text/utf8.h"

enum { MAX_HISTORY = 4000 };

const fab_finding *fab_report_find(const fab_report *r, const char *code)
{
    for (int i = 0; i < r->n_findings; i++)
        if (!strcmp(r->findings[i].row->code, code)) return &r->findings[i];
    return NULL;
}

fab_label_kind fab_finding_kind(const fab_finding *f, bool *known)
{
    int label = f->row->label ? fab_label_find(f->row->label) : -1;
    *known = label >= 0;
    return *known ? fab_labels[label].kind : FAB_KIND_ATTRIBUTE;
}

bool fab_finding_abnormal(const fab_finding *f)
{
    bool known;
    fab_label_kind k = fab_finding_kind(f, &known);
    return f->row->kind == FAB_ASK_PRESENT && known &&
           (k == FAB_KIND_ABNORMALITY || k == FAB_KIND_DIAGNOSIS);
}

bool fab_row_abnormal(const fab_protocol_row *row)
{
    bool known, any = fab_finding_abnormal(&(fab_finding){ .row = row });
    for (int i = 0; i < FAB_ASK_CHOICES && row->codes[i]; i++) {
        const fab_protocol_row choice = { .label = row->codes[i], .kind = FAB_ASK_PRESENT };
        fab_label_kind k = fab_finding_kind(&(fab_finding){ .row = &choice }, &known);
        any = any || (known && (k == FAB_KIND_ABNORMALITY || k == FAB_KIND_DIAGNOSIS));
    }
    return any;
}

const fab_skill *fab_report_skill(const fab_report *r, const fab_protocol_row *row,
                                  fab_skill_verdict *verdict)
{
    bool closed = row->kind == FAB_ASK_CHOICE || row->kind == FAB_ASK_PRESENT;
    const fab_skill *s = fab_skills_find(&r->model->skills, row->code);
    *verdict = r->model->skills.n && closed ? fab_skill_judge(s) : FAB_SKILL_UNKNOWN;
    return s;
}

const char *fab_finding_value(const fab_finding *f, int lang)
{
    return f->state == FAB_STATE_ANSWERED ? f->answer[lang] : f->row->choices[lang][f->choice];
}

const char *fab_state_code(fab_finding_state s)
{
    static const char *const codes[] = { "chosen", "claimed", "not_claimed", "answered" };
    return codes[s];
}

void fab_report_step(const fab_report *r, int done, int total, const char *what)
{
    if (r->opts.on_step) r->opts.on_step(r->opts.arg, done, total, what);
}

/* ---- what the header says -------------------------------------------------------------------- */

static const char *modality_of(const char *dicom)
{
    static const struct {
        const char *dicom, *code;
    } rows[] = { { "CT", "ct" },         { "MR", "mri" },       { "CR", "xray" },
                 { "DX", "xray" },       { "RG", "xray" },      { "DMS", "dermoscopy" },
                 { "SM", "microscopy" }, { "GM", "microscopy" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(dicom, rows[i].dicom)) return rows[i].code;
    return NULL;
}

/* Body Part Examined (0018,0015), terms of DICOM PS3.16 Annex L. */
static const char *region_of(const char *body_part)
{
    static const struct {
        const char *part, *code;
    } rows[] = { { "HEAD", "head" },      { "BRAIN", "head" },       { "SKULL", "head" },
                 { "HEADNECK", "head" },  { "NECK", "neck" },        { "CSPINE", "neck" },
                 { "CHEST", "chest" },    { "THORAX", "chest" },     { "LUNG", "chest" },
                 { "HEART", "chest" },    { "ABDOMEN", "abdomen" },  { "LIVER", "abdomen" },
                 { "KIDNEY", "abdomen" }, { "PANCREAS", "abdomen" }, { "PELVIS", "pelvis" },
                 { "BLADDER", "pelvis" }, { "PROSTATE", "pelvis" },  { "SKIN", "skin" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(body_part, rows[i].part)) return rows[i].code;
    return NULL;
}

/* The plane whose axis the slice normal follows within 30 degrees (cos 0.866); patient axes: x
 * left, y back, z head. */
static const char *plane_of(const fab_image *im)
{
    static const char *const planes[] = { "sagittal", "coronal", "transverse" };
    const double *o = im->orientation;
    if (!im->has_orientation) return NULL;
    double n[3] = { o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5],
                    o[0] * o[4] - o[1] * o[3] };
    for (int i = 0; i < 3; i++)
        if (fabs(n[i]) >= 0.866) return planes[i];
    return NULL;
}

bool fab_report_windowed(const fab_image *im)
{
    return !strcmp(im->format, "dicom") && im->shown.width > 0;
}

void fab_report_facts(fab_report *r)
{
    r->header_modality = modality_of(r->image->modality);
    r->header_region = region_of(r->image->body_part);
    r->header_plane = plane_of(r->image);
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool check_history(const char *h, fab_err *err)
{
    size_t n = h ? strlen(h) : 0, good = fab_utf8_check(h ? h : "", n);
    if (good < n)
        return fab_fail(err, FAB_EUSAGE, "the history is not UTF-8: byte %zu of %zu", good, n);
    if (n > MAX_HISTORY)
        return fab_fail(err, FAB_ELIMIT, "the history has %zu bytes, the limit is %d", n,
                        MAX_HISTORY);
    return true;
}

static bool identify(fab_report *r, fab_engine *e, const void *bytes, size_t size, fab_err *err)
{
    char both[200], digest[65];
    r->model = fab_engine_model(e);
    r->input_bytes = size;
    fab_sha256_hex(bytes, size, r->input_sha256);
    int n = snprintf(both, sizeof both, "%s %s", r->input_sha256, r->model->sha256);
    if (fab_patient_known(&r->patient))
        n += snprintf(both + n, sizeof both - (size_t)n, " %g %d", (double)r->patient.age,
                      r->patient.sex);
    fab_sha256_hex(both, (size_t)n, digest);
    snprintf(r->id, sizeof r->id, "R-%.16s", digest);
    if (!r->opts.history || !*r->opts.history) r->opts.history = NULL;
    else r->opts.history = fab_arena_strdup(r->arena, r->opts.history, err);
    if (!r->opts.software) r->opts.software = "fabrica";
    if (!r->opts.created) r->opts.created = fab_unix_time();
    if (r->opts.threshold <= 0) r->opts.threshold = 0.5;
    return !err || err->code == FAB_OK;
}

static bool look_and_write(fab_report *r, fab_engine *e, fab_err *err)
{
    const fab_look *look = fab_engine_admit(e, r->image, r->opts.force, &r->gate, err);
    if (!look) return false;
    memcpy(r->pixels_sha256, look->key, sizeof r->pixels_sha256);
    bool ok = fab_report_ask(r, e, look, err) && fab_report_explain(r, e, look, err) &&
              fab_report_word(r, err);
    fab_look_unref(look);
    return ok;
}

fab_report *fab_report_make(fab_engine *e, const fab_image *im, const void *bytes, size_t size,
                            const fab_report_opts *opts, fab_err *err)
{
    const fab_report_opts defaults = FAB_REPORT_DEFAULTS;
    double start = fab_now();
    fab_report *r = fab_new(sizeof *r, err);
    if (!r) return NULL;
    r->image = im;
    r->opts = opts ? *opts : defaults;
    if (!r->opts.picture_alone) r->patient = fab_patient_or(r->opts.patient, im->patient);
    r->arena = fab_arena_new(0, err);
    if (!r->arena || !check_history(r->opts.history, err) || !identify(r, e, bytes, size, err)) {
        fab_report_free(r);
        return NULL;
    }
    fab_report_facts(r);
    if (!look_and_write(r, e, err)) {
        fab_report_free(r);
        return NULL;
    }
    r->seconds = fab_now() - start;
    return r;
}

void fab_report_free(fab_report *r)
{
    if (!r) return;
    fab_arena_free(r->arena);
    fab_free(r);
}
