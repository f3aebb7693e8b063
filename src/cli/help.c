/* help: see help.h. Every page fits 80 columns; words are wrapped, never cut. */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>
#include "cli/parse.h"
#include "text/utf8.h"

enum { WIDTH = 79, HELP_AT = 26 };

int fab_text_columns(const char *s, size_t n)
{
    int columns = 0;
    uint32_t cp;
    for (size_t i = 0; i < n;) {
        int len = fab_utf8_next(s + i, n - i, &cp);
        bool wide = len > 0 && ((cp >= 0x1100 && cp <= 0x115f) || (cp >= 0x2e80 && cp <= 0xa4cf) ||
                                (cp >= 0xac00 && cp <= 0xd7a3) || (cp >= 0xf900 && cp <= 0xfaff) ||
                                (cp >= 0xfe30 && cp <= 0xfe6f) || (cp >= 0xff00 && cp <= 0xff60) ||
                                cp >= 0x1f300);
        columns += wide ? 2 : 1;
        i += len > 0 ? (size_t)len : 1;
    }
    return columns;
}

/* Prints words from column `at` on, wrapped back to column `indent`; ends the line. */
static void print_wrapped(FILE *out, const char *words, int at, int indent)
{
    bool first = true;
    while (*words) {
        size_t n = strcspn(words, " \n");
        int width = fab_text_columns(words, n);
        if (!first && at + 1 + width > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)n, words);
        at += width;
        words += n + strspn(words + n, " \n");
        first = false;
    }
    fputc('\n', out);
}

/* ---- what a row looks like ---- */

static const char *meta(const fab_opt *o)
{
    if (o->meta) return o->meta;
    switch (o->type) {
    case FAB_INT: return "N";
    case FAB_FLOAT: return "X";
    case FAB_FILE_IN:
    case FAB_FILE_OUT: return "FILE";
    case FAB_CHOICE: return o->choices;
    case FAB_STR:
    case FAB_LIST: return "TEXT";
    case FAB_FLAG: break;
    }
    return "";
}

static void synopsis_row(FILE *out, const fab_opt *o)
{
    if (fab_is_positional(o)) {
        const char *dots = o->type == FAB_LIST ? "..." : "";
        fprintf(out, o->def ? " [%s%s]" : " %s%s", o->name, dots);
    } else if (o->required) fprintf(out, " --%s %s", o->name, meta(o));
}

static void print_synopsis(FILE *out, const fab_verb *v)
{
    fprintf(out, "fabrica %s", v->name);
    for (const fab_opt *o = v->opts; o && o->name; o++) synopsis_row(out, o);
    fputs(" [options]", out);
}

static void print_row(FILE *out, const fab_opt *o)
{
    char left[128], right[512];
    if (fab_is_positional(o)) snprintf(left, sizeof left, "  %s", o->name);
    else if (o->letter)
        snprintf(left, sizeof left, "  -%c, --%s%s%s", o->letter, o->name,
                 o->type == FAB_FLAG ? "" : " ", meta(o));
    else
        snprintf(left, sizeof left, "      --%s%s%s", o->name, o->type == FAB_FLAG ? "" : " ",
                 meta(o));
    bool says_default = o->def && o->def[0] && strcmp(o->def, "0") != 0;
    snprintf(right, sizeof right, "%s%s%s%s", o->help, says_default ? " (default: " : "",
             says_default ? o->def : "", says_default ? ")" : "");
    fputs(left, out);
    int at = fab_text_columns(left, strlen(left));
    if (at + 2 > HELP_AT) fprintf(out, "\n%*s", HELP_AT, "");
    else fprintf(out, "%*s", HELP_AT - at, "");
    print_wrapped(out, right, HELP_AT, HELP_AT);
}

static int print_rows(FILE *out, const fab_opt *rows, bool positional, const char *title)
{
    int n = 0;
    for (const fab_opt *o = rows; o && o->name; o++) {
        if (fab_is_positional(o) != positional) continue;
        if (n++ == 0) fprintf(out, "\n%s\n", title);
        print_row(out, o);
    }
    return n;
}

/* ---- pages ---- */

void fab_help_list(FILE *out)
{
    fputs("fabrica " FAB_VERSION ": an image and words in, a checked, reviewable result out\n\n"
          "usage: fabrica COMMAND [arguments] [options]\n\n",
          out);
    for (const fab_verb *const *v = fab_verbs; *v; v++) {
        fprintf(out, "  %-18s", (*v)->name);
        print_wrapped(out, (*v)->summary, 20, 20);
    }
    fputs("\nfabrica COMMAND --help explains a command; fabrica --version prints the version.\n"
          "For research use only. Not for diagnostic use.\n",
          out);
}

