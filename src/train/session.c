/* session: from a recipe to everything a run needs in memory: data, tokenizer, pictures, model, optimiser, indexes. */
#include "train/session.h"

#include <string.h>
#include "base/hash.h"
#include "base/log.h"
#include "base/yaml.h"

/* ---- reading the recipe -------------------------------------------------------------------------------------- */

static double number(const json_t *o, const char *key, double fallback)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

static const char *string(const json_t *o, const char *key, const char *fallback)
{
    const char *v = json_string_value(json_object_get(o, key));
    return v ? v : fallback;
}

/* Every key of o must be in the list: a mistyped setting is an error, not a default. */
static bool known_keys(const json_t *o, const char *where, const char *const *keys, fab_err *err)
{
    const char *key;
    json_t *v;
    if (!json_is_object(o)) return fab_fail(err, FAB_EUSAGE, "recipe: %s is no mapping", where);
    json_object_foreach((json_t *)o, key, v) {
        int i = 0;
        while (keys[i] && strcmp(keys[i], key)) i++;
        if (!keys[i]) return fab_fail(err, FAB_EUSAGE, "recipe: %s has no setting '%s'", where, key);
    }
    return true;
}

static void three(const json_t *o, const char *key, int out[3])
{
    const json_t *v = json_object_get(o, key);
    for (size_t i = 0; i < 3 && i < json_array_size(v); i++) out[i] = (int)json_integer_value(json_array_get(v, i));
}

static bool read_model(const json_t *o, fab_mini_config *c, fab_err *err)
{
    static const char *const keys[] = { "image_size", "widths", "depths", "vit_layers", "vit_heads", "embed",
                                        "dim", "ffn", "layers", "heads", "kv_heads", NULL };
    *c = fab_mini_default;
    if (o && !known_keys(o, "model", keys, err)) return false;
    c->image_size = (int)number(o, "image_size", c->image_size);
    three(o, "widths", c->widths);
    three(o, "depths", c->depths);
    c->vit_layers = (int)number(o, "vit_layers", c->vit_layers);
    c->vit_heads = (int)number(o, "vit_heads", c->vit_heads);
    c->embed = (int)number(o, "embed", c->embed);
    c->text.dim = (int64_t)number(o, "dim", (double)c->text.dim);
    c->text.ffn = (int64_t)number(o, "ffn", (double)c->text.ffn);
    c->text.layers = (int)number(o, "layers", c->text.layers);
    c->text.heads = (int)number(o, "heads", c->text.heads);
    c->text.kv_heads = (int)number(o, "kv_heads", c->text.kv_heads);
    c->labels = FAB_LABELS_SPATIAL;
    c->classes = FAB_LABELS;
    return true;
}

static bool read_losses(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = { "qa", "caption", "contrast", "dense", "presence", NULL };
    if (o && !known_keys(o, g->name, keys, err)) return false;
    g->loss = (fab_loss_weights){ .qa = number(o, "qa", 0),
                                  .caption = number(o, "caption", 0),
                                  .contrast = number(o, "contrast", 0),
                                  .dense = number(o, "dense", 0),
                                  .presence = number(o, "presence", 0) };
    return true;
}

static bool read_sets(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const names[FAB_SETS + 1] = { "slake", "vqa_rad", "isic", "kermany", "bccd", NULL };
    if (o && !known_keys(o, g->name, names, err)) return false;
    for (int k = 0; k < FAB_SETS; k++) g->set_weight[k] = number(o, names[k], o ? 0 : 1);
    return true;
}

static bool read_stage(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = { "name", "task", "steps", "batch", "length", "questions", "real_share",
                                        "smoothing", "losses", "sets", "drop", "lr", "floor", "warmup", "schedule",
                                        "validate_every", "patience", NULL };
    if (!known_keys(o, "a stage", keys, err)) return false;
    const char *task = string(o, "task", "pictures");
    g->name = string(o, "name", task);
    g->pictures = !strcmp(task, "pictures");
    if (!g->pictures && strcmp(task, "text")) return fab_fail(err, FAB_EUSAGE, "recipe: stage %s: no task '%s'", g->name, task);
    g->steps = (int64_t)number(o, "steps", 0);
    g->batch = (int)number(o, "batch", 16);
    g->length = (int)number(o, "length", 96);
    g->questions = (int)number(o, "questions", 4);
    g->real_share = number(o, "real_share", 0.7);
    g->drop = (float)number(o, "drop", 0.1);
    g->validate_every = (int64_t)number(o, "validate_every", 0);
    g->patience = (int64_t)number(o, "patience", 0);
    g->schedule = (fab_schedule){ .lr = number(o, "lr", 1e-3),
                                  .floor = number(o, "floor", 0),
                                  .warmup = (int64_t)number(o, "warmup", 0),
                                  .total = g->steps };
    if (g->steps < 1 || g->batch < 1 || g->batch > 1024 || g->questions < 1 || g->length < 8)
        return fab_fail(err, FAB_EUSAGE, "recipe: stage %s: steps %lld, batch %d, questions %d, length %d", g->name,
                        (long long)g->steps, g->batch, g->questions, g->length);
    if (!read_losses(json_object_get(o, "losses"), g, err) || !read_sets(json_object_get(o, "sets"), g, err)) return false;
    g->loss.smoothing = number(o, "smoothing", 0);
    return fab_schedule_parse(string(o, "schedule", "cosine"), &g->schedule.kind, err);
}

