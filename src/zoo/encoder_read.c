/* encoder_read: from tensors and the JSON beside them to a config. Shapes first; a file's word on
 * the same size must agree (SYSTEMS.md 2.6, 2.7, 27.1, A.5, A.10). */
#include "zoo/encoder_read.h"
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const fab_encoder_row rows[] = {
    { "conch", "open_clip", "visual.attn_pool_contrast.query", NULL, fab_names_timm, FAB_ENCODER_CONCH },
    { "biomedclip", "open_clip", "visual.trunk.cls_token", "text.transformer.embeddings.word_embeddings.weight", fab_names_timm, FAB_ENCODER_BIOMEDCLIP },
    { "clip", "open_clip", "visual.conv1.weight", NULL, fab_names_clip, FAB_ENCODER_CLIP },
    { "siglip", "Hugging Face", "vision_model.head.probe", "text_model.head.weight", fab_names_siglip, FAB_ENCODER_SIGLIP },
    { "clip", "Hugging Face", "vision_model.embeddings.class_embedding", "text_projection.weight", fab_names_clip, FAB_ENCODER_CLIP },
    { "bert", "Hugging Face", "embeddings.word_embeddings.weight", NULL, fab_names_bert, FAB_ENCODER_BERT },
    { "bert", "Hugging Face", "bert.embeddings.word_embeddings.weight", NULL, fab_names_bert, FAB_ENCODER_BERT },
    { "bert", "GGUF", "token_types.weight", "token_embd_norm.weight", fab_names_bert_gguf, FAB_ENCODER_BERT },
};
/* clang-format on */

const fab_encoder_row *fab_encoder_row_of(const fab_weights *w, fab_err *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fab_weights_find(w, rows[i].sign, NULL) &&
            (!rows[i].besides || fab_weights_find(w, rows[i].besides, NULL)))
            return &rows[i];
    const fab_weight *first = fab_weights_count(w) ? fab_weights_at(w, 0) : NULL;
    if (fab_weights_find(w, "visual.layer1.0.conv1.weight", NULL))
        fab_fail(err, FAB_EUNSUPPORTED, "a CLIP whose image tower is a ResNet is not supported");
    else
        fab_fail(err, FAB_EUNSUPPORTED,
                 "none of bert, clip, biomedclip, siglip, conch: %lld tensors, the first is %.80s",
                 (long long)fab_weights_count(w), first ? first->name : "none");
    return NULL;
}

json_t *fab_encoder_json(const fab_encoder_folder *f, const char *name, fab_err *err)
{
    const char *path = fab_path_join(f->arena, f->facts->folder, name, err);
    return path && fab_exists(path) ? fab_json_open(path, err) : NULL;
}

/* ---- sizes ----------------------------------------------------------------------------------- */
/* Size of one axis of a tensor. */
static bool axis(const fab_encoder_folder *f, const char *name, int at, int64_t *out, fab_err *err)
{
    const fab_weight *e = fab_names_find(f->names, name);
    if (!e) return fab_fail(err, FAB_EFORMAT, "%s: not in the file", name);
    if (at >= e->ndim)
        return fab_fail(err, FAB_EFORMAT, "%s: %d dimensions, at least %d are needed", name,
                        e->ndim, at + 1);
    *out = e->shape[at];
    return true;
}

/* A word of the config about what the tensors say already: NULL objects and absent keys agree. */
static bool agrees(const json_t *o, const char *key, int64_t have, fab_err *err)
{
    const json_t *v = json_object_get(o, key);
    return !json_is_integer(v) || json_integer_value(v) == have ||
           fab_fail(err, FAB_EFORMAT, "the config's %s is %lld, the tensors have %lld", key,
                    (long long)json_integer_value(v), (long long)have);
}

static int64_t number(const json_t *o, const char *key, int64_t usual)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : usual;
}

