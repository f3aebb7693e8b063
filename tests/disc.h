/* disc: an engine over a tiny model and pictures of a disc, for the tests of what stands on a
 * model. */
#ifndef FAB_TESTS_DISC_H
#define FAB_TESTS_DISC_H

#include "engine/engine.h"
#include "media/png_write.h"
#include "place.h"
#include "tiny.h"

enum { SIDE = 96 };

static fab_engine *engine;

/* The engine over a tiny model, made once. */
static inline void setup(void)
{
    if (engine) return;
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(tiny_save(in_folder("tiny.gguf"), 7, NULL, &err), "%s", err.text);
    engine = fab_engine_open(in_folder("tiny.gguf"), NULL, &err);
    CHECK_MSG(engine, "%s", err.text);
}

/* A bright disc on black: smooth, lit, neither blank nor noise. */
static inline void disc(uint8_t *rgb, int side, int cx, int cy)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int d = (x - cx) * (x - cx) + (y - cy) * (y - cy), r = side * side / 9;
            uint8_t v = d < r ? (uint8_t)(250 - 180 * d / r) : (uint8_t)(10 + x / 8);
            memset(rgb + 3 * (y * side + x), v, 3);
        }
}

static inline const fab_look *disc_look(int cx, int cy)
{
    static uint8_t rgb[3 * SIDE * SIDE];
    fab_err err = FAB_ERR_INIT;
    disc(rgb, SIDE, cx, cy);
    const fab_look *l = fab_engine_look_rgb(engine, rgb, SIDE, SIDE, &err);
    CHECK_MSG(l, "%s", err.text);
    return l;
}

static inline fab_image *disc_image(void)
{
    static uint8_t rgb[3 * SIDE * SIDE];
    fab_err err = FAB_ERR_INIT;
    disc(rgb, SIDE, 40, 50);
    CHECK(fab_png_write(in_folder("disc.png"), rgb, SIDE, SIDE, 3, &err));
    fab_image *im = fab_image_open(in_folder("disc.png"), NULL, &err);
    CHECK_MSG(im, "%s", err.text);
    return im;
}

__attribute__((destructor)) static void disc_close(void) { fab_engine_close(engine); }

#endif
