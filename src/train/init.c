/* init: what a run's weights start from: a finished mini, published weights of the tower's trunks,
 * or both: then the published ones are for the still trunk alone, the finished model brings its
 * own, unless that is left.
 *
 * Of a finished model every tensor is taken whose name and shape the recipe's model has; the others
 * keep their fresh values and are counted in the log, so a head may be added or a tower changed; so
 * do those that the recipe leaves. Learnt
 * positions of another image size are resampled. Its tokenizer comes along, since the rows of the
 * embedding are its tokens.
 */
#include <math.h>
#include <string.h>
#include "base/log.h"
#include "media/resize.h"
#include "train/session.h"
#include "zoo/source.h"
#include "zoo/tokenizer_file.h"

/* ---- files ----------------------------------------------------------------------------------- */

bool fab_session_find(fab_session *s, const fab_train_opts *o, const char *field, const char *name,
                      const char *hint, const char **path, fab_err *err)
{
    *path = NULL;
    if (!name) return true;
    char *dir = fab_path_dir(s->arena, o->recipe, err);
    char *beside = dir ? fab_path_join(s->arena, dir, name, err) : NULL;
    if (!beside) return false;
    *path = fab_exists(name) ? name : beside;
    return fab_exists(*path) ||
           fab_fail(err, FAB_EUSAGE, "recipe: %s is %s, and there is no such file%s", field, name,
                    hint);
}

bool fab_session_init_find(fab_session *s, const fab_train_opts *o, fab_init_files *out,
                           fab_err *err)
{
    *out = (fab_init_files){ .leave = s->recipe.init_leave };
    if (o->resume && fab_checkpoint_exists(s->recipe.out_dir)) return true;
    return fab_session_find(s, o, "init: tower", s->recipe.init_tower,
                            "; tools/get-weights efficientnet-lite0 fetches it", &out->tower,
                            err) &&
           fab_session_find(s, o, "init: model", s->recipe.init_model, "", &out->model, err);
}

fab_bpe *fab_session_init_tokenizer(const fab_init_files *from, fab_err *err)
{
    fab_weights *w = fab_weights_open(from->model, err);
    fab_bpe *b = w ? fab_bpe_from_weights(w, err) : NULL;
    if (w && !b) fab_while(err, "%s", from->model);
    fab_weights_close(w);
    return b;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool same_shape(const fab_weight *w, const fab_tensor *t)
{
    bool same = w->ndim == t->ndim;
    for (int i = 0; same && i < w->ndim; i++) same = w->shape[i] == t->shape[i];
    return same;
}

/* Its values as f32, all finite. */
static const float *widen(fab_arena *a, const fab_weight *w, fab_err *err)
{
    const float *x = fab_source_f32(w, NULL, a, err);
    int64_t n = 0;
    fab_dtype_size(w->dtype, w->ndim, w->shape, &n, NULL);
    for (int64_t i = 0; x && i < n; i++)
        if (!isfinite(x[i])) return fab_fail(err, FAB_EFORMAT, "%s: not finite", w->name), NULL;
    return x;
}

/* One grid of learnt positions, [from*from, D] to [to*to, D]: a grid of another image size. */
static bool resample(fab_arena *a, const float *old, int from, float *out, int to, int64_t D,
                     fab_err *err)
{
    float *plane = fab_arena_take(a, (size_t)(from * from + to * to) * sizeof *plane, err);
    bool ok = plane != NULL;
    for (int64_t d = 0; ok && d < D; d++) {
        float *resized = plane + from * from;
        for (int i = 0; i < from * from; i++) plane[i] = old[i * D + d];
        ok = fab_resize_f32(plane, (fab_size){ from, from }, 1, resized, (fab_size){ to, to },
                            FAB_FILTER_BILINEAR, err);
        for (int i = 0; ok && i < to * to; i++) out[i * D + d] = resized[i];
    }
    return ok;
}

/* Positions of a file at another image size: its fine grid and, where there is one, the coarse one
 * of half the side behind it. */
static bool fill_positions(fab_session *s, const fab_weights *file, const fab_weight *w,
                           fab_err *err)
{
    fab_tensor *t = s->model->pos;
    int64_t side;
    if (!fab_weights_int(file, "fabrica-mini.image_size", &side, err)) return false;
    const int from = (int)(side / 16), to = fab_mini_grid(&s->model->cfg);
    const int64_t D = t->shape[1], fine = (int64_t)from * from,
                  coarse = t->shape[0] > to * to ? (int64_t)(from / 2) * (from / 2) : 0;
    if (w->ndim != 2 || w->shape[1] != D || w->shape[0] != fine + coarse)
        return fab_fail(err, FAB_EFORMAT, "pos has %lld rows, %lld belong to an image size of %lld",
                        (long long)w->shape[0], (long long)(fine + coarse), (long long)side);
    const float *old = widen(s->step_arena, w, err);
    return old && resample(s->step_arena, old, from, fab_f32(t), to, D, err) &&
           (!coarse || resample(s->step_arena, old + fine * D, from / 2,
                                fab_f32(t) + (int64_t)to * to * D, to / 2, D, err));
}

static bool take(fab_arena *a, const fab_weight *w, fab_tensor *t, fab_err *err)
{
    const float *x = widen(a, w, err);
    if (x) memcpy(fab_f32(t), x, (size_t)fab_count(t) * sizeof *x);
    return x != NULL;
}

bool fab_session_take_all(fab_session *s, const fab_weights *w, const fab_param_list *l,
                          fab_err *err)
{
    for (int64_t i = 0; i < l->n; i++) {
        const fab_weight *from = fab_weights_find(w, l->items[i]->name, err);
        if (!from) return false;
        int64_t n = 0;
        fab_dtype_size(from->dtype, from->ndim, from->shape, &n, NULL);
        if (!same_shape(from, l->items[i]))
            return fab_fail(err, FAB_EFORMAT, "%s has another shape: %lld numbers, %lld are wanted",
                            from->name, (long long)n, (long long)fab_count(l->items[i]));
        fab_arena_reset(s->step_arena);
        if (!take(s->step_arena, from, l->items[i], err)) return false;
    }
    return true;
}

bool fab_session_keep_cost(fab_session *s, const char *text, fab_err *err)
{
    json_t *card = text ? fab_json_parse(text, strlen(text), NULL) : NULL,
           *kept = json_pack("{s:O*, s:O*}", "cost", json_object_get(card, "cost"), "before",
                             json_object_get(card, "before"));
    bool ok = true;
    if (json_object_get(kept, "cost")) {
        char *path = fab_path_join(s->arena, s->recipe.out_dir, "before.json", err);
        ok = path && fab_json_write(path, kept, err);
    }
    json_decref(kept);
    json_decref(card);
    return ok;
}

bool fab_session_tell_cost(fab_session *s, json_t *card, fab_err *err)
{
    char *path = fab_path_join(s->arena, s->recipe.out_dir, "before.json", err);
    if (!path || !fab_exists(path)) return path != NULL;
    json_t *before = fab_json_open(path, err);
    return before && (json_object_set_new(card, "before", before) == 0 ||
                      fab_fail(err, FAB_ENOMEM, "no memory for the card"));
}

/* Whether the name begins with one of the prefixes, which stand between blanks. */
static bool is_left(const char *prefixes, const char *name)
{
    for (const char *at = prefixes ? prefixes : ""; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n && !strncmp(at, name, n)) return true;
        at += n;
    }
    return false;
}

