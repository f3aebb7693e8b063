/* gguf: the GGUF container, versions 2 and 3, little-endian (SYSTEMS.md 28.3).
 *
 *   "GGUF" | u32 version | u64 tensors | u64 keys
 *   keys:    string key | u32 type | value
 *            string = u64 length, bytes; array = u32 type, u64 count, items
 *   tensors: string name | u32 n | u64 dims[n], fastest first | u32 type | u64 offset
 *   padding to a multiple of general.alignment (32) | data, every tensor at such a multiple
 *
 * Counts are checked against the smallest file that could hold them before anything is allocated.
 * Nested arrays are walked (at most MAX_NEST deep) but not given out. Strings with a NUL inside are
 * refused. */
#include <inttypes.h>
#include <string.h>
#include "base/bytes.h"
#include "format/gguf_types.h"
#include "format/weights_table.h"

#define MAGIC      0x46554747u
#define MIN_KV     (8 + 4 + 1)
#define MIN_TENSOR (8 + 4 + 4 + 8)
#define MAX_NEST   4
#define MAX_KEY    65535

typedef struct {
    const uint8_t *data;
    size_t size, at;
    fab_arena *arena;
    fab_err *err;
    char *into;       /* where the strings of an array go */
    const char *what; /* the key or tensor being read, for messages */
} reader;

/* --- types --- */

/* clang-format off */
static const struct { uint32_t number; fab_dtype dtype; } known[] = {
    { 0, FAB_F32 },   { 1, FAB_F16 },   { 2, FAB_Q4_0 },  { 3, FAB_Q4_1 },  { 6, FAB_Q5_0 },
    { 7, FAB_Q5_1 },  { 8, FAB_Q8_0 },  { 10, FAB_Q2_K }, { 11, FAB_Q3_K }, { 12, FAB_Q4_K },
    { 13, FAB_Q5_K }, { 14, FAB_Q6_K }, { 24, FAB_I8 },   { 25, FAB_I16 },  { 26, FAB_I32 },
    { 27, FAB_I64 },  { 28, FAB_F64 },  { 30, FAB_BF16 },
};
static const struct { uint32_t number; const char *name; } unread[] = { /* known by name only */
    { 9, "Q8_1" },     { 15, "Q8_K" },  { 16, "IQ2_XXS" }, { 17, "IQ2_XS" }, { 18, "IQ3_XXS" },
    { 19, "IQ1_S" },   { 20, "IQ4_NL" }, { 21, "IQ3_S" },  { 22, "IQ2_S" },  { 23, "IQ4_XS" },
    { 29, "IQ1_M" },   { 34, "TQ1_0" }, { 35, "TQ2_0" },   { 39, "MXFP4" },  { 40, "NVFP4" },
};
/* clang-format on */

bool fab_gguf_number(fab_dtype t, uint32_t *number)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].dtype == t) return *number = known[i].number, true;
    return false;
}

static bool find_dtype(uint32_t number, const char *tensor, fab_dtype *t, fab_err *err)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].number == number) return *t = known[i].dtype, true;
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        if (unread[i].number == number)
            return fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': type %s is not supported",
                            tensor, unread[i].name);
    return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': no tensor type has the number %" PRIu32,
                    tensor, number);
}

/* --- reading --- */

static bool need(reader *r, uint64_t n)
{
    if (n <= r->size - r->at) return true;
    return fab_fail(r->err, FAB_EFORMAT, "%s: needs %" PRIu64 " bytes at %zu, the file has %zu",
                    r->what, n, r->at, r->size);
}

static bool read_u32(reader *r, uint32_t *v)
{
    if (!need(r, 4)) return false;
    *v = fab_le32(r->data + r->at);
    r->at += 4;
    return true;
}

static bool read_u64(reader *r, uint64_t *v)
{
    if (!need(r, 8)) return false;
    *v = fab_le64(r->data + r->at);
    r->at += 8;
    return true;
}

/* out: a copy with a NUL, in the arena or at r->into; NULL: skip. */
static bool read_string(reader *r, uint64_t limit, const char **out)
{
    uint64_t n = 0;

    if (!read_u64(r, &n) || !need(r, n)) return false;
    if (n > limit)
        return fab_fail(r->err, FAB_EFORMAT, "%s: a name of %" PRIu64 " bytes, at most %" PRIu64,
                        r->what, n, limit);
    const uint8_t *s = r->data + r->at;
    r->at += n;
    if (!out) return true;
    if (memchr(s, 0, n))
        return fab_fail(r->err, FAB_EUNSUPPORTED, "%s: a string with a NUL inside", r->what);
    char *copy = r->into ? r->into : fab_arena_take(r->arena, n + 1, r->err);
    if (!copy) return false;
    memcpy(copy, s, n);
    copy[n] = 0;
    *out = copy;
    if (r->into) r->into += n + 1;
    return true;
}

