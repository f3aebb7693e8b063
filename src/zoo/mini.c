/* mini: what a small bilingual image-and-words model looks like when 3,700 images and two CPU cores
 * must do.
 *
 *   pixels [B,S,S,3]
 *     tower (mini_lite0.c, mini_residual.c): [B,T,D], the G*G cells of a grid, G = S/16, and behind
 *     them (lite0) the G/2*G/2 cells of a coarser one
 *     + learnt positions, transformer blocks, norm                         grid, coarse
 *     2x2 mean of grid (+ coarse), linear, gelu, linear                    P = G*G/4 image tokens
 *   decoder: LLaMA block (RMSNorm, rotary, grouped-query, SwiGLU; Touvron et al. 2023), tied
 *
 * Why so. A tower of convolutions: locality and translation are built in, a ViT must learn them and
 * 3,700 images do not teach it. Transformer blocks on the cells: "left of", "largest", "how many"
 * need the whole picture. Few image tokens: the decoder's cost grows with them, and one look at the
 * image serves many questions. Image tokens stand before the words as in LLaVA (Liu et al. 2023);
 * image and question see each other both ways (prefix mask), since only the answer is predicted.
 * The text embedding is the decoder's state at <emb> (as CLIP's is at <eot>), so contrastive
 * learning and answering share one text model.
 */
#include "zoo/mini.h"

#include <string.h>
#include "zoo/mini_tower.h"

const char *const fab_mini_special_names[FAB_MINI_SPECIALS] = {
    "<pad>", "<bos>", "<eos>", "<q>", "<a>", "<cap_en>", "<cap_zh>", "<emb>",
};

const fab_mini_config fab_mini_default = {
    .image_size = 160,
    .trunk = FAB_LITE0_DEFAULTS,
    .widths = { 64, 128, 256 },
    .depths = { 1, 2, 2 },
    .width = 256,
    .vit_layers = 2,
    .vit_heads = 4,
    .embed = 192,
    .text = { .dim = 256,
              .ffn = 768,
              .vocab = 8000,
              .layers = 4,
              .heads = 4,
              .kv_heads = 2,
              .tied = true },
};

#define LN_1_OVER_007 2.6592600f /* CLIP's first scale of similarities */

struct fab_mini_vit {
    fab_block block;
};

static const fab_mini_tower *const towers[FAB_TOWERS] = {
    [FAB_TOWER_RESIDUAL] = &fab_mini_residual,
    [FAB_TOWER_LITE0] = &fab_mini_lite0,
};

const char *fab_tower_name(fab_tower_kind kind) { return towers[kind]->name; }

bool fab_tower_parse(const char *name, fab_tower_kind *kind, fab_err *err)
{
    for (int i = 0; i < FAB_TOWERS; i++)
        if (strcmp(towers[i]->name, name) == 0) {
            *kind = (fab_tower_kind)i;
            return true;
        }
    return fab_fail(err, FAB_EFORMAT, "there is no tower '%.40s': residual or lite0", name);
}

static const fab_mini_tower *tower_of(const fab_mini_config *cfg) { return towers[cfg->tower]; }

int fab_mini_width(const fab_mini_config *cfg) { return tower_of(cfg)->width(cfg); }
int fab_mini_grid(const fab_mini_config *cfg) { return cfg->image_size / 16; }

int fab_mini_tokens(const fab_mini_config *cfg)
{
    int g = fab_mini_grid(cfg) / 2;
    return g * g;
}

