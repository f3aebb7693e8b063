/* ctranslate2: model.bin of the CTranslate2 engine, binary version 6, as its model_spec.py writes
 * it; little-endian.
 *
 *   u32 version | string spec | u32 revision | u32 tensors
 *   tensors: string name | u8 n | u32 dims[n], outermost first | u8 type | u32 bytes | data
 *   u32 aliases | aliases: string alias | string name           string = u16 length, bytes, NUL
 *
 * Types: 0 f32, 1 i8, 2 i16, 3 i32, 4 f16, 5 bf16. Options of the model stand among the tensors as
 * scalars. Data are not aligned. An alias is a second entry over the same bytes. The spec's name
 * and revision are the keys ctranslate2.spec and ctranslate2.revision. */
#include <inttypes.h>
#include <string.h>
#include "base/bytes.h"
#include "format/weights_table.h"

#define VERSION    6
#define MIN_TENSOR (2 + 1 + 1 + 1 + 4)
#define MIN_ALIAS  (2 * (2 + 1))

typedef struct {
    const uint8_t *data;
    size_t size, at;
    fab_arena *arena;
    fab_err *err;
    const char *what; /* being read, for messages */
} reader;

static const uint8_t *take(reader *r, uint64_t n)
{
    if (n <= r->size - r->at) {
        r->at += n;
        return r->data + r->at - n;
    }
    fab_fail(r->err, FAB_EFORMAT, "%.64s: needs %" PRIu64 " bytes at %zu, the file has %zu",
             r->what, n, r->at, r->size);
    return NULL;
}

static bool read_u32(reader *r, uint32_t *v)
{
    const uint8_t *p = take(r, 4);
    if (p) *v = fab_le32(p);
    return p != NULL;
}

/* The string in the file: it ends with a NUL there. */
static const char *read_string(reader *r)
{
    const uint8_t *n = take(r, 2), *s = n ? take(r, fab_le16(n)) : NULL;
    if (!s) return NULL;
    size_t len = fab_le16(n);
    if (len < 2 || s[len - 1] || memchr(s, 0, len - 1))
        return fab_fail(r->err, FAB_EFORMAT, "%.64s: a name that is empty or has no end", r->what),
               NULL;
    return (const char *)s;
}

static bool read_tensor(reader *r, fab_weight *e)
{
    static const fab_dtype types[] = { FAB_F32, FAB_I8, FAB_I16, FAB_I32, FAB_F16, FAB_BF16 };
    uint32_t dim, bytes;

    r->what = "a tensor";
    if (!(e->name = read_string(r))) return false;
    r->what = e->name;
    const uint8_t *n = take(r, 1);
    if (!n) return false;
    if (*n > FAB_MAX_DIM)
        return fab_fail(r->err, FAB_EUNSUPPORTED, "tensor '%.64s': %d dimensions, at most %d",
                        e->name, *n, FAB_MAX_DIM);
    e->ndim = *n;
    for (int i = 0; i < e->ndim; i++) {
        if (!read_u32(r, &dim)) return false;
        e->shape[i] = dim;
    }
    const uint8_t *type = take(r, 1);
    if (!type || !read_u32(r, &bytes)) return false;
    if (*type >= sizeof types / sizeof *types)
        return fab_fail(r->err, FAB_EFORMAT, "tensor '%.64s': no type has the number %d", e->name,
                        *type);
    e->dtype = types[*type];
    if (!fab_dtype_size(e->dtype, e->ndim, e->shape, NULL, &e->bytes) || e->bytes != bytes)
        return fab_fail(r->err, FAB_EFORMAT,
                        "tensor '%.64s': %" PRIu32 " bytes, type and shape need %" PRIu64, e->name,
                        bytes, e->bytes);
    return (e->data = take(r, e->bytes)) != NULL;
}

static bool read_aliases(reader *r, fab_weights *w, uint32_t n)
{
    int64_t own = w->n;

    for (uint32_t i = 0; i < n; i++) {
        r->what = "an alias";
        const char *alias = read_string(r), *name = alias ? read_string(r) : NULL;
        int64_t at = 0;
        if (!name) return false;
        while (at < own && strcmp(w->entries[at].name, name) != 0) at++;
        if (at == own)
            return fab_fail(r->err, FAB_EFORMAT, "alias '%.64s' of '%.64s': not in the file", alias,
                            name);
        w->entries[w->n] = w->entries[at];
        w->entries[w->n++].name = alias;
    }
    return true;
}

/* The number of aliases, which stands after the tensors; the position comes back. */
static bool skip_tensors(reader *r, uint32_t n, uint32_t *aliases)
{
    size_t from = r->at;
    fab_weight e;

    for (uint32_t i = 0; i < n; i++)
        if (!read_tensor(r, &e)) return false;
    r->what = "the aliases";
    if (!read_u32(r, aliases)) return false;
    if (*aliases > (r->size - r->at) / MIN_ALIAS)
        return fab_fail(r->err, FAB_EFORMAT, "the file says %" PRIu32 " aliases, %zu bytes follow",
                        *aliases, r->size - r->at);
    r->at = from;
    return true;
}

static void put_keys(fab_weights *w, const char *spec, const uint8_t *revision)
{
    w->kv[0] = (fab_kv){ .key = "ctranslate2.spec", .type = FAB_KV_STR, .str = spec };
    w->kv[1] = (fab_kv){ .key = "ctranslate2.revision", .type = FAB_KV_U32, .raw = revision };
    w->n_kv = 2;
}

static bool parse(fab_weights *w, const uint8_t *data, size_t size, const char *dir, fab_err *err)
{
    reader r = { data, size, 4, w->arena, err, "the header" };
    uint32_t revision, n, aliases;
    (void)dir;

    const char *spec = read_string(&r);
    if (!spec || !read_u32(&r, &revision) || !read_u32(&r, &n)) return false;
    const uint8_t *revision_at = r.data + r.at - 8;
    if (n > (size - r.at) / MIN_TENSOR)
        return fab_fail(err, FAB_EFORMAT, "the header says %" PRIu32 " tensors, %zu bytes follow",
                        n, size - r.at);
    if (!skip_tensors(&r, n, &aliases) || !fab_weights_room(w, (int64_t)n + aliases, 2, err))
        return false;
    put_keys(w, spec, revision_at);
    for (; w->n < (int64_t)n; w->n++)
        if (!read_tensor(&r, &w->entries[w->n])) return false;
    r.at += 4;
    if (!read_aliases(&r, w, aliases)) return false;
    return r.at == size ||
           fab_fail(err, FAB_EFORMAT, "%zu bytes after the last alias", size - r.at);
}

/* The version, then a name that ends in "Spec". */
static int bid(const uint8_t *data, size_t size)
{
    size_t n = size >= 6 ? fab_le16(data + 4) : 0;
    return n >= 5 && n <= 64 && size >= 6 + n && fab_le32(data) == VERSION &&
                   !memcmp(data + 6 + n - 5, "Spec", 5)
               ? 72
               : 0;
}

const fab_format fab_format_ctranslate2 = { "ctranslate2", bid, parse };
