/* page: the report of an eval verb as one self-contained page: no script, no request; tables, and
 * plots drawn as SVG. It is made from the same JSON that --json prints, so the two cannot disagree.
 * Labels are in English and Chinese.
 */
#ifndef FAB_EVALUATE_PAGE_H
#define FAB_EVALUATE_PAGE_H

#include <jansson.h>
#include <stdio.h>
#include "base/err.h"

/* kind: the verb's second word ("vqa", "classify", ...). about: what was measured on what, a line
 * for the reader; NULL fine. A kind without a page of its own gets its numbers as a table. */
bool fab_page_write(const char *path, const char *kind, const char *about, const json_t *v,
                    fab_err *err);

/* ---- pieces (page_parts.c); all write to f and cannot fail but by f ---------------------------- */

void fab_page_text(FILE *f, const char *s); /* escaped */
void fab_page_section(FILE *f, const char *en, const char *zh);
void fab_page_end(FILE *f); /* of a section */
void fab_page_note(FILE *f, const char *en, const char *zh);

/* Number of o under key; NaN when absent or null. */

typedef struct {
    const char *en, *zh;
    double value, low, high; /* NaN: none */
    const char *format;      /* of the value: "%.3f"; NULL: as a percentage */
} fab_tile;
void fab_page_tiles(FILE *f, const fab_tile *tiles, int n);

/* A row with its interval on a line from 0 to 1: a forest plot is a table of these. */
void fab_page_forest_begin(FILE *f, const char *en, const char *zh);
void fab_page_forest_row(FILE *f, const char *label, double n, double value, double low,
                         double high);
void fab_page_forest_end(FILE *f);

/* ---- plots (page_plot.c) ------------------------------------------------------------------------ */

/* A square with axes from 0 to 1. */
void fab_plot_begin(FILE *f, const char *x_en, const char *x_zh, const char *y_en,
                    const char *y_zh);
void fab_plot_diagonal(FILE *f);
/* colour 0.. in turn. xy: n pairs. */
void fab_plot_line(FILE *f, const double *xy, int n, int colour);
void fab_plot_point(FILE *f, double x, double y, double low, double high, double radius);
void fab_plot_bar(FILE *f, double from, double to, double height);
void fab_plot_legend(FILE *f, int row, int colour, const char *text);
void fab_plot_end(FILE *f, const char *title);

/* counts [C][C] as a list of lists, names a list. */
void fab_plot_confusion(FILE *f, const json_t *counts, const json_t *names);

/* ---- bodies (page_trials.c) --------------------------------------------------------------------- */

void fab_page_ab(FILE *f, const json_t *v);
void fab_page_retrieval(FILE *f, const json_t *v);
void fab_page_caption(FILE *f, const json_t *v);
void fab_page_report(FILE *f, const json_t *v); /* page_report.c */

#endif
