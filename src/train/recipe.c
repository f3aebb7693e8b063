/* recipe: see recipe.h. A section reads its settings one by one; the first failure of any stays in
 * the shared error, and what follows it gets defaults.
 */
#include "train/recipe.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/yaml.h"
#include "train/recipe_section.h"

/* ---- model, optimiser, augmentation ---------------------------------------------------------- */

static void wholes(const section *s, const char *key, int *out, size_t n)
{
    const json_t *v = json_object_get(s->o, key);
    bool good = json_array_size(v) == n;
    for (size_t i = 0; good && i < n; i++) {
        json_int_t x = json_integer_value(json_array_get(v, i));
        good = json_is_integer(json_array_get(v, i)) && x >= 0 && x <= 1 << 20;
        if (good) out[i] = (int)x;
    }
    if (v && !good)
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is no list of %zu whole numbers", s->where,
                 key, n);
}

/* Counts the parameters of the model, which finds sizes that do not fit each other. */
static void check_model(const fab_mini_config *c, fab_err *err)
{
    fab_err mine = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &mine);
    fab_mini *m = a ? fab_mini_new(a, c, &mine) : NULL;
    if (m) {
        fab_params p = fab_params_count();
        fab_mini_params(&p, m);
        fab_params_end(&p, &mine);
    }
    fab_arena_free(a);
    if (mine.code) fab_fail(err, FAB_EUSAGE, "recipe: model: %s", mine.text);
}

/* The settings of another tower would do nothing: they are refused. */
static void read_tower(const section *s, fab_mini_config *c)
{
    static const char *const others[FAB_TOWERS][6] = {
        [FAB_TOWER_RESIDUAL] = { "width", "trunk_widths", "trunk_depths", "still_trunk",
                                 "closer_look", NULL },
        [FAB_TOWER_LITE0] = { "widths", "depths", NULL },
    };
    fab_err mine = FAB_ERR_INIT;
    if (!fab_tower_parse(words(s, "tower", fab_tower_name(c->tower)), &c->tower, &mine))
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s", s->where, mine.text);
    for (const char *const *k = others[c->tower]; *k; k++)
        if (json_object_get(s->o, *k))
            fab_fail(s->err, FAB_EUSAGE, "recipe: %s: %s is not for tower %s", s->where, *k,
                     fab_tower_name(c->tower));
    c->width = (int)whole(s, "width", c->width, 0, 1 << 20);
    wholes(s, "trunk_widths", c->trunk.widths, 1 + FAB_LITE0_GROUPS);
    wholes(s, "trunk_depths", c->trunk.depths, FAB_LITE0_GROUPS);
    c->still_trunk = flag(s, "still_trunk");
    c->closer_look = flag(s, "closer_look");
    wholes(s, "widths", c->widths, 3);
    wholes(s, "depths", c->depths, 3);
}

static void read_model(const json_t *o, fab_mini_config *c, fab_err *err)
{
    static const char *const keys[] = { "image_size",   "tower",  "width",    "trunk_widths",
                                        "trunk_depths", "widths", "depths",   "vit_layers",
                                        "vit_heads",    "embed",  "dim",      "ffn",
                                        "layers",       "heads",  "kv_heads", "still_trunk",
                                        "closer_look",  NULL };
    enum { MOST = 1 << 20 };
    section s = open_section(o, "model", keys, err);
    *c = fab_mini_default;
    c->image_size = (int)whole(&s, "image_size", c->image_size, 0, MOST);
    read_tower(&s, c);
    c->vit_layers = (int)whole(&s, "vit_layers", c->vit_layers, 0, MOST);
    c->vit_heads = (int)whole(&s, "vit_heads", c->vit_heads, 0, MOST);
    c->embed = (int)whole(&s, "embed", c->embed, 0, MOST);
    c->text.dim = whole(&s, "dim", c->text.dim, 0, MOST);
    c->text.ffn = whole(&s, "ffn", c->text.ffn, 0, MOST);
    c->text.layers = (int)whole(&s, "layers", c->text.layers, 0, MOST);
    c->text.heads = (int)whole(&s, "heads", c->text.heads, 0, MOST);
    c->text.kv_heads = (int)whole(&s, "kv_heads", c->text.kv_heads, 0, MOST);
    c->labels = FAB_LABELS_SPATIAL;
    c->classes = FAB_LABELS;
    if (!err->code) check_model(c, err);
}

