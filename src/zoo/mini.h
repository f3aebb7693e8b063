/* mini: fabrica's own small bilingual vision-language model. See mini.c for the architecture and
 * why it is so.
 *
 *   image [B,S,S,3] -> tower -> grid [B,G*G,D] -> 2x2 pooling, projector -> P image tokens  \
 *   words -> byte-level BPE -> ids --------------------------------------> decoder -> next words
 *              mean of grid -> image embedding   |   state at <emb> -> text embedding
 *
 * One sequence: [P image tokens] <q> question <a> answer <eos>. Everything up to <a> sees
 * everything up to <a> (prefix mask); the answer is causal. Without an image the sequence starts at
 * <q>. Captions: <cap_en> or <cap_zh> in the place of <q> question <a>. Text embedding: words
 * <emb>, causal.
 */
#ifndef FAB_ZOO_MINI_H
#define FAB_ZOO_MINI_H

#include "nn/layers.h"
#include "nn/peft.h"
#include "tensor/tensor.h"
#include "text/bpe.h"
#include "zoo/counter.h"
#include "zoo/lite0.h"
#include "zoo/llama.h"
#include "zoo/skills.h"

/* Ids of the special tokens: the first of every mini vocabulary, in this order. */
enum {
    FAB_MINI_PAD,
    FAB_MINI_BOS,
    FAB_MINI_EOS,
    FAB_MINI_Q,
    FAB_MINI_A,
    FAB_MINI_CAP_EN,
    FAB_MINI_CAP_ZH,
    FAB_MINI_EMB,
    FAB_MINI_SPECIALS
};
extern const char *const fab_mini_special_names[FAB_MINI_SPECIALS]; /* "<pad>", "<bos>", ... */

typedef enum { FAB_TOWER_RESIDUAL, FAB_TOWER_LITE0, FAB_TOWERS } fab_tower_kind;
const char *fab_tower_name(fab_tower_kind kind);
bool fab_tower_parse(const char *name, fab_tower_kind *kind, fab_err *err);

typedef struct {
    int image_size; /* S, a multiple of 32; the grid is S/16 on a side */
    fab_tower_kind tower;
    fab_lite0_config trunk;    /* lite0: the pretrained part */
    int width;                 /* lite0: D */
    int widths[3], depths[3];  /* residual: stages at S/4, S/8, S/16; D is the last width */
    int vit_layers, vit_heads; /* transformer blocks on the tower's cells */
    int labels;       /* outputs of the dense head: data/cell_labels.h's table; 0: no head */
    int classes;      /* outputs of the image-level head, 0: none */
    bool still_trunk; /* lite0: that head reads a second trunk, untrained or its own */
    bool closer_look; /* and looks at a skin lesion alone, too: engine/closer.c */
    int embed;        /* contrastive space */
    fab_llama_config text;
} fab_mini_config;
extern const fab_mini_config fab_mini_default;

/* Parameters and config; made by fab_mini_new, filled by fab_params visitors. */
typedef struct fab_mini fab_mini;

struct fab_mini {
    fab_mini_config cfg;
    void *tower;     /* what the tower's file keeps */
    fab_tensor *pos; /* [cells, D] */
    struct fab_mini_vit *vit;
    fab_norm grid_norm, pool_norm;
    fab_dense proj1, proj2, image_proj, text_proj, dense, classes;
    fab_tensor *logit_scale;
    fab_llama text;
    fab_param_list list; /* what the visit filled: pass &m->list to fab_params_init or _load */
};

/* All structs live in the arena. The config is copied; sizes that do not fit each other are an
 * error that names them. */
fab_mini *fab_mini_new(fab_arena *a, const fab_mini_config *cfg, fab_err *err);
void fab_mini_params(fab_params *p, fab_mini *m);
/* Names of the pretrained part of the tower begin so; other towers have none. */
#define FAB_MINI_TRUNK "tower.trunk."
#define FAB_MINI_STILL "tower.still." /* the second trunk, trained only where a stage says so */
/* Puts published weights into the visited f32 parameters of both trunks, or of the still one; a
 * tower without one, and a file that does not hold it, is an error. */
typedef enum { FAB_START_TRUNKS, FAB_START_STILL } fab_start;
bool fab_mini_start_tower(fab_mini *m, const fab_weights *w, fab_start which, fab_err *err);

/* What the tower makes of a batch of images. */
typedef struct {
    fab_tensor *grid;   /* [B,G*G,D] after the last norm: Grad-CAM looks here */
    fab_tensor *tokens; /* [B,P,T] for the decoder */
    fab_tensor *
        mean; /* [B,D] mean of all cells: features for the gate, and the class head without a still trunk */
    fab_tensor *pooled; /* [B,F] means of the still trunk's maps; NULL without cfg.still_trunk */
} fab_mini_view;

int fab_mini_width(const fab_mini_config *cfg);  /* D */
int fab_mini_grid(const fab_mini_config *cfg);   /* G */
int fab_mini_tokens(const fab_mini_config *cfg); /* P */

/* pixels f32 [B,S,S,3], (u8/255 - 0.5)/0.5. drop: dropout and stochastic depth when c->training. */
fab_mini_view fab_mini_look(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop);
/* [B,E], unit rows */
fab_tensor *fab_mini_image_embed(fab_ctx *c, const fab_mini *m, const fab_mini_view *v);

