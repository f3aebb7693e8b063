/* generating: see generating.h. */
#include "cli/generating.h"

bool fab_sampling_exact(const fab_sampling *s, fab_exactness *how, fab_err *err)
{
    *how = s->exact ? FAB_EXACT : s->fast ? FAB_FAST : FAB_EXACT_SMALL;
    return !(s->exact && s->fast) || fab_fail(err, FAB_EUSAGE, "--exact and --fast: one of them");
}

static bool speak(void *arg, int which, const char *text, size_t n)
{
    const fab_run *r = arg;
    (void)which;
    if (*r->interrupted) return false;
    return r->json || (fwrite(text, 1, n, r->out) == n && fflush(r->out) == 0);
}

fab_generate_opts fab_sampling_opts(fab_run *r, const fab_sampling *s)
{
    return (fab_generate_opts){ .max_tokens = (int)s->max_tokens,
                                .temperature = (float)s->temperature,
                                .top_p = (float)s->top_p,
                                .min_p = (float)s->min_p,
                                .top_k = (int)s->top_k,
                                .repeat_penalty = (float)s->repeat_penalty,
                                .seed = (uint64_t)s->seed,
                                .stops = s->stop.items,
                                .n_stops = s->stop.n,
                                .on_text = speak,
                                .arg = r };
}

void fab_generated_json(json_t *o, const fab_generated *g)
{
    json_object_set_new(o, "text", json_string(g->text));
    json_object_set_new(o, "prompt_tokens", json_integer(g->n_prompt));
    json_object_set_new(o, "reused", json_integer(g->n_reused));
    json_object_set_new(o, "tokens", json_integer(g->n));
    json_object_set_new(o, "end", json_string(fab_generate_end_name(g->end)));
    json_object_set_new(o, "prefill_seconds", json_real(g->prefill_s));
    json_object_set_new(o, "generate_seconds", json_real(g->generate_s));
}