static void read_optimizer(const json_t *o, fab_recipe *r, fab_err *err)
{
    static const char *const keys[] = {
        "beta1", "beta2", "decay", "clip", "ema", "tower_rate", NULL
    };
    section s = open_section(o, "optimizer", keys, err);
    fab_optim_opts *p = &r->optim;
    *p = (fab_optim_opts)FAB_OPTIM_DEFAULTS;
    r->tower_rate = (float)real(&s, "tower_rate", 1, 0, 100);
    p->beta1 = (float)real(&s, "beta1", p->beta1, 0, 0.9999);
    p->beta2 = (float)real(&s, "beta2", p->beta2, 0, 0.9999);
    p->decay = (float)real(&s, "decay", p->decay, 0, 10);
    p->clip = (float)real(&s, "clip", p->clip, 0, 1e6);
    p->ema_decay = (float)real(&s, "ema", 0, 0, 0.999999);
}

static void read_augment(const json_t *o, fab_augment_opts *a, fab_err *err)
{
    static const char *const keys[] = { "scale_min", "scale_max",  "aspect",   "rotate_deg",
                                        "shift",     "brightness", "contrast", "saturation",
                                        "gamma",     "noise",      "blur",     "cutout",
                                        NULL };
    section s = open_section(o, "augment", keys, err);
    *a = (fab_augment_opts)FAB_AUGMENT_DEFAULTS;
    a->scale_min = (float)real(&s, "scale_min", a->scale_min, 0.05, 4);
    a->scale_max = (float)real(&s, "scale_max", a->scale_max, 0.05, 4);
    a->aspect = (float)real(&s, "aspect", a->aspect, 0, 4);
    a->rotate_deg = (float)real(&s, "rotate_deg", a->rotate_deg, 0, 180);
    a->shift = (float)real(&s, "shift", a->shift, 0, 1);
    a->brightness = (float)real(&s, "brightness", a->brightness, 0, 1);
    a->contrast = (float)real(&s, "contrast", a->contrast, 0, 1);
    a->saturation = (float)real(&s, "saturation", a->saturation, 0, 1);
    a->gamma = (float)real(&s, "gamma", a->gamma, 0, 4);
    a->noise = (float)real(&s, "noise", a->noise, 0, 1);
    a->blur = (float)real(&s, "blur", a->blur, 0, 1);
    a->cutout = (float)real(&s, "cutout", a->cutout, 0, 1);
    if (a->scale_min > a->scale_max)
        fab_fail(err, FAB_EUSAGE, "recipe: augment: scale_min %g is above scale_max %g",
                 (double)a->scale_min, (double)a->scale_max);
}

/* ---- stages ---------------------------------------------------------------------------------- */

static void read_losses(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = { "qa",        "caption", "contrast", "token_region",
                                        "prototype", "dense",   "presence", NULL };
    char where[64];
    snprintf(where, sizeof where, "losses of stage %.40s", g->name);
    section s = open_section(o, where, keys, err);
    fab_loss_weights *w = &g->loss;
    w->qa = real(&s, "qa", 0, 0, 1e6);
    w->caption = real(&s, "caption", 0, 0, 1e6);
    w->contrast = real(&s, "contrast", 0, 0, 1e6);
    w->token_region = real(&s, "token_region", 0, 0, 1e6);
    w->prototype = real(&s, "prototype", 0, 0, 1e6);
    w->dense = real(&s, "dense", 0, 0, 1e6);
    w->presence = real(&s, "presence", 0, 0, 1e6);
    double alone = w->qa + w->dense + w->presence;
    if (g->pictures && !(alone + w->caption + w->contrast + w->token_region + w->prototype > 0))
        fab_fail(err, FAB_EUSAGE, "recipe: %s: all are 0, there is nothing to learn", where);
    if (g->pictures && !(alone > 0) && g->batch < 2)
        fab_fail(err, FAB_EUSAGE, "recipe: %s: captions need a batch of 2 pictures, it is %d",
                 where, g->batch);
}

