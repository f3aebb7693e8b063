/* fabrica help: the list, a command's page, or the manual page. */
#include <stddef.h>
#include "cli/help.h"
#include "cli/parse.h"

typedef struct {
    fab_list words;
    bool man;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    int used;
    if (o->man) fab_help_man(r->out);
    else if (o->words.n == 0) fab_help_list(r->out);
    else {
        char *const *words = (char *const *)o->words.items;
        const fab_verb *v = fab_verb_find(words, o->words.n, &used);
        if (!v) return fab_verb_unknown(words, o->words.n, err);
        fab_help_verb(r->out, v);
    }
    return true;
}

const fab_verb fab_verb_help = {
    .name = "help",
    .summary = "explain a command, or print the manual page",
    .example = "fabrica help --man | man -l -",
    .opts_size = sizeof(opts),
    .run = run,
    .opts = (const fab_opt[]){ { "COMMAND", FAB_LIST, offsetof(opts, words), "",
                                 "the command; none: the list of commands" },
                               { "man", FAB_FLAG, offsetof(opts, man), NULL,
                                 "the manual page of all commands, as mdoc" },
                               { 0 } },
};
