/* mini_file: a mini as one GGUF v3 file, architecture "fabrica-mini": weights, tokenizer,
 * calibration, gate, card.
 *
 *   fabrica-mini.{image_size, vit_layers, vit_heads, labels, classes, embed} u32
 *   fabrica-mini.tower string, residual when absent
 *   fabrica-mini.{still_trunk, closer_look} bool, absent: false                   lite0
 *   fabrica-mini.width u32, fabrica-mini.trunk.widths i32[8], .depths i32[7]     lite0
 *   fabrica-mini.{widths, depths} i32[3]                                         residual
 *   fabrica-mini.{block_count, embedding_length, feed_forward_length, vocab_size,
 *                 attention.head_count, attention.head_count_kv} u32        the decoder
 *   tokenizer.ggml.{model, pre, tokens, merges, token_type}                 byte-level BPE
 *   fabrica.calibration.temperature f32
 *   fabrica.calibration.{answer_slope, answer_offset} f32                       zoo/curve.h, of ask's sureness
 *   fabrica.gate.{n, dim u32, mean, ivar f32[n*dim], limit, clip f32}
 *   fabrica.skills.{code, choice string[], auc f32[], positives, negatives i32[], ..}
 *                                                                               zoo/skills.h
 *   fabrica.counter.{code string[], weight, offset, mae, exact f32[]}           zoo/counter.h
 *   fabrica.card, fabrica.question_only string (JSON)
 *
 * Matrices and convolutions are stored in the chosen type when their rows fill its blocks, else in
 * f16; vectors in f32.
 */
#include "zoo/mini.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "format/weights.h"
#include "format/weights_write.h"
#include "text/utf8.h"
#include "zoo/source.h"
#include "zoo/tokenizer_file.h"

#define KEY(name)        "fabrica-mini." name
#define KEY_GATE(name)   "fabrica.gate." name
#define KEY_TEMPERATURE  "fabrica.calibration.temperature"
#define KEY_ANSWER(name) "fabrica.calibration.answer_" name

/* ---- reading --------------------------------------------------------------------------------- */

static bool get_int(const fab_weights *w, const char *key, int *out, fab_err *err)
{
    int64_t v;
    if (!fab_weights_int(w, key, &v, err)) return false;
    if (v < 0 || v > 1 << 24)
        return fab_fail(err, FAB_EFORMAT, "%s: %lld is out of range", key, (long long)v);
    *out = (int)v;
    return true;
}

static bool get_ints(const fab_weights *w, const char *key, fab_arena *a, int *out, int n,
                     fab_err *err)
{
    int64_t have = 0;
    const int32_t *v = fab_weights_i32s(w, key, a, &have, err);
    if (!v) return false;
    if (have != n)
        return fab_fail(err, FAB_EFORMAT, "%s: %d numbers needed, %lld there", key, n,
                        (long long)have);
    for (int i = 0; i < n; i++) out[i] = v[i];
    return true;
}

/* A key that is absent leaves it false. */
static bool get_flag(const fab_weights *w, const char *key, bool *out, fab_err *err)
{
    return !fab_weights_has(w, key) || fab_weights_bool(w, key, out, err);
}

static bool read_tower(const fab_weights *w, fab_arena *a, fab_mini_config *c, fab_err *err)
{
    if (fab_weights_has(w, KEY("tower"))) {
        const char *name = fab_weights_str(w, KEY("tower"), err);
        if (!name || !fab_tower_parse(name, &c->tower, err)) return false;
    }
    if (c->tower == FAB_TOWER_RESIDUAL)
        return get_ints(w, KEY("widths"), a, c->widths, 3, err) &&
               get_ints(w, KEY("depths"), a, c->depths, 3, err);
    return get_flag(w, KEY("still_trunk"), &c->still_trunk, err) &&
           get_flag(w, KEY("closer_look"), &c->closer_look, err) &&
           get_int(w, KEY("width"), &c->width, err) &&
           get_ints(w, KEY("trunk.widths"), a, c->trunk.widths, 1 + FAB_LITE0_GROUPS, err) &&
           get_ints(w, KEY("trunk.depths"), a, c->trunk.depths, FAB_LITE0_GROUPS, err);
}

