/* torch: PyTorch checkpoints, .pt .pth .bin .ckpt (SYSTEMS.md 28.2), read as data: no code in them
 * is run.
 *
 *   ZIP:     NAME/data.pkl | NAME/data/KEY, one per storage, stored | NAME/byteorder
 *   before:  pickles of 0x1950a86a20f9469cfc6c, 1001, {system}, the object, [KEY ...]
 *   1.6      then per KEY: i64 elements | the elements
 *
 *   tensor  = torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, ...)
 *   storage = persistent id ("storage", torch.XStorage, KEY, device, elements[, view])
 *
 * The object is a state dict {NAME: tensor}; one that holds it under "state_dict", "model" or the
 * like (Lightning, open_clip, training checkpoints); or a whole module or TorchScript, whose
 * attributes are joined by dots. "module." before every name (DataParallel) is dropped. What is no
 * tensor is passed over. Tensors may share a storage; one that is not contiguous is copied. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "format/pickle.h"
#include "format/weights_table.h"
#include "format/zip.h"

#define MAX_DEPTH 24
#define MAX_WALK  (1 << 22) /* values visited: shared ones can repeat without end */
#define MAX_NAME  1024

typedef struct {
    const char *key;
    size_t n;
    const uint8_t *data;
    uint64_t bytes;
} storage;

typedef struct {
    fab_weights *w;
    fab_err *err;
    fab_zip zip;
    const char *prefix; /* of the archive's names; NULL: the old format */
    storage *storages;  /* the old format's, ordered by key */
    size_t n_storages;
    const fab_pk **tensors; /* found by the walk, with their names */
    const char **names;
    int64_t n, room, walked;
} reader;

/* --- element types --- */

/* clang-format off */
static const struct { const char *storage, *name; fab_dtype dtype; } types[] = {
    { "torch FloatStorage", "torch float32", FAB_F32 },
    { "torch HalfStorage", "torch float16", FAB_F16 },
    { "torch BFloat16Storage", "torch bfloat16", FAB_BF16 },
    { "torch DoubleStorage", "torch float64", FAB_F64 },
    { "torch LongStorage", "torch int64", FAB_I64 },
    { "torch IntStorage", "torch int32", FAB_I32 },
    { "torch ShortStorage", "torch int16", FAB_I16 },
    { "torch CharStorage", "torch int8", FAB_I8 },
    { "torch ByteStorage", "torch uint8", FAB_U8 },
    { "torch BoolStorage", "torch bool", FAB_BOOL },
    { NULL, "torch uint16", FAB_U16 },
    { NULL, "torch uint32", FAB_U32 },
    { NULL, "torch uint64", FAB_U64 },
    { NULL, "torch float8_e4m3fn", FAB_F8_E4M3 },
    { NULL, "torch float8_e5m2", FAB_F8_E5M2 },
};
/* clang-format on */

static bool find_type(const fab_pk *v, bool is_storage, const char *name, fab_dtype *t,
                      fab_err *err)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *want = is_storage ? types[i].storage : types[i].name;
        if (want && v && v->kind == FAB_PK_GLOBAL && fab_pk_is(v, want))
            return *t = types[i].dtype, true;
    }
    return fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': %s '%.64s' is not known", name,
                    is_storage ? "storage" : "dtype",
                    v && v->kind == FAB_PK_GLOBAL ? v->text : "?");
}

/* --- storages --- */

static const fab_pk *arg(const fab_pk *tuple, size_t i)
{
    return tuple && tuple->kind == FAB_PK_TUPLE && i < tuple->n ? tuple->item[i] : NULL;
}

static bool whole(const fab_pk *v, int64_t *n)
{
    if (!v || v->kind != FAB_PK_INT || v->i < 0) return false;
    *n = v->i;
    return true;
}

