/* adapt: see adapt.h. */
#include "train/adapt.h"

#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/log.h"

/* ---- opening --------------------------------------------------------------------------------- */

static int64_t count_all(const fab_param_list *l, const char *prefix)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->n; i++)
        if (!strncmp(l->items[i]->name, prefix, strlen(prefix))) n += fab_count(l->items[i]);
    return n;
}

/* What the adapter adds: parts in full stand in the place of others. */
static int64_t count_added(const fab_peft *t)
{
    int64_t n = t->n_values;
    for (int64_t i = 0; i < t->n; i++) {
        if (t->parts[i].w) n -= fab_count(t->parts[i].w);
        if (t->parts[i].bias) n -= fab_count(t->parts[i].bias);
    }
    return n;
}

static bool find_base(fab_session *s, const fab_train_opts *o, fab_adapting *a, fab_err *err)
{
    const fab_recipe *r = &s->recipe;
    const char *decoder;
    if (!fab_session_find(s, o, "init: model", r->init_model, "", &a->base_path, err) ||
        !fab_session_find(s, o, "peft: decoder", r->peft.decoder,
                          "; tools/get-weights smollm2-135m fetches one", &decoder, err))
        return false;
    a->base = fab_engine_open(a->base_path, s->pool, err);
    if (!a->base) return false;
    const fab_mini_file *f = fab_engine_model(a->base);
    s->model = f->model;
    a->n_all = count_all(&f->model->list, decoder ? "tower." : "");
    if (!decoder) return fab_adapter_base(f->weights, NULL, a->base_sha256, err);
    a->pefomed = fab_pefomed_open(decoder, f, s->pool, r->seed, err);
    if (!a->pefomed) return false;
    memcpy(a->base_sha256, a->pefomed->base_sha256, sizeof a->base_sha256);
    a->n_all += count_all(&a->pefomed->list, "") + count_all(&a->pefomed->decoder->params, "");
    return fab_pefomed_records(s, err);
}

/* A run goes on only with the same adapter on the same model. */
static void hash_run(fab_session *s, const fab_adapting *a)
{
    char *text = json_dumps(json_object_get(s->recipe.json, "peft"), JSON_COMPACT | JSON_SORT_KEYS);
    char both[2 * 64 + 1];
    fab_sha256_hex(text ? text : "", text ? strlen(text) : 0, both);
    memcpy(both + 64, a->base_sha256, 65);
    fab_sha256_hex(both, 128, s->recipe.hash);
    fab_free(text);
}

static bool add_learnt(fab_session *s, const fab_param_list *more, fab_err *err)
{
    fab_param_list *l = &s->learnt;
    fab_tensor **items =
        fab_arena_take(s->arena, (size_t)(l->n + more->n + 1) * sizeof *items, err);
    if (!items) return false;
    if (l->n) memcpy(items, l->items, (size_t)l->n * sizeof *items);
    if (more->n) memcpy(items + l->n, more->items, (size_t)more->n * sizeof *items);
    *l = (fab_param_list){ items, l->n + more->n, l->n + more->n };
    return true;
}

/* The parts of an adapter of another run, perhaps on another model: same kind, rank and layers. */
static bool start_parts(fab_session *s, const fab_train_opts *o, fab_adapting *a, fab_err *err)
{
    const char *path;
    if (!s->recipe.peft.start || (o->resume && fab_checkpoint_exists(s->recipe.out_dir)))
        return true;
    if (!fab_session_find(s, o, "peft: start", s->recipe.peft.start, "", &path, err)) return false;
    fab_adapter *from = fab_adapter_open(path, err);
    if (!from) return false;
    bool ok = fab_session_take_all(s, from->weights, &a->peft.list, err) &&
              fab_session_keep_cost(s, from->card, err);
    if (!ok) fab_while(err, "%s", path);
    else fab_log(FAB_LOG_INFO, "adapter: starts from %s", path);
    fab_adapter_close(from);
    return ok;
}

static bool make_adapter(fab_session *s, const fab_train_opts *o, fab_adapting *a, fab_err *err)
{
    const fab_recipe_peft *r = &s->recipe.peft;
    const fab_sites *sites = a->pefomed ? &a->pefomed->sites : &fab_engine_model(a->base)->sites;
    fab_params p = fab_params_init(s->arena, &a->peft.list, s->recipe.seed);
    p.train = true;
    fab_peft_params(&p, &a->peft, sites, &r->opts);
    if (!fab_params_end(&p, err)) return fab_while(err, "recipe: peft");
    fab_peft_attach(&a->peft);
    if (!start_parts(s, o, a, err)) return false;
    if (!add_learnt(s, &a->peft.list, err)) return false;
    if (r->opts.kind == FAB_PEFT_ADALORA &&
        (!fab_adalora_init(&a->rank, s->arena, &a->peft, &r->budget, err) ||
         !add_learnt(s, &a->rank.state, err)))
        return false;
    a->n_all += count_added(&a->peft);
    fab_log(FAB_LOG_INFO, "adapter: %s on %lld layers: %.3f M of %.2f M parameters learn (%.2f %%)",
            r->opts.n_targets ? fab_peft_name(r->opts.kind) : "all of the weights",
            (long long)a->peft.n, (double)a->peft.n_values / 1e6, (double)a->n_all / 1e6,
            100 * (double)a->peft.n_values / (double)a->n_all);
    return true;
}

