/* help: pages made from the rows: the list, one verb's page, the manual page (mdoc), bash
 * completion. */
#ifndef FAB_CLI_HELP_H
#define FAB_CLI_HELP_H

#include "cli/verb.h"

void fab_help_list(FILE *out);
void fab_help_verb(FILE *out, const fab_verb *v);
void fab_help_man(FILE *out);
void fab_help_bash(FILE *out);

/* A row's own mistakes, which no user should meet: two options of one name, a default that does not
 * parse, an option outside its struct, no summary, no example, a row order that hides an argument.
 * False with err set. */
bool fab_verb_check(const fab_verb *v, fab_arena *a, fab_err *err);

/* Columns of a terminal that the text takes: Chinese characters take two. */
int fab_text_columns(const char *s, size_t n);

#endif
