/* encoder: see encoder.h. */
#include "zoo/encoder.h"
#include <math.h>
#include <string.h>
#include "zoo/encoder_read.h"

struct fab_encoder {
    fab_arena *arena; /* names, the model, packed weights */
    fab_weights *weights;
    fab_names *names;
    fab_encoder_facts facts;
    fab_param_list list;
    union {
        fab_bert bert;
        fab_clip clip;
        fab_biomedclip biomedclip;
        fab_siglip_model siglip;
        fab_conch conch;
    } m;
};

static const char *const family_names[] = { "bert", "clip", "biomedclip", "siglip", "conch" };

/* ---- finding --------------------------------------------------------------------------------- */
static const char *const weight_files[] = {
    "model.safetensors",           "model.safetensors.index.json",
    "open_clip_model.safetensors", "open_clip_pytorch_model.bin",
    "pytorch_model.bin",           "pytorch_model.bin.index.json",
};
enum { WEIGHT_FILES = sizeof weight_files / sizeof *weight_files };

/* The weights in a folder, or NULL. */
static const char *weights_in(fab_arena *a, const char *folder, fab_err *err)
{
    for (int i = 0; i < WEIGHT_FILES; i++) {
        const char *path = fab_path_join(a, folder, weight_files[i], err);
        if (!path || fab_exists(path)) return path;
    }
    return NULL;
}

/* A folder has entries of its own: "PATH/." exists only then. */
bool fab_encoder_folder_at(const char *path)
{
    fab_err ignored = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &ignored);
    const char *dot = a ? fab_path_join(a, path, ".", &ignored) : NULL;
    bool is = dot && fab_exists(dot);
    fab_arena_free(a);
    return is;
}

bool fab_encoder_at(const char *path)
{
    fab_err ignored = FAB_ERR_INIT;
    if (fab_encoder_folder_at(path)) return true;
    fab_weights *w = fab_weights_open(path, &ignored);
    const char *arch = w ? fab_weights_str(w, "general.architecture", NULL) : NULL;
    bool own = !w || (arch && !strncmp(arch, "fabrica", 7));
    fab_weights_close(w);
    return !own;
}

static bool locate(fab_encoder *e, const char *path, fab_err *err)
{
    fab_encoder_facts *f = &e->facts;
    if (fab_encoder_folder_at(path)) {
        f->folder = fab_arena_strdup(e->arena, path, err);
        f->weights = weights_in(e->arena, path, err);
        if (!f->weights && !err->code)
            fab_fail(err, FAB_EIO, "no weights in this folder: neither %s nor %s", weight_files[0],
                     weight_files[4]);
    } else {
        f->weights = fab_arena_strdup(e->arena, path, err);
        f->folder = fab_path_dir(e->arena, path, err);
    }
    return f->weights && f->folder;
}

/* ---- parameters ------------------------------------------------------------------------------ */
static void visit(fab_params *p, fab_encoder *e, const fab_encoder_configs *g)
{
    switch (e->facts.family) {
    case FAB_ENCODER_BERT: fab_bert_params(p, &e->m.bert, &g->bert); break;
    case FAB_ENCODER_CLIP: fab_clip_params(p, &e->m.clip, &g->clip); break;
    case FAB_ENCODER_BIOMEDCLIP: fab_biomedclip_params(p, &e->m.biomedclip, &g->biomedclip); break;
    case FAB_ENCODER_SIGLIP: fab_siglip_params(p, &e->m.siglip, &g->siglip); break;
    case FAB_ENCODER_CONCH: fab_conch_params(p, &e->m.conch, &g->conch); break;
    }
}

static const fab_tensor *scale_of(const fab_encoder *e)
{
    switch (e->facts.family) {
    case FAB_ENCODER_BERT: return NULL;
    case FAB_ENCODER_CLIP: return e->m.clip.logit_scale;
    case FAB_ENCODER_BIOMEDCLIP: return e->m.biomedclip.logit_scale;
    case FAB_ENCODER_SIGLIP: return e->m.siglip.logit_scale;
    case FAB_ENCODER_CONCH: return e->m.conch.logit_scale;
    }
    return NULL;
}

/* Names in the file that a reader may leave: heads of other tasks. */
static void leave_over(fab_params *p, fab_encoder_family family)
{
    fab_params_ignore(p, "position_ids");
    if (family == FAB_ENCODER_CONCH) fab_params_ignore(p, "text_decoder.");
}

