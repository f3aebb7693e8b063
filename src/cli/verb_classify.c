/* fabrica classify: which of the given labels fits an image, by prompts alone (zero-shot) or by
 * what the model learnt; with our own model or a published dual encoder. */
#include <math.h>
#include <string.h>
#include "cli/picture.h"
#include "cli/published.h"
#include "engine/classify.h"
#include "engine/zero_shot.h"

typedef struct {
    const char *image, *labels, *model, *how, *sex;
    double age;
    fab_list templates;
    bool force, exact, picture_alone;
} opts;

/* Bytes of the separator at s: comma, its Chinese forms, semicolon, line end; 0: none. */
static size_t separator(const char *s)
{
    static const char *const marks[] = { ",", "，", "、", ";", "；", "\n" };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (!strncmp(s, marks[i], strlen(marks[i]))) return strlen(marks[i]);
    return 0;
}

/* "a, b, c" -> names; blanks around each go. The count, or -1. */
static int split(char *s, const char **names, int max, fab_err *err)
{
    int n = 0;
    while (*s) {
        while (*s == ' ' || *s == '\t') s++;
        char *end = s;
        size_t cut = 0;
        while (*end && !(cut = separator(end))) end++;
        char *last = end;
        while (last > s && (last[-1] == ' ' || last[-1] == '\t')) last--;
        bool more = *end != 0;
        *last = 0;
        if (*s && n >= max) return fab_fail(err, FAB_EUSAGE, "more than %d labels", max), -1;
        if (*s) names[n++] = s;
        if (!more) break;
        s = end + cut;
    }
    if (n < 2)
        return fab_fail(err, FAB_EUSAGE, "--labels: %d label%s, at least 2 are needed", n,
                        n == 1 ? "" : "s"),
               -1;
    return n;
}

static void sort_by(const float *p, int *order, int n)
{
    for (int i = 0; i < n; i++) {
        int j = i;
        for (; j > 0 && p[order[j - 1]] < p[i]; j--) order[j] = order[j - 1];
        order[j] = i;
    }
}

/* The labels, likeliest first, printed or as JSON; cosine NULL: there are none. */
static json_t *list_labels(fab_run *r, const char **names, int n, const float *p,
                           const float *cosine)
{
    json_t *list = json_array();
    int order[FAB_CLASSES_MAX];
    sort_by(p, order, n);
    for (int i = 0; i < n; i++) {
        int k = order[i];
        if (!r->json && cosine)
            fprintf(r->out, "%.4f  %+.4f  %s\n", (double)p[k], (double)cosine[k], names[k]);
        else if (!r->json) fprintf(r->out, "%.4f  %s\n", (double)p[k], names[k]);
        json_t *one = json_pack("{s:s,s:f}", "label", names[k], "probability",
                                round((double)p[k] * 1e6) / 1e6);
        if (cosine)
            json_object_set_new(one, "cosine", json_real(round((double)cosine[k] * 1e6) / 1e6));
        json_array_append_new(list, one);
    }
    return list;
}

static bool print(fab_run *r, const fab_classifier *c, const fab_engine *e, const fab_input *in,
                  const char **names, int n, const float *p, const float *cosine, fab_err *err)
{
    static const char *const ways[] = { "question", "presence", "zero-shot" };
    fab_classify_way way = fab_classifier_way(c);
    json_t *list = list_labels(r, names, n, p, way == FAB_BY_PROMPTS ? cosine : NULL);
    if (!r->json) {
        if (fab_classifier_by_patient(c)) fprintf(r->out, "by the patient's age and sex too\n");
        json_decref(list);
        return true;
    }
    json_t *v = json_pack("{s:s,s:s,s:s?,s:b,s:o}", "schema", "fabrica.classify/1", "method",
                          ways[way], "row", fab_classifier_row(c), "by_patient",
                          fab_classifier_by_patient(c), "labels", list);
    return fab_run_result(r, v, e, in, err);
}

static bool classify(fab_run *r, const void *vo, fab_engine *e, const fab_input *in, fab_err *err)
{
    const opts *o = vo;
    const char *names[FAB_CLASSES_MAX];
    float p[FAB_CLASSES_MAX], cosine[FAB_CLASSES_MAX];
    const fab_patient given = { (float)o->age, fab_patient_sex(o->sex) },
                      who = o->picture_alone ? (fab_patient){ 0 }
                                             : fab_patient_or(given, in->image->patient);
    fab_gate_verdict v;
    char *labels = fab_arena_strdup(r->arena, o->labels, err);
    int n = labels ? split(labels, names, FAB_CLASSES_MAX, err) : -1;
    fab_classifier *c =
        n > 0 ? fab_classifier_new(e, names, n, strcmp(o->how, "prompts") == 0, err) : NULL;
    if (!c) return false;
    const fab_look *look = fab_engine_admit(e, in->image, o->force, &v, err);
    bool ok = (look || fab_while(err, "%s", o->image)) &&
              fab_classifier_run(c, look, &who, p, cosine, err) &&
              print(r, c, e, in, names, n, p, cosine, err);
    fab_look_unref(look);
    fab_classifier_free(c);
    return ok;
}

