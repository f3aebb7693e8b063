/* main: finds the verb, parses its words, makes the pool, runs it, turns its error into a sentence
 * and an exit code. */
#define _POSIX_C_SOURCE 200809L /* sigaction, _exit */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "kernels/kernels.h"

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t verb_stops_itself;

/* The first interrupt asks a verb that stops itself; any other ends the process, leaving no
 * half-written file. */
static void on_interrupt(int signal_number)
{
    if (verb_stops_itself && !interrupted) {
        interrupted = signal_number;
        return;
    }
    fab_out_abandon();
    _exit(128 + signal_number);
}

/* A signal that the parent chose to ignore ("nohup", a shell's "&") stays ignored. */
static void catch (int signal_number)
{
    struct sigaction a = { .sa_handler = on_interrupt }, old;
    sigemptyset(&a.sa_mask);
    if (sigaction(signal_number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(signal_number, &a, NULL);
}

static void catch_signals(void)
{
    catch (SIGINT);
    catch (SIGTERM);
    signal(SIGPIPE, SIG_DFL); /* "fabrica ... | head" ends quietly */
}

static bool run_verb(const fab_verb *v, char **words, int n, fab_run *r, fab_err *err)
{
    fab_globals g;
    void *opts = fab_arena_take(r->arena, v->opts_size, err);
    if (!opts || !fab_parse(v, words, n, opts, &g, r->arena, err)) return false;
    if (g.help) {
        fab_help_verb(r->out, v);
        return true;
    }
    r->json = g.json;
    r->quiet = g.quiet;
    fab_log_setup(g.quiet ? FAB_LOG_ERROR : FAB_LOG_INFO, false);
    r->pool = fab_pool_new((int)g.threads, err);
    if (!r->pool) return false;
    r->threads = fab_pool_threads(r->pool);
    verb_stops_itself = v->stops_itself;
    return v->run(r, opts, err);
}

/* fabrica, fabrica --help, fabrica --version and fabrica VERB ...; *v = the verb, once it is known. */
static bool dispatch(int n, char **words, fab_run *r, const fab_verb **v, fab_err *err)
{
    if (n == 0) {
        fab_help_list(stderr);
        return fab_fail(err, FAB_EUSAGE, "a command is missing");
    }
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
        fab_help_list(r->out);
        return true;
    }
    if (strcmp(words[0], "--version") == 0) {
        fputs("fabrica " FAB_VERSION "\n", r->out);
        return true;
    }
    int used = 0;
    *v = fab_verb_find(words, n, &used);
    if (!*v) return fab_verb_unknown(words, n, err);
    return run_verb(*v, words + used, n - used, r, err);
}

/* A wish for kernels that this processor has not, or that nobody has, is no wish for its best. */
static bool check_isa(fab_arena *a, fab_err *err)
{
    const char *wish = getenv("FABRICA_ISA"), *names = "";
    if (!wish || !*wish || !strcmp(fab_kernels_best()->name, wish)) return true;
    for (const fab_kernels *const *k = fab_kernels_all(); names && *k; k++)
        names = fab_arena_printf(a, err, "%s %s", names, (*k)->name);
    return names &&
           fab_fail(err, FAB_EUSAGE, "FABRICA_ISA=%.40s: this processor has%s", wish, names);
}

int main(int argc, char **argv)
{
    fab_err err = FAB_ERR_INIT;
    fab_run r = { .out = stdout, .interrupted = &interrupted };
    const fab_verb *v = NULL;
    catch_signals();
    r.arena = fab_arena_new(0, &err);
    bool ok = r.arena && check_isa(r.arena, &err) && dispatch(argc - 1, argv + 1, &r, &v, &err);
    if (fflush(stdout) != 0 && ok)
        ok = fab_fail(&err, FAB_EIO, "standard output cannot be written");
    if (!ok) {
        if (err.code == FAB_OK) fab_fail(&err, FAB_EINTERNAL, "failed without a message");
        fprintf(stderr, "fabrica%s%s: %s\n", v ? " " : "", v ? v->name : "", err.text);
    }
    fab_pool_free(r.pool);
    fab_arena_free(r.arena);
    if (interrupted) return 128 + interrupted;
    return ok ? r.exit_code : fab_exit_code(err.code);
}
