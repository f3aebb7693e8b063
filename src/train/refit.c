/* refit: see refit.h. */
#include "train/refit.h"

#include <string.h>
#include "base/json.h"
#include "train/session.h"

/* version: the new file's own, NULL: none. */
static json_t *card_of(const fab_engine *e, const char *version, fab_err *err)
{
    const char *text = fab_engine_model(e)->card;
    json_t *card = *text ? fab_json_parse(text, strlen(text), err) : json_object();
    if (!card) fab_while(err, "%s: fabrica.card", fab_engine_path(e));
    else if (version && !json_object_get(card, "weights_of") &&
             json_object_set_new(card, "weights_of", json_string(fab_engine_model(e)->id)) != 0)
        fab_fail(err, FAB_ENOMEM, "no memory for the model's card"), json_decref(card), card = NULL;
    return card;
}

static bool save(fab_engine *e, const char *out, const json_t *card, fab_mini_save_opts *o,
                 fab_err *err)
{
    char *text = json_dumps(card, JSON_COMPACT | JSON_REAL_PRECISION(6));
    o->card = text;
    bool ok = text ? fab_mini_resave(out, fab_engine_model(e), o, err)
                   : fab_fail(err, FAB_ENOMEM, "no memory for the model's card");
    fab_free(text);
    return ok;
}

bool fab_refit(const fab_refit_opts *o, fab_pool *pool, json_t **card, fab_err *err)
{
    fab_session s = { 0 };
    fab_mini_save_opts save_as = { .version = o->version };
    fab_engine *e = fab_engine_open(o->model, pool, err);
    json_t *told = e ? card_of(e, o->version, err) : NULL;
    fab_replies r = { 0 };
    bool ok = told && fab_session_open_data(&s, o->data, pool, err) &&
              fab_session_replies(&s, e, FAB_EXAM_MADE, s.arena, &r, err) &&
              fab_session_fit(&s, e, &r, told, &save_as, err) &&
              save(e, o->out, told, &save_as, err);
    fab_engine_close(e);
    fab_session_close(&s);
    if (ok && card) *card = json_incref(told);
    json_decref(told);
    return ok;
}
