/* train: the loop. Stages in order; each with its own schedule and fresh optimiser state;
 * validation on the averaged weights, the best kept; a checkpoint every so often from which a
 * killed run goes on exactly.
 */
#include "train/train.h"

#include <math.h>
#include <string.h>
#include "base/log.h"
#include "train/adapt.h"
#include "train/align.h"
#include "train/live.h"
#include "train/plot.h"
#include "train/rehearse.h"

/* What a checkpoint counts besides weights and random states. AT_BEST: this stage's best score in
 * millionths + 1; AT_BAD: validations since. */
enum { AT_STAGE, AT_STEP, AT_TOTAL, AT_BEST, AT_BAD, AT_SECONDS, AT_COUNT };

enum { MAX_SKIPPED = 50 }; /* steps in a row without finite gradients */

typedef struct {
    fab_session s;
    const fab_train_opts *o;
    fab_events *events;
    uint64_t at[AT_COUNT];
    double started, checkpointed, took; /* took: seconds, by the last checkpoint */
    int64_t sitting_steps;
    int skipped; /* steps in a row */
    char *best_dir;
    bool paused;
} run_state;

static fab_checkpoint state_of(run_state *r)
{
    return (fab_checkpoint){ .optim = &r->s.optim,
                             .rngs = &r->s.rng,
                             .n_rngs = 1,
                             .positions = r->at,
                             .n_positions = AT_COUNT,
                             .recipe = r->s.recipe.hash };
}

static bool checkpoint(run_state *r, const char *dir, fab_err *err)
{
    uint64_t seconds = r->at[AT_SECONDS];
    double from = fab_now();
    r->at[AT_SECONDS] += (uint64_t)(fab_now() - r->started);
    const fab_checkpoint c = state_of(r);
    bool ok = fab_checkpoint_save(dir, &c, err);
    r->at[AT_SECONDS] = seconds;
    r->checkpointed = fab_now();
    r->took = r->checkpointed - from;
    return ok;
}

static bool resume(run_state *r, const char *dir, fab_err *err)
{
    fab_checkpoint c = state_of(r);
    bool ok = fab_checkpoint_load(dir, &c, err);
    json_decref(c.meta);
    if (ok && r->at[AT_STAGE] > (uint64_t)r->s.recipe.n_stages)
        return fab_fail(err, FAB_EUSAGE, "%s: the run is behind stage %llu, the recipe has %d", dir,
                        (unsigned long long)r->at[AT_STAGE], r->s.recipe.n_stages);
    return ok;
}

/* The averaged weights as OUT/validated.gguf, asked the held-out questions. */
static bool examine(run_state *r, fab_exam *e, fab_err *err)
{
    fab_session *s = &r->s;
    char *path = fab_path_join(s->arena, s->recipe.out_dir, "validated.gguf", err);
    fab_optim_swap_ema(&s->optim);
    fab_engine *engine = path ? fab_session_engine(s, path, NULL, err) : NULL;
    fab_optim_swap_ema(&s->optim);
    bool ok = engine && fab_session_exam(s, engine, FAB_EXAM_MADE, false, e, err);
    fab_engine_close(engine);
    return ok;
}

/* Validation; keeps the best of the stage in OUT/best. */
static bool validate(run_state *r, fab_err *err)
{
    fab_exam e;
    fab_session *s = &r->s;
    double t = fab_now();
    if (!examine(r, &e, err)) return false;
    fab_scalar m[FAB_EXAM_PARTS];
    char line[FAB_EXAM_LINE];
    fab_exam_line(&e, line);
    fab_log(FAB_LOG_INFO, "val %lld: %s  (%.0f s)", (long long)r->at[AT_TOTAL], line,
            fab_now() - t);
    if (!fab_events_write(r->events, (int64_t)r->at[AT_TOTAL], m, fab_exam_parts(&e, m), err))
        return false;
    uint64_t score = (uint64_t)(e.all * 1e6) + 1;
    r->at[AT_BAD]++;
    if (score > r->at[AT_BEST]) r->at[AT_BAD] = 0;
    /* of equals the later: heads may learn what the exam does not ask */
    if (score >= r->at[AT_BEST]) {
        r->at[AT_BEST] = score;
        if (!checkpoint(r, r->best_dir, err)) return false;
    }
    static const char *const right[] = { "val/slake_en", "val/slake_zh", "val/vqa_rad", "val/made",
                                         NULL };
    return fab_plot_run(s->recipe.out_dir, s->recipe.name, right, err);
}

