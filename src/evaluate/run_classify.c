/* run_classify: see run.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "evaluate/run.h"

typedef struct {
    const char *path, *name; /* picture; class */
    int truth;
    int64_t line;
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
        example one = { .line = j.line, .name = class_of(record, c->label, x->arena, err) };
        if (!image) tell(x, path, j.line, "no field \"image\" with a path");
        else if (!one.name) {
            char what[200];
            snprintf(what, sizeof what, "no field \"%.100s\" with a class name", c->label);
            tell(x, path, j.line, what);
        } else {
            one.path = fab_path_join(x->arena, dir, image, err);
            ok = one.path && push(x, &one, err);
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

/* scores [n_good, C] and truth of the pictures that could be read; the count, -1 when nothing can
 * go on. */
static int64_t run_all(examples *x, fab_engine *e, fab_classifier *c, float *scores, int *truth,
                       fab_err *err)
{
    int64_t good = 0;
    for (int64_t i = 0; i < x->n; i++) {
        fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
        fab_err bad = FAB_ERR_INIT;
        how.no_raw = true;
        fab_image *im = fab_image_open(x->items[i].path, &how, &bad);
        const fab_look *look = im ? fab_engine_look(e, im, &bad) : NULL;
        fab_image_free(im);
        bool ok = !look || fab_classifier_run(c, look, scores + good * x->n_classes, NULL, err);
        fab_look_unref(look);
        if (!ok) return -1;
        if (look) truth[good++] = x->items[i].truth;
        else tell(x, NULL, 0, bad.text);
        if (x->o->on_step) x->o->on_step(x->o->arg, i + 1, x->n);
    }
    return good;
}

static int normal_class(const examples *x)
{
    for (int i = 0; i < x->n_classes; i++) {
        const char *s = x->names[i];
        if (!strcmp(s, "normal") || !strcmp(s, "NORMAL") || !strcmp(s, "Normal") ||
            !strcmp(s, "healthy") || !strcmp(s, "正常"))
            return i;
    }
    return -1;
}

/* All classes but normal as one, when that is not one of them already. */
static bool add_union(const examples *x, const float *scores, const int *truth, int64_t n,
                      json_t *json, fab_err *err)
{
    int normal = normal_class(x);
    bool pneumonia = true;
    double auc;
    int64_t positives = 0;
    if (normal < 0 || x->n_classes < 3) return true;
    for (int i = 0; i < x->n_classes; i++)
        pneumonia = pneumonia && (i == normal || strstr(x->names[i], "pneumonia"));
    float *s = fab_arena_take(x->arena, (size_t)n * sizeof *s, err);
    uint8_t *y = fab_arena_take(x->arena, (size_t)n, err);
    if (!s || !y) return false;
    for (int64_t i = 0; i < n; i++) {
        s[i] = -scores[i * x->n_classes + normal];
        positives += y[i] = truth[i] != normal;
    }
    if (!fab_auc(s, y, n, &auc, err)) return false;
    json_t *one = json_pack("{s:I,s:o}", "n", (json_int_t)positives, "auc",
                            isfinite(auc) ? json_real(auc) : json_null());
    json_object_set_new(json_object_get(json, "per_class"), pneumonia ? "pneumonia" : "abnormal",
                        one);
    return true;
}

static json_t *measure(examples *x, fab_engine *e, fab_classifier *c, fab_err *err)
{
    static const char *const ways[] = { "question", "presence", "zero-shot" };
    float *scores =
        fab_arena_take(x->arena, (size_t)x->n * (size_t)x->n_classes * sizeof *scores, err);
    int *truth = fab_arena_take(x->arena, (size_t)x->n * sizeof *truth, err);
    fab_classify_scores out;
    int64_t n = scores && truth ? run_all(x, e, c, scores, truth, err) : -1;
    if (n == 0) fab_fail(err, FAB_EFORMAT, "none of %lld pictures could be read", (long long)x->n);
    if (n <= 0 || !fab_classify_measure(scores, truth, n, x->n_classes, x->arena, &out, err))
        return NULL;
    json_t *json = fab_classify_json(&out, x->names);
    json_object_set_new(json, "failed", json_integer(x->failed));
    json_object_set_new(json, "method", json_string(ways[fab_classifier_way(c)]));
    if (!json || !add_union(x, scores, truth, n, json, err)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

bool fab_eval_classify_run(fab_engine *e, const char *path, const fab_eval_classes *c,
                           const fab_eval_opts *opts, json_t **json, fab_err *err)
{
    fab_eval_opts o = opts ? *opts : (fab_eval_opts){ 0 };
    examples x = { .o = &o };
    x.arena = fab_arena_new(0, err);
    fab_classifier *k = NULL;
    *json = NULL;
    if (x.arena && read_examples(&x, path, c, err) && find_classes(&x, err) &&
        (k = fab_classifier_new(e, x.names, x.n_classes, c->zero_shot, err)))
        *json = measure(&x, e, k, err);
    fab_classifier_free(k);
    fab_free(x.items);
    fab_arena_free(x.arena);
    return *json != NULL;
}
