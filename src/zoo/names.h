/* names: a weight file seen under Hugging Face's names, whichever names it has.
 *
 *   OpenAI, open_clip  visual.transformer.resblocks.3.attn.in_proj_weight [3W,W]
 *                   -> vision_model.encoder.layers.3.self_attn.{q,k,v}_proj.weight [W,W]
 *   timm               visual.trunk.blocks.3.attn.qkv.weight
 *   GGUF               blk.3.attn_q.weight
 *
 * A table of rules per family says what becomes what. A fused matrix is lent as its thirds; a
 * matrix stored the other way round ([in,out], OpenAI's projections) is copied. What no rule knows
 * keeps its name, so that a visit of the parameters names it as left over.
 */
#ifndef FAB_ZOO_NAMES_H
#define FAB_ZOO_NAMES_H

#include "format/weights.h"
#include "nn/params.h"

typedef enum {
    FAB_NAME_PLAIN,
    FAB_NAME_THIRDS, /* rows are q, k, v: `to` is printed with each letter for its {} */
    FAB_NAME_HALVES, /* rows are k, v */
    FAB_NAME_TURNED, /* [in,out]: copied as [out,in] */
    FAB_NAME_DROPPED /* not a parameter */
} fab_name_how;

/* `from` is a whole name, or with a final '.' the front of names whose rest is kept; a '*' stands
 * for a number. The first rule that fits is taken. A list ends with {0}. */
typedef struct {
    const char *from, *to;
    fab_name_how how;
} fab_name_rule;

typedef struct fab_names fab_names;

/* Lends w's tensors: w must outlive the names and the model. The table and copies live in the
 * arena. NULL with err set: memory, thirds that are none, two tensors of one name. */
fab_names *fab_names_new(fab_arena *a, const fab_weights *w, const fab_name_rule *rules,
                         fab_err *err);

/* The tensor of that name; NULL: none. */
const fab_weight *fab_names_find(const fab_names *n, const char *name);
/* The way back: what a plain rule makes `name` of, in the arena; NULL with err unset: none does. */
const char *fab_names_back(const fab_name_rule *rules, const char *name, fab_arena *a,
                           fab_err *err);
/* How many i in a row from 0 there are such that a name begins with printf(fmt, i). */
int fab_names_count(const fab_names *n, const char *fmt);
fab_param_source fab_source_names(const fab_names *n);

extern const fab_name_rule fab_names_clip[];   /* OpenAI's and open_clip's, Hugging Face's as is */
extern const fab_name_rule fab_names_timm[];   /* open_clip with a timm tower: BiomedCLIP, CONCH */
extern const fab_name_rule fab_names_siglip[]; /* Hugging Face's: only the head is packed */
extern const fab_name_rule fab_names_bert[];   /* "bert." and LayerNorm.gamma of old files */
extern const fab_name_rule fab_names_bert_gguf[];

#endif
