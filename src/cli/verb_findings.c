/* fabrica findings: what a report says is there, is not there or may be there. */
#include <math.h>
#include <stddef.h>
#include <string.h>
#include "cli/verb.h"
#include "metrics/findings_check.h"

typedef struct {
    const char *text, *file, *check, *lang;
    bool errors;
} opts;

static json_t *mention_json(const fab_mention *m, const char *text)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:[I,I],s:s%}", "observation",
                     fab_observation_names[m->observation], "status", fab_status_names[m->status],
                     "side", fab_side_names[m->side], "site", fab_site_name(m->site), "severity",
                     fab_severity_names[m->severity], "section", fab_section_names[m->section],
                     "span", (json_int_t)m->at, (json_int_t)m->end, "words", text + m->at,
                     (size_t)(m->end - m->at));
}

static bool print_json(fab_run *r, const fab_mentions *m, const char *text, fab_err *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->n; i++)
        json_array_append_new(list, mention_json(&m->items[i], text));
    return fab_run_json(r, json_pack("{s:o}", "findings", list), err);
}

static void print_lines(fab_run *r, const fab_mentions *m, const char *text)
{
    for (size_t i = 0; i < m->n; i++) {
        const fab_mention *x = &m->items[i];
        fprintf(r->out, "%-9s %-26s %-6s %-13s %-9s %s%u-%u  %.*s\n", fab_status_names[x->status],
                fab_observation_names[x->observation], fab_side_names[x->side],
                fab_site_name(x->site), fab_severity_names[x->severity],
                x->section == FAB_SECTION_BACKGROUND ? "(background) " : "", x->at, x->end,
                (int)(x->end - x->at), text + x->at);
    }
    if (!m->n) fprintf(r->out, "no finding is mentioned\n");
}

static bool label(fab_run *r, const fab_labeller *l, const char *text, size_t n, fab_err *err)
{
    fab_mentions m = { 0 };
    bool ok = fab_labeller_read(l, text, n, &m, err);
    if (ok && r->json) ok = print_json(r, &m, text, err);
    else if (ok) print_lines(r, &m, text);
    fab_mentions_clear(&m);
    return ok;
}

static void print_difference(void *arg, int64_t line, const char *sentence, const char *wanted,
                             const char *found)
{
    fprintf(arg, "line %lld: %s\n  labelled %s\n  found    %s\n", (long long)line, sentence, wanted,
            found);
}

static void print_score(FILE *out, const fab_findings_score *s)
{
    fprintf(out, "%lld sentences, %lld all right\n", (long long)s->sentences, (long long)s->exact);
    const struct {
        const char *name;
        const fab_hits *h;
    } rows[] = { { "mention", &s->mention },
                 { "with status", &s->status },
                 { "and side", &s->side } };
    for (int i = 0; i < 3; i++)
        fprintf(out, "F1 %-23s %.4f  hit %lld missed %lld extra %lld\n", rows[i].name,
                fab_hits_f1(rows[i].h), (long long)rows[i].h->hit, (long long)rows[i].h->missed,
                (long long)rows[i].h->extra);
    for (int i = 0; i < FAB_OBSERVATIONS; i++) {
        const fab_hits *h = &s->by_observation[i];
        if (!isnan(fab_hits_f1(h)))
            fprintf(out, "%-26s %.4f  hit %lld missed %lld extra %lld\n", fab_observation_names[i],
                    fab_hits_f1(h), (long long)h->hit, (long long)h->missed, (long long)h->extra);
    }
    fprintf(out, "labelled \\ found   absent uncertain   present\n");
    for (int w = FAB_STATUSES - 1; w >= 0; w--)
        fprintf(out, "%-14s %10lld %9lld %9lld\n", fab_status_names[w],
                (long long)s->confusion[w][FAB_ABSENT], (long long)s->confusion[w][FAB_UNCERTAIN],
                (long long)s->confusion[w][FAB_PRESENT]);
}

static bool check(fab_run *r, const opts *o, const fab_labeller *l, fab_err *err)
{
    fab_findings_score s;
    const char *lang = strcmp(o->lang, "both") ? o->lang : NULL;
    if (!fab_findings_check(l, o->check, lang, o->errors ? print_difference : NULL, r->out, &s,
                            err))
        return false;
    if (r->json) return fab_run_json(r, fab_findings_score_json(&s), err);
    print_score(r->out, &s);
    return true;
}

static bool read_file(fab_run *r, const char *path, const fab_labeller *l, fab_err *err)
{
    size_t n;
    const char *text = fab_run_file(r, path, FAB_FINDINGS_TEXT, &n, err);
    return text && (label(r, l, text, n, err) || fab_while(err, "%s", path));
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    int given = (o->text[0] != 0) + (o->file != NULL) + (o->check != NULL);
    if (given != 1) return fab_fail(err, FAB_EUSAGE, "give one of TEXT, --file and --check");
    if (o->errors && (!o->check || r->json))
        return fab_fail(err, FAB_EUSAGE, "--errors goes with --check and without --json");
    fab_labeller *l = fab_labeller_new(err);
    if (!l) return false;
    bool ok = o->check  ? check(r, o, l, err)
              : o->file ? read_file(r, o->file, l, err)
                        : label(r, l, o->text, strlen(o->text), err);
    fab_labeller_free(l);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_findings = {
    .name = "findings", .summary = "list what a report says is there, is not there or may be there",
    .about = "Rules for English and Chinese: CheXpert's 14 observations and 33 more, each with its status (present, absent, "
             "uncertain), side, place, severity and the bytes it rests on. What stands under indication, history, comparison "
             "or technique is marked as background.",
    .example = "fabrica findings \"左侧胸腔积液，未见气胸\" --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "TEXT", FAB_STR, offsetof(opts, text), "", "the report's words" },
        { "file", FAB_FILE_IN, offsetof(opts, file), NULL, "read them from this file; - is standard input" },
        { "check", FAB_FILE_IN, offsetof(opts, check), NULL, "measure the rules on hand-labelled sentences (language, sentence, labels between tabs)", .meta = "TSV" },
        { "lang", FAB_CHOICE, offsetof(opts, lang), "both", "of --check: only these sentences", .choices = "zh|en|both" },
        { "errors", FAB_FLAG, offsetof(opts, errors), NULL, "of --check: print every sentence that differs" },
        { 0 } },
};
/* clang-format on */
