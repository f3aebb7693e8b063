/* names: see names.h; the tables are SYSTEMS.md 2.6, 7.2 and 27.1 and llama.cpp's names for bert. */
#include "zoo/names.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct fab_names {
    const fab_weights *file;
    int64_t n, cap, n_slots;
    fab_weight *items;
    int64_t *slots; /* open addressing by hash of the name: index + 1, 0 free */
};

/* ---- finding --------------------------------------------------------------------------------- */
static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++) h = (h ^ (uint8_t)*s) * 1099511628211u;
    return h;
}

static int64_t *slot_of(const fab_names *n, const char *name)
{
    for (uint64_t i = hash(name);; i++) {
        int64_t *s = &n->slots[i & (uint64_t)(n->n_slots - 1)];
        if (!*s || !strcmp(n->items[*s - 1].name, name)) return s;
    }
}

const fab_weight *fab_names_find(const fab_names *n, const char *name)
{
    int64_t at = *slot_of(n, name);
    return at ? &n->items[at - 1] : NULL;
}

static bool has_front(const fab_names *n, const char *front)
{
    size_t len = strlen(front);
    for (int64_t i = 0; i < n->n; i++)
        if (!strncmp(n->items[i].name, front, len)) return true;
    return false;
}

int fab_names_count(const fab_names *n, const char *fmt)
{
    const char *at = strstr(fmt, "%d");
    char front[128];
    int count = 0;
    for (; at && count < 1000; count++) {
        int k = snprintf(front, sizeof front, "%.*s%d%s", (int)(at - fmt), fmt, count, at + 2);
        if (k < 0 || (size_t)k >= sizeof front || !has_front(n, front)) break;
    }
    return count;
}

/* ---- renaming -------------------------------------------------------------------------------- */
/* Whether the rule fits; number receives what '*' stood for, *rest what follows a final '.'. */
static bool match(const char *from, const char *name, long *number, const char **rest)
{
    for (; *from; from++) {
        if (*from != '*') {
            if (*name++ != *from) return false;
            continue;
        }
        if (!isdigit((unsigned char)*name)) return false;
        for (*number = 0; isdigit((unsigned char)*name); name++)
            *number = *number < 100000 ? *number * 10 + (*name - '0') : *number;
    }
    *rest = name;
    return from[-1] == '.' || !*name;
}

static char *renamed(fab_arena *a, const char *to, long number, const char *part, const char *rest,
                     fab_err *err)
{
    char out[256];
    size_t n = 0;
    for (; *to && n + 40 < sizeof out; to++) {
        if (*to == '*') n += (size_t)snprintf(out + n, sizeof out - n, "%ld", number);
        else if (*to == '{' && to[1] == '}') {
            out[n++] = *part;
            to++;
        } else out[n++] = *to;
    }
    out[n] = 0;
    return fab_arena_printf(a, err, "%s%s", out, rest);
}

const char *fab_names_back(const fab_name_rule *rules, const char *name, fab_arena *a, fab_err *err)
{
    for (const fab_name_rule *r = rules; r->from; r++) {
        long number = 0;
        const char *rest;
        if (r->how == FAB_NAME_PLAIN && match(r->to, name, &number, &rest))
            return renamed(a, r->from, number, "", rest, err);
    }
    return NULL;
}

static bool add(fab_names *n, const fab_weight *e, fab_err *err)
{
    if (!e->name) return false;
    int64_t *slot = slot_of(n, e->name);
    if (*slot) return fab_fail(err, FAB_EFORMAT, "two tensors are the model's %s", e->name);
    n->items[n->n++] = *e;
    *slot = n->n;
    return true;
}