static bool heads_of(const json_t *o, int64_t width, int *heads, fab_err *err)
{
    int64_t n = number(o, "num_attention_heads", number(o, "heads", 0));
    int64_t each = number(o, "head_width", 64);
    if (!n) n = each > 0 && width % each == 0 ? width / each : 0;
    *heads = n > 0 && n < 1000 ? (int)n : 0;
    return (*heads && width % *heads == 0) ||
           fab_fail(err, FAB_EFORMAT, "a width of %lld in %lld heads", (long long)width,
                    (long long)n);
}

static bool eps_of(const json_t *o, float usual, float *eps, fab_err *err)
{
    double d = (double)usual;
    fab_json_num(o, "layer_norm_eps", &d, NULL);
    *eps = (float)d;
    return (d > 0 && d < 1) || fab_fail(err, FAB_EFORMAT, "layer_norm_eps: %g", d);
}

static bool gelu_of(const json_t *o, fab_gelu_kind usual, fab_gelu_kind *out, fab_err *err)
{
    static const struct {
        const char *name;
        fab_gelu_kind kind;
    } names[] = { { "quick_gelu", FAB_GELU_QUICK },
                  { "gelu", FAB_GELU_ERF },
                  { "gelu_pytorch_tanh", FAB_GELU_TANH },
                  { "gelu_new", FAB_GELU_TANH } };
    const char *act = fab_json_str(o, "hidden_act", NULL);
    *out = usual;
    for (size_t i = 0; act && i < sizeof names / sizeof *names; i++)
        if (!strcmp(act, names[i].name)) {
            *out = names[i].kind;
            return true;
        }
    return !act || fab_fail(err, FAB_EUNSUPPORTED, "hidden_act: '%.40s' is not supported", act);
}

/* Width, ffn, layers and heads of the tower at `front` ("vision_model."); o: its config or NULL. */
static bool tower_of(const fab_encoder_folder *f, const char *front, const json_t *o,
                     fab_tower_config *t, fab_err *err)
{
    char name[96];
    snprintf(name, sizeof name, "%sencoder.layers.0.mlp.fc1.weight", front);
    if (!axis(f, name, 0, &t->ffn, err) || !axis(f, name, 1, &t->width, err)) return false;
    snprintf(name, sizeof name, "%sencoder.layers.%%d.", front);
    t->layers = fab_names_count(f->names, name);
    const char *hidden = json_object_get(o, "width") ? "width" : "hidden_size",
               *layers = json_object_get(o, "layers") ? "layers" : "num_hidden_layers";
    return (agrees(o, hidden, t->width, err) && agrees(o, layers, t->layers, err) &&
            agrees(o, "intermediate_size", t->ffn, err) && heads_of(o, t->width, &t->heads, err)) ||
           fab_while(err, "%.*s", (int)strlen(front) - 1, front);
}

/* The side of the square of n patches; -1: n is no square. */
static int side_of(int64_t n)
{
    int s = 0;
    while ((int64_t)s * s < n) s++;
    return (int64_t)s * s == n ? s : -1;
}

static bool vit_of(const fab_encoder_folder *f, const json_t *o, fab_vit_config *v, fab_err *err)
{
    int64_t patch, tokens;
    if (!tower_of(f, "vision_model.", o, &v->tower, err) ||
        !axis(f, "vision_model.embeddings.patch_embedding.weight", 3, &patch, err))
        return false;
    const fab_weight *pos =
        fab_names_find(f->names, "vision_model.embeddings.position_embedding.weight");
    if (!pos || pos->ndim < 2)
        return fab_fail(err, FAB_EFORMAT, "the image tower has no table of positions");
    tokens = pos->shape[pos->ndim - 2];
    v->class_token = fab_names_find(f->names, "vision_model.embeddings.class_embedding") != NULL;
    v->pre_norm = fab_names_find(f->names, "vision_model.pre_layrnorm.weight") != NULL;
    v->patch_bias =
        fab_names_find(f->names, "vision_model.embeddings.patch_embedding.bias") != NULL;
    int side = side_of(tokens - v->class_token);
    if (side < 1 || patch < 1 || patch > 1024 || side > 4096)
        return fab_fail(err, FAB_EFORMAT, "%lld positions are no square of patches%s",
                        (long long)tokens, v->class_token ? " and a class token" : "");
    v->patch = (int)patch;
    v->image_size = side * v->patch;
    return (agrees(o, "patch_size", patch, err) && agrees(o, "image_size", v->image_size, err)) ||
           fab_while(err, "vision_model");
}