static bool check_config(const fab_mini_config *c, fab_err *err)
{
    if ((unsigned)c->tower >= FAB_TOWERS)
        return fab_fail(err, FAB_EINTERNAL, "there is no tower %d", (int)c->tower);
    if (c->image_size < 32 || c->image_size > 1024 || c->image_size % 32)
        return fab_fail(err, FAB_EFORMAT, "image size %d is no multiple of 32 in 32..1024",
                        c->image_size);
    if (!tower_of(c)->check(c, err)) return false;
    if (c->still_trunk && !tower_of(c)->pooled)
        return fab_fail(err, FAB_EFORMAT, "still_trunk: the %s tower has no trunk",
                        tower_of(c)->name);
    if (c->closer_look && !(c->still_trunk && c->classes && c->labels))
        return fab_fail(
            err, FAB_EFORMAT,
            "closer_look: needs a still trunk and heads of labels (%d) and classes (%d)", c->labels,
            c->classes);
    if (c->vit_layers < 0 || c->vit_layers > 64)
        return fab_fail(err, FAB_EFORMAT, "%d transformer blocks on the grid, 0 to 64 are possible",
                        c->vit_layers);
    if (c->vit_layers && (c->vit_heads < 1 || fab_mini_width(c) % c->vit_heads))
        return fab_fail(err, FAB_EFORMAT, "%d heads do not divide width %d", c->vit_heads,
                        fab_mini_width(c));
    const fab_llama_config *t = &c->text;
    if (t->dim < 8 || t->dim > 16384 || t->vocab <= FAB_MINI_SPECIALS || t->vocab > 1 << 20 ||
        t->layers < 1 || t->layers > 256 || t->ffn < 1 || t->ffn > 1 << 17)
        return fab_fail(err, FAB_EFORMAT,
                        "decoder: width %lld, %d layers, ffn %lld, vocabulary %lld",
                        (long long)t->dim, t->layers, (long long)t->ffn, (long long)t->vocab);
    if (t->heads < 1 || t->dim % t->heads || t->kv_heads < 0 ||
        (t->kv_heads && t->heads % t->kv_heads))
        return fab_fail(err, FAB_EFORMAT,
                        "decoder: %d heads, %d key heads, width %lld do not divide", t->heads,
                        t->kv_heads, (long long)t->dim);
    if (c->embed < 1 || c->embed > 4096 || c->labels < 0 || c->labels > 4096 || c->classes < 0 ||
        c->classes > 4096)
        return fab_fail(err, FAB_EFORMAT, "embedding %d, labels %d, classes %d", c->embed,
                        c->labels, c->classes);
    return true;
}

bool fab_mini_start_tower(fab_mini *m, const fab_weights *w, fab_start which, fab_err *err)
{
    const fab_mini_tower *t = tower_of(&m->cfg);
    return t->fill ? t->fill(m, w, which, err)
                   : fab_fail(err, FAB_EUSAGE, "the %s tower starts from no file", t->name);
}

bool fab_mini_check_bpe(const fab_mini_config *cfg, const fab_bpe *b, fab_err *err)
{
    if (fab_bpe_vocab_size(b) > cfg->text.vocab)
        return fab_fail(err, FAB_EFORMAT, "tokenizer has %d tokens, the decoder %lld",
                        fab_bpe_vocab_size(b), (long long)cfg->text.vocab);
    for (int i = 0; i < FAB_MINI_SPECIALS; i++)
        if (fab_bpe_id(b, fab_mini_special_names[i]) != i)
            return fab_fail(err, FAB_EFORMAT, "tokenizer: '%s' is token %d, %d needed",
                            fab_mini_special_names[i], fab_bpe_id(b, fab_mini_special_names[i]), i);
    return true;
}

