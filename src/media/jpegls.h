/* jpegls: one JPEG-LS code stream (ISO 14495-1) through CharLS. */
#ifndef FAB_MEDIA_JPEGLS_H
#define FAB_MEDIA_JPEGLS_H

#include <stdint.h>
#include "base/arena.h"

/* out holds width * height * samples * bytes, little-endian, interleaved; a is for scratch. What
 * the stream says otherwise is an error that names both numbers. */
bool fab_jpegls_decode(const uint8_t *in, size_t size, int width, int height, int samples,
                       int bytes, uint8_t *out, fab_arena *a, fab_err *err);

#endif