/* A batch, its loss, its gradients and one update. */
static bool learn(fab_session *s, const fab_stage *g, double lr, double *value, fab_loss_parts *p,
                  fab_err *err)
{
    fab_ctx c;
    fab_session_ctx(s, &c, true);
    fab_tensor *loss = fab_batch_loss(s, &c, g, p);
    if (!loss || !fab_backward(&c, loss, 1)) return fab_fail(err, c.err.code, "%s", c.err.text);
    *value = *fab_f32(loss);
    if (!fab_adapt_before_step(s, err)) return false;
    fab_optim_step(&s->optim, c.k, s->pool, lr);
    fab_adapt_after_step(s);
    return true;
}

/* A step whose gradients are not finite is left out; a run that makes no other is broken. */
static bool still_learning(run_state *r, const fab_stage *g, fab_err *err)
{
    r->skipped = isfinite(r->s.optim.norm) ? 0 : r->skipped + 1;
    return r->skipped < MAX_SKIPPED ||
           fab_fail(err, FAB_EFORMAT,
                    "stage %s step %llu: the gradients of %d steps were not finite", g->name,
                    (unsigned long long)r->at[AT_STEP], r->skipped);
}

static bool one_step(run_state *r, const fab_stage *g, fab_live *live, fab_err *err)
{
    fab_session *s = &r->s;
    fab_loss_parts p;
    s->step = (int64_t)r->at[AT_STEP];
    double value, lr = fab_schedule_at(&g->schedule, (int64_t)r->at[AT_STEP]);
    if (!learn(s, g, lr, &value, &p, err) || !still_learning(r, g, err)) return false;
    if (s->model->logit_scale->needs_grad && *fab_f32(s->model->logit_scale) > 4.6051702f)
        *fab_f32(s->model->logit_scale) = 4.6051702f; /* ln 100 */
    fab_rng_u64(&s->rng);                             /* the next step's dropout forks elsewhere */
    r->at[AT_STEP]++;
    r->at[AT_TOTAL]++;
    r->sitting_steps++;
    const fab_scalar m[] = { { "train/loss", value },
                             { "train/lr", lr },
                             { "train/norm", s->optim.norm },
                             { "loss/qa", p.qa },
                             { "loss/caption", p.caption },
                             { "loss/contrast", p.contrast },
                             { "loss/token_region", p.token_region },
                             { "loss/prototype", p.prototype },
                             { "loss/dense", p.dense },
                             { "loss/presence", p.presence },
                             { "loss/text", p.text },
                             { "loss/teacher", p.teacher } };
    const int kinds = 3, n = g->teacher.n ? 12 : 11; /* the losses by kind are m[3..n-1] */
    const fab_live_sample now = { value,    lr,        s->optim.norm, p.pictures,
                                  p.tokens, m + kinds, n - kinds };
    fab_live_step(live, (int64_t)r->at[AT_STEP], &now);
    return r->at[AT_TOTAL] % 10 || fab_events_write(r->events, (int64_t)r->at[AT_TOTAL], m, n, err);
}

static bool should_stop(const run_state *r)
{
    const fab_train_opts *o = r->o;
    return (o->interrupted && *o->interrupted) ||
           (o->stop_after_min > 0 && fab_now() - r->started > 60 * o->stop_after_min) ||
           (o->stop_after_steps > 0 && r->sitting_steps >= o->stop_after_steps) ||
           (o->until_steps > 0 && (int64_t)r->at[AT_TOTAL] >= o->until_steps);
}

static void start_live(const run_state *r, const fab_stage *g, fab_live *live)
{
    const fab_recipe *all = &r->s.recipe;
    fab_live_init(live, g->name, (int64_t)r->at[AT_STEP], g->steps, 30);
    live->stage = (int)r->at[AT_STAGE] + 1;
    live->stages = all->n_stages;
    for (int i = live->stage; i < all->n_stages; i++) live->later += all->stages[i].steps;
    live->best = (double)r->at[AT_BEST] / 1e6 - 1e-6;
}