static const char *const set_names[FAB_SETS + 1] = { "slake",   "vqa_rad", "isic",
                                                     "kermany", "bccd",    NULL };

/* A mapping of set names to numbers in 0..most; a set that is left out has 0, all have `fallback`
 * without a mapping. The sum. */
static double read_per_set(const json_t *o, const fab_stage *g, const char *what, double fallback,
                           double most, double out[FAB_SETS], fab_err *err)
{
    char where[64];
    snprintf(where, sizeof where, "%s of stage %.40s", what, g->name);
    section s = open_section(o, where, set_names, err);
    double sum = 0;
    for (int k = 0; k < FAB_SETS; k++)
        sum += out[k] = real(&s, set_names[k], o ? 0 : fallback, 0, most);
    return sum;
}

static void read_sets(const section *s, fab_stage *g)
{
    double sum =
        read_per_set(json_object_get(s->o, "sets"), g, "sets", 1, 1e6, g->set_weight, s->err);
    read_per_set(json_object_get(s->o, "blank"), g, "blank", 0, 1, g->blank, s->err);
    read_per_set(json_object_get(s->o, "word_drop"), g, "word_drop", 0, 0.9, g->word_drop, s->err);
    read_per_set(json_object_get(s->o, "prior"), g, "prior", 0, 1, g->prior, s->err);
    read_per_set(json_object_get(s->o, "paraphrase"), g, "paraphrase", 0, 1, g->paraphrase, s->err);
    read_per_set(json_object_get(s->o, "mirror"), g, "mirror", 0, 1, g->mirror, s->err);
    read_per_set(json_object_get(s->o, "close"), g, "close", 0, 1, g->close, s->err);
    for (int k = 0; k < FAB_SETS; k++)
        if (g->close[k] > 0 && k != FAB_SET_ISIC)
            fab_fail(
                s->err, FAB_EUSAGE,
                "recipe: close of stage %.40s: %s is %g, but its pictures show no skin lesions",
                g->name, set_names[k], g->close[k]);
    for (int k = 0; k < FAB_SETS; k++)
        if (g->mirror[k] > 0 && fab_set_turns((fab_set)k))
            fab_fail(s->err, FAB_EUSAGE,
                     "recipe: mirror of stage %.40s: %s is %g, but its pictures are turned and "
                     "mirrored anyway",
                     g->name, set_names[k], g->mirror[k]);
    if (g->pictures && !(sum > 0))
        fab_fail(s->err, FAB_EUSAGE,
                 "recipe: sets of stage %.40s: all are 0, there is no picture to draw", g->name);
}

static void read_curriculum(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = { "start", "full", "pace", "order", NULL };
    char where[64];
    snprintf(where, sizeof where, "curriculum of stage %.40s", g->name);
    section s = open_section(o, where, keys, err);
    fab_curriculum *c = &g->curriculum;
    c->start = real(&s, "start", 0.2, 0.01, 1);
    c->full = real(&s, "full", o ? 0.5 : 0, o ? 0.01 : 0, 1);
    const char *pace = words(&s, "pace", "root"), *order = words(&s, "order", "easy");
    c->linear = strcmp(pace, "linear") == 0;
    c->hard_first = strcmp(order, "hard") == 0;
    if (!c->linear && strcmp(pace, "root") != 0)
        fab_fail(err, FAB_EUSAGE, "recipe: %s: pace is '%.40s', root or linear is wanted", where,
                 pace);
    if (!c->hard_first && strcmp(order, "easy") != 0)
        fab_fail(err, FAB_EUSAGE, "recipe: %s: order is '%.40s', easy or hard is wanted", where,
                 order);
}

