/* llava: see llava.h.
 *
 * Traps: layer -2 is what goes into the last block, before the last norm; the last block and that
 * norm are not loaded. A mmproj's block_count counts the blocks to run; older ones call fc1
 * ffn_down: its shape tells. LLaVA pads pictures to a square of int(255 mean), Hugging Face's
 * processor cuts out the centre unless the folder says otherwise.
 */
#include "zoo/llava.h"

#include <math.h>
#include <string.h>

#define VISION    "vision_model."
#define PROJECTOR "multi_modal_projector."
#define BLOCK     VISION "encoder.layers.*."

/* ---- names ----------------------------------------------------------------------------------- */
/* clang-format off */
static const fab_name_rule hf[] = {
    { "model.vision_tower.vision_tower.vision_model.", VISION },
    { "model.vision_tower.vision_model.", VISION },
    { "model.vision_tower.", VISION },
    { "vision_tower.vision_model.", VISION },
    { "vision_tower.", VISION },
    { "model.mm_projector.0.", PROJECTOR "linear_1." },
    { "model.mm_projector.2.", PROJECTOR "linear_2." },
    { "model.multi_modal_projector.", PROJECTOR },
    { "language_model.", NULL, FAB_NAME_DROPPED }, /* the decoder's */
    { "lm_head.", NULL, FAB_NAME_DROPPED },
    { "model.", NULL, FAB_NAME_DROPPED },
    { 0 },
};
#define MMPROJ(up, down) \
    { "v.class_embd", VISION "embeddings.class_embedding" }, \
    { "v.patch_embd.", VISION "embeddings.patch_embedding." }, \
    { "v.position_embd.", VISION "embeddings.position_embedding." }, \
    { "v.pre_ln.", VISION "pre_layrnorm." }, \
    { "v.post_ln.", VISION "post_layernorm." }, \
    { "v.blk.*.attn_q.", BLOCK "self_attn.q_proj." }, \
    { "v.blk.*.attn_k.", BLOCK "self_attn.k_proj." }, \
    { "v.blk.*.attn_v.", BLOCK "self_attn.v_proj." }, \
    { "v.blk.*.attn_out.", BLOCK "self_attn.out_proj." }, \
    { "v.blk.*.ln1.", BLOCK "layer_norm1." }, \
    { "v.blk.*.ln2.", BLOCK "layer_norm2." }, \
    { "v.blk.*.ffn_up.", BLOCK up }, \
    { "v.blk.*.ffn_down.", BLOCK down }, \
    { "mm.0.", PROJECTOR "linear_1." }, \
    { "mm.2.", PROJECTOR "linear_2." }
static const fab_name_rule mmproj[] = { MMPROJ("mlp.fc1.", "mlp.fc2."), { 0 } };
static const fab_name_rule mmproj_swapped[] = { MMPROJ("mlp.fc2.", "mlp.fc1."), { 0 } };
/* clang-format on */

