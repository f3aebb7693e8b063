/* engine: finding and opening the model file, and texts as embeddings. look.c and answer.c hold the
 * rest. */
#include "engine/engine_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "engine/gate.h"
#include "text/utf8.h"

static const char *const model_name = "models/mini.gguf";

/* The places in order: here, beside the program, installed. NULL past the end. */
static const char *place(fab_arena *a, int i, const char *exe, fab_err *err)
{
    static const char *const beside[] = { "../models/mini.gguf", "../../models/mini.gguf",
                                          "../../../models/mini.gguf",
                                          "../share/fabrica/models/mini.gguf" };
    if (i == 0) return model_name;
    if (i <= 4) return exe ? fab_path_join(a, exe, beside[i - 1], err) : "";
    return i == 5 ? "/usr/share/fabrica/models/mini.gguf" : NULL;
}

static const char *find_model(fab_arena *a, fab_err *err)
{
    const char *env = fab_getenv("FABRICA_MODEL");
    if (env && *env) return env;
    fab_err ignored = FAB_ERR_INIT;
    const char *exe = fab_exe_dir(a, &ignored), *p;
    for (int i = 0; (p = place(a, i, exe, err)); i++)
        if (*p && fab_exists(p)) return p;
    if (!err || !err->code)
        fab_fail(
            err, FAB_EIO,
            "no model file: $FABRICA_MODEL is not set and there is no %s here, in ../, ../../, "
            "../../../ or ../share/fabrica/ of %s, or in /usr/share/fabrica",
            model_name, exe ? exe : "the program");
    return NULL;
}

/* A gate that does not fit the features would be no gate: refused instead. */
static bool gate_fits(const fab_engine *e, fab_err *err)
{
    const fab_mini_file *f = e->file;
    int need = fab_mini_width(&f->model->cfg) + FAB_GATE_PIXEL_DIMS;
    return !f->gate_n || f->gate_dim == need ||
           fab_fail(err, FAB_EFORMAT, "%s: fabrica.gate.dim: %d, %d features are measured", e->path,
                    f->gate_dim, need);
}

fab_engine *fab_engine_open(const char *path, fab_pool *pool, fab_err *err)
{
    fab_engine *e = fab_new(sizeof *e, err);
    if (!e) return NULL;
    e->pool = pool;
    e->own = fab_arena_new(0, err);
    e->work = fab_arena_new((size_t)8 << 20, err);
    if (e->own && e->work) {
        e->path = path ? fab_arena_strdup(e->own, path, err) : find_model(e->own, err);
        if (e->path) e->file = fab_mini_open(e->path, pool, err);
    }
    if (!e->file || !gate_fits(e, err)) {
        fab_engine_close(e);
        return NULL;
    }
    fab_ctx_init(&e->ctx, e->work, pool);
    return e;
}

void fab_engine_close(fab_engine *e)
{
    if (!e) return;
    for (int i = 0; i < FAB_LOOK_CACHE; i++) fab_look_unref(e->cache[i].look);
    fab_adapter_close(e->adapter);
    fab_mini_close(e->file);
    fab_arena_free(e->work);
    fab_arena_free(e->own);
    fab_free(e);
}

const fab_mini_file *fab_engine_model(const fab_engine *e) { return e->file; }
fab_pool *fab_engine_pool(const fab_engine *e) { return e->pool; }
const char *fab_engine_path(const fab_engine *e) { return e->path; }

void fab_engine_set_temperature(fab_engine *e, float t)
{
    e->file->temperature = t;
    e->file->skills = (fab_skills){ 0 };
}

/* What was seen without the adapter, or with another, is not what would be seen now. */
static void forget_looks(fab_engine *e)
{
    for (int i = 0; i < FAB_LOOK_CACHE; i++) {
        fab_look_unref(e->cache[i].look);
        e->cache[i].look = NULL;
    }
}

static void take_off(fab_engine *e)
{
    if (!e->adapter) return;
    fab_peft_detach(&e->file->sites);
    fab_adapter_close(e->adapter);
    e->adapter = NULL;
    e->file->id[e->id_len] = 0;
    e->file->skills = e->skills;
}

