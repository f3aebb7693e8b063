/* case: everything that is known about one training picture, from whichever set it came.
 *
 * The generator turns cases into questions, answers and captions (made_qa.h); cell_labels.h turns
 * them into per-place targets. Nothing here is guessed: presence is 1 (seen, or a record says
 * so), 0 (a record says not, the set labels it completely, or the body region rules it out) or
 * -1 (unknown).
 */
#ifndef FAB_DATA_CASE_H
#define FAB_DATA_CASE_H

#include <jansson.h>

#include "data/augment.h"
#include "data/fact.h"
#include "data/label.h"
#include "media/patient.h"

typedef enum {
    FAB_SET_SLAKE,
    FAB_SET_VQA_RAD,
    FAB_SET_ISIC,
    FAB_SET_KERMANY,
    FAB_SET_BCCD,
    FAB_SETS
} fab_set;

/* Skin and blood have no up, and no side is asked of them: their pictures are turned and mirrored. */
static inline bool fab_set_turns(fab_set s) { return s == FAB_SET_ISIC || s == FAB_SET_BCCD; }

typedef struct {
    int label;        /* spatial label */
    float x, y, w, h; /* fractions of the picture */
} fab_box;

enum { FAB_MAP_SIDE = 128 };

typedef struct {
    const char *id;
    int32_t image;
    fab_set set;
    bool val;                    /* held out of training */
    const char *group;           /* patient or image: what a split may not cut */
    const char *diagnosis;       /* ISIC and Kermany: the label as the file has it; "" else */
    int8_t presence[FAB_LABELS]; /* 1, 0, -1 unknown */
    const fab_box *boxes;
    int n_boxes;
    fab_patient patient; /* ISIC */
    int counts[3];       /* BCCD: WBC, RBC, platelets; -1 elsewhere */
    const uint8_t
        *map; /* label + 1 per place, 0 background, [FAB_MAP_SIDE * FAB_MAP_SIDE]; NULL: no mask */
    uint64_t dense_known; /* bit l: where spatial label l is, or that it is absent, is known */
    float area[FAB_LABELS_SPATIAL]; /* fraction of the picture covered; 0 absent or unknown */
    float cx[FAB_LABELS_SPATIAL], cy[FAB_LABELS_SPATIAL]; /* centre of it */
    fab_fact *facts; /* [n_facts]: what the questions are made from; kind and noun appear once */
    int n_facts, cap_facts;
} fab_case;

/* The skin lesion that the mask shows, with a margin of FAB_LESION_MARGIN; side 0: no such mask. */
#define FAB_LESION_MARGIN 0.15f
fab_square fab_case_lesion(const fab_case *c);

/* A record's "age", a number of years, and "sex", as fab_patient_sex has it: what of them is known. */
fab_patient fab_record_patient(const json_t *record);

typedef struct {
    fab_arena *arena; /* owned */
    fab_case *items;
    int32_t n, cap;
} fab_case_list;

bool fab_cases_init(fab_case_list *c, fab_err *err);
void fab_cases_clear(fab_case_list *c);

/* Adds a fact unless one of its kind and noun is there. value strings are kept by reference.
 * false: memory. */
bool fab_case_fact(fab_case_list *c, fab_case *x, const fab_fact *f, fab_err *err);

/* Each appends one set's cases, found under root (".../open"), and puts their pictures into
 * images. SLAKE reads the questions too (modality, plane, region, "does it contain"). */
bool fab_cases_slake(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err);
bool fab_cases_vqa_rad(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err);
bool fab_cases_isic(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err);
bool fab_cases_kermany(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err);
bool fab_cases_bccd(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err);

/* For the readers of single sets: a new cleared case; its picture; the label map of a mask file. */
fab_case *fab_case_new(fab_case_list *c, fab_set set, const char *id, const char *path,
                       fab_path_list *images, fab_err *err);
bool fab_case_mask(fab_case_list *c, fab_case *x, const char *path, const int8_t label_of[256],
                   fab_err *err);
bool fab_case_boxes(fab_case_list *c, fab_case *x, const json_t *record, double width,
                    double height, fab_err *err);
/* What follows from the organs that are there: systems and functions (knowledge.c). */
bool fab_case_knowledge(fab_case_list *c, fab_case *x, fab_err *err);
bool fab_case_say(fab_case_list *c, fab_case *x, fab_fact_kind kind, const char *noun, int yes,
                  const char *en, const char *zh, fab_err *err);

#endif