static int by_key(const void *a, const void *b)
{
    const storage *x = a, *y = b;
    int c = memcmp(x->key, y->key, x->n < y->n ? x->n : y->n);
    return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

static bool find_storage(reader *r, const fab_pk *key, const char *name, storage *s)
{
    *s = (storage){ key->text, key->n, NULL, 0 };
    if (r->prefix) {
        char path[512];
        size_t n = strlen(r->prefix);
        if (n + 5 + key->n >= sizeof path || memchr(key->text, 0, key->n))
            return fab_fail(r->err, FAB_EFORMAT, "tensor '%.64s': its storage has no name", name);
        memcpy(path, r->prefix, n);
        memcpy(path + n, "data/", 5);
        memcpy(path + n + 5, key->text, key->n);
        path[n + 5 + key->n] = 0;
        const fab_zip_entry *e = fab_zip_find(&r->zip, path);
        if (!e)
            return fab_fail(r->err, FAB_EFORMAT, "tensor '%.64s': no entry '%.80s' in the archive",
                            name, path);
        s->bytes = e->size;
        return (s->data = fab_zip_bytes(&r->zip, e, r->err)) != NULL;
    }
    const storage *at =
        r->n_storages ? bsearch(s, r->storages, r->n_storages, sizeof *s, by_key) : NULL;
    if (!at)
        return fab_fail(r->err, FAB_EFORMAT, "tensor '%.64s': its storage is not in the file",
                        name);
    *s = *at;
    return true;
}

/* --- tensors --- */

/* Elements from the first to one after the last that shape and strides reach; false: beyond
 * int64. */
static bool reach(const fab_weight *e, const int64_t *stride, int64_t *elements)
{
    *elements = 1;
    for (int i = 0; i < e->ndim; i++) {
        if (!e->shape[i]) return *elements = 0, true;
        int64_t steps = e->shape[i] - 1;
        if (steps && stride[i] > (INT64_MAX - *elements) / steps) return false;
        *elements += steps * stride[i];
    }
    return true;
}

static bool contiguous(const fab_weight *e, const int64_t *stride)
{
    int64_t want = 1;
    for (int i = e->ndim - 1; i >= 0; i--) {
        if (e->shape[i] != 1 && stride[i] != want) return false;
        want *= e->shape[i];
    }
    return true;
}

/* A copy of what the strides walk over, in the tensor's own order. */
static bool gather(reader *r, fab_weight *e, const int64_t *stride)
{
    size_t unit = (size_t)fab_dtype_bytes(e->dtype);
    int64_t at[FAB_MAX_DIM] = { 0 };
    uint8_t *out = fab_arena_take(r->w->arena, e->bytes, r->err);
    const uint8_t *from = e->data;

    if (!out) return false;
    for (uint8_t *p = out; p < out + e->bytes; p += unit) {
        int64_t k = 0;
        for (int i = 0; i < e->ndim; i++) k += at[i] * stride[i];
        memcpy(p, from + (size_t)k * unit, unit);
        for (int i = e->ndim - 1; i >= 0 && ++at[i] == e->shape[i]; i--) at[i] = 0;
    }
    e->data = out;
    return true;
}

static bool read_shape(const fab_pk *args, fab_weight *e, int64_t *stride, fab_err *err)
{
    const fab_pk *shape = arg(args, 2), *strides = arg(args, 3);

    if (!shape || !strides || shape->kind != FAB_PK_TUPLE || strides->kind != FAB_PK_TUPLE ||
        shape->n != strides->n)
        return fab_fail(err, FAB_EFORMAT,
                        "tensor '%.64s': shape and strides are not two tuples of"
                        " one length",
                        e->name);
    if (shape->n > FAB_MAX_DIM)
        return fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': %zu dimensions, at most %d",
                        e->name, shape->n, FAB_MAX_DIM);
    e->ndim = (int)shape->n;
    for (int i = 0; i < e->ndim; i++)
        if (!whole(shape->item[i], &e->shape[i]) || !whole(strides->item[i], &stride[i]))
            return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': shape[%d] or its stride is no size",
                            e->name, i);
    if (!fab_dtype_size(e->dtype, e->ndim, e->shape, NULL, &e->bytes))
        return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': the shape is too large to count",
                        e->name);
    return true;
}