/* A cut-out has no question or caption of its own. */
static void check_close(const fab_stage *g, fab_err *err)
{
    if (g->close[FAB_SET_ISIC] > 0 && fab_losses_of_words(&g->loss))
        fab_fail(err, FAB_EUSAGE,
                 "recipe: stage %.40s: close shows a part of a picture, of which questions and "
                 "captions are not true: its losses may be presence and dense",
                 g->name);
}

static void read_mix(const section *s, fab_stage *g)
{
    g->mix = real(s, "mix", 0, 0, 1);
    if (g->mix > 0 && !(g->loss.dense > 0 || g->loss.presence > 0))
        fab_fail(s->err, FAB_EUSAGE,
                 "recipe: %s: mix is %g, but losses has neither dense nor presence, and nothing "
                 "else is taught of mixed pictures",
                 s->where, g->mix);
    if (g->mix > 0 && g->teacher.n)
        fab_fail(s->err, FAB_EUSAGE, "recipe: %s: mix is %g, but a teacher sees whole pictures",
                 s->where, g->mix);
}

static void read_adversary(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = { "share", "epsilon", "on", NULL };
    char where[64];
    snprintf(where, sizeof where, "adversarial of stage %.40s", g->name);
    section s = open_section(o, where, keys, err);
    const char *on = words(&s, "on", "tokens");
    g->adversary.pixels = strcmp(on, "pixels") == 0;
    if (!g->adversary.pixels && strcmp(on, "tokens") != 0)
        fab_fail(err, FAB_EUSAGE, "recipe: %s: on is '%.40s', tokens or pixels is wanted", where,
                 on);
    g->adversary.share = real(&s, "share", o ? 0.5 : 0, 0, 1);
    g->adversary.epsilon =
        real(&s, "epsilon", g->adversary.pixels ? 2 : 0.1, 0, g->adversary.pixels ? 255 : 10);
    if (g->adversary.share > 0 && !(g->loss.qa > 0))
        fab_fail(err, FAB_EUSAGE, "recipe: %s: losses has no qa to work against", where);
}

static void read_schedule(const section *s, fab_stage *g)
{
    g->steps = whole(s, "steps", 0, 1, 1000000000);
    if (g->steps == 0) fab_fail(s->err, FAB_EUSAGE, "recipe: %s: steps is missing", s->where);
    g->schedule = (fab_schedule){ .lr = real(s, "lr", 1e-3, 0, 10),
                                  .floor = real(s, "floor", 0, 0, 10),
                                  .warmup = whole(s, "warmup", 0, 0, 1000000000),
                                  .total = g->steps };
    fab_err mine = FAB_ERR_INIT;
    if (!fab_schedule_parse(words(s, "schedule", "cosine"), &g->schedule.kind, &mine))
        fab_fail(s->err, mine.code, "recipe: %s: %s", s->where, mine.text);
}