static bool load(fab_encoder *e, const fab_encoder_configs *g, fab_pool *pool, bool half,
                 fab_err *err)
{
    fab_param_source source = fab_source_names(e->names);
    fab_params p = fab_params_load(e->arena, &e->list, &source);
    p.pool = pool;
    p.bf16 = half;
    leave_over(&p, e->facts.family);
    visit(&p, e, g);
    if (!fab_params_end(&p, err)) {
        bool renamed = strcmp(e->facts.naming, "Hugging Face") != 0;
        return fab_while(err, "%s%s", e->facts.name, renamed ? " in Hugging Face's names" : "");
    }
    const fab_tensor *scale = scale_of(e);
    e->facts.n_values = p.n_values;
    e->facts.scale = scale ? expf(fab_f32(scale)[0]) : 1;
    if (e->facts.sigmoid) e->facts.bias = fab_f32(e->m.siglip.logit_bias)[0];
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */
static bool read_folder(fab_encoder *e, fab_encoder_configs *g, fab_err *err)
{
    fab_encoder_folder f = { .arena = e->arena, .weights = e->weights, .facts = &e->facts };
    f.row = fab_encoder_row_of(e->weights, err);
    if (!f.row) return false;
    e->facts.family = f.row->family;
    e->facts.name = family_names[f.row->family];
    e->facts.naming = f.row->naming;
    f.names = e->names = fab_names_new(e->arena, e->weights, f.row->rules, err);
    if (!f.names) return false;
    f.config = fab_encoder_json(&f, "config.json", err);
    json_t *oc = fab_encoder_json(&f, "open_clip_config.json", err);
    f.open_clip = json_object_get(oc, "model_cfg");
    bool ok = !err->code && fab_encoder_read(&f, g, err);
    json_decref(f.config);
    json_decref(oc);
    return ok;
}

static bool open_all(fab_encoder *e, const char *path, fab_pool *pool, bool half, fab_err *err)
{
    fab_encoder_configs g = { 0 };
    e->arena = fab_arena_new((size_t)1 << 20, err);
    if (!e->arena || !locate(e, path, err)) return false;
    e->weights = fab_weights_open(e->facts.weights, err);
    return e->weights && read_folder(e, &g, err) && load(e, &g, pool, half, err);
}

fab_encoder *fab_encoder_open(const char *path, fab_pool *pool, bool half, fab_err *err)
{
    fab_err first = FAB_ERR_INIT; /* never NULL: it is looked at */
    fab_encoder *e = fab_new(sizeof *e, &first);
    if (e && open_all(e, path, pool, half, &first)) return e;
    bool named = !strncmp(first.text, path, strlen(path));
    if (!named) fab_while(&first, "%s", path);
    fab_encoder_close(e);
    fab_fail(err, first.code, "%s", first.text);
    return NULL;
}

void fab_encoder_close(fab_encoder *e)
{
    if (!e) return;
    fab_arena_free(e->arena);
    fab_weights_close(e->weights);
    fab_free(e);
}

const fab_encoder_facts *fab_encoder_about(const fab_encoder *e) { return &e->facts; }

bool fab_encoder_pool_by(fab_encoder *e, fab_bert_pool pool, fab_err *err)
{
    if (e->facts.family != FAB_ENCODER_BERT)
        return fab_fail(err, FAB_EUSAGE, "%s: the texts of %s have one pooling only",
                        e->facts.weights, e->facts.name);
    if (pool == FAB_POOL_POOLER && !e->m.bert.cfg.pooler)
        return fab_fail(err, FAB_EUSAGE, "%s: pooler.dense.weight: not in the file",
                        e->facts.weights);
    e->facts.pool = pool;
    return true;
}

const void *fab_encoder_model(const fab_encoder *e) { return &e->m; }

/* ---- running --------------------------------------------------------------------------------- */
fab_tensor *fab_encoder_images(fab_ctx *c, const fab_encoder *e, fab_tensor *images)
{
    switch (e->facts.family) {
    case FAB_ENCODER_BERT: break;
    case FAB_ENCODER_CLIP: return fab_clip_image(c, &e->m.clip, images);
    case FAB_ENCODER_BIOMEDCLIP: return fab_biomedclip_image(c, &e->m.biomedclip, images);
    case FAB_ENCODER_SIGLIP: return fab_siglip_image(c, &e->m.siglip, images);
    case FAB_ENCODER_CONCH: return fab_conch_image(c, &e->m.conch, images);
    }
    fab_fail(&c->err, FAB_EUNSUPPORTED, "%s reads no pictures", e->facts.name);
    return NULL;
}

static fab_tensor *bert(fab_ctx *c, const fab_encoder *e, fab_tensor *ids, fab_tensor *len)
{
    const fab_bert *m = &e->m.bert;
    fab_tensor *x = fab_bert_tokens(c, m, ids, len, -1);
    x = fab_bert_pooled(c, m, x, len, e->facts.pool);
    return e->facts.unit ? fab_l2norm(c, x, 1e-12f) : x;
}

fab_tensor *fab_encoder_texts(fab_ctx *c, const fab_encoder *e, fab_tensor *ids, fab_tensor *len)
{
    switch (e->facts.family) {
    case FAB_ENCODER_BERT: return bert(c, e, ids, len);
    case FAB_ENCODER_CLIP: return fab_clip_text(c, &e->m.clip, ids);
    case FAB_ENCODER_BIOMEDCLIP: return fab_biomedclip_text(c, &e->m.biomedclip, ids, len);
    case FAB_ENCODER_SIGLIP: return fab_siglip_text(c, &e->m.siglip, ids);
    case FAB_ENCODER_CONCH: return fab_conch_text(c, &e->m.conch, ids);
    }
    return NULL;
}
