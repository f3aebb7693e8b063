/* weights: opening by bids, finding tensors by name; the checks that every format needs. */
#include "format/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "format/weights_table.h"

static const fab_format *const formats[] = { &fab_format_safetensors, &fab_format_gguf,
                                             &fab_format_index,       &fab_format_torch,
                                             &fab_format_torch_old,   &fab_format_ctranslate2 };

/* --- opening --- */

static const fab_format *detect(const uint8_t *data, size_t size, const fab_format *only,
                                fab_err *err)
{
    const fab_format *best = NULL;
    int bits = 0;

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        int bid = formats[i]->bid(data, size);
        if (bid > bits) bits = bid, best = formats[i];
    }
    if (!size) fab_fail(err, FAB_EFORMAT, "the file is empty");
    else if (!best)
        fab_fail(err, FAB_EFORMAT,
                 "neither safetensors nor GGUF nor another weight file: %zu bytes that begin like"
                 " none",
                 size);
    else if (only && best != only)
        fab_fail(err, FAB_EFORMAT, "%s where %s is wanted", best->name, only->name);
    return only && best != only ? NULL : best;
}

bool fab_weights_room(fab_weights *w, int64_t n, int64_t n_kv, fab_err *err)
{
    w->entries = fab_arena_zero(w->arena, (size_t)n * sizeof *w->entries, err);
    w->by_name = fab_arena_take(w->arena, (size_t)n * sizeof *w->by_name, err);
    w->kv = fab_arena_zero(w->arena, (size_t)n_kv * sizeof *w->kv, err);
    return w->entries && w->by_name && w->kv;
}

typedef struct {
    const char *name;
    uint32_t at;
} named;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

/* Orders names and keys for searching; two that are the same are refused. */
static bool seal(fab_weights *w, fab_err *err)
{
    named *list = fab_new_array((size_t)w->n + 1, sizeof *list, err);
    bool ok = list != NULL;

    for (int64_t i = 0; ok && i < w->n; i++) list[i] = (named){ w->entries[i].name, (uint32_t)i };
    if (ok) qsort(list, (size_t)w->n, sizeof *list, by_name);
    for (int64_t i = 0; ok && i < w->n; i++) {
        w->by_name[i] = list[i].at;
        if (i && !strcmp(list[i].name, list[i - 1].name))
            ok = fab_fail(err, FAB_EFORMAT, "tensor '%.64s' is there twice", list[i].name);
    }
    fab_free(list);
    if (!ok) return false;
    if (w->n_kv) qsort(w->kv, (size_t)w->n_kv, sizeof *w->kv, fab_kv_order);
    for (int64_t i = 1; i < w->n_kv; i++)
        if (!strcmp(w->kv[i].key, w->kv[i - 1].key))
            return fab_fail(err, FAB_EFORMAT, "key '%.64s' is there twice", w->kv[i].key);
    return true;
}

/* Fills w, or closes it. */
static fab_weights *parse(fab_weights *w, const uint8_t *data, size_t size, const char *dir,
                          fab_err *err)
{
    if ((w->format = detect(data, size, w->format, err)) &&
        (w->arena = fab_arena_new(64 << 10, err)) && w->format->parse(w, data, size, dir, err) &&
        seal(w, err))
        return w;
    fab_weights_close(w);
    return NULL;
}

fab_weights *fab_weights_parse(const void *data, size_t size, fab_err *err)
{
    fab_weights *w = fab_new(sizeof *w, err);
    return w ? parse(w, data, size, NULL, err) : NULL;
}

fab_weights *fab_weights_open(const char *path, fab_err *err)
{
    return fab_weights_open_as(path, NULL, err);
}

fab_weights *fab_weights_open_as(const char *path, const fab_format *only, fab_err *err)
{
    fab_file f;
    fab_weights *w = NULL;

    if (!fab_file_map(&f, path, 0, err)) return NULL;
    fab_arena *a = fab_arena_new(4096, err);
    char *dir = a ? fab_path_dir(a, path, err) : NULL;
    if (dir && (w = fab_new(sizeof *w, err))) {
        w->file = f;
        w->format = only;
        w = parse(w, f.data, f.size, dir, err);
    } else fab_file_unmap(&f);
    fab_arena_free(a);
    if (!w) fab_while(err, "%s", path);
    return w;
}

void fab_weights_forget(const fab_weights *w, const void *data, uint64_t bytes)
{
    fab_file_forget(&w->file, data, (size_t)bytes);
    for (int i = 0; i < w->n_shards; i++) fab_weights_forget(w->shard[i], data, bytes);
}

void fab_weights_close(fab_weights *w)
{
    if (!w) return;
    for (int i = 0; i < w->n_shards; i++) fab_weights_close(w->shard[i]);
    fab_file_unmap(&w->file);
    fab_arena_free(w->arena);
    fab_free(w);
}

