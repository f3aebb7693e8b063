/* whisper: Robust Speech Recognition via Large-Scale Weak Supervision (Radford et al. 2022,
 * section 2.2 and figure 1).
 *
 *   encoder   x = gelu(conv1(mel)), gelu(conv2 stride 2) + sinusoids     1500 positions of 20 ms
 *             x += attention(norm x);  x += fc2(gelu(fc1(norm x)));  norm
 *   decoder   x = embed(ids) + positions
 *             x += causal attention(norm x);  x += attention(norm x over the encoder);  x += mlp
 *             logits = embed norm(x)
 *
 * Traps: keys have no bias, queries, values and outputs have; gelu is the exact one; positions of
 * the encoder are computed, not learnt, yet published files carry them. A 1-D convolution is a 2-D
 * one over maps of height 1, padded by hand because the height must not be.
 */
#include "zoo/whisper.h"

#include <math.h>
#include <string.h>

#define INIT_STD 0.02f
#define EPS      1e-5f

/* ---- parameters ------------------------------------------------------------------------------ */
static void attention_params(fab_params *p, fab_attn_layer *a, const char *name, int64_t D,
                             int heads, bool causal)
{
    fab_init std = FAB_INIT_NORMAL(INIT_STD);
    *a = (fab_attn_layer){ .cfg = { .dim = D, .heads = heads, .causal = causal } };
    size_t mark = fab_params_enter(p, "%s.", name);
    fab_dense_params(p, &a->q, "q_proj", D, D, true, std);
    fab_dense_params(p, &a->k, "k_proj", D, D, false, std);
    fab_dense_params(p, &a->v, "v_proj", D, D, true, std);
    fab_dense_params(p, &a->o, "out_proj", D, D, true, std);
    fab_params_leave(p, mark);
}

static void layer_params(fab_params *p, fab_whisper_layer *l, const fab_whisper_config *g,
                         bool decoder)
{
    int heads = decoder ? g->decoder_heads : g->encoder_heads;
    attention_params(p, &l->self, "self_attn", g->dim, heads, decoder);
    fab_norm_params(p, &l->self_norm, "self_attn_layer_norm", g->dim, EPS);
    if (decoder) {
        attention_params(p, &l->cross, "encoder_attn", g->dim, heads, false);
        fab_norm_params(p, &l->cross_norm, "encoder_attn_layer_norm", g->dim, EPS);
    }
    fab_mlp_params(p, &l->mlp, g->dim, decoder ? g->decoder_ffn : g->encoder_ffn, FAB_GELU_ERF,
                   INIT_STD);
    fab_norm_params(p, &l->mlp_norm, "final_layer_norm", g->dim, EPS);
}

static void layers_params(fab_params *p, fab_whisper_layer **layer, const fab_whisper_config *g,
                          bool decoder)
{
    int n = decoder ? g->decoder_layers : g->encoder_layers;
    fab_whisper_layer spare;
    if (p->visit != FAB_VISIT_COUNT)
        *layer = fab_arena_zero(p->arena, (size_t)n * sizeof **layer, &p->err);
    for (int i = 0; i < n; i++) {
        size_t at = fab_params_enter(p, "layers.%d.", i);
        layer_params(p, *layer ? &(*layer)[i] : &spare, g, decoder);
        fab_params_leave(p, at);
    }
}

static bool sensible(fab_params *p, const fab_whisper_config *g)
{
    int64_t e = g->encoder_heads, d = g->decoder_heads;
    if (g->dim > 0 && g->dim % 2 == 0 && g->encoder_ffn > 0 && g->decoder_ffn > 0 && g->vocab > 0 &&
        g->audio_ctx > 0 && g->text_ctx > 1 && g->mels > 0 && g->encoder_layers > 0 &&
        g->decoder_layers > 0 && e > 0 && d > 0 && g->dim % e == 0 && g->dim % d == 0)
        return true;
    return fab_fail(
        &p->err, FAB_EFORMAT,
        "no whisper has width %lld, %d and %d layers, %lld and %lld heads, %d mel bands",
        (long long)g->dim, g->encoder_layers, g->decoder_layers, (long long)e, (long long)d,
        g->mels);
}

