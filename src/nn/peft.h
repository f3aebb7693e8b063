/* peft: parameter-efficient tuning. A model's linear layers and self-attentions are its sites; an
 * adapter puts small parts on some of them, and comes off again by a pointer. The model's own
 * weights stay as they are, in whatever type they have.
 *
 *   y = W x + b                                  the site as it is
 *   lora        y + s B A drop(x)                A [r,in], B [out,r], s = alpha / r   Hu et al. 2021
 *   adalora     y + s P (E * Q drop(x))          Q [r,in], E [r], P [out,r]        Zhang et al. 2023
 *   bottleneck  y + U gelu(D y + d) + u          D [m,out], U [out,m]             Houlsby et al. 2019
 *   prefix      r learnt keys and values before those of a self-attention       Li and Liang 2021
 *   full        another W and b
 *
 * B, E, U and u begin as zeros, so that a fresh adapter gives the model's own numbers; a prefix
 * takes part from the first step. A prefix stands before the rotary turning and counts no
 * positions; a layer with a sliding window takes none.
 *
 * Names are those of Hugging Face PEFT's files, base_model.model.SITE.lora_A.weight, where it has
 * the method in this form (lora, adalora, full); else SITE.adapter.* and SITE.prefix_*.
 *
 *   fab_sites sites = { 0 };                 p.sites = &sites;  my_model_params(&p, &model);
 *   fab_params q = fab_params_init(arena, &t.list, seed);       q.train = true;
 *   fab_peft_params(&q, &t, &sites, &opts);  fab_params_end(&q, err);
 *   fab_peft_attach(&t);                     every forward of the model now runs with the parts
 */
#ifndef FAB_NN_PEFT_H
#define FAB_NN_PEFT_H

#include "nn/layers.h"

typedef enum {
    FAB_PEFT_LORA,
    FAB_PEFT_ADALORA,
    FAB_PEFT_BOTTLENECK,
    FAB_PEFT_PREFIX,
    FAB_PEFT_KINDS
} fab_peft_kind;
const char *fab_peft_name(fab_peft_kind kind); /* "lora", ... */
bool fab_peft_parse(const char *name, fab_peft_kind *kind, fab_err *err);

/* Patterns: a whole name of a site, or its end after a dot; * stands for any run of characters.
 * "q_proj", "text.*.down_proj", "tower.vit.*". */
typedef struct {
    fab_peft_kind kind;
    int rank;             /* r; the width of a bottleneck; the length of a prefix */
    float alpha, dropout; /* lora, adalora */
    const char *const *targets, *const *full; /* sites with a part of `kind`; trained in full */
    int n_targets, n_full;
} fab_peft_opts;

/* What is on a site. Slots that its kind has not are NULL. */
typedef struct {
    fab_tensor *a, *b, *e; /* lora, adalora: A, B; Q, P, E */
    fab_dense down, up;    /* bottleneck */
    fab_tensor *k, *v;     /* prefix: [r, width of the keys] */
    fab_tensor *w, *bias;  /* full */
    float scale, drop;
} fab_part;

/* One layer that may be adapted. Lives in the arena of the visit that found it. */
struct fab_site {
    const char *name;        /* "text.model.layers.0.self_attn.q_proj" */
    int64_t in, out;         /* of a self-attention: both the width of its keys */
    bool attention, window;  /* window: it sees the last tokens only */
    const fab_tensor *w, *b; /* the layer's own, b NULL: none */
    const fab_part *part;    /* NULL: nothing is on it */
};
struct fab_sites {
    fab_site **items;
    int64_t n, cap;
};

/* An adapter for the sites of one model. */
typedef struct {
    fab_peft_opts opts; /* strings borrowed from the caller's */
    fab_site **sites;   /* [n] that have a part, in the model's order */
    fab_part *parts;    /* [n] */
    int64_t n;
    int64_t n_values;    /* parameters */
    fab_param_list list; /* what the visit filled: pass &t->list to fab_params_init or _load */
} fab_peft;

/* Visits the adapter's parameters: fresh, a file's, or counted; sites, o and what they point to
 * must outlive it. Fresh full parts begin as the layer's own values. Fails by p: a pattern that no
 * site fits (the sentence names sites that there are), numbers out of range. */
void fab_peft_params(fab_params *p, fab_peft *t, const fab_sites *sites, const fab_peft_opts *o);
/* Puts the parts on, in the place of whatever was there; takes everything off. */
void fab_peft_attach(const fab_peft *t);
void fab_peft_detach(const fab_sites *sites);
/* W and, of a full part, b of the i-th site with its part worked in, both f32: w [out,in], b [out]
 * or NULL. What a file holds in a smaller type is widened in the arena. False: a bottleneck or a
 * prefix is no change of weights. */
bool fab_peft_merge(const fab_peft *t, int64_t i, float *w, float *b, fab_arena *a, fab_err *err);

/* ---- for the layers -------------------------------------------------------------------------- */
/* A layer's visit tells its site; NULL when nobody listens. */
fab_site *fab_site_visit(fab_params *p, fab_site site);
fab_tensor *fab_part_forward(fab_ctx *c, const fab_dense *l, fab_tensor *x);
/* k or v [B,T,W] with the rows of a prefix [r,W] before each sample: [B,r+T,W]. */
fab_tensor *fab_prefix_before(fab_ctx *c, fab_tensor *rows, fab_tensor *x);

#endif
