/* image: a picture from outside, decoded: its facts, its raw samples, and 8-bit RGB to look at.
 *
 *   bytes -> bid (PNG, JPEG, DICOM) -> decode -> modality rescale -> VOI window
 *         -> inversion, palette, YBR -> rgb
 *
 * Decoding runs in a child process with limits (sandbox.h); a codec that crashes gives an error
 * here. EXIF orientation is not applied: no published vision pipeline applies it. Errors name the
 * file, the tag and the numbers, never a patient's values.
 */
#ifndef FAB_MEDIA_IMAGE_H
#define FAB_MEDIA_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "media/patient.h"

enum {
    FAB_IMAGE_MAX_PIXELS = 256 << 20, /* rows * cols * frames; above: FAB_ELIMIT */
    FAB_IMAGE_MAX_WINDOWS = 8,
};

/* One VOI window, in units of the modality (Hounsfield for CT). name: its explanation, "" when the
 * file gives none. */
typedef struct {
    double center, width;
    char name[64];
} fab_window;

typedef struct fab_image {
    /* The display image of one frame: 3 bytes a pixel, R G B, rows top to bottom, no padding. NULL:
     * facts only. */
    uint8_t *rgb;
    int width, height;

    /* The samples as stored: all frames, little-endian, no colour conversion, in units of
     * bits_allocated (16, 32 or 8; 1-bit images stay packed). planar 1: RRR.. GGG.. BBB.. per
     * frame, else RGBRGB. NULL: facts only. */
    uint8_t *raw;
    size_t raw_size;
    int frames, samples, bits_allocated, bits_stored, high_bit, planar;
    bool is_signed, is_float;
    double min, max, mean; /* over all raw samples of all frames, before rescale */
    size_t missing_bytes;  /* a DICOM file ended inside its last row of pixels; these are 0 */
    bool lossy;            /* the pixels went through a lossy codec, as far as the file says */

    /* Facts; "" or 0 when the file does not say. */
    char format[8];           /* "png", "jpeg", "dicom" */
    char transfer_syntax[65]; /* DICOM UID, else the format's name */
    char photometric[17];     /* MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB, YBR_... */
    char sop_class[65];
    char modality[17], body_part[65], laterality[17], view[17], patient_orientation[33];
    char study_description[129], series_description[129];
    /* UTF-8; identifies a person: never into a log, a message or, by default, an output. */
    char patient_name[260];
    fab_patient patient; /* age at the study, sex: into reports of the picture, else as the name */
    double orientation[6]; /* ImageOrientationPatient: row direction, column direction */
    double position[3];    /* ImagePositionPatient, mm */
    bool has_orientation, has_position;
    double spacing_mm[2]; /* between rows, between columns; 0 unknown */
    double thickness_mm;
    double slope, intercept; /* modality value = raw * slope + intercept; 1, 0: not said */
    int n_windows;
    fab_window windows[FAB_IMAGE_MAX_WINDOWS]; /* of the displayed frame */
    fab_window shown; /* what rgb was made with; width 0: none was needed */
} fab_image;

typedef enum {
    FAB_VOI_AUTO,  /* the file's first window, else computed */
    FAB_VOI_NAMED, /* the one whose explanation is opts->window_name, in any case, else an error */
    FAB_VOI_COMPUTED, /* 1st to 99th percentile of the frame, min to max when these coincide */
    FAB_VOI_GIVEN,    /* opts->center, opts->width */
} fab_voi;

typedef struct {
    int frame; /* the frame shown, from 0 */
    fab_voi voi;
    const char *window_name; /* FAB_VOI_NAMED */
    double center, width;    /* FAB_VOI_GIVEN */
    bool facts_only;         /* header only: raw and rgb stay NULL */
    bool no_raw;             /* drop the raw samples: halves the memory */
    bool trusted;            /* our own files (training sets): decode in this process, no child */
} fab_image_opts;
#define FAB_IMAGE_OPTS_DEFAULTS                                                                    \
    {                                                                                              \
        .frame = 0, .voi = FAB_VOI_AUTO                                                            \
    }

/* NULL with err set. opts may be NULL. The caller frees. */
fab_image *fab_image_open(const char *path, const fab_image_opts *opts, fab_err *err);
fab_image *fab_image_parse(const void *bytes, size_t size, const fab_image_opts *opts,
                           fab_err *err);
void fab_image_free(fab_image *im); /* NULL and half-built are fine */

/* Name of the codec that would read these bytes ("png", "jpeg", "dicom"), NULL when none bids. */
const char *fab_image_kind(const void *bytes, size_t size);

/* One raw sample as a number, i in units of samples in stored order. No bounds check. */
double fab_image_raw_at(const fab_image *im, size_t i);

#endif
