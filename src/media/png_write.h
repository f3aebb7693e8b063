/* png_write: pictures out, as PNG: overlays, loss curves, 16-bit maps. */
#ifndef FAB_MEDIA_PNG_WRITE_H
#define FAB_MEDIA_PNG_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Interleaved rows without padding. channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. The file
 * appears when complete. */
bool fab_png_write(const char *path, const uint8_t *pixels, int width, int height, int channels,
                   fab_err *err);
bool fab_png_write_gray16(const char *path, const uint16_t *pixels, int width, int height,
                          fab_err *err);

/* The same in memory, for pictures inside HTML or JSON. *out is freed by fab_free. */
bool fab_png_encode(const uint8_t *pixels, int width, int height, int channels, uint8_t **out,
                    size_t *size, fab_err *err);

#endif