static bool add_parts(fab_names *n, fab_arena *a, const fab_weight *e, const fab_name_rule *r,
                      long number, const char *rest, fab_err *err)
{
    const char *letters = r->how == FAB_NAME_HALVES ? "kv" : "qkv";
    int parts = (int)strlen(letters);
    if (e->ndim < 1 || e->shape[0] % parts)
        return fab_fail(err, FAB_EFORMAT, "%s: %lld rows are no %s and value", e->name,
                        e->ndim ? (long long)e->shape[0] : 0,
                        parts == 2 ? "halves of key" : "thirds of query, key");
    fab_weight t = *e;
    t.shape[0] /= parts;
    t.bytes /= (uint64_t)parts;
    for (int i = 0; i < parts; i++) {
        t.name = renamed(a, r->to, number, &letters[i], rest, err);
        t.data = (const char *)e->data + (uint64_t)i * t.bytes;
        if (!t.name || !add(n, &t, err)) return false;
    }
    return true;
}

static bool turn(fab_arena *a, fab_weight *e, fab_err *err)
{
    if (e->ndim != 2 || fab_dtype_is_quantised(e->dtype))
        return fab_fail(err, FAB_EFORMAT, "%s: %s in %d dimensions, a plain matrix is needed",
                        e->name, fab_dtype_name(e->dtype), e->ndim);
    int64_t I = e->shape[0], O = e->shape[1];
    size_t size = (size_t)fab_dtype_bytes(e->dtype);
    char *to = fab_arena_take(a, (size_t)e->bytes, err);
    if (!to) return false;
    for (int64_t i = 0; i < I; i++)
        for (int64_t o = 0; o < O; o++)
            memcpy(to + (size_t)(o * I + i) * size,
                   (const char *)e->data + (size_t)(i * O + o) * size, size);
    e->data = to;
    e->shape[0] = O;
    e->shape[1] = I;
    return true;
}

static bool take(fab_names *n, fab_arena *a, const fab_weight *e, const fab_name_rule *rules,
                 fab_err *err)
{
    fab_weight t = *e;
    for (const fab_name_rule *r = rules; r && r->from; r++) {
        long number = 0;
        const char *rest;
        if (!match(r->from, e->name, &number, &rest)) continue;
        if (r->how == FAB_NAME_DROPPED) return true;
        if (r->how == FAB_NAME_THIRDS || r->how == FAB_NAME_HALVES)
            return add_parts(n, a, e, r, number, rest, err);
        if (r->how == FAB_NAME_TURNED && !turn(a, &t, err)) return false;
        t.name = renamed(a, r->to, number, "", rest, err);
        break;
    }
    return t.name && add(n, &t, err);
}

fab_names *fab_names_new(fab_arena *a, const fab_weights *w, const fab_name_rule *rules,
                         fab_err *err)
{
    fab_names *n = fab_arena_zero(a, sizeof *n, err);
    if (!n) return NULL;
    n->file = w;
    n->cap = 3 * fab_weights_count(w);
    for (n->n_slots = 64; n->n_slots < 2 * n->cap;) n->n_slots *= 2;
    n->items = fab_arena_zero(a, (size_t)(n->cap + 1) * sizeof *n->items, err);
    n->slots = fab_arena_zero(a, (size_t)n->n_slots * sizeof *n->slots, err);
    if (!n->items || !n->slots) return NULL;
    for (int64_t i = 0; i < fab_weights_count(w); i++)
        if (!take(n, a, fab_weights_at(w, i), rules, err)) return NULL;
    return n;
}

/* ---- a source of parameters ------------------------------------------------------------------ */
static bool find(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                 int64_t shape[FAB_MAX_DIM], const void **data)
{
    const fab_weight *e = fab_names_find(arg, name);
    if (!e) return false;
    *dtype = e->dtype;
    *ndim = e->ndim;
    memcpy(shape, e->shape, sizeof e->shape);
    *data = e->data;
    return true;
}

static const char *name_at(void *arg, int64_t i)
{
    const fab_names *n = arg;
    return i < n->n ? n->items[i].name : NULL;
}

static void copied(void *arg, const void *data, uint64_t bytes)
{
    const fab_names *n = arg;
    fab_weights_forget(n->file, data, bytes);
}

fab_param_source fab_source_names(const fab_names *n)
{
    return (fab_param_source){ (void *)(uintptr_t)n, find, name_at, copied };
}

