/* run_caption: see run_caption.h. */
#include "evaluate/run_caption.h"

#include <math.h>
#include <string.h>
#include "base/json.h"
#include "data/record.h"

enum { MOST_METRICS = 16, TOKENS = 96, MOST_REFS = 64 };

void fab_caption_clear(fab_caption_sets *s)
{
    fab_score_clear(&s->seen);
    fab_score_clear(&s->blank);
    fab_score_clear(&s->shuffled);
}

typedef struct {
    fab_engine *e;
    const fab_caption_opts *c;
    const fab_eval_opts *o;
    fab_caption_sets *s;
    fab_arena *arena;
    const char *dir, *grey[FAB_LANGS];
    int64_t seen;
} job;

static bool take_refs(const json_t *o, const char *field, fab_text *refs, int *n, fab_err *err)
{
    const json_t *v = json_object_get(o, field);
    *n = json_is_array(v) ? (int)json_array_size(v) : 1;
    if (*n < 1 || *n > MOST_REFS)
        return fab_fail(err, FAB_EFORMAT, "%s: %d references, 1 to %d", field, *n, MOST_REFS);
    for (int i = 0; i < *n; i++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, (size_t)i) : v;
        if (!json_is_string(one) || !*json_string_value(one))
            return fab_fail(err, FAB_EFORMAT, "no field \"%.60s\" with a reference", field);
        refs[i] = (fab_text){ json_string_value(one), json_string_length(one) };
    }
    return true;
}

static const char *describe(job *j, const fab_look *look, fab_lang lang, fab_err *err)
{
    fab_answer a;
    const fab_ask_opts how = { .kind = lang == FAB_ZH ? FAB_CAPTION_ZH : FAB_CAPTION_EN,
                               .max_tokens = TOKENS };
    return fab_engine_ask(j->e, look, NULL, &how, j->arena, &a, err) ? a.text : NULL;
}

static const char *describe_grey(job *j, fab_lang lang, fab_err *err)
{
    if (j->grey[lang]) return j->grey[lang];
    const fab_look *grey = fab_engine_look_grey(j->e, err);
    if (grey) j->grey[lang] = describe(j, grey, lang, err);
    fab_look_unref(grey);
    return j->grey[lang];
}

static const fab_look *look_at(job *j, const char *path, fab_err *err)
{
    fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
    how.no_raw = true;
    fab_image *im = fab_image_open(path, &how, err);
    const fab_look *look = im ? fab_engine_look(j->e, im, err) : NULL;
    fab_image_free(im);
    return look;
}

static bool put(fab_score_set *s, const char *id, const char *text, const fab_text *refs, int n,
                fab_err *err)
{
    const fab_score_record r = { id, { text, strlen(text) }, refs, n, s->n + 1 };
    return fab_score_add(s, &r, err);
}

static bool one_record(void *arg, const json_t *o, fab_err *err)
{
    job *j = arg;
    fab_text refs[MOST_REFS];
    int n;
    if (j->o->limit > 0 && j->seen >= j->o->limit) return true;
    const char *image = fab_json_str(o, "image", err), *id = fab_json_str(o, "id", NULL);
    if (!image || !take_refs(o, j->c->field, refs, &n, err)) return false;
    const char *path = fab_path_join(j->arena, j->dir, image, err);
    fab_err bad = FAB_ERR_INIT;
    const fab_look *look = path ? look_at(j, path, &bad) : NULL;
    j->seen++;
    if (!look) {
        if (!path || bad.code == FAB_ENOMEM) return false;
        j->s->failed++;
        if (j->o->on_bad) j->o->on_bad(j->o->arg, bad.text);
        return true;
    }
    fab_lang lang =
        j->c->lang ? (strcmp(j->c->lang, "zh") ? FAB_EN : FAB_ZH) : fab_lang_guess(refs[0].s);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)j->seen);
    const char *text = describe(j, look, lang, err),
               *grey = text ? describe_grey(j, lang, err) : NULL;
    fab_look_unref(look);
    if (j->o->on_step) j->o->on_step(j->o->arg, j->seen, j->o->limit);
    return grey && put(&j->s->seen, id ? id : number, text, refs, n, err) &&
           put(&j->s->blank, id ? id : number, grey, refs, n, err);
}

