/* What the files of findings share: the kinds of phrases, the tokens of a sentence and the steps
 * over them. */
#ifndef FAB_METRICS_FINDINGS_IMPL_H
#define FAB_METRICS_FINDINGS_IMPL_H

#include <stddef.h>
#include "metrics/findings.h"

typedef enum {
    P_IGNORE,    /* swallowed: holds the words of another phrase in a different sense */
    P_FINDING,   /* value: fab_observation or a what_by_organ */
    P_SUBJECT,   /* value: subject_kind; means something with a predicate */
    P_PREDICATE, /* value: predicate_kind */
    P_NEG,       /* rules forwards */
    P_NEG_POST,  /* rules backwards */
    P_NEG_BOTH,  /* listed as both */
    P_EXCLUDE,   /* 除外: forwards a doubt, backwards a negation */
    P_UNC,
    P_UNC_POST,
    P_UNC_BOTH, /* forwards when a finding follows, else backwards */
    P_VERSUS,   /* doubt on both neighbours */
    P_GONE,     /* removal of a device, forwards */
    P_GONE_POST,
    P_PSEUDO, /* looks like a negation and is none */
    P_LINK,   /* "consistent with": the later explains the earlier */
    P_END,    /* ends a scope: but, however, 但 */
    P_AND,
    P_OR,
    P_WITH,
    P_COMMA,
    P_VERB,
    P_START, /* "a", "there": begins something new after a comma */
    P_PREP,
    P_PLACE,    /* value: place; side */
    P_SEVERITY, /* value: fab_severity */
    P_HEADING,  /* value: fab_section; only with a colon */
} phrase_kind;

/* Observations that the organ decides, after FAB_OBSERVATIONS. */
enum {
    O_FLUID = FAB_OBSERVATIONS,
    O_LESION,
    O_EDEMA,
    O_HEMORRHAGE,
    O_INFARCT,
    O_ABNORMAL,
    O_HYDROPNEUMOTHORAX,
    O_OTHER
};

typedef enum {
    S_HEART,
    S_MEDIASTINUM,
    S_CARDIOMEDIASTINUM,
    S_LUNGS,
    S_MARKINGS, /* lung markings, 肺纹理 */
    S_VESSELS,  /* pulmonary vasculature */
    S_DIAPHRAGM,
    S_AORTA,
    S_ANGLE, /* costophrenic */
    S_PLEURA,
    S_NODES,
    S_VENTRICLES, /* of the brain */
    S_MIDLINE,
    S_SULCI,
    S_LIVER,
    S_SPLEEN,
    S_CHEST, /* the whole study */
    S_HEAD,
} subject_kind;

typedef enum {
    V_ENLARGED,
    V_NOT_LARGE, /* 不大 */
    V_NORMAL,
    V_BORDERLINE,
    V_CLEAR,
    V_WIDENED,
    V_ELEVATED,
    V_TORTUOUS,
    V_BLUNTED,
    V_GONE,
    V_SHARP,
    V_THICK,
    V_SHIFTED,
    V_INCREASED,
    V_ABNORMAL,
    V_CALCIFIED,
} predicate_kind;

typedef enum {
    G_NONE,
    G_LUNG,
    G_PLEURA,
    G_HEART,
    G_BRAIN,
    G_LIVER,
    G_KIDNEY,
    G_BELLY,
    G_PERICARDIUM,
    G_OTHER,
    G_CHEST
} organ_group;

typedef struct {
    uint8_t kind, value, side;
    const char *phrases; /* between '|'; lower case; a blank stands for blanks and hyphens */
} phrase_row;
extern const phrase_row fab_phrase_rows[];
extern const int fab_phrase_rows_n;

typedef struct {
    uint8_t subject, predicate, observation, status;
} pair_row;
extern const pair_row fab_pair_rows[];
extern const int fab_pair_rows_n;

typedef struct {
    const char *name;
    uint8_t organ;
} place_row;
extern const place_row fab_place_rows[]; /* [0] is no place */
extern const int fab_place_rows_n;

typedef struct {
    uint8_t kind, value, side;
    bool han; /* begins with a character that is not ASCII */
    uint32_t at, end;
} token;

enum { SENTENCE_TOKENS = 256, SENTENCE_ITEMS = 256 };

typedef struct {
    int first, last;     /* tokens */
    int from, to;        /* the tokens that describe it, [from, to) */
    uint8_t observation; /* or a what_by_organ */
    uint8_t says;        /* status of the words alone: "normal" is absent */
    uint8_t status, side, severity, site, organ;
} item;

typedef struct {
    token t[SENTENCE_TOKENS];
    item items[SENTENCE_ITEMS];
    int16_t ends[SENTENCE_TOKENS]; /* an item that ends at the token, -1: none */
    int n, n_items;
    uint8_t section;
} sentence;

int fab_subject_place(int subject);    /* row of fab_place_rows, 0: none */
void fab_sentence_items(sentence *s);  /* findings_items.c: tokens to items */
void fab_sentence_status(sentence *s); /* findings_scope.c */
void fab_sentence_place(sentence *s);  /* findings_place.c: regions, side, site, severity, organ */

#endif
