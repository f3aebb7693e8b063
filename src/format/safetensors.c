/* safetensors: Hugging Face's format, read and written (SYSTEMS.md 28.1).
 *
 *   u64 n (little-endian) | n bytes of JSON, padded with spaces | tensor data
 *   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
 *    "__metadata__": {KEY: STRING}}
 *
 * Offsets count from the end of the JSON. The tensors cover the data without a hole or an overlap,
 * and end - begin is what dtype and shape say. Row-major; an empty shape is a scalar. Written:
 * sorted by element size downward, then by name, JSON padded so that the data begins at a multiple
 * of 64. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "format/weights_table.h"
#include "format/weights_write.h"

#define MAX_HEADER (100u << 20)
#define METADATA   "__metadata__"

static int bid(const uint8_t *data, size_t size)
{
    /* The length's upper half is zero in any file that is accepted, and the JSON begins with a
     * brace. */
    return size >= 9 && data[8] == '{' ? 8 + (fab_le32(data + 4) == 0 ? 32 : 0) : 0;
}

static bool read_shape(fab_weight *e, const json_t *shape, fab_err *err)
{
    size_t n = json_array_size(shape);

    if (!json_is_array(shape))
        return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': no shape", e->name);
    if (n > FAB_MAX_DIM)
        return fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': %zu dimensions, at most %d",
                        e->name, n, FAB_MAX_DIM);
    e->ndim = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(shape, i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': shape[%zu] is no size", e->name, i);
        e->shape[i] = json_integer_value(d);
    }
    return true;
}

static bool read_tensor(fab_weight *e, const json_t *o, const uint8_t *data, uint64_t size,
                        fab_err *err)
{
    const char *dtype = json_string_value(json_object_get(o, "dtype"));
    const json_t *offsets = json_object_get(o, "data_offsets"), *b = json_array_get(offsets, 0),
                 *t = json_array_get(offsets, 1);
    uint64_t bytes;

    if (!dtype) return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': no dtype", e->name);
    if (!fab_dtype_parse(dtype, &e->dtype) || fab_dtype_is_quantised(e->dtype))
        return fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': dtype '%.16s' is not known",
                        e->name, dtype);
    if (!read_shape(e, json_object_get(o, "shape"), err)) return false;
    if (!fab_dtype_size(e->dtype, e->ndim, e->shape, NULL, &bytes))
        return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': the shape is too large to count",
                        e->name);
    if (json_array_size(offsets) != 2 || !json_is_integer(b) || !json_is_integer(t) ||
        json_integer_value(b) < 0 || json_integer_value(t) < json_integer_value(b))
        return fab_fail(err, FAB_EFORMAT, "tensor '%.64s': data_offsets are not [begin, end]",
                        e->name);
    uint64_t begin = (uint64_t)json_integer_value(b), end = (uint64_t)json_integer_value(t);
    if (end > size)
        return fab_fail(err, FAB_EFORMAT,
                        "tensor '%.64s' ends at byte %" PRIu64 " of the data, which has %" PRIu64,
                        e->name, end, size);
    if (end - begin != bytes)
        return fab_fail(err, FAB_EFORMAT,
                        "tensor '%.64s': offsets hold %" PRIu64
                        " bytes, dtype and shape need %" PRIu64,
                        e->name, end - begin, bytes);
    e->data = data + begin;
    e->bytes = bytes;
    return true;
}

static bool read_metadata(fab_weights *w, json_t *meta, fab_err *err)
{
    const char *key;
    json_t *v;

    if (meta && !json_is_object(meta))
        return fab_fail(err, FAB_EFORMAT, METADATA ": not an object");
    json_object_foreach(meta, key, v)
    {
        if (!json_is_string(v))
            return fab_fail(err, FAB_EFORMAT, METADATA ": '%.64s' is not a string", key);
        fab_kv *kv = &w->kv[w->n_kv++];
        kv->type = FAB_KV_STR;
        kv->key = fab_arena_strdup(w->arena, key, err);
        kv->str = fab_arena_strdup(w->arena, json_string_value(v), err);
        if (!kv->key || !kv->str) return false;
    }
    return true;
}

static bool read_header(fab_weights *w, json_t *head, const uint8_t *data, uint64_t size,
                        fab_err *err)
{
    json_t *meta = json_object_get(head, METADATA), *v;
    const char *name;

    if (!json_is_object(head)) return fab_fail(err, FAB_EFORMAT, "the header is not a JSON object");
    if (!fab_weights_room(w, (int64_t)json_object_size(head), (int64_t)json_object_size(meta),
                          err) ||
        !read_metadata(w, meta, err))
        return false;
    json_object_foreach(head, name, v)
    {
        if (v == meta) continue;
        fab_weight *e = &w->entries[w->n];
        if (!(e->name = fab_arena_strdup(w->arena, name, err)) ||
            !read_tensor(e, v, data, size, err))
            return false;
        w->n++;
    }
    return fab_weights_check_layout(w, data, size, true, err);
}

