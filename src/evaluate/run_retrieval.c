/* run_retrieval: pairs of images and texts as vectors, of a model or from a file. See retrieval.h. */
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "data/record.h"
#include "evaluate/retrieval.h"

void fab_pairs_clear(fab_pairs *p)
{
    fab_free(p->images);
    fab_free(p->texts);
    fab_free(p->text_of);
    fab_free(p->image_ids);
    fab_arena_free(p->arena);
    *p = (fab_pairs){ 0 };
}

/* Room for one image and one text more. */
static bool make_room(fab_pairs *p, int64_t *cap, fab_err *err)
{
    if (p->n_images < *cap) return true;
    int64_t n = *cap ? 2 * *cap : 256;
    size_t row = (size_t)p->E * sizeof(float);
    *cap = n;
    return fab_grow((void **)&p->images, (size_t)n, row, err) &&
           fab_grow((void **)&p->texts, (size_t)n, row, err) &&
           fab_grow((void **)&p->text_of, (size_t)n, sizeof *p->text_of, err) &&
           fab_grow((void **)&p->image_ids, (size_t)n, sizeof *p->image_ids, err);
}

/* ---- a file of vectors ------------------------------------------------------------------------- */

typedef struct {
    fab_pairs *p;
    int64_t cap, limit;
} reader;

static bool vector(const json_t *o, const char *key, int64_t E, float *out, fab_err *err)
{
    const json_t *list = json_object_get(o, key);
    double sum = 0;
    if ((int64_t)json_array_size(list) != E)
        return fab_fail(err, FAB_EFORMAT, "%s: %zu numbers, the first image has %lld", key,
                        json_array_size(list), (long long)E);
    for (int64_t i = 0; i < E; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        out[i] = (float)json_number_value(v);
        if (!json_is_number(v) || !isfinite(out[i]))
            return fab_fail(err, FAB_EFORMAT, "%s: number %lld is not a finite number", key,
                            (long long)i + 1);
        sum += (double)out[i] * out[i];
    }
    if (!(sum > 0)) return fab_fail(err, FAB_EFORMAT, "%s: a vector of length 0", key);
    for (int64_t i = 0; i < E; i++) out[i] = (float)(out[i] / sqrt(sum));
    return true;
}

static bool one_pair(void *arg, const json_t *o, fab_err *err)
{
    reader *r = arg;
    fab_pairs *p = r->p;
    if (r->limit > 0 && p->n_images >= r->limit) return true;
    if (!p->E) p->E = (int64_t)json_array_size(json_object_get(o, "image"));
    if (!p->E) return fab_fail(err, FAB_EFORMAT, "no field \"image\" with a list of numbers");
    if (!make_room(p, &r->cap, err)) return false;
    int64_t n = p->n_images;
    if (!vector(o, "image", p->E, p->images + n * p->E, err) ||
        !vector(o, "text", p->E, p->texts + n * p->E, err))
        return false;
    const char *id = fab_json_str(o, "id", NULL);
    p->image_ids[n] = fab_arena_strdup(p->arena, id ? id : "", err);
    p->text_of[n] = (int32_t)n;
    p->n_images = p->n_texts = n + 1;
    return p->image_ids[n] != NULL;
}

bool fab_pairs_read(fab_pairs *p, const char *path, int64_t limit, fab_err *err)
{
    reader r = { p, 0, limit };
    *p = (fab_pairs){ .arena = fab_arena_new(0, err) };
    if (!p->arena || !fab_jsonl_each(path, one_pair, &r, err)) return false;
    return p->n_images || fab_fail(err, FAB_EFORMAT, "%s: no records", path);
}

/* ---- a model ----------------------------------------------------------------------------------- */

typedef struct {
    fab_pairs *p;
    fab_engine *e;
    fab_embedder *published;
    const fab_eval_opts *o;
    const char *dir, *caption;
    fab_path_list texts;
    int64_t cap, seen;
} embedding;

static void tell(embedding *x, const char *id, const fab_err *bad)
{
    char s[600];
    snprintf(s, sizeof s, "%s: %s", id, bad->text);
    x->p->failed++;
    if (x->o->on_bad) x->o->on_bad(x->o->arg, s);
}

