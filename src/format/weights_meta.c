/* weights_meta: the metadata of weight files: looking keys up, converting values, describing a file
 * as JSON.
 *
 * Values stay in the file as they are; a getter converts. Integers of any width and sign are one
 * kind to a reader, as writers differ (block_count is u32 in one file, i32 or u64 in the next).
 * */
#include "format/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "format/weights_table.h"

/* clang-format off */
static const struct { const char *name; int size; } kv_types[FAB_KVS] = {
    [FAB_KV_U8] = { "u8", 1 },   [FAB_KV_I8] = { "i8", 1 },     [FAB_KV_U16] = { "u16", 2 },
    [FAB_KV_I16] = { "i16", 2 }, [FAB_KV_U32] = { "u32", 4 },   [FAB_KV_I32] = { "i32", 4 },
    [FAB_KV_F32] = { "f32", 4 }, [FAB_KV_BOOL] = { "bool", 1 }, [FAB_KV_STR] = { "string", 0 },
    [FAB_KV_U64] = { "u64", 8 }, [FAB_KV_I64] = { "i64", 8 },   [FAB_KV_F64] = { "f64", 8 },
    [FAB_KV_ARRAY] = { "array", 0 },
};
/* clang-format on */

const char *fab_kv_type_name(fab_kv_type t)
{
    return (unsigned)t < FAB_KVS ? kv_types[t].name : "?";
}

int fab_kv_type_size(fab_kv_type t) { return (unsigned)t < FAB_KVS ? kv_types[t].size : 0; }

int fab_kv_order(const void *a, const void *b)
{
    return strcmp(((const fab_kv *)a)->key, ((const fab_kv *)b)->key);
}

static const fab_kv *kv_find(const fab_weights *w, const char *key)
{
    fab_kv want = { .key = key };
    return w->n_kv ? bsearch(&want, w->kv, (size_t)w->n_kv, sizeof *w->kv, fab_kv_order) : NULL;
}

static const fab_kv *kv_need(const fab_weights *w, const char *key, fab_err *err)
{
    const fab_kv *kv = kv_find(w, key);
    if (!kv) fab_fail(err, FAB_EFORMAT, "key %s: not in the file", key);
    return kv;
}

static bool mistyped(const fab_kv *kv, const char *wanted, fab_err *err)
{
    bool array = kv->type == FAB_KV_ARRAY;
    return fab_fail(err, FAB_EFORMAT, "key %s: %s%s, wanted %s", kv->key, array ? "array of " : "",
                    fab_kv_type_name(array ? kv->item : kv->type), wanted);
}

bool fab_weights_has(const fab_weights *w, const char *key) { return kv_find(w, key) != NULL; }

static bool as_int(fab_kv_type t, const uint8_t *p, int64_t *out)
{
    switch (t) {
    case FAB_KV_U8: return *out = *p, true;
    case FAB_KV_I8: return *out = (int8_t)*p, true;
    case FAB_KV_U16: return *out = fab_le16(p), true;
    case FAB_KV_I16: return *out = (int16_t)fab_le16(p), true;
    case FAB_KV_U32: return *out = fab_le32(p), true;
    case FAB_KV_I32: return *out = (int32_t)fab_le32(p), true;
    case FAB_KV_U64: return *out = (int64_t)fab_le64(p), *out >= 0;
    case FAB_KV_I64: return *out = (int64_t)fab_le64(p), true;
    default: return false;
    }
}

static bool as_num(fab_kv_type t, const uint8_t *p, double *out)
{
    int64_t i;
    uint64_t bits;

    if (t == FAB_KV_F32) return *out = fab_bits_f32(fab_le32(p)), true;
    if (t == FAB_KV_F64) return bits = fab_le64(p), memcpy(out, &bits, 8), true;
    if (!as_int(t, p, &i)) return false;
    *out = (double)i;
    return true;
}

bool fab_weights_int(const fab_weights *w, const char *key, int64_t *out, fab_err *err)
{
    const fab_kv *kv = kv_need(w, key, err);
    return kv && (as_int(kv->type, kv->raw, out) || mistyped(kv, "an integer below 2^63", err));
}

bool fab_weights_num(const fab_weights *w, const char *key, double *out, fab_err *err)
{
    const fab_kv *kv = kv_need(w, key, err);
    return kv && (as_num(kv->type, kv->raw, out) || mistyped(kv, "a number", err));
}

bool fab_weights_bool(const fab_weights *w, const char *key, bool *out, fab_err *err)
{
    const fab_kv *kv = kv_need(w, key, err);
    if (!kv) return false;
    if (kv->type != FAB_KV_BOOL) return mistyped(kv, "a bool", err);
    *out = *kv->raw != 0;
    return true;
}

const char *fab_weights_str(const fab_weights *w, const char *key, fab_err *err)
{
    const fab_kv *kv = kv_need(w, key, err);
    if (kv && kv->type != FAB_KV_STR) mistyped(kv, "a string", err);
    return kv ? kv->str : NULL;
}

const char *const *fab_weights_strs(const fab_weights *w, const char *key, int64_t *n, fab_err *err)
{
    const fab_kv *kv = kv_need(w, key, err);
    if (!kv) return NULL;
    if (kv->type != FAB_KV_ARRAY || kv->item != FAB_KV_STR)
        return mistyped(kv, "an array of strings", err), NULL;
    *n = kv->n;
    return (const char *const *)kv->strs;
}