/* ---- the tables ------------------------------------------------------------------------------ */
/* clang-format off */
#define VISION "vision_model."
#define TEXT   "text_model."
/* The blocks of OpenAI's and open_clip's own towers. */
#define RESBLOCKS(from, to) \
    { from "*.attn.in_proj_weight", to "*.self_attn.{}_proj.weight", FAB_NAME_THIRDS }, \
    { from "*.attn.in_proj_bias",   to "*.self_attn.{}_proj.bias",   FAB_NAME_THIRDS }, \
    { from "*.attn.out_proj.", to "*.self_attn.out_proj." }, \
    { from "*.ln_1.", to "*.layer_norm1." }, \
    { from "*.ln_2.", to "*.layer_norm2." }, \
    { from "*.mlp.c_fc.",   to "*.mlp.fc1." }, \
    { from "*.mlp.c_proj.", to "*.mlp.fc2." }
/* A text tower of open_clip's, at the root (CLIP) or under "text." (CoCa, custom text). */
#define OPEN_CLIP_TEXT(from) \
    { from "token_embedding.weight", TEXT "embeddings.token_embedding.weight" }, \
    { from "positional_embedding", TEXT "embeddings.position_embedding.weight" }, \
    { from "ln_final.", TEXT "final_layer_norm." }, \
    { from "cls_emb", TEXT "class_embedding" }, \
    { from "text_projection", "text_projection.weight", FAB_NAME_TURNED }, \
    { from "attn_mask", NULL, FAB_NAME_DROPPED }, \
    RESBLOCKS(from "transformer.resblocks.", TEXT "encoder.layers.")

const fab_name_rule fab_names_clip[] = {
    { "visual.class_embedding", VISION "embeddings.class_embedding" },
    { "visual.conv1.weight", VISION "embeddings.patch_embedding.weight" },
    { "visual.positional_embedding", VISION "embeddings.position_embedding.weight" },
    { "visual.ln_pre.", VISION "pre_layrnorm." },
    { "visual.ln_post.", VISION "post_layernorm." },
    { "visual.proj", "visual_projection.weight", FAB_NAME_TURNED },
    RESBLOCKS("visual.transformer.resblocks.", VISION "encoder.layers."),
    OPEN_CLIP_TEXT("text."),
    OPEN_CLIP_TEXT(""),
    { "input_resolution", NULL, FAB_NAME_DROPPED },
    { "context_length", NULL, FAB_NAME_DROPPED },
    { "vocab_size", NULL, FAB_NAME_DROPPED },
    { 0 },
};