bool fab_adapt_open(fab_session *s, const fab_train_opts *o, fab_err *err)
{
    fab_adapting *a = fab_arena_zero(s->arena, sizeof *a, err);
    if (!a) return false;
    s->adapting = a;
    if (!find_base(s, o, a, err)) return false;
    if (s->recipe.store_side < s->model->cfg.image_size)
        return fab_fail(err, FAB_EUSAGE, "recipe: store_side %d is below the model's image_size %d",
                        s->recipe.store_side, s->model->cfg.image_size);
    hash_run(s, a);
    return make_adapter(s, o, a, err) &&
           fab_optim_init(&s->optim, s->arena, &s->learnt, &s->recipe.optim, err);
}

void fab_adapt_close(fab_session *s)
{
    if (!s->adapting) return;
    fab_pefomed_close(s->adapting->pefomed);
    fab_engine_close(s->adapting->base);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static bool ranks(const fab_session *s)
{
    return s->adapting && s->recipe.peft.opts.kind == FAB_PEFT_ADALORA;
}

bool fab_adapt_before_step(fab_session *s, fab_err *err)
{
    if (!ranks(s)) return true;
    fab_adalora_sense(&s->adapting->rank, s->step_arena, err);
    return !err->code;
}

void fab_adapt_after_step(fab_session *s)
{
    if (ranks(s)) fab_adalora_allocate(&s->adapting->rank, s->optim.step - 1);
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool save(fab_session *s, const char *path, const char *card, fab_err *err)
{
    const fab_adapting *a = s->adapting;
    if (ranks(s)) fab_adalora_mask(&a->rank);
    const fab_adapter_about about = { a->base_sha256, fab_engine_model(a->base)->id, card };
    return fab_adapter_save(path, &a->peft, &about, err);
}

fab_engine *fab_adapt_engine(fab_session *s, fab_err *err)
{
    const fab_adapting *a = s->adapting;
    char *path = fab_path_join(s->arena, s->recipe.out_dir, "validated.safetensors", err);
    if (!path || !save(s, path, NULL, err)) return NULL;
    fab_engine *e = fab_engine_open(a->base_path, s->pool, err);
    if (e && !a->pefomed && !fab_engine_adapt(e, path, err)) {
        fab_engine_close(e);
        return NULL;
    }
    return e;
}

/* Directions that have a value, of those there are. */
static json_t *kept_json(const fab_session *s)
{
    int64_t kept = 0, all = 0;
    for (int64_t i = 0; i < s->adapting->peft.n; i++) {
        const fab_tensor *e = s->adapting->peft.parts[i].e;
        for (int64_t k = 0; e && k < fab_count(e); k++, all++) kept += fab_f32(e)[k] != 0;
    }
    return json_pack("[I, I]", (json_int_t)kept, (json_int_t)all);
}

static json_t *card_of(fab_session *s, const json_t *summary, fab_err *err)
{
    const fab_adapting *a = s->adapting;
    fab_exam seen, blank;
    fab_engine *e = fab_adapt_engine(s, err);
    bool ok = e && fab_session_exam(s, e, FAB_EXAM_MADE, false, &seen, err) &&
              fab_session_exam(s, e, FAB_EXAM_MADE, true, &blank, err);
    fab_engine_close(e);
    if (!ok) return NULL;
    double share = (double)a->peft.n_values / (double)a->n_all;
    json_t *card =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:f, s:o, s:{s:o, s:o}}", "schema",
                  "fabrica.adapter_card/1", "name", s->recipe.name, "intended_use",
                  "Research use only. Not for diagnostic use.", "kind",
                  fab_peft_name(s->recipe.peft.opts.kind), "base", fab_engine_model(a->base)->id,
                  "parameters", (json_int_t)a->peft.n_values, "base_parameters",
                  (json_int_t)a->n_all, "trainable_share", share, "cost", json_deep_copy(summary),
                  "validation", "model", fab_exam_json(&seen), "blank_image",
                  fab_exam_json(&blank));
    if (card && s->recipe.peft.decoder)
        json_object_set_new(card, "decoder", json_string(s->recipe.peft.decoder));
    if (card && ranks(s)) json_object_set_new(card, "directions_kept", kept_json(s));
    if (!card) fab_fail(err, FAB_ENOMEM, "no memory for the adapter's card");
    else if (!fab_session_tell_cost(s, card, err)) json_decref(card), card = NULL;
    return card;
}

bool fab_adapt_finish(fab_session *s, json_t *summary, fab_err *err)
{
    char *name = fab_arena_printf(s->arena, err, "%s.safetensors", s->recipe.name);
    char *path = name ? fab_path_join(s->arena, s->recipe.out_dir, name, err) : NULL;
    name = path ? fab_arena_printf(s->arena, err, "%s.card.json", s->recipe.name) : NULL;
    char *card_path = name ? fab_path_join(s->arena, s->recipe.out_dir, name, err) : NULL;
    fab_log(FAB_LOG_INFO, "measuring on the validation records, then with a blank picture");
    json_t *card = card_path ? card_of(s, summary, err) : NULL;
    char *text = card ? json_dumps(card, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    bool ok = text && save(s, path, text, err) && fab_json_write(card_path, card, err) &&
              (json_object_set_new(summary, "adapter", json_string(path)) == 0 ||
               fab_fail(err, FAB_ENOMEM, "no memory for the summary"));
    if (ok) json_object_set(summary, "card", card);
    fab_free(text);
    json_decref(card);
    return ok;
}
