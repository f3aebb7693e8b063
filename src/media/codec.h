/* codec: one image format, one file, one row. Rows are found by bidding on the first bytes, never
 * by a file's name.
 *
 * To add a format: write codec_NAME.c that ends in `const fab_codec fab_codec_NAME`, add X(NAME) to
 * codecs.def. A parse fills facts and raw samples; render.c makes the display image from them for
 * every format alike.
 */
#ifndef FAB_MEDIA_CODEC_H
#define FAB_MEDIA_CODEC_H

#include "media/image.h"
#include "media/render.h"

typedef struct {
    const char *name;
    /* The number of bits that were checked and agree; 0: not mine. */
    int (*bid)(const uint8_t *bytes, size_t size);
    /* Called once in the parent before the first child is made: whatever would otherwise be loaded
     * lazily. May be NULL. */
    void (*load)(void);
    /* Fills im (cleared, slope 1, frames 1) but not rgb, and lut, whose arrays live in a. raw is
     * made by fab_image_alloc unless opts->facts_only. On failure the caller frees im. */
    bool (*parse)(const uint8_t *bytes, size_t size, const fab_image_opts *opts, fab_arena *a,
                  fab_image *im, fab_lut *lut, fab_err *err);
} fab_codec;

#define X(name) extern const fab_codec fab_codec_##name;
#include "media/codecs.def"
#undef X

/* For codecs. Checks width, height, frames and samples against the limits and allocates im->raw for
 * ceil(width * height * frames * samples * bits_allocated / 8) bytes. what: how the format calls
 * its size, in messages. */
bool fab_image_alloc(fab_image *im, const char *what, fab_err *err);

/* The checks of fab_image_alloc alone. */
bool fab_image_check(const fab_image *im, const char *what, fab_err *err);
size_t fab_image_raw_bytes(const fab_image *im);

#endif
