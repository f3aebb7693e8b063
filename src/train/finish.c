/* finish: the last stage's weights become a model file: calibrated, gated, with its card and its
 * baseline inside.
 *
 * The file is first written plain and opened through the engine, so that everything is measured
 * and fitted on exactly what will run; then it is written again with what was found.
 */
#include <math.h>
#include <string.h>
#include "base/log.h"
#include "engine/gate.h"
#include "evaluate/vqa.h"
#include "train/adapt.h"

/* False refusals that the gate is set for, on pictures it was not fitted on. */
static const double gate_rate = 0.02;
enum { GATE_MOST = 600 };

static char *model_path(fab_session *s, const char *suffix, fab_err *err)
{
    char *name = fab_arena_printf(s->arena, err, "%s%s", s->recipe.name, suffix);
    return name ? fab_path_join(s->arena, s->recipe.out_dir, name, err) : NULL;
}

/* ---- gate ------------------------------------------------------------------------------------ */

static bool gate_features(fab_session *s, fab_engine *e, int32_t image, int dim, float *out,
                          fab_err *err)
{
    const fab_look *l = fab_session_look(s, e, image, err);
    if (!l) return false;
    fab_gate_features(l->mean, dim, l->rgb, l->side, out);
    fab_look_unref(l);
    return true;
}

/* At most GATE_MOST pictures of a set are looked at: every so many-th. */
static bool look_at_known(fab_session *s, fab_engine *e, int dim, float *fit, int32_t *kind,
                          int64_t *n, fab_err *err)
{
    for (int k = 0; k < FAB_SETS; k++) {
        int32_t step = (s->n_set[k] + GATE_MOST - 1) / GATE_MOST;
        for (int32_t i = 0; i < s->n_set[k]; i += step) {
            int32_t image = s->set_pictures[k][i];
            if (!gate_features(s, e, image, dim, fit + *n * (dim + FAB_GATE_PIXEL_DIMS), err))
                return false;
            kind[(*n)++] = k;
        }
    }
    return true;
}

static bool fit_gate(fab_session *s, fab_engine *e, fab_gate *g, double *refused, fab_err *err)
{
    int dim = fab_mini_width(&fab_engine_model(e)->model->cfg), width = dim + FAB_GATE_PIXEL_DIMS;
    int32_t n = s->bundle.images.n;
    float *fit = fab_arena_take(s->arena, (size_t)n * (size_t)width * sizeof *fit, err);
    float *held = fab_arena_take(s->arena, (size_t)n * (size_t)width * sizeof *held, err);
    int32_t *kind = fab_arena_take(s->arena, (size_t)n * sizeof *kind, err);
    int64_t n_fit = 0, n_held = 0;
    if (!fit || !held || !kind || !look_at_known(s, e, dim, fit, kind, &n_fit, err)) return false;
    for (int32_t i = 0; i < n; i++) {
        if (s->of_picture[i].n_real || s->of_picture[i].n_made) continue;
        if (!gate_features(s, e, i, dim, held + n_held++ * width, err)) return false;
    }
    const fab_gate_opts o = { .seed = 1, .engine = e };
    if (!fab_gate_fit(g, fit, kind, n_fit, width, &o, s->arena, err)) return false;
    if (!n_held)
        return fab_fail(err, FAB_EFORMAT,
                        "gate: all %lld pictures train it, none is left to set its limit",
                        (long long)n_fit);
    /* What the fit's own cross-validation lets pass (1) stays in: held-out pictures come from the
     * same hospitals as those of training, another's lie further out. */
    const float limit = fab_gate_limit_for(g, held, n_held, gate_rate, s->arena, err);
    g->limit = limit > 0 ? fmaxf(limit, 1) : limit;
    *refused = fab_gate_refused(g, held, n_held);
    return g->limit > 0 ||
           fab_fail(err, FAB_EFORMAT, "gate: its limit is %g on %lld held-out pictures",
                    (double)g->limit, (long long)n_held);
}

/* ---- card ------------------------------------------------------------------------------------ */

static fab_blind *train_blind(const fab_session *s, fab_err *err)
{
    int64_t n = s->bundle.slake.n + s->bundle.rad.n;
    fab_qa *all = fab_new_array((size_t)n, sizeof *all, err);
    if (!all) return NULL;
    memcpy(all, s->bundle.slake.items, (size_t)s->bundle.slake.n * sizeof *all);
    memcpy(all + s->bundle.slake.n, s->bundle.rad.items, (size_t)s->bundle.rad.n * sizeof *all);
    fab_blind *b = fab_blind_train(all, n, err);
    fab_free(all);
    return b;
}

/* What the file says of itself, from the validation records with their pictures (r: what it
 * replied) and without. */
