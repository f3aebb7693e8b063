/* gradcam: see gradcam.h. The tape starts at the grid: the tower itself is run but not run back. */
#include "explain/gradcam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "data/augment.h"
#include "media/resize.h"

enum { ROOM = FAB_ENGINE_MAX_QUESTION + 2 + FAB_ENGINE_MAX_ANSWER + 1 };

typedef struct {
    int32_t ids[ROOM]; /* prompt, then the answer without its <eos> */
    int32_t answer[FAB_ENGINE_MAX_ANSWER + 1];
    int prompt, n_answer; /* n_answer counts <eos> */
} sentence;

static bool sentence_init(fab_engine *e, sentence *s, const char *question, const char *answer,
                          fab_err *err)
{
    s->prompt = fab_engine_prompt(e, FAB_ASK, question, s->ids, err);
    s->n_answer = s->prompt < 0 ? -1 : fab_engine_answer_ids(e, answer, s->answer, err);
    if (s->n_answer < 0) return false;
    memcpy(s->ids + s->prompt, s->answer, (size_t)(s->n_answer - 1) * sizeof *s->ids);
    return true;
}

/* log p of the sentence's answer, [1], on the tape. */
static fab_tensor *log_likelihood(fab_ctx *c, const fab_mini *m, fab_tensor *tokens,
                                  const sentence *s)
{
    int P = fab_mini_tokens(&m->cfg), n = s->prompt + s->n_answer - 1;
    fab_tensor *ids = fab_tensor_new(c, FAB_I32, FAB_SHAPE(1, n)),
               *prefix = fab_tensor_new(c, FAB_I32, FAB_SHAPE(1));
    fab_tensor *rows = fab_tensor_new(c, FAB_I32, FAB_SHAPE(s->n_answer));
    fab_tensor *target = fab_tensor_new(c, FAB_I32, FAB_SHAPE(s->n_answer));
    if (!ids || !prefix || !rows || !target) return NULL;
    memcpy(fab_i32(ids), s->ids, (size_t)n * sizeof *s->ids);
    memcpy(fab_i32(target), s->answer, (size_t)s->n_answer * sizeof *s->answer);
    fab_i32(prefix)[0] = P + s->prompt;
    for (int i = 0; i < s->n_answer; i++) fab_i32(rows)[i] = P + s->prompt - 1 + i;
    fab_tensor *h = fab_mini_read(c, m, tokens, ids, prefix, NULL, 0);
    fab_tensor *nll =
        fab_xent(c, fab_mini_logits(c, m, h, rows), target, NULL, (fab_xent_opts){ 0 });
    return fab_scale(c, nll, (float)-s->n_answer); /* the loss is a mean */
}

/* heat from the grid and its gradient, both [n,D]. */
static void fold(const float *A, const float *dA, int n, int D, bool hires, float *heat)
{
    for (int i = 0; i < n; i++) heat[i] = 0;
    for (int c = 0; c < D; c++) {
        double mean = 0;
        for (int i = 0; i < n; i++) mean += (double)dA[(int64_t)i * D + c] / n;
        for (int i = 0; i < n; i++) {
            int64_t at = (int64_t)i * D + c;
            heat[i] += (hires ? dA[at] : (float)mean) * A[at];
        }
    }
}

static void scale_heat(fab_cam *cam)
{
    int n = cam->grid * cam->grid, hottest = 0;
    float low = INFINITY, high = 0;
    for (int i = 0; i < n; i++) {
        float v = cam->heat[i] > 0 ? cam->heat[i] : 0; /* NaN becomes 0 */
        cam->heat[i] = v;
        low = v < low ? v : low;
        if (v > high) high = v, hottest = i;
    }
    cam->empty = !(high > low);
    cam->hottest_row = hottest / cam->grid, cam->hottest_col = hottest % cam->grid;
    for (int i = 0; i < n; i++) cam->heat[i] = cam->empty ? 0 : (cam->heat[i] - low) / (high - low);
}