/* The caption of the next record in place of one's own. */
static bool shuffle(fab_caption_sets *s, fab_err *err)
{
    for (int64_t i = 0; s->seen.n > 1 && i < s->seen.n; i++) {
        fab_score_record r = s->seen.items[i];
        r.hyp = s->seen.items[(i + 1) % s->seen.n].hyp;
        if (!fab_score_add(&s->shuffled, &r, err)) return false;
    }
    return true;
}

bool fab_caption_run(fab_engine *e, const char *path, const fab_caption_opts *c,
                     const fab_eval_opts *o, fab_caption_sets *s, fab_err *err)
{
    job j = { .e = e, .c = c, .o = o, .s = s, .arena = fab_arena_new(0, err) };
    bool ok = j.arena && fab_score_init(&s->seen, err) && fab_score_init(&s->blank, err) &&
              fab_score_init(&s->shuffled, err);
    if (ok) j.dir = c->images_dir ? c->images_dir : fab_path_dir(j.arena, path, err);
    ok = ok && j.dir && fab_jsonl_each(path, one_record, &j, err);
    if (ok && !s->seen.n)
        ok = fab_fail(err, FAB_EFORMAT,
                      j.seen ? "%s: none of %lld records could be used" : "%s: no records", path,
                      (long long)j.seen);
    ok = ok && shuffle(s, err);
    fab_arena_free(j.arena);
    return ok;
}

/* ---- report ------------------------------------------------------------------------------------ */

static bool name_metrics(const char *list, fab_metric *m, int *n, fab_arena *a, fab_err *err)
{
    for (*n = 0; *list; list += *list == ',') {
        size_t len = strcspn(list, ",");
        char *name = fab_arena_printf(a, err, "%.*s", (int)len, list);
        if (*n == MOST_METRICS)
            return fab_fail(err, FAB_EUSAGE, "more than %d metrics", MOST_METRICS);
        if (!name || !fab_metric_named(name, &m[(*n)++], err)) return false;
        list += len;
    }
    return *n > 0 || fab_fail(err, FAB_EUSAGE, "no metric is named");
}

static json_t *score(const fab_score_set *s, const fab_metric *m, int n, const fab_boot_opts *boot,
                     fab_arena *a, double *means, fab_err *err)
{
    const fab_score_opts how = { .bleu.value = -1 };
    fab_score_table t;
    fab_interval *v = fab_arena_take(a, (size_t)(3 * n) * sizeof *v, err);
    if (!v || !fab_score_run(s, &how, m, n, a, &t, err) || !fab_score_corpus(&t, boot, v, err))
        return NULL;
    for (int i = 0; i < n; i++) means[i] = v[3 * i + 2].value;
    return fab_score_corpus_json(&t, v);
}

json_t *fab_caption_report(const fab_caption_sets *s, const char *metrics,
                           const fab_boot_opts *boot, fab_arena *a, fab_err *err)
{
    static const char *const names[] = { "blank_image", "shuffled_image" };
    const fab_score_set *sets[] = { &s->blank, &s->shuffled };
    fab_metric m[MOST_METRICS];
    double own[MOST_METRICS], left[MOST_METRICS];
    int n;
    if (!name_metrics(metrics, m, &n, a, err)) return NULL;
    json_t *v = score(&s->seen, m, n, boot, a, own, err), *survives = json_object();
    for (int k = 0; v && k < 2; k++) {
        if (!sets[k]->n) continue;
        json_t *one = score(sets[k], m, n, boot, a, left, err), *share = json_object();
        for (int i = 0; i < n; i++)
            json_object_set_new(share, m[i].name,
                                own[i] > 0 ? json_real(left[i] / own[i]) : json_null());
        json_object_set_new(survives, names[k], share);
        if (!one || json_object_set_new(v, names[k], one) != 0) {
            json_decref(survives);
            json_decref(v);
            return NULL;
        }
    }
    if (v) json_object_set_new(v, "failed", json_integer(s->failed));
    if (v && json_object_size(survives)) json_object_set(v, "survives", survives);
    json_decref(survives);
    return v;
}