void fab_help_verb(FILE *out, const fab_verb *v)
{
    fprintf(out, "fabrica %s: ", v->name);
    print_wrapped(out, v->summary, (int)strlen(v->name) + 10, 4);
    fputs("\nusage: ", out);
    print_synopsis(out, v);
    fputc('\n', out);
    if (v->about) {
        fputc('\n', out);
        print_wrapped(out, v->about, 0, 0);
    }
    print_rows(out, v->opts, true, "arguments");
    print_rows(out, v->opts, false, "options");
    print_rows(out, fab_global_opts, false, "options of every command");
    fprintf(out, "\nexample\n  %s\n", v->example);
}

/* roff takes backslashes, and dots and quotes that begin a line, for itself. */
static void print_roff(FILE *out, const char *words)
{
    if (*words == '.' || *words == '\'') fputs("\\&", out);
    for (; *words; words++) fputs(*words == '\\' ? "\\e" : (char[]){ *words, 0 }, out);
    fputc('\n', out);
}

static void man_row(FILE *out, const fab_opt *o)
{
    if (fab_is_positional(o)) fprintf(out, ".It Ar %s\n", o->name);
    else {
        fputs(".It ", out);
        if (o->letter) fprintf(out, "Fl %c , ", o->letter);
        fprintf(out, "Fl -%s", o->name);
        fprintf(out, o->type == FAB_FLAG ? "\n" : " Ar %s\n", meta(o));
    }
    print_roff(out, o->help);
    if (o->def && o->def[0]) fprintf(out, "(default: %s)\n", o->def);
}

static void man_rows(FILE *out, const fab_opt *rows)
{
    if (!rows || !rows->name) return;
    fputs(".Bl -tag -width Ds\n", out);
    for (const fab_opt *o = rows; o->name; o++) man_row(out, o);
    fputs(".El\n", out);
}

void fab_help_man(FILE *out)
{
    fputs(".Dd $Mdocdate$\n.Dt FABRICA 1\n.Os\n.Sh NAME\n.Nm fabrica\n"
          ".Nd medical vision-language system\n"
          ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar arguments\n.Op Ar options\n.Sh DESCRIPTION\n"
          "An image and words go in; a checked, explained, reviewable result comes out.\n"
          "For research use only. Not for diagnostic use.\n.Sh COMMANDS\n",
          out);
    for (const fab_verb *const *v = fab_verbs; *v; v++) {
        fprintf(out, ".Ss fabrica %s\n", (*v)->name);
        print_roff(out, (*v)->summary);
        if ((*v)->about) {
            fputs(".Pp\n", out);
            print_roff(out, (*v)->about);
        }
        man_rows(out, (*v)->opts);
        fputs(".Pp\nExample:\n.Dl ", out);
        print_roff(out, (*v)->example);
    }
    fputs(".Sh OPTIONS\nEvery command takes:\n", out);
    man_rows(out, fab_global_opts);
    fputs(".Sh EXIT STATUS\n"
          "0 done; 1 failed; 2 wrong usage; 3 some inputs failed; 4 input broken or not "
          "supported;\n5 refused; 7 a checksum disagrees; 130 interrupted.\n",
          out);
}

/* ---- bash ---- */

static void bash_words(FILE *out, const fab_opt *rows)
{
    for (const fab_opt *o = rows; o && o->name; o++)
        if (!fab_is_positional(o)) fprintf(out, " --%s", o->name);
}

static void bash_choices(FILE *out, const fab_opt *o)
{
    fprintf(out, "    --%s) COMPREPLY=($(compgen -W '", o->name);
    for (const char *c = o->choices; *c; c++) fputc(*c == '|' ? ' ' : *c, out);
    fputs("' -- \"$cur\")); return ;;\n", out);
}

static void bash_verb(FILE *out, const fab_verb *v)
{
    fprintf(out, "  '%s')\n    opts='", v->name);
    bash_words(out, v->opts);
    bash_words(out, fab_global_opts);
    fputs("'\n    case $prev in\n", out);
    for (const fab_opt *o = v->opts; o && o->name; o++)
        if (o->type == FAB_CHOICE && !fab_is_positional(o)) bash_choices(out, o);
    fputs("    esac ;;\n", out);
}

/* Of "eval vqa" and "eval classify" only the first offers the word "eval". */
static bool first_of_its_word(const fab_verb *const *v)
{
    size_t n = strcspn((*v)->name, " ");
    for (const fab_verb *const *w = fab_verbs; w < v; w++)
        if (strcspn((*w)->name, " ") == n && strncmp((*w)->name, (*v)->name, n) == 0) return false;
    return true;
}