static bool place(reader *r, fab_weight *e, const int64_t *stride, const storage *s, int64_t offset)
{
    uint64_t unit = (uint64_t)fab_dtype_bytes(e->dtype), room = s->bytes / unit;
    int64_t need;

    if (!reach(e, stride, &need) || (uint64_t)need > room ||
        (uint64_t)offset > room - (uint64_t)need)
        return fab_fail(r->err, FAB_EFORMAT,
                        "tensor '%.64s': shape and strides reach beyond element %" PRIu64
                        ", where its storage ends",
                        e->name, room);
    if (e->bytes > s->bytes)
        return fab_fail(r->err, FAB_EUNSUPPORTED,
                        "tensor '%.64s': %" PRIu64 " bytes spread over a storage of %" PRIu64,
                        e->name, e->bytes, s->bytes);
    e->data = s->data + (uint64_t)offset * unit;
    return contiguous(e, stride) || !e->bytes || gather(r, e, stride);
}

static bool read_tensor(reader *r, const fab_pk *args, fab_weight *e)
{
    const fab_pk *id = arg(args, 0), *what = id && id->kind == FAB_PK_PERSISTENT ? id->args : NULL;
    const fab_pk *key = arg(what, 2), *view = arg(what, 5);
    int64_t stride[FAB_MAX_DIM], offset, elements, shift = 0;
    bool untyped = arg(what, 1) && fab_pk_is(what->item[1], "torch.storage UntypedStorage");
    storage s;

    if (!key || !fab_pk_is(arg(what, 0), "storage") || key->kind != FAB_PK_TEXT ||
        !whole(arg(args, 1), &offset) || !whole(arg(what, 4), &elements))
        return fab_fail(r->err, FAB_EFORMAT, "tensor '%.64s': no storage that is understood",
                        e->name);
    if (view && view->kind == FAB_PK_TUPLE && !whole(arg(view, 1), &shift))
        return fab_fail(r->err, FAB_EFORMAT, "tensor '%.64s': a view without an offset", e->name);
    if (!find_type(untyped ? arg(args, 6) : what->item[1], !untyped, e->name, &e->dtype, r->err) ||
        !read_shape(args, e, stride, r->err) || !find_storage(r, key, e->name, &s))
        return false;
    uint64_t unit = untyped ? 1 : (uint64_t)fab_dtype_bytes(e->dtype);
    if ((uint64_t)elements > s.bytes / unit)
        return fab_fail(r->err, FAB_EFORMAT,
                        "tensor '%.64s': its storage has %lld elements, the file %" PRIu64
                        " bytes of it",
                        e->name, (long long)elements, s.bytes);
    if (shift > INT64_MAX - offset) offset = INT64_MAX;
    else offset += shift;
    return place(r, e, stride, &s, offset);
}

/* --- the walk --- */

/* The arguments that rebuild a tensor; NULL: v is none. A kind of tensor that is not read is an
 * error. */
static const fab_pk *tensor_args(const fab_pk *v, const char *name, fab_err *err)
{
    for (int i = 0; v && v->kind == FAB_PK_CALL && i < 4; i++) {
        if (fab_pk_is(v->what, "torch._utils _rebuild_tensor_v2") ||
            fab_pk_is(v->what, "torch._utils _rebuild_tensor_v3"))
            return v->args;
        if (fab_pk_is(v->what, "torch._utils _rebuild_parameter") ||
            fab_pk_is(v->what, "torch._utils _rebuild_parameter_with_state") ||
            fab_pk_is(v->what, "torch._tensor _rebuild_from_type_v2")) {
            bool typed = fab_pk_is(v->what, "torch._tensor _rebuild_from_type_v2");
            if (typed && fab_pk_is(arg(v->args, 0), "torch._utils _rebuild_tensor_v2"))
                return arg(v->args, 2);
            v = typed ? NULL : arg(v->args, 0);
            continue;
        }
        if (v->what->kind == FAB_PK_GLOBAL && !strncmp(v->what->text, "torch._utils _rebuild", 21))
            fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': made by %.64s, which is not read",
                     name, v->what->text);
        return NULL;
    }
    return NULL;
}

