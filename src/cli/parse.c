/* parse: see parse.h.
 *
 *   --name VALUE   --name=VALUE   --flag   -o VALUE   -oVALUE   --   -          ("-" alone is an argument, "--" ends options)
 *
 * Options and arguments may be mixed. The last of two equal options counts; a list collects. A
 * number is refused when anything is left over behind it.
 */
#include "cli/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "text/utf8.h"

#define VERB(name) extern const fab_verb fab_verb_##name;
#include "cli/verbs.def"
#undef VERB

#define VERB(name) &fab_verb_##name,
const fab_verb *const fab_verbs[] = {
#include "cli/verbs.def"
    NULL
};
#undef VERB

const fab_opt fab_global_opts[] = {
    { "json", FAB_FLAG, offsetof(fab_globals, json), NULL,
      "print one JSON object instead of words" },
    { "threads", FAB_INT, offsetof(fab_globals, threads), "0", "worker threads; 0: one per core",
      .min = 0, .max = 256 },
    { "quiet", FAB_FLAG, offsetof(fab_globals, quiet), NULL, "say nothing but results and errors" },
    { "help", FAB_FLAG, offsetof(fab_globals, help), NULL, "explain this command", .letter = 'h' },
    { 0 }
};

/* ---- names ---- */

enum { LONGEST = 40 };

