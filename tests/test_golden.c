/* test_golden: against PyTorch and Hugging Face transformers
 * (tools/golden/{ops,llama,clip,lite0}.py): outputs and gradients of subtle ops, and whole tiny
 * models loaded from checkpoints under their published names. Run on every instruction set. */
#include <math.h>
#include "test.h"
#include "zoo/clip.h"
#include "zoo/lite0.h"
#include "zoo/llama.h"
#include "zoo/source.h"

/* relative to the largest value compared; both sides are f32 with sums in different orders */
static const double tol_op = 2e-6, tol_model = 2e-5;

typedef struct {
    fab_arena *model, *work;
    fab_weights *file;
    fab_ctx c;
    const char *name;
} golden;

static void golden_open(golden *g, const char *path, const fab_kernels *k)
{
    fab_err err = FAB_ERR_INIT;
    *g = (golden){ .model = fab_arena_new(0, &err),
                   .work = fab_arena_new(0, &err),
                   .file = fab_weights_open(path, &err) };
    CHECK_MSG(g->model && g->work && g->file, "%s", err.text);
    fab_ctx_init(&g->c, g->work, NULL);
    g->c.k = k;
    g->c.check = true;
}

static void golden_close(golden *g)
{
    fab_weights_close(g->file);
    fab_arena_free(g->work);
    fab_arena_free(g->model);
}

static const fab_weight *entry(golden *g, const char *part)
{
    char name[64];
    fab_err err = FAB_ERR_INIT;
    snprintf(name, sizeof name, "%s.%s", g->name, part);
    const fab_weight *e = fab_weights_find(g->file, name, &err);
    CHECK_MSG(e, "%s", err.text);
    return e;
}

static fab_tensor *stored(golden *g, const char *part)
{
    const fab_weight *e = entry(g, part);
    fab_tensor *t = fab_tensor_new(&g->c, e->dtype, e->shape);
    CHECK_MSG(t, "%s", g->c.err.text);
    t->ndim = e->ndim;
    memcpy(t->data, e->data, e->bytes);
    return t;
}

static void same(golden *g, const float *got, const char *part, double tol)
{
    const fab_tensor *want = stored(g, part);
    double top = 0;
    for (int64_t i = 0; i < fab_count(want); i++) top = fmax(top, fabs((double)fab_f32(want)[i]));
    for (int64_t i = 0; i < fab_count(want); i++)
        CHECK_MSG(fabs((double)got[i] - (double)fab_f32(want)[i]) <= tol * top,
                  "%s.%s (%s) at %lld: %.9g, not %.9g", g->name, part, g->c.k->name, (long long)i,
                  (double)got[i], (double)fab_f32(want)[i]);
}

/* ---- ops ------------------------------------------------------------------------------------- */
typedef fab_tensor *(*run_fn)(fab_ctx *c, fab_tensor **in);

static fab_tensor *run_attention(fab_ctx *c, fab_tensor **in)
{
    return fab_attention(c, in[0], in[1], in[2], in[3], in[4],
                         (fab_attention_opts){ 4, 2, true, 0 });
}
static fab_tensor *run_layernorm(fab_ctx *c, fab_tensor **in)
{
    return fab_layernorm(c, in[0], in[1], in[2], 1e-5f);
}
static fab_tensor *run_conv2d(fab_ctx *c, fab_tensor **in)
{
    return fab_conv2d(c, in[0], in[1], in[2], (fab_conv_opts){ 2, 1, 1 });
}
static fab_tensor *run_depthwise(fab_ctx *c, fab_tensor **in)
{
    return fab_conv2d(c, in[0], in[1], in[2], (fab_conv_opts){ 1, 2, 6 });
}
static fab_tensor *run_xent(fab_ctx *c, fab_tensor **in)
{
    return fab_xent(c, in[0], in[1], NULL, (fab_xent_opts){ 0.1f });
}
static fab_tensor *run_infonce(fab_ctx *c, fab_tensor **in)
{
    return fab_infonce(c, in[0], in[1], in[2], NULL);
}
static fab_tensor *run_siglip(fab_ctx *c, fab_tensor **in)
{
    return fab_siglip(c, in[0], in[1], in[2], in[3], NULL);
}
static fab_tensor *run_l2norm(fab_ctx *c, fab_tensor **in) { return fab_l2norm(c, in[0], 1e-12f); }

static const struct {
    const char *name;
    int n;
    run_fn run;
} cases[] = {
    { "attention", 5, run_attention }, { "layernorm", 3, run_layernorm },
    { "conv2d", 3, run_conv2d },       { "depthwise", 3, run_depthwise },
    { "xent", 2, run_xent },           { "infonce", 3, run_infonce },
    { "siglip", 4, run_siglip },       { "l2norm", 1, run_l2norm },
};

