/* input: a picture from a path or stdin ("-"), decoded, with the fingerprint of its bytes: what
 * every verb starts from. */
#ifndef FAB_ENGINE_INPUT_H
#define FAB_ENGINE_INPUT_H

#include "base/file.h"
#include "engine/gate.h"

typedef struct {
    fab_file file;
    fab_image *image;
    char sha256[65];
} fab_input;

/* opts may be NULL. False with err set, naming the path: missing, a directory, unreadable, empty,
 * not an image, broken. */
bool fab_input_open(fab_input *in, const char *path, const fab_image_opts *opts, fab_err *err);

/* A DICOM slice under its own window may look unlike all that the model has seen, which was shown
 * under others: then the computed window and, for CT, soft tissue (40/400), bone (300/1500) and
 * lung (-500/1500) are tried, and the one the gate finds nearest is kept if it passes. opts as at
 * open; a window that the caller chose is left alone. False only on failure. */
bool fab_input_rewindow(fab_input *in, fab_engine *e, const fab_image_opts *opts, fab_err *err);
void fab_input_close(fab_input *in); /* cleared and half-built are fine */

#endif
