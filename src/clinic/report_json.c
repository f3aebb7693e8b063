/* report_json: the record, schema fabrica.report/1 (docs/report-schema.md). No file name and no
 * patient's name is in it.
 *
 * A NULL from jansson means that memory is out; json_object_set_new then fails too, so that one
 * check at the end of each object is enough.
 */
#include <math.h>
#include <string.h>
#include "clinic/report_impl.h"

static json_t *number(double v)
{
    return isfinite(v) ? json_real(round(v * 1e6) / 1e6) : json_null();
}

static json_t *both(const char *en, const char *zh)
{
    return json_pack("{s:s?,s:s?}", "en", en, "zh", zh);
}

static json_t *ref(char kind, int id)
{
    char s[16];
    snprintf(s, sizeof s, "%c%d", kind, id);
    return json_string(s);
}

static json_t *image_facts(const fab_report *r)
{
    const fab_image *im = r->image;
    json_t *o = json_pack("{s:s,s:i,s:i,s:i}", "format", im->format, "rows", im->height, "cols",
                          im->width, "frames", im->frames);
    const struct {
        const char *key, *value;
    } texts[] = { { "transfer_syntax", im->transfer_syntax },
                  { "photometric", im->photometric },
                  { "modality", im->modality },
                  { "body_part", im->body_part },
                  { "laterality", im->laterality },
                  { "view", im->view },
                  { "modality_code", r->header_modality },
                  { "region_code", r->header_region },
                  { "plane_code", r->header_plane } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].value && texts[i].value[0])
            json_object_set_new(o, texts[i].key, json_string(texts[i].value));
    if (im->spacing_mm[0] > 0 && im->spacing_mm[1] > 0) {
        json_object_set_new(o, "spacing_mm",
                            json_pack("[o,o]", number(im->spacing_mm[0]),
                                      number(im->spacing_mm[1])));
        json_object_set_new(o, "extent_mm",
                            json_pack("[o,o]", number(im->height * im->spacing_mm[0]),
                                      number(im->width * im->spacing_mm[1])));
    }
    if (im->thickness_mm > 0) json_object_set_new(o, "thickness_mm", number(im->thickness_mm));
    if (fab_report_windowed(im))
        json_object_set_new(o, "window",
                            json_pack("{s:o,s:o,s:s}", "center", number(im->shown.center), "width",
                                      number(im->shown.width), "name", im->shown.name));
    json_object_set_new(o, "lossy", json_boolean(im->lossy));
    return o;
}

static json_t *patient_json(const fab_patient *who)
{
    return json_pack("{s:o,s:s?}", "age", who->age > 0 ? number((double)who->age) : json_null(),
                     "sex", fab_patient_sex_word(who));
}

static json_t *gate_json(const fab_report *r)
{
    json_t *o = json_pack("{s:s,s:b,s:b}", "verdict", fab_gate_code(r->gate.reason), "fitted",
                          r->gate.fitted, "overridden", r->gate.reason != FAB_GATE_KNOWN);
    if (r->gate.distance >= 0) {
        json_object_set_new(o, "distance", number((double)r->gate.distance));
        json_object_set_new(o, "limit", number((double)r->gate.limit));
    }
    return o;
}

static const char *kind_code(const fab_finding *f)
{
    static const char *const codes[] = { "organ", "abnormality", "cell",      "modality",
                                         "plane", "region",      "diagnosis", "attribute" };
    bool known;
    fab_label_kind k = fab_finding_kind(f, &known);
    if (known) return codes[k];
    static const char *const asked[] = { "choice", "presence", "answer", "count" }; /* fab_ask */
    return asked[f->row->kind];
}

static json_t *skill_json(const fab_skill *s, fab_skill_verdict v)
{
    bool measured = s && s->positives && s->negatives;
    return json_pack("{s:s,s:o,s:i,s:i}", "verdict", fab_skill_word(v), "auc",
                     measured ? number((double)s->auc) : json_null(), "positives",
                     s ? s->positives : 0, "negatives", s ? s->negatives : 0);
}

