/* encoder_read: what encoder.c and encoder_read.c share: a folder being read. Not for others. */
#ifndef FAB_ZOO_ENCODER_READ_H
#define FAB_ZOO_ENCODER_READ_H

#include "zoo/encoder.h"
#include "zoo/names.h"

typedef struct {
    const char *model_type, *naming,
        *sign;           /* config.json's word; sign: the tensor it is known by */
    const char *besides; /* another tensor that must be there, or NULL */
    const fab_name_rule *rules;
    fab_encoder_family family;
} fab_encoder_row;

/* One config per family; which is meant says facts.family. */
typedef struct {
    fab_bert_config bert;
    fab_clip_config clip;
    fab_biomedclip_config biomedclip;
    fab_siglip_config siglip;
    fab_conch_config conch;
} fab_encoder_configs;

typedef struct {
    fab_arena *arena;
    const fab_weights *weights;
    const fab_names *names;
    const fab_encoder_row *row;
    json_t *config, *open_clip; /* config.json, open_clip_config.json's model_cfg; NULL: none */
    fab_encoder_facts *facts;
} fab_encoder_folder;

/* The row whose signs the weights carry; NULL with err set. */
const fab_encoder_row *fab_encoder_row_of(const fab_weights *w, fab_err *err);

/* Fills the family's config and the facts; an error names file, key and both numbers. */
bool fab_encoder_read(fab_encoder_folder *f, fab_encoder_configs *out, fab_err *err);

/* JSON of folder/name; NULL without err when there is no such file. */
json_t *fab_encoder_json(const fab_encoder_folder *f, const char *name, fab_err *err);

#endif