static bool found(reader *r, const char *name, const fab_pk *args)
{
    if (r->n == r->room) {
        int64_t room = r->room ? 2 * r->room : 256;
        const fab_pk **t = fab_arena_take(r->w->arena, (size_t)room * sizeof *t, r->err);
        const char **names = fab_arena_take(r->w->arena, (size_t)room * sizeof *names, r->err);
        if (!t || !names) return false;
        if (r->n) {
            memcpy(t, r->tensors, (size_t)r->n * sizeof *t);
            memcpy(names, r->names, (size_t)r->n * sizeof *names);
        }
        r->tensors = t;
        r->names = names;
        r->room = room;
    }
    r->names[r->n] = name;
    r->tensors[r->n++] = args;
    return true;
}

/* The dict of what may hold tensors: itself, or an object's attributes. */
static const fab_pk *dict_of(const fab_pk *v)
{
    if (!v) return NULL;
    if (v->kind == FAB_PK_DICT) return v;
    const fab_pk *state = v->kind == FAB_PK_CALL ? v->state : NULL;
    if (state && state->kind == FAB_PK_TUPLE) state = arg(state, 0);
    return state && state->kind == FAB_PK_DICT ? state : NULL;
}

/* prefix.key; a module's own dicts of parameters add no word. */
static const char *join(reader *r, const char *prefix, const fab_pk *key)
{
    const char *dot = *prefix ? "." : "";

    if (key->kind == FAB_PK_INT)
        return fab_arena_printf(r->w->arena, r->err, "%s%s%lld", prefix, dot, (long long)key->i);
    if (key->kind != FAB_PK_TEXT) return prefix;
    if (fab_pk_is(key, "_parameters") || fab_pk_is(key, "_buffers") || fab_pk_is(key, "_modules"))
        return prefix;
    if (key->n > MAX_NAME || strlen(prefix) > MAX_NAME || !key->n || memchr(key->text, 0, key->n))
        return fab_fail(r->err, FAB_EFORMAT,
                        "a name in '%.64s' is empty, has a NUL or more than %d"
                        " bytes",
                        prefix, MAX_NAME),
               NULL;
    return fab_arena_printf(r->w->arena, r->err, "%s%s%.*s", prefix, dot, (int)key->n, key->text);
}

static bool walk(reader *r, const fab_pk *v, const char *prefix, int depth)
{
    const fab_pk *dict = dict_of(v);

    if (depth > MAX_DEPTH)
        return fab_fail(r->err, FAB_ELIMIT, "'%.64s': nested deeper than %d", prefix, MAX_DEPTH);
    for (size_t i = 0; dict && i + 1 < dict->n; i += 2) {
        const fab_pk *value = dict->item[i + 1];
        if (value->kind != FAB_PK_CALL && value->kind != FAB_PK_DICT) continue;
        const char *name = join(r, prefix, dict->item[i]);
        if (!name) return false;
        if (++r->walked > MAX_WALK)
            return fab_fail(r->err, FAB_ELIMIT, "more than %d values", MAX_WALK);
        const fab_pk *args = tensor_args(value, name, r->err);
        if (!args && r->err && r->err->code) return false;
        if (!(args ? found(r, name, args) : walk(r, value, name, depth + 1))) return false;
    }
    return true;
}

