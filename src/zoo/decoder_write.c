/* decoder_write: what a decoder's file says about it, as config.json or as GGUF's keys: the way
 * back of decoder_config.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "zoo/convert_decoder.h"
#include "zoo/decoder_fields.h"

static bool is_pattern(const fab_decoder_config *c) { return c->kind->gemma && c->window > 0; }

/* ---- GGUF ------------------------------------------------------------------------------------ */

typedef struct {
    fab_gguf *g;
    const char *arch;
    fab_arena *a;
    fab_err *err;
} out;

static bool put_int(const out *o, const char *name, int64_t v)
{
    const char *key = fab_arena_printf(o->a, o->err, "%s.%s", o->arch, name);
    return key && fab_gguf_u32(o->g, key, (uint32_t)v);
}

static bool put_real(const out *o, const char *name, double v)
{
    const char *key = fab_arena_printf(o->a, o->err, "%s.%s", o->arch, name);
    return key && fab_gguf_f32(o->g, key, (float)v);
}

bool fab_decoder_put(const fab_decoder_config *c, fab_gguf *g, fab_arena *a, fab_err *err)
{
    const out o = { g, c->kind->gguf, a, err };
    bool ok = fab_gguf_str(g, "general.architecture", o.arch);
    for (const fab_decoder_field *f = fab_decoder_fields; ok && f->hf; f++) {
        const char *at = (const char *)c + f->at;
        if (f->real) ok = put_real(&o, f->gguf, *(const double *)at);
        else if (*(const int64_t *)at) ok = put_int(&o, f->gguf, *(const int64_t *)at);
    }
    ok = ok && put_int(&o, "attention.value_length", c->head_dim) &&
         put_int(&o, "rope.dimension_count", c->head_dim) && put_int(&o, "vocab_size", c->vocab) &&
         put_real(&o, "rope.freq_base", c->theta);
    if (ok && c->window) ok = put_int(&o, "attention.sliding_window", c->window);
    if (ok && is_pattern(c))
        ok = put_int(&o, "attention.sliding_window_pattern", c->pattern) &&
             put_real(&o, "rope.freq_base_swa", c->local_theta);
    if (ok && c->score_dim != (double)c->head_dim)
        ok = put_real(&o, "attention.scale", 1.0 / sqrt(c->score_dim));
    if (ok && c->stretch.kind == FAB_STRETCH_LINEAR) {
        const char *key = fab_arena_printf(a, err, "%s.rope.scaling.type", o.arch);
        ok = key && fab_gguf_str(g, key, "linear") &&
             put_real(&o, "rope.scaling.factor", c->stretch.factor);
    }
    return ok;
}

/* ---- config.json ----------------------------------------------------------------------------- */

/* A GGUF holds the factors of Llama-3.1's stretching, config.json what they follow from: low 1,
 * high 4 and a power of two of context, as every published model has it. */
static bool unstretch(const fab_decoder_config *c, fab_stretch *s, fab_arena *a, fab_err *err)
{
    int64_t half = c->head_dim / 2;
    *s = c->stretch;
    if (!c->factors) return true;
    fab_decoder_config guess = *c;
    guess.factors = NULL;
    guess.stretch = (fab_stretch){ FAB_STRETCH_LLAMA3, (double)c->factors[half - 1], 1, 4, 16 };
    for (; guess.stretch.original <= 1 << 20; guess.stretch.original *= 2) {
        const float *f = fab_decoder_factors(&guess, a, err);
        int64_t i = 0;
        while (f && i < half && fabsf(f[i] - c->factors[i]) <= 1e-5f * c->factors[i]) i++;
        if (!f) return false;
        if (i == half) return *s = guess.stretch, true;
    }
    return fab_fail(err, FAB_EUNSUPPORTED,
                    "rope_freqs.weight follows no scaling that config.json has a name for");
}

/* A number that was an f32, as a person would write it: 1e-6, not 9.99999997e-7. */
static double tidy(double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", v);
    return strtod(text, NULL);
}

static json_t *rope_json(const fab_decoder_config *c, const fab_stretch *s)
{
    static const char *const names[] = { "default", "linear", "llama3" };
    json_t *o = json_pack("{s:f,s:s}", "rope_theta", tidy(c->theta), "rope_type", names[s->kind]);
    if (s->kind) json_object_set_new(o, "factor", json_real(tidy(s->factor)));
    if (s->kind == FAB_STRETCH_LLAMA3) {
        json_object_set_new(o, "low_freq_factor", json_real(s->low));
        json_object_set_new(o, "high_freq_factor", json_real(s->high));
        json_object_set_new(o, "original_max_position_embeddings",
                            json_integer((json_int_t)s->original));
    }
    return o;
}

/* Layers' kinds, and rotary parameters of each; older readers find rope_theta and rope_scaling. */
static void gemma_json(const fab_decoder_config *c, json_t *o, const fab_stretch *s)
{
    json_t *types = json_array();
    for (int64_t i = 0; i < c->layers; i++)
        json_array_append_new(types, json_string((i + 1) % c->pattern == 0 ? "full_attention"
                                                                           : "sliding_attention"));
    json_object_set_new(o, "layer_types", types);
    json_object_set_new(o, "rope_local_base_freq", json_real(tidy(c->local_theta)));
    json_object_set_new(o, "query_pre_attn_scalar",
                        json_integer((json_int_t)llround(c->score_dim)));
    json_object_set_new(o, "hidden_activation", json_string("gelu_pytorch_tanh"));
    json_object_set_new(o, "rope_parameters",
                        json_pack("{s:o,s:o}", "full_attention", rope_json(c, s),
                                  "sliding_attention",
                                  json_pack("{s:f,s:s}", "rope_theta", tidy(c->local_theta),
                                            "rope_type", "default")));
}

json_t *fab_decoder_json(const fab_decoder_config *c, fab_arena *a, fab_err *err)
{
    fab_stretch s;
    if (!unstretch(c, &s, a, err)) return NULL;
    if (!c->kind->gemma && c->score_dim != (double)c->head_dim) {
        fab_fail(err, FAB_EUNSUPPORTED,
                 "%s: scores divided by the root of %g have no key in "
                 "config.json",
                 c->kind->gguf, c->score_dim);
        return NULL;
    }
    json_t *o =
        json_pack("{s:[s],s:s}", "architectures", c->kind->class, "model_type", c->kind->type);
    for (const fab_decoder_field *f = fab_decoder_fields; f->hf; f++) {
        const char *at = (const char *)c + f->at;
        json_object_set_new(o, f->hf,
                            f->real ? json_real(tidy(*(const double *)at))
                                    : json_integer(*(const int64_t *)at));
    }
    json_object_set_new(o, "vocab_size", json_integer(c->vocab));
    json_object_set_new(o, "tie_word_embeddings", json_boolean(c->tied));
    if (c->kind->windowed || c->kind->gemma)
        json_object_set_new(o, "sliding_window", c->window ? json_integer(c->window) : json_null());
    if (c->kind->gemma) gemma_json(c, o, &s);
    else {
        json_object_set_new(o, "hidden_act", json_string("silu"));
        json_object_set_new(o, "rope_theta", json_real(tidy(c->theta)));
        json_object_set_new(o, "rope_parameters", rope_json(c, &s));
        if (s.kind) json_object_set_new(o, "rope_scaling", rope_json(c, &s));
    }
    if (!o) fab_fail(err, FAB_ENOMEM, "out of memory while writing JSON");
    return o;
}
