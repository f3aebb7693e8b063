/* adapter: see adapter.h. */
#include "zoo/adapter.h"

#include <math.h>
#include <string.h>
#include "base/hash.h"
#include "format/weights_write.h"
#include "zoo/source.h"

static const char *const types[FAB_PEFT_KINDS] = { "LORA", "ADALORA", "BOTTLENECK",
                                                   "PREFIX_TUNING" };

/* ---- the model ------------------------------------------------------------------------------- */

bool fab_adapter_base(const fab_weights *w, bool (*counts)(const char *name), char hex[65],
                      fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    char *text = a ? fab_arena_strdup(a, "", err) : NULL;
    for (int64_t i = 0; text && i < fab_weights_count(w); i++) {
        const fab_weight *e = fab_weights_at(w, i);
        char of[65], all[65];
        if (counts && !counts(e->name)) continue;
        fab_sha256_hex(e->data, (size_t)e->bytes, of);
        fab_sha256_hex(text, strlen(text), all);
        fab_arena_reset(a);
        text = fab_arena_printf(a, err, "%s%s %s %d %lld %lld %lld %lld %s", all, e->name,
                                fab_dtype_name(e->dtype), e->ndim, (long long)e->shape[0],
                                (long long)e->shape[1], (long long)e->shape[2],
                                (long long)e->shape[3], of);
    }
    if (text) fab_sha256_hex(text, strlen(text), hex);
    fab_arena_free(a);
    return text != NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_kind(const json_t *o, fab_peft_kind *kind, fab_err *err)
{
    const char *type = fab_json_str(o, "peft_type", err);
    for (int i = 0; type && i < FAB_PEFT_KINDS; i++)
        if (!strcmp(types[i], type)) return *kind = (fab_peft_kind)i, true;
    return type &&
           fab_fail(err, FAB_EUNSUPPORTED,
                    "peft_type '%.40s'; LORA, ADALORA, BOTTLENECK and PREFIX_TUNING are read",
                    type);
}

/* A list of texts; absent or null: none. */
static bool read_patterns(const json_t *o, const char *key, fab_arena *a, const char *const **out,
                          int *n, fab_err *err)
{
    const json_t *v = json_object_get(o, key);
    size_t count = json_array_size(v);
    if (!v || json_is_null(v)) return true;
    if (!json_is_array(v) || count > 256)
        return fab_fail(err, FAB_EFORMAT, "%s: no list of at most 256 names", key);
    const char **items = fab_arena_take(a, (count + 1) * sizeof *items, err);
    for (size_t i = 0; items && i < count; i++) {
        const char *s = json_string_value(json_array_get(v, i));
        if (!s) return fab_fail(err, FAB_EFORMAT, "%s: item %zu is no text", key, i);
        if (!(items[i] = fab_arena_strdup(a, s, err))) return false;
    }
    *out = items;
    *n = (int)count;
    return items != NULL;
}

static bool optional(const json_t *o, const char *key, double *out, fab_err *err)
{
    const json_t *v = json_object_get(o, key);
    return !v || json_is_null(v) || fab_json_num(o, key, out, err);
}

static bool read_config(fab_adapter *a, const json_t *o, fab_err *err)
{
    fab_peft_opts *p = &a->opts;
    double alpha = 1, dropout = 0;
    int64_t r = 0;
    if (!read_kind(o, &p->kind, err) || !fab_json_int(o, "r", &r, err) ||
        !optional(o, "lora_alpha", &alpha, err) || !optional(o, "lora_dropout", &dropout, err) ||
        !read_patterns(o, "target_modules", a->arena, &p->targets, &p->n_targets, err) ||
        !read_patterns(o, "modules_to_save", a->arena, &p->full, &p->n_full, err))
        return false;
    if (r < 1 || r > 4096)
        return fab_fail(err, FAB_EFORMAT, "r: %lld is not in 1..4096", (long long)r);
    if (!isfinite(alpha) || fabs(alpha) > 1e6 || !(dropout >= 0 && dropout < 1))
        return fab_fail(err, FAB_EFORMAT, "lora_alpha %g, lora_dropout %g", alpha, dropout);
    p->rank = (int)r;
    p->alpha = (float)alpha;
    p->dropout = (float)dropout;
    return true;
}

static const char *text_of(const fab_weights *w, const char *key)
{
    const char *s = fab_weights_str(w, key, NULL);
    return s ? s : "";
}

static bool read_head(fab_adapter *a, fab_err *err)
{
    const fab_weights *w = a->weights;
    const char *text = fab_weights_str(w, "adapter_config", NULL);
    if (!text)
        return fab_fail(err, FAB_EFORMAT, "no adapter: there is no adapter_config in its metadata");
    json_t *o = fab_json_parse(text, strlen(text), err);
    bool ok = o && read_config(a, o, err);
    json_decref(o);
    if (!ok) return fab_while(err, "adapter_config");
    a->base_sha256 = fab_weights_str(w, "base_sha256", err);
    a->base_name = text_of(w, "base_name");
    a->card = text_of(w, "card");
    return a->base_sha256 && fab_weights_check_finite(w, err);
}

/* Takes w over. */
static fab_adapter *adapter_of(fab_weights *w, const char *path, fab_err *err)
{
    fab_arena *arena = w ? fab_arena_new(0, err) : NULL;
    fab_adapter *a = arena ? fab_arena_zero(arena, sizeof *a, err) : NULL;
    if (!a) {
        fab_arena_free(arena);
        fab_weights_close(w);
        return NULL;
    }
    a->arena = arena;
    a->weights = w;
    a->path = fab_arena_strdup(arena, path, err);
    if (a->path && read_head(a, err)) return a;
    if (*path) fab_while(err, "%s", path);
    fab_adapter_close(a);
    return NULL;
}

fab_adapter *fab_adapter_parse(const void *data, size_t size, fab_err *err)
{
    return adapter_of(fab_weights_parse(data, size, err), "", err);
}

fab_adapter *fab_adapter_open(const char *path, fab_err *err)
{
    fab_file bytes;
    fab_adapter *a = adapter_of(fab_weights_open(path, err), path, err);
    if (!a) return NULL;
    if (fab_file_map(&bytes, path, 0, err)) {
        fab_sha256_hex(bytes.data, bytes.size, a->sha256);
        fab_file_unmap(&bytes);
        return a;
    }
    fab_adapter_close(a);
    return NULL;
}

void fab_adapter_close(fab_adapter *a)
{
    if (!a) return;
    fab_weights_close(a->weights);
    fab_arena_free(a->arena);
}

/* ---- fitting --------------------------------------------------------------------------------- */

static bool same_base(const fab_adapter *a, const char *hex, fab_err *err)
{
    return !hex || !strcmp(hex, a->base_sha256) ||
           fab_fail(err, FAB_EUSAGE,
                    "trained on the model %.40s whose weights hash to %.12s; these hash to %.12s",
                    a->base_name, a->base_sha256, hex);
}

bool fab_adapter_fit(fab_adapter *a, const fab_sites *sites, const char *base_sha256,
                     fab_pool *pool, fab_err *err)
{
    const fab_param_source source = fab_source_weights(a->weights);
    fab_params p = fab_params_load(a->arena, &a->peft.list, &source);
    p.pool = pool;
    bool ok = same_base(a, base_sha256, err);
    if (ok) {
        fab_peft_params(&p, &a->peft, sites, &a->opts);
        ok = fab_params_end(&p, err);
    }
    return ok || fab_while(err, "%s", a->path);
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *patterns_json(const char *const *items, int n)
{
    json_t *v = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(v, json_string(items[i]));
    return v;
}

static json_t *config_json(const fab_peft_opts *o)
{
    json_t *v = json_pack("{s:s, s:i, s:o, s:o}", "peft_type", types[o->kind], "r", o->rank,
                          "target_modules", patterns_json(o->targets, o->n_targets),
                          "modules_to_save", patterns_json(o->full, o->n_full));
    if (o->kind == FAB_PEFT_LORA || o->kind == FAB_PEFT_ADALORA) {
        json_object_set_new(v, "lora_alpha", json_real((double)o->alpha));
        json_object_set_new(v, "lora_dropout", json_real((double)o->dropout));
    }
    return v;
}

static json_t *metadata(const fab_peft *t, const fab_adapter_about *about, fab_err *err)
{
    json_t *o = config_json(&t->opts), *meta = NULL;
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text)
        meta = json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "format", "pt", "adapter_config", text,
                         "base_sha256", about->base_sha256, "base_name", about->base_name, "card",
                         about->card);
    fab_free(text);
    json_decref(o);
    if (!meta) fab_fail(err, FAB_ENOMEM, "no memory for an adapter's metadata");
    return meta;
}