bool fab_engine_untrain(fab_engine *e, uint64_t seed, fab_err *err)
{
    fab_mini_file *f = e->file;
    fab_mini *m = fab_mini_new(f->arena, &f->model->cfg, err);
    if (!m) return false;
    fab_params p = fab_params_init(f->arena, &m->list, seed);
    fab_mini_params(&p, m);
    if (!fab_params_end(&p, err)) return false;
    f->model = m;
    f->answers = (fab_curve){ 0 };
    f->skills = (fab_skills){ 0 };
    forget_looks(e);
    return true;
}

bool fab_engine_adapt(fab_engine *e, const char *path, fab_err *err)
{
    fab_mini_file *f = e->file;
    forget_looks(e);
    take_off(e);
    if (!path) return true;
    char base[65];
    fab_adapter *a = fab_adapter_open(path, err);
    if (!a || !fab_adapter_base(f->weights, NULL, base, err) ||
        !fab_adapter_fit(a, &f->sites, base, e->pool, err)) {
        fab_adapter_close(a);
        return false;
    }
    e->adapter = a;
    e->skills = f->skills;
    e->id_len = strlen(f->id);
    f->skills = (fab_skills){ 0 };
    snprintf(f->id + e->id_len, sizeof f->id - e->id_len, "+%.12s", a->sha256);
    fab_peft_attach(&a->peft);
    return true;
}

float fab_engine_logit_scale(const fab_engine *e)
{
    const fab_tensor *s = e->file->model->logit_scale;
    return fminf(expf(fab_f32(s)[0]), 100.0f); /* CLIP's clamp */
}

bool fab_engine_settle(fab_engine *e, fab_err *err)
{
    if (e->ctx.err.code == FAB_OK) return true;
    return fab_fail(err, e->ctx.err.code, "%s", e->ctx.err.text);
}

/* ---- texts as embeddings --------------------------------------------------------------------- */

enum { TEXT_BATCH = 16 };

static int64_t encode_text(fab_engine *e, const char *text, int32_t *ids, fab_err *err)
{
    size_t size = text ? strlen(text) : 0;
    if (size == 0) return fab_fail(err, FAB_EUSAGE, "a text to embed is empty"), -1;
    int64_t n = fab_bpe_encode_plain(e->file->bpe, text, size, ids, FAB_ENGINE_MAX_QUESTION, err);
    if (n > FAB_ENGINE_MAX_QUESTION) {
        fab_fail(err, FAB_ELIMIT, "a text to embed has %lld tokens, the limit is %d", (long long)n,
                 FAB_ENGINE_MAX_QUESTION);
        return -1;
    }
    if (n >= 0) ids[n++] = FAB_MINI_EMB;
    return n;
}

static bool embed_batch(fab_engine *e, const char *const *texts, int n, float *out, fab_err *err)
{
    enum { ROW = FAB_ENGINE_MAX_QUESTION + 1 };
    fab_ctx *c = &e->ctx;
    int64_t longest = 0, E = e->file->model->cfg.embed;
    fab_ctx_reset(c);
    int32_t *all = fab_arena_zero(c->arena, (size_t)n * ROW * sizeof *all, err); /* zero = <pad> */
    fab_tensor *last = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    if (!all || !fab_engine_settle(e, err)) return false;
    for (int i = 0; i < n; i++) {
        int64_t len = encode_text(e, texts[i], all + (int64_t)i * ROW, err);
        if (len < 0) return false;
        fab_i32(last)[i] = (int32_t)len - 1;
        longest = len > longest ? len : longest;
    }
    fab_tensor *ids = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n, longest));
    for (int i = 0; ids && i < n; i++)
        memcpy(fab_i32(ids) + i * longest, all + (int64_t)i * ROW, (size_t)longest * sizeof *all);
    fab_tensor *y = fab_mini_text_embed(c, e->file->model, ids, last, 0);
    if (!fab_engine_settle(e, err)) return false;
    memcpy(out, fab_f32(y), (size_t)(n * E) * sizeof *out);
    return true;
}

bool fab_engine_embed_text(fab_engine *e, const char *const *texts, int n, float *out, fab_err *err)
{
    int64_t E = e->file->model->cfg.embed;
    for (int i = 0; i < n; i += TEXT_BATCH) {
        int some = n - i < TEXT_BATCH ? n - i : TEXT_BATCH;
        if (!embed_batch(e, texts + i, some, out + i * E, err)) return false;
    }
    return true;
}
