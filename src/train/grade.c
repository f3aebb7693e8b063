/* grade: see grade.h. */
#include "train/grade.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/hash.h"
#include "evaluate/vqa.h"

/* ---- parts of the sum ------------------------------------------------------------------------ */

static uint64_t hash_answer(const fab_qa *q)
{
    char low[256];
    size_t n = 0, first = strspn(q->answer, " ");
    for (const char *s = q->answer + first; *s && n < sizeof low; s++)
        low[n++] = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
    while (n && low[n - 1] == ' ') n--;
    return fab_hash64(low, n, 31 + (uint64_t)q->lang);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Where the first hash that is not below h stands. */
static int64_t lower(const fab_grader *g, uint64_t h)
{
    int64_t from = 0, to = g->n;
    while (from < to) {
        int64_t mid = (from + to) / 2;
        if (g->answers[mid] < h) from = mid + 1;
        else to = mid;
    }
    return from;
}

static int64_t frequency(const fab_grader *g, const fab_qa *q)
{
    uint64_t h = hash_answer(q);
    int64_t n = lower(g, h + 1) - lower(g, h);
    return n > 0 ? n : 1;
}

static double rare(const fab_grader *g, const fab_qa *q)
{
    double most = (double)g->most[q->lang];
    return most > 1 ? log(most / (double)frequency(g, q)) / log(most) : 0;
}

static double elements(const char *answer)
{
    int n = 1;
    for (const char *s = answer; *s; s++) n += *s == ',';
    return fmin(1, (n - 1) / 3.0);
}

static double steps(const char *type)
{
    static const char *const at_once[] = { "Modality", "Plane", "Organ" }, *const twice[] = {
        "KG", "Quantity", "Count"
    };
    for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++)
        if (!strcasecmp(type, at_once[i])) return 0;
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
        if (!strcasecmp(type, twice[i])) return 1;
    return 0.5;
}

double fab_grade_sum(const fab_grader *g, const fab_qa *q, int guessed)
{
    return !q->closed + rare(g, q) + elements(q->answer) + steps(q->content_type) +
           (guessed < 0 ? 0.5 : !guessed);
}

int fab_grade(const fab_grader *g, const fab_qa *q, int guessed)
{
    double sum = fab_grade_sum(g, q, guessed);
    int level = 1;
    while (level < FAB_LEVELS && sum > g->bound[level - 1]) level++;
    return level;
}

int fab_grade_guessed(const fab_picture_qa *p, int32_t i)
{
    return p->prior && p->prior[i] ? fab_vqa_match(p->prior[i], p->real[i]->answer) : -1;
}

/* ---- the grader ------------------------------------------------------------------------------ */

/* The longest run of equal hashes among the answers of each language. */
static void count_most(fab_grader *g, const fab_session *s)
{
    for (int32_t i = 0; i < s->bundle.images.n; i++)
        for (int32_t k = 0; k < s->of_picture[i].n_real; k++) {
            const fab_qa *q = s->of_picture[i].real[k];
            int64_t n = frequency(g, q);
            if (n > g->most[q->lang]) g->most[q->lang] = n;
        }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool fab_grader_init(fab_grader *g, const fab_session *s, fab_arena *a, fab_err *err)
{
    const fab_picture_qa *of = s->of_picture;
    int64_t n = 0;
    *g = (fab_grader){ 0 };
    for (int32_t i = 0; i < s->bundle.images.n; i++) n += of[i].n_real;
    g->answers = fab_arena_take(a, (size_t)(n + 1) * sizeof *g->answers, err);
    double *sums = fab_new_array((size_t)n + 1, sizeof *sums, err);
    if (!g->answers || !sums) {
        fab_free(sums);
        return false;
    }
    for (int32_t i = 0; i < s->bundle.images.n; i++)
        for (int32_t k = 0; k < of[i].n_real; k++) g->answers[g->n++] = hash_answer(of[i].real[k]);
    qsort(g->answers, (size_t)n, sizeof *g->answers, by_value);
    count_most(g, s);
    int64_t at = 0;
    for (int32_t i = 0; i < s->bundle.images.n; i++)
        for (int32_t k = 0; k < of[i].n_real; k++)
            sums[at++] = fab_grade_sum(g, of[i].real[k], fab_grade_guessed(&of[i], k));
    qsort(sums, (size_t)n, sizeof *sums, by_size);
    for (int i = 1; n && i < FAB_LEVELS; i++) g->bound[i - 1] = sums[n * i / FAB_LEVELS];
    fab_free(sums);
    return true;
}

bool fab_session_grade(fab_session *s, fab_err *err)
{
    bool wanted = false;
    fab_grader g;
    for (int i = 0; i < s->recipe.n_stages; i++) wanted |= s->recipe.stages[i].curriculum.full > 0;
    if (!wanted) return true;
    if (!fab_grader_init(&g, s, s->arena, err)) return false;
    for (int32_t i = 0; i < s->bundle.images.n; i++) {
        fab_picture_qa *p = &s->of_picture[i];
        p->real_level = fab_arena_take(s->arena, (size_t)(p->n_real + p->n_made) + 1, err);
        if (!p->real_level) return false;
        p->made_level = p->real_level + p->n_real;
        for (int32_t k = 0; k < p->n_real; k++)
            p->real_level[k] = (uint8_t)fab_grade(&g, p->real[k], fab_grade_guessed(p, k));
        for (int32_t k = 0; k < p->n_made; k++)
            p->made_level[k] = (uint8_t)fab_grade(&g, p->made[k], -1);
    }
    return true;
}

/* ---- the order ------------------------------------------------------------------------------- */

double fab_curriculum_share(const fab_curriculum *c, double t)
{
    double x = t / c->full;
    if (x >= 1) return 1;
    return c->linear ? c->start + (1 - c->start) * x
                     : sqrt(c->start * c->start + (1 - c->start * c->start) * x);
}

void fab_curriculum_weights(const fab_curriculum *c, double t, double out[FAB_LEVELS + 1])
{
    double levels = fab_curriculum_share(c, t) * FAB_LEVELS;
    out[0] = 0;
    for (int i = 0; i < FAB_LEVELS; i++)
        out[c->hard_first ? FAB_LEVELS - i : i + 1] = fmin(1, fmax(0, levels - i));
}