static void read_augment(const json_t *o, fab_augment_opts *a)
{
    *a = (fab_augment_opts)FAB_AUGMENT_DEFAULTS;
    a->scale_min = (float)number(o, "scale_min", a->scale_min);
    a->scale_max = (float)number(o, "scale_max", a->scale_max);
    a->aspect = (float)number(o, "aspect", a->aspect);
    a->rotate_deg = (float)number(o, "rotate_deg", a->rotate_deg);
    a->shift = (float)number(o, "shift", a->shift);
    a->brightness = (float)number(o, "brightness", a->brightness);
    a->contrast = (float)number(o, "contrast", a->contrast);
    a->saturation = (float)number(o, "saturation", a->saturation);
    a->gamma = (float)number(o, "gamma", a->gamma);
    a->noise = (float)number(o, "noise", a->noise);
    a->blur = (float)number(o, "blur", a->blur);
    a->cutout = (float)number(o, "cutout", a->cutout);
}

static bool read_recipe(fab_session *s, const fab_train_opts *o, fab_err *err)
{
    static const char *const keys[] = { "name", "version", "seed", "data", "out", "store_side", "tokenizer", "model",
                                        "optimizer", "augment", "stages", "save", "share_val", NULL };
    s->recipe = fab_yaml_open(o->recipe, err);
    if (!s->recipe || !known_keys(s->recipe, "the recipe", keys, err)) return false;
    for (int i = 0; i < o->n_set; i++)
        if (!fab_json_set_path(s->recipe, o->set[i], err)) return false;
    s->name = string(s->recipe, "name", "mini");
    s->data_dir = o->data ? o->data : string(s->recipe, "data", "../shared/data/open");
    s->out_dir = o->out ? o->out : string(s->recipe, "out", "runs/mini");
    const json_t *stages = json_object_get(s->recipe, "stages");
    s->n_stages = (int)json_array_size(stages);
    if (s->n_stages < 1 || s->n_stages > FAB_MAX_STAGES)
        return fab_fail(err, FAB_EUSAGE, "recipe: %d stages, 1 to %d expected", s->n_stages, FAB_MAX_STAGES);
    for (int i = 0; i < s->n_stages; i++)
        if (!read_stage(json_array_get(stages, (size_t)i), &s->stages[i], err)) return false;
    read_augment(json_object_get(s->recipe, "augment"), &s->augment);

    /* What a resume must agree on: everything but how long and where. */
    char *text = json_dumps(json_object_get(s->recipe, "model"), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    fab_sha256_hex(text ? text : "", text ? strlen(text) : 0, s->recipe_hash);
    fab_free(text);
    return true;
}

/* ---- tokenizer ----------------------------------------------------------------------------------------------- */

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
    bool ok = feed_qa(t, &b->slake, 8, err) && feed_qa(t, &b->rad, 8, err) && feed_qa(t, &b->made, 1, err) &&
              feed_qa(t, &b->facts, 2, err) && feed_qa(t, &b->captions, 2, err);
    for (int64_t i = 0; ok && i < b->corpus.n; i++)
        ok = b->corpus.items[i].val ||
             (feed(t, b->corpus.items[i].prompt, 1, err) && feed(t, b->corpus.items[i].answer, 1, err));
    return ok;
}

static fab_bpe *train_tokenizer(fab_session *s, fab_err *err)
{
    const json_t *o = json_object_get(s->recipe, "tokenizer");
    const fab_bpe_train_opts opts = { .vocab_size = (int32_t)number(o, "vocab", 8000),
                                      .specials = fab_mini_special_names,
                                      .n_specials = FAB_MINI_SPECIALS,
                                      .pre = FAB_PRE_FABRICA,
                                      .max_han = (int32_t)number(o, "max_han", 0) };
    fab_bpe_trainer *t = fab_bpe_trainer_new(&opts, err);
    fab_bpe *b = t && feed_all(t, &s->bundle, err) ? fab_bpe_trainer_finish(t, err) : NULL;
    fab_bpe_trainer_free(t);
    return b;
}

