/* store: decoded pictures of a run. See store.h. */
#include "data/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/progress.h"
#include "media/image.h"
#include "media/resize.h"

#define MAGIC "FABSTOR1"
enum { HEAD = 4096, MAX_SIDE = 2048 };

struct fab_store {
    fab_file file;   /* mapped cache, or */
    uint8_t *memory; /* our own */
    const uint8_t *pixels;
    int32_t n;
    int side;
};

bool fab_picture_load(const char *path, int side, bool trusted, uint8_t *rgb, fab_err *err)
{
    fab_image_opts o = FAB_IMAGE_OPTS_DEFAULTS;
    o.no_raw = true;
    o.trusted = trusted;
    fab_image *im = fab_image_open(path, &o, err);
    if (!im) return false;
    fab_size from = { im->width, im->height }, to = { side, side };
    bool ok = fab_resize_u8(im->rgb, from, 3, rgb, to, FAB_FILTER_BILINEAR, err);
    fab_image_free(im);
    return ok || fab_while(err, "%s", path);
}

static size_t picture_bytes(int side) { return (size_t)side * (size_t)side * 3; }

/* ---- work over all pictures: fingerprints, then pixels ---- */

typedef struct {
    const char *const *paths;
    int side;
    uint64_t *marks; /* fingerprint of every file */
    uint8_t *pixels;
    fab_err *errs;   /* one a worker */
    int32_t *failed; /* the picture of that error */
    atomic_int done;
    fab_progress *progress;
} job;

static void note(job *w, int worker, int32_t picture)
{
    if (w->failed[worker] < 0 && w->errs[worker].code != FAB_OK) w->failed[worker] = picture;
    int done = atomic_fetch_add(&w->done, 1) + 1;
    if (worker == 0) fab_progress_set(w->progress, done, NULL);
}

static void mark_one(void *arg, int i, int worker)
{
    job *w = arg;
    fab_file f = { 0 };
    w->marks[i] = 0;
    if (fab_file_map(&f, w->paths[i], 0, &w->errs[worker]))
        w->marks[i] = fab_hash64(f.data, f.size, f.size);
    fab_file_unmap(&f);
    note(w, worker, i);
}

static void load_one(void *arg, int i, int worker)
{
    job *w = arg;
    if (w->errs[worker].code == FAB_OK)
        fab_picture_load(w->paths[i], w->side, true, w->pixels + (size_t)i * picture_bytes(w->side),
                         &w->errs[worker]);
    note(w, worker, i);
}

/* Runs fn over every picture; the error of the earliest failed picture wins, whatever the number
 * of threads. */
static bool run_all(job *w, const char *name, int32_t n, fab_pool *pool, fab_task_fn fn,
                    fab_err *err)
{
    int threads = fab_pool_threads(pool);
    fab_progress bar;
    w->errs = fab_new_array((size_t)threads, sizeof *w->errs, err);
    w->failed = fab_new_array((size_t)threads, sizeof *w->failed, err);
    w->progress = &bar;
    atomic_init(&w->done, 0);
    bool ok = w->errs && w->failed;
    if (ok) {
        for (int t = 0; t < threads; t++) w->failed[t] = -1;
        fab_progress_init(&bar, name, n);
        fab_pool_run(pool, n, fn, w);
        fab_progress_clear(&bar);
        int first = -1;
        for (int t = 0; t < threads; t++)
            if (w->failed[t] >= 0 && (first < 0 || w->failed[t] < w->failed[first])) first = t;
        if (first >= 0) ok = fab_fail(err, w->errs[first].code, "%s", w->errs[first].text);
    }
    fab_free(w->errs);
    fab_free(w->failed);
    return ok;
}

/* ---- the cache file ---- */

