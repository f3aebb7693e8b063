/* prior: second answers to the real questions of training, by who never saw the picture.
 *
 * Pictures are dealt into FOLDS; the question-only baseline (evaluate/vqa.h) trained on the other
 * folds answers the questions of each. A stage's `prior` is the share of draws that learn this
 * answer in the place of the record's: soft targets from an out-of-fold teacher (Hinton et al.
 * 2015; Van der Laan et al. 2007 for the folds). A few hundred pictures with thousands of questions
 * are learnt by heart within a few epochs; with these targets the answer to an unseen picture falls
 * back on what its question alone tells.
 */
#include <string.h>
#include "evaluate/vqa.h"
#include "train/session.h"

enum { FOLDS = 5 };

static bool wanted(const fab_recipe *r)
{
    for (int i = 0; i < r->n_stages; i++) {
        if (r->stages[i].curriculum.full > 0) return true; /* grade.c wants to know what it knows */
        for (int k = 0; k < FAB_SETS; k++)
            if (r->stages[i].prior[k] > 0) return true;
    }
    return false;
}

/* The records about pictures of other folds: *n of them in `out`. */
static void gather(const fab_qa_set *q, int fold, fab_qa *out, int64_t *n)
{
    for (int64_t i = 0; i < q->n; i++)
        if (q->items[i].image >= 0 && q->items[i].image % FOLDS != fold) out[(*n)++] = q->items[i];
}

static bool answer_fold(fab_session *s, const fab_blind *teacher, int fold, fab_err *err)
{
    for (int32_t im = fold; im < s->bundle.images.n; im += FOLDS) {
        fab_picture_qa *p = &s->of_picture[im];
        if (!p->n_real) continue;
        p->prior = fab_arena_take(s->arena, (size_t)p->n_real * sizeof *p->prior, err);
        if (!p->prior) return false;
        for (int i = 0; i < p->n_real; i++) {
            const char *answer = fab_blind_answer(teacher, p->real[i]);
            if (!*answer) answer = p->real[i]->answer; /* nothing of its source in other folds */
            if (!(p->prior[i] = fab_arena_strdup(s->arena, answer, err))) return false;
        }
    }
    return true;
}

bool fab_session_prior(fab_session *s, bool always, fab_err *err)
{
    if (!always && !wanted(&s->recipe)) return true;
    const fab_bundle *b = &s->bundle;
    fab_qa *rest = fab_new_array((size_t)(b->slake.n + b->rad.n), sizeof *rest, err);
    bool ok = rest != NULL;
    for (int fold = 0; ok && fold < FOLDS; fold++) {
        int64_t n = 0;
        gather(&b->slake, fold, rest, &n);
        gather(&b->rad, fold, rest, &n);
        fab_blind *teacher = fab_blind_train(rest, n, err);
        ok = teacher && answer_fold(s, teacher, fold, err);
        fab_blind_free(teacher);
    }
    fab_free(rest);
    return ok;
}