static void check_case(golden *g, int n, run_fn run)
{
    static const char *const ins[] = { "in0", "in1", "in2", "in3", "in4" }, *const ds[] = {
        "d0", "d1", "d2", "d3"
    };
    fab_tensor *in[5];
    fab_ctx_reset(&g->c);
    g->c.record = true;
    for (int i = 0; i < n; i++) {
        in[i] = stored(g, ins[i]);
        if (in[i]->dtype == FAB_F32) fab_want_grad(in[i]);
    }
    fab_tensor *y = run(&g->c, in);
    CHECK_MSG(y, "%s", g->c.err.text);
    same(g, fab_f32(y), "y", tol_op);
    y->grad = fab_f32(stored(g, "dy"));
    CHECK_MSG(fab_backward_from(&g->c, y), "%s", g->c.err.text);
    for (int i = 0; i < n; i++)
        if (in[i]->needs_grad) same(g, in[i]->grad, ds[i], tol_op);
}

TEST(ops_equal_pytorch)
{
    for (int k = 0; fab_kernels_all()[k]; k++) {
        golden g;
        golden_open(&g, "tests/golden/ops.safetensors", fab_kernels_all()[k]);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            g.name = cases[i].name;
            check_case(&g, cases[i].n, cases[i].run);
        }
        golden_close(&g);
    }
}

/* ---- models ---------------------------------------------------------------------------------- */
static fab_params loader(golden *g, fab_param_list *list)
{
    fab_param_source source = fab_source_weights(g->file);
    fab_params p = fab_params_load(g->model, list, &source);
    p.k = g->c.k;
    fab_params_ignore(&p, "golden.");
    g->name = "golden";
    return p;
}

static void check_llama(const fab_kernels *k)
{
    golden g;
    fab_llama m;
    fab_param_list list = { 0 };
    fab_err err = FAB_ERR_INIT;
    golden_open(&g, "tests/golden/llama.safetensors", k);
    fab_params p = loader(&g, &list);
    fab_llama_params(&p, &m,
                     &(fab_llama_config){ .dim = 32,
                                          .ffn = 48,
                                          .vocab = 37,
                                          .layers = 2,
                                          .heads = 4,
                                          .kv_heads = 2 });
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    fab_tensor *h = fab_llama_hidden(&g.c, &m, fab_llama_embed(&g.c, &m, stored(&g, "ids")), NULL,
                                     NULL, NULL, 0);
    fab_tensor *z = fab_llama_logits(&g.c, &m, h, NULL);
    CHECK_MSG(z, "%s", g.c.err.text);
    same(&g, fab_f32(h), "hidden", tol_model);
    same(&g, fab_f32(z), "logits", tol_model);
    golden_close(&g);
}

static const fab_clip_config tiny_clip = {
    .vision = { .width = 32, .ffn = 64, .layers = 3, .heads = 4 },
    .text = { .width = 24, .ffn = 40, .layers = 2, .heads = 2 },
    .image_size = 24,
    .patch = 8,
    .context = 10,
    .vocab = 50,
    .embed = 20,
    .eos = -1,
    .gelu = FAB_GELU_QUICK,
    .eps = 1e-5f,
};

static void check_clip(const fab_kernels *k, int32_t eos)
{
    golden g;
    fab_clip m;
    fab_param_list list = { 0 };
    fab_err err = FAB_ERR_INIT;
    fab_clip_config cfg = tiny_clip;
    cfg.eos = eos;
    golden_open(&g, "tests/golden/clip.safetensors", k);
    fab_params p = loader(&g, &list);
    fab_clip_params(&p, &m, &cfg);
    CHECK_MSG(fab_params_end(&p, &err), "%s", err.text);
    fab_tensor *images = stored(&g, "images"), *tokens = fab_clip_tokens(&g.c, &m, images, -2);
    fab_tensor *i = fab_clip_image(&g.c, &m, images),
               *t = fab_clip_text(&g.c, &m, stored(&g, "ids"));
    fab_tensor *scores = fab_clip_scores(&g.c, &m, i, t);
    CHECK_MSG(scores && tokens, "%s", g.c.err.text);
    same(&g, fab_f32(tokens), "tokens", tol_model);
    same(&g, fab_f32(i), "image", tol_model);
    same(&g, fab_f32(t), "text", tol_model);
    same(&g, fab_f32(scores), "scores", tol_model);
    golden_close(&g);
}

/* ---- a trunk: maps, and gradients back to the image ------------------------------------------ */

/* A trunk of the golden file's sizes, batch norms folded in. */
static fab_param_list small_lite0(golden *g, fab_lite0 *t, fab_err *err)
{
    const fab_lite0_config cfg = { { 4, 4, 4, 8, 8, 8, 8, 12 }, { 1, 2, 1, 1, 1, 1, 1 } };
    fab_param_list list = { 0 };
    CHECK(fab_lite0_init(t, g->model, &cfg, err));
    fab_params p = fab_params_init(g->model, &list, 1);
    p.train = true;
    fab_lite0_params(&p, t);
    CHECK_MSG(fab_params_end(&p, err), "%s", err->text);
    return list;
}