int fab_word_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) return LONGEST;
    int d[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= n; i++) d[i][0] = (int)i;
    for (size_t j = 0; j <= m; j++) d[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

static bool begins_with(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* How well `word` is meant by what was typed, smaller is better; -1: not at all. */
static int guess_rank(const char *typed, const char *word)
{
    if (strlen(typed) >= 3 && begins_with(word, typed)) return 0;
    int far = fab_word_distance(typed, word), most = strlen(typed) < 4   ? 1
                                                     : strlen(typed) < 8 ? 2
                                                                         : 3;
    return far <= most ? far : -1;
}

const fab_verb *fab_verb_find(char *const *words, int n, int *used)
{
    for (int count = n < 2 ? n : 2; count > 0; count--)
        for (const fab_verb *const *v = fab_verbs; *v; v++) {
            const char *space = strchr((*v)->name, ' ');
            size_t first = space ? (size_t)(space - (*v)->name) : strlen((*v)->name);
            if ((count == 2) != (space != NULL)) continue;
            if (strlen(words[0]) != first || strncmp(words[0], (*v)->name, first) != 0) continue;
            if (space && strcmp(words[1], space + 1) != 0) continue;
            *used = count;
            return *v;
        }
    return NULL;
}

bool fab_verb_unknown(char *const *words, int n, fab_err *err)
{
    char both[128], kin[160] = "";
    if (n > 1 && words[1][0] == '-') n = 1; /* "eval --help": the second word is still to come */
    snprintf(both, sizeof both, "%s %s", words[0], n > 1 ? words[1] : "");
    const char *best = NULL;
    int best_rank = LONGEST;
    size_t first = strlen(words[0]), len = 0;
    for (const fab_verb *const *v = fab_verbs; *v; v++) {
        const char *name = (*v)->name;
        if (begins_with(name, words[0]) && name[first] == ' ' &&
            len + strlen(name) + 3 < sizeof kin)
            len += (size_t)snprintf(kin + len, sizeof kin - len, "%s%s", len ? ", " : "", name);
        int rank = guess_rank(strchr(name, ' ') ? both : words[0], name);
        if (rank >= 0 && rank < best_rank) best = name, best_rank = rank;
    }
    if (kin[0] && n < 2)
        return fab_fail(err, FAB_EUSAGE, "%s wants one more word: %s", words[0], kin);
    if (best)
        return fab_fail(err, FAB_EUSAGE, "no command '%.40s'; did you mean '%s'?",
                        kin[0] ? both : words[0], best);
    if (kin[0]) return fab_fail(err, FAB_EUSAGE, "no command '%.40s'; there are: %s", both, kin);
    return fab_fail(err, FAB_EUSAGE, "no command '%.40s'; see: fabrica --help", words[0]);
}

bool fab_is_positional(const fab_opt *o)
{
    for (const char *c = o->name; *c; c++)
        if (islower((unsigned char)*c)) return false;
    return true;
}

/* ---- values ---- */

/* How the option is called in a message: --width or IMAGE. */
static const char *dashes(const fab_opt *o) { return fab_is_positional(o) ? "" : "--"; }

static bool wrong(const fab_opt *o, const char *value, const char *why, fab_err *err)
{
    return fab_fail(err, FAB_EUSAGE, "%s%s: '%.60s' %s", dashes(o), o->name, value, why);
}

static bool in_range(const fab_opt *o, double v, fab_err *err)
{
    if (o->min >= o->max || (v >= o->min && v <= o->max)) return true;
    return fab_fail(err, FAB_EUSAGE, "%s%s: %g is not between %g and %g", dashes(o), o->name, v,
                    o->min, o->max);
}

static bool set_int(const fab_opt *o, const char *value, int64_t *out, fab_err *err)
{
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (end == value || *end || isspace((unsigned char)value[0]))
        return wrong(o, value, "is not a whole number", err);
    if (errno == ERANGE) return wrong(o, value, "is too large", err);
    *out = v;
    return in_range(o, (double)v, err);
}

static bool set_float(const fab_opt *o, const char *value, double *out, fab_err *err)
{
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || isspace((unsigned char)value[0]) || !isfinite(v))
        return wrong(o, value, "is not a number", err);
    *out = v;
    return in_range(o, v, err);
}

static bool set_choice(const fab_opt *o, const char *value, const char **out, fab_err *err)
{
    size_t n = strlen(value);
    for (const char *c = o->choices; n > 0 && c && *c;) {
        size_t len = strcspn(c, "|");
        if (len == n && strncmp(c, value, n) == 0) {
            *out = value;
            return true;
        }
        c += len + (c[len] == '|');
    }
    return fab_fail(err, FAB_EUSAGE, "%s%s: '%.40s' is none of %s", dashes(o), o->name, value,
                    o->choices);
}

static bool add_item(fab_list *l, const char *value, fab_arena *a, fab_err *err)
{
    const char **items = fab_arena_take(a, ((size_t)l->n + 1) * sizeof *items, err);
    if (!items) return false;
    if (l->n) memcpy(items, l->items, (size_t)l->n * sizeof *items);
    items[l->n] = value;
    *l = (fab_list){ .items = items, .n = l->n + 1 };
    return true;
}

static bool set(const fab_opt *o, const char *value, void *opts, fab_arena *a, fab_err *err)
{
    void *at = (char *)opts + o->at;
    switch (o->type) {
    case FAB_FLAG: *(bool *)at = true; return true;
    case FAB_INT: return set_int(o, value, at, err);
    case FAB_FLOAT: return set_float(o, value, at, err);
    case FAB_CHOICE: return set_choice(o, value, at, err);
    case FAB_LIST: return add_item(at, value, a, err);
    case FAB_STR:
        if (fab_utf8_check(value, strlen(value)) != strlen(value))
            return wrong(o, "...", "is not UTF-8", err);
        break;
    case FAB_FILE_IN:
    case FAB_FILE_OUT:
        if (!value[0]) return wrong(o, value, "is an empty name", err);
        break;
    }
    *(const char **)at = value;
    return true;
}

/* ---- words ---- */

typedef struct {
    const fab_verb *verb;
    void *opts;
    fab_globals *globals;
    fab_arena *arena;
    char *const *words;
    int n, at;
    bool given[64]; /* by row of the verb */
} parser;

/* The row of an option's name (n bytes) or letter among the verb's and the global rows; *base = its
 * struct. */
static const fab_opt *find(const parser *p, const char *name, size_t n, char letter, void **base)
{
    const fab_opt *tables[] = { p->verb->opts, fab_global_opts };
    for (int t = 0; t < 2; t++)
        for (const fab_opt *o = tables[t]; o && o->name; o++) {
            bool hit =
                name ? strlen(o->name) == n && strncmp(o->name, name, n) == 0 : o->letter == letter;
            if (!hit || fab_is_positional(o)) continue;
            *base = t == 0 ? p->opts : (void *)p->globals;
            return o;
        }
    return NULL;
}

static bool unknown_option(const parser *p, const char *word, fab_err *err)
{
    const fab_opt *tables[] = { p->verb->opts, fab_global_opts };
    char name[LONGEST + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *best = NULL;
    int best_rank = LONGEST;
    for (int t = 0; t < 2; t++)
        for (const fab_opt *o = tables[t]; o && o->name; o++) {
            int rank = fab_is_positional(o) ? -1 : guess_rank(name, o->name);
            if (rank >= 0 && rank < best_rank) best = o->name, best_rank = rank;
        }
    if (best)
        return fab_fail(err, FAB_EUSAGE, "no option '--%s'; did you mean '--%s'?", name, best);
    return fab_fail(err, FAB_EUSAGE, "no option '--%s'; see: fabrica %s --help", name,
                    p->verb->name);
}

static bool take(parser *p, const fab_opt *o, const char *value, void *base, fab_err *err)
{
    if (base == p->opts) {
        ptrdiff_t row = o - p->verb->opts;
        if (o->type == FAB_LIST && !p->given[row])
            *(fab_list *)((char *)base + o->at) = (fab_list){ 0 };
        p->given[row] = true;
    }
    return set(o, value, base, p->arena, err);
}

/* One option; `value` is what stood behind = or the letter, NULL when nothing did. */
static bool take_option(parser *p, const fab_opt *o, const char *value, void *base, fab_err *err)
{
    if (o->type == FAB_FLAG && value)
        return fab_fail(err, FAB_EUSAGE, "--%s takes no value", o->name);
    if (o->type != FAB_FLAG && !value) {
        if (p->at >= p->n) return fab_fail(err, FAB_EUSAGE, "--%s wants a value", o->name);
        value = p->words[p->at++];
    }
    return take(p, o, value, base, err);
}

static bool long_option(parser *p, const char *word, fab_err *err)
{
    void *base;
    size_t n = strcspn(word + 2, "=");
    const fab_opt *o = find(p, word + 2, n, 0, &base);
    if (!o) return unknown_option(p, word, err);
    return take_option(p, o, word[2 + n] ? word + 3 + n : NULL, base, err);
}

static bool letter_option(parser *p, const char *word, fab_err *err)
{
    void *base;
    const fab_opt *o = find(p, NULL, 0, word[1], &base);
    if (!o)
        return fab_fail(err, FAB_EUSAGE, "no option '-%c'; see: fabrica %s --help", word[1],
                        p->verb->name);
    return take_option(p, o, word[2] ? word + 2 : NULL, base, err);
}

static bool argument(parser *p, const char *word, fab_err *err)
{
    for (const fab_opt *o = p->verb->opts; o && o->name; o++)
        if (fab_is_positional(o) && (o->type == FAB_LIST || !p->given[o - p->verb->opts]))
            return take(p, o, word, p->opts, err);
    return fab_fail(err, FAB_EUSAGE, "'%.60s' is one argument too many; see: fabrica %s --help",
                    word, p->verb->name);
}

static bool set_defaults(const fab_opt *rows, void *base, fab_arena *a, fab_err *err)
{
    for (const fab_opt *o = rows; o && o->name; o++) {
        bool empty_list = o->type == FAB_LIST && o->def && !o->def[0];
        if (o->def && !empty_list && !set(o, o->def, base, a, err))
            return fab_while(err, "default");
    }
    return true;
}

static bool nothing_missing(const parser *p, fab_err *err)
{
    for (const fab_opt *o = p->verb->opts; o && o->name; o++) {
        bool needed = fab_is_positional(o) ? !o->def : o->required;
        if (needed && !p->given[o - p->verb->opts])
            return fab_fail(err, FAB_EUSAGE, "%s%s is missing: %s; see: fabrica %s --help",
                            dashes(o), o->name, o->help, p->verb->name);
    }
    return true;
}

bool fab_parse(const fab_verb *v, char *const *words, int n, void *opts, fab_globals *g,
               fab_arena *a, fab_err *err)
{
    parser p = { .verb = v, .opts = opts, .globals = g, .arena = a, .words = words, .n = n };
    memset(opts, 0, v->opts_size);
    *g = (fab_globals){ 0 };
    if (!set_defaults(v->opts, opts, a, err) || !set_defaults(fab_global_opts, g, a, err))
        return false;
    bool options = true;
    while (p.at < n) {
        const char *word = words[p.at++];
        bool ok = true;
        if (!options || word[0] != '-' || !word[1]) ok = argument(&p, word, err);
        else if (strcmp(word, "--") == 0) options = false;
        else ok = word[1] == '-' ? long_option(&p, word, err) : letter_option(&p, word, err);
        if (!ok) return false;
    }
    return g->help || nothing_missing(&p, err);
}