/* Vocabulary and positions of a text tower of CLIP's kind. */
static bool text_of(const fab_encoder_folder *f, const json_t *o, fab_tower_config *t,
                    int64_t *vocab, int64_t *context, fab_err *err)
{
    const char *length =
        json_object_get(o, "context_length") ? "context_length" : "max_position_embeddings";
    return tower_of(f, "text_model.", o, t, err) &&
           axis(f, "text_model.embeddings.token_embedding.weight", 0, vocab, err) &&
           axis(f, "text_model.embeddings.position_embedding.weight", 0, context, err) &&
           ((agrees(o, "vocab_size", *vocab, err) && agrees(o, length, *context, err)) ||
            fab_while(err, "text_model"));
}

static void scores(fab_encoder_folder *f)
{
    f->facts->images = true;
    f->facts->unit = true;
    f->facts->pad = -1;
}

/* ---- families -------------------------------------------------------------------------------- */
static const json_t *part(const fab_encoder_folder *f, const char *hf, const char *open_clip)
{
    return f->config ? json_object_get(f->config, hf) : json_object_get(f->open_clip, open_clip);
}

static bool read_clip(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err)
{
    fab_clip_config *g = &out->clip;
    const json_t *vo = part(f, "vision_config", "vision_cfg"),
                 *to = part(f, "text_config", "text_cfg");
    fab_vit_config v = { 0 };
    fab_tower_config t = { 0 };
    fab_gelu_kind other;
    bool raw = !strcmp(f->row->naming, "open_clip");
    /* open_clip's own models use the erf form unless told; OpenAI's files come without a config */
    bool erf = raw && f->open_clip && !json_is_true(json_object_get(f->open_clip, "quick_gelu"));
    const fab_gelu_kind usual = erf ? FAB_GELU_ERF : FAB_GELU_QUICK;
    if (!vit_of(f, vo, &v, err) || !text_of(f, to, &t, &g->vocab, &g->context, err) ||
        !axis(f, "visual_projection.weight", 0, &g->embed, err) ||
        !gelu_of(vo, usual, &g->gelu, err) || !gelu_of(to, usual, &other, err) ||
        !eps_of(vo, 1e-5f, &g->eps, err))
        return false;
    if (other != g->gelu)
        return fab_fail(err, FAB_EUNSUPPORTED, "hidden_act differs between the two towers");
    if (!v.class_token || !v.pre_norm || v.patch_bias)
        return fab_fail(err, FAB_EFORMAT, "the image tower is not CLIP's: %s",
                        v.patch_bias ? "its patches have a bias" : "no norm before its blocks");
    g->vision =
        (fab_clip_tower_config){ v.tower.width, v.tower.ffn, v.tower.layers, v.tower.heads };
    g->text = (fab_clip_tower_config){ t.width, t.ffn, t.layers, t.heads };
    g->image_size = v.image_size;
    g->patch = v.patch;
    int64_t eos = number(to, "eos_token_id", 2); /* 2: a mistake of old configs */
    g->eos = eos == 2 || eos < 0 || eos >= g->vocab ? -1 : (int32_t)eos;
    scores(f);
    f->facts->embed = g->embed;
    f->facts->context = g->context;
    f->facts->vocab = g->vocab;
    f->facts->preprocess = fab_preprocess_clip(g->image_size);
    return agrees(f->config, "projection_dim", g->embed, err) &&
           agrees(f->open_clip, "embed_dim", g->embed, err);
}