static bool embed_text(embedding *x, const char *text, float *out, fab_err *err)
{
    return x->e ? fab_engine_embed_text(x->e, &text, 1, out, err)
                : fab_embedder_texts(x->published, &text, 1, out, err);
}

static bool embed_image(embedding *x, const char *path, float *out, fab_err *err)
{
    fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
    how.no_raw = true;
    fab_image *im = fab_image_open(path, &how, err);
    bool ok = im != NULL;
    if (ok && x->e) {
        const fab_look *look = fab_engine_look(x->e, im, err);
        ok = look != NULL;
        if (ok) memcpy(out, look->embedding, (size_t)x->p->E * sizeof *out);
        fab_look_unref(look);
    } else if (ok) {
        const fab_picture one = { im->rgb, im->width, im->height };
        ok = fab_embedder_pictures(x->published, &one, 1, out, err);
    }
    fab_image_free(im);
    return ok;
}

/* The text's number; embedded when it is new. -1: bad says why. */
static int32_t text_number(embedding *x, const char *text, fab_err *bad)
{
    int32_t at = fab_paths_find(&x->texts, text);
    if (at >= 0) return at;
    if (!embed_text(x, text, x->p->texts + x->p->n_texts * x->p->E, bad)) return -1;
    at = fab_paths_add(&x->texts, text, bad);
    if (at >= 0) x->p->n_texts++;
    return at;
}

static bool one_record(void *arg, const json_t *o, fab_err *err)
{
    embedding *x = arg;
    fab_pairs *p = x->p;
    if (x->o->limit > 0 && x->seen >= x->o->limit) return true;
    const char *image = fab_json_str(o, "image", err),
               *text = image ? fab_json_str(o, x->caption, err) : NULL,
               *id = fab_json_str(o, "id", NULL);
    if (!text) return false;
    const char *path = fab_path_join(p->arena, x->dir, image, err);
    fab_err bad = FAB_ERR_INIT;
    if (!path || !make_room(p, &x->cap, err)) return false;
    x->seen++;
    if (!id) id = image;
    if (!embed_image(x, path, p->images + p->n_images * p->E, &bad) ||
        (p->text_of[p->n_images] = text_number(x, text, &bad)) < 0) {
        if (bad.code == FAB_ENOMEM) return fab_fail(err, bad.code, "%s", bad.text);
        tell(x, id, &bad);
    } else if (!(p->image_ids[p->n_images++] = fab_arena_strdup(p->arena, id, err))) return false;
    if (x->o->on_step) x->o->on_step(x->o->arg, x->seen, x->o->limit);
    return true;
}

/* A text whose image failed has no image: it would be a query without an answer. */
static void drop_orphans(fab_pairs *p)
{
    for (int64_t t = 0; t < p->n_texts;) {
        bool used = false;
        for (int64_t i = 0; i < p->n_images && !used; i++) used = p->text_of[i] == t;
        if (used) {
            t++;
            continue;
        }
        int64_t last = --p->n_texts;
        memmove(p->texts + t * p->E, p->texts + last * p->E, (size_t)p->E * sizeof *p->texts);
        for (int64_t i = 0; i < p->n_images; i++)
            if (p->text_of[i] == last) p->text_of[i] = (int32_t)t;
    }
}

bool fab_pairs_embed(fab_pairs *p, const char *path, const char *images_dir, const char *caption,
                     fab_engine *e, fab_embedder *published, const fab_eval_opts *o, fab_err *err)
{
    *p = (fab_pairs){ .arena = fab_arena_new(0, err) };
    if (!p->arena) return false;
    embedding x = { .p = p, .e = e, .published = published, .o = o, .caption = caption };
    p->E = e ? fab_engine_model(e)->model->cfg.embed : fab_embedder_about(published)->embed;
    x.dir = images_dir ? images_dir : fab_path_dir(p->arena, path, err);
    bool ok = x.dir && fab_paths_init(&x.texts, err) && fab_jsonl_each(path, one_record, &x, err);
    fab_paths_clear(&x.texts);
    if (!ok) return false;
    if (!x.seen) return fab_fail(err, FAB_EFORMAT, "%s: no records", path);
    if (!p->n_images)
        return fab_fail(err, FAB_EFORMAT, "%s: none of %lld records could be used", path,
                        (long long)x.seen);
    drop_orphans(p);
    return true;
}