static bool read_config(const fab_weights *w, fab_arena *a, fab_mini_config *c, fab_err *err)
{
    const char *arch = fab_weights_str(w, "general.architecture", err);
    if (!arch) return false;
    if (strcmp(arch, "fabrica-mini"))
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "architecture '%.40s', this loader reads 'fabrica-mini'", arch);
    int dim = 0, ffn = 0, vocab = 0;
    memset(c, 0, sizeof *c);
    bool ok = get_int(w, KEY("image_size"), &c->image_size, err) && read_tower(w, a, c, err) &&
              get_int(w, KEY("vit_layers"), &c->vit_layers, err) &&
              get_int(w, KEY("vit_heads"), &c->vit_heads, err) &&
              get_int(w, KEY("labels"), &c->labels, err) &&
              get_int(w, KEY("classes"), &c->classes, err) &&
              get_int(w, KEY("embed"), &c->embed, err) &&
              get_int(w, KEY("block_count"), &c->text.layers, err) &&
              get_int(w, KEY("embedding_length"), &dim, err) &&
              get_int(w, KEY("feed_forward_length"), &ffn, err) &&
              get_int(w, KEY("vocab_size"), &vocab, err) &&
              get_int(w, KEY("attention.head_count"), &c->text.heads, err) &&
              get_int(w, KEY("attention.head_count_kv"), &c->text.kv_heads, err);
    c->text.dim = dim;
    c->text.ffn = ffn;
    c->text.vocab = vocab;
    c->text.tied = true;
    return ok;
}

static bool read_bpe(const fab_weights *w, fab_mini_file *f, fab_err *err)
{
    f->bpe = fab_bpe_from_weights(w, err);
    return f->bpe && fab_mini_check_bpe(&f->model->cfg, f->bpe, err);
}

static bool read_temperature(const fab_weights *w, fab_mini_file *f, fab_err *err)
{
    double t = 1;
    if (fab_weights_has(w, KEY_TEMPERATURE) && !fab_weights_num(w, KEY_TEMPERATURE, &t, err))
        return false;
    f->temperature = (float)t;
    return (t > 0 && t < 1000) ||
           fab_fail(err, FAB_EFORMAT, KEY_TEMPERATURE ": %g is not in (0,1000)", t);
}

static bool read_answers(const fab_weights *w, fab_curve *out, fab_err *err)
{
    double slope = 0, offset = 0;
    if (!fab_weights_has(w, KEY_ANSWER("slope"))) return true;
    if (!fab_weights_num(w, KEY_ANSWER("slope"), &slope, err) ||
        !fab_weights_num(w, KEY_ANSWER("offset"), &offset, err))
        return false;
    *out = (fab_curve){ (float)slope, { (float)offset } };
    return fab_curve_check(out, err) || fab_while(err, KEY_ANSWER("slope"));
}

static bool read_gate(const fab_weights *w, fab_mini_file *f, fab_err *err)
{
    double limit = 0, clip = 0;
    if (!fab_weights_has(w, KEY_GATE("n"))) return true;
    if (!get_int(w, KEY_GATE("n"), &f->gate_n, err) ||
        !get_int(w, KEY_GATE("dim"), &f->gate_dim, err) ||
        !fab_weights_num(w, KEY_GATE("limit"), &limit, err))
        return false;
    int width = fab_mini_width(&f->model->cfg);
    if (f->gate_dim < width)
        return fab_fail(err, FAB_EFORMAT, KEY_GATE("dim") ": %d, the tower's width alone is %d",
                        f->gate_dim, width);
    if (!(limit > 0 && isfinite(limit)))
        return fab_fail(err, FAB_EFORMAT, KEY_GATE("limit") ": %g is not above 0", limit);
    f->gate_limit = (float)limit;
    if (fab_weights_has(w, KEY_GATE("clip")) && !fab_weights_num(w, KEY_GATE("clip"), &clip, err))
        return false;
    if (!(clip >= 0 && isfinite(clip)))
        return fab_fail(err, FAB_EFORMAT, KEY_GATE("clip") ": %g is not 0 or more", clip);
    f->gate_clip = (float)clip;
    const int64_t need = (int64_t)f->gate_n * f->gate_dim;
    return (f->gate_mean = fab_source_numbers(w, KEY_GATE("mean"), need, f->arena, err)) &&
           (f->gate_ivar = fab_source_numbers(w, KEY_GATE("ivar"), need, f->arena, err));
}

static bool read_model(fab_mini_file *f, fab_pool *pool, fab_err *err)
{
    const fab_weights *w = f->weights;
    fab_mini_config cfg;
    if (!read_config(w, f->arena, &cfg, err) || !(f->model = fab_mini_new(f->arena, &cfg, err)) ||
        !fab_weights_check_finite(w, err))
        return false;
    const fab_param_source source = fab_source_weights(w);
    fab_params p = fab_params_load(f->arena, &f->model->list, &source);
    p.pool = pool;
    p.bf16 = true;
    p.sites = &f->sites;
    fab_mini_params(&p, f->model);
    return fab_params_end(&p, err) && read_bpe(w, f, err) && read_temperature(w, f, err) &&
           read_answers(w, &f->answers, err) && read_gate(w, f, err) &&
           fab_skills_read(w, f->arena, &f->skills, err) &&
           fab_counter_read(w, fab_mini_texture_width(&cfg), f->arena, &f->counter, err);
}