static bool key_of(const char *const *paths, int32_t n, fab_pool *pool, char key[65], fab_err *err)
{
    job w = { .paths = paths, .marks = fab_new_array((size_t)n, sizeof(uint64_t), err) };
    bool ok = w.marks && run_all(&w, "checking pictures", n, pool, mark_one, err);
    if (ok) fab_sha256_hex(w.marks, (size_t)n * sizeof *w.marks, key);
    fab_free(w.marks);
    return ok;
}

static void write_head(uint8_t head[HEAD], int side, int32_t n, const char key[65])
{
    memset(head, 0, HEAD);
    memcpy(head, MAGIC, 8);
    fab_put_le32(head + 8, (uint32_t)side);
    fab_put_le32(head + 12, (uint32_t)n);
    memcpy(head + 16, key, 64);
}

/* Whether the cache holds exactly these pictures; anything else is not an error, it is made
 * anew. */
static bool reuse(fab_store *s, const char *cache_path, const char key[65])
{
    uint8_t head[HEAD];
    write_head(head, s->side, s->n, key);
    if (!fab_exists(cache_path) || !fab_file_map(&s->file, cache_path, 0, NULL)) return false;
    if (s->file.size == HEAD + (size_t)s->n * picture_bytes(s->side) &&
        !memcmp(s->file.data, head, HEAD)) {
        s->pixels = s->file.data + HEAD;
        return true;
    }
    fab_file_unmap(&s->file);
    s->file = (fab_file){ 0 };
    return false;
}

static bool save(const fab_store *s, const char *cache_path, const char key[65], fab_err *err)
{
    uint8_t head[HEAD];
    fab_out o;
    write_head(head, s->side, s->n, key);
    if (!fab_out_open(&o, cache_path, err)) return false;
    bool ok = fab_out_write(&o, head, HEAD, err) &&
              fab_out_write(&o, s->memory, (size_t)s->n * picture_bytes(s->side), err) &&
              fab_out_commit(&o, err);
    if (!ok) fab_out_abort(&o);
    return ok;
}

static bool fill(fab_store *s, const char *const *paths, fab_pool *pool, const char *cache_path,
                 fab_err *err)
{
    char key[65] = "";
    if (cache_path && !key_of(paths, s->n, pool, key, err)) return false;
    if (cache_path && reuse(s, cache_path, key)) return true;
    s->memory = fab_aligned_new((size_t)s->n * picture_bytes(s->side) + 1, err);
    if (!s->memory) return false;
    job w = { .paths = paths, .side = s->side, .pixels = s->memory };
    if (!run_all(&w, "decoding pictures", s->n, pool, load_one, err)) return false;
    s->pixels = s->memory;
    if (!cache_path || !save(s, cache_path, key, err)) return !cache_path;
    if (reuse(s, cache_path, key)) { /* from here on the kernel may drop the pages */
        fab_aligned_free(s->memory);
        s->memory = NULL;
    }
    return true;
}

fab_store *fab_store_open(const char *const *paths, int32_t n, int side, fab_pool *pool,
                          const char *cache_path, fab_err *err)
{
    if (side < 1 || side > MAX_SIDE || n < 0)
        return fab_fail(err, FAB_ELIMIT, "store of %d pictures of side %d: side must be 1 to %d",
                        (int)n, side, MAX_SIDE),
               NULL;
    fab_store *s = fab_new(sizeof *s, err);
    if (!s) return NULL;
    s->n = n;
    s->side = side;
    if (fill(s, paths, pool, cache_path, err)) return s;
    fab_store_close(s);
    return NULL;
}

void fab_store_close(fab_store *s)
{
    if (!s) return;
    fab_file_unmap(&s->file);
    fab_aligned_free(s->memory);
    fab_free(s);
}

const uint8_t *fab_store_get(const fab_store *s, int32_t i)
{
    return s->pixels + (size_t)i * picture_bytes(s->side);
}

int fab_store_side(const fab_store *s) { return s->side; }

int32_t fab_store_count(const fab_store *s) { return s->n; }