void fab_help_bash(FILE *out)
{
    fputs("# bash completion of fabrica: source <(fabrica completion bash)\n_fabrica() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
          "verb=${COMP_WORDS[1]} opts=\n"
          "  COMPREPLY=()\n"
          "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '",
          out);
    for (const fab_verb *const *v = fab_verbs; *v; v++)
        if (first_of_its_word(v)) fprintf(out, "%.*s ", (int)strcspn((*v)->name, " "), (*v)->name);
    fputs("' -- \"$cur\")); return\n  fi\n  case $verb in\n", out);
    for (const fab_verb *const *v = fab_verbs; *v; v++) { /* second words under their first */
        const char *space = strchr((*v)->name, ' ');
        if (space)
            fprintf(out,
                    "  %.*s) [ \"$COMP_CWORD\" -eq 2 ] && { COMPREPLY+=($(compgen -W '%s' -- "
                    "\"$cur\")); } ;;&\n",
                    (int)(space - (*v)->name), (*v)->name, space + 1);
    }
    fputs("  esac\n  [ \"${#COMPREPLY[@]}\" -gt 0 ] && return\n"
          "  case \"$verb ${COMP_WORDS[2]}\" in\n",
          out);
    for (const fab_verb *const *v = fab_verbs; *v; v++)
        if (strchr((*v)->name, ' ')) bash_verb(out, *v);
    fputs("  esac\n  [ -n \"$opts\" ] || case $verb in\n", out);
    for (const fab_verb *const *v = fab_verbs; *v; v++)
        if (!strchr((*v)->name, ' ')) bash_verb(out, *v);
    fputs("  esac\n  [ \"${#COMPREPLY[@]}\" -gt 0 ] && return\n"
          "  case $cur in\n  -*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")) ;;\n"
          "  *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n  esac\n}\n"
          "complete -o filenames -F _fabrica fabrica\n",
          out);
}

/* ---- the rows' own mistakes ---- */

static size_t size_of(fab_opt_type type)
{
    switch (type) {
    case FAB_INT: return sizeof(int64_t);
    case FAB_FLOAT: return sizeof(double);
    case FAB_FLAG: return sizeof(bool);
    case FAB_LIST: return sizeof(fab_list);
    case FAB_STR:
    case FAB_FILE_IN:
    case FAB_FILE_OUT:
    case FAB_CHOICE: break;
    }
    return sizeof(const char *);
}

static bool same_option(const fab_opt *a, const fab_opt *b)
{
    return strcmp(a->name, b->name) == 0 || (a->letter && a->letter == b->letter);
}

static bool check_row(const fab_verb *v, const fab_opt *o, fab_err *err)
{
    if (!o->help || !o->help[0]) return fab_fail(err, FAB_EINTERNAL, "%s: no help", o->name);
    if (o->type == FAB_CHOICE && !o->choices)
        return fab_fail(err, FAB_EINTERNAL, "%s: no choices", o->name);
    if (o->at > v->opts_size || size_of(o->type) > v->opts_size - o->at)
        return fab_fail(err, FAB_EINTERNAL, "%s: outside its struct of %zu bytes", o->name,
                        v->opts_size);
    for (const fab_opt *k = v->opts; k < o; k++) {
        if (same_option(k, o)) return fab_fail(err, FAB_EINTERNAL, "%s: twice", o->name);
        if (fab_is_positional(k) && fab_is_positional(o) &&
            (k->type == FAB_LIST || (k->def && !o->def)))
            return fab_fail(err, FAB_EINTERNAL, "%s: cannot follow %s", o->name, k->name);
    }
    for (const fab_opt *k = fab_global_opts; k->name; k++)
        if (same_option(k, o))
            return fab_fail(err, FAB_EINTERNAL, "%s: is an option of every command", o->name);
    return true;
}

bool fab_verb_check(const fab_verb *v, fab_arena *a, fab_err *err)
{
    if (!v->run || !v->summary || !v->example)
        return fab_fail(err, FAB_EINTERNAL, "no run, summary or example");
    if (isupper((unsigned char)v->summary[0]) && islower((unsigned char)v->summary[1]))
        return fab_fail(err, FAB_EINTERNAL, "the summary begins with a capital");
    if (strncmp(v->example, "fabrica ", 8) != 0 ||
        strncmp(v->example + 8, v->name, strlen(v->name)) != 0)
        return fab_fail(err, FAB_EINTERNAL, "the example is not of this command");
    int rows = 0;
    for (const fab_opt *o = v->opts; o && o->name; o++, rows++)
        if (!check_row(v, o, err)) return false;
    if (rows > 64) return fab_fail(err, FAB_EINTERNAL, "%d options, 64 is the most", rows);
    void *opts = fab_arena_take(a, v->opts_size, err);
    fab_globals g;
    char *only_help[] = { (char[]){ "--help" } };
    return opts && fab_parse(v, only_help, 1, opts, &g, a, err);
}
