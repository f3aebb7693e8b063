/* exam: what the model answers to records it has not learnt from, greedily, scored by exact match.
 *
 * The model of the moment is written as a file and asked through the engine, pictures and all, as
 * "fabrica eval vqa" does: question for question the same answers. Questions of one picture share
 * one look at it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "evaluate/vqa.h"
#include "train/adapt.h"

enum { GROUP = 64, MAX_ANSWER = 48 /* as "eval vqa" has it */ };

const fab_look *fab_session_look(fab_session *s, fab_engine *e, int32_t image, fab_err *err)
{
    fab_image_opts how = FAB_IMAGE_OPTS_DEFAULTS;
    const char *path = s->bundle.images.paths[image];
    how.no_raw = how.trusted = true;
    fab_image *im = fab_image_open(path, &how, err);
    const fab_look *l = im ? fab_engine_look(e, im, err) : NULL;
    if (im && !l) fab_while(err, "%s", path);
    fab_image_free(im);
    return l;
}

fab_engine *fab_session_engine(fab_session *s, const char *path, const fab_mini_save_opts *o,
                               fab_err *err)
{
    if (s->adapting) return fab_adapt_engine(s, err);
    fab_mini_save_opts plain = { .name = s->recipe.name,
                                 .version = s->recipe.version,
                                 .dtype = s->recipe.dtype };
    return fab_mini_save(path, s->model, s->bpe, o ? o : &plain, err)
               ? fab_engine_open(path, s->pool, err)
               : NULL;
}

/* Answers to the records from i to end, at most GROUP of one picture, or of a grey one. */
static bool answer_group(fab_session *s, fab_engine *e, fab_replies *r, int64_t i, int64_t end,
                         fab_err *err)
{
    const fab_ask_opts o = { .max_tokens = MAX_ANSWER };
    const fab_qa *const *q = r->q + i;
    const int n = (int)(end - i);
    const char *questions[GROUP];
    fab_answer answers[GROUP];
    for (int k = 0; k < n; k++) questions[k] = q[k]->question;
    fab_arena_reset(s->step_arena);
    const fab_look *look =
        r->blank ? fab_engine_look_grey(e, err) : fab_session_look(s, e, q[0]->image, err);
    bool ok =
        look && s->recipe.peft.decoder
            ? fab_pefomed_answers(s, look, questions, n, answers, err)
            : look && fab_engine_ask_many(e, look, questions, n, &o, s->step_arena, answers, err);
    fab_look_unref(look);
    for (int k = 0; ok && k < n; k++) {
        r->right[i + k] = fab_vqa_match(answers[k].text, q[k]->answer);
        r->p[i + k] = (float)fab_answer_probability(&answers[k]);
    }
    return ok;
}

static bool source_is(const fab_qa *q, const char *name) { return !strcmp(q->source, name); }

static bool is_made(const fab_qa *q) { return !source_is(q, "SLAKE") && !source_is(q, "VQA-RAD"); }

static double share(const bool *right, const fab_qa *const *q, int64_t n, const char *source,
                    int lang, int closed, const bool *only)
{
    int64_t hit = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        if (source ? !source_is(q[i], source) : !is_made(q[i])) continue;
        if ((lang >= 0 && (int)q[i]->lang != lang) || (closed >= 0 && q[i]->closed != closed) ||
            (only && !only[i]))
            continue;
        all++;
        hit += right[i];
    }
    return all ? (double)hit / (double)all : NAN;
}

