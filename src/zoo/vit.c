/* vit: see vit.h. */
#include "zoo/vit.h"
#include <math.h>

int64_t fab_vit_count(const fab_vit_config *cfg)
{
    int64_t side = cfg->image_size / cfg->patch;
    return side * side + cfg->class_token;
}

void fab_vit_params(fab_params *p, fab_vit *m, const fab_vit_config *cfg)
{
    const fab_tower_config *t = &cfg->tower;
    *m = (fab_vit){ .cfg = *cfg };
    if (!fab_tower_fits(t) || cfg->patch < 1 || cfg->image_size < cfg->patch) {
        fab_fail(&p->err, FAB_EFORMAT,
                 "no vision transformer has width %lld, %d heads, patches of %d in %d pixels",
                 (long long)t->width, t->heads, cfg->patch, cfg->image_size);
        return;
    }
    fab_init init = FAB_INIT_NORMAL(1.0f / sqrtf((float)t->width));
    if (cfg->class_token)
        fab_param(p, &m->class_embed, "embeddings.class_embedding", FAB_SHAPE(t->width), init);
    fab_conv_params(p, &m->patch, "embeddings.patch_embedding", 3, t->width, cfg->patch,
                    (fab_conv_opts){ cfg->patch, 0, 1 }, cfg->patch_bias);
    fab_param(p, &m->pos, "embeddings.position_embedding.weight",
              FAB_SHAPE(fab_vit_count(cfg), t->width), init);
    if (cfg->pre_norm) fab_norm_params(p, &m->pre, "pre_layrnorm", t->width, t->eps);
    fab_tower_params(p, &m->tower, t);
    if (!cfg->no_post_norm) fab_norm_params(p, &m->post, "post_layernorm", t->width, t->eps);
}

fab_tensor *fab_vit_tokens(fab_ctx *c, const fab_vit *m, fab_tensor *images, int layers)
{
    const fab_vit_config *g = &m->cfg;
    if (layers < 0) layers += g->tower.layers + 1;
    if (!images) return NULL;
    if (images->ndim != 4 || images->shape[1] != g->image_size ||
        images->shape[2] != g->image_size || layers < 0 || layers > g->tower.layers) {
        fab_fail(&c->err, FAB_EINTERNAL, "this tower reads images of %d x %d and has %d layers",
                 g->image_size, g->image_size, g->tower.layers);
        return NULL;
    }
    int64_t B = images->shape[0], W = g->tower.width, side = g->image_size / g->patch;
    fab_tensor *x = fab_conv_layer_forward(c, &m->patch, images);
    x = fab_reshape(c, x, FAB_SHAPE(B, side * side, W));
    if (g->class_token) {
        fab_tensor *zero = fab_tensor_zeros(c, FAB_SHAPE(B, 1, W));
        x = fab_concat(c, fab_add(c, zero, m->class_embed), x, 1);
    }
    x = fab_add(c, x, m->pos);
    if (g->pre_norm) x = fab_norm_forward(c, &m->pre, x);
    return fab_tower_forward(c, &m->tower, x, layers, NULL);
}

fab_tensor *fab_vit_class(fab_ctx *c, const fab_vit *m, fab_tensor *images)
{
    fab_tensor *x = fab_slice(c, fab_vit_tokens(c, m, images, -1), 1, 0, 1);
    if (!x) return NULL;
    return fab_norm_forward(c, &m->post, fab_reshape(c, x, FAB_SHAPE(x->shape[0], x->shape[2])));
}