static json_t *measure(fab_session *s, fab_engine *e, json_t *summary, fab_replies *r, fab_err *err)
{
    fab_exam seen, blank;
    fab_log(FAB_LOG_INFO, "measuring on the validation records, then with a blank picture");
    if (!fab_session_replies(s, e, FAB_EXAM_MADE, s->arena, r, err) ||
        !fab_session_exam(s, e, FAB_EXAM_MADE, true, &blank, err))
        return NULL;
    fab_exam_of(r, &seen);
    json_t *card = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:{s:o, s:o}}", "schema", "fabrica.card/1", "name",
        s->recipe.name, "intended_use", "Research use only. Not for diagnostic use.",
        "training_data",
        "SLAKE (CC BY 4.0), VQA-RAD (CC0), ISIC 2017 (CC0), Kermany chest X-ray (CC BY 4.0), BCCD "
        "(MIT), MedQuAD "
        "(CC BY 4.0), PubMedQA (MIT), ROCO captions (CC BY), Huatuo (Apache-2.0), Toyhom (MIT)",
        "cost", json_deep_copy(summary), "validation", "model", fab_exam_json(&seen), "blank_image",
        fab_exam_json(&blank));
    if (card && s->recipe.init_tower)
        json_object_set_new(card, "started_from", json_string(fab_path_base(s->recipe.init_tower)));
    if (!card) fab_fail(err, FAB_ENOMEM, "no memory for the model's card");
    else if (!fab_session_tell_cost(s, card, err)) json_decref(card), card = NULL;
    return card;
}

static char *pack_blind(fab_session *s, fab_err *err)
{
    fab_blind *blind = train_blind(s, err);
    char *packed = blind ? fab_blind_pack(blind, s->arena, err) : NULL;
    fab_blind_free(blind);
    return packed;
}

/* Adds what was fitted and measured through the engine to the card. */
static bool tell(json_t *card, const fab_gate *gate, double refused, double T,
                 const fab_calibration *before, const fab_calibration *after,
                 const fab_skills *skills, const fab_counter *counter, fab_err *err)
{
    json_t *c = json_pack("{s:f, s:I, s:f, s:f, s:f, s:f}", "temperature", T, "n",
                          (json_int_t)after->n, "ece_before", before->ece, "ece", after->ece,
                          "brier_before", before->brier, "brier", after->brier);
    json_t *g = json_pack("{s:i, s:f, s:f}", "clusters", gate->n, "limit", (double)gate->limit,
                          "false_refusal_rate", refused);
    bool ok = json_object_set_new(card, "calibration", c) == 0;
    ok = json_object_set_new(card, "gate", g) == 0 && ok;
    if (counter->dim)
        ok = json_object_set_new(card, "counter", fab_counter_json(counter)) == 0 && ok;
    return (json_object_set_new(card, "skills", fab_skills_json(skills)) == 0 && ok) ||
           fab_fail(err, FAB_ENOMEM, "no memory for the model's card");
}

/* Temperature, curve of answers, gate, the worth of each row and the counter, for the card and for
 * what is saved. */
bool fab_session_fit(fab_session *s, fab_engine *e, const fab_replies *r, json_t *card,
                     fab_mini_save_opts *o, fab_err *err)
{
    fab_gate gate;
    fab_calibration before, after;
    double T = 1, refused = 0;
    fab_log(FAB_LOG_INFO, "fitting temperature, sureness and input gate");
    if (!fab_session_temperature(s, e, &T, &before, &after, err) ||
        !fab_sureness_fit(r, &o->answers, card, err) || !fit_gate(s, e, &gate, &refused, err))
        return false;
    fab_engine_set_temperature(e, (float)T);
    if (!fab_session_skills(s, e, &o->skills, err) || !fab_session_counter(s, e, &o->counter, err))
        return false;
    o->temperature = (float)T;
    o->gate_n = gate.n;
    o->gate_dim = gate.dim;
    o->gate_mean = gate.mean;
    o->gate_ivar = gate.ivar;
    o->gate_limit = gate.limit;
    o->gate_clip = gate.clip;
    return tell(card, &gate, refused, T, &before, &after, &o->skills, &o->counter, err);
}

/* The model file with its card inside, and the card beside it. */
static bool save_with_card(fab_session *s, const char *path, const json_t *card,
                           fab_mini_save_opts *o, fab_err *err)
{
    char *card_path = model_path(s, ".card.json", err),
         *text = json_dumps(card, JSON_COMPACT | JSON_REAL_PRECISION(6));
    o->card = text;
    bool ok = text ? card_path && fab_mini_save(path, s->model, s->bpe, o, err) &&
                         fab_json_write(card_path, card, err)
                   : fab_fail(err, FAB_ENOMEM, "no memory for the model's card");
    fab_free(text);
    return ok;
}

bool fab_session_finish(fab_session *s, json_t *summary, fab_err *err)
{
    if (s->adapting) return fab_adapt_finish(s, summary, err);
    char *path = model_path(s, ".gguf", err);
    fab_mini_save_opts o = { .name = s->recipe.name,
                             .version = s->recipe.version,
                             .dtype = s->recipe.dtype };
    bool ok = path && (o.question_only = pack_blind(s, err)) != NULL;
    fab_engine *e = ok ? fab_session_engine(s, path, &o, err) : NULL;
    fab_replies r = { 0 };
    json_t *card = e ? measure(s, e, summary, &r, err) : NULL;
    ok = card && fab_session_fit(s, e, &r, card, &o, err) && save_with_card(s, path, card, &o, err);
    fab_engine_close(e);
    if (ok && (json_object_set_new(summary, "model", json_string(path)) != 0 ||
               json_object_set(summary, "card", card) != 0))
        ok = fab_fail(err, FAB_ENOMEM, "no memory for the summary");
    json_decref(card);
    return ok;
}
