/* perplexity: see perplexity.h. */
#include "evaluate/perplexity.h"

#include <math.h>
#include <string.h>
#include "base/json.h"
#include "engine/converse.h"
#include "engine/likelihood.h"
#include "evaluate/vqa.h"

enum { DEFAULT_TOKENS = 48 };

typedef struct {
    fab_generator *g;
    const fab_words_opts *o;
    fab_arena *arena; /* of one record */
    fab_words_score *out;
    bool full; /* o->limit records were read */
} job;

static bool foretell(job *j, const int32_t *ids, int64_t n, int64_t from, fab_err *err)
{
    double logp;
    if (!fab_likelihood(fab_generator_ctx(j->g), fab_generator_decoder(j->g), ids, n, from, &logp,
                        err))
        return false;
    j->out->logp += logp;
    j->out->tokens += n - from;
    return true;
}

/* Every token but the first, once: windows begin with <bos> or with what stands before them. */
static bool read_text(job *j, const char *text, fab_err *err)
{
    const fab_decoder *d = fab_generator_decoder(j->g);
    int32_t window[FAB_EVAL_WINDOW];
    int64_t n, most = FAB_EVAL_WINDOW;
    const int32_t *ids = fab_prompt_ids(d, text, strlen(text), j->arena, &n, err);
    if (!ids) return false;
    if (d->cfg.context && d->cfg.context < most) most = d->cfg.context;
    if (n < 2 || most < 2)
        return fab_fail(err, FAB_EFORMAT, "a text of %lld tokens has none to foretell",
                        (long long)n);
    bool framed = ids[0] == fab_tokenizer_marks_get(d->words)->bos;
    for (int64_t at = 1, k; at < n; at += k) {
        k = n - at < most - 1 ? n - at : most - 1;
        window[0] = framed ? ids[0] : ids[at - 1];
        memcpy(window + 1, ids + at, (size_t)k * sizeof *window);
        if (!foretell(j, window, k + 1, 1, err)) return false;
    }
    return true;
}

static int32_t *ask_ids(const job *j, const char *question, bool chat, int64_t *n, fab_err *err)
{
    const fab_decoder *d = fab_generator_decoder(j->g);
    if (chat) return fab_prompt_chat_ids(d, NULL, NULL, question, j->arena, n, err);
    const char *text = fab_arena_printf(j->arena, err, "Question: %s\nAnswer:", question);
    return text ? fab_prompt_ids(d, text, strlen(text), j->arena, n, err) : NULL;
}

static bool foretell_answer(job *j, const fab_prompt *p, const char *answer, bool chat,
                            fab_err *err)
{
    const fab_decoder *d = fab_generator_decoder(j->g);
    int64_t n;
    const char *text = chat ? answer : fab_arena_printf(j->arena, err, " %s", answer);
    const int32_t *said =
        text ? fab_tokenizer_encode_all(d->words, text, strlen(text), NULL, j->arena, &n, err)
             : NULL;
    int32_t *ids = said ? fab_arena_take(j->arena, (size_t)(p->n + n) * sizeof *ids, err) : NULL;
    if (!ids) return false;
    memcpy(ids, p->ids, (size_t)p->n * sizeof *ids);
    memcpy(ids + p->n, said, (size_t)n * sizeof *ids);
    return foretell(j, ids, p->n + n, p->n, err);
}

static bool read_question(job *j, const char *question, const char *answer, fab_err *err)
{
    static const char *const line_end[] = { "\n" };
    const fab_decoder *d = fab_generator_decoder(j->g);
    fab_prompt p = { 0 };
    fab_generated out;
    fab_generate_opts how = { .max_tokens =
                                  j->o->max_tokens > 0 ? j->o->max_tokens : DEFAULT_TOKENS };
    bool chat = d->words && fab_tokenizer_chat_template(d->words);
    if (!chat) how.stops = line_end, how.n_stops = 1;
    p.ids = ask_ids(j, question, chat, &p.n, err);
    if (!p.ids || !fab_generate(j->g, &p, 1, &how, j->arena, &out, err)) return false;
    j->out->asked++;
    j->out->right += fab_vqa_match(out.text, answer);
    return foretell_answer(j, &p, answer, chat, err);
}

static bool record(void *arg, const json_t *o, fab_err *err)
{
    job *j = arg;
    const char *text = fab_json_str(o, "text", NULL), *q = fab_json_str(o, "question", NULL),
               *a = fab_json_str(o, "answer", NULL);
    if (j->full) return true;
    fab_arena_reset(j->arena);
    if (json_object_get(o, "image"))
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "a record with an image; a text decoder reads words alone");
    if (!text && (!q || !a || !*a))
        return fab_fail(err, FAB_EFORMAT, "neither \"text\" nor \"question\" and \"answer\"");
    if (text ? !read_text(j, text, err) : !read_question(j, q, a, err)) return false;
    j->out->n++;
    j->full = j->o->limit > 0 && j->out->n >= j->o->limit;
    if (j->o->on_step) j->o->on_step(j->o->arg, j->out->n, j->o->limit);
    return true;
}

bool fab_words_measure(fab_generator *g, const char *path, const fab_words_opts *o,
                       fab_words_score *out, fab_err *err)
{
    static const fab_words_opts none;
    job j = { .g = g, .o = o ? o : &none, .out = out, .arena = fab_arena_new(0, err) };
    *out = (fab_words_score){ 0 };
    bool ok = j.arena && fab_jsonl_each(path, record, &j, err);
    fab_arena_free(j.arena);
    return ok && (out->n || fab_fail(err, FAB_EFORMAT, "%s: no records", path));
}

double fab_words_perplexity(const fab_words_score *w)
{
    return w->tokens ? exp(-w->logp / (double)w->tokens) : (double)NAN;
}
