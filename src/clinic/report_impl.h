/* report_impl: the pieces of a report, for the files of this folder. */
#ifndef FAB_CLINIC_REPORT_IMPL_H
#define FAB_CLINIC_REPORT_IMPL_H

#include "base/file.h"
#include "clinic/report.h"

/* Text that grows. A failed append latches: text stays what it was and failed is set. */
typedef struct {
    char *text; /* NUL-terminated once something was put; NULL before */
    size_t n, cap;
    bool failed;
} fab_words;
void fab_words_put(fab_words *w, const char *s);
void fab_words_putn(fab_words *w, const void *s, size_t n);
void fab_words_printf(fab_words *w, const char *fmt, ...) FAB_PRINTF(2, 3);
void fab_words_clear(fab_words *w);

bool fab_report_ask(fab_report *r, fab_engine *e, const fab_look *look,
                    fab_err *err); /* fills findings */
bool fab_report_explain(fab_report *r, fab_engine *e, const fab_look *look,
                        fab_err *err);             /* their heat maps */
bool fab_report_word(fab_report *r, fab_err *err); /* fills sentences */
bool fab_report_windowed(const fab_image *im);     /* a VOI window worth telling */
void fab_report_facts(fab_report *r);              /* header_* */
void fab_report_step(const fab_report *r, int done, int total, const char *what);

/* A picture of the report: as a file and, in base64, inside the page. Everything in the arena. */
typedef struct {
    const char *name;
    int finding; /* index, -1: the picture itself */
    int width, height;
    const uint8_t *png;
    size_t size;
    const char *base64;
} fab_figure;
typedef struct {
    fab_figure *items; /* the picture itself first */
    int n;
} fab_figures;
bool fab_report_figures(const fab_report *r, fab_arena *a, fab_figures *out, fab_err *err);
bool fab_report_html(const fab_report *r, const fab_figures *figures, fab_words *out, fab_err *err);
extern const char fab_report_css[];

/* Whether the row is about an abnormality: as a presence row, or by its choices' label kinds. */
bool fab_row_abnormal(const fab_protocol_row *row);
const fab_skill *fab_report_skill(const fab_report *r, const fab_protocol_row *row,
                                  fab_skill_verdict *verdict);
const fab_finding *fab_report_find(const fab_report *r, const char *code);
fab_label_kind fab_finding_kind(const fab_finding *f, bool *known); /* of its label */
bool fab_finding_abnormal(
    const fab_finding *f); /* a presence row about an abnormality or diagnosis */
const char *fab_finding_value(const fab_finding *f, int lang); /* the chosen words, the answer */
const char *fab_state_code(fab_finding_state s);
enum { FAB_PATIENT_WORDS = 48 };
void fab_report_patient(const fab_report *r, int lang,
                        char out[FAB_PATIENT_WORDS]); /* "65 years, male"; "" nothing known */

#endif
