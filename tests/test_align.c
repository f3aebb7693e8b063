/* Tests of the alignment losses: values and gradients against PyTorch (tools/golden/mgca.py), and
 * what the codes and weights must be whatever goes in. */
#include "test.h"

#include <math.h>

#include "format/weights.h"
#include "train/align.h"

typedef struct {
    fab_weights *file;
    fab_arena *arena;
    fab_ctx c;
} golden;

static void golden_open(golden *g)
{
    fab_err err = FAB_ERR_INIT;
    g->file = fab_weights_open("tests/golden/mgca.safetensors", &err);
    if (!g->file) SKIP("not in the source root");
    g->arena = fab_arena_new(0, &err);
    CHECK_MSG(g->arena, "%s", err.text);
    fab_ctx_init(&g->c, g->arena, NULL);
    g->c.record = true;
}

static void golden_close(golden *g)
{
    fab_arena_free(g->arena);
    fab_weights_close(g->file);
}

static const fab_weight *found(golden *g, const char *name)
{
    fab_err err = FAB_ERR_INIT;
    const fab_weight *w = fab_weights_find(g->file, name, &err);
    CHECK_MSG(w, "%s", err.text);
    return w;
}

static fab_tensor *stored(golden *g, const char *name)
{
    const fab_weight *w = found(g, name);
    int64_t shape[FAB_MAX_DIM + 1] = { 0 };
    for (int i = 0; i < w->ndim; i++) shape[i] = w->shape[i];
    fab_tensor *t = fab_tensor_from(&g->c, w->dtype, shape, w->data);
    CHECK(t);
    if (t->dtype == FAB_F32) fab_want_grad(t);
    return t;
}

static void same(golden *g, const float *got, const char *name)
{
    const fab_weight *w = found(g, name);
    int64_t n = 1;
    for (int i = 0; i < w->ndim; i++) n *= w->shape[i];
    const float *want = w->data;
    for (int64_t i = 0; i < n; i++)
        CHECK_MSG(fabs((double)got[i] - (double)want[i]) <= 2e-5 * (1 + fabs((double)want[i])),
                  "%s[%lld]: %.7g, PyTorch has %.7g", name, (long long)i, (double)got[i],
                  (double)want[i]);
}

TEST(token_region_equals_pytorch)
{
    golden g;
    golden_open(&g);
    fab_tensor *words = stored(&g, "words"), *cells = stored(&g, "cells");
    fab_tensor *y = fab_token_region(&g.c, words, cells, stored(&g, "text"), stored(&g, "image"),
                                     stored(&g, "size"));
    CHECK_MSG(y && fab_backward(&g.c, y, 1), "%s", g.c.err.text);
    same(&g, fab_f32(y), "token_region");
    same(&g, words->grad, "token_region.d_words");
    same(&g, cells->grad, "token_region.d_cells");
    golden_close(&g);
}

TEST(prototypes_equal_pytorch)
{
    golden g;
    golden_open(&g);
    fab_tensor *image = stored(&g, "image"), *text = stored(&g, "text"),
               *prototypes = stored(&g, "prototypes");
    fab_tensor *y = fab_prototype_loss(&g.c, image, text, prototypes);
    CHECK_MSG(y && fab_backward(&g.c, y, 1), "%s", g.c.err.text);
    same(&g, fab_f32(y), "prototype");
    same(&g, image->grad, "prototype.d_image");
    same(&g, text->grad, "prototype.d_text");
    same(&g, prototypes->grad, "prototype.d_prototypes");
    golden_close(&g);
}

TEST(importance_equals_pytorch)
{
    golden g;
    golden_open(&g);
    const float *cells = found(&g, "cells")->data, *image = found(&g, "image")->data;
    float x[9];
    for (int i = 0; i < 9; i++) x[i] = g.c.k->dot(NULL, cells + i * 12, image, 12) / 0.1f;
    CHECK(fab_importance(&g.c, x, 9));
    same(&g, x, "importance");
    float one = -3;
    CHECK(fab_importance(&g.c, &one, 1) && one == 1);
    golden_close(&g);
}

TEST(codes_share_out_the_prototypes)
{
    golden g;
    golden_open(&g);
    float scores[4 * 6], q[8 * 3];
    fab_tensor *image = stored(&g, "image"), *prototypes = stored(&g, "prototypes");
    fab_tensor *s = fab_linear(&g.c, image, prototypes, NULL);
    CHECK(s);
    memcpy(scores, fab_f32(s), sizeof scores);
    float codes[4 * 6];
    CHECK(fab_sinkhorn(&g.c, scores, 4, 6, codes));
    same(&g, codes, "codes");

    /* All pictures prefer prototype 0: each still gives a third to every one. */
    float alike[8 * 3];
    for (int i = 0; i < 8; i++) alike[3 * i] = 0.9f, alike[3 * i + 1] = 0, alike[3 * i + 2] = -1;
    CHECK(fab_sinkhorn(&g.c, alike, 8, 3, q));
    for (int i = 0; i < 24; i++) CHECK_NEAR(q[i], 1.0 / 3, 1e-6);
    golden_close(&g);
}

TEST_MAIN
