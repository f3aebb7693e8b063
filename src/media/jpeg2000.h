/* jpeg2000: one JPEG 2000 code stream (ISO 15444-1, and HTJ2K 15444-15), bare or in a JP2 box,
 * through libopenjp2. */
#ifndef FAB_MEDIA_JPEG2000_H
#define FAB_MEDIA_JPEG2000_H

#include <stdint.h>
#include "base/err.h"

/* What the picture must be; what the stream says otherwise is an error that names both numbers. */
typedef struct {
    int width, height, samples, bytes; /* bytes a sample: 1, 2 or 4, little-endian, interleaved */
} fab_j2k_shape;

/* out holds width * height * samples * bytes. The stream's own colour transform is undone: *was_ybr
 * says that there was one, so out is RGB. */
bool fab_j2k_decode(const uint8_t *bytes, size_t size, fab_j2k_shape shape, uint8_t *out,
                    bool *was_ybr, fab_err *err);

#endif