static bool run(fab_ctx *c, const fab_mini *m, const fab_look *look, const sentence *s,
                const fab_cam_opts *o, fab_cam *out)
{
    c->record = true;
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, look->side, look->side, 3));
    if (x) fab_to_float(look->rgb, look->side, fab_f32(x));
    fab_mini_view v = fab_mini_look(c, m, x, 0);
    fab_tensor *y = log_likelihood(c, m, v.tokens, &s[0]), *no = NULL;
    fab_tensor *target = y;
    if (o->against) {
        no = log_likelihood(c, m, v.tokens, &s[1]);
        target = fab_add(c, y, fab_scale(c, no, -1));
    }
    if (o->head) {
        fab_tensor *logit = fab_slice(c, fab_mini_class(c, m, &v), 1, o->head - 1, o->head);
        target = fab_add(c, target, fab_reshape(c, logit, FAB_SHAPE(1)));
    }
    if (!target || !fab_backward(c, target, 1)) return false;
    if (!v.grid->grad) return fab_fail(&c->err, FAB_EINTERNAL, "the grid got no gradient");
    out->logp = (double)fab_f32(y)[0];
    out->logp_against = no ? (double)fab_f32(no)[0] : 0;
    fold(fab_f32(v.grid), v.grid->grad, look->grid * look->grid, look->dim, o->hires, out->heat);
    return true;
}

bool fab_gradcam(fab_engine *e, const fab_look *look, const char *question, const char *answer,
                 const fab_cam_opts *opts, fab_arena *a, fab_cam *out, fab_err *err)
{
    fab_cam_opts o = opts ? *opts : (fab_cam_opts){ 0 };
    *out = (fab_cam){ .grid = look->grid, .question = question, .answer = answer, .target = o };
    if (o.head < 0 || o.head > fab_engine_model(e)->model->cfg.classes)
        return fab_fail(err, FAB_EUSAGE, "heat map: label %d, the head has %d", o.head,
                        fab_engine_model(e)->model->cfg.classes);
    out->heat = fab_arena_take(a, (size_t)look->grid * (size_t)look->grid * sizeof *out->heat, err);
    sentence *s = fab_new_array(2, sizeof *s, err);
    fab_arena *scratch = fab_arena_new((size_t)8 << 20, err);
    bool ok = out->heat && s && scratch && sentence_init(e, &s[0], question, answer, err) &&
              (!o.against || sentence_init(e, &s[1], question, o.against, err));
    if (ok) {
        fab_ctx c;
        fab_ctx_init(&c, scratch, fab_engine_pool(e));
        ok = run(&c, fab_engine_model(e)->model, look, s, &o, out);
        if (!ok) fab_fail(err, c.err.code ? c.err.code : FAB_EINTERNAL, "heat map: %s", c.err.text);
    }
    if (ok) scale_heat(out);
    fab_arena_free(scratch);
    fab_free(s);
    return ok;
}

bool fab_heat_spread(const float *heat, int grid, int width, int height, float *out, fab_err *err)
{
    return fab_resize_f32(heat, (fab_size){ grid, grid }, 1, out, (fab_size){ width, height },
                          FAB_FILTER_BILINEAR, err);
}

/* ---- fidelity -------------------------------------------------------------------------------- */

typedef struct {
    fab_engine *e;
    const fab_look *look;
    const fab_cam *cam;
    uint8_t *painted;    /* [S,S,3] */
    const uint8_t *mask; /* [S,S] */
    uint8_t mean[3];
} deletion;

/* y of a picture, as the map's target was. */
static bool target_of(const deletion *d, const fab_look *look, double *y, fab_err *err)
{
    const fab_cam_opts *t = &d->cam->target;
    const char *const answers[] = { d->cam->answer, t->against };
    fab_score s[2] = { { 0, 0 }, { 0, 0 } };
    int n = t->against ? 2 : 1;
    if (!fab_engine_score(d->e, look, d->cam->question, answers, n, 1, s, err)) return false;
    *y = s[0].logp - s[1].logp + (t->head ? (double)look->classes[t->head - 1] : 0);
    return true;
}

