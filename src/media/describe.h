/* describe: what an image is, as JSON: for `fabrica inspect` and for reports. */
#ifndef FAB_MEDIA_DESCRIBE_H
#define FAB_MEDIA_DESCRIBE_H

#include <jansson.h>
#include "media/image.h"

/* A new reference: format, rows, cols, frames, samples, transfer_syntax, photometric,
 * bits_allocated, bits_stored, signed, planar, and, when the raw samples are there, min, max, mean
 * (4 decimals) and sha1 of the raw little-endian samples; then the facts that the file gives:
 * modality, body_part, laterality, view, patient_orientation, orientation, position_mm, spacing_mm,
 * thickness_mm, slope, intercept, windows, shown_window, lossy, missing_bytes. identity: also
 * patient_name; else patient_name is true when there is one, withheld. NULL when memory is out. */
json_t *fab_image_describe(const fab_image *im, bool identity, fab_err *err);

#endif