/* Decoder over [image tokens] + ids. tokens [N,P,T] or NULL; ids i32 [N,L]; prefix i32 [N]
 * counts the image tokens too, NULL: causal; kv NULL: whole sequence. -> normed hidden [N,P+L,T]
 * (or [N,L,T] without image). */
fab_tensor *fab_mini_read(fab_ctx *c, const fab_mini *m, fab_tensor *tokens, fab_tensor *ids,
                          fab_tensor *prefix, fab_kv *kv, float drop);
/* [n,V] at the chosen rows of hidden */
fab_tensor *fab_mini_logits(fab_ctx *c, const fab_mini *m, fab_tensor *hidden, fab_tensor *rows);
/* ids i32 [N,L] that end with <emb> at position last[n] (i32 [N]) -> [N,E], unit rows */
fab_tensor *fab_mini_text_embed(fab_ctx *c, const fab_mini *m, fab_tensor *ids, fab_tensor *last,
                                float drop);

/* The same space, part by part, unit rows: every word of ids [N,L] -> [N,L,E], of which [N,E] at
 * last[n] is the text embedding; the cells of the pictures that rows i32 [n] names -> [n,G*G,E]. */
fab_tensor *fab_mini_words(fab_ctx *c, const fab_mini *m, fab_tensor *ids, float drop);
fab_tensor *fab_mini_whole(fab_ctx *c, fab_tensor *words, fab_tensor *last);
fab_tensor *fab_mini_cells(fab_ctx *c, const fab_mini *m, const fab_mini_view *v, fab_tensor *rows);

/* Logits [B*G*G, labels] and [B, classes]; only for a model that has the head. */
fab_tensor *fab_mini_dense(fab_ctx *c, const fab_mini *m, const fab_mini_view *v);
fab_tensor *fab_mini_class(fab_ctx *c, const fab_mini *m, const fab_mini_view *v);
/* What fab_mini_class needs of a model with a still trunk, and nothing else, of pixels as for look.
 * drop: stochastic depth of that trunk, while it learns. */
fab_mini_view fab_mini_glance(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float drop);

/* What counting reads of pictures of any size, f32 [B,H,W,3] scaled as for look: of the still
 * trunk, else of the only one, means and standard deviations over the cells of its 1/8 and 1/16
 * maps. out [B,F] (zoo/counter.h); F is 0 for a tower without a trunk. False: c->err says why. */
int fab_mini_texture_width(const fab_mini_config *cfg);
bool fab_mini_texture(fab_ctx *c, const fab_mini *m, fab_tensor *pixels, float *out);

/* Whether a tokenizer belongs to such a model: no more tokens than the decoder has rows, the
 * special ones in their places. */
bool fab_mini_check_bpe(const fab_mini_config *cfg, const fab_bpe *b, fab_err *err);

/* The model file: GGUF, architecture "fabrica-mini". Everything a run needs is in it. */
typedef struct {
    fab_mini *model;
    fab_sites sites; /* where an adapter may sit */
    fab_bpe *bpe;
    char id[80]; /* name-version-first 12 hex digits of the file's SHA-256 */
    char sha256[65];
    float temperature; /* calibration of answer likelihoods, 1 when absent */
    fab_curve
        answers; /* how often an answer in words is right, from its tokens' mean probability */
    /* input gate, see engine/gate.h: statistics of the tower's mean and of pixels; n 0: none */
    int gate_n, gate_dim;
    const float *gate_mean, *gate_ivar; /* [n,dim] */
    float gate_limit, gate_clip;        /* clip 0: none */
    fab_skills skills;                  /* n 0: none */
    fab_counter counter;                /* dim 0: none */
    const char *card;                   /* JSON text, "" when absent */
    const char *question_only;   /* evaluate/vqa.h's fab_blind_parse reads it, "" when absent */
    fab_arena *arena;            /* owns all of the above */
    struct fab_weights *weights; /* the mapped file */
} fab_mini_file;

/* Opens for inference (weights kept in their dtype, packed once). NULL with err. */
fab_mini_file *fab_mini_open(const char *path, fab_pool *pool, fab_err *err);
void fab_mini_close(fab_mini_file *f);

typedef struct {
    float temperature;
    fab_curve answers; /* slope 0: left out */
    int gate_n, gate_dim;
    const float *gate_mean, *gate_ivar;
    float gate_limit, gate_clip;
    fab_skills skills;                                 /* n 0: left out */
    fab_counter counter;                               /* dim 0: left out */
    const char *name, *version, *card, *question_only; /* NULL: left out */
    fab_dtype dtype; /* of all but vectors: FAB_F16, FAB_BF16, FAB_Q8_0 or FAB_F32 */
} fab_mini_save_opts;
bool fab_mini_save(const char *path, const fab_mini *m, const fab_bpe *bpe,
                   const fab_mini_save_opts *o, fab_err *err);
/* An opened file again, its tensors byte for byte, with other options. o's name, version, card,
 * question_only: NULL keeps the file's; dtype is not used. */
bool fab_mini_resave(const char *path, const fab_mini_file *f, const fab_mini_save_opts *o,
                     fab_err *err);

#endif