static json_t *finding_json(const fab_finding *f)
{
    json_t *o =
        json_pack("{s:o,s:s,s:s,s:o,s:s,s:o}", "id", ref('F', f->id), "code", f->row->code, "kind",
                  kind_code(f), "name", both(f->row->name[FAB_EN], f->row->name[FAB_ZH]), "state",
                  fab_state_code(f->state), "probability", number(f->p));
    if (f->by_patient) json_object_set_new(o, "probability_by_picture", number(f->p_picture));
    if (f->row->kind != FAB_ASK_PRESENT) {
        json_object_set_new(o, "value",
                            both(fab_finding_value(f, FAB_EN), fab_finding_value(f, FAB_ZH)));
        if (f->row->kind == FAB_ASK_CHOICE && f->row->codes[f->choice])
            json_object_set_new(o, "value_code", json_string(f->row->codes[f->choice]));
    }
    if (f->state == FAB_STATE_ANSWERED) {
        json_object_set_new(o, "agree", json_boolean(f->agree));
        json_object_set_new(o, "calibrated", json_boolean(f->calibrated));
    } else json_object_set_new(o, "band", json_string(fab_band_of(f->p)->code));
    if (f->place[FAB_EN] && f->place[FAB_ZH]) {
        json_t *place = both(f->place[FAB_EN], f->place[FAB_ZH]);
        json_object_set_new(place, "sureness", number(f->place_sureness));
        json_object_set_new(place, "calibrated", json_boolean(f->place_calibrated));
        json_object_set_new(place, "agree", json_boolean(f->place_agree));
        json_object_set_new(o, "location", place);
    }
    if (f->verdict != FAB_SKILL_UNKNOWN)
        json_object_set_new(o, "held_out", skill_json(f->skill, f->verdict));
    json_object_set_new(o, "evidence", ref('E', f->id));
    return o;
}

static json_t *untaught_json(const fab_report *r, const fab_protocol_row *row)
{
    fab_skill_verdict v;
    const fab_skill *s = fab_report_skill(r, row, &v);
    json_t *o = json_pack("{s:s,s:o,s:o}", "code", row->code, "name",
                          both(row->name[FAB_EN], row->name[FAB_ZH]), "held_out", skill_json(s, v));
    if (s && *s->choice) json_object_set_new(o, "weakest_choice", json_string(s->choice));
    return o;
}

static json_t *heat_json(const fab_finding *f)
{
    const fab_fidelity *d = &f->fidelity;
    json_t *heat = json_array();
    for (int i = 0; i < f->cam->grid * f->cam->grid; i++)
        json_array_append_new(heat, number(round((double)f->cam->heat[i] * 1e3) / 1e3));
    return json_pack("{s:s,s:s,s:b,s:i,s:o,s:{s:s,s:o,s:o,s:o,s:i,s:i}}", "method",
                     f->cam->target.hires ? "hires-cam" : "grad-cam", "file", f->overlay, "empty",
                     f->cam->empty, "grid", f->cam->grid, "heat", heat, "fidelity", "test",
                     "deletion", "share", number(d->share), "drop", number(d->drop_heat),
                     "drop_random", number(d->drop_random), "draws", d->draws, "beaten", d->beaten);
}

static json_t *evidence_json(const fab_finding *f)
{
    json_t *o = json_pack("{s:o,s:o,s:o}", "id", ref('E', f->id), "finding", ref('F', f->id),
                          "question", both(f->row->question[FAB_EN], f->row->question[FAB_ZH]));
    if (f->state == FAB_STATE_ANSWERED) {
        json_object_set_new(o, "method", json_string("generated-answer"));
    } else {
        json_t *list = json_array();
        for (int i = 0; i < FAB_ASK_CHOICES && f->row->choices[FAB_EN][i]; i++) {
            json_t *c = both(f->row->choices[FAB_EN][i], f->row->choices[FAB_ZH][i]);
            json_object_set_new(c, "probability", number(f->all[i]));
            json_array_append_new(list, c);
        }
        json_object_set_new(o, "method", json_string("answer-likelihood"));
        json_object_set_new(o, "candidates", list);
        json_t *parts = json_pack("{s:o,s:o}", "en", number(f->part_lang[FAB_EN]), "zh",
                                  number(f->part_lang[FAB_ZH]));
        if (f->part_head >= 0) json_object_set_new(parts, "head", number(f->part_head));
        json_object_set_new(o, "parts", parts);
    }
    if (f->cam) json_object_set_new(o, "heat_map", heat_json(f));
    return o;
}

