/* fabrica completion: what a shell needs to complete commands and options. */
#include <stddef.h>
#include "cli/help.h"

typedef struct {
    const char *shell;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    (void)vo, (void)err; /* bash is the only choice */
    fab_help_bash(r->out);
    return true;
}

const fab_verb fab_verb_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .example = "fabrica completion bash > /etc/bash_completion.d/fabrica",
    .opts_size = sizeof(opts),
    .run = run,
    .opts = (const fab_opt[]){ { "SHELL", FAB_CHOICE, offsetof(opts, shell), NULL, "bash",
                                 .choices = "bash" },
                               { 0 } },
};
