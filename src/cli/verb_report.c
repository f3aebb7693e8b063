/* fabrica report: a structured draft report of one image, in Chinese and English. */
#include <stdlib.h>
#include <string.h>
#include "base/progress.h"
#include "cli/picture.h"
#include "clinic/report.h"

typedef struct {
    const char *image, *history, *lang, *out, *model, *window;
    const char *sex;
    double threshold, age;
    int64_t overlays, frame;
    bool force, picture_alone;
} opts;

typedef struct {
    fab_progress bar;
    const char *what;
} steps;

static void on_step(void *arg, int done, int total, const char *what)
{
    steps *s = arg;
    if (s->what != what) fab_progress_init(&s->bar, what, total);
    s->what = what;
    fab_progress_set(&s->bar, done, NULL);
}

static bool print(fab_run *r, const opts *o, const fab_report *report, fab_err *err)
{
    if (r->json) return fab_run_json(r, fab_report_json(report, err), err);
    const char *text = fab_report_text(report, r->arena, err);
    if (!text) return false;
    fputs(text, r->out);
    if (o->out) fprintf(r->out, "\n%s/report.html\n", o->out);
    return true;
}

static bool make(fab_run *r, const void *vo, fab_engine *e, const fab_input *in, fab_err *err)
{
    const opts *o = vo;
    steps s = { .what = NULL };
    fab_report_opts ro = { .history = o->history,
                           .picture_alone = o->picture_alone,
                           .patient = { (float)o->age, fab_patient_sex(o->sex) },
                           .threshold = o->threshold,
                           .force = o->force,
                           .software = "fabrica " FAB_VERSION };
    ro.lang[FAB_EN] = strcmp(o->lang, "zh") != 0;
    ro.lang[FAB_ZH] = strcmp(o->lang, "en") != 0;
    ro.overlays = o->overlays ? (int)o->overlays : -1;
    if (!r->quiet) ro.on_step = on_step, ro.arg = &s;
    fab_report *report = fab_report_make(e, in->image, in->file.data, in->file.size, &ro, err);
    if (s.what) fab_progress_clear(&s.bar);
    if (!report) fab_while(err, "%s", o->image);
    bool ok =
        report && (!o->out || fab_report_write(report, o->out, err)) && print(r, o, report, err);
    fab_report_free(report);
    return ok;
}

/* "40/400": centre and width; false: not written so, a name. */
static bool given_window(const char *s, fab_image_opts *how)
{
    char *slash, *end;
    double center = strtod(s, &slash), width = *slash == '/' ? strtod(slash + 1, &end) : 0;
    if (slash == s || *slash != '/' || *end || !(width > 0)) return false;
    how->voi = FAB_VOI_GIVEN;
    how->center = center;
    how->width = width;
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
    how.frame = (int)o->frame;
    if (o->window && !given_window(o->window, &how))
        how.voi = FAB_VOI_NAMED, how.window_name = o->window;
    return fab_run_picture(r, o->image, &how, o->model, make, o, err);
}

/* clang-format off */
const fab_verb fab_verb_report = {
    .name = "report", .summary = "write a structured draft report of an image, with heat maps",
    .about = "Coded findings with calibrated probabilities, sentences made from them, and per finding a picture of where it "
             "comes from. With -o the folder holds report.json (docs/report-schema.md), report.txt, report.html and the "
             "pictures. An image unlike those the model knows is refused (exit code 5). Not for diagnostic use.",
    .example = "fabrica report chest.dcm --history \"咳嗽两周\" --lang both -o chest-report",
    .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        FAB_OPT_IMAGE(opts),
        { "history", FAB_STR, offsetof(opts, history), NULL, "what is known of the patient: shown, not used by the model" },
        FAB_OPT_PATIENT(opts),
        { "lang", FAB_CHOICE, offsetof(opts, lang), "both", "language of the sentences", .choices = "zh|en|both" },
        { "out", FAB_FILE_OUT, offsetof(opts, out), NULL, "write the report's files into this folder", .meta = "DIR", .letter = 'o' },
        { "threshold", FAB_FLOAT, offsetof(opts, threshold), "0.5", "nothing is claimed below this probability", .min = 0.05, .max = 0.99 },
        { "overlays", FAB_INT, offsetof(opts, overlays), "12", "heat maps at most", .min = 0, .max = 100 },
        { "frame", FAB_INT, offsetof(opts, frame), "0", "the frame of a multi-frame file", .min = 0, .max = 1000000 },
        { "window", FAB_STR, offsetof(opts, window), NULL, "CENTRE/WIDTH, or the name of a window of the file" },
        FAB_OPT_FORCE(opts),
        FAB_OPT_MODEL(opts),
        { 0 } },
};
/* clang-format on */