static bool open_tokenizer(fab_session *s, fab_err *err)
{
    char *path = fab_path_join(s->arena, s->out_dir, "tokenizer.json", err);
    if (!path) return false;
    if (fab_exists(path)) return (s->bpe = fab_bpe_open(path, err)) != NULL;
    s->bpe = train_tokenizer(s, err);
    json_t *v = s->bpe ? fab_bpe_to_json(s->bpe, err) : NULL;
    bool ok = v && fab_json_write(path, v, err);
    json_decref(v);
    return ok;
}

/* ---- indexes ------------------------------------------------------------------------------------------------- */

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
        facts[i] = (fab_text){ f->items[i].question, f->items[i].answer, "kg", f->items[i].lang, false };
        s->texts[s->n_texts++] = &facts[i];
    }
    return true;
}

/* ---- model ----------------------------------------------------------------------------------------------------- */

static bool open_model(fab_session *s, fab_err *err)
{
    fab_mini_config cfg;
    const json_t *o = json_object_get(s->recipe, "optimizer");
    if (!read_model(json_object_get(s->recipe, "model"), &cfg, err)) return false;
    cfg.text.vocab = (fab_bpe_vocab_size(s->bpe) + 15) / 16 * 16;
    s->model = fab_mini_new(s->arena, &cfg, err);
    if (!s->model) return false;
    fab_params p = fab_params_init(s->arena, &s->model->list, (uint64_t)number(s->recipe, "seed", 1));
    p.train = true;
    fab_mini_params(&p, s->model);
    if (!fab_params_end(&p, err)) return false;
    fab_optim_opts opts = FAB_OPTIM_DEFAULTS;
    opts.beta1 = (float)number(o, "beta1", opts.beta1);
    opts.beta2 = (float)number(o, "beta2", opts.beta2);
    opts.decay = (float)number(o, "decay", opts.decay);
    opts.clip = (float)number(o, "clip", opts.clip);
    opts.ema_decay = (float)number(o, "ema", 0);
    fab_log(FAB_LOG_INFO, "model: %.2f M parameters, %d image tokens, vocabulary %lld", (double)p.n_values / 1e6,
            fab_mini_tokens(&cfg), (long long)cfg.text.vocab);
    return fab_optim_init(&s->optim, s->arena, &s->model->list, &opts, err);
}

static bool open_store(fab_session *s, fab_err *err)
{
    char *cache = fab_path_join(s->arena, s->out_dir, "store.bin", err);
    s->store = cache ? fab_store_open(s->bundle.images.paths, s->bundle.images.n, (int)number(s->recipe, "store_side", 176),
                                      s->pool, cache, err)
                     : NULL;
    return s->store != NULL;
}

bool fab_session_open(fab_session *s, const fab_train_opts *o, fab_err *err)
{
    memset(s, 0, sizeof *s);
    s->pool = o->pool;
    s->arena = fab_arena_new(64u << 20, err);
    s->step_arena = s->arena ? fab_arena_new(256u << 20, err) : NULL;
    if (!s->step_arena || !read_recipe(s, o, err) || !fab_mkdirs(s->out_dir, err)) return false;
    fab_rng_init(&s->rng, (uint64_t)number(s->recipe, "seed", 1) + 1);
    const fab_bundle_opts bundle = { .corpus = true, .share_val = json_is_true(json_object_get(s->recipe, "share_val")) };
    if (!fab_bundle_open(&s->bundle, s->data_dir, &bundle, err) || !open_tokenizer(s, err) || !open_store(s, err)) return false;
    if (!index_questions(s, err) || !index_sets(s, err) || !index_val(s, err) || !index_texts(s, err)) return false;
    fab_log(FAB_LOG_INFO, "data: %d pictures (SLAKE %d, VQA-RAD %d, ISIC %d, Kermany %d, BCCD %d), %lld + %lld questions, %lld texts",
            s->bundle.images.n, s->n_set[0], s->n_set[1], s->n_set[2], s->n_set[3], s->n_set[4],
            (long long)(s->bundle.slake.n + s->bundle.rad.n), (long long)s->bundle.made.n, (long long)s->n_texts);
    return open_model(s, err);
}

void fab_session_close(fab_session *s)
{
    fab_store_close(s->store);
    fab_bpe_free(s->bpe);
    fab_bundle_clear(&s->bundle);
    json_decref(s->recipe);
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