static bool one_stage(run_state *r, const fab_stage *g, fab_err *err)
{
    fab_live live;
    start_live(r, g, &live);
    bool ok = true;
    while (ok && (int64_t)r->at[AT_STEP] < g->steps && !r->paused) {
        ok = one_step(r, g, &live, err);
        bool due = g->validate_every && r->at[AT_STEP] % (uint64_t)g->validate_every == 0;
        if (ok && (due || (g->validate_every && (int64_t)r->at[AT_STEP] == g->steps))) {
            fab_live_clear(&live);
            ok = validate(r, err);
            live.best = (double)r->at[AT_BEST] / 1e6 - 1e-6;
            if (ok && g->patience && r->at[AT_BAD] >= (uint64_t)g->patience) {
                fab_log(FAB_LOG_INFO, "stage %s: no better for %lld validations, stopping early",
                        g->name, (long long)g->patience);
                break;
            }
        }
        r->paused = should_stop(r);
        if (ok && (r->paused || fab_now() - r->checkpointed > fmax(120, 30 * r->took)))
            ok = checkpoint(r, r->s.recipe.out_dir, err);
    }
    fab_live_clear(&live);
    return ok;
}

/* The averaged weights become the weights. */
static void take_averages(fab_optim *o)
{
    fab_optim_swap_ema(o);
    o->swapped = false;
}

/* After a stage that was validated, its best weights go on, not its last. The last stage ends on
 * averaged weights either way: they are what ships. */
static bool take_best(run_state *r, const fab_stage *g, fab_err *err)
{
    bool last = r->at[AT_STAGE] + 1 == (uint64_t)r->s.recipe.n_stages;
    if (!g->validate_every || !r->at[AT_BEST]) {
        if (last) take_averages(&r->s.optim);
        return true;
    }
    uint64_t at[AT_COUNT];
    memcpy(at, r->at, sizeof at);
    fab_rng rng = r->s.rng;
    bool ok = resume(r, r->best_dir, err);
    memcpy(r->at, at, sizeof at);
    r->s.rng = rng;
    take_averages(&r->s.optim); /* they are what was validated */
    return ok;
}

/* What may learn in the stage: all but the still trunk, or what `only` names, the still trunk by a
 * word of its own, not by `tower`; prototypes where they are asked for. */
static bool choose_learners(fab_session *s, const fab_stage *g, fab_err *err)
{
    const fab_param_list *l = &s->learnt;
    static const char still[] = FAB_MINI_STILL;
    bool named = false;
    fab_params_freeze(l, "", g->only != NULL);
    for (const char *at = g->only ? g->only : ""; *at;) {
        size_t n = strcspn(at, " ");
        char *prefix = fab_arena_printf(s->arena, err, "%.*s", (int)n, at);
        if (!prefix) return false;
        if (n && !fab_params_freeze(l, prefix, false))
            return fab_fail(err, FAB_EUSAGE, "stage %s: only: no parameter begins with %.60s",
                            g->name, prefix);
        named = named || !strncmp(prefix, still, sizeof still - 2);
        at += n + (at[n] == ' ');
    }
    if (!named) fab_params_freeze(l, still, true);
    if (!(g->loss.prototype > 0)) fab_params_freeze(l, FAB_ALIGN, true);
    return true;
}

static bool all_stages(run_state *r, fab_err *err)
{
    fab_session *s = &r->s;
    while (r->at[AT_STAGE] < (uint64_t)s->recipe.n_stages) {
        const fab_stage *g = &s->recipe.stages[r->at[AT_STAGE]];
        if (r->at[AT_STEP] == 0) fab_optim_restart(&s->optim);
        if (!choose_learners(s, g, err) || !one_stage(r, g, err)) return false;
        if (r->paused) return true;
        if (!take_best(r, g, err)) return false;
        r->at[AT_STAGE]++;
        r->at[AT_STEP] = r->at[AT_BEST] = r->at[AT_BAD] = 0;
        if (!checkpoint(r, s->recipe.out_dir, err)) return false;
    }
    return true;
}

/* Adds a field to what the run tells; takes v. */
static bool tell(json_t *summary, const char *key, json_t *v, fab_err *err)
{
    return json_object_set_new(summary, key, v) == 0 ||
           fab_fail(err, FAB_ENOMEM, "no memory for the summary's %s", key);
}

/* The rate is 0: nothing is learnt. */
static bool rehearsed_step(fab_session *s, const fab_stage *g, fab_err *err)
{
    double value;
    fab_loss_parts p;
    return learn(s, g, 0, &value, &p, err);
}