static bool read_siglip(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err)
{
    fab_siglip_config *g = &out->siglip;
    const json_t *vo = json_object_get(f->config, "vision_config"),
                 *to = json_object_get(f->config, "text_config");
    if (!vit_of(f, vo, &g->vision, err) || !text_of(f, to, &g->text, &g->vocab, &g->context, err) ||
        !axis(f, "text_model.head.weight", 0, &g->embed, err) ||
        !gelu_of(vo, FAB_GELU_TANH, &g->vision.tower.gelu, err) ||
        !gelu_of(to, FAB_GELU_TANH, &g->text.gelu, err) ||
        !eps_of(vo, 1e-6f, &g->vision.tower.eps, err) || !eps_of(to, 1e-6f, &g->text.eps, err))
        return false;
    scores(f);
    f->facts->embed = g->embed;
    f->facts->context = g->context;
    f->facts->vocab = g->vocab;
    f->facts->sigmoid = true;
    f->facts->pad_to_full = true;
    f->facts->pad = (int32_t)number(to, "pad_token_id", 1);
    f->facts->preprocess = fab_preprocess_siglip(g->vision.image_size);
    return agrees(to, "projection_size", g->embed, err);
}

static bool read_conch(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err)
{
    fab_conch_config *g = &out->conch;
    const json_t *vo = json_object_get(f->open_clip, "vision_cfg"),
                 *to = json_object_get(f->open_clip, "text_cfg");
    int64_t n, m;
    g->vision.tower = (fab_tower_config){ .gelu = FAB_GELU_ERF, .eps = 1e-6f };
    g->text = (fab_tower_config){ .gelu = FAB_GELU_ERF, .eps = 1e-5f, .causal = true };
    g->contrast = g->caption = (fab_pooler_config){ .norms = true, .eps = 1e-5f };
    if (!vit_of(f, vo, &g->vision, err) || !tower_of(f, "text_model.", to, &g->text, err) ||
        !axis(f, "text_model.embeddings.token_embedding.weight", 0, &g->vocab, err) ||
        !axis(f, "text_model.embeddings.position_embedding.weight", 0, &g->context, err) ||
        !axis(f, "text_projection.weight", 0, &g->embed, err) ||
        !axis(f, "pool_contrast.query", 0, &n, err) ||
        !axis(f, "pool_contrast.query", 1, &g->contrast.dim, err) ||
        !axis(f, "pool_caption.query", 0, &m, err) ||
        !axis(f, "pool_caption.query", 1, &g->caption.dim, err))
        return false;
    g->contrast.queries = (int)n;
    g->caption.queries = (int)m;
    g->contrast.context = g->caption.context = g->vision.tower.width;
    /* eight heads for both poolers, unless the config says otherwise */
    g->contrast.heads = (int)number(vo, "attn_pooler_heads", 8);
    g->caption.heads = g->contrast.heads;
    g->pad = (int32_t)number(to, "pad_id", 0);
    scores(f);
    f->facts->embed = g->embed;
    f->facts->context = g->context - 1; /* the last position is the class token's */
    f->facts->vocab = g->vocab;
    f->facts->pad_to_full = true;
    f->facts->pad = g->pad;
    f->facts->preprocess = fab_preprocess_clip(g->vision.image_size);
    return true;
}

static bool bert_of(const fab_encoder_folder *f, const char *front, const json_t *o,
                    fab_bert_config *g, fab_err *err)
{
    char name[96];
    const fab_weight *types;
#define NAME(rest) (snprintf(name, sizeof name, "%s%s", front, rest), name)
    if (!axis(f, NAME("embeddings.word_embeddings.weight"), 0, &g->vocab, err) ||
        !axis(f, name, 1, &g->width, err) ||
        !axis(f, NAME("embeddings.position_embeddings.weight"), 0, &g->positions, err) ||
        !axis(f, NAME("encoder.layer.0.intermediate.dense.weight"), 0, &g->ffn, err))
        return false;
    types = fab_names_find(f->names, NAME("embeddings.token_type_embeddings.weight"));
    g->types = types ? (types->ndim > 1 ? types->shape[0] : 1) : 0;
    g->layers = fab_names_count(f->names, NAME("encoder.layer.%d."));
    g->pooler = fab_names_find(f->names, NAME("pooler.dense.weight")) != NULL;
#undef NAME
    return agrees(o, "vocab_size", g->vocab, err) && agrees(o, "hidden_size", g->width, err) &&
           agrees(o, "num_hidden_layers", g->layers, err) &&
           agrees(o, "intermediate_size", g->ffn, err) &&
           agrees(o, "max_position_embeddings", g->positions, err) &&
           heads_of(o, g->width, &g->heads, err) && eps_of(o, 1e-12f, &g->eps, err) &&
           gelu_of(o, FAB_GELU_ERF, &g->gelu, err);
}

