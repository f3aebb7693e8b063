/* pefomed_loss: batches for engine/pefomed.h's model: a picture's cells, the prompt, and the answer
 * that is to be learnt.
 *
 *   [before | rows of the picture | tail | answer <eos>]   causal; the loss is on the answer alone
 *
 * The tower does not learn, so each picture is looked at once, as the engine looks, and never
 * augmented.
 */
#include <string.h>
#include "train/adapt.h"

enum { MOST = FAB_MAX_LENGTH };

typedef struct {
    int32_t image;
    int32_t *ids; /* tail, then answer, then the end */
    int64_t tail, n;
} row;

bool fab_pefomed_records(fab_session *s, fab_err *err)
{
    fab_adapting *a = s->adapting;
    const fab_qa_set *q = &s->bundle.slake;
    a->english = fab_arena_take(s->arena, (size_t)(q->n + 1) * sizeof *a->english, err);
    a->cells = fab_arena_zero(s->arena, (size_t)(s->bundle.images.n + 1) * sizeof *a->cells, err);
    if (!a->english || !a->cells) return false;
    for (int64_t i = 0; i < q->n; i++)
        if (q->items[i].lang == FAB_EN && q->items[i].image >= 0)
            a->english[a->n_english++] = &q->items[i];
    return a->n_english > 0 || fab_fail(err, FAB_EUSAGE, "%s: no English training records of SLAKE",
                                        s->recipe.data_dir);
}

static const float *cells_of(fab_session *s, int32_t image, fab_err *err)
{
    fab_adapting *a = s->adapting;
    if (a->cells[image]) return a->cells[image];
    const fab_look *look = fab_session_look(s, a->base, image, err);
    size_t bytes = (size_t)(a->pefomed->cells * a->pefomed->width) * sizeof(float);
    float *copy = look ? fab_arena_take(s->arena, bytes, err) : NULL;
    if (copy) memcpy(copy, look->features, bytes);
    fab_look_unref(look);
    return a->cells[image] = copy;
}

/* A sentence about a picture of the stage's sets; NULL: it has none. */
static const char *draw_caption(fab_session *s, fab_ctx *c, const fab_stage *g, int32_t *image)
{
    fab_set set;
    *image = fab_draw_picture(s, g, &set);
    int32_t k = s->bundle.case_of[*image];
    return k < 0 ? NULL
                 : fab_caption(&s->bundle.cases.items[k], FAB_EN, fab_rng_below(&s->rng, 1000),
                               false, c->arena, &c->err);
}

static bool fill(fab_session *s, fab_ctx *c, row *r, const char *question, const char *answer)
{
    const fab_pefomed *p = s->adapting->pefomed;
    const fab_tokenizer *t = p->decoder->words;
    int64_t n = 0, room;
    int32_t *tail = fab_pefomed_tail(p, question, c->arena, &r->tail, &c->err);
    char *said = fab_arena_printf(c->arena, &c->err, " %s", answer);
    r->ids = fab_arena_take(c->arena, MOST * sizeof *r->ids, &c->err);
    if (!tail || !said || !r->ids) return false;
    if (r->tail > MOST / 2) r->tail = MOST / 2;
    room = MOST - r->tail - 1;
    memcpy(r->ids, tail, (size_t)r->tail * sizeof *tail);
    n = fab_tokenizer_encode(t, said, strlen(said), NULL, r->ids + r->tail, room, &c->err);
    if (n < 0) return false;
    r->n = r->tail + (n > room ? room : n);
    r->ids[r->n++] = p->end;
    return true;
}

static bool draw(fab_session *s, fab_ctx *c, const fab_stage *g, row *r)
{
    const fab_adapting *a = s->adapting;
    double all = g->loss.qa + g->loss.caption;
    if (fab_rng_uniform(&s->rng) * all < g->loss.caption) {
        const char *words = NULL;
        for (int tries = 0; tries < 100 && (!words || !*words) && !c->err.code; tries++)
            words = draw_caption(s, c, g, &r->image);
        return words && *words && fill(s, c, r, NULL, words);
    }
    const fab_qa *q = a->english[fab_rng_below(&s->rng, (uint32_t)a->n_english)];
    r->image = q->image;
    return fill(s, c, r, q->question, q->answer);
}

