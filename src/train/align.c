/* align: see align.h. */
#include "train/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float local_t = 0.1f, code_t = 0.05f, prototype_t = 0.2f;
enum { ROUNDS = 3 };

/* ---- importance of words and cells ----------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float quantile(const float *sorted, int64_t n, double at)
{
    double place = at * (double)(n - 1);
    int64_t i = (int64_t)place;
    float part = (float)(place - (double)i);
    return i + 1 < n ? sorted[i] + part * (sorted[i + 1] - sorted[i]) : sorted[i];
}

bool fab_importance(fab_ctx *c, float *x, int64_t n)
{
    float *sorted = fab_arena_take(c->arena, (size_t)n * sizeof *sorted, &c->err), top = x[0];
    double sum = 0;
    if (!sorted) return false;
    for (int64_t i = 1; i < n; i++) top = fmaxf(top, x[i]);
    for (int64_t i = 0; i < n; i++) sum += (double)(x[i] = expf(x[i] - top));
    for (int64_t i = 0; i < n; i++) x[i] = (float)((double)x[i] / sum);
    memcpy(sorted, x, (size_t)n * sizeof *x);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    float low = quantile(sorted, n, 0.1), high = quantile(sorted, n, 0.9);
    sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)(x[i] = fminf(fmaxf(x[i], low), high));
    for (int64_t i = 0; i < n; i++) x[i] = (float)((double)x[i] / sum);
    return true;
}

/* Weights [n,L] of the parts [n,L,E] of wholes [n,E]; 0 behind size[i] (NULL: all count). */
static fab_tensor *weigh_parts(fab_ctx *c, const fab_tensor *parts, const fab_tensor *whole,
                               const fab_tensor *size)
{
    int64_t n = parts->shape[0], L = parts->shape[1], E = parts->shape[2];
    fab_tensor *w = fab_tensor_zeros(c, FAB_SHAPE(n, L));
    for (int64_t i = 0; w && i < n; i++) {
        int64_t count = size ? fab_i32(size)[i] : L;
        float *row = fab_f32(w) + i * L;
        for (int64_t j = 0; j < count; j++)
            row[j] = c->k->dot(NULL, fab_f32(parts) + (i * L + j) * E, fab_f32(whole) + i * E, E) /
                     local_t;
        if (count && !fab_importance(c, row, count)) return NULL;
    }
    return w;
}

/* ---- token and region ------------------------------------------------------------------------ */

/* Each of `from` attends to `to` and must be found by what it saw. */
static fab_tensor *one_side(fab_ctx *c, fab_tensor *from, fab_tensor *to, fab_tensor *whole,
                            fab_tensor *n_from, fab_tensor *n_to)
{
    const fab_attention_opts o = { .heads = 1, .kv_heads = 1, .scale = 1 / local_t };
    fab_tensor *seen = fab_l2norm(c, fab_attention(c, from, to, to, NULL, n_to, o), 1e-12f);
    fab_tensor *weight = weigh_parts(c, from, whole, n_from);
    return fab_match(c, from, seen, weight, n_from, (fab_match_opts){ local_t });
}

fab_tensor *fab_token_region(fab_ctx *c, fab_tensor *words, fab_tensor *cells, fab_tensor *text,
                             fab_tensor *image, fab_tensor *size)
{
    if (!words || !cells || !text || !image || !size) return NULL;
    return fab_add(c, one_side(c, words, cells, text, size, NULL),
                   one_side(c, cells, words, image, NULL, size));
}

/* ---- prototypes ------------------------------------------------------------------------------ */

/* q [n,K] to sums of `want` along rows (of K values) or columns. */
static void even_out(double *q, int64_t n, int64_t K, bool rows, double want)
{
    int64_t outer = rows ? n : K, inner = rows ? K : n, far = rows ? K : 1, near = rows ? 1 : K;
    for (int64_t i = 0; i < outer; i++) {
        double sum = 0;
        for (int64_t j = 0; j < inner; j++) sum += q[i * far + j * near];
        for (int64_t j = 0; j < inner; j++) q[i * far + j * near] *= want / sum;
    }
}

