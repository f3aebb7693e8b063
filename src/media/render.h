/* render: raw samples of one frame -> 8-bit RGB to look at.
 *
 *   one sample     mask to bits_stored, sign -> modality LUT or slope, intercept
 *                  -> VOI window or LUT -> 0..255 -> inversion
 *   palette        stored value -> palette entry, 16 bits to 8
 *   colour         YBR -> RGB (full range, ITU-R BT.601), more than 8 bits scaled by bits_stored;
 *                  alpha is dropped
 *
 * DICOM PS3.3 C.7.6.3.1.5 (palette), C.11.1 (modality), C.11.2 (VOI: LINEAR, LINEAR_EXACT,
 * SIGMOID), C.8.11.3 (MONOCHROME1).
 */
#ifndef FAB_MEDIA_RENDER_H
#define FAB_MEDIA_RENDER_H

#include "base/arena.h"
#include "media/image.h"

/* A look-up table: output n entries for inputs first, first + 1, ...; inputs outside take the
 * nearest end. n 0: none. */
typedef struct {
    const uint16_t *values;
    int n, first, bits; /* bits: significant bits of an entry */
} fab_table;

typedef enum { FAB_VOI_LINEAR, FAB_VOI_LINEAR_EXACT, FAB_VOI_SIGMOID } fab_voi_function;

/* What one file says about display besides its facts. */
typedef struct {
    fab_table palette[3], modality, voi;
    fab_voi_function function;
    bool inverse;    /* Presentation LUT Shape INVERSE */
    bool ybr;        /* the raw samples are YCbCr */
    bool full_range; /* one sample, not medical: no window, 0..2^bits-1 shown as 0..255 */
} fab_lut;

/* Makes im->rgb, width, height; fills im->shown. Errors: no such frame, no window of that name. */
bool fab_render(fab_image *im, const fab_lut *lut, const fab_image_opts *opts, fab_err *err);

/* Fills im->min, max, mean from im->raw. */
void fab_image_stats(fab_image *im);

#endif
