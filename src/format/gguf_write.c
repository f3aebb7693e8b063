/* gguf_write: builds a GGUF v3 file (layout at the head of gguf.c).
 *
 * Keys are serialised as they come into one growing block; tensor infos keep the borrowed data
 * pointers. The write then streams header, keys, infos and the padded tensors in order. The first
 * failure is kept in g->err and reported by write. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "format/gguf_types.h"
#include "format/weights_table.h"
#include "format/weights_write.h"

typedef struct {
    uint8_t *bytes;
    size_t n, room;
    uint64_t count; /* keys or tensors in it */
} block;

typedef struct {
    const void *data;
    uint64_t bytes;
} piece;

struct fab_gguf {
    fab_err err;
    fab_arena *names;
    block keys, infos;
    const char **seen[2]; /* names of keys and of tensors, for duplicates */
    piece *tensors;
    uint64_t room[2], offset;
};

fab_gguf *fab_gguf_new(fab_err *err)
{
    fab_gguf *g = fab_new(sizeof *g, err);
    if (g && (g->names = fab_arena_new(0, err))) return g;
    fab_gguf_free(g);
    return NULL;
}

void fab_gguf_free(fab_gguf *g)
{
    if (!g) return;
    fab_free(g->keys.bytes);
    fab_free(g->infos.bytes);
    fab_free(g->seen[0]);
    fab_free(g->seen[1]);
    fab_free(g->tensors);
    fab_arena_free(g->names);
    fab_free(g);
}

/* --- bytes --- */

static bool put(fab_gguf *g, block *b, const void *data, size_t n)
{
    if (g->err.code) return false;
    if (!n) return true;
    if (n > b->room - b->n) {
        size_t want = b->room ? b->room : 4096;
        while (n > want - b->n) want *= 2;
        if (!fab_grow((void **)&b->bytes, want, 1, &g->err)) return false;
        b->room = want;
    }
    memcpy(b->bytes + b->n, data, n);
    b->n += n;
    return true;
}

static bool put_u32(fab_gguf *g, block *b, uint32_t v)
{
    uint8_t le[4];
    fab_put_le32(le, v);
    return put(g, b, le, sizeof le);
}

static bool put_u64(fab_gguf *g, block *b, uint64_t v)
{
    uint8_t le[8];
    fab_put_le64(le, v);
    return put(g, b, le, sizeof le);
}

static bool put_str(fab_gguf *g, block *b, const char *s)
{
    return put_u64(g, b, strlen(s)) && put(g, b, s, strlen(s));
}

/* Begins a key or tensor: remembers its name, then writes it. */
static bool begin(fab_gguf *g, block *b, const char *name)
{
    int which = b == &g->infos;
    uint64_t n = b->count;

    if (g->err.code) return false;
    if (!*name)
        return fab_fail(&g->err, FAB_EINTERNAL, "a %s without a name", which ? "tensor" : "key");
    if (n == g->room[which]) {
        uint64_t want = n ? 2 * n : 64;
        if (!fab_grow((void **)&g->seen[which], want, sizeof *g->seen[which], &g->err) ||
            (which && !fab_grow((void **)&g->tensors, want, sizeof *g->tensors, &g->err)))
            return false;
        g->room[which] = want;
    }
    char *copy = fab_arena_strdup(g->names, name, &g->err);
    if (!copy) return false;
    g->seen[which][b->count++] = copy;
    return put_str(g, b, name);
}

static bool begin_key(fab_gguf *g, const char *key, fab_kv_type type)
{
    return begin(g, &g->keys, key) && put_u32(g, &g->keys, type);
}

static bool begin_array(fab_gguf *g, const char *key, fab_kv_type item, int64_t n)
{
    return begin_key(g, key, FAB_KV_ARRAY) && put_u32(g, &g->keys, item) &&
           put_u64(g, &g->keys, (uint64_t)n);
}

/* --- keys --- */

bool fab_gguf_u32(fab_gguf *g, const char *key, uint32_t v)
{
    return begin_key(g, key, FAB_KV_U32) && put_u32(g, &g->keys, v);
}

bool fab_gguf_i32(fab_gguf *g, const char *key, int32_t v)
{
    return begin_key(g, key, FAB_KV_I32) && put_u32(g, &g->keys, (uint32_t)v);
}

bool fab_gguf_u64(fab_gguf *g, const char *key, uint64_t v)
{
    return begin_key(g, key, FAB_KV_U64) && put_u64(g, &g->keys, v);
}

bool fab_gguf_f32(fab_gguf *g, const char *key, float v)
{
    return begin_key(g, key, FAB_KV_F32) && put_u32(g, &g->keys, fab_f32_bits(v));
}

bool fab_gguf_bool(fab_gguf *g, const char *key, bool v)
{
    uint8_t b = v;
    return begin_key(g, key, FAB_KV_BOOL) && put(g, &g->keys, &b, 1);
}

bool fab_gguf_str(fab_gguf *g, const char *key, const char *v)
{
    return begin_key(g, key, FAB_KV_STR) && put_str(g, &g->keys, v);
}

bool fab_gguf_strs(fab_gguf *g, const char *key, const char *const *v, int64_t n)
{
    bool ok = begin_array(g, key, FAB_KV_STR, n);
    for (int64_t i = 0; ok && i < n; i++) ok = put_str(g, &g->keys, v[i]);
    return ok;
}

bool fab_gguf_i32s(fab_gguf *g, const char *key, const int32_t *v, int64_t n)
{
    bool ok = begin_array(g, key, FAB_KV_I32, n);
    for (int64_t i = 0; ok && i < n; i++) ok = put_u32(g, &g->keys, (uint32_t)v[i]);
    return ok;
}

