/* distil: see distil.h. */
#include "train/distil.h"

#include <math.h>
#include <string.h>
#include "base/log.h"
#include "media/resize.h"

/* ---- who teaches ----------------------------------------------------------------------------- */

static const fab_mini_file *teacher_of(const fab_session *s, const char *name)
{
    for (int i = 0; i < s->n_teachers; i++)
        if (strcmp(s->teachers[i].name, name) == 0) return s->teachers[i].file;
    return NULL;
}

static bool same_tokenizer(const fab_bpe *student, const fab_bpe *teacher, fab_err *err)
{
    int32_t n = fab_bpe_vocab_size(student), m = fab_bpe_vocab_size(teacher);
    if (n != m) return fab_fail(err, FAB_EUSAGE, "its tokenizer has %d tokens, the run's %d", m, n);
    for (int32_t i = 0; i < n; i++) {
        size_t a, b;
        const char *mine = fab_bpe_token(student, i, &a), *its = fab_bpe_token(teacher, i, &b);
        if (a != b || memcmp(mine, its, a) != 0)
            return fab_fail(err, FAB_EUSAGE,
                            "token %d of its tokenizer is '%.*s', of the run's '%.*s'", i,
                            (int)(b < 40 ? b : 40), its, (int)(a < 40 ? a : 40), mine);
    }
    if (fab_bpe_merge_count(student) == fab_bpe_merge_count(teacher)) return true;
    return fab_fail(err, FAB_EUSAGE, "its tokenizer has %d merges, the run's %d",
                    fab_bpe_merge_count(teacher), fab_bpe_merge_count(student));
}

static bool can_teach(const fab_session *s, const fab_mini_file *f, fab_err *err)
{
    const fab_mini_config *a = &s->model->cfg, *b = &f->model->cfg;
    if (!same_tokenizer(s->bpe, f->bpe, err)) return false;
    if (a->text.vocab != b->text.vocab)
        return fab_fail(err, FAB_EUSAGE, "its embedding has %lld rows, the run's %lld",
                        (long long)b->text.vocab, (long long)a->text.vocab);
    if (a->labels != b->labels || a->classes != b->classes)
        return fab_fail(err, FAB_EUSAGE, "its heads have %d and %d labels, the run's %d and %d",
                        b->labels, b->classes, a->labels, a->classes);
    return b->image_size <= s->recipe.store_side ||
           fab_fail(err, FAB_EUSAGE, "its image_size %d is above the recipe's store_side %d",
                    b->image_size, s->recipe.store_side);
}

static bool open_one(fab_session *s, const fab_train_opts *o, const fab_stage *g, const char *name,
                     fab_err *err)
{
    if (teacher_of(s, name)) return true;
    if (s->n_teachers == FAB_MAX_TEACHERS)
        return fab_fail(err, FAB_EUSAGE, "recipe: more than %d teachers in all", FAB_MAX_TEACHERS);
    char *field = fab_arena_printf(s->arena, err, "stage %s: teacher", g->name);
    const char *path;
    if (!field || !fab_session_find(s, o, field, name, "", &path, err)) return false;
    fab_mini_file *f = fab_mini_open(path, s->pool, err);
    if (!f) return false; /* the file is named already */
    s->teachers[s->n_teachers].name = name;
    s->teachers[s->n_teachers++].file = f;
    if (!can_teach(s, f, err)) return fab_while(err, "stage %s: teacher %s", g->name, path);
    fab_log(FAB_LOG_INFO, "stage %s: learns from %s (%s)", g->name, path, f->id);
    return true;
}

bool fab_distil_open(fab_session *s, const fab_train_opts *o, fab_err *err)
{
    bool ok = true;
    for (int i = 0; ok && i < s->recipe.n_stages; i++) {
        const fab_stage *g = &s->recipe.stages[i];
        for (int k = 0; ok && k < g->teacher.n; k++)
            ok = open_one(s, o, g, g->teacher.models[k], err);
    }
    return ok;
}

void fab_distil_close(fab_session *s)
{
    for (int i = 0; i < s->n_teachers; i++) fab_mini_close(s->teachers[i].file);
    s->n_teachers = 0;
}

/* ---- what they say --------------------------------------------------------------------------- */

/* sum += softmax(z / T) / n, row by row. */
static void add_softmax(float *sum, const float *z, int64_t rows, int64_t V, float T, int n)
{
    for (int64_t r = 0; r < rows; r++, z += V, sum += V) {
        float top = z[0];
        double all = 0;
        for (int64_t v = 1; v < V; v++) top = fmaxf(top, z[v]);
        for (int64_t v = 0; v < V; v++) all += (double)expf((z[v] - top) / T);
        for (int64_t v = 0; v < V; v++) sum[v] += expf((z[v] - top) / T) / (float)(all * n);
    }
}

static void add_sigmoid(float *sum, const float *z, int64_t count, float T, int n)
{
    for (int64_t i = 0; i < count; i++) sum[i] += 1 / (1 + expf(-z[i] / T)) / (float)n;
}

/* What makes a divergence of a cross-entropy: -H(q), the mean over rows, as a constant [1]. */
static fab_tensor *less_entropy(fab_ctx *c, const fab_tensor *q)
{
    double sum = 0;
    const float *p = fab_f32(q);
    fab_tensor *t = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1));
    for (int64_t i = 0; i < fab_count(q); i++)
        if (p[i] > 0) sum += (double)p[i] * log((double)p[i]);
    if (t) *fab_f32(t) = (float)(sum / (double)q->shape[0]);
    return t;
}

