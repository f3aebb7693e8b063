/* optim: see optim.h. The gradient norm is summed per parameter in f64 and in list order, so that a
 * run repeats exactly whatever the number of threads. */
#include "train/optim.h"

#include <math.h>
#include <string.h>

static bool trains(const fab_optim_slot *s) { return s->param->needs_grad && s->param->grad; }

static bool slot_init(fab_optim_slot *s, fab_tensor *t, fab_arena *a, bool ema, fab_err *err)
{
    if (t->dtype != FAB_F32)
        return fab_fail(err, FAB_EINTERNAL, "%s: is %s, a parameter in training is F32", t->name,
                        fab_dtype_name(t->dtype));
    *s = (fab_optim_slot){
        .param = t, .count = fab_count(t), .lr_scale = 1, .no_decay = fab_param_no_decay(t)
    };
    size_t bytes = (size_t)s->count * sizeof(float);
    s->m = fab_arena_zero(a, bytes, err);
    s->v = fab_arena_zero(a, bytes, err);
    if (ema && (s->ema = fab_arena_take(a, bytes, err))) memcpy(s->ema, t->data, bytes);
    return s->m && s->v && (s->ema || !ema);
}

bool fab_optim_init(fab_optim *o, fab_arena *a, const fab_param_list *list,
                    const fab_optim_opts *opts, fab_err *err)
{
    *o = (fab_optim){ .opts = *opts, .list = *list };
    o->slots = fab_arena_zero(a, (size_t)list->n * sizeof *o->slots, err);
    if (!o->slots) return false;
    for (int64_t i = 0; i < list->n; i++)
        if (!slot_init(&o->slots[i], list->items[i], a, opts->ema_decay > 0 && list->items[i]->grad,
                       err))
            return false;
    return true;
}

int64_t fab_optim_scale(fab_optim *o, const char *prefix, float lr_scale)
{
    int64_t n = 0;
    for (int64_t i = 0; i < o->list.n; i++) {
        fab_optim_slot *s = &o->slots[i];
        if (strncmp(s->param->name, prefix, strlen(prefix)) != 0) continue;
        s->lr_scale = lr_scale;
        n++;
    }
    return n;
}

void fab_optim_restart(fab_optim *o)
{
    for (int64_t i = 0; i < o->list.n; i++) {
        fab_optim_slot *s = &o->slots[i];
        size_t bytes = (size_t)s->count * sizeof(float);
        memset(s->m, 0, bytes);
        memset(s->v, 0, bytes);
        if (s->ema) memcpy(s->ema, s->param->data, bytes);
        s->updates = 0;
    }
}

void fab_optim_zero_grad(fab_optim *o) { fab_params_zero_grad(&o->list); }

/* The global norm; not finite when any gradient is not. */
static double global_norm(fab_optim *o, const fab_kernels *k, fab_pool *pool)
{
    double sum = 0;
    for (int64_t i = 0; i < o->list.n; i++) {
        fab_optim_slot *s = &o->slots[i];
        const float *g = s->param->grad;
        s->sum = trains(s) ? k->dot(pool, g, g, s->count) : 0;
        sum += s->sum;
    }
    return sqrt(sum);
}

static void average(fab_optim_slot *s, float decay)
{
    const float *w = fab_f32(s->param);
    double warm = (1.0 + (double)s->updates) / (10.0 + (double)s->updates);
    float d = warm < (double)decay ? (float)warm : decay;
    for (int64_t i = 0; i < s->count; i++) s->ema[i] += (1 - d) * (w[i] - s->ema[i]);
}

bool fab_optim_step(fab_optim *o, const fab_kernels *k, fab_pool *pool, double lr)
{
    const fab_optim_opts *p = &o->opts;
    o->norm = global_norm(o, k, pool);
    o->step++;
    bool finite = isfinite(o->norm);
    if (!finite) o->skipped++;
    double clip = p->clip > 0 ? (double)p->clip / (o->norm + 1e-6) : 1;
    float scale = clip < 1 ? (float)clip : 1;
    for (int64_t i = 0; finite && i < o->list.n; i++) {
        fab_optim_slot *s = &o->slots[i];
        if (s->sum > 0) /* else frozen, or took no part */
            k->adamw(pool, fab_f32(s->param), s->param->grad, s->m, s->v, s->count,
                     (float)(lr * (double)s->lr_scale), p->beta1, p->beta2, p->eps,
                     s->no_decay ? 0 : p->decay, scale, ++s->updates);
        if (s->ema && trains(s)) average(s, p->ema_decay);
    }
    fab_optim_zero_grad(o);
    return finite;
}

void fab_optim_swap_ema(fab_optim *o)
{
    if (o->opts.ema_decay <= 0) return;
    for (int64_t i = 0; i < o->list.n; i++) {
        fab_optim_slot *s = &o->slots[i];
        float *w = fab_f32(s->param);
        for (int64_t j = 0; s->ema && j < s->count; j++) {
            float t = w[j];
            w[j] = s->ema[j];
            s->ema[j] = t;
        }
    }
    o->swapped = !o->swapped;
}

/* ---- schedules ---- */

double fab_schedule_at(const fab_schedule *s, int64_t step)
{
    if (step < s->warmup) return s->lr * (double)(step + 1) / (double)s->warmup;
    if (s->kind == FAB_SCHEDULE_CONSTANT) return s->lr;
    int64_t span = s->total - s->warmup;
    double x = span > 0 ? (double)(step - s->warmup) / (double)span : 1;
    if (x > 1) x = 1;
    double part =
        s->kind == FAB_SCHEDULE_LINEAR ? 1 - x : 0.5 * (1 + cos(3.14159265358979323846 * x));
    return s->floor + (s->lr - s->floor) * part;
}

bool fab_schedule_parse(const char *name, fab_schedule_kind *kind, fab_err *err)
{
    static const char *const names[] = { "cosine", "linear", "constant" };
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], name) == 0) {
            *kind = (fab_schedule_kind)i;
            return true;
        }
    return fab_fail(err, FAB_EUSAGE, "schedule %s: cosine, linear or constant is wanted", name);
}
