/* closer: a skin lesion looked at alone. A tower sees a dermoscopy at 192 x 192, its lesion often at
 * half of that; cut out of the picture as it came, with a margin, it fills them. The class head is
 * asked of both (docs/training.md, "A closer look").
 */
#include "data/augment.h"
#include "data/case.h"
#include "engine/engine_impl.h"
#include "media/resize.h"

enum { GRID_MOST = 64 }; /* of pictures of 1024 x 1024, the largest that a tower takes */

/* The square about the cells that are rather a skin lesion than not; side 0: there are none. */
static fab_square lesion(const fab_mini_config *cfg, const fab_look *l)
{
    uint8_t hit[GRID_MOST * GRID_MOST];
    int label = fab_label_find("skin_lesion"), n = l->grid * l->grid;
    if (l->grid > GRID_MOST) return (fab_square){ 0 };
    for (int i = 0; i < n; i++) hit[i] = l->dense[i * cfg->labels + label] > 0;
    return fab_square_of(hit, l->grid, FAB_LESION_MARGIN);
}

/* That part of the picture, at the tower's side: [S,S,3]. */
static bool cut_out(const fab_square *s, const uint8_t *rgb, fab_size of, int side, uint8_t *out,
                    fab_err *err)
{
    fab_size part = { (int)(s->side * (float)of.width + 0.5f),
                      (int)(s->side * (float)of.height + 0.5f) };
    if (part.width < 1) part.width = 1;
    if (part.height < 1) part.height = 1;
    uint8_t *px = fab_new_array((size_t)part.width * (size_t)part.height, 3, err);
    if (!px) return false;
    fab_crop_u8(rgb, of, 3, (int)((s->x - s->side / 2) * (float)of.width),
                (int)((s->y - s->side / 2) * (float)of.height), px, part, 0);
    bool ok = fab_engine_pixels(px, part.width, part.height, side, out, err);
    fab_free(px);
    return ok;
}

bool fab_engine_look_closer(fab_engine *e, fab_look *l, const uint8_t *rgb, int width, int height,
                            bool *closer, fab_err *err)
{
    const fab_mini *m = e->file->model;
    float *classes = (float *)(uintptr_t)l->classes; /* ours until it is handed out */
    fab_ctx *c = &e->ctx;
    if (!m->cfg.closer_look || m->cfg.classes != FAB_LABELS ||
        m->cfg.labels != FAB_LABELS_SPATIAL || classes[fab_label_find("dermoscopy")] <= 0)
        return true;
    fab_square s = lesion(&m->cfg, l);
    if (s.side <= 0 || s.side >= 1) return true; /* none, or it is the whole picture */
    fab_ctx_reset(c);
    uint8_t *px = fab_arena_take(c->arena, (size_t)l->side * (size_t)l->side * 3, err);
    if (!px || !cut_out(&s, rgb, (fab_size){ width, height }, l->side, px, err)) return false;
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, l->side, l->side, 3));
    if (x) fab_to_float(px, l->side, fab_f32(x));
    fab_mini_view v = fab_mini_glance(c, m, x, 0);
    fab_tensor *alone = fab_mini_class(c, m, &v);
    if (!fab_engine_settle(e, err)) return false;
    if (!fab_all_finite(alone))
        return fab_fail(err, FAB_EFORMAT, "%s: class_head gives values that are not finite",
                        e->path);
    *closer = true;
    for (int i = 0; i < m->cfg.classes; i++) classes[i] = (classes[i] + fab_f32(alone)[i]) / 2;
    return true;
}