/* sum [B,to,to,L] += sigmoid(z / T) / n of z [B,from,from,L], resampled label by label. */
static bool add_cells(fab_ctx *c, float *sum, const fab_tensor *z, int B, int from, int to, int L,
                      float T, int n)
{
    const int had = from * from, has = to * to;
    float *p = fab_arena_take(c->arena, (size_t)(had + has) * sizeof *p, &c->err), *out = p + had;
    bool ok = p != NULL;
    for (int i = 0; ok && i < B * L; i++) {
        const float *of = fab_f32(z) + (int64_t)(i / L) * had * L + i % L;
        float *to_sum = sum + (int64_t)(i / L) * has * L + i % L;
        for (int k = 0; k < had; k++) p[k] = 1 / (1 + expf(-of[k * L] / T)) / (float)n;
        ok = fab_resize_f32(p, (fab_size){ from, from }, 1, out, (fab_size){ to, to },
                            FAB_FILTER_BILINEAR, &c->err);
        for (int k = 0; ok && k < has; k++) to_sum[k * L] += out[k];
    }
    return ok;
}

/* One teacher's share of the lesson. */
static bool hear(const fab_session *s, fab_ctx *c, const fab_mini *m, const fab_stage *g,
                 const fab_drawn *d, const fab_rows *r, fab_lesson *out)
{
    const int n = g->teacher.n, G = fab_mini_grid(&m->cfg);
    fab_mini_view v = { 0 };
    if (d) v = fab_mini_look(c, m, fab_batch_pixels(s, c, d, g->batch, m->cfg.image_size), 0);
    if (out->words) {
        fab_tensor *z = fab_rows_logits(c, m, r, v.tokens, 0, NULL);
        if (!z) return false;
        add_softmax(fab_f32(out->words), fab_f32(z), z->shape[0], z->shape[1], out->temperature, n);
    }
    if (out->presence) {
        fab_tensor *z = fab_mini_class(c, m, &v);
        if (!z) return false;
        add_sigmoid(fab_f32(out->presence), fab_f32(z), fab_count(z), out->temperature, n);
    }
    fab_tensor *z = out->dense ? fab_mini_dense(c, m, &v) : NULL;
    return z ? add_cells(c, fab_f32(out->dense), z, g->batch, G, fab_mini_grid(&s->model->cfg),
                         m->cfg.labels, out->temperature, n)
             : !out->dense;
}

/* Room for what the stage asks of its teachers. */
static bool make_room(const fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                      const fab_rows *r, fab_lesson *out)
{
    const fab_mini_config *m = &s->model->cfg;
    int64_t G = fab_mini_grid(m);
    if (r) out->words = fab_tensor_zeros(c, FAB_SHAPE(fab_rows_targets(r), m->text.vocab));
    if (d && g->loss.dense > 0)
        out->dense = fab_tensor_zeros(c, FAB_SHAPE(g->batch * G * G, m->labels));
    if (d && g->loss.presence > 0)
        out->presence = fab_tensor_zeros(c, FAB_SHAPE(g->batch, m->classes));
    return !c->err.code;
}

bool fab_distil_ask(fab_session *s, fab_ctx *c, const fab_stage *g, const fab_drawn *d,
                    const fab_rows *r, fab_lesson *out)
{
    *out = (fab_lesson){ .weight = g->teacher.weight, .temperature = g->teacher.temperature };
    if (!g->teacher.n) return true;
    if (!make_room(s, c, g, d, r, out)) return false;
    bool ok = true;
    for (int k = 0; ok && k < g->teacher.n; k++) {
        fab_arena_mark mark = fab_arena_save(c->arena);
        fab_ctx its;
        fab_ctx_init(&its, c->arena, c->pool);
        its.bf16 = c->bf16;
        ok = hear(s, &its, teacher_of(s, g->teacher.models[k])->model, g, d, r, out) ||
             fab_fail(&c->err, its.err.code, "teacher %s: %s", g->teacher.models[k], its.err.text);
        fab_arena_release(c->arena, mark);
    }
    return ok;
}

/* ---- what the student makes of it ------------------------------------------------------------ */

static fab_tensor *blend(fab_ctx *c, const fab_lesson *l, fab_tensor *taught, fab_tensor *records)
{
    float T = l->temperature;
    return fab_add(c, fab_scale(c, records, 1 - l->weight),
                   fab_scale(c, taught, l->weight * T * T));
}

fab_tensor *fab_distil_words(fab_ctx *c, const fab_lesson *l, fab_tensor *logits,
                             fab_tensor *records, double *kl)
{
    float T = l->temperature;
    if (!l->words) return records;
    fab_tensor *taught = fab_soft_xent(c, logits, l->words, (fab_soft_xent_opts){ T });
    taught = fab_add(c, taught, less_entropy(c, l->words));
    if (taught) *kl = (double)(T * T * *fab_f32(taught));
    return blend(c, l, taught, records);
}

fab_tensor *fab_distil_labels(fab_ctx *c, const fab_lesson *l, fab_tensor *said, fab_tensor *logits,
                              fab_tensor *records)
{
    if (!said) return records;
    fab_tensor *taught = fab_bce(c, fab_scale(c, logits, 1 / l->temperature), said);
    return blend(c, l, taught, records);
}