static bool parse(fab_weights *w, const uint8_t *data, size_t size, const char *dir, fab_err *err)
{
    uint64_t n = fab_le64(data); /* the bid saw nine bytes */
    (void)dir;

    if (n > MAX_HEADER || n > size - 8)
        return fab_fail(err, FAB_EFORMAT,
                        "the header says %" PRIu64 " bytes; %zu follow, and %u are the limit", n,
                        size - 8, MAX_HEADER);
    json_t *head = fab_json_parse(data + 8, (size_t)n, err);
    bool ok =
        head ? read_header(w, head, data + 8 + n, size - 8 - n, err) : fab_while(err, "the header");
    json_decref(head);
    return ok;
}

const fab_format fab_format_safetensors = { "safetensors", bid, parse };

/* --- writing --- */

static int by_size_then_name(const void *a, const void *b)
{
    const fab_weight *x = *(const fab_weight *const *)a, *y = *(const fab_weight *const *)b;
    int sx = fab_dtype_bytes(x->dtype), sy = fab_dtype_bytes(y->dtype);
    return sx != sy ? sy - sx : strcmp(x->name, y->name);
}

static bool check_order(const fab_weight *const *order, int64_t n, fab_err *err)
{
    uint64_t bytes;

    for (int64_t i = 0; i < n; i++) {
        const fab_weight *e = order[i];
        if (fab_dtype_is_quantised(e->dtype))
            return fab_fail(err, FAB_EUNSUPPORTED, "tensor '%.64s': safetensors has no %s", e->name,
                            fab_dtype_name(e->dtype));
        if (!fab_dtype_size(e->dtype, e->ndim, e->shape, NULL, &bytes) || bytes != e->bytes)
            return fab_fail(err, FAB_EINTERNAL,
                            "tensor '%.64s': %" PRIu64 " bytes do not fit its shape", e->name,
                            e->bytes);
    }
    return true;
}

static json_t *header(const fab_weight *const *order, int64_t n, const json_t *metadata,
                      fab_err *err)
{
    json_t *head = json_object();
    uint64_t at = 0;
    bool ok = head && (!metadata || !json_object_set(head, METADATA, (json_t *)metadata));

    for (int64_t i = 0; ok && i < n; i++) {
        const fab_weight *e = order[i];
        json_t *shape = json_array();
        for (int k = 0; k < e->ndim; k++) json_array_append_new(shape, json_integer(e->shape[k]));
        if (json_object_get(head, e->name))
            ok = fab_fail(err, FAB_EINTERNAL, "tensor '%.64s' is given twice", e->name);
        ok =
            !json_object_set_new(head, e->name,
                                 json_pack("{s:s, s:o, s:[I, I]}", "dtype",
                                           fab_dtype_name(e->dtype), "shape", shape, "data_offsets",
                                           (json_int_t)at, (json_int_t)(at + e->bytes))) &&
            ok;
        at += e->bytes;
    }
    if (ok) return head;
    fab_fail(err, FAB_ENOMEM, "the header could not be built");
    json_decref(head);
    return NULL;
}

static int write_text(const char *text, size_t n, void *out)
{
    return fab_out_write(out, text, n, NULL) ? 0 : -1;
}

static int add_length(const char *text, size_t n, void *total)
{
    (void)text;
    *(size_t *)total += n;
    return 0;
}

static bool write_header(fab_out *out, const json_t *head, fab_err *err)
{
    static const char spaces[64] =
        "                                                               ";
    uint8_t length[8];
    size_t n = 0;

    json_dump_callback(head, add_length, &n, JSON_COMPACT);
    size_t pad = (64 - (n + 8) % 64) % 64;
    fab_put_le64(length, n + pad);
    return fab_out_write(out, length, 8, err) &&
           (!json_dump_callback(head, write_text, out, JSON_COMPACT) ||
            fab_fail(err, FAB_EIO, "the header could not be written")) &&
           fab_out_write(out, spaces, pad, err);
}

static bool write_data(fab_out *out, const void *data, uint64_t n, fab_err *err)
{
    return !n || fab_out_write(out, data, n, err); /* an empty tensor may have no address */
}

bool fab_safetensors_write(const char *path, const fab_weight *tensors, int64_t n,
                           const json_t *metadata, fab_err *err)
{
    const fab_weight **order = fab_new_array((size_t)n + 1, sizeof *order, err);
    json_t *head = NULL;
    fab_out out = { NULL, NULL, NULL };

    for (int64_t i = 0; order && i < n; i++) order[i] = &tensors[i];
    if (order) qsort(order, (size_t)n, sizeof *order, by_size_then_name);
    bool ok = order && check_order(order, n, err) && (head = header(order, n, metadata, err)) &&
              fab_out_open(&out, path, err) && write_header(&out, head, err);
    for (int64_t i = 0; ok && i < n; i++)
        ok = write_data(&out, order[i]->data, order[i]->bytes, err);
    ok = ok && fab_out_commit(&out, err);
    fab_out_abort(&out);
    json_decref(head);
    fab_free(order);
    return ok;
}
