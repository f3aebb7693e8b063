/* recipe_peft: the section "peft" of a recipe: an adapter learns, the model stays as it is. */
#include "train/recipe.h"
#include "train/recipe_section.h"

static int patterns(const section *s, const char *key, const char **out)
{
    const json_t *v = json_object_get(s->o, key);
    size_t n = json_array_size(v);
    if (!v) return 0;
    if (!json_is_array(v) || n > FAB_PEFT_PATTERNS) {
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is no list of at most %d names", s->where, key,
                 FAB_PEFT_PATTERNS);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = json_string_value(json_array_get(v, i));
        if (!out[i])
            fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s: item %zu is no text", s->where, key, i);
    }
    return (int)n;
}

/* T of the budget: steps of all stages. */
static void read_budget(const section *s, fab_recipe *r)
{
    static const char *const keys[] = { "final_rank", "still", "settle", "every", "orth" };
    fab_recipe_peft *p = &r->peft;
    fab_adalora_opts *b = &p->budget;
    *b = (fab_adalora_opts)FAB_ADALORA_DEFAULTS;
    for (int i = 0; i < r->n_stages; i++) b->total += r->stages[i].steps;
    b->target = real(s, "final_rank", p->opts.rank / 2.0, 0.1, p->opts.rank);
    b->warm = whole(s, "still", b->total / 10, 0, b->total);
    b->settle = whole(s, "settle", b->total / 3, 0, b->total - b->warm);
    b->every = whole(s, "every", b->every, 1, 1000000);
    b->orth = (float)real(s, "orth", b->orth, 0, 100);
    for (size_t i = 0; p->opts.kind != FAB_PEFT_ADALORA && i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(s->o, keys[i]))
            fab_fail(s->err, FAB_EUSAGE, "recipe: peft: %s is not for %s", keys[i],
                     fab_peft_name(p->opts.kind));
}

void fab_recipe_read_peft(fab_recipe *r, const json_t *o, fab_err *err)
{
    static const char *const keys[] = { "kind",  "rank",    "alpha",      "dropout", "targets",
                                        "full",  "decoder", "final_rank", "still",   "settle",
                                        "every", "orth",    "exam",       "start",   NULL };
    section s = open_section(o, "peft", keys, err);
    fab_recipe_peft *p = &r->peft;
    fab_err mine = FAB_ERR_INIT;
    if (!(p->on = s.o != NULL)) return;
    if (!fab_peft_parse(words(&s, "kind", "lora"), &p->opts.kind, &mine))
        fab_fail(err, FAB_EUSAGE, "recipe: peft: kind is %s", mine.text);
    p->opts.rank = (int)whole(&s, "rank", 8, 1, 4096);
    p->opts.alpha = (float)real(&s, "alpha", 2.0 * p->opts.rank, 0, 1e6);
    p->opts.dropout = (float)real(&s, "dropout", 0, 0, 0.9);
    p->opts.n_targets = patterns(&s, "targets", p->targets);
    p->opts.n_full = patterns(&s, "full", p->full);
    p->opts.targets = p->targets;
    p->opts.full = p->full;
    p->decoder = words(&s, "decoder", NULL);
    p->start = words(&s, "start", NULL);
    p->exam = whole(&s, "exam", 0, 0, 1000000);
    read_budget(&s, r);
    if (!p->opts.n_targets && !p->opts.n_full)
        fab_fail(err, FAB_EUSAGE, "recipe: peft: neither targets nor full names a layer");
    if (p->opts.kind == FAB_PEFT_ADALORA && !p->opts.n_targets)
        fab_fail(err, FAB_EUSAGE, "recipe: peft: adalora without targets");
    if (!r->init_model)
        fab_fail(err, FAB_EUSAGE, "recipe: peft: init.model names no model to adapt");
    if (r->init_tower || r->init_leave)
        fab_fail(err, FAB_EUSAGE, "recipe: peft: init.%s would change the model",
                 r->init_tower ? "tower" : "leave");
    for (int i = 0; i < r->n_stages; i++) {
        const fab_stage *g = &r->stages[i];
        if (g->loss.prototype > 0)
            fab_fail(err, FAB_EUSAGE, "recipe: stage %.50s: prototypes are no part of an adapter",
                     g->name);
        if (p->decoder && !(g->pictures && g->loss.qa + g->loss.caption > 0))
            fab_fail(err, FAB_EUSAGE,
                     "recipe: stage %.50s: a decoder learns from the losses qa and caption",
                     g->name);
    }
}
