/* rehearse: see rehearse.h. */
#include "train/rehearse.h"

#include "base/file.h"

enum { WARM = 1, TIMED = 4, EXAM_SAMPLE = 60 };

static int64_t learning(const fab_session *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->learnt.n; i++)
        if (s->learnt.items[i]->needs_grad) n += fab_count(s->learnt.items[i]);
    return n;
}

/* Seconds of a whole exam, by a sample of its pictures with all of their questions. */
static bool time_exam(fab_session *s, double *seconds, fab_err *err)
{
    char *path = fab_path_join(s->arena, s->recipe.out_dir, "validated.gguf", err);
    fab_engine *e = path ? fab_session_engine(s, path, NULL, err) : NULL;
    int64_t asked = 0, of = 0;
    double from = fab_now();
    bool ok = e && fab_session_exam_some(s, e, FAB_EXAM_MADE, EXAM_SAMPLE, &asked, &of, err);
    fab_engine_close(e);
    if (ok) *seconds = asked ? (fab_now() - from) / (double)asked * (double)of : 0;
    return ok;
}

bool fab_rehearse(fab_session *s, const fab_stage *g, fab_rehearsal *out, fab_rehearse_step step,
                  fab_err *err)
{
    *out = (fab_rehearsal){ .learnt = learning(s), .looks = g->pictures ? g->batch * g->steps : 0 };
    double from = 0;
    for (int k = 0; k < WARM + TIMED; k++) {
        if (k == WARM) from = fab_now();
        if (!step(s, g, err)) return false;
    }
    out->seconds = (fab_now() - from) / TIMED;
    if (g->validate_every) {
        out->exams = (g->steps + g->validate_every - 1) / g->validate_every;
        if (!time_exam(s, &out->exam_s, err)) return false;
    }
    out->memory = fab_rss_peak() + fab_rss_peak() / 20;
    return true;
}

static json_int_t size_of(const fab_session *s, const char *name)
{
    fab_err ignored = FAB_ERR_INIT;
    fab_file f = { 0 };
    char *path = fab_path_join(s->arena, s->shared, name, &ignored);
    json_int_t n = path && fab_file_map(&f, path, 0, &ignored) ? (json_int_t)f.size : 0;
    fab_file_unmap(&f);
    return n;
}

/* A checkpoint holds a parameter, its two moments and its average, in f32; the newest, the one
 * before and the best of a stage are kept. An adapter is a file of f32. */
json_t *fab_rehearse_files(const fab_session *s, fab_err *err)
{
    const fab_param_list *made = s->adapting ? &s->learnt : &s->model->list;
    int64_t values = 0, matrices = 0, rest = 0;
    for (int64_t i = 0; i < s->learnt.n; i++) values += fab_count(s->learnt.items[i]);
    for (int64_t i = 0; i < made->n; i++) {
        const fab_tensor *t = made->items[i];
        *(t->ndim > 1 && !s->adapting ? &matrices : &rest) += fab_count(t);
    }
    int64_t one = values * 4 * (s->recipe.optim.ema_decay > 0 ? 4 : 3), best = 0;
    for (int i = 0; i < s->recipe.n_stages; i++)
        if (s->recipe.stages[i].validate_every) best = one;
    uint64_t model = 0;
    fab_dtype_row_bytes(s->recipe.dtype, (matrices + 255) / 256 * 256, &model);
    model += (uint64_t)rest * 4;
    json_t *v = json_pack("{s:I, s:I, s:I, s:I}", "store", size_of(s, "store.bin"), "tokenizer",
                          size_of(s, "tokenizer.json"), "checkpoints",
                          (json_int_t)(2 * one + 2 * best), "model", (json_int_t)model);
    if (!v) fab_fail(err, FAB_ENOMEM, "no memory for the list of files");
    return v;
}
