/* look: a picture as the model sees it, remembered by its content.
 *
 * One block holds a look: the counted header, its float arrays, then the SxS bytes. The cache is a
 * handful of slots searched in order; the slot not used for longest gives way. Counts and a closer
 * look come from the picture as it was: a look with one of them is remembered by that, too.
 */
#include "engine/engine_impl.h"

#include <string.h>
#include "base/hash.h"
#include "data/augment.h"
#include "media/resize.h"

typedef struct {
    fab_look look; /* first: what is handed out */
    int refs;
    char source[65]; /* SHA-256 of the picture as it was; "": depends on the SxS bytes alone */
} counted;

static const fab_look *look_ref(const fab_look *look)
{
    ((counted *)(uintptr_t)look)->refs++;
    return look;
}

void fab_look_unref(const fab_look *look)
{
    counted *c =
        (counted *)(uintptr_t)look; /* ours since look_new; the outside holds it read-only */
    if (c && --c->refs == 0) fab_free(c);
}

bool fab_engine_pixels(const uint8_t *rgb, int width, int height, int side, uint8_t *out,
                       fab_err *err)
{
    if (!rgb) return fab_fail(err, FAB_EUNSUPPORTED, "the picture has no pixels to look at");
    fab_size from = { width, height }, to = { side, side };
    return fab_resize_u8(rgb, from, 3, out, to, FAB_FILTER_BILINEAR, err);
}

static counted *look_new(const fab_mini_config *cfg, fab_err *err)
{
    int G = fab_mini_grid(cfg), D = fab_mini_width(cfg), S = cfg->image_size;
    fab_look l = { .side = S,
                   .grid = G,
                   .dim = D,
                   .n_tokens = fab_mini_tokens(cfg),
                   .width = (int)cfg->text.dim,
                   .embed = cfg->embed };
    size_t features = (size_t)G * (size_t)G * (size_t)D,
           tokens = (size_t)l.n_tokens * (size_t)l.width;
    size_t classes = (size_t)cfg->classes, dense = (size_t)G * (size_t)G * (size_t)cfg->labels;
    size_t floats =
        features + (size_t)D + tokens + (size_t)l.embed + classes + dense + FAB_COUNTER_KINDS;
    counted *c = fab_new(sizeof *c + floats * sizeof(float) + 3 * (size_t)S * (size_t)S, err);
    if (!c) return NULL;
    float *f = (float *)(c + 1);
    l.features = f;
    l.mean = f += features;
    l.tokens = f += D;
    l.embedding = f += tokens;
    l.classes = f += l.embed;
    l.dense = f += classes;
    l.counts = f += dense;
    l.rgb = (const uint8_t *)(f + FAB_COUNTER_KINDS);
    if (!cfg->classes) l.classes = NULL;
    if (!cfg->labels) l.dense = NULL;
    *c = (counted){ .look = l, .refs = 1 };
    return c;
}

static void keep(const float *to, const fab_tensor *from)
{
    if (to && from)
        memcpy((void *)(uintptr_t)to, fab_f32(from), (size_t)fab_count(from) * sizeof *to);
}

/* Runs the tower on l->rgb and fills the arrays. */
static bool see(fab_engine *e, fab_look *l, fab_err *err)
{
    fab_ctx *c = &e->ctx;
    const fab_mini *m = e->file->model;
    fab_ctx_reset(c);
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, l->side, l->side, 3));
    if (x) fab_to_float(l->rgb, l->side, fab_f32(x));
    fab_mini_view v = fab_mini_look(c, m, x, 0);
    fab_tensor *embedding = fab_mini_image_embed(c, m, &v);
    fab_tensor *classes = l->classes ? fab_mini_class(c, m, &v) : NULL;
    fab_tensor *dense = l->dense ? fab_mini_dense(c, m, &v) : NULL;
    if (!fab_engine_settle(e, err)) return false;
    if (!fab_all_finite(v.grid) || !fab_all_finite(v.tokens) || !fab_all_finite(embedding) ||
        (classes && !fab_all_finite(classes)) || (dense && !fab_all_finite(dense)))
        return fab_fail(err, FAB_EFORMAT, "%s: the weights give values that are not finite",
                        e->path);
    keep(l->features, v.grid);
    keep(l->mean, v.mean);
    keep(l->tokens, v.tokens);
    keep(l->embedding, embedding);
    keep(l->classes, classes);
    keep(l->dense, dense);
    return true;
}