static const fab_name_rule *rules_of(const fab_weights *w)
{
    if (strcmp(fab_weights_format(w), "gguf") != 0) return hf;
    const fab_weight *down = fab_weights_find(w, "v.blk.0.ffn_down.weight", NULL);
    bool widens = down && down->ndim == 2 && down->shape[0] > down->shape[1];
    return widens ? mmproj_swapped : mmproj;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

typedef struct {
    const fab_decoder *d;
    const fab_names *names;
    const fab_weights *gguf;     /* of a mmproj; NULL: a folder */
    json_t *config, *preprocess; /* config.json, preprocessor_config.json (NULL: none) */
    fab_llava *v;
    int in_file; /* blocks that the file has */
} reader;

static const fab_weight *need(const reader *r, const char *name, int ndim, fab_err *err)
{
    const fab_weight *e = fab_names_find(r->names, name);
    if (e && e->ndim == ndim) return e;
    if (!e) fab_fail(err, FAB_EFORMAT, "%s: not in the file", name);
    else fab_fail(err, FAB_EFORMAT, "%s: %d dimensions, %d are needed", name, e->ndim, ndim);
    return NULL;
}

/* What the file says of a size; *out stays when it says nothing. */
static bool told(const reader *r, const char *hf_key, const char *gguf_key, double *out,
                 fab_err *err)
{
    const json_t *o = json_object_get(r->config, "vision_config");
    if (r->gguf)
        return !fab_weights_has(r->gguf, gguf_key) || fab_weights_num(r->gguf, gguf_key, out, err);
    return !json_object_get(o, hf_key) || fab_json_num(o, hf_key, out, err);
}

/* A size that tensors have and the file may say. */
static bool agree(const reader *r, const char *hf_key, const char *gguf_key, int64_t is,
                  fab_err *err)
{
    double says = (double)is;
    if (!told(r, hf_key, gguf_key, &says, err)) return false;
    return says == (double)is || fab_fail(err, FAB_EFORMAT, "%s: %g, the tensors have %lld",
                                          r->gguf ? gguf_key : hf_key, says, (long long)is);
}

static bool activation(const reader *r, fab_vit_config *c, fab_err *err)
{
    bool gelu = false, silu = false;
    c->tower.gelu = FAB_GELU_QUICK;
    if (r->gguf) {
        fab_weights_bool(r->gguf, "clip.use_gelu", &gelu, NULL);
        fab_weights_bool(r->gguf, "clip.use_silu", &silu, NULL);
        if (silu)
            return fab_fail(err, FAB_EUNSUPPORTED, "clip.use_silu: no tower of CLIP has SiLU");
        if (gelu) c->tower.gelu = FAB_GELU_ERF;
        return true;
    }
    const char *act = fab_json_str(json_object_get(r->config, "vision_config"), "hidden_act", NULL);
    if (act && !strcmp(act, "gelu")) c->tower.gelu = FAB_GELU_ERF;
    else if (act && strcmp(act, "quick_gelu") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "vision_config: hidden_act '%.40s'; quick_gelu and gelu are supported",
                        act);
    return true;
}

/* Blocks to run: hidden_states[layer] of config.json, or block_count. */
static bool blocks(reader *r, fab_vit_config *c, fab_err *err)
{
    int64_t layer = -2, run;
    r->in_file = fab_names_count(r->names, VISION "encoder.layers.%d.");
    if (r->gguf) {
        if (!fab_weights_int(r->gguf, "clip.vision.block_count", &run, err)) return false;
    } else {
        const char *key = json_object_get(r->config, "vision_feature_layer")
                              ? "vision_feature_layer"
                              : "mm_vision_select_layer";
        if (json_object_get(r->config, key) && !fab_json_int(r->config, key, &layer, err))
            return false;
        run = layer < 0 ? r->in_file + 1 + layer : layer;
    }
    if (run < 1 || run > r->in_file)
        return fab_fail(err, FAB_EFORMAT, "features of block %lld, the tower has %d",
                        (long long)run, r->in_file);
    c->tower.layers = (int)run;
    return r->gguf || agree(r, "num_hidden_layers", "", r->in_file, err);
}

/* SigLIP's tower has CLIP's names for its blocks, but no class token and no first norm. */
static bool tower_kind(const reader *r, fab_err *err)
{
    const char *type =
        fab_json_str(json_object_get(r->config, "vision_config"), "model_type", NULL);
    return !type || !strcmp(type, "clip_vision_model") ||
           fab_fail(err, FAB_EUNSUPPORTED,
                    "vision_config: model_type '%.40s', a LLaVA's is 'clip_vision_model'", type);
}

static bool tower_sizes(reader *r, fab_vit_config *c, fab_err *err)
{
    if (!tower_kind(r, err)) return false;
    const fab_weight *patch = need(r, VISION "embeddings.patch_embedding.weight", 4, err);
    const fab_weight *pos =
        patch ? need(r, VISION "embeddings.position_embedding.weight", 2, err) : NULL;
    const fab_weight *fc1 = pos ? need(r, VISION "encoder.layers.0.mlp.fc1.weight", 2, err) : NULL;
    if (!fc1) return false;
    int64_t side = (int64_t)(sqrt((double)pos->shape[0] - 1) + 0.5);
    double heads = (double)patch->shape[0] / 64, eps = 1e-5;
    if (side < 1 || side > 1024 || side * side + 1 != pos->shape[0] || patch->shape[3] > 1024)
        return fab_fail(err, FAB_EFORMAT, "%lld positions are no square of patches and one more",
                        (long long)pos->shape[0]);
    *c = (fab_vit_config){ .tower = { .width = patch->shape[0], .ffn = fc1->shape[0] },
                           .patch = (int)patch->shape[3],
                           .image_size = (int)(side * patch->shape[3]),
                           .class_token = true,
                           .pre_norm = true,
                           .no_post_norm = true };
    if (!told(r, "num_attention_heads", "clip.vision.attention.head_count", &heads, err) ||
        !told(r, "layer_norm_eps", "clip.vision.attention.layer_norm_epsilon", &eps, err) ||
        !agree(r, "hidden_size", "clip.vision.embedding_length", c->tower.width, err) ||
        !agree(r, "intermediate_size", "clip.vision.feed_forward_length", c->tower.ffn, err) ||
        !agree(r, "patch_size", "clip.vision.patch_size", c->patch, err) ||
        !agree(r, "image_size", "clip.vision.image_size", c->image_size, err))
        return false;
    c->tower.heads = heads >= 1 && heads < 1024 ? (int)heads : 0;
    c->tower.eps = (float)eps;
    return activation(r, c, err) && blocks(r, c, err);
}

static bool feature_tokens(reader *r, fab_err *err)
{
    const char *how = fab_json_str(r->config, "vision_feature_select_strategy", NULL);
    if (!how) how = fab_json_str(r->config, "mm_vision_select_feature", NULL);
    r->v->keep_class = how && (!strcmp(how, "full") || !strcmp(how, "cls_patch"));
    if (how && !r->v->keep_class && strcmp(how, "default") != 0 && strcmp(how, "patch") != 0)
        return fab_fail(err, FAB_EUNSUPPORTED, "config.json: features '%.40s' of the tower", how);
    return true;
}

static bool projector_kind(const reader *r, fab_err *err)
{
    const char *type = r->gguf ? fab_weights_str(r->gguf, "clip.projector_type", NULL) : NULL;
    const char *name = fab_json_str(r->config, "mm_projector_type", NULL);
    const char *act = fab_json_str(r->config, "projector_hidden_act", NULL);
    if ((type && strcmp(type, "mlp") != 0) || (name && strcmp(name, "mlp2x_gelu") != 0))
        return fab_fail(err, FAB_EUNSUPPORTED, "a projector '%.40s'; mlp is supported",
                        type ? type : name);
    return !act || !strcmp(act, "gelu") ||
           fab_fail(err, FAB_EUNSUPPORTED, "config.json: projector_hidden_act '%.40s', not 'gelu'",
                    act);
}

/* The decoder's width and the projector's must be one. */
static bool projector_sizes(const reader *r, int64_t width, int64_t *hidden_out, fab_err *err)
{
    if (!projector_kind(r, err)) return false;
    const fab_weight *one = need(r, PROJECTOR "linear_1.weight", 2, err);
    const fab_weight *two = one ? need(r, PROJECTOR "linear_2.weight", 2, err) : NULL;
    if (!two) return false;
    if (one->shape[1] != width)
        return fab_fail(err, FAB_EFORMAT,
                        "the projector reads a width of %lld, the tower's is %lld",
                        (long long)one->shape[1], (long long)width);
    if (two->shape[0] != r->d->cfg.dim)
        return fab_fail(err, FAB_EFORMAT,
                        "the projector gives a width of %lld, the decoder's is %lld",
                        (long long)two->shape[0], (long long)r->d->cfg.dim);
    *hidden_out = one->shape[0];
    return true;
}

/* ---- preparation ----------------------------------------------------------------------------- */

static bool gguf_three(const reader *r, const char *key, float out[3], fab_err *err)
{
    int64_t n = 0;
    if (!fab_weights_has(r->gguf, key)) return true;
    const float *x = fab_weights_f32s(r->gguf, key, r->v->arena, &n, err);
    if (x && n != 3)
        return fab_fail(err, FAB_EFORMAT, "%s: %lld numbers, not 3", key, (long long)n);
    if (x) memcpy(out, x, 3 * sizeof *x);
    return x != NULL;
}

static bool preparation(reader *r, int size, fab_err *err)
{
    fab_llava *v = r->v;
    v->pre = fab_preprocess_clip(size);
    if (r->gguf) {
        v->pad = true;
        return gguf_three(r, "clip.vision.image_mean", v->pre.mean, err) &&
               gguf_three(r, "clip.vision.image_std", v->pre.std, err);
    }
    const char *aspect = fab_json_str(r->config, "image_aspect_ratio", NULL);
    v->pad = (aspect && !strcmp(aspect, "pad")) ||
             json_is_true(json_object_get(r->preprocess, "do_pad"));
    return !r->preprocess || fab_preprocess_read_hf(&v->pre, r->preprocess, err) ||
           fab_while(err, "preprocessor_config.json");
}

static void square(const uint8_t *rgb, int width, int height, const float mean[3], uint8_t *out)
{
    int S = width > height ? width : height, x0 = (S - width) / 2, y0 = (S - height) / 2;
    for (int64_t i = 0; i < (int64_t)S * S; i++)
        for (int c = 0; c < 3; c++) out[3 * i + c] = (uint8_t)(mean[c] * 255.0f);
    for (int y = 0; y < height; y++)
        memcpy(out + 3 * ((int64_t)(y + y0) * S + x0), rgb + (int64_t)3 * y * width,
               (size_t)width * 3);
}

bool fab_llava_prepare(const fab_llava *v, const uint8_t *rgb, int width, int height, fab_arena *a,
                       float *out, fab_err *err)
{
    if (!v->pad || width == height)
        return fab_preprocess_run(&v->pre, rgb, width, height, out, err);
    int S = width > height ? width : height;
    uint8_t *padded = fab_arena_take(a, (size_t)S * (size_t)S * 3, err);
    if (!padded) return false;
    square(rgb, width, height, v->pre.mean, padded);
    return fab_preprocess_run(&v->pre, padded, S, S, out, err);
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool load(reader *r, const fab_decoder_opts *o, fab_err *err)
{
    fab_vit_config c;
    fab_llava *v = r->v;
    int64_t hidden = 0;
    if (!tower_sizes(r, &c, err) || !projector_sizes(r, c.tower.width, &hidden, err) ||
        !feature_tokens(r, err) || !preparation(r, c.image_size, err))
        return false;
    v->n = fab_vit_count(&c) - !v->keep_class;
    v->dim = r->d->cfg.dim;
    fab_param_source source = fab_source_names(r->names);
    fab_params p = fab_params_load(v->arena, &v->params, &source);
    if (o->k) p.k = o->k;
    p.pool = o->pool;
    p.bf16 = o->bf16;
    p.lazy = true;
    fab_params_ignore(&p, "position_ids");
    fab_params_ignore(&p, VISION "post_layernorm.");
    for (int i = c.tower.layers; i < r->in_file; i++) {
        const char *skipped = fab_arena_printf(v->arena, &p.err, VISION "encoder.layers.%d.", i);
        if (skipped) fab_params_ignore(&p, skipped);
    }
    size_t mark = fab_params_enter(&p, VISION);
    fab_vit_params(&p, &v->vision, &c);
    fab_params_leave(&p, mark);
    mark = fab_params_enter(&p, PROJECTOR);
    fab_dense_params(&p, &v->fc1, "linear_1", c.tower.width, hidden, true, FAB_INIT_NORMAL(0.02f));
    fab_dense_params(&p, &v->fc2, "linear_2", hidden, v->dim, true, FAB_INIT_NORMAL(0.02f));
    fab_params_leave(&p, mark);
    return fab_params_end(&p, err);
}

static bool read_json(const reader *r, const char *name, json_t **out, fab_err *err)
{
    char *path = fab_path_join(r->v->arena, r->d->dir, name, err);
    if (!path || !fab_exists(path)) return path != NULL;
    *out = fab_json_open(path, err);
    return *out != NULL;
}

static bool open_all(reader *r, const char *path, const fab_decoder_opts *o, fab_err *err)
{
    fab_llava *v = r->v;
    if (path && !(v->weights = fab_weights_open(path, err))) return false;
    const fab_weights *w = path ? v->weights : r->d->weights;
    if (!path && r->d->gguf)
        return fab_fail(err, FAB_EUSAGE,
                        "a GGUF holds the decoder alone; the tower is in a mmproj file");
    if (path && !strcmp(fab_weights_format(w), "gguf")) {
        const char *arch = fab_weights_str(w, "general.architecture", err);
        if (!arch) return false;
        if (strcmp(arch, "clip") != 0)
            return fab_fail(err, FAB_EUNSUPPORTED, "architecture '%.40s', a mmproj's is 'clip'",
                            arch);
        r->gguf = w;
    } else if (!read_json(r, "config.json", &r->config, err) ||
               !read_json(r, "preprocessor_config.json", &r->preprocess, err))
        return false;
    r->names = fab_names_new(v->arena, w, rules_of(w), err);
    return r->names && load(r, o, err);
}

fab_llava *fab_llava_open(const fab_decoder *d, const char *path, const fab_decoder_opts *o,
                          fab_err *err)
{
    static const fab_decoder_opts none;
    fab_err why = FAB_ERR_INIT;
    reader r = { .d = d, .v = fab_new(sizeof *r.v, err) };
    if (!r.v) return NULL;
    r.v->arena = fab_arena_new(0, &why);
    bool ok = r.v->arena && open_all(&r, path, o ? o : &none, &why);
    json_decref(r.config);
    json_decref(r.preprocess);
    if (ok) return r.v;
    const char *file = path ? path : d->dir;
    if (strncmp(why.text, file, strlen(file)) != 0) fab_while(&why, "%s", file);
    fab_fail(err, why.code, "%s", why.text);
    fab_llava_close(r.v);
    return NULL;
}

void fab_llava_close(fab_llava *v)
{
    if (!v) return;
    fab_weights_close(v->weights);
    fab_arena_free(v->arena);
    fab_free(v);
}

fab_tensor *fab_llava_rows(fab_ctx *c, const fab_llava *v, fab_tensor *images)
{
    fab_tensor *x = fab_vit_tokens(c, &v->vision, images, -1);
    if (x && !v->keep_class) x = fab_slice(c, x, 1, 1, x->shape[1]);
    x = fab_gelu(c, fab_dense_forward(c, &v->fc1, x), FAB_GELU_ERF);
    return fab_dense_forward(c, &v->fc2, x);
}