static bool has_tensor(const fab_pk *dict)
{
    for (size_t i = 0; i + 1 < dict->n; i += 2)
        if (tensor_args(dict->item[i + 1], "", NULL)) return true;
    return false;
}

/* The state dict inside a training checkpoint. */
static const fab_pk *descend(const fab_pk *root)
{
    static const char *const keys[] = { "state_dict", "model_state_dict", "model", "module",
                                        "params" };

    for (int depth = 0; depth < 4 && root->kind == FAB_PK_DICT && !has_tensor(root); depth++) {
        const fab_pk *in = NULL;
        for (size_t i = 0; !in && i < sizeof keys / sizeof *keys; i++)
            if (dict_of(fab_pk_key(root, keys[i]))) in = fab_pk_key(root, keys[i]);
        if (!in) break;
        root = in;
    }
    return root;
}

static bool read_object(reader *r, const fab_pk *root)
{
    static const char module[] = "module.";
    size_t strip = sizeof module - 1;

    if (!walk(r, descend(root), "", 0)) return false;
    if (!r->n)
        return fab_fail(r->err, FAB_EFORMAT, "the checkpoint's pickle holds no dict of tensors");
    for (int64_t i = 0; strip && i < r->n; i++)
        if (strncmp(r->names[i], module, strip) || !r->names[i][strip]) strip = 0;
    if (!fab_weights_room(r->w, r->n, 0, r->err)) return false;
    for (; r->w->n < r->n; r->w->n++) {
        fab_weight *e = &r->w->entries[r->w->n];
        e->name = r->names[r->w->n] + strip;
        if (!read_tensor(r, r->tensors[r->w->n], e)) return false;
    }
    return true;
}

/* --- the two containers --- */

/* The archive's name before data.pkl. */
static const char *find_prefix(reader *r, const fab_zip_entry **pickle)
{
    static const char file[] = "data.pkl";
    size_t n = sizeof file - 1;

    *pickle = NULL;
    for (int64_t i = 0; i < r->zip.n; i++) {
        const fab_zip_entry *e = &r->zip.entries[i];
        if (e->n < n || e->n > 256 || memcmp(e->name + e->n - n, file, n)) continue;
        if (e->n > n && e->name[e->n - n - 1] != '/') continue;
        if (!*pickle || e->n < (*pickle)->n) *pickle = e;
    }
    if (!*pickle)
        return fab_fail(r->err, FAB_EFORMAT,
                        "a ZIP archive without a data.pkl: no PyTorch checkpoint"),
               NULL;
    return fab_arena_printf(r->w->arena, r->err, "%.*s", (int)((*pickle)->n - n), (*pickle)->name);
}

static bool parse_zip(fab_weights *w, const uint8_t *data, size_t size, const char *dir,
                      fab_err *err)
{
    reader r = { .w = w, .err = err };
    const fab_zip_entry *e;
    fab_pickle p;
    (void)dir;

    if (!fab_zip_parse(&r.zip, data, size, w->arena, err) || !(r.prefix = find_prefix(&r, &e)))
        return false;
    const uint8_t *pickle = fab_zip_bytes(&r.zip, e, err);
    if (!pickle) return false;
    const char *order = fab_arena_printf(w->arena, err, "%sbyteorder", r.prefix);
    const fab_zip_entry *big = order ? fab_zip_find(&r.zip, order) : NULL;
    const uint8_t *word = big && big->size == 3 ? fab_zip_bytes(&r.zip, big, err) : NULL;
    if (word && !memcmp(word, "big", 3))
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "a big-endian checkpoint; save it on a usual machine");
    return order && fab_pickle_read(&p, pickle, e->size, w->arena, err) && read_object(&r, p.root);
}

static int bid_zip(const uint8_t *data, size_t size)
{
    return size >= 4 && fab_le32(data) == 0x04034b50 ? 32 : 0;
}

/* Protocol 2, then the number as a ten-byte integer, then the end. */
static const uint8_t magic[] = { 0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };

