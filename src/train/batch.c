/* batch: draws pictures, questions and texts, and states the loss of one training step.
 *
 * Pictures: one look at B augmented pictures serves everything,
 *
 *   L = w_qa xent(answers) + w_cap xent(captions) + w_con infonce(picture, caption)
 *     + w_tok, w_pro: align.h
 *     + w_den bce(grid, dense targets) + w_pre bce(mean, presence)
 *
 * where each picture asks Q questions (its image tokens are gathered Q times) and says one caption.
 * Text: the answer after a prompt, or a whole passage, by the decoder alone.
 */
#include "train/batch.h"

#include <string.h>
#include "data/reword.h"
#include "train/adapt.h"
#include "train/align.h"
#include "train/distil.h"
#include "train/grade.h"

enum { MAX_LEN = FAB_MAX_LENGTH, QA_LEN = 80, CAPTION_LEN = 72 };

/* Cross-entropy of what follows <a>, blended with what the teachers of the lesson say
 * follows. */
static fab_tensor *taught_loss(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                               float smoothing, float drop, const fab_lesson *lesson, double *kl)
{
    fab_tensor *want, *logits = fab_rows_logits(c, m, r, tokens, drop, &want),
                      *loss = fab_xent(c, logits, want, NULL, (fab_xent_opts){ smoothing });
    return fab_distil_words(c, lesson, logits, loss, kl);
}

/* ---- text ------------------------------------------------------------------------------------ */

static fab_tensor *text_loss(fab_session *s, fab_ctx *c, const fab_stage *g, fab_loss_parts *parts)
{
    fab_rows r;
    if (!fab_rows_init(&r, c, g->batch)) return NULL;
    for (int i = 0; i < g->batch; i++) {
        const fab_text *t = s->texts[fab_rng_below(&s->rng, (uint32_t)s->n_texts)];
        fab_rows_add(&r, c, s->bpe, t->prompt[0] ? t->prompt : NULL, t->answer, t->lang, -1,
                     g->length);
    }
    parts->tokens = fab_rows_tokens(&r);
    fab_lesson lesson;
    if (c->err.code || !fab_distil_ask(s, c, g, NULL, &r, &lesson)) return NULL;
    fab_tensor *loss = taught_loss(c, s->model, &r, NULL, (float)g->loss.smoothing, g->drop,
                                   &lesson, &parts->teacher);
    if (loss) parts->text = *fab_f32(loss);
    return loss;
}

/* ---- pictures -------------------------------------------------------------------------------- */

int32_t fab_draw_picture(fab_session *s, const fab_stage *g, fab_set *set)
{
    double sum = 0, x;
    for (int k = 0; k < FAB_SETS; k++) sum += s->n_set[k] ? g->set_weight[k] : 0;
    x = fab_rng_uniform(&s->rng) * sum;
    int last = 0;
    for (int k = 0; k < FAB_SETS; k++) {
        if (!s->n_set[k] || g->set_weight[k] <= 0) continue;
        last = k;
        if ((x -= g->set_weight[k]) < 0) break;
    }
    *set = (fab_set)last;
    return s->set_pictures[last][fab_rng_below(&s->rng, (uint32_t)s->n_set[last])];
}

/* One picture augmented. */
static void show(const fab_session *s, const fab_drawn *d, fab_rng *rng, int side, float *out,
                 fab_warp *warp)
{
    fab_augment_opts o = s->recipe.augment;
    o.part = d->part;
    o.quarter_turns = fab_set_turns(d->set);
    o.flip_vertical = o.quarter_turns ? 0.5f : 0;
    o.flip = o.quarter_turns ? 0.5f : d->mirror;
    fab_augment(rng, &o, fab_store_get(s->store, d->image), fab_store_side(s->store), side, out,
                warp);
}

static void show_grey(int side, float *out)
{
    memset(out, 0, (size_t)side * (size_t)side * 3 * sizeof *out); /* mid grey */
}

fab_tensor *fab_batch_pixels(const fab_session *s, fab_ctx *c, const fab_drawn *d, int B, int side)
{
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(B, side, side, 3));
    for (int i = 0; x && i < B; i++) {
        fab_rng rng = d[i].rng;
        float *at = fab_f32(x) + (int64_t)i * side * side * 3;
        if (d[i].blank) show_grey(side, at);
        else show(s, &d[i], &rng, side, at, NULL);
    }
    return x;
}