static void read_stage(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = {
        "name",        "task",      "steps",  "batch",      "length",     "questions",
        "real_share",  "smoothing", "losses", "sets",       "blank",      "word_drop",
        "drop",        "lr",        "floor",  "warmup",     "schedule",   "validate_every",
        "patience",    "prior",     "only",   "curriculum", "paraphrase", "mix",
        "adversarial", "teacher",   "mirror", "close",      NULL
    };
    section s = open_section(o, "a stage", keys, err);
    const char *task = words(&s, "task", "pictures");
    g->name = words(&s, "name", task);
    snprintf(s.where, sizeof s.where, "stage %.50s", g->name);
    g->pictures = strcmp(task, "pictures") == 0;
    if (!g->pictures && strcmp(task, "text") != 0)
        fab_fail(err, FAB_EUSAGE, "recipe: %s: task is '%.40s', pictures or text is wanted",
                 s.where, task);
    g->batch = (int)whole(&s, "batch", 16, 1, FAB_MAX_BATCH);
    g->length = (int)whole(&s, "length", 96, 8, FAB_MAX_LENGTH);
    g->questions = (int)whole(&s, "questions", 4, 1, FAB_MAX_QUESTIONS);
    g->real_share = real(&s, "real_share", 0.7, 0, 1);
    g->drop = (float)real(&s, "drop", 0.1, 0, 0.9);
    g->only = words(&s, "only", NULL);
    g->validate_every = whole(&s, "validate_every", 0, 0, 1000000000);
    g->patience = whole(&s, "patience", 0, 0, 1000000000);
    g->loss.smoothing = real(&s, "smoothing", 0, 0, 0.9);
    read_schedule(&s, g);
    read_losses(json_object_get(s.o, "losses"), g, err);
    read_sets(&s, g);
    read_curriculum(json_object_get(s.o, "curriculum"), g, err);
    read_adversary(json_object_get(s.o, "adversarial"), g, err);
    fab_recipe_read_teacher(json_object_get(s.o, "teacher"), g, err);
    read_mix(&s, g);
    check_close(g, err);
}