static int bid_old(const uint8_t *data, size_t size)
{
    return size >= sizeof magic && !memcmp(data, magic, sizeof magic) ? 8 * (int)sizeof magic : 0;
}

/* The storages that the pickle names, ordered by key; bytes: of one element. */
static storage *element_sizes(reader *r, const fab_pickle *p, size_t *n)
{
    storage *list = fab_arena_zero(r->w->arena, p->n_persistent * sizeof *list, r->err);
    fab_dtype t;

    *n = 0;
    for (size_t i = 0; list && i < p->n_persistent; i++) {
        const fab_pk *id = p->persistent[i]->args, *key = arg(id, 2);
        if (!key || key->kind != FAB_PK_TEXT) continue;
        if (!find_type(arg(id, 1), true, "?", &t, r->err)) return NULL;
        list[(*n)++] = (storage){ key->text, key->n, NULL, (uint64_t)fab_dtype_bytes(t) };
    }
    if (list && *n) qsort(list, *n, sizeof *list, by_key);
    return list;
}

static bool read_storages(reader *r, const fab_pickle *p, const fab_pk *keys, const uint8_t *data,
                          size_t size)
{
    if (keys->kind != FAB_PK_LIST || keys->n > 1 << 16)
        return fab_fail(r->err, FAB_EFORMAT, "no list of storages after the pickle");
    size_t n_units;
    const storage *units = element_sizes(r, p, &n_units);
    r->storages = fab_arena_zero(r->w->arena, keys->n * sizeof *r->storages, r->err);
    if (!units || !r->storages) return false;
    for (size_t i = 0; i < keys->n; i++) {
        const fab_pk *key = keys->item[i];
        storage want = { key->text, key->n, NULL, 0 };
        const storage *at = key->kind == FAB_PK_TEXT && n_units
                                ? bsearch(&want, units, n_units, sizeof want, by_key)
                                : NULL;
        if (!at) return fab_fail(r->err, FAB_EFORMAT, "storage %zu: no tensor names it", i);
        uint64_t unit = at->bytes;
        uint64_t n = size >= 8 ? fab_le64(data) : UINT64_MAX;
        if (size < 8 || n > (size - 8) / unit)
            return fab_fail(r->err, FAB_EFORMAT,
                            "storage %zu of %zu: %" PRIu64 " elements of %" PRIu64
                            " bytes, %zu bytes are left",
                            i, keys->n, n, unit, size);
        r->storages[r->n_storages++] = (storage){ key->text, key->n, data + 8, n * unit };
        data += 8 + n * unit;
        size -= 8 + n * unit;
    }
    if (r->n_storages) qsort(r->storages, r->n_storages, sizeof *r->storages, by_key);
    return true;
}

static bool parse_old(fab_weights *w, const uint8_t *data, size_t size, const char *dir,
                      fab_err *err)
{
    reader r = { .w = w, .err = err };
    fab_pickle p[5]; /* magic, protocol, system, object, keys */
    size_t at = 0;
    (void)dir;

    for (int i = 0; i < 5; at += p[i++].used)
        if (!fab_pickle_read(&p[i], data + at, size - at, w->arena, err)) return false;
    if (p[1].root->kind != FAB_PK_INT || p[1].root->i != 1001)
        return fab_fail(err, FAB_EUNSUPPORTED, "an old PyTorch file of another protocol than 1001");
    const fab_pk *little = fab_pk_key(p[2].root, "little_endian");
    if (little && little->kind == FAB_PK_BOOL && !little->i)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "a big-endian checkpoint; save it on a usual machine");
    return read_storages(&r, &p[3], p[4].root, data + at, size - at) && read_object(&r, p[3].root);
}

const fab_format fab_format_torch = { "torch", bid_zip, parse_zip };
const fab_format fab_format_torch_old = { "torch (before 1.6)", bid_old, parse_old };