/* [B,n] of the decoder's embedding; ids NULL: the words before the picture. */
static fab_tensor *embed(fab_ctx *c, const fab_pefomed *p, const row *rows, int64_t B, int64_t n)
{
    fab_tensor *t = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B, n));
    for (int64_t i = 0; t && i < B; i++)
        for (int64_t j = 0; j < n; j++)
            fab_i32(t)[i * n + j] = !rows ? p->before[j] : j < rows[i].n ? rows[i].ids[j] : p->end;
    return fab_llama_embed(c, p->decoder->model, t);
}

static fab_tensor *batch_rows(fab_session *s, fab_ctx *c, const row *r, int64_t B)
{
    const fab_pefomed *p = s->adapting->pefomed;
    int64_t n = p->cells * p->width;
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(B, p->cells, p->width));
    for (int64_t i = 0; x && i < B; i++) {
        const float *cells = cells_of(s, r[i].image, &c->err);
        if (!cells) return NULL;
        memcpy(fab_f32(x) + i * n, cells, (size_t)n * sizeof(float));
    }
    return fab_pefomed_rows(c, p, x);
}

/* Cross-entropy of the answers; `lead` places stand before the tail. */
static fab_tensor *answer_loss(fab_session *s, fab_ctx *c, const row *r, int64_t B, int64_t T,
                               int64_t lead, fab_tensor *h, float smoothing)
{
    const fab_llama *m = s->adapting->pefomed->decoder->model;
    int64_t n = 0, k = 0;
    for (int64_t i = 0; i < B; i++) n += r[i].n - r[i].tail;
    fab_tensor *at = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)),
               *want = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    if (!at || !want) return NULL;
    for (int64_t i = 0; i < B; i++)
        for (int64_t j = r[i].tail; j < r[i].n; j++, k++) {
            fab_i32(at)[k] = (int32_t)(i * T + lead + j - 1);
            fab_i32(want)[k] = r[i].ids[j];
        }
    return fab_xent(c, fab_llama_logits(c, m, h, at), want, NULL,
                    (fab_xent_opts){ .smoothing = smoothing });
}

fab_tensor *fab_pefomed_loss(fab_session *s, fab_ctx *c, const fab_stage *g, fab_loss_parts *parts)
{
    const fab_pefomed *p = s->adapting->pefomed;
    int64_t B = g->batch, L = 0, lead = p->n_before + p->cells / 4;
    row *r = fab_arena_zero(c->arena, (size_t)B * sizeof *r, &c->err);
    for (int64_t i = 0; r && i < B; i++) {
        if (!draw(s, c, g, &r[i])) return NULL;
        L = r[i].n > L ? r[i].n : L;
    }
    fab_tensor *seen = r ? batch_rows(s, c, r, B) : NULL;
    fab_tensor *x = fab_concat(c, embed(c, p, NULL, B, p->n_before), seen, 1);
    x = fab_concat(c, x, embed(c, p, r, B, L), 1);
    const fab_llama *m = p->decoder->model;
    fab_tensor *h = fab_llama_hidden(c, m, x, NULL, NULL, NULL, g->drop);
    fab_tensor *loss = answer_loss(s, c, r, B, lead + L, lead, h, (float)g->loss.smoothing);
    parts->pictures = B;
    for (int64_t i = 0; r && i < B; i++) parts->tokens += r[i].n;
    if (loss) *(g->loss.qa > 0 ? &parts->qa : &parts->caption) = *fab_f32(loss);
    return loss;
}

bool fab_pefomed_answers(fab_session *s, const fab_look *look, const char *const *questions, int n,
                         fab_answer *out, fab_err *err)
{
    enum { TOKENS = 24 };
    const char **said = fab_arena_take(s->step_arena, (size_t)n * sizeof *said, err);
    if (!said || !fab_pefomed_ask(s->adapting->pefomed, look, questions, n, TOKENS, s->step_arena,
                                  said, err))
        return false;
    for (int i = 0; i < n; i++) out[i] = (fab_answer){ .text = (char *)(uintptr_t)said[i] };
    return true;
}