void fab_exam_of(const fab_replies *r, fab_exam *e)
{
    const fab_qa *const *q = r->q;
    const bool *right = r->right, *unseen = r->unseen;
    const int64_t n = r->n;
    *e = (fab_exam){
        .slake_en = share(right, q, n, "SLAKE", FAB_EN, -1, NULL),
        .slake_en_open = share(right, q, n, "SLAKE", FAB_EN, 0, NULL),
        .slake_en_closed = share(right, q, n, "SLAKE", FAB_EN, 1, NULL),
        .slake_zh = share(right, q, n, "SLAKE", FAB_ZH, -1, NULL),
        .slake_unseen = share(right, q, n, "SLAKE", -1, -1, unseen),
        .rad = share(right, q, n, "VQA-RAD", -1, -1, NULL),
        .rad_open = share(right, q, n, "VQA-RAD", -1, 0, NULL),
        .rad_closed = share(right, q, n, "VQA-RAD", -1, 1, NULL),
        .made = share(right, q, n, NULL, -1, -1, NULL),
        .n = n,
    };
    const double sets[] = { e->slake_en, e->slake_zh, e->rad, e->made };
    int asked = 0;
    for (int i = 0; i < 4; i++)
        if (!isnan(sets[i])) e->all += sets[i], asked++;
    e->all /= asked ? asked : 1;
}

int fab_exam_parts(const fab_exam *e, fab_scalar *out)
{
    const fab_scalar all[FAB_EXAM_PARTS] = {
        { "val/all", e->all },           { "val/slake_en", e->slake_en },
        { "val/slake_zh", e->slake_zh }, { "val/slake_unseen", e->slake_unseen },
        { "val/vqa_rad", e->rad },       { "val/made", e->made },
    };
    int n = 0;
    for (int i = 0; i < FAB_EXAM_PARTS; i++)
        if (!isnan(all[i].value)) out[n++] = all[i];
    return n;
}

void fab_exam_line(const fab_exam *e, char line[FAB_EXAM_LINE])
{
    const struct {
        const char *name;
        double all, open, closed;
    } parts[] = {
        { "all", e->all, NAN, NAN },
        { "slake en", e->slake_en, e->slake_en_open, e->slake_en_closed },
        { "zh", e->slake_zh, NAN, NAN },
        { "unseen", e->slake_unseen, NAN, NAN },
        { "rad", e->rad, e->rad_open, e->rad_closed },
        { "made", e->made, NAN, NAN },
    };
    int n = 0;
    line[0] = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (isnan(parts[i].all)) continue;
        n += snprintf(line + n, (size_t)(FAB_EXAM_LINE - n), "%s%s %.3f", n ? "  " : "",
                      parts[i].name, parts[i].all);
        if (!isnan(parts[i].open) && !isnan(parts[i].closed))
            n += snprintf(line + n, (size_t)(FAB_EXAM_LINE - n), " (open %.3f closed %.3f)",
                          parts[i].open, parts[i].closed);
    }
}

/* {overall, open, closed} of what was asked, under key; nothing of a set that was not. */
static bool put(json_t *o, const char *key, double overall, double open, double closed)
{
    if (isnan(overall)) return true;
    json_t *set = json_pack("{s:f}", "overall", overall);
    bool ok = set != NULL;
    if (ok && !isnan(open)) ok = !json_object_set_new(set, "open", json_real(open));
    if (ok && !isnan(closed)) ok = !json_object_set_new(set, "closed", json_real(closed));
    return !json_object_set_new(o, key, set) && ok;
}

json_t *fab_exam_json(const fab_exam *e)
{
    json_t *o = json_pack("{s:I}", "n", (json_int_t)e->n);
    bool ok = o && put(o, "slake_en", e->slake_en, e->slake_en_open, e->slake_en_closed) &&
              put(o, "slake_zh", e->slake_zh, NAN, NAN);
    if (ok && !isnan(e->slake_unseen))
        ok = !json_object_set_new(o, "slake_unseen_pictures", json_real(e->slake_unseen));
    ok = ok && put(o, "vqa_rad", e->rad, e->rad_open, e->rad_closed);
    if (ok && !isnan(e->made))
        ok = !json_object_set_new(o, "classification_exam", json_real(e->made));
    if (ok) return o;
    json_decref(o);
    return NULL;
}

/* For a decoder that learnt SLAKE's English alone: those questions, of every k-th picture, so that
 * there are about `limit` of them. Records of one picture stand together. */