static void check_lite0(const fab_kernels *k)
{
    static const char *const grads[][2] = { { "stem.weight", "d_stem" },
                                            { "blocks.1.expand.weight", "d_expand" },
                                            { "blocks.3.depthwise.weight", "d_depthwise" },
                                            { "blocks.6.project.weight", "d_project" } };
    golden g;
    fab_lite0 t;
    fab_err err = FAB_ERR_INIT;
    golden_open(&g, "tests/golden/lite0.safetensors", k);
    g.name = "golden";
    fab_param_list list = small_lite0(&g, &t, &err);
    CHECK_MSG(fab_lite0_fill(&t, g.file, &err), "%s", err.text);
    fab_tensor *images = stored(&g, "images");
    g.c.record = true;
    fab_want_grad(images);
    fab_lite0_maps m = fab_lite0_forward(&g.c, &t, images, 0);
    CHECK_MSG(m.coarse, "%s", g.c.err.text);
    same(&g, fab_f32(m.fine), "fine", tol_model);
    same(&g, fab_f32(m.coarse), "coarse", tol_model);
    m.fine->grad = fab_f32(stored(&g, "weight_fine"));
    m.coarse->grad = fab_f32(stored(&g, "weight_coarse"));
    CHECK_MSG(fab_backward_from(&g.c, m.coarse), "%s", g.c.err.text);
    same(&g, images->grad, "d_images", tol_model);
    for (size_t i = 0; i < sizeof grads / sizeof *grads; i++)
        same(&g, fab_param_named(&list, grads[i][0])->grad, grads[i][1], tol_model);
    golden_close(&g);
}

TEST(lite0_equals_pytorch)
{
    for (int k = 0; fab_kernels_all()[k]; k++) check_lite0(fab_kernels_all()[k]);
}

TEST(lite0_has_the_published_size)
{
    const fab_lite0_config cfg = FAB_LITE0_DEFAULTS;
    fab_lite0 t;
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    CHECK(fab_lite0_init(&t, a, &cfg, &err));
    fab_params p = fab_params_count();
    fab_lite0_params(&p, &t);
    /* 4,652,008 with the head and two values of each norm (timm's efficientnet_lite0); folded, a
     * norm is one bias: less 1280 * (320 + 2) of the last product, 1,281,000 of the classifier and
     * one value of 19,728 channels */
    CHECK(fab_params_end(&p, &err) && p.n_values == 2939120);
    fab_arena_free(a);
}

/* Folding refuses, naming the tensor, what does not belong to the trunk's sizes. */
TEST(lite0_of_other_sizes)
{
    golden g;
    fab_lite0 t;
    fab_err err = FAB_ERR_INIT;
    golden_open(&g, "tests/golden/lite0.safetensors", fab_kernels_best());
    small_lite0(&g, &t, &err);
    fab_param_list list = { 0 };
    const fab_lite0_config wide = { { 4, 4, 4, 8, 9, 8, 8, 12 }, { 1, 2, 1, 1, 1, 1, 1 } },
                           deep = { { 4, 4, 4, 8, 8, 8, 8, 12 }, { 1, 2, 1, 1, 1, 1, 2 } },
                           *sizes[] = { &wide, &deep };
    static const char *const says[] = {
        "_blocks.4._project_conv.weight: not of the shape of blocks.4.project.weight, 432 values",
        "_blocks.8._expand_conv.weight",
    };
    for (int i = 0; i < 2; i++) {
        err = (fab_err)FAB_ERR_INIT;
        CHECK(fab_lite0_init(&t, g.model, sizes[i], &err));
        fab_params p = fab_params_init(g.model, &list, 1);
        fab_lite0_params(&p, &t);
        CHECK(fab_params_end(&p, &err));
        CHECK(!fab_lite0_fill(&t, g.file, &err));
        CHECK_SAYS(err.text, says[i]);
    }
    golden_close(&g);
}

TEST(llama_equals_transformers)
{
    for (int k = 0; fab_kernels_all()[k]; k++) check_llama(fab_kernels_all()[k]);
}

TEST(clip_equals_transformers)
{
    for (int k = 0; fab_kernels_all()[k]; k++) {
        check_clip(fab_kernels_all()[k], -1);
        check_clip(fab_kernels_all()[k], 49);
    }
}

TEST(clip_b32_has_the_published_size)
{
    fab_clip m;
    fab_err err = FAB_ERR_INIT;
    fab_params p = fab_params_count();
    fab_clip_params(&p, &m, &fab_clip_vit_b_32);
    CHECK(fab_params_end(&p, &err) && p.n_values == 151277313); /* SYSTEMS.md 2.2 */
}

TEST(llama_7b_has_the_published_size)
{
    fab_llama m;
    fab_err err = FAB_ERR_INIT;
    fab_params p = fab_params_count();
    fab_llama_params(&p, &m,
                     &(fab_llama_config){
                         .dim = 4096, .ffn = 11008, .vocab = 32000, .layers = 32, .heads = 32 });
    CHECK(fab_params_end(&p, &err) && p.n_values == 6738415616);
}

TEST_MAIN
