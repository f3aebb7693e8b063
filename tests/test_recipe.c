/* Tests of recipes: what a sound one gives, and the sentence for every kind of setting that
 * cannot be. Each bad case is a sound recipe with one --set. */
#include "test.h"

#include <unistd.h>

#include "base/file.h"
#include "train/recipe.h"

static const char *const sound =
    "name: r\n"
    "version: '1'\n"
    "seed: 7\n"
    "store_side: 40\n"
    "tokenizer: {vocab: 300}\n"
    "model: {image_size: 32, widths: [8, 8, 16], depths: [1, 0, 1], vit_heads: 2}\n"
    "optimizer: {ema: 0.5, beta1: 0.8}\n"
    "augment: {blur: 0}\n"
    "stages:\n"
    "  - {name: one, task: text, steps: 5, length: 32, schedule: linear}\n"
    "  - {name: two, steps: 7, batch: 3, drop: 0, losses: {qa: 2}, sets: {isic: 1}}\n"
    "save: {dtype: Q8_0}\n";

static char path[64];

static void setup(void)
{
    fab_err err = FAB_ERR_INIT;
    if (*path) return;
    strcpy(path, "/tmp/fab-recipe-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    CHECK_MSG(fab_file_write(path, sound, strlen(sound), &err), "%s", err.text);
}

__attribute__((destructor)) static void forget(void)
{
    if (*path) unlink(path);
}

static bool read_with(fab_recipe *r, const char *set, fab_err *err)
{
    const fab_train_opts o = {
        .recipe = path, .set = &set, .n_set = set != NULL, .out = "/tmp/out"
    };
    return fab_recipe_read(r, &o, err);
}

static const char *const adapting =
    "store_side: 40\n"
    "init: {model: m.gguf}\n"
    "peft: {kind: adalora, rank: 6, alpha: 3, targets: [q_proj, '*.fc1'], full: [fc]}\n"
    "stages:\n"
    "  - {name: one, task: text, steps: 50, length: 32}\n"
    "  - {name: two, steps: 70, batch: 3, losses: {qa: 2}}\n";

static bool adapt_with(fab_recipe *r, const char *set, fab_err *err)
{
    setup();
    CHECK(fab_file_write(path, adapting, strlen(adapting), err));
    bool ok = read_with(r, set, err);
    CHECK(fab_file_write(path, sound, strlen(sound), NULL));
    return ok;
}

TEST(an_adapters_recipe)
{
    static const struct {
        const char *set, *says;
    } cases[] = {
        { "peft.rank=0", "recipe: peft: rank is 0, 1 to 4096 is wanted" },
        { "peft.kind=ia3", "recipe: peft: kind is 'ia3': lora, adalora, bottleneck or prefix" },
        { "peft.kind=bottleneck", NULL },
        { "peft.size=3", "recipe: peft has no setting 'size'" },
        { "peft.targets=q_proj", "recipe: peft: targets is no list of at most 32 names" },
        { "peft.targets=[3]", "recipe: peft: targets: item 0 is no text" },
        { "peft.targets=[]", "recipe: peft: adalora without targets" },
        { "peft.final_rank=7", "recipe: peft: final_rank is 7, 0.1 to 6 is wanted" },
        { "peft.settle=120", "recipe: peft: settle is 120, 0 to 108 is wanted" },
        { "init.model=null", "recipe: peft: init.model names no model to adapt" },
        { "init.leave=tower.", "recipe: peft: init.leave would change the model" },
        { "model={\"dim\": 64}",
          "recipe: model: an adapter takes the model of init.model as it is" },
        { "stages.two.losses.prototype=1", "recipe: stage two: prototypes are no part" },
        { "peft.decoder=x", "recipe: stage one: a decoder learns from the losses qa and caption" },
    };
    fab_recipe r;
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(adapt_with(&r, NULL, &err), "%s", err.text);
    CHECK(r.peft.on && r.peft.opts.kind == FAB_PEFT_ADALORA && r.peft.opts.rank == 6 &&
          r.peft.opts.n_targets == 2 && r.peft.opts.n_full == 1 && r.peft.budget.total == 120 &&
          r.peft.budget.warm == 12 && r.peft.budget.target == 3);
    CHECK_STR(r.peft.opts.targets[1], "*.fc1");
    fab_recipe_clear(&r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (fab_err)FAB_ERR_INIT;
        CHECK_MSG(adapt_with(&r, cases[i].set, &err) == !cases[i].says, "--set %s: %s",
                  cases[i].set, err.text);
        if (cases[i].says) CHECK_SAYS(err.text, cases[i].says);
        fab_recipe_clear(&r);
    }
}

TEST(sound_recipe)
{
    setup();
    fab_recipe r;
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(read_with(&r, NULL, &err), "%s", err.text);
    CHECK_STR(r.name, "r");
    CHECK_STR(r.out_dir, "/tmp/out");
    CHECK(r.seed == 7 && r.store_side == 40 && r.vocab == 300 && r.dtype == FAB_Q8_0 &&
          !r.share_val);
    CHECK(r.model.image_size == 32 && r.model.widths[2] == 16 && r.model.depths[1] == 0 &&
          r.model.embed == 192);
    CHECK_NEAR(r.optim.beta1, 0.8, 1e-6);
    CHECK_NEAR(r.optim.ema_decay, 0.5, 0);
    CHECK(r.augment.blur == 0 && r.augment.noise > 0);
    CHECK(r.n_stages == 2 && !r.stages[0].pictures && r.stages[1].pictures);
    CHECK(r.stages[0].schedule.kind == FAB_SCHEDULE_LINEAR && r.stages[0].schedule.total == 5);
    CHECK(r.stages[1].batch == 3 && r.stages[1].loss.qa == 2 &&
          r.stages[1].set_weight[FAB_SET_SLAKE] == 0 && r.stages[1].set_weight[FAB_SET_ISIC] == 1);
    char hash[65];
    memcpy(hash, r.hash, sizeof hash);
    fab_recipe_clear(&r);
    CHECK(read_with(&r, "stages.two.steps=9", &err) && r.stages[1].steps == 9);
    CHECK_STR(r.hash, hash); /* only the model binds a resume */
    fab_recipe_clear(&r);
    CHECK(read_with(&r, "model.dim=64", &err) && strcmp(r.hash, hash) != 0);
    fab_recipe_clear(&r);
}

TEST(pretrained_tower)
{
    setup();
    fab_recipe r;
    fab_err err = FAB_ERR_INIT;
    CHECK(read_with(&r, NULL, &err));
    CHECK(r.model.tower == FAB_TOWER_RESIDUAL && !r.init_tower && r.tower_rate == 1);
    fab_recipe_clear(&r);
    const char *const sets[] = { "model={tower: lite0, image_size: 32, width: 64, trunk_widths: "
                                 "[8, 8, 8, 8, 8, 8, 8, 16]}",
                                 "init={tower: a.pth, model: b.gguf}",
                                 "optimizer.tower_rate=0.25",
                                 "model.still_trunk=true",
                                 "model.closer_look=true",
                                 "stages.two.prior={vqa_rad: 0.5}",
                                 "stages.two.losses={presence: 1}",
                                 "stages.two.close={isic: 0.5}" };
    const fab_train_opts o = { .recipe = path, .set = sets, .n_set = 8 };
    CHECK_MSG(fab_recipe_read(&r, &o, &err), "%s", err.text);
    CHECK(r.model.tower == FAB_TOWER_LITE0 && r.model.width == 64 &&
          r.model.trunk.widths[7] == 16 && r.model.trunk.depths[5] == 4);
    CHECK_STR(r.init_tower, "a.pth");
    CHECK_STR(r.init_model, "b.gguf");
    CHECK(r.model.closer_look && r.stages[1].close[FAB_SET_ISIC] == 0.5);
    CHECK(r.model.still_trunk && r.stages[1].prior[FAB_SET_VQA_RAD] == 0.5 &&
          r.stages[1].prior[FAB_SET_SLAKE] == 0);
    CHECK(r.tower_rate == 0.25f);
    fab_recipe_clear(&r);
}

TEST(bad_recipes)
{
    static const struct {
        const char *set, *says;
    } cases[] = {
        { "nmae=x", "the recipe has no setting 'nmae'" },
        { "stages.one.stesp=3", "stage has no setting 'stesp'" },
        { "optimizer.beta3=0.9", "optimizer has no setting 'beta3'" },
        { "augment.blurr=0.9", "augment has no setting 'blurr'" },
        { "stages.two.losses.qaa=1", "losses of stage two has no setting 'qaa'" },
        { "save.type=F16", "save has no setting 'type'" },
        { "name=a/b", "name is 'a/b'" },
        { "name=", "name is no text" },
        { "version=0.1", "version is no text; put it in quotes" },
        { "seed=-1", "seed is -1, 0 to" },
        { "seed=0.5", "seed is 0.5, a whole number is wanted" },
        { "seed=1e300", "seed is 1e+300" },
        { "share_val=1", "share_val is neither true nor false" },
        { "store_side=0", "store_side is 0, 32 to 2048" },
        { "store_side=32.5", "store_side is 32.5, a whole number" },
        { "model.image_size=64", "store_side 40 is below the model's image_size 64" },
        { "model.image_size=33", "model: image size 33 is no multiple of 32" },
        { "model.image_size=big", "model: image_size is no number" },
        { "model.widths=[8, 8]", "model: widths is no list of 3 whole numbers" },
        { "model.widths=[8, 8, 1.5]", "model: widths is no list" },
        { "model.depths=[1, -1, 1]", "model: depths is no list" },
        { "model.widths=[8, 8, 4294967297]", "model: widths is no list" },
        { "model.tower=vgg", "model: there is no tower 'vgg': residual or lite0" },
        { "model.tower=lite0", "model: widths is not for tower lite0" },
        { "model.width=64", "model: width is not for tower residual" },
        { "model.trunk_widths=[1]", "model: trunk_widths is not for tower residual" },
        { "model={tower: lite0, image_size: 32, trunk_depths: [1, 2]}",
          "model: trunk_depths is no list of 7 whole numbers" },
        { "model={tower: lite0, image_size: 32, trunk_depths: [1, 2, 0, 1, 1, 1, 1]}",
          "model: trunk: depth 2 is 0, 1 to 64 are possible" },
        { "model={tower: lite0, image_size: 32, width: 250}", "4 heads do not divide width 250" },
        { "init={tower: a.pth}", "init: the residual tower starts from no file" },
        { "alignment={protoypes: 9}", "alignment has no setting 'protoypes'" },
        { "alignment={prototypes: 1}", "alignment: prototypes is 1, 2 to 4096 is wanted" },
        { "alignment={still: -1}", "alignment: still is -1, 0 to" },
        { "stages.two.losses={token_region: -1}", "losses of stage two: token_region is -1" },
        { "stages.two.losses={prototype: x}", "losses of stage two: prototype is no number" },
        { "stages.two.paraphrase={slake: 2}", "paraphrase of stage two: slake is 2, 0 to 1" },
        { "stages.two.mirror={isic: 0.5}",
          "mirror of stage two: isic is 0.5, but its pictures are turned and mirrored anyway" },
        { "stages.two.mix=-0.1", "stage two: mix is -0.1, 0 to 1 is wanted" },
        { "stages.two.mix=0.2", "mix is 0.2, but losses has neither dense nor presence" },
        { "stages.two={name: two, steps: 1, losses: {dense: 1}, mix: 0.2, teacher: {models: [a]}}",
          "stage two: mix is 0.2, but a teacher sees whole pictures" },
        { "stages.two.adversarial=0.3", "adversarial of stage two is no mapping" },
        { "stages.two.adversarial={eps: 1}", "adversarial of stage two has no setting 'eps'" },
        { "stages.two.adversarial={share: 2}", "adversarial of stage two: share is 2, 0 to 1" },
        { "stages.two.adversarial={epsilon: 11}", "epsilon is 11, 0 to 10 is wanted" },
        { "stages.two.adversarial={on: pixels, epsilon: 300}", "epsilon is 300, 0 to 255" },
        { "stages.two.adversarial={on: words}", "on is 'words', tokens or pixels is wanted" },
        { "stages.two={name: two, steps: 1, losses: {dense: 1}, adversarial: {share: 1}}",
          "adversarial of stage two: losses has no qa to work against" },
        { "stages.two.curriculum=easy", "curriculum of stage two is no mapping" },
        { "stages.two.curriculum={begin: 1}", "curriculum of stage two has no setting 'begin'" },
        { "stages.two.curriculum={start: 0}", "curriculum of stage two: start is 0, 0.01 to 1" },
        { "stages.two.curriculum={full: 2}", "curriculum of stage two: full is 2, 0.01 to 1" },
        { "stages.two.curriculum={pace: slow}", "pace is 'slow', root or linear is wanted" },
        { "stages.two.curriculum={order: odd}", "order is 'odd', easy or hard is wanted" },
        { "stages.two.teacher=a.gguf", "teacher of stage two is no mapping" },
        { "stages.two.teacher={weight: 1}", "models is no list of 1 to 8 files" },
        { "stages.two.teacher={models: [3]}", "teacher of stage two: model 1 is no text" },
        { "stages.two.teacher={models: [a], weight: 2}", "weight is 2, 0 to 1 is wanted" },
        { "stages.two.teacher={models: [a], temperature: 0}", "temperature is 0, 0.1 to 100" },
        { "init={modle: a.pth}", "init has no setting 'modle'" },
        { "optimizer.tower_rate=-1", "tower_rate is -1, 0 to 100" },
        { "model.vit_heads=3", "model: 3 heads do not divide width 16" },
        { "model.vit_layers=100", "100 transformer blocks" },
        { "model.kv_heads=-2", "kv_heads is -2" },
        { "model.kv_heads=3", "4 heads, 3 key heads, width 256 do not divide" },
        { "model.dim=4", "decoder: width 4" },
        { "model.dim=36", "no llama has width 36" },
        { "model=3", "model is no mapping" },
        { "tokenizer.vocab=100", "vocab is 100, 264 to 1048576" },
        { "tokenizer.vocab=5e9", "vocab is 5000000000" },
        { "tokenizer.max_han=-1", "max_han is -1" },
        { "optimizer.beta1=1", "beta1 is 1, 0 to 0.9999" },
        { "optimizer.ema=1", "ema is 1, 0 to 0.999999" },
        { "optimizer.clip=-1", "clip is -1" },
        { "augment.scale_min=0", "scale_min is 0" },
        { "augment.scale_min=2", "scale_min 2 is above scale_max 1.05" },
        { "augment.noise=lots", "noise is no number" },
        { "stages=[]", "0 stages, 1 to 8" },
        { "stages=3", "0 stages, 1 to 8" },
        { "stages=[1]", "a stage is no mapping" },
        { "stages=[{}]", "stage pictures: steps is missing" },
        { "stages.two.name=one", "stages 1 and 2 have one name, one" },
        { "stages.one.steps=0", "stage one: steps is 0, 1 to" },
        { "stages.one.steps=-5", "stage one: steps is -5" },
        { "stages.one.task=sound", "stage one: task is 'sound', pictures or text" },
        { "stages.one.length=500", "stage one: length is 500, 8 to 192" },
        { "stages.one.batch=0", "stage one: batch is 0, 1 to 1024" },
        { "stages.one.batch=1e9", "stage one: batch is 1000000000" },
        { "stages.two.questions=100000000", "stage two: questions is 100000000, 1 to 64" },
        { "stages.two.real_share=1.5", "stage two: real_share is 1.5, 0 to 1" },
        { "stages.two.smoothing=1", "stage two: smoothing is 1, 0 to 0.9" },
        { "stages.two.drop=2", "stage two: drop is 2, 0 to 0.9" },
        { "stages.two.lr=-0.1", "stage two: lr is -0.1" },
        { "stages.two.lr='1e-3'", "stage two: lr is no number" },
        { "stages.two.warmup=-1", "stage two: warmup is -1" },
        { "stages.two.schedule=sine", "stage two: schedule sine: cosine, linear or constant" },
        { "stages.two.validate_every=-1", "stage two: validate_every is -1" },
        { "stages.two.patience=-1", "stage two: patience is -1" },
        { "stages.two.losses={}", "losses of stage two: all are 0" },
        { "stages.two.losses=[1]", "losses of stage two is no mapping" },
        { "stages.two.losses={qa: -1}", "qa is -1" },
        { "stages=[{steps: 1, batch: 1, losses: {contrast: 1}}]",
          "need a batch of 2 pictures, it is 1" },
        { "stages.two.sets={isic: 0}", "sets of stage two: all are 0" },
        { "stages.two.sets={iscc: 1}", "sets of stage two has no setting 'iscc'" },
        { "stages.two.blank={isic: 2}", "isic is 2, 0 to 1" },
        { "stages.two.prior={vqa_rad: 1.5}", "vqa_rad is 1.5, 0 to 1" },
        { "model.still_trunk=true", "model: still_trunk is not for tower residual" },
        { "model.closer_look=true", "model: closer_look is not for tower residual" },
        { "stages.two.close={isic: 1.5}", "isic is 1.5" },
        { "stages.two.close={bccd: 0.5}", "its pictures show no skin lesions" },
        { "stages.two.close={isic: 0.5}", "of which questions and captions are not true" },
        { "save.dtype=F17", "dtype is 'F17', F32, F16, BF16 or Q8_0" },
        { "save.dtype=Q4_0", "dtype is 'Q4_0'" },
    };
    setup();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_recipe r;
        fab_err err = FAB_ERR_INIT;
        bool ok = read_with(&r, cases[i].set, &err);
        fab_recipe_clear(&r);
        CHECK_MSG(!ok, "--set %s was taken", cases[i].set);
        CHECK_MSG(strstr(err.text, cases[i].says), "--set %s: '%s' does not say '%s'", cases[i].set,
                  err.text, cases[i].says);
        CHECK(err.code == FAB_EUSAGE);
    }
}

/* The recipe that ships is sound, and every setting in it is read. */
TEST(shipped_recipe)
{
    fab_recipe r;
    fab_err err = FAB_ERR_INIT;
    const fab_train_opts o = { .recipe = "recipes/mini.yaml" };
    if (!fab_exists(o.recipe)) SKIP("not in the source root");
    CHECK_MSG(fab_recipe_read(&r, &o, &err), "%s", err.text);
    CHECK_STR(r.stages[2].name, "vqa");
    CHECK(r.dtype == FAB_F16 && r.model.image_size == 192 &&
          r.stages[2].steps == r.stages[2].schedule.total);
    fab_recipe_clear(&r);
}

TEST_MAIN