/* The stage's share of the pictures gets a rectangle of another one as it was. */
static bool mix_pixels(fab_session *s, fab_ctx *c, const fab_stage *g, fab_drawn *d, fab_tensor *x)
{
    int S = s->model->cfg.image_size, G = fab_mini_grid(&s->model->cfg);
    int64_t one = (int64_t)S * S * 3;
    float *kept = fab_arena_take(c->arena, (size_t)(g->batch * one) * sizeof *kept, &c->err);
    if (!kept) return false;
    memcpy(kept, fab_f32(x), (size_t)(g->batch * one) * sizeof *kept);
    for (int i = 0; i < g->batch; i++) {
        if ((double)fab_rng_uniform(&s->rng) >= g->mix) continue;
        fab_mix_draw(&s->rng, g->batch, i, G, &d[i].mix);
        if (d[i].mix.mixed)
            fab_mix_paste(&d[i].mix, G, kept + d[i].mix.other * one, fab_f32(x) + i * one, S, 3);
    }
    return true;
}

/* Augmented pixels of the batch, [B,S,S,3]. */
static fab_tensor *draw_pixels(fab_session *s, fab_ctx *c, const fab_stage *g, fab_drawn *d)
{
    int S = s->model->cfg.image_size;
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(g->batch, S, S, 3));
    for (int i = 0; x && i < g->batch; i++) {
        d[i].mix = (fab_mix){ 0 };
        d[i].image = fab_draw_picture(s, g, &d[i].set);
        d[i].mirror = (float)g->mirror[d[i].set];
        int32_t k = s->bundle.case_of[d[i].image];
        d[i].of = k >= 0 ? &s->bundle.cases.items[k] : NULL;
        bool close = g->close[d[i].set] > 0 &&
                     (double)fab_rng_uniform(&s->rng) < g->close[d[i].set] && d[i].of;
        d[i].part = close ? fab_case_lesion(d[i].of) : (fab_square){ 0 };
        d[i].rng = s->rng;
        float *at = fab_f32(x) + (int64_t)i * S * S * 3;
        show(s, &d[i], &s->rng, S, at, &d[i].warp);
        double blank = g->blank[d[i].set];
        d[i].blank = blank > 0 && fab_rng_uniform(&s->rng) < blank;
        if (!d[i].blank) continue;
        show_grey(S, at);
        d[i].of = NULL; /* nothing of it is taught */
    }
    if (x && g->mix > 0 && !mix_pixels(s, c, g, d, x)) return NULL;
    return x;
}

/* Records [n] to draw from; level NULL: all are drawn alike, else as often as by_level says. */
typedef struct {
    const fab_qa *const *q;
    const uint8_t *level;
    int n;
    double by_level[FAB_LEVELS + 1];
} choice;

static double weight_of(const choice *c, int i)
{
    return c->q[i]->weight * (c->level ? c->by_level[c->level[i]] : 1);
}

/* One of them, each as often as its weight says; NULL when all weigh nothing. */
static const fab_qa *draw_weighted(fab_rng *rng, const choice *c)
{
    double sum = 0;
    const fab_qa *last = NULL;
    for (int i = 0; i < c->n; i++) sum += weight_of(c, i);
    double x = fab_rng_uniform(rng) * sum;
    for (int i = 0; i < c->n && x >= 0; i++) {
        double w = weight_of(c, i);
        if (w <= 0) continue;
        last = c->q[i];
        x -= w;
    }
    return last;
}

/* As the curriculum has it by now; a picture none of whose questions is due yet asks those that
 * come next. */
static const fab_qa *draw_question(fab_session *s, const fab_stage *g, const fab_picture_qa *p)
{
    bool real = p->n_real && (!p->n_made || fab_rng_uniform(&s->rng) < g->real_share);
    bool graded = g->curriculum.full > 0;
    choice c = { real ? p->real : p->made, NULL, real ? p->n_real : p->n_made, { 0 } };
    if (!graded) return draw_weighted(&s->rng, &c);
    c.level = real ? p->real_level : p->made_level;
    fab_curriculum_weights(&g->curriculum, (double)s->step / (double)g->steps, c.by_level);
    const fab_qa *q = draw_weighted(&s->rng, &c);
    for (int i = 1; !q && i <= FAB_LEVELS; i++) {
        c.by_level[g->curriculum.hard_first ? FAB_LEVELS + 1 - i : i] = 1;
        q = draw_weighted(&s->rng, &c);
    }
    return q;
}

