/* levels: see levels.h. */
#include "train/levels.h"

#include <string.h>
#include "base/json.h"
#include "evaluate/vqa.h"

typedef struct {
    fab_session *s;
    fab_grader grader;
    fab_out *out; /* NULL: none */
    fab_level_row *rows;
} listing;

static bool write_record(listing *l, const fab_qa *q, int level, double sum, bool held_out,
                         fab_err *err)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:f, s:b}", "source", q->source, "lang",
                          q->lang == FAB_ZH ? "zh" : "en", "image",
                          l->s->bundle.images.paths[q->image], "question", q->question, "answer",
                          q->answer, "level", level, "sum", sum, "held_out", held_out);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    bool ok =
        text ? fab_out_write(l->out, text, strlen(text), err) && fab_out_write(l->out, "\n", 1, err)
             : fab_fail(err, FAB_EFORMAT, "record '%.60s' cannot be written as JSON", q->id);
    fab_free(text);
    json_decref(o);
    return ok;
}

static bool place(listing *l, const fab_qa *q, fab_level_kind kind, int guessed, fab_err *err)
{
    int level = fab_grade(&l->grader, q, guessed);
    fab_level_row *r = &l->rows[level - 1];
    r->n[kind]++;
    if (kind == FAB_LEVEL_SLAKE || kind == FAB_LEVEL_VQA_RAD) {
        r->written++;
        r->closed += q->closed;
        r->guessed += guessed == 1;
    }
    return !l->out || write_record(l, q, level, fab_grade_sum(&l->grader, q, guessed),
                                   kind == FAB_LEVEL_HELD_OUT, err);
}

static bool place_training(listing *l, fab_err *err)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < l->s->bundle.images.n; i++) {
        const fab_picture_qa *p = &l->s->of_picture[i];
        for (int32_t k = 0; ok && k < p->n_real; k++)
            ok = place(l, p->real[k],
                       strcmp(p->real[k]->source, "SLAKE") ? FAB_LEVEL_VQA_RAD : FAB_LEVEL_SLAKE,
                       fab_grade_guessed(p, k), err);
        for (int32_t k = 0; ok && k < p->n_made; k++)
            ok = place(l, p->made[k], FAB_LEVEL_MADE, -1, err);
    }
    return ok;
}

/* Held-out questions are guessed by who knows all of training. */
static bool place_held_out(listing *l, fab_err *err)
{
    const fab_bundle *b = &l->s->bundle;
    fab_qa *all = fab_new_array((size_t)(b->slake.n + b->rad.n) + 1, sizeof *all, err);
    if (!all) return false;
    if (b->slake.n) memcpy(all, b->slake.items, (size_t)b->slake.n * sizeof *all);
    if (b->rad.n) memcpy(all + b->slake.n, b->rad.items, (size_t)b->rad.n * sizeof *all);
    fab_blind *teacher = fab_blind_train(all, b->slake.n + b->rad.n, err);
    bool ok = teacher != NULL;
    for (int64_t i = 0; ok && i < l->s->n_val; i++) {
        const fab_qa *q = l->s->val[i];
        if (strcmp(q->source, "SLAKE") && strcmp(q->source, "VQA-RAD")) continue;
        ok = place(l, q, FAB_LEVEL_HELD_OUT, fab_vqa_match(fab_blind_answer(teacher, q), q->answer),
                   err);
    }
    fab_blind_free(teacher);
    fab_free(all);
    return ok;
}

static bool list_all(listing *l, const char *out, fab_err *err)
{
    fab_out file;
    if (out && !fab_out_open(&file, out, err)) return false;
    l->out = out ? &file : NULL;
    bool ok = fab_session_prior(l->s, true, err) &&
              fab_grader_init(&l->grader, l->s, l->s->arena, err) && place_training(l, err) &&
              place_held_out(l, err);
    for (int i = 0; i < FAB_LEVELS; i++)
        l->rows[i].to = i + 1 < FAB_LEVELS ? l->grader.bound[i] : FAB_LEVELS;
    ok = ok && (!out || fab_out_commit(&file, err));
    if (out) fab_out_abort(&file);
    return ok;
}

bool fab_levels(const char *data, const char *out, fab_pool *pool, fab_level_row rows[FAB_LEVELS],
                fab_err *err)
{
    fab_session s;
    memset(rows, 0, FAB_LEVELS * sizeof *rows);
    listing l = { .s = &s, .rows = rows };
    bool ok = fab_session_open_data(&s, data, pool, err) && list_all(&l, out, err);
    fab_session_close(&s);
    return ok;
}