/* n strings; kv NULL: walked only. Walked first, then copied into one piece: a string takes at
 * least 8 bytes in the file for its length, which is more than its NUL. */
static bool read_strings(reader *r, fab_kv *kv, uint64_t n)
{
    size_t from = r->at;
    bool ok = true;

    for (uint64_t i = 0; i < n; i++)
        if (!read_string(r, UINT64_MAX, NULL)) return false;
    if (!kv) return true;
    kv->strs = fab_arena_take(r->arena, n * sizeof *kv->strs, r->err);
    r->into = fab_arena_take(r->arena, r->at - from, r->err);
    if (!kv->strs || !r->into) return false;
    r->at = from;
    for (uint64_t i = 0; ok && i < n; i++) ok = read_string(r, UINT64_MAX, &kv->strs[i]);
    r->into = NULL;
    return ok;
}

static bool skip_numbers(reader *r, fab_kv_type t, uint64_t n)
{
    uint64_t size = (uint64_t)fab_kv_type_size(t), room = r->size - r->at;

    if (n > room / size)
        return fab_fail(r->err, FAB_EFORMAT,
                        "%s: %" PRIu64 " items of %s, %" PRIu64 " bytes are left", r->what, n,
                        fab_kv_type_name(t), room);
    for (uint64_t i = 0; t == FAB_KV_BOOL && i < n; i++)
        if (r->data[r->at + i] > 1)
            return fab_fail(r->err, FAB_EFORMAT, "%s: a bool of %d, not 0 or 1", r->what,
                            r->data[r->at + i]);
    r->at += n * size;
    return true;
}

static bool read_type(reader *r, fab_kv_type *t)
{
    uint32_t v;

    if (!read_u32(r, &v)) return false;
    if (v >= FAB_KVS)
        return fab_fail(r->err, FAB_EFORMAT, "%s: no value type has the number %" PRIu32, r->what,
                        v);
    *t = (fab_kv_type)v;
    return true;
}

/* kv NULL: an inner array, walked only. */
static bool read_array(reader *r, fab_kv *kv, int depth)
{
    fab_kv_type item = FAB_KV_U8;
    uint64_t n = 0;

    if (depth > MAX_NEST)
        return fab_fail(r->err, FAB_ELIMIT, "%s: arrays nested deeper than %d", r->what, MAX_NEST);
    if (!read_type(r, &item) || !read_u64(r, &n)) return false;
    if (kv) {
        kv->item = item;
        kv->n = (int64_t)n;
        kv->raw = r->data + r->at;
    }
    if (fab_kv_type_size(item)) return skip_numbers(r, item, n);
    uint64_t least = item == FAB_KV_STR ? 8 : 12; /* of an item */
    if (n > (r->size - r->at) / least)
        return fab_fail(r->err, FAB_EFORMAT, "%s: %" PRIu64 " items of %s, %zu bytes are left",
                        r->what, n, fab_kv_type_name(item), r->size - r->at);
    if (item == FAB_KV_STR) return read_strings(r, kv, n);
    for (uint64_t i = 0; i < n; i++)
        if (!read_array(r, NULL, depth + 1)) return false;
    return true;
}

static bool read_kv(reader *r, fab_kv *kv)
{
    r->what = "a key";
    if (!read_string(r, MAX_KEY, &kv->key)) return false;
    if (!*kv->key) return fab_fail(r->err, FAB_EFORMAT, "a key without a name");
    if (!(r->what = fab_arena_printf(r->arena, r->err, "key %.64s", kv->key)) ||
        !read_type(r, &kv->type))
        return false;
    kv->raw = r->data + r->at;
    if (kv->type == FAB_KV_STR) return read_string(r, UINT64_MAX, &kv->str);
    if (kv->type == FAB_KV_ARRAY) return read_array(r, kv, 1);
    return skip_numbers(r, kv->type, 1);
}

static bool read_tensor(reader *r, fab_weight *e, uint64_t *offset)
{
    uint32_t n, type;
    uint64_t dim;

    r->what = "a tensor's name";
    if (!read_string(r, FAB_GGUF_MAX_NAME, &e->name)) return false;
    if (!*e->name) return fab_fail(r->err, FAB_EFORMAT, "a tensor without a name");
    r->what = e->name;
    if (!read_u32(r, &n)) return false;
    if (n > FAB_GGUF_MAX_DIM)
        return fab_fail(r->err, FAB_EFORMAT, "tensor '%s': %" PRIu32 " dimensions, at most %d",
                        e->name, n, FAB_GGUF_MAX_DIM);
    e->ndim = (int)n;
    for (int i = e->ndim - 1; i >= 0; i--) { /* fastest first in the file, outermost first here */
        if (!read_u64(r, &dim)) return false;
        if (dim > INT64_MAX)
            return fab_fail(r->err, FAB_EFORMAT, "tensor '%s': a dimension of %" PRIu64, e->name,
                            dim);
        e->shape[i] = (int64_t)dim;
    }
    if (!read_u32(r, &type) || !read_u64(r, offset) ||
        !find_dtype(type, e->name, &e->dtype, r->err))
        return false;
    if (!fab_dtype_size(e->dtype, e->ndim, e->shape, NULL, &e->bytes))
        return fab_fail(
            r->err, FAB_EFORMAT,
            "tensor '%s': rows of %lld elements do not fill blocks of %d, or the shape is"
            " too large to count",
            e->name, (long long)(n ? e->shape[n - 1] : 1), fab_dtype_block(e->dtype));
    return true;
}

