/* fabrica ask: one question about one image; the answer is printed as it comes. */
#include "cli/picture.h"
#include "engine/pefomed.h"

typedef struct {
    const char *image, *question, *model, *adapter, *decoder;
    int64_t max_tokens, seed;
    double temperature;
    bool force;
} opts;

static bool speak(void *arg, const char *text, size_t n)
{
    FILE *out = arg;
    return fwrite(text, 1, n, out) == n && fflush(out) == 0;
}

static json_t *answer_json(const opts *o, const fab_answer *a)
{
    return json_pack("{s:s,s:s,s:s,s:f,s:b,s:i,s:b}", "schema", "fabrica.ask/1", "question",
                     o->question, "answer", a->text, "sureness", a->sureness, "calibrated",
                     a->calibrated, "tokens", a->n_tokens, "complete", a->complete);
}

/* By a decoder of words that sees through the model's tower (engine/pefomed.h). */
static bool ask_decoder(fab_run *r, const opts *o, fab_engine *e, const fab_input *in, fab_err *err)
{
    fab_gate_verdict v;
    const char *said;
    const fab_look *look = fab_engine_admit(e, in->image, o->force, &v, err);
    if (!look) return fab_while(err, "%s", o->image);
    fab_pefomed *p = fab_pefomed_open(o->decoder, fab_engine_model(e), r->pool, 1, err);
    bool ok = p && fab_pefomed_adapt(p, o->adapter, err) &&
              fab_pefomed_ask(p, look, &o->question, 1, (int)o->max_tokens, r->arena, &said, err);
    fab_pefomed_close(p);
    fab_look_unref(look);
    if (ok && !r->json) fprintf(r->out, "%s\n", said);
    if (!ok || !r->json) return ok;
    json_t *json = json_pack("{s:s,s:s,s:s}", "schema", "fabrica.ask/1", "question", o->question,
                             "answer", said);
    return fab_run_result(r, json, e, in, err);
}

static bool ask(fab_run *r, const void *vo, fab_engine *e, const fab_input *in, fab_err *err)
{
    const opts *o = vo;
    fab_ask_opts ao = { .max_tokens = (int)o->max_tokens,
                        .temperature = (float)o->temperature,
                        .seed = (uint64_t)o->seed };
    fab_gate_verdict v;
    fab_answer a;
    if (!r->json) ao.on_text = speak, ao.arg = r->out;
    int32_t ids[FAB_ENGINE_MAX_QUESTION + 2];
    if (fab_engine_prompt(e, FAB_ASK, o->question, ids, err) < 0)
        return false; /* a bad question before any work */
    if (o->decoder && !o->adapter)
        return fab_fail(err, FAB_EUSAGE,
                        "--decoder sees nothing without the --adapter that taught it");
    if (o->decoder) return ask_decoder(r, o, e, in, err);
    if (o->adapter && !fab_engine_adapt(e, o->adapter, err)) return false;
    const fab_look *look = fab_engine_admit(e, in->image, o->force, &v, err);
    bool ok = look ? fab_engine_ask(e, look, o->question, &ao, r->arena, &a, err)
                   : fab_while(err, "%s", o->image);
    fab_look_unref(look);
    if (ok && r->json) return fab_run_result(r, answer_json(o, &a), e, in, err);
    if (ok) fputs(a.complete ? "\n" : " ...\n", r->out);
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    return fab_run_picture(r, o->image, NULL, o->model, ask, o, err);
}

/* clang-format off */
const fab_verb fab_verb_ask = {
    .name = "ask", .summary = "answer a question about an image, in English or Chinese",
    .about = "The answer is printed as it is generated; the number of white cells, red cells or platelets of a blood smear is counted; the model's answer to an English what, which, where, who, when, why or how is no bare yes or no. An image unlike those the model knows is refused (exit code 5). "
             "Not for diagnostic use.",
    .example = "fabrica ask chest.png \"Is the lung healthy?\"", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        FAB_OPT_IMAGE(opts),
        { "QUESTION", FAB_STR, offsetof(opts, question), NULL, "the question" },
        { "max-tokens", FAB_INT, offsetof(opts, max_tokens), "64", "tokens of the answer at most", .min = 1, .max = 256 },
        { "temperature", FAB_FLOAT, offsetof(opts, temperature), "0", "0: the likeliest answer, always the same", .min = 0, .max = 5 },
        { "seed", FAB_INT, offsetof(opts, seed), "1", "of the random numbers above temperature 0", .min = 0, .max = 1e15 },
        FAB_OPT_FORCE(opts),
        FAB_OPT_ADAPTER(opts),
        { "decoder", FAB_FILE_IN, offsetof(opts, decoder), NULL, "a text model that answers in the model's place (recipes/pefomed.yaml)" },
        FAB_OPT_MODEL(opts),
        { 0 } },
};
/* clang-format on */
