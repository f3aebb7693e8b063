/* vqa: scores and their JSON. The question-only baseline is blind.c. See vqa.h. */
#include "evaluate/vqa.h"

#include <string.h>

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The stretch of s that is compared: ends trimmed, one final stop off, ends trimmed again. */
static const char *core(const char *s, size_t *n)
{
    while (blank(*s)) s++;
    size_t len = strlen(s);
    while (len && blank(s[len - 1])) len--;
    if (len && s[len - 1] == '.') len--;
    else if (len >= 3 && !memcmp(s + len - 3, "。", 3)) len -= 3;
    while (len && blank(s[len - 1])) len--;
    *n = len;
    return s;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

char *fab_vqa_normal(fab_arena *a, const char *answer, fab_err *err)
{
    size_t n;
    const char *s = core(answer, &n);
    char *out = fab_arena_take(a, n + 1, err);
    if (!out) return NULL;
    for (size_t i = 0; i < n; i++) out[i] = lower(s[i]);
    out[n] = 0;
    return out;
}

/* The next byte of s before end, a run of blanks as one blank; 0 at the end. */
static char next(const char **s, const char *end)
{
    if (*s == end) return 0;
    char c = lower(*(*s)++);
    if (!blank(c)) return c;
    while (*s < end && blank(**s)) (*s)++;
    return ' ';
}

bool fab_vqa_match(const char *answer, const char *reference)
{
    size_t n, m;
    const char *a = core(answer, &n), *b = core(reference, &m), *a_end = a + n, *b_end = b + m;
    char x, y;
    do {
        x = next(&a, a_end);
        y = next(&b, b_end);
    } while (x == y && x);
    return x == y;
}

/* While counting, the fractions hold sums of points. */
static void count(fab_vqa_score *s, bool closed, double points)
{
    s->n++;
    s->overall += points;
    if (closed) s->n_closed++, s->closed += points;
    else s->n_open++, s->open += points;
}

static void divide(fab_vqa_scores *s)
{
    for (int l = -1; l < FAB_LANGS; l++) {
        fab_vqa_score *k = l < 0 ? &s->all : &s->by_lang[l];
        if (k->n) k->overall /= (double)k->n;
        if (k->n_open) k->open /= (double)k->n_open;
        if (k->n_closed) k->closed /= (double)k->n_closed;
    }
}

fab_vqa_scores fab_vqa_sum(const fab_qa *items, const double *points, int64_t n)
{
    fab_vqa_scores s = { 0 };
    for (int64_t i = 0; i < n; i++) {
        count(&s.all, items[i].closed, points[i]);
        count(&s.by_lang[items[i].lang], items[i].closed, points[i]);
    }
    divide(&s);
    return s;
}

fab_vqa_scores fab_vqa_measure(const fab_qa *items, const char *const *answers, int64_t n)
{
    fab_vqa_scores s = { 0 };
    for (int64_t i = 0; i < n; i++) {
        double right = answers[i] && fab_vqa_match(answers[i], items[i].answer) ? 1 : 0;
        count(&s.all, items[i].closed, right);
        count(&s.by_lang[items[i].lang], items[i].closed, right);
    }
    divide(&s);
    return s;
}

/* ---- JSON ---- */

static json_t *score_json(const fab_vqa_score *s)
{
    return json_pack("{s:I,s:f,s:f,s:f}", "n", (json_int_t)s->n, "overall", s->overall, "open",
                     s->open, "closed", s->closed);
}

json_t *fab_vqa_json(const fab_vqa_scores *s)
{
    static const char *const names[FAB_LANGS] = { "en", "zh" };
    json_t *o = score_json(&s->all), *by = json_object();
    bool ok = o && by;
    for (int l = 0; ok && l < FAB_LANGS; l++)
        if (s->by_lang[l].n)
            ok = json_object_set_new(by, names[l], score_json(&s->by_lang[l])) == 0;
    if (ok && json_object_set(o, "by_lang", by) == 0) {
        json_decref(by);
        return o;
    }
    json_decref(by);
    json_decref(o);
    return NULL;
}

json_t *fab_vqa_report(const fab_vqa_scores *model, const fab_vqa_scores *question_only,
                       const fab_vqa_scores *blank_image, double seconds_per_question)
{
    json_t *o = fab_vqa_json(model);
    bool ok = o != NULL;
    if (ok && question_only)
        ok = json_object_set_new(o, "question_only", fab_vqa_json(question_only)) == 0;
    if (ok && blank_image)
        ok = json_object_set_new(o, "blank_image", fab_vqa_json(blank_image)) == 0;
    if (ok && seconds_per_question >= 0)
        ok = json_object_set_new(o, "seconds_per_question", json_real(seconds_per_question)) == 0;
    if (ok) return o;
    json_decref(o);
    return NULL;
}
