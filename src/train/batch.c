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
#include <string.h>
#include "train/align.h"
#include "train/distil.h"
#include "train/grade.h"

enum { MAX_LEN = FAB_MAX_LENGTH, QA_LEN = 80, CAPTION_LEN = 72 };

static bool rows_init(fab_rows *r, fab_ctx *c, int cap)
{
    memset(r, 0, sizeof *r);
    r->cap = cap;
    r->ids = fab_arena_take(c->arena, (size_t)cap * MAX_LEN * sizeof(int32_t), &c->err);
    r->size = fab_arena_take(c->arena, (size_t)cap * sizeof(int32_t), &c->err);
    r->at = fab_arena_take(c->arena, (size_t)cap * sizeof(int32_t), &c->err);
    r->picture = fab_arena_take(c->arena, (size_t)cap * sizeof(int32_t), &c->err);
    return r->ids && r->size && r->at && r->picture;
}

static void rows_add(fab_rows *r, fab_ctx *c, const fab_bpe *bpe, const char *question,
                     const char *answer, fab_lang lang, int picture, int max)
{
    int at, n = fab_sequence(bpe, question, answer, lang, r->ids + (int64_t)r->n * MAX_LEN, max,
                             &at, &c->err);
    if (n < 0) return;
    r->size[r->n] = n;
    r->at[r->n] = at;
    r->picture[r->n] = picture;
    if (n > r->len) r->len = n;
    r->n++;
}

int fab_sequence(const fab_bpe *bpe, const char *question, const char *answer, fab_lang lang,
                 int32_t *ids, int max, int *answer_at, fab_err *err)
{
    int n = 0, room = max - 4;
    if (question) {
        int64_t q = fab_bpe_encode_plain(bpe, question, strlen(question), ids + 1, room, err);
        if (q < 0) return -1;
        if (q > room) q = room;
        ids[n] = FAB_MINI_Q;
        n += 1 + (int)q;
        ids[n++] = FAB_MINI_A;
    } else {
        ids[n++] = lang == FAB_ZH ? FAB_MINI_CAP_ZH : FAB_MINI_CAP_EN;
    }
    *answer_at = n - 1;
    if (!answer) return n;
    int64_t left = max - n - 1,
            a = fab_bpe_encode_plain(bpe, answer, strlen(answer), ids + n, left, err);
    if (a < 0) return -1;
    if (a > left) return n + (int)left; /* cut: no <eos>, it is not the end */
    n += (int)a;
    ids[n++] = FAB_MINI_EOS;
    return n;
}

/* The rows' ids as a tensor [n,len]; padding is <pad>. */
static fab_tensor *rows_ids(fab_ctx *c, const fab_rows *r)
{
    fab_tensor *t = fab_tensor_new(c, FAB_I32, FAB_SHAPE(r->n, r->len));
    for (int i = 0; t && i < r->n; i++)
        for (int j = 0; j < r->len; j++)
            fab_i32(t)[i * r->len + j] =
                j < r->size[i] ? r->ids[(int64_t)i * MAX_LEN + j] : FAB_MINI_PAD;
    return t;
}

int64_t fab_rows_targets(const fab_rows *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->n; i++) n += r->size[i] - r->at[i] - 1;
    return n;
}

/* Where each target is predicted, i32 [targets], with P image tokens before each row; and what it is. */
static fab_tensor *rows_targets(fab_ctx *c, const fab_rows *r, int64_t P, fab_tensor **want)
{
    int64_t n = fab_rows_targets(r), k = 0;
    fab_tensor *at = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)),
               *what = want ? fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)) : NULL;
    if (want) *want = what;
    if (!at || (want && !what)) return NULL;
    for (int64_t i = 0; i < r->n; i++)
        for (int j = r->at[i]; j + 1 < r->size[i]; j++, k++) {
            fab_i32(at)[k] = (int32_t)(i * (P + r->len) + P + j);
            if (want) fab_i32(what)[k] = r->ids[i * MAX_LEN + j + 1];
        }
    return at;
}

fab_tensor *fab_rows_logits(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                            float drop, fab_tensor **want)
{
    int64_t P = tokens ? tokens->shape[1] : 0, T = tokens ? tokens->shape[2] : 0, n = r->n;
    fab_tensor *ids = rows_ids(c, r), *prefix = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    fab_tensor *pick = tokens ? fab_tensor_new(c, FAB_I32, FAB_SHAPE(n)) : NULL;
    fab_tensor *at = rows_targets(c, r, P, want);
    if (!ids || !prefix || !at || (tokens && !pick)) return NULL;
    for (int64_t i = 0; i < n; i++) {
        fab_i32(prefix)[i] = (int32_t)P + r->at[i] + 1;
        if (pick) fab_i32(pick)[i] = r->picture[i];
    }
    if (tokens) {
        tokens = fab_gather(c, fab_reshape(c, tokens, FAB_SHAPE(tokens->shape[0], P * T)), pick);
        tokens = fab_reshape(c, tokens, FAB_SHAPE(n, P, T));
    }
    return fab_mini_logits(c, m, fab_mini_read(c, m, tokens, ids, prefix, NULL, drop), at);
}

