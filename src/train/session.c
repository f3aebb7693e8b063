/* session: from a recipe to everything a run needs in memory: data, tokenizer, pictures, model,
 * optimiser, indexes. */
#include "train/session.h"

#include <string.h>
#include "base/log.h"
#include "train/adapt.h"
#include "train/align.h"
#include "train/distil.h"
#include "train/grade.h"

/* ---- tokenizer ------------------------------------------------------------------------------- */

static bool feed(fab_bpe_trainer *t, const char *text, int times, fab_err *err)
{
    bool ok = true;
    for (int i = 0; ok && i < times; i++) ok = fab_bpe_trainer_add(t, text, strlen(text), err);
    return ok;
}

static bool feed_qa(fab_bpe_trainer *t, const fab_qa_set *q, int times, fab_err *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < q->n; i++)
        ok = feed(t, q->items[i].question, times, err) && feed(t, q->items[i].answer, times, err);
    return ok;
}

/* Questions and captions count several times: the vocabulary should hold their words whole. */
static bool feed_all(fab_bpe_trainer *t, const fab_bundle *b, fab_err *err)
{
    bool ok = feed_qa(t, &b->slake, 8, err) && feed_qa(t, &b->rad, 8, err) &&
              feed_qa(t, &b->made, 1, err) && feed_qa(t, &b->facts, 2, err) &&
              feed_qa(t, &b->captions, 2, err);
    for (int64_t i = 0; ok && i < b->corpus.n; i++)
        ok = b->corpus.items[i].val || (feed(t, b->corpus.items[i].prompt, 1, err) &&
                                        feed(t, b->corpus.items[i].answer, 1, err));
    return ok;
}

static fab_bpe *train_tokenizer(fab_session *s, fab_err *err)
{
    const fab_bpe_train_opts opts = { .vocab_size = s->recipe.vocab,
                                      .specials = fab_mini_special_names,
                                      .n_specials = FAB_MINI_SPECIALS,
                                      .pre = FAB_PRE_FABRICA,
                                      .max_han = s->recipe.max_han };
    fab_bpe_trainer *t = fab_bpe_trainer_new(&opts, err);
    fab_bpe *b = t && feed_all(t, &s->bundle, err) ? fab_bpe_trainer_finish(t, err) : NULL;
    fab_bpe_trainer_free(t);
    return b;
}

static bool open_tokenizer(fab_session *s, const fab_init_files *from, fab_err *err)
{
    char *path = fab_path_join(s->arena, s->shared, "tokenizer.json", err);
    if (!path) return false;
    if (fab_exists(path)) return (s->bpe = fab_bpe_open(path, err)) != NULL;
    s->bpe = from->model ? fab_session_init_tokenizer(from, err) : train_tokenizer(s, err);
    json_t *v = s->bpe ? fab_bpe_to_json(s->bpe, err) : NULL;
    bool ok = v && fab_json_write(path, v, err);
    json_decref(v);
    return ok;
}

/* ---- indexes --------------------------------------------------------------------------------- */

static void count_qa(fab_picture_qa *of, const fab_qa_set *q, bool real)
{
    for (int64_t i = 0; i < q->n; i++) {
        if (q->items[i].image < 0) continue;
        fab_picture_qa *p = &of[q->items[i].image];
        real ? p->n_real++ : p->n_made++;
    }
}

static void place_qa(fab_picture_qa *of, const fab_qa_set *q, bool real)
{
    for (int64_t i = 0; i < q->n; i++) {
        if (q->items[i].image < 0) continue;
        fab_picture_qa *p = &of[q->items[i].image];
        if (real) p->real[p->n_real++] = &q->items[i];
        else p->made[p->n_made++] = &q->items[i];
    }
}

static bool index_questions(fab_session *s, fab_err *err)
{
    fab_bundle *b = &s->bundle;
    int32_t n = b->images.n;
    int64_t total = b->slake.n + b->rad.n + b->made.n;
    s->of_picture = fab_arena_zero(s->arena, (size_t)n * sizeof *s->of_picture, err);
    const fab_qa **slots = fab_arena_take(s->arena, (size_t)total * sizeof *slots, err);
    if (!s->of_picture || !slots) return false;
    count_qa(s->of_picture, &b->slake, true);
    count_qa(s->of_picture, &b->rad, true);
    count_qa(s->of_picture, &b->made, false);
    for (int32_t i = 0; i < n; i++) {
        fab_picture_qa *p = &s->of_picture[i];
        p->real = slots;
        p->made = slots + p->n_real;
        slots += p->n_real + p->n_made;
        p->n_real = p->n_made = 0;
    }
    place_qa(s->of_picture, &b->slake, true);
    place_qa(s->of_picture, &b->rad, true);
    place_qa(s->of_picture, &b->made, false);
    return true;
}