static void read_stages(const json_t *list, fab_recipe *r, fab_err *err)
{
    size_t n = json_array_size(list);
    if (n < 1 || n > FAB_MAX_STAGES) {
        fab_fail(err, FAB_EUSAGE, "recipe: %zu stages, 1 to %d are wanted", n, FAB_MAX_STAGES);
        return;
    }
    r->n_stages = (int)n;
    for (int i = 0; i < r->n_stages; i++) {
        read_stage(json_array_get(list, (size_t)i), &r->stages[i], err);
        for (int j = 0; j < i; j++)
            if (strcmp(r->stages[j].name, r->stages[i].name) == 0)
                fab_fail(err, FAB_EUSAGE, "recipe: stages %d and %d have one name, %.60s", j + 1,
                         i + 1, r->stages[i].name);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void read_tokenizer(const json_t *o, fab_recipe *r, fab_err *err)
{
    static const char *const keys[] = { "vocab", "max_han", NULL };
    section s = open_section(o, "tokenizer", keys, err);
    r->vocab = (int32_t)whole(&s, "vocab", 8000, 256 + FAB_MINI_SPECIALS, 1 << 20);
    r->max_han = (int32_t)whole(&s, "max_han", 0, 0, 1000);
}

static void read_alignment(const json_t *o, fab_recipe *r, fab_err *err)
{
    static const char *const keys[] = { "prototypes", "still", NULL };
    section s = open_section(o, "alignment", keys, err);
    r->prototypes = whole(&s, "prototypes", 64, 2, 4096);
    r->prototypes_still = whole(&s, "still", 50, 0, 1000000000);
}

static void read_init(const json_t *o, fab_recipe *r, fab_err *err)
{
    static const char *const keys[] = { "tower", "model", "leave", NULL };
    section s = open_section(o, "init", keys, err);
    r->init_tower = words(&s, "tower", NULL);
    r->init_model = words(&s, "model", NULL);
    r->init_leave = words(&s, "leave", NULL);
    if (r->init_leave && !r->init_model)
        fab_fail(err, FAB_EUSAGE,
                 "recipe: init: leave says what of a model stays out, and there is no model");
    if (r->init_tower && r->model.tower != FAB_TOWER_LITE0)
        fab_fail(err, FAB_EUSAGE, "recipe: init: the %s tower starts from no file",
                 fab_tower_name(r->model.tower));
}

static void read_save(const json_t *o, fab_recipe *r, fab_err *err)
{
    static const char *const keys[] = { "dtype", "path", NULL };
    section s = open_section(o, "save", keys, err);
    const char *name = words(&s, "dtype", "F16");
    bool known = fab_dtype_parse(name, &r->dtype);
    if (!known || (r->dtype != FAB_F32 && r->dtype != FAB_F16 && r->dtype != FAB_BF16 &&
                   r->dtype != FAB_Q8_0))
        fab_fail(err, FAB_EUSAGE,
                 "recipe: save: dtype is '%.40s', F32, F16, BF16 or Q8_0 is wanted", name);
    if (json_object_get(s.o, "path"))
        fab_log(FAB_LOG_WARN, "recipe: save.path does nothing; the model becomes %s/%s.gguf",
                r->out_dir, r->name);
}

/* The model alone: data, stages and rates may change between two sittings of a run. */
static void hash_model(const json_t *model, char hash[65])
{
    char *text = json_dumps(model, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    fab_sha256_hex(text ? text : "", text ? strlen(text) : 0, hash);
    fab_free(text);
}

static void read_all(fab_recipe *r, const fab_train_opts *o, fab_err *err)
{
    static const char *const keys[] = { "name",      "version",    "seed",      "data",
                                        "out",       "store_side", "tokenizer", "model",
                                        "optimizer", "augment",    "stages",    "save",
                                        "share_val", "init",       "alignment", "tune",
                                        "peft",      NULL };
    section s = open_section(r->json, "the recipe", keys, err);
    r->name = words(&s, "name", "mini");
    if (!*r->name || strchr(r->name, '/') || r->name[0] == '.')
        fab_fail(err, FAB_EUSAGE, "recipe: name is '%.60s', the name of a file is wanted", r->name);
    r->version = words(&s, "version", "0");
    r->seed = (uint64_t)whole(&s, "seed", 1, 0, (int64_t)1 << 52);
    r->data_dir = o->data ? o->data : words(&s, "data", "../shared/data/open");
    r->out_dir = o->out ? o->out : words(&s, "out", "runs/mini");
    r->store_side = (int)whole(&s, "store_side", 176, 32, 2048);
    r->share_val = flag(&s, "share_val");
    read_tokenizer(json_object_get(s.o, "tokenizer"), r, err);
    read_model(json_object_get(s.o, "model"), &r->model, err);
    read_optimizer(json_object_get(s.o, "optimizer"), r, err);
    read_init(json_object_get(s.o, "init"), r, err);
    read_augment(json_object_get(s.o, "augment"), &r->augment, err);
    read_alignment(json_object_get(s.o, "alignment"), r, err);
    read_stages(json_object_get(s.o, "stages"), r, err);
    read_save(json_object_get(s.o, "save"), r, err);
    fab_recipe_read_peft(r, json_object_get(s.o, "peft"), err);
    if (r->peft.on && json_object_get(s.o, "model"))
        fab_fail(err, FAB_EUSAGE,
                 "recipe: model: an adapter takes the model of init.model as it is");
    if (!r->peft.on && r->store_side < r->model.image_size)
        fab_fail(err, FAB_EUSAGE, "recipe: store_side %d is below the model's image_size %d",
                 r->store_side, r->model.image_size);
    hash_model(json_object_get(s.o, "model"), r->hash);
}

bool fab_recipe_read(fab_recipe *r, const fab_train_opts *o, fab_err *err)
{
    fab_err mine = FAB_ERR_INIT;
    *r = (fab_recipe){ .json = fab_yaml_open(o->recipe, err) };
    if (!r->json) return false;
    for (int i = 0; i < o->n_set; i++)
        if (!fab_json_set_path(r->json, o->set[i], err)) return false;
    read_all(r, o, &mine);
    return !mine.code || fab_fail(err, mine.code, "%s", mine.text);
}

void fab_recipe_clear(fab_recipe *r)
{
    json_decref(r->json);
    *r = (fab_recipe){ 0 };
}