/* Cross-entropy of what follows <a>, blended with what the teachers of the lesson (NULL: none) say
 * follows. */
static fab_tensor *rows_loss(fab_ctx *c, const fab_mini *m, const fab_rows *r, fab_tensor *tokens,
                             float smoothing, float drop, const fab_lesson *lesson, double *kl)
{
    fab_tensor *want, *logits = fab_rows_logits(c, m, r, tokens, drop, &want),
                      *loss = fab_xent(c, logits, want, NULL, (fab_xent_opts){ smoothing });
    return lesson ? fab_distil_words(c, lesson, logits, loss, kl) : loss;
}

/* ---- text ------------------------------------------------------------------------------------ */

static fab_tensor *text_loss(fab_session *s, fab_ctx *c, const fab_stage *g, fab_loss_parts *parts)
{
    fab_rows r;
    if (!rows_init(&r, c, g->batch)) return NULL;
    for (int i = 0; i < g->batch; i++) {
        const fab_text *t = s->texts[fab_rng_below(&s->rng, (uint32_t)s->n_texts)];
        rows_add(&r, c, s->bpe, t->prompt[0] ? t->prompt : NULL, t->answer, t->lang, -1, g->length);
    }
    parts->items = r.n;
    fab_lesson lesson;
    if (c->err.code || !fab_distil_ask(s, c, g, NULL, &r, &lesson)) return NULL;
    fab_tensor *loss = rows_loss(c, s->model, &r, NULL, (float)g->loss.smoothing, g->drop, &lesson,
                                 &parts->teacher);
    if (loss) parts->text = *fab_f32(loss);
    return loss;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static int32_t draw_picture(fab_session *s, const fab_stage *g, fab_set *set)
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

/* One picture augmented, or as a grey one. Skin and blood have no up, and no side is asked of them. */
static void show(const fab_session *s, const fab_drawn *d, fab_rng *rng, int side, float *out,
                 fab_warp *warp)
{
    fab_augment_opts o = s->recipe.augment;
    o.flip = o.flip_vertical = o.quarter_turns = d->set == FAB_SET_ISIC || d->set == FAB_SET_BCCD;
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

/* Augmented pixels of the batch, [B,S,S,3]. */
static fab_tensor *draw_pixels(fab_session *s, fab_ctx *c, const fab_stage *g, fab_drawn *d)
{
    int S = s->model->cfg.image_size;
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(g->batch, S, S, 3));
    for (int i = 0; x && i < g->batch; i++) {
        d[i].image = draw_picture(s, g, &d[i].set);
        d[i].rng = s->rng;
        int32_t k = s->bundle.case_of[d[i].image];
        d[i].of = k >= 0 ? &s->bundle.cases.items[k] : NULL;
        float *at = fab_f32(x) + (int64_t)i * S * S * 3;
        show(s, &d[i], &s->rng, S, at, &d[i].warp);
        double blank = g->blank[d[i].set];
        d[i].blank = blank > 0 && fab_rng_uniform(&s->rng) < blank;
        if (!d[i].blank) continue;
        show_grey(S, at);
        d[i].of = NULL; /* nothing of it is taught */
    }
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

/* As the curriculum has it by now; a picture none of whose questions is due yet asks those that come
 * next. */
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

/* The batch's questions with their answers. False: c->err, or none. */
static bool draw_rows(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                      fab_rows *r)
{
    if (!rows_init(r, c, g->batch * g->questions)) return false;
    for (int i = 0; i < g->batch; i++)
        for (int j = 0; j < g->questions; j++) {
            const fab_qa *q = draw_question(s, g, &s->of_picture[d[i].image]);
            if (!q) continue;
            const char *words = q->question;
            if (fab_rng_uniform(&s->rng) < 0.2f)
                words =
                    fab_paraphrase(words, q->lang, fab_rng_below(&s->rng, 1000), c->arena, &c->err);
            int n = r->n;
            const char *answer = draw_answer(s, g->prior[d[i].set], &s->of_picture[d[i].image], q);
            rows_add(r, c, s->bpe, words, answer, q->lang, i, QA_LEN);
            double rate = g->word_drop[d[i].set];
            if (rate > 0 && r->n > n) drop_words(r, &s->rng, rate);
        }
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
    if (!rows_init(&said, c, B) || !rows_init(&words, c, B) || !last || !same || !pick) return NULL;
    for (int i = 0; i < B; i++) {
        if (!d[i].of) continue;
        fab_lang lang = fab_rng_below(&s->rng, 2) ? FAB_ZH : FAB_EN;
        const char *t = fab_caption(d[i].of, lang, fab_rng_below(&s->rng, 1000), d[i].warp.mirrored,
                                    c->arena, &c->err);
        if (!t || !*t) continue;
        int n = words.n;
        rows_add(&said, c, s->bpe, NULL, t, lang, i, CAPTION_LEN);
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
    const fab_said all = { rows_ids(c, &words), last, pick, same };
    fab_tensor *sum = fab_align_loss(s, c, g, v, &all, parts);
    if (g->loss.caption > 0)
        sum = fab_loss_add(c, sum, rows_loss(c, s->model, &said, v->tokens, 0, g->drop, NULL, NULL),
                           g->loss.caption, &parts->caption);
    return sum;
}

static fab_tensor *dense_loss(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                              const fab_mini_view *v, const fab_lesson *lesson)
{
    int G = fab_mini_grid(&s->model->cfg);
    int64_t cells = (int64_t)G * G;
    fab_tensor *t = fab_tensor_new(c, FAB_F32, FAB_SHAPE(g->batch * cells, FAB_LABELS_SPATIAL));
    if (!t) return NULL;
    for (int64_t i = 0; i < fab_count(t); i++) fab_f32(t)[i] = -1;
    for (int i = 0; i < g->batch; i++)
        if (d[i].of)
            fab_dense_target(d[i].of, &d[i].warp, G, fab_f32(t) + i * cells * FAB_LABELS_SPATIAL);
    fab_tensor *logits = fab_mini_dense(c, s->model, v);
    return fab_distil_labels(c, lesson, lesson->dense, logits, fab_bce(c, logits, t));
}

static fab_tensor *presence_loss(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                                 const fab_mini_view *v, const fab_lesson *lesson)
{
    fab_tensor *t = fab_tensor_new(c, FAB_F32, FAB_SHAPE(g->batch, FAB_LABELS));
    if (!t) return NULL;
    for (int64_t i = 0; i < fab_count(t); i++) fab_f32(t)[i] = -1;
    for (int i = 0; i < g->batch; i++)
        if (d[i].of) fab_presence_target(d[i].of, &d[i].warp, fab_f32(t) + (int64_t)i * FAB_LABELS);
    fab_tensor *logits = fab_mini_class(c, s->model, v);
    return fab_distil_labels(c, lesson, lesson->presence, logits, fab_bce(c, logits, t));
}

fab_tensor *fab_loss_add(fab_ctx *c, fab_tensor *sum, fab_tensor *part, double weight,
                         double *value)
{
    if (!part) return sum;
    *value = *fab_f32(part);
    part = fab_scale(c, part, (float)weight);
    return sum ? fab_add(c, sum, part) : part;
}

static fab_tensor *picture_loss(fab_session *s, fab_ctx *c, const fab_stage *g,
                                fab_loss_parts *parts)
{
    fab_drawn *d = fab_arena_take(c->arena, (size_t)g->batch * sizeof *d, &c->err);
    fab_tensor *pixels = d ? draw_pixels(s, c, g, d) : NULL, *sum = NULL;
    if (!pixels) return NULL;
    fab_mini_view v = fab_mini_look(c, s->model, pixels, g->drop);
    if (!v.tokens) return NULL;
    const fab_loss_weights *w = &g->loss;
    fab_rows asked;
    bool asks = w->qa > 0 && draw_rows(s, c, g, d, &asked);
    fab_lesson lesson;
    if (c->err.code || !fab_distil_ask(s, c, g, d, asks ? &asked : NULL, &lesson)) return NULL;
    if (asks) {
        fab_tensor *qa = rows_loss(c, s->model, &asked, v.tokens, (float)w->smoothing, g->drop,
                                   &lesson, &parts->teacher);
        parts->items = asked.n;
        sum = fab_loss_add(c, sum, qa, w->qa, &parts->qa);
    }
    if (w->caption > 0 || w->contrast > 0 || w->token_region > 0 || w->prototype > 0) {
        fab_tensor *said = caption_losses(s, c, g, d, &v, parts);
        if (said) sum = sum ? fab_add(c, sum, said) : said;
    }
    if (w->dense > 0)
        sum = fab_loss_add(c, sum, dense_loss(s, c, g, d, &v, &lesson), w->dense, &parts->dense);
    if (w->presence > 0)
        sum = fab_loss_add(c, sum, presence_loss(s, c, g, d, &v, &lesson), w->presence,
                           &parts->presence);
    return sum;
}

fab_tensor *fab_batch_loss(fab_session *s, fab_ctx *c, const fab_stage *stage,
                           fab_loss_parts *parts)
{
    memset(parts, 0, sizeof *parts);
    fab_tensor *loss =
        stage->pictures ? picture_loss(s, c, stage, parts) : text_loss(s, c, stage, parts);
    if (!loss)
        fab_fail(&c->err, FAB_EUSAGE, "stage %s: a batch of %d holds nothing that its losses teach",
                 stage->name, stage->batch);
    return c->err.code ? NULL : loss;
}