/* The record's answer or, with probability `share`, prior.c's for a real record. */
static const char *draw_answer(fab_session *s, double share, const fab_picture_qa *p,
                               const fab_qa *q)
{
    if (share <= 0 || !p->prior || fab_rng_uniform(&s->rng) >= share) return q->answer;
    for (int i = 0; i < p->n_real; i++)
        if (p->real[i] == q) return p->prior[i];
    return q->answer;
}

/* Takes each word piece of the newest row's question away with probability `rate`. */
static void drop_words(fab_rows *r, fab_rng *rng, double rate)
{
    int32_t *ids = r->ids + (int64_t)(r->n - 1) * MAX_LEN, *size = &r->size[r->n - 1];
    int at = r->at[r->n - 1], kept = 1;
    for (int j = 1; j < at; j++)
        if (fab_rng_uniform(rng) >= rate) ids[kept++] = ids[j];
    memmove(ids + kept, ids + at, (size_t)(*size - at) * sizeof *ids);
    *size -= at - kept;
    r->at[r->n - 1] = kept;
}

/* A drawn question in the words, and with the answer, that the stage has for it. */
static void add_question(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d, int i,
                         fab_rows *r)
{
    const fab_picture_qa *of = &s->of_picture[d[i].image];
    const fab_qa *record = draw_question(s, g, of);
    if (!record) return;
    fab_qa q = *record;
    if (fab_rng_uniform(&s->rng) < 0.2f)
        q.question =
            fab_paraphrase(q.question, q.lang, fab_rng_below(&s->rng, 1000), c->arena, &c->err);
    int n = r->n, set = (int)d[i].set;
    q.answer = draw_answer(s, g->prior[set], of, record);
    if (g->paraphrase[set] > 0 && (double)fab_rng_uniform(&s->rng) < g->paraphrase[set])
        fab_reword(&q, s->lexicon, &s->rng, c->arena, &c->err);
    if (d[i].warp.mirrored && !d[i].blank) fab_mirror_words(&q, c->arena, &c->err);
    if (c->err.code) return;
    fab_rows_add(r, c, s->bpe, q.question, q.answer, q.lang, i, QA_LEN);
    if (g->word_drop[set] > 0 && r->n > n) drop_words(r, &s->rng, g->word_drop[set]);
}

/* The batch's questions with their answers; of a mixed picture nothing is asked. False: c->err, or
 * none. */
static bool draw_rows(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                      fab_rows *r)
{
    if (!fab_rows_init(r, c, g->batch * g->questions)) return false;
    for (int i = 0; i < g->batch; i++)
        for (int j = 0; j < g->questions && !d[i].mix.mixed; j++) add_question(s, c, g, d, i, r);
    return !c->err.code && r->n > 0;
}

/* One caption per picture: said from the picture, and embedded beside it. The weighted sum. */
static fab_tensor *caption_losses(fab_session *s, fab_ctx *c, const fab_stage *g,
                                  const fab_drawn *d, const fab_mini_view *v, fab_loss_parts *parts)
{
    fab_rows said, words;
    int B = g->batch;
    fab_tensor *last = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B)),
               *same = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B));
    fab_tensor *pick = fab_tensor_new(c, FAB_I32, FAB_SHAPE(B));
    if (!fab_rows_init(&said, c, B) || !fab_rows_init(&words, c, B) || !last || !same || !pick)
        return NULL;
    for (int i = 0; i < B; i++) {
        if (!d[i].of || d[i].mix.mixed) continue;
        fab_lang lang = fab_rng_below(&s->rng, 2) ? FAB_ZH : FAB_EN;
        const char *t = fab_caption(d[i].of, lang, fab_rng_below(&s->rng, 1000), d[i].warp.mirrored,
                                    c->arena, &c->err);
        if (!t || !*t) continue;
        int n = words.n;
        fab_rows_add(&said, c, s->bpe, NULL, t, lang, i, CAPTION_LEN);
        int64_t k = fab_bpe_encode_plain(s->bpe, t, strlen(t), words.ids + (int64_t)n * MAX_LEN,
                                         CAPTION_LEN - 1, &c->err);
        if (k < 0) return NULL;
        if (k > CAPTION_LEN - 1) k = CAPTION_LEN - 1;
        words.ids[(int64_t)n * MAX_LEN + k] = FAB_MINI_EMB;
        words.size[n] = (int32_t)k + 1;
        if (words.len < k + 1) words.len = (int)k + 1;
        words.n++;
        fab_i32(last)[n] = (int32_t)k;
        fab_i32(pick)[n] = i;
        fab_i32(same)[n] = n; /* equal captions are each other's positives */
        for (int j = 0; j < n; j++)
            if (words.size[j] == words.size[n] &&
                !memcmp(words.ids + (int64_t)j * MAX_LEN, words.ids + (int64_t)n * MAX_LEN,
                        (size_t)words.size[n] * sizeof(int32_t)))
                fab_i32(same)[n] = fab_i32(same)[j];
    }
    if (words.n < 2) return NULL;
    last->shape[0] = same->shape[0] = pick->shape[0] = words.n;
    const fab_said all = { fab_rows_ids(c, &words), last, pick, same };
    fab_tensor *sum = fab_align_loss(s, c, g, v, &all, parts);
    if (g->loss.caption > 0)
        sum = fab_loss_add(c, sum, fab_rows_loss(c, s->model, &said, v->tokens, 0, g->drop),
                           g->loss.caption, &parts->caption);
    return sum;
}

