/* report: a structured, bilingual draft report of one picture. What leaves: docs/report-schema.md.
 *
 *   gate -> protocol of questions (data/protocol.h), answers scored by likelihood in both languages
 *        -> coded findings -> sentences rendered from them -> heat map and its fidelity per finding
 *        -> JSON, text, HTML, PNG
 *
 * Sentences are templates over codes and numbers; the language model writes none of them. What it
 * does write (a location, a count) is quoted as its answer with its own probability. Sizes come
 * from geometry only. A history is recorded and shown; the model does not see it, and the report
 * says so. The patient's age and sex are considered where the model file knows what they say of a
 * row; such a finding tells its probability by the picture alone too.
 */
#ifndef FAB_CLINIC_REPORT_H
#define FAB_CLINIC_REPORT_H

#include <jansson.h>
#include "clinic/mark.h"
#include "data/protocol.h"
#include "engine/gate.h"
#include "explain/gradcam.h"

#define FAB_REPORT_SCHEMA "fabrica.report/1"

typedef struct {
    bool lang[FAB_LANGS]; /* which languages are rendered; codes and findings carry both always */
    const char *history;  /* NULL or "": none. UTF-8, at most 4,000 bytes */
    fab_patient patient;  /* what is not known of it is taken from the picture's file */
    bool picture_alone;   /* nothing is made of the patient */
    double threshold;     /* nothing is claimed below; 0: 0.5 */
    int overlays;         /* heat maps at most; 0: 12, negative: none */
    bool force;           /* report although the gate refuses; recorded in the report */
    const char *software; /* "fabrica 0.1.0"; NULL: "fabrica" */
    uint64_t created;     /* seconds since 1970; 0: now */
    void (*on_step)(void *arg, int done, int total, const char *what); /* progress, may be NULL */
    void *arg;
} fab_report_opts;
#define FAB_REPORT_DEFAULTS                                                                        \
    {                                                                                              \
        .lang = { true, true }                                                                     \
    }

typedef enum {
    FAB_STATE_CHOSEN,    /* one of several: modality, plane, region */
    FAB_STATE_CLAIMED,   /* present with a probability at or above the threshold */
    FAB_STATE_UNCLAIMED, /* asked, below the threshold: listed with its number only */
    FAB_STATE_ANSWERED,  /* free answer: a count */
} fab_finding_state;

typedef struct {
    const fab_protocol_row *row;
    int id; /* "F<id>", its evidence is "E<id>" */
    fab_finding_state state;
    int choice;                    /* index into row->choices; PRESENT: 0 yes */
    double p;                      /* of the choice; PRESENT: of yes, whatever the state */
    double p_picture;              /* p by the picture alone */
    bool by_patient;               /* p is by the patient too */
    int picture_choice;            /* the likeliest choice by the picture alone, */
    double p_picture_choice;       /* and how likely */
    double all[FAB_ASK_CHOICES];   /* over the choices */
    double part_lang[FAB_LANGS];   /* p by the question in one language, */
    double part_head;              /* by the image-level head; -1: has none */
    const char *answer[FAB_LANGS]; /* ANSWERED: the words; else NULL */
    double sureness;               /* of the answer, as fab_answer has it */
    bool calibrated, place_calibrated;
    bool agree, place_agree;      /* both languages gave the same answer, the same place */
    fab_skill_verdict verdict;    /* of the row on held-out pictures; never UNTAUGHT unless the */
    const fab_skill *skill;       /* rows to come depend on it. skill NULL: the file has none */
    const char *place[FAB_LANGS]; /* location as answered; NULL: not asked */
    double place_sureness;
    const fab_cam *cam; /* NULL: no heat map */
    fab_fidelity fidelity;
    char overlay[32]; /* file name, "" none */
} fab_finding;

enum { FAB_SENTENCE_REFS = 24 };
typedef struct {
    const char *section;                 /* "study", "findings", "impression", "limits" */
    int refs[FAB_SENTENCE_REFS], n_refs; /* ids of findings */
    const char *text[FAB_LANGS];
} fab_sentence;

typedef struct {
    fab_arena *arena; /* owned: everything below that is not the model's or the picture's */
    const fab_image *image;
    const fab_mini_file *model;
    fab_report_opts opts;
    char input_sha256[65], pixels_sha256[65], id[24];
    size_t input_bytes;
    fab_gate_verdict gate;
    fab_patient patient;
    const char *header_modality; /* "ct" ... by the file's header; NULL unknown */
    const char *header_region;   /* "head" ... by Body Part Examined (0018,0015); NULL unknown */
    const char *header_plane;    /* "transverse" ... by its orientation; NULL unknown */
    fab_finding *findings;
    int n_findings, cap_findings;
    const fab_protocol_row **untaught; /* rows that would have been asked, were they above chance */
    int n_untaught;
    fab_sentence *sentences;
    int n_sentences, cap_sentences;
    double seconds;
} fab_report;

/* bytes are those of the file that im was decoded from; im must outlive the report. Refusal by the
 * gate: FAB_EREFUSED. */
fab_report *fab_report_make(fab_engine *e, const fab_image *im, const void *bytes, size_t size,
                            const fab_report_opts *opts, fab_err *err);
void fab_report_free(fab_report *r); /* NULL is fine */

json_t *fab_report_json(const fab_report *r, fab_err *err); /* new reference */
char *fab_report_text(const fab_report *r, fab_arena *a, fab_err *err);
/* Folder (made when missing) with report.json, report.txt, report.html, image.png and
 * overlay-F*.png. All are written beside their names first and renamed when every one is whole,
 * report.json last: a folder with a report.json holds a whole report. Overlays of an earlier report
 * in it are removed; other files are left alone. */
bool fab_report_write(const fab_report *r, const char *dir, fab_err *err);

/* ---- wording: probability bands, the only words used for uncertainty ------------------------- */
typedef struct {
    double from; /* p >= from */
    const char *code, *en, *zh;
} fab_band;
const fab_band *fab_band_of(double p); /* never NULL: the lowest is "not claimed" */
extern const fab_band fab_bands[];     /* descending; ends with from 0 */
extern const int fab_bands_n;

#endif