#define TRUNK "visual.trunk."
const fab_name_rule fab_names_timm[] = {
    { TRUNK "cls_token", VISION "embeddings.class_embedding" },
    { TRUNK "pos_embed", VISION "embeddings.position_embedding.weight" },
    { TRUNK "patch_embed.proj.", VISION "embeddings.patch_embedding." },
    { TRUNK "norm.", VISION "post_layernorm." },
    { TRUNK "blocks.*.attn.qkv.weight", VISION "encoder.layers.*.self_attn.{}_proj.weight", FAB_NAME_THIRDS },
    { TRUNK "blocks.*.attn.qkv.bias", VISION "encoder.layers.*.self_attn.{}_proj.bias", FAB_NAME_THIRDS },
    { TRUNK "blocks.*.attn.proj.", VISION "encoder.layers.*.self_attn.out_proj." },
    { TRUNK "blocks.*.norm1.", VISION "encoder.layers.*.layer_norm1." },
    { TRUNK "blocks.*.norm2.", VISION "encoder.layers.*.layer_norm2." },
    { TRUNK "blocks.*.mlp.", VISION "encoder.layers.*.mlp." },
    /* BiomedCLIP */
    { "visual.head.proj.", "visual_projection." },
    { "text.transformer.embeddings.position_ids", NULL, FAB_NAME_DROPPED },
    { "text.transformer.pooler.", NULL, FAB_NAME_DROPPED }, /* unused: the first token is read */
    { "text.transformer.embeddings.", TEXT "embeddings." },
    { "text.transformer.encoder.", TEXT "encoder." },
    { "text.proj.0.", "text_projection.fc1." },
    { "text.proj.2.", "text_projection.fc2." },
    /* CONCH */
    { "visual.attn_pool_contrast.attn.q_proj_weight", "pool_contrast.attn.q_proj.weight" },
    { "visual.attn_pool_contrast.attn.k_proj_weight", "pool_contrast.attn.k_proj.weight" },
    { "visual.attn_pool_contrast.attn.v_proj_weight", "pool_contrast.attn.v_proj.weight" },
    { "visual.attn_pool_contrast.attn.in_proj_weight", "pool_contrast.attn.{}_proj.weight", FAB_NAME_THIRDS },
    { "visual.attn_pool_contrast.attn.in_proj_bias", "pool_contrast.attn.{}_proj.bias", FAB_NAME_THIRDS },
    { "visual.attn_pool_contrast.", "pool_contrast." },
    { "visual.attn_pool_caption.attn.q_proj_weight", "pool_caption.attn.q_proj.weight" },
    { "visual.attn_pool_caption.attn.k_proj_weight", "pool_caption.attn.k_proj.weight" },
    { "visual.attn_pool_caption.attn.v_proj_weight", "pool_caption.attn.v_proj.weight" },
    { "visual.attn_pool_caption.attn.in_proj_weight", "pool_caption.attn.{}_proj.weight", FAB_NAME_THIRDS },
    { "visual.attn_pool_caption.attn.in_proj_bias", "pool_caption.attn.{}_proj.bias", FAB_NAME_THIRDS },
    { "visual.attn_pool_caption.", "pool_caption." },
    { "visual.ln_contrast.", "ln_contrast." },
    { "visual.ln_caption.", "ln_caption." },
    { "visual.proj_contrast", "visual_projection.weight", FAB_NAME_TURNED },
    OPEN_CLIP_TEXT("text."),
    { 0 },
};

#define HEAD VISION "head."
const fab_name_rule fab_names_siglip[] = {
    { HEAD "probe", HEAD "query" },
    { HEAD "attention.in_proj_weight", HEAD "attn.{}_proj.weight", FAB_NAME_THIRDS },
    { HEAD "attention.in_proj_bias", HEAD "attn.{}_proj.bias", FAB_NAME_THIRDS },
    { HEAD "attention.out_proj.", HEAD "attn.out_proj." },
    { 0 },
};

const fab_name_rule fab_names_bert[] = {
    { "bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight" },
    { "bert.embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias" },
    { "bert.encoder.layer.*.attention.output.LayerNorm.gamma", "encoder.layer.*.attention.output.LayerNorm.weight" },
    { "bert.encoder.layer.*.attention.output.LayerNorm.beta", "encoder.layer.*.attention.output.LayerNorm.bias" },
    { "bert.encoder.layer.*.output.LayerNorm.gamma", "encoder.layer.*.output.LayerNorm.weight" },
    { "bert.encoder.layer.*.output.LayerNorm.beta", "encoder.layer.*.output.LayerNorm.bias" },
    { "bert.", "" },
    { "cls.", NULL, FAB_NAME_DROPPED }, /* heads of pre-training */
    { 0 },
};

#define BLOCK "encoder.layer.*."
const fab_name_rule fab_names_bert_gguf[] = {
    { "token_embd.", "embeddings.word_embeddings." },
    { "position_embd.", "embeddings.position_embeddings." },
    { "token_types.", "embeddings.token_type_embeddings." },
    { "token_embd_norm.", "embeddings.LayerNorm." },
    { "blk.*.attn_q.", BLOCK "attention.self.query." },
    { "blk.*.attn_k.", BLOCK "attention.self.key." },
    { "blk.*.attn_v.", BLOCK "attention.self.value." },
    { "blk.*.attn_output.", BLOCK "attention.output.dense." },
    { "blk.*.attn_output_norm.", BLOCK "attention.output.LayerNorm." },
    { "blk.*.ffn_up.", BLOCK "intermediate.dense." },
    { "blk.*.ffn_down.", BLOCK "output.dense." },
    { "blk.*.layer_output_norm.", BLOCK "output.LayerNorm." },
    { 0 },
};
/* clang-format on */