bool fab_adapter_save(const char *path, const fab_peft *t, const fab_adapter_about *about,
                      fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    fab_weight *items = a ? fab_arena_zero(a, (size_t)(t->list.n + 1) * sizeof *items, err) : NULL;
    json_t *meta = items ? metadata(t, about, err) : NULL;
    bool ok = meta != NULL;
    for (int64_t i = 0; ok && i < t->list.n; i++) {
        const fab_tensor *from = t->list.items[i];
        fab_weight *w = &items[i];
        *w = (fab_weight){
            .name = from->name, .dtype = from->dtype, .ndim = from->ndim, .data = from->data
        };
        memcpy(w->shape, from->shape, sizeof w->shape);
        ok = fab_dtype_size(w->dtype, w->ndim, w->shape, NULL, &w->bytes) ||
             fab_fail(err, FAB_EINTERNAL, "%s: has no size", w->name);
    }
    ok = ok && fab_safetensors_write(path, items, t->list.n, meta, err);
    json_decref(meta);
    fab_arena_free(a);
    return ok;
}

json_t *fab_adapter_describe(const fab_adapter *a, fab_err *err)
{
    int64_t values = 0;
    uint64_t bytes = 0;
    for (int64_t i = 0; i < fab_weights_count(a->weights); i++) {
        const fab_weight *e = fab_weights_at(a->weights, i);
        int64_t n = 0;
        fab_dtype_size(e->dtype, e->ndim, e->shape, &n, NULL);
        values += n;
        bytes += e->bytes;
    }
    json_t *v = config_json(&a->opts);
    json_object_set_new(v, "tensors", json_integer(fab_weights_count(a->weights)));
    json_object_set_new(v, "parameters", json_integer(values));
    json_object_set_new(v, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(v, "base_name", json_string(a->base_name));
    json_object_set_new(v, "base_sha256", json_string(a->base_sha256));
    json_object_set_new(v, "sha256", json_string(a->sha256));
    if (*a->card) json_object_set_new(v, "card", fab_json_parse(a->card, strlen(a->card), NULL));
    if (!v) fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
    return v;
}
