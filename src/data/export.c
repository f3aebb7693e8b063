/* export: see export.h. */
#include "data/export.h"

#include <string.h>
#include "base/json.h"

typedef struct {
    const fab_bundle *bundle;
    fab_arena *arena;
    fab_out out;
    int64_t n;
} writer;

/* Takes o; NULL: it could not be made. */
static bool write_line(writer *w, const char *id, json_t *o, fab_err *err)
{
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    bool ok = text ? fab_out_write(&w->out, text, strlen(text), err) &&
                         fab_out_write(&w->out, "\n", 1, err)
                   : fab_fail(err, FAB_EFORMAT, "%s: record '%.60s' cannot be written as JSON",
                              w->out.path, id);
    fab_free(text);
    json_decref(o);
    w->n += ok;
    return ok;
}

static json_t *question(const writer *w, const fab_qa *q, fab_err *err)
{
    const char *image = fab_path_real(w->arena, w->bundle->images.paths[q->image], err);
    return image ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", q->id,
                             "image", image, "question", q->question, "answer", q->answer,
                             "answer_type", q->closed ? "CLOSED" : "OPEN", "lang",
                             q->lang == FAB_ZH ? "zh" : "en", "source", q->source, "content_type",
                             q->content_type, "organ", q->organ, "modality", q->modality)
                 : NULL;
}

static bool write_questions(writer *w, const fab_qa_set *s, fab_err *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < s->n; i++)
        if (s->items[i].image >= 0)
            ok = write_line(w, s->items[i].id, question(w, &s->items[i], err), err);
    return ok;
}

/* A case as its file has it, less what describes the training. */
static json_t *as_read(const writer *w, const fab_case *c, const char *field, fab_err *err)
{
    const char *image = fab_path_real(w->arena, w->bundle->images.paths[c->image], err);
    json_t *o = image
                    ? json_pack("{s:s, s:s, s:s}", "id", c->id, "image", image, field, c->diagnosis)
                    : NULL;
    const fab_patient *who = &c->patient;
    if (o && who->sex) json_object_set_new(o, "sex", json_string(fab_patient_sex_word(who)));
    if (o && who->age > 0) json_object_set_new(o, "age", json_real((double)who->age));
    return o;
}

static bool write_cases(writer *w, fab_set set, const char *field, fab_err *err)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < w->bundle->cases.n; i++) {
        const fab_case *c = &w->bundle->cases.items[i];
        if (c->set == set && c->val) ok = write_line(w, c->id, as_read(w, c, field, err), err);
    }
    return ok;
}

/* One caption a picture: what training would have said of it. */
static bool write_captions(writer *w, fab_set set, fab_lang lang, fab_err *err)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < w->bundle->cases.n; i++) {
        const fab_case *c = &w->bundle->cases.items[i];
        if (c->set != set || !c->val) continue;
        const char *image = fab_path_real(w->arena, w->bundle->images.paths[c->image], err),
                   *caption = image ? fab_caption(c, lang, 0, false, w->arena, err) : NULL;
        ok = caption && write_line(w, c->id,
                                   json_pack("{s:s, s:s, s:s}", "id", c->id, "image", image,
                                             "caption", caption),
                                   err);
    }
    return ok;
}

const char *const fab_export_names[FAB_EXPORTS] = {
    "slake",
    "vqa_rad",
    "isic",
    "kermany",
    "slake_captions_en",
    "slake_captions_zh",
    "isic_captions_en",
    "isic_captions_zh",
};

static bool write_records(writer *w, int which, fab_err *err)
{
    switch (which) {
    case 0: return write_questions(w, &w->bundle->slake_val, err);
    case 1: return write_questions(w, &w->bundle->rad_val, err);
    case 2: return write_cases(w, FAB_SET_ISIC, "diagnosis", err);
    case 3: return write_cases(w, FAB_SET_KERMANY, "label", err);
    default:
        return write_captions(w, which < 6 ? FAB_SET_SLAKE : FAB_SET_ISIC,
                              which & 1 ? FAB_ZH : FAB_EN, err);
    }
}

static bool write_file(writer *w, const char *dir, int which, fab_err *err)
{
    const char *name = fab_arena_printf(w->arena, err, "%s.jsonl", fab_export_names[which]),
               *path = name ? fab_path_join(w->arena, dir, name, err) : NULL;
    w->n = 0;
    if (!path || !fab_out_open(&w->out, path, err)) return false;
    bool ok = write_records(w, which, err) && fab_out_commit(&w->out, err);
    fab_out_abort(&w->out);
    return ok;
}

bool fab_bundle_export_val(const fab_bundle *b, const char *dir, int64_t n[FAB_EXPORTS],
                           fab_err *err)
{
    writer w = { .bundle = b, .arena = fab_arena_new(0, err) };
    bool ok = w.arena && fab_mkdirs(dir, err);
    for (int i = 0; ok && i < FAB_EXPORTS; i++) {
        ok = write_file(&w, dir, i, err);
        if (n) n[i] = w.n;
    }
    fab_arena_free(w.arena);
    return ok;
}