/* What is where in the batch's pictures, mixed as they are: [B*G*G,spatial labels]. */
static fab_tensor *dense_targets(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d)
{
    int G = fab_mini_grid(&s->model->cfg);
    int64_t one = (int64_t)G * G * FAB_LABELS_SPATIAL;
    fab_tensor *t = fab_tensor_new(c, FAB_F32, FAB_SHAPE(g->batch * G * G, FAB_LABELS_SPATIAL));
    float *whole =
        t ? fab_arena_take(c->arena, (size_t)(g->batch * one) * sizeof *whole, &c->err) : NULL;
    if (!whole) return NULL;
    for (int64_t i = 0; i < g->batch * one; i++) whole[i] = -1;
    for (int i = 0; i < g->batch; i++)
        if (d[i].of) fab_dense_target(d[i].of, &d[i].warp, G, whole + i * one);
    memcpy(fab_f32(t), whole, (size_t)(g->batch * one) * sizeof *whole);
    for (int i = 0; i < g->batch; i++)
        if (d[i].mix.mixed)
            fab_mix_paste(&d[i].mix, G, whole + d[i].mix.other * one, fab_f32(t) + i * one, G,
                          FAB_LABELS_SPATIAL);
    return t;
}

static void presence_of(const fab_drawn *d, float out[FAB_LABELS])
{
    for (int l = 0; l < FAB_LABELS; l++) out[l] = -1;
    if (d->of) fab_presence_target(d->of, &d->warp, out);
}

/* What is in them: [B,labels]. dense NULL: nothing is mixed. */
static fab_tensor *presence_targets(fab_session *s, fab_ctx *c, const fab_stage *g,
                                    const fab_drawn *d, const fab_tensor *dense)
{
    int G = fab_mini_grid(&s->model->cfg);
    int64_t one = (int64_t)G * G * FAB_LABELS_SPATIAL;
    fab_tensor *t = fab_tensor_new(c, FAB_F32, FAB_SHAPE(g->batch, FAB_LABELS));
    for (int i = 0; t && i < g->batch; i++) {
        float *row = fab_f32(t) + (int64_t)i * FAB_LABELS, other[FAB_LABELS];
        presence_of(&d[i], row);
        if (!dense || !d[i].mix.mixed) continue;
        presence_of(&d[d[i].mix.other], other);
        fab_mix_presence(fab_f32(dense) + i * one, G, FAB_LABELS_SPATIAL, FAB_LABELS, other, row);
    }
    return t;
}

fab_tensor *fab_loss_add(fab_ctx *c, fab_tensor *sum, fab_tensor *part, double weight,
                         double *value)
{
    if (!part) return sum;
    *value = *fab_f32(part);
    part = fab_scale(c, part, (float)weight);
    return sum ? fab_add(c, sum, part) : part;
}