/* ---- a published dual encoder ---------------------------------------------------------------- */
static bool see(fab_run *r, const opts *o, fab_embedder *e, const fab_input *in, fab_err *err)
{
    const char *names[FAB_CLASSES_MAX];
    float p[FAB_CLASSES_MAX], cosine[FAB_CLASSES_MAX];
    const fab_encoder_facts *f = fab_embedder_about(e);
    const fab_picture picture = { in->image->rgb, in->image->width, in->image->height };
    char *labels = fab_arena_strdup(r->arena, o->labels, err);
    float *row = fab_arena_take(r->arena, (size_t)f->embed * sizeof *row, err);
    int n = labels && row ? split(labels, names, FAB_CLASSES_MAX, err) : -1;
    fab_zero_shot *z =
        n > 0 ? fab_zero_shot_new(e, names, n, o->templates.items, o->templates.n, err) : NULL;
    bool ok = z && fab_embedder_pictures(e, &picture, 1, row, err);
    if (ok) fab_zero_shot_score(z, row, p, cosine);
    fab_zero_shot_free(z);
    if (!ok) return false;
    json_t *list = list_labels(r, names, n, p, cosine);
    if (r->json)
        return fab_published_result(r,
                                    json_pack("{s:s,s:s,s:b,s:o}", "schema", "fabrica.classify/1",
                                              "method", "zero-shot", "independent", f->sigmoid,
                                              "labels", list),
                                    e, in->sha256, err);
    json_decref(list);
    return true;
}

static bool run_published(fab_run *r, const opts *o, const char *model, fab_err *err)
{
    fab_input in = { 0 };
    if (strcmp(o->how, "prompts"))
        return fab_fail(err, FAB_EUSAGE, "--by questions is for our own model");
    bool ok = fab_input_open(&in, o->image, NULL, err);
    fab_embedder *e = ok ? fab_published_open(r, model, o->exact, "folder", err) : NULL;
    ok = e && see(r, o, e, &in, err);
    fab_embedder_close(e);
    fab_input_close(&in);
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    const char *published = fab_published_model(o->model);
    if (strcmp(o->how, "prompts") == 0 && (o->age > 0 || o->sex))
        return fab_fail(err, FAB_EUSAGE, "--%s is for --by questions: prompts know no patient",
                        o->sex ? "sex" : "age");
    if (published) return run_published(r, o, published, err);
    if (o->templates.n) return fab_fail(err, FAB_EUSAGE, "--template is for published models");
    return fab_run_picture(r, o->image, NULL, o->model, classify, o, err);
}

/* clang-format off */
const fab_verb fab_verb_classify = {
    .name = "classify", .summary = "say which of the given labels fits an image",
    .about = "Zero-shot: each label becomes the mean embedding of several sentences about it; the softmax of the scaled "
             "cosines and the raw cosines are printed. With --by questions, labels that the report's protocol knows are "
             "asked for instead. --model may be the folder of a published dual encoder (CLIP, PLIP, BiomedCLIP, SigLIP, "
             "CONCH): its own sentences are used, or those of --template; SigLIP scores every label for itself.",
    .example = "fabrica classify chest.png --labels \"normal, pneumonia\"", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        FAB_OPT_IMAGE(opts),
        { "labels", FAB_STR, offsetof(opts, labels), NULL, "two or more, separated by commas; English or Chinese", .required = true,
          .meta = "\"A, B\"", .letter = 'l' },
        { "by", FAB_CHOICE, offsetof(opts, how), "prompts", "zero-shot, or by the questions the model was trained on", .choices = "prompts|questions" },
        { "template", FAB_LIST, offsetof(opts, templates), NULL, "a sentence with {} for the label, again and again, for a published model" },
        FAB_OPT_EXACT(opts),
        FAB_OPT_PATIENT(opts),
        FAB_OPT_FORCE(opts),
        FAB_OPT_MODEL(opts),
        { 0 } },
};
/* clang-format on */