/* The array, when its items are numbers. */
static const fab_kv *numbers(const fab_weights *w, const char *key, fab_err *err)
{
    const fab_kv *kv = kv_need(w, key, err);
    if (!kv) return NULL;
    if (kv->type == FAB_KV_ARRAY && fab_kv_type_size(kv->item)) return kv;
    mistyped(kv, "an array of numbers", err);
    return NULL;
}

const int32_t *fab_weights_i32s(const fab_weights *w, const char *key, fab_arena *a, int64_t *n,
                                fab_err *err)
{
    const fab_kv *kv = numbers(w, key, err);
    int32_t *out = kv ? fab_arena_take(a, (size_t)kv->n * sizeof *out, err) : NULL;
    int64_t v;

    for (int64_t i = 0; out && i < kv->n; i++) {
        if (!as_int(kv->item, kv->raw + i * fab_kv_type_size(kv->item), &v))
            return mistyped(kv, "integers", err), NULL;
        if (v != (int32_t)v)
            return fab_fail(err, FAB_EFORMAT, "key %s: item %lld is %lld, too large for 32 bits",
                            key, (long long)i, (long long)v),
                   NULL;
        out[i] = (int32_t)v;
    }
    if (out) *n = kv->n;
    return out;
}

const float *fab_weights_f32s(const fab_weights *w, const char *key, fab_arena *a, int64_t *n,
                              fab_err *err)
{
    const fab_kv *kv = numbers(w, key, err);
    float *out = kv ? fab_arena_take(a, (size_t)kv->n * sizeof *out, err) : NULL;
    double v;

    for (int64_t i = 0; out && i < kv->n; i++) {
        if (!as_num(kv->item, kv->raw + i * fab_kv_type_size(kv->item), &v))
            return mistyped(kv, "numbers", err), NULL;
        out[i] = (float)v;
    }
    if (out) *n = kv->n;
    return out;
}

/* --- describing --- */

static json_t *text_json(const char *s)
{
    json_t *v = json_string(s);
    return v ? v : json_string("(not UTF-8)");
}

static json_t *scalar_json(fab_kv_type t, const uint8_t *p)
{
    int64_t i;
    double d;

    if (t == FAB_KV_BOOL) return json_boolean(*p);
    if (as_int(t, p, &i)) return json_integer(i);
    if (as_num(t, p, &d) && isfinite(d)) return json_real(d);
    return json_null();
}

static json_t *kv_json(const fab_kv *kv)
{
    enum { SHOWN = 8 };

    if (kv->type == FAB_KV_STR) return text_json(kv->str);
    if (kv->type != FAB_KV_ARRAY) return scalar_json(kv->type, kv->raw);
    json_t *items = json_array();
    for (int64_t i = 0; i < kv->n && i < SHOWN && (kv->strs || fab_kv_type_size(kv->item)); i++)
        json_array_append_new(items, kv->strs
                                         ? text_json(kv->strs[i])
                                         : scalar_json(kv->item,
                                                       kv->raw + i * fab_kv_type_size(kv->item)));
    if (kv->n <= SHOWN && json_array_size(items) == (size_t)kv->n) return items;
    return json_pack("{s:s, s:I, s:o}", "type", fab_kv_type_name(kv->item), "length",
                     (json_int_t)kv->n, "first", items);
}

static json_t *weight_json(const fab_weight *e)
{
    json_t *shape = json_array();
    for (int i = 0; i < e->ndim; i++) json_array_append_new(shape, json_integer(e->shape[i]));
    return json_pack("{s:o, s:s, s:o}", "name", text_json(e->name), "dtype",
                     fab_dtype_name(e->dtype), "shape", shape);
}

json_t *fab_weights_describe(const fab_weights *w, bool tensors, fab_err *err)
{
    json_t *doc = json_object(), *types = json_object(), *meta = json_object(),
           *list = json_array();
    int64_t count = 0, bytes = 0, each;
    int64_t by_type[FAB_DTYPES] = { 0 };

    for (int64_t i = 0; i < w->n; i++) {
        const fab_weight *e = &w->entries[i];
        fab_dtype_size(e->dtype, e->ndim, e->shape, &each, NULL);
        count += each; /* cannot overflow: the elements are in the file */
        bytes += (int64_t)e->bytes;
        by_type[e->dtype]++;
        if (tensors) json_array_append_new(list, weight_json(e));
    }
    for (int t = 0; t < FAB_DTYPES; t++)
        if (by_type[t])
            json_object_set_new(types, fab_dtype_name((fab_dtype)t), json_integer(by_type[t]));
    for (int64_t i = 0; i < w->n_kv; i++)
        json_object_set_new(meta, w->kv[i].key, kv_json(&w->kv[i]));
    json_object_set_new(doc, "format", json_string(fab_weights_format(w)));
    json_object_set_new(doc, "n_tensors", json_integer(w->n));
    json_object_set_new(doc, "parameters", json_integer(count));
    json_object_set_new(doc, "bytes", json_integer(bytes));
    json_object_set_new(doc, "dtypes", types);
    json_object_set_new(doc, "metadata", meta);
    if (tensors) json_object_set_new(doc, "tensors", list);
    else json_decref(list);
    if (!doc || json_object_size(doc) != 6u + tensors)
        return json_decref(doc), fab_fail(err, FAB_ENOMEM, "out of memory"), NULL;
    return doc;
}