/* y with the mask, shifted by dx, dy around the edges, painted over. */
static bool painted_target(deletion *d, int dx, int dy, double *y, fab_err *err)
{
    int S = d->look->side;
    for (int r = 0; r < S; r++)
        for (int c = 0; c < S; c++) {
            bool hit = d->mask[(r + S - dy) % S * S + (c + S - dx) % S];
            const uint8_t *from = hit ? d->mean : d->look->rgb + 3 * ((int64_t)r * S + c);
            memcpy(d->painted + 3 * ((int64_t)r * S + c), from, 3);
        }
    const fab_look *look = fab_engine_look_rgb(d->e, d->painted, S, S, err);
    bool ok = look && target_of(d, look, y, err);
    fab_look_unref(look);
    return ok;
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The hottest share of the spread heat; ties at the edge are taken in reading order until the area
 * is right. */
static bool hottest(const fab_cam *cam, int S, double share, uint8_t *mask, fab_arena *a,
                    fab_err *err)
{
    size_t n = (size_t)S * (size_t)S, want = (size_t)(share * (double)n), got = 0;
    float *heat = fab_arena_take(a, n * sizeof *heat, err),
          *sorted = fab_arena_take(a, n * sizeof *sorted, err);
    if (!heat || !sorted || !fab_heat_spread(cam->heat, cam->grid, S, S, heat, err)) return false;
    memcpy(sorted, heat, n * sizeof *heat);
    qsort(sorted, n, sizeof *sorted, descending);
    float edge = sorted[want ? want - 1 : 0];
    for (size_t i = 0; i < n; i++) got += mask[i] = heat[i] > edge;
    for (size_t i = 0; i < n && got < want; i++)
        if (heat[i] == edge && !mask[i]) got += mask[i] = 1;
    return true;
}

static void mean_colour(const fab_look *look, uint8_t mean[3])
{
    int64_t n = (int64_t)look->side * look->side;
    for (int j = 0; j < 3; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += look->rgb[3 * i + j];
        mean[j] = (uint8_t)(sum / (double)n + 0.5);
    }
}

static bool delete_and_ask(deletion *d, const fab_fidelity_opts *o, fab_fidelity *out, fab_err *err)
{
    double whole, y, sum = 0;
    int S = d->look->side;
    fab_rng rng;
    fab_rng_init(&rng, o->seed);
    /* from the same pixels as the painted ones: a lesion is cut out of what a look came from */
    const fab_look *small = fab_engine_look_rgb(d->e, d->look->rgb, S, S, err);
    bool ok = small && target_of(d, small, &whole, err);
    fab_look_unref(small);
    if (!ok || !painted_target(d, 0, 0, &y, err)) return false;
    *out = (fab_fidelity){ .share = o->share, .draws = o->draws, .drop_heat = whole - y };
    for (int i = 0; i < o->draws; i++) {
        int dx = S / 8 + (int)fab_rng_below(&rng, (uint32_t)(S - S / 4)),
            dy = (int)fab_rng_below(&rng, (uint32_t)S);
        if (!painted_target(d, dx, dy, &y, err)) return false;
        sum += whole - y;
        out->beaten += whole - y < out->drop_heat;
    }
    out->drop_random = sum / o->draws;
    return true;
}

bool fab_cam_fidelity(fab_engine *e, const fab_look *look, const fab_cam *cam,
                      const fab_fidelity_opts *opts, fab_fidelity *out, fab_err *err)
{
    fab_fidelity_opts o = opts ? *opts : (fab_fidelity_opts){ 0 };
    if (o.share <= 0 || o.share >= 1) o.share = 0.2;
    if (o.draws <= 0) o.draws = 6;
    size_t n = (size_t)look->side * (size_t)look->side;
    fab_arena *a = fab_arena_new(0, err);
    uint8_t *mask = a ? fab_arena_take(a, n, err) : NULL,
            *painted = mask ? fab_arena_take(a, 3 * n, err) : NULL;
    deletion d = { .e = e, .look = look, .cam = cam, .painted = painted, .mask = mask };
    mean_colour(look, d.mean);
    bool ok = painted && hottest(cam, look->side, o.share, mask, a, err) &&
              delete_and_ask(&d, &o, out, err);
    fab_arena_free(a);
    return ok;
}
