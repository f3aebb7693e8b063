/* adapter_merge: an adapter worked into its model's file. Tensors are found by where they lie in
 * the mapped file, so names that differ between file and model do not matter. */
#include <string.h>
#include "format/weights_write.h"
#include "zoo/adapter.h"
#include "zoo/decoder.h"
#include "zoo/mini.h"
#include "zoo/source.h"

typedef struct {
    fab_mini_file *mini; /* one of the two */
    fab_decoder *decoder;
    const fab_weights *weights;
    const fab_sites *sites;
    fab_adapter *adapter;
    fab_weight *made; /* [n] of the new file */
    fab_arena *arena;
    fab_pool *pool;
    const fab_kernels *k;
} job;

static bool is_mini(const char *path)
{
    fab_weights *w = fab_weights_open(path, NULL);
    const char *arch = w ? fab_weights_str(w, "general.architecture", NULL) : NULL;
    bool mini = arch && !strcmp(arch, "fabrica-mini");
    fab_weights_close(w);
    return mini;
}

static bool open_model(job *j, const char *path, fab_err *err)
{
    if (is_mini(path)) {
        if (!(j->mini = fab_mini_open(path, j->pool, err))) return false;
        j->weights = j->mini->weights;
        j->sites = &j->mini->sites;
    } else {
        j->decoder = fab_decoder_open(path, &(fab_decoder_opts){ .pool = j->pool }, err);
        if (!j->decoder) return false;
        j->weights = j->decoder->weights;
        j->sites = &j->decoder->sites;
    }
    return true;
}

/* The tensor of the new file that a parameter of the model is. */
static fab_weight *made_of(const job *j, const char *name, fab_err *err)
{
    const fab_weight *e = j->mini ? fab_weights_find(j->weights, name, NULL)
                                  : fab_names_find(j->decoder->names, name);
    for (int64_t i = 0; e && i < fab_weights_count(j->weights); i++) {
        const fab_weight *w = fab_weights_at(j->weights, i);
        if (w->data == e->data && w->bytes == e->bytes) return &j->made[i];
    }
    fab_fail(err, FAB_EUNSUPPORTED,
             "%s: is a part of a tensor of the file: convert the model first", name);
    return NULL;
}

static bool narrow(const job *j, fab_weight *w, const float *x, fab_err *err)
{
    int64_t n = 0;
    if (fab_dtype_is_quantised(w->dtype)) w->dtype = FAB_F16;
    fab_dtype_size(w->dtype, w->ndim, w->shape, &n, &w->bytes);
    void *to = w->dtype == FAB_F32 ? (void *)(uintptr_t)x
                                   : fab_arena_take(j->arena, (size_t)w->bytes, err);
    if (!to) return false;
    if (w->dtype != FAB_F32 && !j->k->from_f32(j->pool, w->dtype, x, to, n))
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: %s cannot be written", w->name,
                        fab_dtype_name(w->dtype));
    w->data = to;
    return true;
}

static bool work_in(job *j, int64_t i, fab_err *err)
{
    const fab_peft *t = &j->adapter->peft;
    const fab_site *s = t->sites[i];
    if (!s->w) return fab_peft_merge(t, i, NULL, NULL, j->arena, err); /* says why not */
    fab_weight *w = made_of(j, s->w->name, err), *b = NULL;
    if (!w || (s->b && t->parts[i].bias && !(b = made_of(j, s->b->name, err)))) return false;
    float *x = fab_source_f32(w, j->pool, j->arena, err),
          *bias = b ? fab_source_f32(b, j->pool, j->arena, err) : NULL;
    return x && (bias || !b) && fab_peft_merge(t, i, x, bias, j->arena, err) &&
           narrow(j, w, x, err) && (!b || narrow(j, b, bias, err));
}

static bool write_gguf(const job *j, const char *out, fab_err *err)
{
    static const char *const none[] = { NULL };
    fab_gguf *g = fab_gguf_new(err);
    bool ok = g && fab_gguf_copy(g, j->weights, none);
    for (int64_t i = 0; ok && i < fab_weights_count(j->weights); i++) {
        const fab_weight *w = &j->made[i];
        ok = fab_gguf_tensor(g, w->name, w->dtype, w->ndim, w->shape, w->data);
    }
    ok = g && fab_gguf_write(g, out, err); /* tells the first failure */
    fab_gguf_free(g);
    return ok;
}

static bool merge(job *j, const char *out, fab_err *err)
{
    int64_t n = fab_weights_count(j->weights);
    char base[65];
    if (!fab_adapter_base(j->weights, NULL, base, err) ||
        !fab_adapter_fit(j->adapter, j->sites, base, j->pool, err))
        return false;
    j->made = fab_arena_take(j->arena, (size_t)(n + 1) * sizeof *j->made, err);
    for (int64_t i = 0; j->made && i < n; i++) j->made[i] = *fab_weights_at(j->weights, i);
    bool ok = j->made != NULL;
    for (int64_t i = 0; ok && i < j->adapter->peft.n; i++) ok = work_in(j, i, err);
    if (!ok) return false;
    return strcmp(fab_weights_format(j->weights), "gguf")
               ? fab_safetensors_write(out, j->made, n, NULL, err)
               : write_gguf(j, out, err);
}

bool fab_adapter_merge(const char *model, const char *adapter, const char *out, fab_pool *pool,
                       fab_err *err)
{
    job j = { .pool = pool, .k = fab_kernels_best(), .adapter = fab_adapter_open(adapter, err) };
    j.arena = j.adapter ? fab_arena_new(0, err) : NULL;
    bool ok = j.arena && open_model(&j, model, err) && merge(&j, out, err);
    fab_adapter_close(j.adapter);
    fab_mini_close(j.mini);
    fab_decoder_close(j.decoder);
    fab_arena_free(j.arena);
    return ok;
}
