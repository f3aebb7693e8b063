/* findings: what a report says is there, is not there or may be there; Chinese, English or both.
 *
 * Rules only, no model: a table of phrases (findings_terms.c), the scope of negation and doubt
 * after NegEx (Chapman et al. 2001) and CheXpert (Irvin et al. 2019), sides by the nearest
 * modifier. The first 14 observations are CheXpert's; its accuracy on hand-labelled sentences is
 * in docs/metrics.md.
 *
 *   status   a pre-trigger ("no", "may represent", 未见, 考虑) rules until a full stop, a word such as "but", or a comma after
 *            which something new begins; a post-trigger ("is not seen", "cannot be excluded", 不除外)
 *            rules backwards over a list. "no change in", "not only", 无明显变化 are no negations.
 *   normal   "heart size is normal", 心影不大, "lungs are clear", 肋膈角锐利 say that an observation is absent.
 *   section  what stands under indication, history, comparison or technique is marked, and counts nowhere.
 */
#ifndef FAB_METRICS_FINDINGS_H
#define FAB_METRICS_FINDINGS_H

#include <stdint.h>
#include "base/err.h"

typedef enum {
    FAB_OBS_NO_FINDING, /* as a mention: the text calls the whole study normal */
    FAB_OBS_ENLARGED_CARDIOMEDIASTINUM,
    FAB_OBS_CARDIOMEGALY,
    FAB_OBS_LUNG_OPACITY,
    FAB_OBS_LUNG_LESION,
    FAB_OBS_EDEMA,
    FAB_OBS_CONSOLIDATION,
    FAB_OBS_PNEUMONIA,
    FAB_OBS_ATELECTASIS,
    FAB_OBS_PNEUMOTHORAX,
    FAB_OBS_PLEURAL_EFFUSION,
    FAB_OBS_PLEURAL_OTHER,
    FAB_OBS_FRACTURE,
    FAB_OBS_SUPPORT_DEVICES,
    FAB_OBS_CHEXPERT, /* how many of those */
    FAB_OBS_NODULE = FAB_OBS_CHEXPERT,
    FAB_OBS_MASS,
    FAB_OBS_EMPHYSEMA,
    FAB_OBS_CALCIFICATION,
    FAB_OBS_GRANULOMA,
    FAB_OBS_FIBROSIS, /* scars, fibrosis, interstitial lung disease */
    FAB_OBS_BRONCHIECTASIS,
    FAB_OBS_CAVITY,
    FAB_OBS_LYMPHADENOPATHY,
    FAB_OBS_HERNIA,
    FAB_OBS_AORTIC_DISEASE, /* tortuous, wide, sclerotic, aneurysm */
    FAB_OBS_DIAPHRAGM_ELEVATION,
    FAB_OBS_SPINE_DEGENERATION,
    FAB_OBS_SPINE_CURVATURE,
    FAB_OBS_FREE_AIR, /* in the abdomen */
    FAB_OBS_BRAIN_HEMORRHAGE,
    FAB_OBS_BRAIN_INFARCT,
    FAB_OBS_BRAIN_EDEMA,
    FAB_OBS_BRAIN_LESION,
    FAB_OBS_BRAIN_ATROPHY,
    FAB_OBS_HYDROCEPHALUS,
    FAB_OBS_MIDLINE_SHIFT,
    FAB_OBS_LIVER_LESION,
    FAB_OBS_KIDNEY_LESION,
    FAB_OBS_CIRRHOSIS,
    FAB_OBS_FATTY_LIVER,
    FAB_OBS_CYST,
    FAB_OBS_STONE,
    FAB_OBS_SPLENOMEGALY,
    FAB_OBS_HEPATOMEGALY,
    FAB_OBS_ASCITES,
    FAB_OBS_HYDRONEPHROSIS,
    FAB_OBS_BOWEL_OBSTRUCTION,
    FAB_OBSERVATIONS
} fab_observation;

typedef enum { FAB_ABSENT, FAB_UNCERTAIN, FAB_PRESENT, FAB_STATUSES } fab_status;

/* A set: left and right together are both. */
typedef enum { FAB_SIDE_NONE, FAB_SIDE_LEFT, FAB_SIDE_RIGHT, FAB_SIDE_BOTH, FAB_SIDES } fab_side;

typedef enum {
    FAB_SECTION_NONE,
    FAB_SECTION_BACKGROUND, /* indication, history, comparison, technique */
    FAB_SECTION_FINDINGS,
    FAB_SECTION_IMPRESSION,
    FAB_SECTIONS
} fab_section;

typedef enum {
    FAB_SEVERITY_NONE,
    FAB_SEVERITY_MILD,
    FAB_SEVERITY_MODERATE,
    FAB_SEVERITY_SEVERE,
    FAB_SEVERITIES
} fab_severity;

/* One statement about one observation. */
typedef struct {
    uint8_t observation, status, side, severity, section; /* of the enums above */
    uint8_t site;                                         /* for fab_site_name; 0: none said */
    uint32_t at, end; /* bytes [at, end) of the text: the words it rests on */
} fab_mention;

typedef struct {
    fab_mention *items; /* in the order of the text */
    size_t n, cap;
} fab_mentions;

void fab_mentions_clear(fab_mentions *m);

extern const char *const fab_observation_names[FAB_OBSERVATIONS]; /* "pleural_effusion" */
extern const char *const fab_status_names[FAB_STATUSES];          /* "absent", ... */
extern const char *const fab_side_names[FAB_SIDES];               /* "", "left", "right", "both" */
extern const char *const fab_section_names[FAB_SECTIONS];         /* "", "background", ... */
extern const char *const fab_severity_names[FAB_SEVERITIES];      /* "", "mild", ... */
const char *fab_site_name(int site);                              /* "" for 0 */
int fab_observation_find(const char *name);                       /* -1: no such observation */

/* nodule and mass in the lung (or with no organ named) count as lung_lesion too, in the liver,
 * kidney or brain as that organ's lesion; others have none: -1. */
int fab_mention_parent(const fab_mention *m);

typedef struct fab_labeller fab_labeller; /* the phrase table as a tree; read-only once made */

fab_labeller *fab_labeller_new(fab_err *err);
void fab_labeller_free(fab_labeller *l);         /* NULL is fine */
int fab_labeller_phrases(const fab_labeller *l); /* how many it knows */

enum { FAB_FINDINGS_TEXT = 64 << 20 }; /* bytes of a text at most */

/* Appends what text[0, n) says. Fails on broken UTF-8 (naming the byte), on a text above
 * FAB_FINDINGS_TEXT, without memory; m is then as it was. */
bool fab_labeller_read(const fab_labeller *l, const char *text, size_t n, fab_mentions *m,
                       fab_err *err);

#endif