/* An optional text: it goes into reports, so it is UTF-8; NULL with err set when not. */
static const char *read_text(const fab_weights *w, const char *key, const char *fallback,
                             fab_err *err)
{
    const char *v = fab_weights_has(w, key) ? fab_weights_str(w, key, err) : fallback;
    if (!v || fab_utf8_require(v, strlen(v), err)) return v;
    fab_while(err, "key %s", key);
    return NULL;
}

/* Bytes of s to keep: at most n, whole characters. */
static int cut(const char *s, size_t n)
{
    size_t size = strlen(s);
    if (size <= n) return (int)size;
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) n--;
    return (int)n;
}

static bool read_identity(fab_mini_file *f, const char *path, fab_err *err)
{
    fab_file bytes;
    if (!fab_file_map(&bytes, path, 0, err)) return false;
    fab_sha256_hex(bytes.data, bytes.size, f->sha256);
    fab_file_unmap(&bytes);
    const char *name = read_text(f->weights, "general.name", "mini", err);
    const char *version = read_text(f->weights, "general.version", "0", err);
    f->card = read_text(f->weights, "fabrica.card", "", err);
    f->question_only = read_text(f->weights, "fabrica.question_only", "", err);
    if (!name || !version || !f->card || !f->question_only) return false;
    snprintf(f->id, sizeof f->id, "%.*s-%.*s-%.12s", cut(name, 32), name, cut(version, 16), version,
             f->sha256);
    return true;
}

fab_mini_file *fab_mini_open(const char *path, fab_pool *pool, fab_err *err)
{
    fab_arena *a = fab_arena_new(1 << 20, err);
    fab_mini_file *f = a ? fab_arena_zero(a, sizeof *f, err) : NULL;
    if (!f) {
        fab_arena_free(a);
        return NULL;
    }
    f->arena = a;
    f->weights = fab_weights_open(path, err);
    if (f->weights && read_model(f, pool, err) && read_identity(f, path, err)) return f;
    if (f->weights) fab_while(err, "%s", path); /* open has named the file already */
    fab_mini_close(f);
    return NULL;
}

