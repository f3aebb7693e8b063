/* peft: sites, the parts on them, their forward passes and their merging. See peft.h. */
#include "nn/peft.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[FAB_PEFT_KINDS] = { "lora", "adalora", "bottleneck", "prefix" };

const char *fab_peft_name(fab_peft_kind kind) { return names[kind]; }

bool fab_peft_parse(const char *name, fab_peft_kind *kind, fab_err *err)
{
    for (int i = 0; i < FAB_PEFT_KINDS; i++)
        if (strcmp(names[i], name) == 0) {
            *kind = (fab_peft_kind)i;
            return true;
        }
    return fab_fail(err, FAB_EUSAGE, "'%.40s': lora, adalora, bottleneck or prefix is wanted",
                    name);
}

/* ---- sites ----------------------------------------------------------------------------------- */

static bool keep(fab_params *p, fab_site *s)
{
    fab_sites *l = p->sites;
    if (l->n == l->cap) {
        int64_t cap = l->cap ? 2 * l->cap : 64;
        fab_site **items = fab_arena_take(p->arena, (size_t)cap * sizeof *items, &p->err);
        if (!items) return false;
        if (l->n) memcpy(items, l->items, (size_t)l->n * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = s;
    return true;
}

fab_site *fab_site_visit(fab_params *p, fab_site site)
{
    if (!p->sites || p->visit == FAB_VISIT_COUNT || p->err.code) return NULL;
    fab_site *s = fab_arena_take(p->arena, sizeof *s, &p->err);
    if (!s) return NULL;
    *s = site;
    s->name = site.name
                  ? fab_arena_printf(p->arena, &p->err, "%s%s", p->prefix, site.name)
                  : fab_arena_printf(p->arena, &p->err, "%.*s", (int)p->prefix_len - 1, p->prefix);
    return s->name && keep(p, s) ? s : NULL;
}

/* * stands for any run of characters, an empty one too. */
static bool fits(const char *pattern, const char *name)
{
    for (; *pattern; pattern++, name++) {
        if (*pattern == '*') {
            while (!fits(pattern + 1, name))
                if (!*name++) return false;
            return true;
        }
        if (*pattern != *name) return false;
    }
    return !*name;
}

static bool names_site(const char *pattern, const char *name)
{
    for (const char *at = name; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
        if (fits(pattern, at)) return true;
    return false;
}

static bool chosen(const fab_site *s, const char *const *patterns, int n, bool attention)
{
    for (int i = 0; i < n && s->attention == attention; i++)
        if (names_site(patterns[i], s->name)) return true;
    return false;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Uniform in +-1/sqrt(in), as torch draws a Kaiming uniform with a = sqrt 5. */
static fab_init uniform_by(int64_t in, int64_t r)
{
    return (fab_init){ FAB_INIT_KIND_XAVIER, sqrtf((float)(in + r) / (6.0f * (float)in)) };
}

static void low_rank_params(fab_params *p, fab_part *t, const fab_site *s, const fab_peft_opts *o)
{
    int64_t r = o->rank;
    t->scale = o->alpha / (float)r;
    t->drop = o->dropout;
    if (o->kind == FAB_PEFT_LORA) {
        fab_param_matrix(p, &t->a, "lora_A.weight", FAB_SHAPE(r, s->in), uniform_by(s->in, r));
        fab_param_matrix(p, &t->b, "lora_B.weight", FAB_SHAPE(s->out, r), FAB_INIT_ZEROS);
        return;
    }
    fab_param_matrix(p, &t->a, "lora_A", FAB_SHAPE(r, s->in), FAB_INIT_NORMAL(0.02f));
    fab_param_matrix(p, &t->b, "lora_B", FAB_SHAPE(s->out, r), FAB_INIT_NORMAL(0.02f));
    fab_param(p, &t->e, "lora_E", FAB_SHAPE(r, 1), FAB_INIT_ZEROS);
}

static void bottleneck_params(fab_params *p, fab_part *t, const fab_site *s, const fab_peft_opts *o)
{
    fab_dense_params(p, &t->down, "adapter.down_proj", s->out, o->rank, true,
                     FAB_INIT_NORMAL(0.02f));
    fab_dense_params(p, &t->up, "adapter.up_proj", o->rank, s->out, true, FAB_INIT_ZEROS);
}

/* A fresh full part begins as the layer itself. */
static void full_params(fab_params *p, fab_part *t, const fab_site *s)
{
    fab_param_matrix(p, &t->w, "weight", FAB_SHAPE(s->out, s->in), FAB_INIT_ZEROS);
    if (s->b) fab_param(p, &t->bias, "bias", FAB_SHAPE(s->out), FAB_INIT_ZEROS);
    if (p->visit != FAB_VISIT_INIT || p->err.code) return;
    p->k->to_f32(p->pool, s->w->dtype, s->w->data, fab_f32(t->w), fab_count(t->w));
    if (s->b) memcpy(t->bias->data, s->b->data, (size_t)s->out * sizeof(float));
}

static void part_params(fab_params *p, fab_part *t, const fab_site *s, const fab_peft_opts *o,
                        bool full)
{
    size_t mark = fab_params_enter(p, "base_model.model.%s.", s->name);
    if (full) full_params(p, t, s);
    else if (o->kind == FAB_PEFT_BOTTLENECK) bottleneck_params(p, t, s, o);
    else if (o->kind == FAB_PEFT_PREFIX) {
        fab_param(p, &t->k, "prefix_k", FAB_SHAPE(o->rank, s->out), FAB_INIT_NORMAL(0.02f));
        fab_param(p, &t->v, "prefix_v", FAB_SHAPE(o->rank, s->out), FAB_INIT_NORMAL(0.02f));
    } else low_rank_params(p, t, s, o);
    fab_params_leave(p, mark);
}

/* Every pattern must find something: a misspelt one would silently train less. */
static bool all_found(fab_params *p, const fab_sites *sites, const char *const *patterns, int n,
                      bool attention)
{
    const char *like = NULL;
    for (int i = 0; i < n; i++) {
        bool found = false;
        for (int64_t k = 0; k < sites->n && !found; k++) {
            if (sites->items[k]->attention == attention) like = sites->items[k]->name;
            found = chosen(sites->items[k], patterns + i, 1, attention);
        }
        if (!found)
            return fab_fail(&p->err, FAB_EUSAGE, "no %s of the model is called '%.60s'; one is %s",
                            attention ? "self-attention" : "linear layer", patterns[i],
                            like ? like : "not there at all");
    }
    return true;
}

static bool sensible(fab_params *p, const fab_peft_opts *o)
{
    if ((unsigned)o->kind < FAB_PEFT_KINDS && o->rank >= 1 && o->rank <= 4096 &&
        isfinite(o->alpha) && o->dropout >= 0 && o->dropout < 1)
        return true;
    return fab_fail(&p->err, FAB_EFORMAT, "rank %d, alpha %g, dropout %g make no adapter", o->rank,
                    (double)o->alpha, (double)o->dropout);
}

static bool room(fab_params *p, fab_peft *t, int64_t n)
{
    t->parts = fab_arena_zero(p->arena, (size_t)n * sizeof *t->parts, &p->err);
    t->sites = fab_arena_zero(p->arena, (size_t)n * sizeof *t->sites, &p->err);
    return t->parts && t->sites;
}

void fab_peft_params(fab_params *p, fab_peft *t, const fab_sites *sites, const fab_peft_opts *o)
{
    fab_part spare = { 0 };
    bool prefix = o->kind == FAB_PEFT_PREFIX;
    t->opts = *o;
    t->n = 0;
    if (!sensible(p, o) || !all_found(p, sites, o->targets, o->n_targets, prefix) ||
        !all_found(p, sites, o->full, o->n_full, false) ||
        (p->visit != FAB_VISIT_COUNT && !room(p, t, sites->n)))
        return;
    for (int64_t i = 0; i < sites->n && !p->err.code; i++) {
        fab_site *s = sites->items[i];
        bool full = chosen(s, o->full, o->n_full, false);
        if (!full && !chosen(s, o->targets, o->n_targets, prefix)) continue;
        if (prefix && !full && s->window)
            fab_fail(&p->err, FAB_EUNSUPPORTED,
                     "%s: sees a window, where a prefix would scroll out", s->name);
        if (p->visit != FAB_VISIT_COUNT) t->sites[t->n] = s;
        part_params(p, p->visit == FAB_VISIT_COUNT ? &spare : &t->parts[t->n], s, o, full);
        t->n++;
    }
    t->n_values = p->n_values;
}

void fab_peft_attach(const fab_peft *t)
{
    for (int64_t i = 0; i < t->n; i++) t->sites[i]->part = &t->parts[i];
}

void fab_peft_detach(const fab_sites *sites)
{
    for (int64_t i = 0; i < sites->n; i++) sites->items[i]->part = NULL;
}

/* ---- forward --------------------------------------------------------------------------------- */

static fab_tensor *low_rank(fab_ctx *c, const fab_part *t, fab_tensor *x, fab_tensor *y)
{
    fab_tensor *h = fab_linear(c, fab_dropout(c, x, t->drop), t->a, NULL);
    if (t->e) h = fab_mul(c, h, fab_reshape(c, t->e, FAB_SHAPE(t->e->shape[0])));
    return fab_add(c, y, fab_linear(c, fab_scale(c, h, t->scale), t->b, NULL));
}

static fab_tensor *bottleneck(fab_ctx *c, const fab_part *t, fab_tensor *y)
{
    fab_tensor *h = fab_gelu(c, fab_dense_forward(c, &t->down, y), FAB_GELU_TANH);
    return fab_add(c, y, fab_dense_forward(c, &t->up, h));
}

fab_tensor *fab_part_forward(fab_ctx *c, const fab_dense *l, fab_tensor *x)
{
    const fab_part *t = l->site->part;
    if (t->w) return fab_linear(c, x, t->w, t->bias);
    fab_tensor *y = fab_linear(c, x, l->w, l->b);
    return t->a ? low_rank(c, t, x, y) : bottleneck(c, t, y);
}

fab_tensor *fab_prefix_before(fab_ctx *c, fab_tensor *rows, fab_tensor *x)
{
    if (!x) return NULL;
    int64_t B = x->shape[0], r = rows->shape[0];
    fab_tensor *ids = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B, r));
    for (int64_t i = 0; ids && i < B * r; i++) fab_i32(ids)[i] = (int32_t)(i % r);
    return fab_concat(c, fab_embedding(c, ids, rows), x, 1);
}

/* ---- merging --------------------------------------------------------------------------------- */

/* Only matrices keep a smaller type than f32 (params.c). */
static const float *widened(const fab_tensor *t, fab_arena *a, fab_err *err)
{
    int64_t n = fab_count(t);
    if (t->dtype == FAB_F32) return fab_f32(t);
    float *x = fab_arena_take(a, (size_t)n * sizeof *x, err);
    if (x) fab_kernels_best()->to_f32(NULL, t->dtype, t->data, x, n);
    return x;
}

bool fab_peft_merge(const fab_peft *t, int64_t i, float *w, float *b, fab_arena *a, fab_err *err)
{
    const fab_part *p = &t->parts[i];
    const fab_site *s = t->sites[i];
    if (p->w) {
        const float *full = widened(p->w, a, err);
        if (!full) return false;
        memcpy(w, full, (size_t)(s->in * s->out) * sizeof *w);
        if (b && p->bias) memcpy(b, fab_f32(p->bias), (size_t)s->out * sizeof *b);
        return true;
    }
    if (!p->a)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "%s: a %s is no change of weights: use it by --adapter", s->name,
                        fab_peft_name(t->opts.kind));
    const float *down = widened(p->a, a, err), *up = widened(p->b, a, err);
    if (!down || !up) return false;
    int64_t r = p->a->shape[0];
    for (int64_t o = 0; o < s->out; o++)
        for (int64_t k = 0; k < r; k++) {
            float f = p->scale * up[o * r + k];
            if (p->e) f *= fab_f32(p->e)[k];
            for (int64_t j = 0; j < s->in; j++) w[o * s->in + j] += f * down[k * s->in + j];
        }
    return true;
}