typedef struct {
    uint64_t at, end;
    uint32_t entry;
} extent;

static int by_offset(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->end != y->end ? (x->end < y->end ? -1 : 1)
                            : 0; /* empty tensors come before what begins there */
}

bool fab_weights_check_layout(const fab_weights *w, const uint8_t *data, uint64_t size, bool holes,
                              fab_err *err)
{
    extent *list = fab_new_array((size_t)w->n + 1, sizeof *list, err);
    uint64_t end = 0;
    bool ok = list != NULL;

    for (int64_t i = 0; ok && i < w->n; i++) {
        uint64_t at = (uint64_t)((const uint8_t *)w->entries[i].data - data);
        list[i] = (extent){ at, at + w->entries[i].bytes, (uint32_t)i };
    }
    if (ok) qsort(list, (size_t)w->n, sizeof *list, by_offset);
    for (int64_t i = 0; ok && i < w->n; i++) {
        const char *name = w->entries[list[i].entry].name;
        if (list[i].at < end && list[i].end > list[i].at)
            ok = fab_fail(err, FAB_EFORMAT,
                          "tensor '%.64s' begins at byte %" PRIu64
                          ", inside '%.64s' which ends at %" PRIu64,
                          name, list[i].at, w->entries[list[i - 1].entry].name, end);
        else if (holes && list[i].at > end)
            ok = fab_fail(err, FAB_EFORMAT,
                          "bytes %" PRIu64 " to %" PRIu64 " before tensor '%.64s' belong to none",
                          end, list[i].at, name);
        if (list[i].end > end) end = list[i].end;
    }
    fab_free(list);
    if (ok && holes && end != size)
        return fab_fail(err, FAB_EFORMAT,
                        "the tensors end at byte %" PRIu64 " of the data, which has %" PRIu64, end,
                        size);
    return ok;
}

/* --- tensors --- */

const char *fab_weights_format(const fab_weights *w)
{
    return w->format == &fab_format_index ? fab_format_safetensors.name : w->format->name;
}

int64_t fab_weights_count(const fab_weights *w) { return w->n; }

const fab_weight *fab_weights_at(const fab_weights *w, int64_t i)
{
    return i >= 0 && i < w->n ? &w->entries[i] : NULL;
}

const fab_weight *fab_weights_find(const fab_weights *w, const char *name, fab_err *err)
{
    int64_t lo = 0, hi = w->n;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        const fab_weight *e = &w->entries[w->by_name[mid]];
        int c = strcmp(name, e->name);
        if (!c) return e;
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    fab_fail(err, FAB_EFORMAT, "%s: not in the file", name);
    return NULL;
}

bool fab_weight_aligned(const fab_weight *e)
{
    /* A quantised block begins with, or is read by, 16-bit scales. */
    uintptr_t unit = fab_dtype_is_quantised(e->dtype) ? 2 : (uintptr_t)fab_dtype_bytes(e->dtype);
    return (uintptr_t)e->data % unit == 0;
}

/* First element (or block) of e that holds no finite number; -1: none. */
static int64_t first_bad(const fab_weight *e, double *value)
{
    const uint8_t *p = e->data;
    int unit = fab_dtype_bytes(e->dtype);
    int64_t n = (int64_t)(e->bytes / (uint64_t)unit);

    switch (e->dtype) {
    case FAB_F32:
        for (int64_t i = 0; i < n; i++)
            if ((fab_le32(p + 4 * i) & 0x7f800000u) == 0x7f800000u)
                return *value = fab_bits_f32(fab_le32(p + 4 * i)), i;
        return -1;
    case FAB_BF16:
        for (int64_t i = 0; i < n; i++)
            if ((fab_le16(p + 2 * i) & 0x7f80u) == 0x7f80u)
                return *value = fab_bf16_f32(fab_le16(p + 2 * i)), i;
        return -1;
    case FAB_F16:
    case FAB_Q4_0:
    case FAB_Q4_1:
    case FAB_Q5_0:
    case FAB_Q5_1:
    case FAB_Q8_0: /* the scale comes first */
        for (int64_t i = 0; i < n; i++)
            if ((fab_le16(p + unit * i) & 0x7c00u) == 0x7c00u)
                return *value = fab_f16_f32(fab_le16(p + unit * i)), i;
        return -1;
    default: return -1;
    }
}

bool fab_weights_check_finite(const fab_weights *w, fab_err *err)
{
    double value = 0;

    for (int64_t i = 0; i < w->n; i++) {
        const fab_weight *e = &w->entries[i];
        int64_t at = first_bad(e, &value);
        if (at >= 0)
            return fab_fail(err, FAB_EFORMAT, "%s: %s %lld is %s", e->name,
                            fab_dtype_is_quantised(e->dtype) ? "the scale of block" : "element",
                            (long long)at, isnan(value) ? "NaN" : "infinite");
    }
    return true;
}