void fab_whisper_params(fab_params *p, fab_whisper *m, const fab_whisper_config *cfg)
{
    *m = (fab_whisper){ .cfg = *cfg };
    const fab_whisper_config *g = &m->cfg;
    fab_init std = FAB_INIT_NORMAL(INIT_STD);
    if (!sensible(p, g)) return;
    size_t mark = fab_params_enter(p, "model.encoder.");
    fab_param(p, &m->conv1_w, "conv1.weight", FAB_SHAPE(g->dim, g->mels, 3), std);
    fab_param(p, &m->conv1_b, "conv1.bias", FAB_SHAPE(g->dim), FAB_INIT_ZEROS);
    fab_param(p, &m->conv2_w, "conv2.weight", FAB_SHAPE(g->dim, g->dim, 3), std);
    fab_param(p, &m->conv2_b, "conv2.bias", FAB_SHAPE(g->dim), FAB_INIT_ZEROS);
    fab_param(p, &m->audio_pos, "embed_positions.weight", FAB_SHAPE(g->audio_ctx, g->dim), std);
    layers_params(p, &m->encoder, g, false);
    fab_norm_params(p, &m->encoder_norm, "layer_norm", g->dim, EPS);
    fab_params_leave(p, mark);
    mark = fab_params_enter(p, "model.decoder.");
    fab_param_matrix(p, &m->embed, "embed_tokens.weight", FAB_SHAPE(g->vocab, g->dim), std);
    fab_param(p, &m->text_pos, "embed_positions.weight", FAB_SHAPE(g->text_ctx, g->dim), std);
    layers_params(p, &m->decoder, g, true);
    fab_norm_params(p, &m->decoder_norm, "layer_norm", g->dim, EPS);
    fab_params_leave(p, mark);
}

void fab_whisper_sinusoids(float *out, int64_t T, int64_t D)
{
    int64_t half = D / 2;
    double step = half > 1 ? log(10000.0) / (double)(half - 1) : 0;
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < half; i++) {
            double angle = (double)t * exp(-step * (double)i);
            out[t * D + i] = (float)sin(angle);
            out[t * D + half + i] = (float)cos(angle);
        }
}

/* ---- encoder --------------------------------------------------------------------------------- */
/* gelu(conv of width 3 along T): x [1,T,I], w [O,I,3] -> [1,ceil(T/stride),O] */
static fab_tensor *convolve(fab_ctx *c, fab_tensor *x, fab_tensor *w, fab_tensor *b, int stride)
{
    if (!x) return NULL;
    int64_t T = x->shape[1], I = x->shape[2], O = w->shape[0];
    fab_tensor *edge = fab_tensor_zeros(c, FAB_SHAPE(1, 1, I));
    x = fab_concat(c, fab_concat(c, edge, x, 1), edge, 1);
    x = fab_conv2d(c, fab_reshape(c, x, FAB_SHAPE(1, 1, T + 2, I)),
                   fab_reshape(c, w, FAB_SHAPE(O, I, 1, 3)), b, (fab_conv_opts){ stride, 0, 1 });
    x = fab_gelu(c, x, FAB_GELU_ERF);
    return x ? fab_reshape(c, x, FAB_SHAPE(1, x->shape[2], O)) : NULL;
}

static fab_tensor *encoder_layer(fab_ctx *c, const fab_whisper_layer *l, fab_tensor *x)
{
    fab_tensor *h = fab_norm_forward(c, &l->self_norm, x);
    x = fab_add(c, x, fab_attn_layer_forward(c, &l->self, h, NULL));
    h = fab_norm_forward(c, &l->mlp_norm, x);
    return fab_add(c, x, fab_mlp_forward(c, &l->mlp, h));
}

/* y's values into `to`; all that was taken since the mark is forgotten */
static bool settle(fab_ctx *c, fab_arena_mark mark, const fab_tensor *y, fab_tensor *to)
{
    if (y) memcpy(to->data, y->data, (size_t)fab_count(to) * sizeof(float));
    fab_arena_release(c->arena, mark);
    return y != NULL;
}

fab_tensor *fab_whisper_encode(fab_ctx *c, const fab_whisper *m, fab_tensor *mel, int layers)
{
    const fab_whisper_config *g = &m->cfg;
    if (!mel || c->err.code) return NULL;
    if (mel->ndim != 3 || mel->shape[0] != 1 || mel->shape[1] != 2 * g->audio_ctx ||
        mel->shape[2] != g->mels || layers > g->encoder_layers || c->record) {
        fab_fail(&c->err, FAB_EINTERNAL, "whisper hears %lld frames of %d mel bands",
                 (long long)(2 * g->audio_ctx), g->mels);
        return NULL;
    }
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, g->audio_ctx, g->dim));
    fab_arena_mark mark = fab_arena_save(c->arena);
    fab_tensor *y = convolve(c, mel, m->conv1_w, m->conv1_b, 1);
    y = fab_add(c, convolve(c, y, m->conv2_w, m->conv2_b, 2), m->audio_pos);
    if (!x || !settle(c, mark, y, x)) return NULL;
    for (int i = 0; i < (layers < 0 ? g->encoder_layers : layers); i++)
        if (!settle(c, mark, encoder_layer(c, &m->encoder[i], x), x)) return NULL;
    return layers < 0 ? fab_norm_forward(c, &m->encoder_norm, x) : x;
}