static bool place(const reader *r, fab_weight *e, uint64_t offset, size_t start, uint32_t alignment)
{
    uint64_t size = r->size - start;

    if (offset % alignment)
        return fab_fail(r->err, FAB_EFORMAT,
                        "tensor '%s': offset %" PRIu64 " is no multiple of %" PRIu32, e->name,
                        offset, alignment);
    if (offset > size || e->bytes > size - offset)
        return fab_fail(r->err, FAB_EFORMAT,
                        "tensor '%s': %" PRIu64 " bytes at offset %" PRIu64
                        ", the data has %" PRIu64,
                        e->name, e->bytes, offset, size);
    e->data = r->data + start + offset;
    return true;
}

static bool read_alignment(const fab_weights *w, uint32_t *alignment, fab_err *err)
{
    *alignment = FAB_GGUF_ALIGNMENT;
    for (int64_t i = 0; i < w->n_kv; i++) {
        if (strcmp(w->kv[i].key, "general.alignment")) continue;
        if (w->kv[i].type != FAB_KV_U32)
            return fab_fail(err, FAB_EFORMAT, "key general.alignment: %s, wanted u32",
                            fab_kv_type_name(w->kv[i].type));
        *alignment = fab_le32(w->kv[i].raw);
    }
    if (!*alignment || (*alignment & (*alignment - 1)) || *alignment > 1u << 20)
        return fab_fail(err, FAB_EFORMAT,
                        "key general.alignment: %" PRIu32 " is no power of two up to 1048576",
                        *alignment);
    return true;
}

static bool read_head(reader *r, uint64_t *tensors, uint64_t *keys)
{
    uint32_t version;

    r->what = "the header";
    r->at = 4;
    if (!read_u32(r, &version)) return false;
    if (version & 0xffff0000u && !(version & 0xffffu))
        return fab_fail(r->err, FAB_EUNSUPPORTED, "a big-endian GGUF; convert it to little-endian");
    if (version != 2 && version != 3)
        return fab_fail(r->err, FAB_EUNSUPPORTED,
                        "GGUF version %" PRIu32 "; versions 2 and 3 are read", version);
    if (!read_u64(r, tensors) || !read_u64(r, keys)) return false;
    uint64_t room = r->size - r->at;
    if (*tensors > room / MIN_TENSOR)
        return fab_fail(r->err, FAB_EFORMAT,
                        "the header says %" PRIu64 " tensors, %" PRIu64 " bytes follow", *tensors,
                        room);
    if (*keys > room / MIN_KV)
        return fab_fail(r->err, FAB_EFORMAT,
                        "the header says %" PRIu64 " keys, %" PRIu64 " bytes follow", *keys, room);
    return true;
}

static bool parse(fab_weights *w, const uint8_t *data, size_t size, const char *dir, fab_err *err)
{
    reader r = { .data = data, .size = size, .arena = w->arena, .err = err };
    uint64_t tensors, keys;
    uint32_t alignment;
    (void)dir;

    if (!read_head(&r, &tensors, &keys) ||
        !fab_weights_room(w, (int64_t)tensors, (int64_t)keys, err))
        return false;
    uint64_t *offset = fab_arena_take(w->arena, tensors * sizeof *offset, err);
    if (!offset) return false;
    for (; w->n_kv < (int64_t)keys; w->n_kv++)
        if (!read_kv(&r, &w->kv[w->n_kv])) return false;
    for (; w->n < (int64_t)tensors; w->n++)
        if (!read_tensor(&r, &w->entries[w->n], &offset[w->n])) return false;
    if (!read_alignment(w, &alignment, err)) return false;
    size_t start = r.at + (alignment - r.at % alignment) % alignment;
    if (start > size) start = size; /* no tensors, no padding: such files exist */
    for (int64_t i = 0; i < w->n; i++)
        if (!place(&r, &w->entries[i], offset[i], start, alignment)) return false;
    return fab_weights_check_layout(w, data, size, false, err);
}

static int bid(const uint8_t *data, size_t size)
{
    return size >= 4 && fab_le32(data) == MAGIC ? 32 : 0;
}

const fab_format fab_format_gguf = { "gguf", bid, parse };