bool fab_sinkhorn(fab_ctx *c, const float *scores, int64_t n, int64_t K, float *out)
{
    double *q = fab_arena_take(c->arena, (size_t)(n * K) * sizeof *q, &c->err);
    if (!q) return false;
    for (int64_t i = 0; i < n * K; i++) q[i] = exp((double)scores[i] / (double)code_t);
    for (int round = 0; round < ROUNDS; round++) {
        even_out(q, n, K, false, 1 / (double)K);
        even_out(q, n, K, true, 1 / (double)n);
    }
    even_out(q, n, K, true, 1);
    for (int64_t i = 0; i < n * K; i++) out[i] = (float)q[i];
    return true;
}

static fab_tensor *codes(fab_ctx *c, const fab_tensor *scores)
{
    fab_tensor *q =
        scores ? fab_tensor_new(c, FAB_F32, FAB_SHAPE(scores->shape[0], scores->shape[1])) : NULL;
    if (!q) return NULL;
    return fab_sinkhorn(c, fab_f32(scores), q->shape[0], q->shape[1], fab_f32(q)) ? q : NULL;
}

fab_tensor *fab_prototype_loss(fab_ctx *c, fab_tensor *image, fab_tensor *text,
                               fab_tensor *prototypes)
{
    fab_tensor *of_image = fab_linear(c, image, prototypes, NULL),
               *of_text = fab_linear(c, text, prototypes, NULL);
    const fab_soft_xent_opts o = { prototype_t };
    fab_tensor *a = fab_soft_xent(c, of_image, codes(c, of_text), o),
               *b = fab_soft_xent(c, of_text, codes(c, of_image), o);
    return fab_scale(c, fab_add(c, a, b), 0.5f);
}

/* The session's prototypes with unit rows; in the first steps of a stage as constants. */
static fab_tensor *prototypes(fab_session *s, fab_ctx *c)
{
    fab_tensor *p = s->prototypes;
    int64_t K = p->shape[0], E = p->shape[1];
    for (int64_t k = 0; k < K; k++) {
        float *row = fab_f32(p) + k * E, norm = sqrtf(c->k->dot(NULL, row, row, E));
        c->k->scale(NULL, 1 / fmaxf(norm, 1e-12f), row, row, E);
    }
    bool still = s->step < s->recipe.prototypes_still;
    return still ? fab_tensor_from(c, FAB_F32, FAB_SHAPE(K, E), p->data) : p;
}

bool fab_align_open(fab_session *s, fab_err *err)
{
    s->learnt = s->model->list;
    fab_params p = fab_params_init(s->arena, &s->learnt, s->recipe.seed + 2);
    p.train = true;
    fab_param(&p, &s->prototypes, FAB_ALIGN "prototypes",
              FAB_SHAPE(s->recipe.prototypes, s->recipe.model.embed), FAB_INIT_NORMAL(1));
    return fab_params_end(&p, err);
}

/* ---- all three ------------------------------------------------------------------------------- */

fab_tensor *fab_align_loss(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_mini_view *v,
                           const fab_said *said, fab_loss_parts *parts)
{
    const fab_loss_weights *w = &g->loss;
    const fab_mini *m = s->model;
    fab_tensor *sum = NULL, *words = NULL, *text;
    if (!(w->contrast > 0 || w->token_region > 0 || w->prototype > 0)) return NULL;
    fab_tensor *image = fab_gather(c, fab_mini_image_embed(c, m, v), said->pick);
    if (w->token_region > 0) {
        words = fab_mini_words(c, m, said->ids, g->drop);
        text = fab_mini_whole(c, words, said->size);
    } else {
        text = fab_mini_text_embed(c, m, said->ids, said->size, g->drop);
    }
    if (w->contrast > 0)
        sum = fab_loss_add(c, sum, fab_infonce(c, image, text, m->logit_scale, said->same),
                           w->contrast, &parts->contrast);
    if (w->token_region > 0) {
        fab_tensor *cells = fab_mini_cells(c, m, v, said->pick);
        sum = fab_loss_add(c, sum, fab_token_region(c, words, cells, text, image, said->size),
                           w->token_region, &parts->token_region);
    }
    if (w->prototype > 0)
        sum = fab_loss_add(c, sum, fab_prototype_loss(c, image, text, prototypes(s, c)),
                           w->prototype, &parts->prototype);
    return sum;
}