static bool count(fab_engine *e, fab_look *l, const uint8_t *rgb, int width, int height,
                  fab_err *err)
{
    float *to = (float *)(uintptr_t)l->counts;
    if (!fab_engine_counts(e, l)) l->counts = NULL;
    return !l->counts || fab_engine_count(e, rgb, width, height, to, err);
}

static void find_source(const uint8_t *rgb, int width, int height, char source[65])
{
    char all[100];
    fab_sha256_hex(rgb, (size_t)width * (size_t)height * 3, source);
    int n = snprintf(all, sizeof all, "%s %d %d", source, width, height);
    fab_sha256_hex(all, (size_t)n, source);
}

static const fab_look *remembered(fab_engine *e, const char *key, const uint8_t *rgb, int width,
                                  int height)
{
    char source[65] = "";
    for (int i = 0; i < FAB_LOOK_CACHE; i++) {
        const counted *c = (const void *)e->cache[i].look;
        if (!c || strcmp(c->look.key, key) != 0) continue;
        if (*c->source && !*source) find_source(rgb, width, height, source);
        if (*c->source && strcmp(c->source, source) != 0) continue;
        e->cache[i].used = ++e->clock;
        return e->cache[i].look;
    }
    return NULL;
}

static void remember(fab_engine *e, const fab_look *l)
{
    int oldest = 0;
    for (int i = 1; i < FAB_LOOK_CACHE; i++)
        if (e->cache[i].used < e->cache[oldest].used) oldest = i;
    fab_look_unref(e->cache[oldest].look);
    e->cache[oldest].look = look_ref(l);
    e->cache[oldest].used = ++e->clock;
}

const fab_look *fab_engine_look_rgb(fab_engine *e, const uint8_t *rgb, int width, int height,
                                    fab_err *err)
{
    counted *c = look_new(&e->file->model->cfg, err);
    if (!c) return NULL;
    fab_look *l = &c->look;
    uint8_t *pixels = (uint8_t *)(uintptr_t)l->rgb;
    if (!fab_engine_pixels(rgb, width, height, l->side, pixels, err)) {
        fab_look_unref(l);
        return NULL;
    }
    fab_sha256_hex(pixels, 3 * (size_t)l->side * (size_t)l->side, l->key);
    const fab_look *known = remembered(e, l->key, rgb, width, height);
    bool closer = false;
    if (known || !see(e, l, err) ||
        !fab_engine_look_closer(e, l, rgb, width, height, &closer, err) ||
        !count(e, l, rgb, width, height, err)) {
        fab_look_unref(l);
        return known ? look_ref(known) : NULL;
    }
    if (closer || l->counts) find_source(rgb, width, height, c->source);
    remember(e, l);
    return l;
}

const fab_look *fab_engine_look(fab_engine *e, const fab_image *im, fab_err *err)
{
    return fab_engine_look_rgb(e, im->rgb, im->width, im->height, err);
}

const fab_look *fab_engine_look_grey(fab_engine *e, fab_err *err)
{
    int S = e->file->model->cfg.image_size;
    uint8_t *grey = fab_new_array((size_t)S * (size_t)S, 3, err);
    if (!grey) return NULL;
    memset(grey, 128, 3 * (size_t)S * (size_t)S);
    const fab_look *l = fab_engine_look_rgb(e, grey, S, S, err);
    fab_free(grey);
    return l;
}
