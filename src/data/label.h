/* label: the one table of things a picture can contain, in both languages.
 *
 * Rows [0, FAB_LABELS_SPATIAL) have a place in the picture (masks or boxes teach it); rows from
 * there to FAB_LABELS are true of the whole picture. The order is part of a trained model:
 * append only at the end of each part.
 */
#ifndef FAB_DATA_LABEL_H
#define FAB_DATA_LABEL_H

#include <stdbool.h>
#include <stdint.h>
#include "data/record.h"

enum { FAB_LABELS_SPATIAL = 51, FAB_LABELS = 80 };

/* Regions a label can occur in, bits. */
enum {
    FAB_REGION_HEAD = 1,
    FAB_REGION_NECK = 2,
    FAB_REGION_CHEST = 4,
    FAB_REGION_ABDOMEN = 8,
    FAB_REGION_PELVIS = 16,
    FAB_REGION_SKIN = 32,
    FAB_REGION_BLOOD = 64,
};

typedef enum {
    FAB_KIND_ORGAN,
    FAB_KIND_ABNORMALITY,
    FAB_KIND_CELL,
    FAB_KIND_MODALITY,
    FAB_KIND_PLANE,
    FAB_KIND_REGION,
    FAB_KIND_DIAGNOSIS,
    FAB_KIND_ATTRIBUTE,
} fab_label_kind;

typedef struct {
    const char *code;    /* "left_kidney" */
    const char *en, *zh; /* "Left Kidney", "左肾": as SLAKE's answers word it */
    const char *noun_zh; /* as its questions word it */
    fab_label_kind kind;
    uint8_t regions;    /* FAB_REGION_* bits it can occur in */
    uint8_t mask_value; /* SLAKE's mask_labels.json key; 0 none */
    int8_t mirror;      /* the row this becomes in a mirror; itself unless left or right */
} fab_label;

extern const fab_label fab_labels[FAB_LABELS];
int fab_label_find(
    const char *code_or_name); /* code or English name, case-insensitive; -1: no such label */
int fab_label_of_mask(int mask_value); /* -1: background or unknown */

#endif