static int64_t choose_english(const fab_session *s, int64_t limit, const fab_qa **q, bool *unseen)
{
    int64_t all = 0, n = 0, pictures = -1;
    int32_t last = -1;
    for (int64_t i = 0; i < s->n_val; i++)
        all += source_is(s->val[i], "SLAKE") && s->val[i]->lang == FAB_EN;
    int64_t stride = limit > 0 && all > limit ? (all + limit - 1) / limit : 1;
    for (int64_t i = 0; i < s->n_val; i++) {
        if (!source_is(s->val[i], "SLAKE") || s->val[i]->lang != FAB_EN) continue;
        pictures += s->val[i]->image != last;
        last = s->val[i]->image;
        if (pictures % stride) continue;
        unseen[n] = s->val_unseen[i];
        q[n++] = s->val[i];
    }
    return n;
}

/* All questions that people wrote; of the generated ones every k-th picture's, so that there are
 * about `limit` of them and the sample never changes. */
static int64_t choose(const fab_session *s, int64_t limit, const fab_qa **q, bool *unseen)
{
    int64_t made = 0, n = 0;
    if (s->recipe.peft.decoder) return choose_english(s, s->recipe.peft.exam, q, unseen);
    for (int64_t i = 0; i < s->n_val; i++) made += is_made(s->val[i]);
    int64_t stride = limit > 0 && made > limit ? (made + limit - 1) / limit : 1;
    for (int64_t i = 0; i < s->n_val; i++) {
        if (is_made(s->val[i]) && s->val[i]->image % stride) continue;
        unseen[n] = s->val_unseen[i];
        q[n++] = s->val[i];
    }
    return n;
}

/* The records of an exam, nothing said yet. */
static bool take_questions(const fab_session *s, int64_t limit, fab_arena *keep, fab_replies *out,
                           fab_err *err)
{
    size_t N = (size_t)s->n_val;
    *out = (fab_replies){ out->blank, fab_arena_take(keep, N * sizeof *out->q, err) };
    if (!out->q || !(out->unseen = fab_arena_take(keep, N, err)) ||
        !(out->right = fab_arena_zero(keep, N, err)) ||
        !(out->p = fab_arena_zero(keep, N * sizeof *out->p, err)))
        return false;
    out->n = choose(s, limit, out->q, out->unseen);
    return true;
}

/* Past the last record that can be asked together with record i. */
static int64_t group_end(const fab_replies *r, int64_t i)
{
    int64_t end = i;
    while (end < r->n && end - i < GROUP && r->q[end]->image == r->q[i]->image) end++;
    return end;
}

bool fab_session_exam_some(fab_session *s, fab_engine *e, int64_t limit, int64_t sample,
                           int64_t *asked, int64_t *of, fab_err *err)
{
    fab_replies r = { 0 };
    fab_arena *keep = fab_arena_new(0, err);
    bool ok = keep && take_questions(s, limit, keep, &r, err);
    int64_t next = 0;
    *asked = 0;
    *of = r.n;
    for (int64_t i = 0, end; ok && i < r.n; i = end) {
        end = group_end(&r, i);
        if (end <= next) continue;
        ok = answer_group(s, e, &r, i, end, err);
        *asked += end - i;
        next = *asked * r.n / sample;
    }
    fab_arena_free(keep);
    return ok;
}

bool fab_session_replies(fab_session *s, fab_engine *e, int64_t limit, fab_arena *keep,
                         fab_replies *out, fab_err *err)
{
    bool ok = take_questions(s, limit, keep, out, err);
    for (int64_t i = 0, end; ok && i < out->n; i = end) {
        end = group_end(out, i);
        ok = answer_group(s, e, out, i, end, err);
    }
    return ok;
}

bool fab_session_exam(fab_session *s, fab_engine *e, int64_t limit, bool blank, fab_exam *out,
                      fab_err *err)
{
    fab_replies r = { .blank = blank };
    fab_arena *keep = fab_arena_new(0, err);
    bool ok = keep && fab_session_replies(s, e, limit, keep, &r, err);
    if (ok) fab_exam_of(&r, out);
    fab_arena_free(keep);
    return ok;
}