static json_t *sentence_json(const fab_report *r, const fab_sentence *s, int id)
{
    json_t *findings = json_array(), *evidence = json_array(), *text = json_object();
    for (int i = 0; i < s->n_refs; i++) {
        json_array_append_new(findings, ref('F', s->refs[i]));
        json_array_append_new(evidence, ref('E', s->refs[i]));
    }
    if (r->opts.lang[FAB_EN]) json_object_set_new(text, "en", json_string(s->text[FAB_EN]));
    if (r->opts.lang[FAB_ZH]) json_object_set_new(text, "zh", json_string(s->text[FAB_ZH]));
    return json_pack("{s:o,s:s,s:o,s:o,s:o}", "id", ref('S', id), "section", s->section, "findings",
                     findings, "evidence", evidence, "text", text);
}

static void lists(const fab_report *r, json_t *o)
{
    json_t *findings = json_array(), *evidence = json_array(), *sentences = json_array(),
           *bands = json_array(), *untaught = json_array();
    for (int i = 0; i < r->n_findings; i++) {
        json_array_append_new(findings, finding_json(&r->findings[i]));
        json_array_append_new(evidence, evidence_json(&r->findings[i]));
    }
    for (int i = 0; i < r->n_sentences; i++)
        json_array_append_new(sentences, sentence_json(r, &r->sentences[i], i + 1));
    for (int i = 0; i < r->n_untaught; i++)
        json_array_append_new(untaught, untaught_json(r, r->untaught[i]));
    for (int i = 0; i < fab_bands_n; i++)
        json_array_append_new(bands, json_pack("{s:o,s:s,s:s,s:s}", "from",
                                               number(fab_bands[i].from), "code", fab_bands[i].code,
                                               "en", fab_bands[i].en, "zh", fab_bands[i].zh));
    json_object_set_new(o, "findings", findings);
    json_object_set_new(o, "evidence", evidence);
    json_object_set_new(o, "sentences", sentences);
    json_object_set_new(o, "not_assessed", untaught);
    json_object_set_new(o, "bands", bands);
}

json_t *fab_report_json(const fab_report *r, fab_err *err)
{
    char when[24];
    fab_iso_time(r->opts.created, when);
    json_t *o = json_pack("{s:s,s:s,s:s,s:o,s:s,s:s}", "schema", FAB_REPORT_SCHEMA, "id", r->id,
                          "status", "draft", "research_use", both(FAB_MARK_EN, FAB_MARK_ZH),
                          "created", when, "software", r->opts.software);
    json_object_set_new(o, "seconds", number(r->seconds));
    json_object_set_new(o, "model",
                        json_pack("{s:s,s:s,s:o}", "id", r->model->id, "sha256", r->model->sha256,
                                  "temperature", number((double)r->model->temperature)));
    json_object_set_new(o, "input",
                        json_pack("{s:s,s:I,s:s}", "sha256", r->input_sha256, "bytes",
                                  (json_int_t)r->input_bytes, "pixels_sha256", r->pixels_sha256));
    json_object_set_new(o, "image", image_facts(r));
    json_object_set_new(o, "indication",
                        r->opts.history
                            ? json_pack("{s:s,s:b}", "text", r->opts.history, "used_by_model", 0)
                            : json_null());
    json_object_set_new(o, "patient", patient_json(&r->patient));
    json_object_set_new(o, "gate", gate_json(r));
    json_object_set_new(o, "threshold", number(r->opts.threshold));
    lists(r, o);
    if (!o || json_array_size(json_object_get(o, "sentences")) != (size_t)r->n_sentences) {
        json_decref(o);
        fab_fail(err, FAB_ENOMEM, "out of memory while writing the report");
        return NULL;
    }
    return o;
}
