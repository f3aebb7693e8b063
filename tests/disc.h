/* disc: a folder, an engine over a tiny model and pictures of a disc, for the tests of what stands on a model. */
#ifndef FAB_TESTS_DISC_H
#define FAB_TESTS_DISC_H

#include <unistd.h>

#include "engine/engine.h"
#include "media/png_write.h"
#include "test.h"
#include "tiny.h"

enum { SIDE = 96 };

static char folder[64];
static fab_engine *engine;
static fab_arena *arena;

/* The folder and the engine over a tiny model, made once. */
static inline void setup(void)
{
    if (engine) return;
    fab_err err = FAB_ERR_INIT;
    char path[128];
    strcpy(folder, "/tmp/fab-clinic-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/tiny.gguf", folder);
    CHECK_MSG(tiny_save(path, 7, NULL, &err), "%s", err.text);
    arena = fab_arena_new(0, &err);
    engine = fab_engine_open(path, NULL, &err);
    CHECK_MSG(engine && arena, "%s", err.text);
}

static inline const char *in_folder(const char *name)
{
    static char paths[4][160];
    static int turn;
    char *p = paths[turn++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
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

static inline void clean_up(void)
{
    char command[160];
    fab_engine_close(engine);
    fab_arena_free(arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(*folder == 0 || system(command) == 0);
}

#endif