void fab_mini_close(fab_mini_file *f)
{
    if (!f) return;
    fab_bpe_free(f->bpe);
    fab_weights_close(f->weights);
    fab_arena_free(f->arena);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_config(fab_gguf *g, const fab_mini_config *c)
{
    fab_gguf_u32(g, KEY("image_size"), (uint32_t)c->image_size);
    fab_gguf_str(g, KEY("tower"), fab_tower_name(c->tower));
    if (c->tower == FAB_TOWER_RESIDUAL) {
        fab_gguf_i32s(g, KEY("widths"), c->widths, 3);
        fab_gguf_i32s(g, KEY("depths"), c->depths, 3);
    } else {
        fab_gguf_u32(g, KEY("width"), (uint32_t)c->width);
        fab_gguf_i32s(g, KEY("trunk.widths"), c->trunk.widths, 1 + FAB_LITE0_GROUPS);
        fab_gguf_i32s(g, KEY("trunk.depths"), c->trunk.depths, FAB_LITE0_GROUPS);
        if (c->still_trunk) fab_gguf_bool(g, KEY("still_trunk"), true);
        if (c->closer_look) fab_gguf_bool(g, KEY("closer_look"), true);
    }
    fab_gguf_u32(g, KEY("vit_layers"), (uint32_t)c->vit_layers);
    fab_gguf_u32(g, KEY("vit_heads"), (uint32_t)c->vit_heads);
    fab_gguf_u32(g, KEY("labels"), (uint32_t)c->labels);
    fab_gguf_u32(g, KEY("classes"), (uint32_t)c->classes);
    fab_gguf_u32(g, KEY("embed"), (uint32_t)c->embed);
    fab_gguf_u32(g, KEY("block_count"), (uint32_t)c->text.layers);
    fab_gguf_u32(g, KEY("embedding_length"), (uint32_t)c->text.dim);
    fab_gguf_u32(g, KEY("feed_forward_length"), (uint32_t)c->text.ffn);
    fab_gguf_u32(g, KEY("vocab_size"), (uint32_t)c->text.vocab);
    fab_gguf_u32(g, KEY("attention.head_count"), (uint32_t)c->text.heads);
    fab_gguf_u32(g, KEY("attention.head_count_kv"),
                 (uint32_t)(c->text.kv_heads ? c->text.kv_heads : c->text.heads));
}

static void put_options(fab_gguf *g, const fab_mini_save_opts *o)
{
    fab_gguf_str(g, "general.architecture", "fabrica-mini");
    fab_gguf_str(g, "general.name", o->name ? o->name : "mini");
    fab_gguf_str(g, "general.version", o->version ? o->version : "0");
    fab_gguf_str(g, "general.license", "Apache-2.0");
    if (o->temperature > 0) fab_gguf_f32(g, KEY_TEMPERATURE, o->temperature);
    if (o->answers.slope > 0) {
        fab_gguf_f32(g, KEY_ANSWER("slope"), o->answers.slope);
        fab_gguf_f32(g, KEY_ANSWER("offset"), o->answers.offset[0]);
    }
    if (o->gate_n) {
        int64_t n = (int64_t)o->gate_n * o->gate_dim;
        fab_gguf_u32(g, KEY_GATE("n"), (uint32_t)o->gate_n);
        fab_gguf_u32(g, KEY_GATE("dim"), (uint32_t)o->gate_dim);
        fab_gguf_f32(g, KEY_GATE("limit"), o->gate_limit);
        if (o->gate_clip > 0) fab_gguf_f32(g, KEY_GATE("clip"), o->gate_clip);
        fab_gguf_f32s(g, KEY_GATE("mean"), o->gate_mean, n);
        fab_gguf_f32s(g, KEY_GATE("ivar"), o->gate_ivar, n);
    }
    if (o->card) fab_gguf_str(g, "fabrica.card", o->card);
    if (o->question_only) fab_gguf_str(g, "fabrica.question_only", o->question_only);
}

static bool put_tensor(fab_gguf *g, const fab_tensor *t, fab_dtype dtype, fab_arena *a,
                       fab_err *err)
{
    uint64_t bytes;
    if (t->dtype != FAB_F32)
        return fab_fail(err, FAB_EINTERNAL, "%s: only f32 masters can be saved", t->name);
    if (t->ndim < 2) dtype = FAB_F32;
    else if (!fab_dtype_size(dtype, t->ndim, t->shape, NULL, &bytes))
        dtype = FAB_F16; /* 3x3 kernels fill no block */
    fab_dtype_size(dtype, t->ndim, t->shape, NULL, &bytes);
    const void *data = t->data;
    if (dtype != FAB_F32) {
        void *packed = fab_arena_take(a, bytes, err);
        if (!packed) return false;
        if (!fab_kernels_best()->from_f32(NULL, dtype, t->data, packed, fab_count(t)))
            return fab_fail(err, FAB_EUNSUPPORTED, "%s: cannot be stored as %s", t->name,
                            fab_dtype_name(dtype));
        data = packed;
    }
    return fab_gguf_tensor(g, t->name, dtype, t->ndim, t->shape, data);
}

/* All but the tensors. */
static bool put_head(fab_gguf *g, const fab_mini_config *cfg, const fab_bpe *bpe,
                     const fab_mini_save_opts *o, fab_arena *a, fab_err *err)
{
    put_options(g, o);
    put_config(g, cfg);
    return fab_skills_put(g, &o->skills, a, err) && fab_counter_put(g, &o->counter) &&
           fab_bpe_put(g, bpe, a, err);
}

bool fab_mini_save(const char *path, const fab_mini *m, const fab_bpe *bpe,
                   const fab_mini_save_opts *o, fab_err *err)
{
    fab_arena *a = fab_arena_new(1 << 20, err);
    fab_gguf *g = a ? fab_gguf_new(err) : NULL;
    bool ok = g && put_head(g, &m->cfg, bpe, o, a, err);
    for (int64_t i = 0; ok && i < m->list.n; i++)
        ok = put_tensor(g, m->list.items[i], o->dtype, a, err);
    ok = ok && fab_gguf_write(g, path, err);
    fab_gguf_free(g);
    fab_arena_free(a);
    return ok;
}

bool fab_mini_resave(const char *path, const fab_mini_file *f, const fab_mini_save_opts *opts,
                     fab_err *err)
{
    fab_mini_save_opts o = *opts;
    if (!o.name) o.name = read_text(f->weights, "general.name", "mini", err);
    if (!o.version) o.version = read_text(f->weights, "general.version", "0", err);
    if (!o.card && *f->card) o.card = f->card;
    if (!o.question_only && *f->question_only) o.question_only = f->question_only;
    fab_arena *a = fab_arena_new(1 << 20, err);
    fab_gguf *g = a && o.name && o.version ? fab_gguf_new(err) : NULL;
    bool ok = g && put_head(g, &f->model->cfg, f->bpe, &o, a, err);
    for (int64_t i = 0; ok && i < fab_weights_count(f->weights); i++) {
        const fab_weight *t = fab_weights_at(f->weights, i);
        ok = fab_gguf_tensor(g, t->name, t->dtype, t->ndim, t->shape, t->data);
    }
    ok = ok && fab_gguf_write(g, path, err);
    fab_gguf_free(g);
    fab_arena_free(a);
    return ok;
}