/* Each of the prefixes must be one: a name that is spelt wrong would leave nothing, unseen. */
static bool check_leave(const fab_param_list *l, const char *prefixes, fab_err *err)
{
    for (const char *at = prefixes ? prefixes : ""; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        bool found = !n;
        for (int64_t i = 0; !found && i < l->n; i++) found = !strncmp(l->items[i]->name, at, n);
        if (!found)
            return fab_fail(err, FAB_EUSAGE, "recipe: init: leave: no parameter begins with '%.*s'",
                            (int)(n < 60 ? n : 60), at);
        at += n;
    }
    return true;
}

static bool start_model(fab_session *s, const char *path, const char *leave, fab_err *err)
{
    if (!check_leave(&s->model->list, leave, err)) return false;
    fab_weights *w = fab_weights_open(path, err);
    if (!w) return false;
    const fab_param_list *l = &s->model->list;
    int64_t taken = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < l->n; i++) {
        fab_tensor *t = l->items[i];
        if (is_left(leave, t->name)) continue;
        const fab_weight *from = fab_weights_find(w, t->name, NULL);
        bool same = from && same_shape(from, t);
        if (!from || (!same && t != s->model->pos)) continue;
        fab_arena_reset(s->step_arena);
        ok = same ? take(s->step_arena, from, t, err) : fill_positions(s, w, from, err);
        taken++;
    }
    if (ok && !taken) ok = fab_fail(err, FAB_EUSAGE, "no tensor of it is in the recipe's model");
    ok = ok && fab_session_keep_cost(s, fab_weights_str(w, "fabrica.card", NULL), err);
    if (!ok) fab_while(err, "%s", path);
    else
        fab_log(FAB_LOG_INFO, "model: %lld of %lld tensors start from %s", (long long)taken,
                (long long)l->n, path);
    fab_weights_close(w);
    return ok;
}

static bool start_tower(fab_session *s, const char *path, fab_start which, fab_err *err)
{
    fab_weights *w = fab_weights_open(path, err);
    if (!w) return false; /* the file is named already */
    bool ok = fab_mini_start_tower(s->model, w, which, err) || fab_while(err, "%s", path);
    fab_weights_close(w);
    if (ok) fab_log(FAB_LOG_INFO, "tower: starts from %s", path);
    return ok;
}

bool fab_session_init_weights(fab_session *s, const fab_init_files *from, fab_err *err)
{
    const bool brings = from->model && !is_left(from->leave, FAB_MINI_TRUNK);
    const fab_start which = brings ? FAB_START_STILL : FAB_START_TRUNKS;
    return (!from->model || start_model(s, from->model, from->leave, err)) &&
           (!from->tower || start_tower(s, from->tower, which, err));
}