/* Training pictures of each set: those that some training record speaks of. */
static bool index_sets(fab_session *s, fab_err *err)
{
    fab_bundle *b = &s->bundle;
    for (int k = 0; k < FAB_SETS; k++) {
        s->set_pictures[k] = fab_arena_take(s->arena, (size_t)b->images.n * sizeof(int32_t), err);
        if (!s->set_pictures[k]) return false;
    }
    for (int32_t i = 0; i < b->images.n; i++) {
        const fab_picture_qa *p = &s->of_picture[i];
        if (!p->n_real && !p->n_made) continue;
        int set = b->case_of[i] >= 0 ? (int)b->cases.items[b->case_of[i]].set : FAB_SET_VQA_RAD;
        s->set_pictures[set][s->n_set[set]++] = i;
    }
    return true;
}

static bool index_val(fab_session *s, fab_err *err)
{
    const fab_qa_set *sets[] = { &s->bundle.slake_val, &s->bundle.rad_val, &s->bundle.made_val };
    int64_t n = sets[0]->n + sets[1]->n + sets[2]->n;
    s->val = fab_arena_take(s->arena, (size_t)n * sizeof *s->val, err);
    s->val_unseen = fab_arena_take(s->arena, (size_t)n, err);
    if (!s->val || !s->val_unseen) return false;
    for (int k = 0; k < 3; k++) /* by picture, so that one look serves all its questions */
        for (int32_t im = 0; im < s->bundle.images.n; im++)
            for (int64_t i = 0; i < sets[k]->n; i++) {
                if (sets[k]->items[i].image != im) continue;
                s->val_unseen[s->n_val] = !s->of_picture[im].n_real;
                s->val[s->n_val++] = &sets[k]->items[i];
            }
    return true;
}

static bool index_texts(fab_session *s, fab_err *err)
{
    const fab_corpus *c = &s->bundle.corpus;
    const fab_qa_set *f = &s->bundle.facts;
    s->texts = fab_arena_take(s->arena, (size_t)(c->n + f->n) * sizeof *s->texts, err);
    fab_text *facts = fab_arena_zero(s->arena, (size_t)f->n * sizeof *facts, err);
    if (!s->texts || !facts) return false;
    for (int64_t i = 0; i < c->n; i++)
        if (!c->items[i].val) s->texts[s->n_texts++] = &c->items[i];
    for (int64_t i = 0; i < f->n; i++) {
        facts[i] =
            (fab_text){ f->items[i].question, f->items[i].answer, "kg", f->items[i].lang, false };
        s->texts[s->n_texts++] = &facts[i];
    }
    return true;
}

/* ---- model ----------------------------------------------------------------------------------- */

static bool open_model(fab_session *s, const fab_init_files *from, fab_err *err)
{
    fab_mini_config cfg = s->recipe.model;
    cfg.text.vocab = (fab_bpe_vocab_size(s->bpe) + 15) / 16 * 16;
    if (!fab_mini_check_bpe(&cfg, s->bpe, err)) return fab_while(err, "%s", s->shared);
    s->model = fab_mini_new(s->arena, &cfg, err);
    if (!s->model) return false;
    fab_params p = fab_params_init(s->arena, &s->model->list, s->recipe.seed);
    p.train = true;
    fab_mini_params(&p, s->model);
    if (!fab_params_end(&p, err) || !fab_session_init_weights(s, from, err)) return false;
    fab_log(FAB_LOG_INFO, "model: %.2f M parameters, %d image tokens, vocabulary %lld",
            (double)p.n_values / 1e6, fab_mini_tokens(&cfg), (long long)cfg.text.vocab);
    bool ok = fab_align_open(s, err) &&
              fab_optim_init(&s->optim, s->arena, &s->learnt, &s->recipe.optim, err);
    if (ok) fab_optim_scale(&s->optim, FAB_MINI_TRUNK, s->recipe.tower_rate);
    if (ok) fab_optim_scale(&s->optim, FAB_MINI_STILL, s->recipe.tower_rate);
    return ok;
}

static bool open_store(fab_session *s, fab_err *err)
{
    const fab_path_list *images = &s->bundle.images;
    if (s->recipe.peft.decoder) return true; /* it looks at each picture once, by its own file */
    char *cache = fab_path_join(s->arena, s->shared, "store.bin", err);
    if (!cache) return false;
    s->store = fab_store_open(images->paths, images->n, s->recipe.store_side, s->pool, cache, err);
    return s->store != NULL;
}