static bool read_biomedclip(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err)
{
    fab_biomedclip_config *g = &out->biomedclip;
    const json_t *to = json_object_get(f->open_clip, "text_cfg");
    const char *pool = fab_json_str(to, "hf_pooler_type", NULL);
    g->vision.tower = (fab_tower_config){ .gelu = FAB_GELU_ERF, .eps = 1e-6f };
    if (pool && strcmp(pool, "cls_last_hidden_state_pooler"))
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "hf_pooler_type: '%.60s'; cls_last_hidden_state_pooler is supported", pool);
    if (!vit_of(f, json_object_get(f->open_clip, "vision_cfg"), &g->vision, err) ||
        !bert_of(f, "text_model.", to, &g->text, err) ||
        !axis(f, "visual_projection.weight", 0, &g->embed, err) ||
        !axis(f, "text_projection.fc1.weight", 0, &g->hidden, err))
        return false;
    g->context = number(to, "context_length", g->text.positions < 256 ? g->text.positions : 256);
    scores(f);
    f->facts->embed = g->embed;
    f->facts->context = g->context;
    f->facts->vocab = g->text.vocab;
    f->facts->pad = 0;
    f->facts->preprocess = fab_preprocess_clip(g->vision.image_size);
    return agrees(f->open_clip, "embed_dim", g->embed, err);
}

/* ---- bert and its pooling -------------------------------------------------------------------- */
/* sentence-transformers: modules.json lists Normalize; 1_Pooling says how. */
static bool read_pooling(fab_encoder_folder *f, fab_err *err)
{
    fab_encoder_facts *facts = f->facts;
    json_t *pooling = fab_encoder_json(f, "1_Pooling/config.json", err),
           *modules = pooling ? fab_encoder_json(f, "modules.json", err) : NULL,
           *limits = pooling ? fab_encoder_json(f, "sentence_bert_config.json", err) : NULL;
    bool cls = json_is_true(json_object_get(pooling, "pooling_mode_cls_token")),
         mean = json_is_true(json_object_get(pooling, "pooling_mode_mean_tokens"));
    const char *mode = fab_json_str(pooling, "pooling_mode", NULL);
    if (mode) cls = !strcmp(mode, "cls"), mean = !strcmp(mode, "mean");
    size_t i;
    json_t *one;
    if (pooling) facts->pool = cls ? FAB_POOL_CLS : FAB_POOL_MEAN;
    if (pooling && cls == mean)
        fab_fail(err, FAB_EUNSUPPORTED, "1_Pooling/config.json: %s; mean and cls are supported",
                 cls ? "mean and cls together" : "neither mean nor cls");
    json_array_foreach(modules, i, one)
    {
        const char *type = fab_json_str(one, "type", NULL);
        if (type && strstr(type, "Normalize")) facts->unit = true;
        if (type && strstr(type, "Dense"))
            fab_fail(err, FAB_EUNSUPPORTED, "modules.json: a Dense module is not supported");
    }
    int64_t most = number(limits, "max_seq_length", facts->context);
    if (most > 2 && most < facts->context) facts->context = most;
    json_decref(pooling);
    json_decref(modules);
    json_decref(limits);
    return !err->code;
}

