/* resize: Pillow's antialiased bicubic and bilinear, bit for bit.
 *
 * Pixels are interleaved, rows top to bottom, no padding. 8-bit images of 1, 3 or 4 channels (each
 * channel alone: Pillow premultiplies alpha of RGBA, we do not) and float images of one to four
 * channels. tests/golden/resize.bin holds Pillow's answers.
 */
#ifndef FAB_MEDIA_RESIZE_H
#define FAB_MEDIA_RESIZE_H

#include <stdint.h>
#include "base/err.h"

typedef enum {
    FAB_FILTER_BILINEAR,
    FAB_FILTER_BICUBIC, /* a = -0.5 */
} fab_filter;

typedef struct {
    int width, height;
} fab_size;

/* dst holds to.width * to.height * channels; must not overlap src. Errors: a side below 1, memory.
 */
bool fab_resize_u8(const uint8_t *src, fab_size from, int channels, uint8_t *dst, fab_size to,
                   fab_filter filter, fab_err *err);
bool fab_resize_f32(const float *src, fab_size from, int channels, float *dst, fab_size to,
                    fab_filter filter, fab_err *err);

/* torchvision Resize(n): the short side becomes n, the long one floor(n * long / short). */
fab_size fab_size_short_side(fab_size from, int n);

/* The largest size of the same proportions inside n x n, sides rounded, at least 1. */
fab_size fab_size_inside(fab_size from, int n);

/* The n x n pixels around the centre: top = round-half-even((H - n) / 2) as torchvision; outside is
 * `fill` (grey). */
void fab_crop_centre_u8(const uint8_t *src, fab_size from, int channels, uint8_t *dst, int n,
                        uint8_t fill);

/* Any rectangle, x and y may be negative or beyond: outside is `fill`. */
void fab_crop_u8(const uint8_t *src, fab_size from, int channels, int x, int y, uint8_t *dst,
                 fab_size to, uint8_t fill);

/* The image centred on a square whose side is the longer one; dst holds side * side * channels. */
void fab_pad_square_u8(const uint8_t *src, fab_size from, int channels, uint8_t *dst, uint8_t fill);

#endif