/* ---- decoder --------------------------------------------------------------------------------- */
bool fab_whisper_hear(fab_ctx *c, const fab_whisper *m, fab_tensor *encoded, fab_whisper_heard *out)
{
    size_t n = (size_t)m->cfg.decoder_layers;
    if (!encoded) return false;
    out->k = fab_arena_zero(c->arena, n * sizeof *out->k, &c->err);
    out->v = fab_arena_zero(c->arena, n * sizeof *out->v, &c->err);
    for (size_t i = 0; out->k && out->v && i < n; i++) {
        out->k[i] = fab_dense_forward(c, &m->decoder[i].cross.k, encoded);
        out->v[i] = fab_dense_forward(c, &m->decoder[i].cross.v, encoded);
    }
    return !c->err.code;
}

bool fab_whisper_kv(const fab_whisper *m, fab_kv *kv, fab_arena *a, int64_t batch, fab_err *err)
{
    return fab_kv_init(kv, a, m->cfg.decoder_layers, batch, m->cfg.text_ctx, m->cfg.dim, NULL, err);
}

/* All texts are about one sound: their queries stand in one row. x [B,T,D] -> [B,T,D] */
static fab_tensor *cross_attention(fab_ctx *c, const fab_attn_layer *a, fab_tensor *x,
                                   fab_tensor *k, fab_tensor *v)
{
    if (!x) return NULL;
    int64_t B = x->shape[0], T = x->shape[1], D = x->shape[2];
    fab_tensor *q = fab_reshape(c, fab_dense_forward(c, &a->q, x), FAB_SHAPE(1, B * T, D));
    fab_tensor *y =
        fab_attention(c, q, k, v, NULL, NULL,
                      (fab_attention_opts){ .heads = a->cfg.heads, .kv_heads = a->cfg.heads });
    return fab_dense_forward(c, &a->o, fab_reshape(c, y, FAB_SHAPE(B, T, D)));
}

static fab_tensor *decoder_layer(fab_ctx *c, const fab_whisper_layer *l, fab_tensor *x,
                                 const fab_whisper_heard *heard, fab_kv *kv, int i)
{
    fab_attn_state s = { .kv = kv, .layer = i };
    fab_tensor *h = fab_norm_forward(c, &l->self_norm, x);
    x = fab_add(c, x, fab_attn_layer_forward(c, &l->self, h, &s));
    h = fab_norm_forward(c, &l->cross_norm, x);
    x = fab_add(c, x, cross_attention(c, &l->cross, h, heard->k[i], heard->v[i]));
    h = fab_norm_forward(c, &l->mlp_norm, x);
    return fab_add(c, x, fab_mlp_forward(c, &l->mlp, h));
}

/* Each new token's place in its text, i32 [B,T] */
static fab_tensor *positions(fab_ctx *c, const fab_kv *kv, int64_t T)
{
    fab_tensor *pos = fab_tensor_new(c, FAB_I32, FAB_SHAPE(kv->batch, T));
    for (int64_t i = 0; pos && i < kv->batch * T; i++)
        fab_i32(pos)[i] = (int32_t)(kv->len[i / T] + i % T);
    return pos;
}

fab_tensor *fab_whisper_decode(fab_ctx *c, const fab_whisper *m, fab_tensor *ids,
                               const fab_whisper_heard *heard, fab_kv *kv, int layers)
{
    if (!ids || c->err.code) return NULL;
    fab_tensor *x = fab_embedding(c, ids, m->embed);
    x = fab_add(c, x, fab_embedding(c, positions(c, kv, ids->shape[1]), m->text_pos));
    for (int i = 0; i < (layers < 0 ? m->cfg.decoder_layers : layers); i++)
        x = decoder_layer(c, &m->decoder[i], x, heard, kv, i);
    if (x) fab_kv_advance(kv, ids->shape[1], NULL);
    return layers < 0 ? fab_norm_forward(c, &m->decoder_norm, x) : x;
}

fab_tensor *fab_whisper_logits(fab_ctx *c, const fab_whisper *m, fab_tensor *h, fab_tensor *rows)
{
    return fab_linear(c, fab_gather(c, h, rows), m->embed, NULL);
}