static bool read_bert_gguf(fab_encoder_folder *f, fab_bert_config *g, fab_err *err)
{
    const fab_weights *w = f->weights;
    int64_t heads = 0, pool = 1, layers = 0, positions = 0;
    double eps = 1e-12;
    const char *arch = fab_weights_str(w, "general.architecture", NULL);
    if (!arch || strcmp(arch, "bert"))
        return fab_fail(err, FAB_EUNSUPPORTED, "general.architecture: '%.40s', bert is supported",
                        arch ? arch : "");
    if (!fab_weights_int(w, "bert.attention.head_count", &heads, err) ||
        !fab_weights_int(w, "bert.block_count", &layers, err) ||
        !fab_weights_int(w, "bert.context_length", &positions, err))
        return false;
    fab_weights_num(w, "bert.attention.layer_norm_epsilon", &eps, NULL);
    fab_weights_int(w, "bert.pooling_type", &pool, NULL);
    if (layers != g->layers || positions != g->positions)
        return fab_fail(err, FAB_EFORMAT,
                        "bert.block_count %lld and bert.context_length %lld, the tensors have %d "
                        "blocks and %lld positions",
                        (long long)layers, (long long)positions, g->layers,
                        (long long)g->positions);
    if (heads < 1 || heads > 1000 || g->width % heads)
        return fab_fail(err, FAB_EFORMAT, "bert.attention.head_count: %lld, the width is %lld",
                        (long long)heads, (long long)g->width);
    if (pool != 1 && pool != 2)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "bert.pooling_type: %lld; 1 (mean) and 2 (cls) are supported",
                        (long long)pool);
    g->heads = (int)heads;
    g->eps = (float)eps;
    f->facts->pool = pool == 2 ? FAB_POOL_CLS : FAB_POOL_MEAN;
    f->facts->unit = true; /* as llama.cpp's embeddings are */
    return true;
}

/* What of a GGUF's keys bert_of asks a config.json for: a new reference. */
static json_t *heads_of_gguf(const fab_weights *w)
{
    int64_t heads = 0;
    fab_weights_int(w, "bert.attention.head_count", &heads, NULL);
    return json_pack("{s:I}", "num_attention_heads", (json_int_t)heads);
}

static bool read_bert(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err)
{
    fab_bert_config *g = &out->bert;
    bool gguf = !strcmp(f->row->naming, "GGUF");
    json_t *o = gguf ? heads_of_gguf(f->weights) : json_incref(f->config);
    bool ok = bert_of(f, "", o, g, err);
    json_decref(o);
    if (!ok) return false;
    f->facts->embed = g->width;
    f->facts->vocab = g->vocab;
    f->facts->context = g->positions;
    f->facts->pool = FAB_POOL_MEAN; /* what sentence-transformers takes when nothing is said */
    return gguf ? read_bert_gguf(f, g, err) : read_pooling(f, err);
}

/* ---- all together ---------------------------------------------------------------------------- */
static bool read_preprocess(fab_encoder_folder *f, fab_err *err)
{
    fab_err at = FAB_ERR_INIT;
    json_t *hf = fab_encoder_json(f, "preprocessor_config.json", &at),
           *oc = fab_encoder_json(f, "open_clip_config.json", &at);
    const json_t *cfg = json_object_get(oc, "preprocess_cfg");
    if (hf && !f->open_clip) {
        if (!fab_preprocess_read_hf(&f->facts->preprocess, hf, &at))
            fab_while(&at, "preprocessor_config.json");
    } else if (cfg && !fab_preprocess_read_open_clip(&f->facts->preprocess, cfg, &at))
        fab_while(&at, "open_clip_config.json");
    json_decref(hf);
    json_decref(oc);
    return !at.code || fab_fail(err, at.code, "%s", at.text);
}

bool fab_encoder_read(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err)
{
    static bool (*const readers[])(fab_encoder_folder *, fab_encoder_configs *, fab_err *) = {
        [FAB_ENCODER_BERT] = read_bert,
        [FAB_ENCODER_CLIP] = read_clip,
        [FAB_ENCODER_BIOMEDCLIP] = read_biomedclip,
        [FAB_ENCODER_SIGLIP] = read_siglip,
        [FAB_ENCODER_CONCH] = read_conch,
    };
    const char *type = fab_json_str(f->config, "model_type", NULL);
    if (type && strcmp(type, f->row->model_type) && strcmp(f->row->naming, "open_clip"))
        return fab_fail(err, FAB_EFORMAT,
                        "config.json: model_type is '%.40s', the tensors are of %s", type,
                        f->row->model_type);
    return readers[f->row->family](f, out, err) && (!f->facts->images || read_preprocess(f, err));
}
