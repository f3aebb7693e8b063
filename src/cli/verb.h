/* verb: one command, one file that ends in one row. The parser, --help, the manual page and completion read the row.
 *
 *     typedef struct { const char *image; fab_list labels; double top; bool both; } opts;
 *
 *     static bool run(fab_run *r, const void *vo, fab_err *err) { const opts *o = vo; ... }
 *
 *     const fab_verb fab_verb_classify = {
 *         .name = "classify", .summary = "say which of the given labels fits an image",
 *         .example = "fabrica classify chest.png --labels \"normal, pneumonia\"", .opts_size = sizeof(opts), .run = run,
 *         .opts = (const fab_opt[]){
 *             { "IMAGE",  FAB_FILE_IN, offsetof(opts, image),  NULL,  "the image" },
 *             { "labels", FAB_STR,     offsetof(opts, labels), NULL,  "comma-separated", .required = true },
 *             { "top",    FAB_INT,     offsetof(opts, top),    "5",   "how many to print", .min = 1, .max = 100 },
 *             { "both",   FAB_FLAG,    offsetof(opts, both),   NULL,  "in both languages", .letter = 'b' },
 *             { 0 } },
 *     };
 *
 * and VERB(classify) in verbs.def. A name in capitals is a positional argument, in the order of the rows: required
 * unless it has a default; a FAB_LIST takes all that is left. A name with a space, "eval vqa", is a verb of two words:
 * fab_verb_eval_vqa in verb_eval_vqa.c. Every verb also takes --json, --threads N, --quiet and --help.
 *
 * run prints to r->out only, calls one function below, and returns false with err set when it fails; main prints the
 * sentence and exits with fab_exit_code.
 */
#ifndef FAB_CLI_VERB_H
#define FAB_CLI_VERB_H

#include <signal.h>
#include <stdio.h>
#include "base/arena.h"
#include "base/json.h"
#include "base/threads.h"

typedef enum {
    FAB_STR,      /* const char *: any text, UTF-8 */
    FAB_INT,      /* int64_t */
    FAB_FLOAT,    /* double, finite */
    FAB_FLAG,     /* bool: takes no value */
    FAB_FILE_IN,  /* const char *: a file or folder that is read; any bytes, not empty */
    FAB_FILE_OUT, /* const char *: a file or folder that is written */
    FAB_CHOICE,   /* const char *: one of .choices, "zh|en|both" */
    FAB_LIST,     /* fab_list: may be given again and again */
} fab_opt_type;

typedef struct {
    const char *const *items;
    int n;
} fab_list;

typedef struct {
    const char *name; /* "width" is --width, "IMAGE" is positional */
    fab_opt_type type;
    size_t at;       /* offsetof in the options struct */
    const char *def; /* text of the default; NULL: NULL, 0, false, empty */
    const char *help;
    const char *choices; /* of a FAB_CHOICE */
    const char *meta;    /* what the help calls the value; NULL: by type */
    char letter;         /* -o, or 0 */
    bool required;       /* of an option */
    double min, max;     /* of a number, when min < max */
} fab_opt;

/* What main made for the verb. Lives until the process ends. */
typedef struct {
    fab_pool *pool;
    int threads; /* of the pool */
    bool json, quiet;
    FILE *out;        /* results; the only place a verb prints to */
    fab_arena *arena; /* for whatever the verb wants */
    /* set by the first SIGINT or SIGTERM when the row says .stops_itself; a verb that goes on after
     * it clears it */
    volatile sig_atomic_t *interrupted;
    int exit_code; /* set by a verb that returns true: 3 = some inputs failed; 0 otherwise */
} fab_run;

typedef struct {
    const char *name, *summary; /* summary: without full stop, begins in lower case */
    const char *about;          /* a paragraph more for --help, or NULL */
    const char *example;        /* one command line that works */
    size_t opts_size;
    const fab_opt *opts; /* ends with { 0 } */
    bool (*run)(fab_run *r, const void *opts, fab_err *err);
    bool
        stops_itself; /* looks at r->interrupted and ends in order; else an interrupt ends the process at once */
} fab_verb;

extern const fab_verb *const fab_verbs[]; /* every row of verbs.def, NULL-terminated */

/* A file's text ("-": standard input's) in the arena, a NUL behind it. limit: most bytes accepted, 0: any.
 * What is not UTF-8 is an error that names the file. NULL: failed. */
char *fab_run_file(fab_run *r, const char *path, uint64_t limit, size_t *n, fab_err *err);
/* The text given in the words, UTF-8 too; given NULL: the file's; path NULL: standard input's. */
const char *fab_run_text(fab_run *r, const char *given, const char *path, uint64_t limit, size_t *n,
                         fab_err *err);

/* Prints v indented and a newline, and drops the reference. NULL (a constructor that ran out of memory) fails. */
bool fab_run_json(fab_run *r, json_t *v, fab_err *err);

#endif