/* Cells, and the picture as a whole. */
static fab_tensor *label_losses(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                                const fab_mini_view *v, const fab_lesson *lesson,
                                fab_loss_parts *parts)
{
    const fab_loss_weights *w = &g->loss;
    bool mixed = g->mix > 0;
    fab_tensor *dense = w->dense > 0 || mixed ? dense_targets(s, c, g, d) : NULL, *sum = NULL;
    if (w->dense > 0) {
        fab_tensor *logits = fab_mini_dense(c, s->model, v);
        fab_tensor *loss =
            fab_distil_labels(c, lesson, lesson->dense, logits, fab_bce(c, logits, dense));
        sum = fab_loss_add(c, sum, loss, w->dense, &parts->dense);
    }
    if (w->presence > 0) {
        fab_tensor *logits = fab_mini_class(c, s->model, v);
        fab_tensor *there = presence_targets(s, c, g, d, mixed ? dense : NULL);
        fab_tensor *loss =
            fab_distil_labels(c, lesson, lesson->presence, logits, fab_bce(c, logits, there));
        sum = fab_loss_add(c, sum, loss, w->presence, &parts->presence);
    }
    return sum;
}

static fab_tensor *join(fab_ctx *c, fab_tensor *a, fab_tensor *b)
{
    return a && b ? fab_add(c, a, b) : a ? a : b;
}

/* Nothing is taught but what is there, which a still trunk tells without the rest of the tower. */
static bool heads_alone(const fab_session *s, const fab_stage *g)
{
    const fab_loss_weights *w = &g->loss;
    return s->model->cfg.still_trunk && w->presence > 0 && !g->teacher.n &&
           !(w->dense > 0 || fab_losses_of_words(w));
}

/* A still trunk loses no depth unless it learns. */
static float still_drop(const fab_session *s, const fab_stage *g)
{
    const size_t n = strlen(FAB_MINI_STILL);
    for (int64_t i = 0; i < s->model->list.n; i++) {
        const fab_tensor *t = s->model->list.items[i];
        if (t->needs_grad && !strncmp(t->name, FAB_MINI_STILL, n)) return g->drop;
    }
    return 0;
}

static fab_tensor *picture_loss(fab_session *s, fab_ctx *c, const fab_stage *g,
                                fab_loss_parts *parts)
{
    const fab_loss_weights *w = &g->loss;
    fab_drawn *d = fab_arena_take(c->arena, (size_t)g->batch * sizeof *d, &c->err);
    fab_tensor *pixels = d ? draw_pixels(s, c, g, d) : NULL, *sum = NULL;
    if (!pixels) return NULL;
    fab_rows asked = { 0 };
    fab_lesson lesson;
    bool asks = w->qa > 0 && draw_rows(s, c, g, d, &asked);
    if (c->err.code || !fab_distil_ask(s, c, g, d, asks ? &asked : NULL, &lesson) ||
        !fab_adversary_pixels(s, c, g, &asked, pixels))
        return NULL;
    fab_mini_view v = heads_alone(s, g) ? fab_mini_glance(c, s->model, pixels, still_drop(s, g))
                                        : fab_mini_look(c, s->model, pixels, g->drop);
    if (c->err.code) return NULL;
    parts->pictures = g->batch;
    if (asks) {
        fab_tensor *tokens = fab_adversary_tokens(s, c, g, &asked, v.tokens);
        if (!tokens) return NULL;
        fab_tensor *qa = taught_loss(c, s->model, &asked, tokens, (float)w->smoothing, g->drop,
                                     &lesson, &parts->teacher);
        parts->tokens = fab_rows_tokens(&asked);
        sum = fab_loss_add(c, sum, qa, w->qa, &parts->qa);
    }
    if (w->caption > 0 || w->contrast > 0 || w->token_region > 0 || w->prototype > 0)
        sum = join(c, sum, caption_losses(s, c, g, d, &v, parts));
    return join(c, sum, label_losses(s, c, g, d, &v, &lesson, parts));
}

fab_tensor *fab_batch_loss(fab_session *s, fab_ctx *c, const fab_stage *stage,
                           fab_loss_parts *parts)
{
    memset(parts, 0, sizeof *parts);
    fab_tensor *loss = s->recipe.peft.decoder ? fab_pefomed_loss(s, c, stage, parts)
                       : stage->pictures      ? picture_loss(s, c, stage, parts)
                                              : text_loss(s, c, stage, parts);
    if (!loss)
        fab_fail(&c->err, FAB_EUSAGE, "stage %s: a batch of %d holds nothing that its losses teach",
                 stage->name, stage->batch);
    return c->err.code ? NULL : loss;
}