bool fab_gguf_f32s(fab_gguf *g, const char *key, const float *v, int64_t n)
{
    bool ok = begin_array(g, key, FAB_KV_F32, n);
    for (int64_t i = 0; ok && i < n; i++) ok = put_u32(g, &g->keys, fab_f32_bits(v[i]));
    return ok;
}

bool fab_gguf_copy(fab_gguf *g, const fab_weights *w, const char *const *but)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < w->n_kv; i++) {
        const fab_kv *kv = w->kv + i;
        int skip = 0;
        while (but[skip] && strcmp(but[skip], kv->key) != 0) skip++;
        if (but[skip]) continue;
        if (kv->type == FAB_KV_STR) ok = fab_gguf_str(g, kv->key, kv->str);
        else if (kv->type != FAB_KV_ARRAY)
            ok = begin_key(g, kv->key, kv->type) &&
                 put(g, &g->keys, kv->raw, (size_t)fab_kv_type_size(kv->type));
        else if (kv->item == FAB_KV_STR) ok = fab_gguf_strs(g, kv->key, kv->strs, kv->n);
        else
            ok = begin_array(g, kv->key, kv->item, kv->n) &&
                 put(g, &g->keys, kv->raw, (size_t)kv->n * (size_t)fab_kv_type_size(kv->item));
    }
    return ok;
}

/* --- tensors --- */

bool fab_gguf_tensor(fab_gguf *g, const char *name, fab_dtype dtype, int ndim, const int64_t *shape,
                     const void *data)
{
    uint32_t number;
    uint64_t bytes, i = g->infos.count;

    if (g->err.code) return false;
    if (strlen(name) >= FAB_GGUF_MAX_NAME)
        return fab_fail(&g->err, FAB_EINTERNAL, "tensor '%s': a name of %zu bytes, at most %d",
                        name, strlen(name), FAB_GGUF_MAX_NAME - 1);
    if (!fab_gguf_number(dtype, &number))
        return fab_fail(&g->err, FAB_EUNSUPPORTED, "tensor '%s': GGUF has no %s", name,
                        fab_dtype_name(dtype));
    if (ndim > FAB_GGUF_MAX_DIM || !fab_dtype_size(dtype, ndim, shape, NULL, &bytes))
        return fab_fail(&g->err, FAB_EINTERNAL,
                        "tensor '%s': %d dimensions, or rows that do not fill blocks of %s", name,
                        ndim, fab_dtype_name(dtype));
    bool ok = begin(g, &g->infos, name) && put_u32(g, &g->infos, (uint32_t)ndim);
    for (int k = ndim - 1; ok && k >= 0; k--) ok = put_u64(g, &g->infos, (uint64_t)shape[k]);
    if (!ok || !put_u32(g, &g->infos, number) || !put_u64(g, &g->infos, g->offset)) return false;
    g->tensors[i] = (piece){ data, bytes };
    g->offset += bytes + (FAB_GGUF_ALIGNMENT - bytes % FAB_GGUF_ALIGNMENT) % FAB_GGUF_ALIGNMENT;
    return true;
}

/* --- the file --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the names, which nothing else reads. */
static bool unique(fab_gguf *g, int which, uint64_t n, fab_err *err)
{
    const char **s = g->seen[which];
    if (n) qsort(s, n, sizeof *s, by_text);
    for (uint64_t i = 1; i < n; i++)
        if (!strcmp(s[i], s[i - 1]))
            return fab_fail(err, FAB_EINTERNAL, "%s '%s' is given twice", which ? "tensor" : "key",
                            s[i]);
    return true;
}

/* n bytes, which may be none at no address; then zeros up to the alignment of `at`, where they
 * end. */
static bool write_padded(fab_out *out, const void *data, uint64_t n, uint64_t at, fab_err *err)
{
    static const uint8_t zeros[FAB_GGUF_ALIGNMENT];
    return (!n || fab_out_write(out, data, n, err)) &&
           fab_out_write(out, zeros,
                         (FAB_GGUF_ALIGNMENT - at % FAB_GGUF_ALIGNMENT) % FAB_GGUF_ALIGNMENT, err);
}

static bool stream(fab_gguf *g, fab_out *out, fab_err *err)
{
    uint8_t head[24] = "GGUF";

    fab_put_le32(head + 4, 3);
    fab_put_le64(head + 8, g->infos.count);
    fab_put_le64(head + 16, g->keys.count);
    bool ok =
        fab_out_write(out, head, sizeof head, err) &&
        (!g->keys.n || fab_out_write(out, g->keys.bytes, g->keys.n, err)) &&
        write_padded(out, g->infos.bytes, g->infos.n, sizeof head + g->keys.n + g->infos.n, err);
    for (uint64_t i = 0; ok && i < g->infos.count; i++)
        ok = write_padded(out, g->tensors[i].data, g->tensors[i].bytes, g->tensors[i].bytes, err);
    return ok;
}

bool fab_gguf_write(fab_gguf *g, const char *path, fab_err *err)
{
    fab_out out = { NULL, NULL, NULL };

    if (g->err.code) return fab_fail(err, g->err.code, "%s", g->err.text);
    bool ok = unique(g, 0, g->keys.count, err) && unique(g, 1, g->infos.count, err) &&
              fab_out_open(&out, path, err) && stream(g, &out, err) && fab_out_commit(&out, err);
    fab_out_abort(&out);
    return ok;
}