static json_t *rehearsal_json(const fab_stage *g, const fab_rehearsal *h)
{
    double minutes = (h->seconds * (double)g->steps + h->exam_s * (double)h->exams) / 60;
    return json_pack("{s:I, s:i, s:I, s:I, s:f, s:I, s:f, s:f, s:I}", "steps", (json_int_t)g->steps,
                     "batch", g->batch, "learnt_parameters", (json_int_t)h->learnt, "pictures",
                     (json_int_t)h->looks, "seconds_per_step", h->seconds, "validations",
                     (json_int_t)h->exams, "seconds_per_validation", h->exam_s, "minutes", minutes,
                     "memory_mb", (json_int_t)(h->memory >> 20));
}

/* Says what the whole run would take. */
static bool rehearse(run_state *r, json_t *summary, fab_err *err)
{
    double minutes = 0;
    fab_rehearsal h = { 0 };
    json_t *stages = json_object();
    if (!tell(summary, "stages", stages, err)) return false;
    for (int i = 0; i < r->s.recipe.n_stages; i++) {
        const fab_stage *g = &r->s.recipe.stages[i];
        if (!choose_learners(&r->s, g, err) || !fab_rehearse(&r->s, g, &h, rehearsed_step, err))
            return false;
        json_t *one = rehearsal_json(g, &h);
        minutes += json_number_value(json_object_get(one, "minutes"));
        if (!tell(stages, g->name, one, err)) return false;
    }
    json_t *files = fab_rehearse_files(&r->s, err);
    return files && tell(summary, "files", files, err) &&
           tell(summary, "minutes", json_real(minutes), err) &&
           tell(summary, "memory_mb", json_integer((json_int_t)(h.memory >> 20)), err);
}

static bool start(run_state *r, fab_err *err)
{
    fab_session *s = &r->s;
    bool there = fab_checkpoint_exists(s->recipe.out_dir);
    if (there && !r->o->resume && !r->o->dry_run)
        return fab_fail(err, FAB_EUSAGE,
                        "%s holds a run already: add --resume, or name another folder with --out",
                        s->recipe.out_dir);
    if (there && r->o->resume && !resume(r, s->recipe.out_dir, err)) return false;
    r->best_dir = fab_path_join(s->arena, s->recipe.out_dir, "best", err);
    r->started = r->checkpointed = fab_now();
    return r->best_dir && fab_mkdirs(r->best_dir, err);
}

static bool end_trial(run_state *r, json_t *summary, fab_err *err)
{
    fab_exam e;
    if (!r->o->examine) return true;
    if (!examine(r, &e, err)) return false;
    fab_scalar m[FAB_EXAM_PARTS];
    json_t *val = json_object();
    int n = fab_exam_parts(&e, m), put = 0;
    for (int i = 0; val && i < n; i++)
        put += !json_object_set_new(val, m[i].tag + strlen("val/"), json_real(m[i].value));
    if (val && put == n) return tell(summary, "val", val, err);
    json_decref(val);
    return fab_fail(err, FAB_ENOMEM, "no memory for a trial's scores");
}

static bool go(run_state *r, json_t *summary, fab_err *err)
{
    fab_session *s = &r->s;
    if (!start(r, err)) return false;
    if (r->o->dry_run) return rehearse(r, summary, err);
    int64_t made = (int64_t)r->at[AT_TOTAL];
    r->paused = made > 0 && should_stop(r); /* killed after it had got so far */
    r->events = fab_events_open(s->recipe.out_dir, made ? made + 1 : 0, err);
    char *copy = r->events ? fab_path_join(s->arena, s->recipe.out_dir, "recipe.json", err) : NULL;
    if (!copy || !fab_json_write(copy, s->recipe.json, err) || !all_stages(r, err)) return false;
    double seconds = (double)r->at[AT_SECONDS] + fab_now() - r->started;
    if (!tell(summary, "finished", json_boolean(!r->paused), err) ||
        !tell(summary, "steps", json_integer((json_int_t)r->at[AT_TOTAL]), err) ||
        !tell(summary, "seconds", json_real(seconds), err))
        return false;
    if (r->o->trial) return end_trial(r, summary, err);
    return r->paused || fab_session_finish(s, summary, err);
}

bool fab_train_run(const fab_train_opts *o, json_t **summary, fab_err *err)
{
    run_state r = { .o = o };
    json_t *told = json_object();
    if (summary) *summary = NULL;
    if (!told) return fab_fail(err, FAB_ENOMEM, "out of memory");
    bool ok = fab_session_open(&r.s, o, err) && go(&r, told, err);
    fab_events_close(r.events);
    fab_session_close(&r.s);
    if (ok && summary) *summary = told;
    else json_decref(told);
    return ok;
}