/* Only a stage that puts questions in other words needs it. */
static bool open_lexicon(fab_session *s, fab_err *err)
{
    bool wanted = false;
    for (int i = 0; i < s->recipe.n_stages; i++)
        for (int k = 0; k < FAB_SETS; k++) wanted |= s->recipe.stages[i].paraphrase[k] > 0;
    return !wanted || (s->lexicon = fab_lexicon_open(NULL, err)) != NULL;
}

static bool open_data(fab_session *s, const fab_init_files *from, fab_err *err)
{
    const fab_bundle_opts o = { .corpus = true, .share_val = s->recipe.share_val };
    return fab_bundle_open(&s->bundle, s->recipe.data_dir, &o, err) &&
           open_tokenizer(s, from, err) && open_store(s, err) && index_questions(s, err) &&
           index_sets(s, err) && index_val(s, err) && index_texts(s, err) &&
           fab_session_prior(s, false, err) && fab_session_grade(s, err) && open_lexicon(s, err);
}

/* Every stage must find something to draw in the data that are there. */
static bool check_stages(const fab_session *s, fab_err *err)
{
    for (int i = 0; i < s->recipe.n_stages; i++) {
        const fab_stage *g = &s->recipe.stages[i];
        int64_t n = g->pictures ? 0 : s->n_texts;
        for (int k = 0; g->pictures && k < FAB_SETS; k++)
            if (g->set_weight[k] > 0) n += s->n_set[k];
        if (n == 0)
            return fab_fail(err, FAB_EUSAGE, "stage %s: %s holds no training %s for it", g->name,
                            s->recipe.data_dir, g->pictures ? "pictures" : "texts");
    }
    return true;
}

bool fab_session_open_data(fab_session *s, const char *data_dir, fab_pool *pool, fab_err *err)
{
    memset(s, 0, sizeof *s);
    s->pool = pool;
    s->arena = fab_arena_new(64u << 20, err);
    s->step_arena = s->arena ? fab_arena_new(16u << 20, err) : NULL;
    return s->step_arena && fab_bundle_open(&s->bundle, data_dir, NULL, err) &&
           index_questions(s, err) && index_sets(s, err) && index_val(s, err);
}

bool fab_session_open(fab_session *s, const fab_train_opts *o, fab_err *err)
{
    memset(s, 0, sizeof *s);
    s->pool = o->pool;
    if (!fab_recipe_read(&s->recipe, o, err) || !fab_mkdirs(s->recipe.out_dir, err)) return false;
    s->shared = o->shared ? o->shared : s->recipe.out_dir;
    s->arena = fab_arena_new(64u << 20, err);
    s->step_arena = s->arena ? fab_arena_new(256u << 20, err) : NULL;
    if (!s->step_arena) return false;
    fab_rng_init(&s->rng, s->recipe.seed + 1);
    fab_init_files from;
    if (!fab_session_init_find(s, o, &from, err) || !open_data(s, &from, err) ||
        !check_stages(s, err))
        return false;
    fab_log(FAB_LOG_INFO,
            "data: %d pictures (SLAKE %d, VQA-RAD %d, ISIC %d, Kermany %d, BCCD %d), %lld + %lld "
            "questions, %lld texts",
            s->bundle.images.n, s->n_set[0], s->n_set[1], s->n_set[2], s->n_set[3], s->n_set[4],
            (long long)(s->bundle.slake.n + s->bundle.rad.n), (long long)s->bundle.made.n,
            (long long)s->n_texts);
    return (s->recipe.peft.on ? fab_adapt_open(s, o, err) : open_model(s, &from, err)) &&
           fab_distil_open(s, o, err);
}

void fab_session_close(fab_session *s)
{
    fab_adapt_close(s);
    fab_distil_close(s);
    fab_store_close(s->store);
    fab_lexicon_free(s->lexicon);
    fab_bpe_free(s->bpe);
    fab_bundle_clear(&s->bundle);
    fab_recipe_clear(&s->recipe);
    fab_arena_free(s->step_arena);
    fab_arena_free(s->arena);
    memset(s, 0, sizeof *s);
}

void fab_session_ctx(fab_session *s, fab_ctx *c, bool training)
{
    fab_arena_reset(s->step_arena);
    fab_ctx_init(c, s->step_arena, s->pool);
    c->training = c->record = training;
    c->bf16 = true;
    c->rng = fab_rng_fork(&s->rng, 7);
}
