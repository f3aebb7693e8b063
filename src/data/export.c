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
    return image ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", q->id, "image",
                             image, "question", q->question, "answer", q->answer, "answer_type",
                             q->closed ? "CLOSED" : "OPEN", "lang", q->lang == FAB_ZH ? "zh" : "en",
                             "source", q->source, "content_type", q->content_type)
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

static bool write_cases(writer *w, fab_set set, const char *field, fab_err *err)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < w->bundle->cases.n; i++) {
        const fab_case *c = &w->bundle->cases.items[i];
        if (c->set != set || !c->val) continue;
        const char *image = fab_path_real(w->arena, w->bundle->images.paths[c->image], err);
        ok = image && write_line(w, c->id,
                                 json_pack("{s:s, s:s, s:s}", "id", c->id, "image", image, field,
                                           c->diagnosis),
                                 err);
    }
    return ok;
}

static bool write_file(writer *w, const char *dir, int which, fab_err *err)
{
    static const char *const names[] = { "slake.jsonl", "vqa_rad.jsonl", "isic.jsonl",
                                         "kermany.jsonl" };
    const char *path = fab_path_join(w->arena, dir, names[which], err);
    w->n = 0;
    if (!path || !fab_out_open(&w->out, path, err)) return false;
    bool ok = which == 0   ? write_questions(w, &w->bundle->slake_val, err)
              : which == 1 ? write_questions(w, &w->bundle->rad_val, err)
              : which == 2 ? write_cases(w, FAB_SET_ISIC, "diagnosis", err)
                           : write_cases(w, FAB_SET_KERMANY, "label", err);
    ok = ok && fab_out_commit(&w->out, err);
    fab_out_abort(&w->out);
    return ok;
}

bool fab_bundle_export_val(const fab_bundle *b, const char *dir, int64_t n[4], fab_err *err)
{
    writer w = { .bundle = b, .arena = fab_arena_new(0, err) };
    bool ok = w.arena && fab_mkdirs(dir, err);
    for (int i = 0; ok && i < 4; i++) {
        ok = write_file(&w, dir, i, err);
        if (n) n[i] = w.n;
    }
    fab_arena_free(w.arena);
    return ok;
}
