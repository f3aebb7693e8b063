/* run_classify: see run.h. */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "data/case.h"
#include "evaluate/run.h"

typedef struct {
    const char *path, *name; /* picture; class */
    int truth;
    json_t *record;
} example;

typedef struct {
    fab_arena *arena;
    example *items;
    int64_t n, cap, failed;
    const char **names; /* [n_classes] sorted */
    int n_classes;
    const fab_eval_opts *o;
} examples;

static void tell(examples *x, const char *file, int64_t line, const char *what)
{
    char s[600];
    if (line) snprintf(s, sizeof s, "%s line %lld: %s", file, (long long)line, what);
    else snprintf(s, sizeof s, "%s", what);
    x->failed++;
    if (x->o->on_bad) x->o->on_bad(x->o->arg, s);
}

static bool push(examples *x, const example *one, fab_err *err)
{
    if (x->n == x->cap) {
        int64_t cap = x->cap ? 2 * x->cap : 256;
        if (!fab_grow((void **)&x->items, (size_t)cap, sizeof *x->items, err)) return false;
        x->cap = cap;
    }
    x->items[x->n++] = *one;
    return true;
}

static const char *class_of(const json_t *record, const char *field, fab_arena *a, fab_err *err)
{
    const json_t *v = json_object_get(record, field);
    if (json_is_string(v) && *json_string_value(v))
        return fab_arena_strdup(a, json_string_value(v), err);
    if (json_is_integer(v))
        return fab_arena_printf(a, err, "%lld", (long long)json_integer_value(v));
    return NULL;
}

static bool read_examples(examples *x, const char *path, const fab_eval_classes *c, fab_err *err)
{
    fab_jsonl j;
    const char *dir = c->images_dir ? c->images_dir : fab_path_dir(x->arena, path, err);
    if (!dir || !fab_jsonl_open(&j, path, err)) return false;
    bool ok = true;
    json_t *record;
    while (ok && (x->o->limit <= 0 || x->n < x->o->limit) && (record = fab_jsonl_next(&j, err))) {
        const char *image = json_string_value(json_object_get(record, "image"));
        example one = { .record = record, .name = class_of(record, c->label, x->arena, err) };
        if (!image) tell(x, path, j.line, "no field \"image\" with a path");
        else if (!one.name) {
            char what[200];
            snprintf(what, sizeof what, "no field \"%.100s\" with a class name", c->label);
            tell(x, path, j.line, what);
        } else {
            one.path = fab_path_join(x->arena, dir, image, err);
            ok = one.path && push(x, &one, err);
            if (ok) json_incref(record);
        }
        json_decref(record);
    }
    fab_jsonl_close(&j);
    if (err && err->code) return false;
    if (ok && x->n == 0)
        return fab_fail(err, FAB_EFORMAT, "%s: no record has an \"image\" and a class in \"%s\"",
                        path, c->label);
    return ok;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool find_classes(examples *x, fab_err *err)
{
    const char **all = fab_arena_take(x->arena, (size_t)x->n * sizeof *all, err);
    if (!all) return false;
    for (int64_t i = 0; i < x->n; i++) all[i] = x->items[i].name;
    qsort(all, (size_t)x->n, sizeof *all, by_text);
    x->n_classes = 0;
    for (int64_t i = 0; i < x->n; i++)
        if (i == 0 || strcmp(all[i], all[i - 1]) != 0) all[x->n_classes++] = all[i];
    x->names = all;
    if (x->n_classes < 2 || x->n_classes > FAB_CLASSES_MAX)
        return fab_fail(err, FAB_EFORMAT, "%d classes in the data, 2 to %d can be told apart",
                        x->n_classes, FAB_CLASSES_MAX);
    for (int64_t i = 0; i < x->n; i++) {
        const char *key = x->items[i].name;
        const char *const *at = bsearch(&key, all, (size_t)x->n_classes, sizeof *all, by_text);
        x->items[i].truth = (int)(at - all);
    }
    return true;
}

/* The pictures that could be read into out; false when nothing can go on. */
static bool run_all(examples *x, fab_engine *e, fab_classifier *c, const fab_eval_classes *asked,
                    fab_predictions *out, fab_err *err)
{
    float *p = fab_arena_take(x->arena, (size_t)x->n_classes * sizeof *p, err);
    for (int64_t i = 0; p && i < x->n; i++) {
        fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
        fab_patient who = fab_record_patient(x->items[i].record);
        fab_err bad = FAB_ERR_INIT;
        how.no_raw = true;
        fab_image *im = fab_image_open(x->items[i].path, &how, &bad);
        const fab_look *look = im ? fab_engine_look(e, im, &bad) : NULL;
        if (im) who = fab_patient_or(who, im->patient);
        fab_image_free(im);
        bool ok = !look ||
                  (fab_classifier_run(c, look, asked->picture_alone ? NULL : &who, p, NULL, err) &&
                   fab_predictions_add(out, x->items[i].record, x->items[i].truth, p, err));
        out->by_patient += look && fab_classifier_by_patient(c);
        fab_look_unref(look);
        if (!ok) return false;
        if (!look) tell(x, NULL, 0, bad.text);
        if (x->o->on_step) x->o->on_step(x->o->arg, i + 1, x->n);
    }
    if (p && !out->n)
        fab_fail(err, FAB_EFORMAT, "none of %lld pictures could be read", (long long)x->n);
    return out->n > 0;
}

static bool predict(examples *x, fab_engine *e, fab_classifier *c, const fab_eval_classes *asked,
                    fab_predictions *out, fab_err *err)
{
    static const char *const ways[] = { "question", "presence", "zero-shot" };
    *out = (fab_predictions){ .arena = fab_arena_new(0, err),
                              .n_classes = x->n_classes,
                              .method = ways[fab_classifier_way(c)] };
    if (!out->arena) return false;
    out->names = fab_arena_take(out->arena, (size_t)x->n_classes * sizeof *out->names, err);
    for (int i = 0; out->names && i < x->n_classes; i++)
        if (!(out->names[i] = fab_arena_strdup(out->arena, x->names[i], err))) return false;
    bool ok = out->names && run_all(x, e, c, asked, out, err);
    out->failed = x->failed;
    return ok;
}

bool fab_eval_classify_run(fab_engine *e, const char *path, const fab_eval_classes *c,
                           const fab_eval_opts *opts, fab_predictions *out, fab_err *err)
{
    fab_eval_opts o = opts ? *opts : (fab_eval_opts){ 0 };
    examples x = { .o = &o };
    x.arena = fab_arena_new(0, err);
    fab_classifier *k = NULL;
    *out = (fab_predictions){ 0 };
    bool ok = x.arena && read_examples(&x, path, c, err) && find_classes(&x, err) &&
              (k = fab_classifier_new(e, x.names, x.n_classes, c->zero_shot, err)) &&
              predict(&x, e, k, c, out, err);
    fab_classifier_free(k);
    for (int64_t i = 0; i < x.n; i++) json_decref(x.items[i].record);
    fab_free(x.items);
    fab_arena_free(x.arena);
    return ok;
}