fab_mini *fab_mini_new(fab_arena *a, const fab_mini_config *cfg, fab_err *err)
{
    if (!check_config(cfg, err)) return NULL;
    fab_mini *m = fab_arena_zero(a, sizeof *m, err);
    if (!m) return NULL;
    m->cfg = *cfg;
    m->vit = fab_arena_zero(a, (size_t)cfg->vit_layers * sizeof *m->vit, err);
    return m->vit && tower_of(cfg)->make(m, a, err) ? m : NULL;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void tower_params(fab_params *p, fab_mini *m)
{
    const fab_mini_config *c = &m->cfg;
    int64_t dim = fab_mini_width(c);

    size_t tower = fab_params_enter(p, "tower.");
    tower_of(c)->params(p, m);
    fab_param(p, &m->pos, "pos", FAB_SHAPE(tower_of(c)->cells(c), dim), FAB_INIT_TRUNC(0.02f));
    for (int i = 0; i < c->vit_layers; i++) {
        const fab_block_config b = {
            .attn = { .dim = dim, .heads = c->vit_heads, .qkv_bias = true, .out_bias = true },
            .ffn = 4 * dim,
            .eps = 1e-6f,
            .gelu = FAB_GELU_TANH
        };
        size_t block = fab_params_enter(p, "vit.%d.", i);
        fab_block_params(p, &m->vit[i].block, &b);
        fab_params_leave(p, block);
    }
    fab_norm_params(p, &m->grid_norm, "grid_norm", dim, 1e-6f);
    fab_params_leave(p, tower);
}

void fab_mini_params(fab_params *p, fab_mini *m)
{
    const fab_mini_config *c = &m->cfg;
    int64_t dim = fab_mini_width(c), text = c->text.dim;

    tower_params(p, m);
    fab_dense_params(p, &m->proj1, "projector.0", dim, text, true, FAB_INIT_XAVIER);
    fab_dense_params(p, &m->proj2, "projector.2", text, text, true, FAB_INIT_NORMAL(0.02f));
    fab_dense_params(p, &m->image_proj, "image_projection", dim, c->embed, false, FAB_INIT_XAVIER);
    fab_dense_params(p, &m->text_proj, "text_projection", text, c->embed, false, FAB_INIT_XAVIER);
    fab_param(p, &m->logit_scale, "logit_scale", FAB_SHAPE(1), FAB_INIT_CONST(LN_1_OVER_007));
    if (c->labels)
        fab_dense_params(p, &m->dense, "dense_head", dim, c->labels, true, FAB_INIT_NORMAL(0.02f));
    if (c->classes) {
        int64_t in = c->still_trunk ? tower_of(c)->pooled(c) : dim;
        if (c->still_trunk) fab_norm_params(p, &m->pool_norm, "pool_norm", in, 1e-6f);
        fab_dense_params(p, &m->classes, "class_head", in, c->classes, true,
                         FAB_INIT_NORMAL(0.02f));
    }
    size_t t = fab_params_enter(p, "text.");
    fab_llama_params(p, &m->text, &c->text);
    fab_params_leave(p, t);
}

/* ---- forward --------------------------------------------------------------------------------- */

fab_mini_view fab_mini_look(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop)
{
    const fab_mini_config *cfg = &m->cfg;
    int64_t B = pixels ? pixels->shape[0] : 0, G = fab_mini_grid(cfg), D = fab_mini_width(cfg);
    int64_t cells = tower_of(cfg)->cells(cfg);

    fab_mini_view v = { 0 };
    fab_tensor *x = fab_add(c, tower_of(cfg)->forward(c, m, pixels, drop, &v.pooled), m->pos);
    for (int i = 0; i < cfg->vit_layers; i++)
        x = fab_block_forward(c, &m->vit[i].block, x, &(fab_attn_state){ 0 }, drop, drop);
    x = fab_norm_forward(c, &m->grid_norm, x);

    v.grid = cells > G * G ? fab_slice(c, x, 1, 0, G * G) : x;
    fab_want_grad(v.grid);
    fab_tensor *t = fab_reshape(c, v.grid, FAB_SHAPE(B, G, G, D));
    t = fab_pool2d(c, t, (fab_pool_opts){ .size = 2, .stride = 2 });
    t = fab_reshape(c, t, FAB_SHAPE(B, G * G / 4, D));
    if (cells > G * G) t = fab_add(c, t, fab_slice(c, x, 1, G * G, cells));
    t = fab_gelu(c, fab_dense_forward(c, &m->proj1, t), FAB_GELU_TANH);
    v.tokens = fab_dense_forward(c, &m->proj2, t);
    v.mean = fab_mean(c, cells > G * G ? x : v.grid, 1);
    return v;
}

fab_tensor *fab_mini_image_embed(fab_ctx *c, const fab_mini *m, const fab_mini_view *v)
{
    return fab_l2norm(c, fab_dense_forward(c, &m->image_proj, v->mean), 1e-12f);
}

fab_tensor *fab_mini_dense(fab_ctx *c, const fab_mini *m, const fab_mini_view *v)
{
    fab_tensor *y = fab_dense_forward(c, &m->dense, v->grid);
    return y ? fab_reshape(c, y, FAB_SHAPE(y->shape[0] * y->shape[1], y->shape[2])) : NULL;
}

fab_tensor *fab_mini_class(fab_ctx *c, const fab_mini *m, const fab_mini_view *v)
{
    fab_tensor *x = m->cfg.still_trunk ? fab_norm_forward(c, &m->pool_norm, v->pooled) : v->mean;
    return fab_dense_forward(c, &m->classes, x);
}

fab_mini_view fab_mini_glance(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop)
{
    return (fab_mini_view){ .pooled = tower_of(&m->cfg)->glance(c, m, pixels, drop) };
}

int fab_mini_texture_width(const fab_mini_config *cfg)
{
    return tower_of(cfg)->texture_width ? tower_of(cfg)->texture_width(cfg) : 0;
}

bool fab_mini_texture(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float *out)
{
    return tower_of(&m->cfg)->texture(c, m, pixels, out);
}

fab_tensor *fab_mini_read(fab_ctx *c, const fab_mini *m, fab_tensor *tokens, fab_tensor *ids,
                          fab_tensor *prefix, fab_kv *kv, float drop)
{
    fab_tensor *x = fab_llama_embed(c, &m->text, ids);
    if (tokens) x = fab_concat(c, tokens, x, 1);
    return fab_llama_hidden(c, &m->text, fab_dropout(c, x, drop), prefix, NULL, kv, drop);
}

fab_tensor *fab_mini_logits(fab_ctx *c, const fab_mini *m, fab_tensor *hidden, fab_tensor *rows)
{
    return fab_llama_logits(c, &m->text, hidden, rows);
}

/* Row last[n] of each [N,L,D] -> [N,D] */
static fab_tensor *at_last(fab_ctx *c, fab_tensor *h, fab_tensor *last)
{
    fab_tensor *rows = last ? fab_tensor_new(c, FAB_I32, FAB_SHAPE(last->shape[0])) : NULL;
    if (!h || !rows) return NULL;
    for (int64_t n = 0; n < last->shape[0]; n++)
        fab_i32(rows)[n] = (int32_t)(n * h->shape[1]) + fab_i32(last)[n];
    return fab_gather(c, h, rows);
}

fab_tensor *fab_mini_text_embed(fab_ctx *c, const fab_mini *m, fab_tensor *ids, fab_tensor *last,
                                float drop)
{
    fab_tensor *h = at_last(c, fab_mini_read(c, m, NULL, ids, NULL, NULL, drop), last);
    return fab_l2norm(c, fab_dense_forward(c, &m->text_proj, h), 1e-12f);
}

fab_tensor *fab_mini_words(fab_ctx *c, const fab_mini *m, fab_tensor *ids, float drop)
{
    fab_tensor *h = fab_mini_read(c, m, NULL, ids, NULL, NULL, drop);
    return fab_l2norm(c, fab_dense_forward(c, &m->text_proj, h), 1e-12f);
}

fab_tensor *fab_mini_whole(fab_ctx *c, fab_tensor *words, fab_tensor *last)
{
    return at_last(c, words, last);
}

fab_tensor *fab_mini_cells(fab_ctx *c, const fab_mini *m, const fab_mini_view *v, fab_tensor *rows)
{
    fab_tensor *x = fab_l2norm(c, fab_dense_forward(c, &m->image_proj, v->grid), 1e-12f);
    if (!x || !rows) return NULL;
    int64_t G = x->shape[1], E = x->shape[2];
    x = fab_gather(c, fab_reshape(c, x, FAB_SHAPE(x->shape[0], G * E)), rows);
    return fab_reshape(c, x, FAB_SHAPE(rows->shape[0], G, E));
}
