/* protocol: the fixed questions a report asks the model; answers are scored by likelihood.
 *
 * Worded as the training questions are. A row applies when the modality and the region already
 * found are among its bits.
 */
#ifndef FAB_DATA_PROTOCOL_H
#define FAB_DATA_PROTOCOL_H

#include "data/label.h"

typedef enum {
    FAB_ASK_CHOICE,   /* one of choices */
    FAB_ASK_PRESENT,  /* yes or no: choices are yes, no */
    FAB_ASK_LOCATION, /* free answer; only when `after` was found present, when it names a row */
    FAB_ASK_COUNT,    /* free answer, a number */
} fab_ask;

enum {
    FAB_MOD_CT = 1,
    FAB_MOD_MRI = 2,
    FAB_MOD_XRAY = 4,
    FAB_MOD_DERMOSCOPY = 8,
    FAB_MOD_MICROSCOPY = 16,
    FAB_MOD_ANY = 31
};

enum { FAB_ASK_CHOICES = 8 };

typedef struct {
    const char *code; /* "organ.liver", "finding.pneumonia" */
    const char *name[FAB_LANGS];
    const char *question[FAB_LANGS];
    const char
        *choices[FAB_LANGS]
                [FAB_ASK_CHOICES]; /* NULL-ended unless full; [0] is "yes" for FAB_ASK_PRESENT */
    const char
        *codes[FAB_ASK_CHOICES]; /* of the choices of FAB_ASK_CHOICE rows: "ct", "head" ... */
    fab_ask kind;
    uint8_t modalities, regions; /* FAB_MOD_*, FAB_REGION_* */
    const char *label;           /* code of the row of fab_labels it tells about; NULL none */
    const char *after; /* code of the presence row that must be found present first; NULL: always */
} fab_protocol_row;

extern const fab_protocol_row fab_protocol[];
extern const int fab_protocol_rows;

const fab_protocol_row *fab_protocol_find(const char *code); /* NULL: none */
/* Of a row of kind CHOICE or PRESENT, whose two are yes and no. */
int fab_protocol_choices(const fab_protocol_row *row);
uint8_t fab_modality_bit(const char *code); /* "ct" -> FAB_MOD_CT; 0 unknown */
uint8_t fab_region_bit(const char *code);   /* "chest" -> FAB_REGION_CHEST; 0 unknown */

#endif
